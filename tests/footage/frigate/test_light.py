"""Colour or infrared, of single pictures made by formula."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rgbir.footage.frigate.light import modality_of
from rgbir.index import Modality, SysuMM01


def scene(rng: np.random.Generator) -> np.ndarray:
    small = rng.integers(20, 235, (12, 20, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((640, 360), Image.Resampling.BICUBIC))


def compressed(pixels: np.ndarray, kind: str, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 30), ("JPEG", 90), ("WEBP", 60), ("WEBP", 10)])
def test_grey_is_infrared_and_colour_is_colour_however_they_are_compressed(
    kind: str, quality: int, rng: np.random.Generator
) -> None:
    colour = scene(rng)
    grey = np.repeat(colour.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert modality_of(compressed(colour, kind, quality)) is Modality.RGB
    assert modality_of(compressed(grey, kind, quality)) is Modality.IR


@pytest.mark.parametrize("tint", [(0, 12, -6), (8, 0, 8), (-10, 4, 0)])
def test_one_tint_over_all_of_it_is_infrared(tint: tuple[int, int, int], rng: np.random.Generator) -> None:
    grey = np.repeat(scene(rng)[..., :1], 3, axis=2).astype(int)
    tinted = (np.clip(grey, 20, 235) + np.array(tint)).astype(np.uint8)
    assert modality_of(tinted) is Modality.IR


def test_a_grey_room_with_something_red_is_colour() -> None:
    room = np.full((360, 640, 3), 120, np.uint8)
    room[100:200, 100:160] = (200, 30, 30)
    assert modality_of(room) is Modality.RGB


def test_drawn_people_are_what_their_camera_is(people: SysuMM01) -> None:
    for camera, light in ((1, Modality.RGB), (3, Modality.IR)):
        for record in people.records("test", (camera,)):
            assert modality_of(np.asarray(Image.open(record.path).convert("RGB"))) is light
