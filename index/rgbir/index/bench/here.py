"""This machine, as a measurement tells of it, and how busy it is."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rgbir.index.bench.document import Machine
from rgbir.index.machine import cores, memory

INSTRUCTIONS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "asimddp", "i8mm", "bf16", "sve")  # fmt: skip
"""Sets that decide how fast rows are compared and networks computed, on x86 and on ARM, by the names that Linux gives them."""
_LOOKED_S = 0.5
_ROOT = Path(__file__).parents[4]


def machine(described: Path = Path("/proc/cpuinfo")) -> Machine:
    """What this process may use of it."""
    try:
        text = described.read_text(encoding="utf-8")
    except OSError:
        text = ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    there = set(flags[1].split()) if flags else set()
    return Machine(
        processor=named[1] if named else platform.processor() or platform.machine() or None,
        cores=cores(),
        instructions=[name for name in INSTRUCTIONS if name in there] if flags else None,
        memory_gib=round(memory() / 2**30, 1),
        gpu=_gpus(),
    )


def _gpus() -> str:
    """The names of NVIDIA's, as their driver's program tells them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "none"
    names = _answer([program, "--query-gpu=name", "--format=csv,noheader"], Path.cwd())
    return ", ".join(names.splitlines()) if names else "none"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of Python, of this project, and of those packages that are installed."""
    versions = {"python": platform.python_version()}
    for package in ("rgbir", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def checkout() -> Path | None:
    """The git checkout that this module is of; None if it was installed without one."""
    return _ROOT if (_ROOT / ".git").exists() and (_ROOT / "index/rgbir/index").is_dir() else None


def commit() -> str | None:
    """Of the checkout that is measured, with `-dirty` where files outside `docs` differ from it."""
    root = checkout()
    number = _answer(["git", "rev-parse", "HEAD"], root) if root else None
    if root is None or number is None:
        return None
    changed = _answer(["git", "status", "--porcelain", "--untracked-files=no", "--", ":!docs"], root)
    return f"{number}-dirty" if changed else number


def committed(file: Path) -> str | None:
    """A file's text in the last commit of its checkout; None if it isn't in one."""
    return _answer(["git", "show", f"HEAD:./{file.name}"], file.parent) if file.parent.is_dir() else None


def _answer(command: list[str], folder: Path) -> str | None:
    """What a program prints; None if it isn't there, fails, or takes long."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def busy_cores(statistics: Path = Path("/proc/stat"), seconds: float = _LOOKED_S) -> float | None:
    """How many cores of the whole machine are at work meanwhile, this process's included, which sleeps; None where Linux doesn't tell."""
    try:
        before = statistics.read_text(encoding="ascii")
        time.sleep(seconds)
        after = statistics.read_text(encoding="ascii")
    except OSError:
        return None
    return at_work(before, after)


def at_work(before: str, after: str) -> float | None:
    """Cores that worked between two readings of /proc/stat: the share of its ticks that weren't idle, times its cores."""
    first, second = _ticks(before), _ticks(after)
    if first is None or second is None:
        return None
    spent = [later - earlier for earlier, later in zip(first, second, strict=True)]
    processors = len(re.findall(r"^cpu\d+ ", after, re.MULTILINE)) or os.cpu_count() or 1
    waited = spent[3] + spent[4]  # idle, and waiting for a disk
    return round(processors * (1 - waited / sum(spent)), 2) if sum(spent) > 0 else None


def _ticks(text: str) -> list[int] | None:
    """user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in user and nice already."""
    line = re.search(r"^cpu +((?:\d+ +){7}\d+)", text, re.MULTILINE)
    return [int(word) for word in line[1].split()] if line else None
