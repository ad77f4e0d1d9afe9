"""People in pictures: what a detector finds, detector bundles, and the heads of the known families."""
