"""The table of `make methods`: what each method is shown to do, by the tests that show it.

A test says what it proves with `@pytest.mark.proves(column)` and takes the method as parameter `name`, or names the
methods: `@pytest.mark.proves("worked numbers", "bdtr", "hsme")`. A cell counts the cases that passed, of all there are.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import pytest

from rgbir.training.handmade.recipe import SYSTEMS
from rgbir.training.methods import METHODS

ROWS = (*METHODS, *SYSTEMS)
COLUMNS = ("trains", "worked numbers", "exports with parity", "served in a search")


class Table:
    """Counts outcomes by method and column."""

    def __init__(self) -> None:
        self.claims: dict[str, list[tuple[str, str]]] = {}
        self.outcomes: dict[tuple[str, str], list[bool]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.get_closest_marker("proves")]
        for item in items:
            callspec = getattr(item, "callspec", None)
            named = [callspec.params["name"]] if callspec and "name" in callspec.params else []
            for mark in item.iter_markers("proves"):
                methods = list(mark.args[1:]) or named
                self.claims.setdefault(item.nodeid, []).extend((method, mark.args[0]) for method in methods)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed:
            for claim in self.claims.get(report.nodeid, ()):
                self.outcomes[claim].append(report.passed)

    def __str__(self) -> str:
        rows = [["method", *COLUMNS]]
        rows += [[name, *(self._cell(name, column) for column in COLUMNS)] for name in ROWS]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
        rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
        return "\n".join([lines[0], rule, *lines[1:]])

    def _cell(self, method: str, column: str) -> str:
        outcomes = self.outcomes[method, column]
        return f"{sum(outcomes)} of {len(outcomes)}" if outcomes else "none"

    @property
    def complete(self) -> bool:
        return all(
            self.outcomes[method, column] and all(self.outcomes[method, column])
            for method in ROWS
            for column in COLUMNS
        )


def main() -> int:
    table = Table()
    code = pytest.main(["-q", "-m", "not gpu", "tests/training", "tests/export", *sys.argv[1:]], plugins=[table])
    print(f"\n{table}")
    return int(code) or (0 if table.complete else 1)


if __name__ == "__main__":
    sys.exit(main())
