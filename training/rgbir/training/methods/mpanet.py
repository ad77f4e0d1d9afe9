"""MPANet: one network for both modalities, learnt parts, and classifiers of two modalities that teach each other.

Source: Wu, Dai, Chen, Lin, Wu, Huang, Zhong, Ji, "Discover Cross-Modality Nuances for Visible-Infrared Person
Re-Identification", CVPR 2021, and its code. Its readings: docs/methods/mpanet.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from rgbir.index import Metric, Modality
from rgbir.training.augmentation import AUG_MPA, Augmentation, Views
from rgbir.training.backbones import BACKBONES, Stages
from rgbir.training.backbones.stages import alleviations, load_parts
from rgbir.training.data.batch import ViewBatch
from rgbir.training.layers import batch_norm_neck, part_vectors
from rgbir.training.losses import centre_cluster, cross_kl, mask_overlap
from rgbir.training.method import Losses, Method
from rgbir.training.mutual import MutualClassifiers
from rgbir.training.optim import Adam
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "Q. Wu, P. Dai, J. Chen, C.-W. Lin, Y. Wu, F. Huang, B. Zhong, R. Ji, Discover Cross-Modality Nuances for"
    " Visible-Infrared Person Re-Identification, CVPR 2021"
)
IDEA = "one network for both modalities, learnt parts, and a classifier of each modality that teaches the other's"


class Alignment(Settings):
    """The parts of the network and of its objective (beyond.md 4.2, 4.3); weights of 0 leave a term out.

    Raises:
        ValueError: modalities teach each other without classifiers of their own.
    """

    mam: int = Field(2, ge=0, le=2, description="instance norms mixed in: after stage 3, and after stage 4 if two")
    parts: int = Field(6, ge=0, le=8, description="masks; 0 leaves the mean of the whole map")
    sep: float = Field(0.5, ge=0, description="weight of the masks' overlap, where there are two or more")
    cc: float = Field(1.0, ge=0, description="weight of the centres of a batch's people")
    specific: float = Field(1.0, ge=0, description="weight of each modality's classifier; 0: there is none")
    mutual: Literal["own_other", "other_own", "off"] = Field(
        "own_other", description="KL(own || other) as released, or KL(other || own), the usual distillation"
    )
    mutual_weight: float = Field(2.5, gt=0, description="of what the modalities teach each other")
    rate: float = Field(0.2, gt=0, le=1, description="how fast the teaching averages follow, to epoch 99; then slower")

    @model_validator(mode="after")
    def _taught(self) -> Self:
        if self.mutual != "off" and not self.specific:
            raise ValueError("specific=0 leaves no classifiers to teach each other; set mutual to off, too")
        return self


class MPANetRecipe(ViewsRecipe):
    """The released settings, to the end of the training instead of the best epoch on the test set.

    Attributes:
        mpa: parts of the network and of its objective.
    """

    height: int = Field(384, ge=32)
    width: int = Field(128, ge=16)
    augment: Augmentation = AUG_MPA.augment
    views: Views = AUG_MPA.views
    optimiser: Adam = Adam(learning_rate=3.5e-4, bias_factor=1.0, decay_biases=True)
    schedule: Agw = Agw(epochs=140, warmup=0, milestones=(80, 120))
    people: int = Field(16, ge=2, description="identities a batch")
    sampling: Literal["random", "drop", "repeat"] = "drop"
    mpa: Alignment = Alignment()


class MPANet(Method):
    """One graph. The centres read the pooled vector, the classifiers and the test the neck's output."""

    one_stream = True
    metric = Metric.COSINE

    def __init__(self, recipe: MPANetRecipe, identities: int) -> None:
        super().__init__()
        self.recipe, mpa = recipe, recipe.mpa
        backbone = BACKBONES[recipe.backbone]()
        self.trunk = Stages(backbone, 0, 4, alleviations(backbone, mpa.mam))
        self.masks = nn.Conv2d(backbone.channels, mpa.parts, 1) if mpa.parts else None
        if self.masks is not None:
            nn.init.zeros_(self.masks.get_parameter("bias"))
        self.channels = (mpa.parts + 1) * backbone.channels
        self.neck = batch_norm_neck(self.channels)
        self.classifiers = MutualClassifiers(self.channels, identities, mpa.rate, specific=mpa.specific > 0)

    @property
    def dimension(self) -> int:
        return self.channels

    def start_from_imagenet(self, file: Path) -> None:
        load_parts((self.trunk,), BACKBONES[self.recipe.backbone](), file)

    def begin(self, epoch: int) -> None:
        self.classifiers.begin(epoch)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self._pooled(images)[0])

    def losses(self, batch: ViewBatch) -> Losses:
        mpa, labels = self.recipe.mpa, batch.labels.repeat(batch.views)
        vectors, masks = self._pooled(torch.cat([batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1)]))
        vectors = self.gathered(vectors, blocks=batch.views)
        logits = self.classifiers(self.neck(vectors), len(batch.rgb) * len(batch.labels))
        with torch.autocast(batch.rgb.device.type, enabled=False):
            losses = {"identity": logits.identity(labels, mpa.specific, self.recipe.label_smoothing)}
            if mpa.cc:
                losses["centres"] = mpa.cc * centre_cluster(vectors, labels)
            if masks is not None and mpa.parts > 1 and mpa.sep:
                losses["overlap"] = mpa.sep * self.overall(mask_overlap(masks.flatten(2).float()))
            if mpa.mutual != "off":
                taught = cross_kl(logits.specific.float(), logits.other.float(), mpa.mutual)
                losses["mutual"] = mpa.mutual_weight * taught
        return losses

    def _pooled(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The vectors before the neck, and the masks if there are any."""
        maps = self.trunk(images)
        masks = None if self.masks is None else self.masks(maps).sigmoid()
        return part_vectors(maps, masks), masks


REGDB: dict[str, Any] = {"height": 256, "people": 12, "images": 5, "schedule.milestones": [110]}
"""What the released configuration changes for RegDB."""
BASE: dict[str, Any] = {"mpa.mam": 0, "mpa.parts": 0, "mpa.specific": 0, "mpa.mutual": "off"}

VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"amp": "fp16", "select": "best_on_test"},
    "regdb": REGDB,
}

ROWS: dict[str, dict[str, Any]] = {
    "sysu.mpanet": {},
    "regdb.mpanet": REGDB,
    "ours.base": BASE,
    "ours.base+mam": {**BASE, "mpa.mam": 2},
    "ours.base+mam+parts": {**BASE, "mpa.mam": 2, "mpa.parts": 6},
    "ours.without-overlap": {"mpa.sep": 0},
    "ours.without-centres": {"mpa.cc": 0},
    "ours.without-mutual": {"mpa.mutual": "off"},
    "ours.distilled": {"mpa.mutual": "other_own"},
    "ours.specific=0.5": {"mpa.specific": 0.5},
}

PUBLISHED = ("none that could be verified: its numbers are known here from other people's quotes alone",)
