"""What a run of tests came to, kept in a file: counts, seconds, processes killed, cases drawn. `make test-all` uses it.

`pytest -p tests.quality --quality docs/quality.json --quality-as browser` keeps the run under that name, and leaves what the file
says of other runs.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PASSING = re.compile(r"(\d+) passing")
SLOWEST = 10
killed = Counter[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("quality")
    group.addoption("--quality", type=Path, help="file of JSON in which this run is kept")
    group.addoption("--quality-as", default="tests", help="name of this run in the file")


def pytest_configure(config: pytest.Config) -> None:
    """Counts killed processes where tests run, and keeps what was counted where they are reported."""
    if config.getoption("quality") is None:
        return
    sys.addaudithook(_count)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Quality(config.getoption("quality"), config.getoption("quality_as")), "quality")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Gives the report of a test's end what was counted in the test."""
    outcome = yield
    if item.config.getoption("quality") is not None and (report := outcome.get_result()).when == "teardown":
        drawn = sum(map(int, PASSING.findall(getattr(item, "hypothesis_statistics", ""))))
        report.user_properties += [("killed", killed.pop("processes", 0)), ("drawn", drawn)]


class Quality:
    """Counts the reports of a run."""

    def __init__(self, file: Path, name: str) -> None:
        self.file, self.name, self.started = file, name, time.monotonic()
        self.outcomes, self.counted = Counter[str](), Counter[str]()
        self.skipped, self.failed = Counter[str](), set[str]()
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.skipped:
            self.skipped[_reason(report)] += 1
        elif report.when == "call":
            self.outcomes["passed"] += 1
        if report.when == "teardown":
            self.counted.update(
                {name: int(str(n)) for name, n in report.user_properties if name in {"killed", "drawn"}}
            )

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        parts = defaultdict(list)
        for test, seconds in self.seconds.items():
            parts[test.removeprefix("tests/").split("/")[0].split("::")[0]].append(seconds)
        runs = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        runs[self.name] = {
            "commit": _commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "whole": exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED),
            "seconds": round(time.monotonic() - self.started),
            "passed": self.outcomes["passed"],
            "failed": sorted(self.failed),
            "skipped": dict(sorted(self.skipped.items())),
            "killed": self.counted["killed"],
            "drawn": self.counted["drawn"],
            "parts": {part: [len(all_), round(sum(all_), 1)] for part, all_ in sorted(parts.items())},
            "slowest": [
                [test, round(self.seconds[test], 1)] for test in sorted(self.seconds, key=self._slow)[:SLOWEST]
            ],
        }
        self.file.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def _slow(self, test: str) -> float:
        return -self.seconds[test]


def _count(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"os.kill", "os.killpg"} and arguments[1] == signal.SIGKILL:
        killed["processes"] += 1


def _reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _commit() -> str | None:
    """The short hash of the commit, with `+` if a file differs from it; None outside a checkout."""
    try:
        commit, changed = (
            subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for arguments in (["rev-parse", "--short=10", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + "+" * bool(changed)
