"""expAT on one modality: the angular triplet, batch-hard, on Market-1501 and DukeMTMC-reID.

Source: Ye, Liu, Meng, Li, "Bi-directional Exponential Angular Triplet Loss for RGB-Infrared Person Re-Identification",
IEEE Transactions on Image Processing 30:1583-1595, 2021, Table X and its code. Its readings: docs/methods/expat.md.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import MixedBatch
from rgbir.training.layers import GlobalAveragePool, NeckKind, batch_norm_neck, linear_classifier, unit
from rgbir.training.losses import BatchHardExponentialAngular, Centres, HardestTriplet
from rgbir.training.method import Losses, Method
from rgbir.training.methods import expat
from rgbir.training.optim import Adam
from rgbir.training.recipe import MixedRecipe, Trunk
from rgbir.training.schedules import WarmupEpoch
from rgbir.training.settings import Settings

PAPER = expat.PAPER
IDEA = "expAT's angular triplet on one modality: the hardest of a batch, on a strong colour baseline"


class Centre(Settings):
    """The centre loss (methods.md 2.6)."""

    weight: float = Field(0.0, ge=0, description="0.0005 where the table adds a centre loss")
    rate: float = Field(0.5, gt=0, description="at which the centres follow")
    form: Literal["half", "released"] = Field(
        "half",
        description="half the mean squared distance; as released, the whole: loss and centres' steps are twice as large",
    )


class ExpATSingleRecipe(MixedRecipe):
    """The released code's settings: the strong baseline's, with expAT in place of its triplet.

    Attributes:
        centre: the centre loss, off by its weight.
    """

    backbone: Trunk = "resnet50"
    height: int = Field(256, ge=32)
    width: int = Field(128, ge=16)
    optimiser: Adam = Adam(learning_rate=3.5e-4, bias_factor=1.0, decay_biases=True)
    schedule: WarmupEpoch = WarmupEpoch()
    people: int = Field(16, ge=2, description="identities a batch")
    images: int = Field(4, ge=2, description="images of each")
    sampling: Literal["balanced", "blind"] = Field("blind", description="blind needs one modality only")
    ranking: Literal["expat", "at", "triplet"] = Field("expat", description="the loss beside the identity loss")
    ranking_reads: Literal["embedding", "pooled"] = Field("embedding", description="`pooled`: before the neck (BNNeck)")
    ranking_weight: float = Field(0.1, ge=0, description="beside the identity loss; 0.001 with a centre loss")
    triplet_margin: float = Field(0.3, ge=0, description="of the ranking `triplet`")
    csbn: NeckKind | Literal["l2norm"] = Field("scale", description="as expAT's; or unit length in its place")
    classifier: Literal["plain", "released"] = Field(
        "plain",
        description="without a bias, N(0, 0.001²); released: where csbn is off, with a bias and as torch starts it",
    )
    metric: Literal["cosine", "euclidean"] = Field("cosine", description="distance at test time")
    unit_length: bool = Field(False, description="embeddings are brought to length 1 at test time, whatever the metric")
    centre: Centre = Centre()


class ExpATSingle(Method):
    """One network; what a camera's modality is makes no difference."""

    one_stream = True

    def __init__(self, recipe: ExpATSingleRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone = BACKBONES[recipe.backbone]()
        self.pool = GlobalAveragePool()
        channels = self.backbone.channels
        self.csbn = Unit() if recipe.csbn == "l2norm" else batch_norm_neck(channels, recipe.csbn)
        bare = recipe.classifier == "released" and recipe.csbn == "off"
        self.classifier = nn.Linear(channels, identities) if bare else linear_classifier(channels, identities)
        self.ranking: nn.Module = {
            "expat": BatchHardExponentialAngular(),
            "at": BatchHardExponentialAngular(form="mean"),
            "triplet": HardestTriplet(recipe.triplet_margin),
        }[recipe.ranking]
        factor = 0.5 if recipe.centre.form == "half" else 1.0
        weighed = recipe.centre.weight > 0
        self.centres = Centres(identities, channels, recipe.centre.rate, factor) if weighed else None

    @property
    def metric(self) -> Metric:  # type: ignore[override]  # the plain triplet's row tests with Euclidean distance
        return Metric(self.recipe.metric)

    @property
    def dimension(self) -> int:
        return self.backbone.channels

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        embeddings = self.csbn(self.pool(self.backbone(images)))
        return unit(embeddings) if self.recipe.unit_length else embeddings

    def losses(self, batch: MixedBatch) -> Losses:
        recipe = self.recipe
        pooled = self.gathered(self.pool(self.backbone(batch.images)))
        embeddings = self.csbn(pooled)
        logits = self.classifier(embeddings)
        with torch.autocast(batch.images.device.type, enabled=False):
            read = (pooled if recipe.ranking_reads == "pooled" else embeddings).float()
            losses = {
                "identity": F.cross_entropy(logits.float(), batch.labels, label_smoothing=recipe.label_smoothing),
                "ranking": recipe.ranking_weight * self.ranking(read, batch.labels),
            }
            if self.centres is not None:
                losses["centre"] = recipe.centre.weight * self.centres(read, batch.labels)
        return losses


class Unit(nn.Module):
    """Vectors of length 1: float (n, d) → float32 or better (n, d)."""

    def forward(self, vectors: Tensor) -> Tensor:
        return unit(vectors)


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"centre.form": "released", "classifier": "released", "unit_length": True},
}

_BNNECK = {"ranking": "triplet", "ranking_reads": "pooled", "ranking_weight": 1.0}
_CENTRE = {"centre.weight": 0.0005}
ROWS: dict[str, dict[str, Any]] = {
    "table10.triplet": {"ranking": "triplet", "ranking_weight": 1.0, "csbn": "off", "metric": "euclidean"},
    "table10.bnneck": _BNNECK,
    "table10.at": {"ranking": "at"},
    "table10.expat_alone": {"csbn": "off"},
    "table10.expat_l2norm": {"csbn": "l2norm"},
    "table10.expat": {},
    "table10.bnneck+centre": {**_BNNECK, **_CENTRE},
    "table10.at+centre": {"ranking": "at", "ranking_weight": 0.001, **_CENTRE},
    "table10.expat+centre": {"ranking_weight": 0.001, **_CENTRE},
}

PUBLISHED = (
    "Market-1501, R1 and mAP: triplet 92.0 81.7  BNNeck 94.1 85.7  AT 94.5 86.3  expAT 94.7 86.6  alone 91.20 80.40  l2norm 62.10 44.30",
    "DukeMTMC-reID, R1 and mAP: triplet 82.6 70.6  BNNeck 86.2 75.9  AT 86.7 76.5  expAT 87.6 77.1  alone 82.9 70.4  l2norm 52.8 33.4",
    "with centre loss, Market then Duke: BNNeck 94.5 85.9 86.4 76.4  AT 94.6 86.9 86.8 76.5  expAT 94.7 86.8 87.4 76.9",
)
