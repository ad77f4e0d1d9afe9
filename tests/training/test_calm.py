"""Explosions of the loss: which are one, and what a run does then."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.training.small import make_run, recipe_of, recorded

from rgbir.index import SysuMM01
from rgbir.training import train
from rgbir.training.calm import Calm
from rgbir.training.errors import Exploded


def alarm(losses: list[float], factor: float = 1_000) -> int | None:
    """The first update that is an explosion."""
    calm = Calm(factor)
    for update, loss in enumerate(losses):
        try:
            calm.expect(update, loss)
        except Exploded:
            return update
    return None


def test_a_loss_explodes_when_it_is_a_thousand_times_its_lowest_median() -> None:
    steady = [6.0] * 150
    assert alarm([*steady, 6_001.0]) == 150
    assert alarm([*steady, 5_999.0, *steady]) is None
    assert alarm([6.0, 6_001.0]) == 1
    assert alarm([6.0, -6_001.0]) == 1
    assert alarm([1e9, 2e9]) is None  # nothing to compare the first one with
    assert alarm([6.0, 7e3], factor=2_000) is None
    assert alarm([6.0, 1e30], factor=0) is None


def test_a_slow_rise_is_found_and_a_fall_to_nothing_is_none() -> None:
    rising = [6.0 * 1.05**update for update in range(200)]
    assert alarm(rising) == math.ceil(math.log(1_000) / math.log(1.05))
    assert alarm([*([0.0] * 150), 999.0]) is None
    assert alarm([*([0.0] * 150), 1_001.0]) == 150
    # 49 spikes of a hundred are no median; the loss settles 20 times higher than it began, as D-HSME's does in its warm-up.
    assert alarm([1.0, *([20.0] * 60), *([900.0] * 49)] * 3) is None


def test_a_resumed_watch_goes_on_where_it_was() -> None:
    losses = [5.0 + math.sin(update) for update in range(230)]
    whole, first, second = Calm(1_000), Calm(1_000), Calm(1_000)
    for update, loss in enumerate(losses):
        whole.expect(update, loss)
    for update, loss in enumerate(losses[:130]):
        first.expect(update, loss)
    second.restore(first.state())
    for update, loss in enumerate(losses[130:]):
        second.expect(update, loss)
    assert second.state() == whole.state()


@pytest.mark.slow
def test_a_run_that_explodes_ends_with_advice_and_without_its_last_update(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"schedule.updates": 4, "schedule.warmup": 0, "optimiser.learning_rate": 100.0, "checkpoint_every": 1}
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=changes))

    with pytest.raises(
        Exploded, match=r"update 1: the loss is .* Lower optimiser\.learning_rate .* set explosion above"
    ):
        train(run, source)
    assert run.load_checkpoint()["updates"] == 1
    with pytest.raises(Exploded, match="update 1: "):  # the checkpoint remembers what losses were before
        train(run, source, resume=True)

    loud, source = make_run(tmp_path / "loud", people, recipe_of("expat", changes={**changes, "explosion": 0}))
    _, totals = recorded(loud, source)
    assert totals[1] > 1_000 * totals[0]
    assert loud.load_checkpoint()["calm"]["recent"] == list(totals.values())


def test_a_checkpoint_of_before_has_no_such_memory(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 2}))
    train(run, source)
    state = run.load_checkpoint()
    del state["calm"]
    torch.save(state, run.folder / "checkpoint.pt")

    train(run, source, resume=True)
