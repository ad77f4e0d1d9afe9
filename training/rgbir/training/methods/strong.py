"""Our own recipe: CAJ+ without attention, with centres across the modalities and averaged weights.

It has no published number, since nobody published it. What it is made of, and what was measured: docs/methods/strong.md.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.averaging import Average
from rgbir.training.losses import QuadrupleCentre, hetero_centre_triplet
from rgbir.training.method import Losses
from rgbir.training.methods.agw import NonLocalBlocks
from rgbir.training.methods.caj import CAJ, CAJRecipe
from rgbir.training.schedules import Agw
from rgbir.training.settings import Settings

PAPER = (
    "ours; its parts are from CAJ+ (TPAMI 2024), AGW (TPAMI 2022), the hetero-centre triplet (TMM 2021), MSCMNet (2025)"
)
IDEA = "for a first training on real data: one kind of batch, one vector, no auxiliary network, averaged weights"


class Averaging(Settings):
    """The average of all weights, which is tested in place of the weights themselves."""

    decay: float = Field(0.999, ge=0, lt=1, description="share of the average that an update leaves; 0 is off")
    since: int = Field(5, ge=0, description="the epoch from which weights are averaged, counted from 0")


class StrongRecipe(CAJRecipe):
    """CAJ+ as `plus-regdb` has it, changed.

    Attributes:
        average: of the weights.
    """

    label_smoothing: float = Field(0.1, ge=0, lt=1)
    schedule: Agw = Agw(epochs=60, milestones=(20, 45))
    nl: NonLocalBlocks = NonLocalBlocks(on=False, inter="one")
    pool: Literal["gem", "learnt_gem", "gap"] = "learnt_gem"
    cons: Literal["off", "v", "v+i", "v_again"] = Field(
        "v", description="whose predictions follow the second view's; v_again: it follows the first view's"
    )
    centres: Literal["hct", "qc", "off"] = Field(
        "hct", description="the hetero-centre triplet, or MSCM's loss of four centres, over all views"
    )
    centres_margin: float = Field(0.3, ge=0, description="of hct; that of qc is 0.7")
    average: Averaging = Averaging()


class Strong(CAJ):
    """Two graphs, and the neck's output, of the averaged weights."""

    def __init__(self, recipe: StrongRecipe, identities: int) -> None:
        super().__init__(recipe, identities)
        self.strong = recipe
        self.quadruple = QuadrupleCentre()
        self.average = Average(self._tested(), recipe.average.decay) if recipe.average.decay else None

    def _tested(self) -> nn.ModuleDict:
        """What makes an embedding."""
        return nn.ModuleDict({"streams": self.streams, "pool": self.pool, "neck": self.neck})

    def updated(self, epoch: int) -> None:
        super().updated(epoch)
        if self.average is not None and epoch >= self.strong.average.since:
            self.average.follow(self._tested())

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        average = None if self.average is None else self.average.network
        if average is None:
            return super().embed(images, modality)
        assert isinstance(average, nn.ModuleDict)
        return average["neck"](average["pool"](average["streams"](images, modality)))

    def terms(self, pooled: Tensor, logits: Tensor, labels: Tensor, n: int) -> Losses:
        terms = super().terms(pooled, logits, labels, n)
        views = pooled.unflatten(0, (-1, n))
        rgb, ir = views[: self.strong.views.of_rgb], views[self.strong.views.of_rgb :]
        if self.strong.centres == "hct":
            terms["centres"] = hetero_centre_triplet(rgb, ir, labels[:n], self.strong.centres_margin)
        elif self.strong.centres == "qc":
            terms["centres"] = self.quadruple(rgb, ir, labels[:n])
        return terms


_FOURTH: dict[str, Any] = {"views.of_ir": 2, "views.ir_again.brightness": 0.5, "views.ir_again.scale": 0.5}
_QC: dict[str, Any] = {"ranking": "off", "centres": "qc"}
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "large": {"height": 384},
}

_AGW: dict[str, Any] = {
    "views.of_rgb": 1,
    "views.ir.channels": "off",
    "augment.erasing": 0.0,
    "ranking": "wrt",
    "cons": "off",
    "centres": "off",
    "average.decay": 0.0,
}
_VIEW = {**_AGW, "views.of_rgb": 2, "views.ir.channels": "any_or_grey"}
_ERASING = {**_VIEW, "augment.erasing": 0.5}
_ESD = {**_ERASING, "ranking": "esd"}
_CONS = {**_ESD, "cons": "v"}
_HCT = {**_CONS, "centres": "hct"}
ROWS: dict[str, dict[str, Any]] = {
    "ours.identity": {**_AGW, "ranking": "off"},
    "ours.agw": _AGW,
    "ours.+view": _VIEW,
    "ours.+erasing": _ERASING,
    "ours.+esd": _ESD,
    "ours.+cons": _CONS,
    "ours.+hct": _HCT,
    "ours.lean": {**_VIEW, "centres": "hct"},
    "ours.qc": {**_CONS, **_QC},
    "ours.+fourth-view": {**_HCT, **_FOURTH},
    "ours.+average": {},
    "ours.all": _FOURTH,
}
"""Each adds to the one before it (beyond.md 7.3); `qc` stands in place of the ranking and hct.
`lean` adds hct to `+view`, without the three parts between."""

PUBLISHED = ()
