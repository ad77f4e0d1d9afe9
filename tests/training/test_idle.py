"""Settings without effect beside others: refused by name where somebody gives them, and without effect indeed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.small import build, recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import SysuMM01
from rgbir.training import METHODS
from rgbir.training.data.batch import ViewBatch
from rgbir.training.data.source import Source
from rgbir.training.errors import BadRecipe
from rgbir.training.idle import IDLE, expect_effect
from rgbir.training.recipe import flat

GIVEN: list[tuple[str, str, dict[str, Any]]] = [
    ("caj", "views.rgb_again.grey", {"views.of_rgb": 1, "views.rgb_again.grey": 0.5}),
    ("caj", "views.ir_again.scale", {"views.ir_again.scale": 0.5}),
    ("caj", "views.rgb_again.inner_grey", {"views.rgb_again.inner_grey": 1.0}),
    ("caj", "flip", {"tta": "none", "flip": "sum"}),
    ("caj", "ranking_weights", {"ranking": "off", "ranking_weights": "released"}),
    ("caj", "nl.inter", {"nl.on": False, "nl.inter": "half"}),
    ("caj", "augment.erasing_fill", {"augment.erasing": 0.0, "augment.erasing_fill": "zero"}),
    ("caj", "augment.border", {"augment.padcrop": 0, "augment.border": "grey"}),
    ("caj", "tested.first", {"tested.first": 0}),
    ("agw", "triplet_margin", {"triplet_margin": 0.5}),
    ("strong", "centres_margin", {"centres": "qc", "centres_margin": 0.5}),
    ("strong", "average.since", {"average.decay": 0.0, "average.since": 2}),
    ("deen", "deen.ort", {"deen.branches": 1, "deen.ort": 0.1}),
    ("mscm", "mscm.alpha", {"mscm.loss": "triplet", "mscm.alpha": 0.5}),
    ("mpanet", "mpa.rate", {"mpa.mutual": "off", "mpa.rate": 0.1}),
    ("saai", "saai.dp_weight", {"saai.dp": "off", "saai.dp_weight": 0.5}),
    ("xiv", "xiv.distance", {"xiv.gap_weight": 0.0, "xiv.distance": "released"}),
    ("cmgan", "rise", {"reversal": 0.0, "rise": 3}),
]


@pytest.mark.parametrize(("method", "name", "changes"), GIVEN)
def test_a_setting_without_effect_is_refused_by_name(
    tmp_path: Path, method: str, name: str, changes: dict[str, Any]
) -> None:
    words = [word for setting, value in changes.items() for word in ("--set", f"{setting}={json.dumps(value)}")]
    command = ["train", method, "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"), *words]

    error = CliRunner().invoke(app, command).exception

    assert isinstance(error, BadRecipe)
    assert str(error).startswith(f"{name} has no effect beside ")
    assert "; leave it out, or change " in str(error)


def test_a_toml_file_s_settings_are_given_and_those_of_a_run_s_file_are_not(tmp_path: Path) -> None:
    recipe = recipe_of("caj", changes={"ranking": "triplet", "ranking_weights": "released"})
    toml, of_a_run = tmp_path / "settings.toml", tmp_path / "recipe.json"
    toml.write_text('ranking = "triplet"\nranking_weights = "released"\n')
    of_a_run.write_text(json.dumps({"method": "caj", "recipe": recipe.model_dump(mode="json")}))
    errors = {}
    for file in (toml, of_a_run):
        command = [
            "train",
            "caj",
            "--data",
            str(tmp_path / "none"),
            "--out",
            str(tmp_path / "run"),
            "--recipe",
            str(file),
        ]
        errors[file] = str(CliRunner().invoke(app, command).exception)

    assert errors[toml] == ("ranking_weights has no effect beside ranking=triplet; leave it out, or change ranking")
    assert "no effect" not in errors[of_a_run]


def test_a_setting_with_an_effect_is_taken() -> None:
    some = {
        "views.ir.inner_grey": 0.6,
        "flip": "sum",
        "augment.erasing_area": (0.1, 0.2),
        "views.rgb_again.erasing": 0.1,
    }
    expect_effect(recipe_of("caj", changes=some), some)
    erased = {"augment.erasing": 0.0, "views.ir.erasing": 0.5, "augment.erasing_fill": "zero"}
    expect_effect(recipe_of("caj", changes=erased), erased)
    for method in METHODS:
        for variant, changes in METHODS[method].variants.items():
            expect_effect(METHODS[method].resolve(variant), [name for name in changes if not name.startswith("tested")])


def test_every_name_is_one_of_some_recipe() -> None:
    known = {name for listed in METHODS.values() for name, _ in flat(listed.recipe.model_dump(mode="json"))}
    for setting, others in IDLE:
        assert any(f"{name}.".startswith(f"{setting}.") for name in known), setting
        assert others.keys() <= known


LOSSES = [
    each
    for each in GIVEN
    if each[1].partition(".")[0] not in ("flip", "views", "augment", "tested", "nl", "average", "rise")
]


@pytest.mark.parametrize(("method", "name", "changes"), LOSSES)
def test_what_is_refused_changes_no_loss(people: SysuMM01, method: str, name: str, changes: dict[str, Any]) -> None:
    totals = []
    for given in (changes, {other: value for other, value in changes.items() if other != name}):
        recipe = recipe_of(method, changes=given)
        source = Source(list(people.records("train")), recipe)
        torch.manual_seed(0)
        made = build(recipe, method)
        batch: Any = source[0]
        assert method == "agw" or isinstance(batch, ViewBatch)
        totals.append(float(torch.stack(list(made.losses(batch).values())).sum().detach()))
    assert totals[0] == totals[1]
