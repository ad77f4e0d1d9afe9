"""HPILN: the worked numbers of methods.md 5.9, its nine networks, and its own structure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.training.small import batch_for, recipe_of
from torch import Tensor
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.backbones import ResNet50
from rgbir.training.backbones.densenet import DenseNet121
from rgbir.training.errors import BadCheckpoint, BadRecipe
from rgbir.training.losses import Centres, HardestTriplet, HardPentaplet, centre_loss
from rgbir.training.methods import METHODS
from rgbir.training.methods.hpiln import HPILN, NETWORKS, HPILNRecipe
from rgbir.training.networks import BFE, MGN, MLFN, PCB, DenseNet121Pooled, Network, ResMid
from rgbir.training.networks.whole import stripes


def small(variant: str | None = None, row: str | None = None, **changes: Any) -> HPILNRecipe:
    recipe = recipe_of("hpiln", variant, row, changes)
    assert isinstance(recipe, HPILNRecipe)
    return recipe


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


ONE = (doubles([[0], [1], [5], [6], [2], [7], [4], [9]]), torch.tensor([0, 0, 1, 1, 0, 0, 1, 1]))
ONE_IR = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]).bool()
TWO = (doubles([[0, 0], [3, 4], [1, 0], [0, 2]]), torch.tensor([0, 1, 0, 1]))
TWO_IR = torch.tensor([0, 0, 1, 1]).bool()
LOGITS = doubles([[1, 0], [0, 1], [0, 0], [0, 2]])


@pytest.mark.proves("worked numbers", "hpiln")
@pytest.mark.parametrize(
    ("data", "infrared", "margin", "hgt", "hct", "hp"),
    [
        (ONE, ONE_IR, 0.3, 27.4, 17.5, 5.6125),
        (ONE, ONE_IR, 1.2, 34.6, 22.4, 7.125),
        (TWO, TWO_IR, 0.3, 1.905551, 1.905551, 0.952776),
    ],
)
def test_the_worked_numbers_of_the_pentaplet(
    data: tuple[Tensor, Tensor], infrared: Tensor, margin: float, hgt: float, hct: float, hp: float
) -> None:
    loss = HardPentaplet(margin)

    assert float(loss.anywhere(*data)) == pytest.approx(hgt, abs=1e-6)
    assert float(loss.across(*data, infrared)) == pytest.approx(hct, abs=1e-6)
    assert float(loss(*data, infrared)) == pytest.approx(hp, abs=1e-6)
    assert float(loss(data[0].float(), data[1], infrared)) == pytest.approx(hp, rel=1e-4, abs=1e-5)
    assert float(HardPentaplet(margin, "hgt")(*data, infrared)) == pytest.approx(hgt / len(infrared), abs=1e-6)


@pytest.mark.proves("worked numbers", "hpiln")
@pytest.mark.parametrize(("margin", "expected"), [(0.3, 1.314425), (0.9, 1.631133)])
def test_the_worked_numbers_of_hpi(margin: float, expected: float) -> None:
    total = HardPentaplet(margin)(*TWO, TWO_IR) + F.cross_entropy(LOGITS, TWO[1])
    assert float(total) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "hpiln", "agw", "expat_single")
@pytest.mark.parametrize(("reduce", "expected"), [("mean", 3.425), ("sum", 27.4)])
def test_the_worked_numbers_of_the_hard_triplet(reduce: Any, expected: float) -> None:
    assert float(HardestTriplet(0.3, reduce)(*ONE)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.proves("worked numbers", "hpiln", "expat_single")
def test_the_worked_numbers_of_the_centre_loss() -> None:
    two_people, same_person = doubles([[1, 2], [3, 4]]), doubles([[1, 1], [2, 0]])

    assert float(centre_loss(two_people, torch.tensor([0, 1]), doubles([[0, 0], [3, 3]]))) == pytest.approx(
        1.5, abs=1e-6
    )
    assert float(centre_loss(same_person, torch.tensor([0, 0]), doubles([[1, 1]]))) == pytest.approx(0.5, abs=1e-6)


def test_the_pentaplet_is_a_slow_loop() -> None:
    torch.manual_seed(3)
    x, labels, ir = torch.randn(24, 5, dtype=torch.float64), torch.arange(24) // 8, torch.arange(24) % 8 >= 4
    total = 0.0
    for a in range(24):
        for across in (False, True):
            distances = {True: [], False: []}  # type: dict[bool, list[float]]
            for b in range(24):
                if b != a and not (across and ir[b] == ir[a]):
                    distances[bool(labels[b] == labels[a])].append(float((x[a] - x[b]).norm()))
            total += max(0.0, 0.3 + max(distances[True]) - min(distances[False]))

    assert float(HardPentaplet(0.3)(x, labels, ir)) == pytest.approx(total / 24, abs=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    x = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    centres = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    labels, ir = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 0, 0, 1, 1]).bool()

    assert torch.autograd.gradcheck(lambda v: HardPentaplet(0.9)(v, labels, ir), (x,))
    assert torch.autograd.gradcheck(lambda v, c: centre_loss(v, labels, c), (x, centres))


def test_an_anchor_without_a_partner_in_the_other_modality_costs_nothing_across() -> None:
    x, labels = doubles([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1])
    assert float(HardPentaplet(0.3).across(x, labels, torch.tensor([False, False, False]))) == 0


def test_centres_follow_by_gradient_descent_in_training_only() -> None:
    centres = Centres(2, 2, rate=0.5)
    start = centres.centres.clone()
    x, labels = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]), torch.tensor([0, 1, 1])
    leaf = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(centre_loss(x, labels, leaf), leaf)

    centres.eval()(x, labels)
    assert torch.equal(centres.centres, start)
    loss = centres.train()(x, labels)

    torch.testing.assert_close(centres.centres, start - 0.5 * gradient)
    torch.testing.assert_close(loss, centre_loss(x, labels, start))
    assert not list(centres.parameters())


# --- the networks

TABLE_5A = {
    "res_mid": ((224, 224), 3072, 23_508_032 + 4096 * 1024 + 3 * 1024),
    "mgn": ((384, 128), 2048, 68_807_744),
    "pcb": ((224, 224), 12288, 23_508_032 + 2048 * 256 + 2 * 256),
    "bfe": ((256, 128), 1024, 31_120_448),
    "mlfn": ((224, 224), 1024, 32_473_024),
    "hacnn": ((160, 64), 1024, 2_929_112),
    "mudeep": ((256, 128), 4096, 134_940_304),
    "resnet50": ((224, 224), 2048, 25_557_032 - 2_049_000),
    "densenet121": ((224, 224), 1024, 7_978_856 - 1_025_000),
}
"""Image size, length of the embedding, parameters. The parameters are those of torchvision's and torchreid 0.2.5's networks
without their classifiers, and for MGN and BFE what their descriptions add up to."""


@pytest.mark.parametrize("name", TABLE_5A)
def test_each_network_has_the_published_size(name: Any) -> None:
    size, dimension, parameters = TABLE_5A[name]
    recipe = METHODS["hpiln"].resolve(row=f"table5.{name}")
    assert isinstance(recipe, HPILNRecipe)

    with torch.device("meta"):
        network = NETWORKS[recipe.backbone](recipe)

    assert (recipe.height, recipe.width) == size
    assert network.dimension == dimension
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE_5A)
def test_each_network_embeds_at_full_size(name: Any) -> None:
    recipe = METHODS["hpiln"].resolve(row=f"table5.{name}")
    assert isinstance(recipe, HPILNRecipe)
    network = NETWORKS[recipe.backbone](recipe).eval()

    with torch.inference_mode():
        views = network(torch.zeros(2, 3, recipe.height, recipe.width))

    assert views.embedding.shape == (2, TABLE_5A[name][1])
    assert tuple(part.shape[1] for part in views.classified) == network.heads


@pytest.mark.slow
def test_bfe_has_1536_values_where_its_own_code_is_followed() -> None:
    assert BFE(embedding="concat").dimension == 1536
    method = HPILN(small("bfe-concat"), 3)
    views = method.network(torch.randn(4, 3, 64, 32))
    assert [part.shape[1] for part in views.ranked] == [64, 128]
    torch.testing.assert_close(torch.cat(list(views.ranked), dim=1), views.embedding)


def test_stripes_are_cut_as_adaptive_pooling_cuts() -> None:
    maps = torch.randn(2, 3, 14, 5)
    cut = stripes(maps, 6)

    assert [part.shape[2] for part in cut] == [3, 3, 3, 3, 3, 3]
    expected = F.adaptive_avg_pool2d(maps, (6, 1))[..., 0]
    torch.testing.assert_close(torch.stack([part.mean(dim=(2, 3)) for part in cut], dim=2), expected)


def test_pcb_ranks_unit_stripes_from_before_its_dropout() -> None:
    torch.manual_seed(0)
    network, images = PCB(slim=8).train(), torch.randn(4, 3, 64, 32)
    views, again = network(images), network(images)

    parts = views.embedding.unflatten(1, (6, -1))
    torch.testing.assert_close(parts.norm(dim=2), torch.ones(4, 6))
    torch.testing.assert_close(again.embedding, views.embedding)
    assert not torch.equal(again.classified[0], views.classified[0])
    assert len(views.classified) == 6


def test_bfe_erases_one_rectangle_of_all_images_and_only_in_training() -> None:
    network = BFE(slim=8, erase=(0.5, 0.5))
    maps = torch.ones(3, 2, 8, 4)

    erased = network.train()._erased(maps)
    assert torch.equal(erased[0, 0], erased[2, 1])
    assert int((erased[0, 0] == 0).sum()) == 4 * 2
    assert torch.equal(network.eval()._erased(maps), maps)
    assert int((BFE(slim=8, erase=(0.33, 1.0)).train()._erased(maps)[0, 0] == 0).sum()) == 3 * 4


def test_mgn_halves_the_resolution_in_its_first_branch_only() -> None:
    network = MGN(slim=8).eval()
    x = network.first(network.stem(torch.randn(1, 3, 128, 64)))
    assert [tuple(branch(x).shape[2:]) for branch in network.branches] == [(4, 2), (8, 4), (8, 4)]


@pytest.mark.parametrize("build", [ResMid, PCB, BFE])
@pytest.mark.slow
def test_a_network_on_resnet50_starts_from_its_checkpoint(tmp_path: Path, build: type[Network]) -> None:
    given = ResNet50()
    save_file({**given.state_dict(), "fc.weight": torch.zeros(1000, 2048)}, tmp_path / "resnet50.safetensors")
    network = build()

    network.start_from_imagenet(tmp_path / "resnet50.safetensors")

    name = "layer4.2.conv3.weight"
    assert torch.equal(network.get_parameter(f"backbone.{name}"), given.get_parameter(name))


@pytest.mark.slow
def test_every_branch_of_mgn_starts_from_the_checkpoint(tmp_path: Path) -> None:
    given, network = ResNet50(), MGN()
    save_file(given.state_dict(), tmp_path / "resnet50.safetensors")

    network.start_from_imagenet(tmp_path / "resnet50.safetensors")

    pairs = [("first.conv1", "layer3.0.conv1")]
    pairs += [(f"branches.{n}.0.conv1", "layer3.1.conv1") for n in range(3)]
    pairs += [(f"branches.{n}.7.conv3", "layer4.2.conv3") for n in range(3)]
    for place, name in pairs:
        assert torch.equal(network.get_parameter(f"{place}.weight"), given.get_parameter(f"{name}.weight"))


def test_densenets_published_checkpoint_has_older_names(tmp_path: Path) -> None:
    given, network = DenseNet121(), DenseNet121Pooled()
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value
        for name, value in given.state_dict().items()
        if "num_batches" not in name
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    save_file({**old, "classifier.weight": torch.zeros(1000, 1024)}, tmp_path / "densenet121.safetensors")

    network.start_from_imagenet(tmp_path / "densenet121.safetensors")

    name = "features.denseblock3.denselayer24.conv2.weight"
    assert torch.equal(network.get_parameter(f"backbone.{name}"), given.get_parameter(name))


def theirs(network: MLFN) -> dict[str, Tensor]:
    """The network's tensors by the names that deep-person-reid's MLFN has for them."""
    inside = {
        "narrow.0": "fm_conv1", "narrow.1": "fm_bn1", "grouped.0": "fm_conv2", "grouped.1": "fm_bn2", "widen.0": "fm_conv3",
        "widen.1": "fm_bn3", "gate.0.0": "fsm.1", "gate.0.1": "fsm.2", "gate.1.0": "fsm.4", "gate.1.1": "fsm.5",
        "gate.2": "fsm.7", "gate.3": "fsm.8", "shortcut.0": "downsample.0", "shortcut.1": "downsample.1",
    }  # fmt: skip
    names = {"stem.0": "conv1", "stem.1": "bn1"}
    names |= {
        f"of_{ours}.{n}": f"fc_{letter}.{n}" for ours, letter in (("map", "x"), ("switches", "s")) for n in (0, 1)
    }
    names |= {f"blocks.{i}.{ours}": f"feature.{i}.{other}" for i in range(16) for ours, other in inside.items()}
    named = {}
    for name, value in network.state_dict().items():
        part, _, tensor = name.rpartition(".")
        convolution = names[part] in ("fc_x.0", "fc_s.0")
        named[f"{names[part]}.{tensor}"] = value[..., None, None] if convolution else value
    return {**named, "classifier.weight": torch.zeros(1000, 1024), "classifier.bias": torch.zeros(1000)}


def upstreams(w: Mapping[str, Tensor], images: Tensor, groups: int) -> Tensor:
    """MLFN's embedding by its paper, layer by layer, from upstream's names."""

    def normalised(x: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (
            w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, weight, bias)

    def convolved(x: Tensor, conv: str, norm: str, **options: int) -> Tensor:
        return normalised(F.conv2d(x, w[f"{conv}.weight"], w.get(f"{conv}.bias"), **options), norm)

    x = F.max_pool2d(F.relu(convolved(images, "conv1", "bn1", stride=2, padding=3)), 3, 2, 1)
    switches: list[Tensor] = []
    for i in range(16):
        f, stride = f"feature.{i}", 2 if i in (3, 7, 13) else 1
        s = F.relu(convolved(x.mean((2, 3), keepdim=True), f"{f}.fsm.1", f"{f}.fsm.2"))
        s = torch.sigmoid(convolved(F.relu(convolved(s, f"{f}.fsm.4", f"{f}.fsm.5")), f"{f}.fsm.7", f"{f}.fsm.8"))
        y = F.relu(convolved(x, f"{f}.fm_conv1", f"{f}.fm_bn1"))
        y = F.relu(convolved(y, f"{f}.fm_conv2", f"{f}.fm_bn2", stride=stride, padding=1, groups=groups))
        y = torch.cat([part * s[:, [k]] for k, part in enumerate(y.chunk(groups, dim=1))], dim=1)
        y = F.relu(convolved(y, f"{f}.fm_conv3", f"{f}.fm_bn3"))
        shortcut = f"{f}.downsample.0"
        short = convolved(x, shortcut, f"{f}.downsample.1", stride=stride) if f"{shortcut}.weight" in w else x
        x, switches = F.relu(y + short), [*switches, s]
    of_map = F.relu(convolved(x.mean((2, 3), keepdim=True), "fc_x.0", "fc_x.1"))
    return (of_map + F.relu(convolved(torch.cat(switches, 1), "fc_s.0", "fc_s.1"))).flatten(1) / 2


def test_mlfn_starts_from_deep_person_reids_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(0)
    given, network = MLFN(slim=8).eval(), MLFN(slim=8).eval()
    with torch.no_grad():
        for tensor in given.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    save_file(theirs(given), tmp_path / "mlfn.safetensors")

    network.start_from_imagenet(tmp_path / "mlfn.safetensors")

    images = torch.randn(2, 3, 64, 32)
    with torch.inference_mode():
        embedding = network(images).embedding
        assert torch.equal(embedding, given(images).embedding)
        expected = upstreams(theirs(given), images, groups=4)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(embedding, expected, rtol=1e-5, atol=1e-6)


def test_mlfns_checkpoint_must_be_whole(tmp_path: Path) -> None:
    tensors = theirs(MLFN(slim=8))
    del tensors["feature.3.fsm.7.bias"]
    save_file(tensors, tmp_path / "mlfn.safetensors")
    with pytest.raises(BadCheckpoint, match=r"1 missing \(blocks\.3\.gate\.2\.bias\)\. Expected deep-person-reid's"):
        MLFN(slim=8).start_from_imagenet(tmp_path / "mlfn.safetensors")


def test_networks_without_a_checkpoint_say_so(tmp_path: Path) -> None:
    method = HPILN(METHODS["hpiln"].resolve("hacnn"), 3)  # type: ignore[arg-type]
    with pytest.raises(BadCheckpoint, match=r"torchvision publishes no weights of HACNN; .*train from nothing"):
        method.start_from_imagenet(tmp_path / "x.pth")


# --- the method


def test_objectives_have_the_terms_their_names_say() -> None:
    expected = {
        "id": {"identity"},
        "hp": {"pentaplet"},
        "hpi": {"identity", "pentaplet"},
        "ht": {"triplet"},
        "hti": {"identity", "triplet"},
        "center": {"identity", "centre"},
    }
    for loss, terms in expected.items():
        recipe = small(loss=loss)
        method = HPILN(recipe, 3)
        assert set(method.losses(batch_for(recipe))) == terms  # type: ignore[arg-type]
        assert bool(len(method.classifiers)) == ("identity" in terms)


def test_identity_is_the_mean_over_heads_or_their_sum() -> None:
    batch = batch_for(small("pcb"))
    values = {}
    for how in ("mean", "sum"):
        torch.manual_seed(0)
        method = HPILN(small("pcb", id_heads=how), 3)
        values[how] = float(method.losses(batch)["identity"].detach())  # type: ignore[arg-type]
    assert values["sum"] == pytest.approx(6 * values["mean"], rel=1e-5)


def test_a_network_of_fixed_size_refuses_another() -> None:
    recipe = METHODS["hpiln"].recipe.changed({"backbone": "hacnn"})
    assert isinstance(recipe, HPILNRecipe)
    with pytest.raises(BadRecipe, match="hacnn takes images of 160x64 only; set height=160 width=64"):
        HPILN(recipe, 3)


def test_both_modalities_go_one_way_and_are_compared_as_they_are() -> None:
    method = HPILN(small(), 3).eval()
    images = torch.randn(2, 3, 64, 32)
    assert method.one_stream
    assert method.metric == "euclidean"
    assert torch.equal(method.embed(images, Modality.RGB), method.embed(images, Modality.IR))


def test_the_papers_settings() -> None:
    recipe = METHODS["hpiln"].recipe
    assert isinstance(recipe, HPILNRecipe)
    assert (recipe.people, recipe.images, recipe.sampling, recipe.loss) == (8, 8, "balanced", "hpi")
    assert (recipe.optimiser.learning_rate, recipe.optimiser.weight_decay) == (3e-4, 5e-4)
    assert (recipe.optimiser.bias_factor, recipe.optimiser.decay_biases) == (1, True)
    assert {recipe.schedule.factor(t, 0) for t in (0, 1, 5_000, 9_999)} == {1.0}
    assert recipe.schedule.total(lambda epoch: epoch) == 10_000
    assert (recipe.data.train_identities, recipe.label_smoothing, recipe.augment.erasing) == ("trainval", 0, 0)
    assert (recipe.augment.shift, recipe.augment.padcrop, recipe.augment.flip) == (0.5, 0, 0.5)


def test_every_table_has_its_rows() -> None:
    rows = METHODS["hpiln"].rows
    counts = {table: sum(row.startswith(f"{table}.") for row in rows) for table in ("table4", "table5", "figures7-8")}
    assert counts == {"table4": 15, "table5": 9, "figures7-8": 15}
    blind = METHODS["hpiln"].resolve(row="figures7-8.pcb.ht")
    assert isinstance(blind, HPILNRecipe)
    assert (blind.sampling, blind.loss, blind.backbone) == ("blind", "ht", "pcb")


def test_new_layers_start_as_the_spec_says() -> None:
    torch.manual_seed(0)
    method = HPILN(METHODS["hpiln"].recipe, 395)  # type: ignore[arg-type]
    for name in ("classifiers.0", "network.fusion.0"):
        weight = method.get_parameter(f"{name}.weight").detach()
        assert float(weight.std()) == pytest.approx(0.01, rel=0.02)
        assert not method.get_parameter(f"{name}.bias").any()
    assert not BFE(slim=8).get_parameter("project.0.bias").any()


@pytest.mark.parametrize(("variant", "averaged"), [("hacnn", True), ("bfe-concat", False)])
@pytest.mark.parametrize("loss", ["hpi", "hti"])
def test_hacnns_raw_halves_are_ranked_each_by_itself_and_averaged(variant: str, averaged: bool, loss: str) -> None:
    """As torchreid does (its `DeepSupervision`); BFE's two vectors are added, as its authors do."""
    torch.manual_seed(0)
    recipe = small(variant, loss=loss)
    method, batch = HPILN(recipe, 3), batch_for(recipe)
    vectors: list[Tensor] = []
    parts = ("of_whole", "of_regions") if variant == "hacnn" else ("reduce", "project")
    for part in parts:
        method.network.get_submodule(part).register_forward_hook(
            lambda _, __, vector: vectors.append(vector.flatten(1))
        )

    losses = method.losses(batch)  # type: ignore[arg-type]

    assert len(vectors) == 2
    if loss == "hpi":
        each = [HardPentaplet(0.3)(vector, batch.labels, batch.infrared) for vector in vectors]  # type: ignore[union-attr]
    else:
        each = [HardestTriplet(0.3)(vector, batch.labels) for vector in vectors]
    expected = sum(float(value.detach()) for value in each) / (2 if averaged else 1)
    value = losses["pentaplet" if loss == "hpi" else "triplet"]
    assert float(value.detach()) == pytest.approx(expected, rel=1e-6)
