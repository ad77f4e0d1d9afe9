"""Numbers below the normal ones become zero in a training on a processor, which takes long over them; older runs keep them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.training.small import make_run, recipe_of

from rgbir.index import SysuMM01
from rgbir.training import Losses, load_run, train

TINY = torch.tensor([3e-39, 1e-45])


@pytest.mark.parametrize(("denormals", "left"), [("flush", 0), ("keep", 2)])
def test_they_are_zero_or_stay_while_a_network_is_trained(
    tmp_path: Path, people: SysuMM01, denormals: str, left: int
) -> None:
    changes = {"schedule.updates": 1, "denormals": denormals}
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=changes))
    seen = list[int]()

    train(run, source, device="cpu", watch=lambda update, losses: seen.append(int((TINY * 1.0).count_nonzero())))

    assert seen == [left]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("denormals", ["flush", "keep"])
def test_afterwards_the_caller_has_them_as_before(
    tmp_path: Path, people: SysuMM01, denormals: str, before: bool
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"denormals": denormals}))

    def stop(update: int, losses: Losses) -> None:
        raise KeyboardInterrupt

    torch.set_flush_denormal(before)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(run, source, device="cpu", watch=stop)
        assert int((TINY * 1.0).count_nonzero()) == (0 if before else 2)
    finally:
        torch.set_flush_denormal(False)


def test_a_run_of_before_goes_on_as_it_began(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 1}))
    train(run, source, device="cpu")
    file = tmp_path / "run" / "recipe.json"
    content = json.loads(file.read_text())
    assert content["recipe"].pop("denormals") == "flush"
    assert load_run(tmp_path / "run").recipe.denormals == "flush"
    file.write_text(json.dumps(content))

    assert load_run(tmp_path / "run").recipe.denormals == "keep"
