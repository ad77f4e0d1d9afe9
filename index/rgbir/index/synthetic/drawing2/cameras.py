"""The cameras: what each sees, where it hangs, and how its sensor spoils a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rgbir.index.cameras import Modality

Scene = Literal["room", "gate", "garden", "passage"]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera's habits.

    Attributes:
        number: in its data set.
        modality: of its pictures.
        scene: what is behind the people.
        place: its number; cameras of one place show the same walls.
        rows: the median height of a crop, in pixels.
        distance_m: the median distance of people.
        distance_sigma: of its logarithm.
        hung_m: how high it hangs.
        exposure: factor of the light.
        tint: its white balance, factors of red, green and blue.
        side: from which side indoor light comes, -1 to 1.
        contrast: factor around the middle grey, in colour.
        lamp: wavelength of its infrared lamp in nanometres, 0 without one.
        leak: the share of visible light in its infrared pictures.
        backlit: how often the window behind is brighter than the room.
        low_light: whether it takes colour at dusk.
        occluders: how much more often something is in front.
        shot, floor: of the noise: the part that grows with the light, and the part that doesn't.
        rows_noise: whether rows differ.
        shutter_s: how long a picture is exposed.
    """

    number: int
    modality: Modality
    scene: Scene
    place: int
    rows: int
    distance_m: float
    hung_m: float
    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    side: float = 0.0
    contrast: float = 1.0
    lamp: int = 0
    leak: float = 0.0
    backlit: float = 0.0
    low_light: bool = False
    occluders: float = 0.0
    shot: float = 0.012
    floor: float = 0.006
    rows_noise: bool = False
    shutter_s: float = 1 / 200
    distance_sigma: float = 0.25

    @property
    def outdoors(self) -> bool:
        return self.scene in ("gate", "garden")

    @property
    def exposure_sigma(self) -> float:
        return 0.18 if self.modality is Modality.RGB else 0.22


_RGB, _IR = Modality.RGB, Modality.IR
# fmt: off
SYSU: tuple[Camera, ...] = (
    Camera(1, _RGB, "room", 1, 220, 4.0, 2.2, 1.05, (1.06, 1.0, 0.92), -0.3),
    Camera(2, _RGB, "room", 2, 200, 4.5, 2.3, 0.95, (0.95, 1.0, 1.06), 0.4, 0.95, backlit=0.3),
    Camera(3, _IR, "room", 2, 160, 4.5, 2.3, lamp=850, shot=0.024, floor=0.012, shutter_s=1 / 60),
    Camera(4, _RGB, "gate", 3, 210, 7.0, 2.7, 1.2, (1.02, 1.0, 0.97), contrast=1.1),
    Camera(5, _RGB, "garden", 4, 180, 7.0, 2.6, 1.05, (0.97, 1.03, 0.95), contrast=1.05, occluders=0.15),
    Camera(6, _IR, "passage", 5, 150, 7.0, 2.4, 0.75, lamp=940, leak=0.12, shot=0.034, floor=0.016, rows_noise=True,
           shutter_s=1 / 30),
)
# fmt: on
"""Placed as SYSU-MM01's: 3 and 6 are infrared; 2 and 3 hang in one room."""
