"""The page of features: what it says is there has a test, and what it says is not there has none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

ROW = re.compile(
    r"^\| (?P<feature>[^|]+) \| (?P<state>has|partly|no) \| (?:`(?P<test>[^`|]+)`)? ?\| (?P<note>[^|]*) ?\|$"
)


def rows() -> Iterator[re.Match[str]]:
    for line in (ROOT / "docs/features.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| feature "):
            row = ROW.match(line)
            assert row, line
            yield row


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: str(row["feature"]))
def test_what_is_there_is_shown_by_a_test(row: re.Match[str]) -> None:
    assert (row["test"] is not None) == (row["state"] != "no")
    if row["state"] == "partly":
        assert row["note"].strip(), "the note says what is missing"
    if row["test"] is not None:
        file, _, name = row["test"].partition("::")
        assert f"\ndef test_{name}(" in (ROOT / f"tests/{file}.py").read_text(encoding="utf-8"), row["test"]


def test_the_page_says_what_isn_t_there() -> None:
    states = [row["state"] for row in rows()]
    assert len(states) > 60
    assert states.count("no") > 5
