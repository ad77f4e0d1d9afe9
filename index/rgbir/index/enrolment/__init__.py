"""Many images, or whole galleries, into a gallery."""
