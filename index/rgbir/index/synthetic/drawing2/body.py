"""A person drawn: parts stand at joints, are turned by the yaw angle, and are drawn from far to near."""

from __future__ import annotations

from operator import itemgetter

from rgbir.index.synthetic.drawing2.canvas import Canvas, View
from rgbir.index.synthetic.drawing2.covers import covers
from rgbir.index.synthetic.drawing2.girths import girths
from rgbir.index.synthetic.drawing2.parts import LIMBS, TRUNK, End
from rgbir.index.synthetic.drawing2.passes import Pose
from rgbir.index.synthetic.drawing2.people import Person
from rgbir.index.synthetic.drawing2.skeleton import Axes, Joints, Point, joints
from rgbir.index.synthetic.drawing2.tables import cosine, sine


def draw(canvas: Canvas, person: Person, pose: Pose, seen: View) -> dict[int, Joints]:
    """Draws the person in that pose, nearest parts last; returns the joints."""
    units = girths(person)
    skeleton = joints(person, pose, units)
    surfaces, there = covers(person, skeleton[0]), worn(person, pose)
    cos, sin = cosine(pose.yaw), sine(pose.yaw)
    cylinders = []
    for side, parts in ((-1, LIMBS), (1, LIMBS), (0, TRUNK)):
        for part in parts:
            if part.worn and there.isdisjoint(part.worn):
                continue
            top, bottom = (_place(end, skeleton[side], person.height_m) for end in (part.top, part.bottom))
            wide, deep = zip(_axes(part.top, units), _axes(part.bottom, units), strict=True)
            middle_x, middle_z = (top[0] + bottom[0]) / 2, (top[2] + bottom[2]) / 2
            depth = middle_z * cos - middle_x * sin
            cylinders.append((depth + part.layer, ((top, bottom), wide, deep, surfaces[part.cover])))
    for _, cylinder in sorted(cylinders, key=itemgetter(0)):
        canvas.cylinder(*cylinder, seen, pose.yaw, person.height_m)
    return skeleton


def worn(person: Person, pose: Pose) -> set[str]:
    """The names of what is there, of the parts that aren't always."""
    top, bottom = person.outfit.top, person.outfit.bottom
    things: dict[str, bool] = {
        person.hat: pose.carried != "helmet",
        person.cut: not person.hood_up,
        person.bag: True,
        "skirt": bottom.kind == "skirt",
        "belt": bottom.belt,
        "hood": top.hood and not person.hood_up,
        "hood up": person.hood_up,
        "collar": top.collar_m > 0,
        "scarf": person.scarf is not None,
        pose.carried: True,
    }
    return {name for name, there in things.items() if there}


def _place(end: End, skeleton: Joints, height_m: float) -> Point:
    x, y, z = skeleton[end.joint]
    return x, y + end.up * height_m + end.up_m, z + end.ahead * height_m + end.ahead_m


def _axes(end: End, units: dict[str, Axes]) -> Axes:
    side, front = units[end.girth]
    return end.side * side, end.front * front
