"""How many shots of a track are worth keeping and fusing: by who is found again across cameras."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.footage.measuring import Measured
from rgbir.index import Encoder, Metric, fuse

NUMBERS = (1, 3, 5)
"""How many shots are tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A track whose person is known.

    Attributes:
        camera, identity: whose it is.
        shots: float32 (n, d), embeddings of its shots, the best shot first.
    """

    camera: str
    identity: int
    shots: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FusedRank:
    """How often the nearest track of other cameras is the same person.

    Attributes:
        shots: how many of each track were fused at most.
        queries: tracks whose person another camera has, too.
        right: those of them whose nearest track is their person's.
    """

    shots: int
    queries: int
    right: int

    @property
    def rank_1(self) -> float | None:
        """0..1; None without a query."""
        return self.right / self.queries if self.queries else None


def embedded(measured: Iterable[Measured], encoder: Encoder) -> list[Embedded]:
    """The tracks that show somebody of the truth, with their shots' embeddings."""
    tracks = []
    for recording in measured:
        for passing, identity in recording.people:
            if identity is not None:
                best_first = sorted(passing.shots, key=lambda shot: shot.worth, reverse=True)
                pictures = [Image.fromarray(shot.pixels) for shot in best_first]
                tracks.append(Embedded(recording.camera, identity, encoder.embed(pictures, passing.modality)))
    return tracks


def fused_ranks(tracks: Sequence[Embedded], metric: Metric, numbers: Sequence[int] = NUMBERS) -> list[FusedRank]:
    """Rank 1 by number of fused shots: every track asks for its person among the tracks of all other cameras.

    Query and gallery are fused alike, as a search with `fuse=mean` does it: the mean of the prepared embeddings of the best
    shots. Of tracks equally near the first counts.
    """
    return [_rank(tracks, metric, shots) for shots in numbers]


def _rank(tracks: Sequence[Embedded], metric: Metric, shots: int) -> FusedRank:
    vectors = metric.prepare(np.stack([fuse(metric, track.shots[:shots]) for track in tracks])) if tracks else None
    queries = right = 0
    for place, track in enumerate(tracks):
        others = [other for other, each in enumerate(tracks) if each.camera != track.camera]
        if vectors is None or all(tracks[other].identity != track.identity for other in others):
            continue
        queries += 1
        nearest = int(np.argmin(metric.keys(vectors[place], vectors[others])))
        right += tracks[others[nearest]].identity == track.identity
    return FusedRank(shots, queries, right)
