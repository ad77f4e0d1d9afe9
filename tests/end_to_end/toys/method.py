"""Toy: one network for both modalities, identities alone, embeddings of unit length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import PairBatch
from rgbir.training.layers import GlobalAveragePool, linear_classifier, unit
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import BaselineRecipe

PAPER = "Nobody, A toy"
IDEA = "one network for both modalities; identities alone"


class ToyRecipe(BaselineRecipe):
    """As AGW trains."""


class Toy(Method):
    """The embedding is the mean of the last feature map, at unit length."""

    metric = Metric.COSINE
    one_stream = True
    fresh = ("classifier",)

    def __init__(self, recipe: ToyRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone, self.pool = BACKBONES[recipe.backbone](), GlobalAveragePool()
        self.classifier = linear_classifier(self.backbone.channels, identities)

    @property
    def dimension(self) -> int:
        return self.classifier.in_features

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return unit(self.pool(self.backbone(images)).float())

    def losses(self, batch: PairBatch) -> Losses:
        logits = self.classifier(self.pool(self.backbone(torch.cat([batch.rgb, batch.ir]))))
        return {"identity": F.cross_entropy(logits.float(), batch.labels.repeat(2))}


VARIANTS: dict[str, dict[str, Any]] = {"paper": {}}
ROWS: dict[str, dict[str, Any]] = {}
PUBLISHED: tuple[str, ...] = ()
