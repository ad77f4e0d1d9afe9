"""expAT: bi-directional exponential angular triplets on a shared network with a shift-free batch-norm neck.

Source: Ye, Liu, Meng, Li, "Bi-directional Exponential Angular Triplet Loss for RGB-Infrared Person Re-Identification",
IEEE Transactions on Image Processing 30:1583-1595, 2021. Its readings: docs/methods/expat.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import TupleBatch
from rgbir.training.layers import CosineClassifier, GlobalAveragePool, NeckKind, linear_classifier, necks
from rgbir.training.losses import (
    AngularTriplet,
    CosineTriplet,
    ExponentialAngularTriplet,
    NPair,
    PairedLoss,
    Pairing,
    Roles,
    Triplet,
    identity_pair,
)
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import TupleRecipe
from rgbir.training.settings import Settings

PAPER = (
    "H. Ye, H. Liu, F. Meng, X. Li, Bi-directional Exponential Angular Triplet Loss for RGB-Infrared Person"
    " Re-Identification, IEEE TIP 30:1583-1595, 2021"
)
IDEA = (
    "rank by angle: positives to cosine 1, negatives to orthogonality and no further, the worse a triplet the steeper"
)


class Angular(Settings):
    """The ranking loss (methods.md 2.3). `xi` is the margin of AT and expAT."""

    form: Literal["mean_exp", "exp_mean"] = Field(
        "mean_exp", description="mean of the exponentials, or exponential of the mean"
    )
    hinge: bool = Field(False, description="clamp h at 0; the margin study needs it")
    xi: float = Field(1.0, ge=0, description="the margin")
    alpha: float = Field(1.0, ge=0, description="weight of the RGB-anchored direction")
    beta: float = Field(1.0, ge=0, description="weight of the IR-anchored direction")


class ExpATRecipe(TupleRecipe):
    """The paper's settings, and a switch for every row of its tables.

    Attributes:
        expat: the ranking loss of `expat` and `at`.
    """

    ranking: Literal["expat", "at", "triplet", "cosine_triplet", "npair", "none"] = Field(
        "expat", description="the loss beside the identity loss"
    )
    ranking_reads: Literal["embedding", "pooled"] = Field("embedding", description="`pooled`: before the neck (BNNeck)")
    pairing: Pairing = Field("bi", description="positives and negatives of the other modality, or of the anchor's own")
    triplet_margin: float = Field(0.3, ge=0, description="of triplet and cosine_triplet")
    expat: Angular = Angular()
    csbn: NeckKind = Field("scale", description="neck with trained scale; with shift too; with neither; no neck")
    csbn_sharing: Literal["shared", "per_modality"] = Field(
        "shared", description="both modalities go through the same neck, or each has its own"
    )
    embedding_layer: bool = Field(False, description="Linear + ReLU before the neck (row EL of Table I)")
    classifier: Literal["linear", "cosine"] = Field("linear", description="logits by dot product, or by scaled cosine")
    cls_init: Literal["normal", "kaiming"] = Field(
        "normal", description="N(0, 0.001²) as released; the paper says Kaiming"
    )
    metric: Literal["euclidean", "cosine"] = Field("euclidean", description="distance at test time")


class ExpAT(Method):
    """One network for both modalities. With `csbn_sharing=per_modality` only the neck knows which one it sees."""

    def __init__(self, recipe: ExpATRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone = BACKBONES[recipe.backbone]()
        self.pool = GlobalAveragePool()
        channels = self.backbone.channels
        self.embedding = _embedding_layer(channels) if recipe.embedding_layer else nn.Identity()
        self.csbn = necks(channels, recipe.csbn, per_modality=recipe.csbn_sharing == "per_modality")
        self.classifier = _classifier(recipe, channels, identities)
        self.ranking = RANKINGS[recipe.ranking](recipe)

    @property
    def metric(self) -> Metric:  # type: ignore[override]  # the N-pair rows test with cosine, the others with Euclidean
        return Metric(self.recipe.metric)

    @property
    def dimension(self) -> int:
        return self.backbone.channels

    @property
    def one_stream(self) -> bool:
        return self.recipe.csbn_sharing == "shared" or self.recipe.csbn == "off"

    def pooled(self, images: Tensor) -> Tensor:
        """What the neck reads: float32 (n, 3, height, width), normalised → float (n, dimension)."""
        return self.embedding(self.pool(self.backbone(images)))

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.csbn(self.pooled(images), modality)

    def losses(self, batch: TupleBatch) -> Losses:
        pooled_rgb, pooled_ir, rgb, ir = self._both(batch)
        logits_rgb, logits_ir = self.classifier(rgb[0]), self.classifier(ir[0])
        with torch.autocast(batch.rgb.device.type, enabled=False):
            losses = {
                "identity": identity_pair(
                    logits_rgb.float(), logits_ir.float(), batch.labels, self.recipe.label_smoothing
                )
            }
            if isinstance(self.classifier, CosineClassifier):
                losses["kappa"] = 0.1 * self.classifier.free_scale.square()  # the L2 penalty of its authors' code
            if self.ranking is not None:
                read = (pooled_rgb, pooled_ir) if self.recipe.ranking_reads == "pooled" else (rgb, ir)
                losses["ranking"] = self.ranking(Roles(*read[0].float()), Roles(*read[1].float()))
        return losses

    def _both(self, batch: TupleBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pooled vectors and embeddings of both modalities, each (3, N, d): anchors, positives, negatives.

        `bn_groups` says which images share the statistics of a batch-norm layer: all 6N (`joint`), the 3N of a modality,
        or the N of one role (`role`, as the released code; then in the order a, p, n of RGB, and a, p, n of IR).
        """
        n, here = batch.labels.shape[0], batch.rgb.shape[1]
        rgb, ir = batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1)
        if self.recipe.bn_groups == "joint":
            pooled = self.gathered(self.pooled(torch.cat([rgb, ir])), blocks=6)
            if self.one_stream:
                vectors = self.csbn(pooled, Modality.RGB)
                pairs = [pooled[: 3 * n], pooled[3 * n :], vectors[: 3 * n], vectors[3 * n :]]
            else:
                sides = [(pooled[: 3 * n], Modality.RGB), (pooled[3 * n :], Modality.IR)]
                pairs = [sides[0][0], sides[1][0], *(self.csbn(part, modality) for part, modality in sides)]
        else:
            roles = 1 if self.recipe.bn_groups == "role" else 3
            groups = [
                (part, m)
                for images, m in ((rgb, Modality.RGB), (ir, Modality.IR))
                for part in images.split(roles * here)
            ]
            pooled_groups = [(self.gathered(self.pooled(part), roles), m) for part, m in groups]
            pairs = [torch.cat([p for p, m in pooled_groups if m is which]) for which in (Modality.RGB, Modality.IR)]
            necked = [(self.csbn(p, m), m) for p, m in pooled_groups]
            pairs += [torch.cat([v for v, m in necked if m is which]) for which in (Modality.RGB, Modality.IR)]
        pooled_rgb, pooled_ir, out_rgb, out_ir = (part.unflatten(0, (3, n)) for part in pairs)
        return pooled_rgb, pooled_ir, out_rgb, out_ir


def _embedding_layer(channels: int) -> nn.Module:
    layer = nn.Linear(channels, channels)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    nn.init.zeros_(layer.bias)
    return nn.Sequential(layer, nn.ReLU())


def _classifier(recipe: ExpATRecipe, channels: int, identities: int) -> nn.Module:
    if recipe.classifier == "cosine":
        return CosineClassifier(channels, identities)
    classifier = linear_classifier(channels, identities)
    if recipe.cls_init == "kaiming":
        nn.init.kaiming_normal_(classifier.weight, mode="fan_out")
    return classifier


RANKINGS: dict[str, Callable[[ExpATRecipe], PairedLoss | None]] = {
    "expat": lambda r: ExponentialAngularTriplet(
        r.expat.xi, r.expat.alpha, r.expat.beta, r.pairing, r.expat.form, r.expat.hinge
    ),
    "at": lambda r: AngularTriplet(r.expat.xi, r.expat.alpha, r.expat.beta, r.pairing, r.expat.hinge),
    "triplet": lambda r: Triplet(r.triplet_margin, r.pairing),
    "cosine_triplet": lambda r: CosineTriplet(r.triplet_margin, r.pairing),
    "npair": lambda r: NPair(r.pairing),
    "none": lambda r: None,
}

VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {
        "csbn_sharing": "per_modality",
        "bn_groups": "role",
        "expat.form": "exp_mean",
        "expat.hinge": True,
        "cls_init": "normal",
        "sampler": "official",
        "cmc": "image",
    },
}

_NPAIR = {
    "ranking": "npair", "csbn": "off", "metric": "cosine",
    "schedule.updates": 80_000, "schedule.milestones": (20_000, 40_000),
}  # fmt: skip
_BNNECK = {"ranking": "triplet", "ranking_reads": "pooled"}
_COSINE_SOFTMAX = {"ranking": "none", "classifier": "cosine"}
_NO_TRICKS = {"label_smoothing": 0.0, "augment.erasing": 0.0, "schedule.warmup": 0}


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of the paper's tables on SYSU-MM01 (methods.md 2.8)."""
    off = {"csbn": "off"}
    yield "table1.id", {"ranking": "none", **off}
    yield "table1.id+csbn", {"ranking": "none"}
    yield "table1.id+trip", {"ranking": "triplet", **off}
    yield "table1.id+trip+csbn", {"ranking": "triplet"}
    yield "table1.id+at", {"ranking": "at", **off}
    yield "table1.id+at+el+csbn", {"ranking": "at", "embedding_layer": True}
    yield "table1.id+at+csbn", {"ranking": "at"}
    yield "table1.id+expat+csbn", {}
    yield "table2.full", {"csbn": "full"}
    yield "table2.none", {"csbn": "none"}
    yield "table2.uni", {"pairing": "uni"}
    yield "table2.proposed", {}
    yield "table3.cosine", {"ranking": "cosine_triplet"}
    yield "table3.at", {"ranking": "at"}
    yield "table3.expat", {}
    for xi in (0.0, 0.5, 1.0, 1.5, 2.0):
        yield f"table4.xi={xi:g}", {"expat.xi": xi, "expat.form": "exp_mean", "expat.hinge": True}
    for ls in (False, True):
        for re in (False, True):
            for wu in (False, True):
                name = "+".join(n for n, on in (("ls", ls), ("re", re), ("wu", wu)) if on) or "none"
                kept = {"label_smoothing": ls, "augment.erasing": re, "schedule.warmup": wu}
                yield f"table5.{name}", {key: _NO_TRICKS[key] for key, on in kept.items() if not on}
    for alpha, beta in ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1)):
        total = alpha + beta
        yield f"table7.{alpha}:{beta}", {"expat.alpha": 2 * alpha / total, "expat.beta": 2 * beta / total}
    compared: dict[str, dict[str, Any]] = {"cosine": _COSINE_SOFTMAX, "npair": _NPAIR, "bnneck": _BNNECK, "expat": {}}
    for name, changes in compared.items():
        yield f"table8.{name}", {**changes, **_NO_TRICKS}
        yield f"table8.{name}+tricks", changes
    compared |= {"trip": {"ranking": "triplet"}, "at": {"ranking": "at"}}
    absent = ("table6.trip", "table9.cosine", "table9.npair")
    for table in ("table6", "table9"):  # the same models, multi-shot and on RegDB
        for name, changes in compared.items():
            row = f"{table}.{name}"
            yield (f"ours.{row}" if row in absent else row), changes


ROWS: dict[str, dict[str, Any]] = dict(_rows())

PUBLISHED = (
    "SYSU-MM01 all-search single-shot, image-level ranks: R1 38.57  R10 76.64  R20 86.39  mAP 38.61",
    "SYSU-MM01 all-search multi-shot, image-level ranks: R1 44.71  R10 69.82  R20 77.87  mAP 32.20",
    "RegDB thermal to visible: R1 67.45  mAP 66.51; visible to thermal: R1 66.48  mAP 67.31",
)
