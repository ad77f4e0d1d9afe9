"""Files of weights: read without running what is in them, taken out of their containers, and compared with a network's names."""
