"""The families of detectors that can be adopted: what each takes, what each gives, and how that becomes boxes."""
