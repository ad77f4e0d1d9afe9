"""What all commands of `rgbir bench` share: a measurement is begun, ended, compared with earlier ones, and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rgbir.index.bench import here
from rgbir.index.bench.document import Measurement, file_of, keep, kept, parsed
from rgbir.index.bench.falls import compared
from rgbir.index.cli.output import Answer, remark

KeepOption = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        help="A folder whose file of this benchmark takes the measurement, in place of an earlier one of the same.",
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="End with 1 where a ratio fell by more than 15 % since it was last committed.")
]
KEPT = ("keep", "strict")
"""These two options by their parameters' names, for a command that groups its options."""
BUSY = 0.25
"""Cores at work for others, from which on a machine is called busy."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A measurement that hasn't ended.

    Attributes:
        benchmark: the command's name after `rgbir bench`.
        settings: what is measured, by the names of the command's options.
        packages: whose versions are told, where they are installed.
        folder: which takes the measurement; None if it isn't kept.
        earlier: measurements that it is compared with.
        date: when it began.
        busy_cores: that were at work then.
    """

    benchmark: str
    settings: Mapping[str, Any]
    packages: Iterable[str]
    folder: Path | None
    earlier: list[Measurement]
    date: datetime
    busy_cores: float | None

    def answer(self, figures: dict[str, Any], ratios: Mapping[str, float], strict: bool = False) -> Answer[Measurement]:
        """Ends it: compares its ratios, keeps it where that was asked for, and says both.

        Args:
            figures: what was measured.
            ratios: of figures of the same run; more is better.
            strict: a ratio that fell is a no.
        """
        measurement = Measurement(
            benchmark=self.benchmark,
            settings=dict(self.settings),
            machine=here.machine(),
            versions=here.versions(self.packages),
            date=self.date.isoformat(timespec="seconds"),
            busy_cores=self.busy_cores,
            commit=here.commit(),
            figures=figures,
            ratios=dict(ratios),
        )
        words, falls = compared(measurement, self.earlier)
        for sentence in (words, *falls):
            remark(sentence)
        if self.folder is not None:
            remark(f"Kept in {keep(measurement, self.folder)}.")
        return Answer(measurement, lines(measurement), exit_code=1 if strict and falls else 0)


def begun(
    benchmark: str, settings: Mapping[str, Any], packages: Iterable[str] = (), folder: Path | None = None
) -> Begun:
    """Looks at how busy the machine is, and reads what it is going to be compared with, before anything is measured.

    It is compared with what was last committed in this folder, or in `docs/benchmarks` of the checkout where no folder is given. A
    file that isn't committed is read as it is.

    Raises:
        UsageError: a file there isn't one of measurements.
    """
    busy = here.busy_cores()
    if busy is not None and busy > BUSY:
        remark(f"The machine is busy: other work takes {busy:.1f} cores. Measure again when it is quiet.")
    earlier: list[Measurement] = []
    root = here.checkout()
    compared_with = folder or (root / "docs/benchmarks" if root else None)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if compared_with is not None:
        file = file_of(compared_with, benchmark)
        there, text = kept(file), here.committed(file)
        earlier = parsed(text, f"the last commit's {file}") if text else there
    return Begun(benchmark, settings, packages, folder, earlier, datetime.now(UTC), busy)


def lines(measurement: Measurement) -> list[str]:
    """For people: what was measured, where, and a line for each figure and ratio."""
    machine = measurement.machine
    return [
        f"{measurement.benchmark}: {_named(measurement.settings)}",
        f"on {machine.kind or 'a machine that is not known'}, {', '.join(machine.instructions or ['no sets known'])}",
        f"with {_named(measurement.versions)}",
        *map(_line, measurement.figures, measurement.figures.values()),
        *(_line(f"ratio: {name}", value) for name, value in measurement.ratios.items()),
    ]


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _line(name: str, value: object) -> str:
    return f"{name:>40}  {value:,.3f}" if isinstance(value, float) else f"{name:>40}  {value}"
