"""DFE: the worked numbers of methods.md 4.9, its sampler, its shapes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.small import batch_for, recipe_of
from torch import Tensor

from rgbir.index import Metric, Modality
from rgbir.training.data.samplers.pairs import PairSampler
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import correlation_gap, distribution_gap, stripe_identity
from rgbir.training.methods import METHODS
from rgbir.training.methods.dfe import DFE, DFERecipe


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


LOGITS_V, LOGITS_I = doubles([[[1, 0], [0, 0]], [[0, 2], [1, 1]]]), doubles([[[0, 1], [2, 0]], [[0, 0], [0, 1]]])
PARTS_V, PARTS_I = doubles([[[1, 0], [3, 2]], [[0, 1], [0, 3]]]), doubles([[[2, 1], [2, 1]], [[1, 1], [1, 5]]])


@pytest.mark.proves("worked numbers", "dfe")
@pytest.mark.parametrize(
    ("logits_v", "logits_i", "labels", "expected"),
    [(LOGITS_V, LOGITS_I, [0, 1], 2.136541), (LOGITS_I, LOGITS_V, [1, 0], 4.636541)],
)
def test_the_worked_numbers_of_the_identity_loss(
    logits_v: Tensor, logits_i: Tensor, labels: list[int], expected: float
) -> None:
    assert float(stripe_identity(logits_v, logits_i, torch.tensor(labels))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "dfe")
@pytest.mark.parametrize(("parts_i", "expected"), [(PARTS_I, 1.25), (PARTS_V, 0.0)])
def test_the_worked_numbers_of_the_distribution_loss(parts_i: Tensor, expected: float) -> None:
    assert float(distribution_gap(PARTS_V, parts_i)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "dfe")
@pytest.mark.parametrize(
    ("v", "i", "expected"),
    [
        ([[1, 2, 3], [3, 2, 1]], [[1, 2, 3], [1, 3, 2]], 2.25),
        ([[1, 0, 2, -1], [0, 1, 0.5, 2], [3, 1, 1, 0]], [[2, 0, 1, 0], [-1, 1, 1, 2], [1, 2, 0, 0.5]], 0.720892),
    ],
)
def test_the_worked_numbers_of_the_correlation_loss(v: Any, i: Any, expected: float) -> None:
    assert float(correlation_gap(doubles(v), doubles(i))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "dfe")
@pytest.mark.parametrize(("weights", "expected"), [((1, 1, 1), 3.719875), ((1, 11, 2), 16.553208)])
def test_the_worked_numbers_of_the_total(weights: tuple[float, float, float], expected: float) -> None:
    terms = (
        stripe_identity(LOGITS_V, LOGITS_I, torch.tensor([0, 1])),
        distribution_gap(PARTS_V, PARTS_I),
        correlation_gap(PARTS_V.flatten(1), PARTS_I.flatten(1)),
    )
    assert sum(w * float(term) for w, term in zip(weights, terms, strict=True)) == pytest.approx(expected, abs=1e-6)


def test_the_distribution_loss_is_its_formula_written_as_a_loop() -> None:
    torch.manual_seed(0)
    v, i = (torch.randn(4, 6, 5, dtype=torch.float64) for _ in range(2))

    total = 0.0
    for j in range(4):
        for d in range(5):
            columns = [[float(x) for x in side[j, :, d]] for side in (v, i)]
            means = [sum(c) / 6 for c in columns]
            deviations = [(sum((x - m) ** 2 for x in c) / 6) ** 0.5 for c, m in zip(columns, means, strict=True)]
            total += (means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2

    assert float(distribution_gap(v, i)) == pytest.approx(total / 8, abs=1e-9)


def test_gradients_are_those_of_finite_differences_and_finite_where_vectors_coincide() -> None:
    torch.manual_seed(0)
    parts = [torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(distribution_gap, parts)
    assert torch.autograd.gradcheck(lambda a, b: correlation_gap(a.flatten(1), b.flatten(1)), parts)
    for value in (0.0, 1.0):
        same = torch.full((3, 4, 5), value, requires_grad=True)
        loss = distribution_gap(same, same * 1) + correlation_gap(same.flatten(1), (same * 1).flatten(1))
        (gradient,) = torch.autograd.grad(loss, same)
        assert torch.isfinite(gradient).all()


@settings(max_examples=60, deadline=None)
@given(
    identities=st.integers(2, 6),
    rgb=st.integers(1, 7),
    ir=st.integers(1, 7),
    epoch=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_an_epoch_shows_every_rgb_image_once_with_a_partner_of_its_person(
    identities: int, rgb: int, ir: int, epoch: int, seed: int
) -> None:
    images = {i: [1000 * i + k for k in range(rgb)] for i in range(identities)}
    partners = {i: [1000 * i + 500 + k for k in range(ir)] for i in range(identities)}
    sampler = PairSampler(images, partners, pairs=1, seed=seed)

    drawn = [sampler.draw(epoch * sampler.updates_per_epoch + u) for u in range(sampler.updates_per_epoch)]

    rows = [(int(d.rgb[0]), int(d.ir[0]), int(d.identities[0])) for d in drawn]
    assert sorted(r for r, _, _ in rows) == sorted(image for person in images.values() for image in person)
    assert all(r // 1000 == i // 1000 == identity and i % 1000 >= 500 for r, i, identity in rows)
    used = Counter(i for _, i, _ in rows)
    for person in partners.values():
        times = [used[image] for image in person]
        assert max(times) - min(times) <= 1  # a shuffled list, gone through before it begins again


def test_batches_of_32_pairs_make_633_updates_of_sysu_mm01() -> None:
    rgb = {0: list(range(20_283)), 1: [20_283]}
    assert PairSampler(rgb, {0: [0], 1: [1]}, pairs=32, seed=0).updates_per_epoch == 633


def test_another_epoch_pairs_anew_and_the_same_update_pairs_the_same() -> None:
    images = {i: [10 * i + k for k in range(5)] for i in range(6)}
    sampler, other = (PairSampler(images, images, pairs=4, seed=1) for _ in range(2))

    assert (sampler.draw(9).ir == other.draw(9).ir).all()
    assert not (sampler.draw(0).rgb == sampler.draw(sampler.updates_per_epoch).rgb).all()


def full() -> DFERecipe:
    recipe = METHODS["dfe"].recipe
    assert isinstance(recipe, DFERecipe)
    return recipe


@pytest.mark.slow
def test_the_papers_shapes_and_settings() -> None:
    method = DFE(full(), 296)
    recipe = full()

    assert (method.dimension, method.metric, method.one_stream) == (1536, Metric.COSINE, True)
    assert (recipe.pairs, recipe.label_smoothing, recipe.augment.padcrop, recipe.augment.erasing) == (32, 0, 0, 0)
    assert len(method.classifiers) == 6
    assert all(
        c.get_parameter("weight").shape == (296, 256) and "bias" not in dict(c.named_parameters())
        for c in method.classifiers
    )
    assert len(method.reduce) == 1
    with torch.inference_mode():
        assert method.eval().embed(torch.zeros(1, 3, 384, 128), Modality.IR).shape == (1, 1536)


def test_stripes_are_averages_of_their_rows() -> None:
    torch.manual_seed(0)
    recipe = recipe_of("dfe")
    assert isinstance(recipe, DFERecipe)
    method = DFE(recipe, 4).eval()
    images = torch.randn(2, 3, 64, 32)
    with torch.inference_mode():
        maps = method.backbone(images)
        upper = method.reduce[0](maps[:, :, :2].mean(dim=(2, 3), keepdim=True)).flatten(1)

        torch.testing.assert_close(method.stripes(images)[:, 0], upper)


def test_separate_reduction_has_a_layer_for_each_stripe() -> None:
    recipe = recipe_of("dfe", changes={"dfe.reduce": "separate"})
    assert isinstance(recipe, DFERecipe)
    method = DFE(recipe, 4)

    assert len(method.reduce) == 2
    assert set(method.losses(batch_for(recipe))) == {"identity", "distribution", "correlation"}  # type: ignore[arg-type]


def test_parts_that_do_not_divide_the_map_are_refused() -> None:
    recipe = recipe_of("dfe", changes={"dfe.parts": 3})
    assert isinstance(recipe, DFERecipe)
    with pytest.raises(BadRecipe, match=r"dfe\.parts = 3 does not divide the 4 rows"):
        DFE(recipe, 4)


def test_rows_weigh_the_losses_as_their_names_say() -> None:
    expected = {
        "sysu.baseline": (0, 0),
        "sysu.wo-lc": (1, 0),
        "ours.sysu.wo-ld": (0, 1),
        "sysu.full": (1, 1),
        "regdb.full": (11, 2),
        "regdb.op": (1, 1),
    }
    for row, (beta, gamma) in expected.items():
        recipe = METHODS["dfe"].resolve("paper", row)
        assert isinstance(recipe, DFERecipe)
        assert (recipe.weights.alpha, recipe.weights.beta, recipe.weights.gamma) == (1, beta, gamma)
