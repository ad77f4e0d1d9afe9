"""Training images and the batches made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from rgbir.index import ImageRecord, Modality, decode, pixels, read_bytes
from rgbir.training.batches import TupleBatch
from rgbir.training.recipe import TupleRecipe
from rgbir.training.samplers import TupleSampler
from rgbir.training.transforms import augmented


class ImageStore:
    """Decoded and resized images by number; kept in memory if `cache` (147 kB each at 384x128)."""

    def __init__(self, records: Sequence[ImageRecord], height: int, width: int, cache: bool) -> None:
        self.records, self.height, self.width, self.cache = records, height, width, cache
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        if number in self._kept:
            return self._kept[number]
        path = self.records[number].path
        image = pixels(decode(read_bytes(path), str(path)), self.height, self.width)
        if self.cache:
            self._kept[number] = image
        return image


class TupleSource(Dataset[TupleBatch]):
    """Item t is the batch of update t; what it holds depends on the recipe's seed and t alone.

    Raises:
        ValueError: the records don't make tuples (`TupleSampler`).
    """

    def __init__(self, records: Sequence[ImageRecord], recipe: TupleRecipe, cache: bool = True) -> None:
        self.records = [record for record in records if record.identity is not None]
        by_modality: dict[Modality, dict[int, list[int]]] = {
            Modality.RGB: defaultdict(list),
            Modality.IR: defaultdict(list),
        }
        for number, record in enumerate(self.records):
            if record.modality is not None and record.identity is not None:
                by_modality[record.modality][record.identity].append(number)
        both = by_modality[Modality.RGB].keys() & by_modality[Modality.IR].keys()
        rgb, ir = ({i: images[i] for i in sorted(both)} for images in by_modality.values())
        self.sampler = TupleSampler(rgb, ir, recipe.tuples, recipe.seed, recipe.sampler)
        self.classes = {identity: label for label, identity in enumerate(sorted(both))}
        self.store = ImageStore(self.records, recipe.height, recipe.width, cache)
        self.recipe = recipe

    @property
    def identities(self) -> int:
        return len(self.classes)

    def __len__(self) -> int:
        return self.recipe.schedule.updates

    def __getitem__(self, update: int) -> TupleBatch:
        drawn = self.sampler.draw(update)
        rng = np.random.default_rng([self.recipe.seed, 3, update])
        n = self.recipe.tuples
        rgb, ir = (
            augmented(
                np.stack([self.store[int(number)] for number in images.ravel()]), self.recipe.augment, rng
            ).unflatten(0, (3, n))
            for images in (drawn.rgb, drawn.ir)
        )
        return TupleBatch(rgb, ir, torch.tensor([self.classes[int(identity)] for identity in drawn.identities]))


def batches(source: TupleSource, start: int, workers: int = 0) -> DataLoader[TupleBatch]:
    """The batches of updates `start`, `start + 1`, … to the end of the schedule, in order."""
    own = torch.Generator()  # else starting the loader would draw from the generator that dropout draws from
    return DataLoader(source, batch_size=None, sampler=range(start, len(source)), num_workers=workers, generator=own)
