"""What every probe contributed in every trial, with whom it was after and which rows it could have found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork
from rgbir.index.datasets.protocol import Hiding
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.evaluation.features import numbers_of
from rgbir.index.evaluation.ranking import Outcomes
from rgbir.index.evaluation.robustness.intervals import estimate, too_few
from rgbir.index.evaluation.robustness.part import distinct
from rgbir.index.robustness import Slice


class Units(NamedTuple):
    """One row for every probe that had somebody to find, and every trial in which it had.

    Attributes:
        probe: int64 (n,), its row of the task's queries.
        trial: int64 (n,).
        identity: int64 (n,).
        rank_1: float64 (n,), 1 where the first answer was right, else 0.
        ap, inp: float64 (n,), average precision and inverse penalty.
    """

    probe: NDArray[np.int64]
    trial: NDArray[np.int64]
    identity: NDArray[np.int64]
    rank_1: NDArray[np.float64]
    ap: NDArray[np.float64]
    inp: NDArray[np.float64]

    @classmethod
    def of(cls, task: Task, draws: Sequence[Draw], outcomes: Sequence[Outcomes]) -> Units:
        """From what each draw gave its queries, in their order."""
        identities = numbers_of(record.identity for record in task.queries)
        valid = [np.flatnonzero(given.rank >= 0) for given in outcomes]
        parts = [given.some(rows) for given, rows in zip(outcomes, valid, strict=True)]
        probe = np.concatenate([draw.queries[rows] for draw, rows in zip(draws, valid, strict=True)])
        trial = np.repeat(np.arange(len(valid)), [len(rows) for rows in valid])
        first = np.concatenate([part.rank == 0 for part in parts]).astype(np.float64)
        ap, inp = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ap", "inp"))
        return cls(probe, trial, identities[probe], first, ap, inp)

    @classmethod
    def joined(cls, parts: Sequence[Units]) -> Units:
        """Of several data sets: nobody of one is anybody of another."""
        columns = [[getattr(part, name) for part in parts] for name in cls._fields]
        probe, trial, identity, *scores = columns
        return cls(distinct(probe), np.concatenate(trial), distinct(identity), *map(np.concatenate, scores))

    def some(self, mask: NDArray[np.bool_]) -> Units:
        """Those rows, bool (n,)."""
        return Units(
            self.probe[mask], self.trial[mask], self.identity[mask], self.rank_1[mask], self.ap[mask], self.inp[mask]
        )

    def slice(self, name: str) -> Slice:
        """Their means with intervals; without, of too few people."""
        probes, identities = len(np.unique(self.probe)), len(np.unique(self.identity))
        if reason := too_few(identities):
            return Slice(name=name, probes=probes, identities=identities, why=reason)
        rank_1, mean_ap, mean_inp = (estimate(values, self.identity) for values in (self.rank_1, self.ap, self.inp))
        return Slice(name=name, probes=probes, identities=identities, rank_1=rank_1, mean_ap=mean_ap, mean_inp=mean_inp)


def sought(task: Task, hiding: Hiding, units: Units) -> list[list[int]]:
    """The rows of the gallery that show each unit's person and that it could see, in the task's numbers."""
    rows_of = []
    for draw in task.draws:
        by_identity: dict[int, list[int]] = defaultdict(list)
        for row in draw.gallery:
            if (identity := task.gallery[row].identity) is not None:
                by_identity[identity].append(int(row))
        rows_of.append(by_identity)
    return [
        [row for row in rows_of[trial][identity] if sees(task.network, hiding, task.queries[probe], task.gallery[row])]
        for probe, trial, identity in zip(
            units.probe.tolist(), units.trial.tolist(), units.identity.tolist(), strict=True
        )
    ]


def sees(network: CameraNetwork, hiding: Hiding, query: ImageRecord, row: ImageRecord) -> bool:
    """Whether the protocol shows a query a row of its own person."""
    if hiding == "nothing":
        return True
    if hiding == "identity and camera":
        return network[query.camera].id != network[row.camera].id
    apart = network[query.camera].place != network[row.camera].place
    return apart and (hiding == "place" or query.modality is not row.modality)
