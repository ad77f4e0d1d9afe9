"""The runs below a folder, side by side: what they are, how far they came, and what they reached.

Nothing here needs torch, so that a list of runs is there at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rgbir.index import UsageError, is_locked, why
from rgbir.training.folder import DATA, LOCK, LOG, RECIPE, WEIGHTS, parsed, saved_updates
from rgbir.training.settings import flat

State = Literal["finished", "running", "stopped"]


@dataclass(frozen=True, slots=True)
class Validated:
    """One validation of a run.

    Attributes:
        update: after how many updates.
        rank_1, mean_ap: in 0..1.
    """

    update: int
    rank_1: float
    mean_ap: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a line.

    Attributes:
        run: its folder, from the one that was searched.
        method, variant, row: what it trains; no row is an empty one.
        data: the data set's name.
        identities: how many people it trains on.
        state: running while a process trains in it; finished once its last update is saved.
        saved: updates that its checkpoint and weights have; None for a run of before weights told it.
        done: updates that it came to, as far as its files tell.
        total: of the whole training; None for a run of before it was written down, where the recipe doesn't say.
        losses: the last ones in the log, by name.
        last, best: validations; the best has the highest rank-1, and is the first of its like.
        settings: all of its recipe, by dotted name.
    """

    run: str
    method: str
    variant: str
    row: str
    data: str
    identities: int
    state: State
    saved: int | None
    done: int
    total: int | None
    losses: dict[str, float]
    last: Validated | None
    best: Validated | None
    settings: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Runs:
    """What was found below a folder.

    Attributes:
        runs: in the order of their folders.
        left_out: folders that look like runs or couldn't be looked into, and why they aren't listed.
    """

    runs: list[Summary]
    left_out: dict[str, str]

    @property
    def differing(self) -> list[str]:
        """Names of settings that two of the runs have, and have otherwise."""
        names = dict.fromkeys(name for run in self.runs for name in run.settings)
        values = {name: {repr(run.settings[name]) for run in self.runs if name in run.settings} for name in names}
        return [name for name, known in values.items() if len(known) > 1]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def runs_below(folder: Path) -> Runs:
    """The runs in a folder and in those below it; the folders of a run aren't looked into.

    Raises:
        UsageError: it is no folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; expected one that holds runs, or a run's own")
    summaries: list[Summary] = []
    left_out: dict[str, str] = {}

    def closed(error: OSError) -> None:
        left_out[_below(Path(error.filename), folder)] = f"can't be looked into: {why(error)}"

    for place, names, files in os.walk(folder, onerror=closed):
        names.sort()
        if RECIPE not in files:
            continue
        names.clear()
        run = Path(place)
        try:
            summaries.append(_summary(run, _below(run, folder)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            left_out[_below(run, folder)] = f"its {RECIPE} is none of rgbir's, or damaged: {what}"
    return Runs(sorted(summaries, key=lambda run: run.run), left_out)


def _below(place: Path, folder: Path) -> str:
    return str(place.relative_to(folder))


def _summary(folder: Path, name: str) -> Summary:
    content = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    settings = dict(flat(content["recipe"]))
    lines = list(_lines(folder / LOG))
    saved = saved_updates(folder)
    done = max([saved or 0, *(int(line["update"]) for line in lines)])
    total = _total(folder, settings)
    validated = [Validated(line["update"], line["rank_1"], line["mean_ap"]) for line in lines if "rank_1" in line]
    state: State = "stopped"
    if is_locked(folder / LOCK):
        state = "running"
    elif (folder / WEIGHTS).exists() and total is not None and (done if saved is None else saved) >= total:
        state = "finished"
    return Summary(
        name,
        str(content["method"]),
        str(content["variant"]),
        str(content.get("row") or ""),
        str(content["data"]),
        int(content["identities"]),
        state,
        saved,
        done,
        total,
        next((line["losses"] for line in reversed(lines) if "losses" in line), {}),
        validated[-1] if validated else None,
        max(validated, key=lambda validation: validation.rank_1, default=None),
        settings,
    )


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    """The log's lines that tell of an update."""
    if log.exists():
        for line in log.read_text(encoding="utf-8", errors="replace").split("\n"):
            if isinstance((content := parsed(line)).get("update"), int):
                yield content


def _total(folder: Path, settings: Mapping[str, Any]) -> int | None:
    """Updates of the whole training: what the run wrote down, or what its schedule says."""
    try:
        return int(json.loads((folder / DATA).read_text(encoding="utf-8"))["updates"])
    except (OSError, ValueError, KeyError, TypeError):
        known = settings.get("schedule.updates")
        return known if isinstance(known, int) else None
