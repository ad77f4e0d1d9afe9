"""Who they are: everything about a person that stays the same from picture to picture, at every camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from rgbir.index.synthetic.drawing2.cloth import Colour, Dyed
from rgbir.index.synthetic.drawing2.lookalikes import worn
from rgbir.index.synthetic.drawing2.matter import STRIP, Cloth, Matter, of_cloth
from rgbir.index.synthetic.drawing2.streams import Key, Stream
from rgbir.index.synthetic.drawing2.wardrobe import Outfit, patterned
from rgbir.index.synthetic.drawing2.world import World

Hair = Literal["bald", "short", "bob", "long", "bun", "ponytail"]
Hat = Literal["none", "cap", "beanie", "brim"]
Bag = Literal["none", "backpack", "shoulder", "handbag", "carrier", "crossbody"]

_SKIN: tuple[tuple[tuple[Colour, float], int], ...] = (
    (((0.75, 0.56, 0.46), 0.62), 4),
    (((0.66, 0.47, 0.36), 0.57), 4),
    (((0.50, 0.34, 0.25), 0.50), 2),
    (((0.33, 0.21, 0.15), 0.44), 1),
)
"""Colour, reflectance at 850 nm, and how often."""
_HAIR: tuple[tuple[tuple[Colour, float, float], int], ...] = (
    (((0.05, 0.04, 0.04), 0.10, 0.22), 50),
    (((0.10, 0.07, 0.05), 0.20, 0.32), 40),
    (((0.24, 0.15, 0.09), 0.28, 0.40), 20),
    (((0.50, 0.38, 0.22), 0.40, 0.60), 10),
    (((0.50, 0.50, 0.50), 0.40, 0.60), 7),
)
"""Colour, least and most reflectance at 850 nm, and how often."""


class Gait(NamedTuple):
    """How somebody walks, as factors and metres; both modalities keep it.

    Attributes:
        stride: of how far the legs swing.
        swing: of how far the arms do.
        knee, elbow: of how far they bend.
        sway_m: how far the body leans from side to side.
        bounce_m: how far it rises.
        toe_out: how far the toes point outwards, as a share of the foot.
        cadence: of the steps' rate.
    """

    stride: float
    swing: float
    knee: float
    elbow: float
    sway_m: float
    bounce_m: float
    toe_out: float
    cadence: float


@dataclass(frozen=True, slots=True)
class Person:
    """One identity.

    Attributes:
        number: whose.
        height_m: metres.
        girth, shoulders, hips: factors of widths.
        leg_share: of the height.
        heads: how many heads the body is high.
        stoop: how far the person leans ahead.
        gait: how they walk.
        skin, hair: matters.
        cut: of the hair.
        hair_length: factor of its usual length.
        hat: its kind.
        hat_cloth: its cloth.
        glasses: whether they are worn.
        scarf: its cloth; None without one.
        outfit: top and bottom.
        shoe, sole: cloths.
        boot: the height of the boots' shaft as a share of the shin; 0 without boots.
        bag: its kind.
        bag_cloth: its cloth.
        bag_side: -1 or 1, the side it hangs on.
        bag_size: factor of its usual size.
        hood_up: whether the hood is over the head.
        coat_open: whether an open top is open.
    """

    number: int
    height_m: float
    girth: float
    shoulders: float
    hips: float
    leg_share: float
    heads: float
    stoop: float
    gait: Gait
    skin: Matter
    hair: Matter
    cut: Hair
    hair_length: float
    hat: Hat
    hat_cloth: Cloth
    glasses: bool
    scarf: Cloth | None
    outfit: Outfit
    shoe: Cloth
    sole: Matter
    boot: float
    bag: Bag
    bag_cloth: Cloth
    bag_side: int
    bag_size: float
    hood_up: bool = False
    coat_open: bool = True


@lru_cache(maxsize=2048)
def person(world: World, number: int) -> Person:
    """The person of that number: the same in every process and on every machine."""
    key = Key(world.seed, number)
    body, head, things = key.stream("body"), key.stream("head"), key.stream("things")
    skin, hair = _skin(key.stream("skin")), _hair(key.stream("hair"))
    cut: Hair = head.one_of((("bald", 10), ("short", 50), ("bob", 20), ("long", 25), ("bun", 12), ("ponytail", 16)))
    hat: Hat = head.one_of((("none", 140), ("cap", 20), ("beanie", 16), ("brim", 8)))
    bag: Bag = things.one_of(
        (("none", 50), ("backpack", 40), ("shoulder", 20), ("handbag", 16), ("carrier", 12), ("crossbody", 20))
    )
    who = Person(
        number=number,
        height_m=min(max(body.normal(1.71, 0.09), 1.48), 1.96),
        girth=min(max(body.normal(1.0, 0.14), 0.74), 1.40),
        shoulders=body.between(0.88, 1.14),
        hips=body.between(0.86, 1.17),
        leg_share=body.between(0.450, 0.510),
        heads=body.between(7.2, 7.8),
        stoop=body.between(-0.02, 0.09),
        gait=_gait(key.stream("gait")),
        skin=skin,
        hair=hair,
        cut=cut,
        hair_length=head.between(0.6, 1.5),
        hat=hat,
        hat_cloth=_cloth(key, "hat", "hat", share=0.30),
        glasses=head.yes(0.25),
        scarf=_cloth(key, "scarf", "upper", "hoops" if head.yes(0.4) else "plain", clo=0.45)
        if head.yes(0.12)
        else None,
        outfit=worn(world, number),
        shoe=_cloth(key, "shoe", "shoe", share=0.22),
        sole=_sole(key.stream("sole")),
        boot=things.between(0.15, 0.6) if things.yes(0.18) else 0.0,
        bag=bag,
        bag_cloth=_cloth(key, "bag", "bag", "yoke" if things.yes(0.3) else "plain", share=things.between(0.03, 0.10)),
        bag_side=1 if things.yes(0.5) else -1,
        bag_size=things.between(0.75, 1.35),
    )
    return who if world.has("cloth") else _with_cloth_of_drawing_1(who, key)


def _gait(stream: Stream) -> Gait:
    return Gait(
        stride=stream.between(0.55, 1.25),
        swing=stream.between(0.3, 1.5),
        knee=stream.between(0.6, 1.4),
        elbow=stream.between(0.1, 0.6),
        sway_m=stream.between(0.0, 0.04),
        bounce_m=stream.between(0.01, 0.05),
        toe_out=stream.between(-0.05, 0.45),
        cadence=stream.between(0.9, 1.1),
    )


def _skin(stream: Stream) -> Matter:
    (colour, near), light = stream.one_of(_SKIN), stream.between(0.9, 1.1)
    red, green, blue = (part * light for part in colour)
    near = near + stream.between(-0.03, 0.03)
    return Matter((red, green, blue), (near, near - stream.between(0.05, 0.10)), 0.0, 0.0, 1.0, "skin")


def _hair(stream: Stream) -> Matter:
    (colour, least, most), light = stream.one_of(_HAIR), stream.between(0.8, 1.2)
    red, green, blue = (part * light for part in colour)
    near = stream.between(least, most)
    return Matter((red, green, blue), (near, near + 0.03), 0.05, 0.0, 0.55, "hair")


def _sole(stream: Stream) -> Matter:
    dark = stream.yes(0.5)
    made = Dyed("rubber", "carbon" if dark else "clear", stream.unit())
    level = stream.between(0.04, 0.12) if dark else stream.between(0.6, 0.85)
    return of_cloth(made, (level, level, level), 0.0, 0.0, 0.10, "sole")


def _cloth(
    key: Key, name: str, garment: str, pattern: str = "plain", clo: float = 0.3, share: float | None = None
) -> Cloth:
    stream = key.stream(f"cut:{name}")
    strips = garment in ("shoe", "bag") and stream.yes(0.06)
    cut = ("hem" if strips else pattern, stream.between(0.05, 0.16), stream.yes(0.5))
    made = patterned(name, garment, key, key, (None, None), None, cut, 0.0, clo, share=share)  # type: ignore[arg-type]
    return replace(made, accent=STRIP) if strips else made


def _with_cloth_of_drawing_1(who: Person, key: Key) -> Person:
    """Near infrared that has nothing to do with colour."""

    def drawn(matter: Matter, name: str) -> Matter:
        stream = key.stream(f"free:{name}")
        kind = stream.unit()
        low, high = (0.50, 0.88) if kind < 0.62 else (0.26, 0.48) if kind < 0.85 else (0.07, 0.20)
        near = stream.between(low, high)
        return replace(matter, near=(near, min(max(near + stream.normal(0, 0.1), 0.05), 0.95)))

    def cloth(given: Cloth, name: str) -> Cloth:
        return replace(given, ground=drawn(given.ground, name), accent=drawn(given.accent, f"{name} accent"))

    fit = who.outfit
    return replace(
        who,
        outfit=replace(
            fit,
            top_cloth=cloth(fit.top_cloth, "top"),
            sleeve_cloth=cloth(fit.sleeve_cloth, "top" if fit.sleeve_cloth is fit.top_cloth else "sleeve"),
            shirt=cloth(fit.shirt, "shirt"),
            bottom_cloth=cloth(fit.bottom_cloth, "bottom"),
        ),
        hat_cloth=cloth(who.hat_cloth, "hat"),
        scarf=who.scarf and cloth(who.scarf, "scarf"),
        shoe=cloth(who.shoe, "shoe"),
        bag_cloth=cloth(who.bag_cloth, "bag"),
    )
