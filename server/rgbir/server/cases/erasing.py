"""What leaves the cases: who was erased from the gallery, what was taken out by hand, and what has been kept long enough.

Each is noted in the ledger before it is done, so that an older copy of the cases gives it up again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rgbir.index import Erasure, Metric, hashed, picture, to_microseconds
from rgbir.server.cases import judging
from rgbir.server.cases.ledger import Gone, add_to_ledger, ledger_of, read_ledger
from rgbir.server.cases.records import Case, Near, Picture
from rgbir.server.cases.store import CaseStore, now
from rgbir.server.errors import CantWrite, CasesUnusable

T = TypeVar("T")
MOST_NEAR = 20
"""Pictures that are listed after an erasure, for a person to decide."""


@dataclass(frozen=True, slots=True)
class Heeded:
    """What an erasure of the gallery's did to the cases.

    Attributes:
        erased: pictures that went, by case.
        kept: pictures that holds keep, by case; nobody is shown them.
    """

    erased: dict[str, int]
    kept: dict[str, int]


def heed(
    store: CaseStore, erasures: Sequence[Erasure], cameras: Sequence[str], *, despite_holds: bool = False
) -> Heeded:
    """Carries the gallery's erasures out in the cases: pictures of whom they name go, and hits of stored searches.

    A hit is known by its sighting's id, by its camera with its image's digest, or by its identity, track or camera where all sightings of
    that were erased; a query by its digest with its camera, or with any where that isn't known. What is erased by age alone names
    nobody: cases have a date of their own.

    Args:
        erasures: those that weren't heeded before.
        cameras: ids of all that the gallery knows.
        despite_holds: two administrators decided that these go from cases on hold, too.
    """
    named = _Named(erasures)

    def carry_out() -> Heeded:
        outcome = Heeded({}, {})
        with store.file.erasing() as connection:
            on_hold = {case.id for case in store.cases() if case.hold is not None and not despite_holds}
            meant = [(shown, at) for shown in store.pictures() if (at := named.erased(shown, cameras)) is not None]
            _go(store, [shown for shown, _ in meant if shown.case_id not in on_hold])
            store.hide({shown.id: due for shown, due in meant if shown.case_id in on_hold})
            for shown, _ in meant:
                counts = outcome.kept if shown.case_id in on_hold else outcome.erased
                counts[shown.case_id] = counts.get(shown.case_id, 0) + 1
            for number, case, since, hits in store.answered():
                if gone := {name for name, identity, track in hits if named.since(name, since, identity, track)}:
                    (store.hide_hits if case in on_hold else store.drop_hits)(number, gone)
            judging.forget(connection, named.since)
            for asked in store.asked_erasures():
                moment = to_microseconds(asked.at)
                ids = asked.conditions.get("ids") if asked.decided_at is None else None
                if ids and (left := [name for name in ids if not named.since(name, moment)]) != ids:
                    store.decide_erasure(replace(asked, conditions={**asked.conditions, "ids": left}))
            store.note_heeded(erasure.uid for erasure in erasures)
        return outcome

    return with_room(store, carry_out)


def catch_up(store: CaseStore) -> int:
    """Takes out what the ledger names and this file still holds: it is older.

    Returns:
        How many cases, pictures and judgements went.
    """
    ledger = ledger_of(store.file.folder)
    gone = read_ledger(ledger)
    cases = {each.case for each in gone if each.case is not None}
    pictures = {each.picture: each.at for each in gone if each.picture is not None}
    tasks = {each.judgement for each in gone if each.judgement is not None}
    at = {each.case: each.at for each in gone if each.case is not None}
    there = [
        case.id
        for case in store.cases()
        # A hold that came after a deletion that failed is stronger.
        if case.id in cases and (case.hold is None or to_microseconds(case.hold.at) < at[case.id])
    ]
    shown = [each for each in store.pictures() if each.id in pictures]
    judged = [task.id for task in judging.Judging(store.file).tasks() if task.id in tasks]
    for case in there:
        store.delete(case, despite_hold=True)
    if shown:
        store.take_out([each.id for each in shown], max(pictures[each.id] for each in shown))
        for case in {each.case_id for each in shown} - set(there):
            store.blank_queries(case)
    for task in judged:
        judging.Judging(store.file).delete(task)
    return len(there) + len(shown) + len(judged)


def delete_case(store: CaseStore, case: str) -> bool:
    """A case with all that it holds, unless a hold keeps it.

    Returns:
        False if one does.
    """
    noted = [Gone(at=_microseconds(), case=case)]
    return with_room(store, lambda: store.delete(case, first=lambda: _tell_ledger(store, noted)))


def delete_judgement(store: CaseStore, task: str) -> None:
    """A draw of pairs, with what was said of them."""
    _tell_ledger(store, [Gone(at=_microseconds(), judgement=task)])
    with_room(store, lambda: judging.Judging(store.file).delete(task))


def take_out(store: CaseStore, pictures: Sequence[Picture]) -> None:
    """What the pictures show; marks and notes on them stay, and when it was done."""
    with_room(store, lambda: _go(store, pictures))


def _go(store: CaseStore, pictures: Sequence[Picture]) -> None:
    """Takes pictures out, once it is noted."""
    if not pictures:
        return
    at = _microseconds()
    with store.file.erasing():
        _tell_ledger(store, [Gone(at=at, picture=shown.id) for shown in pictures])
        store.take_out([shown.id for shown in pictures], at)
        for case in {shown.case_id for shown in pictures if shown.kind == "query"}:
            store.blank_queries(case)


def near(
    store: CaseStore, erased: NDArray[np.float32], fingerprint: str, metric: Metric, but: Sequence[str] = ()
) -> list[Near]:
    """The pictures of all cases that look most like those who are erased, nearest first.

    Args:
        erased: float32 (n, d), embeddings of the model with that fingerprint.
        but: ids of pictures that go themselves.
    """
    others = [
        (shown, each) for shown, each in store.embedded() if each.fingerprint == fingerprint and shown.id not in but
    ]
    if not others or not len(erased):
        return []
    rows = metric.prepare(np.stack([each.values for _, each in others]))
    keys = np.min([metric.keys(embedding, rows) for embedding in metric.prepare(erased)], axis=0)
    at = now()
    distances = metric.distance(keys)
    order = np.argsort(distances, kind="stable")[:MOST_NEAR].tolist()
    return [Near(others[place][0].id, others[place][0].case_id, at, float(distances[place])) for place in order]


def due(cases: Sequence[Case], moment: datetime) -> list[Case]:
    """Those that have been kept long enough, and aren't held."""
    return [case for case in cases if case.keep_until <= moment and case.hold is None]


class _Named:
    """Whom erasures name, by salted hashes of ids and of pictures."""

    def __init__(self, erasures: Sequence[Erasure]) -> None:
        self.at: dict[str, dict[str, int]] = {}
        """By salt and hash, the last moment at which it was erased: microseconds since 1970."""
        for erasure in erasures:
            names = self.at.setdefault(erasure.salt, {})
            names |= {name: max(erasure.at, names.get(name, 0)) for name in erasure.ids}

        conditions = [(rule, erasure.at) for erasure in erasures if (rule := erasure.condition) is not None]
        self.rules = [(rule, at) for rule, at in conditions if (rule.camera, rule.identity, rule.track) != (None,) * 3]
        """What was erased by its labels, and when. By age alone nobody is named."""

    def erased(self, shown: Picture, cameras: Sequence[str]) -> int | None:
        """When whom a picture shows was erased, after it was copied; None if that didn't happen."""
        names = [] if shown.sighting is None else [shown.sighting]
        if shown.digest is not None:
            names += [picture(camera, shown.digest) for camera in ([shown.camera] if shown.camera else cameras)]
        moments = [self._last(name) for name in names]
        if shown.kind == "hit":
            taken_at = None if shown.taken_at is None else to_microseconds(shown.taken_at)
            moments += [
                at
                for rule, at in self.rules
                if rule.camera in (None, shown.camera)
                and rule.identity in (None, shown.identity)
                and rule.track in (None, shown.track)
                and (rule.before is None or (taken_at is not None and taken_at < rule.before))
            ]
        return max((at for at in moments if at > shown.since), default=None)

    def since(self, sighting: str, moment: int, identity: int | None = None, track: str | None = None) -> bool:
        """Whether a sighting was erased after that moment, by its id or by its labels."""
        return self._last(sighting) > moment or any(
            at > moment
            for rule, at in self.rules
            if (rule.camera, rule.before) == (None, None)
            and rule.identity in (None, identity)
            and rule.track in (None, track)
        )

    def _last(self, name: str) -> int:
        return max((names.get(hashed(salt, name), 0) for salt, names in self.at.items()), default=0)


def _microseconds() -> int:
    return time.time_ns() // 1000


def _tell_ledger(store: CaseStore, gone: Sequence[Gone]) -> None:
    """
    Raises:
        CantWrite: it can't be noted, so nothing is done.
    """
    ledger = ledger_of(store.file.folder)
    for last in (False, True):
        try:
            add_to_ledger(ledger, gone)
            return
        except OSError as error:
            if last:
                raise CantWrite(f"{ledger} can't be written: {error.strerror}; nothing was erased") from error
            store.file.make_room()


def with_room(store: CaseStore, work: Callable[[], T]) -> T:
    """A change, or the same again in the room of the reserve where the disk is full."""
    try:
        return work()
    except CasesUnusable as error:
        if not error.full:
            raise
        store.file.make_room()
        return work()
