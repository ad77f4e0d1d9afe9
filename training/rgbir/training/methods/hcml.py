"""HCML: a linear map for each modality and a metric, fitted to TONE's vectors after it is trained.

Source: Ye, Lan, Li, Yuen, "Hierarchical Discriminative Learning for Visible Thermal Person Re-Identification", AAAI 2018,
and its code (methods.md 7.5). Its readings: docs/methods/baselines.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.data.source import Source
from rgbir.training.layers import ByModality, unit
from rgbir.training.methods import tone
from rgbir.training.settings import Settings

PAPER = tone.PAPER
IDEA = "TONE, then a linear map for each modality and a metric, fitted to its vectors"


class Hierarchical(Settings):
    """How the metric is fitted (methods.md 7.5)."""

    components: int = Field(600, ge=1, description="kept of a joint principal component analysis")
    iterations: int = Field(300, ge=0, description="steps; with 0 the metric stays as it starts")
    within: float = Field(0.2, ge=0, description="weight of the two terms that draw a person's images together")


class HcmlRecipe(tone.ToneRecipe):
    """TONE's settings, and those of the metric.

    Attributes:
        hcml: how the metric is fitted after the training.
    """

    hcml: Hierarchical = Hierarchical()


class HCML(tone.TONE):
    """TONE's vectors of unit length, mapped so that Euclidean distance between modalities is the fitted metric."""

    def __init__(self, recipe: HcmlRecipe, identities: int) -> None:
        super().__init__(recipe, identities)
        self.settings = recipe.hcml
        self.fitted = ByModality(*(nn.Linear(recipe.fc7, self.dimension) for _ in Modality)).requires_grad_(False)

    @property
    def dimension(self) -> int:
        assert isinstance(self.recipe, HcmlRecipe)
        return min(self.recipe.hcml.components, self.recipe.fc7)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.fitted(unit(super().embed(images, modality)), modality)

    def finish(self, source: Source, device: torch.device) -> None:
        """Fits the maps to all training images."""
        by_modality = source.vectors(lambda images, modality: unit(super(HCML, self).embed(images, modality)), device)
        rgb, ir = (
            Labelled(vectors.double(), labels)
            for vectors, labels in (by_modality[m] for m in (Modality.RGB, Modality.IR))
        )
        mean, basis = principal_axes(torch.cat([rgb.vectors, ir.vectors]), self.dimension)
        rgb, ir = (Labelled((side.vectors - mean) @ basis, side.labels) for side in (rgb, ir))
        metric = fit_metric(rgb, ir, self.settings.iterations, self.settings.within)
        for layer, map_ in ((self.fitted.rgb, metric.visible), (self.fitted.ir, metric.thermal)):
            weight = (basis @ map_ @ metric.shared).T
            layer.get_parameter("weight").copy_(weight)
            layer.get_parameter("bias").copy_(-weight @ mean)


class Labelled(NamedTuple):
    """Vectors of one modality, and who they show.

    Attributes:
        vectors: float64 (n, d).
        labels: int64 (n,).
    """

    vectors: Tensor
    labels: Tensor


class FittedMetric(NamedTuple):
    """The distance of a visible x and a thermal z is |x V P - z T P|.

    Attributes:
        visible: V, float64 (d, d).
        thermal: T, float64 (d, d).
        shared: P, float64 (d, d).
    """

    visible: Tensor
    thermal: Tensor
    shared: Tensor


def principal_axes(vectors: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean (d,) and the first `count` principal axes (d, count); axes without any variance are 0.

    Args:
        vectors: float64 (n, d); what is returned has their type.
        count: may be larger than d.
    """
    mean = vectors.mean(dim=0)
    _, strengths, axes = torch.linalg.svd(vectors - mean, full_matrices=False)
    basis = torch.zeros(vectors.shape[1], count, dtype=vectors.dtype)
    kept = min(count, int((strengths > 1e-10 * strengths[0]).sum()))
    basis[:, :kept] = axes[:kept].T
    return mean, basis


def fit_metric(rgb: Labelled, ir: Labelled, iterations: int = 300, within: float = 0.2) -> FittedMetric:
    """Learns V, T and M = P Pᵀ from identities' means: own pairs nearer than the mean distance, others farther.

    M takes accelerated proximal-gradient steps with a line search, negative eigenvalues set to 0; V and T take gradient
    steps of 0.1 · 0.95^iteration; all start as identity matrices. Both modalities show the same identities.

    Args:
        rgb, ir: vectors float64 (n, d) and (m, d), with their labels.
        iterations: steps.
        within: weight of the terms that draw a person's images of one modality together.
    """
    classes = torch.unique(rgb.labels)
    means = [torch.stack([side.vectors[side.labels == c].mean(dim=0) for c in classes]) for side in (rgb, ir)]
    places = [torch.searchsorted(classes, side.labels) for side in (rgb, ir)]
    size = rgb.vectors.shape[1]
    maps = [torch.eye(size, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    metric = previous = torch.eye(size, dtype=torch.float64)
    same = torch.eye(len(classes), dtype=torch.bool)
    sign = torch.where(same, 1.0, -1.0).double()
    weight = torch.where(same, 1 / same.sum(), 1 / (~same).sum().clamp_min(1)).double()
    centre = _between(means[0], means[1], metric).mean()

    def across(metric: Tensor) -> Tensor:
        distance = _between(means[0] @ maps[0], means[1] @ maps[1], metric)
        return (weight * F.softplus(sign * (distance - centre))).sum()

    def inside() -> Tensor:
        spread = [
            F.softplus(((side.vectors - mean[place]) @ map_).square().sum(dim=1)).mean()
            for side, mean, place, map_ in zip((rgb, ir), means, places, maps, strict=True)
        ]
        return within * torch.stack(spread).sum()

    step, momentum = 1.0, 1.0
    for iteration in range(iterations):
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = (metric + (momentum - 1) / grown * (metric - previous)).requires_grad_()
        value = across(ahead)
        (gradient,) = torch.autograd.grad(value, ahead)
        with torch.no_grad():
            while True:
                following = _positive(ahead - step * gradient)
                change = following - ahead
                bound = value + (gradient * change).sum() + change.square().sum() / (2 * step)
                if across(following) <= bound + 1e-12 or step < 1e-12:
                    break
                step /= 2
        metric, previous, momentum = following.detach(), metric, grown
        gradients = torch.autograd.grad(across(metric) + inside(), maps)
        with torch.no_grad():
            for map_, slope in zip(maps, gradients, strict=True):
                map_ -= 0.1 * 0.95**iteration * slope
    values, axes = torch.linalg.eigh(metric)
    return FittedMetric(maps[0].detach(), maps[1].detach(), axes * values.clamp_min(0).sqrt())


def _between(a: Tensor, b: Tensor, metric: Tensor) -> Tensor:
    """(a_i - b_j) M (a_i - b_j)ᵀ, (n, m)."""
    squares = [((x @ metric) * x).sum(dim=1) for x in (a, b)]
    return squares[0][:, None] + squares[1][None, :] - 2 * (a @ metric @ b.T)


def _positive(metric: Tensor) -> Tensor:
    """The nearest symmetric matrix without negative eigenvalues."""
    values, axes = torch.linalg.eigh((metric + metric.T) / 2)
    return (axes * values.clamp_min(0)) @ axes.T


VARIANTS: dict[str, dict[str, Any]] = {"paper": {}}
ROWS: dict[str, dict[str, Any]] = {"peers.hcml": {}}
PUBLISHED = ("SYSU-MM01 all-search single-shot: R1 14.32  R10 53.16  R20 69.17  mAP 16.16",)
