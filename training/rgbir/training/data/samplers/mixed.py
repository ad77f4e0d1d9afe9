"""P identities, K images of each, both modalities in one row (methods.md 5.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.training.data.samplers.epochs import Epochs


class Mixed(NamedTuple):
    """Which images make a batch.

    Attributes:
        images: int64 (n,), image numbers.
        identities: int64 (n,), who each image shows.
    """

    images: NDArray[np.int64]
    identities: NDArray[np.int64]


class MixedSampler(Epochs):
    """Draws P identities for each update, and K images of each.

    Identities don't repeat within a batch. `balanced` draws half of a person's images from each modality, RGB first;
    `blind` draws from all of them, whatever their modality, and works with a single modality too. Images repeat only
    where a person has too few. An epoch has as many updates as the images fill batches, at least one.

    What an update draws depends on the seed and the update's number alone.

    Corner cases: `balanced` refuses identities that lack a modality.

    Args:
        rgb, ir: images of each identity, by identity.
        people: P.
        images: K; even if balanced.
        seed: of the run.
        balanced: see above.

    Raises:
        ValueError: fewer than P identities, an odd K or a missing modality if balanced.
    """

    def __init__(
        self,
        rgb: Mapping[int, Sequence[int]],
        ir: Mapping[int, Sequence[int]],
        people: int,
        images: int,
        seed: int,
        balanced: bool = True,
    ) -> None:
        if balanced:
            if images % 2:
                raise ValueError(f"balanced batches take half of a person's images from each modality; {images} is odd")
            if odd := sorted(rgb.keys() ^ ir.keys())[:5]:
                raise ValueError(f"balanced batches need RGB and IR images of everyone; without both: {odd}")
            self.choices = {identity: [rgb[identity], ir[identity]] for identity in rgb}
        else:
            everyone = rgb.keys() | ir.keys()
            self.choices = {identity: [[*rgb.get(identity, ()), *ir.get(identity, ())]] for identity in everyone}
        if len(self.choices) < max(people, 2):
            raise ValueError(f"a batch needs {people} identities; {len(self.choices)} came")
        self.people, self.images, self.seed = people, images, seed
        self.identities = np.array(sorted(self.choices), np.int64)

    @property
    def updates_per_epoch(self) -> int:
        total = sum(len(images) for choices in self.choices.values() for images in choices)
        return max(1, total // (self.people * self.images))

    def draw(self, update: int) -> Mixed:
        """The images of that update, counted from 0; K after each other belong to one identity."""
        rng = np.random.default_rng([self.seed, 6, update])
        chosen = rng.choice(self.identities, self.people, replace=False)
        drawn = []
        for choices in (self.choices[int(identity)] for identity in chosen):
            count = self.images // len(choices)
            drawn += [rng.choice(np.asarray(images), count, replace=len(images) < count) for images in choices]
        return Mixed(np.concatenate(drawn), np.repeat(chosen, self.images))
