"""MPANet: the worked numbers of beyond.md 4.8, slow loops, gradients, its network, and averages that are resumed."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.beyond import A4, B6, L3, L4, M3, M4, MK1, MK2, S6, P, doubles
from tests.training.small import batch_for, build, make_run, recipe_of, recorded
from tests.training.test_stopping import RGBIR, begun, is_as_if_it_never_stopped, updates_done
from tests.waiting import until
from torch import Tensor

from rgbir.index import Modality, SysuMM01
from rgbir.training import Losses, load_run, mutual, train
from rgbir.training.augmentation import AUG_MPA
from rgbir.training.data.batch import ViewBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import ModalityAlleviation, part_vectors
from rgbir.training.losses import centre_cluster, cross_kl, ema_step, mask_overlap
from rgbir.training.methods import METHODS
from rgbir.training.methods.mpanet import MPANet, MPANetRecipe
from rgbir.training.mutual import Logits, MutualClassifiers

TWO, THREE = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 1])


def small(changes: dict[str, Any] | None = None) -> MPANet:
    torch.manual_seed(0)
    method = build(recipe_of("mpanet", changes=changes), "mpanet", 3)
    assert isinstance(method, MPANet)
    return method


def views(recipe: Any) -> ViewBatch:
    batch = batch_for(recipe)
    assert isinstance(batch, ViewBatch)
    return batch


@pytest.mark.proves("worked numbers", "mpanet")
@pytest.mark.parametrize(
    ("masks", "expected"), [pytest.param(MK1, 1.0, id="overlap-1"), pytest.param(MK2, 0.47, id="overlap-2")]
)
def test_the_worked_numbers_of_overlapping_masks(masks: Tensor, expected: float) -> None:
    assert float(mask_overlap(masks)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "mpanet")
@pytest.mark.parametrize(
    ("features", "labels", "settings", "expected"),
    [
        pytest.param(A4, TWO, {}, 0.5, id="cc-1"),
        pytest.param(B6, THREE, {}, 0.297577, id="cc-2"),
        pytest.param(P, torch.tensor([5, 5, 2, 2, 9, 9]), {"margin": 2.0}, 0.293773, id="cc-3-three"),
        pytest.param(B6, THREE, {"slack": 0.01}, 0.287577, id="cc-4-slack"),
        pytest.param(A4, TWO, {"slack": 0.6, "margin": 4.0}, 1.450490, id="cc-5-slack"),
    ],
)
def test_the_worked_numbers_of_centres(
    features: Tensor, labels: Tensor, settings: dict[str, float], expected: float
) -> None:
    assert float(centre_cluster(features, labels, **settings)) == pytest.approx(expected, abs=1e-6)
    assert float(centre_cluster(features.float(), labels, **settings)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "mpanet")
@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        pytest.param(L3, M3, 0.446787, id="ckl-1"),
        pytest.param(M3, L3, 0.545701, id="ckl-2-reverse"),
        pytest.param(L4, M4, 0.614041, id="ckl-3"),
    ],
)
def test_the_worked_numbers_of_what_modalities_teach_each_other(own: Tensor, other: Tensor, expected: float) -> None:
    assert float(cross_kl(own, other)) == pytest.approx(expected, abs=1e-6)
    assert float(cross_kl(other, own, "other_own")) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "mpanet")
def test_the_worked_number_of_an_average() -> None:
    torch.testing.assert_close(ema_step(doubles([[1, 2]]), doubles([[3, -2]])), doubles([[1.4, 1.2]]))


@pytest.mark.proves("worked numbers", "mpanet")
def test_the_worked_number_of_the_objective() -> None:
    """mpa-total-1, whose specific logits are of other rows than the others: they stand beside logits of 0, which cost ln 3."""
    weights = METHODS["mpanet"].recipe.mpa  # type: ignore[union-attr]
    own, other = torch.cat([L3, M3]), torch.cat([M3, L3])
    identity = Logits(S6, S6[:0], S6[:0], 3).identity(THREE)
    identity = identity + Logits(0 * own, own, other, 2).identity(torch.tensor([0, 2, 1, 2]), weights.specific)
    rest = weights.cc * centre_cluster(B6, THREE) + weights.sep * mask_overlap(MK2)
    total = identity - math.log(3) + rest + weights.mutual_weight * cross_kl(own, other, weights.mutual)
    assert float(total) == pytest.approx(2.994606, abs=1e-6)


def slow_centres(features: Tensor, labels: list[int], margin: float, slack: float) -> float:
    centres = {
        k: sum(f for f, y in zip(features, labels, strict=True) if y == k) / labels.count(k) for k in set(labels)
    }
    pull = sum(max(float((f - centres[y]).norm()) - slack, 0) for f, y in zip(features, labels, strict=True))
    push = 0.0
    for k, centre in centres.items():
        others = [max(margin - float((centre - centres[y]).norm()), 0) for y in labels if y != k]
        push += sum(others) / len(others) / len(centres)
    return pull / len(labels) + push


def test_centres_are_their_formula_written_as_a_loop() -> None:
    labels = [4, 0, 4, 7, 0, 4, 7, 4]  # people with two, two and four images
    for seed in range(5):
        features = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        made = centre_cluster(features, torch.tensor(labels), 2.5, 0.3)
        assert float(made) == pytest.approx(slow_centres(features, labels, 2.5, 0.3), abs=1e-9)
    alone = centre_cluster(A4, torch.zeros(4, dtype=torch.int64))
    assert float(alone) == pytest.approx(float((A4 - A4.mean(0)).norm(dim=1).mean()))


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(6, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    masks = torch.rand(2, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    own = L4.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: centre_cluster(x, THREE, 3.0, 0.1), [features])
    assert torch.autograd.gradcheck(mask_overlap, [masks])
    for order in ("own_other", "other_own"):
        teacher = M4.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda x, order=order: cross_kl(x, M4, order), [own])
        cross_kl(own, teacher, order).backward()
        assert teacher.grad is None  # a teacher learns nothing


def test_coinciding_features_give_finite_gradients() -> None:
    features = torch.ones(4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(centre_cluster(features, TWO), features)
    assert torch.isfinite(gradient).all()


# --- the network


def test_it_has_the_parameters_of_the_released_network() -> None:
    with torch.device("meta"):
        method = MPANet(MPANetRecipe(), 395)
    sizes = {name: p.numel() for name, p in method.named_parameters() if p.requires_grad}
    of_classifiers = sum(n for name, n in sizes.items() if name.startswith("classifiers."))
    assert sum(sizes.values()) - of_classifiers == 24_190_022
    assert of_classifiers == 16_988_160
    assert sum(b.numel() for name, b in method.named_buffers() if "average" in name) == 11_325_440
    alleviations = [module for module in method.modules() if isinstance(module, ModalityAlleviation)]
    assert [sum(p.numel() for p in module.parameters()) for module in alleviations] == [131_072, 524_288]
    assert (method.dimension, method.one_stream) == (14_336, True)
    assert method.trunk.after["stage3_block5"] is alleviations[0]
    with torch.device("meta"):
        base = MPANet(MPANetRecipe().changed(METHODS["mpanet"].rows["ours.base"]), 395)
    assert base.dimension == 2048
    assert sum(p.numel() for p in base.parameters() if p.requires_grad) == 23_508_032 + 2048 + 395 * 2048


def test_the_recipe_is_the_released_configuration() -> None:
    recipe, regdb = METHODS["mpanet"].resolve(), METHODS["mpanet"].resolve("regdb")
    assert isinstance(recipe, MPANetRecipe)
    assert isinstance(regdb, MPANetRecipe)
    assert (recipe.augment, recipe.views) == AUG_MPA
    assert (recipe.height, recipe.width, recipe.people, 2 * recipe.images) == (384, 128, 16, 8)
    assert (regdb.height, regdb.width, regdb.people, 2 * regdb.images) == (256, 128, 12, 10)
    assert (recipe.sampling, recipe.mirrored, recipe.data.train_identities) == ("drop", "none", "trainval")
    rates = {epoch: 3.5e-4 * recipe.schedule.factor(0, epoch - 1) for epoch in (1, 80, 81, 120, 121, 140)}
    assert rates == pytest.approx({1: 3.5e-4, 80: 3.5e-4, 81: 3.5e-5, 120: 3.5e-5, 121: 3.5e-6, 140: 3.5e-6})
    assert [round(regdb.schedule.factor(0, epoch - 1), 9) for epoch in (110, 111, 140)] == [1, 0.1, 0.1]
    method = small()
    (*groups,) = recipe.optimiser.build(method).param_groups
    assert {(group["lr"], group["weight_decay"], group["factor"]) for group in groups} == {(3.5e-4, 5e-4, 1.0)}
    trained = {p for group in groups for p in group["params"]}
    assert trained == {p for p in method.parameters() if p.requires_grad}


@pytest.mark.parametrize("name", ["mpanet", "saai"])
def test_the_released_program_measures_the_test_set_after_every_fifth_epoch_from_115_on(name: str) -> None:
    recipe, plain = METHODS[name].resolve("official-code"), METHODS[name].resolve()
    tested = recipe.tested
    counted = [
        epoch + 1 for epoch in range(140) if epoch >= tested.first and (epoch - tested.first) % tested.every == 0
    ]
    assert counted == [115, 120, 125, 130, 135, 140]
    assert (recipe.amp, recipe.select, plain.amp, plain.select) == ("fp16", "best_on_test", "off", "last")


def test_instance_norm_is_mixed_in_channel_by_channel() -> None:
    torch.manual_seed(2)
    layer = ModalityAlleviation(32).double()
    x = torch.randn(3, 32, 4, 2, dtype=torch.float64)
    x[0, 5] = 0  # a dead channel
    made = layer(x)
    down, up = layer.down.weight.flatten(1), layer.up.weight.flatten(1)
    for image, result in zip(x, made, strict=True):
        w = 1 / (1 + (-(up @ (down @ image.mean((1, 2))).clamp_min(0))).exp())
        for channel in range(32):
            cells = image[channel]
            normal = (cells - cells.mean()) / (cells.var(unbiased=False) + 1e-5).sqrt()
            torch.testing.assert_close(result[channel], w[channel] * cells + (1 - w[channel]) * normal)


def test_parts_are_means_over_all_cells_and_the_last_is_the_whole() -> None:
    torch.manual_seed(3)
    maps, masks = torch.randn(2, 3, 4, 2), torch.rand(2, 5, 4, 2)
    made = part_vectors(maps, masks)
    expected = torch.stack(
        [
            torch.cat([*[torch.stack([(channel * mask).sum() / 8 for channel in m]) for mask in k], m.mean((1, 2))])
            for m, k in zip(maps, masks, strict=True)
        ]
    )
    torch.testing.assert_close(made, expected)
    torch.testing.assert_close(part_vectors(maps, None), maps.mean((2, 3)))


def test_modalities_share_everything_but_a_classifier() -> None:
    method = small().eval()
    images = torch.randn(2, 3, 64, 32)
    assert torch.equal(method.embed(images, Modality.RGB), method.embed(images, Modality.IR))


def test_the_objective_is_what_the_formulas_make_of_the_network() -> None:
    """In evaluation, where batch norm is a formula of its own and averages rest; every term written out."""
    method = small().eval()
    for average in (method.classifiers.average_rgb, method.classifiers.average_ir):
        average.normal_(0, 0.05)
    batch = views(method.recipe)
    made = {name: float(term.detach()) for name, term in method.losses(batch).items()}

    with torch.no_grad():
        maps = method.trunk(torch.cat([batch.rgb[0], batch.ir[0]]))
        assert method.masks is not None
        masks = 1 / (1 + (-method.masks(maps)).exp())
        vectors = torch.cat([*[(masks[:, r : r + 1] * maps).mean((2, 3)) for r in range(6)], maps.mean((2, 3))], 1)
        z = vectors / math.sqrt(1 + 1e-5)  # of a neck that has seen nothing
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
        p, q = (torch.stack(rows).softmax(1) for rows in (own, other))
        pairs = [(r, s) for r in range(6) for s in range(r + 1, 6)]
        overlap = sum(float((masks[:, r] * masks[:, s]).sum()) for r, s in pairs) * 2 / (12 * 6 * 5)
        expected = {
            "identity": identity,
            "centres": slow_centres(vectors, labels, 0.7, 0.0),
            "overlap": 0.5 * overlap,
            "mutual": 2.5 * float((p * (p / q).log()).sum(1).mean()),
        }
    assert made == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({"mpa.sep": 0}, {"identity", "centres", "mutual"}),
        ({"mpa.parts": 1}, {"identity", "centres", "mutual"}),
        ({"mpa.parts": 0, "mpa.mam": 0}, {"identity", "centres", "mutual"}),
        ({"mpa.cc": 0}, {"identity", "overlap", "mutual"}),
        ({"mpa.mutual": "off"}, {"identity", "centres", "overlap"}),
        (METHODS["mpanet"].rows["ours.base"], {"identity", "centres"}),
    ],
)
def test_a_switch_leaves_its_term_out(changes: dict[str, Any], terms: set[str]) -> None:
    method = small(changes)
    assert method.losses(views(method.recipe)).keys() == terms
    parts = changes.get("mpa.parts", 6)
    assert method.embed(torch.randn(2, 3, 64, 32), Modality.IR).shape == (2, 256 * (parts + 1)) == (2, method.dimension)


def test_nobody_is_taught_without_classifiers_of_modalities() -> None:
    with pytest.raises(BadRecipe, match=r"mpa\.specific=0 leaves no classifiers .*; set mpa\.mutual=off, too"):
        small({"mpa.specific": 0})


# --- averages


def test_averages_follow_before_they_teach_and_only_in_training() -> None:
    torch.manual_seed(0)
    classifiers = MutualClassifiers(4, 3, 0.2)
    assert classifiers.specific is not None
    weight = classifiers.specific.rgb.get_parameter("weight")
    before = weight.detach().clone()
    vectors = torch.randn(5, 4)
    with torch.no_grad():
        weight.add_(1)

    logits = classifiers(vectors, 2)

    torch.testing.assert_close(classifiers.average_rgb, 0.8 * before + 0.2 * (before + 1))
    torch.testing.assert_close(logits.other[2:], vectors[2:] @ classifiers.average_rgb.T)
    torch.testing.assert_close(logits.other[:2], vectors[:2] @ classifiers.average_ir.T)
    assert not logits.other.requires_grad
    followed = classifiers.average_rgb.clone()
    classifiers.eval()(vectors, 2)
    assert torch.equal(classifiers.average_rgb, followed)


def test_averages_follow_more_slowly_after_epoch_99() -> None:
    classifiers = MutualClassifiers(4, 3, 0.2)
    rates = {}
    for epoch in (1, 99, 100, 140):
        classifiers.begin(epoch - 1)
        rates[epoch] = float(classifiers.share)
    assert rates == pytest.approx({1: 0.2, 99: 0.2, 100: 0.2 * 100 / 101, 140: 0.2 * 100 / 141})


@pytest.mark.slow
def test_a_run_that_ends_inside_an_epoch_goes_on_with_the_averages_and_their_rate(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the rate falls from the second epoch on; an epoch has two updates, and the run ends after three."""
    monkeypatch.setattr(mutual, "STEADY", 1)
    recipe = recipe_of("mpanet", changes={"schedule.epochs": 3, "checkpoint_every": 3, "height": 32, "width": 16})
    whole, source = make_run(tmp_path / "whole", people, recipe, "mpanet")
    assert source.before(1) == 2
    method, expected = recorded(whole, source)

    class Stop(Exception):
        pass

    def stop(update: int, losses: Losses) -> None:
        if update == 3:
            raise Stop

    stopped, source = make_run(tmp_path / "stopped", people, recipe, "mpanet")
    with pytest.raises(Stop):
        train(stopped, source, watch=stop)
    kept = stopped.load_weights()
    assert isinstance(kept, MPANet)
    assert float(kept.classifiers.share) == pytest.approx(0.2 * 2 / 3)
    assert kept.classifiers.specific is not None
    assert not torch.equal(kept.classifiers.average_ir, kept.classifiers.specific.ir.get_parameter("weight"))
    resumed, rest = recorded(load_run(tmp_path / "stopped"), source, resume=True)

    assert rest == {update: expected[update] for update in range(3, 6)}
    for name, value in method.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mpanet", "saai"])
def test_a_process_that_is_killed_inside_an_epoch_goes_on_to_the_same_bits(
    tmp_path: Path, people: SysuMM01, name: str
) -> None:
    small = {"backbone": "compact", "height": 32, "width": 16, "people": 3, "images": 3, "augment.padcrop": 2}
    settings = {**small, "schedule.epochs": 40, "checkpoint_every": 3, "validate_every": 0}
    words = [word for setting, value in settings.items() for word in ("--set", f"{setting}={value}")]
    command = [*RGBIR, "train", name, "--data", str(people.root), *words]
    whole, run = tmp_path / "whole", tmp_path / "run"
    subprocess.run([*command, "--out", str(whole)], check=True, capture_output=True)

    process = begun([*command, "--out", str(run)], tmp_path / "output")
    until(lambda: updates_done(run) >= 9)
    process.kill()
    process.wait()
    assert 9 <= updates_done(run) < 80
    subprocess.run([*command, "--out", str(run), "--resume"], check=True, capture_output=True)

    is_as_if_it_never_stopped(run, whole)
