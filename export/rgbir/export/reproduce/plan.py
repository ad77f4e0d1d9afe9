"""What is to be done for a table: its rows, their trainings, and what is measured of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgbir.export.reproduce.smoke import shrunk
from rgbir.index import DataSet, Setting, UsageError, listed, why
from rgbir.index.datasets.known import PROTOCOLS
from rgbir.index.datasets.protocol import Protocol
from rgbir.training.methods import Entry, entry, none_such
from rgbir.training.methods.checkpoints import checkpoint_of
from rgbir.training.methods.published import ON, SETTINGS, Printing, measured_by, printings, remark_of
from rgbir.training.recipe import AnyRecipe, flat

MEASURED: dict[str, Setting] = {
    "all-single": Setting(mode="all", shots="single"),
    "all-multi": Setting(mode="all", shots="multi"),
    "indoor-single": Setting(mode="indoor", shots="single"),
    "indoor-multi": Setting(mode="indoor", shots="multi"),
    "thermal-to-visible": Setting(direction="infrared->visible"),
    "visible-to-thermal": Setting(direction="visible->infrared"),
}
"""What a data set is asked for in a setting of published numbers; nothing where it leaves no choice."""

SPLITS, SMOKE_SPLITS = tuple(range(1, 11)), (1, 2)
OURS = {"seed": "--seeds says how many", "data.split": "each is trained on", "start": "a row starts as published"}
"""Settings that the reproduction sets itself, and why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured of a row's models.

    Attributes:
        setting: a key of `SETTINGS`.
        protocol: the rules.
        published: whether somebody says that the printed numbers were measured so; else the protocol is the data set's own.
        page: of the documents, where that is told.
        printed: the numbers to set beside.
    """

    setting: str
    protocol: Protocol
    published: bool
    page: str
    printed: tuple[Printing, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        name: such as `table1.id+at+csbn`.
        recipe: how it is trained, but for split and seed.
        measurements: what is measured, at least one.
        remark: what is to be known of its printed numbers.
    """

    name: str
    recipe: AnyRecipe
    measurements: tuple[Measurement, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class Job:
    """One training, its bundle and its measurements.

    Attributes:
        row: what it is of.
        recipe: the row's, with split and seed.
        split: of the data set; None where it has none.
        seed: the recipe's.
        folder: where its files go, below the reproduction's.
    """

    row: Row
    recipe: AnyRecipe
    split: int | None
    seed: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before the first training.

    Attributes:
        method, variant, table: what is reproduced.
        data: on what.
        data_name: which of the names that share a layout the folder has, such as DukeMTMC-reID.
        rows: those that are trained.
        left_out: rows, or a row's settings, that aren't measured here, and why.
        seeds: trainings of each row and split.
        changes: settings that every row is given.
        smoke: whether nothing is measured, and recipes are shrunk.
    """

    method: str
    variant: str
    table: str
    data: DataSet
    data_name: str
    rows: tuple[Row, ...]
    left_out: Mapping[str, str]
    seeds: int = 1
    changes: Mapping[str, Any] = field(default_factory=dict)
    smoke: bool = False

    @property
    def splits(self) -> tuple[int | None, ...]:
        """Those that are trained on, each with a model of its own; a single None where the data set has none."""
        if "split" not in self.data.choices:
            return (None,)
        return SMOKE_SPLITS if self.smoke else SPLITS

    @property
    def jobs(self) -> list[Job]:
        """Every training: row by row, split by split, seed by seed."""
        return [self._job(row, split, seed) for row in self.rows for split in self.splits for seed in range(self.seeds)]

    def _job(self, row: Row, split: int | None, seed: int) -> Job:
        folder = Path(row.name)
        if split is not None:
            folder /= f"split-{split}"
        if self.seeds > 1:
            folder /= f"seed-{seed}"
        recipe = row.recipe.changed({"seed": seed, **({} if split is None else {"data.split": split})})
        return Job(row, recipe, split, seed, folder)


def planned(
    method: str,
    table: str,
    data: DataSet,
    variant: str | None = None,
    rows: Sequence[str] = (),
    seeds: int = 1,
    changes: Mapping[str, Any] | None = None,
    smoke: bool = False,
) -> Plan:
    """What a table asks for on that data set.

    Args:
        method: of the table's paper.
        table: the part of its rows' names before the first dot.
        data: on what it is measured.
        variant: of the method; the first if not given.
        rows: which of them, with or without the table's name; all if empty.
        seeds: trainings of each row.
        changes: settings for every row, by dotted name; `imagenet` may be a folder of such files.
        smoke: recipes are shrunk.

    Raises:
        BadRecipe: no such method, variant or setting, or a value that doesn't fit.
        UsageError: no such table or row, a setting that isn't free here, or nothing of the table can be reproduced.
    """
    chosen, changes = entry(method), dict(changes or {})
    names = _rows(chosen, table, rows)
    for name, reason in OURS.items():
        if name in changes:
            raise UsageError(f"--set {name} is set by the reproduction itself ({reason}); leave it out")
    if smoke and "imagenet" in changes:
        raise UsageError("--smoke starts small networks from nothing; leave --set imagenet out")
    data_name = next((name for name in data.names if name.lower() == data.network.name), data.name)
    kept, left_out = [], {}
    for name in chosen.rows:
        if name.partition(".")[0] != table:
            continue
        if name not in names:
            left_out[name] = "not asked for (--rows)"
            continue
        measurements, reasons = _measurements(method, name, data, data_name)
        left_out |= reasons
        if measurements:
            recipe = _recipe(chosen, variant, name, changes, smoke)
            kept.append(Row(name, recipe, measurements, remark_of(method, name)))
    if not kept:
        reasons_of_rows = "; ".join(f"{name}: {why}" for name, why in left_out.items() if name.split(": ")[0] in names)
        raise UsageError(f"nothing of {method}'s {table} can be reproduced on {data.root}: {reasons_of_rows}")
    variant = variant or next(iter(chosen.variants))
    return Plan(method, variant, table, data, data_name, tuple(kept), left_out, seeds, changes, smoke)


def _rows(chosen: Entry, table: str, rows: Sequence[str]) -> list[str]:
    """The names of the rows that are asked for.

    Raises:
        UsageError: no such table, or no such row in it.
    """
    tables = list(dict.fromkeys(name.partition(".")[0] for name in chosen.rows))
    if table not in tables:
        raise UsageError(none_such("table", table, tables))
    of_table = [name for name in chosen.rows if name.partition(".")[0] == table]
    wanted = [row if row.startswith(f"{table}.") else f"{table}.{row}" for row in rows]
    for row in wanted:
        if row not in of_table:
            raise UsageError(none_such("row", row, of_table))
    return [name for name in of_table if not wanted or name in wanted]


def _measurements(
    method: str, row: str, data: DataSet, data_name: str
) -> tuple[tuple[Measurement, ...], dict[str, str]]:
    """What is measured of a row on that data set, and what can't be."""
    by_setting: dict[str, list[Printing]] = {}
    for printing in printings(method, row):
        by_setting.setdefault(printing.setting, []).append(printing)
    if not by_setting:
        return (), {row: f"no number is printed: {remark_of(method, row) or 'its paper has none'}"}
    measurements, reasons = [], {}
    for setting, printed in by_setting.items():
        if ON[setting] != data_name:
            reasons[f"{row}: {SETTINGS[setting]}"] = f"is on {ON[setting]}, and {data.root.name} holds {data_name}"
            continue
        by = measured_by(method, setting)
        protocol = PROTOCOLS[by.protocol] if by.protocol else data.protocols[0]
        measurements.append(Measurement(setting, protocol, by.protocol is not None, by.page, tuple(printed)))
    return tuple(measurements), reasons


def _recipe(chosen: Entry, variant: str | None, row: str, changes: Mapping[str, Any], smoke: bool) -> AnyRecipe:
    """
    Raises:
        UsageError: a change of what makes the row.
        BadRecipe: no such variant or setting, or a value that doesn't fit.
    """
    if both := [name for name in changes if name in chosen.rows[row]]:
        raise UsageError(f"{listed(both)}: row {row} is made by that setting; leave --set {both[0]} out")
    recipe = chosen.resolve(variant, row)
    if smoke:
        recipe = shrunk(recipe, dict(flat(recipe.model_dump(mode="json"))))
    given = dict(changes)
    if (weights := given.get("imagenet")) and Path(weights).is_dir():
        del given["imagenet"]
        if file := checkpoint_of(recipe.changed(given)):
            given["imagenet"] = str(Path(weights) / file)
    return recipe.changed(given)


def weights_of(plan: Plan) -> dict[str, str]:
    """The files of ImageNet weights that rows start from, by name, and their sha256.

    Raises:
        UsageError: there is no such file.
    """
    files = dict.fromkeys(row.recipe.imagenet for row in plan.rows if row.recipe.imagenet)
    return {Path(file).name: _sum(Path(file)) for file in files if file}


def _sum(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"imagenet={file} can't be read: {why(error)}; expected a file of ImageNet weights, or a folder of them"
        ) from error


def settings_of(row: Row) -> Iterator[tuple[str, Any]]:
    """A row's recipe, but for the place of its ImageNet weights, which may move."""
    return flat(row.recipe.model_dump(mode="json", exclude={"imagenet"}))
