"""A hand-made system fitted to a data set's training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rgbir.index import ImageRecord, Metric, Modality, pixels
from rgbir.index.progress import Progress, silent
from rgbir.training.errors import BadRecipe
from rgbir.training.handmade.axes import principal_axes
from rgbir.training.handmade.mahalanobis import fit_kissme, fit_xqda
from rgbir.training.handmade.network import Handmade, OnAxes, descriptor_of
from rgbir.training.handmade.projection import Projection, linear
from rgbir.training.handmade.recipe import HEIGHT, WIDTH, HandmadeRecipe, System
from rgbir.training.handmade.reconstructed import fit_cdfe, fit_craft, fit_gma
from rgbir.training.handmade.sides import Floats, Sides
from rgbir.training.handmade.subspaces import fit_cca, fit_lfda, fit_scm
from rgbir.training.layers import unit

BATCH = 32


@dataclass(frozen=True, eq=False)
class Fitted:
    """A system that was fitted.

    Attributes:
        system, recipe: what it is.
        on_axes: images on the principal axes of their descriptors.
        projection: from the values on the axes.
        people, images: that it was fitted to.
    """

    system: System
    recipe: HandmadeRecipe
    on_axes: OnAxes
    projection: Projection
    people: int
    images: int

    def network(self, modality: Modality) -> Handmade:
        """As one network, which shares descriptor and axes with the other modality's."""
        return Handmade(self.on_axes, self.projection, modality).eval()

    def no_bundle(self) -> str:
        """Why no bundle can hold it; empty if one can."""
        if self.system.descriptor == "lomo" and self.recipe.lomo.retinex == "msr":
            return (
                "lomo.retinex=msr rounds otherwise on other machines, and a bundle promises the same vectors everywhere"
            )
        if not self.projection.is_a_vector:
            return (
                f"the form that {self.system.metric} found has {int((self.projection.signs < 0).sum())} negative eigenvalues of"
                f" {len(self.projection.signs)}, so distances can be negative, and no vectors have these"
            )
        return ""


def fit(records: Sequence[ImageRecord], system: System, recipe: HandmadeRecipe, progress: Progress = silent) -> Fitted:
    """Fits a system to the people who were seen in both modalities.

    Args:
        records: training images with their people.
        system: descriptor and metric.
        recipe: the settings.
        progress: told of images that were described; some are twice, see `described_in_all`.

    Raises:
        BadRecipe: too few people or images.
        BadImage: an image can't be read.
    """
    records = _in_both(records)
    descriptor = descriptor_of(system, recipe)
    drawn = _drawn(len(records), recipe)
    values = described(descriptor, [records[row] for row in drawn], progress)
    mean, axes = principal_axes(values, recipe.pca.dimension)
    if len(drawn) == len(records):
        vectors = _projected(values, mean, axes)
    else:
        vectors = np.concatenate(
            [
                _projected(described(descriptor, records[start : start + BATCH], progress), mean, axes)
                for start in range(0, len(records), BATCH)
            ]
        )
    projection = _fitted(system, recipe, _sides(records, vectors))
    people = len({record.identity for record in records})
    return Fitted(system, recipe, OnAxes(descriptor, mean, axes), projection, people, len(records))


def described_in_all(records: Sequence[ImageRecord], recipe: HandmadeRecipe) -> int:
    """How many images a fit describes, those twice that are drawn for the axes of a larger set."""
    count = len(_in_both(records))
    return count + (recipe.pca.images if count > recipe.pca.images else 0)


def described(
    descriptor: nn.Module, records: Sequence[ImageRecord], progress: Progress = silent
) -> NDArray[np.float32]:
    """Descriptors of length 1, float32 (n, d)."""
    parts = []
    for start in range(0, len(records), BATCH):
        group = records[start : start + BATCH]
        images = np.stack([pixels(record.decoded(), HEIGHT, WIDTH) for record in group])
        with torch.inference_mode():
            parts.append(unit(descriptor(torch.from_numpy(images))).numpy())
        progress(len(group))
    return np.concatenate(parts)


def _projected(values: NDArray[np.float32], mean: Floats, axes: Floats) -> Floats:
    return np.asarray((values - mean) @ axes, np.float64)


def _in_both(records: Sequence[ImageRecord]) -> list[ImageRecord]:
    seen = {m: {record.identity for record in records if record.modality is m} for m in Modality}
    both = (seen[Modality.RGB] & seen[Modality.IR]) - {None}
    if len(both) < 2:
        raise BadRecipe(
            f"{len(both)} people of the training images were seen in both colour and infrared; a metric needs two at least"
        )
    return [record for record in records if record.identity in both]


def _drawn(count: int, recipe: HandmadeRecipe) -> NDArray[np.int64]:
    """Which images the axes are made of, in their order."""
    if count <= recipe.pca.images:
        return np.arange(count)
    return np.sort(np.random.default_rng(recipe.seed).choice(count, recipe.pca.images, replace=False))


def _sides(records: Sequence[ImageRecord], vectors: Floats) -> Sides:
    numbers = {identity: n for n, identity in enumerate(sorted({record.identity or 0 for record in records}))}
    people = np.array([numbers[record.identity or 0] for record in records], np.int64)
    infrared = np.array([record.modality is Modality.IR for record in records])
    return Sides(vectors[~infrared], vectors[infrared], people[~infrared], people[infrared])


def _fitted(system: System, recipe: HandmadeRecipe, sides: Sides) -> Projection:
    everything = np.eye(sides.x.shape[1])
    match system.metric:
        case "euclidean":
            return linear(everything, everything, Metric.EUCLIDEAN)
        case "kissme":
            return fit_kissme(sides, recipe.seed)
        case "xqda":
            return fit_xqda(sides, ridge=recipe.xqda.ridge, basis=recipe.xqda.basis)
        case "lfda":
            return fit_lfda(sides, recipe.lfda)
        case "cca":
            return fit_cca(sides, recipe.cca)
        case "scm":
            return fit_scm(sides, recipe.cca, recipe.scm)
        case "cdfe":
            return fit_cdfe(sides, recipe.cdfe)
        case "gma":
            return fit_gma(sides, recipe.gma)
        case "craft":
            return fit_craft(sides, recipe.craft, recipe.xqda)
    raise AssertionError(f"no metric {system.metric!r}")
