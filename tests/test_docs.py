"""The documents: their code runs, the site builds with every link in it, and the reference is what the code says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests import publish_reference
from tests.conftest import ROOT, made_once

DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = "Not run by the tests"
PAGES = [
    pytest.param(page, id=page.stem, marks=[pytest.mark.slow])
    for page in (DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md")))
]


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

    def make(folder: Path) -> None:
        done = run("rgbir demo --no-serve", folder)
        assert done.returncode == 0, done.stdout

    return made_once(tmp_path_factory, "docs", make) / "demo"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RGBIR_")}
    environment["XDG_CACHE_HOME"] = str(folder / ".cache")
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", code], cwd=folder, env=environment, text=True, timeout=280,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_to_type_works(page: Path, demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo, tmp_path / "demo")

    done = run(script(page), tmp_path)

    assert done.returncode == 0, done.stdout[-4000:]


class Page(HTMLParser):
    """A page of the site. links: where it points to, by tag. anchors: what can be pointed to in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.anchors: set[str] = set()
        self.text = ""
        self._inside: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside += [tag] * (tag in ("code", "pre", "script", "style"))
        self.links += [(tag, value) for name, value in attrs if name in ("href", "src") and value]
        self.anchors |= {value for name, value in attrs if name == "id" and value}

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text += data


def faults(site: Path) -> Iterator[str]:
    """Links that lead nowhere, and what a page takes from elsewhere than the site, in words."""
    pages = {file.resolve(): Page(file) for file in site.rglob("*.html")}
    for file, page in pages.items():
        for tag, link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                if tag != "a":
                    yield f"{file}: {link} comes from outside"
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file() or (parts.fragment and parts.fragment not in pages[target].anchors):
                yield f"{file}: {link} leads nowhere"
        if "][" in page.text:
            yield f"{file}: a link without its target: {page.text[page.text.index('][') - 40 :][:80]!r}"
    for style in site.rglob("*.css"):
        if re.search(r"(url\(|@import)[\s\"']*(https?:)?//", style.read_text(encoding="utf-8")):
            yield f"{style} takes something from outside"


def built(docs: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return run(f"cd {ROOT} && python -m sphinx --fail-on-warning --keep-going --quiet {docs} {site}", site.parent)


@pytest.mark.slow  # `make docs` does it, and .ci/run with it
def test_the_site_builds_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    done = built(DOCS, tmp_path / "site")

    assert done.returncode == 0, done.stdout[-4000:]
    assert not list(faults(tmp_path / "site"))
    assert "AsyncClient" in (tmp_path / "site/reference/python.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_fault_in_the_documents_is_noticed(tmp_path: Path) -> None:
    docs, site = tmp_path / "docs", tmp_path / "site"
    docs.mkdir()
    shutil.copy(DOCS / "conf.py", docs)
    (docs / "alone.md").write_text(
        "# Alone\n\n<a href='nowhere.html'>x</a> [x][nowhere] <img src='https://a.b/c.png'>\n"
    )
    (docs / "index.md").write_text(
        "# Home\n\n[x](page.md) [x](#part) [x](file.json) ![x](image.png)\n\n```{toctree}\nlost\n```\n"
        "\n```{eval-rst}\n.. autoclass:: rgbir.client.Nobody\n```\n"
    )

    done = built(docs, site)

    assert done.returncode != 0
    for fault in ("page.md", "'part'", "file.json", "image.png", "lost", "Nobody", "alone.md"):
        assert fault in done.stdout
    assert [fault.partition(": ")[2].split(" ")[0] for fault in faults(site) if "alone" in fault] == [
        "nowhere.html",
        "https://a.b/c.png",
        "a",
    ]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_pages_at_the_root_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8")):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_the_reference_is_what_the_code_says() -> None:
    assert (DOCS / "reference/command-line.md").read_text(encoding="utf-8") == publish_reference.command_line()
    assert (DOCS / "reference/http.md").read_text(encoding="utf-8") == publish_reference.http()
