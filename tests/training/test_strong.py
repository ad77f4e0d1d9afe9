"""Our own recipe: the worked numbers of beyond.md 7.4, a slow loop, gradients, and the average of the weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.beyond import I, P, Q, V
from tests.training.small import batch_for, build, make_run, recipe_of, recorded
from torch import Tensor

from rgbir.index import Modality, SysuMM01
from rgbir.training import Losses, load_run, train
from rgbir.training.averaging import Average
from rgbir.training.losses import QuadrupleCentre, hetero_centre_triplet
from rgbir.training.methods.strong import Strong, StrongRecipe

TWO, THREE = torch.tensor([0, 0, 1, 1]), torch.tensor([5, 5, 2, 2, 9, 9])


@pytest.mark.proves("worked numbers", "strong")
@pytest.mark.parametrize(
    ("rgb", "ir", "labels", "margin", "expected"),
    [
        pytest.param(V, I, TWO, 3.5, 0.723350, id="hct-1"),
        pytest.param(P, Q, THREE, 0.3, 0.0, id="hct-2"),
        pytest.param(P, Q, THREE, 2.0, 0.494217, id="hct-3"),
    ],
)
def test_the_worked_numbers_of_the_hetero_centre_triplet(
    rgb: Tensor, ir: Tensor, labels: Tensor, margin: float, expected: float
) -> None:
    assert float(hetero_centre_triplet(rgb[None], ir[None], labels, margin)) == pytest.approx(expected, abs=1e-6)


def slow_hetero_centre_triplet(rgb: Tensor, ir: Tensor, labels: Tensor, margin: float) -> float:
    people = sorted(set(labels.tolist()))
    centres = []
    for views in (rgb, ir):
        for person in people:
            rows = [view[row] for view in views for row in range(len(labels)) if labels[row] == person]
            centres.append((person, torch.stack(rows).mean(dim=0)))
    total = 0.0
    for number, (person, centre) in enumerate(centres):
        twin = centres[(number + len(people)) % len(centres)][1]
        others = [math.dist(centre.tolist(), other.tolist()) for who, other in centres if who != person]
        total += max(0.0, margin + math.dist(centre.tolist(), twin.tolist()) - min(others))
    return total / len(centres)


def test_the_hetero_centre_triplet_is_its_formula_written_as_a_loop() -> None:
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        rgb = torch.randn(2, 9, 4, generator=generator, dtype=torch.float64)
        ir = torch.randn(1, 9, 4, generator=generator, dtype=torch.float64)
        labels = torch.tensor([7, 3, 3, 1, 7, 1, 1, 3, 7])
        expected = slow_hetero_centre_triplet(rgb, ir, labels, 1.5)
        assert float(hetero_centre_triplet(rgb, ir, labels, 1.5)) == pytest.approx(expected, abs=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    views = [torch.randn(n, 6, 3, generator=generator, dtype=torch.float64).requires_grad_() for n in (2, 1)]
    assert torch.autograd.gradcheck(lambda rgb, ir: hetero_centre_triplet(rgb, ir, THREE, 3.0), views)


def strong(**changes: Any) -> Strong:
    method = build(recipe_of("strong", changes=changes), "strong")
    assert isinstance(method, Strong)
    return method


@pytest.mark.parametrize(
    ("method", "changes", "reached", "kept"),
    [
        pytest.param("strong", {}, -0.16, 1.0, id="below"),
        pytest.param("strong", {}, 2.3, 2.3, id="above"),
        pytest.param("strong", {"pool": "gem"}, 0.5, 0.5, id="not trained"),
        pytest.param("lccrf", {"gem.learn_p": True}, 0.4, 1.0, id="lccrf's"),
        pytest.param("lccrf", {"gem.p": 0.5}, 0.5, 0.5, id="lccrf's, not trained"),
    ],
)
def test_a_trained_exponent_of_the_pooling_stays_at_one_or_more(
    method: str, changes: dict[str, Any], reached: float, kept: float
) -> None:
    """With the loss of four centres it fell to -0.16 within 110 updates, where its gradient wasn't finite."""
    network = build(recipe_of(method, changes=changes), method)
    exponent = network.get_parameter("pool.p")
    with torch.no_grad():
        exponent.fill_(reached)
    network.updated(0)
    assert float(exponent.detach()) == pytest.approx(kept)
    maps = torch.zeros(2, 3, 4, 4)
    maps[0, 0] = 2.0
    network.get_submodule("pool")(maps.requires_grad_()).sum().backward()
    assert exponent.grad is None or torch.isfinite(exponent.grad)


def test_a_fourth_view_and_the_four_centres_take_the_places_that_rows_say() -> None:
    torch.manual_seed(0)
    rows = {"views.of_ir": 2, "ranking": "off", "centres": "qc"}
    pooled, logits, labels = torch.randn(12, 5), torch.randn(12, 4), torch.arange(3)
    terms = strong(**rows).terms(pooled, logits, labels.repeat(4), 3)
    assert terms.keys() == {"identity", "consistency", "centres"}
    views = pooled.unflatten(0, (4, 3))
    torch.testing.assert_close(terms["centres"], QuadrupleCentre()(views[:2], views[2:], labels))
    hct = strong(**{"views.of_ir": 2}).terms(pooled, logits, labels.repeat(4), 3)
    torch.testing.assert_close(hct["centres"], hetero_centre_triplet(views[:2], views[2:], labels))
    assert hct.keys() == {"identity", "ranking", "consistency", "centres"}
    assert strong(centres="off").terms(pooled, logits, labels.repeat(4), 3).keys() == {
        "identity",
        "ranking",
        "consistency",
    }


def test_an_average_is_its_formula_written_as_a_loop() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    average, expected = Average(network, 0.9), None
    assert average.network is None
    for _ in range(4):
        network(torch.randn(5, 3))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.follow(network)
        now = {name: value.clone().double() for name, value in network.state_dict().items()}
        expected = now if expected is None else {name: 0.9 * expected[name] + 0.1 * now[name] for name in now}
    assert expected is not None
    assert average.network is not None
    for name, value in average.network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], atol=1e-6, rtol=1e-6)
    again = Average(network, 0.9)
    again.load_state_dict(average.state_dict())
    assert again.network is not None


@pytest.mark.slow
def test_the_average_is_tested_from_its_epoch_on_and_no_gradient_reaches_it(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"schedule.epochs": 2, "average.since": 1, "average.decay": 0.5}
    run, source = make_run(tmp_path / "run", people, recipe_of("strong", changes=changes), "strong")
    method = train(run, source)
    assert isinstance(method, Strong)
    images = torch.randn(2, 3, 64, 32)
    method.eval()
    with torch.no_grad():
        averaged = method.embed(images, Modality.RGB)
        live = method.neck(method.pool(method.streams(images, Modality.RGB)))
    assert float((averaged - live).abs().max()) > 1e-4
    assert method.average is not None
    assert not any(parameter.requires_grad for parameter in method.average.parameters())


@pytest.mark.parametrize("kept", [9, 11])
@pytest.mark.slow
def test_a_run_that_ends_inside_an_epoch_goes_on_with_the_same_average(
    tmp_path: Path, people: SysuMM01, kept: int
) -> None:
    """An epoch has eight updates, and weights are averaged from the second on: after its first one, and after three."""
    changes = {"schedule.epochs": 2, "average.since": 1, "checkpoint_every": kept, "height": 32, "width": 16}
    recipe = recipe_of("strong", changes=changes)
    whole, source = make_run(tmp_path / "whole", people, recipe, "strong")
    assert source.before(1) == 8
    method, expected = recorded(whole, source)

    class Stop(Exception):
        pass

    def stop(update: int, losses: Losses) -> None:
        if update == kept + 1:
            raise Stop

    stopped, source = make_run(tmp_path / "stopped", people, recipe, "strong")
    with pytest.raises(Stop):
        train(stopped, source, watch=stop)
    half_way = stopped.load_weights()
    assert isinstance(half_way, Strong)
    assert half_way.average is not None
    assert half_way.average.network is not None
    resumed, rest = recorded(load_run(tmp_path / "stopped"), source, resume=True)

    assert rest == {update: expected[update] for update in range(kept, 16)}
    assert method.state_dict().keys() == resumed.state_dict().keys()
    for name, value in method.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    images = torch.randn(2, 3, 32, 16)
    with torch.inference_mode():
        assert torch.equal(resumed.embed(images, Modality.RGB), method.embed(images, Modality.RGB))


def test_before_its_epoch_the_weights_themselves_are_tested() -> None:
    method = strong(**{"average.since": 1})
    method.updated(0)
    assert method.average is not None
    assert method.average.network is None
    method.updated(1)
    assert method.average.network is not None
    off = strong(**{"average.decay": 0})
    off.updated(9)
    assert off.average is None


def test_it_is_cajs_network_without_attention_and_with_a_trained_exponent() -> None:
    with torch.device("meta"):
        method = Strong(StrongRecipe(), 395)
    trained = sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad)
    # ResNet-50 without its classifier, a second stem, the exponent, the neck's weight, the classifier.
    assert trained == 23_508_032 + 9_536 + 1 + 2_048 + 395 * 2_048
    recipe = StrongRecipe()
    assert (recipe.height, recipe.width, recipe.people, recipe.images, recipe.mirrored) == (
        288,
        144,
        8,
        4,
        "flip-renorm",
    )
    assert [recipe.schedule.factor(0, epoch) for epoch in (0, 9, 19, 20, 44, 45, 59)] == pytest.approx(
        [0.1, 1, 1, 0.1, 0.1, 0.01, 0.01]
    )


def test_every_part_gets_its_gradient() -> None:
    recipe = recipe_of("strong")
    method = build(recipe, "strong")
    losses = method.losses(batch_for(recipe))
    assert losses.keys() == {"identity", "ranking", "consistency", "centres"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in method.parameters() if p.requires_grad)
