"""No system that a table of the five papers names is missing: it is here with its command, or quoted with the reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tests import publish_rows
from tests.conftest import ROOT

from rgbir.training.handmade.recipe import SYSTEMS
from rgbir.training.methods import entry
from rgbir.training.methods.systems import only_quoted, systems

TABLES: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "systems_by_table.toml").read_text(encoding="utf-8")
)
RESULTS = ROOT.parent / "shared/spec/results.md"
COUNTED = {
    "SYSU-MM01 all-search, own": 12,
    "SYSU-MM01 indoor-search, own": 10,
    "RegDB, own": 10,
    "SYSU-MM01 all-search, losses run again by expAT": 8,
    "Market-1501 and DukeMTMC-reID by expAT": 15,
    "SYSU-MM01 all-search, quoted": 45,
    "SYSU-MM01 indoor-search, quoted": 21,
    "RegDB visible to thermal, quoted": 28,
    "RegDB thermal to visible, quoted": 10,
    "Market-1501, CUHK03 and DukeMTMC-reID by HPILN": 5,
    "SYSU-MM01 all-search, backbones by HPILN": 9,
}
PAGE = publish_rows.PAGE.read_text(encoding="utf-8")
LISTED = PAGE.partition("## Every system of the tables")[2].partition("## What the papers quote")[0]
LINES = re.findall(r"^\| ([^|]+?) \| (?:`([^`]+)`|quoted) \| ([^|]*?) ?\|$", LISTED, re.MULTILINE)


def test_the_tables_name_as_many_systems_as_were_counted() -> None:
    assert {table: len(names) for table, names in TABLES.items()} == COUNTED


@pytest.mark.parametrize("table", TABLES)
def test_every_system_of_a_table_is_here_with_its_command_or_quoted_with_the_reason(table: str) -> None:
    known = {name: (command, reason) for name, command, reason in LINES}
    assert not [name for name in TABLES[table] if name not in known]
    for name in TABLES[table]:
        command, reason = known[name]
        if not command:
            assert len(reason.strip()) > 20, name
        elif command.startswith("rgbir train "):
            method, row = command.removeprefix("rgbir train ").split(" --row ")
            assert row in entry(method).rows
        else:
            assert command.removeprefix("rgbir export handmade ") in SYSTEMS


def test_the_page_counts_them() -> None:
    names = {name for names in TABLES.values() for name in names}
    assert {name for name, _, _ in LINES} == names == {system.name for system in systems()}
    here = sum(bool(command) for _, command, _ in LINES)
    assert len(LINES) == len(names)
    words = (
        f"{len(names)} systems are named in a table of the five papers: {here} are here, {len(names) - here} are quoted"
    )
    assert words in LISTED


def test_what_is_here_has_no_reason_for_not_being_here() -> None:
    here = {system.name for system in systems() if system.command}
    assert not here & set(only_quoted()), "delete these from [quoted] of systems.toml"


@pytest.mark.skipif(not RESULTS.is_file(), reason="the list of reported numbers is not beside this checkout")
def test_the_list_of_systems_is_that_of_the_reported_tables() -> None:
    text = RESULTS.read_text(encoding="utf-8")

    def names(start: str, end: str) -> list[str]:
        part = text[text.index(start) : text.index(end, text.index(start) + 1)]
        rows = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| ")]
        return [row.split(" (")[0] for row in rows if row != "method"]

    reported = [
        names("### 1.1", "### 1.2"),
        names("### 1.2", "## 2."),
        names("## 2.", "## 3."),
        names("Table VIII", "Multi-shot of the same"),
        names("Table X", "### 3.2"),
        names("### 4.1", "### 4.2"),
        names("### 4.2", "## 5."),
        names("Visible to thermal (R1", "In DFE's second"),
        names("Thermal to visible:", "## 6."),
    ]
    assert list(TABLES.values())[: len(reported)] == reported
