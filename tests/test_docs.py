"""The documents: their code runs, the site builds with every link in it, and the reference is what the code says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import publish_reference
from tests.conftest import ROOT

DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = "Not run by the tests"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]


def script(page: Path) -> str:
    """The page's blocks as one: sh as it stands, python and js in place, toml into the file it is titled with."""
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    for language, title, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if title.startswith(NOT_RUN) or language in ("console", "text"):
            continue
        if language == "sh":
            lines.append(code)
        elif language == "python":
            lines.append(f"python - <<'END_OF_BLOCK'\n{code}END_OF_BLOCK")
        elif language == "js":
            lines.append(f"if command -v node > /dev/null; then node - <<'END_OF_BLOCK'\n{code}END_OF_BLOCK\nfi")
        elif language == "toml" and title:
            lines.append(f"cat > {title} <<'END_OF_BLOCK'\n{code}END_OF_BLOCK")
        else:
            raise AssertionError(f"{page}: a block of {language} that is neither run nor marked so")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tutorial leaves behind, which the other pages go on from."""
    folder = tmp_path_factory.mktemp("docs")
    done = run("rgbir demo --no-serve", folder)
    assert done.returncode == 0, done.stdout
    return folder / "demo"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RGBIR_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", code], cwd=folder, env=environment, text=True, timeout=280,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_to_type_works(page: Path, demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo, tmp_path / "demo")

    done = run(script(page), tmp_path)

    assert done.returncode == 0, done.stdout[-4000:]


def test_the_site_builds_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    done = run(
        f"cd {ROOT} && NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --quiet --site-dir {tmp_path}/site",
        tmp_path,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "AsyncClient" in (tmp_path / "site/reference/python/index.html").read_text()
    outside = re.compile(r"(?:src|href)=\"https?://[^\"]*(?:fonts|cdn|unpkg|googleapis)")
    assert not outside.search((tmp_path / "site/index.html").read_text())


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_pages_at_the_root_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8")):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_the_reference_is_what_the_code_says() -> None:
    assert (DOCS / "reference/command-line.md").read_text(encoding="utf-8") == publish_reference.command_line()
    assert (DOCS / "reference/http.md").read_text(encoding="utf-8") == publish_reference.http()
