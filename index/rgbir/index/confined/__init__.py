"""Files of others that a library in C or C++ reads: each in a process of its own, with limits."""
