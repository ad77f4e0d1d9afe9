"""From light on a lens to 8 bits: fewer pixels, motion, noise, and the transfer curve, in this order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing2.boxes import Box
from rgbir.index.synthetic.drawing2.cameras import Camera
from rgbir.index.synthetic.drawing2.pixels import Array, box_blur, clipped, reduced, root
from rgbir.index.synthetic.drawing2.streams import Stream
from rgbir.index.synthetic.drawing2.tables import curve

SMALLEST, LARGEST = 56, 320
"""Rows of a crop."""


class Motion(NamedTuple):
    """Of the person across the picture.

    Attributes:
        metres: in the time of an exposure.
        pixels_m: of the canvas, a metre.
    """

    metres: float
    pixels_m: float


def sensed(light: Array, box: Box, rows: int, camera: Camera, motion: Motion, noise: Stream | None) -> Array:
    """The box of the picture as the camera's sensor has it: 0 to 1, float32 (channels, rows, columns).

    Args:
        light: (channels, rows, columns).
        box: what is cut out; the edge is repeated where it leaves the canvas.
        rows: of the crop.
        noise: None for a sensor without noise and without motion blur.
    """
    columns = max(int(rows * box.width / box.height + 0.5), 16)
    image = reduced(light, box, rows, columns)
    if noise is not None:
        blurred = int(motion.metres * motion.pixels_m * rows / box.height / 2)
        image = box_blur(image, blurred, 2)
        image = image + _noise(image, camera, noise)
    if camera.modality is Modality.IR:
        return curve("lamp", image)
    return (curve("display", image) - np.float32(0.5)) * np.float32(camera.contrast) + np.float32(0.5)


def _noise(image: Array, camera: Camera, stream: Stream) -> Array:
    shot, floor = (0.05, 0.02) if camera.low_light else (camera.shot, camera.floor)
    spread = root(np.maximum(image, np.float32(0)) * np.float32(shot * shot) + np.float32(floor * floor))
    noise = spread * stream.normals(image.size).reshape(image.shape)
    if camera.low_light:  # the colour's noise is of half the resolution
        grey = noise[0] * np.float32(0.3) + noise[1] * np.float32(0.6) + noise[2] * np.float32(0.1)
        noise = grey + box_blur(box_blur(noise - grey, 1, 1), 1, 2)
    if camera.rows_noise:
        noise = noise + np.float32(0.004) * stream.normals(image.shape[1])[None, :, None]
    return noise


def eight_bits(display: Array) -> NDArray[np.uint8]:
    """uint8 (rows, columns, 3); what has one channel has three equal ones then."""
    image = np.floor(clipped(display, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if image.shape[0] == 1:
        image = image[[0, 0, 0]]
    return np.ascontiguousarray(np.moveaxis(image, 0, 2))
