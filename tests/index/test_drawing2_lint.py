"""Drawing 2 counts only in ways that round alike on every machine: a lint over its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import ROOT

PACKAGE = ROOT / "index" / "rgbir" / "index" / "synthetic" / "drawing2"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROUNDED_OTHERWISE = """
    sin cos tan exp exp2 expm1 log log2 log10 log1p power pow float_power arcsin arccos arctan arctan2 asin acos atan atan2
    sinh cosh tanh hypot angle cbrt
"""
ADDED_IN_THE_PROCESSORS_ORDER = """
    sum mean average std var median percentile quantile dot vdot inner outer matmul einsum convolve tensordot prod nansum
    fsum cumprod trapezoid interp norm
"""
DRAWN_BY_ONE_BUILD = "default_rng standard_normal permutation shuffle RandomState Generator choice"
PILLOWS_ARITHMETIC = "resize filter ImageDraw ImageFilter GaussianBlur rotate transform"
FORBIDDEN = {
    name
    for names in (ROUNDED_OTHERWISE, ADDED_IN_THE_PROCESSORS_ORDER, DRAWN_BY_ONE_BUILD, PILLOWS_ARITHMETIC)
    for name in names.split()
}
ALLOWED = {"tables.py": {"cos", "asin", "log2", "exp"}}
"""The tables are made by `math`, one value at a time, and rounded."""


def faults(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow):
            yield "**"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
            yield "@"
        elif isinstance(node, ast.Constant) and isinstance(node.value, complex):
            yield "complex"


def problems(source: str, module: str) -> set[str]:
    forbidden = FORBIDDEN | {"**", "@", "complex"}
    if module == "tables.py":
        forbidden -= ALLOWED["tables.py"] | {"**"}
    return forbidden & set(faults(ast.parse(source)))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_module_counts_in_a_way_that_a_machine_may_round_otherwise(module: Path) -> None:
    assert problems(module.read_text(encoding="utf-8"), module.name) == set()


def test_only_the_tables_call_the_c_library_and_only_coding_calls_pillow() -> None:
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        whole = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
        parts = {
            node.module: {a.name for a in node.names} for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        assert "math" not in whole or module.name == "tables.py", module
        assert parts.get("math", set()) <= {"sqrt", "floor"}, module
        assert "PIL" not in parts or module.name == "coding.py", module
        assert not {"scipy", "cv2"} & set(whole), module


@pytest.mark.parametrize(
    "line",
    [
        "x = np.sin(y)",
        "from math import exp",
        "x = y ** 2",
        "x = values.mean()",
        "x = sum(values)",
        "x = a @ b",
        "z = 1j",
    ],
)
def test_the_lint_finds_what_is_forbidden(line: str) -> None:
    assert problems(line, "any.py")
