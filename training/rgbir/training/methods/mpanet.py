"""MPANet: one network for both modalities, learnt parts, and classifiers of two modalities that teach each other.

Source: Wu, Dai, Chen, Lin, Wu, Huang, Zhong, Ji, "Discover Cross-Modality Nuances for Visible-Infrared Person
Re-Identification", CVPR 2021, and its code. Its readings: docs/methods/mpanet.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rgbir.index import Metric, Modality
from rgbir.training.augmentation import AUG_MPA, Augmentation
from rgbir.training.backbones import BACKBONES, Stages
from rgbir.training.backbones.stages import alleviations, load_parts
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import batch_norm_neck, part_vectors
from rgbir.training.losses import centre_cluster, cross_kl, mask_overlap
from rgbir.training.method import Losses, Method
from rgbir.training.mutual import Logits, MutualClassifiers
from rgbir.training.optim import Adam
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "Q. Wu, P. Dai, J. Chen, C.-W. Lin, Y. Wu, F. Huang, B. Zhong, R. Ji, Discover Cross-Modality Nuances for"
    " Visible-Infrared Person Re-Identification, CVPR 2021"
)
IDEA = "one network for both modalities, learnt parts, and a classifier for each modality that teaches the other's"


class Alignment(Settings):
    """Parts of the network and weights of the objective's terms (beyond.md 4.2, 4.3); a term of weight 0 is left out."""

    mam: int = Field(2, ge=0, le=2, description="where instance norm is mixed in: after stage 3; 2: after stage 4, too")
    parts: int = Field(6, ge=0, le=8, description="learnt masks; without any the mean of the whole map is left")
    sep: float = Field(0.5, ge=0, description="weight of the masks' overlap, where there are two or more")
    cc: float = Field(1.0, ge=0, description="weight of the distances to and between the centres of a batch's people")
    specific: float = Field(1.0, ge=0, description="weight of each modality's classifier; 0: there are none")
    mutual: Literal["own_other", "other_own", "off"] = Field(
        "own_other", description="KL(own || other) as released, or KL(other || own), the usual distillation"
    )
    mutual_weight: float = Field(2.5, gt=0, description="of what the modalities teach each other")
    rate: float = Field(0.2, gt=0, le=1, description="at which the teaching averages follow, to epoch 99; then slower")


class MPANetRecipe(ViewsRecipe):
    """The released settings, but for half precision and the choice of weights.

    Attributes:
        augment: how images are changed.
        mpa: parts of the network, and of its objective.
    """

    height: int = Field(384, ge=32)
    width: int = Field(128, ge=16)
    augment: Augmentation = AUG_MPA.augment
    optimiser: Adam = Adam(learning_rate=3.5e-4, bias_factor=1.0, decay_biases=True)
    schedule: Agw = Agw(epochs=140, warmup=0, milestones=(80, 120))
    people: int = Field(16, ge=2, description="identities a batch")
    sampling: Literal["random", "drop", "repeat"] = "drop"
    mpa: Alignment = Alignment()


class MPANet(Method):
    """One graph. The centres read the vectors before the neck, the classifiers and the test those after it.

    Raises:
        BadRecipe: modalities are to teach each other without classifiers.
    """

    one_stream = True
    metric = Metric.COSINE

    def __init__(self, recipe: MPANetRecipe, identities: int) -> None:
        super().__init__()
        self.recipe, mpa = recipe, recipe.mpa
        if mpa.mutual != "off" and not mpa.specific:
            raise BadRecipe("mpa.specific=0 leaves no classifiers to teach each other; set mpa.mutual=off, too")
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
        load_parts([self.trunk], BACKBONES[self.recipe.backbone](), file)

    def begin(self, epoch: int) -> None:
        self.classifiers.begin(epoch)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self._pooled(images)[0])

    def losses(self, batch: ViewBatch) -> Losses:
        vectors, masks = self._pooled(torch.cat([batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1)]))
        vectors = self.gathered(vectors, blocks=batch.views)
        logits = self.classifiers(self.neck(vectors), len(batch.rgb) * len(batch.labels))
        with torch.autocast(vectors.device.type, enabled=False):
            return self.terms(vectors, logits, batch.labels.repeat(batch.views), masks)

    def terms(self, vectors: Tensor, logits: Logits, labels: Tensor, masks: Tensor | None) -> Losses:
        """The objective: of vectors float (N, d), labels int64 (N,), and this process's masks float (n, P, h, w) or none."""
        mpa = self.recipe.mpa
        terms = {"identity": logits.identity(labels, mpa.specific, self.recipe.label_smoothing)}
        if mpa.cc:
            terms["centres"] = mpa.cc * centre_cluster(vectors, labels)
        if masks is not None and mpa.parts > 1 and mpa.sep:
            terms["overlap"] = mpa.sep * self.overall(mask_overlap(masks.float().flatten(2)))
        if mpa.mutual != "off":
            terms["mutual"] = mpa.mutual_weight * cross_kl(logits.specific, logits.other, mpa.mutual)
        return terms

    def _pooled(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        maps = self.trunk(images)
        masks = None if self.masks is None else self.masks(maps).sigmoid()
        return part_vectors(maps, masks), masks


_REGDB: dict[str, Any] = {"height": 256, "people": 12, "images": 5, "schedule.milestones": [110]}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"amp": "fp16", "select": "best_on_test", "tested.first": 114, "tested.every": 5},
    "regdb": _REGDB,
}

_SINGLY: dict[str, tuple[Any, ...]] = {
    "mam": (0, 1), "parts": (0, 1, 2, 4, 8), "sep": (0,), "cc": (0,), "specific": (0.5,), "mutual": ("off", "other_own"),
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "printed.mpanet": {},
    "printed.mpanet-regdb": _REGDB,
    "ours.base": {"mpa.mam": 0, "mpa.parts": 0, "mpa.specific": 0, "mpa.mutual": "off"},
    **{f"ours.{name}={value}": {f"mpa.{name}": value} for name, values in _SINGLY.items() for value in values},
}
PUBLISHED: tuple[str, ...] = ()
