"""Every row of every table resolves, by name; the docs list it."""

from __future__ import annotations

import pytest
from tests import publish_rows
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.training.errors import BadRecipe
from rgbir.training.methods import METHODS, published_rows
from rgbir.training.methods.base_derivative import BaseDerivativeRecipe
from rgbir.training.methods.published import quoted_by

TABLES = {
    "expat": {"table1": 8, "table2": 4, "table3": 3, "table4": 5, "table5": 8, "table6": 5, "table7": 5, "table8": 8, "table9": 4,
        "ours": 3},
    "expat_single": {"table10": 9},
    "lccrf": {"table1": 5, "sysu": 1, "regdb": 1},
    "dfe": {"sysu": 3, "regdb": 5, "ours": 1},
    "hpiln": {"table2": 5, "table4": 15, "table5": 9, "figures7-8": 15, "margin": 6},
    "base_derivative": {"study": 6, "regdb": 6, "figure6": 3, "figure7": 6, "ours": 1},
    "agw": {"peers": 1},
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
