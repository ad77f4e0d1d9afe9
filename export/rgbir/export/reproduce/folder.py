"""The folder of a reproduction: its plan, its lock, and which stages are finished.

plan.json                       what is done here, on which data, with which versions
lock                            held by the process that works here
ROW[/split-N][/seed-N]/         of each training
    run/                        as `rgbir train` makes it
    trained.json                the training is finished
    bundle/                     as `rgbir export` makes it
    exported.json               the bundle is whole
    report-SETTING.json         as `rgbir evaluate --report` writes it, one for every setting
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rgbir.export.errors import BadReproduction, ReproductionBusy
from rgbir.export.reproduce.plan import MEASURED, Plan, settings_of, weights_of
from rgbir.index import (
    CantWrite,
    GalleryBusy,
    GalleryError,
    ImageRecord,
    Setting,
    beside,
    clear_unfinished,
    expect_writable,
    listed,
    locked,
    why,
    writing_to,
)
from rgbir.training.data.people import described, difference

PLAN, LOCK = "plan.json", "lock"
PACKAGES = ("rgbir", "torch", "numpy", "pillow", "onnx", "onnxruntime")


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps other reproductions out of the folder meanwhile; it is made if it isn't there.

    Raises:
        ReproductionBusy: another process works there.
        CantWrite: the disk is full, or closed to us.
    """
    expect_writable(folder)
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / LOCK):
            yield
    except GalleryBusy as error:
        raise ReproductionBusy(f"{error}. Another reproduction needs another --out") from None
    except GalleryError as error:
        raise CantWrite(str(error)) from error


def begin(folder: Path, plan: Plan) -> dict[str, tuple[str, str]]:
    """Writes the plan, or compares it with the one that was begun there. Only who holds the folder's lock may.

    Returns:
        Packages whose versions differ from those that it was begun with: then and now.

    Raises:
        BadReproduction: the folder holds another reproduction, or what isn't one.
        CantWrite: the disk is full, or closed to us.
    """
    now, file = content(plan), folder / PLAN
    clear_unfinished(file)
    if not file.exists():
        if others := sorted(entry.name for entry in folder.iterdir() if entry.name != LOCK):
            raise BadReproduction(f"{folder} holds {listed(others, most=3)} and no {PLAN}; choose another --out")
        write(file, now)
        return {}
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        apart = list(_apart(before, now))
        then: dict[str, str] = before["versions"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadReproduction(f"{file} is none of rgbir's, or damaged ({why(error)}); choose another --out") from error
    if apart:
        raise BadReproduction(
            f"{folder} was begun otherwise: {'; '.join(apart)}. Give the same to go on, or choose another --out"
        )
    here = now["versions"]
    return {name: (then[name], here[name]) for name in here if name in then and then[name] != here[name]}


def content(plan: Plan) -> dict[str, Any]:
    """What `plan.json` holds. Where data, weights and folder lie isn't in it."""
    rows = {
        row.name: {
            "settings": dict(settings_of(row)),
            "measured": {
                measured.setting: {
                    "protocol": measured.protocol.name,
                    "printed": {printing.papers or plan.method: list(printing.scores) for printing in measured.printed},
                }
                for measured in row.measurements
            },
        }
        for row in plan.rows
    }
    people, draws = _data(plan)
    return {
        "method": plan.method,
        "variant": plan.variant,
        "table": plan.table,
        "smoke": plan.smoke,
        "seeds": plan.seeds,
        "splits": [split for split in plan.splits if split is not None],
        "data": {"name": plan.data_name, "draws": draws, **people},
        "weights": weights_of(plan),
        "rows": rows,
        "left_out": dict(plan.left_out),
        "versions": versions(),
    }


def write(file: Path, what: Mapping[str, Any]) -> None:
    """Writes JSON in one step: after a crash it is there, whole, or it isn't.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    with writing_to(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
    with beside(file) as new:
        new.write_text(json.dumps(what, indent=2) + "\n", encoding="utf-8")


def _data(plan: Plan) -> tuple[dict[str, Any], str]:
    """All images that are trained on or measured, as a run describes its own; and a sum of what each trial draws."""
    of = Setting(identities="available") if "identities" in plan.data.choices else Setting()
    records: dict[str, ImageRecord] = {}
    draws = hashlib.sha256()
    asked = {(m.setting, m.protocol): m for row in plan.rows for m in row.measurements}
    for split in plan.splits:
        settings = [Setting(of.identities, split=split)]
        images = [record for setting in settings for record in plan.data.training(setting)]
        for name, protocol in asked:
            chosen = MEASURED.get(name, Setting())
            task = plan.data.task(
                protocol, Setting(mode=chosen.mode, shots=chosen.shots, direction=chosen.direction, split=split)
            )
            images += [*task.queries, *task.gallery]
            for draw in task.draws:
                draws.update("\n".join(task.gallery[int(row)].source for row in draw.gallery).encode())
        records |= {record.source: record for record in images}
    return described(records.values()), draws.hexdigest()


def _apart(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """How two plans differ, a thing at a time."""
    for name in ("method", "variant", "table", "smoke", "seeds"):
        if before[name] != now[name]:
            yield f"{name} was {before[name]} and is {now[name]}"
    if before["method"] != now["method"] or before["table"] != now["table"]:
        return
    if before["data"]["name"] != now["data"]["name"]:
        yield f"data was {before['data']['name']} and is {now['data']['name']}"
    elif what := difference(before["data"], now["data"]):
        yield f"data: {what}"
    elif before["data"]["draws"] != now["data"]["draws"]:
        yield "data: the trials draw other images; is it another rand_perm_cam.mat?"
    if before["weights"] != now["weights"]:
        yield f"imagenet was {_named(before['weights'])} and is {_named(now['weights'])}"
    old, new = before["rows"], now["rows"]
    if old.keys() != new.keys():
        yield f"rows were {listed(old)} and are {listed(new)}"
    settings: dict[str, tuple[Any, Any]] = {}
    for row in old.keys() & new.keys():
        was, will = old[row]["settings"], new[row]["settings"]
        for name in was.keys() | will.keys():
            if was.get(name) != will.get(name):
                settings[name] = (was.get(name), will.get(name))
        if old[row]["measured"] != new[row]["measured"]:
            yield f"{row} was measured by {_protocols(old[row])} and would be by {_protocols(new[row])}"
    for name, (value, other) in sorted(settings.items()):
        yield f"setting {name} was {value} and is {other}"


def _named(weights: Mapping[str, str]) -> str:
    return listed(f"{name} ({digest[:12]})" for name, digest in weights.items())


def _protocols(row: Mapping[str, Any]) -> str:
    return listed(f"{setting} {how['protocol']}" for setting, how in row["measured"].items())
