"""The page of quality is made of a run that is not old, and counts what happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publish_quality import DATA, PAGE, page
from tests.quality import ROOT

OLDEST = 60
CASES = """
import os, signal, subprocess, sys
import pytest
from hypothesis import given, settings, strategies

@pytest.mark.parametrize("group", [False, True])
def test_two_are_killed(group):
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
        os.killpg(process.pid, signal.SIGKILL) if group else process.kill()
        process.wait()
        process.stdin.close()

def test_an_end_that_is_asked_for_is_no_kill():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.terminate()
    process.wait()
    process.stdin.close()

@settings(max_examples=7, database=None)
@given(strategies.integers())
def test_seven_are_drawn(n):
    pass

def test_fails():
    assert False

def test_fails_at_its_end(request):
    request.addfinalizer(lambda: 1 / 0)

def test_skips():
    pytest.skip("no moon tonight")
"""


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_what_happened_is_counted(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_cases.py").write_text(CASES, encoding="utf-8")
    kept = tmp_path / "kept.json"
    kept.write_text('{"browser": {"passed": 3}}', encoding="utf-8")
    options = f"-q -n {workers} -p tests.quality -p no:randomly -c /dev/null".split()
    files = ["--quality", str(kept), "--rootdir", str(tmp_path), str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    runs = json.loads(kept.read_text(encoding="utf-8"))
    run = runs["tests"]
    assert runs["browser"] == {"passed": 3}, "the other run stays"
    assert run["whole"]
    assert (run["passed"], len(run["failed"]), run["skipped"]) == (5, 2, {"no moon tonight": 1})
    assert (run["killed"], run["drawn"]) == (4, 7)
    assert [len(run["slowest"]), sum(tests for tests, _ in run["parts"].values())] == [7, 7]


@pytest.mark.slow
def test_a_run_that_was_stopped_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_cases.py").write_text("def test_stopped():\n    raise KeyboardInterrupt\n", encoding="utf-8")
    kept = tmp_path / "kept.json"
    options = ["-q", "-p", "tests.quality", "-p", "no:randomly", "-c", "/dev/null"]
    files = ["--quality", str(kept), "--rootdir", str(tmp_path), str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, check=False, capture_output=True)
    runs = json.loads(kept.read_text(encoding="utf-8"))
    assert not runs["tests"]["whole"]
    assert "not all tests" in page(runs)


def test_the_page_is_of_the_file() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(DATA.read_text(encoding="utf-8"))), (
        "run python -m tests.publish_quality"
    )


def test_the_run_is_not_old() -> None:
    """Commits are counted from the one that brought the file: its run's commit may have been replaced since."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git, so there are no commits to count")
    brought = _git("log", "-1", "--format=%H", "--", str(DATA.relative_to(ROOT)))
    age = int(_git("rev-list", "--count", f"{brought}..HEAD")) if brought else 0
    assert age <= OLDEST, (
        f"docs/quality.json is {age} commits old, more than {OLDEST}: run make test-all and commit what it writes"
    )


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
