"""A container's quota counts, and not the cores of the machine that it runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rgbir.index import machine

GIB = 1 << 30


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host of 64 cores whose control groups a test writes."""
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "OWN", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    return tmp_path


def written(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content + "\n")


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        ("0::/", {}, 64),
        ("0::/", {"cpu.max": "max 100000"}, 64),
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "250000 100000"}, 3),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/pod/app", {"pod/app/cpu.max": "max 100000", "pod/cpu.max": "400000 100000"}, 4),
        ("0::/pod/app", {"pod/app/cpu.max": "9900000 100000", "pod/cpu.max": "max 100000"}, 64),
        (
            "4:cpu,cpuacct:/pod\n0::/",
            {"cpu,cpuacct/pod/cpu.cfs_quota_us": "200000", "cpu,cpuacct/pod/cpu.cfs_period_us": "100000"},
            2,
        ),
        ("4:cpu:/\n1:memory:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("0::/", {"cpu.max": "rubbish"}, 64),
    ],
)
def test_cores_follow_the_quota(groups: Path, membership: str, files: dict[str, str], cores: int) -> None:
    written(groups / "own", membership)
    for name, content in files.items():
        written(groups / "cgroup" / name, content)
    assert machine.cores() == cores


def test_without_control_groups_the_processors_count(groups: Path) -> None:
    assert machine.cores() == 64


@pytest.mark.parametrize(
    ("name", "membership"), [("memory.max", "0::/"), ("memory/memory.limit_in_bytes", "3:memory:/")]
)
def test_memory_follows_the_limit(groups: Path, name: str, membership: str) -> None:
    written(groups / "own", membership)
    whole = machine.memory()
    written(groups / "cgroup" / name, str(GIB))
    assert machine.memory() == GIB < whole
    written(groups / "cgroup" / name, "max")
    assert machine.memory() == whole
