"""The generators that people use: they read the document, and what they make searches and enrols, by the words of the how-to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.conftest import ROOT, made_once
from tests.programs import needs
from tests.server.processes import process

from rgbir.index import SysuMM01
from rgbir.server.access.keys import Keyring, Role

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/how-to/other-languages.md").read_text(encoding="utf-8")
GENERATOR = "openapi-python-client==0.29.1"
AWAY = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ERR_SOCKET|NewConnectionError|Temporary failure|Network is unreachable"
)
"""What npm and pip say where their registry isn't reached."""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, text=True, timeout=280, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode and AWAY.search(done.stdout):
        pytest.skip(f"{command[0]} doesn't reach its registry, so generated clients weren't tried")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs of package.json."""
    needs("npm", "redocly and clients in TypeScript")

    def make(folder: Path) -> None:
        shutil.copy(Path(__file__).parent / "package.json", folder)
        run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)

    return made_once(tmp_path_factory, "npm", make)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with openapi-python-client alone, whose needs aren't ours."""

    def make(folder: Path) -> None:
        run(sys.executable, "-m", "venv", folder / "environment", cwd=folder)
        run(folder / "environment/bin/python", "-m", "pip", "install", "--quiet", GENERATOR, cwd=folder)

    return made_once(tmp_path_factory, "generator", make) / "environment/bin/python"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, enrolled: Path) -> Iterator[tuple[str, str]]:
    """The URL of a server with keys, and a key that may search and enrol."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(enrolled, folder / "gallery")
    token = Keyring(folder / "keys.json").add("admin", Role.ADMIN)
    with process(folder / "gallery", f", keys=Path({str(folder / 'keys.json')!r})") as (_, port):
        yield f"http://127.0.0.1:{port}", token


def block(language: str) -> str:
    """The code of the how-to that the generators' tests run."""
    (code,) = re.findall(
        rf"^```{language} title=\"Not run by the tests of this page[^\n]*\n(.*?)^```$", PAGE, re.M | re.S
    )
    return str(code)


def made_for(code: str, server: tuple[str, str], people: SysuMM01) -> str:
    picture = next(people.records("test", (3,))).path
    for was, becomes in (
        ("http://127.0.0.1:8080", server[0]),
        ("KEY", server[1]),
        ("demo/samples/3_0002.jpg", str(picture)),
    ):
        assert was in code
        code = code.replace(was, becomes)
    return code


def expect_hits(output: str, server: tuple[str, str], people: SysuMM01) -> None:
    """Three hits as curl would get them, and an enrolled image, which is erased for the next client."""
    bearer = {"Authorization": f"Bearer {server[1]}"}
    with httpx2.Client(base_url=server[0], headers=bearer) as http:
        content = next(people.records("test", (3,))).path.read_bytes()
        asked = http.post(
            "/search", data={"camera": "3", "top_k": "3"}, files={"images": ("night.jpg", content)}
        ).json()
        assert http.delete("/gallery/sightings", params={"camera": "3"}).json()["removed"] == 1
    hits = [line.split()[1:] for line in output.splitlines() if line.startswith("hit ")]
    assert [(int(rank), camera) for rank, camera, _ in hits] == [(hit["rank"], hit["camera"]) for hit in asked["hits"]]
    assert [float(distance) for *_, distance in hits] == pytest.approx([hit["distance"] for hit in asked["hits"]])
    assert len(hits) == 3
    assert output.splitlines()[-1] == "added"


def test_redocly_finds_no_fault_in_the_document(npm: Path) -> None:
    output = run(npm / "node_modules/.bin/redocly", "lint", ROOT / "docs/openapi.json", "--format=json", cwd=npm)
    totals = json.loads(output[output.index("{\n") : output.rindex("}") + 1])["totals"]
    assert (totals["errors"], totals["warnings"]) == (0, 0), output


def test_a_client_in_typescript_searches_and_enrols(
    npm: Path, server: tuple[str, str], people: SysuMM01, tmp_path: Path
) -> None:
    shutil.copytree(npm / "node_modules", tmp_path / "node_modules", symlinks=True)
    shutil.copy(npm / "package.json", tmp_path)
    (tmp_path / "client.ts").write_text(made_for(block("ts"), server, people), encoding="utf-8")
    programs = tmp_path / "node_modules/.bin"

    made = ["--default-non-nullable=false", "--output", "rgbir.ts"]
    assert " ".join(made) in PAGE
    run(programs / "openapi-typescript", f"{server[0]}/openapi.json", *made, cwd=tmp_path)
    strict = ["--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    run(programs / "tsc", *strict, "client.ts", cwd=tmp_path)

    expect_hits(run("node", "client.js", cwd=tmp_path), server, people)


def test_a_client_in_python_searches_and_enrols(
    generator: Path, server: tuple[str, str], people: SysuMM01, tmp_path: Path
) -> None:
    made = ["--url", f"{server[0]}/openapi.json", "--meta", "none", "--output-path", "rgbir_api"]
    run(generator, "-m", "openapi_python_client", "generate", *made, cwd=tmp_path)
    (tmp_path / "client.py").write_text(made_for(block("python"), server, people), encoding="utf-8")

    expect_hits(run(generator, "client.py", cwd=tmp_path), server, people)
