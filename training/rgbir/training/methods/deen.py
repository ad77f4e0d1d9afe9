"""DEEN: two branches late in the network make other versions of every map; centres and products keep them diverse and near.

Source: Zhang, Wang, "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared Person
Re-identification", CVPR 2023, and its code. Its readings: docs/methods/deen.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.augmentation import AUG_DEEN, Augmentation, Views
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.expansion import ExpandingStreams
from rgbir.training.data.batch import ViewBatch
from rgbir.training.layers import GlobalAveragePool, batch_norm_neck, linear_classifier, unit
from rgbir.training.losses import HardestTriplet, branch_overlap, centre_guided_pairs
from rgbir.training.method import Losses, Method
from rgbir.training.optim import Sgd
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = "Y. Zhang, H. Wang, Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark, CVPR 2023"
IDEA = "two branches make other versions of every feature map, kept apart, and near to the other modality's centres"


class Parts(Settings):
    """What DEEN adds to two streams, and which vectors are tested."""

    mfa: bool = Field(True, description="each stage's map takes up the one before")
    fold: bool = Field(True, description="there, as released, a place stands for two, half a map apart")
    branches: int = Field(2, ge=0, le=2, description="versions derived of each map")
    last: Literal[3, 4] = Field(4, description="the stage after the branches, and the network's last; 3 on RegDB")
    cpm: float = Field(0.8, ge=0, description="weight of the loss of centres; 0 is off")
    ort: float = Field(0.01, ge=0, description="weight of the branches' inner product; 0 is off")
    vectors: Literal["all", "neck", "main"] = Field(
        "all",
        description="of an embedding: pooled and neck's of each version; the neck's; the neck's of the map itself",
    )


class DEENRecipe(ViewsRecipe):
    """The released code's settings on SYSU-MM01.

    Attributes:
        augment, views: how images are changed.
        deen: its parts.
    """

    height: int = Field(384, ge=32)
    augment: Augmentation = AUG_DEEN.augment
    views: Views = AUG_DEEN.views
    optimiser: Sgd = Sgd(nesterov=True)
    schedule: Agw = Agw(epochs=151, milestones=(20, 80))
    people: int = Field(6, ge=2, description="identities a batch")
    tta: Literal["none", "flip"] = "flip"
    flip: Literal["renorm", "sum"] = "sum"
    deen: Parts = Parts()


class DEEN(Method):
    """Rows are those of RGB and of IR images, then the same of each branch. An embedding is several vectors of length 1.

    Raises:
        BadRecipe: second views.
    """

    one_stream = False
    metric = Metric.COSINE
    fresh = ("neck", "classifier")

    def __init__(self, recipe: DEENRecipe, identities: int) -> None:
        super().__init__()
        recipe.views.expect_single("deen")
        self.recipe, parts = recipe, recipe.deen
        whole = BACKBONES[recipe.backbone]()
        self.streams = ExpandingStreams(whole, parts.last, parts.mfa, parts.fold, parts.branches)
        self.pool = GlobalAveragePool()
        self.neck = batch_norm_neck(self.streams.channels)
        nn.init.normal_(self.neck.get_parameter("weight"), 1.0, 0.01)
        self.classifier = linear_classifier(self.streams.channels, identities)
        self.triplet = HardestTriplet(0.3)
        self.versions = parts.branches + 1
        kinds = ("pool", "neck") if parts.vectors == "all" else ("neck",)
        tested = range(1 if parts.vectors == "main" else self.versions)
        self.vectors = tuple(f"{kind}{version}" for version in tested for kind in kinds)

    @property
    def dimension(self) -> int:
        return len(self.vectors) * self.streams.channels

    def start_from_imagenet(self, file: Path) -> None:
        self.streams.start_from_imagenet(BACKBONES[self.recipe.backbone](), file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        pooled = self.pool(self.streams(images, modality))
        by_kind = {"pool": pooled, "neck": self.neck(pooled)}
        chosen = (by_kind[name[:4]].unflatten(0, (self.versions, -1))[int(name[4:])] for name in self.vectors)
        return torch.cat([*map(unit, chosen)], dim=1)

    def losses(self, batch: ViewBatch) -> Losses:
        maps = self.streams.both(batch.rgb[0], batch.ir[0])
        pooled = self.gathered(self.pool(maps), blocks=2 * self.versions)
        logits = self.classifier(self.neck(pooled))
        with torch.autocast(maps.device.type, enabled=False):
            return self.terms(pooled.float(), logits.float(), batch.labels)

    def terms(self, pooled: Tensor, logits: Tensor, labels: Tensor) -> Losses:
        """The objective: of pooled vectors float (N, d), their logits float (N, classes), labels int64 of a block's rows."""
        parts = self.recipe.deen
        of_all = labels.repeat(2 * self.versions)
        terms = {
            "identity": F.cross_entropy(logits, of_all, label_smoothing=self.recipe.label_smoothing),
            "triplet": self.triplet(pooled, of_all),
        }
        rgb, ir, *branches = pooled.split(len(labels))
        pairs = list(zip(branches[::2], branches[1::2], strict=True))
        if parts.cpm and pairs:
            terms["centres"] = parts.cpm * sum(centre_guided_pairs(rgb, ir, *pair, labels) for pair in pairs)
        if parts.ort and len(pairs) == 2:
            terms["orthogonality"] = parts.ort * branch_overlap(*map(torch.cat, pairs))
        return terms


_SMALLER_AREA: dict[str, Any] = {"augment.erasing_area": (0.02, 0.4)}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"select": "best_on_test", "resize": "lanczos"},
    "regdb": {"deen.last": 3, **_SMALLER_AREA},
    "llcm": _SMALLER_AREA,
}
ROWS: dict[str, dict[str, Any]] = {
    "ours.deen": {},
    "ours.base": {"deen.mfa": False, "deen.branches": 0, "deen.vectors": "main"},
    "ours.one-branch": {"deen.branches": 1},
    **{f"ours.wo-{part}": {f"deen.{part}": 0} for part in ("mfa", "cpm", "ort")},
    "ours.plain-places": {"deen.fold": False},
    "ours.drop120": {"schedule.milestones": (20, 80, 120)},
    **{f"ours.{vectors}": {"deen.vectors": vectors} for vectors in ("neck", "main")},
    "ours.wo-flip": {"tta": "none"},
}
PUBLISHED = ()
