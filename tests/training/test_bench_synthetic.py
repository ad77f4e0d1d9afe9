"""The checks of drawing 2: what describes a picture, the oracles, and which figures miss their target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.training.small import make_run, recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
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
from rgbir.index.bench.trained import found_by
from rgbir.index.datasets.draws import seeded
from rgbir.index.errors import UsageError
from rgbir.index.evaluation import Features
from rgbir.index.metric import Metric
from rgbir.index.synthetic.drawing2.lookalikes import resemble
from rgbir.index.synthetic.drawing2.sysu import write_sysu
from rgbir.index.synthetic.drawing2.world import World
from rgbir.index.synthetic.folder import Split
from rgbir.training.bench_synthetic import bench_synthetic, bench_trained, untrained_rank_1
from rgbir.training.errors import BadRecipe


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_trained_network_is_measured_across_modalities_and_within(tmp_path: Path) -> None:
    """By a slow loop: each query alone, what its camera's place may show it, and the nearest of that."""
    write_sysu(tmp_path / "p", World(0), Split(0, 20, 0), 2, workers=2)
    data = SysuMM01(tmp_path / "p")
    records = list(data.records("val"))
    features = Features.of_images(
        np.random.default_rng(0).standard_normal((len(records), 8)).astype(np.float32), records
    )
    features.embeddings[:] += 0.7 * np.random.default_rng(1).standard_normal((21, 8))[features.identities % 20]

    figures = found_by(features, Metric.EUCLIDEAN, data, World(0))

    by_way = {"f_across": ("36", "1245"), "g_colour": ("1245", "1245"), "h_infrared": ("36", "36")}
    for name, (asked, shown) in by_way.items():
        right, mistaken = [], []
        for trial in range(10):
            sizes = {(int(c), i): len(data.files(int(c), i)) for c in shown for i in data.identities("val")}
            picks = seeded(sizes, data.identities("val"), [int(c) for c in shown], 1, trial)
            for q, query in enumerate(records):
                if query.camera not in asked:
                    continue
                best, who, there = np.inf, 0, False
                for camera, identity, number in picks:
                    if data.network[str(camera)].place == data.network[query.camera].place:
                        continue
                    row = next(
                        r
                        for r, record in enumerate(records)
                        if (record.camera, record.identity, record.number) == (str(camera), identity, number)
                    )
                    there = there or identity == query.identity
                    apart = float(((features.embeddings[q].astype(float) - features.embeddings[row]) ** 2).sum())
                    if apart < best:
                        best, who = apart, identity
                if there:
                    right.append(who == query.identity)
                    if who != query.identity:
                        mistaken.append(resemble(World(0), who, query.identity or 0))
        assert figures[name] == pytest.approx(100 * np.mean(right)), name
        if name == "f_across":
            assert figures["k_lookalikes"] == pytest.approx(100 * np.mean(mistaken))


def test_a_run_that_knows_the_people_is_refused(tmp_path: Path, people: SysuMM01) -> None:
    run, _ = make_run(tmp_path / "run", people, recipe_of("agw"), "agw")
    run.start({})

    with pytest.raises(BadRecipe, match=r"data\.train_identities=train"):
        bench_trained(run.folder)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--without", "sensor"], "--without goes with --run"),
        (["--run", "there", "--networks", "2"], "leave one out"),
        (["--run", "there", "--without", "rain"], "not rain"),
    ],
)
def test_options_that_do_nothing_together_are_refused(words: list[str], expected: str) -> None:
    result = CliRunner().invoke(app, ["bench", "synthetic", *words])

    assert isinstance(result.exception, UsageError)
    assert expected in str(result.exception)
