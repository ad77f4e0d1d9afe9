"""A release is whole, of one version everywhere, and what was tried is what is pinned."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from tests import release
from tests.conftest import ROOT

VERSION, EXTRAS = release.project()
PINNED = dict(re.findall(r"^([^\s#=]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def test_every_file_that_names_the_version_names_this_one() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    newest = re.findall(r"^## \[(\d[^\]]*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]

    assert newest == (VERSION, re.findall(r"^date-released: (\S+)$", citation, re.MULTILINE)[0])
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [VERSION]
    assert json.loads((ROOT / "docs/openapi.json").read_text())["info"]["version"] == VERSION
    line = VERSION.rpartition(".")[0]
    assert f"the newest line, today {line}." in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_what_was_tried_is_what_is_pinned() -> None:
    page = (ROOT / "docs/support.md").read_text(encoding="utf-8")
    tried = dict(re.findall(r"^\| `([a-z-]+)` \| (\S+) \|", page, re.MULTILINE))

    assert len(tried) > 15
    assert tried == {name: PINNED[name] for name in tried}


CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n{}\n## [0.2.0] - 2026-11-27\n\n- A line.\n"


def test_a_changelog_that_waits_is_no_release() -> None:
    release.check_changelog("0.2.0", CHANGELOG.format(""))

    with pytest.raises(release.NotAsReleased, match=r"no part `## \[0.3.0\]"):
        release.check_changelog("0.3.0", CHANGELOG.format(""))
    with pytest.raises(release.NotAsReleased, match=r"1 lines under Unreleased; move them to 0\.2\.0: - Another"):
        release.check_changelog("0.2.0", CHANGELOG.format("\n- Another line.\n"))


SERVER = [
    "server/rgbir/server/page/index.html",
    "server/rgbir/server/examples.json",
    "server/rgbir/server/bundles/a.b/card.json",
]


def wheel(folder: Path, names: list[str], **about: str) -> Path:
    """Of these files, with this in place of its metadata."""
    metadata = {"Metadata-Version": "2.4", "Name": "rgbir", "Version": "1.0", "Provides-Extra": "index", **about}
    file = folder / "rgbir-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as opened:
        for name in (*(name.partition("/")[2] for name in names), "rgbir-1.0.dist-info/licenses/LICENSE"):
            opened.writestr(name, "")
        words = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in metadata.items() if value)
        opened.writestr("rgbir-1.0.dist-info/METADATA", words)
    return file


def test_a_wheel_that_lacks_something_or_has_too_much_is_no_release(tmp_path: Path) -> None:
    release.check_wheel(wheel(tmp_path, SERVER), "1.0", ["index"], SERVER)

    for names, tracked, told in (
        (SERVER, [*SERVER, "client/rgbir/client/py.typed"], r"lacks \['rgbir/client/py.typed'\]"),
        ([*SERVER, "index/rgbir/index/notes.txt"], SERVER, r"has also \['rgbir/index/notes.txt'\]"),
        (SERVER[1:], SERVER[1:], "has no rgbir/server/page/index.html"),
        (SERVER[:2], SERVER[:2], "has no bundle of the demonstration"),
    ):
        with pytest.raises(release.NotAsReleased, match=told):
            release.check_wheel(wheel(tmp_path, names), "1.0", ["index"], tracked)
    with pytest.raises(release.NotAsReleased, match="of other extras"):
        release.check_wheel(wheel(tmp_path, SERVER), "1.0", ["index", "server"], SERVER)
    with pytest.raises(release.NotAsReleased, match="'one' is invalid for 'version'"):
        release.check_wheel(wheel(tmp_path, SERVER, Version="one"), "1.0", ["index"], SERVER)


@pytest.mark.slow
def test_the_sdist_builds_the_wheel_that_the_checkout_builds(tmp_path: Path) -> None:
    """The rest of a release, its installation and its search, is `test_install` and `test_airgap`."""
    sdist, built = release.build(tmp_path)

    release.check_same(built)
    release.check_wheel(built, VERSION, EXTRAS, release.tracked_files())
    assert sdist.name == f"rgbir-{VERSION}.tar.gz"
