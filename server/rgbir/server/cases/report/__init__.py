"""A case's report: one page of HTML that prints, in three languages, with its pictures in it and no script."""
