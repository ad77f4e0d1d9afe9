"""Rewrites docs/quality.md of docs/quality.json, which `make test-all` writes.

python -m tests.publish_quality
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import Any

from tests.quality import ROOT

DATA, PAGE = ROOT / "docs/quality.json", ROOT / "docs/quality.md"
HEAD = """# What the tests came to

`make test-all` runs every test that needs no GPU, writes [what came of it](quality.json), and makes this page of that.
The page is at most 60 commits old: a test fails when it is older. Names of tests are below `tests/`. What each feature
is proven by is in [the list of features](features.md).
"""
RUNS = {"tests": "All but the page's", "browser": "The page in a browser"}
KILLED = "Processes killed: how often tests sent `SIGKILL`, to a process or a group, to see what is left after a crash."
DRAWN = "Random cases: how many passed of those that Hypothesis and Schemathesis drew."


def page(runs: dict[str, Any]) -> str:
    """The whole page."""
    if not runs:
        return HEAD + "\nNo run was kept yet.\n"
    return HEAD + "".join(_section(words, runs[name]) for name, words in RUNS.items() if name in runs)


def _section(words: str, run: dict[str, Any]) -> str:
    commit = run["commit"] or "unknown"
    lines = [
        "",
        f"## {words}",
        "",
        f"Commit {commit.removesuffix('+')}{', with changes' * commit.endswith('+')}, {run['date']}, Python {run['python']}, "
        f"{run['cores']} cores, {_minutes(run['seconds'])}.",
        "",
        "| | |",
        "|---|---|",
        f"| passed | {run['passed']:,} |",
        f"| failed | {len(run['failed']):,} |",
        f"| skipped | {sum(run['skipped'].values()):,} |",
        f"| processes killed | {run['killed']:,} |",
        f"| random cases | {run['drawn']:,} |",
        "",
        KILLED,
        DRAWN,
    ]
    if not run["whole"]:
        lines += ["", "The run was stopped before its end, so these are not all tests."]
    if run["failed"]:
        failed = Counter(test.partition("[")[0] for test in run["failed"])
        lines += ["", "Failed:", "", *(_entry(f"`{test}`" + f", {n} times" * (n > 1)) for test, n in failed.items())]
    if run["skipped"]:
        lines += ["", "Skipped:", "", *(_entry(f"{n:,}: {reason}") for reason, n in run["skipped"].items())]
    lines += ["", "| part | tests | seconds |", "|---|---|---|"]
    lines += [f"| {part} | {tests:,} | {seconds:,.0f} |" for part, (tests, seconds) in run["parts"].items()]
    lines += ["", "The slowest:", "", *(_entry(f"`{test}`: {seconds:,.0f} s") for test, seconds in run["slowest"])]
    return "\n".join(lines) + "\n"


def _entry(text: str) -> str:
    """Of a list, in lines that aren't too long."""
    text = text.replace("`tests/", "`")
    return textwrap.fill(f"* {text}", 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02} minutes"


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(DATA.read_text(encoding="utf-8"))), encoding="utf-8")
