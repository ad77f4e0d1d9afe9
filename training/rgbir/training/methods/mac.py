"""MAC and MACE, a reconstruction: a classifier for both modalities, one for each, and their ensemble as a teacher.

Source: Ye, Lan, Leng, "Modality-aware Collaborative Learning for Visible Thermal Person Re-Identification", ACM MM 2019; Ye,
Lan, Leng, Shen, "Cross-Modality Person Re-Identification via Modality-Aware Collaborative Ensemble Learning", TIP 2020, their
abstracts alone. Its readings: docs/methods/comparators.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.stages import TwoStreams
from rgbir.training.data.batch import PairBatch
from rgbir.training.layers import ByModality, GlobalAveragePool, batch_norm_neck, linear_classifier
from rgbir.training.losses import DualConstrained, soft_cross_entropy
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import BaselineRecipe

PAPER = (
    "M. Ye, X. Lan, Q. Leng, Modality-aware Collaborative Learning for Visible Thermal Person Re-Identification, ACM MM 2019;"
    " M. Ye, X. Lan, Q. Leng, J. Shen, Cross-Modality Person Re-Identification via Modality-Aware Collaborative Ensemble"
    " Learning, TIP 29, 2020"
)
IDEA = "a reconstruction: a classifier for both modalities and one for each, which their ensemble teaches"


class MACRecipe(BaselineRecipe):
    """Settings are ours where the abstracts have none."""

    ensemble: bool = Field(
        True, description="MACE: the mean of both predictions is trained, and teaches; MAC: the shared one"
    )
    margin: float = Field(0.5, ge=0, description="of the ranking across modalities, which is BDTR's")


class MAC(Method):
    """Stages 0 and 1 for each modality. Classifiers and the test read the neck's output, the ranking the pooled vector."""

    one_stream = False
    metric = Metric.COSINE
    fresh = ("neck", "classifier", "classifiers")

    def __init__(self, recipe: MACRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        backbone = BACKBONES[recipe.backbone]()
        self.channels = backbone.channels
        self.streams = TwoStreams(backbone, 1)
        self.pool = GlobalAveragePool()
        self.neck = batch_norm_neck(self.channels)
        self.classifier = linear_classifier(self.channels, identities)
        self.classifiers = ByModality(*(linear_classifier(self.channels, identities) for _ in Modality))
        self.ranking = DualConstrained(recipe.margin, weight=0.0)

    @property
    def dimension(self) -> int:
        return self.channels

    def start_from_imagenet(self, file: Path) -> None:
        self.streams.start_from_imagenet(BACKBONES[self.recipe.backbone](), file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self.pool(self.streams(images, modality)))

    def losses(self, batch: PairBatch) -> Losses:
        pooled = self.gathered(self.pool(self.streams.both(batch.rgb, batch.ir)), blocks=2)
        vectors, n = self.neck(pooled), len(batch.labels)
        rgb, ir = (self.classifiers(part, m) for part, m in zip(vectors.split(n), Modality, strict=True))
        shared = self.classifier(vectors)
        with torch.autocast(pooled.device.type, enabled=False):
            return self.terms(pooled.float(), shared.float(), rgb.float(), ir.float(), batch.labels)

    def terms(self, pooled: Tensor, shared: Tensor, rgb: Tensor, ir: Tensor, labels: Tensor) -> Losses:
        """The objective: pooled vectors float (2 · N, d), shared logits of them, each modality's float (N, classes), labels (N,)."""
        smoothing, both = self.recipe.label_smoothing, labels.repeat(2)
        specific = torch.cat([rgb, ir])
        together = (shared + specific) / 2
        terms = {
            "identity": F.cross_entropy(shared, both, label_smoothing=smoothing),
            "rgb": F.cross_entropy(rgb, labels, label_smoothing=smoothing),
            "ir": F.cross_entropy(ir, labels, label_smoothing=smoothing),
            "taught": soft_cross_entropy(specific, together if self.recipe.ensemble else shared),
            "ranking": self.ranking(*pooled.split(len(labels)), labels),
        }
        if self.recipe.ensemble:
            terms["ensemble"] = F.cross_entropy(together, both, label_smoothing=smoothing)
        return terms


VARIANTS: dict[str, dict[str, Any]] = {"mace-reconstruction": {}, "mac-reconstruction": {"ensemble": False}}

ROWS: dict[str, dict[str, Any]] = {"peers.mac": {"ensemble": False}, "printed.mace": {"ensemble": True}}

PUBLISHED = (
    "SYSU-MM01 all-search single-shot: MAC, as others quote it, R1 33.26  mAP 36.22; MACE R1 51.64  mAP 50.11",
    "RegDB visible to thermal: MAC, as others quote it, R1 36.43  mAP 37.03; MACE R1 72.37  mAP 69.09",
)
