"""Training images and the batches made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rgbir.index import ImageRecord, Modality, decode, pixels, read_bytes
from rgbir.training.batches import Batch, PairBatch, TupleBatch
from rgbir.training.recipe import AnyRecipe, IdentityRecipe, PairRecipe, TupleRecipe
from rgbir.training.samplers import IdentitySampler, PairSampler, TupleSampler
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


Images = dict[int, list[int]]
"""Image numbers by identity."""


class Source(Dataset[Batch]):
    """Item t is the batch of update t; what it holds depends on the recipe's seed and t alone.

    Raises:
        ValueError: the records don't make batches (see the samplers).
    """

    def __init__(self, records: Sequence[ImageRecord], recipe: AnyRecipe, cache: bool = True) -> None:
        self.recipe = recipe
        self.records = [record for record in records if record.identity is not None]
        rgb, ir = _by_identity(self.records)
        self.sampler = _sampler(recipe, rgb, ir)
        self.classes = {identity: label for label, identity in enumerate(sorted(rgb))}
        self.store = ImageStore(self.records, recipe.height, recipe.width, cache)

    @property
    def identities(self) -> int:
        return len(self.classes)

    @property
    def images_per_update(self) -> int:
        match self.recipe:
            case TupleRecipe(tuples=n):
                return 6 * n
            case PairRecipe(pairs=n):
                return 2 * n
            case IdentityRecipe(people=p, images=k):
                return 2 * p * k

    @property
    def updates_per_epoch(self) -> int:
        return self.sampler.updates_per_epoch

    def __len__(self) -> int:
        """Updates of the whole training."""
        return self.recipe.schedule.total(self.updates_per_epoch)

    def __getitem__(self, update: int) -> Batch:
        drawn = self.sampler.draw(update)
        rng = np.random.default_rng([self.recipe.seed, 3, update])
        rgb, ir = (self._images(images, rng) for images in (drawn.rgb, drawn.ir))
        labels = torch.tensor([self.classes[int(identity)] for identity in drawn.identities])
        return TupleBatch(rgb, ir, labels) if isinstance(self.sampler, TupleSampler) else PairBatch(rgb, ir, labels)

    def _images(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """Augmented images in the arrangement of their numbers."""
        images = np.stack([self.store[int(number)] for number in numbers.ravel()])
        return augmented(images, self.recipe.augment, rng).unflatten(0, numbers.shape)


def _sampler(recipe: AnyRecipe, rgb: Images, ir: Images) -> TupleSampler | PairSampler | IdentitySampler:
    match recipe:
        case TupleRecipe():
            return TupleSampler(rgb, ir, recipe.tuples, recipe.seed, recipe.sampler)
        case PairRecipe():
            return PairSampler(rgb, ir, recipe.pairs, recipe.seed)
        case IdentityRecipe():
            return IdentitySampler(rgb, ir, recipe.people, recipe.images, recipe.seed)


def _by_identity(records: Sequence[ImageRecord]) -> tuple[Images, Images]:
    """Image numbers by identity, RGB and IR; identities seen in one modality only are left out."""
    found: dict[Modality, dict[int, list[int]]] = {Modality.RGB: defaultdict(list), Modality.IR: defaultdict(list)}
    for number, record in enumerate(records):
        if record.modality is not None and record.identity is not None:
            found[record.modality][record.identity].append(number)
    both = sorted(found[Modality.RGB].keys() & found[Modality.IR].keys())
    rgb, ir = ({identity: images[identity] for identity in both} for images in found.values())
    return rgb, ir


def batches(source: Source, start: int, workers: int = 0) -> DataLoader[Batch]:
    """The batches of updates `start`, `start + 1`, … to the end of the schedule, in order."""
    own = torch.Generator()  # else starting the loader would draw from the generator that dropout draws from
    return DataLoader(source, batch_size=None, sampler=range(start, len(source)), num_workers=workers, generator=own)
