"""Drawing 1: the people of the demonstration and of synthetic footage, as they have been drawn from the beginning."""
