"""P identities, K images of each in each modality (methods.md 6.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rgbir.training.data.samplers.epochs import Epochs
from rgbir.training.data.samplers.pairs import Pairs


class IdentitySampler(Epochs):
    """Draws P identities for each update, and K RGB and K IR images of each: P·K rows whose two images show one person.

    Identities don't repeat within a batch; images are drawn with replacement. An epoch has as many updates as the
    larger modality fills batches, and one more. As AGW's code samples.

    What an update draws depends on the seed and the update's number alone.

    Corner cases: an identity with fewer than K images repeats some. Identities without both modalities are refused.

    Args:
        rgb, ir: images of each identity, by identity; the same identities, at least P.
        people: P.
        images: K.
        seed: of the run.

    Raises:
        ValueError: fewer than P identities, other identities in the modalities.
    """

    def __init__(
        self, rgb: Mapping[int, Sequence[int]], ir: Mapping[int, Sequence[int]], people: int, images: int, seed: int
    ) -> None:
        if rgb.keys() != ir.keys() or len(rgb) < max(people, 2) or not all(rgb.values()) or not all(ir.values()):
            odd = sorted(rgb.keys() ^ ir.keys())[:5]
            raise ValueError(
                f"a batch needs {people} identities, each with RGB and IR images; {len(rgb)} came, without both: {odd}"
            )
        self.rgb, self.ir, self.people, self.images, self.seed = rgb, ir, people, images, seed
        self.identities = np.array(sorted(rgb), np.int64)

    @property
    def updates_per_epoch(self) -> int:
        larger = max(sum(map(len, self.rgb.values())), sum(map(len, self.ir.values())))
        return larger // (self.people * self.images) + 1

    def draw(self, update: int) -> Pairs:
        """The rows of that update, counted from 0; K after each other belong to one identity."""
        rng = np.random.default_rng([self.seed, 5, update])
        chosen = rng.choice(self.identities, self.people, replace=False)
        rgb, ir = (
            np.concatenate([rng.choice(np.asarray(images[int(identity)]), self.images) for identity in chosen])
            for images in (self.rgb, self.ir)
        )
        return Pairs(rgb, ir, np.repeat(chosen, self.images))
