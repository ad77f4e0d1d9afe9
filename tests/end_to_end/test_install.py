"""The wheel, installed into an empty environment: serving works there, and torch isn't."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.server.cases.handed import hand_over

from rgbir.index import SysuMM01, read_bytes

pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, as whoever packages it does."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (source,), (built,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    assert source.name.removesuffix(".tar.gz") == f"rgbir-{version('rgbir')}"
    return built


def environment(folder: Path, wheel: Path, extra: str) -> Path:
    venv.create(folder, with_pip=True)
    requirement = f"{wheel}[{extra}]" if extra else str(wheel)
    run(folder / "bin/pip", "install", "--quiet", "-c", ROOT / "constraints.txt", requirement, cwd=folder)
    return folder / "bin"


def test_the_server_extra_walks_the_demo_without_torch(tmp_path: Path, wheel: Path) -> None:
    programs = environment(tmp_path / "venv", wheel, "server")

    output = run(programs / "rgbir", "demo", "--no-serve", cwd=tmp_path)

    assert "left out: camera 2: same place as the query's camera 3" in output
    assert "1,440 added" in output
    again = run(programs / "rgbir", "demo", "--no-serve", cwd=tmp_path)
    assert "0 added, 1,440 were there" in again
    assert "found without a model, and enrolled" in output
    for package in ("torch", "av"):
        absent = subprocess.run([programs / "python", "-c", f"import {package}"], capture_output=True, check=False)
        assert absent.returncode == 1
    film = subprocess.run(
        [programs / "rgbir", "footage", "find", programs / "rgbir"], capture_output=True, text=True, check=False
    )
    assert (film.returncode, "pip install 'rgbir[footage]'" in film.stderr) == (2, True)


def test_the_bare_client_is_light_and_says_what_it_lacks(tmp_path: Path, wheel: Path) -> None:
    programs = environment(tmp_path / "venv", wheel, "")

    assert "search" in run(programs / "rgbir", "--help", cwd=tmp_path)
    run(programs / "python", "-c", "import rgbir.client", cwd=tmp_path)
    index = subprocess.run(
        [programs / "rgbir", "index", "stats", "--gallery", "g"], capture_output=True, text=True, check=False
    )
    assert (index.returncode, "pip install 'rgbir[index]'" in index.stderr) == (2, True)


OFFLINE = """
import socket, sys

def refuse(*_, **__):
    raise AssertionError("it asked the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.argv = ["rgbir", *sys.argv[1:]]
from rgbir.client.cli import main
main()
"""


def test_evidence_is_verified_in_an_empty_environment_without_a_network(
    tmp_path: Path, wheel: Path, enrolled: Path, people: SysuMM01
) -> None:
    (tmp_path / "handed").mkdir()
    hand_over(tmp_path / "handed", enrolled, read_bytes(next(people.records("test", (3,))).path))
    programs = environment(tmp_path / "venv", wheel, "evidence")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("signed.zip", "key.pem.pub"):
        (tmp_path / "handed" / name).rename(moved / name)
    verify = (programs / "python", "-c", OFFLINE, "evidence", "verify", "signed.zip", "--key", "key.pem.pub")

    assert "whole and unchanged, signed by the key" in run(*verify, cwd=moved)
    content = bytearray((moved / "signed.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (moved / "signed.zip").write_bytes(content)
    changed = subprocess.run(verify, cwd=moved, capture_output=True, text=True, check=False)
    assert (changed.returncode, "NOT what was written" in changed.stdout) == (1, True)
    for package in ("numpy", "PIL", "fastapi"):
        absent = subprocess.run([programs / "python", "-c", f"import {package}"], capture_output=True, check=False)
        assert absent.returncode == 1, package


IMPORTS = {
    "": ["rgbir.client"],
    "evidence": ["rgbir.client.evidence.signing"],
    "index": ["rgbir.index", "rgbir.index.evaluation"],
    "server": ["rgbir.server", "rgbir.index"],
    "plots": ["rgbir.index.plots.album"],
    "training": ["rgbir.training"],
    "export": ["rgbir.export", "rgbir.export.cli"],
    "fit": ["rgbir.export.fit.writing", "onnx"],
    "exchange": ["rgbir.index", "pyarrow"],
    "footage": ["rgbir.footage.cli.footage", "av"],
    "openvino": ["rgbir.index", "openvino"],
    "frigate": ["rgbir.footage.cli.watch", "aiomqtt"],
    "server,milvus,traces": ["rgbir.server", "pymilvus", "opentelemetry.sdk"],
}
COMMANDS = {
    "": ["search", "enrol", "ready", "config", "model list", "evidence get"],
    "evidence": ["evidence verify", "evidence key"],
    "footage": ["footage find", "footage add", "watch frigate"],
    "index": ["index add", "evaluate", "synthesize", "counts", "embed", "split", "cameras list", "bench search"],
    "server": ["serve", "keys add", "audit verify", "demo"],
    "training": ["train", "methods", "bench train"],
    "export": ["export adopt", "export trained", "reproduce"],
    "fit": ["fit"],
}


@pytest.mark.parametrize("extra", IMPORTS)
def test_each_extra_imports_and_its_commands_are_there(tmp_path: Path, wheel: Path, extra: str) -> None:
    programs = environment(tmp_path / "venv", wheel, extra)

    for module in IMPORTS[extra]:
        run(programs / "python", "-c", f"import {module}", cwd=tmp_path)
    for command in COMMANDS.get(extra, []):
        assert "--help" in run(programs / "rgbir", *command.split(), "--help", cwd=tmp_path)
    output = run(programs / "rgbir", "--version", cwd=tmp_path)
    assert output.startswith(f"rgbir {version('rgbir')}\n")
    assert ("ONNX Runtime" in output) == (extra not in ("", "evidence"))
    assert "No broken requirements" in run(programs / "python", "-m", "pip", "check", cwd=tmp_path)
