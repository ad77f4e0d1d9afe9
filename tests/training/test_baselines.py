"""The baselines of methods.md 7: worked numbers, slow loops, and each one's structure."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.training.small import batch_for, lasting, make_run, recipe_of, recorded
from torch import Tensor

from rgbir.index import Metric, Modality, SysuMM01
from rgbir.training import Losses, load_run, train
from rgbir.training.backbones import CompactResNet, ResNet50
from rgbir.training.backbones.alexnet import AlexNet
from rgbir.training.backbones.towers import Towers
from rgbir.training.data.batch import PairBatch
from rgbir.training.data.source import Source
from rgbir.training.data.store import ImageStore
from rgbir.training.data.transforms import MEAN, STD, normalise
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import (
    BatchHardExponentialAngular,
    CentredRanking,
    Centres,
    DualConstrained,
    SmoothedCrossEntropy,
    WeightedRegularisedTriplet,
    contrastive,
    cosine_softmax,
)
from rgbir.training.methods import METHODS
from rgbir.training.methods.agw import AGW, AGWRecipe
from rgbir.training.methods.bdtr import BDTR, BDTRRecipe, bgr
from rgbir.training.methods.expat_single import ExpATSingle, ExpATSingleRecipe
from rgbir.training.methods.hcml import HCML, HcmlRecipe, Labelled, fit_metric, principal_axes
from rgbir.training.methods.hpiln import HPILN, HPILNRecipe
from rgbir.training.methods.hsme import HSME, HSMERecipe
from rgbir.training.methods.sysu_baselines import (
    AsymmetricNetwork,
    OneStreamNetwork,
    TwoStreamNetwork,
    ZeroPaddingNetwork,
    padded,
)


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


V1, T1 = doubles([[1, 0], [0, 1]]), doubles([[0.6, 0.8], [0, 2]])
V2, T2 = doubles([[1, 0], [0, 1], [-1, 0]]), doubles([[0.8, 0.6], [0.6, 0.8], [-3, 4]])
FEATURES, LABELS = doubles([[1, 0], [1, 1], [0, 1], [-1, 1]]), torch.tensor([0, 0, 1, 1])


@pytest.mark.proves("worked numbers", "bdtr", "hsme")
@pytest.mark.parametrize(("rgb", "ir", "expected"), [(V1, T1, 0.380986), (V2, T2, 0.658686)])
def test_the_worked_numbers_of_bdtr(rgb: Tensor, ir: Tensor, expected: float) -> None:
    labels = torch.arange(len(rgb))
    assert float(DualConstrained()(rgb, ir, labels)) == pytest.approx(expected, abs=1e-6)
    assert float(DualConstrained()(rgb.float(), ir.float(), labels)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "agw")
@pytest.mark.parametrize(("include_self", "expected"), [(True, 0.379188), (False, 0.470748)])
def test_the_worked_numbers_of_the_weighted_triplet(include_self: bool, expected: float) -> None:
    loss = WeightedRegularisedTriplet(include_self)
    assert float(loss(FEATURES, LABELS)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(FEATURES.float(), LABELS)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def slow_released_loss(features: Tensor, labels: Tensor) -> Tensor:
    """AGW's released ranking, pair by pair from its formula; W = exp(x - max(x m)) m / (sum exp(x - max(x m)) m + 1e-6)."""
    n = len(features)
    costs = []
    for i in range(n):
        distances = [(features[i] - features[j]).square().sum().clamp_min(1e-12).sqrt() for j in range(n)]
        sides = []
        for sign in (1, -1):  # positives with x = d, negatives with x = -d
            mask = [float((labels[i] == labels[j]) == (sign == 1)) for j in range(n)]
            largest = torch.stack([sign * d * m for d, m in zip(distances, mask, strict=True)]).max()
            weights = [(sign * d - largest).exp() * m for d, m in zip(distances, mask, strict=True)]
            total = torch.stack(weights).sum() + 1e-6
            sides.append(torch.stack([w / total * d for w, d in zip(weights, distances, strict=True)]).sum())
        costs.append((1 + (sides[0] - sides[1]).exp()).log())
    return torch.stack(costs).mean()


@pytest.mark.parametrize("spread", [0.5, 5.0, 20.0])
def test_the_released_ranking_of_agw_is_its_slow_loop_with_the_same_gradient(spread: float) -> None:
    torch.manual_seed(3)
    features = (spread * torch.randn(8, 5, dtype=torch.float64)).requires_grad_()
    labels = torch.arange(8) // 2

    loss, expected = (
        WeightedRegularisedTriplet(weights="released")(features, labels),
        slow_released_loss(features, labels),
    )

    assert float(loss.detach()) == pytest.approx(float(expected.detach()), abs=1e-9)
    gradient, slow = (torch.autograd.grad(value, features)[0] for value in (loss, expected))
    torch.testing.assert_close(gradient, slow, rtol=1e-8, atol=1e-10)


def of_mean_distance(mean_distance: float) -> tuple[list[float], list[Tensor]]:
    """Losses and gradients of the released and of the exact ranking; 64 random vectors of 2048 values, 8 people."""
    torch.manual_seed(0)
    features = torch.randn(64, 2048, dtype=torch.float64)
    features *= mean_distance / torch.pdist(features).mean()
    features.requires_grad_()
    labels = torch.arange(64) // 8
    values, gradients = [], []
    sorts: tuple[Literal["released", "exact"], ...] = ("released", "exact")
    for weights in sorts:
        loss = WeightedRegularisedTriplet(weights=weights)(features, labels)
        gradients.append(torch.autograd.grad(loss, features)[0].flatten())
        values.append(float(loss.detach()))
    return values, gradients


def test_the_released_ranking_is_the_exact_one_while_distances_are_small() -> None:
    """AGW's own program gave 3e-6 at a mean distance of 2.5, on other random vectors (November 2026)."""
    (released, exact), gradients = of_mean_distance(2.5)
    assert released == pytest.approx(exact, abs=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_the_released_gradient_leaves_the_exact_one_as_distances_grow() -> None:
    """AGW's own program gave gradients 0.2 % apart at a mean distance of 8.4, on other random vectors (November 2026)."""
    _, gradients = of_mean_distance(8.4)
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) == pytest.approx(0.002, abs=0.001)


def test_far_apart_negatives_weigh_nothing_in_the_released_ranking() -> None:
    """AGW's own program gave 25.81 against 0.82, and a cosine of 0.42, on other random vectors (November 2026)."""
    (released, exact), gradients = of_mean_distance(25.0)
    assert released == pytest.approx(25, abs=1)  # the positives' mean distance alone
    assert exact < 1.5
    assert float(torch.cosine_similarity(gradients[0], gradients[1], dim=0)) < 0.8


def test_distances_beyond_the_range_of_exponentials_give_finite_gradients_in_the_released_ranking() -> None:
    features = torch.tensor([[0.0], [1.0], [500.0], [501.0]], requires_grad=True)
    loss = WeightedRegularisedTriplet(weights="released")(features, torch.tensor([0, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(loss, features)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


def test_agw_as_its_code_has_its_ranking_pictures_epochs_and_choice_of_weights() -> None:
    recipe = METHODS["agw"].resolve("official-code")
    assert isinstance(recipe, AGWRecipe)
    assert (recipe.ranking, recipe.ranking_weights, recipe.resize) == ("wrt", "released", "lanczos")
    assert (recipe.schedule.epochs, recipe.select, recipe.data.train_identities) == (81, "best_on_test", "trainval")
    ranking = AGW(recipe.changed({"backbone": "compact"}), 4).ranking
    far = doubles([[0.0, 0], [0.1, 0], [90, 0], [90.1, 0]])
    torch.testing.assert_close(
        ranking(far, torch.tensor([0, 0, 1, 1])), slow_released_loss(far, torch.tensor([0, 0, 1, 1]))
    )


@pytest.mark.proves("worked numbers", "tone", "hcml")
@pytest.mark.parametrize(("margin", "expected"), [(0.5, 0.2625), (1.0, 0.45)])
def test_the_worked_numbers_of_contrast(margin: float, expected: float) -> None:
    assert float(contrastive(V1, T1, doubles([1, 0]), margin)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "one_stream", "two_stream", "asymmetric_fc", "zero_padding")
def test_the_worked_number_of_the_identity_loss() -> None:
    logits, targets = doubles([[2, 1, 0], [0, 0, 3]]), torch.tensor([0, 2])
    assert float(SmoothedCrossEntropy(0.0)(logits, targets)) == pytest.approx(0.251264, abs=1e-6)


@pytest.mark.proves("worked numbers", "hsme")
def test_the_worked_number_of_the_sphere() -> None:
    value = cosine_softmax(doubles([[1, 1]]), doubles([[2, 0], [0, 3], [-1, -1]]), torch.tensor([2]), 14)
    assert float(value) == pytest.approx(24.592642, abs=1e-6)


@pytest.mark.proves("worked numbers", "expat_single")
@pytest.mark.parametrize(("form", "expected"), [("exp_mean", 1.908746), ("mean_exp", 2.029291)])
def test_the_worked_numbers_of_the_batch_hard_angle(form: Any, expected: float) -> None:
    assert float(BatchHardExponentialAngular(form=form)(FEATURES, LABELS)) == pytest.approx(expected, abs=1e-6)


def test_at_is_what_expat_exponentiates() -> None:
    plain = float(BatchHardExponentialAngular(form="mean")(FEATURES, LABELS))
    assert float(doubles(plain).exp()) == pytest.approx(1.908746, abs=1e-6)


def test_bdtr_with_several_images_takes_the_farthest_positive() -> None:
    torch.manual_seed(0)
    rgb, ir = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    labels = torch.arange(6) // 2
    v, t = (x / x.norm(dim=1, keepdim=True) for x in (rgb, ir))
    total = 0.0
    for anchors, gallery in ((v, t), (t, v)):
        for i in range(6):
            d = [float((anchors[i] - gallery[j]).norm()) for j in range(6)]
            p = max((j for j in range(6) if labels[j] == labels[i]), key=d.__getitem__)
            n = min((j for j in range(6) if labels[j] != labels[i]), key=d.__getitem__)
            total += max(0, 0.5 + d[p] - d[n]) / 6
            total += 0.1 * max(0, 0.1 - float((gallery[p] - gallery[n]).norm())) / 6

    assert float(DualConstrained()(rgb, ir, labels)) == pytest.approx(total, abs=1e-9)
    assert float(DualConstrained(weight=0.0, directions="one")(rgb, ir, labels)) < total


def test_the_reconstruction_of_ebdtr_is_a_slow_loop() -> None:
    torch.manual_seed(2)
    rgb, ir = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    v, t = (x / x.norm(dim=1, keepdim=True) for x in (rgb, ir))
    total = 0.0
    for i in range(5):
        c = (v[i] + t[i]) / 2
        nearest = min(float((c - x[j]).norm()) for x, j in itertools.product((v, t), range(5)) if j != i)
        total += 2 * max(0, 0.5 + float((v[i] - t[i]).norm()) - nearest) / 5

    assert float(CentredRanking()(rgb, ir, torch.arange(5))) == pytest.approx(total, abs=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(5)
    x, y = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    labels = torch.tensor([0, 0, 1, 1])
    same = doubles([1, 0, 1, 0])

    assert torch.autograd.gradcheck(lambda a, b: DualConstrained(weight=1.0)(a, b, labels), (x, y))
    assert torch.autograd.gradcheck(lambda a, b: CentredRanking()(a, b, labels), (x, y))
    assert torch.autograd.gradcheck(lambda a, b: contrastive(a, b, same), (x, y))
    assert torch.autograd.gradcheck(lambda a: WeightedRegularisedTriplet(False)(a, labels), (x,))


def test_coinciding_features_give_finite_gradients() -> None:
    x = torch.ones(4, 3, requires_grad=True)
    for loss in (
        WeightedRegularisedTriplet()(x, LABELS),
        DualConstrained()(x, x, LABELS),
        CentredRanking()(x, x, LABELS),
        contrastive(x, x * 0, torch.tensor([1.0, 0, 1, 0])),
    ):
        (gradient,) = torch.autograd.grad(loss, x)
        assert torch.isfinite(gradient).all()


# --- networks


def test_agw_is_built_as_its_code() -> None:
    recipe = METHODS["agw"].recipe
    assert isinstance(recipe, AGWRecipe)
    method = AGW(recipe, 395)

    assert (recipe.people, recipe.images, recipe.height, recipe.width, recipe.schedule.epochs) == (8, 4, 288, 144, 80)
    assert (recipe.optimiser.learning_rate, recipe.optimiser.fresh_factor, recipe.optimiser.nesterov) == (
        0.01,
        10,
        True,
    )
    assert method.dimension == 2048
    weight = method.neck.get_parameter("weight").detach()
    assert 0.005 < float(weight.std()) < 0.02
    assert abs(float(weight.mean()) - 1) < 0.01
    assert not method.neck.get_parameter("bias").requires_grad
    shared = method.streams.shared
    assert sum("theta.weight" in name for name, _ in shared.named_parameters()) == 5
    stems = sum(p.numel() for p in method.streams.own.parameters())
    assert stems == 2 * (64 * 3 * 49 + 2 * 64)


@pytest.mark.slow
def test_streams_part_where_they_are_told(tmp_path: Path) -> None:
    given = ResNet50()
    save_file(given.state_dict(), tmp_path / "resnet50.safetensors")
    for row, layer in (("split.stage0", "conv1"), ("split.stage4", "layer4.2.conv3")):
        recipe = METHODS["two_stream"].resolve(row=row)
        method = TwoStreamNetwork(recipe, 3)  # type: ignore[arg-type]
        method.start_from_imagenet(tmp_path / "resnet50.safetensors")
        for side in (method.streams.own.rgb, method.streams.own.ir):
            assert torch.equal(side.get_parameter(f"part.{layer}.weight"), given.get_parameter(f"{layer}.weight"))
    assert not list(method.streams.shared.parameters())


def test_one_stream_is_one_and_asymmetric_fc_differs_in_its_last_layer_only() -> None:
    images = torch.randn(2, 3, 64, 32)
    network = OneStreamNetwork(recipe_of("one_stream"), 3).eval()  # type: ignore[arg-type]
    assert torch.equal(network.embed(images, Modality.RGB), network.embed(images, Modality.IR))

    fc = AsymmetricNetwork(METHODS["asymmetric_fc"].recipe, 3)  # type: ignore[arg-type]
    assert fc.dimension == 512
    separate = [name for name, _ in fc.named_parameters() if ".rgb." in name or ".ir." in name]
    assert separate == [f"embedding.{side}.{part}" for side in ("rgb", "ir") for part in ("weight", "bias")]


def test_padding_makes_grey_and_zero_of_colour_and_zero_and_infrared_of_infrared() -> None:
    pixels = torch.rand(2, 3, 4, 5)
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    images = (pixels - mean) / std

    of_rgb = padded(images, Modality.RGB)
    grey = 0.299 * pixels[:, 0] + 0.587 * pixels[:, 1] + 0.114 * pixels[:, 2]
    torch.testing.assert_close(of_rgb[:, 0], (grey - 0.449) / 0.226)
    assert not of_rgb[:, 1].any()

    infrared = pixels[:, :1].repeat(1, 3, 1, 1)
    of_ir = padded((infrared - mean) / std, Modality.IR)
    assert not of_ir[:, 0].any()
    torch.testing.assert_close(of_ir[:, 1], (infrared[:, 0] - 0.449) / 0.226)


def test_zero_padding_starts_with_the_sum_over_colours(tmp_path: Path) -> None:
    given = CompactResNet()
    save_file(given.state_dict(), tmp_path / "compact.safetensors")
    method = ZeroPaddingNetwork(recipe_of("zero_padding"), 3)  # type: ignore[arg-type]

    method.start_from_imagenet(tmp_path / "compact.safetensors")

    for channel in (0, 1):
        torch.testing.assert_close(
            method.get_parameter("backbone.conv1.weight")[:, channel], given.conv1.weight.sum(dim=1)
        )
    assert torch.equal(method.get_parameter("backbone.layer4.conv1.weight"), given.get_parameter("layer4.conv1.weight"))


@pytest.mark.slow
def test_both_towers_start_from_alexnet_with_its_hidden_layers(tmp_path: Path) -> None:
    given = AlexNet()
    hidden = {f"classifier.{n}.{p}": torch.rand(s) for n, p, s in (
        ("1", "weight", (4096, 9216)), ("1", "bias", (4096,)), ("4", "weight", (4096, 4096)), ("4", "bias", (4096,)),
        ("6", "weight", (10, 4096)),
    )}  # fmt: skip
    save_file({**given.state_dict(), **hidden}, tmp_path / "alexnet.safetensors")
    assert sum(p.numel() for p in given.parameters()) == 61_100_840 - 58_631_144
    assert given(torch.zeros(1, 3, 227, 227)).shape == given(torch.zeros(1, 3, 224, 224)).shape == (1, 9216)

    towers = Towers("alexnet", 4096)
    towers.start_from_imagenet(tmp_path / "alexnet.safetensors")

    for side in ("rgb", "ir"):
        first = given.get_parameter("features.0.weight")
        assert torch.equal(towers.get_parameter(f"features.{side}.features.0.weight"), first)
        assert torch.equal(towers.get_parameter(f"fc6.{side}.0.weight"), hidden["classifier.1.weight"])
    assert torch.equal(towers.fc7.weight, hidden["classifier.4.weight"])


def test_towers_share_their_last_layer_only() -> None:
    recipe = METHODS["bdtr"].recipe
    assert isinstance(recipe, BDTRRecipe)
    assert (recipe.people, recipe.images, recipe.fc7, recipe.dropout) == (64, 1, 1024, 0.5)
    towers = Towers("compact", 16)
    shared = [name for name, _ in towers.named_parameters() if ".rgb." not in name and ".ir." not in name]
    assert shared == ["fc7.weight", "fc7.bias"]


# --- BDTR as released


def released_bdtr(**changes: Any) -> BDTRRecipe:
    recipe = recipe_of("bdtr", "official-code", changes=changes)
    assert isinstance(recipe, BDTRRecipe)
    return recipe


def test_bdtr_as_its_code_is_every_point_where_that_differs_from_ours() -> None:
    plain, recipe = METHODS["bdtr"].recipe, METHODS["bdtr"].resolve("official-code")
    assert isinstance(plain, BDTRRecipe)
    assert isinstance(recipe, BDTRRecipe)
    assert (recipe.height, recipe.width, recipe.people, recipe.images, recipe.fc7) == (227, 227, 64, 1, 1024)
    assert (recipe.optimiser.weight_decay, recipe.optimiser.fresh_factor, recipe.optimiser.learning_rate) == (
        0,
        1,
        0.001,
    )
    assert (recipe.augment.flip, recipe.augment.padcrop, recipe.augment.erasing, recipe.augment.shift) == (0, 0, 0, 0)
    assert recipe.height + recipe.augment.diagonal == 256
    assert (plain.rectify, plain.dropout_shared, plain.classifier_bias, plain.pixels) == (False, 0, False, "normalised")
    assert (plain.augment.flip, plain.augment.padcrop, plain.augment.diagonal) == (0.5, 10, 0)
    assert plain.optimiser.weight_decay == 5e-4
    rates = {group["lr"] for group in recipe.optimiser.build(BDTR(released_bdtr(), 4), BDTR.fresh).param_groups}
    assert rates == {0.001}


def test_bdtr_as_its_code_ranks_classifies_and_tests_rectified_vectors_behind_two_dropouts() -> None:
    recipe = released_bdtr()
    method = BDTR(recipe, 4)
    images = batch_for(recipe)
    assert isinstance(images, PairBatch)
    read: list[Tensor] = []
    method.classifier.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    method.ranking.register_forward_pre_hook(lambda _, inputs: read.append(torch.cat(inputs[:2])))

    method.eval().losses(images)

    assert all(float(vectors.detach().min()) == 0 for vectors in read)
    torch.testing.assert_close(read[0], read[1])
    torch.testing.assert_close(read[0][:3], method.embed(images.rgb, Modality.RGB))
    shared = method.towers.fc7
    halved: list[Tensor] = []
    shared.register_forward_pre_hook(lambda _, inputs: halved.append(inputs[0]))
    method.losses(images)
    method.train().losses(images)
    empty = [
        float((hidden.detach() == 0).float().mean()) for hidden in halved
    ]  # the rectifier empties a half of it, too
    assert empty[1] > empty[0] + 0.15
    linear = method.classifier[1]
    assert isinstance(linear, torch.nn.Linear)
    assert not linear.bias.any()
    assert method.metric is Metric.COSINE


def test_bdtrs_pixels_are_blue_green_red_less_the_released_mean() -> None:
    red = torch.tensor([255, 128, 0], dtype=torch.uint8).expand(1, 2, 2, 3)
    made = bgr(normalise(red))
    for channel, expected in enumerate((0 - 123.68, 128 - 116.779, 255 - 103.939)):
        torch.testing.assert_close(made[:, channel], torch.full((1, 2, 2), expected), rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_weights_from_imagenet_see_such_pixels_as_they_saw_their_own_but_for_the_mean(tmp_path: Path) -> None:
    given = CompactResNet()
    torch.save(given.state_dict(), tmp_path / "compact.pth")
    method = BDTR(released_bdtr(), 4)
    method.start_from_imagenet(tmp_path / "compact.pth")
    pixels = torch.rand(1, 3, 9, 9)  # the difference of two images has no mean in it
    other = torch.rand(1, 3, 9, 9)
    std = torch.tensor(STD)[:, None, None]
    expected = torch.nn.functional.conv2d((pixels - other) / std, given.conv1.weight)

    for network in (method.towers.features.rgb, method.towers.features.ir):
        weight = network.get_parameter("conv1.weight")
        made = torch.nn.functional.conv2d(bgr(pixels / std) - bgr(other / std), weight)
        torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-4)


def test_diagonal_cuts_at_one_offset_for_both_directions(people: SysuMM01) -> None:
    recipe = released_bdtr(**{"augment.diagonal": 5})
    source = Source(list(people.records("train")), recipe)
    rng = np.random.default_rng(0)
    larger = ImageStore(source.records, 69, 37, "bilinear")[0]
    assert [(store.form.height, store.form.width) for store in source.stores] == [(69, 37)]  # decoded for all workers
    seen = set()
    for _ in range(60):
        cut = source._image(0, rng)
        assert cut.shape == (64, 32, 3)
        seen |= {n for n in range(5) if np.array_equal(cut, larger[n : n + 64, n : n + 32])}
    assert seen == {0, 1, 2, 3, 4}
    with pytest.raises(BadRecipe, match="shift and diagonal are both set"):
        recipe.changed({"augment.shift": 0.5})


# --- HCML


def test_principal_axes_are_those_of_the_covariance() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 4, dtype=torch.float64) @ torch.randn(4, 7, dtype=torch.float64) + 3
    mean, basis = principal_axes(x, 6)

    torch.testing.assert_close(basis[:, :4].T @ basis[:, :4], torch.eye(4, dtype=torch.float64))
    assert not basis[:, 4:].any()
    torch.testing.assert_close((x - mean) @ basis @ basis.T, x - mean)


def test_the_fitted_metric_brings_modalities_together() -> None:
    """People differ in two values, the infrared side is turned and noise is everywhere; the fit must find the turn."""
    torch.manual_seed(0)
    people = torch.randn(20, 8, dtype=torch.float64)
    labels = torch.arange(20).repeat_interleave(6)
    turn = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64))[0]
    rgb = Labelled(people[labels] + 0.1 * torch.randn(120, 8, dtype=torch.float64), labels)
    ir = Labelled(people[labels] @ (0.7 * torch.eye(8) + 0.3 * turn).double() + 0.1 * torch.randn(120, 8), labels)

    metric = fit_metric(rgb, ir, iterations=100)

    def rank_1(v: Tensor, t: Tensor) -> float:
        return float((labels[torch.cdist(t, v).argmin(dim=1)] == labels).double().mean())

    plain = rank_1(rgb.vectors, ir.vectors)
    fitted = rank_1(rgb.vectors @ metric.visible @ metric.shared, ir.vectors @ metric.thermal @ metric.shared)
    assert fitted > max(plain, 0.95)


def test_the_metric_is_positive_and_starts_as_it_is_told() -> None:
    torch.manual_seed(1)
    side = Labelled(torch.randn(12, 3, dtype=torch.float64), torch.arange(12) // 3)
    start = fit_metric(side, side, iterations=0)
    torch.testing.assert_close(start.visible, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(start.shared @ start.shared.T, torch.eye(3, dtype=torch.float64))


@pytest.mark.slow
def test_hcml_fits_its_maps_at_the_end_of_training(tmp_path: Path, people: SysuMM01) -> None:
    recipe = recipe_of("hcml", changes=lasting("hcml", 4))
    run, source = make_run(tmp_path / "run", people, recipe, "hcml")
    before = HCML(recipe, 4).fitted.rgb.get_parameter("weight").clone()  # type: ignore[arg-type]

    method, _ = recorded(run, source)

    assert isinstance(recipe, HcmlRecipe)
    assert isinstance(method, HCML)
    assert method.dimension == 16
    assert not torch.equal(method.fitted.rgb.get_parameter("weight"), before)
    loaded = load_run(tmp_path / "run").load_weights()
    assert torch.equal(loaded.get_parameter("fitted.ir.weight"), method.fitted.ir.get_parameter("weight"))


# --- HSME


def sphere(**changes: Any) -> HSMERecipe:
    recipe = recipe_of("hsme", changes=changes)
    assert isinstance(recipe, HSMERecipe)
    return recipe


def test_decorrelation_keeps_every_angle_and_makes_columns_orthogonal() -> None:
    torch.manual_seed(0)
    method = HSME(sphere(), 4).eval()
    images = torch.randn(5, 3, 64, 32)
    with torch.no_grad():
        before = method.embed(images, Modality.RGB)
        logits = method.classifier(before)

        method.decorrelate()

        after = method.embed(images, Modality.RGB)
        torch.testing.assert_close(method.classifier(after), logits, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(torch.cdist(before, before), torch.cdist(after, after), rtol=1e-3, atol=1e-3)
    gram = (method.embedding.weight @ method.embedding.weight.T).detach()
    off = gram - torch.diag(gram.diagonal())
    assert float(off.abs().max()) < 1e-4 * float(gram.diagonal().max())


def test_the_embedding_rests_for_its_epochs_after_decorrelation() -> None:
    recipe = sphere(**{"sphere.decorrelate": (1,), "sphere.rest": 2})
    method = HSME(recipe, 4)
    for epoch in range(4):
        method.begin(epoch)
        assert all(loss.requires_grad for loss in method.losses(batch_for(recipe)).values())  # type: ignore[arg-type]
        assert method.embedding.weight.requires_grad == (epoch in (0, 3))


@pytest.mark.slow
def test_a_run_stopped_while_the_embedding_rests_goes_on_as_if_it_had_not(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"schedule.epochs": 4, "sphere.decorrelate": (1,), "sphere.rest": 2, "checkpoint_every": 10}
    run, source = make_run(tmp_path / "whole", people, sphere(**changes), "hsme")
    method, expected = recorded(run, source)
    assert source.updates_per_epoch == 8  # epochs 1 and 2 rest: updates 8 to 23

    class Stop(Exception):
        pass

    def stop(update: int, losses: Losses) -> None:
        if update == 12:
            raise Stop

    stopped, source = make_run(tmp_path / "stopped", people, sphere(**changes), "hsme")
    with pytest.raises(Stop):
        train(stopped, source, watch=stop)
    resumed, rest = recorded(load_run(tmp_path / "stopped"), source, resume=True)

    assert rest == {update: expected[update] for update in range(10, 32)}
    weights = [network.get_parameter("embedding.weight") for network in (method, resumed)]
    assert torch.equal(*weights)
    assert all(weight.requires_grad for weight in weights)


# --- expAT on one modality


def test_table_ten() -> None:
    rows = METHODS["expat_single"].rows
    assert len(rows) == 9
    recipe = METHODS["expat_single"].recipe
    assert isinstance(recipe, ExpATSingleRecipe)
    assert (recipe.people, recipe.images, recipe.height, recipe.width) == (16, 4, 256, 128)
    assert (recipe.ranking_weight, recipe.label_smoothing, recipe.augment.erasing) == (0.1, 0.1, 0.5)
    assert (recipe.optimiser.learning_rate, recipe.optimiser.bias_factor, recipe.optimiser.decay_biases) == (
        3.5e-4,
        1,
        True,
    )
    unit = recipe_of("expat_single", row="table10.expat_l2norm")
    method = ExpATSingle(unit, 3).eval()  # type: ignore[arg-type]
    vectors = method.embed(torch.randn(3, 3, 64, 32), Modality.RGB)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    baseline = METHODS["expat_single"].resolve(row="table10.triplet")
    assert isinstance(baseline, ExpATSingleRecipe)
    assert (baseline.ranking, baseline.ranking_weight, baseline.csbn, baseline.metric) == (
        "triplet",
        1,
        "off",
        "euclidean",
    )


def test_the_released_centre_loss_is_the_whole_mean_and_its_centres_step_on_its_gradient() -> None:
    """By hand: x = (1, 2), (3, 4) of person 0 with centre (1, 0); x = (0, 1) of person 1 with centre (0, 0).

    Squared distances 4, 20 and 1: their mean is 25/3. The gradient at a centre is the sum of 2 (c - x) over 3: for person 0
    ((0, -4) + (-4, -8)) / 3, for person 1 (0, -2) / 3. The centres move against half of it.
    """
    centres = Centres(2, 2, rate=0.5, factor=1.0).double()
    centres.centres = doubles([[1, 0], [0, 0]])
    x = doubles([[1, 2], [3, 4], [0, 1]])

    loss = centres(x, torch.tensor([0, 0, 1]))

    assert float(loss) == pytest.approx(25 / 3, abs=1e-9)
    torch.testing.assert_close(centres.centres, doubles([[1 + 2 / 3, 2], [0, 1 / 3]]))


def test_weight_and_rate_twice_as_large_make_the_papers_centre_loss_the_released_one() -> None:
    x, labels = doubles([[1, 2], [3, 4], [0, 1]]), torch.tensor([0, 0, 1])
    released, half = Centres(2, 2, 0.5, factor=1.0).double(), Centres(2, 2, 1.0, factor=0.5).double()
    half.centres = released.centres.clone()
    for _ in range(3):
        torch.testing.assert_close(0.0005 * released(x, labels), 0.001 * half(x, labels))
    torch.testing.assert_close(released.centres, half.centres)


def test_table_ten_as_released() -> None:
    def built(row: str, variant: str = "official-code") -> ExpATSingle:
        return ExpATSingle(recipe_of("expat_single", variant, row), 3).eval()  # type: ignore[arg-type]

    for row in ("table10.bnneck+centre", "table10.at+centre", "table10.expat+centre"):
        for variant, factor in (("official-code", 1.0), ("paper", 0.5)):
            method = built(row, variant)
            assert method.centres is not None
            assert (method.recipe.centre.weight, method.centres.rate, method.centres.factor) == (0.0005, 0.5, factor)
    for row in METHODS["expat_single"].rows:
        bare = row in ("table10.triplet", "table10.expat_alone")
        bound = 1 / method.dimension**0.5  # torch's own start of a linear layer is uniform within this
        classifier = built(row).classifier
        assert (classifier.bias is not None) == bare
        assert built(row, "paper").classifier.bias is None
        largest = float(classifier.weight.detach().abs().max())
        assert (0.9 * bound < largest <= bound) if bare else largest < 0.006  # of N(0, 0.001²)
    images = torch.randn(3, 3, 64, 32)
    triplet = built("table10.triplet")
    torch.testing.assert_close(triplet.embed(images, Modality.RGB).norm(dim=1), torch.ones(3))
    assert not torch.allclose(built("table10.triplet", "paper").embed(images, Modality.RGB).norm(dim=1), torch.ones(3))
    centred = recipe_of("hpiln", row="figures7-8.res_mid.center")
    assert isinstance(centred, HPILNRecipe)
    hpiln = HPILN(centred, 3)
    assert hpiln.centres is not None
    assert (centred.center.weight, hpiln.centres.rate, hpiln.centres.factor) == (0.0005, 0.5, 0.5)
