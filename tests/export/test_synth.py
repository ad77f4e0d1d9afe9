"""The methods compared on synthetic people: recipes and budget, the file of runs, the statistics, the page, and stops."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from tests.commands import Done, run
from tests.conftest import ROOT, made_once

from rgbir.export.errors import BadReproduction
from rgbir.export.reproduce.synth import evidence, work
from rgbir.export.reproduce.synth.budget import within
from rgbir.export.reproduce.synth.drawing import drawing
from rgbir.export.reproduce.synth.job import jobs
from rgbir.export.reproduce.synth.page import page
from rgbir.export.reproduce.synth.pairs import UNDECIDED, paired
from rgbir.export.reproduce.synth.rows import changes, chosen, rows
from rgbir.index import Setting, SysuMM01
from rgbir.index.evaluation import PROTOCOLS, evaluate
from rgbir.index.synthetic.drawing2.sysu import SIZES, write_sysu
from rgbir.index.synthetic.drawing2.world import World
from rgbir.training import load_run
from rgbir.training.data.images import training_records
from rgbir.training.data.source import Source
from rgbir.training.data.store import ImageStore
from rgbir.training.methods import entry
from rgbir.training.recipe import flat
from rgbir.training.validate import embedded

IMAGES_OF_TEST = 192
"""Two updates of 96 images."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people of size tiny."""

    def draw(folder: Path) -> None:
        write_sysu(folder / "people", World(), SIZES["tiny"].split, SIZES["tiny"].images, "tiny", workers=1)

    return made_once(tmp_path_factory, "tiny2", draw) / "people"


def words(tiny: Path, folder: Path, *more: object) -> list[str]:
    """A command of two updates a training."""
    given = ["--size", "tiny", "--data", tiny, "--out", folder / "out", "--evidence", folder / "e.json"]
    return [
        "reproduce",
        "synth",
        *map(str, [*given, *(["--images", IMAGES_OF_TEST] if "--images" not in more else []), *more]),
    ]


def synth(tiny: Path, folder: Path, *more: object) -> Done:
    return run(*words(tiny, folder, *more))


def figures(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that doesn't tell how long it took, in one order."""
    shown = [{**one, "cost": {**one["cost"], "seconds": None}} for one in runs]
    return sorted(shown, key=lambda one: (one["label"], one["seed"]))


# --- recipes and budget


@pytest.mark.slow
def test_every_row_is_a_recipe_with_a_row_to_compare_it_with_and_cheap_ones_come_first() -> None:
    known = rows()
    labels = [row.label for row in known]
    assert len(set(labels)) == len(labels)
    assert {row.method for row in known} == {"expat", "lccrf", "dfe", "hpiln", "base_derivative", "strong"}
    assert [row.cost for row in known] == sorted(row.cost for row in known)
    assert known[0].cost > 0
    by_label = {row.label: row for row in known}
    for row in known:
        assert (row.against in by_label and row.claim != "") or not (row.against or row.claim), row.label
        assert not row.against or by_label[row.against].method == row.method
        recipe = row.recipe
        assert (recipe.height, recipe.width, recipe.data.train_identities, recipe.select) == (128, 48, "train", "last")
        assert recipe.imagenet is None
        assert recipe.backbone == ("res_mid" if row.method == "hpiln" else "compact")
        recipe.changed({"seed": 1})
        entry(row.method).build(recipe, 20)


def test_what_makes_a_row_of_a_paper_s_table_is_left_as_it_is() -> None:
    for row in rows():
        settings = dict(flat(row.recipe.model_dump()))
        for name, value in entry(row.method).rows[row.row].items() if row.row else ():
            assert settings[name] == value, (row.label, name)
    by_label = {row.label: row for row in rows()}
    assert by_label["strong.+erasing"].recipe.augment.erasing == 0.5
    assert by_label["strong.+view"].recipe.augment.erasing == 0.0
    assert by_label["expat.at"].recipe.augment.erasing == 0.2


def test_two_rows_that_are_compared_differ_by_what_is_told_and_by_nothing_that_is_common() -> None:
    by_label = {row.label: row for row in rows()}
    common = {name for change in changes() for name in change.settings} - {"augment.erasing"}
    for row in rows():
        if row.against:
            one, two = (dict(flat(by_label[label].recipe.model_dump())) for label in (row.label, row.against))
            apart = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
            assert apart, row.label
            assert not apart & common, (row.label, apart)


@pytest.mark.parametrize("label", ["expat.at", "dfe.full", "base-derivative.MDL4", "strong.all", "hpiln.hpi"])
def test_the_whole_course_shrinks_in_proportion(label: str) -> None:
    row = next(row for row in rows() if row.label == label)
    before, per_update, per_epoch = row.recipe, 48, 100
    after = within(before, 96_000, per_update, per_epoch)  # 2,000 updates, 20 epochs
    old, new = before.schedule, after.schedule
    length = "updates" if hasattr(old, "updates") else "epochs"
    assert getattr(new, length) == (2_000 if length == "updates" else 20)
    share = getattr(new, length) / getattr(old, length)
    for name in ("warmup", "every"):
        if hasattr(old, name):
            assert getattr(new, name) == pytest.approx(share * getattr(old, name), abs=0.5)
    for was, is_now in zip(getattr(old, "milestones", ()), getattr(new, "milestones", ()), strict=True):
        assert is_now == pytest.approx(share * was, abs=0.5)
    of_average = [dict(flat(recipe.model_dump())).get("average.since", 0) for recipe in (before, after)]
    assert of_average[1] == pytest.approx(share * of_average[0], abs=0.5)
    assert after.checkpoint_every == 100
    others = {"schedule", "average", "checkpoint_every"}
    assert after.model_dump(exclude=others) == before.model_dump(exclude=others)


@pytest.mark.slow
def test_all_rows_are_shown_as_many_images(tiny: Path) -> None:
    data = SysuMM01(tiny)
    records = training_records(data, rows()[0].recipe.data)
    for job in jobs(rows(), 1, drawing("tiny"), 20_000, records):
        source = Source(records, job.recipe)
        half_an_epoch = source.images_per_update * source.updates_per_epoch / 2
        assert len(source) * source.images_per_update == pytest.approx(20_000, abs=max(half_an_epoch, 64)), job.name


# --- the statistics


T_975 = {2: 4.302652729911275, 3: 3.182446305284263, 4: 2.776445105198655}
"""Of printed tables, by degrees of freedom."""


@pytest.mark.parametrize("seeds", [3, 4, 5])
def test_the_paired_interval_is_its_formula_written_slowly(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    one, two = ({seed: float(value) for seed, value in enumerate(rng.normal(50, 5, seeds))} for _ in range(2))
    two[99] = 1000.0  # which the other lacks
    total = sum(one[seed] - two[seed] for seed in range(seeds))
    mean = total / seeds
    squares = sum((one[seed] - two[seed] - mean) ** 2 for seed in range(seeds))
    half = T_975[seeds - 1] * math.sqrt(squares / (seeds - 1)) / math.sqrt(seeds)

    found = paired(one, two)

    assert found.seeds == seeds
    assert [found.mean, found.half] == pytest.approx([mean, half])


def test_an_order_is_claimed_only_where_the_interval_excludes_zero() -> None:
    base = {0: 10.0, 1: 20.0, 2: 30.0}  # which differ widely; their differences don't
    assert paired({seed: value + 5 + seed / 10 for seed, value in base.items()}, base).verdict == "higher"
    assert paired({seed: value - 5 - seed / 10 for seed, value in base.items()}, base).verdict == "lower"
    assert paired({0: 11.0, 1: 20.5, 2: 36.0}, base).verdict == UNDECIDED
    assert paired({0: 15.0, 1: 25.0}, base) == paired(base, {0: 5.0, 1: 15.0})
    assert paired({0: 15.0, 1: 25.0}, base).verdict == UNDECIDED  # two seeds, however alike
    assert (paired({}, base).mean, paired({}, base).verdict) == (None, UNDECIDED)


# --- the page


def by_hand(label: str, seed: int, rank_1: float, mean_ap: float, **more: Any) -> dict[str, Any]:
    """A line of evidence as nobody trained it."""
    row = next(row for row in rows() if row.label == label)
    recipe = within(row.recipe, 200_000, 48, 100).changed({"seed": seed}).model_dump(mode="json")
    found = {"people": 60, "rank_1": rank_1, "mAP": mean_ap, "mINP": 1.0}
    return {
        "label": label, "method": row.method, "variant": "paper", "row": row.row, "seed": seed,
        "drawing": drawing("small").to_dict(), "images": 200_000, "epoch": {"updates": 100, "images_per_update": 48},
        "people": "a", "recipe": recipe, "versions": {"torch": "2.0"},
        "cost": {"updates": 4167, "images": 200_016, "seconds": 600.0 + seed, "device": "x86_64, 2 threads"},
        "val": found, "test": {**found, "sets": 10, "spread": {"rank_1": 5.0 + seed}}, **more,
    }  # fmt: skip


def cells(text: str, first: str) -> list[list[str]]:
    """The lines of all tables that begin with that row."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(f"| `{first}` |")]
    return [[cell.strip() for cell in line] for line in lines]


def test_the_page_claims_what_is_shown_and_names_what_is_not_there() -> None:
    runs = [by_hand("expat.triplet", seed, 20.0 + seed, 30.0) for seed in range(3)]
    runs += [by_hand("expat.at", seed, 26.0 + seed + seed / 10, 30.0 + (seed - 1) * 3) for seed in range(3)]
    runs += [by_hand("expat.expat", seed, 50.0, 50.0) for seed in range(2)]
    failed = by_hand("dfe.full", 0, 0, 0, failed="update 7: the loss is not finite", cost={"device": "cpu"})
    runs.append({name: value for name, value in failed.items() if name not in ("val", "test")})

    text = page(runs)

    assert "## Partial: synthetic-people v2/small, 200,000 images a training" in text
    assert f"**Partial**: 2 of {len(rows())} rows have 3 seeds or more." in text
    figures, at = cells(text, "expat.at")
    assert figures[2:6] == ["3", "27.1 ± 1.1", "30.0 ± 3.0", "1.0 ± 0.0"]
    assert figures[-5:] == ["6.0", "4,167", "200,016", "601", "x86_64, 2 threads"]
    assert at[1:4] == ["`expat.triplet`", "expAT, Table 1: 25.91 to 37.00", "3"]
    assert at[4] == "+6.1 (+5.9 to +6.3)"  # 6, 6.1 and 6.2: s = 0.1, 4.3027 * 0.1 / sqrt(3) = 0.248
    assert at[5] == "**higher**"
    assert at[6] == "+0.0 (-7.5 to +7.5)"  # s = 3
    assert at[7] == "not decided here"
    decided = (
        "`expat.at` (the angular triplet) against `expat.triplet`: rank-1 +6.1, **higher**; mAP +0.0, not decided here."
    )
    assert f"\n* {decided}\n" in text
    assert text.index("What is decided here") < text.index("| row | what it is |")
    assert "* `expat.expat` (" not in text
    _, two_seeds = cells(text, "expat.expat")
    assert two_seeds[4:6] == [f"{fmean([50 - 26, 50 - 27.1]):+.1f}, no interval", "not decided here"]
    assert "`expat.expat` (2)" in text
    assert "* `dfe.full` from seed 0 failed: update 7: the loss is not finite" in text
    waiting = {row.label for row in rows()} - {run["label"] for run in runs}
    assert "Chance at rank-1: 1.7 on val (60 people) and 1.7 on test (60 people)." in text
    assert f"Not run: {len(waiting)} of {len(rows())} rows. " in text
    assert not [label for label in waiting if cells(text, label)]
    pairs = [row for row in rows() if row.against]
    assert f"Not compared: {len(pairs) - 2} of {len(pairs)} pairs, " in text
    assert "Nothing was run yet" not in text


def test_two_rows_that_have_not_left_chance_are_not_compared() -> None:
    """Chance among sixty is 1.667, and twice that 3.333."""
    for better, words in ((3.3, "neither has learnt"), (3.4, "**higher**")):
        runs = [by_hand("expat.triplet", seed, 1.7 + seed / 100, 4.0) for seed in range(3)]
        runs += [by_hand("expat.at", seed, better + seed / 100, 4.1) for seed in range(3)]
        of_pair = cells(page(runs), "expat.at")[1]
        assert of_pair[4].startswith(f"{better - 1.7:+.1f} (")
        assert [of_pair[5], of_pair[7]] == [words, words]


def test_a_whole_page_is_not_called_partial() -> None:
    text = page([by_hand(row.label, seed, 20.0 + seed, 30.0) for row in rows() for seed in range(3)])
    assert "artial" not in text
    assert "Not run" not in text
    assert "Not compared" not in text
    assert all(len(cells(text, row.label)) == 2 for row in rows() if row.against)


def test_a_page_without_a_whole_pair_has_no_table_of_pairs() -> None:
    text = page([by_hand("expat.at", 0, 20.0, 30.0)])
    assert "In pairs" not in text
    pairs = sum(bool(row.against) for row in rows())
    assert f"Not compared: {pairs} of {pairs} pairs, " in text


def test_runs_of_another_drawing_recipe_or_budget_are_not_mixed() -> None:
    runs = [by_hand("expat.at", seed, 20.0, 30.0) for seed in range(3)]
    other = {**drawing("small").to_dict(), "sheet": "0" * 64}
    runs += [by_hand("expat.at", seed, 90.0, 90.0, drawing=other) for seed in range(3)]
    tuned = by_hand("expat.at", 3, 90.0, 90.0)
    tuned["recipe"] = {**tuned["recipe"], "tuples": 9}
    newer = by_hand("expat.at", 4, 20.0, 30.0)
    newer["recipe"] = {**newer["recipe"], "a_setting_of_later": 1}

    text = page([*runs, tuned, newer])

    assert cells(text, "expat.at")[0][2:4] == ["4", "20.0 ± 0.0"]
    apart = text.partition("## Not mixed with these")[2]
    assert "sheet 000000000000, 200,000 images: 3 runs" in apart
    assert f"sheet {drawing('small').sheet[:12]}, 200,000 images: 1 run\n" in apart
    dearer = [by_hand("expat.at", 0, 1.0, 1.0, images=100_000)]
    for one in dearer:
        one["recipe"] = within(chosen(["expat.at"])[0].recipe, 100_000, 48, 100).model_dump(mode="json")
    both = page([*runs, *dearer])
    assert "v2/small, 100,000 images" in both
    assert "v2/small, 200,000 images" in both


def test_the_page_in_the_documents_is_that_of_the_file() -> None:
    runs = evidence.read(ROOT / "docs/evidence.json")
    text = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    assert text == page(runs), "rgbir reproduce synth --out synth --hours 0"
    assert ("Nothing was run yet" in text) == (not runs)


# --- the file


def _add(file: str, label: str, count: int) -> None:
    for seed in range(count):
        evidence.add(Path(file), by_hand(label, seed, 1.0, 1.0))


def test_processes_that_add_at_once_lose_nothing_and_add_nothing_twice(tmp_path: Path) -> None:
    file, spawn = tmp_path / "e.json", multiprocessing.get_context("fork")
    labels = ["expat.at", "expat.id", "expat.at"]
    processes = [spawn.Process(target=_add, args=(str(file), label, 8)) for label in labels]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    runs = evidence.read(file)
    assert sorted((run["label"], run["seed"]) for run in runs) == [(label, n) for label in sorted(set(labels)) for n in range(8)]  # fmt: skip
    assert len(file.read_text().splitlines()) == len(runs) + 2  # a run a line
    assert [entry.name for entry in tmp_path.iterdir()] == ["e.json"]


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"label": "a"}]'])
def test_a_file_that_is_none_of_runs_is_refused_and_left(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(BadReproduction, match="expected what rgbir reproduce synth writes"):
        evidence.add(tmp_path / "e.json", by_hand("expat.at", 0, 1.0, 1.0))
    assert (tmp_path / "e.json").read_text() == text


# --- the command


@pytest.fixture(scope="module")
def whole(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of a row that nothing happened to."""

    def make(folder: Path) -> None:
        assert synth(tiny, folder, "--rows", "expat.id", "--seeds", 2, "--json").code == 0

    return made_once(tmp_path_factory, "synth-whole", make)


@pytest.mark.slow
def test_a_finished_run_says_with_what_it_was_trained_and_what_it_found(whole: Path, tiny: Path) -> None:
    runs = evidence.read(whole / "e.json")
    assert [(run["label"], run["seed"]) for run in runs] == [("expat.id", 0), ("expat.id", 1)]
    for one in runs:
        assert one["drawing"] == drawing("tiny").to_dict()
        assert one["cost"]["updates"] == 2
        assert one["cost"]["images"] == IMAGES_OF_TEST
        assert one["cost"]["seconds"] > 0
        assert one["versions"]["torch"] == torch.__version__
        assert "val" not in one  # tiny holds nobody back
    assert runs[0]["test"] != runs[1]["test"]

    place = next((whole / "out/runs").glob("expat.id.seed-1.*/run"))
    trained = load_run(place)
    assert runs[1]["recipe"] == trained.recipe.model_dump(mode="json")
    data = SysuMM01(tiny)
    task = data.task(PROTOCOLS["sysu"], Setting(mode="all", shots="single"))
    sides = [
        embedded(trained.load_weights(), ImageStore(list(side), 128, 48), torch.device("cpu"))
        for side in (task.queries, task.gallery)
    ]
    assert sides[0] is not None
    assert sides[1] is not None
    report = evaluate(task, sides[0], sides[1], PROTOCOLS["sysu"], trained.load_weights().metric)
    assert runs[1]["test"]["sets"] == 1
    assert set(runs[1]["test"]["spread"].values()) == {0.0}
    assert runs[1]["test"]["rank_1"] == pytest.approx(100 * report.rank(1))
    assert runs[1]["test"]["mAP"] == pytest.approx(100 * report.mean_ap, abs=1e-4)
    assert runs[1]["test"]["mINP"] == pytest.approx(100 * report.mean_inp, abs=1e-4)
    assert (whole / "e.md").read_text() == page(runs)
    assert "**No measurement**: the size tiny" in page(runs)


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_more_seeds_are_added(whole: Path, tiny: Path, tmp_path: Path) -> None:
    for name in ("e.json", "e.md"):
        (tmp_path / name).write_bytes((whole / name).read_bytes())
    again = synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2)
    assert again.code == 0
    assert not list((tmp_path / "out/runs").glob("*")) if (tmp_path / "out/runs").exists() else True
    assert evidence.read(tmp_path / "e.json") == evidence.read(whole / "e.json")


@pytest.mark.slow
def test_runs_on_another_drawing_are_trained_again_and_told_apart(whole: Path, tiny: Path, tmp_path: Path) -> None:
    before = evidence.read(whole / "e.json")
    old = [{**one, "drawing": {**one["drawing"], "sheet": "f" * 64}} for one in before]
    evidence.write(tmp_path / "e.json", old)

    done = synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2)

    assert done.code == 0, done.stderr
    assert figures(evidence.read(tmp_path / "e.json")[2:]) == figures(before)
    assert f"sheet ffffffffffff, {IMAGES_OF_TEST} images: 2 runs" in (tmp_path / "e.md").read_text()


@pytest.mark.slow
def test_people_of_another_drawing_or_size_are_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    def of(**about: Any) -> Path:
        folder = tmp_path / "-".join(map(str, about.values())).replace("/", "-").replace(" ", "-")[:40]
        (folder / "exp").mkdir(parents=True)
        true = json.loads((tiny / "exp/drawing.json").read_text())
        (folder / "exp/drawing.json").write_text(json.dumps(true | about))
        return folder

    for folder, said in (
        (of(sheet="e" * 64), "has sheet eeeeeeeeeeee, and methods are compared on sheet"),
        (of(seed=3), "has seed 3, and methods are compared on seed 0"),
        (of(name="synthetic-people v2-crops/tiny"), "has drawing synthetic-people v2-crops/tiny, and"),
        (tmp_path, "expected a folder of rgbir synthesize --size tiny"),
    ):
        refused = synth(folder, tmp_path)
        assert refused.code == 2, refused
        assert said in re.sub(r"\s+", " ", refused.stderr)
    refused = run("reproduce", "synth", "--data", tiny, "--out", tmp_path / "o", "--evidence", tmp_path / "e.json")
    assert "has drawing synthetic-people v2/tiny, and methods are compared on drawing synthetic-people v2/small" in (
        refused.stderr
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--hours", 1, "--until", "07:30"], "give one of them"),
        (["--until", "soon"], "--until 'soon' is no time; expected 07:30"),
        (["--until", "2001-01-01T00:00"], "has passed"),
        (["--rows", "expat.ta"], "no row or method 'expat.ta'; did you mean 'expat.at'"),
        (["--device", "gpu"], "gpu"),
        (["--seeds", 0], "0"),
        (["--size", "large"], "large"),
    ],
)
def test_options_that_say_nothing_are_refused(tiny: Path, tmp_path: Path, more: list[Any], said: str) -> None:
    refused = synth(tiny, tmp_path, *more)
    assert refused.code == 2, refused
    assert said in refused.stderr
    assert not (tmp_path / "e.json").exists()


def test_no_time_trains_nothing_and_writes_the_page(tiny: Path, tmp_path: Path) -> None:
    done = synth(tiny, tmp_path, "--hours", 0)
    assert done.code == 0
    assert "the time is up; go on with:" in done.stdout
    assert evidence.read(tmp_path / "e.json") == []
    assert "Nothing was run yet" in (tmp_path / "e.md").read_text()
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_time_that_is_up_in_a_training_saves_it_and_the_same_command_goes_on(
    whole: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def over(order: work.Order) -> bool:
        asked.append(0)
        return len(asked) > 3  # before the first training, and within it

    with monkeypatch.context() as patched:
        patched.setattr(work.Order, "over", property(over))
        stopped = synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2, "--hours", 1)
    assert stopped.code == 0, stopped.stderr
    assert "the time is up; go on with:\nrgbir reproduce synth" in stopped.stdout
    assert evidence.read(tmp_path / "e.json") == []
    assert synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2).code == 0
    assert figures(evidence.read(tmp_path / "e.json")) == figures(evidence.read(whole / "e.json"))


def test_a_training_whose_loss_is_useless_is_told_and_not_tried_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rgbir.export.reproduce.synth import job
    from rgbir.training.errors import NotFinite

    tries = []

    def breaking(*given: Any) -> Any:
        tries.append(given)
        raise NotFinite("update 7: the loss is not finite")

    monkeypatch.setattr(job, "trained", breaking)
    for _ in range(2):
        assert synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 1).code == 0
    assert len(tries) == 1
    assert "`expat.id` from seed 0 failed: update 7: the loss is not finite" in (tmp_path / "e.md").read_text()


# --- stops


PROCESS = "import sys; from rgbir.client.cli import main; main()"
DYING = """import os, signal
from rgbir.training.run import Run
save = Run.save_checkpoint
Run.save_checkpoint = lambda *given: (save(*given), os.kill(os.getpid(), signal.SIGKILL))
"""
NO_MARK = """import os, signal
import rgbir.export.reproduce.synth.evidence as e
e.add = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
"""


def process(words: list[str], before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + PROCESS, *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(DYING, id="in the training"),
        pytest.param(NO_MARK, id="before the file", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_process_that_is_killed_goes_on_to_the_same_figures(
    whole: Path, tiny: Path, tmp_path: Path, before: str
) -> None:
    given = words(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2)
    killed = process(given, before)
    killed.communicate(timeout=280)
    assert killed.returncode == -signal.SIGKILL
    assert evidence.read(tmp_path / "e.json") == []
    place = next((tmp_path / "out/runs").glob("expat.id.seed-0.*"))
    assert (place / "run/checkpoint.pt").exists()

    assert run(*given).code == 0

    assert figures(evidence.read(tmp_path / "e.json")) == figures(evidence.read(whole / "e.json"))
    assert len(list((tmp_path / "out/runs").iterdir())) == 2


@pytest.mark.slow
def test_a_signal_saves_and_says_how_to_go_on(
    whole: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = Source.raw

    def interrupted(source: Source, update: int, *share: Any) -> Any:
        if update == 1:
            signal.raise_signal(signal.SIGTERM)
        return item(source, update, *share)

    with monkeypatch.context() as patched:
        patched.setattr(Source, "raw", interrupted)
        stopped = synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2)
    assert stopped.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in stopped.stdout
    assert stopped.stdout.splitlines()[-1].startswith("rgbir reproduce synth --out")


@pytest.mark.slow
def test_a_training_that_another_process_has_is_passed_over(whole: Path, tiny: Path, tmp_path: Path) -> None:
    name = next((whole / "out/runs").glob("expat.id.seed-0.*")).name
    with work.claimed(tmp_path / "out/runs" / name) as mine:
        assert mine
        done = synth(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2)
    assert done.code == 0
    assert "expat.id from seed 0: another process trains it" in done.stderr
    assert [run["seed"] for run in evidence.read(tmp_path / "e.json")] == [1]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "workers"), [("expat.id", 0), ("dfe.baseline", 1)])
def test_two_processes_at_once_share_the_trainings(tiny: Path, tmp_path: Path, row: str, workers: int) -> None:
    given = words(tiny, tmp_path, "--rows", row, "--seeds", 2, "--at-once", 2, "--workers", workers)
    both = process(given)
    said = both.communicate(timeout=280)[0]
    assert both.returncode == 0, said
    runs = evidence.read(tmp_path / "e.json")
    assert sorted((one["label"], one["seed"]) for one in runs) == [(row, 0), (row, 1)]
    assert said.count(", seed 0 (1 of 2)") == 1
    assert said.count(", seed 1 (2 of 2)") == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_at_once_end_when_they_are_asked_or_their_parent_dies(
    tiny: Path, tmp_path: Path, number: signal.Signals
) -> None:
    given = words(tiny, tmp_path, "--rows", "expat.id", "--seeds", 2, "--at-once", 2, "--images", 480_000)
    parent, places = process(given), tmp_path / "out/runs"
    _until(lambda: len(list(places.glob("*/run/recipe.json"))) == 2)
    parent.send_signal(number)
    parent.communicate(timeout=120)
    _until(lambda: all(_free(place) for place in places.iterdir()))
    assert evidence.read(tmp_path / "e.json") == []
    assert all((place / "run/checkpoint.pt").exists() for place in places.iterdir())
    assert number == signal.SIGKILL or parent.returncode == 128 + number


def _free(place: Path) -> bool:
    with work.claimed(place) as mine:
        return mine


def _until(true: Callable[[], bool], seconds: float = 280) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_word_table_may_be_left_out() -> None:
    short, long = (run("reproduce", *more, "expta", "t", "--data", ".", "--out", "o") for more in ((), ("table",)))
    assert (short.code, short.stderr) == (long.code, long.stderr)
    assert short.code == 2
