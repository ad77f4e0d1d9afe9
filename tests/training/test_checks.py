"""What every update is asked, at once or together, and that nothing else waits for a GPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.small import build, lasting, make_run, recipe_of
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rgbir.index import SysuMM01
from rgbir.training import METHODS, Losses, train
from rgbir.training import loop as training_loop
from rgbir.training.calm import Calm
from rgbir.training.checks import Checks, expect_finite
from rgbir.training.data.source import Source
from rgbir.training.errors import Exploded, NotFinite
from rgbir.training.method import Method
from rgbir.training.run import Run

PLAIN = {"first": torch.tensor(1.0), "second": torch.tensor(2.0)}
GRADIENTS = {"conv.weight": torch.ones(2, 3), "conv.bias": None, "steps": torch.tensor([1])}


def later(name: str, value: float) -> tuple[Losses, dict[str, Tensor | None]]:
    """Losses and gradients, one of which has that value in it."""
    if name in PLAIN:
        return {**PLAIN, name: torch.tensor(value)}, GRADIENTS
    return PLAIN, {**GRADIENTS, name: torch.tensor([0.0, value])}


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("second", math.nan, NotFinite, r"update 7: the loss is not finite \(\{'first': 1.0, 'second': nan\}\)"),
        ("first", -math.inf, NotFinite, r"update 7: the loss is not finite"),
        ("conv.weight", math.nan, NotFinite, "update 7: the gradient of conv.weight is not finite"),
        ("conv.bias", math.inf, NotFinite, "update 7: the gradient of conv.bias is not finite"),
        ("first", 1e6, Exploded, "update 7: the loss is 1,000,002"),
    ],
)
def test_what_an_update_was_is_said_of_it_at_once_or_later(
    name: str, value: float, error: type[Exception], words: str
) -> None:
    at_once, together = (Checks(Calm(1000), at_once) for at_once in (True, False))
    for update in range(7):
        at_once.take(update, PLAIN, GRADIENTS)
        together.take(update, PLAIN, GRADIENTS)
    with pytest.raises(error, match=words):
        at_once.take(7, *later(name, value))
    together.take(7, *later(name, value))
    together.take(8, *later("second", math.nan))  # what comes of it isn't told in its place
    with pytest.raises(error, match=words):
        together.settle()
    assert at_once.calm.state() == together.calm.state()


def test_nothing_is_asked_twice() -> None:
    checks = Checks(Calm(1000), at_once=False)
    checks.take(0, PLAIN, GRADIENTS)
    checks.settle()
    checks.settle()
    assert checks.calm.state()["recent"] == [3.0]
    checks.take(1, PLAIN, {})  # as mixed precision has it, which looks at gradients by itself
    checks.settle()
    assert checks.calm.state()["recent"] == [3.0, 3.0]


def test_a_network_without_floats_is_finite() -> None:
    expect_finite(3, {"steps": torch.tensor([1])})  # raises nothing
    with pytest.raises(NotFinite, match=r"update 3: norm\.running_var is not finite"):
        expect_finite(3, {"steps": torch.tensor([1]), "norm.running_var": torch.tensor([1.0, math.nan])})


def asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the loop ask as it asks a GPU."""
    monkeypatch.setattr(training_loop, "Checks", lambda calm, at_once: Checks(calm, at_once=False))


@pytest.mark.parametrize(
    ("harmful", "changes", "last"),
    [(5, {"checkpoint_every": 2}, 4), (5, {"checkpoint_every": 100}, None), (9, {"checkpoint_every": 4}, 8)],
)
def test_a_gradient_that_is_not_finite_is_in_no_checkpoint_however_late_it_is_asked(
    tmp_path: Path,
    people: SysuMM01,
    monkeypatch: pytest.MonkeyPatch,
    harmful: int,
    changes: dict[str, Any],
    last: int | None,
) -> None:
    recipe = recipe_of("two_stream", changes={**lasting("two_stream", 12), "validate_every": 0, **changes})
    run, source = make_run(tmp_path / "run", people, recipe, "two_stream")
    asked_together(monkeypatch)
    made, making = list[Method](), Run.build

    def kept(begun: Run) -> Method:
        made.append(making(begun))
        next(made[-1].parameters()).register_hook(lambda gradient: gradient * (math.nan if seen >= harmful else 1))
        return made[-1]

    seen = 0

    def watch(update: int, losses: Losses) -> None:
        nonlocal seen
        seen = update + 1

    with monkeypatch.context() as patched:
        patched.setattr(Run, "build", kept)
        with pytest.raises(NotFinite, match=f"update {harmful}: the gradient of "):
            train(run, source, watch=watch)
    assert run.has_checkpoint == (last is not None)
    if last is not None:
        assert run.load_checkpoint()["updates"] == last
        assert all(torch.isfinite(weight).all() for weight in run.load_weights().state_dict().values())


def test_nothing_is_measured_or_logged_of_a_network_that_is_not_finite(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(
        "two_stream", changes={**lasting("two_stream", 12), "checkpoint_every": 100, "validate_every": 4}
    )
    run, source = make_run(tmp_path / "run", people, recipe, "two_stream")
    asked_together(monkeypatch)
    seen, measured, building = list[int](), list[int](), Run.build

    def harmed(begun: Run) -> Method:
        method = building(begun)
        next(method.parameters()).register_hook(lambda gradient: gradient * (math.nan if len(seen) >= 2 else 1))
        return method

    def validate(method: Method, device: torch.device) -> None:
        measured.append(len(seen))

    monkeypatch.setattr(Run, "build", harmed)
    with pytest.raises(NotFinite, match="update 2: the gradient of "):
        train(run, source, validate=validate, watch=lambda update, losses: seen.append(update))
    assert (len(seen), measured) == (4, [])  # it was told where it would have been measured
    assert not (run.folder / "log.jsonl").exists()


def test_a_run_that_is_asked_together_ends_with_the_same_bytes(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of("two_stream", changes={**lasting("two_stream", 6), "checkpoint_every": 4})
    states = []
    for folder in ("at-once", "together"):
        run, source = make_run(tmp_path / folder, people, recipe, "two_stream")
        train(run, source)
        states.append(run.load_checkpoint())
        asked_together(monkeypatch)
    assert states[0]["calm"] == states[1]["calm"]
    assert all(torch.equal(weight, states[1]["method"][name]) for name, weight in states[0]["method"].items())


def test_an_epoch_begins_with_weights_that_were_asked_about(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D-HSME computes with its weights where an epoch begins, and torch refuses what isn't finite with words of its own."""
    changes = {**lasting("hsme", 20), "checkpoint_every": 100, "validate_every": 0, "sphere.decorrelate": (1,)}
    run, source = make_run(tmp_path / "run", people, recipe_of("hsme", changes=changes), "hsme")
    asked_together(monkeypatch)
    building = Run.build

    def harmed(begun: Run) -> Method:
        method = building(begun)
        weight = method.get_parameter("embedding.weight")
        weight.register_hook(lambda gradient: gradient * (math.nan if len(seen) >= 2 else 1))
        return method

    seen = list[int]()
    monkeypatch.setattr(Run, "build", harmed)
    with pytest.raises(NotFinite, match=r"update 2: the gradient of embedding\.weight is not finite"):
        train(run, source, watch=lambda update, losses: seen.append(update))
    assert source.before(1) > 2


class Asked(TorchDispatchMode):
    """Counts values that are asked for one by one, as by `float(loss)`."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "_local_scalar_dense" in str(function)
        return function(*args, **(kwargs or {}))


def test_the_loop_asks_for_no_value_between_what_it_writes_down(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**lasting("base_derivative", 12), "checkpoint_every": 100, "validate_every": 0}
    run, source = make_run(tmp_path / "run", people, recipe_of("base_derivative", changes=changes), "base_derivative")
    asked_together(monkeypatch)
    counts = []
    with Asked() as asked:
        train(run, source, watch=lambda update, losses: counts.append(asked.count))
    assert len(counts) >= 12
    assert counts[-1] == counts[0]


WAIT = {"deen", "hpiln", "hsme", "mpanet", "msr", "saai", "strong", "xiv"}
"""Methods whose losses wait for a GPU: for how many people a batch has, for which rows a mask takes, or for a count of their own."""


class Unasked(TorchDispatchMode):
    """Refuses what a GPU would have to be waited for. The GPU is torch's `meta`, whose tensors have no values to tell."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("device") == META and isinstance(args[0], Tensor) and not args[0].is_meta:
            assert kwargs.get("non_blocking"), f"{function} of {args[0].shape} is waited for"
        return function(*args, **kwargs)


META = torch.device("meta")


def not_there(tensor: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`torch.tensor`, which waits for a GPU that the values go to."""

    def made(values: Any, **options: Any) -> Tensor:
        assert options.get("device") != META, f"the values {values} are waited for"
        return tensor(values, **options)

    return made


@pytest.mark.parametrize("method", METHODS)
def test_an_update_is_launched_without_waiting_for_a_gpu(
    people: SysuMM01, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "autocast", lambda device, enabled: nullcontext())  # it doesn't know this device
    monkeypatch.setattr(torch, "tensor", not_there(torch.tensor))
    recipe = recipe_of(method, changes={"augment.mix": 0.2, "augment.erasing": 0.9})
    source = Source(list(people.records("train")), recipe)
    network = build(recipe, method).train()
    network.begin(0)  # which may wait: it's once an epoch
    network.to(META)

    def launched() -> None:
        losses = network.losses(batch)
        torch.stack(list(losses.values())).sum().backward()
        network.updated(0)
        Checks(Calm(1000), at_once=False).take(0, losses, {name: p.grad for name, p in network.named_parameters()})

    with Unasked():
        batch = source.ready(source.raw(0), META)
        if method in WAIT:
            with pytest.raises((RuntimeError, NotImplementedError), match=r"(?i)meta|data-dependent"):
                launched()
        else:
            launched()
