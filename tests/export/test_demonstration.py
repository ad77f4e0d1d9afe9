"""The demonstration's bundle is made again by its command: here by a recipe of seconds, on few people."""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import subprocess
import sys
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from tests.commands import run
from tests.waiting import until

CODE = """
import sys
from dataclasses import replace
from rgbir.client.cli import main
from rgbir.export import cli
from rgbir.export.reproduce import sets
from rgbir.export.reproduce.demonstration import recipe
from rgbir.export.reproduce.drawn import people_of
from rgbir.index.synthetic import Split

def drawn(drawing, seed):
    return lambda folder: people_of(drawing, Split(4, 0, 0), 2, seed, folder)

few = {"tuples": 2, "checkpoint_every": 2, "height": 64, "width": 32, "schedule.milestones": []}
recipe.STAGES = tuple(
    replace(stage, drawn=drawn(drawing, 90), settings={**stage.settings, **few, "schedule.updates": updates})
    for stage, drawing, updates in zip(recipe.STAGES, (2, 1), (6, 24))
)
sets.SEEDS, sets.PEOPLE, sets.IMAGES = range(1, 4), Split(0, 0, 5), 2
cli.explain_bundle = lambda bundle, data: print("explained by", data, file=sys.stderr)  # its tests need a trained network
main()
"""


def remaking(out: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        CODE,
        "reproduce",
        "demonstration",
        "--out",
        str(out),
        "--cache",
        str(out / "cache"),
        "--json",
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def remade(out: Path) -> dict[str, Any]:
    process = remaking(out)
    answer, words = process.communicate()
    assert process.returncode == 0, words
    content: dict[str, Any] = json.loads(answer)
    return content


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("whole") / "remade"
    return out, remade(out)


@pytest.mark.slow
def test_a_figure_is_the_mean_of_what_evaluate_says_of_each_set(whole: tuple[Path, dict[str, Any]]) -> None:
    out, content = whole
    bundle = Path(content["bundle"])
    card = json.loads((bundle / "card.json").read_text())
    for drawing in ("1", "2"):
        of = out / "sets" / f"drawing-{drawing}"
        reports = [
            json.loads(run("evaluate", "--data", of / f"seed-{seed}", "--bundle", bundle, "--json").stdout)
            for seed in (1, 2, 3)
        ]
        scores = content["measured"][drawing]
        recorded = card["measured"][f"sysu, all-search, single-shot, drawing {drawing}"]
        assert {"sets": 3, **recorded}.items() >= scores.items()
        for name, key in (("rank_1", ("cmc", "1")), ("rank_5", ("cmc", "5")), ("mAP", ("mAP",)), ("mINP", ("mINP",))):
            each = [reduce(getitem, key, report) for report in reports]
            assert scores[name] == pytest.approx(statistics.mean(each), abs=1e-6)
            assert scores["spread"][name] == pytest.approx(statistics.stdev(each), abs=1e-6)
        assert scores["sets"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_was_stopped_in_both_trainings_goes_on_to_the_same_bytes(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "remade"
    for stage in ("first", "run"):
        process = remaking(out)
        until((out / stage / "checkpoint.pt").exists, "a checkpoint")
        process.send_signal(number)
        _, words = process.communicate()
        assert process.returncode in (-number, 128 + number), words
        assert not (out / "expat_compact.synthetic_people").exists()
    content = remade(out)
    assert content["weights"] == whole[1]["weights"]
    assert not content["same"]
    assert content["measured"] == whole[1]["measured"]


@pytest.mark.slow
def test_a_run_of_another_recipe_is_refused_and_left(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "remade"
    shutil.copytree(whole[0], out)
    shutil.rmtree(out / "expat_compact.synthetic_people")
    file = out / "first/recipe.json"
    content = json.loads(file.read_text())
    content["recipe"]["schedule"]["updates"] = 7
    file.write_text(json.dumps(content))

    process = remaking(out)
    _, words = process.communicate()

    assert process.returncode == 2
    assert "first was begun with another schedule; give another --out, or remove it" in words
    assert json.loads(file.read_text()) == content
