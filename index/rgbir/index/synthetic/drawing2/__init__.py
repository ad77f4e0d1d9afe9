"""Drawing 2: synthetic people who are hard to find where life is hard, and whose pixels are the same on every machine.

Which bits come out is a promise, so this package counts only in ways that round alike everywhere: random bits by `streams`,
functions by `tables`, sums by `pixels`. `tests/index/test_drawing2_lint.py` holds the rest of it to that.
"""
