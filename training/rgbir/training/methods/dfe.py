"""DFE: stripes of the body classified one by one, and the two modalities' features aligned in two ways.

Source: Hao, Wang, Gao, Li, Wang, "Dual-alignment Feature Embedding for Cross-modality Person Re-identification",
ACM Multimedia 2019, pages 57-65. No code of its authors is known. Its readings: docs/methods/dfe.md.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import PairBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import linear_classifier
from rgbir.training.losses import correlation_gap, distribution_gap, stripe_identity
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import Augmentation, PairRecipe
from rgbir.training.settings import Settings

PAPER = (
    "Y. Hao, N. Wang, X. Gao, J. Li, X. Wang, Dual-alignment Feature Embedding for Cross-modality Person"
    " Re-identification, ACM Multimedia 2019"
)
IDEA = "six stripes, each classified; their distribution and the correlation of people matched between modalities"


class Weights(Settings):
    """L = alpha L_id + beta L_d + gamma L_c; 1:1:1 on SYSU-MM01, 1:11:2 on RegDB."""

    alpha: float = Field(1.0, ge=0, description="of the identity loss")
    beta: float = Field(1.0, ge=0, description="of the distance between distributions")
    gamma: float = Field(1.0, ge=0, description="of the distance between correlations")


class Parts(Settings):
    """The stripes of the body, and what each becomes."""

    parts: int = Field(6, ge=1, description="horizontal stripes")
    width: int = Field(256, ge=1, description="of a stripe's feature")
    reduce: Literal["shared", "separate"] = Field(
        "shared", description="one reducing layer for all stripes, or one each"
    )


class DFERecipe(PairRecipe):
    """The paper's settings where it states them; the others are readings (methods.md 4.7).

    Attributes:
        dfe: the stripes.
        weights: of the three losses.
    """

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    augment: Augmentation = Augmentation(padcrop=0, erasing=0.0)
    dfe: Parts = Parts()
    weights: Weights = Weights()
    norm: Literal["l2", "none"] = Field("l2", description="at test time: compare directions, or embeddings as they are")


class DFE(Method):
    """One network for both modalities; the embedding is the stripes' features, one after the other.

    Raises:
        BadRecipe: the number of stripes doesn't divide the rows of the feature map.
    """

    one_stream = True
    fresh = ("reduce", "classifiers")

    def __init__(self, recipe: DFERecipe, identities: int) -> None:
        super().__init__()
        self.recipe, self.parts = recipe, recipe.dfe.parts
        if recipe.height // 16 % self.parts:
            raise BadRecipe(
                f"dfe.parts = {self.parts} does not divide the {recipe.height // 16} rows of the feature map"
            )
        self.backbone = BACKBONES[recipe.backbone]()
        count = 1 if recipe.dfe.reduce == "shared" else self.parts
        self.reduce = nn.ModuleList(_reducing(self.backbone.channels, recipe.dfe.width) for _ in range(count))
        self.classifiers = nn.ModuleList(linear_classifier(recipe.dfe.width, identities) for _ in range(self.parts))

    @property
    def metric(self) -> Metric:  # type: ignore[override]  # the recipe decides
        return Metric.COSINE if self.recipe.norm == "l2" else Metric.EUCLIDEAN

    @property
    def dimension(self) -> int:
        return self.parts * self.recipe.dfe.width

    def stripes(self, images: Tensor) -> Tensor:
        """float32 (n, 3, h, w), normalised → float (n, parts, width)."""
        maps = self.backbone(images)
        pooled = maps.unflatten(2, (self.parts, -1)).mean(dim=(3, 4))[..., None]
        if len(self.reduce) == 1:
            reduced = self.reduce[0](pooled)
        else:
            reduced = torch.cat([layer(pooled[:, :, i : i + 1]) for i, layer in enumerate(self.reduce)], dim=2)
        return reduced.squeeze(3).transpose(1, 2)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.stripes(images).flatten(1)

    def losses(self, batch: PairBatch) -> Losses:
        n = batch.labels.shape[0]
        if self.recipe.bn_groups == "joint":
            rgb, ir = self.gathered(self.stripes(torch.cat([batch.rgb, batch.ir])), blocks=2).split(n)
        else:
            rgb, ir = self.gathered(self.stripes(batch.rgb)), self.gathered(self.stripes(batch.ir))
        logits_rgb, logits_ir = self._logits(rgb), self._logits(ir)
        weights = self.recipe.weights
        with torch.autocast(batch.rgb.device.type, enabled=False):
            smoothing = self.recipe.label_smoothing
            identity = stripe_identity(logits_rgb.float(), logits_ir.float(), batch.labels, smoothing)
            losses = {"identity": weights.alpha * identity}
            rgb, ir = rgb.float(), ir.float()
            if weights.beta:
                losses["distribution"] = weights.beta * distribution_gap(rgb, ir)
            if weights.gamma:
                losses["correlation"] = weights.gamma * correlation_gap(rgb.flatten(1), ir.flatten(1))
        return losses

    def _logits(self, stripes: Tensor) -> Tensor:
        """(n, parts, width) → (n, parts, identities)."""
        return torch.stack([classifier(stripes[:, i]) for i, classifier in enumerate(self.classifiers)], dim=1)


def _reducing(channels: int, width: int) -> nn.Module:
    """A 1x1 convolution and batch norm; neither rectifier nor dropout (methods.md 4.2)."""
    convolution = nn.Conv2d(channels, width, 1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    return nn.Sequential(convolution, nn.BatchNorm2d(width))


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "regdb": {"weights.beta": 11.0, "weights.gamma": 2.0},
}

ROWS: dict[str, dict[str, Any]] = {
    "sysu.baseline": {"weights.beta": 0.0, "weights.gamma": 0.0},
    "sysu.wo-lc": {"weights.gamma": 0.0},
    "sysu.full": {},
    "regdb.baseline": {"weights.beta": 0.0, "weights.gamma": 0.0},
    "regdb.wo-lc": {"weights.beta": 11.0, "weights.gamma": 0.0},
    "regdb.wo-ld": {"weights.beta": 0.0, "weights.gamma": 2.0},
    "regdb.full": {"weights.beta": 11.0, "weights.gamma": 2.0},
    "regdb.op": {"weights.beta": 1.0, "weights.gamma": 1.0},
    "ours.sysu.wo-ld": {"weights.beta": 0.0},
}

PUBLISHED = (
    "SYSU-MM01 all-search single-shot: R1 48.71  R10 88.86  R20 95.27  mAP 48.59 (baseline R1 43.13, w/o L_c R1 45.81)",
    "SYSU-MM01 all-search multi-shot: R1 54.63  R10 91.62  R20 96.83  mAP 42.14",
    "SYSU-MM01 indoor-search single-shot: R1 52.25  R10 89.86  R20 95.85  mAP 59.68 (its text names camera 3 probes only)",
)
