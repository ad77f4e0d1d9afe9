"""What covers each part of a person: skin, hair or cloth, and where one ends and the next begins."""

from __future__ import annotations

import numpy as np

from rgbir.index.synthetic.drawing1.cloth import Surface, fabric, over, plain
from rgbir.index.synthetic.drawing1.cuts import BOTTOMS, TOPS
from rgbir.index.synthetic.drawing1.people import Person
from rgbir.index.synthetic.drawing1.skeleton import FOREARM, UPPER_ARM, Joints, leg_m

SKIN_INFRARED, HAIR_INFRARED = 0.78, 0.42


def covers(person: Person, trunk: Joints) -> dict[str, Surface]:
    """Surfaces by name; the metres of each run from the top of its part."""
    bag = person.bag_cloth
    skin, hair = plain(person.skin, SKIN_INFRARED), plain(person.hair_colour, HAIR_INFRARED)
    thigh, shin = _leg(person, skin)
    upper_arm, forearm = _arm(person, skin)
    chest, hem = _top(person, trunk["chest"][1] - trunk["ribs"][1])
    return {
        "skin": skin,
        "hair": hair,
        "head": _head(person, skin, hair),
        "thigh": thigh,
        "shin": shin,
        "shoe": fabric(person.shoe),
        "sole": fabric(person.sole),
        "bottom": fabric(person.bottom_cloth),
        "belt": plain((0.1, 0.07, 0.05), 0.25),
        "chest": chest,
        "hem": hem,
        "upper arm": upper_arm,
        "forearm": forearm,
        "hood": fabric(person.top_cloth),
        "hat": fabric(person.hat_cloth),
        "scarf": fabric(person.scarf or person.top_cloth),
        "bag": fabric(bag),
        "bag trim": plain(tuple(np.asarray(bag.colour) * 0.6), bag.infrared * 0.75),
    }


def _head(person: Person, skin: Surface, hair: Surface) -> Surface:
    """Eyes, mouth, and the hair around the face."""
    h, feature = person.height_m, plain(tuple(np.asarray(person.skin) * 0.55), SKIN_INFRARED * 0.6)
    eyes = over(skin, lambda a, m: (np.abs(np.abs(a) - 0.42) < 0.16) & (np.abs(m - 0.052 * h) < 0.006 * h), feature)
    face = over(eyes, lambda a, m: (np.abs(a) < 0.28) & (np.abs(m - 0.088 * h) < 0.004 * h), feature)
    if person.hair == "bald":
        return face
    sides = {"short": 1.35, "bob": 0.95, "long": 0.9, "bun": 1.2, "ponytail": 1.2}[person.hair]
    nape = {"short": 0.075, "bun": 0.07, "ponytail": 0.075}.get(person.hair, 1.0)
    return over(face, lambda a, m: (m < 0.026 * h) | ((np.abs(a) > sides) & (m < nape * h)), hair)


def _leg(person: Person, skin: Surface) -> tuple[Surface, Surface]:
    cut, leg, half = BOTTOMS[person.bottom], leg_m(person), leg_m(person) * 0.5
    thigh = shin = skin
    if cut.covered > 0.9:
        thigh, shin = fabric(person.bottom_cloth), fabric(person.bottom_cloth, start_m=half)
    elif cut.covered:
        thigh = over(skin, lambda a, m: m < leg * cut.covered, fabric(person.bottom_cloth))
    if person.boot:
        shin = over(shin, lambda a, m: m > half - person.boot * 1.2, fabric(person.shoe))
    return thigh, shin


def _arm(person: Person, skin: Surface) -> tuple[Surface, Surface]:
    upper = UPPER_ARM * person.height_m
    limit = (upper + FOREARM * person.height_m) * person.sleeve
    cuff = fabric(person.sleeve_cloth, start_m=upper)
    upper_arm = over(skin, lambda a, m: m < limit, fabric(person.sleeve_cloth))
    return upper_arm, over(skin, lambda a, m: m + upper < limit, cuff)


def _top(person: Person, chest_m: float) -> tuple[Surface, Surface]:
    """The chest with what is seen in a jacket's gap and the straps of a bag, and what is below it."""
    cut, side, strap = TOPS[person.top], person.bag_side, fabric(person.bag_cloth)
    chest, hem = fabric(person.top_cloth, chest=True), fabric(person.top_cloth, start_m=chest_m)
    if cut.gap:
        inner = fabric(person.inner, chest=True)
        inner_hem = fabric(person.inner if person.top == "open_jacket" else person.bottom_cloth)
        chest = over(chest, lambda a, m: np.abs(a) < cut.gap * (0.6 + 0.5 * m / 0.5), inner)
        hem = over(hem, lambda a, m: np.abs(a) < cut.gap_below, inner_hem)
    if person.bag == "backpack":
        chest = over(chest, lambda a, m: (np.abs(np.abs(a) - 0.62) < 0.13) & (m < 0.34), strap)
    if person.bag == "crossbody":
        chest = over(chest, lambda a, m: np.abs(np.sin(a) * side - (m / 0.24 - 1.05)) < 0.14, strap)
    return chest, hem
