"""SAAI: the worked numbers of beyond.md 5.8, slow loops, gradients, and its network."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.training.beyond import L3, M3, MK1, MK2, MK3, doubles
from tests.training.small import batch_for, build, recipe_of
from tests.training.test_mpanet import slow_centres
from torch import Tensor

from rgbir.index import Modality
from rgbir.training.augmentation import AUG_SAAI
from rgbir.training.backbones import BACKBONES
from rgbir.training.data.batch import ViewBatch
from rgbir.training.layers import ByModality, part_vectors
from rgbir.training.losses import prototype_diversity, prototype_likeness, soft_cross_entropy
from rgbir.training.methods import METHODS
from rgbir.training.methods.saai import SAAI, SAAIRecipe
from rgbir.training.mutual import Logits
from rgbir.training.prototypes import Prototypes, cells_of


def small(changes: dict[str, Any] | None = None) -> SAAI:
    torch.manual_seed(0)
    method = build(recipe_of("saai", changes=changes), "saai", 3)
    assert isinstance(method, SAAI)
    return method


def views(recipe: Any) -> ViewBatch:
    batch = batch_for(recipe)
    assert isinstance(batch, ViewBatch)
    return batch


@pytest.mark.proves("worked numbers", "saai")
def test_the_worked_number_of_what_prototypes_see() -> None:
    """proto-1: one image of three cells and two channels."""
    layer = Prototypes(2, 2, 3).double()
    assert layer.places is not None
    layer.prototypes.data = doubles([[1, -1], [0, 0]])
    layer.places.data = doubles([[0, 0], [0.5, 0], [0, -1]])
    maps = doubles([[1, 0], [0, 2], [1, 1]]).T.reshape(1, 2, 3, 1)
    expected = doubles([[0.487372, 0.365303], [0.333333, 0.5]])
    parts = part_vectors(maps, layer(maps)).detach()[0, :4].reshape(2, 2)
    torch.testing.assert_close(parts, expected, atol=1e-6, rtol=0)


@pytest.mark.proves("worked numbers", "saai")
@pytest.mark.parametrize(
    ("masks", "cells", "expected"),
    [
        pytest.param(MK1, None, -0.569036, id="div-1"),
        pytest.param(MK2, 162, -0.061276, id="div-2-cells"),
        pytest.param(MK3, None, -0.388287, id="div-3"),
    ],
)
def test_the_worked_numbers_of_prototypes_that_look_apart(masks: Tensor, cells: int | None, expected: float) -> None:
    assert float(prototype_diversity(masks, cells)) == pytest.approx(expected, abs=1e-6)
    assert float(prototype_diversity(masks.float(), cells)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.proves("worked numbers", "saai")
@pytest.mark.parametrize(
    ("of_rgb", "expected"), [pytest.param(M3, 2.465522, id="saai-id-1"), pytest.param(L3, 2.017209, id="saai-id-2")]
)
def test_the_worked_numbers_of_the_identity_term(of_rgb: Tensor, expected: float) -> None:
    """The specific logits are of other rows than the others: they stand beside logits of 0, which cost ln 3."""
    everyone = doubles([[1, 0], [2, -1], [0.5, 0.5], [0, 1]])
    own, other = torch.cat([L3, M3]), torch.cat([of_rgb, L3])
    identity = Logits(everyone, everyone[:0], everyone[:0], 2).identity(torch.tensor([0, 0, 1, 1]))
    identity = identity + Logits(0 * own, own, other, 2).identity(torch.tensor([0, 2, 1, 2])) - math.log(3)
    weight = METHODS["saai"].recipe.saai.mutual  # type: ignore[union-attr]
    assert float(identity + weight * soft_cross_entropy(own, other)) == pytest.approx(expected, abs=1e-6)


def test_masks_are_their_formula_written_as_a_loop() -> None:
    torch.manual_seed(4)
    masks = torch.rand(3, 4, 6, dtype=torch.float64)
    distances, products = [], []
    for image in masks:
        for r in range(4):
            for s in range(r + 1, 4):
                distances.append(float((image[r] - image[s]).square().mean().sqrt()))
                products.append(float((image[r] * image[s]).sum()))
    assert float(prototype_diversity(masks)) == pytest.approx(-sum(distances) / 18, abs=1e-9)
    expected = sum(products) / 18 + 1 - float(masks.mean())
    assert float(prototype_likeness(masks)) == pytest.approx(expected, abs=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    masks = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(prototype_diversity, [masks])
    assert torch.autograd.gradcheck(prototype_likeness, [masks])
    layer = Prototypes(2, 3, 4).double()
    maps = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    tables = [table.detach().clone().requires_grad_() for table in layer.parameters()]

    def parts(maps: Tensor, prototypes: Tensor, places: Tensor) -> Tensor:
        masks: Tensor = torch.func.functional_call(layer, {"prototypes": prototypes, "places": places}, (maps,))
        return part_vectors(maps, masks)

    assert torch.autograd.gradcheck(parts, [maps, *tables])


def test_equal_masks_give_finite_gradients() -> None:
    masks = torch.full((2, 3, 4), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(prototype_diversity(masks), masks)
    assert torch.isfinite(gradient).all()


# --- the network


def test_it_has_the_parameters_of_the_released_network() -> None:
    with torch.device("meta"):
        method = SAAI(SAAIRecipe(), 395)
    sizes = {name: p.numel() for name, p in method.named_parameters() if p.requires_grad}
    assert sum(n for name, n in sizes.items() if not name.startswith("classifiers.")) == 24_542_272
    assert sizes["prototypes.places"] == 162 * 2048
    assert sum(n for name, n in sizes.items() if name.startswith("classifiers.")) == 3 * 395 * 16_384
    assert (method.dimension, method.one_stream) == (16_384, False)


def test_prototypes_and_places_begin_small() -> None:
    layer = Prototypes(7, 2048, 162)
    assert layer.places is not None
    for table in (layer.prototypes, layer.places):
        assert float(table.detach().std()) == pytest.approx(0.03125, rel=0.03)
        assert abs(float(table.detach().mean())) < 1e-3


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
@pytest.mark.parametrize(("height", "width"), [(288, 144), (300, 130), (64, 32)])
@pytest.mark.slow
def test_places_are_as_many_as_a_map_has_cells(backbone: str, height: int, width: int) -> None:
    with torch.device("meta"):
        maps = BACKBONES[backbone]()(torch.empty(1, 3, height, width))
    assert maps.shape[2] * maps.shape[3] == cells_of(height, width)
    assert cells_of(288, 144) == 18 * 9


def test_the_recipe_is_the_released_command_line() -> None:
    recipe, regdb = METHODS["saai"].resolve(), METHODS["saai"].resolve("regdb")
    assert isinstance(recipe, SAAIRecipe)
    assert isinstance(regdb, SAAIRecipe)
    assert (recipe.augment, recipe.views) == AUG_SAAI
    assert (recipe.height, recipe.width, recipe.people, 2 * recipe.images) == (288, 144, 10, 8)
    assert (regdb.height, regdb.width, regdb.people, 2 * regdb.images) == (288, 144, 4, 8)
    assert (recipe.saai.parts, recipe.saai.rate, recipe.saai.mam, regdb.saai.mam) == (7, 0.02, 2, 0)
    assert (recipe.sampling, recipe.mirrored, recipe.data.train_identities) == ("drop", "none", "trainval")
    rates = {epoch: 3.5e-4 * recipe.schedule.factor(0, epoch) for epoch in (0, 9, 79, 80, 120, 159)}
    assert rates == pytest.approx({0: 3.5e-5, 9: 3.5e-4, 79: 3.5e-4, 80: 3.5e-5, 120: 3.5e-6, 159: 3.5e-6})
    (*groups,) = recipe.optimiser.build(small()).param_groups
    assert {(group["lr"], group["weight_decay"], group["factor"]) for group in groups} == {(3.5e-4, 5e-4, 1.0)}


def test_a_neck_for_each_modality_or_one_for_both() -> None:
    images = torch.randn(2, 3, 64, 32)
    for method in (small().eval(), small({"saai.dual_neck": False}).eval()):
        if isinstance(method.neck, ByModality):
            method.neck.rgb.get_buffer("running_mean").add_(1)
        rgb, ir = (method.embed(images, modality) for modality in (Modality.RGB, Modality.IR))
        assert torch.equal(rgb, ir) is method.one_stream


def test_the_objective_is_what_the_formulas_make_of_the_network() -> None:
    """In evaluation, where batch norm is a formula of its own and averages rest; every term written out."""
    method = small().eval()
    assert isinstance(method.neck, ByModality)
    method.neck.ir.get_buffer("running_mean").fill_(0.1)
    for average in (method.classifiers.average_rgb, method.classifiers.average_ir):
        average.normal_(0, 0.05)
    batch = views(method.recipe)
    made = {name: float(term.detach()) for name, term in method.losses(batch).items()}

    with torch.no_grad():
        maps = method.trunk(torch.cat([batch.rgb[0], batch.ir[0]]))
        assert method.prototypes is not None
        assert method.prototypes.places is not None
        places = method.prototypes.places.T.reshape(1, 256, 4, 2)
        masks = torch.stack(
            [((maps + places) * p[:, None, None]).sum(1).sigmoid() for p in method.prototypes.prototypes], 1
        )
        vectors = torch.cat([*[(masks[:, r : r + 1] * maps).mean((2, 3)) for r in range(7)], maps.mean((2, 3))], 1)
        z = torch.cat([vectors[:6], vectors[6:] - 0.1]) / math.sqrt(1 + 1e-5)
        classifiers = method.classifiers
        assert classifiers.specific is not None
        shared, of_rgb, of_ir = (
            part.get_parameter("weight") for part in (classifiers.everyone, classifiers.specific.rgb, classifiers.specific.ir)
        )  # fmt: skip
        labels = [*batch.labels.tolist()] * 2
        own = [z[i] @ (of_rgb if i < 6 else of_ir).T for i in range(12)]
        other = [z[i] @ (classifiers.average_ir if i < 6 else classifiers.average_rgb).T for i in range(12)]

        def cost(logits: Tensor, label: int) -> float:
            return float(logits.exp().sum().log() - logits[label])

        identity = sum(cost(z[i] @ shared.T, y) / 12 + cost(own[i], y) / 6 for i, y in enumerate(labels))
        taught = sum(
            float(share) * cost(logits, k) / 12
            for logits, teacher in zip(own, other, strict=True)
            for k, share in enumerate(teacher.softmax(0))
        )
        pairs = [(r, s) for r in range(7) for s in range(r + 1, 7)]
        apart = sum(((masks[:, r] - masks[:, s]).square().mean((1, 2)).sqrt().sum() for r, s in pairs)) / (12 * 21)
        expected = {
            "identity": identity,
            "mutual": taught,
            "centres": slow_centres(vectors, labels, 0.7, 0.01),
            "prototypes": -0.25 * float(apart),
        }
    assert made == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({"saai.dp": "off"}, {"identity", "centres", "mutual"}),
        ({"saai.dp": "cos"}, {"identity", "centres", "mutual", "prototypes"}),
        ({"saai.parts": 1}, {"identity", "centres", "mutual"}),
        ({"saai.parts": 0, "saai.mam": 0}, {"identity", "centres", "mutual"}),
        ({"saai.cs": 0, "saai.position": False}, {"identity", "mutual", "prototypes"}),
        ({"saai.mutual": 0, "saai.dual_neck": False}, {"identity", "centres", "prototypes"}),
    ],
)
def test_a_switch_leaves_its_term_out(changes: dict[str, Any], terms: set[str]) -> None:
    method = small(changes)
    assert method.losses(views(method.recipe)).keys() == terms
    parts = changes.get("saai.parts", 7)
    assert method.embed(torch.randn(2, 3, 64, 32), Modality.IR).shape == (2, 256 * (parts + 1)) == (2, method.dimension)
    assert ("prototypes.places" in dict(method.named_parameters())) is ("saai.position" not in changes and parts > 0)


def test_one_neck_sees_both_modalities_at_once() -> None:
    seen: list[int] = []
    for method in (small({"saai.dual_neck": False}), small()):
        for name, module in method.named_modules():
            if name.startswith("neck.") and isinstance(module, torch.nn.BatchNorm1d):
                module.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
        method.losses(views(method.recipe))
    assert seen == [12, 6, 6]
