"""The air-gapped bundle: what is changed, missing or added is refused before anything is installed; and it installs without a network.

Small bundles have a wheel of three lines in rgbir's place. The real one is packed as `make airgap` does, which takes minutes.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import airgap
from tests.conftest import ROOT
from tests.release import project, sha256
from tests.site.media import disk

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("sha256sum"), reason="needs Linux and coreutils"
)
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def wheel(folder: Path, name: str) -> Path:
    """An empty package of that name."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr(f"{name}.py", "")
        opened.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        opened.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        opened.writestr(f"{about}/RECORD", "")
    return file


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle's tar."""
    made = tmp_path_factory.mktemp("small")
    for name in ("site", "context"):
        (made / name).mkdir()
        (made / name / "index.html").write_text(name)
    sets = {"server": [wheel(made, "rgbir"), wheel(made, "drawing")], "footage": [wheel(made, "films")]}
    return airgap.pack(made / "bundle", "1.0", sets, made / "site", made / "context")


@pytest.fixture
def bundle(packed: Path, tmp_path: Path) -> Path:
    with tarfile.open(packed) as opened:
        opened.extractall(tmp_path, filter="data")
    return tmp_path / "bundle"


def install(bundle: Path, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(bundle / "install.sh"), *map(str, words)], cwd=bundle.parent, env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def refused(bundle: Path, *words: str | Path, **environment: str) -> str:
    """Why; nothing is left of it."""
    target = bundle.parent / "target"
    done = install(bundle, *(words or (target,)), **environment)
    assert done.returncode == 2, done.stdout
    assert "nothing was installed" in done.stdout
    assert not target.exists()
    return done.stdout


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def another_python(folder: Path, says: str) -> Path:
    """A program that says this of itself, as Python would."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit in a wheel": (lambda b: flip(b / "wheels/rgbir-1.0-py3-none-any.whl"), "wheels/rgbir-1.0-py3"),
    "a wheel that is missing": (lambda b: (b / "wheels/drawing-1.0-py3-none-any.whl").unlink(), "wheels/drawing-1.0"),
    "changed requirements": (lambda b: flip(b / "requirements/server.txt"), "requirements/server.txt"),
    "a changed script": (lambda b: flip(b / "selftest.sh"), "selftest.sh"),
    "changed facts": (lambda b: (b / "bundle.env").write_text("touch ran\n"), "bundle.env"),
    "a changed document": (lambda b: flip(b / "site/index.html"), "site/index.html"),
    "an added wheel": (lambda b: (b / "wheels/evil-1.0-py3-none-any.whl").touch(), "wheels/evil-1.0"),
    "sums that are no sums": (lambda b: (b / "SHA256SUMS").write_text("x\n"), "SHA256SUMS"),
    "no sums": (lambda b: (b / "SHA256SUMS").unlink(), "no SHA256SUMS"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bundle_that_is_not_what_was_packed_is_refused_before_anything_is_installed(bundle: Path, fault: str) -> None:
    break_it, named = FAULTS[fault]
    break_it(bundle)

    assert named in refused(bundle)
    assert not (bundle / "ran").exists()


def test_another_python_machine_or_library_is_told(bundle: Path, tmp_path: Path) -> None:
    machine = platform.machine()
    cases = {
        f"CPython 3.9 {machine} glibc 2.36": f"for CPython {HERE}, and {tmp_path}/python is CPython 3.9",
        f"PyPy {HERE} {machine} glibc 2.36": "is PyPy",
        f"CPython {HERE} sparc64 glibc 2.36": f"for Linux on {machine}, and this machine is sparc64",
        f"CPython {HERE} {machine} glibc 2.5": "want glibc 2.17 or newer, and this system has glibc 2.5",
        f"CPython {HERE} {machine}": "this system has another C library",
    }
    for says, told in cases.items():
        python = another_python(tmp_path, says)
        assert told in refused(bundle, "--python", python, tmp_path / "target")
    assert "doesn't run as Python" in refused(bundle, "--python", "/nowhere/python", tmp_path / "target")


def test_the_folder_and_the_options_are_checked(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").touch()
    (tmp_path / "file").touch()
    assert "isn't an empty folder" in refused(bundle, tmp_path / "full")
    assert "isn't an empty folder" in refused(bundle, tmp_path / "file")
    assert "can't be made by" in refused(bundle, tmp_path / "file/below")
    assert "no extra openvino in this bundle; it has: footage server" in refused(bundle, "--with", "openvino", "target")
    assert "no option --fotage" in refused(bundle, "--fotage", "target")
    assert "usage: ./install.sh" in refused(bundle, "one", "two")
    assert "wants the folder" in refused(bundle, "--with", "footage")
    assert (tmp_path / "full/a").exists()


def test_a_disk_without_room_is_told_with_what_it_takes(bundle: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "small", 2) as small:
        told = refused(bundle, small / "target")
        assert not list(small.iterdir())
    assert "has room for 2 MiB, and it takes 30 MiB" in told


@pytest.mark.slow  # it makes a virtual environment
def test_what_does_not_answer_is_taken_away_again(bundle: Path, tmp_path: Path) -> None:
    """The package of this bundle is empty, so its own test fails after everything is installed."""
    done = install(bundle, "target", PIP_INDEX_URL="http://nowhere.invalid/", PYTHONPATH="/nowhere")

    assert "every file is what was packed; installing rgbir 1.0" in done.stdout
    assert "No broken requirements" in done.stdout
    assert (done.returncode != 0, "was taken away again" in done.stdout) == (True, True)
    assert not (tmp_path / "target").exists()


def test_the_least_glibc_is_read_off_the_names_of_wheels() -> None:
    names = [
        "a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
        "b-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_31_x86_64.whl",
        "c-1-py3-none-any.whl",
    ]

    assert airgap.glibc_of(names) == "2.28"
    assert airgap.glibc_of(names[1:]) == "2.17"


def test_what_building_the_images_takes_is_named() -> None:
    told = airgap.mirror(ROOT)

    assert "python:3.11.14-slim-bookworm@sha256:65a93d69" in told
    assert "from its Debian: tini\n" in told


# --- the real one


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The real bundle, unpacked: from TEST_AIRGAP, the tar of an earlier run, or packed now."""
    folder = tmp_path_factory.mktemp("whole")
    given = os.environ.get("TEST_AIRGAP")
    tar = Path(given) if given else airgap.make(folder / "dist", ["footage"])
    sums = tar.with_name(f"{tar.name}.sha256").read_text()
    assert sums == f"{sha256(tar)}  {tar.name}\n"
    with tarfile.open(tar) as opened:
        opened.extractall(folder, filter="data")
    yield folder / tar.stem
    shutil.rmtree(folder, ignore_errors=True)


ALONE = """
import socket, sys
for family, address in ((socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET, ("127.0.0.1", 9))):
    try:
        socket.create_connection(address, timeout=2)
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.slow
def test_it_installs_and_answers_in_a_namespace_without_a_network(whole: Path, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this process may not make a network namespace")
    alone = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", ALONE], capture_output=True, text=True, check=True
    )
    assert alone.stdout.split() == ["101", "101"]  # the network is unreachable, even this machine's own

    done = subprocess.run(
        ["unshare", "--net", str(whole / "install.sh"), "--with", "footage", str(tmp_path / "rgbir")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    version = project()[0]
    assert f"\nrgbir {version}\n" in done.stdout
    assert "a search for a drawn person is answered" in done.stdout
    programs = tmp_path / "rgbir/bin"
    absent = subprocess.run([programs / "python", "-c", "import torch"], capture_output=True, check=False)
    assert absent.returncode == 1
    subprocess.run([programs / "python", "-c", "import av, rgbir.footage, rgbir.server"], check=True, cwd=tmp_path)
    taken = int(subprocess.run(["du", "-sk", tmp_path / "rgbir"], capture_output=True, text=True).stdout.split()[0])
    room = dict(line.split("=") for line in (whole / "bundle.env").read_text().splitlines())
    assert 0.5 * int(room["ROOM_KIB"]) < taken <= int(room["ROOM_KIB"])
    assert (whole / "site/how-to/air-gapped.html").is_file()
    assert (whole / "images/Dockerfile").read_bytes() == (ROOT / "Dockerfile").read_bytes()
    for copied in ("client", "index", "footage", "server"):
        assert (whole / "images" / copied / "rgbir" / copied / "__init__.py").is_file()
    assert not (whole / "images/training").exists()


@pytest.mark.slow
def test_a_flipped_bit_in_a_real_wheel_is_refused(whole: Path) -> None:
    damaged = next((whole / "wheels").glob("numpy-*.whl"))
    flip(damaged)
    try:
        assert f"wheels/{damaged.name}" in refused(whole)
    finally:
        flip(damaged)
