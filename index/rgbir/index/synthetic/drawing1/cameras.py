"""What each synthetic camera sees and how its sensor spoils it: six cameras, placed as in SYSU-MM01."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing1.body import draw
from rgbir.index.synthetic.drawing1.drawing import Drawing, View
from rgbir.index.synthetic.drawing1.people import Cloth, Person
from rgbir.index.synthetic.drawing1.skeleton import Pose

Array = NDArray[np.float32]
CANVAS = (288, 112)


@dataclass(frozen=True, slots=True)
class Optics:
    """A camera's habits.

    Attributes:
        number: as in SYSU-MM01, 1 to 6.
        modality: of its images.
        scene: what is behind the people.
        room: number of the place; cameras of one room show the same walls.
        pixels: the usual height of a crop.
        perspective: how much the scale grows from the feet to the head.
        exposure: factor of the light.
        tint: its white balance, factors of red, green and blue.
        light: from which side it comes, -1 to 1.
        contrast: factor around the middle grey.
        noise: standard deviation, of values in 0..1.
        blur: pixels.
        falloff: how fast its infrared lamp fades behind the person.
        band_shift: how far its lamp's wavelength moves fabrics' reflectance.
    """

    number: int
    modality: Modality
    scene: Literal["room", "gate", "garden", "passage"]
    room: int
    pixels: int
    perspective: float
    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    light: float = 0.0
    contrast: float = 1.0
    noise: float = 0.012
    blur: float = 0.5
    falloff: float = 0.7
    band_shift: float = 0.0


CAMERAS: tuple[Optics, ...] = (
    Optics(1, Modality.RGB, "room", 1, 250, 0.10, 1.05, (1.06, 1.0, 0.92), -0.3, 1.0, 0.012, 0.5),
    Optics(2, Modality.RGB, "room", 2, 220, 0.16, 0.95, (0.95, 1.0, 1.06), 0.4, 0.95, 0.014, 0.6),
    Optics(3, Modality.IR, "room", 2, 200, 0.16, 1.0, noise=0.020, blur=0.8, falloff=0.62, band_shift=0.07),
    Optics(4, Modality.RGB, "gate", 3, 260, 0.06, 1.2, (1.02, 1.0, 0.97), 0.7, 1.1, 0.010, 0.4),
    Optics(5, Modality.RGB, "garden", 4, 230, 0.08, 1.05, (0.97, 1.03, 0.95), -0.6, 1.05, 0.012, 0.5),
    Optics(6, Modality.IR, "passage", 5, 190, 0.12, 1.15, noise=0.028, blur=0.9, falloff=0.12, band_shift=0.12),
)


@lru_cache(maxsize=16)
def _wall(scene: str, room: int, seed: int) -> tuple[Array, Array]:
    """A wide picture of the place without people: visible (h, 6 w, 3) and infrared (h, 6 w) reflectance."""
    rng = np.random.default_rng([seed, room, 7])
    height, width = CANVAS[0], CANVAS[1] * 6
    base, ground = {
        "room": ((0.62, 0.60, 0.56), (0.42, 0.36, 0.30)),
        "gate": ((0.50, 0.50, 0.50), (0.44, 0.43, 0.42)),
        "garden": ((0.30, 0.38, 0.24), (0.40, 0.38, 0.33)),
        "passage": ((0.35, 0.34, 0.33), (0.3, 0.3, 0.3)),
    }[scene]
    horizon = int(height * rng.uniform(0.52, 0.66))
    visible = Image.new("RGB", (width, height), _ints(base))
    infrared = Image.new("L", (width, height), int(255 * (0.55 if scene == "room" else 0.5)))
    paint, paint_ir = ImageDraw.Draw(visible), ImageDraw.Draw(infrared)
    paint.rectangle((0, horizon, width, height), fill=_ints(ground))
    paint_ir.rectangle((0, horizon, width, height), fill=int(255 * 0.42))
    for _ in range(26):
        x, w = int(rng.integers(0, width)), int(rng.integers(10, 90))
        colour = _ints(np.clip(np.asarray(base) * rng.uniform(0.4, 1.35) + rng.normal(0, 0.05, 3), 0, 1))
        tone = int(255 * rng.uniform(0.3, 0.75))
        if scene == "garden" and rng.random() < 0.7:
            y, r = int(rng.integers(int(height * 0.2), horizon + 40)), int(rng.integers(8, 34))
            leaf = _ints(np.clip(np.array([0.16, 0.30, 0.12]) * rng.uniform(0.6, 1.6), 0, 1))
            paint.ellipse((x - r, y - r, x + r, y + r), fill=leaf)
            paint_ir.ellipse((x - r, y - r, x + r, y + r), fill=int(255 * rng.uniform(0.6, 0.85)))
            continue
        top = int(rng.integers(0, int(height * 0.5)))
        bottom = horizon + (int(rng.integers(-60, 60)) if scene == "room" else 0)
        paint.rectangle((x, top, x + w, max(bottom, top + 4)), fill=colour)
        paint_ir.rectangle((x, top, x + w, max(bottom, top + 4)), fill=tone)
    if scene in ("gate", "passage"):
        for x in range(0, width, 21 if scene == "gate" else 46):
            paint.line((x, int(height * 0.08), x, horizon), fill=_ints((0.22, 0.22, 0.24)), width=2)
    if scene in ("gate", "room"):
        for step in range(-10, 40):
            x = step * 40
            paint.line((x, height, x + (width // 2 - x) // 3, horizon), fill=_ints(np.asarray(ground) * 0.85), width=1)
    blurred = visible.filter(ImageFilter.GaussianBlur(1.4)), infrared.filter(ImageFilter.GaussianBlur(1.4))
    grain = rng.normal(0, 0.02, (height, width)).astype(np.float32)
    to_unit = [np.asarray(image, np.float32) / 255 for image in blurred]
    return to_unit[0] ** 2.0 + grain[..., None] * 0.5, to_unit[1] + grain * 0.5


def _ints(colour: object) -> tuple[int, int, int]:
    r, g, b = (int(255 * float(np.clip(v, 0, 1)) ** 0.5) for v in np.asarray(colour))
    return r, g, b


def picture(person: Person, optics: Optics, rng: np.random.Generator, seed: int) -> Image.Image:
    """One crop of the person as that camera gives it: RGB, or grey with three equal channels."""
    height, width = CANVAS
    # People walk towards, away from, or past each camera; headings cluster, as on a path.
    heading = float(rng.choice([0.0, np.pi, np.pi / 2, -np.pi / 2], p=[0.36, 0.28, 0.18, 0.18]))
    pose = Pose(
        heading + float(rng.normal(0, 0.38)),
        float(rng.uniform(0, 2 * np.pi)),
        float(rng.uniform(0, 0.7)),
        float(rng.normal(0, 0.015)),
    )
    fill = rng.uniform(0.90, 1.02)  # tight crops; sometimes the feet are cut off
    scale = height * fill / (person.height_m * 1.02)
    foot_y = height * (0.985 + max(0.0, fill - 0.96) * 0.9) + rng.normal(0, 4)
    view = View(scale, width / 2 + float(rng.normal(0, 4)), float(foot_y), optics.perspective, height, width)
    drawing = draw(under_lamp(person, optics), pose, view)
    background = _wall(optics.scene, optics.room, seed)
    shift = int(rng.integers(0, background[0].shape[1] - width))
    window = (slice(None), slice(shift, shift + width))
    if optics.modality is Modality.RGB:
        image = _colour(drawing, background[0][window], optics, rng)
    else:
        image = _infrared(drawing, background[1][window], optics, rng)
    return _delivered(image, optics, rng)


def under_lamp(person: Person, optics: Optics) -> Person:
    """The person as fabrics reflect this camera's wavelength: a constant of fabric and camera, not of the picture."""
    if not optics.band_shift:
        return person
    changes: dict[str, Any] = {}
    for field in fields(person):
        cloth = getattr(person, field.name)
        if isinstance(cloth, Cloth):
            rng = np.random.default_rng([optics.number, int(cloth.infrared * 1e9)])
            shift = float(rng.normal(0, optics.band_shift))
            bands = np.clip(np.array([cloth.infrared, cloth.infrared_accent]) + shift, 0.05, 0.95)
            changes[field.name] = replace(cloth, infrared=float(bands[0]), infrared_accent=float(bands[1]))
    return replace(person, **changes)


def folds(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Creases of cloth: soft noise, stretched along the limbs."""
    coarse = rng.normal(0, 1, (shape[0] // 9 + 2, shape[1] // 5 + 2)).astype(np.float32)
    grown = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(grown, np.float32)


def _colour(drawing: Drawing, background: Array, optics: Optics, rng: np.random.Generator) -> Array:
    light = np.clip(optics.light + rng.normal(0, 0.25), -1, 1)
    shade = 0.72 + 0.28 * np.sqrt(np.maximum(1 - drawing.facing**2, 0)) + 0.20 * light * drawing.facing
    shade = shade * (1 + 0.05 * folds(shade.shape, rng))
    person = drawing.visible * shade[..., None]
    cover = drawing.coverage[..., None]
    scene = background * float(rng.uniform(0.8, 1.15))
    linear = (scene + cover * (person - scene)) * optics.exposure * float(rng.uniform(0.78, 1.25))
    linear = linear * np.asarray(optics.tint, np.float32) * rng.uniform(0.95, 1.05, 3).astype(np.float32)
    display = np.maximum(linear, 0) ** (1 / 2.1)
    display = 0.5 + (display - 0.5) * optics.contrast
    return np.asarray(display + rng.normal(0, optics.noise, display.shape).astype(np.float32), np.float32)


def _infrared(drawing: Drawing, background: Array, optics: Optics, rng: np.random.Generator) -> Array:
    height, width = drawing.infrared.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    # The lamp sits beside the lens: brightest on the torso, fading to the edges.
    lamp = np.exp(-(((y - height * 0.36) / (height * 0.62)) ** 2) - ((x - width * 0.5) / (width * 0.85)) ** 2)
    frontal = np.maximum(1 - drawing.facing**2, 0) ** 0.45
    person = drawing.infrared * (0.45 + 0.55 * frontal) * (1 + 0.06 * folds(drawing.infrared.shape, rng))
    scene = background * optics.falloff * float(rng.uniform(0.85, 1.1))
    if optics.scene == "room":
        scene = 0.25 * scene + 0.75 * scene.mean()  # a flat grey: the lamp fills the room
    gain = optics.exposure * float(rng.uniform(0.9, 1.35))
    linear = (scene + drawing.coverage * (person - scene)) * lamp * gain
    display = np.clip(linear, 0, 1.0) ** 0.75
    display = 0.07 + 0.86 * display  # low contrast: black is lifted, white is grey
    display = display + rng.normal(0, optics.noise, display.shape).astype(np.float32)
    return np.asarray(np.repeat(display[..., None], 3, axis=2), np.float32)


def _delivered(display: Array, optics: Optics, rng: np.random.Generator) -> Image.Image:
    tall = int(np.clip(rng.normal(optics.pixels, optics.pixels * 0.14), 110, 320))
    wide = max(40, round(tall / float(rng.uniform(2.45, 2.75))))
    image = Image.fromarray((np.clip(display, 0, 1) * 255).astype(np.uint8))
    blurred = image.filter(ImageFilter.GaussianBlur(optics.blur * float(rng.uniform(0.6, 1.5))))
    return blurred.resize((wide, tall), Image.Resampling.BILINEAR)
