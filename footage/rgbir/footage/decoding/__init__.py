"""Files and streams of others, decoded in a process of its own: no network for a file, and limits on what it may take."""
