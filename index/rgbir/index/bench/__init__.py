"""What this machine does, against the bare libraries or a plain loop in the same run."""
