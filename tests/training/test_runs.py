"""`rgbir runs`: trainings side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from tests.training.small import make_run, recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import SysuMM01, UsageError
from rgbir.training import BadCheckpoint, load_run, train
from rgbir.training.errors import Stopped
from rgbir.training.runs import Validated, runs_below


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Path:
    """A finished run, one of another seed below it that was stopped, one of another method, and what is none."""
    root = tmp_path_factory.mktemp("runs")
    for name, method, changes, stop in (
        ("a", "expat", {"seed": 0}, False),
        ("more/b", "expat", {"seed": 1}, True),
        ("c", "lccrf", {"seed": 1}, False),
    ):
        recipe = recipe_of(method, changes={"schedule.updates": 2, "checkpoint_every": 1, **changes})
        run, source = make_run(root / name, people, recipe, method)
        try:
            train(run, source, stop=lambda stop=stop: stop)  # type: ignore[misc]
        except Stopped:
            assert stop
    for update, rank_1, mean_ap in ((1, 0.5, 0.25), (2, 0.5, 0.5), (2, 0.25, 0.75)):
        load_run(root / "a").log(update=update, rank_1=rank_1, mean_ap=mean_ap)
    for name, text in (("cake", '{"flour": 1}'), ("torn", '{"method": "ex'), ("list", "[1]")):
        (root / name).mkdir()
        (root / name / "recipe.json").write_text(text)
    (root / "empty").mkdir()
    return root


def listed(folder: Path) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["runs", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.mark.slow
def test_runs_are_found_with_what_they_reached(folder: Path) -> None:
    listing = runs_below(folder)
    a, c, b = listing.runs

    assert [(run.run, run.method, run.state, run.saved, run.done, run.total) for run in listing.runs] == [
        ("a", "expat", "finished", 2, 2, 2), ("c", "lccrf", "finished", 2, 2, 2), ("more/b", "expat", "stopped", 1, 1, 2),
    ]  # fmt: skip
    losses = json.loads((folder / "a/log.jsonl").read_text().splitlines()[0])["losses"]
    assert (a.losses, b.losses) == (losses, {})
    assert (a.best, a.last) == (Validated(1, 0.5, 0.25), Validated(2, 0.25, 0.75))
    assert (c.last, a.data, a.identities, a.row) == (None, "people", 4, "")
    assert "seed" in listing.differing
    assert not {"height", "schedule.updates", "expat.form"} & set(listing.differing)  # LCCRF has no `expat.form`
    assert set(listing.left_out) == {"cake", "torn", "list"}
    assert listed(folder) == json.loads(listing.to_json())


@pytest.mark.slow
def test_the_table_has_a_column_for_what_differs_and_names_what_is_none(folder: Path) -> None:
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["runs", str(folder)])

    assert done.exit_code == 0
    heading, *lines = [line for line in done.output.splitlines() if line[:1] in "┃│"]
    columns = [word.strip() for word in heading.strip("┃").split("┃")]
    cells = {words[0]: dict(zip(columns, words, strict=True)) for words in (
        [word.strip() for word in line.strip("│").split("│")] for line in lines
    )}  # fmt: skip
    assert "row" not in columns
    assert (cells["a"]["seed"], cells["more/b"]["seed"]) == ("0", "1")
    assert (cells["more/b"]["updates"], cells["more/b"]["state"]) == ("1/2", "stopped")
    assert cells["a"]["last rank-1/mAP"] == "25.00/75.00"
    assert cells["a"]["best rank-1/mAP"] == "50.00/25.00 at 1"
    assert "left out: cake: its recipe.json is none of rgbir's, or damaged: it lacks 'recipe'" in done.output


def test_a_run_is_running_while_a_process_trains_in_it(folder: Path) -> None:
    with load_run(folder / "more/b").alone():
        assert [run.state for run in runs_below(folder).runs] == ["finished", "finished", "running"]
    assert runs_below(folder / "more/b").runs[0].run == "."


def test_a_run_of_before_is_listed_by_its_log(tmp_path: Path, people: SysuMM01) -> None:
    recipe = recipe_of("expat", changes={"schedule.updates": 2})
    train(*make_run(tmp_path / "run", people, recipe))
    (tmp_path / "run/data.json").unlink()
    (tmp_path / "run/lock").unlink()
    save_file(load_file(weights := tmp_path / "run/weights.safetensors"), weights)
    content = json.loads((tmp_path / "run/recipe.json").read_text())
    del content["row"]
    (tmp_path / "run/recipe.json").write_text(json.dumps(content))

    (run,) = listed(tmp_path)["runs"]
    assert (run["state"], run["saved"], run["done"], run["total"]) == ("finished", None, 2, 2)
    del content["recipe"]["schedule"]
    (tmp_path / "run/recipe.json").write_text(json.dumps(content))
    (run,) = listed(tmp_path)["runs"]
    assert (run["state"], run["total"]) == ("stopped", None)


def test_folders_without_runs_and_what_is_no_folder(tmp_path: Path, folder: Path) -> None:
    assert CliRunner().invoke(app, ["runs", str(tmp_path)]).output == f"no runs below {tmp_path}\n"
    with pytest.raises(UsageError, match="is not a folder"):
        runs_below(tmp_path / "nothing")
    for name in ("cake", "torn", "list"):
        with pytest.raises(BadCheckpoint, match=r"recipe\.json is none of rgbir's, or damaged"):
            load_run(folder / name)


@pytest.mark.slow
def test_a_list_of_runs_needs_no_torch(folder: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['rgbir', 'runs', sys.argv[1]];"
        "from rgbir.client.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout
