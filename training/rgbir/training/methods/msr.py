"""MSR, a reconstruction: a network for each modality, a layer that both share, and people's centres made to meet.

Source: Feng, Lai, Xie, "Learning Modality-Specific Representations for Visible-Infrared Person Re-Identification", TIP 29, 2020,
its abstract alone. Its readings: docs/methods/comparators.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.stages import TwoStreams
from rgbir.training.data.batch import PairBatch
from rgbir.training.layers import ByModality, GlobalAveragePool, linear_classifier, unit
from rgbir.training.losses import cosine_softmax, modality_gap
from rgbir.training.method import Losses, Method
from rgbir.training.optim import Sgd
from rgbir.training.recipe import BaselineRecipe

PAPER = (
    "Z. Feng, J. Lai, X. Xie, Learning Modality-Specific Representations for Visible-Infrared Person Re-Identification, TIP 29,"
    " 2020"
)
IDEA = "a reconstruction: a network for each modality with a classifier by angle, a shared layer, centres that meet"


class MSRRecipe(BaselineRecipe):
    """Settings are ours where the abstract has none."""

    optimiser: Sgd = Sgd(fresh_factor=1.0)  # no batch norm bounds the new layers: at ten times the rate they exploded
    embedding: int = Field(1024, ge=1, description="length of each modality's vector, and of the shared one")
    kappa: float = Field(14.0, gt=0, description="scale of the cosines that each modality is classified by")
    gap_weight: float = Field(
        0.5, ge=0, description="of the squared distance of a person's two centres, which are of unit vectors"
    )


class MSR(Method):
    """The shared layer's vector is the embedding; centres are of it at length 1, angles of each modality's vector."""

    one_stream = False
    metric = Metric.COSINE
    fresh = ("specific", "shared", "classifier", "classifiers")

    def __init__(self, recipe: MSRRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        backbone = BACKBONES[recipe.backbone]()
        self.streams = TwoStreams(backbone, 4)
        self.pool = GlobalAveragePool()
        self.specific = ByModality(*(nn.Linear(backbone.channels, recipe.embedding) for _ in Modality))
        self.shared = nn.Linear(recipe.embedding, recipe.embedding)
        self.classifier = linear_classifier(recipe.embedding, identities)
        self.classifiers = ByModality(*(linear_classifier(recipe.embedding, identities) for _ in Modality))

    @property
    def dimension(self) -> int:
        return self.recipe.embedding

    def start_from_imagenet(self, file: Path) -> None:
        self.streams.start_from_imagenet(BACKBONES[self.recipe.backbone](), file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.shared(self.of_modality(images, modality))

    def of_modality(self, images: Tensor, modality: Modality) -> Tensor:
        """What the shared layer reads: float32 (n, 3, h, w), normalised → float (n, embedding)."""
        return self.specific(self.pool(self.streams(images, modality)), modality)

    def losses(self, batch: PairBatch) -> Losses:
        apart = [self.of_modality(batch.rgb, Modality.RGB), self.of_modality(batch.ir, Modality.IR)]
        vectors = self.gathered(torch.cat(apart), blocks=2)
        shared = self.shared(vectors)
        logits = self.classifier(shared)
        with torch.autocast(vectors.device.type, enabled=False):
            labels, smoothing = batch.labels, self.recipe.label_smoothing
            losses = {"identity": F.cross_entropy(logits.float(), labels.repeat(2), label_smoothing=smoothing)}
            for part, modality in zip(vectors.float().split(len(labels)), Modality, strict=True):
                weight = self.classifiers.get_submodule(modality.value).get_parameter("weight")
                losses[modality.value] = cosine_softmax(part, weight, labels, self.recipe.kappa)
            rgb, ir = unit(shared).split(len(labels))
            return losses | {"gap": self.recipe.gap_weight * modality_gap(rgb, ir, labels)}


VARIANTS: dict[str, dict[str, Any]] = {"reconstruction": {}}

ROWS: dict[str, dict[str, Any]] = {"peers.msr": {}, "ours.wo-gap": {"gap_weight": 0.0}}

PUBLISHED = ("SYSU-MM01 all-search single-shot, as others quote it: R1 37.35  R10 83.40  R20 93.34  mAP 38.11",)
