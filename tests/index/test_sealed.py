"""Codes that processes have once, by what the kernel tells of their memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rgbir.index.metric import Metric
from rgbir.index.nearest import sealed
from rgbir.index.nearest.codes import Codes

OPENED = """
import os, sys
from pathlib import Path
from rgbir.index import share_codes
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Codes
if int(sys.argv[1]):
    share_codes(lambda: [int(sys.argv[1]), os.getpid()])
codes = Codes.open(Metric.COSINE, Path(sys.argv[2]), int(sys.argv[3]), 1.0, 0.0, 1.0)
print([line for line in open("/proc/self/maps") if "rgbir-codes" in line][0].split()[4], int(codes.rows.sum()))
"""


@pytest.fixture
def sharing() -> Iterator[None]:
    sealed.share_codes(lambda: [os.getpid()])
    yield
    sealed._processes = None


@pytest.mark.usefixtures("sharing")
def test_a_second_process_maps_the_memory_of_the_first(tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).normal(size=(2_000, 64)).astype(np.float32)
    made = Codes.of(Metric.COSINE, vectors)
    made.save(tmp_path / "codes.faiss")
    of_others = _mapped()
    checksum = zlib.crc32((tmp_path / "codes.faiss").read_bytes())
    opened = Codes.open(Metric.COSINE, tmp_path / "codes.faiss", checksum, made.scale, made.error, made.reach)

    def inode_in(process: int) -> tuple[str, int]:
        command = [sys.executable, "-c", OPENED, str(process), str(tmp_path / "codes.faiss"), str(checksum)]
        inode, total = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return inode, int(total)

    (mapped,) = _mapped() - of_others
    assert inode_in(os.getpid()) == (mapped, int(made.rows.sum()))
    assert inode_in(0)[0] != mapped
    descriptors = _descriptors()
    del opened
    assert _descriptors() == descriptors - 1
    assert mapped not in _mapped()


@pytest.mark.usefixtures("sharing")
def test_what_a_process_closes_meanwhile_hides_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is closed between the list of descriptors and the look at it; a busy process does so all the time."""
    (tmp_path / "codes").write_bytes(b"codes")
    checksum = zlib.crc32(b"codes")
    first = sealed.sealed(tmp_path / "codes", checksum)
    closed = os.open(tmp_path / "codes", os.O_RDONLY)
    assert closed != first
    links_of = Path.iterdir

    def closing(folder: Path) -> Iterator[Path]:
        links = sorted(links_of(folder), key=lambda link: link.name != str(closed))
        assert links[0].name == str(closed)
        os.close(closed)
        return iter(links)

    monkeypatch.setattr(Path, "iterdir", closing)
    second = sealed._of(os.getpid(), f"rgbir-codes-{tmp_path.name}-{checksum:08x}")

    assert second is not None
    assert os.stat(second).st_ino == os.stat(first).st_ino
    os.close(first)
    os.close(second)


def _mapped() -> set[str]:
    """The inodes of codes that this process maps; other tests may have some."""
    return set(re.findall(r"(\d+) +/memfd:rgbir-codes", Path("/proc/self/maps").read_text()))


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
