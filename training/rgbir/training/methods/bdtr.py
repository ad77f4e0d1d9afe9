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

from rgbir.index import Modality
from rgbir.training.backbones.towers import Towers, TowersRecipe
from rgbir.training.data.batch import PairBatch
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
    dropout: float = Field(0.5, ge=0, lt=1, description="before the classifier")
    ranking: Literal["bdtr", "ebdtr"] = Field(
        "bdtr", description="ebdtr is a reconstruction, its formula isn't verified"
    )
    directions: Literal["both", "one"] = Field("both", description="anchors of both modalities, or visible ones only")
    margin: float = Field(0.5, ge=0, description="of the ranking across modalities")
    intra_margin: float = Field(0.1, ge=0, description="of the constraint within a modality")
    intra_weight: float = Field(0.1, ge=0, description="0 leaves the constraint within a modality out")


class BDTR(Method):
    """The ranking and the test read unit vectors."""

    one_stream = False
    fresh = ("classifier",)

    def __init__(self, recipe: BDTRRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.towers = Towers(recipe.backbone, recipe.fc7)
        self.classifier = nn.Sequential(nn.Dropout(recipe.dropout), linear_classifier(recipe.fc7, identities))
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

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.towers(images, modality)

    def losses(self, batch: PairBatch) -> Losses:
        vectors = self.towers.both(batch.rgb, batch.ir)
        logits = self.classifier(vectors)
        with torch.autocast(batch.rgb.device.type, enabled=False):
            rgb, ir = vectors.float().split(len(batch.labels))
            smoothing = self.recipe.label_smoothing
            identity = F.cross_entropy(logits.float(), batch.labels.repeat(2), label_smoothing=smoothing)
            return {"identity": identity, "ranking": self.ranking(rgb, ir, batch.labels)}


_EBDTR = {"ranking": "ebdtr", "backbone": "resnet50", "height": 288, "width": 144}
VARIANTS: dict[str, dict[str, Any]] = {"paper": {}, "ebdtr-reconstruction": _EBDTR}

ROWS: dict[str, dict[str, Any]] = {
    "peers.top-ranking": {"directions": "one", "intra_weight": 0.0},
    "peers.bctr": {"intra_weight": 0.0},
    "peers.bdtr": {},
    "peers.ebdtr": _EBDTR,
}

PUBLISHED = (
    "SYSU-MM01 all-search single-shot: Top-Ranking R1 12.96 mAP 16.11; BCTR 16.12, 19.15; BDTR 17.01, 19.66; eBDTR 27.82, 28.42",
)
