"""How many cores and how much memory this process may use: what the machine has, or less where a container's limits say so."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


_among = 1


def divide_machine(among: int) -> None:
    """From now on this process takes the cores and the memory for a part of what there is: several processes do the same work."""
    global _among
    _among = among


def cores() -> int:
    """Whole ones, at least one: the processors that it may run on, or the quota of its control group, rounded up."""
    allowed = float(len(os.sched_getaffinity(0)))
    for group in _groups("cpu"):
        quota, period = _numbers(group / "cpu.max") or (
            *(_numbers(group / "cpu.cfs_quota_us") or (-1,)),
            *(_numbers(group / "cpu.cfs_period_us") or (-1,)),
        )
        if quota > 0 and period > 0:
            allowed = min(allowed, quota / period)
    return max(1, math.ceil(allowed) // _among)


def memory() -> int:
    """Bytes: of the machine, or of the limit of its control group."""
    allowed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for group in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (limit := _numbers(group / name)) and limit[0] > 0:
                allowed = min(allowed, limit[0])
    return allowed // _among


def _groups(controller: str) -> Iterator[Path]:
    """The process's own control group and those above it, as version 2 or version 1 lays them out."""
    try:
        lines = OWN.read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers and (CGROUPS / controllers).is_dir() else CGROUPS / controller
        top = CGROUPS if not controllers else root
        place = top / path.lstrip("/")
        while True:
            yield place
            if place == top or top not in place.parents:
                break
            place = place.parent


def _numbers(file: Path) -> tuple[int, ...] | None:
    """Its numbers; none for `max`, or where there is no such file."""
    try:
        return tuple(int(word) for word in file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
