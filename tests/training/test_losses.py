"""Losses of expAT: the worked numbers of methods.md 1.13 and 2.9, slow loops, and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rgbir.training.layers import cosine, row_distance
from rgbir.training.losses import (
    AngularTriplet,
    BatchHardExponentialAngular,
    CosineTriplet,
    ExponentialAngularTriplet,
    NPair,
    Roles,
    SmoothedCrossEntropy,
    Triplet,
    cosine_softmax,
    identity_pair,
)


def roles(anchor: object, positive: object, negative: object) -> Roles:
    return Roles(*(torch.tensor(part, dtype=torch.float64) for part in (anchor, positive, negative)))


T1 = (roles([[1, 0]], [[1, 1]], [[-1, 0]]), roles([[0.8, 0.6]], [[0.6, 0.8]], [[0, 1]]))
T2 = (
    roles([[1, 0], [3, 4]], [[1, 2], [-1, -1]], [[2, 1], [1, 0]]),
    roles([[0, 1], [1, -1]], [[0, 2], [4, 3]], [[1, 1], [-3, 4]]),
)
LOGITS = torch.tensor([[2, 1, 0], [0, 0, 3]], dtype=torch.float64)
LOGITS_IR = torch.tensor([[1, 2, 3], [1, 1, 1]], dtype=torch.float64)
TARGETS = torch.tensor([0, 2])


def official(margin: float = 1.0) -> ExponentialAngularTriplet:
    return ExponentialAngularTriplet(margin, form="exp_mean", hinge=True)


CASES = [
    ("trip-T1", Triplet(0.3), T1, 0.0),
    ("trip-T2", Triplet(0.3), T2, 1.418034),
    ("costrip-T1", CosineTriplet(0.3), T1, 0.0),
    ("costrip-T2", CosineTriplet(0.3), T2, 1.007107),
    ("costrip-T1-m1", CosineTriplet(1.0), T1, 0.4),
    ("at-T1", AngularTriplet(), T1, 0.410051),
    ("at-T2", AngularTriplet(), T2, 2.143500),
    ("expat-paper-T1", ExponentialAngularTriplet(), T1, 2.501926),
    ("expat-official-T1", official(), T1, 2.501926),
    ("expat-paper-T2", ExponentialAngularTriplet(), T2, 7.070597),
    ("expat-official-T2", official(), T2, 5.850866),
    ("expat-uni-T2", ExponentialAngularTriplet(pairing="uni"), T2, 10.984135),
    ("expat-paper-T2-a2b1", ExponentialAngularTriplet(alpha=4 / 3, beta=2 / 3), T2, 7.010436),
    ("expat-paper-T2-xi0", ExponentialAngularTriplet(0.0), T2, 2.601127),
    ("expat-official-T2-xi0", official(0.0), T2, 2.848238),
    ("npair-T1", NPair(), T1, 0.542571),
    ("npair-T2", NPair(), T2, 1.469893),
]


@pytest.mark.proves("worked numbers", "expat")
@pytest.mark.parametrize(("name", "loss", "batch", "expected"), CASES, ids=[case[0] for case in CASES])
def test_the_worked_numbers(name: str, loss: nn.Module, batch: tuple[Roles, Roles], expected: float) -> None:
    assert float(loss(*batch)) == pytest.approx(expected, abs=1e-6)

    single = [Roles(*(part.float() for part in side)) for side in batch]
    assert float(loss(*single)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "expat")
@pytest.mark.parametrize(("eps", "expected"), [(0.1, 0.401264), (0.0, 0.251264)])
def test_label_smoothing(eps: float, expected: float) -> None:
    assert float(SmoothedCrossEntropy(eps)(LOGITS, TARGETS)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("eps", "expected"), [(0.1, 2.104374), (0.0, 2.004374)])
def test_the_identity_loss_of_both_anchors_is_a_sum(eps: float, expected: float) -> None:
    assert float(identity_pair(LOGITS, LOGITS_IR, TARGETS, eps)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("features", "weights", "targets", "kappa", "expected"),
    [
        ([[3, 4], [0, 2]], [[1, 0], [0, 1]], [0, 1], 2, 0.519972),
        ([[1, 1]], [[2, 0], [0, 3], [-1, -1]], [2], 14, 24.592642),
    ],
)
def test_cosine_softmax(features: object, weights: object, targets: object, kappa: float, expected: float) -> None:
    x, w = torch.tensor(features, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)
    assert float(cosine_softmax(x, w, torch.tensor(targets), kappa)) == pytest.approx(expected, abs=1e-6)


HARD = torch.tensor([[1, 0], [1, 1], [0, 1], [-1, 1]], dtype=torch.float64)


@pytest.mark.parametrize(("form", "expected"), [("exp_mean", 1.908746), ("mean_exp", 2.029291)])
def test_batch_hard_expat(form: str, expected: float) -> None:
    loss = BatchHardExponentialAngular(form=form)  # type: ignore[arg-type]
    assert float(loss(HARD, torch.tensor([0, 0, 1, 1]))) == pytest.approx(expected, abs=1e-6)


def random_batch(n: int = 5, d: int = 7, seed: int = 0) -> tuple[Roles, Roles]:
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.randn(n, d, generator=generator, dtype=torch.float64) for _ in range(6)]
    return Roles(*parts[:3]), Roles(*parts[3:])


def test_expat_is_its_formula_written_as_a_loop() -> None:
    rgb, ir = random_batch()

    def cos(x: Tensor, y: Tensor) -> float:
        return float(x @ y) / max(float(x.norm()) * float(y.norm()), 1e-8)

    total = 0.0
    for anchors, others in ((rgb.anchor, ir), (ir.anchor, rgb)):
        for i in range(5):
            h = max(cos(anchors[i], others.negative[i]), 0) - cos(anchors[i], others.positive[i]) + 1
            total += math.exp(h) / 5

    assert float(ExponentialAngularTriplet()(rgb, ir)) == pytest.approx(total, abs=1e-9)


def test_the_exponential_of_the_mean_never_exceeds_the_mean_of_the_exponentials() -> None:
    for seed in range(20):
        batch = random_batch(seed=seed)
        assert float(official()(*batch)) <= float(ExponentialAngularTriplet()(*batch)) + 1e-12


ALL = [*{case[0].split("-T")[0]: case[1] for case in CASES}.values()]


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: type(loss).__name__)
def test_gradients_are_those_of_finite_differences(loss: nn.Module) -> None:
    rgb, ir = random_batch()
    leaves = [part.clone().requires_grad_() for part in (*rgb, *ir)]

    def value(*parts: Tensor) -> Tensor:
        result: Tensor = loss(Roles(*parts[:3]), Roles(*parts[3:]))
        return result

    assert torch.autograd.gradcheck(value, leaves)


@pytest.mark.parametrize(
    "value",
    [
        lambda x: identity_pair(x[:, :3], x[:, 3:6], torch.tensor([0, 2, 1, 1, 0])),
        lambda x: cosine_softmax(x[:, :3], x[:, 3:6], torch.tensor([0, 2, 1, 1, 0]), 2.0),
        lambda x: BatchHardExponentialAngular()(x, torch.tensor([0, 0, 1, 1, 1])),
    ],
)
def test_gradients_of_the_others(value: Callable[[Tensor], Tensor]) -> None:
    assert torch.autograd.gradcheck(value, [random_batch()[0].anchor.clone().requires_grad_()])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("loss", ALL, ids=lambda loss: type(loss).__name__)
def test_coinciding_and_zero_vectors_give_finite_losses_and_gradients(loss: nn.Module, dtype: torch.dtype) -> None:
    for vector in (torch.zeros(4, 3), torch.ones(4, 3)):
        leaves = [vector.to(dtype).clone().requires_grad_() for _ in range(6)]

        value = loss(Roles(*leaves[:3]), Roles(*leaves[3:]))
        value.backward()

        assert torch.isfinite(value)
        assert all(leaf.grad is None or torch.isfinite(leaf.grad).all() for leaf in leaves)


def test_the_guards_of_cosine_and_distance() -> None:
    zero, ones = torch.zeros(1, 3), torch.ones(1, 3)

    assert float(cosine(zero, ones)) == 0
    assert float(row_distance(ones, ones)) == pytest.approx(1e-6)
    assert float(cosine(ones * 1e-15, ones)) == pytest.approx(0, abs=1e-6)
