"""Drawing 2 counts only in ways that round alike on every machine: a lint over its source.

NumPy and imports are allowed by name, and whatever isn't named is a fault. Methods of arrays are forbidden by name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import ROOT

PACKAGE = ROOT / "index" / "rgbir" / "index" / "synthetic" / "drawing2"
MODULES = [*sorted(PACKAGE.rglob("*.py")), PACKAGE.parent / "drawing1" / "parts.py"]
EXACT = """
    abs arange array asarray ascontiguousarray bool_ count_nonzero flatnonzero float32 floor int32 int64 maximum minimum
    moveaxis ones searchsorted sqrt take uint64 uint8 where zeros
"""
"""What NumPy rounds alike on every machine, or doesn't round."""
NUMPY = {f"np.{name}" for name in EXACT.split()}
ONLY_IN: dict[str, set[str]] = {
    "pixels.py": {"np.add", "np.add.reduce", "np.cumsum"},
    "thermal.py": {"np.bincount", "np.cumsum"},
    "streams.py": {"np.random", "np.random.Philox"},
    "tables.py": {"math", "cos", "asin", "log2", "exp", "**"},
    "coding.py": {"PIL.Image"},
}
"""Sums of whole numbers, bits of Philox, tables that are made by `math`, one value at a time, and rounded; and JPEG."""
IMPORTED = {
    "__future__.annotations", "csv", "hashlib", "io", "json", "numpy as np", "numpy.typing.NDArray", "math.sqrt",
    "operator.itemgetter", "rgbir.index.words.listed",
}  # fmt: skip
WHOLLY = (
    "collections.abc", "contextlib", "dataclasses", "datetime", "functools", "pathlib", "typing", "rgbir.index.cameras",
    "rgbir.index.errors", "rgbir.index.progress", "rgbir.index.synthetic.drawing1.parts",
    "rgbir.index.synthetic.drawing2", "rgbir.index.synthetic.folder", "rgbir.index.synthetic.processes",
)  # fmt: skip
PACKAGES = {*WHOLLY, *(f"rgbir.index.synthetic.drawing2.{module.stem}" for module in PACKAGE.rglob("*.py"))}
METHODS = """
    sum mean average std var median percentile quantile dot vdot inner outer matmul einsum convolve prod trace cumsum cumprod
    reduce accumulate reduceat sin cos tan exp log pow power hypot angle asin acos atan atan2 log2 default_rng
    standard_normal permutation shuffle choice resize filter rotate transform
"""
"""Of arrays, of generators and of pictures: their results are the processor's, one build's, or Pillow's."""
BUILTINS = "sum pow getattr eval exec complex __import__ vars globals"
FORBIDDEN = {*METHODS.split(), *BUILTINS.split(), "math", "**", "@"}


def counted(tree: ast.AST) -> Iterator[str]:
    """Every way of counting that the source names."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain = ast.unparse(node)
            yield chain if re.fullmatch(r"np(\.\w+)+", chain) else "__" if node.attr.startswith("__") else node.attr
        elif isinstance(node, ast.Name):
            yield "np" if node.id == "np" and id(node) not in inner else ""
            yield node.id if node.id in BUILTINS.split() else ""
        elif isinstance(node, ast.BinOp | ast.AugAssign):
            yield "**" if isinstance(node.op, ast.Pow) else "@" if isinstance(node.op, ast.MatMult) else ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, complex):
            yield "complex"


def imported(tree: ast.AST) -> Iterator[str]:
    """What the source imports: modules, and names of modules; another name for it is part of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = "" if isinstance(node, ast.Import) else f"{node.module}."
            for alias in node.names:
                yield f"{module}{alias.name}" + (f" as {alias.asname}" if alias.asname else "")


def problems(source: str, module: str) -> set[str]:
    tree, also = ast.parse(source), ONLY_IN.get(module, set())
    ways = {
        way for way in counted(tree)
        if way in FORBIDDEN or way in ("np", "__") or (way.startswith("np.") and way not in NUMPY)
    }  # fmt: skip
    brought = {
        name for name in imported(tree)
        if name not in IMPORTED and (" as " in name or name.rpartition(".")[0] not in PACKAGES)
    }  # fmt: skip
    return (ways | brought) - also


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_module_counts_in_a_way_that_a_machine_may_round_otherwise(module: Path) -> None:
    assert problems(module.read_text(encoding="utf-8"), module.name) == set()


@pytest.mark.parametrize("module", ONLY_IN)
def test_a_module_is_allowed_no_more_than_it_uses(module: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))

    assert ONLY_IN[module] <= {*counted(tree), *imported(tree)}


@pytest.mark.parametrize(
    "line",
    [
        "x = np.sin(y)",
        "f = np.exp",
        "n = np",
        "x = np.linalg.norm(y)",
        "x = np.add.reduce(y)",
        "x = np.cumsum(y)",
        "x = np.bincount(a, y)",
        "x = np.float64(3)",
        "x = np.random.rand(3)",
        "x = getattr(np, 'exp')(y)",
        "from math import exp",
        "from math import sqrt as root",
        "from numpy import exp as e",
        "from numpy import *",
        "import numpy",
        "import numpy.linalg as l",
        "import math as m",
        "import cmath",
        "import random",
        "from statistics import fmean",
        "from operator import pow as raised",
        "from scipy import ndimage",
        "from PIL.Image import open",
        "from . import tables",
        "x = y ** 2",
        "y **= 2",
        "x = y.__pow__(2)",
        "x = pow(y, 2)",
        "x = values.mean()",
        "x = values.cumsum()",
        "x = sum(values)",
        "x = map(sum, values)",
        "add = sum",
        "x = a @ b",
        "z = 1j",
    ],
)
def test_the_lint_finds_what_is_forbidden(line: str) -> None:
    assert problems(line, "any.py")
