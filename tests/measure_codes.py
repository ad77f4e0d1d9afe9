"""How many rows a certificate must look at again, by the bits of a code: `python -m tests.measure_codes`.

A row's code is a multiple of small whole numbers, with the factor that fits best. For a query of length 1 the code's inner product
is off by at most the length of what the code leaves out. So every row counts whose product and that length together reach the
product of the tenth best row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
BITS, TOP_K, QUERIES, ROWS, DIMENSION = (8, 6, 5, 4), 10, 30, 20_000, 2048


def unit(rows: NDArray[np.float32]) -> Rows:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def people(spread: float, seed: int = 0) -> tuple[Rows, Rows]:
    """Twenty rows of each person, around a centre, and queries of people who are there; without a centre if `spread` is infinite."""
    rng = np.random.default_rng(seed)
    centre = 0 if np.isinf(spread) else 1 / spread
    centres = centre * rng.standard_normal((ROWS // 20, DIMENSION), np.float32)
    rows = np.repeat(centres, 20, axis=0) + rng.standard_normal((ROWS, DIMENSION), np.float32)
    return unit(rows), unit(centres[:QUERIES] + rng.standard_normal((QUERIES, DIMENSION), np.float32))


def coded(rows: Rows, bits: int) -> tuple[Rows, NDArray[np.float32]]:
    """The codes as rows, and what each leaves out; of several steps the one that leaves out least."""
    most = 2 ** (bits - 1) - 1
    largest = np.abs(rows).max(axis=1, keepdims=True)
    codes, left = np.zeros_like(rows), np.full(len(rows), np.inf, np.float32)
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        whole = np.clip(np.round(rows * (most / (share * largest))), -most, most)
        factor = (whole * rows).sum(axis=1, keepdims=True) / np.maximum((whole * whole).sum(axis=1, keepdims=True), 1)
        error = np.linalg.norm(rows - factor * whole, axis=1)
        better = error < left
        codes[better], left[better] = (factor * whole)[better], error[better]
    return codes, left


def reached(rows: Rows, queries: Rows, bits: int) -> int:
    """The median of the rows that must be looked at."""
    bar = np.sort(queries @ rows.T, axis=1)[:, -TOP_K, None]
    codes, left = coded(rows, bits)
    return int(np.median((queries @ codes.T + left >= bar).sum(axis=1)))


def main() -> None:
    drawn = {"people, spread 0.6": people(0.6), "people, spread 3": people(3.0), "noise": people(np.inf)}
    print(f"rows of {ROWS:,} x {DIMENSION:,} that the {TOP_K} nearest need, by the bits of a code")
    for name, (rows, queries) in drawn.items():
        print(f"{name:20}", *(f"{bits} bits: {reached(rows, queries, bits):,}" for bits in BITS), sep="  ")


if __name__ == "__main__":
    main()
