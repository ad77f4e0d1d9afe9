"""SYSU-MM01's selection and measure at full size, from the official files: evaluation.md 2, 3.3 and 10."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import OFFICIAL

from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.draws import Permutations, Pick, official, seeded
from rgbir.index.datasets.protocol import Mode, Shots
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.sysu_mm01 import GALLERY_CAMERAS, SHOTS, read_permutations
from rgbir.index.errors import BadDataset
from rgbir.index.evaluation import PROTOCOLS, Draw, Features, Task, evaluate, evaluate_ranked
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Ranked

pytestmark = pytest.mark.official

FIRST = {
    ("official", "all", "single"): "(1,6,5) (1,10,18) (1,27,5) (1,28,1) (1,54,31) (1,63,16)",
    ("official", "all", "multi"): "(1,6,5) (1,6,1) (1,6,4) (1,6,27) (1,6,13) (1,6,12)",
    ("official", "indoor", "single"): "(1,6,5) (1,10,18)",
    ("official", "indoor", "multi"): "(1,6,5) (1,6,1) (1,6,4) (1,6,27) (1,6,13) (1,6,12)",
    ("seeded", "all", "single"): "(1,6,25) (2,6,25) (4,6,14) (5,6,2) (1,10,17) (2,10,17)",
    ("seeded", "all", "multi"): "(1,6,25) (1,6,27) (1,6,3) (1,6,17) (1,6,33) (1,6,32)",
    ("seeded", "indoor", "single"): "(1,6,25) (2,6,25) (1,10,27) (2,10,2) (1,27,5) (2,27,33)",
    ("seeded", "indoor", "multi"): "(1,6,25) (1,6,27) (1,6,3) (1,6,17) (1,6,33) (1,6,32)",
}
SUMS = {
    ("official", "all", "single"): "3671 3668 3453 3491 3745 3497 3485 3490 3450 3591",
    ("official", "all", "multi"): "35650 35209 35124 35299 35360 35380 35061 35449 35436 35250",
    ("official", "indoor", "single"): "1570 1544 1553 1401 1723 1498 1415 1459 1485 1525",
    ("official", "indoor", "multi"): "15508 15164 15114 15148 15270 15140 15111 15174 15232 15235",
    ("seeded", "all", "single"): "3649 3566 3469 3639 3419 3482 3705 3545 3586 3453",
    ("seeded", "all", "multi"): "34949 35632 35762 35740 35243 35124 35004 34842 35650 35530",
    ("seeded", "indoor", "single"): "1647 1568 1722 1681 1458 1487 1600 1482 1529 1376",
    ("seeded", "indoor", "multi"): "14804 15279 15280 15403 15395 14906 15370 15042 15481 14728",
}
# evaluation.md 10, percent: R1 R5 R10 R20 mAP mINP.
SELF_CHECK = {
    ("official", "all", "single"): "35.3563 80.7994 92.7268 98.0831 40.6618 28.5987",
    ("official", "all", "multi"): "36.6237 85.4036 95.7796 99.0955 30.0953 10.4855",
    ("official", "indoor", "single"): "46.6214 88.3877 96.7754 99.5335 59.1635 54.4849",
    ("official", "indoor", "multi"): "49.1893 93.8949 98.5960 99.8053 44.4669 22.9502",
    ("seeded", "all", "single"): "35.0749 80.9335 92.8951 98.2514 40.5166 28.4042",
    ("seeded", "all", "multi"): "37.1207 85.4036 95.8428 99.1033 30.1480 10.4625",
    ("seeded", "indoor", "single"): "45.3986 88.1929 96.4674 99.5562 58.3054 53.5925",
    ("seeded", "indoor", "multi"): "49.4248 93.7772 98.7409 99.8279 44.6701 23.2284",
}
SETTINGS = list(FIRST)


@cache
def tables() -> Permutations:
    return read_permutations(OFFICIAL / "rand_perm_cam.mat")


@cache
def identities() -> tuple[int, ...]:
    return tuple(map(int, (OFFICIAL / "exp/test_id.txt").read_text().split(",")))


def sizes() -> dict[tuple[int, int], int]:
    return {(c, i): tables()[c, i].shape[1] for c in range(1, 7) for i in identities() if (c, i) in tables()}


def picks(selection: str, mode: Mode, shots: Shots, trial: int) -> list[Pick]:
    cameras, count = GALLERY_CAMERAS[mode], SHOTS[shots]
    if selection == "official":
        return official(tables(), sizes(), identities(), cameras, count, trial)
    return seeded(sizes(), identities(), cameras, count, trial)


@pytest.mark.parametrize(("selection", "mode", "shots"), SETTINGS)
def test_the_picks_are_the_published_ones(selection: str, mode: Mode, shots: Shots) -> None:
    trials = [picks(selection, mode, shots, trial) for trial in range(10)]

    expected = FIRST[selection, mode, shots].split()
    assert [f"({p.camera},{p.identity},{p.number})" for p in trials[0][: len(expected)]] == expected
    assert " ".join(str(sum(p.number for p in trial)) for trial in trials) == SUMS[selection, mode, shots]
    rows = {("all", "single"): 301, ("all", "multi"): 3010, ("indoor", "single"): 112, ("indoor", "multi"): 1120}
    assert {len(trial) for trial in trials} == {rows[mode, shots]}
    assert len({p.identity for p in trials[0]}) == (96 if mode == "all" else 56)


def test_the_published_counts_of_probes_and_folders() -> None:
    folders = sizes()
    assert [sum(n for (c, _), n in folders.items() if c == camera) for camera in (3, 6)] == [1883, 1920]
    assert [sum(c == camera for c, _ in folders) for camera in (1, 2, 4, 5)] == [56, 56, 94, 95]


def features(camera: int, identity: int, number: int) -> np.ndarray:
    """evaluation.md 10: a closed formula in place of a model."""
    d = np.arange(1, 9)
    w = identity * (131 + 29 * d) % 997
    v = camera * (17 + 7 * d) % 13
    u = (number * (211 + 53 * d) + identity * (307 + 31 * d) + camera * (89 + 11 * d)) % 1009
    return (w / 997 - 1 / 2) + 0.3 * (v / 13 - 1 / 2) + 0.6 * (u / 1009 - 1 / 2)


def test_the_formula_is_the_one_of_the_example() -> None:
    np.testing.assert_allclose(features(1, 6, 1)[:2], [0.489133234, -0.326142692], atol=1e-9)


def record(camera: int, identity: int, number: int) -> ImageRecord:
    source = f"cam{camera}/{identity:04d}/{number:04d}.jpg"
    modality = Modality.IR if camera in (3, 6) else Modality.RGB
    return ImageRecord(Path(source), source, str(camera), modality, identity, number=number)


@cache
def task(selection: str, mode: Mode, shots: Shots) -> Task:
    """The whole test set without an image."""
    images = [(c, i, k) for c in range(1, 7) for i in identities() for k in range(1, sizes().get((c, i), 0) + 1)]
    queries = [record(*image) for image in images if image[0] in (3, 6)]
    gallery = [record(*image) for image in images if image[0] in GALLERY_CAMERAS[mode]]
    rows = {Pick(int(r.camera), r.identity or 0, r.number or 0): row for row, r in enumerate(gallery)}
    everyone = np.arange(len(queries))
    draws = [
        Draw(everyone, np.array([rows[pick] for pick in picks(selection, mode, shots, trial)])) for trial in range(10)
    ]
    return Task(CameraNetwork.read("sysu-mm01"), {}, queries, gallery, draws)


def vectors(records: Sequence[ImageRecord]) -> np.ndarray:
    return np.array([features(int(r.camera), r.identity or 0, r.number or 0) for r in records])


# Each of the draws and modes once here, all in the slow run.
QUICK = {("official", "all", "multi"), ("seeded", "indoor", "single")}


@pytest.mark.parametrize(
    ("selection", "mode", "shots"),
    [pytest.param(*setting, marks=[] if setting in QUICK else [pytest.mark.slow]) for setting in SETTINGS],
)
@pytest.mark.slow
def test_the_self_check_at_full_size(selection: str, mode: Mode, shots: Shots) -> None:
    asked = task(selection, mode, shots)
    x, rows = vectors(asked.queries), vectors(asked.gallery)
    squares = (rows**2).sum(1)

    def ranking(block: np.ndarray) -> Ranked:
        return Ranked.of((x[block] ** 2).sum(1)[:, None] + squares - 2 * x[block] @ rows.T)

    report = evaluate_ranked(asked, ranking, PROTOCOLS["sysu"], Metric.EUCLIDEAN)

    means = [*(report.rank(k) for k in (1, 5, 10, 20)), report.mean_ap, report.mean_inp]
    assert " ".join(f"{100 * value:.4f}" for value in means) == SELF_CHECK[selection, mode, shots]
    assert {(t.queries, t.valid_queries) for t in report.trials} == {(3803, 3803 if mode == "all" else 2208)}
    if (selection, mode, shots) == ("official", "all", "single"):
        first = report.trials[0]
        assert f"{100 * first.rank(1):.4f} {100 * first.mean_ap:.4f}" == "35.2353 40.0584"


@pytest.mark.slow
def test_float32_features_agree() -> None:
    asked = task("official", "all", "single")
    queries, gallery = (
        Features.of(
            vectors(records).astype(np.float32),
            [r.identity for r in records],
            [r.camera for r in records],
            [r.source for r in records],
        )
        for records in (asked.queries, asked.gallery)
    )

    report = evaluate(asked, queries, gallery, PROTOCOLS["sysu"], Metric.EUCLIDEAN)

    expected = [float(value) for value in SELF_CHECK["official", "all", "single"].split()]
    means = [*(report.rank(k) for k in (1, 5, 10, 20)), report.mean_ap, report.mean_inp]
    np.testing.assert_allclose(100 * np.array(means), expected, atol=0.01)


def test_a_folder_that_disagrees_with_the_permutation_file_is_named() -> None:
    wrong = {**sizes(), (1, 6): 3}
    with pytest.raises(
        BadDataset, match=r"camera 1, identity 6: rand_perm_cam\.mat permutes \d+ images, the folder holds 3"
    ):
        official(tables(), wrong, identities(), (1,), 1, 0)
