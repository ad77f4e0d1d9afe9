"""`rgbir train` on every data set in its layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import layouts
from tests.training.small import recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import SysuMM01, open_data_set
from rgbir.training.data.images import name_of, training_records
from rgbir.training.data.source import Source
from rgbir.training.errors import BadRecipe
from rgbir.training.recipe import Data, flat

LAYOUTS = {"regdb": layouts.regdb, "llcm": layouts.llcm, "market": layouts.market}


@pytest.mark.parametrize(
    ("layout", "method", "row", "identities", "name"),
    [
        ("regdb", "dfe", "regdb.full", 4, "regdb_split2"),
        ("regdb", "expat", "table9.expat", 4, "regdb_split2"),
        ("llcm", "agw", None, 4, "llcm"),
        ("market", "expat_single", "table10.expat", 4, "market"),
    ],
)
def test_a_row_trains_on_its_data_set_by_one_command(
    tmp_path: Path, people: SysuMM01, layout: str, method: str, row: str | None, identities: int, name: str
) -> None:
    root = LAYOUTS[layout](tmp_path / layout, people)
    small = dict(flat(recipe_of(method, row=row).model_dump(mode="json")))
    plain = dict(flat(recipe_of(method).model_dump(mode="json")))
    changes: dict[str, Any] = {k: small[k] for k in ("height", "width", "backbone") if k in plain}
    changes |= {k: small[k] for k in ("pairs", "tuples", "people", "images", "dfe.parts", "dfe.width") if k in small}
    changes |= {"data.split": 2, "schedule.epochs" if "schedule.epochs" in small else "schedule.updates": 1}
    settings = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]

    arguments = ["train", method, "--data", str(root), "--out", str(tmp_path / "run"), *settings]
    result = CliRunner().invoke(app, [*arguments, *(["--row", row] if row else [])])

    assert result.exit_code == 0, result.output
    assert f"{identities} identities" in result.output
    content = json.loads((tmp_path / "run/recipe.json").read_text())
    assert (content["data"], content["identities"]) == (name, identities)
    assert (tmp_path / "run/weights.safetensors").is_file()


def test_the_training_images_of_each_data_set(tmp_path: Path, people: SysuMM01) -> None:
    counts = {}
    for layout, make in LAYOUTS.items():
        data = open_data_set(make(tmp_path / layout, people))
        counts[layout] = len(training_records(data, Data()))
        assert name_of(data, Data()).startswith(layout)
    assert counts == {"regdb": 32, "llcm": 96, "market": 64}
    assert len(training_records(people, Data(train_identities="trainval"))) == 144


def test_market_has_one_modality_and_makes_blind_batches(tmp_path: Path, people: SysuMM01) -> None:
    data = open_data_set(layouts.market(tmp_path / "market", people))
    source = Source(training_records(data, Data()), recipe_of("expat_single"))
    batch = source[0]
    assert source.identities == 4
    assert not batch[1].any()
    assert batch[0].shape == (12, 3, 64, 32)
    with pytest.raises(BadRecipe, match="don't make the recipe's batches: a batch needs 3 identities; 0 came"):
        Source(training_records(data, Data()), recipe_of("hpiln"))
