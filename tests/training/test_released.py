"""Checkpoints as their authors publish them become runs: every tensor in its place, or refused by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.small import build, recipe_of
from tests.training.test_weights import Harmful
from torch import Tensor
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Bundle, Modality, SysuMM01
from rgbir.training import BadCheckpoint, BadRecipe, Method, load_run
from rgbir.training.methods import entry
from rgbir.training.released.forms import RELEASES, release
from rgbir.training.released.importing import Imported, import_released, take
from rgbir.training.weights.reading import Content, WeightsFile

SMALL = {"backbone": "compact", "height": 64, "width": 32}
Named = dict[str, Tensor]


def moved(name: str, variant: str, **changes: Any) -> Method:
    """A small network of three people, no tensor of which is as it starts."""
    torch.manual_seed(3)
    network = build(recipe_of(name, variant, changes=changes), name, 3).eval()
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if tensor.is_floating_point() and key != "pool.p":
                tensor.add_(0.1 * torch.rand_like(tensor) if tensor.ndim == 1 else 0.01 * torch.randn_like(tensor))
    return network


def below(network: Method, part: str) -> Named:
    """The tensors of a part, by their names in it."""
    return dict(network.get_submodule(part).state_dict())


def prefixed(prefix: str, *tensors: Named) -> Named:
    return {prefix + name: value for named in tensors for name, value in named.items()}


def block(network: Method, ours: str) -> Named:
    """A non-local block as its authors name its layers."""
    inside = below(network, ours)
    names = {"g": "g.0", "w": "W.0", "bn": "W.1", "theta": "theta", "phi": "phi"}
    return {f"{names[name.split('.')[0]]}.{name.split('.')[1]}": value for name, value in inside.items()}


def agw(network: Method) -> dict[str, Any]:
    """Three whole ResNets, of which only parts are used; non-local blocks; what its trainer measured."""
    stems = [below(network, f"streams.own.{side}.part") for side in ("rgb", "ir")]
    trunk = below(network, "streams.shared.part")
    state = {
        **prefixed("visible_module.visible.", trunk, stems[0]),
        **prefixed("thermal_module.thermal.", trunk, stems[1]),
        **prefixed("base_resnet.base.", stems[0], trunk),
        **prefixed("bottleneck.", below(network, "neck")),
        "classifier.weight": network.get_parameter("classifier.weight"),
    }
    if "streams.shared.after.stage2_block0.g.weight" in network.state_dict():
        for stage in (2, 3):
            state |= prefixed(f"NL_{stage}.0.", block(network, f"streams.shared.after.stage{stage}_block0"))
    return {"net": state, "cmc": np.array([0.4, 0.7]), "mAP": np.float64(0.4), "mINP": np.float64(0.3), "epoch": 40}


def expat(network: Method) -> dict[str, Any]:
    """A dictionary for each module, each of which ran on several GPUs, and its optimiser."""
    return {
        "feature_generator": prefixed("module.base.", below(network, "backbone")),
        "feature_embedder_rgb": prefixed("module.bottleneck.", below(network, "csbn.rgb")),
        "feature_embedder_ir": prefixed("module.bottleneck.", below(network, "csbn.ir")),
        "id_classifier": {"module.classifier.weight": network.get_parameter("classifier.weight")},
        "clock": 30_000,
        "opt_G": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
    }


def expat_nested(network: Method) -> dict[str, Any]:
    """The backbone one attribute deeper."""
    return {**expat(network), "feature_generator": prefixed("module.base.base.", below(network, "backbone"))}


def lccrf(network: Method) -> dict[str, Any]:
    stems = [below(network, f"stem.{side}.part") for side in ("rgb", "ir")]
    trunk = below(network, "trunk.part")
    blocks = [prefixed(f"NL_{s}.0.", block(network, f"trunk.after.stage{s}_block0")) for s in (2, 3)]
    embedder = [prefixed("base.", stems[1], trunk), prefixed("bottleneck.", below(network, "neck")), *blocks]
    return {
        "feature_rgb_generator": prefixed("module.base.", trunk, stems[0]),
        "feature_ir_generator": prefixed("module.base.", trunk, stems[1]),
        "feature_embedder": prefixed("module.", *embedder),
        "id_classifier": {"module.classifier.weight": network.get_parameter("classifier.2.weight")},
    }


FORMS: list[tuple[str, str, dict[str, Any], Callable[[Method], dict[str, Any]]]] = [
    ("agw", "official-code", {"nl.inter": "one"}, agw),
    ("agw", "official-code", {"nl.inter": "half"}, agw),
    ("agw", "base-official-code", {}, agw),
    ("expat", "official-code", {}, expat),
    ("expat", "official-code", {}, expat_nested),
    ("lccrf", "official-code", {}, lccrf),
]


def taken(folder: Path, name: str, content: Content, **options: Any) -> Imported:
    """Imported as if it had been read from a file."""
    (folder / "theirs.pth").write_bytes(b"as it was")
    file = WeightsFile(folder / "theirs.pth", content)
    return take(file, release(name), folder / "run", changes={**SMALL, **options.pop("changes", {})}, **options)


@pytest.mark.parametrize(("name", "variant", "changes", "form"), FORMS)
@pytest.mark.slow
def test_an_imported_network_embeds_as_the_original(
    tmp_path: Path, name: str, variant: str, changes: dict[str, Any], form: Callable[[Method], dict[str, Any]]
) -> None:
    original = moved(name, variant, **changes)

    made = taken(tmp_path, name, form(original))

    run = load_run(tmp_path / "run")
    assert run == made.run
    assert (run.method, run.variant, run.identities, run.licence) == (name, variant, 3, RELEASES[name].licence)
    assert (run.recipe.resize, run.recipe.select) == (
        ("lanczos", "best_on_test") if name == "agw" else ("bilinear", "last")
    )
    network = run.load_weights()
    assert network.state_dict().keys() == original.state_dict().keys()
    assert all(torch.equal(value, original.state_dict()[key]) for key, value in network.state_dict().items())
    images = torch.randn(4, 3, 64, 32)
    with torch.inference_mode():
        for modality in Modality:
            expected = original.embed(images, modality)
            assert torch.isfinite(expected).all()
            assert torch.equal(network.embed(images, modality), expected)


def resnet50() -> list[str]:
    """torchvision's names of a ResNet-50 without its classifier."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["conv1.weight", *(f"bn1.{part}" for part in norm)]
    for layer, count in enumerate((3, 4, 6, 3), start=1):
        for place in range(count):
            for layers in [
                ("conv1", "bn1"),
                ("conv2", "bn2"),
                ("conv3", "bn3"),
                *[("downsample.0", "downsample.1")][place:],
            ]:
                begin = f"layer{layer}.{place}."
                names += [f"{begin}{layers[0]}.weight", *(f"{begin}{layers[1]}.{part}" for part in norm)]
    return names


def test_agws_own_names_are_all_in_their_places() -> None:
    """Its file has 630 tensors that its forward pass never uses."""
    modules = ("visible_module.visible", "thermal_module.thermal", "base_resnet.base")
    blocks = [f"NL_{stage}.{place}" for stage, count in ((2, 2), (3, 3)) for place in range(count)]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    theirs = [f"{module}.{name}" for module in modules for name in resnet50()]
    for name in blocks:
        theirs += [
            f"{name}.{part}.{tensor}" for part in ("g.0", "W.0", "theta", "phi") for tensor in ("weight", "bias")
        ]
        theirs += [f"{name}.W.1.{tensor}" for tensor in norm]
    theirs += [*(f"bottleneck.{tensor}" for tensor in norm), "classifier.weight"]
    with torch.device("meta"):
        ours = set(build(entry("agw").recipe, "agw", 395).state_dict()) - {"pool.p"}

    names = RELEASES["agw"].translated(ours, theirs)

    assert set(names.values()) <= set(theirs)
    assert len(set(names.values())) == len(ours)
    left = set(theirs) - set(names.values())
    assert len(left) == 630
    assert all(RELEASES["agw"].unused.match(name) for name in left)
    shared = "streams.shared."
    assert names[f"{shared}after.stage2_block2.theta.bias"] == "NL_2.0.theta.bias"
    assert names[f"{shared}after.stage3_block5.bn.weight"] == "NL_3.2.W.1.weight"
    assert names[f"{shared}part.layer4.2.conv3.weight"] == "base_resnet.base.layer4.2.conv3.weight"
    assert names["streams.own.ir.part.bn1.bias"] == "thermal_module.thermal.bn1.bias"


def test_lccrfs_own_names_are_in_their_places() -> None:
    with torch.device("meta"):
        ours = build(entry("lccrf").resolve("official-code"), "lccrf", 395).state_dict()
    names = RELEASES["lccrf"].translated(set(ours) - {"pool.p"}, [])
    assert names["stem.ir.part.layer1.2.bn3.weight"] == "feature_ir_generator.base.layer1.2.bn3.weight"
    assert names["trunk.after.stage2_block3.w.bias"] == "feature_embedder.NL_2.1.W.0.bias"
    assert names["trunk.after.stage3_block3.g.weight"] == "feature_embedder.NL_3.0.g.0.weight"
    assert names["classifier.2.weight"] == "id_classifier.classifier.weight"
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("name", "module", "dropped", "expected"),
    [
        ("agw", "net", "thermal_module.thermal.bn1.bias", r"1 missing \(thermal_module\.thermal\.bn1\.bias\)"),
        ("agw", "net", "classifier.weight", "no classifier.weight with a row for each person"),
        ("agw", "net", "NL_3.0.W.1.bias", r"1 missing \(NL_3\.0\.W\.1\.bias\)"),
        ("expat", "feature_embedder_ir", "module.bottleneck.weight", r"\(feature_embedder_ir\.bottleneck\.weight\)"),
        ("lccrf", "feature_embedder", "module.base.layer3.conv1.weight", r"\(feature_embedder\.base\.layer3\.conv1"),
    ],
)
def test_a_tensor_that_is_missing_is_named(tmp_path: Path, name: str, module: str, dropped: str, expected: str) -> None:
    form, variant = {
        "agw": (agw, "official-code"),
        "expat": (expat, "official-code"),
        "lccrf": (lccrf, "official-code"),
    }[name]
    content = form(moved(name, variant))
    del content[module][dropped]

    with pytest.raises(BadCheckpoint, match=f"is no checkpoint of {name} as .* writes it: .*{expected}.*; found"):
        taken(tmp_path, name, content)
    assert not (tmp_path / "run").exists()


def test_a_tensor_without_a_place_is_named() -> None:
    """A part that we don't have would change every embedding."""
    content = agw(moved("agw", "base"))
    content["net"]["NL_2.0.W.0.weight"] = torch.ones(1)
    with pytest.raises(BadCheckpoint, match=r"1 unknown \(NL_2\.0\.W\.0\.weight\)"):
        take(WeightsFile(Path(__file__), content), release("agw"), Path("nowhere"), changes=SMALL)


def test_a_file_of_another_method_says_what_it_holds(tmp_path: Path) -> None:
    content = agw(moved("agw", "base"))
    with pytest.raises(
        BadCheckpoint, match=r"expected dictionaries feature_generator, .*found at its top level net \("
    ):
        taken(tmp_path, "expat", content)
    with pytest.raises(BadCheckpoint, match="expected a network's tensors by name"):
        taken(tmp_path, "agw", expat(moved("expat", "official-code")))


def test_a_tensor_that_is_not_finite_is_refused_by_name(tmp_path: Path) -> None:
    content = expat(moved("expat", "official-code"))
    content["feature_embedder_ir"]["module.bottleneck.running_var"][5] = math.nan
    with pytest.raises(BadCheckpoint, match=r"feature_embedder_ir\.module\.bottleneck\.running_var has values"):
        taken(tmp_path, "expat", content)
    assert not (tmp_path / "run").exists()


def test_settings_that_weights_do_not_tell_are_given_and_others_refused(tmp_path: Path) -> None:
    content = lccrf(moved("lccrf", "official-code"))
    made = taken(tmp_path, "lccrf", content, trained_on="regdb_split3", changes={"height": 128})
    assert (made.run.recipe.height, made.run.recipe.data.split, made.run.training_data) == (128, 3, "regdb_split3")
    with pytest.raises(BadRecipe, match=r"IVIPLab/LCCRF writes no network with classifier\.weight"):
        taken(tmp_path, "lccrf", content, changes={"classifier": "linear"})
    with pytest.raises(BadRecipe, match="no released checkpoints are known as 'agv'; did you mean 'agw'"):
        import_released(tmp_path / "theirs.pth", "agv", tmp_path / "other")
    with pytest.raises(BadRecipe, match="holds a run already; choose another --out"):
        import_released(tmp_path / "theirs.pth", "lccrf", tmp_path / "run")


@pytest.mark.slow  # as every file of weights: tests/training/test_weights.py
def test_code_in_a_released_file_is_never_run(tmp_path: Path) -> None:
    content = agw(moved("agw", "base"))
    torch.save({**content, "more": Harmful(tmp_path / "harm")}, tmp_path / "agw.t")
    with pytest.raises(BadCheckpoint, match="read safely"):
        import_released(tmp_path / "agw.t", "agw", tmp_path / "run", changes=SMALL)
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "run").exists()


def rgbir(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    return result.output


@pytest.mark.slow
def test_the_command_says_what_it_made_and_whose_it_is(tmp_path: Path, people: SysuMM01) -> None:
    torch.save(agw(moved("agw", "official-code")), tmp_path / "agw.t")
    sets = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    out = tmp_path / "run"

    shown = rgbir(
        "import", str(tmp_path / "agw.t"), "--as", "agw", "--out", str(out), "--trained-on", "sysu_mm01", *sets
    )

    assert "agw official-code: 3 identities, compact at 64x32" in shown
    assert "licence: MIT" in shown
    # AGW's program keeps the weights that are best on the test set, so that is their name here.
    kept = "weights.best_on_test.safetensors"
    assert {path.name for path in out.iterdir()} == {"recipe.json", "versions.json", "log.jsonl", kept}
    (line,) = (out / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["imported"] == "agw.t"
    about = json.loads((out / "recipe.json").read_text())
    assert about["note"].startswith("imported from agw.t (sha256 ")
    assert (about["licence"], about["data"]) == ("MIT", "sysu_mm01")

    run = load_run(out)
    with pytest.raises(BadCheckpoint, match=r"no state of a training to go on with; .*--set start="):
        run.load_checkpoint()
    with pytest.raises(BadCheckpoint, match="no state of a training"):
        assert run.has_checkpoint


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant", "changes", "form"), [FORMS[0], FORMS[3], FORMS[5]])
def test_an_imported_run_is_exported_and_measured_as_any_other(
    tmp_path: Path,
    people: SysuMM01,
    name: str,
    variant: str,
    changes: dict[str, Any],
    form: Callable[[Method], dict[str, Any]],
) -> None:
    torch.save(form(moved(name, variant, **changes)), tmp_path / "theirs.pth")
    sets = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    run, bundle, report = (str(tmp_path / part) for part in ("run", "bundle", "report.json"))

    rgbir("import", str(tmp_path / "theirs.pth"), "--as", name, "--out", run, *sets)
    rgbir("export", run, "--out", bundle, "--data", str(people.root), "--note", "for a test")
    rgbir("evaluate", "--data", str(people.root), "--bundle", bundle, "--report", report)

    card = Bundle(bundle).card
    assert card.licence == RELEASES[name].licence
    assert card.note.startswith("imported from theirs.pth")
    assert card.note.endswith("for a test")
    assert card.parity is not None
    assert card.measured
    assert Path(report).is_file()


@pytest.mark.slow
def test_a_whole_resnet50_in_agws_form_embeds_as_the_original(tmp_path: Path) -> None:
    torch.manual_seed(3)
    original = build(entry("agw").recipe, "agw", 395).eval()
    places = {2: (2, 3), 3: (3, 4, 5)}
    content = agw(original)
    for stage, numbers in places.items():
        for place, number in enumerate(numbers):
            content["net"] |= prefixed(
                f"NL_{stage}.{place}.", block(original, f"streams.shared.after.stage{stage}_block{number}")
            )
    torch.save(content, tmp_path / "sysu_agw.t")

    made = import_released(tmp_path / "sysu_agw.t", "agw", tmp_path / "run")

    assert (made.unused, made.run.identities) == (630, 395)
    images = torch.randn(2, 3, 288, 144)
    with torch.inference_mode():
        for modality in Modality:
            assert torch.equal(made.run.load_weights().embed(images, modality), original.embed(images, modality))
