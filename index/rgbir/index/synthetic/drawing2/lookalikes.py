"""Who resembles whom: of each block of twenty people four wear one uniform, three look alike in colour, two in infrared."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rgbir.index.synthetic.drawing2.cloth import Colour, Fibre
from rgbir.index.synthetic.drawing2.matter import Matter, Pattern
from rgbir.index.synthetic.drawing2.streams import Key
from rgbir.index.synthetic.drawing2.wardrobe import (
    BLACK,
    BLUE,
    BROWN,
    CHARCOAL,
    DENIM,
    GREEN,
    GREY,
    NAVY,
    OLIVE,
    PINK,
    RED,
    WHITE,
    YELLOW,
    Bottom,
    BottomCut,
    Outfit,
    Palette,
    Top,
    TopCut,
    any_will_do,
    bottom_cut,
    outfit,
    top_cut,
)  # fmt: skip
from rgbir.index.synthetic.drawing2.world import BLOCK, STRANGERS_FROM, World

Group = Literal["uniform", "colours", "infrared", "alone"]
NEAR = 0.04
"""How far apart in near infrared those are at most who look alike there."""


class Uniform(NamedTuple):
    """A kind of uniform.

    Attributes:
        top, bottom: kinds of garments.
        tops, accents, bottoms: what their colours are drawn from.
        fibre: what the top is made of.
        pattern: of the top.
    """

    top: Top
    bottom: Bottom
    tops: tuple[Colour, ...]
    accents: tuple[Colour, ...]
    bottoms: tuple[Colour, ...]
    fibre: Fibre
    pattern: Pattern


UNIFORMS: dict[str, Uniform] = {
    "school tracksuit": Uniform(
        "hoodie", "trousers", (NAVY, BLUE, RED, GREEN), (WHITE, YELLOW), (NAVY, BLACK), "polyester", "side_panels"
    ),
    "security": Uniform("shirt", "trousers", (BLACK, NAVY, WHITE), (YELLOW, WHITE), (BLACK, NAVY), "polyester", "yoke"),
    "overall": Uniform(
        "shirt", "trousers", (BLUE, GREEN, GREY), (WHITE, BLACK), (BLUE, GREEN, GREY), "cotton", "plain"
    ),
    "courier jacket": Uniform(
        "jacket", "trousers", (RED, YELLOW, BROWN), (BLACK,), (BLACK, CHARCOAL), "polyester", "yoke"
    ),
    "nurse": Uniform("t_shirt", "trousers", (WHITE, BLUE, PINK), (WHITE, BLUE), (WHITE, BLUE), "cotton", "plain"),
    "winter down coat": Uniform(
        "coat", "trousers", (BLACK, NAVY, OLIVE), (GREY, RED, WHITE), (BLACK, DENIM), "shell", "hem"
    ),
    "suit": Uniform("jacket", "trousers", (BLACK, NAVY, CHARCOAL), (WHITE,), (BLACK, NAVY, CHARCOAL), "wool", "plain"),
    "football shirt": Uniform(
        "t_shirt",
        "shorts",
        (RED, BLUE, WHITE, GREEN),
        (WHITE, BLACK, YELLOW),
        (WHITE, BLACK, RED),
        "polyester",
        "hoops",
    ),
}


def group(world: World, person: int) -> Group:
    """Who that person resembles: those of the same group in the block."""
    if person > STRANGERS_FROM or not world.has("lookalikes"):
        return "alone"
    place = (person - 1) % BLOCK
    return "uniform" if place < 4 else "colours" if place < 7 else "infrared" if place < 9 else "alone"


def block_of(person: int) -> int:
    """The number of the person's block, from 0."""
    return (person - 1) // BLOCK


def resemble(world: World, a: int, b: int) -> bool:
    """Whether two people are look-alikes."""
    same = block_of(a) == block_of(b) and group(world, a) == group(world, b)
    return a != b and same and group(world, a) != "alone"


def worn(world: World, person: int) -> Outfit:
    """What the person wears."""
    of_person, of_block = Key(world.seed, person), Key(world.seed, STRANGERS_FROM - 1 - block_of(person))
    kind = group(world, person)
    if kind == "uniform":
        uniform = UNIFORMS[of_block.stream("uniform").one_of([(name, 1) for name in UNIFORMS])]
        stream = of_block.stream("cut:uniform")
        cuts = top_cut(stream, uniform.top, uniform.pattern), bottom_cut(stream, uniform.bottom, "plain")
        palette = Palette(uniform.tops, uniform.accents, uniform.bottoms, uniform.fibre)
        return outfit(of_block, of_block, of_block, palette, cuts, any_will_do)
    of_cut = of_person if kind == "alone" else of_block
    stream = of_cut.stream(f"cut:{kind}")
    if kind == "infrared":
        panels: Pattern = stream.one_of((("plain", 2), ("yoke", 1), ("side_panels", 1), ("hem", 1)))
        return _matched(of_person, of_block, (top_cut(stream, None, panels), bottom_cut(stream, None, "plain")), person)
    cuts = top_cut(stream), bottom_cut(stream)
    of_colours = of_block if kind == "colours" else of_person
    return outfit(of_cut, of_colours, of_person, Palette(), cuts, any_will_do)


def _matched(of_person: Key, of_block: Key, cuts: tuple[TopCut, BottomCut], person: int) -> Outfit:
    """The first of the two wears no dark-in-infrared cloth; the second other colours with the first one's infrared."""

    def pale(part: str, matter: Matter) -> bool:
        return matter.near[0] >= 0.35

    first_number = block_of(person) * BLOCK + 8
    of_first = of_person._replace(person=first_number)
    first = outfit(of_block, of_first, of_first, Palette(), cuts, pale)
    if person == first_number:
        return first
    wanted: dict[str, Matter] = {}
    for name, cloth in (("top", first.top_cloth), ("sleeve", first.sleeve_cloth), ("shirt", first.shirt),
                        ("bottom", first.bottom_cloth)):  # fmt: skip
        wanted |= {name: cloth.ground, f"{name} accent": cloth.accent}

    def same_infrared(part: str, matter: Matter) -> bool:
        like = wanted[part]
        near = max(abs(matter.near[0] - like.near[0]), abs(matter.near[1] - like.near[1])) < NEAR
        apart = sum_apart(matter.colour, like.colour)
        return near and (apart >= 0.3 or part.endswith("accent"))

    return outfit(of_block, of_person, of_person, Palette(), cuts, same_infrared)


def sum_apart(a: Colour, b: Colour) -> float:
    """How far two colours are apart, channel by channel."""
    return abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2])
