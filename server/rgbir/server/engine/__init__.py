"""What answers; no HTTP."""
