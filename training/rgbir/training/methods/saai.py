"""SAAI: MPANet's frame with learnt prototypes in place of masks, and a neck for each modality.

Source: Fang, Yang, Fu, "Visible-Infrared Person Re-Identification via Semantic Alignment and Affinity Inference", ICCV 2023,
and its code. Its re-ranking is a matter of evaluation. Its readings: docs/methods/saai.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from rgbir.index import Metric, Modality
from rgbir.training.augmentation import AUG_SAAI, Augmentation, Views
from rgbir.training.backbones import BACKBONES, Stages
from rgbir.training.backbones.stages import alleviations, load_parts
from rgbir.training.data.batch import ViewBatch
from rgbir.training.layers import necks, part_vectors
from rgbir.training.losses import centre_cluster, prototype_diversity, prototype_likeness, soft_cross_entropy
from rgbir.training.method import Losses, Method
from rgbir.training.mutual import Logits, MutualClassifiers
from rgbir.training.optim import Adam
from rgbir.training.prototypes import Prototypes, cells_of
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "X. Fang, Y. Yang, Y. Fu, Visible-Infrared Person Re-Identification via Semantic Alignment and Affinity Inference,"
    " ICCV 2023"
)
IDEA = "MPANet's frame with learnt prototypes of parts, and a neck for each modality"


class Semantics(Settings):
    """Parts of the network and weights of the objective's terms (beyond.md 5.2, 5.3); a term of weight 0 is left out."""

    mam: int = Field(2, ge=0, le=2, description="where instance norm is mixed in: after stage 3; 2: after stage 4, too")
    parts: int = Field(7, ge=0, le=16, description="prototypes; without any the mean of the whole map is left")
    position: bool = Field(True, description="prototypes look for places, too; ties the network to one size of images")
    dual_neck: bool = Field(True, description="a neck for each modality, and so two graphs")
    cs: float = Field(1.0, ge=0, description="weight of the distances to and between the centres of a batch's people")
    slack: float = Field(0.01, ge=0, description="of cs: how far from its centre an image may be for nothing")
    dp: Literal["l2", "cos", "off"] = Field(
        "l2", description="how two or more prototypes' masks are kept apart: by distance, or by inner product"
    )
    dp_weight: float = Field(0.25, gt=0, description="of dp; 0.5 goes with cos")
    mutual: float = Field(1.0, ge=0, description="weight of what the modalities' classifiers teach each other")
    rate: float = Field(0.02, gt=0, le=1, description="at which the teaching averages follow, to epoch 99; then slower")


class SAAIRecipe(ViewsRecipe):
    """The settings of the released command line, but for half precision and the choice of weights.

    Attributes:
        augment, views: how images are changed.
        saai: parts of the network, and of its objective.
    """

    augment: Augmentation = AUG_SAAI.augment
    views: Views = AUG_SAAI.views
    optimiser: Adam = Adam(learning_rate=3.5e-4, bias_factor=1.0, decay_biases=True)
    schedule: Agw = Agw(epochs=160, milestones=(80, 120))
    people: int = Field(10, ge=2, description="identities a batch")
    sampling: Literal["random", "drop", "repeat"] = "drop"
    saai: Semantics = Semantics()


class SAAI(Method):
    """Graphs differ in their necks. Centres read the vectors before the neck, classifiers and test those after it."""

    metric = Metric.COSINE

    def __init__(self, recipe: SAAIRecipe, identities: int) -> None:
        super().__init__()
        self.recipe, saai = recipe, recipe.saai
        backbone = BACKBONES[recipe.backbone]()
        self.trunk = Stages(backbone, 0, 4, alleviations(backbone, saai.mam))
        cells = cells_of(recipe.height, recipe.width) if saai.position else None
        self.prototypes = Prototypes(saai.parts, backbone.channels, cells) if saai.parts else None
        self.channels = (saai.parts + 1) * backbone.channels
        self.neck = necks(self.channels, "scale", saai.dual_neck)
        self.classifiers = MutualClassifiers(self.channels, identities, saai.rate)

    @property
    def dimension(self) -> int:
        return self.channels

    @property
    def one_stream(self) -> bool:
        return not self.recipe.saai.dual_neck

    def start_from_imagenet(self, file: Path) -> None:
        load_parts([self.trunk], BACKBONES[self.recipe.backbone](), file)

    def begin(self, epoch: int) -> None:
        self.classifiers.begin(epoch)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self._pooled(images)[0], modality)

    def losses(self, batch: ViewBatch) -> Losses:
        vectors, masks = self._pooled(torch.cat([batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1)]))
        vectors, visible = self.gathered(vectors, blocks=batch.views), len(batch.rgb) * len(batch.labels)
        sides = [(vectors[:visible], Modality.RGB), (vectors[visible:], Modality.IR)]
        rows = [(vectors, Modality.RGB)] if self.one_stream else sides  # a neck for both sees both at once
        logits = self.classifiers(torch.cat([self.neck(*side) for side in rows]), visible)
        with torch.autocast(vectors.device.type, enabled=False):
            return self.terms(vectors, logits, batch.labels.repeat(batch.views), masks)

    def terms(self, vectors: Tensor, logits: Logits, labels: Tensor, masks: Tensor | None) -> Losses:
        """The objective: of vectors float (N, d), labels int64 (N,), and this process's masks float (n, P, h, w) or none."""
        saai = self.recipe.saai
        terms = {"identity": logits.identity(labels, smoothing=self.recipe.label_smoothing)}
        if saai.mutual:
            terms["mutual"] = saai.mutual * soft_cross_entropy(logits.specific, logits.other)
        if saai.cs:
            terms["centres"] = saai.cs * centre_cluster(vectors, labels, slack=saai.slack)
        if masks is not None and saai.parts > 1 and saai.dp != "off":
            likeness = prototype_diversity if saai.dp == "l2" else prototype_likeness
            terms["prototypes"] = saai.dp_weight * self.overall(likeness(masks.flatten(2)))
        return terms

    def _pooled(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        maps = self.trunk(images)
        masks = None if self.prototypes is None else self.prototypes(maps)
        return part_vectors(maps, masks), masks


_REGDB: dict[str, Any] = {"people": 4, "saai.mam": 0}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"amp": "fp16", "select": "best_on_test", "tested.first": 114, "tested.every": 5},
    "regdb": _REGDB,
}
ROWS: dict[str, dict[str, Any]] = {
    "printed.saai": {},
    "printed.saai-regdb": _REGDB,
    "ours.file": {"saai.parts": 6, "saai.rate": 0.2},
    "ours.base": {"saai.cs": 0, "saai.dp": "off"},
    **{f"ours.parts={n}": {"saai.parts": n} for n in (0, 1, 4)},
    **{f"ours.wo-{name}": {f"saai.{name}": 0} for name in ("position", "dual_neck", "cs", "mutual")},
    "ours.dp=off": {"saai.dp": "off"},
    "ours.dp=cos": {"saai.dp": "cos", "saai.dp_weight": 0.5},
}
PUBLISHED: tuple[str, ...] = ()
