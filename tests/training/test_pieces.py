"""Schedules, optimiser groups, backbones, checkpoints of others, transforms, recipes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.small import recipe_of
from torch import nn

from rgbir.index import SysuMM01
from rgbir.training.backbones import CompactResNet, ResNet50, load_imagenet
from rgbir.training.data.source import Source
from rgbir.training.data.transforms import MEAN, STD, augmented, erase, normalise, window
from rgbir.training.errors import BadCheckpoint, BadRecipe
from rgbir.training.layers import batch_norm_neck
from rgbir.training.methods import METHODS, entry
from rgbir.training.methods.expat import ExpAT, ExpATRecipe
from rgbir.training.optim import Adam, Sgd, set_rate
from rgbir.training.recipe import ALIASES, Augmentation, flat, parse_assignments, read_changes
from rgbir.training.run import Run
from rgbir.training.schedules import Agw, EpochSteps, WarmupEpoch, WarmupStep

# --- methods.md 1.6, 1.8, 1.9


@pytest.mark.parametrize(
    ("update", "rate"),
    [(0, 1.004e-4), (249, 2e-4), (499, 3e-4), (9998, 3e-4), (9999, 3e-5), (19999, 3e-6), (29999, 3e-7)],
)
def test_the_schedule_at_every_tabulated_point(update: int, rate: float) -> None:
    assert 3e-4 * WarmupStep().factor(update, 1) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize(("epoch", "rate"), [(1, 3.815e-5), (10, 3.5e-4), (40, 3.5e-5), (70, 3.5e-6)])
def test_the_schedule_in_epochs_at_every_tabulated_point(epoch: int, rate: float) -> None:
    assert 3.5e-4 * WarmupEpoch().factor((epoch - 1) * 7 + 6, 7) == pytest.approx(rate, rel=1e-6)
    assert WarmupEpoch().total(7) == 120 * 7


@pytest.mark.parametrize(("epoch", "rate"), [(0, 0.01), (9, 0.1), (20, 0.01), (50, 1e-3)])
def test_the_schedule_of_agw_at_every_tabulated_point(epoch: int, rate: float) -> None:
    assert 0.1 * Agw().factor(epoch * 5, 5) == pytest.approx(rate, rel=1e-6)


def test_biases_may_be_treated_as_everything_else() -> None:
    groups = Adam(bias_factor=1.0, decay_biases=True).build(CompactResNet()).param_groups
    assert {(group["factor"], group["weight_decay"]) for group in groups} == {(1.0, 5e-4)}


def test_a_window_is_cut_from_a_larger_image_at_every_place(rng: np.random.Generator) -> None:
    image = np.arange(9 * 5, dtype=np.uint8).reshape(9, 5, 1).repeat(3, axis=2)
    corners = {int(window(image, 8, 4, rng)[0, 0, 0]) for _ in range(60)}
    assert window(image, 8, 4, rng).shape == (8, 4, 3)
    assert corners == {0, 1, 5, 6}


def test_a_shifted_image_comes_from_the_larger_original(people: SysuMM01) -> None:
    recipe = recipe_of("hpiln", changes={"augment.shift": 1.0, "augment.flip": 0.0})
    source = Source(list(people.records("train")), recipe)
    plain = Source(list(people.records("train")), recipe.changed({"augment.shift": 0.0}))

    shifted, unshifted = source[0], plain[0]

    assert (source.larger.height, source.larger.width) == (72, 36)
    assert shifted[0].shape == unshifted[0].shape == (12, 3, 64, 32)
    assert torch.equal(shifted.labels, unshifted.labels)
    assert not torch.equal(shifted[0], unshifted[0])


def test_without_warmup_the_rate_starts_at_its_base() -> None:
    assert 3e-4 * WarmupStep(warmup=0).factor(0, 1) == 3e-4


def test_biases_learn_twice_as_fast_and_do_not_decay() -> None:
    method = ExpAT(ExpATRecipe(backbone="compact", csbn="full"), 5)

    optimiser = Adam().build(method)
    set_rate(optimiser, 1e-3)

    others, biases = optimiser.param_groups
    assert (others["lr"], others["weight_decay"], biases["lr"], biases["weight_decay"]) == (1e-3, 5e-4, 2e-3, 0)
    named = {id(parameter): name for name, parameter in method.named_parameters()}
    assert all("bias" in named[id(parameter)] for parameter in biases["params"])
    assert not any("bias" in named[id(parameter)] for parameter in others["params"])
    assert any("bn1.weight" in named[id(parameter)] for parameter in others["params"])


def test_a_frozen_bias_is_not_given_to_the_optimiser() -> None:
    method = ExpAT(ExpATRecipe(backbone="compact"), 5)
    given = {id(parameter) for group in Adam().build(method).param_groups for parameter in group["params"]}

    frozen = [name for name, parameter in method.named_parameters() if id(parameter) not in given]

    assert frozen == ["csbn.part.bias"]


def test_resnet50_is_torchvisions_without_its_classifier() -> None:
    network = ResNet50()
    names = set(network.state_dict())

    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032 - 2_049_000
    assert {"conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight", "layer4.2.conv3.weight"} <= names
    assert sum(name.endswith("conv2.weight") for name in names) == 16


def test_the_last_stage_keeps_its_resolution() -> None:
    network = ResNet50().eval()
    first = network.layer4[0]
    assert isinstance(first.downsample, nn.Sequential)

    assert [module.stride for module in (first.conv2, first.downsample[0])] == [(1, 1), (1, 1)]
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 384, 128)).shape == (1, 2048, 24, 8)
        assert ResNet50(last_stride=2)(torch.zeros(1, 3, 64, 64)).shape == (1, 2048, 2, 2)
        assert CompactResNet()(torch.zeros(1, 3, 160, 64)).shape == (1, 256, 10, 4)


def test_necks_train_what_their_kind_says() -> None:
    scale, full, none, off = (batch_norm_neck(4, kind) for kind in ("scale", "full", "none", "off"))

    assert [name for name, p in scale.named_parameters() if p.requires_grad] == ["weight"]
    assert not scale.state_dict()["bias"].any()
    assert [name for name, p in full.named_parameters() if p.requires_grad] == ["weight", "bias"]
    assert not list(none.parameters())
    assert isinstance(off, nn.Identity)


# --- an ImageNet checkpoint


def classic(network: nn.Module) -> dict[str, torch.Tensor]:
    """As the classic release publishes it: with a classifier, without counters."""
    state = {name: value + 0.01 for name, value in network.state_dict().items() if "num_batches" not in name}
    return {**state, "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}


def test_the_classic_checkpoint_loads(tmp_path: Path) -> None:
    given, network = classic(ResNet50()), ResNet50()
    torch.save(given, tmp_path / "resnet50.pth")

    load_imagenet(network, tmp_path / "resnet50.pth")

    assert torch.equal(network.state_dict()["layer3.5.conv2.weight"], given["layer3.5.conv2.weight"])


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    network = CompactResNet()
    before = network.state_dict()["conv1.weight"].clone()
    torch.save(classic(ResNet50()), tmp_path / "resnet50.pth")

    with pytest.raises(
        BadCheckpoint,
        match=r"does not fit CompactResNet: .*unknown.*of another shape \(bn1.bias: \(32,\) expected, \(64,\) in the file",
    ):
        load_imagenet(network, tmp_path / "resnet50.pth")
    assert torch.equal(network.state_dict()["conv1.weight"], before)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(BadCheckpoint, match="no checkpoint that can be read safely"):
        load_imagenet(CompactResNet(), tmp_path / "x.pth")
    with pytest.raises(BadCheckpoint, match="is not a file"):
        load_imagenet(CompactResNet(), tmp_path / "y.pth")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadCheckpoint, match="read safely"):
        load_imagenet(CompactResNet(), tmp_path / "evil.pth")


# --- transforms


def test_normalisation_is_imagenets() -> None:
    image = np.full((1, 2, 2, 3), 128, np.uint8)

    expected = [(128 / 255 - m) / s for m, s in zip(MEAN, STD, strict=True)]

    tensor = normalise(torch.from_numpy(image))
    assert tensor.shape == (1, 3, 2, 2)
    torch.testing.assert_close(tensor[0, :, 0, 0], torch.tensor(expected))


def test_augmentation_can_be_switched_off(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 16, 8, 3), np.uint8)

    plain = augmented(images, Augmentation(flip=0, padcrop=0, erasing=0), rng)

    torch.testing.assert_close(plain, normalise(torch.from_numpy(images)))


def test_padding_brings_in_black_and_the_crop_moves_at_most_by_it(rng: np.random.Generator) -> None:
    images = np.full((200, 20, 20, 3), 255, np.uint8)

    moved = augmented(images, Augmentation(flip=0, padcrop=3, erasing=0), rng)[:, 0]

    black = -MEAN[0] / STD[0]
    rows = (moved.amax(dim=2) == moved.amin()).sum(dim=1)
    assert float(moved.amin()) == pytest.approx(black)
    assert int(rows.max()) == 3


def test_erasing_writes_its_constant_over_two_to_forty_percent(rng: np.random.Generator) -> None:
    shares = []
    for _ in range(300):
        image = torch.full((3, 64, 32), 9.0)
        erase(image, rng, MEAN)
        erased = image[0] != 9
        shares.append(float(erased.float().mean()))
        assert {round(float(v), 4) for v in image[1][erased]} <= {round(MEAN[1], 4)}

    assert 0.015 < min(s for s in shares if s) < 0.06
    assert 0.35 < max(shares) < 0.42


# --- recipes


def test_the_papers_settings() -> None:
    recipe = entry("expat").resolve("paper")
    settings = dict(flat(recipe.model_dump()))

    assert (recipe.height, recipe.width, settings["tuples"], settings["schedule.updates"]) == (384, 128, 8, 30_000)
    assert (settings["csbn"], settings["csbn_sharing"], settings["bn_groups"], settings["expat.form"]) == (
        "scale",
        "shared",
        "joint",
        "mean_exp",
    )
    assert (settings["label_smoothing"], settings["augment.erasing"], settings["expat.xi"]) == (0.1, 0.5, 1.0)
    assert (settings["optimiser.learning_rate"], settings["optimiser.weight_decay"]) == (3e-4, 5e-4)


def test_the_official_code_in_one_line() -> None:
    settings = dict(flat(entry("expat").resolve("official-code").model_dump()))

    assert {
        key: settings[key]
        for key in ("csbn_sharing", "bn_groups", "expat.form", "expat.hinge", "expat.xi", "cls_init", "sampler", "cmc")
    } == {
        "csbn_sharing": "per_modality",
        "bn_groups": "role",
        "expat.form": "exp_mean",
        "expat.hinge": True,
        "expat.xi": 1.0,
        "cls_init": "normal",
        "sampler": "official",
        "cmc": "image",
    }


def test_every_row_of_every_table_resolves() -> None:
    rows = METHODS["expat"].rows

    assert [sum(row.startswith(f"table{n}.") for row in rows) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9)] == [
        8,
        4,
        3,
        5,
        8,
        6,
        5,
        8,
        6,
    ]
    for row in rows:
        for variant in METHODS["expat"].variants:
            METHODS["expat"].resolve(variant, row)
    ratio = METHODS["expat"].resolve("paper", "table7.2:1")
    assert isinstance(ratio, ExpATRecipe)
    assert (ratio.expat.alpha, ratio.expat.beta) == pytest.approx((4 / 3, 2 / 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expat.fomr": "x"}, r"no setting 'expat\.fomr' in this recipe; did you mean 'expat\.form'\?"),
        ({"lr": 1}, r"no setting 'lr' in this recipe; did you mean 'optimiser\.learning_rate'\?"),
        ({"optimizer.LR": 1}, r"did you mean 'optimiser\.learning_rate'\?"),
        ({"learning-rate": 1}, r"did you mean 'optimiser\.learning_rate'\?"),
        ({"learningrate": 1}, r"did you mean 'optimiser\.learning_rate'\?"),
        ({"wd": 1}, r"did you mean 'optimiser\.weight_decay'\?"),
        ({"batch_size": 1}, r"did you mean 'tuples'\?"),
        ({"updates": 1}, r"did you mean 'schedule\.updates'\?"),
        ({"epochs": 1}, r"did you mean 'schedule\.updates'\?"),
        ({"pretrained": 1}, r"did you mean 'imagenet' or 'start'\?"),
        (
            {"optimiser": "sgd"},
            r"'optimiser' in this recipe; it is a group: optimiser\.learning_rate, optimiser\.weight_",
        ),
        ({"heigth": 1}, r"did you mean 'height'\?"),
        ({"zzz": 1}, "no setting 'zzz' in this recipe; known: backbone, "),
        ({"tuples": 0}, "tuples = 0: input should be greater"),
        ({"csbn": "half"}, "csbn = 'half'"),
    ],
)
def test_a_wrong_setting_says_how(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadRecipe, match=message):
        ExpATRecipe().changed(changes)


def test_settings_come_from_files_and_assignments(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('csbn = "off"\n[schedule]\nupdates = 7\nmilestones = [3]\n')

    recipe = (
        ExpATRecipe()
        .changed(read_changes(tmp_path / "r.toml"))
        .changed(parse_assignments(["schedule.updates=9", "backbone=compact", "expat.hinge=true"]))
    )

    assert (recipe.csbn, recipe.schedule.updates, recipe.schedule.milestones, recipe.backbone, recipe.expat.hinge) == (
        "off",
        9,
        (3,),
        "compact",
        True,
    )
    with pytest.raises(BadRecipe, match="takes name=value"):
        parse_assignments(["updates"])
    with pytest.raises(
        BadRecipe, match=r"no variant 'official'; did you mean 'official-code'\? There are paper, official"
    ):
        entry("expat").resolve("official")
    with pytest.raises(BadRecipe, match=r"no method 'expta'; did you mean 'expat'\? There are expat, "):
        entry("expta")
    with pytest.raises(BadRecipe, match=r"no method 'AGW'; did you mean 'agw'\? There"):
        entry("AGW")
    with pytest.raises(BadRecipe, match=r"no row 'table1.id-at-csbn'; did you mean 'table1.id\+at\+csbn'\? There"):
        entry("expat").resolve(row="table1.id-at-csbn")


def test_every_other_name_of_a_setting_leads_to_one_that_some_method_has() -> None:
    names = {name.rpartition(".")[2] for listed in METHODS.values() for name, _ in flat(listed.recipe.model_dump())}
    assert {last for lasts in ALIASES.values() for last in lasts} <= names


def test_a_runs_recipe_is_read_again(tmp_path: Path) -> None:
    recipe = ExpATRecipe().changed({"csbn": "off", "schedule.updates": 7})
    Run(tmp_path / "run", "expat", "paper", "people", 4, recipe).start()

    assert ExpATRecipe().changed(read_changes(tmp_path / "run/recipe.json")) == recipe
    for name, text in (("a.json", "[1]"), ("b.json", '{"method": "expat"}'), ("c.json", "{"), ("d.toml", "x")):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadRecipe, match=name):
            read_changes(tmp_path / name)


def test_mixing_leaves_one_tone_in_the_images_range(rng: np.random.Generator) -> None:
    images = rng.integers(20, 200, (50, 16, 8, 3), np.uint8)
    settings = Augmentation(flip=0, padcrop=0, erasing=0, mix=1)

    mixed = augmented(images, settings, rng) * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]

    torch.testing.assert_close(mixed[:, 0], mixed[:, 2], atol=1e-4, rtol=0)
    assert float(mixed.min()) * 255 >= 19
    assert float(mixed.max()) * 255 <= 201


def test_dfes_rate_falls_tenfold_every_five_epochs() -> None:
    schedule = EpochSteps()

    assert schedule.total(633) == 20 * 633
    rates = [0.01 * schedule.factor(epoch * 633, 633) for epoch in (0, 4, 5, 10, 15, 19)]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-3, 1e-4, 1e-5, 1e-5])
    assert schedule.factor(5 * 633 - 1, 633) == 1


def test_layers_that_no_checkpoint_brings_learn_ten_times_faster() -> None:
    recipe = entry("dfe").resolve()
    method = entry("dfe").build(recipe.changed({"backbone": "compact", "dfe.parts": 6}), 5)

    optimiser = Sgd().build(method, method.fresh)
    set_rate(optimiser, 0.01)

    known, fresh = optimiser.param_groups
    assert (known["lr"], fresh["lr"], known["momentum"], known["weight_decay"]) == (0.01, 0.1, 0.9, 5e-4)
    named = {id(parameter): name.split(".")[0] for name, parameter in method.named_parameters()}
    assert {named[id(p)] for p in fresh["params"]} == {"reduce", "classifiers"}
    assert {named[id(p)] for p in known["params"]} == {"backbone"}
