"""Data sets of tracklets, and how tracklets are compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import BUNDLE
from tests.layouts import bupt, vcm
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import (
    BadDataset,
    Bundle,
    Encoder,
    ImageRecord,
    Metric,
    Modality,
    Setting,
    SysuMM01,
    Tracklet,
    frames_of,
    open_data_set,
)
from rgbir.index.datasets.bupt import BUPTCampus
from rgbir.index.datasets.protocol import Pool
from rgbir.index.datasets.task import Task
from rgbir.index.datasets.vcm import HitszVcm
from rgbir.index.evaluation import PROTOCOLS, Features, Reciprocal, evaluate, evaluate_reranked
from rgbir.index.evaluation.sources import encoded
from rgbir.index.evaluation.tracklets import pooled

runner = CliRunner()


def rgbir(*words: object) -> Result:
    return runner.invoke(app, [str(word) for word in words])


def listed_vcm(root: Path, tracks: list[tuple[int, int, int, int]], queries: str) -> HitszVcm:
    """Lists without images. A track is modality, identity, camera and frames; the names count frames from 0."""
    (root / "info").mkdir(parents=True)
    names, rows = list[str](), list[str]()
    for modality, identity, camera, count in tracks:
        rows.append(f"{modality} {len(names) + 1} {len(names) + count} {identity} {camera}")
        names += [f"{identity:04d}M{modality}D{camera}T0001F{frame}.jpg" for frame in range(count)]
    for part in ("train", "test"):
        (root / "info" / f"{part}_name.txt").write_text("\n".join(names))
        (root / "info" / f"track_{part}_info.txt").write_text("\n".join(rows))
    (root / "info" / "query_IDX.txt").write_text(queries + "\n")
    return HitszVcm(root)


ON_PAPER = [
    (1, 1, 1, 12),  # 1: infrared, asks
    (1, 2, 1, 13),  # 2: infrared, asks
    (2, 1, 1, 12),  # 3: person and camera of tracklet 1
    (2, 1, 2, 12),  # 4
    (2, 2, 2, 12),  # 5
    (2, 9, 3, 11),  # 6: too short
    (2, 2, 3, 12),  # 7
    (2, 3, 3, 12),  # 8
]
VALUES = {1: 0.0, 2: 2.9, 3: 0.1, 4: 2.0, 5: 1.0, 7: 1.5, 8: 4.0}


def on_paper(tmp_path: Path) -> tuple[HitszVcm, Features]:
    """Each tracklet's mean is its value; the frames that the protocol doesn't choose would spoil it."""
    data = listed_vcm(tmp_path / "vcm", ON_PAPER, "1 2")
    records, values = list[ImageRecord](), list[float]()
    for row in data.rows["test"]:
        step = -(-row.frames // 6)
        for number, frame in enumerate(data.of("test", row)):
            chosen = number % step == 0 or number == 12
            records.append(frame)
            # Chosen frames lie one before and one behind the value, in turn; 13 frames: 0, 3, 6, 9, 12 and 12 again.
            swing = {0: 1, 3: -1, 6: 1, 9: -1, 12: 0}[number] if row.frames == 13 and chosen else (-1) ** (number // 2)
            values.append(VALUES.get(row.number, 0.0) + swing if chosen else 1_000.0)
    return data, Features.of_images(np.array(values, np.float32)[:, None], records)


def test_ranks_of_the_infrared_tracklets_are_those_on_paper(tmp_path: Path) -> None:
    # Tracklet 1 (0.0, person 1, camera 1) sees 5 (1.0), 7 (1.5), 4 (2.0, right), 8 (4.0); 3 is of its camera, hidden.
    # Tracklet 2 (2.9, person 2) sees 4 (0.9 away), 8 (1.1), 7 (1.4, right), 5 (1.9, right), 3 (2.8).
    data, features = on_paper(tmp_path)
    protocol = PROTOCOLS["vcm"]

    report = evaluate(data.task(protocol), features, features, protocol, Metric.EUCLIDEAN)

    assert [report.rank(k) for k in (1, 2, 3)] == [0, 0, 1]  # by identities tracklet 1 would have been second
    assert report.mean_ap == pytest.approx((1 / 3 + (1 / 3 + 2 / 4) / 2) / 2)
    assert report.trials[0].by_query.rank.tolist() == [2, 2]
    assert (report.trials[0].gallery_rows, report.setting) == (5, {"frames": "6", "pool": "mean"})


def test_exchanged_ranks_are_those_on_paper(tmp_path: Path) -> None:
    # 3: tracklet 1 is hidden, 2 is a stranger. 4: 2 (0.9), 1 (2.0, right). 5: 1 (1.0), 2 (1.9, right).
    # 7: 2 (1.4, right), 1 (1.5). 8 shows somebody else.
    data, features = on_paper(tmp_path)
    protocol = PROTOCOLS["vcm-rgb-to-ir"]

    report = evaluate(data.task(protocol), features, features, protocol, Metric.EUCLIDEAN)

    assert report.trials[0].by_query.rank.tolist() == [-1, 1, 1, 0, -1]
    assert (report.rank(1), report.mean_ap) == pytest.approx((1 / 3, (1 / 2 + 1 / 2 + 1) / 3))


@pytest.mark.parametrize("count", [12, 13, 17, 18, 19, 25, 100])
def test_frames_of_vcm_are_the_first_of_six_runs(count: int, tmp_path: Path) -> None:
    data = listed_vcm(tmp_path / "vcm", [(1, 1, 1, count), (2, 1, 2, count)], "1")
    padded = list(range(count))
    length = 1
    while 6 * length < count:
        length += 1
    padded += [count - 1] * (6 * length - count)

    (query,) = data.task(PROTOCOLS["vcm"]).queries

    assert isinstance(query, Tracklet)
    assert [int(frame.path.stem) for frame in query.frames] == [padded[run * length] for run in range(6)]


@pytest.mark.parametrize("count", [1, 7, 10, 11, 99])
def test_frames_of_bupt_are_ten_at_equal_distances(count: int, people: SysuMM01, tmp_path: Path) -> None:
    data = open_data_set(bupt(tmp_path / "bupt", people, frames=count))

    query = data.task(PROTOCOLS["bupt"]).queries[0]

    assert isinstance(query, Tracklet)
    assert [int(frame.path.stem) for frame in query.frames] == [int(np.floor(i * count / 10)) for i in range(10)]


def a_task(frames: list[list[float]], pool: Pool) -> tuple[Task, Features]:
    """One tracklet of these frames, which asks for itself."""
    images = [ImageRecord(Path(f"{n}.jpg"), f"{n}.jpg", "1", Modality.IR, 1) for n in range(len(frames))]
    tracklet = Tracklet.of("all", images)
    data = HitszVcm(Path())
    return Task.of_everything(data.network, {}, [tracklet], [tracklet], pool), Features.of_images(
        np.array(frames, np.float32), images
    )


@pytest.mark.parametrize(
    ("frames", "metric", "pool", "expected"),
    [
        ([[3, 0], [0, 4]], Metric.EUCLIDEAN, "mean", [1.5, 2]),
        ([[3, 0], [0, 4]], Metric.COSINE, "mean", [0.5**0.5, 0.5**0.5]),  # (1, 0) and (0, 1) have (½, ½) between them
        ([[3, 0], [0, 4], [0, 9]], Metric.COSINE, "mean", [1 / 5**0.5, 2 / 5**0.5]),
        ([[3, 0], [1, 4], [2, 9]], Metric.EUCLIDEAN, "median", [2, 4]),
        ([[3, 0], [0, 4], [0, 9]], Metric.COSINE, "median", [0, 1]),
        ([[3, 4]], Metric.COSINE, "mean", [0.6, 0.8]),
    ],
)
def test_a_tracklets_embedding_is_the_one_on_paper(
    frames: list[list[float]], metric: Metric, pool: Pool, expected: list[float]
) -> None:
    task, features = a_task(frames, pool)

    queries, gallery = pooled(task, features, features, metric)

    assert queries.embeddings[0] == pytest.approx(expected, abs=1e-6)
    assert gallery.sources.tolist() == ["all"]


def slow(
    asked: list[tuple[NDArray[np.float64], int]],
    shown: list[tuple[NDArray[np.float64], int]],
    distance: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> tuple[float, float]:
    """Rank-1 and mAP by loops, of tracklets as arrays of their frames and people; nothing is hidden, ranks count rows."""
    firsts, precisions = list[bool](), list[float]()
    for frames, person in asked:
        order = sorted(shown, key=lambda row: distance(frames, row[0]))
        right = [who == person for _, who in order]
        if any(right):
            firsts.append(right[0])
            places = [place for place, hit in enumerate(right, start=1) if hit]
            precisions.append(sum(n / place for n, place in enumerate(places, start=1)) / len(places))
    return sum(firsts) / len(firsts), sum(precisions) / len(precisions)


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.sqrt(sum(value * value for value in vector)), np.float64)


def of_means(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    one, other = (unit(np.array([*map(unit, x)]).sum(axis=0) / len(x)) for x in (a, b))
    return float(one @ other) * -1 + 1


def of_medians(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    middles = [
        np.array([sorted(column)[len(x) // 2 - 1 : len(x) // 2 + 1] for column in np.array([*map(unit, x)]).T]).mean(
            axis=1
        )
        for x in (a, b)
    ]
    return float(1 - unit(middles[0]) @ unit(middles[1]))


def of_nearest(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return min(float(1 - unit(x) @ unit(y)) for x in a for y in b)


@pytest.fixture(scope="module")
def campus(people: SysuMM01, tmp_path_factory: pytest.TempPathFactory) -> BUPTCampus:
    return BUPTCampus(bupt(tmp_path_factory.mktemp("bupt") / "BUPTCampus", people))


@pytest.mark.parametrize(("pool", "distance"), [("mean", of_means), ("median", of_medians), ("best", of_nearest)])
def test_every_setting_of_bupt_is_the_slow_loops(
    campus: BUPTCampus, pool: Pool, distance: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
) -> None:
    protocol = PROTOCOLS["bupt"]
    task = campus.task(protocol, Setting(pool=pool))
    rng = np.random.default_rng(5)
    towards = {record.identity: rng.normal(size=8) for record in task.images}
    values = {r.source: towards[r.identity] + rng.normal(0, 2.5, 8) for r in task.images}
    features = Features.of_images(np.array([values[r.source] for r in task.images], np.float32), task.images)

    report = evaluate(task, features, features, protocol, Metric.COSINE)

    def side(records: list[ImageRecord]) -> list[tuple[NDArray[np.float64], int]]:
        return [
            (np.array([np.float32(values[f.source]) for f in frames_of([r])], np.float64), r.identity or 0)
            for r in records
        ]

    words = {Modality.RGB: "visible", Modality.IR: "infrared"}
    assert len(report.of_directions()) == 4
    for way, part in report.of_directions().items():
        asked, shown = way.split("->")
        rows = [
            side([r for r in records if r.modality and words[r.modality] == which])
            for records, which in ((task.queries, asked), (task.gallery, shown))
        ]
        assert (part.rank(1), part.mean_ap) == pytest.approx(slow(rows[0], rows[1], distance)), way
    everything = slow(side(list(task.queries)), side(list(task.gallery)), distance)
    assert (report.rank(1), report.mean_ap) == pytest.approx(everything)


def test_one_direction_of_bupt_is_that_part_of_all(campus: BUPTCampus) -> None:
    protocol, rng = PROTOCOLS["bupt"], np.random.default_rng(6)
    task = campus.task(protocol)
    features = Features.of_images(rng.normal(size=(len(task.images), 8)).astype(np.float32), task.images)
    whole = evaluate(task, features, features, protocol, Metric.EUCLIDEAN).of_directions()

    for direction in ("visible->infrared", "infrared->visible"):
        alone = campus.task(protocol, Setting(direction=direction))
        report = evaluate(alone, features, features, protocol, Metric.EUCLIDEAN)
        assert report.directions == {}
        assert (report.rank(1), report.mean_ap) == (whole[direction].rank(1), whole[direction].mean_ap)


def test_tracklets_are_reranked_by_their_pooled_embeddings(campus: BUPTCampus) -> None:
    protocol, rng = PROTOCOLS["bupt"], np.random.default_rng(7)
    task = campus.task(protocol, Setting(direction="visible->infrared"))
    features = Features.of_images(rng.normal(size=(len(task.images), 8)).astype(np.float32), task.images)
    sides = task.queries, task.gallery
    means = [np.array([features.of_records(frames_of([r])).embeddings.mean(axis=0) for r in side]) for side in sides]
    images = [[ImageRecord(r.path, r.source, r.camera, r.modality, r.identity) for r in side] for side in sides]
    queries, gallery = (Features.of_images(*pair) for pair in zip(means, images, strict=True))
    plain = replace(task, queries=images[0], gallery=images[1])
    rules = Reciprocal(4, 2, 0.3)

    report = evaluate_reranked(task, features, features, protocol, Metric.EUCLIDEAN, rules)

    expected = evaluate_reranked(plain, queries, gallery, protocol, Metric.EUCLIDEAN, rules)
    assert (report.rank(1), report.mean_ap) == (expected.rank(1), expected.mean_ap)


def test_features_of_whole_tracklets_are_taken_by_the_tracklets_names(campus: BUPTCampus, tmp_path: Path) -> None:
    task = campus.task(PROTOCOLS["bupt"])
    everyone = [*task.queries, *task.gallery]
    people = sorted({record.identity or 0 for record in everyone})
    right = np.eye(len(people), dtype=np.float32)[[people.index(record.identity or 0) for record in everyone]]
    Features.of_images(right, everyone).save(tmp_path / "videos.npz")

    answer = rgbir("evaluate", "--data", campus.root, "--features", tmp_path / "videos.npz", "--json")

    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["mAP"] == 1


@pytest.mark.slow
def test_a_bundle_is_measured_by_pooled_frames_and_the_table_has_every_setting(campus: BUPTCampus) -> None:
    encoder, task = Encoder(Bundle(BUNDLE)), campus.task(PROTOCOLS["bupt"])
    features = encoded(task.images, encoder)
    expected = evaluate(task, features, features, PROTOCOLS["bupt"], encoder.card.metric)

    plain = rgbir("evaluate", "--data", campus.root, "--bundle", BUNDLE)
    content = json.loads(rgbir("evaluate", "--data", campus.root, "--bundle", BUNDLE, "--json").stdout)

    assert plain.exit_code == 0, plain.output
    assert all(way in plain.stdout for way in ("visible->infrared", "infrared->infrared", "mean"))
    assert content["mAP"] == pytest.approx(expected.mean_ap)
    assert content["directions"]["visible->infrared"]["cmc"]["1"] == expected.of_directions()["visible->infrared"].rank(
        1
    )
    assert content["protocol"]["pool"] == "mean"


@pytest.mark.slow
def test_a_gallery_that_holds_the_frames_leads_to_the_same_numbers(campus: BUPTCampus, tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    whole = ("--bundle", BUNDLE, "--modality", "both", "--layout", "bupt")
    assert rgbir("index", "add", campus.root, "--gallery", gallery, *whole).exit_code == 0
    measure = ("evaluate", "--data", campus.root, "--bundle", BUNDLE, "--pool", "median", "--json")

    here = json.loads(rgbir(*measure).stdout)
    enrolled = json.loads(rgbir(*measure, "--gallery", gallery).stdout)

    assert {**enrolled, "about": here["about"]} == here


@pytest.mark.slow
def test_tracklets_are_drawn_by_their_first_frames(campus: BUPTCampus, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    answer = rgbir("evaluate", "--data", campus.root, "--bundle", BUNDLE, "--plots", tmp_path / "plots")

    assert answer.exit_code == 0, answer.output
    assert list((tmp_path / "plots").iterdir())


@pytest.mark.slow
def test_what_takes_single_images_is_refused_for_tracklets(campus: BUPTCampus) -> None:
    measure = ("evaluate", "--data", campus.root)

    several = rgbir(*measure, "--bundle", BUNDLE, "--query-shots", 2)
    reranked = rgbir(*measure, "--bundle", BUNDLE, "--pool", "best", "--rerank", "4,2,0.3")
    served = rgbir(*measure, "--url", "http://127.0.0.1:9")

    assert "a query is a tracklet here" in str(several.exception)
    assert "--pool best compares frames" in str(reranked.exception)
    assert "a server gives distances of images. Measure a bundle" in str(served.exception)


@pytest.mark.slow
def test_lists_of_vcm_may_lie_beside_the_people(people: SysuMM01, tmp_path: Path) -> None:
    inside = HitszVcm(vcm(tmp_path / "inside", people))
    beside = open_data_set(vcm(tmp_path / "beside", people, lists="."))

    assert isinstance(beside, HitszVcm)
    assert [r.source for r in beside.training()] == [r.source for r in inside.training()]
    assert "1 tracklets have fewer than 12 frames" in beside.remarks()[0]
    assert {count.what: count.found for count in beside.counts()}["frames that are not there"] == 0
    assert not beside.passed_over()
    (beside.root / "0001" / "ir").mkdir(exist_ok=True, parents=True)
    (beside.root / "0001" / "ir" / "extra.jpg").write_bytes(b"x")
    assert beside.passed_over() == {"in no list": 1}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("test_name.txt", "0001M1D3T0001.jpg", "test_name.txt line 1: expected a name such as 0001M1D3T0001F012.jpg"),
        (
            "track_test_info.txt",
            "1 1 12 1",
            "track_test_info.txt line 1: expected `modality first last identity camera`",
        ),
        ("track_test_info.txt", "1 5 999 1 1", "line 1: frames 5 to 999; test_name.txt has lines 1 to 24"),
        ("track_test_info.txt", "1 1 12 1 13", "line 1: camera 13; HITSZ-VCM has cameras 1 to 12"),
        ("query_IDX.txt", "0", "expected numbers from 1 to 2"),
        ("query_IDX.txt", None, "no query_IDX.txt in info or beside it"),
    ],
)
def test_a_broken_list_of_vcm_is_told(file: str, text: str | None, message: str, tmp_path: Path) -> None:
    data = listed_vcm(tmp_path / "vcm", [(1, 1, 1, 12), (2, 1, 2, 12)], "1")
    broken = data.root / "info" / file
    broken.unlink() if text is None else broken.write_text(text)

    with pytest.raises(BadDataset, match=message.replace("(", r"\(")):
        HitszVcm(data.root).task(PROTOCOLS["vcm"])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("query.txt", "7 RGB LS3", "query.txt line 1: expected `identity RGB or IR camera tracklet`"),
        ("query.txt", "7 RGB/IR LS3 1", "query.txt line 1: expected"),
        ("query.txt", "7 RGB XX 1", "BUPTCampus has no camera XX"),
        ("gallery.txt", "999 RGB LS3 1", "data_paths.json has no frames of 999/RGB/LS3/1"),
        ("data_paths.json", "{", "data_paths.json: expected identity → modality"),
        ("data_paths.json", '{"1": {"RGB": {"LS3": {"1": ["../x.jpg"]}}}}', "leads out of DATA"),
        ("gallery.txt", None, "gallery.txt is not there"),
    ],
)
def test_a_broken_list_of_bupt_is_told(
    file: str, text: str | None, message: str, people: SysuMM01, tmp_path: Path
) -> None:
    data = BUPTCampus(bupt(tmp_path / "bupt", people, frames=1))
    broken = data.root / file
    broken.unlink() if text is None else broken.write_text(text)

    with pytest.raises(BadDataset, match=message):
        BUPTCampus(data.root).task(PROTOCOLS["bupt"])


def test_made_up_infrared_images_of_bupt_are_not_read(people: SysuMM01, tmp_path: Path) -> None:
    data = BUPTCampus(bupt(tmp_path / "bupt", people, frames=1))
    made = data.root / "DATA" / "1" / "FakeIR" / "LS3" / "1"
    made.mkdir(parents=True)
    (made / "0000.jpg").write_bytes(b"x")

    assert not data.passed_over()
    assert not any("FakeIR" in record.source for record in data.training())


def test_the_authors_table_is_as_printed_and_without_its_shifted_cell(campus: BUPTCampus) -> None:
    cells = {(line.method, line.way, line.frames): line.rank_1 for line in campus.published}
    gains = {
        (method, way): cells[method, way, 10] - rank
        for (method, way, frames), rank in cells.items()
        if frames == 1 and (method, way, 10) in cells
    }

    assert len(gains) == 15  # eight methods two ways, less the cell that is printed shifted
    assert ("DDAG", "infrared->visible") not in gains
    assert all(4.9 < gain < 14.3 for gain in gains.values())  # ten frames are better by 5 to 14 points for every method
    assert all(line.mean_ap < 70 for line in campus.published)
    shown = rgbir("evaluate", "--data", campus.root, "--bundle", BUNDLE).stdout
    assert "Published by the data set's authors, and not measured here" in shown
    assert "40.44" not in shown
