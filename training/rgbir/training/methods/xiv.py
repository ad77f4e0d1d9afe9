"""XIV: a light generator makes a third modality of visible images, and all three go through one network.

Source: Li, Wei, Hong, Gong, "Infrared-Visible Cross-Modal Person Re-Identification with an X Modality", AAAI 2020, and its
authors' program. Its readings: docs/methods/comparators.md.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.augmentation import Augmentation, Views
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import GlobalAveragePool, batch_norm_neck, linear_classifier
from rgbir.training.losses import CentreGap, HardestTriplet
from rgbir.training.method import Losses, Method
from rgbir.training.optim import Adam
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import WarmupEpoch
from rgbir.training.settings import Settings

PAPER = "D. Li, X. Wei, X. Hong, Y. Gong, Infrared-Visible Cross-Modal Person Re-Identification with an X Modality, AAAI 2020"
IDEA = "a third modality that ten weights make of visible images; a network for all, and centres across modalities"


class Xiv(Settings):
    """What the method adds to identities."""

    x: bool = Field(True, description="the made modality; off: visible and infrared images alone")
    distance: Literal["euclidean", "released"] = Field(
        "euclidean", description="of centres; as released, two squared lengths have changed places"
    )
    margin: float = Field(0.5, ge=0, description="of the gap between modalities")
    gap_weight: float = Field(0.1, ge=0, description="of the gap, which counts in both directions")
    intra: bool = Field(True, description="triplets within each modality")


class XIVRecipe(ViewsRecipe):
    """The authors' program's settings, but for the distance.

    Attributes:
        augment: how images are changed.
        xiv: the made modality and the losses.
    """

    height: int = Field(256, ge=32)
    width: int = Field(128, ge=16)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    augment: Augmentation = Augmentation()
    optimiser: Adam = Adam(learning_rate=3.5e-4, bias_factor=1.0, decay_biases=True)
    schedule: WarmupEpoch = WarmupEpoch()
    people: int = Field(12, ge=2, description="identities a batch")
    sampling: Literal["random", "drop", "repeat"] = Field("repeat", description="see the recipe of several views")
    xiv: Xiv = Xiv()


class Generator(nn.Sequential):
    """Linear, rectifier, linear for each pixel, from normalised visible images: float (n, 3, h, w) → the same."""

    def __init__(self) -> None:
        layers = [nn.Conv2d(3, 1, 1), nn.Conv2d(1, 3, 1)]
        for layer in layers:
            nn.init.constant_(layer.weight, 0.333)
            nn.init.zeros_(layer.get_parameter("bias"))
        super().__init__(layers[0], nn.ReLU(), layers[1])


class XIV(Method):
    """One network; the generator is of training alone. Triplets, gaps and the test read the pooled vector.

    Raises:
        BadRecipe: views of its own.
    """

    one_stream = True
    metric = Metric.COSINE
    fresh = ("generator", "neck", "classifier")

    def __init__(self, recipe: XIVRecipe, identities: int) -> None:
        super().__init__()
        if recipe.views != Views():
            raise BadRecipe("xiv has one view of each image, and makes the other itself; leave views as it is")
        self.recipe = recipe
        self.backbone = BACKBONES[recipe.backbone]()
        self.generator = Generator() if recipe.xiv.x else None
        self.pool = GlobalAveragePool()
        self.neck = batch_norm_neck(self.backbone.channels)
        self.classifier = linear_classifier(self.backbone.channels, identities)
        self.triplet = HardestTriplet(0.3)
        self.gap = CentreGap(recipe.xiv.margin, recipe.xiv.distance)

    @property
    def dimension(self) -> int:
        return self.backbone.channels

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.pool(self.backbone(images))

    def losses(self, batch: ViewBatch) -> Losses:
        shown = [batch.rgb[0], batch.ir[0]]
        if self.generator is not None:
            shown.append(self.generator(batch.rgb[0]))
        pooled = self.gathered(self.pool(self.backbone(torch.cat(shown))), blocks=len(shown))
        logits = self.classifier(self.neck(pooled))
        with torch.autocast(pooled.device.type, enabled=False):
            return self.terms(pooled.float(), logits.float(), batch.labels)

    def terms(self, pooled: Tensor, logits: Tensor, labels: Tensor) -> Losses:
        """The objective: of pooled vectors float (m · N, d), of m modalities V, I, X, their logits, labels int64 (N,)."""
        recipe, switches = self.recipe, self.recipe.xiv
        modalities, n = pooled.split(len(labels)), len(labels)
        smoothing = recipe.label_smoothing
        identity = [F.cross_entropy(part, labels, label_smoothing=smoothing) for part in logits.split(n)]
        terms = {"identity": torch.stack(identity).sum()}
        if switches.intra:
            terms["triplet"] = torch.stack([self.triplet(part, labels) for part in modalities]).sum()
        if switches.gap_weight:
            infrared = modalities[1]
            gaps = [self.gap(infrared, part, labels) for part in (modalities[0], *modalities[2:])]
            terms["gap"] = 2 * switches.gap_weight * torch.stack(gaps).sum()  # both directions are the same number
        return terms


VARIANTS: dict[str, dict[str, Any]] = {"paper": {}, "official-code": {"xiv.distance": "released"}}

ROWS: dict[str, dict[str, Any]] = {
    "peers.xiv": {},
    "ours.wo-x": {"xiv.x": False},
    "ours.wo-gap": {"xiv.gap_weight": 0.0},
    "ours.wo-intra": {"xiv.intra": False},
}

PUBLISHED = ("RegDB visible to thermal, as Base-Derivative quotes it: R1 62.21  R10 83.13  R20 91.72  mAP 60.18",)
