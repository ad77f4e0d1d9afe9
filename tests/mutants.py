"""Does the suite notice? Applies the faults of `mutants.toml` one at a time to a copy, and tells which test noticed each.

`python -m tests.mutants` runs, for each fault, the tests of its room first and then the rest, slow ones included. A fault that
no test notices is a hole in the suite. Faults of the page's logic are tried with `node --test`, which needs node. `--only NAME` takes some of them, `--first` leaves the rest of the suite out.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("client", "index", "training", "export", "footage", "server")
LIMIT_S = 900


@dataclass(frozen=True, slots=True)
class Fault:
    """One line that is wrong. was: what stands in the file exactly once. first: the tests to ask first."""

    name: str
    file: str
    was: str
    becomes: str
    first: tuple[str, ...]


def faults() -> list[Fault]:
    content = tomllib.loads((ROOT / "tests/mutants.toml").read_text(encoding="utf-8"))
    return [Fault(**{**fault, "first": tuple(fault["first"])}) for fault in content["fault"]]


def problems(known: list[Fault]) -> Iterator[str]:
    """Faults that can't be applied any more, in words."""
    for fault in known:
        times = (ROOT / fault.file).read_text(encoding="utf-8").count(fault.was)
        if times != 1:
            yield f"{fault.name}: {fault.was!r} stands in {fault.file} {times} times, and must once; correct mutants.toml"


def copied(to: Path) -> Path:
    """The working tree without what git ignores, and with the official split files beside it where they are at hand."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (to / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / "tree" / name)
    if (ROOT.parent / "shared").exists():
        (to / "shared").symlink_to(ROOT.parent / "shared")
    return to / "tree"


def noticed(tree: Path, tests: tuple[str, ...], workers: int) -> str | None:
    """The first test that fails, `timeout`, or None."""
    if tests and all(test.endswith(".js") for test in tests):
        return by_node(tree, tests)
    path = os.pathsep.join(str(tree / part) for part in PARTS)
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-m", "not gpu and not browser"]
    options += ["-n", str(workers), "--dist", "worksteal"] if workers else []
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return failed[1] if failed else f"pytest ended with {done.returncode}: {done.stdout[-300:]}"


def by_node(tree: Path, tests: tuple[str, ...]) -> str | None:
    """The same of the page's logic, which node runs."""
    command = ["node", "--test", "--test-reporter=tap", *tests]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode == 0:
        return None
    failed = re.search(r"^ *not ok \d+ - (.+)", done.stdout, re.MULTILINE)
    return failed[1] if failed else f"node ended with {done.returncode}: {done.stderr[-300:]}"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", nargs="+", metavar="NAME", help="these faults alone")
    asked.add_argument("--first", action="store_true", help="leave the rest of the suite out")
    options = asked.parse_args()
    known = faults()
    if options.only:
        known = [fault for fault in known if fault.name in options.only]
    if wrong := list(problems(known)):
        sys.exit("\n".join(wrong))
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        for fault in known:
            file = tree / fault.file
            right = file.read_text(encoding="utf-8")
            file.write_text(right.replace(fault.was, fault.becomes), encoding="utf-8")
            try:
                test = noticed(tree, fault.first, 0)
                if test is None and not options.first and not fault.file.endswith(".js"):
                    test = noticed(tree, (), 2)
            finally:
                file.write_text(right, encoding="utf-8")
            missed += test is None
            print(f"{fault.name:32} {fault.file:52} {test or 'NOT NOTICED'}", flush=True)
    print(f"{len(known)} faults, {len(known) - missed} noticed, {missed} not")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
