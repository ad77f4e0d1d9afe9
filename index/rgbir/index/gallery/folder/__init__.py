"""A gallery in a folder, where SQLite is the truth."""
