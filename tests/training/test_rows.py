"""Every row of every table resolves, by name; the docs list it, and the command that trains it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from tests import publish_rows
from torch import nn
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import SysuMM01
from rgbir.training.backbones import ResNet50
from rgbir.training.backbones.alexnet import AlexNet
from rgbir.training.backbones.densenet import DenseNet121
from rgbir.training.cli.train import train
from rgbir.training.errors import BadRecipe
from rgbir.training.methods import METHODS, published_rows
from rgbir.training.methods.base_derivative import BaseDerivativeRecipe
from rgbir.training.methods.published import quoted_by
from rgbir.training.networks import MLFN, Network
from rgbir.training.run import Run

TABLES = {
    "expat": {"table1": 8, "table2": 4, "table3": 3, "table4": 5, "table5": 8, "table6": 5, "table7": 5, "table8": 8, "table9": 4,
        "ours": 3},
    "expat_single": {"table10": 9},
    "lccrf": {"table1": 5, "sysu": 1, "regdb": 1},
    "dfe": {"sysu": 3, "regdb": 5, "ours": 1},
    "hpiln": {"table2": 5, "table4": 15, "table5": 9, "figures7-8": 15, "margin": 6},
    "base_derivative": {"study": 6, "regdb": 6, "figure6": 3, "figure7": 6, "ours": 1},
    "agw": {"peers": 1},
    "caj": {"printed": 2, "ours": 10},
    "deen": {"ours": 11},
    "mpanet": {"printed": 2, "ours": 13},
    "saai": {"printed": 2, "ours": 11},
    "mscm": {"printed": 1, "ours": 8},
    "xiv": {"peers": 1, "ours": 3},
    "hat": {"peers": 1, "ours": 2},
    "mac": {"peers": 1, "printed": 1},
    "msr": {"peers": 1, "ours": 1},
    "cmgan": {"peers": 1, "ours": 2},
    "strong": {"ours": 12},
    "hsme": {"peers": 2},
    "bdtr": {"peers": 4},
    "tone": {"peers": 1},
    "hcml": {"peers": 1},
    "one_stream": {"peers": 1},
    "two_stream": {"peers": 1, "split": 5},
    "asymmetric_fc": {"peers": 1},
    "zero_padding": {"peers": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_every_table_has_all_its_rows_and_they_resolve(name: str) -> None:
    rows, tables = METHODS[name].rows, TABLES.get(name, {})

    assert {table: sum(row.startswith(f"{table}.") for row in rows) for table in tables} == tables
    assert sum(tables.values()) == len(rows)
    for row, changes in rows.items():
        for variant in METHODS[name].variants:
            resolved = METHODS[name].resolve(variant, row)
            assert resolved == METHODS[name].resolve(variant).changed(changes)


@pytest.mark.slow
def test_the_docs_list_every_row() -> None:
    assert publish_rows.PAGE.read_text(encoding="utf-8") == publish_rows.page()


@pytest.mark.parametrize("name", METHODS)
def test_the_command_line_shows_paper_variants_settings_rows_and_published_numbers(name: str) -> None:
    shown = CliRunner().invoke(app, ["methods", name])

    assert shown.exit_code == 0, shown.output
    entry = METHODS[name]
    assert entry.paper in shown.output
    for word in (*entry.variants, *entry.rows, *entry.published, *published_rows()[name].values(), *quoted_by(name)):
        assert word in shown.output
    assert "  backbone = " in shown.output


def test_all_methods_are_listed() -> None:
    shown = CliRunner().invoke(app, ["methods"], env={"COLUMNS": "240"})
    assert all(name in shown.output for name in METHODS)


def test_an_unknown_row_names_those_there_are() -> None:
    with pytest.raises(BadRecipe, match=r"no row 'table9.x'; did you mean 'table1.e'\? There are table1.a, table1.b"):
        METHODS["lccrf"].resolve(row="table9.x")


def test_rows_of_regdb_have_its_settings() -> None:
    """Base-Derivative's paper: 1:1:5 and 60 epochs on RegDB, 1:1:1 and 80 on SYSU-MM01."""
    for row in METHODS["base_derivative"].rows:
        recipe = METHODS["base_derivative"].resolve(row=row)
        assert isinstance(recipe, BaseDerivativeRecipe)
        gamma, epochs = recipe.weights.gamma, recipe.schedule.epochs
        if row.startswith(("regdb.", "figure6.")):
            assert (gamma, epochs) == (5, 60), row
        elif row.startswith("study."):
            assert (gamma, epochs) == (1, 80), row
    modes = [METHODS["base_derivative"].rows[f"regdb.{mode}"]["mode"] for mode in ("B1", "B2", "MDL1", "MDL4")]
    assert modes == ["B1", "B2", "MDL1", "MDL4"]


LISTED = re.findall(
    r"^\| `([^`]+)` \| .+? \| (?:`([^`]+)`|none) \| ",
    publish_rows.PAGE.read_text(encoding="utf-8").partition("## What the papers quote")[0],
    re.MULTILINE,
)
"""Row and file of each line of the page; no file where it says none."""
NAMED = dict(
    zip(
        [(name, row) for name, entry in METHODS.items() for row in entry.rows],
        [file for _, file in LISTED],
        strict=True,
    )
)
FILES: dict[str, Callable[[], nn.Module]] = {
    "resnet50-19c8e357.pth": ResNet50,
    "alexnet-owt-7be5be79.pth": AlexNet,
    "densenet121-a639ec97.pth": DenseNet121,
    "mlfn-9cb5a267.pth.tar": MLFN,
}


@pytest.mark.slow
def test_the_pages_command_trains_every_row(tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Run] = []
    monkeypatch.setattr("rgbir.training.loop.train", lambda run, source, **_: begun.append(run))
    command = re.search(r"^rgbir (train METHOD .*)$", publish_rows.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert command is not None
    few = {"tuples": 2, "pairs": 2, "people": 2, "images": 2}
    only_train = typer.Typer()
    only_train.command()(train)  # without a look for all of rgbir's commands each time
    monkeypatch.chdir(tmp_path)
    for (name, row), file in NAMED.items():
        words = command[1] if file else command[1].replace(" --set imagenet=FILE", "")
        places = {"METHOD": name, "DATA": str(people.root), "FILE": file, "ROW": row}
        for place, value in places.items():
            words = words.replace(place, value)
        arguments = words.split()
        arguments[arguments.index("cuda")] = "cpu"
        small = [f"--set={key}={few[key]}" for key in few if hasattr(METHODS[name].recipe, key)]

        shown = CliRunner().invoke(only_train, [*arguments[1:], *small, "--no-cache", "--check", "none"])

        assert shown.exit_code == 0, f"{name} {row}: {shown.output}"
        resolved = METHODS[name].resolve(row=row)
        undone = {"imagenet": None, **{key: getattr(resolved, key) for key in few if hasattr(resolved, key)}}
        assert begun[-1].recipe.changed(undone) == resolved
        assert begun[-1].recipe.imagenet == (file or None)
        assert begun[-1].folder == Path("runs") / row
    assert len(begun) == len(NAMED) == sum(len(entry.rows) for entry in METHODS.values())


def shapes(network: nn.Module) -> Counter[tuple[int, ...]]:
    return Counter(tuple(value.shape) for value in network.state_dict().values() if value.ndim > 1)


@pytest.mark.slow
def test_every_row_has_all_layers_of_the_file_that_it_starts_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "constant_", "zeros_", "ones_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)  # shapes alone are looked at
    checked: set[tuple[str, str]] = set()
    with torch.device("meta"):
        layers = {file: shapes(build()) for file, build in FILES.items()}
        for (name, row), file in NAMED.items():
            recipe: Any = METHODS[name].resolve(row=row)
            if (name, recipe.backbone) in checked:
                continue
            checked.add((name, recipe.backbone))
            method = METHODS[name].build(recipe, 4)
            if file:
                missing = layers[file] - shapes(method)
                assert missing == ({(64, 3, 7, 7): 1} if name == "zero_padding" else {}), (name, row)
            if name == "hpiln":
                network = method.get_submodule("network")
                assert isinstance(network, Network)
                refuses = type(network).start_from_imagenet is Network.start_from_imagenet
                assert refuses == (not file), row
            else:
                assert file, (name, row)
    assert len(checked) > len(METHODS)


@pytest.mark.parametrize(
    ("backbone", "warning"),
    [
        ("resnet50", "resnet50 begins with random weights, so don't compare .* --set imagenet=resnet50-19c8e357.pth "),
        ("mudeep", "mudeep begins with random weights; no ImageNet weights of it are known"),
    ],
)
@pytest.mark.slow
def test_a_run_from_nothing_says_so(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch, backbone: str, warning: str
) -> None:
    monkeypatch.setattr("rgbir.training.loop.train", lambda run, source, **_: None)

    def shown(*more: str) -> str:
        arguments = [
            "train",
            "hpiln",
            "--variant",
            backbone,
            "--data",
            str(people.root),
            "--out",
            str(tmp_path / "run"),
        ]
        few = ["--set", "people=2", "--set", "images=2"]
        result = CliRunner().invoke(app, [*arguments, *few, *more])
        assert result.exit_code == 0, result.output
        return result.output

    assert re.search(warning, shown())
    assert "random weights" not in shown("--set", "imagenet=file.pth")
    assert "random weights" not in shown("--set", "start=runs/other")
