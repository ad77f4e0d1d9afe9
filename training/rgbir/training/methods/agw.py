"""AGW: attention by non-local blocks, generalised-mean pooling, and a triplet that weighs every pair.

Source: Ye, Shen, Lin, Xiang, Shao, Hoi, "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI 2022,
and its code. The strongest peer that Base-Derivative compares with. Its readings: docs/methods/baselines.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.stages import TwoStreams, non_local_blocks
from rgbir.training.data.batch import PairBatch
from rgbir.training.layers import GeneralisedMeanPool, GlobalAveragePool, batch_norm_neck, linear_classifier
from rgbir.training.losses import HardestTriplet, WeightedRegularisedTriplet
from rgbir.training.method import Losses, Method
from rgbir.training.optim import Sgd
from rgbir.training.recipe import BaselineRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "M. Ye, J. Shen, G. Lin, T. Xiang, L. Shao, S. C. H. Hoi, Deep Learning for Person Re-identification: A Survey and"
    " Outlook, TPAMI 44(6), 2022"
)
IDEA = "a stem for each modality; attention, generalised-mean pooling, and a triplet that weighs every pair"


class NonLocalBlocks(Settings):
    """The attention of stages 2 and 3 (methods.md 3.2)."""

    on: bool = Field(True, description="off: the backbone as it is")
    inter: Literal["half", "one"] = Field("one", description="inner channels; 1 in the released code")


class AGWRecipe(BaselineRecipe):
    """The released code's settings.

    Attributes:
        nl: non-local blocks.
        pool: generalised-mean or average pooling.
    """

    optimiser: Sgd = Sgd(nesterov=True)
    schedule: Agw = Agw(epochs=80)
    nl: NonLocalBlocks = NonLocalBlocks()
    pool: Literal["gem", "gap"] = "gem"
    ranking: Literal["wrt", "triplet"] = Field(
        "wrt", description="weighted over all pairs, or the hardest of each anchor"
    )
    ranking_weights: Literal["exact", "released"] = Field(
        "exact", description="of wrt: a softmax, or as released, where far-apart negatives weigh nothing"
    )
    triplet_margin: float = Field(0.3, ge=0, description="of the ranking `triplet`")


class AGWNetwork(Method):
    """Stage 0 for each modality, the others shared; tests and classifies by the neck's output.

    Args:
        backbone: its name.
        nl: non-local blocks.
        pool: generalised-mean, with a trained exponent or that of 3, or average pooling.
        identities: how many people the classifier tells apart.
    """

    one_stream = False
    metric = Metric.COSINE
    fresh = ("neck", "classifier")

    def __init__(
        self, backbone: str, nl: NonLocalBlocks, pool: Literal["gem", "learnt_gem", "gap"], identities: int
    ) -> None:
        super().__init__()
        whole = BACKBONES[backbone]()
        self.backbone = backbone
        self.streams = TwoStreams(whole, 0, non_local_blocks(whole, nl.inter) if nl.on else {})
        self.pool = GlobalAveragePool() if pool == "gap" else GeneralisedMeanPool(learn=pool == "learnt_gem")
        self.neck = batch_norm_neck(whole.channels)
        nn.init.normal_(self.neck.get_parameter("weight"), 1.0, 0.01)
        self.classifier = linear_classifier(whole.channels, identities)
        self.channels = whole.channels

    @property
    def dimension(self) -> int:
        return self.channels

    def start_from_imagenet(self, file: Path) -> None:
        self.streams.start_from_imagenet(BACKBONES[self.backbone](), file)

    def updated(self, epoch: int) -> None:
        if isinstance(self.pool, GeneralisedMeanPool):
            self.pool.bound()

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self.pool(self.streams(images, modality)))


class AGW(AGWNetwork):
    """The ranking reads the pooled vector, all else the neck's output."""

    def __init__(self, recipe: AGWRecipe, identities: int) -> None:
        super().__init__(recipe.backbone, recipe.nl, recipe.pool, identities)
        self.recipe = recipe
        weighted = WeightedRegularisedTriplet(weights=recipe.ranking_weights)
        self.ranking = weighted if recipe.ranking == "wrt" else HardestTriplet(recipe.triplet_margin)

    def losses(self, batch: PairBatch) -> Losses:
        pooled = self.gathered(self.pool(self.streams.both(batch.rgb, batch.ir)), blocks=2)
        logits = self.classifier(self.neck(pooled))
        labels = batch.labels.repeat(2)
        with torch.autocast(batch.rgb.device.type, enabled=False):
            identity = F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
            return {"identity": identity, "ranking": self.ranking(pooled.float(), labels)}


_BASE = {"nl.on": False, "pool": "gap", "ranking": "triplet"}
_RELEASED = {"resize": "lanczos", "schedule.epochs": 81, "select": "best_on_test"}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"ranking_weights": "released", **_RELEASED},
    "base": _BASE,
    "base-official-code": {**_BASE, **_RELEASED},
}

ROWS: dict[str, dict[str, Any]] = {"peers.agw": {}}

PUBLISHED = ("SYSU-MM01 all-search single-shot, as Base-Derivative quotes it: R1 47.50  mAP 47.65 (mINP 35.30)",)
