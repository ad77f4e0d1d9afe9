"""Tracklets as what samplers draw: one counts once, however many frames it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rgbir.index import ImageRecord
from rgbir.training.errors import BadRecipe


class Tracklets:
    """Images grouped by identity, camera, modality and track; an image that says no track is a group by itself.

    Groups are numbered from 0 in the order of their first images. In an update that draws tracklet t of T that a person
    has in a modality, each of its n frames is drawn with probability 1/n, so with 1/(T·n) among all of the person's.

    Args:
        records: the images that batches are drawn from.

    Raises:
        BadRecipe: none of them says its track.
    """

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        if all(record.track is None for record in records):
            raise BadRecipe(
                f"data.draw=tracklets draws a tracklet and then a frame of it, but none of {len(records):,} images says its"
                " tracklet (a table has a column track for it); set data.draw=images"
            )
        numbers: dict[object, list[int]] = {}
        for number, record in enumerate(records):
            alone = (record.identity, record.camera, record.modality, record.track)
            numbers.setdefault(number if record.track is None else alone, []).append(number)
        self._frames = [np.array(of_one, np.int64) for of_one in numbers.values()]
        self._of_image = {image: group for group, images in enumerate(self._frames) for image in images.tolist()}

    def __len__(self) -> int:
        return len(self._frames)

    def instead(self, images: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
        """For each identity its tracklets' numbers in place of its images', each once, in the order of first images."""
        return {
            identity: list(dict.fromkeys(self._of_image[image] for image in numbers))
            for identity, numbers in images.items()
        }

    def frames(self, tracklets: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """A frame of each tracklet.

        Args:
            tracklets: int64 of any shape, their numbers.
            rng: draws the frames.

        Returns:
            int64 of that shape, image numbers.
        """
        drawn = [rng.choice(self._frames[number]) for number in tracklets.ravel()]
        return np.array(drawn, np.int64).reshape(tracklets.shape)
