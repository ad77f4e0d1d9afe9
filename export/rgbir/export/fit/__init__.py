"""A bundle fitted to a site: from labelled sightings, in closed form, without a GPU and without torch."""
