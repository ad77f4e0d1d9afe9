"""A person drawn in two views at once: what each point reflects of visible light, and of the infrared.

The body is a stack of tapered elliptic cylinders in metres (x to the person's left, y up, z ahead), turned by a yaw
angle and drawn from far to near. Each point of a cylinder knows its azimuth on the body, so a print stays on the chest
and a backpack on the back, whatever the view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.people import Cloth, Colour, Person

Array = NDArray[np.float32]
Point = tuple[float, float, float]
Surface = Callable[[Array, Array], tuple[Array, Array]]
"""(azimuth, metres from the part's top) → reflectance in the visible (…, 3) and in the infrared (…)."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the person stands in one picture. yaw 0 faces the camera; phase is the step's, in radians."""

    yaw: float
    phase: float
    arm_bend: float
    lean: float


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is: pixels a metre, the feet's pixel, and how much nearer the head is than the feet."""

    scale: float
    foot_x: float
    foot_y: float
    perspective: float
    height: int
    width: int


@dataclass
class Drawing:
    """Buffers of float32: visible (h, w, 3), infrared (h, w), coverage (h, w), facing (h, w; sine of the angle off the axis)."""

    view: View
    yaw: float
    height_m: float
    visible: Array = field(init=False)
    infrared: Array = field(init=False)
    coverage: Array = field(init=False)
    facing: Array = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.view.height, self.view.width)
        self.visible = np.zeros((*shape, 3), np.float32)
        self.infrared = np.zeros(shape, np.float32)
        self.coverage = np.zeros(shape, np.float32)
        self.facing = np.zeros(shape, np.float32)

    def project(self, p: Point) -> tuple[float, float, float]:
        """Pixel x, pixel y, and pixels a metre at that height."""
        x, y, z = p
        turned = x * np.cos(self.yaw) + z * np.sin(self.yaw)
        scale = self.view.scale * (1 + self.view.perspective * (y / self.height_m - 0.5))
        depth = z * np.cos(self.yaw) - x * np.sin(self.yaw)
        lowered = self.view.perspective * 0.8 * depth  # a camera above: what is nearer appears lower
        return self.view.foot_x + turned * scale, self.view.foot_y - (y - lowered) * self.view.scale, scale

    def cylinder(
        self, top: Point, bottom: Point, wide: tuple[float, float], deep: tuple[float, float], surface: Surface
    ) -> None:
        """A tapered elliptic cylinder with round ends; `wide` and `deep` are half axes at top and bottom."""
        x0, y0, s0 = self.project(top)
        x1, y1, s1 = self.project(bottom)
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        r0 = float(np.hypot(wide[0] * cos, deep[0] * sin)) * s0
        r1 = float(np.hypot(wide[1] * cos, deep[1] * sin)) * s1
        reach = max(r0, r1) + 1.5
        left, right = int(max(min(x0, x1) - reach, 0)), int(min(max(x0, x1) + reach + 1, self.view.width))
        up, down = int(max(min(y0, y1) - reach, 0)), int(min(max(y0, y1) + reach + 1, self.view.height))
        if left >= right or up >= down:
            return
        py, px = np.mgrid[up:down, left:right].astype(np.float32)
        dx, dy = x1 - x0, y1 - y0
        length = max(float(np.hypot(dx, dy)), 1e-3)
        along = ((px - x0) * dx + (py - y0) * dy) / length
        across = ((px - x0) * dy - (py - y0) * dx) / length
        t = np.clip(along / length, 0, 1)
        radius = np.maximum(r0 + (r1 - r0) * t, 0.3)
        beyond = np.maximum(np.maximum(-along, along - length), 0) * 1.6  # flat-ish caps
        s = np.hypot(across, beyond) / radius
        cover = np.clip((1 - s) * radius + 0.5, 0, 1)
        offset = np.clip(across / radius, -1, 1)
        azimuth = np.angle(np.exp(1j * (np.arcsin(offset) - self.yaw))).astype(np.float32)
        metres = np.float32(np.linalg.norm(np.subtract(top, bottom)))
        visible, infrared = surface(azimuth, (t * metres).astype(np.float32))
        region = (slice(up, down), slice(left, right))
        c = cover.astype(np.float32)
        self.visible[region] += c[..., None] * (visible - self.visible[region])
        self.infrared[region] += c * (infrared - self.infrared[region])
        self.facing[region] += c * (offset.astype(np.float32) - self.facing[region])
        self.coverage[region] = np.maximum(self.coverage[region], c)


def _fill(azimuth: Array, colour: Colour, infrared: float) -> tuple[Array, Array]:
    return np.broadcast_to(np.asarray(colour, np.float32), (*azimuth.shape, 3)), np.full(
        azimuth.shape, infrared, np.float32
    )


def _mixed(share: Array, cloth: Cloth) -> tuple[Array, Array]:
    base, accent = np.asarray(cloth.colour, np.float32), np.asarray(cloth.accent, np.float32)
    return base + share[..., None] * (accent - base), cloth.infrared + share * np.float32(
        cloth.infrared_accent - cloth.infrared
    )


def _accent(cloth: Cloth, azimuth: Array, metres: Array, chest: bool) -> Array:
    """How much of the accent shows at each point, 0..1."""
    period = cloth.period_m
    match cloth.pattern:
        case "hoops":
            share = np.mod(metres, period) < 0.45 * period
        case "pinstripes":
            share = np.mod(azimuth * 0.16, period * 0.5) < 0.16 * period
        case "plaid":
            share = 0.5 * (np.mod(metres, period) < 0.4 * period) + 0.5 * (
                np.mod(azimuth * 0.16, period) < 0.4 * period
            )
        case "print":
            share = ((azimuth / 0.75) ** 2 + ((metres - 0.2) / 0.11) ** 2 < 1) & chest
        case "yoke":
            share = metres < 0.17
        case "side_panels":
            share = np.abs(np.abs(azimuth) - np.pi / 2) < 0.38
        case "hem":
            share = (metres > 0.40) & (metres < 0.40 + 0.5 * period + 0.05)
        case _:
            share = np.zeros(azimuth.shape, bool)
    return np.asarray(share, np.float32)


def fabric(cloth: Cloth, chest: bool = False, start_m: float = 0.0) -> Surface:
    def surface(azimuth: Array, metres: Array) -> tuple[Array, Array]:
        return _mixed(_accent(cloth, azimuth, metres + start_m, chest), cloth)

    return surface


def plain(colour: Colour, infrared: float) -> Surface:
    return lambda azimuth, metres: _fill(azimuth, colour, infrared)


def _over(under: Surface, mask: Callable[[Array, Array], NDArray[np.bool_]], above: Surface) -> Surface:
    def surface(azimuth: Array, metres: Array) -> tuple[Array, Array]:
        visible, infrared = under(azimuth, metres)
        new_visible, new_infrared = above(azimuth, metres)
        where = mask(azimuth, metres)
        return np.where(where[..., None], new_visible, visible), np.where(where, new_infrared, infrared)

    return surface


SKIN_INFRARED, HAIR_INFRARED = 0.78, 0.42


def draw(person: Person, pose: Pose, view: View) -> Drawing:
    """The person in that pose, nearest parts last."""
    out = Drawing(view, pose.yaw, person.height_m)
    parts: list[tuple[float, Callable[[], None]]] = []

    def add(
        layer: float, top: Point, bottom: Point, wide: tuple[float, float], deep: tuple[float, float], surface: Surface
    ) -> None:
        middle_x, middle_z = (top[0] + bottom[0]) / 2, (top[2] + bottom[2]) / 2
        depth = middle_z * np.cos(pose.yaw) - middle_x * np.sin(pose.yaw)
        parts.append((depth + layer, lambda: out.cylinder(top, bottom, wide, deep, surface)))

    h, g = person.height_m, person.girth
    skin = plain(person.skin, SKIN_INFRARED)
    hair = plain(person.hair_colour, HAIR_INFRARED)
    hip_y, shoulder_y, chin_y = person.leg_share * h, 0.815 * h, 0.868 * h
    lean = person.stoop + pose.lean
    shoulder_z = lean * 0.6
    chest_a, chest_b = 0.118 * h * person.shoulders * (0.55 + 0.45 * g), 0.072 * h * g
    waist_a, waist_b = 0.088 * h * g, 0.066 * h * g
    hip_a, hip_b = 0.098 * h * g * person.hips, 0.072 * h * g
    loose = {"t_shirt": 1.0, "shirt": 1.03, "hoodie": 1.12, "open_jacket": 1.14, "coat": 1.16, "vest": 0.97}[person.top]

    _legs(person, pose, add, skin, hip_y)
    _torso(person, add, hip_y, shoulder_y, shoulder_z, loose, (chest_a, chest_b), (waist_a, waist_b), (hip_a, hip_b))
    _arms(person, pose, add, skin, shoulder_y, shoulder_z, chest_a, loose)
    _head(person, add, skin, hair, chin_y, shoulder_y, shoulder_z, lean)
    _bag(person, pose, add, shoulder_y, shoulder_z, hip_y, chest_b * loose, hip_a)
    for _, paint in sorted(parts, key=lambda part: part[0]):
        paint()
    return out


Add = Callable[[float, Point, Point, tuple[float, float], tuple[float, float], Surface], None]


def _legs(person: Person, pose: Pose, add: Add, skin: Surface, hip_y: float) -> None:
    h, g = person.height_m, person.girth
    cloth = person.bottom_cloth
    ankle_y = 0.045 * h
    covered = {
        "trousers": 1.0,
        "wide_trousers": 1.0,
        "leggings": 0.97,
        "shorts": 0.46,
        "skirt": 0.0,
        "long_skirt": 0.0,
    }[person.bottom]
    wide = {"trousers": 1.15, "wide_trousers": 1.5, "leggings": 0.95, "shorts": 1.25}.get(person.bottom, 0.9)
    span = hip_y - ankle_y
    for side in (-1, 1):
        swing = np.sin(pose.phase + (0 if side > 0 else np.pi)) * 0.36 * person.stride
        bend = max(0.0, -np.cos(pose.phase + (0 if side > 0 else np.pi))) * 0.5 * person.stride
        x = side * 0.052 * h * (0.7 + 0.3 * g) * person.hips
        hip: Point = (x, hip_y, 0.0)
        knee: Point = (x, hip_y - span * 0.5 * np.cos(swing), span * 0.5 * np.sin(swing))
        shin = swing - bend
        ankle: Point = (x, max(knee[1] - span * 0.5 * np.cos(shin), ankle_y), knee[2] + span * 0.5 * np.sin(shin))
        thigh, knee_r, ankle_r = 0.052 * h * g, 0.034 * h * (0.5 + 0.5 * g), 0.022 * h
        if covered > 0.9 and wide > 1.1:
            knee_r, ankle_r = knee_r * wide, ankle_r * (0.4 + wide)
        leg = fabric(cloth)
        thigh_surface = leg if covered >= 0.46 else skin
        if 0 < covered < 0.5:
            limit = span * covered
            thigh_surface = _over(skin, lambda a, m, limit=limit: m < limit, leg)  # type: ignore[misc]
        lower = fabric(cloth, start_m=span * 0.5) if covered > 0.9 else skin
        if person.boot:
            top_of_boot = span * 0.5 - person.boot * 1.2
            lower = _over(lower, lambda a, m, limit=top_of_boot: m > limit, fabric(person.shoe))  # type: ignore[misc]
        wider = wide if covered > 0 else 1.0
        add(-0.30, hip, knee, (thigh * min(wider, 1.2), knee_r), (thigh * min(wider, 1.2), knee_r), thigh_surface)
        add(-0.301, knee, ankle, (knee_r, ankle_r), (knee_r, ankle_r), lower)
        heel: Point = (x, ankle[1] - 0.018 * h, ankle[2] - 0.03 * h)
        toe: Point = (x, ankle[1] - 0.024 * h, ankle[2] + 0.085 * h)
        add(-0.31, heel, toe, (0.022 * h, 0.020 * h), (0.022 * h, 0.020 * h), fabric(person.shoe))
        drop = 0.017 * h
        add(
            -0.311,
            (heel[0], heel[1] - drop, heel[2]),
            (toe[0], toe[1] - drop * 0.6, toe[2] + 0.01),
            (0.014 * h, 0.013 * h),
            (0.014 * h, 0.013 * h),
            fabric(person.sole),
        )
    if person.bottom in ("skirt", "long_skirt"):
        length = span * (0.5 if person.bottom == "skirt" else 0.86)
        flare = 1.25 if person.bottom == "skirt" else 1.45
        sway = np.sin(pose.phase) * 0.03
        a, b = 0.098 * h * g * person.hips, 0.075 * h * g
        add(0.02, (0, hip_y + 0.03, 0), (0, hip_y - length, sway), (a, a * flare), (b, b * flare * 1.1), fabric(cloth))


def _torso(
    person: Person, add: Add, hip_y: float, shoulder_y: float, shoulder_z: float, loose: float,
    chest: tuple[float, float], waist: tuple[float, float], hips: tuple[float, float],
) -> None:  # fmt: skip
    h = person.height_m
    cloth = person.top_cloth
    waist_y = hip_y + 0.075 * h
    belly_z = shoulder_z * 0.3
    add(
        0.0,
        (0, waist_y, belly_z),
        (0, hip_y - 0.02, 0),
        (waist[0] * 1.02, hips[0]),
        (waist[1] * 1.02, hips[1]),
        fabric(person.bottom_cloth),
    )
    if person.belt:
        add(
            0.001,
            (0, waist_y - 0.02, belly_z),
            (0, waist_y - 0.05, belly_z),
            (waist[0] * 1.04,) * 2,
            (waist[1] * 1.04,) * 2,
            plain((0.1, 0.07, 0.05), 0.25),
        )
    surface = fabric(cloth, chest=True)
    if person.top in ("open_jacket", "coat"):
        gap = 0.42 if person.top == "open_jacket" else 0.16
        inner = fabric(person.inner, chest=True)
        surface = _over(surface, lambda a, m: np.abs(a) < gap * (0.6 + 0.5 * m / 0.5), inner)
    strap = fabric(person.bag_cloth)
    if person.bag == "backpack":
        surface = _over(surface, lambda a, m: (np.abs(np.abs(a) - 0.62) < 0.13) & (m < 0.34), strap)
    if person.bag == "crossbody":
        side = person.bag_side
        surface = _over(surface, lambda a, m: np.abs(np.sin(a) * side - (m / 0.24 - 1.05)) < 0.14, strap)
    hem_y = {
        "t_shirt": hip_y + 0.01,
        "shirt": hip_y - 0.02,
        "hoodie": hip_y,
        "open_jacket": hip_y - 0.03,
        "coat": hip_y - 0.24 * h,
        "vest": hip_y + 0.03,
    }[person.top]
    top = shoulder_y - 0.01 * h
    mid = hip_y + 0.10 * h
    low = fabric(cloth, start_m=top - mid)
    if person.top in ("open_jacket", "coat"):
        low = _over(
            low,
            lambda a, m: np.abs(a) < (0.5 if person.top == "open_jacket" else 0.1),
            fabric(person.inner if person.top == "open_jacket" else person.bottom_cloth),
        )
    flare = 1.08 if person.top != "coat" else 1.22
    add(
        0.015,
        (0, mid, belly_z),
        (0, hem_y, 0),
        (waist[0] * loose, hips[0] * loose * flare),
        (waist[1] * loose, hips[1] * loose * flare),
        low,
    )
    add(
        0.02,
        (0, top, shoulder_z),
        (0, mid, belly_z),
        (chest[0] * loose, waist[0] * loose),
        (chest[1] * loose, waist[1] * loose),
        surface,
    )
    # The slope from neck to shoulder.
    add(
        0.018,
        (0, shoulder_y + 0.022 * h, shoulder_z),
        (0, top - 0.02, shoulder_z),
        (chest[0] * 0.55, chest[0] * loose * 0.98),
        (chest[1] * 0.7, chest[1] * loose),
        surface,
    )


def _arms(
    person: Person,
    pose: Pose,
    add: Add,
    skin: Surface,
    shoulder_y: float,
    shoulder_z: float,
    chest_a: float,
    loose: float,
) -> None:
    h, g = person.height_m, person.girth
    upper_length, lower_length = 0.165 * h, 0.15 * h
    for side in (-1, 1):
        swing = -np.sin(pose.phase + (0 if side > 0 else np.pi)) * 0.42 * person.stride
        bend = 0.25 + pose.arm_bend * (0.5 + 0.5 * side * person.bag_side)
        out = 0.10 + 0.05 * g
        x = side * (chest_a * loose + 0.006 * h)
        shoulder: Point = (x, shoulder_y - 0.012 * h, shoulder_z)
        elbow: Point = (
            x + side * out * upper_length,
            shoulder[1] - upper_length * np.cos(swing),
            shoulder_z + upper_length * np.sin(swing),
        )
        fore = swing + bend
        wrist: Point = (
            elbow[0] + side * 0.02,
            elbow[1] - lower_length * np.cos(fore),
            elbow[2] + lower_length * np.sin(fore),
        )
        cloth = person.sleeve_cloth
        r0, r1, r2 = 0.029 * h * g, 0.024 * h * (0.5 + 0.5 * g), 0.018 * h
        if person.sleeve > 0.9:
            r0, r1, r2 = r0 * loose, r1 * loose * 1.05, r2 * loose * 1.15
        limit = (upper_length + lower_length) * person.sleeve
        sleeve = _over(skin, lambda a, m, limit=limit: m < limit, fabric(cloth))  # type: ignore[misc]
        below = _over(skin, lambda a, m, limit=limit: m + upper_length < limit, fabric(cloth, start_m=upper_length))  # type: ignore[misc]
        add(0.03, shoulder, elbow, (r0, r1), (r0, r1), sleeve)
        add(0.031, elbow, wrist, (r1, r2), (r1, r2), below)
        hand: Point = (wrist[0], wrist[1] - 0.035 * h, wrist[2] + 0.01)
        add(0.032, wrist, hand, (0.015 * h, 0.017 * h), (0.015 * h, 0.012 * h), skin)


def _head(
    person: Person,
    add: Add,
    skin: Surface,
    hair: Surface,
    chin_y: float,
    shoulder_y: float,
    shoulder_z: float,
    lean: float,
) -> None:
    h = person.height_m
    z = shoulder_z + lean * 0.25
    crown_y = 0.975 * h
    add(
        0.005,
        (0, chin_y + 0.02 * h, z - 0.01),
        (0, shoulder_y - 0.005 * h, shoulder_z),
        (0.031 * h, 0.036 * h),
        (0.031 * h, 0.036 * h),
        skin,
    )
    face = plain(tuple(np.asarray(person.skin) * 0.55), SKIN_INFRARED * 0.6)
    head = _over(skin, lambda a, m: (np.abs(np.abs(a) - 0.42) < 0.16) & (np.abs(m - 0.052 * h) < 0.006 * h), face)
    head = _over(head, lambda a, m: (np.abs(a) < 0.28) & (np.abs(m - 0.088 * h) < 0.004 * h), face)
    if person.hair != "bald":
        fringe = 0.026 * h
        reach = {"short": 1.35, "bob": 0.95, "long": 0.9, "bun": 1.2, "ponytail": 1.2}[person.hair]
        nape = {"short": 0.075 * h, "bun": 0.07 * h, "ponytail": 0.075 * h}.get(person.hair, 1.0)
        head = _over(head, lambda a, m: (m < fringe) | ((np.abs(a) > reach) & (m < nape)), hair)
    full = 1.0 if person.hair in ("bald", "short") else 1.08
    top_y = crown_y - 0.018 * h
    wide = (0.040 * h * full, 0.034 * h)
    add(0.045, (0, top_y, z), (0, chin_y + 0.015 * h, z + 0.005), wide, (0.050 * h * full, 0.042 * h), head)
    if person.hair in ("bob", "long"):
        length = 0.05 * h if person.hair == "bob" else 0.14 * h
        add(
            -0.02,
            (0, crown_y - 0.04 * h, z - 0.035 * h),
            (0, chin_y - length + 0.03 * h, z - 0.045 * h),
            (0.048 * h, 0.046 * h),
            (0.03 * h, 0.02 * h),
            hair,
        )
    if person.hair == "bun":
        add(
            0.0,
            (0, crown_y + 0.008 * h, z - 0.045 * h),
            (0, crown_y - 0.012 * h, z - 0.05 * h),
            (0.022 * h,) * 2,
            (0.022 * h,) * 2,
            hair,
        )
    if person.hair == "ponytail":
        add(
            -0.01,
            (0, crown_y - 0.03 * h, z - 0.055 * h),
            (0, chin_y - 0.05 * h, z - 0.085 * h),
            (0.014 * h, 0.010 * h),
            (0.014 * h, 0.010 * h),
            hair,
        )
    hat = fabric(person.hat_cloth)
    if person.hat in ("cap", "beanie"):
        low = 0.03 * h if person.hat == "cap" else 0.045 * h
        add(
            0.06,
            (0, crown_y - 0.004 * h, z),
            (0, crown_y - low, z),
            (0.043 * h, 0.046 * h),
            (0.052 * h, 0.055 * h),
            hat,
        )
    if person.hat == "cap":
        add(
            0.07,
            (0, crown_y - 0.024 * h, z + 0.05 * h),
            (0, crown_y - 0.034 * h, z + 0.085 * h),
            (0.036 * h, 0.030 * h),
            (0.012 * h,) * 2,
            hat,
        )
    if person.hat == "brim":
        add(
            0.06,
            (0, crown_y + 0.004 * h, z),
            (0, crown_y - 0.03 * h, z),
            (0.040 * h, 0.046 * h),
            (0.046 * h, 0.052 * h),
            hat,
        )
        add(0.061, (0, crown_y - 0.026 * h, z), (0, crown_y - 0.034 * h, z), (0.080 * h,) * 2, (0.080 * h,) * 2, hat)
    if person.hood:
        add(
            -0.015,
            (0, shoulder_y + 0.045 * h, shoulder_z - 0.05 * h),
            (0, shoulder_y - 0.02 * h, shoulder_z - 0.06 * h),
            (0.05 * h, 0.065 * h),
            (0.035 * h, 0.03 * h),
            fabric(person.top_cloth),
        )
    if person.scarf:
        add(
            0.05,
            (0, chin_y - 0.004 * h, shoulder_z),
            (0, shoulder_y - 0.012 * h, shoulder_z + 0.01),
            (0.052 * h, 0.064 * h),
            (0.05 * h, 0.058 * h),
            fabric(person.scarf),
        )


def _bag(
    person: Person,
    pose: Pose,
    add: Add,
    shoulder_y: float,
    shoulder_z: float,
    hip_y: float,
    chest_b: float,
    hip_a: float,
) -> None:
    h, size, side = person.height_m, person.bag_size, person.bag_side
    cloth = fabric(person.bag_cloth)
    dark = plain(tuple(np.asarray(person.bag_cloth.colour) * 0.6), person.bag_cloth.infrared * 0.75)
    if person.bag == "backpack":
        z = shoulder_z - chest_b - 0.055 * size
        top, bottom = shoulder_y - 0.01 * h, shoulder_y - 0.27 * h * min(size, 1.15)
        add(0.0, (0, top, z), (0, bottom, z), (0.075 * h * size, 0.088 * h * size), (0.06 * size, 0.09 * size), cloth)
        add(
            0.0 - 0.01,
            (0, (top + bottom) / 2 - 0.02, z - 0.05),
            (0, bottom + 0.02, z - 0.06),
            (0.055 * h * size,) * 2,
            (0.05 * size,) * 2,
            dark,
        )
    elif person.bag in ("shoulder", "crossbody"):
        x = side * (hip_a + 0.06 * size)
        top = hip_y + (0.13 * h if person.bag == "shoulder" else 0.05 * h)
        add(
            0.05,
            (x, top, -0.02),
            (x, top - 0.13 * h * size, -0.02),
            (0.05 * size,) * 2,
            (0.15 * size, 0.17 * size),
            cloth,
        )
        if person.bag == "shoulder":
            add(
                0.04,
                (side * 0.1 * h, shoulder_y, shoulder_z),
                (x * 0.95, top, -0.01),
                (0.012, 0.012),
                (0.016, 0.016),
                dark,
            )
    elif person.bag in ("handbag", "carrier"):
        swing = -np.sin(pose.phase + (0 if side > 0 else np.pi)) * 0.3 * person.stride
        x = side * (hip_a + 0.15)
        hand = shoulder_y - 0.32 * h
        long = (0.14 if person.bag == "handbag" else 0.24) * h * size
        z = 0.3 * h * np.sin(swing)
        add(
            0.06,
            (x, hand - 0.05 * h, z),
            (x, hand - 0.05 * h - long, z),
            (0.05 * size, 0.06 * size),
            (0.13 * size, 0.15 * size),
            cloth,
        )
        add(0.055, (x, hand + 0.01 * h, z), (x, hand - 0.06 * h, z), (0.01, 0.02), (0.02, 0.06), dark)
