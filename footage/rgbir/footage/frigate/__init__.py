"""From Frigate, which detects and tracks, to the gallery: who passed, once a track has ended."""
