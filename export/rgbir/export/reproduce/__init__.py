"""A published table again: every row trained, exported and measured, and ours beside the printed numbers."""
