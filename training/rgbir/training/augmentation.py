"""How images are changed before a network sees them, what views of them it sees, and the bundles of both that methods use."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from rgbir.training.errors import BadRecipe
from rgbir.training.settings import Settings

Fill = Literal["pixel_mean", "zero", "cifar_mean", "noise"]
Erasing = Literal["uniform", "torchvision"]
Channels = Literal["off", "any", "any_or_grey", "green_or_grey"]


class Augmentation(Settings):
    """Bundle `aug-exp` (methods.md 1.4): resize, flip, pad and crop, normalise, erase. `shift` is that of `aug-shift`.

    `mix` is an addition for networks that start from nothing: it takes colours away, and with them the easy answer.

    Raises:
        ValueError: `shift` and `diagonal` are both set, which cut the same image; areas out of order.
    """

    shift: float = Field(
        0.0, ge=0, le=1, description="probability of resizing to 1.125 times the size and cropping at random"
    )
    diagonal: int = Field(
        0,
        ge=0,
        description="as BDTR's code: pixels that images are resized larger by, and cut at one offset in both directions",
    )
    flip: float = Field(0.5, ge=0, le=1, description="probability of a horizontal flip")
    padcrop: int = Field(10, ge=0, description="pixels added on the four sides before the random crop; 0 is off")
    border: Literal["black", "grey", "mirror"] = Field(
        "black", description="what is added there: 0, 127, or the image mirrored at its edge"
    )
    mix: float = Field(
        0.0,
        ge=0,
        le=1,
        description="ours, not the papers': probability of one random mix in place of the three channels",
    )
    erasing: float = Field(0.5, ge=0, le=1, description="probability of erasing a random rectangle")
    erasing_fill: Fill = Field(
        "pixel_mean",
        description="written after normalisation: a constant, or N(0, 1) drawn for each value; cifar_mean: 0.4914, 0.4822, 0.4465",
    )
    erasing_area: tuple[float, float] = Field((0.02, 0.4), description="least and largest share of the image")
    erasing_form: Erasing = Field(
        "uniform",
        description="aspects uniform in 0.3..3.33 and a hundred tries, or as torchvision: log-uniform in 0.3..3.3 and ten",
    )

    @model_validator(mode="after")
    def _one_cut(self) -> Self:
        if self.shift and self.diagonal:
            raise ValueError("shift and diagonal are both set, and an image is cut once; set one of them to 0")
        least, largest = self.erasing_area
        if not 0 < least <= largest <= 1:
            raise ValueError(
                f"erasing_area is two shares of the image, 0 < least ≤ largest ≤ 1, not {least}, {largest}"
            )
        return self


class View(Settings):
    """What is done to one view of an image besides `augment`, in this order; erasing stands before `channels`.

    All of it is off, if nothing is said.
    """

    brightness: float = Field(
        0.0, ge=0, le=1, description="how far the factor of brightness is from 1 at most; uniform, on the 8-bit image"
    )
    grey: float = Field(0.0, ge=0, le=1, description="probability of the 8-bit image's luminance in all three channels")
    pick: float = Field(
        0.0, ge=0, le=1, description="probability of one of R, G and B in all three channels, before normalisation"
    )
    erasing: float | None = Field(None, ge=0, le=1, description="in place of augment.erasing; not given: that one")
    channels: Channels = Field(
        "off",
        description="after erasing: R, G or B in all three; or one of four: these, and `inner_grey`; or G and `inner_grey`, a half each",
    )
    inner_grey: float = Field(
        0.5, ge=0, le=1, description="probability of luminance where channels comes to `or_grey`; else nothing"
    )
    scale: float = Field(
        0.0, ge=0, le=1, description="probability of a factor for each normalised channel, uniform in 0.02..1"
    )

    @property
    def plain(self) -> bool:
        """Whether colours stay as they are."""
        return not (self.brightness or self.grey or self.pick or self.scale) and self.channels == "off"


class Views(Settings):
    """The views of a batch: one of each RGB and IR image, or two, each drawn anew.

    Attributes:
        rgb, ir: the first views.
        rgb_again, ir_again: the second ones, where there are two.
    """

    of_rgb: int = Field(1, ge=1, le=2, description="views of each RGB image")
    of_ir: int = Field(1, ge=1, le=2, description="views of each IR image")
    rgb: View = View()
    rgb_again: View = View()
    ir: View = View()
    ir_again: View = View()

    @property
    def shown(self) -> tuple[tuple[View, ...], tuple[View, ...]]:
        """Those of RGB images, and those of IR images."""
        return (self.rgb, self.rgb_again)[: self.of_rgb], (self.ir, self.ir_again)[: self.of_ir]

    def expect_single(self, method: str) -> None:
        """
        Raises:
            BadRecipe: a second view of images, of which that method would see the first only.
        """
        if (self.of_rgb, self.of_ir) != (1, 1):
            raise BadRecipe(
                f"{method} sees one view of each image, not views.of_rgb={self.of_rgb}, views.of_ir={self.of_ir}; leave both at 1"
            )


class Augmenting(NamedTuple):
    """A way to augment (beyond.md 1.2).

    Attributes:
        augment: a recipe's setting of that name.
        views: likewise.
    """

    augment: Augmentation
    views: Views


_CAJ = Augmentation(erasing_fill="cifar_mean")
_GREY, _PICK = View(grey=0.5), View(pick=3 / 11)

AUG_CAJ = Augmenting(_CAJ, Views(of_rgb=2, rgb_again=View(channels="any"), ir=View(channels="any_or_grey")))
AUG_CAJ_PLUS = Augmenting(
    _CAJ,
    Views(
        of_rgb=2,
        rgb=View(grey=0.1, erasing=0.6),
        rgb_again=View(erasing=0.6, channels="any"),
        ir=View(channels="any_or_grey", inner_grey=0.6),
    ),
)
"""On SYSU-MM01; RegDB keeps `AUG_CAJ`."""
AUG_DEEN = Augmenting(Augmentation(erasing_area=(0.2, 0.8)), Views(rgb=_GREY, ir=_GREY))
"""On SYSU-MM01; RegDB and LLCM have the area 0.02..0.4."""
AUG_MPA = Augmenting(
    Augmentation(border="grey", erasing_fill="zero", erasing_area=(0.02, 0.33), erasing_form="torchvision"), Views()
)
AUG_SAAI = Augmenting(
    Augmentation(border="mirror", erasing_fill="noise", erasing_area=(0.02, 0.33), erasing_form="torchvision"),
    Views(rgb=_PICK, ir=_PICK),
)
AUG_MSCM = Augmenting(
    _CAJ,
    Views(
        of_rgb=2,
        of_ir=2,
        rgb=_GREY,
        rgb_again=View(channels="any"),
        ir=View(channels="green_or_grey"),
        ir_again=View(brightness=0.5, scale=0.5),
    ),
)
