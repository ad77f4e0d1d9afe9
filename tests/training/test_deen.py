"""DEEN: the worked numbers of beyond.md 3.8, slow loops, gradients, and the network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.training.beyond import I2, P2, Q2, V2, Z24, I, P, Q, V, doubles
from tests.training.small import batch_for, build, recipe_of
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.augmentation import AUG_DEEN
from rgbir.training.backbones.expansion import Aggregation, Branch, Expansion
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import branch_overlap, centre_guided_pairs
from rgbir.training.methods import METHODS
from rgbir.training.methods.deen import DEEN, DEENRecipe

TWO, NINES = torch.tensor([0, 0, 1, 1]), torch.tensor([5, 5, 2, 2, 9, 9])


@pytest.mark.proves("worked numbers", "deen")
@pytest.mark.parametrize(
    ("rows", "labels", "settings", "expected"),
    [
        pytest.param((V, I, V2, I2), TWO, {}, 0.509017, id="cpm-1"),
        pytest.param((P, Q, P2, Q2), NINES, {}, 0.288634, id="cpm-2"),
        pytest.param((P, Q, P2, Q2), NINES, {"margin": 1.5}, 1.673142, id="cpm-3-margin"),
        pytest.param((I, V, I2, V2), TWO, {"margin": 1.0}, 1.309017, id="cpm-4-swap"),
    ],
)
def test_the_worked_numbers_of_centres(
    rows: tuple[Tensor, ...], labels: Tensor, settings: dict[str, Any], expected: float
) -> None:
    v, i, v2, i2 = rows
    assert float(centre_guided_pairs(v, i, v2, i2, labels, **settings)) == pytest.approx(expected, abs=1e-6)
    v, i, v2, i2 = (each.float() for each in rows)
    assert float(centre_guided_pairs(v, i, v2, i2, labels, **settings)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "deen")
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(doubles([[1, 2], [0, 1]]), doubles([[3, 1], [2, -4]]), 0.166667, id="ort-1"),
        pytest.param(P, Q, 0.415, id="ort-2"),
    ],
)
def test_the_worked_numbers_of_branches(first: Tensor, second: Tensor, expected: float) -> None:
    assert float(branch_overlap(first, second)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "deen")
def test_the_worked_number_of_the_objective() -> None:
    """deen-total-1."""
    method = build(recipe_of("deen"), "deen")
    assert isinstance(method, DEEN)
    terms = method.terms(torch.cat([V, I, V2, I2, I, V]), Z24, TWO)
    assert float(torch.stack(list(terms.values())).sum()) == pytest.approx(1.357615, abs=1e-6)


def slow_centres(v: Tensor, i: Tensor, v2: Tensor, i2: Tensor, labels: Tensor, margin: float) -> float:
    people = sorted(set(labels.tolist()))

    def centre(rows: Tensor, person: int) -> Tensor:
        return torch.stack([row for row, label in zip(rows, labels.tolist(), strict=True) if label == person]).mean(0)

    def near(rows: Tensor, k: int) -> float:
        return min(float((centre(rows, k) - centre(rows, other)).norm()) for other in people if other != k)

    total = 0.0
    for source, branch, other in ((v, v2, i), (i, i2, v)):
        for k in people:
            across = float((centre(other, k) - centre(branch, k)).norm())
            home = float((centre(source, k) - centre(branch, k)).norm())
            total += max(0, margin + across - home) / len(people)
            total += max(0, margin + across - near(branch, k)) / len(people) / 2
            total += max(0, margin + across - near(source, k)) / len(people) / 2
    return total / 2


def test_the_loss_of_centres_is_its_formula_written_as_a_loop() -> None:
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        v, i, v2, i2 = (torch.randn(8, 5, generator=generator, dtype=torch.float64) for _ in range(4))
        labels = torch.tensor([3, 3, 1, 1, 8, 8, 8, 1])
        expected = slow_centres(v, i, v2, i2, labels, 0.9)
        assert float(centre_guided_pairs(v, i, v2, i2, labels, 0.9)) == pytest.approx(expected, abs=1e-9)


def test_gradients_are_those_of_finite_differences_and_the_way_home_is_a_constant() -> None:
    """All hinges are open at a margin of 5, so the loss less what is taken as constant is smooth, and has its gradient."""
    generator = torch.Generator().manual_seed(2)
    leaves = [torch.randn(6, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(4)]

    def without_home(v: Tensor, i: Tensor, v2: Tensor, i2: Tensor) -> Tensor:
        home = [(a - b).unflatten(0, (3, 2)).mean(1).norm(dim=1).mean() for a, b in ((v, v2), (i, i2))]
        return centre_guided_pairs(v, i, v2, i2, NINES, 5.0) + (home[0] + home[1]) / 2

    def as_it_is(v: Tensor, i: Tensor, v2: Tensor, i2: Tensor) -> Tensor:
        return centre_guided_pairs(v, i, v2, i2, NINES, 5.0)

    gradients = torch.autograd.grad(as_it_is(*leaves), leaves)
    with torch.no_grad():
        for place, gradient in enumerate(gradients):
            for index in ((0, 0), (3, 2), (5, 1)):
                values = []
                for step in (1e-6, -1e-6):
                    moved = [leaf.clone() for leaf in leaves]
                    moved[place][index] += step
                    values.append(float(without_home(*moved)))
                assert float(gradient[index]) == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)
    assert torch.autograd.gradcheck(branch_overlap, leaves[:2])


def test_coinciding_rows_give_finite_losses_and_gradients() -> None:
    v, i, v2, i2 = rows = [torch.ones(6, 3).requires_grad_() for _ in range(4)]
    (centre_guided_pairs(v, i, v2, i2, NINES) + branch_overlap(v, i)).backward()
    assert all(row.grad is not None and torch.isfinite(row.grad).all() for row in rows)


def slow_aggregation(block: Aggregation, x: Tensor, low: Tensor) -> Tensor:
    """Cell by cell, of one image: maps (c, h, w)."""

    def conv(layer: nn.Module, maps: Tensor) -> Tensor:
        weight, bias = layer.get_parameter("weight")[:, :, 0, 0], layer.get_parameter("bias")
        return torch.einsum("oc,chw->ohw", weight, maps) + bias[:, None, None]

    def norm(layer: nn.BatchNorm2d, maps: Tensor) -> Tensor:
        return layer(maps[None])[0]

    step = low.shape[1] // x.shape[1]
    theta, phi, g = block.channel
    t, p, v = conv(theta, x), conv(phi, low)[:, ::step, ::step], conv(g, low)
    found = torch.zeros_like(v)
    for c in range(len(v)):
        for d in range(len(v)):
            found[c] += (t[c] * p[d]).sum() / len(v) * v[d]
    z = norm(block.channel_norm, conv(block.from_channels, found)[:, ::step, ::step]) + x
    theta, phi, g = block.place
    t, p, v = (conv(layer, maps).flatten(1) for layer, maps in ((theta, z), (phi, low), (g, low)))
    inner, cells, others = len(t), t.shape[1], p.shape[1]
    result = torch.zeros_like(t)
    if block.fold:
        for a in range(cells // 2):
            for b in range(others // 2):
                alike = sum(
                    t[c, a + up * cells // 2] * p[c, b + up * others // 2] for c in range(inner) for up in (0, 1)
                ) / (others / 2)
                for up in (0, 1):
                    result[:, a + up * cells // 2] += alike * v[:, b + up * others // 2]
    else:
        for a in range(cells):
            for b in range(others):
                result[:, a] += (t[:, a] * p[:, b]).sum() / others * v[:, b]
    return norm(block.place_norm, conv(block.from_places, result.unflatten(1, x.shape[1:]))) + z


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("step", [1, 2])
def test_a_map_takes_up_an_earlier_one_cell_by_cell(fold: bool, step: int) -> None:
    torch.manual_seed(0)
    block = Aggregation(6, 4, fold).double().eval()
    x, low = torch.randn(2, 6, 4, 3).double(), torch.randn(2, 4, 4 * step, 3 * step).double()
    assert torch.equal(block(x, low), x)  # the identity at the start
    for layer in (block.channel_norm, block.place_norm):
        nn.init.normal_(layer.weight)
    with torch.inference_mode():
        expected = torch.stack([slow_aggregation(block, *each) for each in zip(x, low, strict=True)])
        torch.testing.assert_close(block(x, low), expected)


def test_a_branch_is_the_rectified_mean_of_three_dilations() -> None:
    torch.manual_seed(0)
    branch, maps = Branch(8), torch.randn(2, 8, 9, 5)
    kinds = [layer.get_parameter("weight") for layer in branch.dilated]
    total = sum(
        (nn.functional.conv2d(maps, kind, padding=d, dilation=d) for d, kind in enumerate(kinds, 1)), torch.zeros(())
    )
    torch.testing.assert_close(branch(maps), branch.out(nn.functional.relu(total / 3)))


def test_blocks_and_branches_stand_in_their_order() -> None:
    torch.manual_seed(0)
    expansion, maps = Expansion(8).eval(), torch.randn(4, 8, 6, 4)
    first, second = expansion.branches
    expected = torch.cat([maps, first(maps), second(maps)])
    assert torch.equal(expansion(maps), expected)
    assert torch.equal(expansion(maps, blocks=2), expected)
    lost = (Expansion(8, dropout=0.5).train()(torch.ones(4, 8, 6, 4))[:4] == 0).double().mean()
    assert float(lost) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("variant", "total", "dimension"), [("paper", 41_226_784, 12_288), ("regdb", 12_882_208, 6_144)]
)
def test_both_graphs_have_as_many_parameters_as_the_paper_network(variant: str, total: int, dimension: int) -> None:
    recipe = METHODS["deen"].resolve(variant)
    assert isinstance(recipe, DEENRecipe)
    with torch.device("meta"):
        method = DEEN(recipe, 395)
    trained = {name: p.numel() for name, p in method.named_parameters() if p.requires_grad}
    assert sum(trained.values()) - trained["classifier.weight"] == total
    aggregations = [sum(p.numel() for p in each.parameters()) for each in method.streams.aggregations]
    assert aggregations == [63_264, 594_048, 2_367_744][: len(aggregations)]
    branches = sum(p.numel() for p in method.streams.expansion.parameters())
    assert branches == {"paper": 14_682_112, "regdb": 3_671_040}[variant]
    assert method.dimension == dimension


def test_an_embedding_is_its_vectors_each_of_length_one() -> None:
    torch.manual_seed(0)
    images, whole = torch.randn(3, 3, 64, 32), {}
    for vectors in ("all", "neck", "main"):
        torch.manual_seed(1)
        method = build(recipe_of("deen", changes={"deen.vectors": vectors}), "deen").eval()
        with torch.inference_mode():
            whole[vectors] = method.embed(images, Modality.IR)
        assert whole[vectors].shape == (3, method.dimension)
        assert method.dimension == len(method.vectors) * 256
        lengths = whole[vectors].unflatten(1, (-1, 256)).norm(dim=2)
        torch.testing.assert_close(lengths, torch.ones_like(lengths))
    six = whole["all"].unflatten(1, (6, 256))
    torch.testing.assert_close(whole["neck"].unflatten(1, (3, 256)), six[:, [1, 3, 5]])
    torch.testing.assert_close(whole["main"], six[:, 1])
    assert build(recipe_of("deen"), "deen").vectors == ("pool0", "neck0", "pool1", "neck1", "pool2", "neck2")


@pytest.mark.slow
def test_settings_are_the_codes_and_switches_leave_terms_out() -> None:
    recipe = METHODS["deen"].resolve()
    assert isinstance(recipe, DEENRecipe)
    assert (recipe.height, recipe.width, recipe.people, recipe.images, recipe.schedule.epochs) == (384, 144, 6, 4, 151)
    assert ((recipe.augment, recipe.views), recipe.mirrored) == (AUG_DEEN, "flip-sum")
    regdb = METHODS["deen"].resolve("regdb")
    assert regdb.augment.erasing_area == (0.02, 0.4)
    for changes, terms in (
        ({}, {"identity", "triplet", "centres", "orthogonality"}),
        ({"deen.branches": 1}, {"identity", "triplet", "centres"}),
        ({"deen.branches": 0, "deen.mfa": False}, {"identity", "triplet"}),
        ({"deen.cpm": 0.0, "deen.ort": 0.0}, {"identity", "triplet"}),
    ):
        small = recipe_of("deen", changes=changes)
        batch = batch_for(small)
        assert isinstance(batch, ViewBatch)
        assert build(small, "deen").losses(batch).keys() == terms


@pytest.mark.parametrize("modality", ["rgb", "ir"])
def test_second_views_which_nothing_would_see_are_refused(modality: str) -> None:
    with pytest.raises(
        BadRecipe, match=rf"deen sees one view of each image, not .*views\.of_{modality}=2.*; leave both at 1"
    ):
        build(recipe_of("deen", changes={f"views.of_{modality}": 2}), "deen")
