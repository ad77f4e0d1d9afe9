"""Which weights of a run are kept: the last, the best on held-back people, the best on the test set; each by its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from tests.training.small import make_run, recipe_of
from torch import Tensor
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.export import export
from rgbir.index import Bundle, SysuMM01
from rgbir.index.evaluation import Report
from rgbir.training import BadCheckpoint, Losses, Method, load_run, train
from rgbir.training.errors import BadRecipe, Stopped
from rgbir.training.methods import entry
from rgbir.training.record import on_test


class Measured:
    """Gives rank-1s in their order, and remembers the weights that it was asked about."""

    def __init__(self, ranks: Sequence[float]) -> None:
        self.ranks, self.states = list(ranks), list[dict[str, Tensor]]()

    def __call__(self, method: Method, device: torch.device) -> Report:
        self.states.append({name: value.clone() for name, value in method.state_dict().items()})
        rank = self.ranks[len(self.states) - 1]
        report = SimpleNamespace(rank=lambda k: rank, mean_ap=rank / 2, mean_inp=rank / 4)
        return cast(Report, report)


def same(method: Method, state: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, state[name]) for name, value in method.state_dict().items())


def small(select: str, updates: int = 4, **changes: Any) -> Any:
    return recipe_of(
        "expat", changes={"schedule.updates": updates, "validate_every": 1, "select": select, "tuples": 2, **changes}
    )


@pytest.mark.slow
def test_the_best_validation_is_kept_beside_the_last_weights_the_first_of_equals(
    tmp_path: Path, people: SysuMM01
) -> None:
    run, source = make_run(tmp_path / "run", people, small("best_validation"))
    measured = Measured([0.2, 0.5, 0.5, 0.3])

    last = train(run, source, validate=measured)

    assert run.best("best_validation") == (2, 0.5)
    assert same(run.load_weights(), measured.states[1])
    assert same(run.load_weights("last"), {name: value.cpu() for name, value in last.state_dict().items()})
    assert not same(run.load_weights(), measured.states[3])
    assert (run.folder / "weights.best_validation.safetensors").is_file()


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_the_best_that_it_had(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, small("best_validation", checkpoint_every=1))
    measured = Measured([0.2, 0.9, 0.5])

    def stop(update: int, losses: Losses) -> None:
        if update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, source, validate=measured, watch=stop)
    train(load_run(run.folder), source, validate=Measured([0.6, 0.7]), resume=True)

    assert run.best("best_validation") == (2, 0.9)
    assert same(run.load_weights(), measured.states[1])


@pytest.mark.slow
def test_a_run_that_was_killed_forgets_a_best_from_beyond_its_checkpoint(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, small("best_validation", checkpoint_every=2))

    def kill(update: int, losses: Losses) -> None:
        if update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, source, validate=Measured([0.1, 0.2, 0.9]), watch=kill)
    assert run.best("best_validation") == (3, 0.9)
    train(load_run(run.folder), source, validate=Measured([0.3, 0.25]), resume=True)

    assert run.best("best_validation") == (3, 0.3)


@pytest.mark.parametrize("select", ["best_validation", "best_on_test"])
@pytest.mark.slow
def test_a_run_that_is_stopped_while_it_measures_measures_first_when_it_goes_on(
    tmp_path: Path, people: SysuMM01, select: str
) -> None:
    run, source = make_run(tmp_path / "run", people, small(select, updates=1, validate_every=1))
    what = "validate" if select == "best_validation" else "test"

    def gives_up(method: Method, device: torch.device) -> None:
        return None

    def go(measure: Any, resume: bool = False) -> None:
        measures: dict[str, Any] = {what: measure}
        train(run, source, resume=resume, **measures)

    with pytest.raises(Stopped):
        go(gives_up)
    go(Measured([0.4]), resume=True)

    assert run.best(select) == (1, 0.4)  # type: ignore[arg-type]
    go(Measured([]), resume=True)  # what was measured isn't measured again


def test_the_test_set_is_measured_in_the_epochs_of_the_released_program() -> None:
    """There: epochs 0 to 80, measured after each epoch above 0 that is even."""
    source: Any = type("Epochs", (), {
        "recipe": entry("agw").recipe, "before": lambda self, epoch: 7 * epoch,
        "epoch_of": lambda self, update: update // 7, "__len__": lambda self: 7 * 81
    })()  # fmt: skip
    expected = [7 * (epoch + 1) for epoch in range(81) if epoch > 0 and epoch % 2 == 0]
    assert [done for done in range(1, 7 * 81 + 1) if on_test(done, source)] == expected
    assert expected[-1] == 7 * 81


def test_what_is_chosen_on_the_test_set_carries_that_name_everywhere(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, small("best_on_test", updates=1, validate_every=0))

    train(run, source, test=Measured([0.4]))

    lines = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert {"update": 1, "best_on_test_rank_1": 0.4, "best_on_test_mean_ap": 0.2, "best_on_test_mean_inp": 0.1} in lines
    assert all("rank_1" not in line for line in lines)


@pytest.mark.slow
def test_the_last_weights_of_such_a_run_go_by_the_plain_name(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, small("best_on_test", updates=1, validate_every=0))
    train(run, source, test=Measured([0.4]))
    card = export(run, tmp_path / "bundle")
    assert (card.name, card.weights) == ("expat_compact.people.best_on_test", "best_on_test")
    plain = export(run, tmp_path / "last", weights="last")
    assert (plain.name, plain.weights) == ("expat_compact.people", "last")


@pytest.mark.slow
def test_the_commands_say_so_too(tmp_path: Path, people: SysuMM01) -> None:
    def rgbir(*arguments: object) -> str:
        answer = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert answer.exit_code == 0, f"{answer.output} {answer.exception}"
        return answer.output

    sets = (
        "backbone=compact",
        "height=64",
        "width=32",
        "people=2",
        "images=2",
        "schedule.epochs=1",
        "validate_every=0",
    )
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    shown = rgbir(
        "train", "agw", "--variant", "official-code", "--data", people.root, "--out", run,
        *(word for setting in sets for word in ("--set", setting)),
    )  # fmt: skip
    assert "the weights are chosen on the test set" in shown
    assert "best_on_test (the test set, first trial): rank-1" in shown
    assert "rgbir export" in shown
    assert ".best_on_test" in shown.splitlines()[-1]

    shown = rgbir("export", run, "--out", bundle, "--data", people.root, "--protocol", "sysu-seeded")
    assert "measured best_on_test: rank-1" in shown
    assert "measured:" not in shown
    card = Bundle(bundle).card
    assert card.name.endswith(".best_on_test")
    assert [name.split(",")[0] for name in card.measured] == ["best_on_test"]

    rgbir(
        "evaluate",
        "--data",
        people.root,
        "--bundle",
        bundle,
        "--protocol",
        "sysu-seeded",
        "--report",
        tmp_path / "r.json",
    )
    about = json.loads((tmp_path / "r.json").read_text())["about"]
    assert about["weights"] == "best_on_test"
    assert about["model"].endswith(".best_on_test")


def test_a_selection_that_nobody_can_measure_is_refused(tmp_path: Path, people: SysuMM01) -> None:
    measured = Measured([])
    for number, (recipe, validate) in enumerate((
        (small("best_validation"), None),
        (small("best_validation", validate_every=0), measured),
        (small("best_validation").changed({"data.train_identities": "trainval"}), measured),
        (small("best_on_test"), measured),
    )):  # fmt: skip
        run, source = make_run(tmp_path / str(number), people, recipe)
        with pytest.raises(BadRecipe, match=f"select={recipe.select} needs"):
            train(run, source, validate=validate)
        assert not run.folder.exists()


def test_weights_that_were_never_kept_are_a_clear_error(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, small("last", updates=1, validate_every=0))
    train(run, source)
    with pytest.raises(BadCheckpoint, match="has kept no weights as best_on_test"):
        run.load_weights("best_on_test")
    with pytest.raises(BadCheckpoint, match="has measured nothing yet"):
        run.best("best_on_test")
    run.weights_file("best_on_test").write_bytes(b"damaged")
    with pytest.raises(BadCheckpoint, match="can't be read"):
        run.best("best_on_test")


def test_every_method_keeps_the_last_weights_unless_its_variant_says_otherwise() -> None:
    assert {entry(name).recipe.select for name in ("expat", "lccrf", "agw", "bdtr", "hpiln")} == {"last"}
