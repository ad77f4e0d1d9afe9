"""Schedules, optimiser groups, backbones, checkpoints of others, transforms, recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.training.small import recipe_of
from torch import nn

from rgbir.index import SysuMM01
from rgbir.training.backbones import CompactResNet, ResNet50, load_imagenet
from rgbir.training.data.source import Source
from rgbir.training.errors import BadCheckpoint, BadRecipe
from rgbir.training.layers import batch_norm_neck
from rgbir.training.methods import METHODS, entry
from rgbir.training.methods.expat import ExpAT, ExpATRecipe
from rgbir.training.optim import Adam, Sgd, set_rate
from rgbir.training.recipe import ALIASES, flat, parse_assignments, read_changes
from rgbir.training.run import Run
from rgbir.training.schedules import Agw, EpochSteps, WarmupEpoch, WarmupStep

# --- methods.md 1.6, 1.8, 1.9


@pytest.mark.parametrize(
    ("update", "rate"),
    [(0, 1.004e-4), (249, 2e-4), (499, 3e-4), (9998, 3e-4), (9999, 3e-5), (19999, 3e-6), (29999, 3e-7)],
)
def test_the_schedule_at_every_tabulated_point(update: int, rate: float) -> None:
    assert 3e-4 * WarmupStep().factor(update, 0) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize(("epoch", "rate"), [(1, 3.815e-5), (10, 3.5e-4), (40, 3.5e-5), (70, 3.5e-6)])
def test_the_schedule_in_epochs_at_every_tabulated_point(epoch: int, rate: float) -> None:
    assert 3.5e-4 * WarmupEpoch().factor(0, epoch - 1) == pytest.approx(rate, rel=1e-6)
    assert WarmupEpoch().total(lambda epoch: 7 * epoch) == 120 * 7


@pytest.mark.parametrize(("epoch", "rate"), [(0, 0.01), (9, 0.1), (20, 0.01), (50, 1e-3)])
def test_the_schedule_of_agw_at_every_tabulated_point(epoch: int, rate: float) -> None:
    assert 0.1 * Agw().factor(0, epoch) == pytest.approx(rate, rel=1e-6)


def test_biases_may_be_treated_as_everything_else() -> None:
    groups = Adam(bias_factor=1.0, decay_biases=True).build(CompactResNet()).param_groups
    assert {(group["factor"], group["weight_decay"]) for group in groups} == {(1.0, 5e-4)}


def test_a_shifted_image_comes_from_the_larger_original(people: SysuMM01) -> None:
    recipe = recipe_of("hpiln", changes={"augment.shift": 1.0, "augment.flip": 0.0})
    source = Source(list(people.records("train")), recipe)
    plain = Source(list(people.records("train")), recipe.changed({"augment.shift": 0.0}))

    shifted, unshifted = source[0], plain[0]

    assert (source.larger.form.height, source.larger.form.width) == (72, 36)
    assert shifted[0].shape == unshifted[0].shape == (12, 3, 64, 32)
    assert torch.equal(shifted.labels, unshifted.labels)
    assert not torch.equal(shifted[0], unshifted[0])


def test_without_warmup_the_rate_starts_at_its_base() -> None:
    assert 3e-4 * WarmupStep(warmup=0).factor(0, 0) == 3e-4


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


@pytest.mark.slow
def test_resnet50_is_torchvisions_without_its_classifier() -> None:
    network = ResNet50()
    names = set(network.state_dict())

    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032 - 2_049_000
    assert {"conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight", "layer4.2.conv3.weight"} <= names
    assert sum(name.endswith("conv2.weight") for name in names) == 16


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_classic_checkpoint_loads(tmp_path: Path) -> None:
    given, network = classic(ResNet50()), ResNet50()
    save_file(given, tmp_path / "resnet50.safetensors")

    load_imagenet(network, tmp_path / "resnet50.safetensors")

    assert torch.equal(network.state_dict()["layer3.5.conv2.weight"], given["layer3.5.conv2.weight"])


@pytest.mark.slow
def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    network = CompactResNet()
    before = network.state_dict()["conv1.weight"].clone()
    save_file(classic(ResNet50()), tmp_path / "resnet50.safetensors")

    with pytest.raises(
        BadCheckpoint,
        match=r"does not fit CompactResNet: .*unknown.*of another shape \(bn1.bias: \(32,\) expected, \(64,\) in the file",
    ):
        load_imagenet(network, tmp_path / "resnet50.safetensors")
    assert torch.equal(network.state_dict()["conv1.weight"], before)


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
        5,
        5,
        8,
        4,
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
        BadRecipe, match=r"no variant 'official'; did you mean 'official-code'\? There are paper and official"
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


def test_dfes_rate_falls_tenfold_every_five_epochs() -> None:
    schedule = EpochSteps()

    assert schedule.total(lambda epoch: 633 * epoch) == 20 * 633
    rates = [0.01 * schedule.factor(0, epoch) for epoch in (0, 4, 5, 10, 15, 19)]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-3, 1e-4, 1e-5, 1e-5])
    assert schedule.factor(0, 4) == 1


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
