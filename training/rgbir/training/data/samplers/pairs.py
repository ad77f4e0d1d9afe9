"""Pairs of an RGB and an IR image of one person (methods.md 4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.training.data.samplers.epochs import Epochs


class Pairs(NamedTuple):
    """Which images make a batch; row i of each field belongs together.

    Attributes:
        rgb, ir: int64 (N,), image numbers.
        identities: int64 (N,), who both images show.
    """

    rgb: NDArray[np.int64]
    ir: NDArray[np.int64]
    identities: NDArray[np.int64]


class PairSampler(Epochs):
    """Draws N pairs for each update.

    An epoch shows every RGB image once. Its partner comes from the identity's IR images, which are gone through in a
    shuffled order and shuffled anew when they are used up; where a person has as many of one as of the other, that is a
    one-to-one matching. The pairs are shuffled and cut into groups of N; an incomplete last group is dropped.

    What an update draws depends on the seed and the update's number alone.

    Corner cases: a person may be in a batch twice. Identities without both modalities are refused.

    Args:
        rgb, ir: images of each identity, by identity; the same identities, at least two.
        pairs: N.
        seed: of the run.

    Raises:
        ValueError: fewer than two identities, other identities in the modalities, fewer RGB images than N.
    """

    def __init__(
        self, rgb: Mapping[int, Sequence[int]], ir: Mapping[int, Sequence[int]], pairs: int, seed: int
    ) -> None:
        if rgb.keys() != ir.keys() or len(rgb) < 2 or not all(rgb.values()) or not all(ir.values()):
            odd = sorted(rgb.keys() ^ ir.keys())[:5]
            raise ValueError(
                f"pairs need two or more identities, each with RGB and IR images; {len(rgb)} came, without both: {odd}"
            )
        self.rgb, self.ir, self.pairs, self.seed = rgb, ir, pairs, seed
        self.images = sum(map(len, rgb.values()))
        if self.images < pairs:
            raise ValueError(f"a batch of {pairs} pairs needs as many RGB images; there are {self.images}")
        self._epoch = lru_cache(maxsize=2)(self._drawn)

    @property
    def updates_per_epoch(self) -> int:
        return self.images // self.pairs

    def draw(self, update: int) -> Pairs:
        """The pairs of that update, counted from 0."""
        epoch, group = divmod(update, self.updates_per_epoch)
        chosen = self._epoch(epoch)[group * self.pairs : (group + 1) * self.pairs]
        return Pairs(chosen[:, 0], chosen[:, 1], chosen[:, 2])

    def _drawn(self, epoch: int) -> NDArray[np.int64]:
        """All pairs of an epoch: (images, 3) of RGB number, IR number, identity."""
        rng = np.random.default_rng([self.seed, 4, epoch])
        rows = []
        for identity in sorted(self.rgb):
            images, partners = np.asarray(self.rgb[identity]), np.asarray(self.ir[identity])
            rounds = -(-len(images) // len(partners))
            order = np.concatenate([rng.permutation(partners) for _ in range(rounds)])[: len(images)]
            rows.append(np.stack([images, order, np.full(len(images), identity)], axis=1))
        return np.asarray(rng.permutation(np.concatenate(rows)), np.int64)
