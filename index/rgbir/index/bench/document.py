"""A measurement as it is printed and kept: one shape for every `rgbir bench` command."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from rgbir.index.errors import UsageError
from rgbir.index.files import replace_file


class Machine(BaseModel, frozen=True, extra="forbid"):
    """What was measured on. None is not known.

    Attributes:
        processor: its name, as the system tells it.
        cores: that the process may use.
        instructions: sets of them that matter to arithmetic, such as `avx2` and `avx512_vnni`.
        memory_gib: that the process may use.
        gpu: the names of all, or `none`.
    """

    processor: str | None = None
    cores: int | None = None
    instructions: list[str] | None = None
    memory_gib: float | None = None
    gpu: str | None = None

    @property
    def kind(self) -> str | None:
        """In words, by which two machines are alike or not; None if that isn't known."""
        if self.processor is None or self.cores is None or self.gpu is None:
            return None
        return f"{self.processor} with {self.cores} cores" + (f" and {self.gpu}" if self.gpu != "none" else "")


class Measurement(BaseModel, frozen=True, extra="forbid"):
    """What one run of a benchmark measured. None is not known.

    Attributes:
        benchmark: the command's name after `rgbir bench`.
        settings: what was measured, by the names of the command's options.
        machine: what it was measured on.
        versions: of the packages that took part, and of Python.
        date: when it began, in ISO 8601; of a measurement made by hand the day alone.
        busy_cores: how many cores were at work for others just before it began.
        commit: of the checkout that was measured, with `-dirty` where files outside `docs` differed from it.
        by_hand: the figures were written down by hand, from an earlier version's output.
        figures: what was measured, by its name.
        ratios: to bare libraries, other engines or a plain loop in the same run; more is better in each.
        remark: what else a reader should know.
    """

    benchmark: str
    settings: dict[str, Any]
    machine: Machine
    versions: dict[str, str]
    date: str
    busy_cores: float | None = None
    commit: str | None = None
    by_hand: bool = False
    figures: dict[str, Any]
    ratios: dict[str, float]
    remark: str | None = None

    @property
    def day(self) -> str:
        return datetime.fromisoformat(self.date).date().isoformat()

    def like(self, other: Measurement) -> bool:
        """Whether both measured the same: the benchmark and its settings."""
        return (self.benchmark, self.settings) == (other.benchmark, other.settings)


_MEASUREMENTS = TypeAdapter(list[Measurement])


def file_of(folder: Path, benchmark: str) -> Path:
    """Where a benchmark's measurements are kept in a folder."""
    return folder / f"{benchmark}.json"


def parsed(text: str, source: object) -> list[Measurement]:
    """The measurements of a kept file.

    Raises:
        UsageError: it isn't such a file.
    """
    try:
        return _MEASUREMENTS.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise UsageError(
            f"{source} is no file of measurements ({place}: {first['msg']}); move it away, or name another folder"
        ) from error


def kept(file: Path) -> list[Measurement]:
    """The measurements in a file, in its order; none if there is no file."""
    return parsed(file.read_text(encoding="utf-8"), file) if file.exists() else []


def keep(new: Measurement, folder: Path) -> Path:
    """Writes a measurement into its file, in place of one of the same settings on the same kind of machine.

    Where the kind of a machine isn't known, both stay.
    """
    file = file_of(folder, new.benchmark)
    measurements = kept(file)
    for place, old in enumerate(measurements):
        if old.like(new) and old.machine.kind is not None and old.machine.kind == new.machine.kind:
            measurements[place] = new
            break
    else:
        measurements.append(new)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(file, written(measurements))
    return file


def written(measurements: list[Measurement]) -> str:
    """The text of a file with these measurements."""
    return json.dumps(_MEASUREMENTS.dump_python(measurements, mode="json"), indent=1, ensure_ascii=False) + "\n"
