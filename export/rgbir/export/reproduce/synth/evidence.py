"""The file of finished runs: a list in JSON, a run a line, to which several processes may add."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rgbir.export.errors import BadReproduction
from rgbir.export.reproduce.synth.drawing import Drawing
from rgbir.index import beside, changing, why, writing_to
from rgbir.training.recipe import flat

Run = dict[str, Any]
"""A finished run: which it is, what it was trained with, what it cost and what was measured. See docs/how-to/compare-methods.md."""
NAMES = ("label", "seed", "drawing", "images", "recipe", "epoch", "cost")


def read(file: Path) -> list[Run]:
    """The runs of a file, in the order in which they were finished; none if there is no file.

    Raises:
        BadReproduction: it isn't such a file.
    """
    try:
        runs = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(runs, list) or not all(name in run for run in runs for name in NAMES):
            raise BadReproduction(f"{file} holds no list of runs; expected what rgbir reproduce synth writes")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise BadReproduction(
            f"{file} can't be read ({why(error)}); expected what rgbir reproduce synth writes. Mend it, or choose another --evidence"
        ) from error
    return runs


def add(file: Path, run: Run, then: Callable[[Sequence[Run]], None] = lambda runs: None) -> bool:
    """Adds a run, while no other process does; a crash leaves the file as it was, or with the run in it.

    Args:
        file: which; it is made if it isn't there.
        run: what is added.
        then: told all runs, before another process may add one.

    Returns:
        Whether it was added: one of the same label, seed, drawing, budget and recipe stays as it is.

    Raises:
        BadReproduction: the file isn't such a file.
        CantWrite: the disk is full, or closed to us.
    """
    with writing_to(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with changing(file.parent):
        runs = read(file)
        if new := not any(same(known, run) for known in runs):
            runs.append(run)
            write(file, runs)
        then(runs)
    return new


def write(file: Path, runs: Sequence[Run]) -> None:
    """Replaces the file.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    lines = ",\n".join(json.dumps(run, ensure_ascii=False) for run in runs)
    with beside(file) as new:
        new.write_text(f"[\n{lines}\n]\n" if runs else "[]\n", encoding="utf-8")


def same(run: Run, other: Run) -> bool:
    """Whether they are runs of one recipe, from one seed, on one drawing and by one budget."""
    return all(run[name] == other[name] for name in ("label", "seed", "drawing", "images")) and alike(
        run["recipe"], other["recipe"]
    )


def on(run: Run, drawing: Drawing, images: int) -> bool:
    """Whether it was trained on that drawing, by that budget."""
    return run["drawing"] == drawing.to_dict() and run["images"] == images


def alike(recipe: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two recipes say the same of everything that both know, but for the seed.

    A setting that only one of them has came into being, or went, between the two: it was off, or changes nothing.
    """
    before, now = dict(flat(recipe)), dict(flat(other))
    return all(before[name] == now[name] for name in before.keys() & now.keys() - {"seed"})
