"""LCCRF: enumerated angular triplets, compact descriptors, and modality-specific layers taught to agree.

Source: Gao, Shao, Wu, Yang, Yu, "Leaning compact and representative features for cross-modality person
re-identification", World Wide Web, 2022. Its readings: docs/methods/lccrf.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.backbones import BACKBONES, Stages
from rgbir.training.backbones.stages import load_parts, non_local_blocks
from rgbir.training.data.batch import TupleBatch
from rgbir.training.layers import ByModality, GeneralisedMeanPool, batch_norm_neck, linear_classifier
from rgbir.training.losses import (
    Compactness,
    CrossModalDistillation,
    EnumeratedAngularTriplet,
    ReleasedAngularTriplet,
    Roles,
    identity_pair,
)
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import Data, TupleRecipe
from rgbir.training.settings import Settings

PAPER = (
    "G. Gao, H. Shao, F. Wu, M. Yang, Y. Yu, Leaning compact and representative features for cross-modality person"
    " re-identification, World Wide Web, 2022"
)
IDEA = "own early layers for each modality, taught to agree; angular triplets against negatives of both modalities"


class Eat(Settings):
    """The enumerated angular triplet (methods.md 3.3)."""

    exp: bool = Field(True, description="off: the paper's first form, without exponentials")
    clamp_pos: bool = Field(True, description="clamp the positive cosine at 0, as printed; the released code doesn't")
    zeta: float = Field(1.0, ge=0, description="the margin")


class Compact(Settings):
    """The compactness of local descriptors (methods.md 3.3)."""

    sign: Literal[-1, 1] = Field(1, description="+1 as printed drives local descriptors from their mean; -1 to it")
    reduce: Literal["mean", "sum"] = Field("mean", description="over descriptors and images")


class Cmkd(Settings):
    """The distillation between modalities (methods.md 3.3)."""

    reduce: Literal["mean", "sum"] = Field(
        "mean", description="`sum` is the printed norm, hundreds of thousands times larger"
    )


class LossSwitches(Settings):
    """Which losses stand beside the identity loss."""

    eat: Literal["paper", "official", "off"] = Field("paper", description="four terms, or the two of the released code")
    compact: Literal["spatial", "off"] = Field(
        "spatial", description="compactness of local descriptors; never without eat"
    )
    cmkd: bool = Field(True, description="distillation between modalities")


class NonLocalBlocks(Settings):
    """The attention of stages 2 and 3 (methods.md 3.2)."""

    on: bool = Field(True, description="off: the backbone as it is")
    inter: Literal["half", "one"] = Field("half", description="inner channels: half, or 1 as in the released code")


class Gem(Settings):
    """Generalised-mean pooling (methods.md 3.2)."""

    p: float = Field(3.0, gt=0, description="the power; 1 is the mean, and the larger the nearer to the maximum")
    learn_p: bool = Field(False, description="train the power as well; it stays at 1 or more")


class LCCRFRecipe(TupleRecipe):
    """The paper's settings, and a switch for every row of its table.

    Attributes:
        loss: which losses there are.
        eat: the enumerated angular triplet.
        compact: compactness.
        cmkd: distillation.
        nl: non-local blocks.
        gem: pooling.
    """

    data: Data = Data(train_identities="trainval")
    loss: LossSwitches = LossSwitches()
    eat: Eat = Eat()
    compact: Compact = Compact()
    cmkd: Cmkd = Cmkd()
    nl: NonLocalBlocks = NonLocalBlocks()
    gem: Gem = Gem()
    classifier: Literal["linear", "dropout-elu"] = Field(
        "linear", description="as released: dropout 0.5 and ELU before it"
    )


class LCCRF(Method):
    """Stages 0 and 1 for each modality, the others shared, GeM, and one batch-norm neck that everything reads."""

    one_stream = False

    def __init__(self, recipe: LCCRFRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        backbone = BACKBONES[recipe.backbone]()
        self.stem = ByModality(Stages(backbone, 0, 1), Stages(backbone, 0, 1))
        self.trunk = Stages(backbone, 2, 4, non_local_blocks(backbone, recipe.nl.inter) if recipe.nl.on else {})
        self.pool = GeneralisedMeanPool(recipe.gem.p, recipe.gem.learn_p)
        self.neck = batch_norm_neck(backbone.channels)
        linear = linear_classifier(backbone.channels, identities)
        self.classifier = linear if recipe.classifier == "linear" else nn.Sequential(nn.Dropout(0.5), nn.ELU(), linear)
        self.eat = {
            "paper": EnumeratedAngularTriplet(recipe.eat.zeta, recipe.eat.exp, recipe.eat.clamp_pos),
            "official": ReleasedAngularTriplet(recipe.eat.zeta),
            "off": None,
        }[recipe.loss.eat]
        # Compactness belongs to EAT: a row without EAT has neither (methods.md 3.8).
        compact = recipe.loss.compact == "spatial" and self.eat is not None
        self.compactness = Compactness(recipe.compact.sign, recipe.compact.reduce) if compact else None
        self.distillation = CrossModalDistillation(recipe.cmkd.reduce) if recipe.loss.cmkd else None
        self.channels = backbone.channels

    @property
    def dimension(self) -> int:
        return self.channels

    def start_from_imagenet(self, file: Path) -> None:
        load_parts((self.stem.rgb, self.stem.ir, self.trunk), BACKBONES[self.recipe.backbone](), file)

    def updated(self, epoch: int) -> None:
        self.pool.bound()

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self.pool(self.trunk(self.stem(images, modality))))

    def losses(self, batch: TupleBatch) -> Losses:
        early_rgb, early_ir, maps_rgb, maps_ir, rgb, ir = self._both(batch)
        logits_rgb, logits_ir = self.classifier(rgb[0]), self.classifier(ir[0])
        with torch.autocast(batch.rgb.device.type, enabled=False):
            smoothing = self.recipe.label_smoothing
            losses = {"identity": identity_pair(logits_rgb.float(), logits_ir.float(), batch.labels, smoothing)}
            if self.eat is not None:
                losses["eat"] = self.eat(Roles(*rgb.float()), Roles(*ir.float()))
            if self.compactness is not None:
                compactness = self.compactness(_descriptors(maps_rgb[0]), _descriptors(maps_ir[0]))
                losses["compact"] = self.overall(compactness, self.recipe.compact.reduce)
            if self.distillation is not None:
                losses["cmkd"] = self.overall(self.distillation(early_rgb[0], early_rgb[1], early_ir[0], early_ir[1]))
        return losses

    def _both(self, batch: TupleBatch) -> list[Tensor]:
        """Maps after stage 1, last maps and embeddings of both modalities, each (3, N, …): anchor, positive, negative.

        Maps are those of this process's images, and embeddings of all of the batch's.

        `bn_groups` says which images share the statistics of the shared layers: all 6N (`joint`), the 3N of a modality,
        or the N of one role (then the stems, too, see one role at a time, as in the released code).
        """
        n = batch.rgb.shape[1]
        size = n if self.recipe.bn_groups == "role" else 3 * n
        sides = ((batch.rgb.flatten(0, 1), Modality.RGB), (batch.ir.flatten(0, 1), Modality.IR))
        early = [self.stem(part, modality) for images, modality in sides for part in images.split(size)]
        groups = [torch.cat(early)] if self.recipe.bn_groups == "joint" else early
        maps = [self.trunk(group) for group in groups]
        embeddings = [self.neck(self.gathered(self.pool(group), blocks=len(group) // n)) for group in maps]
        return [half for parts in (early, maps, embeddings) for half in torch.cat(parts).unflatten(0, (2, 3, -1))]


def _descriptors(maps: Tensor) -> Tensor:
    """(N, c, h, w) → (N, h w, c)."""
    return maps.flatten(2).transpose(1, 2)


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {
        "loss.eat": "official",
        "loss.compact": "off",
        "cmkd.reduce": "mean",
        "nl.inter": "one",
        "classifier": "dropout-elu",
        "bn_groups": "role",
        "cmc": "image",
    },
}


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Table 1, all-search and single-shot (methods.md 3.8); then the whole method, as it is compared with others."""
    yield "table1.a", {"loss.eat": "off", "loss.cmkd": False, "nl.on": False}
    yield "table1.b", {"loss.cmkd": False, "nl.on": False}
    yield "table1.c", {"loss.cmkd": False}
    yield "table1.d", {"nl.on": False}
    yield "table1.e", {}
    yield "sysu.full", {}
    yield "regdb.full", {}


ROWS: dict[str, dict[str, Any]] = dict(_rows())

PUBLISHED = (
    "SYSU-MM01 all-search single-shot, image-level ranks: R1 43.23  R10 82.78  R20 90.91  mAP 43.09",
    "SYSU-MM01 indoor-search single-shot, image-level ranks: R1 50.07  R10 90.63  R20 96.99  mAP 58.88",
    "RegDB thermal to visible: R1 80.97  mAP 79.92; visible to thermal: R1 79.27  mAP 77.69 (overlapping splits, treat with caution)",
)
