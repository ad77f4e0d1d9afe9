"""An epoch that is a pass over the images, as many of each modality (beyond.md 1.3, 9.2)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rgbir.training.data.samplers.epochs import Epochs
from rgbir.training.data.samplers.pairs import Pairs

Numbers = NDArray[np.int64]


class PassSampler(Epochs):
    """Cuts each identity's images into groups of K RGB and K IR images, and makes batches of a group of P identities each.

    At the start of an epoch each person gets as many images of one modality as of the other: `drop` leaves some of the
    richer one out at random, `repeat` shows those of the poorer one again, in whole copies and then a random rest. Both
    are shuffled and cut into groups; what remains is dropped. While P identities or more have groups, P of them are
    chosen at random, and one group of each makes a batch. Fewer than P end the epoch: how long it is depends on who was
    chosen, so epochs differ, and a training is as long as all of them.

    What an update draws depends on the seed and the update's number alone.

    Corner cases: with `drop`, a person with fewer than K images in both modalities gives one group, drawn with
    replacement; with fewer in one of them alone, none. With `repeat`, fewer than K in both give none.

    Args:
        rgb, ir: images of each identity, by identity; the same identities.
        people: P.
        images: K, of each modality.
        seed: of the run.
        balance: see above.

    Raises:
        ValueError: other identities in the modalities, or fewer than P that have a group.
    """

    def __init__(
        self,
        rgb: Mapping[int, Sequence[int]],
        ir: Mapping[int, Sequence[int]],
        people: int,
        images: int,
        seed: int,
        balance: Literal["drop", "repeat"] = "drop",
    ) -> None:
        if odd := sorted(rgb.keys() ^ ir.keys())[:5]:
            raise ValueError(f"a pass needs RGB and IR images of everyone; without both: {odd}")
        self.rgb, self.ir, self.people, self.images, self.seed, self.balance = rgb, ir, people, images, seed, balance
        self.identities = np.array(sorted(rgb), np.int64)
        self.groups = np.array([self._count(int(identity)) // images for identity in self.identities], np.int64)
        if (full := int((self.groups > 0).sum())) < max(people, 2):
            raise ValueError(f"a batch needs {people} identities with {images} images in each modality; {full} came")
        self._before = [0]
        self._order = lru_cache(maxsize=2)(self._ordered)
        self._images = lru_cache(maxsize=2)(self._cut)

    @property
    def updates_per_epoch(self) -> int:
        return self.before(1)

    def before(self, epoch: int) -> int:
        while len(self._before) <= epoch:
            self._before.append(self._before[-1] + len(self._order(len(self._before) - 1)))
        return self._before[epoch]

    def epoch_of(self, update: int) -> int:
        while self._before[-1] <= update:
            self.before(len(self._before))
        return bisect_right(self._before, update) - 1

    def draw(self, update: int) -> Pairs:
        """The rows of that update, counted from 0; K after each other belong to one identity."""
        epoch = self.epoch_of(update)
        chosen = self._order(epoch)[update - self._before[epoch]]
        cut = self._images(epoch)
        rgb, ir = (np.concatenate([cut[person][side][group] for person, group in chosen]) for side in range(2))
        return Pairs(rgb, ir, np.repeat(self.identities[chosen[:, 0]], self.images))

    def _count(self, identity: int) -> int:
        """Images of a person in each modality that an epoch cuts."""
        fewer, more = sorted((len(self.rgb[identity]), len(self.ir[identity])))
        if self.balance == "repeat":
            return more
        return self.images if more < self.images else fewer

    def _ordered(self, epoch: int) -> list[Numbers]:
        """Of each batch of an epoch: (P, 2) of the person's place in `identities` and which of their groups."""
        rng = np.random.default_rng([self.seed, 8, epoch])
        left, batches = self.groups.copy(), []
        while len(having := np.flatnonzero(left)) >= self.people:
            chosen = rng.choice(having, self.people, replace=False)
            batches.append(np.stack([chosen, (self.groups - left)[chosen]], axis=1))
            left[chosen] -= 1
        return batches

    def _cut(self, epoch: int) -> list[tuple[Numbers, Numbers]]:
        """Of each person in an epoch: (groups, K) of RGB and of IR images."""
        rng = np.random.default_rng([self.seed, 9, epoch])
        people = []
        for identity, groups in zip(self.identities.tolist(), self.groups, strict=True):
            count = self._count(identity)
            rgb, ir = (self._balanced(np.asarray(of[identity], np.int64), count, rng) for of in (self.rgb, self.ir))
            shape = (int(groups), self.images)
            people.append((rgb[: groups * self.images].reshape(shape), ir[: groups * self.images].reshape(shape)))
        return people

    def _balanced(self, images: Numbers, count: int, rng: np.random.Generator) -> Numbers:
        """So many of a person's images in one modality, shuffled."""
        if self.balance == "drop" and len(images) < count:  # as in the other modality
            return np.asarray(rng.choice(images, count), np.int64)
        copies, rest = divmod(count, len(images))
        return np.asarray(
            rng.permutation(np.concatenate([*[images] * copies, rng.permutation(images)[:rest]])), np.int64
        )
