"""The commands of footage."""
