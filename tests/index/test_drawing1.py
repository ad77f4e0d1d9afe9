"""Drawing 1: its pictures are those that it has always drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.conftest import ROOT

from rgbir.index.synthetic.drawing1.cameras import CAMERAS, picture
from rgbir.index.synthetic.drawing1.people import person

STORED = ROOT / "tests" / "index" / "drawing1.png"
"""One picture by each camera, of six people of seed 5, side by side in columns of 136 pixels; drawn in November 2026."""


@pytest.mark.slow
def test_the_pictures_are_the_stored_ones_within_one_level() -> None:
    stored = np.asarray(Image.open(STORED), np.int64)
    different = values = 0
    for place, camera in enumerate(CAMERAS):
        rng = np.random.default_rng([5, place + 1, camera.number, 1])
        drawn = np.asarray(picture(person(5, place + 1), camera, rng, 5), np.int64)
        height, width, _ = drawn.shape
        apart = np.abs(drawn - stored[:height, 136 * place : 136 * place + width])
        assert apart.max() <= 1
        assert not stored[height:, 136 * place : 136 * place + 136].any()
        different, values = different + int((apart > 0).sum()), values + apart.size
    assert different <= 1e-5 * values + 1
