"""Hand-made descriptors with metrics that are fitted in closed form: nothing is trained by gradients."""
