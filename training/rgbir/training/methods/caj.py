"""CAJ and CAJ+: one colour channel in place of all three makes a visible image look like one of another narrow band.

Source: Ye, Ruan, Du, Shou, "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021; Ye, Wu, Chen, Du,
"Channel Augmentation for Visible-Infrared Re-Identification", TPAMI 2024; and their code. Its readings: docs/methods/caj.md.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.augmentation import AUG_CAJ, Augmentation, Views
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import (
    EnhancedSquaredDifference,
    HardestTriplet,
    WeightedRegularisedTriplet,
    distil_kl,
    soft_cross_entropy,
)
from rgbir.training.method import Losses
from rgbir.training.methods.agw import AGWNetwork, NonLocalBlocks
from rgbir.training.optim import Sgd
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw

PAPER = (
    "M. Ye, W. Ruan, B. Du, M. Z. Shou, Channel Augmented Joint Learning for Visible-Infrared Recognition, ICCV 2021; M. Ye,"
    " Z. Wu, C. Chen, B. Du, Channel Augmentation for Visible-Infrared Re-Identification, TPAMI 46(4), 2024"
)
IDEA = "AGW's network; a second view of each visible image shows one of its colour channels, and pairs rank by squared differences"


class CAJRecipe(ViewsRecipe):
    """The released code's settings, but for the softmax and the choice of weights.

    Attributes:
        augment, views: how images are changed, and the views of each.
        nl: non-local blocks.
        pool: generalised-mean, with the exponent 3 or a trained one, or average pooling.
    """

    augment: Augmentation = AUG_CAJ.augment
    views: Views = AUG_CAJ.views
    optimiser: Sgd = Sgd(nesterov=True)
    schedule: Agw = Agw(epochs=100)
    tta: Literal["none", "flip"] = "flip"
    nl: NonLocalBlocks = NonLocalBlocks(inter="one")
    pool: Literal["gem", "learnt_gem", "gap"] = "gem"
    ranking: Literal["esd", "wrt", "triplet", "off"] = Field(
        "esd", description="by squared differences; as AGW; the hardest of each anchor, with margin 0.3; or nothing"
    )
    ranking_weights: Literal["exact", "released"] = Field(
        "exact", description="of esd and wrt: a softmax, or as released, where far-apart negatives weigh nothing"
    )
    cons: Literal["off", "v", "v+i", "v_again"] = Field(
        "off", description="CAJ+: whose predictions follow the second view's; v_again: it follows the first view's"
    )
    kl: float = Field(
        0.0, ge=0, description="weight of the term that distils predictions of visible images to infrared ones"
    )


class CAJ(AGWNetwork):
    """Rows are those of the views of visible images, and then those of infrared ones; losses see no modality.

    Raises:
        BadRecipe: predictions are to follow a view that isn't there.
    """

    def __init__(self, recipe: CAJRecipe, identities: int) -> None:
        if recipe.cons != "off" and recipe.views.of_rgb == 1:
            raise BadRecipe(
                f"cons={recipe.cons} takes a second view of visible images; set views.of_rgb=2, or cons=off"
            )
        super().__init__(recipe.backbone, recipe.nl, recipe.pool, identities)
        self.recipe = recipe
        self.ranking = {
            "esd": EnhancedSquaredDifference(weights=recipe.ranking_weights),
            "wrt": WeightedRegularisedTriplet(weights=recipe.ranking_weights),
            "triplet": HardestTriplet(),
            "off": None,
        }[recipe.ranking]

    def losses(self, batch: ViewBatch) -> Losses:
        maps = self.streams.both(batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1))
        pooled = self.gathered(self.pool(maps), blocks=batch.views)
        logits = self.classifier(self.neck(pooled))
        with torch.autocast(pooled.device.type, enabled=False):
            return self.terms(pooled.float(), logits.float(), batch.labels.repeat(batch.views), len(batch.labels))

    def terms(self, pooled: Tensor, logits: Tensor, labels: Tensor, n: int) -> Losses:
        """The objective: of pooled vectors float (N, d), their logits float (N, classes), labels int64 (N,); n rows a view."""
        recipe = self.recipe
        terms = {"identity": F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)}
        if self.ranking is not None:
            terms["ranking"] = self.ranking(pooled, labels)
        blocks = logits.split(n)
        infrared = blocks[recipe.views.of_rgb]
        if recipe.cons == "v_again":
            terms["consistency"] = soft_cross_entropy(blocks[1], blocks[0])
        elif recipe.cons != "off":
            terms["consistency"] = soft_cross_entropy(blocks[0], blocks[1])
        if recipe.cons == "v+i":
            terms["consistency_ir"] = soft_cross_entropy(infrared, blocks[1])
        if recipe.kl:
            terms["distilled"] = recipe.kl * distil_kl(infrared, blocks[0])
        return terms


_PLUS_REGDB: dict[str, Any] = {"cons": "v"}
_PLUS: dict[str, Any] = {
    **_PLUS_REGDB,
    "views.rgb.grey": 0.1,
    "views.rgb.erasing": 0.6,
    "views.rgb_again.erasing": 0.6,
    "views.ir.inner_grey": 0.6,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-code": {"ranking_weights": "released", "resize": "lanczos", "select": "best_on_test"},
    "plus": _PLUS,
    "plus-regdb": _PLUS_REGDB,
}

ROWS: dict[str, dict[str, Any]] = {
    "printed.caj": {},
    "printed.caj+": _PLUS,
    "ours.wo-view": {"views.of_rgb": 1},
    "ours.wo-erasing": {"augment.erasing": 0.0},
    "ours.wo-ir-channel": {"views.ir.channels": "off"},
    "ours.wo-non-local": {"nl.on": False},
    "ours.wo-flip": {"tta": "none"},
    "ours.triplet": {"ranking": "triplet"},
    "ours.wrt": {"ranking": "wrt"},
    "ours.cons": {"cons": "v"},
    "ours.cons-ir": {"cons": "v+i"},
    "ours.cons-back": {"cons": "v_again"},
}

PUBLISHED = (
    "SYSU-MM01 all-search single-shot: CAJ R1 69.88  mAP 66.89; CAJ+ R1 71.48  mAP 68.15",
    "RegDB visible to thermal: CAJ R1 85.03  mAP 79.14",
)
