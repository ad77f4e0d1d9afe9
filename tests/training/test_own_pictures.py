"""A site's own pictures: trained on by lists that are written down, exported and measured by the same lists."""

from __future__ import annotations

import csv
import json
import shutil
from importlib import resources
from pathlib import Path

import pytest
from tests.training.small import recipe_of
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import PeopleLists, SysuMM01
from rgbir.training import Run, load_run
from rgbir.training.data.images import training_records
from rgbir.training.data.people import described
from rgbir.training.recipe import Data
from rgbir.training.validate import Validation, validation_of

NETWORK = "sysu-mm01"
SMALL = ["backbone=compact", "height=32", "width=16", "tuples=2", "schedule.updates=2", "validate_every=1"]


def rgbir(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def sheet(tmp_path: Path, people: SysuMM01) -> Path:
    """A table of all pictures, with the cameras' other names."""
    with (tmp_path / "own.csv").open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(("path", "camera", "identity"))
        rows.writerows((f, f"{f.parts[-3]}", int(f.parts[-2])) for f in sorted(people.root.glob("cam*/*/*.jpg")))
    return tmp_path / "own.csv"


def train(data: Path, out: Path, *more: object, settings: list[str] = SMALL) -> Result:
    sets = [word for setting in settings for word in ("--set", setting)]
    return rgbir("train", "expat", "--data", data, "--network", NETWORK, "--out", out, "--no-cache", *sets, *more)


@pytest.mark.slow
def test_own_pictures_are_trained_on_by_lists_that_are_drawn_and_written_down(sheet: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    result = train(sheet, run)

    assert result.exit_code == 0, result.output
    assert "people of" in result.output
    lists = PeopleLists.read(run)
    assert lists == PeopleLists.drawn(range(1, 10))
    trained_on = load_run(run).trained_on()
    assert trained_on is not None
    assert sorted(map(int, trained_on["identities"])) == list(lists.train)
    assert "validation: rank-1" in result.output
    assert load_run(run).training_data == "own"

    useless = rgbir("export", run, "--out", tmp_path / "x", "--network", NETWORK)
    assert "--network and --people describe own pictures" in str(useless.exception)


@pytest.mark.slow
def test_a_bundle_is_measured_on_the_lists_of_its_run(sheet: Path, tmp_path: Path) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    assert train(sheet, run).exit_code == 0

    made = rgbir("export", run, "--out", bundle, "--data", sheet, "--network", NETWORK)
    assert made.exit_code == 0, made.output
    card = json.loads((bundle / "card.json").read_text())
    ((name, figures),) = card["measured"].items()
    assert name.startswith("cross, shots single, direction both, identities test, lists seed 0")
    assert "--network NETWORK --people PEOPLE" in figures["command"]
    options = ["--data", sheet, "--network", NETWORK, "--people", run, "--bundle", bundle, "--json"]
    measured = rgbir("evaluate", *options)
    assert measured.exit_code == 0, measured.output
    report = json.loads(measured.stdout)
    assert report["cmc"]["1"] == pytest.approx(figures["rank_1"], abs=1e-6)
    assert report["gallery_identities"] == len(PeopleLists.read(run).test)


@pytest.mark.slow
def test_a_bundle_is_not_measured_on_people_whom_it_knows(sheet: Path, tmp_path: Path, people: SysuMM01) -> None:
    """By other lists, everybody's, the run's that it started from; and whose lists hold is seen by the pictures."""
    a, b, other = tmp_path / "a", tmp_path / "b", tmp_path / "other.json"
    PeopleLists((1, 2, 3, 4), (5,), (6, 7, 8, 9)).write(tmp_path / "a.json")
    PeopleLists((6, 7, 8, 9), (5,), (1, 2, 3, 4)).write(other)
    own = ["--data", sheet, "--network", NETWORK]
    assert train(sheet, a, "--people", tmp_path / "a.json").exit_code == 0
    again = train(sheet, b, "--people", other, settings=[*SMALL, f"start={a}"])
    assert "4 of the 4 people to test were trained on in" in again.stderr
    export = ["export", a, "--out", tmp_path / "bundle-a", *own]

    assert "knows" not in rgbir(*export).output
    for bundle, more, known in (
        ("bundle-a", ["--people", other], "4 of the 4 people"),
        ("bundle-a", ["--list", "available"], "4 of the 9 people"),
    ):
        refused = rgbir("evaluate", *own, "--bundle", tmp_path / bundle, *more)
        assert known in str(refused.exception)
    by_name = ["--people", tmp_path / "a.json", "--list", "train"]
    assert rgbir("evaluate", *own, "--bundle", tmp_path / "bundle-a", *by_name).exit_code == 0
    refused = rgbir("export", a, "--out", tmp_path / "x", *own, "--people", other)
    assert "4 of the 4 people whom it would be measured on" in str(refused.exception)
    refused = rgbir("export", b, "--out", tmp_path / "x", *own)
    assert "4 of the 4 people whom it would be measured on" in str(refused.exception)
    assert not (tmp_path / "x").exists()

    for camera in range(1, 7):
        shutil.copytree(people.root / f"cam{camera}", tmp_path / f"elsewhere/own/cam{camera}")
    renamed = rgbir("export", a, "--out", tmp_path / "x", "--data", tmp_path / "elsewhere/own", "--network", NETWORK)
    assert "has no lists of people" in str(renamed.exception)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_own_pictures_set_the_scales_of_int8(sheet: Path, tmp_path: Path) -> None:
    assert train(sheet, tmp_path / "run").exit_code == 0

    own = ["--calibrate", sheet, "--network", NETWORK]
    made = rgbir("export", tmp_path / "run", "--out", tmp_path / "int8", "--precision", "int8", *own)

    assert made.exit_code == 0, made.output
    assert "drift from fp32" in made.output


@pytest.mark.slow
def test_a_run_goes_on_by_its_own_lists(sheet: Path, tmp_path: Path) -> None:
    run, others = tmp_path / "run", tmp_path / "others.json"
    drawn = rgbir(
        "split", sheet, "--network", NETWORK, "--seed", 3, "--val", 0.2, "--test", 0.2, "--out", tmp_path / "p.json"
    )
    assert drawn.exit_code == 0, drawn.output
    assert train(sheet, run, "--people", tmp_path / "p.json").exit_code == 0
    assert PeopleLists.read(run) == PeopleLists.drawn(range(1, 10), seed=3, val=0.2, test=0.2)
    PeopleLists.drawn(range(1, 10), seed=4).write(others)

    again = train(sheet, run, "--resume", settings=[])
    refused = train(sheet, run, "--resume", "--people", others, settings=[])

    assert again.exit_code == 0, again.output
    assert "was begun with other lists of people" in str(refused.exception)
    assert PeopleLists.read(run).seed == 3
    file = tmp_path / "moved.toml"
    builtin = (resources.files("rgbir.index") / "networks/sysu-mm01.toml").read_text(encoding="utf-8")
    file.write_text(builtin.replace('place = "gate"', 'place = "garden"'), encoding="utf-8")
    elsewhere = rgbir("train", "expat", "--data", sheet, "--network", file, "--out", run, "--resume", "--no-cache")
    assert "was begun with other cameras, or other places of theirs" in str(elsewhere.exception)
    twice = rgbir("split", sheet, "--network", NETWORK, "--out", tmp_path / "p.json")
    assert "exists, and a training may rest on it" in str(twice.exception)


def test_nobody_is_validated_on_whom_the_run_before_was_trained_on(people: SysuMM01, tmp_path: Path) -> None:
    """The run that is started from knows them, or the run that this one started from."""
    held_back = people.identities("val")
    before, between = (
        Run(tmp_path / name, "expat", "paper", "people", 4, recipe_of("expat")) for name in ("before", "between")
    )
    for run in (before, between):
        run.start()
    settings = Data(train_identities="trainval")
    before.note_data(described(training_records(people, settings)))
    between.note_data(described(training_records(people, Data())))
    recipe_file = between.folder / "recipe.json"
    content = json.loads(recipe_file.read_text())
    content["recipe"]["start"] = str(before.folder)
    recipe_file.write_text(json.dumps(content))
    trained = people.identities("train")

    def watched(start: Path | None) -> Validation | str:
        return validation_of(people, recipe_of("expat", changes={"start": start and str(start)}), trained)

    expected = f"{len(held_back)} of the {len(held_back)} people that are held back were trained on in {before.folder}"
    for start in (before.folder, between.folder):
        reason = watched(start)
        assert isinstance(reason, str)
        assert reason.startswith(expected)
    between.note_data(described(training_records(people, settings)))
    assert str(watched(between.folder)).startswith(expected.replace(str(before.folder), str(between.folder)))
    content["recipe"]["start"] = None
    recipe_file.write_text(json.dumps(content))
    between.note_data(described(training_records(people, Data())))
    assert isinstance(watched(between.folder), Validation)
    assert isinstance(watched(None), Validation)
    elsewhere = tmp_path / "elsewhere/people2"
    shutil.copytree(people.root, elsewhere)
    same_pictures = validation_of(
        SysuMM01(elsewhere), recipe_of("expat", changes={"start": str(before.folder)}), trained
    )
    assert "held back were trained on in" in str(same_pictures), "known by their images, whatever the folder's name"
