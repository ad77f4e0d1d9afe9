"""The proof that no other row is nearer: candidates with bounds of their keys, and the keys that were computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rgbir.index.nearest.codes import Candidates
from rgbir.index.nearest.rows import Nearest
from rgbir.index.nearest.scans import SlabScan
from rgbir.index.nearest.sketches import Sketch
from rgbir.index.nearest.slabs import Slab, threads

WORTH_A_THREAD = 8_192
"""Rows below which handing scans to threads costs more than it saves."""
_NOTHING = Candidates(np.empty(0, np.int64), np.empty(0), -np.inf)


class Proof:
    """What is known of the rows that a slab's scan or a sketch proposes, for one query.

    Args:
        slabs: where these rows are, in enrolment order.
        least: candidates that are asked for at least.

    Attributes:
        candidates: what was proposed last, by row number.
        known: the keys that were computed, by row number.
    """

    def __init__(
        self, query: NDArray[np.float32], proposer: SlabScan | Sketch, slabs: Sequence[Slab], least: int = 0
    ) -> None:
        self.query, self.proposer, self.slabs, self.least = query, proposer, slabs, least
        self.candidates = _NOTHING
        self.known: dict[int, float] = {}

    def widen(self, width: int) -> None:
        """Asks for so many candidates."""
        self.candidates = self.proposer.scan(self.query, max(width, self.least))

    def settle(self, most: float) -> None:
        """Computes the keys of all candidates whose bound is not above `most`."""
        wanted = self.candidates.places[~(self.candidates.lower > most)].tolist()
        if not (missing := sorted(row for row in wanted if row not in self.known)):
            return
        parts = [np.array(missing, np.int64)]
        if len(self.slabs) > 1:
            parts = np.split(parts[0], parts[0].searchsorted([slab.rows[0] for slab in self.slabs[1:]]))
        for slab, rows in zip(self.slabs, parts, strict=True):
            if len(rows):
                keys = slab.keys(self.query, slab.rows.searchsorted(rows))
                self.known.update(zip(rows.tolist(), keys.tolist(), strict=True))


def widen(proofs: Sequence[Proof], width: int) -> None:
    """Slabs beside each other, a thread a core: for one query FAISS itself uses one thread, which a memory bus outruns."""
    many = len(proofs) > 1 and sum(len(proof.proposer) for proof in proofs) >= WORTH_A_THREAD
    list((threads().map if many else map)(lambda proof: proof.widen(width), proofs))


def cut(proofs: Sequence[Proof], width: int) -> None:
    """Leaves those that may miss the `width` candidates that they find the nearest, all cameras together, to be ranked."""
    most = _bound(proofs, width)
    for proof in proofs:
        places, lower, rest = proof.candidates
        near = lower <= most
        proof.candidates = Candidates(places[near], np.full(int(near.sum()), -np.inf), rest)


def settled(proofs: Sequence[Proof], top_k: int) -> tuple[Nearest, float]:
    """The `top_k` nearest candidates, and the last one's key, infinite if there are fewer.

    Keys are computed of those with the lowest bounds, then of all that may be nearer.
    """
    most = _bound(proofs, top_k)
    while True:
        for proof in proofs:
            proof.settle(most)
        best = sorted((key, row) for proof in proofs for row, key in proof.known.items())[:top_k]
        worst = best[-1][0] if len(best) == top_k else np.inf
        if worst <= most:
            return best, worst
        most = worst


def _bound(proofs: Sequence[Proof], count: int) -> float:
    """Of so many candidates, which have the lowest bounds, the highest one; infinite if there are no others."""
    bounds = np.concatenate([proof.candidates.lower for proof in proofs] or [np.empty(0)])
    return np.inf if len(bounds) <= count else float(np.partition(bounds, count - 1)[count - 1])
