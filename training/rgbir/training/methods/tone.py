"""TONE: a network for each modality that meet in their last layer; identities, and contrast between the modalities.

Source: Ye, Lan, Li, Yuen, "Hierarchical Discriminative Learning for Visible Thermal Person Re-Identification", AAAI 2018,
and its code. Its readings: docs/methods/baselines.md. HCML fits a metric to what it gives: hcml.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.backbones.towers import Towers, TowersRecipe
from rgbir.training.data.batch import PairBatch
from rgbir.training.layers import linear_classifier
from rgbir.training.losses import contrastive
from rgbir.training.method import Losses, Method
from rgbir.training.schedules import WarmupStep
from rgbir.training.settings import Settings

PAPER = (
    "M. Ye, X. Lan, J. Li, P. C. Yuen, Hierarchical Discriminative Learning for Visible Thermal Person"
    " Re-Identification, AAAI 2018"
)
IDEA = "a network for each modality that meet in their last layer; identities, and contrast between modalities"


class Contrast(Settings):
    """The contrastive loss between modalities (methods.md 7.5)."""

    weight: float = Field(0.2, ge=0, description="beside the identity loss")
    margin: float = Field(0.5, ge=0, description="distance from which on two people cost nothing")


class ToneRecipe(TowersRecipe):
    """The released code's settings; batches of 64 people, one image of each in each modality.

    Attributes:
        contrast: the loss between modalities.
    """

    schedule: WarmupStep = WarmupStep(updates=1_500, warmup=0, milestones=())
    fc7: int = Field(4096, ge=1, description="length of the shared layer's vector, the embedding")
    contrast: Contrast = Contrast()


class TONE(Method):
    """The embedding is the shared layer's vector."""

    one_stream = False
    fresh = ("classifier",)

    def __init__(self, recipe: ToneRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.towers = Towers(recipe.backbone, recipe.fc7)
        self.classifier = linear_classifier(recipe.fc7, identities)

    @property
    def dimension(self) -> int:
        return self.recipe.fc7

    def start_from_imagenet(self, file: Path) -> None:
        self.towers.start_from_imagenet(file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.towers(images, modality)

    def losses(self, batch: PairBatch) -> Losses:
        vectors = self.gathered(self.towers.both(batch.rgb, batch.ir), blocks=2)
        logits = self.classifier(vectors)
        with torch.autocast(batch.rgb.device.type, enabled=False):
            rgb, ir = vectors.float().split(len(batch.labels))
            # Each row is a pair of one person; with the next person's row it is a pair of two.
            shift = self.recipe.images
            same = torch.cat([torch.ones_like(rgb[:, 0]), torch.zeros_like(rgb[:, 0])])
            contrast = contrastive(
                rgb.repeat(2, 1), torch.cat([ir, ir.roll(shift, 0)]), same, self.recipe.contrast.margin
            )
            smoothing = self.recipe.label_smoothing
            identity = F.cross_entropy(logits.float(), batch.labels.repeat(2), label_smoothing=smoothing)
            return {"identity": identity, "contrast": self.recipe.contrast.weight * contrast}


VARIANTS: dict[str, dict[str, Any]] = {"paper": {}}
ROWS: dict[str, dict[str, Any]] = {"peers.tone": {}}
PUBLISHED = ("SYSU-MM01 all-search single-shot: R1 12.52  R10 50.72  R20 68.69  mAP 14.42",)
