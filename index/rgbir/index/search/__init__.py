"""From images to an answer."""
