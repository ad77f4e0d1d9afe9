"""What a server of its own process answers, beside the same work without one."""
