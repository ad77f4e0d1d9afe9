"""Checkpoints that methods' authors published, as runs of ours."""
