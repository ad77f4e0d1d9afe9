"""Which crops of a track are kept."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rgbir.footage.shots import Shot, Shots, sharpness, shot_of

PICTURE = np.random.default_rng(0).integers(0, 255, (400, 300, 3)).astype(np.uint8)


def shot(seconds: float, quality: float, sharp: float = 1.0) -> Shot:
    return Shot(round(seconds * 5), seconds, (0, 0, 10, 20), (300, 400), quality, quality, sharp, PICTURE[:20, :10])


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([left, top, right, bottom], np.float32)


def test_a_crop_is_worth_its_score_its_height_and_what_is_not_hidden() -> None:
    # 0.8 sure, 100 of 200 pixels tall, a quarter hidden: 0.8 × 0.5 × 0.75 = 0.3; taller than 200 is no better.
    assert shot_of(PICTURE, 0, 0.0, box(50, 50, 90, 150), 0.8, 0.25).quality == pytest.approx(0.3)
    assert shot_of(PICTURE, 0, 0.0, box(50, 50, 150, 350), 0.8, 0.0).quality == pytest.approx(0.8)


@pytest.mark.parametrize("edge", [(0, 50, 40, 150), (50, 1, 90, 101), (261, 50, 299, 150), (50, 300, 90, 399)])
def test_a_crop_at_the_border_is_worth_less(edge: tuple[float, float, float, float]) -> None:
    inside = shot_of(PICTURE, 0, 0.0, box(50, 50, 90, 50 + edge[3] - edge[1]), 0.8, 0.0)

    assert shot_of(PICTURE, 0, 0.0, box(*edge), 0.8, 0.0).quality == pytest.approx(0.3 * inside.quality)


def test_a_crop_has_a_margin_and_ends_with_the_picture() -> None:
    # Three hundredths of a height of 100 are three pixels.
    assert shot_of(PICTURE, 0, 0.0, box(50, 50, 90, 150), 0.8, 0.0).box == (47, 47, 93, 153)
    cut = shot_of(PICTURE, 0, 0.0, box(0, 0, 300, 400), 0.8, 0.0)
    assert cut.box == (0, 0, 300, 400)
    np.testing.assert_array_equal(cut.pixels, PICTURE)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    small = PICTURE[:6, :5].astype(np.float64)
    luma = small @ [0.299, 0.587, 0.114]
    values = [
        luma[y - 1, x] + luma[y + 1, x] + luma[y, x - 1] + luma[y, x + 1] - 4 * luma[y, x]
        for y in range(1, 5)
        for x in range(1, 4)
    ]

    assert sharpness(PICTURE[:6, :5]) == pytest.approx(np.var(values), rel=1e-5)
    assert sharpness(PICTURE[:2, :9]) == 0.0


def test_the_best_shots_are_kept_half_a_second_apart() -> None:
    shots = Shots(3)
    for number, quality in enumerate([0.1, 0.9, 0.8, 0.2, 0.3, 0.7, 0.1, 0.2, 0.6, 0.5]):
        shots.offer(shot(number * 0.2, quality))

    # 0.9 at 0.2 s; 0.8 at 0.4 s is too near; 0.7 at 1.0 s; 0.6 at 1.6 s.
    assert [(round(kept.seconds, 1), kept.quality) for kept in shots.kept] == [(0.2, 0.9), (1.0, 0.7), (1.6, 0.6)]


def test_ties_are_decided_by_sharpness() -> None:
    shots = Shots(1)
    for seconds, sharp in ((0.0, 1.0), (0.2, 3.0), (0.4, 2.0)):
        shots.offer(shot(seconds, 0.5, sharp))

    assert [kept.sharpness for kept in shots.kept] == [3.0]


def test_whatever_comes_no_more_than_the_most_are_kept_and_all_are_apart() -> None:
    rng = np.random.default_rng(5)
    for most in (1, 3, 5):
        shots = Shots(most)
        offered = [shot(number * 0.2, float(rng.random())) for number in range(200)]
        for each in offered:
            shots.offer(each)
            assert len(shots.kept) <= most
            assert all(abs(a.seconds - b.seconds) >= 0.5 - 1e-9 for a, b in combinations(shots.kept, 2))
        assert max(offered, key=lambda each: each.quality) in shots.kept


def test_a_shot_that_is_not_wanted_would_not_have_been_kept() -> None:
    rng = np.random.default_rng(6)
    shots = Shots(4)
    for number in range(300):
        quality = float(rng.random()) * 0.9
        wanted, before = shots.wanted(quality), list(shots.kept)
        shots.offer(shot(number * 0.2, quality))
        if not wanted:
            assert shots.kept == before
