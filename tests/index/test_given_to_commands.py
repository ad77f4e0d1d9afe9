"""What is given to a command is used, or refused with the reason; what lies in a folder is read, or counted by reason."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests import layouts
from tests.conftest import BUNDLE
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import (
    BadDataset,
    CameraNetwork,
    Gallery,
    ImageRecord,
    Market1501,
    RegDB,
    Skipped,
    SysuMM01,
    open_data_set,
    read_folders,
    read_table,
)
from rgbir.index.evaluation import PROTOCOLS, Features, evaluate_trial
from rgbir.index.evaluation.metrics import measure
from rgbir.index.files import write_beside
from rgbir.index.metric import Metric
from rgbir.index.plots.album import cell


def rgbir(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = rgbir(*arguments)
    assert result.exit_code == 2 or getattr(result.exception, "exit_code", None) == 2, (result.output, result.exception)
    return f"{result.output} {result.exception}"


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, Path]:
    """Features of two people, asked and shown."""
    chance = np.random.default_rng(0)
    for name in ("q", "g"):
        rows = chance.standard_normal((8, 4)).astype(np.float32)
        Features.of(rows, [1, 1, 2, 2, 3, 3, 4, 4], ["1" if name == "g" else "3"] * 8, [""] * 8).save(
            tmp_path / f"{name}.npz"
        )
    return {name: tmp_path / f"{name}.npz" for name in ("q", "g")}


@pytest.mark.parametrize(
    "more",
    [
        ["--rerank", "rubbish"], ["--plots", "p"], ["--query-shots", 4], ["--save-features", "f.npz"], ["--data", "nowhere"],
        ["--bundle", "nowhere"], ["--mode", "indoor"], ["--shots", "multi"], ["--split", 2], ["--list", "train"],
        ["--direction", "visible->infrared"], ["--selection", "seeded"], ["--permutations", "x"], ["--threads", 2],
        ["--features", "x"],
    ],
)  # fmt: skip
def test_saved_features_refuse_what_has_no_effect_on_them(saved: dict[str, Path], more: list[Any]) -> None:
    assert rgbir("evaluate", "--query", saved["q"], "--against", saved["g"]).exit_code == 0
    message = refusal("evaluate", "--query", saved["q"], "--against", saved["g"], *more)
    assert f"{more[0]} has no effect" in message


@pytest.mark.slow
def test_a_data_set_refuses_options_of_the_others(people: SysuMM01, tmp_path: Path) -> None:
    regdb = layouts.regdb(tmp_path / "regdb", people)
    market = layouts.market(tmp_path / "market", people)
    for data, option, value in (
        (regdb, "--mode", "indoor"), (regdb, "--shots", "multi"), (regdb, "--list", "val"), (regdb, "--permutations", "x"),
        (market, "--direction", "visible->infrared"), (market, "--split", "2"), (people.root, "--split", "2"),
        (people.root, "--direction", "visible->infrared"), (people.root, "--network", "sysu-mm01"),
    ):  # fmt: skip
        assert f"{option} has no effect" in refusal("evaluate", "--data", data, "--bundle", BUNDLE, option, value)
    assert "one thing is measured at a time" in refusal(
        "evaluate", "--data", people.root, "--bundle", BUNDLE, "--url", "http://127.0.0.1:9"
    )
    assert "--threads has no effect" in refusal(
        "evaluate", "--data", people.root, "--url", "http://127.0.0.1:9", "--threads", 2
    )
    assert "--gallery has no effect" in refusal("evaluate", "--data", people.root, "--features", "x", "--gallery", "g")
    assert "--data has no effect" in refusal("evaluate", "--compare", "a", "b", "--data", people.root)
    assert "go together" in refusal("evaluate", "--query", "x")
    assert "--curves draws into --plots" in refusal(
        "evaluate", "--data", people.root, "--bundle", BUNDLE, "--curves", "x"
    )


def test_a_variable_of_the_command_counts_as_given_and_a_shared_one_does_not(
    saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGBIR_BUNDLE", str(BUNDLE))
    assert rgbir("evaluate", "--query", saved["q"], "--against", saved["g"]).exit_code == 0
    monkeypatch.setenv("RGBIR_EVALUATE__MODE", "indoor")
    assert "--mode has no effect" in refusal("evaluate", "--query", saved["q"], "--against", saved["g"])


def test_one_split_of_regdb_is_one_trial(people: SysuMM01, tmp_path: Path) -> None:
    regdb = layouts.regdb(tmp_path / "regdb", people)
    shutil.copytree(BUNDLE, tmp_path / "again")
    message = refusal("evaluate", "--data", regdb, "--bundle", BUNDLE, "--bundle", tmp_path / "again")
    assert "several bundles are of RegDB's split 1; a split is one trial" in message
    for option in ("--save-features", "--plots"):
        message = refusal(
            "evaluate", "--data", regdb, "--bundle", BUNDLE, "--bundle", BUNDLE, option, tmp_path / "x.npz"
        )
        assert "several would write over each other" in message


@pytest.mark.slow
def test_an_enrolment_refuses_what_has_no_effect_on_it(gallery: Gallery, people: SysuMM01, tmp_path: Path) -> None:
    gallery.close()
    folder = tmp_path / "photos"
    (folder / "1").mkdir(parents=True)
    shutil.copy(next(people.records("test", (1,))).path, folder / "1/a.jpg")
    into = ["index", "add", folder, "--gallery", gallery.folder, "--bundle", BUNDLE]
    for option, value in (("--list", "val"), ("--split", 2), ("--modality", "ir"), ("--key", "k")):
        assert f"{option} has no effect" in refusal(*into, option, value)
    sending = ["index", "add", folder, "--url", "http://127.0.0.1:9"]
    unheard: tuple[tuple[str, object], ...] = (
        ("--network", "regdb"),
        ("--batch", 2),
        ("--storage", "float16"),
        ("--bundle", BUNDLE),
    )
    for option, given in unheard:
        assert f"{option} has no effect" in refusal(*sending, option, given)
    assert "--storage says float16" in refusal(*into, "--storage", "float16")
    assert "was made with another network" in refusal(*into, "--network", "regdb")
    assert rgbir(*into, "--network", "sysu-mm01").exit_code == 0
    assert "looks like SYSU-MM01: say --layout sysu" in refusal(
        "index", "add", people.root, "--gallery", tmp_path / "new", "--bundle", BUNDLE
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_labels_that_were_corrected_are_told_and_not_dropped(
    gallery: Gallery, people: SysuMM01, tmp_path: Path
) -> None:
    picture = next(people.records("train", (1,))).path
    shutil.copy(picture, tmp_path / "a.jpg")
    table = tmp_path / "table.csv"
    table.write_text("path,camera,identity\na.jpg,1,7\n")
    add = ["index", "add", table, "--layout", "csv", "--gallery", gallery.folder, "--bundle", BUNDLE]
    assert rgbir(*add).exit_code == 0
    assert rgbir(*add).exit_code == 0
    table.write_text("path,camera,identity,track\na.jpg,1,8,t-1\n")
    result = rgbir(*add)
    assert result.exit_code == 3
    assert "it is enrolled with identity 7, not 8; track none, not t-1" in result.output
    table.write_text("path,camera\na.jpg,1\n")
    assert rgbir(*add).exit_code == 0


# --- what lies there


def test_folders_name_every_file_that_is_no_image_by_its_name(tmp_path: Path) -> None:
    for name in ("gate/a.jpg", "gate/b.heic", "gate/notes", "gate/.hidden.jpg", "gate/Thumbs.db", "c.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    records = list(read_folders(tmp_path))
    assert [record.source for record in records if isinstance(record, ImageRecord)] == ["gate/a.jpg"]
    assert {record.source for record in records if isinstance(record, Skipped)} == {
        "gate/b.heic",
        "gate/notes",
        "c.gif",
    }


@pytest.mark.slow
def test_files_of_a_data_set_that_are_passed_over_are_counted_and_end_in_exit_code_3(
    people: SysuMM01, tmp_path: Path
) -> None:
    root = tmp_path / "people"
    shutil.copytree(people.root, root)
    assert rgbir("counts", root).exit_code == 0
    folder = f"{people.identities('test')[0]:04d}"
    for name in (
        f"cam1/{folder}/x.png",
        f"cam1/{folder}/y.PNG",
        f"cam3/{folder}/z.heic",
        f"cam1/{folder}/deep/1.jpg",
        "cam2/top.jpg",
        "cam2/7/1.jpg",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / f"cam1/{folder}/Thumbs.db").write_bytes(b"x")
    assert SysuMM01(root).passed_over() == {
        "suffix .png": 2, "suffix .heic": 1, "in a folder too deep": 1, "outside the people's folders": 1,
        "in a folder that is no identity of four digits": 1,
    }  # fmt: skip
    result = rgbir("counts", root)
    assert result.exit_code == 3
    assert "6 files of the data set are passed over: 2 suffix .png" in result.output
    measured = rgbir("evaluate", "--data", root, "--bundle", BUNDLE, "--report", tmp_path / "r.json")
    assert measured.exit_code == 3
    assert "6 files of the data set are passed over" in measured.output


@pytest.mark.parametrize("layout", ["regdb", "llcm", "market"])
def test_other_data_sets_count_what_they_pass_over_too(people: SysuMM01, tmp_path: Path, layout: str) -> None:
    root = getattr(layouts, layout)(tmp_path / layout, people)
    assert not open_data_set(root).passed_over()
    image = next(path for path in sorted(root.rglob("*.*")) if path.suffix in (".jpg", ".bmp") and "train" not in str(path)
                 and "/vis/" not in str(path) and "/nir/" not in str(path))  # fmt: skip
    image.with_suffix(".tga").write_bytes(b"x")
    assert open_data_set(root).passed_over().total() == 1


@pytest.mark.parametrize("camera", ["12", "15", "9"])
def test_a_camera_of_two_digits_is_no_camera_1(people: SysuMM01, tmp_path: Path, camera: str) -> None:
    root = layouts.market(tmp_path / "market", people)
    image = next((root / "bounding_box_test").glob("*_c1*.jpg"))
    shutil.copy(image, image.with_name(image.name.replace("_c1s", f"_c{camera}s")))
    with pytest.raises(BadDataset, match=f"images of camera {camera}; Market-1501 has cameras 1 to 6"):
        list(Market1501(root).records("gallery"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with mark", "latin-1"])
def test_lists_and_tables_are_read_however_an_editor_saved_them(
    people: SysuMM01, tmp_path: Path, encoding: str
) -> None:
    root = tmp_path / "people"
    shutil.copytree(people.root, root)
    (root / "exp/train_id.mat").unlink(missing_ok=True)
    file, numbers = root / "exp/train_id.txt", people.identities("train")
    text = ",".join(map(str, numbers)) + ("\xa0" if encoding == "latin-1" else "") + "\r\n"
    data = b"\xff\xfe" + text.encode("utf-16-le") if "mark" in encoding else text.encode(encoding)
    file.write_bytes(data)
    table = tmp_path / "t.csv"
    table.write_bytes(
        b"\xff\xfe" + "path,camera\na.jpg,é\n".encode("utf-16-le")
        if "mark" in encoding
        else "path,camera\na.jpg,é\n".encode(encoding)
    )
    if encoding == "latin-1":
        for read in (lambda: SysuMM01(root).identities("train"), lambda: list(read_table(table))):
            with pytest.raises(BadDataset, match="is not UTF-8 text, nor UTF-16 with a mark"):
                read()
    else:
        assert SysuMM01(root).identities("train") == numbers
        (record,) = read_table(table)
        assert isinstance(record, ImageRecord)
        assert record.camera == "é"


@pytest.mark.parametrize(
    "change", [lambda line: line.replace("/", "\\"), lambda line: line.replace(" ", "\t"), lambda line: "\ufeff" + line]
)
def test_regdb_s_lists_are_read_as_windows_writes_them(people: SysuMM01, tmp_path: Path, change: Any) -> None:
    root = layouts.regdb(tmp_path / "regdb", people)
    before = RegDB(root).count(1)
    for file in (root / "idx").glob("*.txt"):
        lines = file.read_text().splitlines()
        file.write_text("\r\n".join([change(lines[0]), *lines[1:]]) + "\r\n")
    from rgbir.index.datasets.regdb import _read_split

    _read_split.cache_clear()
    assert RegDB(root).count(1) == before


# --- saved features


def test_junk_is_in_nobody_s_gallery_by_market_s_protocol() -> None:
    """Against a slow loop over what is left."""
    chance = np.random.default_rng(3)
    rows, people, cameras = (
        chance.standard_normal((40, 6)).astype(np.float32),
        chance.integers(-1, 5, 40),
        chance.integers(1, 4, 40),
    )
    asked = Features.of(rows[:10] + 0.3, [int(abs(i)) for i in people[:10]], map(str, cameras[:10]), [""] * 10)
    gallery = Features.of(rows, map(int, people), map(str, cameras), [""] * 40)
    network = CameraNetwork.read("market-1501")

    report = evaluate_trial(asked, gallery, network, PROTOCOLS["market"], Metric.EUCLIDEAN)

    precisions = []
    for query in range(10):
        order = sorted(
            (float(((asked.embeddings[query].astype(float) - rows[r].astype(float)) ** 2).sum()), r)
            for r in range(40)
            if people[r] >= 0 and not (people[r] == asked.identities[query] and str(cameras[r]) == asked.cameras[query])
        )
        hits, shares = 0, []
        for place, (_, r) in enumerate(order, 1):
            if people[r] == asked.identities[query]:
                hits += 1
                shares.append(hits / place)
        if shares:
            precisions.append(sum(shares) / len(shares))
    assert report.mean_ap == pytest.approx(sum(precisions) / len(precisions), abs=1e-12)
    assert report.about["junk left out"] == str(int((people < 0).sum()))


def test_two_unknown_people_are_two_strangers_in_identity_level_cmc() -> None:
    distances = np.array([[1.0, 2.0, 3.0, 4.0]])
    measures = measure(distances, np.array([5]), np.array([-1, -1, 7, 5]), cmc="identity")
    assert measures.by_query.rank.tolist() == [3]
    assert measures.gallery_identities == 4
    alone = measure(distances, np.array([5]), np.array([7, 7, 7, 5]), cmc="identity")
    assert alone.by_query.rank.tolist() == [1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"embeddings": np.zeros((0, 4), np.float32), "identities": [], "cameras": []}, "n rows of d values, not (0, 4)"),
        ({"embeddings": np.zeros(4)}, "n rows of d values"),
        ({"embeddings": np.array([["a"] * 4] * 8)}, "embeddings are numbers"),
        ({"identities": ["one"] * 8}, "identities are whole numbers"),
        ({"identities": [1.7] * 8}, "not 1.7"),
        ({"identities": [np.nan] * 8}, "not nan"),
        ({"embeddings": np.ones((8, 5), np.float32)}, "have 5 values and the gallery's 4"),
        ({"labels": [1] * 8}, "it has labels, which nothing reads here"),
        ({"embeddings": np.full((8, 4), np.inf, np.float32)}, "not finite"),
    ],
)  # fmt: skip
def test_features_that_are_none_are_told_in_words(saved: dict[str, Path], change: dict[str, Any], words: str) -> None:
    with np.load(saved["q"]) as content:
        parts = {name: content[name] for name in content.files if name != "paths"}
    np.savez(saved["q"], **(parts | {name: np.asarray(value) for name, value in change.items()}))
    result = rgbir("evaluate", "--query", saved["q"], "--against", saved["g"])
    assert words in f"{result.output} {result.exception}"
    assert result.exception is not None
    assert hasattr(result.exception, "exit_code") or result.exit_code == 2


# --- files that are written


def test_a_file_that_can_t_be_written_leaves_what_was_there(saved: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("before")
    for option, file in (("--report", tmp_path / "none/r.json"), ("--markdown", tmp_path / "none/r.md")):
        result = rgbir("evaluate", "--query", saved["q"], "--against", saved["g"], option, file)
        assert "can't be written: there is no such file or folder; nothing of it was kept" in str(result.exception)
    assert (
        rgbir("evaluate", "--query", saved["q"], "--against", saved["g"], "--report", tmp_path / "r.json").exit_code
        == 0
    )
    assert json.loads((tmp_path / "r.json").read_text())["mAP"] > 0
    assert not [file for file in tmp_path.iterdir() if ".new" in file.name]


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_beside(tmp_path / "link.txt", "after")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "after"
    write_beside(Path("/dev/null"), "gone")
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit((tmp_path / "pipe").read_text)
        write_beside(tmp_path / "pipe", "told")
        assert heard.result() == "told"


@pytest.mark.parametrize(
    ("text", "shown"), [("=1+1", "'=1+1"), ("+a", "'+a"), ("-a", "'-a"), ("@x", "'@x"), ("gate", "gate"), ("", "")]
)
def test_a_table_s_cell_is_no_formula(text: str, shown: str) -> None:
    assert cell(text) == shown


def test_images_of_many_warnings_leave_the_process_s_filters_alone(people: SysuMM01) -> None:
    import warnings

    from rgbir.index import decode

    data = next(people.records("test", (1,))).path.read_bytes()
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [data] * 400))
    assert list(warnings.filters) == before


def test_an_image_is_written_for_a_folder_that_is_there(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    for out in (tmp_path / "none/x.png", tmp_path / "map", tmp_path / "x.jpg"):
        message = refusal("attend", tmp_path / "run", tmp_path / "x.png", "--modality", "ir", "--out", out)
        assert "--out is a .png file in a folder that is there" in message
