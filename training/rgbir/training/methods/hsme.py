"""HSME, a reconstruction: two streams whose embedding and classifier live on the unit sphere; D-HSME decorrelates.

Source: Hao, Wang, Li, Gao, "HSME: Hypersphere Manifold Embedding for Visible Thermal Person Re-Identification", AAAI
2019. Only its outline is known to us (methods.md 7.7). Its readings: docs/methods/baselines.md.
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
from rgbir.training.layers import GlobalAveragePool, linear_classifier, unit
from rgbir.training.losses import DualConstrained
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import BaselineRecipe
from rgbir.training.settings import Settings

PAPER = (
    "Y. Hao, N. Wang, J. Li, X. Gao, HSME: Hypersphere Manifold Embedding for Visible Thermal Person"
    " Re-Identification, AAAI 2019"
)
IDEA = "two streams, identities by angle alone on a sphere, ranked across and within modalities (a reconstruction)"


class Sphere(Settings):
    """The hypersphere of embeddings and classifier, and when D-HSME decorrelates."""

    scale: float = Field(14.0, gt=0, description="of the cosines before the softmax")
    embedding: int = Field(1024, ge=1, description="length of the embedding")
    decorrelate: tuple[int, ...] = Field(
        (), description="epochs that begin by decorrelating the embedding's weight, which then rests for some"
    )
    rest: int = Field(5, ge=1, description="epochs of a rest")


class HSMERecipe(BaselineRecipe):
    """As AGW trains; what HSME adds is reconstructed.

    Attributes:
        sphere: the hypersphere.
    """

    sphere: Sphere = Sphere()
    split: int = Field(1, ge=0, le=4, description="the last stage that each modality has for itself")


class HSME(Method):
    """Compared by cosine: only the direction of an embedding was trained."""

    one_stream = False
    metric = Metric.COSINE
    fresh = ("embedding", "classifier")

    def __init__(self, recipe: HSMERecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        backbone = BACKBONES[recipe.backbone]()
        self.streams = TwoStreams(backbone, recipe.split)
        self.pool = GlobalAveragePool()
        self.embedding = nn.Linear(backbone.channels, recipe.sphere.embedding, bias=False)
        nn.init.kaiming_normal_(self.embedding.weight, mode="fan_out")
        self.classifier = linear_classifier(recipe.sphere.embedding, identities)
        self.ranking = DualConstrained()
        self.resting_until: Tensor
        self.register_buffer("resting_until", torch.zeros((), dtype=torch.int64))

    @property
    def dimension(self) -> int:
        return self.recipe.sphere.embedding

    def start_from_imagenet(self, file: Path) -> None:
        self.streams.start_from_imagenet(BACKBONES[self.recipe.backbone](), file)

    def begin(self, epoch: int) -> None:
        """Decorrelates if it is time, and lets the embedding's weight move again after its rest."""
        if epoch in self.recipe.sphere.decorrelate:
            self.decorrelate()
            self.resting_until.fill_(epoch + self.recipe.sphere.rest)
        elif epoch >= int(self.resting_until):
            self.resting_until.zero_()

    @torch.no_grad()
    def decorrelate(self) -> None:
        """With W = U S Vᵀ (channels x length) the embedding x W becomes x U S; classifiers turn along, by V.

        Distances, angles and logits stay as they are; what changes is that the weight's columns are orthogonal.
        """
        u, s, v = torch.linalg.svd(self.embedding.weight.T.double(), full_matrices=False)
        weight = (u * s).T
        self.embedding.weight[: len(weight)] = weight.float()
        self.embedding.weight[len(weight) :] = 0
        turned = self.classifier.weight.double() @ v.T
        self.classifier.weight[:, : turned.shape[1]] = turned.float()
        self.classifier.weight[:, turned.shape[1] :] = 0

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.embedding(self.pool(self.streams(images, modality)))

    def losses(self, batch: PairBatch) -> Losses:
        self.embedding.weight.requires_grad_(not bool(self.resting_until))
        vectors = self.gathered(self.embedding(self.pool(self.streams.both(batch.rgb, batch.ir))), blocks=2)
        with torch.autocast(batch.rgb.device.type, enabled=False):
            rgb, ir = vectors.float().split(len(batch.labels))
            cosines = unit(vectors) @ unit(self.classifier.weight).T
            logits = self.recipe.sphere.scale * cosines
            smoothing = self.recipe.label_smoothing
            identity = F.cross_entropy(logits, batch.labels.repeat(2), label_smoothing=smoothing)
            return {"identity": identity, "ranking": self.ranking(rgb, ir, batch.labels)}


_DECORRELATED = {"schedule.epochs": 90, "sphere.decorrelate": (60, 70, 80)}
VARIANTS: dict[str, dict[str, Any]] = {"reconstruction": {}, "d-hsme-reconstruction": _DECORRELATED}
ROWS: dict[str, dict[str, Any]] = {"peers.hsme": {}, "peers.d-hsme": _DECORRELATED}
PUBLISHED = (
    "SYSU-MM01 all-search single-shot: HSME R1 18.03  R10 58.31  R20 74.43  mAP 19.98; D-HSME 20.68  62.74  77.95  23.12",
)
