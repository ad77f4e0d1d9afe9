"""`make airgap`: one tar that installs a server on a machine without a network (docs/how-to/air-gapped.md).

In it: the wheels that constraints.txt names, with their sums; the documents' site; the images' build context; `install.sh`, which
compares every file with its sum before it uses one. It fits the Python and the kind of machine that it was packed on.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.release import CONSTRAINTS, ROOT, NotAsReleased, build, project, run, sha256

SCRIPTS = ROOT / "deploy/airgap"
CONTEXT = ("Dockerfile", ".dockerignore", "compose.yaml", "deploy", "pyproject.toml", "constraints.txt", "README.md",
           "LICENSE", "client", "index", "footage", "server")  # fmt: skip
"""What the Dockerfile and compose.yaml need of a checkout."""
BLOCK = 4096
PIP_KIB = 30 * 1024
"""What an empty virtual environment takes, with pip."""


def download(wheel: Path, extras: Iterable[str], to: Path) -> list[Path]:
    """The wheels of rgbir with these extras, rgbir's among them."""
    to.mkdir()
    named = f"{wheel}[{','.join(extras)}]"
    run(
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--constraint", CONSTRAINTS,
        "--dest", to, named, cwd=to,
    )  # fmt: skip
    return sorted(to.glob("*.whl"))


def glibc_of(names: Iterable[str]) -> str:
    """The least glibc on which all these wheels run, by their names."""
    legacy = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
    needed = (2, 17)
    for name in names:
        tags = name.removesuffix(".whl").rpartition("-")[2].split(".")
        each = [(int(a), int(b)) for tag in tags for a, b in re.findall(r"^manylinux_(\d+)_(\d+)_", tag)]
        each += [version for tag in tags for old, version in legacy.items() if tag.startswith(f"{old}_")]
        needed = max(needed, min(each, default=needed))
    return ".".join(map(str, needed))


def room_kib(wheels: Iterable[Path]) -> int:
    """What they take when they are installed, as an upper bound: whole blocks of files and folders, and compiled modules."""
    blocks = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            entries = opened.infolist()
        folders = {str(folder) for entry in entries for folder in Path(entry.filename).parents}
        modules = [entry.file_size for entry in entries if entry.filename.endswith(".py")]
        sizes = [entry.file_size for entry in entries] + [size * 3 // 2 for size in modules] + [1] * 2 * len(folders)
        blocks += sum(-(-size // BLOCK) for size in sizes)
    return blocks * BLOCK * 11 // 10 // 1024 + PIP_KIB  # a tenth more, since file systems differ


def requirement(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version} --hash=sha256:{sha256(wheel)}\n"


def mirror(context: Path) -> str:
    """What building the images takes from elsewhere, by name."""
    base = re.search(r"python:\S+", (context / "deploy/images.yaml").read_text(encoding="utf-8"))
    packages = re.findall(r"apt-get install [^&]*--no-install-recommends (\S+)", (context / "Dockerfile").read_text())
    return (
        "Building the images takes from elsewhere, so mirror it:\n\n"
        f"* the base image {base.group() if base else ''}\n"
        f"* from its Debian: {', '.join(packages)}\n"
        "* from PyPI, by constraints.txt: the wheels of .[server,milvus], .[server,milvus,footage,frigate] or\n"
        "  .[server-gpu,milvus]; hatchling and editables, which build the wheel; cyclonedx-bom, which lists what is in the image\n"
        "\nOr build the image where there is a network, and carry it: docker save, docker load.\n"
    )


def pack(folder: Path, version: str, sets: Mapping[str, list[Path]], site: Path, context: Path) -> Path:
    """Lays the bundle out in a folder, and makes the tar of it, with its sum beside it.

    Args:
        sets: wheels by extra. `server` has rgbir's; the others have what they need beyond it.

    Returns:
        The tar.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("wheels", "requirements"):
        (folder / name).mkdir(parents=True)
    for extra, wheels in sets.items():
        for wheel in wheels:
            shutil.copy(wheel, folder / "wheels")
        (folder / f"requirements/{extra}.txt").write_text("".join(map(requirement, wheels)), encoding="utf-8")
    shutil.copytree(site, folder / "site")
    shutil.copytree(context, folder / "images")
    for script in ("install.sh", "selftest.sh"):
        shutil.copy(SCRIPTS / script, folder)
    every = [wheel for wheels in sets.values() for wheel in wheels]
    facts = {
        "VERSION": version,
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "MACHINE": platform.machine(),
        "GLIBC": glibc_of(wheel.name for wheel in every),
        "ROOM_KIB": room_kib(every),
    }
    (folder / "bundle.env").write_text("".join(f"{name}={value}\n" for name, value in facts.items()), encoding="utf-8")
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    sums = "".join(f"{sha256(file)}  ./{file.relative_to(folder)}\n" for file in files)
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")
    tar = folder.with_name(folder.name + ".tar")
    with tarfile.open(tar, "w") as packed:
        packed.add(folder, folder.name, filter=_nobodys)
    tar.with_name(tar.name + ".sha256").write_text(f"{sha256(tar)}  {tar.name}\n", encoding="utf-8")
    return tar


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def make(out: Path, extras: list[str]) -> Path:
    """The whole bundle: builds the wheel and the site, and downloads what they need.

    Args:
        extras: packed beside `server`, each for `install.sh --with`.
    """
    version, known = project()
    if unknown := [extra for extra in extras if extra not in known]:
        raise NotAsReleased(f"no extra {unknown[0]} in pyproject.toml; it has: {', '.join(known)}")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        sdist, wheel = build(place / "dist")
        sets = {"server": download(wheel, ["server"], place / "server")}
        names = {file.name for file in sets["server"]}
        for extra in extras:
            more = download(wheel, ["server", extra], place / f"with-{extra}")
            sets[extra] = [file for file in more if file.name not in names]
        with tarfile.open(sdist) as packed:
            packed.extractall(place, filter="data")
        source = place / f"rgbir-{version}"
        context = place / "context"
        context.mkdir()
        for name in CONTEXT:
            (source / name).rename(context / name)
        (context / "MIRROR.txt").write_text(mirror(context), encoding="utf-8")
        words = ("--fail-on-warning", "--keep-going", "--quiet", ROOT / "docs", place / "site")
        run(sys.executable, "-m", "sphinx", *words, cwd=ROOT)
        shutil.rmtree(place / "site/.doctrees", ignore_errors=True)
        is_for = f"cp{sys.version_info.major}{sys.version_info.minor}-linux_{platform.machine()}"
        return pack(out / f"rgbir-{version}-airgap-{is_for}", version, sets, place / "site", context)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--with", dest="extras", action="append", default=[], help="an extra to pack beside the server")
    options = parser.parse_args()
    try:
        tar = make(options.out.resolve(), options.extras)
    except NotAsReleased as error:
        sys.exit(f"no bundle: {error}")
    print(f"{tar}, {tar.stat().st_size / 2**20:.0f} MiB")
