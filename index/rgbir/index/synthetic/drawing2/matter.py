"""What surfaces are made of, as each kind of sensor sees it; and cloth with its pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rgbir.index.synthetic.drawing2.cloth import LAMPS, Colour, Dyed, near_infrared

Pattern = Literal["plain", "hoops", "pinstripes", "plaid", "print", "yoke", "side_panels", "hem"]


@dataclass(frozen=True, slots=True)
class Matter:
    """A surface.

    Attributes:
        colour: reflectance of red, green and blue, 0 to 1, in linear light.
        near: reflectance at 850 and at 940 nm; more than 1 where the lamp's light is thrown back to it.
        gloss: what a bright ridge adds under the lamp.
        clo: insulation over the skin, 1 clo is 0.155 m2 K/W.
        share: of the difference between skin and air, where clothes' insulation doesn't decide; None where it does.
        name: tells cloths of one person apart.
    """

    colour: Colour
    near: tuple[float, float]
    gloss: float = 0.0
    clo: float = 0.0
    share: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Cloth:
    """A cloth with its pattern.

    Attributes:
        ground: most of it.
        pattern: how the accent lies on the ground.
        accent: a second matter.
        period_m: metres after which the pattern comes again.
    """

    ground: Matter
    pattern: Pattern
    accent: Matter
    period_m: float


def of_cloth(dyed: Dyed, colour: Colour, gloss: float, clo: float, share: float | None, name: str) -> Matter:
    """Dyed cloth, whose near infrared follows from fibre, dye and colour."""
    first, second = (near_infrared(dyed, colour, lamp) for lamp in LAMPS)
    return Matter(colour, (first, second), gloss, clo, share, name)


STRIP = Matter((0.5, 0.5, 0.5), (4.0, 4.0), 0.0, 0.0, 0.22, "strip")
"""Retroreflective: it throws the lamp's light back."""
BELT = Matter((0.1, 0.07, 0.05), (0.2, 0.21), 0.1, 0.4, None, "belt")
GLASSES = Matter((0.05, 0.05, 0.05), (0.12, 0.12), 0.2, 0.0, 0.0, "glasses")
