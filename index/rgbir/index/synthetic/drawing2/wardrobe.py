"""What people wear: colours, cuts and cloths. Cut, colours and materials are drawn apart, so that look-alikes can share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from rgbir.index.synthetic.drawing2.cloth import (
    GARMENTS,
    Colour,
    Dyed,
    Fibre,
    Garment,
    dyed_of,
)
from rgbir.index.synthetic.drawing2.matter import Cloth, Matter, Pattern, of_cloth
from rgbir.index.synthetic.drawing2.streams import Key, Stream

Top = Literal["t_shirt", "shirt", "hoodie", "jacket", "coat", "vest"]
Bottom = Literal["trousers", "shorts", "skirt"]

# Reflectance in linear light, and how often. Black, navy, charcoal and denim are half of all garments.
BLACK: Colour = (0.06, 0.06, 0.07)
NAVY: Colour = (0.08, 0.10, 0.20)
CHARCOAL: Colour = (0.22, 0.23, 0.25)
GREY: Colour = (0.45, 0.46, 0.47)
WHITE: Colour = (0.80, 0.80, 0.78)
DENIM: Colour = (0.20, 0.29, 0.45)
CAMEL: Colour = (0.55, 0.45, 0.32)
BROWN: Colour = (0.28, 0.20, 0.14)
OLIVE: Colour = (0.28, 0.30, 0.18)
RED: Colour = (0.50, 0.10, 0.12)
BLUE: Colour = (0.15, 0.35, 0.60)
PINK: Colour = (0.70, 0.50, 0.55)
YELLOW: Colour = (0.75, 0.62, 0.20)
GREEN: Colour = (0.16, 0.38, 0.26)
COLOURS: tuple[tuple[Colour, int], ...] = (
    (BLACK, 9), (NAVY, 6), (CHARCOAL, 5), (GREY, 4), (WHITE, 4), (DENIM, 5), (CAMEL, 2), (BROWN, 2), (OLIVE, 2), (RED, 2),
    (BLUE, 2), (PINK, 1), (YELLOW, 1), (GREEN, 1),
)  # fmt: skip
_OF_DENIM = (BLACK, NAVY, CHARCOAL, GREY, DENIM)
_UPPER: tuple[tuple[Pattern, int], ...] = (
    ("plain", 30), ("hoops", 10), ("pinstripes", 10), ("plaid", 10), ("print", 10), ("yoke", 10), ("side_panels", 10),
    ("hem", 10),
)  # fmt: skip
_LOWER: tuple[tuple[Pattern, int], ...] = (("plain", 40), ("side_panels", 10), ("pinstripes", 10), ("hem", 10))
TOPS: tuple[tuple[Top, int], ...] = (
    ("t_shirt", 4),
    ("shirt", 4),
    ("hoodie", 3),
    ("jacket", 4),
    ("coat", 3),
    ("vest", 1),
)
BOTTOMS: tuple[tuple[Bottom, int], ...] = (("trousers", 11), ("shorts", 3), ("skirt", 3))
CLO: dict[str, float] = {
    "t_shirt": 0.09, "vest": 0.06, "shirt": 0.25, "hoodie": 0.28, "jacket": 0.35, "coat": 0.60,
    "trousers": 0.25, "shorts": 0.06, "skirt": 0.15,
}  # fmt: skip
"""ISO 7730's table of garments."""


class TopCut(NamedTuple):
    """A garment of the upper body, in continuous values.

    Attributes:
        kind: its kind.
        loose: its girth as a factor of the body's.
        hem_m: how far its hem hangs below the hips.
        flare: the girth of its hem as a factor of the loose hips'.
        gap: radians from the middle of the front to its edge where it is open; 0 where it can't be.
        sleeve: the share of the arm that it covers.
        cuff: the girth of its sleeves as a factor of the arm's.
        collar_m: the height of its collar.
        hood: whether it has one.
        strips: whether light strips run around it.
        pattern, period_m, woven: of the cloth.
        gloss: of the cloth, where it is glossy.
    """

    kind: Top
    loose: float
    hem_m: float
    flare: float
    gap: float
    sleeve: float
    cuff: float
    collar_m: float
    hood: bool
    strips: bool
    pattern: Pattern
    period_m: float
    woven: bool
    gloss: float


class BottomCut(NamedTuple):
    """A garment of the legs, in continuous values.

    Attributes:
        kind: its kind.
        covered: the share of the leg in its tubes; 0 of a skirt.
        thigh, knee, ankle: the girth of its tubes, as factors of the leg's.
        length: of a skirt, as a share of the leg.
        flare: of a skirt's hem, as a factor of the hips' girth.
        belt: whether one is worn.
        pattern, period_m, woven: of the cloth.
    """

    kind: Bottom
    covered: float
    thigh: float
    knee: float
    ankle: float
    length: float
    flare: float
    belt: bool
    pattern: Pattern
    period_m: float
    woven: bool


@dataclass(frozen=True, slots=True)
class Outfit:
    """What look-alikes may share.

    Attributes:
        top, bottom: cuts.
        top_cloth, sleeve_cloth, bottom_cloth: cloths.
        shirt: the cloth under an open top.
    """

    top: TopCut
    bottom: BottomCut
    top_cloth: Cloth
    sleeve_cloth: Cloth
    shirt: Cloth
    bottom_cloth: Cloth


class Palette(NamedTuple):
    """What an outfit is chosen from; None where a person's own taste decides.

    Attributes:
        top, accent, bottom: colours.
        fibre: of the top.
    """

    top: tuple[Colour, ...] | None = None
    accent: tuple[Colour, ...] | None = None
    bottom: tuple[Colour, ...] | None = None
    fibre: Fibre | None = None


Accept = Callable[[str, Matter], bool]
"""Whether a matter will do as that part of an outfit, by the part's name."""


def any_will_do(part: str, matter: Matter) -> bool:
    return True


def top_cut(stream: Stream, of: Top | None = None, pattern: Pattern | None = None) -> TopCut:
    """A cut of that kind, or of any."""
    kind = stream.one_of(TOPS) if of is None else of
    loose, hem, flare = {
        "t_shirt": (0.96, -0.02, 1.02), "shirt": (1.00, 0.02, 1.04), "hoodie": (1.08, 0.00, 1.02),
        "jacket": (1.10, 0.00, 1.03), "coat": (1.12, 0.25, 1.10), "vest": (0.94, -0.04, 1.02),
    }[kind]  # fmt: skip
    longest = 0.35 if kind == "coat" else 0.12
    sleeve = {"t_shirt": stream.between(0.22, 0.5), "vest": 0.0}.get(kind, 1.0)
    rolled = stream.between(0.5, 0.72) if stream.yes(0.15) else 1.0
    drawn = stream.one_of(_UPPER) if pattern is None else pattern
    glossy = 0.18 if kind in ("jacket", "coat") else 0.04
    return TopCut(
        kind=kind,
        loose=loose * stream.between(0.95, 1.10),
        hem_m=hem + longest * stream.unit(),
        flare=flare * stream.between(0.98, 1.15),
        gap=stream.between(0.15, 0.55) if kind in ("jacket", "coat") else 0.0,
        sleeve=sleeve * rolled if kind in ("shirt", "hoodie") else sleeve,
        cuff=loose * stream.between(0.98, 1.35),
        collar_m=stream.between(0.03, 0.07) if kind in ("coat", "jacket", "shirt") and stream.yes(0.6) else 0.0,
        hood=kind == "hoodie" or (kind in ("jacket", "coat") and stream.yes(0.35)),
        strips=kind == "jacket" and stream.yes(0.06),
        pattern=drawn,
        period_m=stream.between(0.10, 0.20) if drawn == "pinstripes" else stream.between(0.05, 0.16),
        woven=drawn == "pinstripes" or (drawn != "print" and stream.yes(0.5)),
        gloss=stream.between(0.1, 0.4) if stream.yes(glossy) else 0.0,
    )


def bottom_cut(stream: Stream, of: Bottom | None = None, pattern: Pattern | None = None) -> BottomCut:
    """A cut of that kind, or of any."""
    kind = stream.one_of(BOTTOMS) if of is None else of
    wide = stream.between(0.0, 1.0)
    wide = wide * wide  # narrow is more usual than wide
    drawn = stream.one_of(_LOWER) if pattern is None else pattern
    return BottomCut(
        kind=kind,
        covered={"trousers": 1.0, "shorts": stream.between(0.3, 0.6), "skirt": 0.0}[kind],
        thigh=1.0 + 0.22 * wide,
        knee=(0.97 + 0.65 * wide) if kind == "trousers" else 1.25,
        ankle=0.95 + 1.1 * wide * stream.between(0.5, 1.2),
        length=stream.between(0.38, 0.92) if kind == "skirt" else 0.0,
        flare=stream.between(1.0, 1.5),
        belt=kind != "skirt" and stream.yes(0.25),
        pattern=drawn,
        period_m=stream.between(0.10, 0.20) if drawn == "pinstripes" else stream.between(0.05, 0.16),
        woven=drawn == "pinstripes" or (drawn != "print" and stream.yes(0.5)),
    )


def outfit(
    cut: Key, colours: Key, materials: Key, palette: Palette, cuts: tuple[TopCut, BottomCut], accept: Accept
) -> Outfit:
    """An outfit of these cuts.

    Args:
        cut: whose sleeves and patterns it has.
        colours: whose colours.
        materials: whose fibres and dyes.
        palette: what is chosen from.
        cuts: of top and bottom.
        accept: parts are drawn again until it takes them.
    """
    top, bottom = cuts
    upper: Garment = "jacket" if top.kind in ("jacket", "coat") else "upper"
    shell, closed = CLO[top.kind], top.gap == 0

    def cloth(name: str, garment: Garment, like: TopCut | BottomCut, clo: float, chosen: Palette) -> Cloth:
        gloss = like.gloss if isinstance(like, TopCut) else 0.0
        ranges = chosen.bottom if garment == "lower" else chosen.top
        fibre = chosen.fibre if garment != "lower" else None
        return patterned(
            name, garment, colours, materials, (ranges, chosen.accent), fibre,
            (like.pattern, like.period_m, like.woven), gloss, clo, accept,
        )  # fmt: skip

    first = cloth("top", upper, top, shell, palette)
    another = palette.top is None and cut.stream("sleeves").yes(0.22)
    patterns: tuple[tuple[Pattern, int], ...] = (("plain", 2), ("hoops", 1), ("print", 1))
    printed: Pattern = cut.stream("shirt").one_of(patterns) if accept is any_will_do else "plain"
    shirt_cut = top._replace(pattern=printed, gloss=0.0)
    return Outfit(
        top=top,
        bottom=bottom,
        top_cloth=first,
        sleeve_cloth=cloth("sleeve", upper, top._replace(pattern="plain"), shell, palette) if another else first,
        shirt=first if closed else cloth("shirt", "upper", shirt_cut, 0.17, Palette(palette.accent)),
        bottom_cloth=cloth("bottom", "lower", bottom, CLO[bottom.kind], palette),
    )


def patterned(
    name: str,
    garment: Garment,
    colours: Key,
    materials: Key,
    ranges: tuple[tuple[Colour, ...] | None, tuple[Colour, ...] | None],
    fibre: Fibre | None,
    pattern: tuple[Pattern, float, bool],
    gloss: float,
    clo: float,
    accept: Accept = any_will_do,
    share: float | None = None,
) -> Cloth:
    """A cloth for that part of what somebody wears.

    Prints keep the ground's fibre, dye and place in its interval, so only the colour changes them. What is woven of dyed
    yarns keeps fibre and dye. Yokes, panels and hems are another cloth.
    """
    kind, period, woven = pattern

    def drawn(part: str, chosen: tuple[Colour, ...] | None, of: Dyed | None, keep_place: bool) -> tuple[Matter, Dyed]:
        for attempt in range(4000):
            stream, made = colours.stream(f"colour:{part}:{attempt}"), materials.stream(f"cloth:{part}:{attempt}")
            colour = one_colour(stream, chosen)
            if of is None:
                fibres = [(f, w) for f, w in GARMENTS[garment] if f != "denim" or near_denim(colour)]
                of_fibre = made.one_of(fibres) if fibre is None else fibre
                dye = dyed_of(made, of_fibre)
            else:
                dye = of if keep_place else replace(of, u=made.unit())
            shine = gloss
            if shine == 0.0 and dye.fibre in ("leather", "shell"):
                shine = made.between(0.1, 0.4)
            matter = of_cloth(dye, colour, shine, clo, share, name)
            if accept(part, matter):
                return matter, dye
        raise AssertionError(f"no matter will do as {part}")

    ground, dye = drawn(name, ranges[0], None, False)
    if kind == "plain":
        return Cloth(ground, kind, ground, period)
    accents = ranges[1]
    if accents is None:
        accents = tuple(c for c, _ in COLOURS if _apart(c, ground.colour) >= 0.35)
    another = kind in ("yoke", "side_panels", "hem")
    accent, _ = drawn(f"{name} accent", accents, None if another else dye, not woven)
    return Cloth(ground, kind, accent, period)


def one_colour(stream: Stream, chosen: tuple[Colour, ...] | None = None) -> Colour:
    """A colour of the wardrobe, or one of those chosen, a little other each time."""
    weighted = COLOURS if chosen is None else [(c, w) for c, w in COLOURS if c in chosen]
    base, light = stream.one_of(weighted), stream.between(0.8, 1.25)
    red, green, blue = (min(max(part * light + stream.normal(0, 0.015), 0.03), 0.9) for part in base)
    return red, green, blue


def near_denim(colour: Colour) -> bool:
    """Whether it is blue, grey or black, as denim is."""
    return min((_apart(colour, c), c not in _OF_DENIM) for c, _ in COLOURS)[1] is False


def _apart(a: Colour, b: Colour) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2])
