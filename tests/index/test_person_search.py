"""Person search: a box must be found and its person recognised."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat, savemat
from tests import detectors
from tests.conftest import BUNDLE
from tests.frame_sets import FRAME_TREES, PLACES, cuhk_sysu, footage, prw
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import (
    BadDataset,
    Bundle,
    DetectorBundle,
    Encoder,
    Metric,
    Modality,
    SysuMM01,
    UsageError,
    open_data_set,
)
from rgbir.index.datasets.frames import FrameSet, Wanted
from rgbir.index.datasets.known import FRAME_SETS, frame_set
from rgbir.index.detection.detections import Detections
from rgbir.index.detection.detector import ModelDetector
from rgbir.index.detection.given import read_detections
from rgbir.index.evaluation.detections import average_precision, detect, enough, overlaps, search, together
from rgbir.index.synthetic.filmed import synthesize_footage
from rgbir.index.synthetic.footage import Scene

runner = CliRunner()
Box = tuple[float, float, float, float]


def rgbir(*words: object) -> Result:
    return runner.invoke(app, [str(word) for word in words])


def array(*boxes: Box) -> NDArray[np.float64]:
    return np.array(boxes, np.float64).reshape(-1, 4)


def found(*rows: tuple[float, float, float, float, float]) -> Detections:
    """Detections as left, top, right, bottom, score."""
    numbers = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(numbers[:, :4], numbers[:, 4])


def test_a_search_is_the_one_on_paper() -> None:
    # The person stands at (0, 0) to (40, 80) in frames 1, 2 and 3. Frame 0 is the query's, frame 4 shows others.
    #   frame 1: similarity 0.9 at another place, wrong; 0.8 at the person, right; 0.7 at the person again, wrong
    #   frame 2: nobody detected at the person: 0.5, wrong; the frame still counts
    #   frame 3: 0.6 at the person, right
    #   frame 4: 0.95, wrong
    # In order: 0.95 wrong, 0.9 wrong, 0.8 RIGHT, 0.7 wrong, 0.6 RIGHT, 0.5 wrong.
    # Average precision: 1/2 · 1/3 + 1/2 · 2/5 = 11/30; two of three frames: 11/30 · 2/3 = 11/45. The first right one is third.
    person, elsewhere = (0, 0, 40, 80), (100, 0, 140, 80)
    wanted = Wanted(0, array(person)[0], np.array([1, 2, 3, 4]), {f: array(person)[0] for f in (1, 2, 3)})
    frames = np.array([0, 1, 1, 1, 2, 3, 4])
    boxes = array(person, elsewhere, person, (0, 2, 40, 80), elsewhere, person, person)
    similarity = np.array([0.99, 0.9, 0.8, 0.7, 0.5, 0.6, 0.95])

    searched = search(wanted, frames, boxes, similarity)

    assert searched.mean_ap == pytest.approx(11 / 45)
    assert [searched.top(k) for k in (1, 2, 3)] == [0, 0, 1]
    assert (searched.shown.tolist(), searched.matched.tolist()) == ([3], [2])


def test_nobody_right_is_nothing_and_a_person_whom_no_frame_shows_is_not_counted() -> None:
    person = array((0, 0, 40, 80))[0]
    missed = search(Wanted(0, person, np.array([1]), {1: person}), np.zeros(0, np.int64), array(), np.zeros(0))
    absent = search(Wanted(0, person, np.array([1]), {}), np.array([1]), person[None], np.array([0.9]))

    searched = together([missed, absent])

    assert searched.valid.tolist() == [True, False]
    assert (searched.mean_ap, searched.top(10), searched.rank.tolist()) == (0, 0, [-1, -1])


@pytest.mark.parametrize(
    ("similarity", "right", "expected"),
    [
        ([3, 2, 1], [1, 0, 1], 1 / 2 * 1 + 1 / 2 * 2 / 3),
        ([3, 3, 1], [1, 0, 1], 1 / 2 * 1 / 2 + 1 / 2 * 2 / 3),  # equal ones are one step, in either order
        ([3, 3, 1], [0, 1, 1], 1 / 2 * 1 / 2 + 1 / 2 * 2 / 3),
        ([1, 1, 1, 1], [1, 0, 0, 0], 1 / 4),
        ([2, 1], [0, 0], 0),
    ],
)
def test_precision_counts_equal_similarities_as_one_step(
    similarity: list[float], right: list[int], expected: float
) -> None:
    assert average_precision(np.array(similarity, float), np.array(right, bool)) == pytest.approx(expected)


def test_a_small_person_needs_less_overlap() -> None:
    assert enough(array((0, 0, 100, 200))[0]) == 0.5  # 20000 / 23100 is more than a half
    assert enough(array((5, 5, 15, 25))[0]) == pytest.approx(10 * 20 / (20 * 30))


def test_detection_alone_is_the_one_on_paper() -> None:
    # Frame 1: two people. 0.9 lies on the first (IoU 1). 0.8 lies on it, too (IoU 0.9), and is no longer needed. 0.7 lies
    # beside the second (IoU 0.25). Frame 2: one person, found by 0.6 with IoU 0.5. Frame 3: nobody, and 0.95.
    # Two of three people: recall 2/3. In order: 0.95 wrong, 0.9 RIGHT, 0.8 wrong, 0.7 wrong, 0.6 RIGHT.
    # Average precision: 1/2 · 1/2 + 1/2 · 2/5 = 9/20; times recall 3/10.
    truth = [array((0, 0, 40, 100), (200, 0, 240, 100)), array((0, 0, 40, 100)), array()]
    detections = [
        found((0, 0, 40, 100, 0.9), (0, 0, 40, 90, 0.8), (200, 0, 210, 100, 0.7)),
        found((0, 0, 40, 50, 0.6)),
        found((0, 0, 40, 100, 0.95)),
    ]

    detected = detect(truth, detections)

    assert detected.recall == pytest.approx(2 / 3)
    assert detected.ap == pytest.approx(3 / 10)
    assert (detected.boxes, detected.detections) == (3, 5)


def slow_iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def slow_precision(pairs: list[tuple[float, bool]]) -> float:
    """Precision at each similarity that occurs, times what it adds to recall."""
    total, before, result = sum(right for _, right in pairs), 0.0, 0.0
    for least in sorted({value for value, _ in pairs}, reverse=True):
        above = [right for value, right in pairs if value >= least]
        recall = sum(above) / total
        result += (recall - before) * sum(above) / len(above)
        before = recall
    return result


def slow_search(
    shown: Mapping[int, Box], gallery: list[int], detections: Mapping[int, list[tuple[Box, float]]]
) -> tuple[float, int]:
    """Average precision times found frames, and the place of the first right detection; of boxes with similarities."""
    pairs, hits = list[tuple[float, bool]](), 0
    for frame in gallery:
        here = sorted(detections.get(frame, []), key=lambda row: -row[1])
        first = None
        if frame in shown:
            left, top, right, bottom = shown[frame]
            w, h = right - left, bottom - top
            least = min(0.5, w * h / ((w + 10) * (h + 10)))
            first = next((n for n, (box, _) in enumerate(here) if slow_iou(box, shown[frame]) >= least), None)
        hits += first is not None
        pairs += [(value, n == first) for n, (_, value) in enumerate(here)]
    if not hits:
        return 0.0, -1
    order = [right for _, right in sorted(pairs, key=lambda pair: -pair[0])]
    return slow_precision(pairs) * hits / len(shown), order.index(True)


def slow_detect(truth: list[list[Box]], detections: list[list[tuple[Box, float]]]) -> tuple[float, float]:
    pairs = list[tuple[float, bool]]()
    for people, here in zip(truth, detections, strict=True):
        table = [[slow_iou(person, box) for box, _ in here] for person in people]
        for n, (_, score) in enumerate(here):
            column = [row[n] for row in table]
            best = column.index(max(column)) if column else None
            right = best is not None and table[best].index(max(table[best])) == n and column[best] >= 0.5
            pairs.append((score, right))
    recall = sum(right for _, right in pairs) / sum(map(len, truth))
    return recall, slow_precision(pairs) * recall if recall else 0.0


def test_any_search_and_any_detection_are_the_slow_loops() -> None:
    rng = np.random.default_rng(8)
    for _ in range(60):
        count = int(rng.integers(1, 8))
        truth: list[list[Box]] = []
        detections: list[list[tuple[Box, float]]] = []
        for _ in range(count):
            corner, side = rng.integers(0, 30, (3, 2)), rng.integers(4, 40, (3, 2))
            people = [
                (float(x), float(y), float(x + w), float(y + h)) for (x, y), (w, h) in zip(corner, side, strict=True)
            ]
            truth.append(people[: rng.integers(1, 4)])
            moved = [tuple(np.array(person) + rng.integers(-2, 3, 4)) for person in people for _ in range(2)]
            values = rng.permutation(20)[:6] / 20 if rng.random() < 0.5 else rng.random(6)
            detections.append([(box, float(value)) for box, value in zip(moved, values, strict=True)])
        shown = {frame: people[0] for frame, people in enumerate(truth) if rng.random() < 0.7}
        gallery = [frame for frame in range(count) if rng.random() < 0.9 or frame in shown]
        frames = np.array([frame for frame, here in enumerate(detections) for _ in here])
        boxes = array(*(box for here in detections for box, _ in here))
        similarity = np.array([value for here in detections for _, value in here])
        wanted = Wanted(-1, boxes[0], np.array(gallery, np.int64), {f: array(box)[0] for f, box in shown.items()})

        searched = search(wanted, frames, boxes, similarity)
        ap, rank = slow_search(shown, gallery, dict(enumerate(detections)))
        assert (float(searched.ap[0]), float(searched.rank[0])) == pytest.approx((ap, rank))

        sure = [found(*sorted(((*box, value) for box, value in here), key=lambda row: -row[4])) for here in detections]
        detected = detect([array(*people) for people in truth], sure)
        by_score = [sorted(here, key=lambda row: -row[1]) for here in detections]
        rounded = [[(box, float(np.float32(value))) for box, value in here] for here in by_score]
        assert (detected.recall, detected.ap) == pytest.approx(slow_detect(truth, rounded))
    assert overlaps(array((0, 0, 1, 1)), array((5, 5, 5, 5))).tolist() == [[0]]


@pytest.fixture(scope="module", params=[kind.name for kind in FRAME_SETS])
def frames(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> FrameSet:
    tree = FRAME_TREES[request.param](tmp_path_factory.mktemp("frames") / "tree", people)
    data = frame_set(tree)
    assert data is not None
    assert data.name == request.param
    return data


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finds what isn't black in each half of a picture."""
    return detectors.written(tmp_path_factory.mktemp("detector") / "halves").folder


def by_hand(data: FrameSet, protocol: str, detector: Path) -> tuple[float, float, tuple[float, float]]:
    """mAP, top-1 and detection of the demonstration's bundle, crop by crop in loops."""
    encoder, finder = Encoder(Bundle(BUNDLE)), ModelDetector(DetectorBundle(detector))

    def unit(image: object, box: list[float], modality: Modality) -> NDArray[np.float64]:
        crop = image.crop((int(np.floor(box[0])), int(np.floor(box[1])), int(np.ceil(box[2])), int(np.ceil(box[3]))))  # type: ignore[attr-defined]
        embedding = encoder.embed([crop], modality)[0].astype(np.float64)
        return np.asarray(
            embedding if encoder.card.metric is Metric.EUCLIDEAN else embedding / np.linalg.norm(embedding)
        )

    boxes: dict[int, list[tuple[Box, float]]] = {}
    crops: dict[int, list[NDArray[np.float64]]] = {}
    for number in data.gallery.tolist():
        image, modality = data.frames[number].decoded(), data.frames[number].modality
        detections = finder.find(np.asarray(image), modality)
        kept = [
            (box.tolist(), float(score))
            for box, score in zip(detections.boxes, detections.scores, strict=True)
            if score >= 0.5
        ]
        boxes[number] = [(tuple(box), score) for box, score in kept]
        crops[number] = [unit(image, box, modality) for box, _ in kept]
    outcomes = []
    for wanted in data.wanted(protocol):
        asked = data.frames[wanted.frame]
        query = unit(asked.decoded(), wanted.box.tolist(), asked.modality)
        alike = {
            number: [
                (box, -float(((query - row) ** 2).sum()))
                for (box, _), row in zip(boxes[number], crops[number], strict=True)
            ]
            for number in boxes
        }
        shown = {number: tuple(box.tolist()) for number, box in wanted.shown.items()}
        outcomes.append(slow_search(shown, wanted.gallery.tolist(), alike))
    truth = [[tuple(box) for box in data.frames[number].boxes.tolist()] for number in boxes]
    precisions, ranks = zip(*outcomes, strict=True)
    return (
        float(np.mean(precisions)),
        float(np.mean([rank == 0 for rank in ranks])),
        slow_detect(truth, list(boxes.values())),
    )


def test_a_model_and_a_detector_are_measured_as_crop_by_crop(frames: FrameSet, detector: Path, tmp_path: Path) -> None:
    for protocol in frames.protocols:
        report, table = tmp_path / f"{protocol}.json", tmp_path / f"{protocol}.md"
        words = ("evaluate", "--data", frames.root, "--protocol", protocol, "--bundle", BUNDLE, "--detector", detector)

        answer = rgbir(*words, "--json", "--report", report, "--markdown", table)

        assert answer.exit_code == 0, answer.output
        content = json.loads(answer.stdout)
        mean_ap, top_1, (recall, ap) = by_hand(frames, protocol, detector)
        assert 0 < mean_ap <= 1
        assert (content["mAP"], content["top"]["1"]) == (pytest.approx(mean_ap), top_1)
        assert (content["detection"]["recall"], content["detection"]["ap"]) == pytest.approx((recall, ap))
        assert json.loads(report.read_text()) == content
        assert f"{100 * mean_ap:.2f}" in table.read_text()


def test_detections_from_a_table_give_what_the_detector_gives(frames: FrameSet, detector: Path, tmp_path: Path) -> None:
    finder = ModelDetector(DetectorBundle(detector))
    with (tmp_path / "found.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(("frame", "left", "top", "right", "bottom", "score"))
        for frame in frames.frames:
            detections = finder.find(np.asarray(frame.decoded()), frame.modality)
            for box, score in zip(detections.boxes.tolist(), detections.scores.tolist(), strict=True):
                table.writerow((frame.source, *box, score))
    measure = ("evaluate", "--data", frames.root, "--bundle", BUNDLE, "--json")

    found_before = json.loads(rgbir(*measure, "--detections", tmp_path / "found.csv").stdout)
    found_now = json.loads(rgbir(*measure, "--detector", detector).stdout)

    for content in (found_before, found_now):
        content.pop("about")
    assert found_before == found_now


@pytest.mark.slow
def test_printed_numbers_stand_below_those_of_the_same_rules_only(
    people: SysuMM01, detector: Path, tmp_path: Path
) -> None:
    frames = prw(tmp_path / "prw", people)
    galleries = cuhk_sysu(tmp_path / "cuhk", people)

    def shown(root: Path, *words: object) -> str:
        return rgbir("evaluate", "--data", root, "--bundle", BUNDLE, "--detector", detector, *words).stdout

    assert "not measured here: SeqNet mAP 47.6, top-1 87.6" in shown(frames)
    assert "SeqNet" not in shown(frames, "--protocol", "prw-cross")
    assert "not measured here: SeqNet mAP 94.8, top-1 95.7" in shown(galleries)
    assert "SeqNet" not in shown(galleries, "--gallery-size", 50)


def test_true_boxes_are_detected_perfectly(frames: FrameSet, tmp_path: Path) -> None:
    rows = [(f.source, *box, 1.0) for f in frames.frames for box in f.boxes.tolist()]
    with (tmp_path / "truth.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([("frame", "left", "top", "right", "bottom", "score"), *rows])

    answer = rgbir(
        "evaluate", "--data", frames.root, "--bundle", BUNDLE, "--detections", tmp_path / "truth.csv", "--json"
    )

    detection = json.loads(answer.stdout)["detection"]
    assert (detection["recall"], detection["ap"]) == (1, 1)


def test_full_frames_are_counted_and_other_commands_name_what_takes_them(frames: FrameSet) -> None:
    counted = rgbir("counts", frames.root, "--json")

    assert counted.exit_code == 0, counted.output
    counts = {row["what"]: row["found"] for row in json.loads(counted.stdout)}
    assert counts["test frames"] == len(frames.frames)
    assert counts["frames that are not there"] == 0
    with pytest.raises(BadDataset, match="full frames in which people have to be found first"):
        open_data_set(frames.root)


def test_what_has_no_effect_or_is_missing_is_refused(
    frames: FrameSet, detector: Path, people: SysuMM01, tmp_path: Path
) -> None:
    measure = ("evaluate", "--data", frames.root, "--bundle", BUNDLE)
    finds = (*measure, "--detector", detector)
    table = tmp_path / "found.csv"
    table.write_text("frame,left,top,right,bottom,score\nnowhere.jpg,1,2,3,4,0.9\n")

    def refused(*words: object) -> str:
        return str(rgbir(*words).exception)

    assert "neither came" in refused(*measure)
    assert "both came" in refused(*finds, "--detections", table)
    assert "detections of 1 frames that" in refused(*measure, "--detections", table)
    assert "--rerank has no effect" in refused(*finds, "--rerank", "20,6,0.3")
    assert "--direction has no effect" in refused(*finds, "--direction", "infrared->visible")
    assert f"whose protocols are {' and '.join(frames.protocols)}; sysu isn't one" in refused(
        *finds, "--protocol", "sysu"
    )
    assert "give one --bundle, not 2" in refused(*finds, "--bundle", BUNDLE)
    assert "not 70" in refused(*finds, "--gallery-size", 70)
    crops = ("evaluate", "--data", people.root, "--bundle", BUNDLE)
    assert "--detector has no effect" in refused(*crops, "--detector", detector)
    assert "protocol person-search is of full frames" in refused(*crops, "--protocol", "person-search")


def test_a_query_of_prw_sees_no_frame_of_its_own_and_by_our_rule_none_of_its_camera(
    people: SysuMM01, tmp_path: Path
) -> None:
    data = frame_set(prw(tmp_path / "prw", people))
    assert data is not None
    frames, first = data.frames, data.wanted("person-search")[0]
    cross = data.wanted("prw-cross")[0]

    assert first.gallery.tolist() == list(range(1, len(frames)))
    assert {frames[n].camera for n in cross.gallery} == {"2", "4", "5"}
    assert set(cross.shown) == {n for n in first.shown if frames[n].camera != "1"}
    assert frames[0].identities.tolist()[1] == -1, "-2 is nobody known"
    assert first.box.tolist() == list(PLACES["left"])


def test_negative_numbers_of_prw_count_as_nothing(people: SysuMM01, tmp_path: Path) -> None:
    root = prw(tmp_path / "prw", people)
    name = sorted((root / "annotations").iterdir())[0]
    savemat(name, {"box_new": np.array([[7.0, -3.4, 10.9, 30, 75], [8, 110, 12, 28, 72]])})
    lines = (root / "query_info.txt").read_text().splitlines()
    frame = lines[0].split()[-1]
    (root / "query_info.txt").write_text("\n".join([f"7 -3.4 10.9 30 75 {frame}", *lines[1:]]))

    data = frame_set(root)

    assert data is not None
    assert data.frames[0].boxes[0].tolist() == [
        0,
        10,
        30,
        85,
    ]  # 0, 10.9, then as wide and high as it says, without fractions
    assert data.wanted("person-search")[0].box.tolist() == [0, 10, 26, 85]  # 26.6 and 85.9 first, then nothing below 0


def test_a_query_of_cuhk_sysu_has_its_own_gallery_of_the_size_asked_for(people: SysuMM01, tmp_path: Path) -> None:
    root = cuhk_sysu(tmp_path / "cuhk", people)
    folder = root / "annotation" / "test" / "train_test"
    fifty = loadmat(folder / "TestG50.mat")["TestG50"]
    fewer = fifty.copy()
    for entry in fewer[0]:
        entry["Gallery"] = entry["Gallery"][:, :3]
    savemat(folder / "TestG50.mat", {"TestG50": fewer})
    data = frame_set(root)
    assert data is not None

    usual, small = data.wanted("person-search"), data.wanted("person-search", 50)

    assert [len(wanted.gallery) for wanted in usual] == [len(data.frames) - 1] * len(usual)
    assert [len(wanted.gallery) for wanted in small] == [3] * len(usual)
    assert all(wanted.frame not in wanted.gallery for wanted in usual)
    assert [len(frame.boxes) for frame in data.frames][:2] == [2, 2], "boxes without width aren't read"


def test_infrared_asks_frames_in_colour_and_who_is_hardly_seen_is_neither_right_nor_wrong(
    people: SysuMM01, tmp_path: Path
) -> None:
    root = footage(tmp_path / "footage", people)
    rows = list(csv.DictReader((root / "truth.csv").read_text().splitlines()))
    whom = rows[0]["identity"]
    hidden = next(row for row in rows if row["camera"] == "hall" and row["identity"] == whom)
    hidden["visible"] = "0.4"
    with (root / "truth.csv").open("w", newline="") as lines:
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    data = frame_set(root)
    assert data is not None

    wanted = data.wanted("person-search")

    everyone = {(int(row["identity"]), row["camera"]) for row in rows if row["camera"] != "hall"}
    assert len(wanted) == len(everyone)
    number = data.numbers[f"hall/{int(hidden['frame']):06d}.jpg"]
    for query in wanted:
        asked = data.frames[query.frame]
        assert asked.modality is Modality.IR
        assert {data.frames[n].modality for n in query.gallery} == {Modality.RGB}
        assert asked.camera not in {data.frames[n].camera for n in query.gallery}
        (who,) = asked.identities[(asked.boxes == query.box).all(axis=1)]
        assert (number in query.gallery) == (who != int(whom))
        assert number not in query.shown or who != int(whom)


@pytest.mark.slow
def test_infrared_asks_what_the_synthesizer_films(tmp_path: Path) -> None:
    synthesize_footage(tmp_path / "footage", Scene(width=640, height=360, rate=1, seconds=8, people=30), workers=1)
    data = frame_set(tmp_path / "footage")
    assert data is not None
    rows = list(csv.DictReader((data.root / "truth.csv").read_text().splitlines()))
    (tmp_path / "found.csv").write_text(
        "frame,left,top,right,bottom,score\n"
        + "".join(
            f"{row['camera']}/{int(row['frame']):06d}.jpg,{row['left']},{row['top']},{row['right']},{row['bottom']},1\n"
            for row in rows
        )
    )

    answer = rgbir(
        "evaluate", "--data", data.root, "--bundle", BUNDLE, "--detections", tmp_path / "found.csv", "--json"
    )

    assert answer.exit_code == 0, answer.output
    content = json.loads(answer.stdout)
    clear = {
        (row["identity"], row["camera"])
        for row in rows
        if float(row["visible"]) >= 0.5
        and int(row["bottom"]) - int(row["top"]) >= 60
        and (row["camera"] == "yard" or (row["camera"] == "gate" and int(row["frame"]) > 4))  # it turns in the middle
    }
    assert content["queries"] == len(clear) > 0
    assert content["frames"] == 8 + 4
    assert content["detection"]["recall"] == 1
    assert "its numbers say nothing about real footage" in answer.stderr


@pytest.mark.parametrize(
    ("tree", "file", "change", "message"),
    [
        (cuhk_sysu, "annotation/pool.mat", None, "pool.mat is not there"),
        (cuhk_sysu, "annotation/pool.mat", b"x", "not a MATLAB level 5 file"),
        (prw, "query_info.txt", b"1 2 3 4 c1s1_000001", "line 1: expected `identity left top width height frame`"),
        (prw, "query_info.txt", b"1 2 3 4 5 c9s9_000001", "c9s9_000001.jpg is no frame of frame_test.mat"),
        (prw, "query_info.txt", None, "query_info.txt is not there"),
        (footage, "frames.csv", None, "frames.csv is not there"),
        (footage, "frames.csv", b"camera,frame,modality\nhall,1,grey\n", "modality is rgb or ir, not 'grey'"),
        (footage, "frames.csv", b"camera,frame,modality\nhall,1,rgb\n", "frames.csv hasn't"),
        (footage, "truth.csv", b"camera,frame\n", "the header misses identity"),
        (footage, "truth.csv", b"camera,frame,identity,left,top,right,bottom,visible\nhall,1,x,1,2,3,4,1\n", "identity is a number"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_told(
    tree: Callable[[Path, SysuMM01], Path],
    file: str,
    change: bytes | None,
    message: str,
    people: SysuMM01,
    tmp_path: Path,
) -> None:
    root = tree(tmp_path / "tree", people)
    (root / file).unlink() if change is None else (root / file).write_bytes(change)
    data = frame_set(root)
    assert data is not None

    with pytest.raises(BadDataset, match=message):
        data.wanted("person-search")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,left\n", "expected frame, left, top, right, bottom and score"),
        (
            "frame,left,top,right,bottom,score\na,1,2,3,x,0.5\n",
            "line 2: left, top, right, bottom and score are numbers",
        ),
        ("frame,left,top,right,bottom,score\na,3,2,1,4,0.5\n", "expected 0 ≤ left < right"),
        ("frame,left,top,right,bottom,score\na,1,2,3,4,1.5\n", "a score is in 0..1, not 1.5"),
    ],
)
def test_a_broken_table_of_detections_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_text(text)

    with pytest.raises(UsageError, match=message):
        read_detections(tmp_path / "found.csv")


def test_detections_of_a_table_come_surest_first(tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_text(
        "frame,left,top,right,bottom,score\na,1,2,3,4,0.5\nb,5,6,7,8,0.7\na,9,10,11,12,0.9\n"
    )

    given = read_detections(tmp_path / "found.csv")

    assert given["a"].scores.tolist() == pytest.approx([0.9, 0.5])
    assert given["a"].boxes[0].tolist() == [9, 10, 11, 12]
    assert list(given) == ["a", "b"]
