"""How garments are cut: how loose, how long, how far open."""

from __future__ import annotations

from typing import NamedTuple

from rgbir.index.synthetic.drawing1.people import Bottom, Top


class TopCut(NamedTuple):
    """A garment of the upper body.

    Attributes:
        loose: its girth, as a factor of the body's.
        hem, hem_m: how far its hem is above the hips: a share of the person's height, and metres.
        flare: the girth of its hem, as a factor of the loose hips'.
        gap, gap_below: radians from the middle of the front to its edge, on the chest and below; 0 where it is closed.
    """

    loose: float
    hem: float
    hem_m: float
    flare: float
    gap: float
    gap_below: float


class BottomCut(NamedTuple):
    """A garment of the legs.

    Attributes:
        covered: the share of the leg that is in its tubes; 0 for a skirt.
        wide: the girth of its tubes, as a factor of the leg's.
        length: how long a skirt is, as a share of the leg; 0 for the others.
        flare: the girth of a skirt's hem, as a factor of the hips'.
    """

    covered: float
    wide: float
    length: float = 0.0
    flare: float = 1.0


# fmt: off
TOPS: dict[Top, TopCut] = {
    #                     loose    hem  hem_m  flare   gap  gap_below
    "t_shirt":     TopCut(1.00,  0.00,  0.01,  1.08, 0.00,  0.0),
    "shirt":       TopCut(1.03,  0.00, -0.02,  1.08, 0.00,  0.0),
    "hoodie":      TopCut(1.12,  0.00,  0.00,  1.08, 0.00,  0.0),
    "open_jacket": TopCut(1.14,  0.00, -0.03,  1.08, 0.42,  0.5),
    "coat":        TopCut(1.16, -0.24,  0.00,  1.22, 0.16,  0.1),
    "vest":        TopCut(0.97,  0.00,  0.03,  1.08, 0.00,  0.0),
}
BOTTOMS: dict[Bottom, BottomCut] = {
    #                        covered  wide  length  flare
    "trousers":      BottomCut(1.00,  1.15),
    "wide_trousers": BottomCut(1.00,  1.50),
    "leggings":      BottomCut(0.97,  0.95),
    "shorts":        BottomCut(0.46,  1.25),
    "skirt":         BottomCut(0.00,  1.00,  0.50,  1.25),
    "long_skirt":    BottomCut(0.00,  1.00,  0.86,  1.45),
}
# fmt: on
