"""People as an oracle sees them: all in one pose, whole, in even light, without noise. For proving that they can be told
apart."""

from __future__ import annotations

import numpy as np

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing2.boxes import Box
from rgbir.index.synthetic.drawing2.cameras import Camera
from rgbir.index.synthetic.drawing2.canvas import HEIGHT, WIDTH
from rgbir.index.synthetic.drawing2.passes import Pose
from rgbir.index.synthetic.drawing2.people import person
from rgbir.index.synthetic.drawing2.pixels import Array, reduced, root
from rgbir.index.synthetic.drawing2.scene import drawn
from rgbir.index.synthetic.drawing2.tables import curve
from rgbir.index.synthetic.drawing2.world import World

POSE = Pose(yaw=0.45, phase=0.8, effort=1.0)
DISTANCE_M = 6.0
BEHIND = 0.3
"""What the place behind reflects, everywhere."""
_BOX = Box(WIDTH / 2 - 56, 40, WIDTH / 2 + 56, HEIGHT - 40)


def canonical(world: World, camera: Camera, number: int) -> Array:
    """The person of that number by that camera: float32 (channels, 128, 56), 0 to 1 as displayed."""
    canvas = drawn(camera, person(world, number), POSE, DISTANCE_M)
    cosine = root(np.float32(1) - canvas.facing * canvas.facing)
    values = canvas.values * (cosine * np.float32(0.4) + np.float32(0.6))
    image = np.asarray(canvas.coverage * (values - np.float32(BEHIND)) + np.float32(BEHIND), np.float32)
    if camera.modality is Modality.RGB:
        return curve("display", reduced(image, _BOX, 128, 56))
    return curve("lamp", reduced(image[:1], _BOX, 128, 56))
