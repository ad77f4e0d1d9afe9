"""How often a model errs, and on what: `rgbir evaluate --report robustness`."""
