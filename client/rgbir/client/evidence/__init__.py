"""A case as a ZIP that proves itself: what is in it, and whether it still is what was written. It needs no server."""
