"""Light on a frame: of lamps beside the lens in near infrared, of sun and ceilings in colour. All in linear light."""

from __future__ import annotations

import numpy as np

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing2.cameras import Camera
from rgbir.index.synthetic.drawing2.canvas import HEIGHT, WIDTH, Canvas
from rgbir.index.synthetic.drawing2.passes import Pass
from rgbir.index.synthetic.drawing2.pixels import Array, clipped, grown, level, root, soft
from rgbir.index.synthetic.drawing2.scene import Frame, sense_of
from rgbir.index.synthetic.drawing2.streams import Key, Stream
from rgbir.index.synthetic.drawing2.tables import knee, logarithm_of_two, power_of_two
from rgbir.index.synthetic.drawing2.walls import part_of, wall

ONE = np.float32(1)
GLOWING = 180
"""Rows of a crop from which on eyes are seen to glow."""
_HALF_FRAME = 520
"""Half of a camera's frame, in pixels of the canvas."""
_DUSK = ((1.25, 1.0, 0.6), (0.95, 1.0, 1.1))
"""Tints of sodium lamps and of LEDs."""
_METERED = slice(HEIGHT // 4, HEIGHT * 3 // 4), slice(WIDTH // 4, WIDTH * 3 // 4)


def lit(frame: Frame, camera: Camera, seed: int, key: Key, number: int, rows: int) -> Array:
    """Linear light on the sensor, float32 (channels, `HEIGHT`, `WIDTH`): three in colour, one in infrared.

    Args:
        key: of the pass.
        number: of the frame.
        rows: of the crop.
    """
    creases = grown(key._replace(picture=number).stream("creases"), HEIGHT, WIDTH, 9, 5)
    if camera.modality is Modality.RGB:
        return _in_colour(frame, camera, seed, key, creases)
    return _in_infrared(frame, camera, seed, key, creases, rows)


def _tilt(canvas: Canvas) -> Array:
    """The cosine of the angle between surface and camera."""
    return root(np.maximum(ONE - canvas.facing * canvas.facing, np.float32(0)))


def _laid(image: Array, canvas: Canvas, values: Array) -> None:
    image += canvas.coverage * (values - image)


def _in_colour(frame: Frame, camera: Camera, seed: int, key: Key, creases: Array) -> Array:
    walk, stream = frame.walk, key.stream("daylight")
    backlit = stream.yes(camera.backlit)
    side = walk.sun if camera.outdoors else camera.side + 0.25 * walk.sun
    bright = stream.between(0.8, 1.15) * (2.2 if backlit else 1.0)
    image = part_of(wall(seed, camera.scene, camera.place).colour, frame.shift) * np.float32(bright)
    folds = ONE + np.float32(0.06) * creases
    figures = 0.5 if backlit else 1.0
    for figure in frame.figures:
        canvas = figure.canvas
        slope = 0.28 * _tilt(canvas) + np.float32(0.20 * side) * canvas.facing
        shade = (slope + np.float32(0.72)) * folds * np.float32(figures)
        _laid(image, canvas, canvas.values * shade)
    if frame.thing is not None:
        colour = np.array(frame.thing.matter.colour, np.float32).reshape(3, 1, 1) * np.float32(0.9)
        image += frame.thing.mask * (colour - image)
    if camera.outdoors and walk.shadow is not None:
        image *= _shadow(walk)
    if camera.low_light:
        return _at_dusk(image, stream, walk)
    gain = camera.exposure * walk.exposure
    factors = [gain * tint * error for tint, error in zip(camera.tint, walk.balance, strict=True)]
    return image * np.array(factors, np.float32).reshape(3, 1, 1)


def _shadow(walk: Pass) -> Array:
    """The hard edge of a shadow that lies across the frame."""
    rows, columns = np.arange(HEIGHT, dtype=np.float32)[:, None], np.arange(WIDTH, dtype=np.float32)[None, :]
    edge = (0.5 + (walk.shadow or 0.0)) * WIDTH
    lean = np.float32(0.3 if walk.sun > 0 else -0.3)
    beyond = (columns - np.float32(edge) + lean * (rows - np.float32(HEIGHT / 2))) * np.float32(
        1 if walk.sun > 0 else -1
    )
    return ONE - np.float32(0.45) * clipped(beyond * np.float32(0.5), 0, 1)


def _at_dusk(image: Array, stream: Stream, walk: Pass) -> Array:
    """Lamps with a colour, a weak signal, and less saturation."""
    tint = _DUSK[0] if stream.yes(0.5) else _DUSK[1]
    wanted = 0.10 + 0.15 * walk.target
    gain = wanted * walk.exposure / max(level(image[(slice(None), *_METERED)]), 0.01)
    factors = [gain * part * error for part, error in zip(tint, walk.balance, strict=True)]
    image = image * np.array(factors, np.float32).reshape(3, 1, 1)
    grey: Array = image[0] * np.float32(0.3) + image[1] * np.float32(0.6) + image[2] * np.float32(0.1)
    image = (image - grey) * np.float32(0.6) + grey
    if stream.yes(0.08):  # lamps that flicker, under a rolling shutter
        period, begins = stream.between(20, 60), stream.unit()
        turns = np.arange(HEIGHT, dtype=np.float32) * np.float32(1 / period) + np.float32(begins)
        wave = turns - np.floor(turns)
        band = (np.abs(wave - np.float32(0.5)) - np.float32(0.25)) * np.float32(0.12) + ONE
        image = image * band[:, None]
    return image


def _in_infrared(frame: Frame, camera: Camera, seed: int, key: Key, creases: Array, rows: int) -> Array:
    walk, stream = frame.walk, key.stream("lamp")
    place = wall(seed, camera.scene, camera.place)
    away = _from_middle(walk)
    wide = ONE + np.float32(0.6) * away
    lobe = ONE / (wide * wide)
    light = lobe * np.float32((camera.distance_m / walk.distance_m) * (camera.distance_m / walk.distance_m))
    near = part_of(place.near, frame.shift)
    if camera.scene == "room":  # the lamp fills the room: a flat grey
        behind = np.float32(0.62 * stream.between(0.9, 1.1))
        near = near * np.float32(0.25) + np.float32(0.75 * level(near))
    else:
        behind = np.float32(stream.between(0.12, 0.28))
    ambient = light * behind + np.float32(camera.leak * 0.5)
    image: Array = np.asarray(near * ambient, np.float32)
    folds = ONE + np.float32(0.08) * creases
    for figure in frame.figures:
        canvas, closer = figure.canvas, np.float32(1 / (figure.nearness * figure.nearness))
        cos = _tilt(canvas)
        second, gloss = cos * cos, canvas.values[1]
        fourth = second * second
        shade = (np.float32(0.3) + np.float32(0.7) * cos) * folds
        glossy = gloss * (fourth * fourth)
        received = light * closer + np.float32(camera.leak)
        _laid(image[0], canvas, (canvas.values[0] * shade + glossy) * received)
    if frame.thing is not None:
        values, _ = sense_of(camera)
        closer = np.float32(1 / (frame.thing.nearness * frame.thing.nearness))
        there = (light * closer + np.float32(camera.leak)) * np.float32(0.9 * values(frame.thing.matter)[0])
        image[0] += frame.thing.mask * (there - image[0])
    if stream.yes(0.3) and frame.thing is None and rows > GLOWING:
        _glow(image[0], frame)
    wanted = 0.30 + 0.32 * walk.target
    mean = max(level(image[(0, *_METERED)]), 0.01)
    gain = power_of_two(0.75 * logarithm_of_two(wanted / mean)) * walk.exposure * camera.exposure
    exposed = image * np.float32(gain)
    over = np.maximum(exposed - np.float32(0.8), np.float32(0))
    image = knee(exposed)
    if over.max() > 0:
        image = image + soft(over, HEIGHT // 56) * np.float32(0.5)
    dim = ONE - away * np.float32(0.35)
    return image * (dim * dim)


def _from_middle(walk: Pass) -> Array:
    """The square of how far each pixel is from the middle of the camera's frame; 1 in its corners."""
    across = np.arange(WIDTH, dtype=np.float32) - np.float32(WIDTH / 2)
    down = np.arange(HEIGHT, dtype=np.float32) - np.float32(HEIGHT / 2)
    x = across * np.float32(1 / _HALF_FRAME) + np.float32(walk.place[0])
    y = down * np.float32(1 / _HALF_FRAME) + np.float32(walk.place[1])
    across, down = x * x * np.float32(0.5), y * y * np.float32(0.5)
    return across[None, :] + down[:, None]


def _glow(image: Array, frame: Frame) -> None:
    """Eyes that look into the lamp, where they are seen."""
    for column, row in frame.eyes:
        x, y = int(column), int(row)
        if 0 < y < HEIGHT - 2 and 0 < x < WIDTH - 2 and frame.main is frame.figures[-1]:
            image[y : y + 2, x : x + 2] = np.float32(4)
