"""Who they are: everything about a synthetic person that stays the same from picture to picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

Colour = tuple[float, float, float]
T = TypeVar("T")

Pattern = Literal["plain", "hoops", "pinstripes", "plaid", "print", "yoke", "side_panels", "hem"]
Top = Literal["t_shirt", "shirt", "hoodie", "open_jacket", "coat", "vest"]
Bottom = Literal["trousers", "wide_trousers", "leggings", "shorts", "skirt", "long_skirt"]
Hair = Literal["bald", "short", "bob", "long", "bun", "ponytail"]
Hat = Literal["none", "none", "cap", "beanie", "brim"]
Bag = Literal["none", "backpack", "shoulder", "handbag", "carrier", "crossbody"]

# What people wear: mostly dark and grey. The number is how often, relative to the others.
_WARDROBE: tuple[tuple[Colour, float], ...] = (
    ((0.06, 0.06, 0.07), 9.0),  # black
    ((0.08, 0.10, 0.20), 6.0),  # navy
    ((0.22, 0.23, 0.25), 5.0),  # charcoal
    ((0.45, 0.46, 0.47), 4.0),  # grey
    ((0.80, 0.80, 0.78), 4.0),  # white
    ((0.20, 0.29, 0.45), 5.0),  # denim
    ((0.55, 0.45, 0.32), 2.0),  # camel
    ((0.28, 0.20, 0.14), 2.0),  # brown
    ((0.28, 0.30, 0.18), 2.0),  # olive
    ((0.50, 0.10, 0.12), 2.0),  # red
    ((0.15, 0.35, 0.60), 2.0),  # blue
    ((0.70, 0.50, 0.55), 1.0),  # pink
    ((0.75, 0.62, 0.20), 1.0),  # yellow
    ((0.16, 0.38, 0.26), 1.0),  # green
)
_SKIN: tuple[Colour, ...] = ((0.75, 0.56, 0.46), (0.66, 0.47, 0.36), (0.50, 0.34, 0.25), (0.33, 0.21, 0.15))
_HAIR: tuple[Colour, ...] = (
    (0.05, 0.04, 0.04),
    (0.10, 0.07, 0.05),
    (0.24, 0.15, 0.09),
    (0.50, 0.38, 0.22),
    (0.5, 0.5, 0.5),
)


@dataclass(frozen=True, slots=True)
class Cloth:
    """A fabric in both modalities. What it reflects in the infrared has little to do with its colour.

    Most dyes are clear in the infrared, so a printed accent vanishes there, a woven one stays faintly, and a panel
    of another fabric has a value of its own.

    Attributes:
        colour: visible reflectance in 0..1, linear.
        infrared: reflectance at 850 nm in 0..1.
        pattern: of colour and accent.
        accent: the pattern's second colour, as `colour`.
        infrared_accent: as `infrared`.
        period_m: metres after which the pattern comes again.
    """

    colour: Colour
    infrared: float
    pattern: Pattern = "plain"
    accent: Colour = (0.5, 0.5, 0.5)
    infrared_accent: float = 0.5
    period_m: float = 0.08


@dataclass(frozen=True, slots=True)
class Person:
    """One identity.

    Attributes:
        height_m: metres.
        girth: factor of all widths, around 1.
        shoulders: factor of their width.
        hips: factor of their width.
        leg_share: of the height.
        stride: factor of how far arms and legs swing.
        stoop: how far the person leans ahead.
        skin: visible reflectance in 0..1, linear.
        hair: its cut.
        hair_colour: as `skin`.
        hat: its kind.
        hat_cloth: its fabric.
        top: what the upper body wears.
        top_cloth: its fabric.
        inner: the fabric under an open top.
        sleeve: share of the arm that it covers.
        sleeve_cloth: its fabric.
        hood: whether the top has one.
        scarf: its fabric; None without one.
        bottom: what the legs wear.
        bottom_cloth: its fabric.
        belt: whether one is worn.
        shoe: fabric of the shoes.
        sole: fabric of their soles.
        boot: height of the boots' shaft; 0 without boots.
        bag: its kind.
        bag_cloth: its fabric.
        bag_side: -1 or 1, the side it hangs on.
        bag_size: factor of its usual size.
    """

    height_m: float
    girth: float
    shoulders: float
    hips: float
    leg_share: float
    stride: float
    stoop: float
    skin: Colour
    hair: Hair
    hair_colour: Colour
    hat: Hat
    hat_cloth: Cloth
    top: Top
    top_cloth: Cloth
    inner: Cloth
    sleeve: float
    sleeve_cloth: Cloth
    hood: bool
    scarf: Cloth | None
    bottom: Bottom
    bottom_cloth: Cloth
    belt: bool
    shoe: Cloth
    sole: Cloth
    boot: float
    bag: Bag
    bag_cloth: Cloth
    bag_side: int
    bag_size: float


def person(seed: int, identity: int) -> Person:
    """The person of that number: the same in every process and on every machine."""
    rng = np.random.default_rng([seed, identity, 0])

    def one_of(choices: tuple[T, ...], weights: tuple[float, ...] | None = None) -> T:
        p = None if weights is None else np.asarray(weights) / sum(weights)
        return choices[int(rng.choice(len(choices), p=p))]

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def colour() -> Colour:
        base = one_of(tuple(c for c, _ in _WARDROBE), tuple(w for _, w in _WARDROBE))
        r, g, b = np.clip(np.asarray(base) * rng.uniform(0.8, 1.25) + rng.normal(0, 0.015, 3), 0.03, 0.9)
        return float(r), float(g), float(b)

    def infrared() -> float:
        """Reflectance at 850 nm: clear dyes are most common, then wool and leather, then pigments such as carbon."""
        kind = rng.random()
        return between(0.50, 0.88) if kind < 0.62 else between(0.26, 0.48) if kind < 0.85 else between(0.07, 0.20)

    def cloth(*patterns: Pattern) -> Cloth:
        pattern: Pattern = one_of(patterns) if patterns else "plain"
        base, accent, reflects = colour(), colour(), infrared()
        while np.abs(np.subtract(base, accent)).sum() < 0.35 and pattern != "plain":
            accent = colour() if rng.random() < 0.7 else (0.82, 0.82, 0.8)
        if pattern in ("plaid", "print"):
            keeps = between(-0.06, 0.06)
        elif pattern in ("hoops", "pinstripes"):
            keeps = one_of((-1.0, 1.0)) * between(0.14, 0.30)
        else:
            keeps = infrared() - reflects
        period = between(0.05, 0.16) if pattern != "pinstripes" else between(0.10, 0.2)
        return Cloth(base, reflects, pattern, accent, float(np.clip(reflects + keeps, 0.05, 0.92)), period)

    height = float(np.clip(rng.normal(1.71, 0.09), 1.48, 1.96))
    top: Top = one_of(("t_shirt", "shirt", "hoodie", "open_jacket", "coat", "vest"), (4.0, 4.0, 3.0, 4.0, 3.0, 1.0))
    bottom: Bottom = one_of(
        ("trousers", "wide_trousers", "leggings", "shorts", "skirt", "long_skirt"), (6.0, 2.5, 2.5, 3.0, 2.0, 1.5)
    )
    upper = cloth("plain", "plain", "plain", "hoops", "pinstripes", "plaid", "print", "yoke", "side_panels", "hem")
    sleeve = {"t_shirt": between(0.25, 0.5), "vest": 0.0}.get(top, 1.0 if rng.random() < 0.85 else 0.62)
    hair: Hair = one_of(("bald", "short", "bob", "long", "bun", "ponytail"), (1.0, 5.0, 2.0, 2.5, 1.2, 1.6))
    return Person(
        height_m=height,
        girth=float(np.clip(rng.normal(1.0, 0.13), 0.76, 1.36)),
        shoulders=between(0.9, 1.12),
        hips=between(0.88, 1.15),
        leg_share=between(0.455, 0.505),
        stride=between(0.55, 1.25),
        stoop=between(-0.02, 0.08),
        skin=one_of(_SKIN, (4.0, 4.0, 1.5, 1.0)),
        hair=hair,
        hair_colour=one_of(_HAIR, (5.0, 4.0, 2.0, 1.0, 0.7)),
        hat=one_of(("none", "none", "cap", "beanie", "brim"), (7.0, 7.0, 2.0, 1.6, 0.8)),
        hat_cloth=cloth(),
        top=top,
        top_cloth=upper,
        inner=cloth("plain", "hoops", "print"),
        sleeve=sleeve,
        sleeve_cloth=cloth() if rng.random() < 0.22 else upper,
        hood=top == "hoodie" or (top in ("open_jacket", "coat") and rng.random() < 0.35),
        scarf=cloth("plain", "hoops") if rng.random() < 0.12 else None,
        bottom=bottom,
        bottom_cloth=cloth("plain", "plain", "plain", "plain", "side_panels", "pinstripes", "hem"),
        belt=bool(rng.random() < 0.2),
        shoe=cloth(),
        sole=cloth() if rng.random() < 0.4 else Cloth((0.8, 0.8, 0.8), between(0.7, 0.9)),
        boot=between(0.12, 0.3) if rng.random() < 0.18 else 0.0,
        bag=one_of(("none", "backpack", "shoulder", "handbag", "carrier", "crossbody"), (5.0, 4.0, 2.0, 1.6, 1.2, 2.0)),
        bag_cloth=cloth("plain", "plain", "yoke", "hem"),
        bag_side=int(one_of((-1, 1))),
        bag_size=between(0.8, 1.3),
    )
