"""A person drawn: parts stand at joints, are turned by the yaw angle, and are drawn from far to near."""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from rgbir.index.synthetic.drawing1.covers import covers
from rgbir.index.synthetic.drawing1.drawing import Drawing, View
from rgbir.index.synthetic.drawing1.girths import Axes, girths
from rgbir.index.synthetic.drawing1.parts import LIMBS, TRUNK, End
from rgbir.index.synthetic.drawing1.people import Person
from rgbir.index.synthetic.drawing1.skeleton import Joints, Point, Pose, joints


def draw(person: Person, pose: Pose, view: View) -> Drawing:
    """The person in that pose, nearest parts last."""
    units = girths(person)
    skeleton = joints(person, pose, units)
    surfaces = covers(person, skeleton[0])
    worn: set[str] = {person.top, person.bottom, person.hair, person.hat, person.bag}
    worn.update(name for name in ("belt", "hood", "scarf") if getattr(person, name))
    cylinders = []
    for side, parts in ((-1, LIMBS), (1, LIMBS), (0, TRUNK)):
        for part in parts:
            if part.worn and worn.isdisjoint(part.worn):
                continue
            top, bottom = (_place(end, skeleton[side], person.height_m) for end in (part.top, part.bottom))
            wide, deep = zip(_axes(part.top, units), _axes(part.bottom, units), strict=True)
            middle_x, middle_z = (top[0] + bottom[0]) / 2, (top[2] + bottom[2]) / 2
            depth = middle_z * np.cos(pose.yaw) - middle_x * np.sin(pose.yaw)
            cylinders.append((depth + part.layer, (top, bottom, wide, deep, surfaces[part.cover])))
    drawing = Drawing(view, pose.yaw, person.height_m)
    for _, cylinder in sorted(cylinders, key=itemgetter(0)):
        drawing.cylinder(*cylinder)
    return drawing


def _place(end: End, skeleton: Joints, height_m: float) -> Point:
    x, y, z = skeleton[end.joint]
    return x, y + end.up * height_m + end.up_m, z + end.ahead * height_m + end.ahead_m


def _axes(end: End, units: dict[str, Axes]) -> Axes:
    side, front = units[end.girth]
    return end.side * side, end.front * front
