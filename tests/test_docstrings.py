"""The docstrings of public names say what types can't: every field, the shapes of arrays, and the errors that are raised.

As in `inspect.getdoc`, a method without a docstring has that of the class whose method it overrides. A command's docstring is
its help, and a route's is in the OpenAPI document, so neither lists errors: they end as one line and an exit code, or as a problem.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

PARTS = ("client", "index", "training", "export", "footage", "server")
MODELS = ("training", "export")
"""Parts whose pydantic models are settings of their own, and not the form of a request or an answer."""


Function = ast.FunctionDef | ast.AsyncFunctionDef

ARRAYS = re.compile(r"\b(NDArray|Tensor|ndarray)\b")
LENGTH = r"(?:\.\.\.|…|\d+|[A-Z]|[a-z]\w*)"
AXIS = rf"{LENGTH}(?:\s?[·*/+-]\s?{LENGTH})*"
SHAPE = re.compile(rf"\({AXIS},(?:\s{AXIS})?(?:,\s{AXIS})*\)|\b[Ss]calars?\b|\b[Aa]ny shape\b")
COMMANDS, ROUTES = ("command", "callback"), ("get", "post", "delete")
"""Decorators of what a user calls, who reads its docstring."""
LEFT_OUT = {"NotImplementedError", "AssertionError", "Exit", "BadParameter", "SystemExit"}


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the parts, as its source has it.

    Attributes:
        node: its definition.
        doc: its docstring, empty without one.
        bases: the last words of its bases' names.
        methods: the functions of its body, by name.
    """

    node: ast.ClassDef
    doc: str
    bases: tuple[str, ...]
    methods: Mapping[str, Function]


Classes = Mapping[str, list[Class]]
"""The classes of the parts by name; several may share a name."""


def _word(node: ast.expr) -> str:
    """The last word of a name: `X` of `X`, `module.X`, `X[...]` and `X(...)`."""
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _class(node: ast.ClassDef) -> Class:
    methods = {child.name: child for child in node.body if isinstance(child, Function)}
    return Class(node, ast.get_docstring(node) or "", tuple(map(_word, node.bases)), methods)


def classes(trees: Mapping[Path, ast.Module]) -> Classes:
    """The classes at the top of the modules."""
    known: dict[str, list[Class]] = {}
    for node in (node for tree in trees.values() for node in tree.body):
        if isinstance(node, ast.ClassDef):
            known.setdefault(node.name, []).append(_class(node))
    return known


def _bases(described: Class, known: Classes) -> Iterator[Class]:
    """The class's bases that are in the parts, nearest first, and theirs."""
    seen = {described.node.name}
    waiting = list(described.bases)
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            for base in known.get(name, ()):
                yield base
                waiting += base.bases


def _documented(method: str, described: Class, known: Classes) -> str:
    """A method's docstring, or that of the nearest base class that has one."""
    for owner in (described, *_bases(described, known)):
        if method in owner.methods and (doc := ast.get_docstring(owner.methods[method])):
            return doc
    return ""


def section(doc: str, title: str) -> str:
    """The indented lines under a heading of a docstring, up to the next line that isn't indented."""
    lines = re.search(rf"^{title}:\n((?:[ \t]+.*\n?|\n)*)", doc, re.MULTILINE)
    return lines[1] if lines else ""


def _names(lines: str) -> set[str]:
    """The names before the colons of a section: `rgb, ir: float32 (n, d).` has two."""
    heads = re.findall(r"^\s+(\w+(?:, \w+)*):(?:\s|$)", lines, re.MULTILINE)
    return {name for head in heads for name in head.split(", ")}


def _fields(node: ast.ClassDef) -> list[tuple[str, bool]]:
    """The public fields that a class's own body declares, and whether a description stands in the declaration: in pydantic's
    `Field`, or in an `Option` of the annotation.
    """
    return [
        (child.target.id, re.search(r"\bdescription=|\bOption\(", ast.unparse(child)) is not None)
        for child in node.body
        if isinstance(child, ast.AnnAssign)
        and isinstance(child.target, ast.Name)
        and not child.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(child.annotation)
    ]


def _of_fields(described: Class, known: Classes, models: bool) -> Iterator[str]:
    """The fields of a dataclass, a NamedTuple or a model that neither the class nor a base documents."""
    owners = [described, *_bases(described, known)]
    model = models and any(base in ("BaseModel", "BaseSettings") for owner in owners for base in owner.bases)
    value = "NamedTuple" in described.bases or "dataclass" in map(_word, described.node.decorator_list)
    if not model and not value:
        return
    documented = {name for owner in owners for name in _names(section(owner.doc, "Attributes"))}
    documented |= {name for owner in owners for name, description in _fields(owner.node) if description}
    for name, _ in _fields(described.node):
        if name not in documented:
            yield f"Attributes: {name}"


def _annotations(function: Function) -> Iterator[str]:
    given = function.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if argument is not None and argument.annotation is not None:
            yield ast.unparse(argument.annotation)
    if function.returns is not None:
        yield ast.unparse(function.returns)


def _is_command_or_route(function: Function) -> bool:
    if any(_word(decorator) in (*COMMANDS, *ROUTES) for decorator in function.decorator_list):
        return True
    return any("typer." in annotation for annotation in _annotations(function))


def _raised(function: Function) -> list[str]:
    """The errors that a function's own body makes and raises, once each and in order."""
    names: dict[str, None] = {}
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None and _word(node.exc)[:1].isupper():
            names[_word(node.exc)] = None
        waiting = [*ast.iter_child_nodes(node), *waiting]
    return [name for name in names if name not in LEFT_OUT]


def _of_errors(function: Function, doc: str) -> Iterator[str]:
    if _is_command_or_route(function):
        return
    lines = section(doc, "Raises")
    for error in _raised(function):
        if not re.search(rf"\b{error}\b", lines):
            yield f"Raises: {error}"


def _of_function(function: Function, doc: str) -> Iterator[str]:
    if any(map(ARRAYS.search, _annotations(function))) and not SHAPE.search(doc):
        yield "the shape of its arrays"
    yield from _of_errors(function, doc)


def _of_class(described: Class, known: Classes, models: bool) -> Iterator[tuple[int, str, str]]:
    name = described.node.name
    for gap in _of_fields(described, known, models):
        yield described.node.lineno, name, gap
    public = [method for method in described.methods if not method.startswith("_")]
    for method, function in described.methods.items():
        doc = _documented(method, described, known)
        if method in ("__init__", "__post_init__"):
            for gap in _of_errors(function, f"{described.doc}\n\n{doc}"):
                yield function.lineno, name, gap
        elif method in public:
            alone = public == ["forward"]
            for gap in _of_function(function, f"{doc}\n\n{described.doc}" if alone else doc):
                yield function.lineno, f"{name}.{method}", gap


def _of_module(tree: ast.Module, known: Classes, models: bool) -> Iterator[tuple[int, str, str]]:
    """Line, name and what is missing."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            for gap in _of_function(node, ast.get_docstring(node) or ""):
                yield node.lineno, node.name, gap
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _of_class(_class(node), known, models)


def gaps(root: Path, parts: tuple[str, ...] = PARTS, models: tuple[str, ...] = MODELS) -> list[str]:
    """What the docstrings under the parts' folders leave out, each as `path:line name: what is missing`.

    Args:
        root: the folder of the parts.
        parts: their folders' names; a class may have its base in another of them.
        models: those whose pydantic models document their fields, too.
    """
    trees = {
        file: ast.parse(file.read_text(encoding="utf-8"))
        for part in parts
        for file in sorted((root / part).rglob("*.py"))
    }
    known = classes(trees)
    return [
        f"{file.relative_to(root)}:{line} {name}: {gap}"
        for file, tree in trees.items()
        for line, name, gap in _of_module(tree, known, file.relative_to(root).parts[0] in models)
    ]


@pytest.fixture(scope="module")
def missing() -> list[str]:
    return gaps(ROOT)


@pytest.mark.parametrize("part", PARTS)
def test_public_docstrings_leave_out_no_field_no_shape_and_no_error(part: str, missing: list[str]) -> None:
    of_part = [gap for gap in missing if gap.startswith(f"{part}/")]

    assert not of_part, "\n".join(of_part)


INCOMPLETE = '''
@dataclass(frozen=True)
class Hit:
    """A hit.

    Attributes:
        score: its cosine.
    """

    score: float
    sighting: int


class Pair(NamedTuple):
    rgb: Tensor


class Recipe(BaseModel):
    height: int = Field(1, description="in pixels")
    width: int = 1


class Net(nn.Module):
    """From images (n, 3, h, w) to vectors."""

    def __init__(self, size: int) -> None:
        if not size:
            raise BadRecipe("no size")

    def forward(self, images: Tensor) -> Tensor:
        return images

    def both(self, rgb: Tensor) -> Tensor:
        return rgb


def unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1 (TPAMI 2022, as printed).

    Raises:
        ValueError: no rows.
    """
    if not len(x):
        raise ValueError("no rows")
    raise errors.BadShape("not finite")
'''

COMPLETE = '''
@dataclass(frozen=True)
class Hit:
    """A hit.

    Attributes:
        score, sighting: its cosine, and which it is.
    """

    score: float
    sighting: int
    _place: int = 0


class Recipe(BaseModel):
    """Settings.

    Attributes:
        width: in pixels.
    """

    height: int = Field(1, description="in pixels")
    width: int = 1


class Wide(Recipe):
    width: int = 2


@dataclass(frozen=True)
class Filters:
    """What may be asked."""

    camera: Annotated[str | None, Option("the camera that took the images")] = None


class Net(nn.Module):
    """From images float32 (n, 3, h, w) to vectors (n, d)."""

    def forward(self, images: Tensor) -> Tensor:
        return images


class Base:
    def embed(self, images: Tensor) -> Tensor:
        """Images (n, 3, h, w) to vectors (n, d).

        Raises:
            BadShape: no images.
        """


class Method(Base):
    def embed(self, images: Tensor) -> Tensor:
        try:
            return self.part(images)
        except OSError as error:
            raise BadShape("no images") from error

    def _inner(self, images: Tensor) -> Tensor:
        return images


@app.command("go")
def go(folder: Folder) -> None:
    """Go."""
    if not folder:
        raise UsageError("a folder is needed")


@router.post("/go")
async def route(folder: str) -> None:
    """Goes."""
    if not folder:
        raise NotThere("a folder is needed")


def other(error: Exception, length: Tensor) -> None:
    """Of a scalar."""
    if length:
        raise NotImplementedError
    raise error
'''


def test_the_check_names_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    for name, source in (("incomplete", INCOMPLETE), ("complete", COMPLETE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(source, encoding="utf-8")

    missing = gaps(tmp_path, ("incomplete",), ("incomplete",))

    assert missing == [
        "incomplete/a.py:3 Hit: Attributes: sighting",
        "incomplete/a.py:14 Pair: Attributes: rgb",
        "incomplete/a.py:18 Recipe: Attributes: width",
        "incomplete/a.py:26 Net: Raises: BadRecipe",
        "incomplete/a.py:30 Net.forward: the shape of its arrays",
        "incomplete/a.py:33 Net.both: the shape of its arrays",
        "incomplete/a.py:37 unit: the shape of its arrays",
        "incomplete/a.py:37 unit: Raises: BadShape",
    ]
    assert gaps(tmp_path, ("complete",), ("complete",)) == []
    assert "incomplete/a.py:18 Recipe: Attributes: width" not in gaps(tmp_path, ("incomplete",), ())
