"""Hand-made systems as bundles, or measured without one."""
