"""What a training starts from: another run, a file, other people, another pooling; and parts that rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.training.small import VARIANTS, build, make_run, recipe_of
from torch import Tensor, nn
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import SysuMM01
from rgbir.training import BadCheckpoint, BadRecipe, Method, Run, load_run, train
from rgbir.training.recipe import parse_assignments
from rgbir.training.start import start


def saved(folder: Path, method: str = "expat", identities: int = 4, **changes: Any) -> tuple[Run, Method]:
    """A run's folder with weights that no training made, and its network."""
    run = Run(folder, method, "paper", "people", identities, recipe_of(method, changes=changes))
    torch.manual_seed(7)
    network = run.build()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    run.start()
    run.save_checkpoint({"updates": 0, "method": network.state_dict()}, network)
    return run, network


def started(method: str, file: Path, identities: int = 4, **changes: Any) -> tuple[Method, list[str]]:
    """A new network that starts from the file, and what is said of it."""
    recipe = recipe_of(method, changes={**changes, "start": str(file)})
    torch.manual_seed(8)
    network = build(recipe, method, identities)
    return network, start(network, recipe)


def same(network: Method, other: Method) -> set[str]:
    """Names of the tensors that both have alike."""
    theirs = other.state_dict()
    return {
        name
        for name, value in network.state_dict().items()
        if name in theirs and value.shape == theirs[name].shape and torch.equal(value, theirs[name])
    }


@pytest.mark.parametrize("file", ["", "weights.safetensors"])
def test_a_training_starts_from_a_run_or_from_a_file_of_it(tmp_path: Path, file: str) -> None:
    _, given = saved(tmp_path / "run")

    network, lines = started("expat", tmp_path / "run" / file)

    assert same(network, given) == set(given.state_dict())
    assert lines[0].startswith(f"started from {tmp_path / 'run'}")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("method", "changes", "expected"),
    [
        ("expat", {}, ["classifier.weight"]),
        ("lccrf", {"classifier": "dropout-elu"}, ["classifier.2.weight"]),
        ("hpiln", {"loss": "center"}, ["centres.centres", "classifiers.0.bias", "classifiers.0.weight"]),
        ("dfe", {}, ["classifiers.0.weight", "classifiers.1.weight"]),
    ],
)
def test_of_other_people_all_is_kept_but_what_tells_them_apart(
    tmp_path: Path, method: str, changes: dict[str, Any], expected: list[str]
) -> None:
    _, given = saved(tmp_path / "run", method, identities=4, **changes)

    network, lines = started(method, tmp_path / "run", identities=6, **changes)

    assert set(given.state_dict()) - same(network, given) == set(expected)
    listed = " and ".join(", ".join(expected).rsplit(", ", 1))
    assert lines[1:] == [f"left at their start, as 6 people are trained on and there were 4: {listed}"]


@pytest.mark.parametrize(
    ("name", "variant"), [case for case in VARIANTS if case[0] != "hpiln" or case[1] in ("paper", "mgn")]
)
def test_what_has_a_row_for_each_person_is_known_of_every_method(name: str, variant: str) -> None:
    recipe = recipe_of(name, variant)
    with torch.device("meta"):
        few, more = (build(recipe, name, identities) for identities in (4, 5))

    shapes = {key: value.shape for key, value in more.state_dict().items()}
    differing = {key for key, value in few.state_dict().items() if value.shape != shapes[key]}
    assert differing
    assert all(key.split(".")[0] in few.of_identities for key in differing)


@pytest.mark.slow
def test_another_pooling_does_not_stand_in_the_way(tmp_path: Path) -> None:
    _, average = saved(tmp_path / "average", "agw", pool="gap")
    _, power = saved(tmp_path / "power", "agw", pool="gem")

    with_power, remarks = started("agw", tmp_path / "average", pool="gem")
    without, told_too = started("agw", tmp_path / "power", pool="gap")

    assert same(with_power, average) == set(average.state_dict())
    assert float(with_power.get_parameter("pool.p")) == 3
    assert remarks[1:] == ["left at its start, as the file has another pooling: pool.p"]
    assert same(without, power) == set(power.state_dict()) - {"pool.p"}
    assert told_too[1:] == ["left out, as this network has another pooling: pool.p"]


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ({}, {"embedding_layer": True}, r"2 missing \(embedding\.0\.bias and embedding\.0\.weight\)"),
        ({"embedding_layer": True}, {}, r"2 unknown \(embedding\.0\.bias and embedding\.0\.weight\)"),
        ({"csbn_sharing": "per_modality"}, {}, r"4 missing \(csbn\.part\..*8 unknown \(csbn\.ir\.bias, "),
    ],
)
def test_any_other_difference_is_refused_by_name_and_changes_nothing(
    tmp_path: Path, theirs: dict[str, Any], ours: dict[str, Any], expected: str
) -> None:
    saved(tmp_path / "run", **theirs)
    recipe = recipe_of("expat", changes={**ours, "start": str(tmp_path / "run")})
    network = build(recipe, "expat", 6)
    before = {name: value.clone() for name, value in network.state_dict().items()}

    with pytest.raises(BadCheckpoint, match=f"don't fit this recipe's network: {expected}.*found"):
        start(network, recipe)

    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("classifier.weight", (5, 300), r"classifier\.weight: \(4, 256\) expected, \(5, 300\) in the file"),
        ("backbone.conv1.weight", (40, 3, 3, 3), r"backbone\.conv1\.weight: \(32, 3, 3, 3\) expected, \(40, 3, 3, 3\)"),
    ],
)
def test_another_shape_is_no_matter_of_people(tmp_path: Path, name: str, shape: tuple[int, ...], expected: str) -> None:
    _, given = saved(tmp_path / "run")
    save_file({**given.state_dict(), name: torch.zeros(shape)}, tmp_path / "other.safetensors")
    with pytest.raises(BadCheckpoint, match=expected):
        started("expat", tmp_path / "other.safetensors")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="holds no run"):
        started("expat", tmp_path)
    run, _ = saved(tmp_path / "run")
    (run.folder / "weights.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match="the run wrote no checkpoint yet"):
        started("expat", tmp_path / "run")


@pytest.mark.slow
def test_the_screen_says_what_was_left_at_its_start(tmp_path: Path, people: SysuMM01) -> None:
    saved(tmp_path / "run", identities=9)
    small = ["backbone=compact", "height=64", "width=32", "tuples=2", "schedule.updates=1", "validate_every=0"]
    sets = [word for setting in (*small, f"start={tmp_path / 'run'}") for word in ("--set", setting)]

    result = CliRunner().invoke(
        app, ["train", "expat", "--data", str(people.root), "--out", str(tmp_path / "new"), *sets]
    )

    assert result.exit_code == 0, result.output
    assert "left at their start, as 4 people are trained on and there were 9: classifier.weight" in result.output


# --- parts that rest


def floats(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items() if value.is_floating_point()}


def test_parts_at_rest_keep_weights_and_statistics(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"schedule.updates": 4, "checkpoint_every": 2, "freeze": ["backbone.layer1", "backbone.bn1.weight"]}
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=changes))
    torch.manual_seed(run.recipe.seed)
    before = floats(run.build())

    after = floats(train(run, source))

    unchanged = {name for name, value in after.items() if torch.equal(value, before[name])}
    resting = {name for name in before if name.startswith(("backbone.layer1.", "backbone.bn1."))}
    # A bias of 0 moves with the gradient; the batch norm's bias was not named, and its statistics rest with its weight.
    assert unchanged == resting - {"backbone.bn1.bias"} | {"csbn.part.bias"}
    assert load_run(tmp_path / "run").recipe.freeze == ("backbone.layer1", "backbone.bn1.weight")


def test_batch_norms_at_rest_stay_so_when_a_validation_is_over() -> None:
    network = build(recipe_of("expat"), "expat")
    network.freeze(("backbone.layer2",))

    network.eval()
    network.train()

    training = {name for name, module in network.named_modules() if module.training and "bn" in name}
    assert {"backbone.bn1", "backbone.layer1.bn2", "backbone.layer3.bn1"} <= training
    assert not [name for name in training if name.startswith("backbone.layer2")]


def test_a_name_is_a_part_and_no_beginning_of_one() -> None:
    network = build(recipe_of("expat"), "expat")
    with pytest.raises(BadRecipe, match=r"no part 'backbone\.layer'; did you mean 'backbone\.layer\d'\?"):
        network.freeze(("backbone.layer",))
    with pytest.raises(BadRecipe, match="no part 'xyz'; it is made of backbone, pool, embedding, csbn, classifier"):
        network.freeze(("xyz",))
    assert all(parameter.requires_grad for parameter in network.backbone.parameters())  # type: ignore[union-attr]


def test_something_is_left_to_train() -> None:
    network = build(recipe_of("expat"), "expat")
    with pytest.raises(BadRecipe, match="nothing is left to train without backbone, csbn and classifier"):
        network.freeze(("backbone", "csbn", "classifier"))


def test_one_part_needs_no_brackets() -> None:
    recipe = recipe_of("expat")
    assert recipe.changed(parse_assignments(["freeze=backbone"])).freeze == ("backbone",)
    assert recipe.changed(parse_assignments(['freeze=["backbone", "csbn"]'])).freeze == ("backbone", "csbn")
