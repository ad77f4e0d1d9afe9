"""Cloth: what it reflects in the near infrared follows from its fibre, its dye and its colour, and from nothing else.

A dye keeps a share of its visible absorption in the near infrared, tau; Kubelka and Munk's relation turns absorption into
reflectance. Most dyes are clear there, so most cloth is pale; carbon and pigment are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

from rgbir.index.synthetic.drawing2.streams import Stream
from rgbir.index.synthetic.drawing2.tables import exponential, logarithm_of_two, power_of_two

Colour = tuple[float, float, float]
Fibre = Literal["cotton", "polyester", "nylon", "wool", "denim", "leather", "rubber", "shell"]
Dye = Literal[
    "reactive", "disperse", "acid", "indigo", "vat", "sulfur", "pigment", "carbon", "finish", "clear"
]  # fmt: skip
Garment = Literal["upper", "jacket", "lower", "shoe", "bag", "hat"]
LAMPS = (850, 940)
"""Wavelengths in nanometres."""
MOST = 1.1
"""Of tau."""

# The share of its visible absorption that a dye keeps at 850 nm: least, most; and the nanometres in which it falls to 1/e.
DYES: dict[Dye, tuple[float, float, float | None]] = {
    "reactive": (0.002, 0.03, 120),
    "disperse": (0.002, 0.02, 120),
    "acid": (0.01, 0.12, 150),
    "indigo": (0.004, 0.03, 80),
    "vat": (0.05, 0.30, 200),
    "sulfur": (0.10, 0.35, 250),
    "pigment": (0.60, 1.00, None),
    "carbon": (0.85, 1.05, None),
    "finish": (0.15, 0.80, 400),
    "clear": (0.01, 0.05, 200),
}
# What the undyed fibre reflects at 850 nm, and how often it has which dye, in tenths.
FIBRES: dict[Fibre, tuple[float, tuple[tuple[Dye, int], ...]]] = {
    "cotton": (0.80, (("reactive", 60), ("vat", 15), ("sulfur", 15), ("pigment", 10))),
    "polyester": (0.74, (("disperse", 60), ("carbon", 18))),
    "nylon": (0.62, (("acid", 40), ("carbon", 15))),
    "wool": (0.66, (("acid", 10),)),
    "denim": (0.74, (("indigo", 70), ("sulfur", 20))),
    "leather": (0.55, (("finish", 30), ("acid", 10))),
    "rubber": (0.50, (("carbon", 20), ("clear", 10))),
    "shell": (0.60, (("acid", 30), ("carbon", 20))),
}
# What garments are made of, in tenths.
GARMENTS: dict[Garment, tuple[tuple[Fibre, int], ...]] = {
    "upper": (("cotton", 50), ("polyester", 35), ("wool", 10), ("nylon", 5)),
    "jacket": (("polyester", 30), ("nylon", 25), ("cotton", 20), ("wool", 15), ("leather", 8), ("shell", 10)),
    "lower": (("cotton", 30), ("denim", 30), ("polyester", 25), ("wool", 6)),
    "shoe": (("leather", 30), ("polyester", 30), ("rubber", 10)),
    "bag": (("nylon", 40), ("polyester", 30), ("leather", 20), ("cotton", 10)),
    "hat": (("cotton", 30), ("wool", 20), ("polyester", 20)),
}


@dataclass(frozen=True, slots=True)
class Dyed:
    """A fibre with a dye.

    Attributes:
        fibre: what it is made of.
        dye: the class of its dye.
        u: its place within the dye's interval, 0 to 1.
    """

    fibre: Fibre
    dye: Dye
    u: float


def dyed(stream: Stream, garment: Garment) -> Dyed:
    """Fibre, dye and place, as that garment has them."""
    return dyed_of(stream, stream.one_of(GARMENTS[garment]))


def dyed_of(stream: Stream, fibre: Fibre) -> Dyed:
    """A dye of that fibre, and a place in its interval."""
    return Dyed(fibre, stream.one_of(FIBRES[fibre][1]), stream.unit())


def near_infrared(cloth: Dyed, colour: Colour, lamp: int) -> float:
    """Reflectance under a lamp of that wavelength.

    Args:
        colour: reflectance of red, green and blue, in linear light.
        lamp: nanometres, 850 or more.

    Source: Kubelka and Munk's relation, which dyed cloth obeys well (Safi and Amirshahi, Scientific Reports 13, 2023).
    """
    least, most, fold = DYES[cloth.dye]
    low, high = logarithm_of_two(least), logarithm_of_two(most)
    keeps = power_of_two(low + cloth.u * (high - low))
    if fold is not None and lamp > LAMPS[0]:
        keeps = keeps * exponential(-(lamp - LAMPS[0]) / fold)
    red, green, blue = (_absorbed(part) for part in colour)
    absorbed = _absorbed(FIBRES[cloth.fibre][0]) + min(keeps, MOST) * ((red + green + blue) / 3)
    return 1 + absorbed - sqrt(absorbed * absorbed + 2 * absorbed)


def _absorbed(reflectance: float) -> float:
    """K/S, absorption over scattering."""
    r = min(max(reflectance, 0.02), 0.97)
    return (1 - r) * (1 - r) / (2 * r)
