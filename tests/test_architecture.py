"""The shape of the project: what holds it together."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import rgbir.export
import rgbir.training
from rgbir.client.cli import SUMMARIES
from rgbir.server import Settings, create_app
from tests import mutants, rooms
from tests.conftest import BUNDLE, ROOT

PARTS = ("client", "index", "training", "export", "footage", "server")
COMMANDS = sorted(point.name for point in entry_points(group="rgbir.commands"))


def test_the_namespace_stays_open() -> None:
    assert not [part for part in PARTS if (ROOT / part / "rgbir" / "__init__.py").exists()]
    assert all((ROOT / part / "rgbir" / part / "py.typed").exists() for part in PARTS)


WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "onnx", "onnxscript", "tensorboard", "safetensors"}:
            raise ImportError(f"{name} is not there")

sys.meta_path.insert(0, Refuse())
import rgbir.index.search.local
from importlib.metadata import entry_points
from rgbir.index import Bundle, Encoder
parts = ("rgbir.server", "rgbir.index", "rgbir.client")
commands = [point for point in entry_points(group="rgbir.commands") if point.value.startswith(parts)]
assert len(commands) > 15, commands
for command in commands:
    command.load()
Encoder(Bundle(sys.argv[1]))
assert not [name for name in sys.modules if name.split(".")[0] == "torch"]
"""


@pytest.mark.slow
def test_serving_stays_free_of_torch() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(BUNDLE)], check=True)


@pytest.mark.slow
def test_the_client_imports_nothing_heavy() -> None:
    script = "import sys, rgbir.client, rgbir.client.commands; print(*[n for n in ('numpy', 'PIL', 'faiss', 'fastapi') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


EVERY_HELP = """
import sys
from typer.testing import CliRunner
from rgbir.client.cli import app

def helped(*command):
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0, (command, result.output)
    heavy = [name for name in ("torch", "onnxruntime", "onnx", "faiss") if name in sys.modules]
    assert not heavy, (command, heavy)

import typer.main
root = typer.main.get_command(app)
context = typer.Context(root)
counted = 0
for name in root.list_commands(context):
    helped(name)
    for below in getattr(root.get_command(context, name), "commands", {}):
        helped(name, below)
        counted += 1
print(counted)
"""


@pytest.mark.slow
def test_every_help_works_and_needs_neither_torch_nor_onnx_nor_faiss() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_HELP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_the_lazy_front_doors_open_on_every_name() -> None:
    for part in (rgbir.training, rgbir.export):
        assert len(part.__all__) >= 3
        assert all(getattr(part, name) is not None for name in part.__all__)


@pytest.mark.slow
def test_the_list_of_commands_has_a_line_for_each_and_loads_none() -> None:
    assert sorted(SUMMARIES) == COMMANDS
    script = (
        "import sys; from typer.testing import CliRunner; from rgbir.client.cli import app;"
        "r = CliRunner().invoke(app, ['--help']); assert 'evaluate' in r.output; print(*[n for n in ('numpy', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("missing", "command", "name", "extra"),
    [
        ("torch", ["train", "expat", "--data", "x", "--out", "y"], "train", "training"),
        ("torch", ["bench", "train"], "bench train", "training"),
        ("lazy_loader", ["bench", "train"], "bench train", "training"),
        ("onnx", ["fit", "x", "--data", "y", "--out", "z"], "fit", "fit"),
        ("onnx", ["export", "adopt", "x", "--out", "z"], "export", "export"),
    ],
)
@pytest.mark.slow
def test_a_missing_extra_is_one_line_that_names_it(missing: str, command: list[str], name: str, extra: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = {['rgbir', *command]};"
        "from rgbir.client.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == f"error: rgbir {name} needs {missing}: pip install 'rgbir[{extra}]'"


@pytest.mark.slow
def test_a_parts_command_in_another_parts_group_leaves_the_groups_own_as_they_are() -> None:
    script = (
        "import sys; sys.modules['lazy_loader'] = None; sys.argv = ['rgbir', 'bench', '--help'];"
        "from rgbir.client.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "search" in done.stdout
    assert "(needs rgbir[training])" in done.stdout


def test_every_mutant_can_still_be_made() -> None:
    known = mutants.faults()
    assert len(known) >= 40
    assert list(mutants.problems(known)) == []


def test_the_rooms_of_index_and_server_have_no_circle() -> None:
    assert [rooms.house(part).circles for part in rooms.PARTS] == [()] * len(rooms.PARTS)


FOLDER = "index/rgbir/index/gallery/folder/"
SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE \w+ SET|DELETE FROM|REPLACE INTO|WHERE|ORDER BY|CREATE \w+|ALTER TABLE|DROP \w+"
    r"|PRAGMA|VACUUM|BEGIN IMMEDIATE|COMMIT|ROLLBACK)\b|^BEGIN;?$"
)


def sources(matches: Callable[[ast.Module], bool]) -> set[str]:
    """Files of the parts, from the project's folder, whose code is such."""
    return {file for file, tree in parsed().items() if matches(tree)}


@cache
def parsed() -> dict[str, ast.Module]:
    """All code of the parts by file, read once."""
    files = [file for part in PARTS for file in (ROOT / part / "rgbir").rglob("*.py")]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@cache
def nodes(tree: ast.AST) -> list[ast.AST]:
    """All of a tree, which several tests go through."""
    return list(ast.walk(tree))


def texts(tree: ast.AST) -> Iterator[str]:
    """Texts in the code, `{}` for what an f-string fills in; docstrings and comments are none of them."""
    prose = {id(node.value) for node in nodes(tree) if isinstance(node, ast.Expr)}
    for node in nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(piece.value) if isinstance(piece, ast.Constant) else "{}" for piece in node.values)


def called(tree: ast.AST) -> set[str]:
    """Names of the methods that are called."""
    return {
        node.func.attr for node in nodes(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def imported(tree: ast.AST) -> set[str]:
    """First names of the packages that are imported, anywhere in the file."""
    plain = {alias.name for node in nodes(tree) if isinstance(node, ast.Import) for alias in node.names}
    return {
        name.split(".")[0]
        for name in plain | {node.module or "" for node in nodes(tree) if isinstance(node, ast.ImportFrom)}
    }


@pytest.mark.slow
def test_sql_stands_in_the_two_stores_and_few_files_beside_them() -> None:
    spoken = {FOLDER + name for name in ("store.py", "file.py", "schema.py", "erasing.py")}
    spoken |= {"server/rgbir/server/cases/" + name for name in ("store.py", "file.py", "schema.py", "judging.py")}
    translating, laid_out = FOLDER + "connection.py", {"server/rgbir/server/cases/schema.py"}

    assert sources(lambda tree: any(map(SQL.search, texts(tree)))) == spoken
    executing = sources(lambda tree: bool(called(tree) & {"execute", "executemany", "executescript"}))
    assert executing == spoken - laid_out | {translating}
    assert sources(lambda tree: "sqlite3" in imported(tree)) == {translating, "index/rgbir/index/versions.py"}


@pytest.mark.slow
def test_expressions_of_milvus_stand_with_its_entities() -> None:
    room = "index/rgbir/index/gallery/milvus/"
    expression = re.compile(r"==|!=|<=|>=|^\(?\S+ [<>] |\blike ['\"]|\bis (not )?null\b|^\(?\S+ (not )?in [{\[(]")

    def spelt(tree: ast.Module) -> bool:
        """Whether a text looks like an expression, or is given as one."""
        words = [word for node in nodes(tree) if isinstance(node, ast.Call) for word in node.keywords]
        filters = [text for word in words if word.arg == "filter" for text in texts(word.value)]
        return any(filters) or any(map(expression.search, texts(tree)))

    assert {file for file in sources(spelt) if file.startswith(room)} == {room + "entities.py"}
    asked_as_a_peer = "index/rgbir/index/bench/peers.py"
    assert sources(lambda tree: "pymilvus" in imported(tree)) == {
        room + "entities.py",
        room + "store.py",
        asked_as_a_peer,
    }


def test_variables_carry_a_noun() -> None:
    vague = {"own", "one", "found", "said", "told", "held"}

    def named(tree: ast.Module) -> set[str]:
        variables = {node.id for node in nodes(tree) if isinstance(node, ast.Name)}
        return variables | {node.arg for node in nodes(tree) if isinstance(node, ast.arg)}

    # Fields there, which travel or are shown by these names.
    fields = {"index/rgbir/index/datasets/dataset.py", "client/rgbir/client/wire.py"}
    assert sources(lambda tree: bool(named(tree) & vague)) == fields


def test_torch_unpickles_weights_alone_and_in_two_places() -> None:
    """ruff bans `torch.load` (TID251); where that is waived, nothing but tensors and plain values may be made."""
    waived: list[str] = []

    def loads(tree: ast.Module) -> bool:
        calls = [node for node in nodes(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        named = [ast.unparse(call) for call in calls if ast.unparse(call.func) == "torch.load"]
        waived.extend(named)
        return bool(named)

    room = "training/rgbir/training/"
    assert sources(loads) == {room + "weights/child.py", room + "run.py"}
    assert len(waived) == 2
    assert all("weights_only=True" in call for call in waived)


@pytest.mark.slow
def test_the_openapi_document_is_the_published_one() -> None:
    """After a wanted change: `python tests/publish_openapi.py`."""
    published = json.loads((ROOT / "docs/openapi.json").read_text())
    assert create_app(Settings(Path("g"), Path("b"))).openapi() == published


def test_the_demo_bundle_is_small_and_says_where_it_comes_from() -> None:
    card = json.loads((BUNDLE / "card.json").read_text())

    assert sum(path.stat().st_size for path in BUNDLE.iterdir()) < 8_000_000
    assert card["measured"]
    assert "rgbir" in json.dumps(card["measured"])
