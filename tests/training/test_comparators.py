"""XIV, HAT, MAC, MSR and cmGAN: the worked numbers of beyond.md 9, slow loops, gradients, and each one's structure."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any, Literal

import pytest
import torch
from tests.training.beyond import B6, P2, S6, U6, V2, I, P, Q, V, doubles
from tests.training.small import batch_for, build, recipe_of
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.augmentation import Augmentation
from rgbir.training.data.batch import PairBatch, TupleBatch, ViewBatch
from rgbir.training.data.colours import GREY, recoloured
from rgbir.training.data.transforms import grey, normalise
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import (
    CentreGap,
    DualConstrained,
    Roles,
    Triplet,
    cosine_softmax,
    identity_pair,
    modality_gap,
    tri_directional,
)
from rgbir.training.methods import METHODS
from rgbir.training.methods.cmgan import CmGAN, CmGANRecipe
from rgbir.training.methods.mac import MAC
from rgbir.training.methods.xiv import XIV, Generator, XIVRecipe
from rgbir.training.networks.reversal import reversed_gradient

TWO, SIX, THREE = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([5, 5, 2, 2, 9, 9])
X6 = doubles([[0.4, 0.6], [0.2, 0.8], [0.6, 0.5], [0.3, 0.3], [0.1, 0.2], [0.5, 0.4]])
LOGITS_I = doubles([[0.3, 0.1], [-1, 2], [0, 1], [0.5, 0.5], [2, -1], [1, 0]])


# --- XIV


@pytest.mark.proves("worked numbers", "xiv")
def test_the_worked_numbers_of_the_generator() -> None:
    pixels = doubles([[1, 2, -0.5], [-1, -1, 0.5]]).T[None, :, :, None]
    made = Generator().double()(pixels)[0, :, :, 0].T
    torch.testing.assert_close(made, doubles([[0.277223] * 3, [0.0] * 3]), atol=1e-6, rtol=0)


@pytest.mark.proves("worked numbers", "xiv")
@pytest.mark.parametrize(
    ("margin", "distance", "a", "b", "labels", "expected"),
    [
        pytest.param(4.0, "euclidean", V, I, TWO, 1.464466, id="gap-1"),
        pytest.param(0.5, "euclidean", B6, U6, SIX, 0.247334, id="gap-2"),
        pytest.param(2.0, "euclidean", P, Q, THREE, 0.491181, id="gap-3"),
        pytest.param(2.0, "released", P, Q, THREE, 0.485271, id="gap-4-released"),
    ],
)
def test_the_worked_numbers_of_the_gap(
    margin: float, distance: Literal["euclidean", "released"], a: Tensor, b: Tensor, labels: Tensor, expected: float
) -> None:
    loss = CentreGap(margin, distance)
    assert float(loss(a, b, labels)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(b, a, labels)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(a.float(), b.float(), labels)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "xiv")
def test_the_worked_number_of_xivs_objective() -> None:
    method = build(recipe_of("xiv"), "xiv")
    assert isinstance(method, XIV)
    terms = method.terms(torch.cat([B6, U6, X6]), torch.cat([S6, LOGITS_I, S6]), SIX)
    assert float(torch.stack(list(terms.values())).sum()) == pytest.approx(3.705211, abs=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "released"])
def test_the_gap_is_its_formula_written_as_a_loop(distance: Literal["euclidean", "released"]) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 8, 3, generator=generator, dtype=torch.float64)
    labels = torch.tensor([3, 1, 1, 3, 7, 7, 3, 1])

    def centre(rows: Tensor, k: int) -> Tensor:
        return torch.stack([rows[i] for i in range(8) if int(labels[i]) == k]).mean(dim=0)

    def d(k: int, other: int) -> float:
        first, second = (k, other) if distance == "euclidean" else (other, k)
        squares = float(centre(a, first) @ centre(a, first)) + float(centre(b, second) @ centre(b, second))
        return math.sqrt(max(squares - 2 * float(centre(a, k) @ centre(b, other)), 1e-12))

    total = 0.0
    for k in (1, 3, 7):
        nearest = min(min(d(k, other), d(other, k)) for other in (1, 3, 7) if other != k)
        total += max(1.5 + d(k, k) - nearest, 0.0) / 3
    assert float(CentreGap(1.5, distance)(a, b, labels)) == pytest.approx(total, abs=1e-9)


def test_xivs_network_and_settings_are_the_programs() -> None:
    with torch.device("meta"):
        method = METHODS["xiv"].build(METHODS["xiv"].recipe, 395)
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) - 395 * 2048 == 23_510_090
    recipe = METHODS["xiv"].resolve()
    assert isinstance(recipe, XIVRecipe)
    assert (recipe.height, recipe.width, recipe.people, recipe.images, recipe.sampling) == (256, 128, 12, 4, "repeat")
    assert (recipe.augment, recipe.label_smoothing, recipe.select) == (Augmentation(), 0.1, "last")
    optimiser, schedule = recipe.optimiser, recipe.schedule
    assert (optimiser.learning_rate, optimiser.bias_factor, optimiser.decay_biases) == (3.5e-4, 1, True)
    assert (schedule.epochs, schedule.milestones, schedule.warmup) == (120, (40, 70), 10)
    released = METHODS["xiv"].resolve("official-code")
    assert isinstance(released, XIVRecipe)
    assert (released.xiv.distance, recipe.xiv.distance) == ("released", "euclidean")


def test_switches_of_xiv_leave_terms_out_and_the_made_modality_has_rows_of_its_own() -> None:
    seen: dict[str, Any] = {}
    for name, changes in (("all", {}), ("alone", {"xiv.x": False, "xiv.gap_weight": 0.0, "xiv.intra": False})):
        recipe = recipe_of("xiv", changes=changes)
        method = build(recipe, "xiv")
        rows: list[int] = []
        method.get_submodule("neck").register_forward_hook(lambda m, given, out, rows=rows: rows.append(len(given[0])))
        batch = batch_for(recipe)
        assert isinstance(batch, ViewBatch)
        seen[name] = (method.losses(batch).keys(), rows)
    assert seen == {"all": ({"identity", "triplet", "gap"}, [18]), "alone": ({"identity"}, [12])}
    with pytest.raises(BadRecipe, match="xiv has one view of each image, and makes the other itself"):
        build(recipe_of("xiv", changes={"views.of_rgb": 2}), "xiv")


# --- HAT


@pytest.mark.proves("worked numbers", "hat")
@pytest.mark.parametrize(
    ("v", "i", "g", "labels", "expected"),
    [pytest.param(P, Q, P2, THREE, 1.464315, id="tri-1"), pytest.param(V, I, V2, TWO, 0.457487, id="tri-2")],
)
def test_the_worked_numbers_of_three_modalities(
    v: Tensor, i: Tensor, g: Tensor, labels: Tensor, expected: float
) -> None:
    assert float(tri_directional(v, i, g, labels)) == pytest.approx(expected, abs=1e-6)
    assert float(tri_directional(v.float(), i.float(), g.float(), labels)) == pytest.approx(
        expected, rel=1e-4, abs=1e-5
    )


@pytest.mark.proves("worked numbers", "hat")
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(doubles([[0, 2], [1, -3]]), doubles([[0.5, 0], [1, 1]]), 1.281250, id="sl1-1"),
        pytest.param(P, P2, 0.005833, id="sl1-2"),
    ],
)
def test_the_worked_numbers_of_the_difference_from_grey(a: Tensor, b: Tensor, expected: float) -> None:
    assert float(F.smooth_l1_loss(a, b)) == pytest.approx(expected, abs=1e-6)


def test_the_ranking_of_three_is_its_formula_written_as_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = list(torch.randn(3, 6, 4, generator=generator, dtype=torch.float64))
    total = 0.0
    for a, p, n in permutations(parts):
        for i in range(6):
            positives = [float((a[i] - p[j]).norm()) for j in range(6) if THREE[j] == THREE[i]]
            negatives = [float((a[i] - n[j]).norm()) for j in range(6) if THREE[j] != THREE[i]]
            far, near = [math.exp(d) for d in positives], [math.exp(-d) for d in negatives]
            pull = sum(w * d for w, d in zip(far, positives, strict=True)) / sum(far)
            push = sum(w * d for w, d in zip(near, negatives, strict=True)) / sum(near)
            total += math.log1p(math.exp(pull - push)) / 6
    assert float(tri_directional(parts[0], parts[1], parts[2], THREE)) == pytest.approx(total, abs=1e-9)


def test_grey_pictures_are_the_luminance_of_what_was_normalised() -> None:
    images = torch.randint(0, 256, (4, 8, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = recoloured(images, torch.ones(4), torch.full((4,), GREY))  # which rounds to whole levels
    assert float((grey(normalise(images)) - normalise(whole)).abs().max()) < 0.51 / 255 / 0.224


def test_a_grey_picture_costs_hat_no_difference_and_its_network_is_one() -> None:
    torch.manual_seed(0)
    recipe = recipe_of("hat")
    method = build(recipe, "hat").eval()
    batch = batch_for(recipe)
    assert isinstance(batch, PairBatch)
    colours = method.losses(batch)
    already = method.losses(batch._replace(rgb=grey(batch.rgb)))
    assert float(already["homogeneous"].detach()) < 1e-9 < float(colours["homogeneous"].detach())
    assert method.one_stream
    weighted = build(recipe_of("hat", changes={"ranking_weight": 0.5, "homogeneous_weight": 0.2}), "hat").eval()
    weighted.load_state_dict(method.state_dict())
    other = weighted.losses(batch)
    torch.testing.assert_close(other["ranking"], 0.5 * colours["ranking"])
    torch.testing.assert_close(other["homogeneous"], 2 * colours["homogeneous"])


# --- MAC and MACE


@pytest.mark.proves("worked numbers", "mac")
def test_the_objective_of_mace_by_hand() -> None:
    """Two people; the shared logits say (1, 0), the modalities' (0, 1) for everybody, so that the ensemble is even."""
    method = build(recipe_of("mac"), "mac")
    assert isinstance(method, MAC)
    shared, specific = doubles([[1, 0]] * 4), doubles([[0, 1]] * 2)
    pooled, labels = doubles([[1, 0], [0, 1], [1, 0], [0, 1]]), torch.tensor([0, 1])
    terms = method.terms(pooled, shared, specific, specific, labels)
    even, half = math.log(1 + math.e) - 0.5, math.log(2)  # of a right and a wrong person each; of logits that are equal
    expected = {"identity": even, "rgb": even, "ir": even, "ensemble": half, "taught": even, "ranking": 0.0}
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(expected, abs=1e-6)
    assert float(terms["ranking"]) == float(DualConstrained(0.5, weight=0.0)(pooled[:2], pooled[2:], labels))


def test_mac_is_taught_by_the_shared_classifier_and_teachers_learn_nothing() -> None:
    torch.manual_seed(0)
    logits = [torch.randn(2, 3, requires_grad=True) for _ in range(2)]
    for ensemble in (True, False):
        method = build(recipe_of("mac", changes={"ensemble": ensemble}), "mac")
        assert isinstance(method, MAC)
        shared = torch.randn(4, 3, requires_grad=True)
        terms = method.terms(torch.randn(4, 5), shared, logits[0], logits[1], torch.tensor([0, 1]))
        assert ("ensemble" in terms) == ensemble
        teacher = (shared + torch.cat(logits)) / 2 if ensemble else shared
        expected = -(teacher.softmax(1) * F.log_softmax(torch.cat(logits), 1)).sum(1).mean()
        torch.testing.assert_close(terms["taught"], expected)
        terms["taught"].backward()
        assert shared.grad is None


# --- MSR


@pytest.mark.proves("worked numbers", "msr")
def test_the_gap_of_centres_by_hand() -> None:
    """Centres (0.5, 0) and (4, 0.5) of V, (0.5, 1) and (5, 0.5) of I: squared distances 1 and 1."""
    assert float(modality_gap(V, I, TWO)) == pytest.approx(1.0, abs=1e-9)
    assert float(modality_gap(V, 2 * V, TWO)) == pytest.approx((0.25 + 16.25) / 2, abs=1e-9)


@pytest.mark.proves("worked numbers", "msr")
def test_each_modality_of_msr_is_classified_by_angle_before_the_shared_layer() -> None:
    value = cosine_softmax(doubles([[1, 1]]), doubles([[2, 0], [0, 3], [-1, -1]]), torch.tensor([2]), 14)
    assert float(value) == pytest.approx(24.592642, abs=1e-6)
    torch.manual_seed(0)
    recipe = recipe_of("msr")
    method = build(recipe, "msr").eval()
    batch = batch_for(recipe)
    assert isinstance(batch, PairBatch)
    losses = method.losses(batch)
    read = {m: method.of_modality(images, m) for m, images in zip(Modality, batch[:2], strict=True)}  # type: ignore[operator]
    for modality, vectors in read.items():
        weight = method.get_parameter(f"classifiers.{modality.value}.weight")
        torch.testing.assert_close(losses[modality.value], cosine_softmax(vectors, weight, batch.labels, 14.0))
        torch.testing.assert_close(
            method.embed(batch.rgb if modality is Modality.RGB else batch.ir, modality),
            method.shared(vectors),  # type: ignore[operator]
        )
    shared = [F.normalize(method.shared(vectors)) for vectors in read.values()]  # type: ignore[operator]
    torch.testing.assert_close(losses["gap"], 0.5 * modality_gap(shared[0], shared[1], batch.labels))


# --- cmGAN


@pytest.mark.proves("worked numbers", "cmgan")
def test_a_reversed_gradient_is_the_other_way_round() -> None:
    x = doubles([1.0, 2.0, -3.0]).requires_grad_()
    (reversed_gradient(x, doubles(0.05)) ** 2).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, -0.05 * 2 * x.detach())


@pytest.mark.slow
def test_the_discriminator_learns_and_the_network_unlearns_as_the_strength_rises() -> None:
    torch.manual_seed(0)
    recipe = recipe_of("cmgan", changes={"reversal": 0.05, "rise": 10})
    method = build(recipe, "cmgan")
    assert isinstance(method, CmGAN)
    batch = batch_for(recipe)
    assert isinstance(batch, TupleBatch)
    gradients: dict[int, tuple[Tensor, Tensor]] = {}
    for epoch in (0, 5, 10, 99):
        method.begin(epoch)
        method.eval()
        method.zero_grad()
        method.losses(batch)["discriminator"].backward()
        inner = method.get_parameter("backbone.layer4.conv2.weight").grad
        outer = method.get_parameter("discriminator.4.weight").grad
        assert inner is not None
        assert outer is not None
        gradients[epoch] = (inner.clone(), outer.clone())
    assert float(gradients[0][0].abs().max()) == 0
    torch.testing.assert_close(gradients[10][0], 2 * gradients[5][0], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(gradients[99][0], gradients[10][0])
    torch.testing.assert_close(gradients[0][1], gradients[99][1])
    pooled = method.pool(method.backbone(torch.cat([batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1)])))
    plain = F.cross_entropy(method.discriminator(pooled), torch.arange(2).repeat_interleave(9))
    (direct,) = torch.autograd.grad(plain, method.get_parameter("backbone.layer4.conv2.weight"))
    torch.testing.assert_close(gradients[10][0], -0.05 * direct, rtol=1e-3, atol=1e-7)


def test_cmgans_terms_are_those_of_its_anchors_and_tuples() -> None:
    torch.manual_seed(0)
    recipe = recipe_of("cmgan")
    method = build(recipe, "cmgan").eval()
    assert isinstance(method, CmGAN)
    batch = batch_for(recipe)
    assert isinstance(batch, TupleBatch)
    losses = method.losses(batch)
    rgb, ir = (torch.stack([method.embed(part, Modality.RGB) for part in side]) for side in batch[:2])
    torch.testing.assert_close(losses["triplet"], Triplet(1.4)(Roles(*rgb), Roles(*ir)))
    logits = (method.classifier(rgb[0]), method.classifier(ir[0]))
    torch.testing.assert_close(losses["identity"], identity_pair(*logits, batch.labels, 0.0))


@pytest.mark.slow
def test_cmgan_trains_thirty_epochs_of_sysu_at_a_stride_of_32() -> None:
    recipe = METHODS["cmgan"].recipe
    assert isinstance(recipe, CmGANRecipe)
    assert recipe.schedule.updates == 30 * (22_258 // recipe.tuples)
    assert (recipe.tuples, recipe.optimiser.learning_rate, recipe.data.train_identities) == (16, 3e-4, "trainval")
    with torch.device("meta"):
        method = CmGAN(recipe, 395)
        assert method.backbone(torch.empty(1, 3, 384, 128)).shape == (1, 2048, 12, 4)
    sizes = [layer.weight.shape for layer in method.discriminator if hasattr(layer, "weight")]
    assert sizes == [(1000, 2048), (500, 1000), (2, 500)]


# --- all


@pytest.mark.parametrize("distance", ["euclidean", "released"])
@pytest.mark.slow
def test_gradients_are_those_of_finite_differences(distance: Literal["euclidean", "released"]) -> None:
    a, b, c = (part.clone().requires_grad_() for part in (P, Q, P2))
    assert torch.autograd.gradcheck(lambda x, y: CentreGap(2.0, distance)(x, y, THREE), [a, b])
    assert torch.autograd.gradcheck(lambda x, y, z: tri_directional(x, y, z, THREE), [a, b, c])
    assert torch.autograd.gradcheck(lambda x, y: modality_gap(x, y, THREE), [a, b])


def test_coinciding_vectors_give_finite_losses_and_gradients() -> None:
    for loss in (
        lambda x: CentreGap()(x, x, TWO),
        lambda x: CentreGap(distance="released")(x, x, TWO),
        lambda x: tri_directional(x, x, x, TWO),
        lambda x: modality_gap(x, x, TWO),
    ):
        x = torch.ones(4, 3, requires_grad=True)
        value = loss(x)
        value.backward()
        assert torch.isfinite(value)
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()
