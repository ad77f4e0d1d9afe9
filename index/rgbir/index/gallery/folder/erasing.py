"""Erasures in the gallery's file: who is meant, what goes, and what is noted. All of it within the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from rgbir.index.gallery.calibration import Calibration
from rgbir.index.gallery.erasures import Condition, Erasure, Named, bound, called_by, hashed
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.schema import read_meta, write_meta
from rgbir.index.gallery.sightings import NewSighting

Rows = list[tuple[int, str]]
"""(row, camera)."""


def where(which: Condition) -> tuple[str, list[Any]]:
    """A condition as SQL, with its values."""
    clause, values = _named(Named.but_ids(which))
    if which.ids is None:
        return clause, values
    return f"{clause} AND id IN (SELECT value FROM json_each(?))", [*values, json.dumps(which.ids)]


def _named(condition: Named) -> tuple[str, list[Any]]:
    """As SQL, with its values; all sightings where nothing is named."""
    clauses: list[tuple[str, Any]] = [
        ("camera = ?", condition.camera),
        ("identity = ?", condition.identity),
        ("track = ?", condition.track),
        ("taken_at < ?", condition.before),
    ]
    given = [(clause, value) for clause, value in clauses if value is not None]
    return " AND ".join(clause for clause, _ in given) or "TRUE", [value for _, value in given]


def meant(connection: Connection, erasures: Sequence[Erasure]) -> Rows:
    """What was known before an erasure that means it, in order."""
    rows: set[tuple[int, str]] = set()
    by_salt: dict[str, dict[str, int]] = {}
    for erasure in erasures:
        for name in erasure.ids:
            at = by_salt.setdefault(erasure.salt, {})
            at[name] = max(erasure.at, at.get(name, 0))
        if erasure.condition is not None:
            clause, values = _named(erasure.condition)
            query = f"SELECT row, camera FROM sightings WHERE {clause} AND since < ?"
            rows |= set(connection.execute(query, [*values, erasure.at]))
    for salt, at in by_salt.items():
        for row, camera, sighting, since in connection.execute("SELECT row, camera, id, since FROM sightings"):
            if since < at.get(hashed(salt, sighting), 0):
                rows.add((row, camera))
    return sorted(rows)


def bound_in(connection: Connection, sightings: Sequence[NewSighting]) -> set[str]:
    """Ids of those that an erasure binds: they were known before it."""
    old = [(sighting, sighting.since) for sighting in sightings if sighting.since is not None]
    later = _noted(connection, "WHERE at > ?", (min(since for _, since in old),)) if old else []
    caught = bound(sightings, later)
    query = "SELECT max(at) FROM erased JOIN erasures USING (uid) WHERE erased.id = ? AND salt = ?"
    for salt in {erasure.salt for erasure in later}:
        for sighting, since in old:
            for name in called_by(sighting):
                (at,) = connection.execute(query, (hashed(salt, name), salt)).fetchone()
                if at is not None and since < at:
                    caught.add(sighting.id)
    return caught


def erase(connection: Connection, rows: Rows) -> None:
    """Removes these rows, numbers the removals for readers, and drops what was measured with the erased."""
    if rows:
        _uncalibrate(connection, rows)
        connection.executemany("INSERT INTO removals (row, camera) VALUES (?, ?)", rows)
        connection.executemany("DELETE FROM sightings WHERE row = ?", ((row,) for row, _ in rows))


def _uncalibrate(connection: Connection, rows: Rows) -> None:
    """Drops what was measured with sightings that are erased: labelled ones, and those that were judged."""
    query = "SELECT id, camera, identity IS NOT NULL FROM sightings WHERE row IN (SELECT value FROM json_each(?))"
    gone = list(connection.execute(query, (json.dumps([row for row, _ in rows]),)))
    labelled = {camera for _, camera, known in gone if known}
    _drop(connection, labelled, lambda kept: kept.without_labelled(labelled, {name for name, _, _ in gone}))


def uncalibrate(connection: Connection, cameras: set[str]) -> None:
    """Drops what was measured on these cameras; their pairs are to be measured again."""
    _drop(connection, cameras, lambda kept: kept.without(cameras))


def _drop(connection: Connection, cameras: set[str], left: Callable[[Calibration], Calibration]) -> None:
    """Leaves of the calibration what is left of it; pairs of the cameras are to be measured again."""
    meta = read_meta(connection, "calibration", "uncalibrated")
    if "calibration" not in meta:
        return
    before = Calibration.model_validate_json(meta["calibration"])
    after = left(before)
    if cameras or after != before:
        cameras = cameras | set(json.loads(meta.get("uncalibrated", "[]")))
        write_meta(connection, calibration=after.model_dump_json(), uncalibrated=json.dumps(sorted(cameras)))


def note(connection: Connection, erasures: Sequence[Erasure]) -> None:
    for erasure in erasures:
        condition = None if erasure.condition is None else erasure.condition.model_dump_json(exclude_none=True)
        line = (erasure.uid, erasure.at, condition, erasure.salt)
        connection.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?, ?, ?)", line)
        ids = ((name, erasure.uid) for name in erasure.ids)
        connection.executemany("INSERT OR IGNORE INTO erased VALUES (?, ?)", ids)


def uids(connection: Connection) -> set[str]:
    """Names of the erasures that were noted here."""
    return {uid for (uid,) in connection.execute("SELECT uid FROM erasures")}


def noted(connection: Connection, but: set[str], since: int = 0) -> list[Erasure]:
    """Whole, in the order of their moments, but for those of these names, after a moment alone."""
    query = "SELECT id FROM erased WHERE uid = ? ORDER BY id"
    return [
        erasure.model_copy(update={"ids": tuple(name for (name,) in connection.execute(query, (erasure.uid,)))})
        for erasure in _noted(connection, "WHERE at > ?", (since,))
        if erasure.uid not in but
    ]


def _noted(connection: Connection, which: str, values: Sequence[Any]) -> list[Erasure]:
    """Without their ids."""
    rows = connection.execute(f"SELECT uid, at, condition, salt FROM erasures {which} ORDER BY at", values)
    return [
        Erasure(uid=uid, at=at, salt=salt, condition=None if named is None else Named.model_validate_json(named))
        for uid, at, named, salt in rows
    ]
