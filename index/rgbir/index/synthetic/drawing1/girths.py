"""How thick a person is, bare and dressed, and how thick a bag."""

from __future__ import annotations

from rgbir.index.synthetic.drawing1.cuts import BOTTOMS, TOPS
from rgbir.index.synthetic.drawing1.people import Person

Axes = tuple[float, float]
"""Half axes of an elliptic section: from its middle to the side, and to the front."""


def girths(person: Person) -> dict[str, Axes]:
    """Half axes in metres by name; `height` and `metre` are the units of parts that have no name here."""
    h, g, size = person.height_m, person.girth, person.bag_size
    top, bottom = TOPS[person.top], BOTTOMS[person.bottom]
    full = 1.0 if person.hair in ("bald", "short") else 1.08
    chest = 0.118 * h * person.shoulders * (0.55 + 0.45 * g), 0.072 * h * g
    waist = 0.088 * h * g, 0.066 * h * g
    hips = 0.098 * h * g * person.hips, 0.072 * h * g
    skirt = hips[0], 0.075 * h * g
    knee, ankle = 0.034 * h * (0.5 + 0.5 * g), 0.022 * h
    if bottom.covered > 0.9 and bottom.wide > 1.1:
        knee, ankle = knee * bottom.wide, ankle * (0.4 + bottom.wide)
    armpit, elbow, wrist = 0.029 * h * g, 0.024 * h * (0.5 + 0.5 * g), 0.018 * h
    if person.sleeve > 0.9:
        armpit, elbow, wrist = armpit * top.loose, elbow * top.loose * 1.05, wrist * top.loose * 1.15
    return {
        "metre": (1.0, 1.0),
        "height": (h, h),
        "size": (size, size),
        "head": (0.040 * h * full, 0.050 * h * full),
        "chest": chest,
        "loose chest": _times(chest, top.loose),
        "waist": waist,
        "loose waist": _times(waist, top.loose),
        "hips": hips,
        "hem": _times(_times(hips, top.loose), top.flare),
        "skirt": skirt,
        "skirt hem": _times(skirt, bottom.flare),
        "thigh": _round(0.052 * h * g * min(bottom.wide, 1.2)),
        "knee": _round(knee),
        "ankle": _round(ankle),
        "armpit": _round(armpit),
        "elbow": _round(elbow),
        "wrist": _round(wrist),
        "pack": (0.075 * h * size, 0.06 * size),
        "pack end": (0.088 * h * size, 0.09 * size),
        "pocket": (0.055 * h * size, 0.05 * size),
    }


def _round(radius: float) -> Axes:
    return radius, radius


def _times(axes: Axes, factor: float) -> Axes:
    return axes[0] * factor, axes[1] * factor
