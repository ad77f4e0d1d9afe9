"""The batches of a run, made of training images."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rgbir.index import ImageRecord, Modality, listed
from rgbir.training.augmentation import View
from rgbir.training.data.batch import Batch, MixedBatch, PairBatch, RawBatch, TupleBatch, ViewBatch
from rgbir.training.data.loader import Carrying, unpacked
from rgbir.training.data.samplers.identities import IdentitySampler
from rgbir.training.data.samplers.mixed import Mixed, MixedSampler
from rgbir.training.data.samplers.pairs import PairSampler
from rgbir.training.data.samplers.passes import PassSampler
from rgbir.training.data.samplers.tuples import TupleSampler
from rgbir.training.data.share import WHOLE, Share
from rgbir.training.data.store import ImageStore
from rgbir.training.data.tracklets import Tracklets
from rgbir.training.data.transforms import LARGER, PLAIN, Changes, changed, drawn, normalise, window
from rgbir.training.errors import BadRecipe
from rgbir.training.recipe import AnyRecipe, IdentityRecipe, MixedRecipe, PairRecipe, TupleRecipe, ViewsRecipe
from rgbir.training.stopping import ignore_signals

Images = dict[int, list[int]]
"""Image numbers by identity."""


class Source:
    """Item t is the batch of update t; what it holds depends on the recipe's seed and t alone.

    Args:
        records: the images to train on; those that show nobody are left out, and so are people in `alone`.
        recipe: says which batches are made, of which size, how images are changed, and for how many updates. With
            `data.draw=tracklets` the samplers see tracklets where they else see images, and an epoch counts these.

    Attributes:
        records: the images that batches are drawn from.
        alone: people who were left out, because all of their images are of one modality and batches show both; and which.

    Raises:
        BadRecipe: the records don't make the recipe's batches (see the samplers), or tracklets are to be drawn and no
            image says its own.
    """

    def __init__(self, records: Sequence[ImageRecord], recipe: AnyRecipe) -> None:
        self.recipe = recipe
        blind = isinstance(recipe, MixedRecipe) and recipe.sampling == "blind"
        self.alone = {} if blind else _of_one_modality(records)
        self.records = [
            record for record in records if record.identity is not None and record.identity not in self.alone
        ]
        rgb, ir = _by_identity(self.records)
        self._tracklets: Tracklets | None = None
        if recipe.data.draw == "tracklets":
            self._tracklets = Tracklets(self.records)
            rgb, ir = self._tracklets.instead(rgb), self._tracklets.instead(ir)
        try:
            self.sampler = _sampler(recipe, rgb, ir)
        except ValueError as error:
            alone = f"; {len(self.alone):,} more are seen in one modality only" if self.alone else ""
            raise BadRecipe(f"the training images don't make the recipe's batches: {error}{alone}") from error
        self.classes = {identity: label for label, identity in enumerate(sorted(rgb.keys() | ir.keys()))}
        self.store = ImageStore(self.records, recipe.height, recipe.width, recipe.resize)
        self.larger = ImageStore(self.records, *_larger(recipe), recipe.resize)

    @property
    def _views(self) -> tuple[tuple[View, ...], ...]:
        """Of each part of a batch; none, where every image is seen once."""
        return self.recipe.views.shown if isinstance(self.recipe, ViewsRecipe) else ()

    @property
    def stores(self) -> list[ImageStore]:
        """Those whose images are shown, for `ImageStore.fill`: decoded once, and for all processes."""
        if self.recipe.augment.diagonal:
            return [self.larger]
        return [self.store, self.larger] if self.recipe.augment.shift else [self.store]

    @property
    def identities(self) -> int:
        """How many people the labels tell apart."""
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
            case ViewsRecipe(people=p, images=k):
                return (self.recipe.views.of_rgb + self.recipe.views.of_ir) * p * k
            case MixedRecipe(people=p, images=k):
                return p * k

    def expect_shares(self, count: int) -> None:
        """
        Raises:
            BadRecipe: batches can't be divided into so many equal parts.
        """
        match self.recipe:
            case TupleRecipe(tuples=n):
                name, number, each = "tuples", n, 1
            case PairRecipe(pairs=n):
                name, number, each = "pairs", n, 1
            case IdentityRecipe(people=p, images=k) | ViewsRecipe(people=p, images=k) | MixedRecipe(people=p, images=k):
                name, number, each = "people", p, k
        if (rows := number * each) % count == 0:
            return
        step = count // math.gcd(each, count)
        fitting = [n for n in (number // step * step, (number // step + 1) * step) if n]
        others = [n for n in range(2, rows + 1) if rows % n == 0]
        started = f", or start {listed(others, 'or')} processes" if others else ""
        raise BadRecipe(
            f"{count} processes take equal parts of each batch, and {name}={number} makes {rows} rows"
            f"{f' ({each} for each of the people)' if each > 1 else ''}; set"
            f" {listed([f'{name}={n}' for n in fitting], 'or')}{started}"
        )

    @property
    def updates_per_epoch(self) -> int:
        """As the sampler counts an epoch: the first one, where they differ."""
        return self.sampler.updates_per_epoch

    def before(self, epoch: int) -> int:
        """How many updates there are before an epoch, counted from 0."""
        return self.sampler.before(epoch)

    def epoch_of(self, update: int) -> int:
        """The epoch of an update, both counted from 0."""
        return self.sampler.epoch_of(update)

    def __len__(self) -> int:
        """Updates of the whole training."""
        return self.recipe.schedule.total(self.before)

    def __getitem__(self, update: int) -> Batch:
        return self.ready(self.raw(update))

    def raw(self, update: int, share: Share = WHOLE) -> RawBatch:
        """The batch of that update before anything is computed: images and what is drawn for them.

        Args:
            update: counted from 0.
            share: the rows whose images are read. Everything is drawn for the whole batch, so that parts together are the
                whole.
        """
        picked = self.sampler.draw(update)
        rng = np.random.default_rng([self.recipe.seed, 3, update])
        labels = torch.tensor([self.classes[int(identity)] for identity in picked.identities])
        parts = [picked.images] if isinstance(picked, Mixed) else [picked.rgb, picked.ir]
        if self._tracklets is not None:
            of_frames = np.random.default_rng([self.recipe.seed, 7, update])
            parts = [self._tracklets.frames(numbers, of_frames) for numbers in parts]
        images: list[NDArray[np.uint8]] = []
        changes = []
        shown_as = self._views or ((PLAIN,),) * len(parts)
        parts = [numbers for numbers, views in zip(parts, shown_as, strict=True) for _ in views]
        for numbers, view in zip(parts, (view for views in shown_as for view in views), strict=True):
            chosen = np.zeros(numbers.shape, bool)
            chosen[..., share.of(numbers.shape[-1])] = True
            ours = chosen.ravel()
            of_part = [
                self._image(int(number), rng, shown) for number, shown in zip(numbers.ravel(), ours, strict=True)
            ]
            of_all = drawn(of_part, self.recipe.augment, rng, view)
            changes.append(Changes(*(values[torch.from_numpy(ours)] for values in of_all)))
            images += [image for image, shown in zip(of_part, ours, strict=True) if shown]
        infrared = [self.records[number].modality is Modality.IR for numbers in parts for number in numbers.ravel()]
        return RawBatch(
            torch.from_numpy(np.stack(images)),
            Changes(*map(torch.cat, zip(*changes, strict=True))),
            torch.tensor(infrared),
            labels,
        )

    def ready(self, raw: RawBatch, device: torch.device | None = None) -> Batch:
        """What a method's losses take, made on that device; on the processor if none is named."""
        _, changes, infrared, labels = raw = raw.to(device or torch.device("cpu"))
        colours = any(not view.plain for views in self._views for view in views)
        images = changed(raw.images, changes, self.recipe.augment, colours)
        match self.recipe:
            case ViewsRecipe(views=views):
                by_view = images.unflatten(0, (views.of_rgb + views.of_ir, -1))
                return ViewBatch(by_view[: views.of_rgb], by_view[views.of_rgb :], labels)
            case MixedRecipe():
                return MixedBatch(images, infrared, labels)
            case TupleRecipe():
                rgb, ir = images.unflatten(0, (2, 3, -1))
                return TupleBatch(rgb, ir, labels)
            case _:
                rgb, ir = images.unflatten(0, (2, -1))
                return PairBatch(rgb, ir, labels)

    def vectors(
        self, embed: Callable[[Tensor, Modality], Tensor], device: torch.device, at_once: int = 64
    ) -> dict[Modality, tuple[Tensor, Tensor]]:
        """What a network makes of all training images, unaugmented.

        Args:
            embed: from float32 (n, 3, height, width), normalised, and their modality to float (n, d).
            device: where the images are put.
            at_once: how many go through the network together.

        Returns:
            By modality: vectors float32 (n, d), and their labels int64 (n,), 0 ≤ label < identities.
        """
        by_modality = {}
        for modality in Modality:
            numbers = [
                n for n, record in enumerate(self.records)
                if record.modality is modality and record.identity in self.classes
            ]  # fmt: skip
            parts = []
            for start in range(0, len(numbers), at_once):
                images = np.stack([self.store[number] for number in numbers[start : start + at_once]])
                with torch.inference_mode():
                    parts.append(embed(normalise(torch.from_numpy(images).to(device)), modality).float())
            labels = [self.classes[self.records[n].identity or 0] for n in numbers]
            by_modality[modality] = (torch.cat(parts).cpu().clone(), torch.tensor(labels))
        return by_modality

    def _image(self, number: int, rng: np.random.Generator, shown: bool = True) -> NDArray[np.uint8]:
        """An image, or a black one of its size if another process shows it; either way the same is drawn."""
        shift, diagonal = self.recipe.augment.shift, self.recipe.augment.diagonal

        def of(store: ImageStore) -> NDArray[np.uint8]:
            return store[number] if shown else np.broadcast_to(np.uint8(0), (store.form.height, store.form.width, 3))

        if diagonal:
            offset = int(rng.integers(0, diagonal))
            return of(self.larger)[offset:, offset:][: self.recipe.height, : self.recipe.width]
        if shift and rng.random() < shift:
            return window(of(self.larger), self.recipe.height, self.recipe.width, rng)
        return of(self.store)


AnySampler = TupleSampler | PairSampler | IdentitySampler | PassSampler | MixedSampler


def _sampler(recipe: AnyRecipe, rgb: Images, ir: Images) -> AnySampler:
    match recipe:
        case TupleRecipe():
            return TupleSampler(rgb, ir, recipe.tuples, recipe.seed, recipe.sampler)
        case PairRecipe():
            return PairSampler(rgb, ir, recipe.pairs, recipe.seed)
        case IdentityRecipe():
            return IdentitySampler(rgb, ir, recipe.people, recipe.images, recipe.seed)
        case ViewsRecipe():
            if recipe.sampling == "random":
                return IdentitySampler(rgb, ir, recipe.people, recipe.images, recipe.seed)
            return PassSampler(rgb, ir, recipe.people, recipe.images, recipe.seed, recipe.sampling)
        case MixedRecipe():
            return MixedSampler(rgb, ir, recipe.people, recipe.images, recipe.seed, recipe.sampling == "balanced")


def _larger(recipe: AnyRecipe) -> tuple[int, int]:
    """Height and width of the images that windows are cut from."""
    if more := recipe.augment.diagonal:
        return recipe.height + more, recipe.width + more
    return round(LARGER * recipe.height), round(LARGER * recipe.width)


def _of_one_modality(records: Sequence[ImageRecord]) -> dict[int, Modality]:
    """People whose images are all of one modality, and which."""
    rgb, ir = _by_identity(records)
    alone = {identity: Modality.RGB if identity in rgb else Modality.IR for identity in rgb.keys() ^ ir.keys()}
    return dict(sorted(alone.items()))


def _by_identity(records: Sequence[ImageRecord]) -> tuple[Images, Images]:
    """Image numbers by identity, RGB and IR."""
    numbers: dict[Modality, dict[int, list[int]]] = {Modality.RGB: defaultdict(list), Modality.IR: defaultdict(list)}
    for number, record in enumerate(records):
        if record.modality is not None and record.identity is not None:
            numbers[record.modality][record.identity].append(number)
    rgb, ir = ({identity: images[identity] for identity in sorted(images)} for images in numbers.values())
    return rgb, ir


class _Raw(Dataset[RawBatch]):
    """What loader processes make."""

    def __init__(self, source: Source, share: Share) -> None:
        self.source, self.share = source, share

    def __getitem__(self, update: int) -> RawBatch:
        return self.source.raw(update, self.share)


def batches(
    source: Source, start: int, workers: int = 0, device: torch.device | None = None, share: Share = WHOLE
) -> Iterator[Batch]:
    """The batches of updates `start`, `start + 1`, … to the end of the schedule, in order.

    Args:
        source: what makes them.
        start: the first update.
        workers: processes that read images and draw; with 0 this one does.
        device: where the rest is done and the batches are, the processor if not said.
        share: the rows whose images are in them.
    """
    generator = torch.Generator()  # else starting the loader would draw from the generator that dropout draws from
    loader = DataLoader(
        Carrying(_Raw(source, share)),
        batch_size=None,
        sampler=range(start, len(source)),
        num_workers=workers,
        # The images that we decoded are theirs without a copy, also where Python would start them from nothing.
        multiprocessing_context="fork" if workers else None,
        generator=generator,
        pin_memory=device is not None and device.type == "cuda",
        worker_init_fn=ignore_signals,
    )
    for raw in unpacked(loader):
        yield source.ready(raw, device)
