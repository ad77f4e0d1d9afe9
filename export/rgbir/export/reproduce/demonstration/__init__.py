"""The demonstration's bundle: drawn, trained, exported and measured again, from nothing."""
