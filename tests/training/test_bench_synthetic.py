"""The checks of drawing 2: what describes a picture, the oracles, and which figures miss their target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rgbir.index import SysuMM01
from rgbir.index.bench.synthetic import (
    TARGETS,
    colour_histograms,
    gradient_histograms,
    grey_histograms,
    missed,
    oracles,
    rank_1,
)
from rgbir.index.synthetic.drawing2.sysu import write_sysu
from rgbir.index.synthetic.drawing2.world import World
from rgbir.index.synthetic.folder import Split
from rgbir.training.bench_synthetic import bench_synthetic, untrained_rank_1


def test_histograms_are_shares_of_levels_by_stripe() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 24, 3), np.uint8)

    grey, colour = grey_histograms(image), colour_histograms(image)

    levels = np.asarray(Image.fromarray(image).convert("L"))
    for stripe in range(6):
        part = levels[stripe * 10 : stripe * 10 + 10]
        for level in range(16):
            assert grey[stripe * 16 + level] == pytest.approx((part // 16 == level).mean(), abs=1e-6)
        for channel in range(3):
            of_channel = colour[(stripe * 3 + channel) * 16 :][:16]
            assert of_channel.sum() == pytest.approx(1, abs=1e-5)
            assert of_channel[0] == pytest.approx((image[stripe * 10 :][:10, :, channel] < 16).mean(), abs=1e-6)


def test_gradients_are_told_by_direction_and_not_by_sign() -> None:
    edge = np.zeros((128, 48, 3), np.uint8)
    edge[:, 24:] = 200

    assert gradient_histograms(edge) == pytest.approx(gradient_histograms(200 - edge), abs=1e-5)
    middle = gradient_histograms(edge).reshape(8, 3, 9)[:, 1]
    assert middle[:, 0] == pytest.approx(1, abs=1e-3)


def test_people_of_one_block_are_told_apart_where_nothing_spoils_them() -> None:
    found = oracles(World(0), range(421, 441))

    assert found["i_oracle_infrared"] >= 95
    assert found["j_oracle_edges"] >= 85


def test_figures_outside_their_target_are_named() -> None:
    good = {name: (least + most) / 2 for name, (least, most) in TARGETS.items()}

    assert missed(good) == []
    assert missed(good | {"d_gradient_histograms": 12.0}) == ["d_gradient_histograms is 12.0, not within 4 to 9"]


def test_a_check_measures_the_people_who_are_held_back(tmp_path: Path) -> None:
    write_sysu(tmp_path / "p", World(0), Split(0, 4, 0), 1, workers=1)
    data = SysuMM01(tmp_path / "p")
    seen = {
        np.asarray(Image.open(record.path).convert("RGB")).tobytes(): record.identity or 0
        for record in data.records("val")
    }

    def known(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array([seen[image.tobytes()], 0], np.float32)

    assert rank_1(data, known) == 100
    assert 0 <= untrained_rank_1(data, 0) <= 100


@pytest.mark.slow
def test_drawing_2_is_as_hard_as_it_should_be() -> None:
    assert bench_synthetic(networks=2)["missed"] == "none"
