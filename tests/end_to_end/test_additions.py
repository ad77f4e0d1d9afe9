"""What CONTRIBUTING says of a new data set and a new method is all that is needed: two toys are added to a copy as it says.

They train, export, enrol, are measured and served, and the suite of the copy passes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.end_to_end.toys.tree import toy as tree
from tests.waiting import HANGS_AFTER_S

from rgbir.index import SysuMM01

TOYS = Path(__file__).parent / "toys"
SMALL = ["backbone=compact", "height=64", "width=32", "people=3", "images=3", "schedule.epochs=2"]
SEARCH = """
import sys
from tests.end_to_end.test_four_routes import served
from rgbir.client import Client
from pathlib import Path
with served(Path(sys.argv[1]), Path(sys.argv[2])) as url, Client(url) as client:
    answer = client.search(Path(sys.argv[3]), camera="ir", top_k=3)
    print([hit.camera for hit in answer.hits], answer.query.modality)
"""


def inserted(file: Path, *edits: tuple[str, str]) -> None:
    """Puts text before the one place where another stands."""
    content = file.read_text(encoding="utf-8")
    for before, new in edits:
        assert content.count(before) == 1, f"{file}: {before!r}"
        content = content.replace(before, new + before)
    file.write_text(content, encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with both toys, added step by step as CONTRIBUTING lists them."""
    root = tmp_path_factory.mktemp("additions") / "rgbir"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    datasets, methods = root / "index/rgbir/index/datasets", root / "training/rgbir/training/methods"

    # A new data set: 1 its file, 2 its cameras, 3 its line in the table, 4 a tree for the tests.
    shutil.copy(TOYS / "data_set.py", datasets / "toy.py")
    shutil.copy(TOYS / "cameras.toml", datasets.parent / "networks/toy.toml")
    inserted(
        datasets / "known.py",
        ("from rgbir.index.errors import", "from rgbir.index.datasets.toy import Toy\n"),
        (")\nLAYOUTS", "    Toy,\n"),
    )
    function = (TOYS / "tree.py").read_text(encoding="utf-8").split("\n\n\n", 1)[1]
    inserted(
        root / "tests/layouts.py",
        ("TREES: dict", f"{function}\n\n"),
        ('}\n"""A small tree of every', '    "toy": toy,\n'),
    )

    # A new method: 1 its file, 2 its entry, 5 its own tests, 7 its page and the page's line.
    shutil.copy(TOYS / "method.py", methods / "toy.py")
    inserted(
        methods / "__init__.py",
        ("from rgbir.training.methods import sysu_baselines", "from rgbir.training.methods import toy\n"),
        ('    "one_stream":', '    "toy": _entry(toy, toy.Toy, toy.ToyRecipe()),\n'),
    )
    shutil.copy(TOYS / "test_toy.txt", root / "tests/training/test_toy.py")
    shutil.copy(TOYS / "page.md", root / "docs/methods/toy.md")
    inserted(root / "docs/index.md", ("methods/rows\n", "methods/toy\n"))
    run(root, "-m", "ruff", "check", "-q", "--fix", ".")
    run(root, "-m", "ruff", "format", "-q", ".")
    run(root, "-m", "tests.publish_rows")
    run(root, "-m", "tests.publish_reference")
    return root


def run(root: Path, *arguments: str) -> str:
    """Python in the copy, with the copy's code before the installed one."""
    parts = [root / part for part in ("client", "index", "training", "export", "footage", "server")]
    path = os.pathsep.join(map(str, (*parts, root)))
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env={**os.environ, "PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20 * HANGS_AFTER_S,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stdout[-6000:]
    return done.stdout


def rgbir(root: Path, *arguments: object) -> str:
    return run(root, "-c", "from rgbir.client.cli import main; main()", *map(str, arguments))


@pytest.mark.slow
def test_toys_train_export_are_enrolled_measured_and_served(copy: Path, tmp_path: Path, people: SysuMM01) -> None:
    data, bundle, gallery = tree(tmp_path / "data", people), tmp_path / "bundle", tmp_path / "gallery"

    settings = [word for setting in SMALL for word in ("--set", setting)]
    trained = rgbir(copy, "train", "toy", "--data", data, "--out", tmp_path / "run", *settings)
    exported = rgbir(copy, "export", tmp_path / "run", "--out", bundle, "--data", data)
    added = rgbir(copy, "index", "add", data, "--layout", "toy", "--bundle", bundle, "--gallery", gallery)
    measured = rgbir(copy, "evaluate", "--data", data, "--bundle", bundle, "--gallery", gallery, "--json")
    image = next((data / "toy_ir").iterdir())
    answered = run(copy, "-c", SEARCH, str(gallery), str(bundle), str(image))

    assert "toy paper: 4 identities" in trained
    assert "measured: rank-1" in exported
    assert re.search(r"[1-9]\d* added, 0 were there, 0 skipped", added)
    assert '"name": "toy"' in measured
    assert "['rgb', 'rgb', 'rgb'] ir" in answered
    assert "Toy" in rgbir(copy, "evaluate", "--help")
    assert "toy" in rgbir(copy, "methods")


@pytest.mark.slow
def test_the_suite_passes_with_the_toys(copy: Path) -> None:
    run(copy, "-m", "ruff", "check", "-q", ".")
    run(copy, "-m", "ruff", "format", "--check", "-q", ".")
    run(copy, "-m", "mypy")
    passed = run(copy, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-p", "no:randomly")
    assert re.search(r"\d{4} passed", passed)
    assert "toy" in run(copy, "-m", "pytest", "--collect-only", "-q", "tests/training/test_methods.py")
