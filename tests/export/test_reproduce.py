"""A published table again: what is planned, what every cell is, and how it goes on after a stop."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from onnx import ModelProto
from tests.conftest import made_once
from tests.export import flat
from tests.layouts import market
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.export import bundle
from rgbir.export.errors import BadReproduction, ReproductionBusy
from rgbir.export.graph import graph as traced
from rgbir.export.reproduce import stages, training
from rgbir.export.reproduce.folder import alone, begin
from rgbir.export.reproduce.plan import Plan, planned, settings_of
from rgbir.export.reproduce.smoke import shrunk, some
from rgbir.index import Modality, SysuMM01, UsageError, open_data_set
from rgbir.training.data.source import Source
from rgbir.training.errors import BadRecipe, NotFinite
from rgbir.training.method import Method
from rgbir.training.methods import METHODS
from rgbir.training.methods.curves import CURVES
from rgbir.training.recipe import flat as flattened
from rgbir.training.validate import Validation

SCORES = ("R1", "R10", "R20", "mAP")


GRAPHS: dict[tuple[str, int, int], ModelProto] = {}
"""Of the stand-in's networks, which nothing trains: torch takes a second for each."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def graph(method: flat.Flat, modality: Modality, height: int, width: int) -> ModelProto:
        kind = (method.recipe.shade, height, width)
        if kind not in GRAPHS:
            GRAPHS[kind] = traced(method, modality, height, width)
        return GRAPHS[kind]

    flat.known(monkeypatch)
    monkeypatch.setattr(bundle, "graph", graph)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "colours", lambda folder: flat.sysu(folder / "colours")) / "colours"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, words)], env={"COLUMNS": "200"})


# --- every cell


def expected_lines(trials: list[dict[str, float]], printed: str, over: str) -> list[list[str]]:
    """The table's lines of a row in a setting, without their first two columns."""
    ours = [f"{fmean(trial[score] for trial in trials):.2f}" for score in SCORES]
    spread = [f"{stdev(trial[score] for trial in trials):.2f}" for score in SCORES]
    apart = ["-" if p == "-" else f"{float(o) - float(p):+.2f}" for o, p in zip(ours, printed.split(), strict=True)]
    return [
        ["printed", *printed.split()],
        ["ours", *ours],
        [f"spread over {over}", *spread],
        ["difference", *apart],
    ]


def lines_of(markdown: str) -> Iterator[tuple[str, str, list[str]]]:
    """Row, setting and the other columns of each line of a Markdown table."""
    row = setting = ""
    for line in markdown.splitlines():
        if line.startswith("| ") and not line.startswith("| row"):
            first, second, *rest = (cell.strip() for cell in line.strip("|").split("|"))
            row, setting = first or row, second or setting
            yield row, setting, rest


@pytest.mark.slow
def test_every_cell_is_what_a_slow_loop_over_known_features_says(stand_in: None, colours: Path, tmp_path: Path) -> None:
    done = run(
        "flat", "t", "--data", colours, "--out", tmp_path / "t", "--markdown", tmp_path / "t.md", "--report", tmp_path / "t.json"
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    trials = {
        ("t.even", "all-single", "all-search single-shot"): list(flat.sysu_by_hand(colours, "even", "all-single")),
        ("t.even", "indoor-multi", "indoor-search multi-shot"): list(
            flat.sysu_by_hand(colours, "even", "indoor-multi")
        ),
        ("t.red", "all-single", "all-search single-shot"): list(flat.sysu_by_hand(colours, "red", "all-single")),
    }
    expected = [
        (row, words, line)
        for (row, setting, words), measured in trials.items()
        for line in expected_lines(measured, flat.PRINTED[row][setting], "10 trials")
    ]

    assert list(lines_of((tmp_path / "t.md").read_text())) == expected
    assert len({cell for _, _, line in expected for cell in line}) > 25  # none of it is all the same
    by_name = {(c["row"], c["setting"], c["score"]): c for c in json.loads((tmp_path / "t.json").read_text())["cells"]}
    assert len(by_name) == 12
    for (row, setting, _), measured in trials.items():
        for score, printed in zip(SCORES, flat.PRINTED[row][setting].split(), strict=True):
            cell, values = by_name[row, setting, score], [trial[score] for trial in measured]
            assert cell["ours"] == pytest.approx(fmean(values), abs=1e-9)
            assert cell["spread"] == pytest.approx(stdev(values), abs=1e-9)
            assert (cell["printed"], cell["spread_over"]) == ({"flat": printed}, "10 trials")
    shown = done.stdout
    assert all(cell in shown for _, _, line in expected for cell in line)


@pytest.mark.slow
def test_several_seeds_are_so_many_trainings_and_the_spread_is_theirs(
    stand_in: None, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "t"
    done = run("flat", "t", "--data", colours, "--out", out, "--rows", "red", "--seeds", 2, "--markdown", tmp_path / "t.md")  # fmt: skip

    assert done.exit_code == 0, done.output
    assert sorted(place.name for place in (out / "t.red").iterdir()) == ["seed-0", "seed-1"]
    seeds = [json.loads((out / f"t.red/seed-{n}/run/recipe.json").read_text())["recipe"]["seed"] for n in (0, 1)]
    assert seeds == [0, 1]
    mean = {score: fmean(trial[score] for trial in flat.sysu_by_hand(colours, "red", "all-single")) for score in SCORES}
    assert list(lines_of((tmp_path / "t.md").read_text()))[1:3] == [  # what is learnt changes no number of this network
        ("t.red", "all-search single-shot", ["ours", *(f"{mean[score]:.2f}" for score in SCORES)]),
        ("t.red", "all-search single-shot", ["spread over 2 seeds", *["0.00"] * 4]),
    ]


@pytest.mark.slow
def test_ten_splits_of_regdb_in_both_directions(stand_in: None, tmp_path: Path) -> None:
    root = flat.regdb(tmp_path / "RegDB")
    done = run("flat", "regdb", "--data", root, "--out", tmp_path / "t", "--markdown", tmp_path / "t.md")
    assert done.exit_code == 0, done.output
    expected = [
        ("regdb.even", words, line)
        for setting, words in (
            ("thermal-to-visible", "thermal to visible"),
            ("visible-to-thermal", "visible to thermal"),
        )
        for line in expected_lines(
            list(flat.regdb_by_hand(root, "even", setting)), flat.PRINTED["regdb.even"][setting], "10 splits"
        )
    ]

    assert list(lines_of((tmp_path / "t.md").read_text())) == expected
    assert len(list((tmp_path / "t/regdb.even").iterdir())) == 10


# --- the plan


def test_names_that_are_misspelt_are_answered_with_the_nearest(people: SysuMM01) -> None:
    with pytest.raises(BadRecipe, match="no method 'expta'; did you mean 'expat'"):
        planned("expta", "table1", people)
    with pytest.raises(UsageError, match="no table 'tabel1'; did you mean 'table1'"):
        planned("expat", "tabel1", people)
    with pytest.raises(UsageError, match=r"no row 'table1.id\+att'; did you mean 'table1.id\+at'"):
        planned("expat", "table1", people, rows=["id+att"])


def test_a_table_is_all_of_its_rows_by_the_protocols_that_its_numbers_have(people: SysuMM01) -> None:
    def by(method: str, table: str) -> dict[str, dict[str, str]]:
        plan = planned(method, table, people)
        return {row.name: {m.setting: m.protocol.name for m in row.measurements} for row in plan.rows}

    assert by("expat", "table1") == {
        f"table1.{name}": {"all-single": "sysu-imagecmc"}
        for name in ("id", "id+csbn", "id+trip", "id+trip+csbn", "id+at", "id+at+el+csbn", "id+at+csbn", "id+expat+csbn")
    }  # fmt: skip
    assert by("dfe", "sysu")["sysu.full"] == {
        "all-single": "sysu",
        "all-multi": "sysu",
        "indoor-single": "sysu-indoor3",
        "indoor-multi": "sysu-indoor3",
    }
    assert by("agw", "peers") == {"peers.agw": {"all-single": "sysu-seeded", "indoor-single": "sysu-seeded"}}
    assert set(by("lccrf", "sysu")["sysu.full"].values()) == {"sysu-imagecmc"}


def test_what_cannot_be_reproduced_here_is_named_with_its_reason(people: SysuMM01, stand_in: None) -> None:
    assert planned("flat", "t", people).left_out == {
        "t.red: visible to thermal": "is on RegDB, and people holds SYSU-MM01",
        "t.plot": "no number is printed: only a plot, which has no numbers",
    }
    assert planned("flat", "t", people, rows=["even"]).left_out["t.red"] == "not asked for (--rows)"
    with pytest.raises(UsageError, match=r"nothing of expat's table9 .* table9.at: .* on RegDB, and people holds SYSU"):
        planned("expat", "table9", people)
    with pytest.raises(UsageError, match=r"nothing of hpiln's margin .* the paper searches from 0.3 to 1.8"):
        planned("hpiln", "margin", people)


def test_numbers_that_others_quote_are_told_paper_by_paper(tmp_path: Path, people: SysuMM01) -> None:
    (row,) = planned("hcml", "peers", people).rows
    (single, indoor) = row.measurements
    assert [printing.papers for printing in single.printed] == ["expat lccrf dfe base_derivative"]
    assert [printing.papers for printing in indoor.printed] == ["lccrf", "base_derivative"]
    assert not single.published


def test_data_sets_that_share_a_layout_are_told_apart(tmp_path: Path, people: SysuMM01) -> None:
    data = open_data_set(market(tmp_path / "m", people))
    plan = planned("expat_single", "table10", data)
    assert {m.setting for row in plan.rows for m in row.measurements} == {"Market-1501"}
    assert plan.left_out["table10.at: DukeMTMC-reID"] == "is on DukeMTMC-reID, and m holds Market-1501"


@pytest.mark.parametrize(
    ("changes", "smoke", "words"),
    [
        ({"seed": 3}, False, "--set seed is set by the reproduction itself"),
        ({"data.split": 3}, False, "--set data.split is set by the reproduction itself"),
        ({"start": "run"}, False, "--set start is set by the reproduction itself"),
        ({"ranking": "at"}, False, r"row table1.id is made by that setting"),
        ({"imagenet": "file"}, True, "--smoke starts small networks from nothing"),
    ],
)
def test_settings_that_are_not_free_are_refused(
    people: SysuMM01, changes: dict[str, Any], smoke: bool, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        planned("expat", "table1", people, changes=changes, smoke=smoke)


def test_a_folder_of_weights_gives_each_row_its_own_file(tmp_path: Path, people: SysuMM01) -> None:
    plan = planned("hpiln", "table5", people, changes={"imagenet": str(tmp_path)})
    files = {row.name: row.recipe.imagenet for row in plan.rows}
    assert files["table5.res_mid"] == str(tmp_path / "resnet50-19c8e357.pth")
    assert files["table5.mlfn"] == str(tmp_path / "mlfn-9cb5a267.pth.tar")
    assert files["table5.hacnn"] is None


@pytest.mark.parametrize("method", METHODS)
def test_every_row_shrinks_to_a_recipe_that_makes_batches(method: str, people: SysuMM01) -> None:
    listed = METHODS[method]
    for variant in listed.variants:
        for row in (None, *listed.rows):
            recipe = listed.resolve(variant, row)
            small = shrunk(recipe, dict(flattened(recipe.model_dump(mode="json"))))
            images = some(list(people.records(small.data.train_identities)))
            if row in (None, next(iter(listed.rows), None)):
                source = Source(images, small)
                assert 1 <= len(source) <= 12
                listed.build(small, source.identities)
            assert (small.select, small.height * small.width <= 256 * 128) == ("last", True)


# --- the folder


@pytest.mark.slow
def test_a_folder_goes_on_only_with_what_it_was_begun_with(
    stand_in: None, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(method: str = "flat", table: str = "t", data: SysuMM01 | None = None, **more: Any) -> Plan:
        return planned(method, table, data or SysuMM01(colours), **more)

    out = tmp_path / "t"
    out.mkdir()
    assert begin(out, plan()) == {}
    whole = json.loads((out / "plan.json").read_text())
    assert {"rgbir", "torch", "onnxruntime", "python"} <= whole["versions"].keys()
    moved, fewer, redrawn = tmp_path / "moved", tmp_path / "fewer", tmp_path / "redrawn"
    moved.symlink_to(colours)
    shutil.copytree(colours, fewer)
    (fewer / "cam1/0001/0001.jpg").unlink()
    shutil.copytree(colours, redrawn)
    flat.permutations(redrawn, seed=6)
    assert begin(out, plan(data=SysuMM01(moved))) == {}
    for other, words in (
        (plan("expat", "table1"), "method was flat and is expat; .*table was t and is table1"),
        (plan(table="other"), "table was t and is other"),
        (plan(variant="again"), "variant was paper and is again"),
        (plan(seeds=2), "seeds was 1 and is 2"),
        (plan(smoke=True), "smoke was False and is True"),
        (plan(rows=["even"]), "rows were t.even and t.red and are t.even"),
        (plan(changes={"schedule.updates": 4}), "setting schedule.updates was 3 and is 4"),
        (plan(data=SysuMM01(fewer)), "data: identity 1 had 12 images and has 11"),
        (plan(data=SysuMM01(redrawn)), "data: the trials draw other images; is it another rand_perm_cam.mat"),
    ):
        with pytest.raises(BadReproduction, match=words):
            begin(out, other)
    with monkeypatch.context() as patched:
        patched.setitem(flat.PROTOCOLS, "indoor-multi", "sysu")
        with pytest.raises(BadReproduction, match=r"t\.even was measured by .*indoor3 and would be by .*multi sysu"):
            begin(out, plan())
    (out / "plan.json").write_text(json.dumps(whole | {"versions": whole["versions"] | {"torch": "1.0"}}))
    assert begin(out, plan())["torch"][0] == "1.0"
    (out / "plan.json").write_text("{}")
    with pytest.raises(BadReproduction, match="none of rgbir's, or damaged"):
        begin(out, plan())
    (tmp_path / "full/of").mkdir(parents=True)
    with pytest.raises(BadReproduction, match=r"holds of and no plan\.json"):
        begin(tmp_path / "full", plan())


def test_other_weights_under_the_same_name_are_other_weights(people: SysuMM01, tmp_path: Path) -> None:
    weights, out = tmp_path / "w.pth", tmp_path / "t"
    out.mkdir()
    weights.write_bytes(b"one")
    plan = planned("expat", "table3", people, changes={"imagenet": str(weights)})
    begin(out, plan)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "w.pth").write_bytes(b"one")
    assert begin(out, planned("expat", "table3", people, changes={"imagenet": str(elsewhere / "w.pth")})) == {}
    weights.write_bytes(b"two")
    with pytest.raises(BadReproduction, match=r"imagenet was w.pth \(.*\) and is w.pth"):
        begin(out, plan)
    weights.unlink()
    with pytest.raises(UsageError, match="can't be read: there is no such file"):
        begin(out, plan)
    assert "imagenet" not in dict(settings_of(plan.rows[0]))


def test_two_reproductions_in_one_folder_are_one_too_many(stand_in: None, colours: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "t"):
        refused = run("flat", "t", "--data", colours, "--out", tmp_path / "t").exception
    assert isinstance(refused, ReproductionBusy)
    assert f"process {os.getpid()} is writing to" in str(refused)
    assert "Another reproduction needs another --out" in str(refused)


# --- what is told


def test_what_was_not_as_published_is_told(stand_in: None, colours: Path, tmp_path: Path, people: SysuMM01) -> None:
    from rgbir.export.reproduce.table import Table

    plan = planned("flat", "t", SysuMM01(colours), changes={"schedule.updates": 4})
    notes = "\n".join(Table(plan, [], {"t.red": "burnt"}, {"torch": ("1", "2")}).notes())
    assert "t.red failed: burnt" in notes
    assert "versions changed on the way: torch 1, now 2" in notes
    assert "aren't those that were published" in notes
    assert "train identities 3 where 296 are published" in notes
    assert "every row was given schedule.updates=4" in notes
    assert "not here: t.plot: no number is printed: only a plot" in notes
    told = "\n".join(Table(planned("expat", "table1", people), []).notes())
    assert "all rows: resnet50 begins with random weights" in told
    told = "\n".join(Table(planned("agw", "peers", people, "official-code"), []).notes())
    assert "measured with the weights of best_on_test; they are chosen on the test set, and too good" in told


def test_a_start_from_nothing_is_warned_about_before_it(tmp_path: Path, people: SysuMM01) -> None:
    with alone(tmp_path / "t"):
        pass
    warned = run(
        "expat", "table3", "--data", people.root, "--out", tmp_path / "t", "--device", "cpu", "--set", "tuples=99"
    )
    assert warned.exit_code == 1  # there aren't so many people
    assert "all rows: resnet50 begins with random weights, so don't compare this run" in warned.stderr
    assert "table3.at failed: the training images don't make the recipe's batches" in warned.stdout


@pytest.mark.slow
def test_a_row_that_fails_is_named_and_the_others_are_done(
    stand_in: None, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = training.trained

    def breaking(what: training.Training, *more: Any) -> Any:
        if what.row == "t.even":
            raise NotFinite("update 7: the loss is not finite")
        return trained(what, *more)

    with monkeypatch.context() as patched:
        patched.setattr(stages, "trained", breaking)
        done = run("flat", "t", "--data", colours, "--out", tmp_path / "t", "--markdown", tmp_path / "t.md")
    assert done.exit_code == 1
    shown = (tmp_path / "t.md").read_text()
    assert "* t.even failed: update 7: the loss is not finite" in shown
    assert ("t.even", "all-search single-shot", ["failed", "-", "-", "-", "-"]) in lines_of(shown)
    assert "| t.red | all-search single-shot | printed |" in shown
    assert run("flat", "t", "--data", colours, "--out", tmp_path / "t").exit_code == 0  # as if it had been mended


@pytest.mark.slow
def test_a_smoke_is_no_measurement(stand_in: None, colours: Path, tmp_path: Path) -> None:
    words = ["flat", "t", "--data", colours, "--out", tmp_path / "t", "--rows", "red", "--smoke"]
    words += ["--set", "height=32", "--set", "width=16"]
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["title"].startswith("SMOKE of flat t")
    assert "No measurement" in content["title"]
    assert all(cell["ours"] is not None and not cell["printed"] and not cell["difference"] for cell in content["cells"])
    again = run(*words)
    assert "10.00" not in again.stdout  # which is printed
    assert "smoke, no measurement" in again.stdout
    assert not re.search(r": (training|export|measuring)", again.stderr)


# --- on its way


@pytest.mark.slow
def test_a_training_on_its_way_stands_beside_the_released_log(
    stand_in: None, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a log with epochs 0, 1, 2 and 9; ours has three, of which the test set is measured after each."""
    log = {"setting": "all-single", "of": "a log", "epochs": [0, 1, 2, 9], "R1": ["10.00", "20.5", "31.00", "90.0"]}
    log["mAP"] = ["1.00", "2.00", "3.00", "4.00"]
    monkeypatch.setitem(CURVES, "flat", {"t.red": log})
    words = ["flat", "t", "--data", colours, "--rows", "red"]
    bare = run(*words, "--out", tmp_path / "bare", "--json")
    ranks = iter((0.11, 0.20, 0.33))

    def measured(validation: Validation, method: Method, device: torch.device, *stop: Any) -> Any:
        rank = next(ranks)
        return SimpleNamespace(rank=lambda k: rank, mean_ap=rank / 10, mean_inp=0.5)

    monkeypatch.setattr(Validation, "__call__", measured)
    monkeypatch.setattr(Source, "epoch_of", lambda source, update: update // 2)
    monkeypatch.setattr(Source, "before", lambda source, epoch: 2 * epoch)
    chosen = ["select=best_on_test", "tested.first=0", "tested.every=1", "schedule.updates=6"]
    done = run(
        *words, *(word for name in chosen for word in ("--set", name)), "--out", tmp_path / "t", "--markdown", tmp_path / "t.md",
        "--report", tmp_path / "t.json",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    text = (tmp_path / "t.md").read_text()
    assert (
        "t.red on its way, all-search single-shot, after each epoch (counted from 0): a log; and ours on the first"
        in text
    )
    for line in (
        "| 0 | 10.00 | 11.00 | +1.00 | 1.00 | 1.10 | +0.10 |",
        "| 1 | 20.5 | 20.00 | -0.50 | 2.00 | 2.00 | +0.00 |",
        "| 2 | 31.00 | 33.00 | +2.00 | 3.00 | 3.30 | +0.30 |",
        "| 9 | 90.0 | - | - | 4.00 | - | - |",
    ):
        assert line in text
    assert "+2.00" in done.stdout
    cells = json.loads((tmp_path / "t.json").read_text())["curves"]
    assert [(c["epoch"], c["score"], c["released"], c["difference"]) for c in cells[:2]] == [
        (0, "R1", "10.00", "+1.00"), (0, "mAP", "1.00", "+0.10"),
    ]  # fmt: skip
    told = json.loads(bare.stdout)
    assert all(cell["ours"] is None for cell in told["curves"])
    assert any("the released log has nothing of ours beside it" in note for note in told["notes"])


# --- stops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_a_signal_in_training_ends_with_the_line_that_goes_on(
    stand_in: None, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    item, out = Source.raw, tmp_path / "a table"

    def interrupted(source: Source, update: int, *share: Any) -> Any:
        if update == 1:
            signal.raise_signal(number)
        return item(source, update, *share)

    words = ["flat", "t", "--data", colours, "--out", out, "--rows", "red", "--set", "schedule.updates=5", "--report", tmp_path / "t.json"]  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(Source, "raw", interrupted)
        stopped = run(*words)
    assert stopped.exit_code == 128 + number
    assert f"stopped by {number.name} in the training of t.red after 2 of 5 updates, which are saved; go on with:" in (
        stopped.stdout
    )
    line = shlex.split(stopped.stdout.splitlines()[-1])
    assert line[:2] == ["rgbir", "reproduce"]
    seen: list[int] = []

    def counted(source: Source, update: int, *share: Any) -> Any:
        seen.append(update)
        return item(source, update, *share)

    with monkeypatch.context() as patched:
        patched.setattr(Source, "raw", counted)
        assert run(*line[2:]).exit_code == 0
    assert seen == [2, 3, 4]
    assert (tmp_path / "t.json").exists()


@pytest.mark.parametrize("text", ["{", "{}", ""])
@pytest.mark.slow
def test_a_report_that_is_damaged_is_measured_again(stand_in: None, colours: Path, tmp_path: Path, text: str) -> None:
    words = ["flat", "t", "--data", colours, "--out", tmp_path / "t", "--rows", "red", "--report", tmp_path / "t.json"]
    assert run(*words).exit_code == 0
    whole = (tmp_path / "t.json").read_text()
    report = next((tmp_path / "t").rglob("report-*.json"))
    report.write_text(text)

    assert run(*words).exit_code == 0

    assert (tmp_path / "t.json").read_text() == whole


@pytest.mark.slow
def test_a_signal_in_another_stage_ends_after_it(
    stand_in: None, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = bundle.export

    def interrupted(*given: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return export(*given)

    words = ["flat", "t", "--data", colours, "--out", tmp_path / "t", "--rows", "red"]
    with monkeypatch.context() as patched:
        patched.setattr(stages, "export", interrupted)
        stopped = run(*words)
    assert stopped.exit_code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM before t.red was done; go on with:\nrgbir reproduce flat t" in stopped.stdout
    done = run(*words)
    assert done.exit_code == 0
    assert [line.split(": ")[1] for line in done.stderr.splitlines() if line.startswith("t.red (")] == [
        "measuring all-single by sysu-imagecmc"
    ]


PROCESS = "import sys; from rgbir.client.cli import main; sys.argv[1:1] = ['reproduce']; main()"
DYING = "import os, signal; dead = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
KILLS = {
    "planning": "import rgbir.index.files as f; f.put_in_place = lambda *given: dead()\n",
    "training": "from rgbir.training.run import Run; save = Run.save_checkpoint\n"
    "Run.save_checkpoint = lambda *given: (save(*given), dead())\n",
    "export": "import rgbir.export.bundle as b; b.prove = lambda *given: dead()\n",
    "a bundle without its mark": "import rgbir.export.reproduce.stages as s; export = s.export\n"
    "s.export = lambda *given: (export(*given), dead())\n",
    "measuring": "import rgbir.export.reproduce.stages as s; write = s.write\n"
    "s.write = lambda file, what: dead() if 'multi' in file.name else write(file, what)\n",
}


def command(colours: Path, out: Path) -> list[str]:
    """Two rows, two settings each; two updates, each of which is saved."""
    words = ["expat", "table6", "--rows", "at", "--rows", "cosine", "--smoke", "--set", "checkpoint_every=1"]
    return [*words, "--data", str(colours), "--out", str(out), "--json"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, colours: Path) -> Any:
    """The table of a reproduction that nothing happened to."""
    return in_a_process(command(colours, tmp_path_factory.mktemp("whole") / "t"))[1]


def in_a_process(words: list[str], before: str = "") -> tuple[int, Any, str]:
    """Its exit code, the table it prints and what it says on the way."""
    done = subprocess.run(
        [sys.executable, "-c", before + PROCESS, *words], capture_output=True, text=True, timeout=280, check=False
    )
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("stage", KILLS)
def test_a_process_that_is_killed_in_any_stage_goes_on_to_the_same_table(
    tmp_path: Path, colours: Path, whole: Any, stage: str
) -> None:
    words = command(colours, tmp_path / "t")
    code, _, said = in_a_process(words, DYING + KILLS[stage])
    assert code == -signal.SIGKILL
    finished = {file: file.stat().st_mtime_ns for file in (tmp_path / "t").rglob("*ed.json")}
    finished |= {file: file.stat().st_mtime_ns for file in (tmp_path / "t").rglob("report-*.json")}
    assert bool(finished) == (stage not in {"planning", "training"})

    code, table, again = in_a_process(words)

    assert code == 0, again
    assert table == whole
    assert all(file.stat().st_mtime_ns == then for file, then in finished.items())
    first = {"planning": "training", "training": "training", "measuring": "measuring all-multi"}.get(stage, "export")
    assert f"table6.cosine (1 of 2): {first}" in next(line for line in again.splitlines() if "(1 of 2)" in line)
    assert not list((tmp_path / "t").rglob(".export-*"))
    assert not list((tmp_path / "t").rglob(".*.new*"))
    assert ("(1 of 2): training" in said) == (stage != "planning")


@pytest.mark.slow
def test_a_reproduction_that_is_killed_again_and_again_ends_as_one_that_never_was(
    tmp_path: Path, colours: Path, whole: Any
) -> None:
    words, chance = command(colours, tmp_path / "t"), random.Random(1)
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", PROCESS, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(chance.uniform(3, 10))
        process.kill()
        process.wait()
    code, table, said = in_a_process(words)
    assert code == 0, said
    assert table == whole
