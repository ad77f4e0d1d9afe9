"""LCCRF: the worked numbers of methods.md 3.9, its layers, and its own structure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.training.small import batch, recipe_of
from tests.training.test_losses import T1, T2, random_batch
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.backbones import CompactResNet, ResNet50, Stages
from rgbir.training.layers import GeneralisedMeanPool, NonLocal
from rgbir.training.losses import (
    Compactness,
    CrossModalDistillation,
    EnumeratedAngularTriplet,
    ReleasedAngularTriplet,
    Roles,
)
from rgbir.training.methods import METHODS
from rgbir.training.methods.lccrf import LCCRF, LCCRFRecipe


def small(variant: str = "paper", row: str | None = None, changes: Mapping[str, Any] | None = None) -> LCCRFRecipe:
    recipe = recipe_of("lccrf", variant, row, changes)
    assert isinstance(recipe, LCCRFRecipe)
    return recipe


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.proves("worked numbers", "lccrf")
@pytest.mark.parametrize(
    ("loss", "tuples", "expected"),
    [
        (EnumeratedAngularTriplet(), T1, 5.834275),
        (EnumeratedAngularTriplet(), T2, 13.829317),
        (EnumeratedAngularTriplet(exponential=False), T2, 4.317053),
        (ReleasedAngularTriplet(), T1, 3.332349),
        (ReleasedAngularTriplet(), T2, 6.026190),
    ],
)
def test_the_worked_numbers_of_eat(loss: nn.Module, tuples: tuple[Roles, Roles], expected: float) -> None:
    assert float(loss(*tuples)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "lccrf")
@pytest.mark.parametrize(
    ("sign", "reduce", "expected"), [(1, "mean", 4.214763), (-1, "mean", 0.966990), (1, "sum", 12.644290)]
)
def test_the_worked_numbers_of_compactness(sign: int, reduce: Any, expected: float) -> None:
    rgb, ir = doubles([[[1, 0], [0, 1], [1, 1]]]), doubles([[[2, 0], [0, 1], [0, 0.5]]])
    assert float(Compactness(sign, reduce)(rgb, ir)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "lccrf")
@pytest.mark.parametrize(("reduce", "expected"), [("mean", 3.75), ("sum", 15.0)])
def test_the_worked_numbers_of_cmkd(reduce: Any, expected: float) -> None:
    a_rgb, p_rgb, a_ir, p_ir = (doubles([row]) for row in ([1, 2, 3, 4], [0, 1, 0, 1], [1, 1, 1, 1], [1, 0, 3, 1]))
    assert float(CrossModalDistillation(reduce)(a_rgb, p_rgb, a_ir, p_ir)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "lccrf")
@pytest.mark.parametrize(
    ("x", "p", "expected"), [([[1, 2, 3, 4], [0, 0, 0, 2]], 3, [2.924018, 1.259921]), ([[1, 2, 3, 4]], 1, [2.5])]
)
def test_the_worked_numbers_of_gem(x: object, p: float, expected: list[float]) -> None:
    maps = doubles(x)[None, :, :, None]
    assert GeneralisedMeanPool(p)(maps)[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "loss", [EnumeratedAngularTriplet(), EnumeratedAngularTriplet(clamp_positive=False), ReleasedAngularTriplet()]
)
def test_gradients_of_eat_are_those_of_finite_differences(loss: nn.Module) -> None:
    rgb, ir = random_batch()
    leaves = [part.clone().requires_grad_() for part in (*rgb, *ir)]

    def value(*parts: Tensor) -> Tensor:
        result: Tensor = loss(Roles(*parts[:3]), Roles(*parts[3:]))
        return result

    assert torch.autograd.gradcheck(value, leaves)


def test_gradients_of_the_others() -> None:
    x, y = (torch.rand(2, 4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: Compactness()(a, b), (x, y))
    assert torch.autograd.gradcheck(lambda a, b: CrossModalDistillation()(a, b, b * 2, a + 1), (x, y))
    assert torch.autograd.gradcheck(lambda a: GeneralisedMeanPool()(a[:, :, :, None]), (x,))


def test_a_positive_at_an_obtuse_angle_gets_no_pull_as_printed_and_some_without_the_clamp() -> None:
    anchor, positive = doubles([[1.0, 0.0]]), doubles([[-1.0, 0.1]]).requires_grad_()
    roles = Roles(anchor, positive, doubles([[0.0, 1.0]]))

    for clamp, pulled in ((True, False), (False, True)):
        loss = EnumeratedAngularTriplet(clamp_positive=clamp)(roles, roles)
        assert bool(torch.autograd.grad(loss, positive)[0].any()) == pulled


def test_gem_of_black_maps_is_finite_in_half_precision() -> None:
    maps = torch.zeros(2, 4, 3, 3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = GeneralisedMeanPool()(maps.bfloat16())
    pooled.sum().backward()
    assert torch.isfinite(pooled).all()
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()


def test_a_non_local_block_is_the_identity_at_the_start_and_its_formula_later() -> None:
    torch.manual_seed(0)
    block, x = NonLocal(6, 3), torch.randn(2, 6, 4, 2)
    torch.testing.assert_close(block(x), x)

    block.eval()
    nn.init.constant_(block.bn.weight, 0.7)
    theta, phi, g = (part(x).reshape(2, 3, 8) for part in (block.theta, block.phi, block.g))
    expected = torch.zeros(2, 3, 8)
    for i in range(8):
        for j in range(8):
            weight = (theta[:, :, i] * phi[:, :, j]).sum(1, keepdim=True) / 8
            expected[:, :, i] += weight * g[:, :, j]
    torch.testing.assert_close(block(x), x + block.bn(block.w(expected.reshape(2, 3, 4, 2))))


@pytest.mark.slow
def test_non_local_blocks_stand_where_the_code_has_them() -> None:
    method = LCCRF(recipe_full(), 5)

    assert sorted(method.trunk.after) == [f"stage{s}_block{b}" for s, b in ((2, 2), (2, 3), (3, 3), (3, 4), (3, 5))]
    inner = {
        name: module.theta.out_channels for name, module in method.trunk.after.items() if isinstance(module, NonLocal)
    }
    assert set(inner.values()) == {256, 512}


def recipe_full() -> LCCRFRecipe:
    recipe = METHODS["lccrf"].recipe
    assert isinstance(recipe, LCCRFRecipe)
    return recipe


@pytest.mark.slow
def test_stages_together_are_the_backbone() -> None:
    torch.manual_seed(0)
    for backbone in (CompactResNet().eval(), ResNet50().eval()):
        images = torch.randn(1, 3, 64, 32)
        with torch.inference_mode():
            parts = Stages(backbone, 2, 4).eval()(Stages(backbone, 0, 1).eval()(images))
            torch.testing.assert_close(parts, backbone(images))


@pytest.mark.slow
def test_both_stems_and_the_trunk_start_from_the_imagenet_checkpoint(tmp_path: Path) -> None:
    given = ResNet50()
    save_file(given.state_dict(), tmp_path / "resnet50.safetensors")
    method = LCCRF(recipe_full(), 5)

    method.start_from_imagenet(tmp_path / "resnet50.safetensors")

    for part, name in (("stem.rgb", "layer1.0.conv1"), ("stem.ir", "conv1"), ("trunk", "layer4.2.conv3")):
        assert torch.equal(method.get_parameter(f"{part}.part.{name}.weight"), given.get_parameter(f"{name}.weight"))
    method.stem.rgb.get_parameter("part.conv1.weight").data.zero_()
    assert method.stem.ir.get_parameter("part.conv1.weight").any()


def test_the_modalities_have_early_layers_of_their_own() -> None:
    torch.manual_seed(0)
    method = LCCRF(small(), 4)
    method.losses(batch())
    method.eval()
    images = torch.randn(2, 3, 64, 32)

    assert not method.one_stream
    assert not torch.equal(method.embed(images, Modality.RGB), method.embed(images, Modality.IR))


def test_rows_have_the_losses_their_names_say() -> None:
    expected = {
        "a": {"identity"},
        "b": {"identity", "eat", "compact"},
        "c": {"identity", "eat", "compact"},
        "d": {"identity", "eat", "compact", "cmkd"},
        "e": {"identity", "eat", "compact", "cmkd"},
    }
    for row, losses in expected.items():
        method = LCCRF(small(row=f"table1.{row}"), 4)
        assert set(method.losses(batch())) == losses
        assert bool(method.trunk.after) == (row in "ce")
    assert set(LCCRF(small("official-code"), 4).losses(batch())) == {"identity", "eat", "cmkd"}


def test_the_released_code_in_one_line() -> None:
    recipe = METHODS["lccrf"].resolve("official-code")
    assert isinstance(recipe, LCCRFRecipe)

    assert (recipe.loss.eat, recipe.loss.compact, recipe.cmkd.reduce, recipe.nl.inter) == (
        "official",
        "off",
        "mean",
        "one",
    )
    assert (recipe.classifier, recipe.bn_groups, recipe.cmc, recipe.data.train_identities) == (
        "dropout-elu",
        "role",
        "image",
        "trainval",
    )
