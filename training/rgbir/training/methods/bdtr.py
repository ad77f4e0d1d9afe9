"""BDTR: two networks that meet in their last layer, ranked across modalities and within each.

Source: Ye, Wang, Lan, Yuen, "Visible Thermal Person Re-Identification via Dual-Constrained Top-Ranking", IJCAI 2018, and
its code. eBDTR (TIFS 2020) is a reconstruction. Its readings: docs/methods/baselines.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones.towers import Towers, TowersRecipe
from rgbir.training.data.batch import PairBatch
from rgbir.training.data.transforms import MEAN, STD
from rgbir.training.device import constants
from rgbir.training.layers import linear_classifier
from rgbir.training.losses import CentredRanking, DualConstrained
from rgbir.training.method import Losses, Method
from rgbir.training.schedules import WarmupStep

PAPER = (
    "M. Ye, Z. Wang, X. Lan, P. C. Yuen, Visible Thermal Person Re-Identification via Dual-Constrained Top-Ranking,"
    " IJCAI 2018"
)
IDEA = "a network for each modality that meet in their last layer; ranked across modalities, and within each"


class BDTRRecipe(TowersRecipe):
    """The released code's settings."""

    schedule: WarmupStep = WarmupStep(updates=5_000, warmup=0, milestones=())
    fc7: int = Field(1024, ge=1, description="length of the shared layer's vector, the embedding")
    rectify: bool = Field(False, description="rectify the embedding; ranking, classifier and test then read it so")
    dropout: float = Field(0.5, ge=0, lt=1, description="before the classifier")
    dropout_shared: float = Field(0.0, ge=0, lt=1, description="before the shared layer")
    classifier_bias: bool = Field(False, description="the classifier has a bias, which starts at 0")
    pixels: Literal["normalised", "bgr"] = Field(
        "normalised", description="what the networks read; bgr: blue, green, red in 0..255 less a mean, as released"
    )
    ranking: Literal["bdtr", "ebdtr"] = Field(
        "bdtr", description="ebdtr is a reconstruction, its formula isn't verified"
    )
    directions: Literal["both", "one"] = Field("both", description="anchors of both modalities, or visible ones only")
    margin: float = Field(0.5, ge=0, description="of the ranking across modalities")
    intra_margin: float = Field(0.1, ge=0, description="of the constraint within a modality")
    intra_weight: float = Field(0.1, ge=0, description="0 leaves the constraint within a modality out")


RELEASED_MEAN = (123.68, 116.779, 103.939)
"""What the released code takes from blue, green and red, in this order; they are ImageNet's of red, green and blue."""


class BDTR(Method):
    """The ranking and the test read unit vectors: cosine."""

    one_stream = False
    metric = Metric.COSINE
    fresh = ("classifier",)

    def __init__(self, recipe: BDTRRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.towers = Towers(recipe.backbone, recipe.fc7, dropout=recipe.dropout_shared)
        linear = linear_classifier(recipe.fc7, identities, bias=recipe.classifier_bias)
        self.classifier = nn.Sequential(nn.Dropout(recipe.dropout), linear)
        if recipe.ranking == "bdtr":
            self.ranking: nn.Module = DualConstrained(
                recipe.margin, recipe.intra_margin, recipe.intra_weight, recipe.directions
            )
        else:
            self.ranking = CentredRanking(recipe.margin)

    @property
    def dimension(self) -> int:
        return self.recipe.fc7

    def start_from_imagenet(self, file: Path) -> None:
        self.towers.start_from_imagenet(file)
        if self.recipe.pixels == "bgr":
            for network in (self.towers.features.rgb, self.towers.features.ir):
                _read_bgr(network)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self._rectified(self.towers(self._pixels(images), modality))

    def _pixels(self, images: Tensor) -> Tensor:
        return bgr(images) if self.recipe.pixels == "bgr" else images

    def _rectified(self, vectors: Tensor) -> Tensor:
        return F.relu(vectors) if self.recipe.rectify else vectors

    def losses(self, batch: PairBatch) -> Losses:
        vectors = self.towers.both(self._pixels(batch.rgb), self._pixels(batch.ir))
        vectors = self._rectified(self.gathered(vectors, blocks=2))
        logits = self.classifier(vectors)
        with torch.autocast(batch.rgb.device.type, enabled=False):
            rgb, ir = vectors.float().split(len(batch.labels))
            smoothing = self.recipe.label_smoothing
            identity = F.cross_entropy(logits.float(), batch.labels.repeat(2), label_smoothing=smoothing)
            return {"identity": identity, "ranking": self.ranking(rgb, ir, batch.labels)}


def bgr(images: Tensor) -> Tensor:
    """Normalised images as BDTR's released code reads them: blue, green, red, 0..255, less `RELEASED_MEAN`.

    float32 (n, 3, height, width) → the same shape.
    """
    mean, std, taken = (
        constants(values, images.device, images.dtype)[:, None, None] for values in (MEAN, STD, RELEASED_MEAN)
    )
    return ((images * std + mean) * 255)[:, [2, 1, 0]] - taken


def _read_bgr(network: nn.Module) -> None:
    """Lets the first layer of a network from torchvision do on such pixels what it does on normalised ones.

    But for the mean: its weights then see what the released code's see.
    """
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    with torch.no_grad():
        scales = torch.tensor(STD)[:, None, None] * 255
        first.weight.copy_((first.weight / scales)[:, [2, 1, 0]])


_EBDTR = {"ranking": "ebdtr", "backbone": "resnet50", "height": 288, "width": 144}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {
        "rectify": True,
        "dropout": 0.5,
        "dropout_shared": 0.5,
        "optimiser.weight_decay": 0.0,
        "optimiser.fresh_factor": 1.0,
        "augment.diagonal": 29,
        "augment.flip": 0.0,
        "augment.padcrop": 0,
        "pixels": "bgr",
        "classifier_bias": True,
    },
    "ebdtr-reconstruction": _EBDTR,
}

ROWS: dict[str, dict[str, Any]] = {
    "peers.top-ranking": {"directions": "one", "intra_weight": 0.0},
    "peers.bctr": {"intra_weight": 0.0},
    "peers.bdtr": {},
    "peers.ebdtr": _EBDTR,
}

PUBLISHED = (
    "SYSU-MM01 all-search single-shot: Top-Ranking R1 12.96 mAP 16.11; BCTR 16.12, 19.15; BDTR 17.01, 19.66; eBDTR 27.82, 28.42",
)
