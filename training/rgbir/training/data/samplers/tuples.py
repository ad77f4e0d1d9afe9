"""Tuples of an anchor, a positive and a negative in both modalities (methods.md 2.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.training.data.samplers.epochs import Epochs


class Tuples(NamedTuple):
    """Which images make a batch.

    Attributes:
        rgb, ir: int64 (3, N), image numbers of anchors, positives, negatives.
        identities: int64 (N,), the anchors'.
    """

    rgb: NDArray[np.int64]
    ir: NDArray[np.int64]
    identities: NDArray[np.int64]


class TupleSampler(Epochs):
    """Draws N tuples for each update.

    An epoch is a shuffle of all RGB images, cut into groups of N; an incomplete last group is dropped. Each image of a
    group gives its identity and, as the paper has it, is the RGB anchor (`official`, as the released code: the anchor is
    drawn again from the identity's RGB images). The IR anchor is any IR image of the identity. Positives are other
    images of the identity. For the RGB negative another identity is drawn, then one of its images; the IR negative has
    a draw of its own.

    What an update draws depends on the seed and the update's number alone, so a resumed run goes on exactly as if it
    had never stopped, with any number of loader processes.

    Corner cases: an identity with a single image in a modality is its own positive there. Identities without both
    modalities are refused.

    Args:
        rgb, ir: images of each identity, by identity; the same identities, at least two.
        tuples: N.
        seed: of the run.
        anchor: `paper` or `official`.

    Raises:
        ValueError: fewer than two identities, other identities in the modalities, fewer RGB images than N.
    """

    def __init__(
        self,
        rgb: Mapping[int, Sequence[int]],
        ir: Mapping[int, Sequence[int]],
        tuples: int,
        seed: int,
        anchor: Literal["paper", "official"] = "paper",
    ) -> None:
        if rgb.keys() != ir.keys() or len(rgb) < 2 or not all(rgb.values()) or not all(ir.values()):
            odd = sorted(rgb.keys() ^ ir.keys())[:5]
            raise ValueError(
                f"tuples need two or more identities, each with RGB and IR images; {len(rgb)} came, without both: {odd}"
            )
        self.rgb = {identity: np.asarray(images, np.int64) for identity, images in rgb.items()}
        self.ir = {identity: np.asarray(images, np.int64) for identity, images in ir.items()}
        self.identities = np.array(sorted(rgb), np.int64)
        self.indexed = np.array([(i, image) for i in sorted(rgb) for image in rgb[i]], np.int64)
        if len(self.indexed) < tuples:
            raise ValueError(f"a batch of {tuples} tuples needs as many RGB images; there are {len(self.indexed)}")
        self.tuples, self.seed, self.anchor = tuples, seed, anchor

    @property
    def updates_per_epoch(self) -> int:
        return len(self.indexed) // self.tuples

    def draw(self, update: int) -> Tuples:
        """The tuples of that update, counted from 0."""
        epoch, group = divmod(update, self.updates_per_epoch)
        order = np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.indexed))
        rng = np.random.default_rng([self.seed, 2, update])
        chosen = self.indexed[order[group * self.tuples : (group + 1) * self.tuples]]
        rows = [self._tuple(int(identity), int(image), rng) for identity, image in chosen]
        drawn = np.array(rows, np.int64)
        return Tuples(drawn[:, :3].T, drawn[:, 3:].T, chosen[:, 0])

    def _tuple(self, identity: int, image: int, rng: np.random.Generator) -> list[int]:
        a_rgb = image if self.anchor == "paper" else int(rng.choice(self.rgb[identity]))
        a_ir = int(rng.choice(self.ir[identity]))
        p_rgb, p_ir = _other(self.rgb[identity], a_rgb, rng), _other(self.ir[identity], a_ir, rng)
        n_rgb = int(rng.choice(self.rgb[self._stranger(identity, rng)]))
        n_ir = int(rng.choice(self.ir[self._stranger(identity, rng)]))
        return [a_rgb, p_rgb, n_rgb, a_ir, p_ir, n_ir]

    def _stranger(self, identity: int, rng: np.random.Generator) -> int:
        place = int(np.searchsorted(self.identities, identity))
        drawn = int(rng.integers(len(self.identities) - 1))
        return int(self.identities[drawn + (drawn >= place)])


def _other(images: NDArray[np.int64], image: int, rng: np.random.Generator) -> int:
    others = images[images != image]
    return int(rng.choice(others)) if len(others) else image
