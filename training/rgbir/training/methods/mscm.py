"""MSCM: a stem for each of four views, blocks that bring shallow maps to deep ones, and centres across modalities.

Source: Hua, Cheng, Lu, Tu, Wang, Wang, "MSCMNet: Multi-scale Semantic Correlation Mining for Visible-Infrared Person
Re-Identification", Pattern Recognition 2025, and its code. Its readings: docs/methods/mscm.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.augmentation import AUG_MSCM, Augmentation, Views
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.stages import Stems, load_parts
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import ByModality, GeneralisedMeanPool, batch_norm_neck, linear_classifier
from rgbir.training.losses import HardestTriplet, QuadrupleCentre
from rgbir.training.method import Losses, Method
from rgbir.training.networks.cross_scale import CrossScaleTrunk
from rgbir.training.optim import Sgd
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "X. Hua, K. Cheng, H. Lu, J. Tu, Y. Wang, S. Wang, MSCMNet: Multi-scale Semantic Correlation Mining for Visible-Infrared"
    " Person Re-Identification, Pattern Recognition, 2025"
)
IDEA = "a stem for each of four views; blocks bring shallow maps to deep ones; each vector near its person's centre across modalities"


class Mscm(Settings):
    """What the method adds to AGW's network."""

    stems: Literal[2, 4] = Field(4, description="one for each view, or for each modality")
    blocks: Literal["off", "last", "all"] = Field(
        "all",
        description="before the last stage: none, the one that sees a single map, or the three that see two as well",
    )
    residual: bool = Field(False, description="blocks add to their map; the released ones replace it")
    loss: Literal["qc", "triplet"] = Field("qc", description="quadruple-centre, or the hardest of each anchor")
    margin: float = Field(0.7, ge=0, description="of the centres of others; of `triplet` it is 0.3")
    alpha: float = Field(0.0, ge=0, le=1, description="of the pull, how much is to the centre of the row's own view")


class MSCMRecipe(ViewsRecipe):
    """The released code's settings, but for the choice of weights; it trains in half precision (`amp=fp16`).

    Attributes:
        augment, views: how images are changed, and the views of each.
        mscm: stems, blocks and loss.
    """

    height: int = Field(384, ge=32)
    width: int = Field(192, ge=16)
    augment: Augmentation = AUG_MSCM.augment
    views: Views = AUG_MSCM.views
    optimiser: Sgd = Sgd(nesterov=True)
    schedule: Agw = Agw(epochs=150, warmup_from=0.1, milestones=(25, 90, 120))
    people: int = Field(6, ge=2, description="identities a batch")
    mscm: Mscm = Mscm()


class MSCM(Method):
    """Rows are those of V, V', I, I'. At test time an image's map is the mean of those of all stems of its modality.

    Raises:
        BadRecipe: four stems without four views.
    """

    one_stream = False
    metric = Metric.COSINE
    fresh = ("neck", "classifier")

    def __init__(self, recipe: MSCMRecipe, identities: int) -> None:
        super().__init__()
        self.recipe, switches = recipe, recipe.mscm
        self.of_each = switches.stems // 2
        if self.of_each == 2 and (recipe.views.of_rgb, recipe.views.of_ir) != (2, 2):
            raise BadRecipe("mscm.stems=4 is for four views; set views.of_rgb=2 and views.of_ir=2, or mscm.stems=2")
        whole = BACKBONES[recipe.backbone]()
        self.stems = ByModality(Stems(whole, self.of_each), Stems(whole, self.of_each))
        self.trunk = CrossScaleTrunk(whole, recipe.height, recipe.width, switches.blocks, switches.residual)
        self.pool = GeneralisedMeanPool()
        self.neck = batch_norm_neck(whole.channels)
        self.classifier = linear_classifier(whole.channels, identities)
        self.ranking = QuadrupleCentre(switches.margin, switches.alpha) if switches.loss == "qc" else HardestTriplet()
        self.channels = whole.channels

    @property
    def dimension(self) -> int:
        return self.channels

    def start_from_imagenet(self, file: Path) -> None:
        stems = [stem for part in (self.stems.rgb, self.stems.ir) for stem in part.get_submodule("stems").children()]
        load_parts((*stems, *self.trunk.stages), BACKBONES[self.recipe.backbone](), file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        maps = self.stems(torch.stack([images] * self.of_each), modality)
        return self.neck(self.pool(self.trunk(maps.unflatten(0, (self.of_each, -1)).mean(dim=0))))

    def losses(self, batch: ViewBatch) -> Losses:
        maps = torch.cat([self.stems(batch.rgb, Modality.RGB), self.stems(batch.ir, Modality.IR)])
        pooled = self.gathered(self.pool(self.trunk(maps)), blocks=batch.views)
        logits = self.classifier(self.neck(pooled))
        with torch.autocast(pooled.device.type, enabled=False):
            return self.terms(pooled.float().unflatten(0, (batch.views, -1)), logits.float(), batch.labels)

    def terms(self, pooled: Tensor, logits: Tensor, labels: Tensor) -> Losses:
        """The objective: of pooled vectors float (views, N, d), logits float (views · N, classes), labels int64 (N,)."""
        recipe, everybody = self.recipe, labels.repeat(len(pooled))
        if isinstance(self.ranking, QuadrupleCentre):
            ranking = self.ranking(pooled[: recipe.views.of_rgb], pooled[recipe.views.of_rgb :], labels)
        else:
            ranking = self.ranking(pooled.flatten(0, 1), everybody)
        identity = F.cross_entropy(logits, everybody, label_smoothing=recipe.label_smoothing)
        return {"identity": identity, "ranking": ranking}


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"amp": "fp16", "select": "best_on_test", "tested.first": 0, "tested.every": 1},
}

ROWS: dict[str, dict[str, Any]] = {
    "printed.mscm": {},
    "ours.wo-blocks": {"mscm.blocks": "off"},
    "ours.last-block": {"mscm.blocks": "last"},
    "ours.residual": {"mscm.residual": True},
    "ours.two-stems": {"mscm.stems": 2},
    "ours.triplet": {"mscm.loss": "triplet"},
    "ours.alpha": {"mscm.alpha": 0.5},
    "ours.drop-80": {"schedule.milestones": (25, 80, 120)},
    "ours.60-epochs": {"schedule.epochs": 60},
}

PUBLISHED = ("SYSU-MM01 all-search single-shot: R1 78.53  mAP 74.20 (mINP 61.29)",)
