"""Training's commands. What needs torch is imported by the command that needs it: help needs none."""
