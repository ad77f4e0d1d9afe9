"""`make release`: wheel, sdist, SBOM and sums in dist/, checked. A release that fails a check is no release.

* The sdist builds, and its wheel is byte for byte the one that the checkout builds.
* Metadata are valid, the version is the changelog's, and every tracked file of the parts is in the wheel.
* The wheel, in an environment of its own outside the checkout, says its version and answers a search.

Tools are those of constraints.txt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from email.parser import BytesParser
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
SELFTEST = ROOT / "deploy/airgap/selftest.sh"
PARTS = ("client", "index", "training", "export", "footage", "server")


class NotAsReleased(Exception):
    """A check failed; the message says which."""


def project() -> tuple[str, list[str]]:
    """The version, and the names of the extras."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content["version"], sorted(content["optional-dependencies"])


def run(*command: str | Path, cwd: Path) -> str:
    """What it printed.

    Raises:
        NotAsReleased: it failed.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "RGBIR_"))}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**inherited, "PIP_CONSTRAINT": str(CONSTRAINTS)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotAsReleased(f"{' '.join(map(str, command))}: {done.stdout[-3000:]}")
    return done.stdout


def build(out: Path, source: Path = ROOT) -> tuple[Path, Path]:
    """Sdist and wheel, the wheel made of the sdist."""
    with tempfile.TemporaryDirectory() as made:
        run(sys.executable, "-m", "build", "--outdir", made, source, cwd=Path(made))
        (sdist,), (wheel,) = Path(made).glob("*.tar.gz"), Path(made).glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(sdist, out)), Path(shutil.copy(wheel, out))


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def check_same(wheel: Path) -> None:
    """That the checkout builds the same wheel.

    Raises:
        NotAsReleased: it doesn't; names files that differ.
    """
    with tempfile.TemporaryDirectory() as made:
        run(sys.executable, "-m", "build", "--wheel", "--outdir", made, ROOT, cwd=Path(made))
        (direct,) = Path(made).glob("*.whl")
        if sha256(direct) != sha256(wheel):
            with zipfile.ZipFile(direct) as of_checkout, zipfile.ZipFile(wheel) as of_sdist:
                sums = [
                    {(entry.filename, entry.CRC) for entry in opened.infolist()} for opened in (of_checkout, of_sdist)
                ]
            raise NotAsReleased(f"the checkout and the sdist build other wheels: {sorted(sums[0] ^ sums[1])[:10]}")


def check_wheel(wheel: Path, version: str, extras: list[str], tracked: list[str]) -> None:
    """That its metadata are valid, and that it holds what it should, and nothing else.

    Args:
        tracked: files of the parts, as `part/rgbir/part/…`.

    Raises:
        NotAsReleased: says what is missing, or too much.
    """
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        about = f"rgbir-{version}.dist-info"
        raw = opened.read(f"{about}/METADATA")
    try:
        metadata = Metadata.from_email(raw, validate=True)
    except ExceptionGroup as error:
        raise NotAsReleased(f"{wheel.name}: {'; '.join(map(str, error.exceptions))}") from error
    if (
        str(metadata.version) != version
        or sorted(BytesParser().parsebytes(raw).get_all("Provides-Extra", [])) != extras
    ):
        raise NotAsReleased(f"{wheel.name}: its metadata are of version {metadata.version}, or of other extras")
    expected = {name.partition("/")[2] for name in tracked}
    there = {name for name in names if not name.startswith(f"{about}/")}
    if expected != there:
        raise NotAsReleased(
            f"{wheel.name} lacks {sorted(expected - there)[:5]}, has also {sorted(there - expected)[:5]}"
        )
    server = "rgbir/server/"
    for needed in (f"{server}page/index.html", f"{server}examples.json", f"{about}/licenses/LICENSE"):
        if needed not in names:
            raise NotAsReleased(f"{wheel.name} has no {needed}")
    if not any(re.fullmatch(rf"{server}bundles/[^/]+/card\.json", name) for name in names):
        raise NotAsReleased(f"{wheel.name} has no bundle of the demonstration")


def check_changelog(version: str, changelog: str) -> None:
    """That the version's part is there, and nothing is left under Unreleased.

    Raises:
        NotAsReleased: it isn't so.
    """
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise NotAsReleased(f"CHANGELOG.md has no part `## [{version}] - DATE`")
    waiting = re.findall(r"^- .*", changelog.partition("## [Unreleased]")[2].partition("\n## [")[0], re.MULTILINE)
    if waiting:
        raise NotAsReleased(
            f"CHANGELOG.md has {len(waiting)} lines under Unreleased; move them to {version}: {waiting[0]}"
        )


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", *PARTS], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def environment(folder: Path, *requirements: str) -> Path:
    """A virtual environment with these, by the constraints; its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    run(python, "-m", "pip", "install", "--quiet", *requirements, cwd=folder)
    return python


def write_sbom(wheel: Path, place: Path, file: Path) -> None:
    """Installs the wheel as a server, lets it answer a search, and lists what is there, as the Dockerfile does."""
    python = environment(place / "server", f"{wheel}[server]")
    run(python, "-m", "pip", "check", cwd=place)
    print(run("sh", SELFTEST, place / "server", cwd=place), end="")
    run(python, "-m", "pip", "uninstall", "--yes", "pip", "setuptools", cwd=place)
    tools = environment(place / "tools", "cyclonedx-bom").with_name("cyclonedx-py")
    run(tools, "environment", "--output-reproducible", "--output-file", file, python, cwd=place)
    names = {component["name"].lower() for component in json.loads(file.read_text(encoding="utf-8"))["components"]}
    if not {"rgbir", "fastapi", "onnxruntime"} <= names or names & {"torch", "pip", "pytest"}:
        raise NotAsReleased(f"{file} should name a server's packages and no others; it names {sorted(names)}")


def write_sums(files: list[Path], out: Path) -> None:
    lines = (f"{sha256(file)}  {file.name}\n" for file in sorted(files))
    (out / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    version, extras = project()
    check_changelog(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    sdist, wheel = build(options.out)
    with tarfile.open(sdist) as packed:
        if f"rgbir-{version}/constraints.txt" not in packed.getnames():
            raise NotAsReleased(f"{sdist.name} has no constraints.txt")
    check_same(wheel)
    check_wheel(wheel, version, extras, tracked_files())
    sbom = options.out / f"rgbir-{version}.sbom.json"
    with tempfile.TemporaryDirectory() as place:
        write_sbom(wheel, Path(place), sbom)
    write_sums([sdist, wheel, sbom], options.out)
    print(f"{options.out}: {sdist.name}, {wheel.name}, {sbom.name}, SHA256SUMS")


if __name__ == "__main__":
    try:
        main()
    except NotAsReleased as error:
        sys.exit(f"no release: {error}")
