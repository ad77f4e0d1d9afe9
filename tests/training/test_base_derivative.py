"""Base-Derivative: the worked numbers of methods.md 6.9, its sampler, its derived modalities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from tests.training.small import batch_for, recipe_of
from torch import Tensor

from rgbir.index import Metric
from rgbir.training.backbones import ResNet50
from rgbir.training.data.samplers.identities import IdentitySampler
from rgbir.training.losses.hardest import distance_matrix, hardest_triplets
from rgbir.training.losses.multi_mode import (
    MODES,
    mode_identity,
    multi_directional,
    multi_mode,
)
from rgbir.training.methods import METHODS
from rgbir.training.methods.base_derivative import USED, BaseDerivative, BaseDerivativeRecipe, Derivation
from rgbir.training.schedules import Agw


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


FEATURES: dict[Any, Tensor] = {
    "V": doubles([[0], [1], [5], [6]]),
    "I": doubles([[2], [3], [4], [8]]),
    "DV": doubles([[0.5], [1.5], [5.5], [7]]),
    "DI": doubles([[2.5], [1], [4.5], [9]]),
}
LABELS = torch.tensor([0, 0, 1, 1])
LOGITS = {"V": [[1, 0], [0, 1]], "I": [[0, 0], [2, 0]], "DV": [[1, 1], [0, 3]], "DI": [[2, 0], [1, 0]]}
LOGITS_OF_FOUR = {
    "V": [[1, 0], [2, 0], [0, 1], [0, 0]],
    "I": [[0, 0], [1, 0], [0, 2], [1, 1]],
    "DV": [[1, 0.5], [0, 0], [0, 3], [1, 2]],
    "DI": [[2, 1], [1, 1], [0, 1], [0, 0.5]],
}


@pytest.mark.proves("worked numbers", "base_derivative")
@pytest.mark.parametrize(("reduce", "expected"), [("mean", 0.375), ("sum", 1.5)])
def test_the_worked_numbers_across_two_modalities(reduce: Any, expected: float) -> None:
    assert float(hardest_triplets(FEATURES["V"], FEATURES["I"], LABELS, 0.5, reduce)) == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.proves("worked numbers", "base_derivative")
@pytest.mark.parametrize(("variant", "expected"), [(1, 1.375), (2, 1.25), (3, 2.125), (4, 1.875)])
def test_the_worked_numbers_of_mdl(variant: int, expected: float) -> None:
    assert float(multi_directional(FEATURES, LABELS, variant)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "base_derivative")
@pytest.mark.parametrize(("modes", "expected"), [(MODES, 1.6), (("V", "I"), 0.9)])
def test_the_worked_numbers_of_mml(modes: tuple[Any, ...], expected: float) -> None:
    assert float(multi_mode({mode: FEATURES[mode] for mode in modes}, LABELS)) == pytest.approx(expected, abs=4e-6)


@pytest.mark.proves("worked numbers", "base_derivative")
@pytest.mark.parametrize(("modes", "expected"), [(MODES, 2.814261), (("V", "I"), 1.723299)])
def test_the_worked_numbers_of_the_identity_loss(modes: tuple[str, ...], expected: float) -> None:
    assert float(mode_identity([doubles(LOGITS[m]) for m in modes], torch.tensor([0, 1]))) == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.proves("worked numbers", "base_derivative")
@pytest.mark.parametrize(("gamma", "expected"), [(1, 5.123976), (5, 12.623976)])
def test_the_worked_numbers_of_the_total(gamma: float, expected: float) -> None:
    identity = mode_identity([doubles(LOGITS_OF_FOUR[m]) for m in MODES], LABELS)
    total = identity + multi_mode(FEATURES, LABELS) + gamma * multi_directional(FEATURES, LABELS)
    assert float(total) == pytest.approx(expected, abs=4e-6)


def test_the_hardest_are_those_of_a_loop() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    labels = [0, 0, 1, 1, 2, 2]

    total = 0.0
    for i in range(6):
        distances = [float((x[i] - y[j]).norm()) for j in range(6)]
        farthest = max(d for j, d in enumerate(distances) if labels[j] == labels[i])
        nearest = min(d for j, d in enumerate(distances) if labels[j] != labels[i])
        total += max(0.0, 0.5 + farthest - nearest) / 6

    assert float(hardest_triplets(x, y, torch.tensor(labels), 0.5)) == pytest.approx(total, abs=1e-9)


def test_gradients_are_those_of_finite_differences_and_finite_where_vectors_coincide() -> None:
    torch.manual_seed(0)
    leaves = [torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in MODES]

    def value(*parts: Tensor) -> Tensor:
        features: dict[Any, Tensor] = dict(zip(MODES, parts, strict=True))
        return multi_directional(features, LABELS) + multi_mode(features, LABELS)

    assert torch.autograd.gradcheck(value, leaves)
    same = torch.ones(4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(hardest_triplets(same, same, LABELS, 0.3), same)
    assert torch.isfinite(gradient).all()


def test_the_distance_matrix_is_that_of_its_rows() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(5, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(distance_matrix(x, y), torch.cdist(x, y))


@settings(max_examples=60, deadline=None)
@given(people=st.integers(1, 4), images=st.integers(1, 5), update=st.integers(0, 40), seed=st.integers(0, 99))
def test_a_batch_has_its_people_once_and_both_modalities_of_each(
    people: int, images: int, update: int, seed: int
) -> None:
    rgb = {i: [1000 * i + k for k in range(3)] for i in range(5)}
    ir = {i: [1000 * i + 500 + k for k in range(2)] for i in range(5)}

    drawn = IdentitySampler(rgb, ir, people, images, seed).draw(update)

    assert len(drawn.rgb) == len(drawn.ir) == people * images
    assert (drawn.rgb // 1000 == drawn.identities).all()
    assert (drawn.ir // 1000 == drawn.identities).all()
    assert ((drawn.rgb % 1000 < 500) & (drawn.ir % 1000 >= 500)).all()
    assert np.unique(drawn.identities, return_counts=True)[1].tolist() == [images] * people


def test_sysu_mm01_has_928_updates_an_epoch() -> None:
    rgb = {i: [i] for i in range(6)} | {6: list(range(22_258 - 6))}
    assert IdentitySampler(rgb, {i: [0] for i in range(7)}, 6, 4, 0).updates_per_epoch == 22_258 // 24 + 1 == 928


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 0.01), (9, 0.1), (10, 0.1), (19, 0.1), (20, 0.01), (49, 0.01), (50, 0.001), (79, 0.001)]
)
def test_agws_schedule_at_every_tabulated_point(epoch: int, rate: float) -> None:
    assert 0.1 * Agw().factor(0, epoch) == pytest.approx(rate)


def test_derived_images_start_as_the_mean_of_the_channels() -> None:
    rgb, ir = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)

    derived = Derivation()(rgb, ir)

    torch.testing.assert_close(derived["DV"], rgb.mean(dim=1, keepdim=True).expand_as(rgb) / 3)
    torch.testing.assert_close(derived["DI"], ir.mean(dim=1, keepdim=True).expand_as(ir) / 3)


@pytest.mark.parametrize("mode", USED)
def test_each_mode_has_its_stems_and_losses(mode: str) -> None:
    recipe = recipe_of("base_derivative", changes={"mode": mode})
    assert isinstance(recipe, BaseDerivativeRecipe)
    method = BaseDerivative(recipe, 4)

    losses = method.losses(batch_for(recipe))  # type: ignore[arg-type]

    assert tuple(method.stems) == USED[mode]
    assert set(losses) == ({"identity"} if mode == "B1" else {"identity", "mml", "mdl"})
    assert (method.derivation is None) == (mode in ("B1", "B2"))


def test_the_trunk_sees_all_modalities_once_and_each_stem_its_own() -> None:
    recipe = recipe_of("base_derivative")
    assert isinstance(recipe, BaseDerivativeRecipe)
    method = BaseDerivative(recipe, 4)
    method.losses(batch_for(recipe))  # type: ignore[arg-type]

    counters = {name: int(value) for name, value in method.named_buffers() if name.endswith("bn1.num_batches_tracked")}

    assert set(counters.values()) == {1}


def test_raw_input_makes_its_derivatives_of_images_between_0_and_1() -> None:
    recipe = recipe_of("base_derivative", changes={"gen.input": "raw01"})
    assert isinstance(recipe, BaseDerivativeRecipe)
    method = BaseDerivative(recipe, 4)

    losses = method.losses(batch_for(recipe))  # type: ignore[arg-type]

    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.slow
def test_the_papers_settings_and_the_checkpoint_in_every_stem(tmp_path: Path) -> None:
    recipe = METHODS["base_derivative"].recipe
    assert isinstance(recipe, BaseDerivativeRecipe)
    assert isinstance(recipe.schedule, Agw)
    assert (recipe.height, recipe.width, recipe.people, recipe.images, recipe.schedule.epochs) == (288, 144, 6, 4, 80)
    assert (recipe.optimiser.learning_rate, recipe.optimiser.nesterov, recipe.optimiser.fresh_factor) == (0.01, True, 1)
    assert (recipe.data.train_identities, recipe.label_smoothing, recipe.augment.erasing) == ("trainval", 0, 0)
    method, given = BaseDerivative(recipe, 395), ResNet50()
    assert (method.metric, method.dimension, method.one_stream) == (Metric.COSINE, 2048, False)
    save_file(given.state_dict(), tmp_path / "resnet50.safetensors")

    method.start_from_imagenet(tmp_path / "resnet50.safetensors")

    for mode in MODES:
        assert torch.equal(method.get_parameter(f"stems.{mode}.part.conv1.weight"), given.conv1.weight)
    assert torch.equal(
        method.get_parameter("trunk.part.layer4.2.conv3.weight"), given.get_parameter("layer4.2.conv3.weight")
    )
