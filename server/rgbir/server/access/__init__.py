"""Who may, and who did; no HTTP."""
