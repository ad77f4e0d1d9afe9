"""Base-Derivative: two more modalities are made of the two there are, and hard triplets tie them together.

Source: Liu, Miao, Yang, Ding, "A Base-Derivative Framework for Cross-Modality RGB-Infrared Person Re-Identification",
ICPR 2020. No code of its authors is known. Its readings: docs/methods/base_derivative.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES, Stages
from rgbir.training.backbones.stages import load_parts
from rgbir.training.data.batch import PairBatch
from rgbir.training.data.transforms import MEAN, STD
from rgbir.training.device import constants
from rgbir.training.layers import GeneralisedMeanPool, GlobalAveragePool, batch_norm_neck, linear_classifier
from rgbir.training.losses.multi_mode import MODES, Mode, mode_identity, multi_directional, multi_mode
from rgbir.training.method import Losses, Method
from rgbir.training.optim import Sgd
from rgbir.training.recipe import BaselineRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "H. Liu, Z. Miao, B. Yang, R. Ding, A Base-Derivative Framework for Cross-Modality RGB-Infrared Person"
    " Re-Identification, ICPR 2020"
)
IDEA = "two modalities derived from the captured ones; hardest triplets across and within all four"

USED: dict[str, tuple[Mode, ...]] = {
    "B1": ("V", "I"),
    "B2": ("V", "I"),
    "MDL1": ("V", "I", "DI"),
    "MDL2": ("V", "I", "DV"),
    "MDL3": MODES,
    "MDL4": MODES,
}


class Weights(Settings):
    """L = alpha L_id + beta L_MML + gamma L_MDL; 1:1:1 on SYSU-MM01, 1:1:5 on RegDB."""

    alpha: float = Field(1.0, ge=0, description="of the identity loss")
    beta: float = Field(1.0, ge=0, description="of the triplets within each modality")
    gamma: float = Field(1.0, ge=0, description="of the triplets across modalities")


class Generator(Settings):
    """How the derived modalities are made."""

    input: Literal["normalised", "raw01"] = Field("normalised", description="what the derived images are made of")


class BaseDerivativeRecipe(BaselineRecipe):
    """The paper's settings where it states them; the others follow AGW (methods.md 6.7).

    Attributes:
        weights: of the three losses.
        gen: the generator of derived images.
        pool: average or generalised-mean pooling.
    """

    optimiser: Sgd = Sgd(nesterov=True, fresh_factor=1.0)
    schedule: Agw = Agw(epochs=80)
    people: int = Field(6, ge=2, description="identities a batch")
    mode: Literal["B1", "B2", "MDL1", "MDL2", "MDL3", "MDL4"] = Field(
        "MDL4", description="which modalities and triplets"
    )
    weights: Weights = Weights()
    gen: Generator = Generator()
    pool: Literal["gap", "gem"] = "gap"
    intra_margin: float = Field(0.3, ge=0, description="of MML")
    cross_margin: float = Field(0.5, ge=0, description="of MDL")
    reduce: Literal["mean", "sum"] = Field("mean", description="of MML and MDL over the batch; printed as a sum")


class Derivation(nn.Module):
    """What each captured image becomes in the other's manner: one channel, then three by a generator both share.

    `of_visible`: whether anything is made of visible images; infrared ones have a single channel to begin with.
    """

    def __init__(self, of_visible: bool = True) -> None:
        super().__init__()
        self.to_three = nn.Conv2d(1, 3, 1)
        self.to_one = nn.Conv2d(3, 1, 1) if of_visible else None
        for layer in (self.to_one, self.to_three):
            if layer is not None:
                nn.init.constant_(layer.get_parameter("weight"), 1 / 3)  # with random signs it can start dead
                nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, rgb: Tensor, ir: Tensor) -> dict[Mode, Tensor]:
        """float32 (n, 3, h, w) each → as many, derived of visible (if any are) and of infrared images."""
        derived: dict[Mode, Tensor] = {"DI": self.to_three(ir.mean(dim=1, keepdim=True))}
        if self.to_one is not None:
            derived["DV"] = self.to_three(F.relu(self.to_one(rgb)))
        return derived


class BaseDerivative(Method):
    """A stem for each modality, captured or derived, one trunk; only the captured ones' stems serve."""

    one_stream = False
    metric = Metric.COSINE
    fresh = ("neck", "classifier")

    def __init__(self, recipe: BaseDerivativeRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.modes = USED[recipe.mode]
        backbone = BACKBONES[recipe.backbone]()
        self.channels = backbone.channels
        self.derivation = Derivation("DV" in self.modes) if len(self.modes) > 2 else None
        self.stems = nn.ModuleDict({mode: Stages(backbone, 0, 0) for mode in self.modes})
        self.trunk = Stages(backbone, 1, 4)
        self.pool = GlobalAveragePool() if recipe.pool == "gap" else GeneralisedMeanPool()
        self.neck = batch_norm_neck(backbone.channels)
        self.classifier = linear_classifier(backbone.channels, identities)

    @property
    def dimension(self) -> int:
        return self.channels

    def start_from_imagenet(self, file: Path) -> None:
        load_parts((*self.stems.values(), self.trunk), BACKBONES[self.recipe.backbone](), file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        stem = self.stems["V" if modality is Modality.RGB else "I"]
        return self.neck(self.pool(self.trunk(stem(images))))

    def losses(self, batch: PairBatch) -> Losses:
        n, recipe = batch.labels.shape[0], self.recipe
        images = self._images(batch)
        maps = self.trunk(torch.cat([self.stems[mode](images[mode]) for mode in self.modes]))
        pooled = self.gathered(self.pool(maps), blocks=len(self.modes))
        logits = self.classifier(self.neck(pooled))
        with torch.autocast(batch.rgb.device.type, enabled=False):
            identity = mode_identity(logits.float().split(n), batch.labels, recipe.label_smoothing)
            losses = {"identity": recipe.weights.alpha * identity}
            if recipe.mode != "B1":
                features = dict(zip(self.modes, pooled.float().split(n), strict=True))
                variant = 0 if recipe.mode == "B2" else int(recipe.mode[-1])
                within = multi_mode(features, batch.labels, recipe.intra_margin, recipe.reduce)
                across = multi_directional(features, batch.labels, variant, recipe.cross_margin, recipe.reduce)
                losses |= {"mml": recipe.weights.beta * within, "mdl": recipe.weights.gamma * across}
        return losses

    def _images(self, batch: PairBatch) -> dict[Mode, Tensor]:
        images: dict[Mode, Tensor] = {"V": batch.rgb, "I": batch.ir}
        if self.derivation is None:
            return images
        if self.recipe.gen.input == "normalised":
            return {**images, **self.derivation(batch.rgb, batch.ir)}
        mean, std = (constants(values, batch.rgb.device)[:, None, None] for values in (MEAN, STD))
        derived = self.derivation(batch.rgb * std + mean, batch.ir * std + mean)
        return {**images, **{mode: (image - mean) / std for mode, image in derived.items()}}


REGDB: dict[str, Any] = {"weights.gamma": 5.0, "schedule.epochs": 60}
"""What the paper changes for RegDB."""

VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "regdb": REGDB,
    "agw-rates": {"optimiser.fresh_factor": 10.0},
}


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Table IV on SYSU-MM01 and on RegDB, and the weights of figures 6 (RegDB) and 7 (SYSU-MM01) (methods.md 6.8)."""
    for mode in USED:
        yield f"study.{mode}", {"mode": mode}
    for mode in USED:
        yield f"regdb.{mode}", {"mode": mode, **REGDB}
    yield "figure6.baseline", {"mode": "B2", **REGDB}
    yield "figure6.1:1:5", REGDB
    yield "figure6.2:1:5", {"weights.alpha": 2.0, **REGDB}
    for gamma in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        yield f"figure7.gamma={gamma:g}", {"weights.gamma": gamma}
    yield "ours.regdb.1:1:1", {**REGDB, "weights.gamma": 1.0}


ROWS: dict[str, dict[str, Any]] = dict(_rows())

PUBLISHED = (
    "SYSU-MM01 all-search single-shot: R1 51.05  R10 87.75  R20 94.43  mAP 49.63",
    "SYSU-MM01 indoor-search single-shot: R1 55.93  R10 91.55  R20 96.95  mAP 63.38",
    "RegDB visible to thermal: R1 80.67  R10 87.72  R20 90.45  mAP 78.83",
)
