"""HAT, a reconstruction: grey pictures of the visible ones are a third modality that needs no training.

Source: Ye, Shen, Shao, "Visible-Infrared Person Re-Identification via Homogeneous Augmented Tri-Modal Learning", TIFS 2021,
its abstract alone. Its readings: docs/methods/comparators.md.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import PairBatch
from rgbir.training.data.transforms import grey
from rgbir.training.layers import GlobalAveragePool, batch_norm_neck, linear_classifier
from rgbir.training.losses import tri_directional
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import BaselineRecipe
from rgbir.training.schedules import Agw

PAPER = (
    "M. Ye, J. Shen, L. Shao, Visible-Infrared Person Re-Identification via Homogeneous Augmented Tri-Modal Learning, TIFS 16,"
    " 2021"
)
IDEA = "a reconstruction: one network for visible, infrared and grey pictures, ranked across all three"


class HATRecipe(BaselineRecipe):
    """Settings are ours where the abstract has none."""

    schedule: Agw = Agw(epochs=80)
    ranking_weight: float = Field(1.0, ge=0, description="of the ranking over three modalities")
    homogeneous_weight: float = Field(0.1, ge=0, description="of the difference of a picture from its grey one")


class HAT(Method):
    """Rows are visible, infrared, grey. Ranking and difference read the pooled vector; the test reads the neck's output."""

    one_stream = True
    metric = Metric.COSINE
    fresh = ("neck", "classifier")

    def __init__(self, recipe: HATRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone = BACKBONES[recipe.backbone]()
        self.pool = GlobalAveragePool()
        self.neck = batch_norm_neck(self.backbone.channels)
        self.classifier = linear_classifier(self.backbone.channels, identities)

    @property
    def dimension(self) -> int:
        return self.backbone.channels

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self.pool(self.backbone(images)))

    def losses(self, batch: PairBatch) -> Losses:
        maps = self.backbone(torch.cat([batch.rgb, batch.ir, grey(batch.rgb)]))
        pooled = self.gathered(self.pool(maps), blocks=3)
        logits, labels = self.classifier(self.neck(pooled)), batch.labels
        with torch.autocast(pooled.device.type, enabled=False):
            visible, infrared, homogeneous = pooled.float().split(len(labels))
            smoothing, recipe = self.recipe.label_smoothing, self.recipe
            identity = 3 * F.cross_entropy(logits.float(), labels.repeat(3), label_smoothing=smoothing)
            return {
                "identity": identity,
                "ranking": recipe.ranking_weight * tri_directional(visible, infrared, homogeneous, labels),
                "homogeneous": recipe.homogeneous_weight * F.smooth_l1_loss(visible, homogeneous),
            }


VARIANTS: dict[str, dict[str, Any]] = {"reconstruction": {}}

ROWS: dict[str, dict[str, Any]] = {
    "peers.hat": {},
    "ours.wo-ranking": {"ranking_weight": 0.0},
    "ours.wo-homogeneous": {"homogeneous_weight": 0.0},
}

PUBLISHED = (
    "RegDB, as LCCRF quotes it: visible to thermal R1 71.83  mAP 67.56; thermal to visible R1 70.02  mAP 66.30",
)
