"""A site's own pictures: read, split by people, and measured, each modality asking the other."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from tests.conftest import BUNDLE
from tests.end_to_end.test_four_routes import served
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import (
    BadDataset,
    Bundle,
    CameraNetwork,
    Encoder,
    Gallery,
    Metric,
    Modality,
    OwnPictures,
    PeopleLists,
    Setting,
    SysuMM01,
    UsageError,
    open_data_set,
)
from rgbir.index.datasets.cross import CROSS
from rgbir.index.datasets.protocol import Direction
from rgbir.index.evaluation import PROTOCOLS, Features, evaluate, measure
from rgbir.index.evaluation.sources import encoded
from rgbir.index.nearest.comparison import Comparison

SITE = """
name = "site"
cameras = [
    { id = "hall", modality = "rgb", place = "hall", aliases = ["cam1"] },
    { id = "lobby", modality = "rgb", place = "lobby", aliases = ["cam2"] },
    { id = "lobby-ir", modality = "ir", place = "lobby", aliases = ["cam3"] },
    { id = "gate", modality = "rgb", place = "gate", aliases = ["cam4"] },
    { id = "yard-ir", modality = "ir", place = "yard", aliases = ["cam6"] },
    { id = "door", modality = ["rgb", "ir"], place = "door" },
]
"""


def rgbir(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = rgbir(*arguments)
    assert result.exit_code in (1, 2), result.output
    return f"{result.output}{result.exception}"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


@pytest.fixture
def folder(tmp_path: Path, people: SysuMM01) -> Path:
    """Folders of five cameras, called as SYSU-MM01's are; no lists of people lie beside."""
    for camera in (1, 2, 3, 4, 6):
        shutil.copytree(people.root / f"cam{camera}", tmp_path / f"photos/cam{camera}")
    return tmp_path / "photos"


def table(file: Path, rows: list[tuple[object, ...]], *more: str) -> Path:
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("path", "camera", "identity", *more), *rows])
    return file


def rows_of(file: Path) -> list[list[str]]:
    with file.open(newline="") as opened:
        return list(csv.reader(opened))[1:]


@pytest.fixture
def sheet(tmp_path: Path, folder: Path) -> Path:
    """The same as a table, in the order of the folders."""
    files = sorted(folder.rglob("*.jpg"))
    return table(tmp_path / "own.csv", [(f.relative_to(tmp_path), f.parts[-3], int(f.parts[-2])) for f in files])


# --- lists of people


def test_lists_are_drawn_in_the_order_of_sums_and_nobody_is_in_two() -> None:
    both, alone = range(1, 41), range(101, 111)

    lists = PeopleLists.drawn(both, alone, seed=3, val=0.1, test=0.3)

    def order(people: range) -> list[int]:
        return sorted(people, key=lambda identity: hashlib.sha256(b"3 %d" % identity).hexdigest())

    assert lists.test == tuple(sorted(order(both)[:12] + order(alone)[:3]))
    assert lists.val == tuple(sorted(order(both)[12:16] + order(alone)[3:4]))
    assert Counter(lists.everyone) == Counter([*both, *alone])
    assert lists == PeopleLists.drawn(reversed(both), alone, 3)
    assert lists != replace(PeopleLists.drawn(both, alone, 4), seed=3)
    assert PeopleLists.drawn(both, test=0, val=0).train == tuple(both)
    few = PeopleLists.drawn(range(4))
    assert [len(part) for part in (few.train, few.val, few.test)] == [2, 1, 1]
    with pytest.raises(UsageError, match=r"less than 1 together, not val 0\.5 and test 0\.5"):
        PeopleLists.drawn(both, val=0.5, test=0.5)
    with pytest.raises(UsageError, match="less than 1 together, not val nan"):
        PeopleLists.drawn(both, val=float("nan"))
    with pytest.raises(UsageError, match=r"test 0\.99 and val 0 leave nobody to train on of 40 people"):
        PeopleLists.drawn(both, val=0, test=0.99)


def test_lists_are_written_down_and_read_again_and_others_are_refused(tmp_path: Path) -> None:
    lists = PeopleLists((4, 7), (1,), (2, 3), seed=5)
    lists.write(tmp_path / "people.json")
    assert PeopleLists.read(tmp_path / "people.json") == PeopleLists.read(tmp_path) == lists
    assert json.loads((tmp_path / "people.json").read_text())["test"] == [2, 3]

    wrong: dict[str, str] = {
        "{": "is not JSON",
        "[1]": "holds list; expected lists as",
        '{"train": [1]}': "holds train; expected",
        '{"train": [1], "val": [], "test": [2], "shares": 1}': "holds shares, test, train and val",
        '{"train": ["1"], "val": [], "test": [2]}': "train is a list of whole numbers, 0 or more",
        '{"train": [true], "val": [], "test": [2]}': "train is a list of whole numbers, 0 or more",
        '{"train": [-1], "val": [], "test": [2]}': "train is a list of whole numbers, 0 or more",
        '{"train": [1, 2], "val": [], "test": [2]}': r"people\.json: identity 2 stands twice",
        "[" * 100_000: "is not JSON",
        '{"train": [1], "val": [], "test": [2], "seed": "x"}': "seed is a whole number",
    }
    for text, message in wrong.items():
        (tmp_path / "people.json").write_text(text)
        with pytest.raises(BadDataset, match=message):
            PeopleLists.read(tmp_path / "people.json")
    with pytest.raises(BadDataset, match=r"none\.json is not there; expected lists as `rgbir split"):
        PeopleLists.read(tmp_path / "none.json")


# --- what is read


def test_folders_and_a_table_are_the_same_pictures(folder: Path, sheet: Path, network: Path) -> None:
    of_folder, of_table = (open_data_set(root, str(network)) for root in (folder, sheet))
    assert isinstance(of_folder, OwnPictures)
    assert isinstance(of_table, OwnPictures)

    assert len(of_folder.labelled) == 9 * 5 * 4
    assert [(r.path, r.camera, r.modality, r.identity) for r in of_folder.labelled] == [
        (r.path, r.camera, r.modality, r.identity) for r in of_table.labelled
    ]
    assert {(r.camera, str(r.modality)) for r in of_folder.labelled} == {
        ("hall", "rgb"), ("lobby", "rgb"), ("lobby-ir", "ir"), ("gate", "rgb"), ("yard-ir", "ir")
    }  # fmt: skip
    assert not of_folder.passed_over()
    assert not of_folder.remarks()
    drawn = of_folder.with_lists()
    assert {r.identity for r in drawn.training()} == set(drawn.lists.train if drawn.lists else ())
    assert {r.modality for r in drawn.test(Modality.IR)} == {Modality.IR}
    held_back = drawn.held_back()
    assert held_back is not None
    assert {r.identity for r in held_back[1].images} == set(drawn.lists.val if drawn.lists else ())


def test_what_cannot_be_used_is_counted_and_named(sheet: Path, network: Path, folder: Path) -> None:
    rows = rows_of(sheet)
    copies = [f"copy-{number}.jpg" for number in range(5)]
    for copy in copies:
        shutil.copy(sheet.parent / rows[0][0], sheet.parent / copy)
    rows += [[copies[0], "door", "5"], [copies[1], "hall", ""], [copies[2], "hall", "x"], rows[0]]
    rows += [[copies[3], "hall", "77"], [copies[4], "gate", "77"]]  # a person whom colour cameras saw
    table(sheet, [tuple(row) for row in rows])
    lists = PeopleLists((1, 2), (3,), (4, 999), seed=None)

    data = open_data_set(sheet, str(network), lists)

    assert data.passed_over() == {
        "is listed twice": 1,
        "identity must be a whole number, 0 or more and below 2^63, not 'x'": 1,
    }
    first, second, third, fourth = data.remarks()
    assert first == "1 of 183 images show nobody known, and are not used"
    assert second.startswith("1 images are of door, which may be colour or infrared, and are not used")
    assert third == "6 people stand in no list: 5, 6, 7, 8, 9 and 77"
    assert fourth == "1 people of the lists have no image here: 999"
    counts = {count.what: count.found for count in data.counts()}
    assert counts["identities in one modality"] == 1
    assert counts["images of nobody known"] == 1
    assert counts["door images of either modality"] == 1
    assert counts["test identities"] == 1
    (folder / "cam1/anna").mkdir()
    shutil.copy(folder / "cam1/0001/0001.jpg", folder / "cam1/anna/1.jpg")
    assert "1 of 181 images show nobody known" in open_data_set(folder, str(network)).remarks()[0]


@pytest.mark.slow
def test_people_of_one_modality_are_counted_and_named_where_they_are_measured(
    sheet: Path, network: Path, tmp_path: Path
) -> None:
    rows = rows_of(sheet)
    rows = [row for row in rows if not (row[2] == "3" and row[1] in ("cam3", "cam6"))]
    table(sheet, [tuple(row) for row in rows])

    result = rgbir(
        "evaluate",
        "--data",
        sheet,
        "--network",
        network,
        "--bundle",
        BUNDLE,
        "--list",
        "available",
        "--report",
        tmp_path / "r",
    )

    assert result.exit_code == 0, result.output
    assert "1 people were seen in one modality only: 3 (RGB). As queries they have no match" in result.stderr
    report = json.loads((tmp_path / "r").read_text())
    assert (report["queries"], report["valid_queries"]) == (172, 160)


@pytest.mark.slow
def test_wrong_input_is_refused_in_words(
    folder: Path, sheet: Path, network: Path, people: SysuMM01, tmp_path: Path
) -> None:
    measure_ = ["evaluate", "--bundle", BUNDLE]
    own = ["--data", sheet, "--network", network]
    assert "with --network FILE your own pictures are read" in refusal(*measure_, "--data", sheet)
    assert "is not there; expected" in refusal(*measure_, "--data", tmp_path / "nowhere", "--network", network)
    assert "has no lists of people" in refusal(*measure_, *own)
    assert "--people names lists of your own pictures" in refusal(*measure_, "--data", people.root, "--people", sheet)
    assert "--mode has no effect" in refusal(*measure_, *own, "--list", "available", "--mode", "indoor")
    assert "selection is seeded for own pictures" in refusal(
        *measure_, *own, "--list", "available", "--selection", "official"
    )
    assert "protocol sysu is SYSU-MM01's" in refusal(*measure_, *own, "--list", "available", "--protocol", "sysu")
    assert "give an .npz" in refusal(*measure_, *own, "--list", "available", "--save-features", tmp_path / "deep")
    split = ["split", people.root, "--network", "sysu-mm01", "--out", tmp_path / "lists.json"]
    assert "holds a data set whose lists are published" in refusal(*split)
    others = tmp_path / "others.json"
    PeopleLists((501,), (502,), (503, 504)).write(others)
    assert "none of the 2 people of the test list has an image here" in refusal(*measure_, *own, "--people", others)
    network.write_text(SITE.replace("cam4", "cam9"))
    assert "36 images are of camera cam4, and network 'site' has hall, lobby" in refusal(
        *measure_, *own, "--list", "available"
    )


@pytest.mark.parametrize("command", ["train", "evaluate", "split", "gallery"])
def test_one_camera_of_each_modality_is_refused_with_the_reason(
    command: str, sheet: Path, network: Path, tmp_path: Path
) -> None:
    rows = [row for row in rows_of(sheet) if row[1] in ("cam1", "cam6")]
    table(sheet, [tuple(row) for row in rows])
    own = [sheet, "--network", network]
    if command == "gallery":
        added = rgbir("index", "add", *own, "--layout", "csv", "--gallery", tmp_path / "g", "--bundle", BUNDLE)
        assert added.exit_code == 0, added.output

    message = refusal(
        *{
            "train": ["train", "expat", "--data", *own, "--out", tmp_path / "run", "--set", "schedule.updates=1"],
            "evaluate": ["evaluate", "--data", *own, "--bundle", BUNDLE, "--list", "available"],
            "split": ["split", *own, "--out", tmp_path / "people.json"],
            "gallery": ["evaluate", "--gallery", tmp_path / "g"],
        }[command]
    )

    assert (
        "all colour images are of camera hall, and all infrared ones of yard-ir. With one camera of each modality"
        in message
    )
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "people.json").exists()


@pytest.mark.parametrize("spelling", ["same", "dotted", "link"])
@pytest.mark.parametrize("label", ["camera", "identity"])
def test_one_picture_with_two_labels_is_refused(
    spelling: str, label: str, sheet: Path, network: Path, tmp_path: Path
) -> None:
    rows = rows_of(sheet)
    path, camera, identity = rows[0]
    if spelling == "link":
        (tmp_path / "link.jpg").symlink_to(tmp_path / path)
    other = {"same": path, "dotted": f"./{path}", "link": "link.jpg"}[spelling]
    again = [other, "cam4", identity] if label == "camera" else [other, camera, "5"]
    table(sheet, [tuple(row) for row in [*rows, again]])

    with pytest.raises(BadDataset, match=f"are one picture, with {label} .* and {label} "):
        _ = open_data_set(sheet, str(network)).labelled  # type: ignore[attr-defined]


def test_tables_that_are_written_otherwise_are_refused_with_the_reason(
    sheet: Path, network: Path, tmp_path: Path
) -> None:
    text = sheet.read_text()
    counts = ["counts", sheet, "--network", network]
    sheet.write_text(text.replace(",", ";"))
    assert "separated by semicolons; save the table with commas" in refusal(*counts)
    sheet.write_text(text.replace("identity", "identity,identity", 1))
    assert "the header has identity twice" in refusal(*counts)
    sheet.write_text(f'{text}"unclosed,cam1,1\n')
    assert "not a CSV table" in refusal(*counts)
    table(sheet, [(path, camera, f"{identity}.0") for path, camera, identity in rows_of_text(text)])
    message = refusal(*counts)
    assert "none of 0 images shows a known person" in message
    assert "180 files of the data set are passed over" in message
    table(sheet, [(path, camera, "9" * 19) for path, camera, identity in rows_of_text(text)])
    assert "180 files of the data set are passed over" in refusal(*counts)


def rows_of_text(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))[1:]


def test_one_camera_of_each_modality_in_the_training_list_is_refused(sheet: Path, network: Path) -> None:
    rows = [row for row in rows_of(sheet) if row[2] not in ("1", "2", "3") or row[1] in ("cam2", "cam6")]
    table(sheet, [tuple(row) for row in rows])
    data = open_data_set(sheet, str(network), PeopleLists((1, 2, 3), (), (4, 5, 6)))

    with pytest.raises(BadDataset, match="all colour images are of camera lobby, and all infrared ones of yard-ir"):
        data.training()

    assert data.task(CROSS).queries


@pytest.mark.slow
def test_reports_of_other_lists_or_places_are_not_compared(sheet: Path, network: Path, tmp_path: Path) -> None:
    own = ["evaluate", "--data", sheet, "--bundle", BUNDLE, "--list", "available"]
    moved = tmp_path / "moved.toml"
    moved.write_text(SITE.replace('place = "gate"', 'place = "yard"'))
    lists = tmp_path / "people.json"
    PeopleLists((1,), (2,), (3, 4)).write(lists)
    given: dict[str, list[object]] = {"a": [network], "b": [moved], "c": [network, "--people", lists]}
    for name, more in given.items():
        result = rgbir(*own, "--network", *more, "--report", tmp_path / f"{name}.json")
        assert result.exit_code == 0, result.output

    for a, b, what in (("a", "b", "network: site"), ("a", "c", "lists: None"), ("c", "a", "lists: by hand")):
        assert what in refusal("evaluate", "--compare", tmp_path / f"{a}.json", tmp_path / f"{b}.json")


# --- protocol cross


@pytest.mark.slow
def test_infrared_asking_is_sysu_seeded_on_the_same_people(people: SysuMM01, tmp_path: Path, encoder: Encoder) -> None:
    for camera in range(1, 7):
        shutil.copytree(people.root / f"cam{camera}", tmp_path / f"site/cam{camera}")
    lists = PeopleLists((), (), people.identities("test"))
    own = open_data_set(tmp_path / "site", "sysu-mm01", lists)
    features = encoded(list(people.records("test")), encoder)

    for shots, protocol in (("single", PROTOCOLS["sysu-seeded"]),):
        theirs = people.task(protocol, Setting(shots=shots))  # type: ignore[arg-type]
        ours = own.task(CROSS, Setting(shots=shots, direction="infrared->visible"))  # type: ignore[arg-type]
        expected = evaluate(theirs, features, features, protocol, Metric.EUCLIDEAN)
        report = evaluate(ours, features, features, CROSS, Metric.EUCLIDEAN)

        assert [
            [record.source for record in (theirs.gallery[int(row)] for row in draw.gallery)] for draw in theirs.draws
        ] == [[record.source for record in (ours.gallery[int(row)] for row in draw.gallery)] for draw in ours.draws]
        assert [trial.curve.tolist() for trial in report.trials] == [trial.curve.tolist() for trial in expected.trials]
        assert (report.mean_ap, report.mean_inp) == (expected.mean_ap, expected.mean_inp)


@pytest.mark.parametrize("shots", ["single", "multi"])
def test_each_modality_asks_the_other_as_a_slow_loop_has_it(
    shots: Any, folder: Path, network: Path, rng: np.random.Generator
) -> None:
    data = open_data_set(folder, str(network)).with_lists(seed=1, val=0, test=0.5)  # type: ignore[attr-defined]
    cameras = CameraNetwork.read(network)
    records = data.of("test")
    made = rng.standard_normal((len(records), 6)).astype(np.float32)
    features = Features.of_images(made, records)
    row_of = {record.source: row for row, record in enumerate(records)}

    task = data.task(CROSS, Setting(shots=shots))
    report = evaluate(task, features, features, CROSS, Metric.EUCLIDEAN)

    assert (len(task.draws), len(report.trials)) == (10, 10)
    firsts: dict[str, list[list[bool]]] = {"infrared->visible": [], "visible->infrared": []}
    for draw in task.draws:
        shown = [task.gallery[int(row)] for row in draw.gallery]
        drawn = Counter((record.identity, record.camera) for record in shown)
        assert set(drawn.values()) == {1 if shots == "single" else 4}, "all four, where ten are asked for"
        assert len(drawn) == len(data.lists.test) * 5
        hits: dict[str, list[bool]] = {way: [] for way in firsts}
        for record in task.queries:
            near = [
                (float(((made[row_of[record.source]].astype(float) - made[row_of[r.source]]) ** 2).sum()), r.identity)
                for r in shown
                if r.modality is not record.modality and cameras[r.camera].place != cameras[record.camera].place
            ]
            way = "infrared->visible" if record.modality is Modality.IR else "visible->infrared"
            hits[way].append(min(near)[1] == record.identity)
        for way in firsts:
            firsts[way].append(hits[way])
    for way, part in report.of_directions().items():
        assert part.rank(1) == pytest.approx(np.mean([np.mean(trial) for trial in firsts[way]]))
        assert part.trials[0].queries == len(firsts[way][0])
    both = [np.mean(a + b) for a, b in zip(*firsts.values(), strict=True)]
    assert report.rank(1) == pytest.approx(np.mean(both))
    for direction, part in report.of_directions().items():
        alone = evaluate(
            data.task(CROSS, Setting(shots=shots, direction=cast("Direction", direction))),
            features,
            features,
            CROSS,
            Metric.EUCLIDEAN,
        )
        assert alone.trials[0].queries == part.trials[0].queries
        assert alone.directions == {}


@pytest.mark.slow
def test_bundle_gallery_features_and_the_gallery_by_itself_give_the_same_numbers(
    sheet: Path, network: Path, tmp_path: Path
) -> None:
    def measured(*more: object) -> dict[str, Any]:
        assert (result := rgbir("evaluate", *more, "--report", tmp_path / "r.json")).exit_code == 0, result.output
        report: dict[str, Any] = json.loads((tmp_path / "r.json").read_text())
        report.pop("about")
        return report

    own = ["--data", sheet, "--network", network, "--list", "available"]
    added = rgbir(
        "index", "add", sheet, "--layout", "csv", "--network", network, "--gallery", tmp_path / "g", "--bundle", BUNDLE
    )
    assert added.exit_code == 0, added.output

    of_bundle = measured(*own, "--bundle", BUNDLE, "--save-features", tmp_path / "f.npz")

    again = measured(*own, "--bundle", BUNDLE, "--gallery", tmp_path / "g", "--save-features", tmp_path / "g.npz")
    assert of_bundle == again
    assert len(Features.load(tmp_path / "g.npz")) == len(Features.load(tmp_path / "f.npz")) == 180
    metric = Bundle(BUNDLE).card.metric.value
    assert of_bundle == measured(*own, "--features", tmp_path / "f.npz", "--metric", metric)
    by_itself = measured("--gallery", tmp_path / "g", "--bundle", BUNDLE)
    assert by_itself["protocol"] == of_bundle["protocol"]
    for one, other in zip(by_itself["trials"], of_bundle["trials"], strict=True):  # whose queries come in another order
        assert sorted(one["by_query"]["rank"]) == sorted(other["by_query"]["rank"])
        assert sorted(one["by_query"]["ap"]) == sorted(other["by_query"]["ap"])
    assert set(of_bundle["directions"]) == {"infrared->visible", "visible->infrared"}
    text = rgbir("evaluate", *own, "--bundle", BUNDLE, "--markdown", tmp_path / "r.md").output
    assert "infrared->visible" in text
    assert "| visible->infrared |" in (tmp_path / "r.md").read_text()
    assert "--list has no effect" in refusal("evaluate", "--gallery", tmp_path / "g", "--list", "val")
    assert "measured by protocol cross, not sysu" in refusal(
        "evaluate", "--gallery", tmp_path / "g", "--protocol", "sysu"
    )
    rows = [row for row in rows_of(sheet) if row[2] != "1" or row[1] in ("cam3", "cam6")]
    table(sheet, [(path, camera, "" if identity == "2" else identity) for path, camera, identity in rows])
    other = ["--network", network, "--gallery", tmp_path / "h", "--bundle", BUNDLE]
    assert rgbir("index", "add", sheet, "--layout", "csv", *other).exit_code == 0
    less = rgbir("evaluate", "--gallery", tmp_path / "h")
    assert "20 sightings show nobody known, and are not used" in less.stderr
    assert "1 people were seen in one modality only: 1 (IR)" in less.stderr
    with Gallery(tmp_path / "g") as opened:
        for identity in range(1, 10):
            opened.remove(identity=identity)
    assert "has no sighting of a known person" in refusal("evaluate", "--gallery", tmp_path / "g")


@pytest.mark.slow
def test_boxes_of_one_frame_are_images_of_their_own(tmp_path: Path, sheet: Path, network: Path) -> None:
    """Frames of several people, by cameras that see two each; their crops by themselves give the same numbers."""
    crops: list[tuple[object, ...]] = []
    boxes: list[tuple[object, ...]] = []
    seen = [row for row in rows_of(sheet) if row[2] in ("1", "2") and row[0].endswith("01.jpg")]
    for camera in ("cam1", "cam2", "cam3", "cam6"):
        frame, left = Image.new("RGB", (400, 300)), 0
        for path, _, identity in (row for row in seen if row[1] == camera):
            with Image.open(tmp_path / path) as picture:
                frame.paste(picture.convert("RGB"), (left, 0))
                crop = frame.crop((left, 0, left + picture.width, picture.height))
                crop.save(tmp_path / f"{camera}-{identity}.png")
                crops.append((f"{camera}-{identity}.png", camera, identity))
                boxes.append((f"{camera}.png", camera, identity, f"{left},0,{left + picture.width},{picture.height}"))
                left += picture.width
        frame.save(tmp_path / f"{camera}.png")
    tables = table(tmp_path / "crops.csv", crops), table(tmp_path / "boxes.csv", boxes, "box")
    rgbir(
        "index",
        "add",
        tables[1],
        "--layout",
        "csv",
        "--network",
        network,
        "--gallery",
        tmp_path / "g",
        "--bundle",
        BUNDLE,
    )

    reports = []
    for more in (["--data", tables[0]], ["--data", tables[1]], ["--data", tables[1], "--gallery", tmp_path / "g"]):
        result = rgbir("evaluate", *more, "--network", network, "--list", "available", "--bundle", BUNDLE, "--json")
        assert result.exit_code == 0, result.output
        reports.append({**json.loads(result.stdout), "about": None})

    assert reports[0]["queries"] == 8
    assert reports[0] == reports[1] == reports[2]


def test_a_bundle_is_not_measured_on_people_whom_its_card_knows(sheet: Path, network: Path, tmp_path: Path) -> None:
    own = open_data_set(sheet, str(network))
    assert isinstance(own, OwnPictures)
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    card = json.loads((BUNDLE / "card.json").read_text())
    (tmp_path / "bundle/card.json").write_text(json.dumps({**card, "trained_on": [own.sums[3], own.sums[8]]}))
    measured = ["evaluate", "--data", sheet, "--network", network, "--bundle", tmp_path / "bundle"]
    lists = {"known": PeopleLists((8,), (), (3, 4)), "strangers": PeopleLists((8,), (3,), (4, 5))}
    for name, people in lists.items():
        people.write(tmp_path / f"{name}.json")

    assert "2 of the 9 people whom it would be measured on: 3 and 8" in refusal(*measured, "--list", "available")
    assert "1 of the 2 people whom it would be measured on: 3" in refusal(
        *measured, "--people", tmp_path / "known.json"
    )
    assert rgbir(*measured, "--people", tmp_path / "strangers.json").exit_code == 0
    assert rgbir(*measured, "--people", tmp_path / "strangers.json", "--list", "trainval").exit_code == 0


@pytest.mark.slow
def test_a_server_is_measured_on_own_pictures_but_for_people_whom_its_model_knows(
    sheet: Path, network: Path, tmp_path: Path
) -> None:
    own = open_data_set(sheet, str(network))
    assert isinstance(own, OwnPictures)
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    card = json.loads((BUNDLE / "card.json").read_text())
    (tmp_path / "bundle/card.json").write_text(json.dumps({**card, "trained_on": [own.sums[3]]}))
    into = ["--gallery", tmp_path / "g", "--bundle", tmp_path / "bundle"]
    assert rgbir("index", "add", sheet, "--layout", "csv", "--network", network, *into).exit_code == 0
    for name, people in {"known": (3, 4), "strangers": (4, 5)}.items():
        PeopleLists((8,), (), people).write(tmp_path / f"{name}.json")
    data = ["evaluate", "--data", sheet, "--network", network, "--json", "--people"]

    with served(tmp_path / "g", tmp_path / "bundle") as url:
        refused = refusal(*data, tmp_path / "known.json", "--url", url)
        over_http = rgbir(*data, tmp_path / "strangers.json", "--url", url)

    assert "1 of the 2 people whom it would be measured on: 3" in refused
    assert over_http.exit_code == 0, over_http.output
    here = rgbir(*data, tmp_path / "strangers.json", "--bundle", tmp_path / "bundle")
    reports = [{**json.loads(result.stdout), "about": None} for result in (over_http, here)]
    assert reports[0] == reports[1]


# --- features files of `embed`


@pytest.mark.slow
def test_embedded_pictures_are_asked_with(sheet: Path, network: Path, tmp_path: Path) -> None:
    q, g = tmp_path / "q.npz", tmp_path / "g.npz"
    for file, modality in ((q, "ir"), (g, "rgb")):
        made = rgbir("embed", sheet, "--network", network, "--bundle", BUNDLE, "--modality", modality, "--out", file)
        assert made.exit_code == 0, made.output

    result = rgbir("evaluate", "--query", q, "--against", g, "--network", network, "--json")

    assert result.exit_code == 0, result.output
    asked, shown = Features.load(q), Features.load(g)
    network_ = CameraNetwork.read(network)
    places = [np.array([network_[str(c)].place for c in side.cameras]) for side in (asked, shown)]
    keys = Comparison(Metric.EUCLIDEAN, shown.embeddings).keys(asked.embeddings)
    expected = measure(keys, asked.identities, shown.identities, places[0][:, None] == places[1][None, :])
    assert json.loads(result.stdout)["mAP"] == expected.mean_ap
    assert (len(asked), len(shown)) == (72, 108)
    assert rgbir("evaluate", "--query", q, "--against", g, "--network", network, "--protocol", "cross").exit_code == 0


def test_pictures_are_embedded_whatever_is_known_of_them(sheet: Path, network: Path, tmp_path: Path) -> None:
    rows = [row for row in rows_of(sheet) if row[1] in ("cam1", "cam6")]
    embed = ["embed", sheet, "--network", network, "--bundle", BUNDLE, "--out", tmp_path / "f.npz"]
    table(sheet, [(path, camera, "") for path, camera, _ in rows])
    assert rgbir(*embed).exit_code == 0
    assert len(Features.load(tmp_path / "f.npz")) == 72
    table(sheet, [(path, camera, "-1" if number == 0 else "") for number, (path, camera, _) in enumerate(rows)])
    passed = rgbir(*embed)
    assert (passed.exit_code, "1 files of the data set are passed over" in passed.stderr) == (3, True)
    table(sheet, [(path, camera, "") for path, camera, _ in rows if camera == "cam1"])
    assert "has no IR image to embed" in refusal(*embed, "--modality", "ir")


@pytest.mark.slow
def test_an_image_without_camera_is_hidden_from_nobody_and_one_without_identity_is_refused(
    sheet: Path, network: Path, tmp_path: Path, folder: Path
) -> None:
    g = tmp_path / "g.npz"
    rgbir("embed", sheet, "--network", network, "--bundle", BUNDLE, "--modality", "rgb", "--out", g)
    picture = folder / "cam3/0001/0001.jpg"

    def asked(*labels: object) -> Result:
        made = rgbir("embed", picture, "--bundle", BUNDLE, "--modality", "ir", *labels, "--out", tmp_path / "q.npz")
        assert made.exit_code == 0, made.output
        return rgbir("evaluate", "--query", tmp_path / "q.npz", "--against", g, "--network", network, "--json")

    nobody, somebody, placed = asked(), asked("--identity", 1), asked("--identity", 1, "--camera", "lobby-ir")

    assert "nobody says whom the queries show" in str(nobody.exception)
    assert "unknown cameras" in somebody.output
    assert "unknown cameras" not in placed.output
    cameras = Features.load(g).cameras
    found = Features.load(g).identities == 1
    a, b = (json.loads(result.stdout)["trials"][0]["by_query"] for result in (somebody, placed))
    query = Features.load(tmp_path / "q.npz").embeddings
    keys = Comparison(Metric.EUCLIDEAN, Features.load(g).embeddings).keys(query)[0]
    for trial, visible in ((a, np.ones(len(keys), bool)), (b, cameras != "lobby")):
        places = np.flatnonzero(found[visible][np.argsort(keys[visible], kind="stable")]) + 1
        assert trial["ap"][0] == pytest.approx(np.mean(np.arange(1, len(places) + 1) / places))
    assert "--modality says which graph" in refusal("embed", picture, "--bundle", BUNDLE, "--out", tmp_path / "x.npz")
    more = ["embed", sheet, "--network", network, "--bundle", BUNDLE, "--out", tmp_path / "x.npz", "--camera", "hall"]
    assert "which says cameras and identities itself" in refusal(*more)
    cross = [
        "evaluate",
        "--query",
        tmp_path / "q.npz",
        "--against",
        tmp_path / "q.npz",
        "--network",
        network,
        "--protocol",
        "cross",
    ]
    asked("--identity", 1)
    assert "the modality of an unknown camera's features isn't known" in refusal(*cross)
