"""How thick a person is, bare and dressed, and how thick a bag."""

from __future__ import annotations

from rgbir.index.synthetic.drawing2.people import Person
from rgbir.index.synthetic.drawing2.skeleton import Axes


def girths(person: Person) -> dict[str, Axes]:
    """Half axes in metres by name, to the side and to the front; `height` and `metre` are the units of the other parts."""
    h, g, size = person.height_m, person.girth, person.bag_size
    top, bottom = person.outfit.top, person.outfit.bottom
    full = 1.0 if person.cut in ("bald", "short") else 1.08
    head = h / person.heads
    chest = 0.108 * h * person.shoulders * (0.55 + 0.45 * g), 0.070 * h * g
    waist = 0.084 * h * g, 0.064 * h * g
    hips = 0.094 * h * g * person.hips, 0.070 * h * g
    skirt = hips[0], 0.073 * h * g
    thigh, knee, ankle = 0.050 * h * g, 0.033 * h * (0.5 + 0.5 * g), 0.021 * h
    if bottom.kind != "skirt":
        thigh = thigh * bottom.thigh
    if bottom.kind == "trousers":
        knee, ankle = knee * bottom.knee, ankle * bottom.ankle * 1.15
    armpit, elbow, wrist = 0.028 * h * g, 0.023 * h * (0.5 + 0.5 * g), 0.017 * h
    if top.sleeve > 0.9:
        armpit, elbow, wrist = armpit * top.loose, elbow * top.cuff, wrist * top.cuff * 1.1
    return {
        "metre": (1.0, 1.0),
        "height": (h, h),
        "size": (size, size),
        "head": (0.270 * head * full, 0.345 * head * full),
        "jaw": (0.225 * head, 0.290 * head),
        "chest": chest,
        "loose chest": _times(chest, top.loose),
        "waist": waist,
        "loose waist": _times(waist, top.loose),
        "hips": hips,
        "hem": _times(_times(hips, top.loose), top.flare),
        "skirt": skirt,
        "skirt hem": _times(skirt, bottom.flare),
        "thigh": _round(thigh),
        "knee": _round(knee),
        "ankle": _round(ankle),
        "armpit": _round(armpit),
        "elbow": _round(elbow),
        "wrist": _round(wrist),
        "pack": (0.072 * h * size, 0.06 * size),
        "pack end": (0.085 * h * size, 0.09 * size),
        "pocket": (0.053 * h * size, 0.05 * size),
    }


def _round(radius: float) -> Axes:
    return radius, radius


def _times(axes: Axes, factor: float) -> Axes:
    return axes[0] * factor, axes[1] * factor
