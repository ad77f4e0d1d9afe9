"""What a hand-made system is made of, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from rgbir.index import did_you_mean, listed
from rgbir.training.errors import BadRecipe
from rgbir.training.recipe import with_changes
from rgbir.training.settings import Settings

HEIGHT, WIDTH = 128, 48
"""Of every image, in pixels."""
DESCRIPTORS = {
    "hog": "histograms of oriented gradients of the grey image",
    "lomo": "the largest counts of colours and textures in rows of windows",
}
METRICS = {
    "euclidean": "Euclidean distance, nothing fitted but the principal axes",
    "kissme": "the difference of two inverse covariances, of same and of different people",
    "xqda": "KISSME in the subspace where different people differ more than the same one",
    "lfda": "local Fisher discriminant analysis",
    "cca": "canonical directions of colour and infrared",
    "scm": "CCA, then who it would be among the training people, by logistic regression",
    "cdfe": "a projection for each modality that parts people and keeps neighbours",
    "gma": "a projection for each modality by generalised multiview analysis",
    "craft": "both modalities in twice as many values, then XQDA",
}
RECONSTRUCTED = ("cdfe", "gma", "craft")
"""Metrics of which we know the outline only."""
GROUPS = {
    "lomo": ("lomo",),
    "xqda": ("xqda",),
    "craft": ("xqda", "craft"),
    "lfda": ("lfda",),
    "cca": ("cca",),
    "scm": ("cca", "scm"),
    "cdfe": ("cdfe",),
    "gma": ("gma",),
}
"""Groups of settings that a descriptor or a metric has; what is in no group has an effect on all."""


class DataSettings(Settings):
    """Which of a data set's images are fitted to, where it leaves a choice."""

    train_identities: Literal["train", "trainval"] = Field(
        "trainval", description="SYSU-MM01 lists: 296 or 395 identities"
    )
    split: int = Field(1, ge=1, le=10, description="RegDB split to fit to; test on the same")


class PcaSettings(Settings):
    """The principal axes of both modalities together."""

    dimension: int = Field(200, ge=1, description="axes that are kept, at most")
    images: int = Field(4000, ge=2, description="images drawn for the axes; all of them where there are fewer")


class LomoSettings(Settings):
    """What LOMO sees."""

    input: Literal["colour", "grey"] = Field("colour", description="`grey`: colour images lose their colours, too")
    retinex: Literal["off", "msr"] = Field("off", description="`msr`: a multi-scale Retinex first; makes no bundle")


class XqdaSettings(Settings):
    """XQDA's subspace."""

    ridge: float = Field(1e-3, ge=0, description="added to the covariance of same people")
    basis: Literal["eigen", "svd"] = Field("eigen", description="`svd` as the released code has it")


class LfdaSettings(Settings):
    """Local Fisher discriminant analysis."""

    dimension: int = Field(50, ge=1, description="directions that are kept, at most")
    neighbour: int = Field(7, ge=1, description="whose distance is an image's scale")
    ridge: float = Field(1e-3, ge=0, description="added to the local scatter within people, relative to its mean")


class CcaSettings(Settings):
    """Canonical directions."""

    dimension: int = Field(50, ge=1, description="directions that are kept, at most")
    ridge: float = Field(1e-3, ge=0, description="added to each modality's covariance")


class ScmSettings(Settings):
    """The logistic regressions."""

    inverse_penalty: float = Field(1.0, gt=0, description="scikit-learn's C")
    iterations: int = Field(200, ge=1, description="of L-BFGS, at most")


class CdfeSettings(Settings):
    """Common discriminant feature extraction, reconstructed."""

    dimension: int = Field(50, ge=1, description="directions that are kept, at most")
    consistency: float = Field(1.0, ge=0, description="weight of keeping neighbours together")
    neighbours: int = Field(5, ge=1, description="of each image in its modality")
    ridge: float = Field(1e-3, ge=0, description="added to what is made small, relative to its mean")


class GmaSettings(Settings):
    """Generalised multiview analysis, reconstructed."""

    dimension: int = Field(50, ge=1, description="directions that are kept, at most")
    across: float = Field(1.0, gt=0, description="weight of what the modalities have in common")
    ridge: float = Field(1e-3, ge=0, description="added to the scatter within people, relative to its mean")


class CraftSettings(Settings):
    """Camera-correlation-aware feature augmentation, reconstructed."""

    dimension: int = Field(50, ge=1, description="of each modality's subspace, whose angles say how much is shared")


class HandmadeRecipe(Settings):
    """The settings of every hand-made system; each takes those of its own groups.

    Attributes:
        data: which images are fitted to.
        pca: the principal axes.
        lomo, xqda, lfda, cca, scm, cdfe, gma, craft: of a descriptor or a metric.
    """

    seed: int = Field(0, ge=0, description="of the images for the axes, and of KISSME's different pairs")
    data: DataSettings = DataSettings()
    pca: PcaSettings = PcaSettings()
    lomo: LomoSettings = LomoSettings()
    xqda: XqdaSettings = XqdaSettings()
    lfda: LfdaSettings = LfdaSettings()
    cca: CcaSettings = CcaSettings()
    scm: ScmSettings = ScmSettings()
    cdfe: CdfeSettings = CdfeSettings()
    gma: GmaSettings = GmaSettings()
    craft: CraftSettings = CraftSettings()


@dataclass(frozen=True, slots=True)
class System:
    """A descriptor with a metric.

    Attributes:
        descriptor: a key of `DESCRIPTORS`.
        metric: a key of `METRICS`.
    """

    descriptor: str
    metric: str

    @property
    def name(self) -> str:
        """As the command line calls it."""
        return f"{self.descriptor}+{self.metric}"

    @property
    def groups(self) -> tuple[str, ...]:
        """Its groups of settings."""
        return (*GROUPS.get(self.descriptor, ()), *GROUPS.get(self.metric, ()))

    def resolve(self, changes: Mapping[str, Any]) -> HandmadeRecipe:
        """The settings with these changes, by dotted names.

        Raises:
            BadRecipe: an unknown name, a value that doesn't fit, or a setting that this system doesn't use.
        """
        recipe = with_changes(HandmadeRecipe(), changes)
        every = {group for groups in GROUPS.values() for group in groups}
        for name in changes:
            group = name.partition(".")[0]
            if group in every and group not in self.groups:
                raise BadRecipe(f"{name} has no effect on {self.name}; leave it out")
        return recipe

    def described(self, recipe: HandmadeRecipe) -> dict[str, Any]:
        """The settings that have an effect, for a card."""
        every = {group for groups in GROUPS.values() for group in groups}
        return recipe.model_dump(mode="json", exclude=every - set(self.groups))


SYSTEMS = {
    system.name: system for system in (System(descriptor, metric) for descriptor in DESCRIPTORS for metric in METRICS)
}


def system_named(name: str) -> System:
    """The system of that name.

    Raises:
        BadRecipe: there is none.
    """
    if name not in SYSTEMS:
        meant = did_you_mean(name.lower(), list(SYSTEMS))
        raise BadRecipe(f"no hand-made system {name!r}{f'{meant} There' if meant else '; there'} are {listed(SYSTEMS)}")
    return SYSTEMS[name]
