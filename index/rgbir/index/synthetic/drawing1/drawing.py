"""Tapered cylinders in two views at once: what each pixel reflects of visible light, and of the infrared.

Each point of a cylinder knows its azimuth on the body, so a print stays on the chest and a backpack on the back,
whatever the view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rgbir.index.synthetic.drawing1.cloth import Array, Surface
from rgbir.index.synthetic.drawing1.skeleton import Point


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is.

    Attributes:
        scale: pixels a metre, half way up the person.
        foot_x, foot_y: the feet's pixel.
        perspective: how much larger the head is than the feet, as a share of `scale`.
        height, width: of the picture, in pixels.
    """

    scale: float
    foot_x: float
    foot_y: float
    perspective: float
    height: int
    width: int


class Drawing:
    """The buffers that cylinders are painted into, of the view's height and width.

    Attributes:
        visible: float32 (height, width, 3), reflectance of visible light.
        infrared: float32 (height, width), reflectance of the infrared.
        coverage: float32 (height, width), how much of the pixel the person covers, 0..1.
        facing: float32 (height, width), sine of the angle between surface and camera, across the part's axis.
    """

    def __init__(self, view: View, yaw: float, height_m: float) -> None:
        self.view, self.yaw, self.height_m = view, yaw, height_m
        shape = (view.height, view.width)
        self.visible: Array = np.zeros((*shape, 3), np.float32)
        self.infrared: Array = np.zeros(shape, np.float32)
        self.coverage: Array = np.zeros(shape, np.float32)
        self.facing: Array = np.zeros(shape, np.float32)

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
