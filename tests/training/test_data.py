"""`rgbir train` on every data set in its layout."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import layouts
from tests.training.small import recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import BadDataset, ImageRecord, Modality, SysuMM01, open_data_set
from rgbir.training import BadCheckpoint, load_run, train
from rgbir.training.data.cache import Form
from rgbir.training.data.check import check_images
from rgbir.training.data.images import name_of, training_records
from rgbir.training.data.people import described, difference
from rgbir.training.data.source import Source
from rgbir.training.errors import BadRecipe
from rgbir.training.recipe import Data, flat
from rgbir.training.validate import Validation, validation_of

LAYOUTS = {"regdb": layouts.regdb, "llcm": layouts.llcm, "market": layouts.market}


@pytest.mark.parametrize(
    ("layout", "method", "row", "identities", "name"),
    [
        ("regdb", "dfe", "regdb.full", 4, "regdb_split2"),
        ("regdb", "expat", "table9.expat", 4, "regdb_split2"),
        ("llcm", "agw", None, 4, "llcm"),
        ("market", "expat_single", "table10.expat", 4, "market"),
    ],
)
@pytest.mark.slow
def test_a_row_trains_on_its_data_set_by_one_command(
    tmp_path: Path, people: SysuMM01, layout: str, method: str, row: str | None, identities: int, name: str
) -> None:
    root = LAYOUTS[layout](tmp_path / layout, people)
    small = dict(flat(recipe_of(method, row=row).model_dump(mode="json")))
    plain = dict(flat(recipe_of(method).model_dump(mode="json")))
    changes: dict[str, Any] = {k: small[k] for k in ("height", "width", "backbone") if k in plain}
    changes |= {k: small[k] for k in ("pairs", "tuples", "people", "images", "dfe.parts", "dfe.width") if k in small}
    changes |= {"data.split": 2, "schedule.epochs" if "schedule.epochs" in small else "schedule.updates": 1}
    settings = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]

    arguments = ["train", method, "--data", str(root), "--out", str(tmp_path / "run"), *settings]
    result = CliRunner().invoke(app, [*arguments, *(["--row", row] if row else [])])

    assert result.exit_code == 0, result.output
    assert f"{identities} identities" in result.output
    content = json.loads((tmp_path / "run/recipe.json").read_text())
    assert (content["data"], content["identities"]) == (name, identities)
    assert (tmp_path / "run/weights.safetensors").is_file()


@pytest.fixture
def damaged(tmp_path: Path, people: SysuMM01) -> Path:
    """The people with an empty training image, a cut one, and an empty validation image."""
    root = tmp_path / "damaged"
    shutil.copytree(people.root, root)
    train, val = people.identities("train"), people.identities("val")
    (root / f"cam1/{train[0]:04d}/0002.jpg").write_bytes(b"")
    (root / f"cam3/{val[0]:04d}/0001.jpg").write_bytes(b"")
    cut = root / f"cam2/{train[1]:04d}/0001.jpg"
    cut.write_bytes(cut.read_bytes()[:-100])
    return root


SMALL = ["backbone=compact", "height=64", "width=32", "tuples=3", "schedule.updates=20", "validate_every=0"]


def failure(root: Path, out: Path, *options: str) -> str:
    """What the command line says of a training that fails."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    error = CliRunner().invoke(app, ["train", "expat", "--data", str(root), "--out", str(out), *settings, *options])
    assert hasattr(error.exception, "exit_code"), repr(error.exception)
    return str(error.exception)


@pytest.mark.parametrize(("check", "count"), [("headers", 2), ("full", 3)])
def test_damaged_images_are_found_before_the_first_update(
    tmp_path: Path, damaged: Path, people: SysuMM01, check: str, count: int
) -> None:
    message = failure(damaged, tmp_path / "run", "--check", check, "--set", "validate_every=10")
    assert f"{count} of " in message
    for name, words in (
        (f"cam1/{people.identities('train')[0]:04d}/0002.jpg", "empty file"),
        (f"cam3/{people.identities('val')[0]:04d}/0001.jpg", "empty file"),
        (f"cam2/{people.identities('train')[1]:04d}/0001.jpg", "can't be decoded"),
    ):
        assert (f"{damaged / name}: {words}" in message) == (count == 3 or words == "empty file")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_damaged_image_that_is_met_on_the_way_is_told_in_words(tmp_path: Path, damaged: Path, workers: str) -> None:
    for file in damaged.glob("cam2/*/*.jpg"):
        file.write_bytes(b"")
    message = failure(damaged, tmp_path / "run", "--check", "none", "--workers", workers)
    assert re.fullmatch(rf"{damaged}/cam\d/\d+/\d+.jpg: empty file; an image was expected", message)


def test_many_damaged_images_are_counted_and_the_first_named(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(9)]
    records = [ImageRecord(file, file.name, "1") for file in files]
    with pytest.raises(
        BadDataset, match=r"9 of 9 images .*0\.jpg: not a file; .*4\.jpg: not a file; and 4 more\. Mend"
    ):
        check_images([*records, *records], "headers")
    check_images(records, "none")


def trained(root: Path, out: Path, method: str, *settings: str) -> tuple[str, list[dict[str, Any]]]:
    """The first line that a training prints, and its log."""
    small = dict(flat(recipe_of(method).model_dump(mode="json")))
    names = ("height", "width", "backbone", "people", "images", "tuples")
    given = [*(f"{name}={small[name]}" for name in names if name in small), *settings]
    words = [word for setting in given for word in ("--set", setting)]
    result = CliRunner().invoke(app, ["train", method, "--data", str(root), "--out", str(out), *words])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()[0], [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_nobody_is_validated_on_who_is_trained_on(tmp_path: Path, people: SysuMM01) -> None:
    settings = ("schedule.updates=2", "validate_every=1")
    for number, (method, more, reason) in enumerate(
        (
            ("lccrf", (), "2 of the 2 people that are held back are trained on"),
            ("lccrf", ("data.train_identities=train",), None),
            ("expat", ("data.train_identities=trainval",), "2 of the 2 people that are held back are trained on"),
            ("expat", ("validate_every=0",), "validate_every is 0"),
        )
    ):
        line, log = trained(people.root, tmp_path / str(number), method, *settings, *more)
        assert line.endswith(f"; no validation: {reason}") if reason else "validation" not in line
        assert any("rank_1" in entry for entry in log) == (reason is None)

    regdb = layouts.regdb(tmp_path / "regdb", people)
    line, log = trained(regdb, tmp_path / "run", "expat", *settings)
    assert line.endswith("; no validation: regdb (RegDB) holds nobody back to validate on")
    assert not any("rank_1" in entry for entry in log)


def test_whether_people_are_trained_on_is_seen_by_who_they_are(people: SysuMM01) -> None:
    first, second = people.identities("val")
    recipe = recipe_of("expat", changes={"cmc": "image"})
    watched = validation_of(people, recipe, people.identities("train"))
    assert isinstance(watched, Validation)
    assert watched.protocol.cmc == "image"
    assert {store.form for store in watched.stores} == {Form(64, 32, recipe.resize)}
    assert {record.identity for record in watched.task.queries} == {first, second}
    assert validation_of(people, recipe, [second]) == "1 of the 2 people that are held back are trained on"


@pytest.mark.slow
def test_people_of_one_modality_are_left_out_and_named(tmp_path: Path, people: SysuMM01) -> None:
    root = tmp_path / "people"
    shutil.copytree(people.root, root)
    first, second, *_ = people.identities("train")
    for camera in (3, 6):
        shutil.rmtree(root / f"cam{camera}/{first:04d}")
    for camera in (1, 2, 4, 5):
        shutil.rmtree(root / f"cam{camera}/{second:04d}")
    settings = [word for setting in [*SMALL, "tuples=2", "schedule.updates=1"] for word in ("--set", setting)]
    command = ["train", "expat", "--data", str(root), "--out", str(tmp_path / "run"), *settings]
    result = CliRunner().invoke(app, command)

    assert "expat paper: 2 identities, 48 images, " in result.output  # of two people by six cameras
    remark = f"2 identities are left out, since they are seen in one modality only: {first} (RGB) and {second} (IR)"
    assert remark in result.output
    records = training_records(SysuMM01(root), Data())
    everyone = Source(records, recipe_of("expat_single"))
    assert (everyone.alone, everyone.identities, len(everyone.records)) == ({}, 4, len(records))
    with pytest.raises(BadRecipe, match=r"needs 4 identities.*; 2 more are seen in one modality only"):
        Source(records, recipe_of("agw", changes={"people": 4}))


def test_who_is_left_out_changes_no_draw_of_the_others(people: SysuMM01) -> None:
    """The images of a run are those that it had when such people's were only passed over."""
    records = training_records(people, Data())
    strangers = [replace(records[0], identity=0), replace(records[-1], identity=999)]
    recipe = recipe_of("expat")
    plain, beside = Source(records, recipe), Source([strangers[0], *records, strangers[1]], recipe)
    assert beside.alone == {0: Modality.RGB, 999: Modality.IR}
    for update in range(3):
        assert all(torch.equal(a, b) for a, b in zip(plain[update], beside[update], strict=True))


def test_the_training_images_of_each_data_set(tmp_path: Path, people: SysuMM01) -> None:
    counts = {}
    for layout, make in LAYOUTS.items():
        data = open_data_set(make(tmp_path / layout, people))
        counts[layout] = len(training_records(data, Data()))
        assert name_of(data, Data()).startswith(layout)
    assert counts == {"regdb": 32, "llcm": 96, "market": 64}
    assert len(training_records(people, Data(train_identities="trainval"))) == 144


def test_market_has_one_modality_and_makes_blind_batches(tmp_path: Path, people: SysuMM01) -> None:
    data = open_data_set(layouts.market(tmp_path / "market", people))
    source = Source(training_records(data, Data()), recipe_of("expat_single"))
    batch = source[0]
    assert source.identities == 4
    assert not batch[1].any()
    assert batch[0].shape == (12, 3, 64, 32)
    with pytest.raises(BadRecipe, match="don't make the recipe's batches: a batch needs 3 identities; 0 came"):
        Source(training_records(data, Data()), recipe_of("hpiln"))


def renamed(root: Path, old: int, new: int) -> None:
    """Another number for a person of the train list."""
    for folder in root.glob(f"cam*/{old:04d}"):
        folder.rename(folder.with_name(f"{new:04d}"))
    listed = root / "exp/train_id.txt"
    listed.write_text(",".join(str(new if int(cell) == old else cell) for cell in listed.read_text().split(",")))


@pytest.mark.slow
def test_a_run_goes_on_with_the_people_and_images_that_it_was_begun_on(tmp_path: Path, people: SysuMM01) -> None:
    root, run = tmp_path / "people", tmp_path / "run"
    shutil.copytree(people.root, root)
    command = ["train", "expat", "--data", str(root), "--out", str(run)]
    settings = [word for setting in [*SMALL, "schedule.updates=1"] for word in ("--set", setting)]
    assert CliRunner().invoke(app, [*command, *settings]).exit_code == 0
    first, *_, last = people.identities("train")
    image = root / f"cam1/{first:04d}/0001.jpg"

    def refusal() -> str:
        error = CliRunner().invoke(app, [*command, "--resume"]).exception
        with pytest.raises(BadRecipe) as refused:
            train(load_run(run), Source(training_records(SysuMM01(root), Data()), load_run(run).recipe), resume=True)
        assert str(error) == str(refused.value)
        return str(error)

    renamed(root, last, 400)
    assert "was begun on other data: " in refusal()
    assert f"identities {last} were trained on and aren't there; identities 400 are there and weren't" in refusal()
    renamed(root, 400, last)
    assert CliRunner().invoke(app, [*command, "--resume"]).exit_code == 0

    content = image.read_bytes()
    image.write_bytes(content + b"!")
    assert f"the images of identity {first} are others, by name, camera, size or order" in refusal()
    image.unlink()
    assert f"identity {first} had 24 images and has 23" in refusal()
    image.write_bytes(content)

    moved = root.rename(tmp_path / "elsewhere")
    command[3] = str(moved)
    (run / "data.json").unlink()
    result = CliRunner().invoke(app, [*command, "--resume"])
    assert "didn't write down what it was trained on; it goes on with what" in result.output
    assert "didn't write" not in CliRunner().invoke(app, [*command, "--resume"]).output
    (run / "data.json").write_text("[]")
    with pytest.raises(BadCheckpoint, match=r"data\.json is damaged"):
        load_run(run).trained_on()


def test_a_difference_names_the_first_people_and_counts_the_others() -> None:
    def of(images: dict[int, int], camera: str = "1") -> dict[str, Any]:
        return described(
            ImageRecord(Path("nowhere"), f"{identity}/{n}.jpg", camera, identity=identity)
            for identity, count in images.items()
            for n in range(count)
        )

    assert difference(of({1: 2, 2: 1}), of({2: 1, 1: 2})) == ""
    assert difference(of(dict.fromkeys(range(20), 1)), of(dict.fromkeys(range(13, 20), 1))) == (
        "identities 0, 1, 2, 3, 4 and 8 more were trained on and aren't there"
    )
    assert difference(of({10: 1, 9: 3, 8: 2}), of({10: 1, 9: 2, 8: 3})) == (
        "identity 8 had 2 images and has 3; 2 people differ in such a way"
    )
    assert "the images of identity 3 are others" in difference(of({3: 1}), of({3: 1}, camera="2"))
