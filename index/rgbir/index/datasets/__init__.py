"""Data sets: a folder in, records and tasks out."""
