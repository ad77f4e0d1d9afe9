"""What covers each part of a person: skin, hair or cloth, and where one ends and the next begins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rgbir.index.synthetic.drawing2.matter import BELT, GLASSES, STRIP, Matter
from rgbir.index.synthetic.drawing2.people import Person
from rgbir.index.synthetic.drawing2.pixels import Array
from rgbir.index.synthetic.drawing2.skeleton import FOREARM, UPPER_ARM, Joints, leg_m
from rgbir.index.synthetic.drawing2.surface import Surface, fabric, plain, within

DARK = Matter((0.05, 0.05, 0.06), (0.08, 0.08), 0.1, 0.0, 0.05, "dark thing")
PALE = Matter((0.75, 0.73, 0.70), (0.60, 0.60), 0.0, 0.0, 0.5, "cup")
STRAP_CLO = 0.1
"""What a strap adds to the cloth under it."""
CARTON = Matter((0.42, 0.30, 0.18), (0.55, 0.52), 0.0, 0.0, 0.02, "carton")


def covers(person: Person, trunk: Joints) -> dict[str, Surface]:
    """Surfaces by name; the metres of each run from the top of its part."""
    bag, fit = person.bag_cloth.ground, person.outfit
    skin, hair = plain(person.skin), plain(person.hair)
    thigh, shin = _leg(person, skin)
    upper_arm, forearm = _arm(person, skin)
    chest, hem = _top(person, trunk["chest"][1] - trunk["ribs"][1])
    top = fit.top_cloth.ground
    return {
        "skin": plain(replace(person.skin, name="hand")),
        "hair": hair,
        "head": _head(person, hair),
        "face": plain(replace(person.skin, name="face")),
        "thigh": thigh,
        "shin": shin,
        "shoe": fabric(person.shoe),
        "sole": plain(person.sole),
        "bottom": fabric(fit.bottom_cloth),
        "belt": plain(BELT),
        "chest": chest,
        "hem": hem,
        "upper arm": upper_arm,
        "forearm": forearm,
        "hood": plain(top),
        "collar": plain(replace(top, clo=top.clo * 2)),
        "hat": fabric(person.hat_cloth),
        "scarf": fabric(person.scarf or fit.top_cloth),
        "bag": fabric(person.bag_cloth),
        "bag trim": plain(replace(bag, near=_times(bag.near, 0.75), colour=_dark(bag.colour))),
        "dark": plain(DARK),
        "pale": plain(PALE),
        "carton": plain(CARTON),
        "case": plain(person.bag_cloth.ground),
        "canopy": plain(person.hat_cloth.ground),
    }


def _times(pair: tuple[float, float], factor: float) -> tuple[float, float]:
    return pair[0] * factor, pair[1] * factor


def _dark(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    return colour[0] * 0.6, colour[1] * 0.6, colour[2] * 0.6


def _beyond(array: Array, edge: float) -> Array:
    return (array > np.float32(edge)).astype(np.float32)


def _head(person: Person, hair: Surface) -> Surface:
    """Eyes, glasses, mouth, and the hair around the face."""
    h, skin = person.height_m, replace(person.skin, name="face")
    feature = plain(replace(skin, colour=_dark(skin.colour), near=_times(skin.near, 0.6)))
    long_m = 0.956 / person.heads * h  # from the head's top to the chin
    eyes, mouth = 0.44 * long_m, 0.74 * long_m
    face = plain(skin)
    if person.glasses:
        face = face.under(
            lambda a, m: within(np.abs(a), 0.12, 0.75) * within(m, eyes - 0.010 * h, eyes + 0.010 * h), plain(GLASSES)
        )
    face = face.under(
        lambda a, m: within(np.abs(a), 0.26, 0.58) * within(m, eyes - 0.006 * h, eyes + 0.006 * h), feature
    )
    face = face.under(lambda a, m: within(a, -0.28, 0.28) * within(m, mouth - 0.004 * h, mouth + 0.004 * h), feature)
    if person.cut == "bald":
        return face
    sides = {"short": 1.35, "bob": 0.95, "long": 0.9, "bun": 1.2, "ponytail": 1.2}[person.cut]
    nape = {"short": 0.62, "bun": 0.58, "ponytail": 0.62}.get(person.cut, 9.0) * long_m
    fringe = 0.20 * long_m * (0.7 + 0.4 * person.hair_length)
    return face.under(
        lambda a, m: np.maximum(1 - _beyond(m, fringe), _beyond(np.abs(a), sides) * (1 - _beyond(m, nape))), hair
    )


def _leg(person: Person, skin: Surface) -> tuple[Surface, Surface]:
    cut, cloth, leg = person.outfit.bottom, person.outfit.bottom_cloth, leg_m(person)
    half = leg * 0.5
    thigh = shin = skin
    if cut.covered == 1:
        thigh, shin = fabric(cloth), fabric(cloth, start_m=half)
    elif cut.covered:
        limit = leg * cut.covered
        thigh = skin.under(lambda a, m: 1 - _beyond(m, limit), fabric(cloth))
        shin = skin.under(lambda a, m: 1 - _beyond(m, limit - half), fabric(cloth, start_m=half))
    if person.boot:
        shaft = half * (1 - person.boot)
        shin = shin.under(lambda a, m: _beyond(m, shaft), fabric(person.shoe))
    return thigh, shin


def _arm(person: Person, skin: Surface) -> tuple[Surface, Surface]:
    upper, cloth = UPPER_ARM * person.height_m, person.outfit.sleeve_cloth
    limit = (upper + FOREARM * person.height_m) * person.outfit.top.sleeve
    upper_arm = skin.under(lambda a, m: 1 - _beyond(m, limit), fabric(cloth))
    forearm = skin.under(lambda a, m: 1 - _beyond(m, limit - upper), fabric(cloth, start_m=upper))
    if person.outfit.top.strips:
        upper_arm = upper_arm.under(lambda a, m: within(m, 0.6 * upper, 0.6 * upper + 0.04), plain(STRIP))
    return upper_arm, forearm


def _top(person: Person, chest_m: float) -> tuple[Surface, Surface]:
    """The chest with what is seen in an open top's gap and the straps of a bag, and what is below it."""
    fit, cut, side = person.outfit, person.outfit.top, person.bag_side
    chest, hem = fabric(fit.top_cloth, chest=True), fabric(fit.top_cloth, start_m=chest_m)
    if cut.strips:
        hem = hem.under(lambda a, m: within(m, 0.02, 0.07), plain(STRIP))
    if cut.gap and person.coat_open:
        below = fit.shirt if cut.kind == "jacket" else fit.bottom_cloth
        chest = chest.under(
            lambda a, m: within(np.abs(a) - m * np.float32(cut.gap), -9, cut.gap * 0.6), fabric(fit.shirt, chest=True)
        )
        hem = hem.under(lambda a, m: within(np.abs(a), -1, cut.gap * 1.1), fabric(below))
    elif cut.gap:  # the zip
        zipped = plain(replace(fit.top_cloth.ground, colour=_dark(fit.top_cloth.ground.colour), gloss=0.3))
        chest = chest.under(lambda a, m: within(np.abs(a), -1, 0.04), zipped)
        hem = hem.under(lambda a, m: within(np.abs(a), -1, 0.04), zipped)
    over = replace(person.bag_cloth.ground, clo=fit.top_cloth.ground.clo + STRAP_CLO, share=None, name="strap")
    strap = fabric(replace(person.bag_cloth, ground=over))
    if person.bag == "backpack":
        chest = chest.under(lambda a, m: within(np.abs(a), 0.49, 0.75) * within(m, -1, 0.34), strap)
    if person.bag == "crossbody":
        # sin(azimuth) is near enough azimuth - azimuth cubed / 6.5 on the front
        chest = chest.under(
            lambda a, m: within(
                (a - a * a * a * np.float32(1 / 6.5)) * np.float32(side) - m * np.float32(1 / 0.24), -1.19, -0.91
            ) * within(np.abs(a), -1, 1.57),
            strap,
        )  # fmt: skip
    return chest, hem
