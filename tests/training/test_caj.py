"""CAJ and CAJ+: the worked numbers of beyond.md 2.8, slow loops, gradients, and the network."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.training.beyond import A4, B6, C6, FAR, L3, L4, M3, M4, S6, doubles
from tests.training.small import batch_for, build, recipe_of
from torch import Tensor

from rgbir.training.augmentation import AUG_CAJ, AUG_CAJ_PLUS
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import EnhancedSquaredDifference, distil_kl, soft_cross_entropy
from rgbir.training.methods import METHODS
from rgbir.training.methods.caj import CAJ, CAJRecipe
from rgbir.training.optim import set_rate

TWO, THREE, PAIRS = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 2, 2])


@pytest.mark.proves("worked numbers", "caj")
@pytest.mark.parametrize(
    ("settings", "features", "labels", "expected"),
    [
        pytest.param({}, A4, TWO, 0.069548, id="esd-1"),
        pytest.param({}, B6, THREE, 0.545848, id="esd-2"),
        pytest.param({"gamma": 4.0}, B6, THREE, 0.297608, id="esd-3-gamma"),
        pytest.param({"alpha": 2.0}, C6, PAIRS, 1.731086, id="esd-4-alpha"),
        pytest.param({}, FAR, TWO, 0.0, id="esd-5-cap"),
        pytest.param({"weights": "released"}, FAR, TWO, 88.0, id="esd-6-guarded"),
    ],
)
def test_the_worked_numbers_of_the_squared_difference(
    settings: dict[str, Any], features: Tensor, labels: Tensor, expected: float
) -> None:
    loss = EnhancedSquaredDifference(**settings)
    assert float(loss(features, labels)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(features.float(), labels)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "caj")
@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        pytest.param(L3, M3, 1.496121, id="softce-1"),
        pytest.param(L3, L3, 0.599495, id="softce-2-same"),
        pytest.param(L4, M4, 1.507997, id="softce-3"),
    ],
)
def test_the_worked_numbers_of_taught_predictions(student: Tensor, teacher: Tensor, expected: float) -> None:
    assert float(soft_cross_entropy(student, teacher)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "caj")
@pytest.mark.parametrize(
    ("student", "teacher", "temperature", "expected"),
    [pytest.param(L3, M3, 3.0, 0.571774, id="kd-1"), pytest.param(L4, M4, 1.0, 0.502120, id="kd-2-T1")],
)
def test_the_worked_numbers_of_distillation(
    student: Tensor, teacher: Tensor, temperature: float, expected: float
) -> None:
    assert float(distil_kl(student, teacher, temperature)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "caj")
@pytest.mark.parametrize(
    ("variant", "expected"),
    [pytest.param("paper", 0.915012, id="caj-total-1"), pytest.param("plus", 2.442525, id="cajp-total-1")],
)
def test_the_worked_numbers_of_the_objective(variant: str, expected: float) -> None:
    method = build(recipe_of("caj", variant), "caj")
    assert isinstance(method, CAJ)
    terms = method.terms(B6, S6, THREE, 2)
    assert float(torch.stack(list(terms.values())).sum()) == pytest.approx(expected, abs=1e-6)


def slow_squared_difference(features: Tensor, labels: Tensor, alpha: float, gamma: float) -> float:
    total = 0.0
    n = len(features)
    for i in range(n):
        sides = []
        for wanted, sign in ((True, 1), (False, -1)):
            others = [j for j in range(n) if bool(labels[i] == labels[j]) is wanted]
            distances = [math.sqrt(max(float(((features[i] - features[j]) ** 2).sum()), 1e-12)) for j in others]
            weights = [math.exp(sign * alpha * d) for d in distances]
            sides.append(sum(w * d for w, d in zip(weights, distances, strict=True)) / sum(weights))
        squared = min(gamma * (sides[0] - sides[1]) ** 2, 88)
        total += math.log1p(math.exp(squared if sides[0] > sides[1] else -squared))
    return total / n


def test_the_squared_difference_is_its_formula_written_as_a_loop() -> None:
    for seed in range(5):
        features = torch.randn(9, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        labels = torch.arange(9) % 3
        expected = slow_squared_difference(features, labels, 1.3, 0.7)
        assert float(EnhancedSquaredDifference(1.3, 0.7)(features, labels)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("weights", ["exact", "released"])
def test_gradients_are_those_of_finite_differences(weights: Any) -> None:
    features = torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: EnhancedSquaredDifference(weights=weights)(x, PAIRS), [features])
    for loss in (soft_cross_entropy, distil_kl):
        teacher = M4.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss(x, M4), [L4.clone().requires_grad_()])
        loss(L4.clone().requires_grad_(), teacher).backward()
        assert teacher.grad is None  # a teacher learns nothing


def test_an_anchor_that_is_far_too_wrong_has_no_gradient_and_a_tie_is_smooth() -> None:
    wrong = doubles([[0], [12], [1], [13]]).requires_grad_()
    EnhancedSquaredDifference()(wrong, torch.tensor([0, 0, 1, 1])).backward()
    assert wrong.grad is not None
    assert float(wrong.grad.abs().max()) == 0  # 11 beyond sqrt(88)
    tie = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
    value = EnhancedSquaredDifference()(tie, TWO)
    value.backward()
    assert float(value.detach()) == pytest.approx(math.log(2))
    assert tie.grad is not None
    assert torch.isfinite(tie.grad).all()


def test_both_graphs_have_the_parameters_of_agw_with_blocks_of_width_one() -> None:
    with torch.device("meta"):
        method = CAJ(CAJRecipe(), 395)
    sizes = {name: p.numel() for name, p in method.named_parameters() if p.requires_grad}
    blocks = [f"streams.shared.after.stage{stage}_block{place}" for stage, place in ((2, 2), (3, 5))]
    assert [sum(n for name, n in sizes.items() if name.startswith(f"{block}.")) for block in blocks] == [3_587, 7_171]
    assert sum(sizes.values()) == 24_357_263
    assert sum(sizes.values()) - sizes["classifier.weight"] == 23_548_303


def test_the_bundles_sizes_and_rates_are_the_codes() -> None:
    caj, plus = METHODS["caj"].resolve(), METHODS["caj"].resolve("plus")
    assert isinstance(caj, CAJRecipe)
    assert isinstance(plus, CAJRecipe)
    assert (caj.augment, caj.views) == AUG_CAJ
    assert (plus.augment, plus.views) == AUG_CAJ_PLUS
    regdb = METHODS["caj"].resolve("plus-regdb")
    assert isinstance(regdb, CAJRecipe)
    assert (regdb.views, regdb.cons) == (AUG_CAJ.views, "v")
    assert (caj.height, caj.width, caj.people, caj.images, caj.schedule.epochs) == (288, 144, 8, 4, 100)
    assert (caj.mirrored, caj.sampling, caj.data.train_identities) == ("flip-renorm", "random", "trainval")
    method = build(recipe_of("caj"), "caj")
    optimiser = caj.optimiser.build(method, method.fresh)
    set_rate(optimiser, caj.optimiser.learning_rate * caj.schedule.factor(0, 9))
    assert [round(group["lr"], 9) for group in optimiser.param_groups] == [0.01, 0.1]
    assert (
        sum(p.numel() for p in optimiser.param_groups[1]["params"]) == 256 + 4 * 256
    )  # the neck's weight, the classifier


def test_each_view_has_its_rows_and_switches_change_who_is_taught() -> None:
    torch.manual_seed(0)
    recipe = recipe_of("caj", changes={"cons": "v+i", "kl": 0.5})
    method = build(recipe, "caj")
    assert isinstance(method, CAJ)
    logits, labels = torch.randn(9, 4), torch.arange(9) % 3
    terms = method.terms(torch.randn(9, 5), logits, labels, 3)
    torch.testing.assert_close(terms["consistency"], soft_cross_entropy(logits[:3], logits[3:6]))
    torch.testing.assert_close(terms["consistency_ir"], soft_cross_entropy(logits[6:], logits[3:6]))
    torch.testing.assert_close(terms["distilled"], 0.5 * distil_kl(logits[6:], logits[:3]))
    back = build(recipe_of("caj", changes={"cons": "v_again"}), "caj")
    assert isinstance(back, CAJ)
    again = back.terms(torch.randn(9, 5), logits, labels, 3)
    torch.testing.assert_close(again["consistency"], soft_cross_entropy(logits[3:6], logits[:3]))
    batch = batch_for(recipe)
    assert isinstance(batch, ViewBatch)
    assert method.losses(batch).keys() == {"identity", "ranking", *terms.keys()}


def test_a_view_that_is_not_there_teaches_nobody() -> None:
    with pytest.raises(
        BadRecipe, match=r"cons=v takes a second view of visible images; set views\.of_rgb=2, or cons=off"
    ):
        build(recipe_of("caj", "plus", changes={"views.of_rgb": 1}), "caj")
