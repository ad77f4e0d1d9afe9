"""Pairs that people judge, so that it can be measured what a distance means where nobody labelled.

A task is a draw of pairs (`rgbir.index.gallery.judging`) and people's answers to them. It keeps no picture: a pair names two
sightings of the gallery, and goes when one of them does.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any

from rgbir.index import (
    AnyGallery,
    Connection,
    JudgedPair,
    Pair,
    UsageError,
    from_microseconds,
    kappa,
    listed,
    measured,
    to_microseconds,
)
from rgbir.server.access.keys import Key
from rgbir.server.cases.file import CaseFile
from rgbir.server.cases.records import MARKS, Mark
from rgbir.server.cases.store import new_id, now
from rgbir.server.errors import NotNow, NotThere

_COLUMNS = "id, query_camera, other_camera, asked, seed, since, made_at, made_by, used_at, used_by"


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair of a task.

    Attributes:
        n: in the order that it is judged in.
        query, other: ids of its sightings.
        weight: how many places of the query's ranking it stands for.
        swapped: the query's sighting is shown on the right.
    """

    n: int
    query: str
    other: str
    weight: float
    swapped: bool

    @property
    def sides(self) -> tuple[str, str]:
        """The sighting on the left, and the one on the right."""
        return (self.other, self.query) if self.swapped else (self.query, self.other)


@dataclass(frozen=True, slots=True)
class Task:
    """A draw of pairs of two cameras, by their ids.

    Attributes:
        id: drawn by chance.
        query_camera, other_camera: whose sightings are asked for, and whose ranking is drawn from.
        seed: of the draw.
        made_at, made_by: when, and by the key of that name.
        asked: how many pairs were asked for.
        since: the gallery's moment of the draw: later erasures bind it.
        used_at, used_by: when it went into the calibration; None if it isn't there.
        pairs: those that are left, in order.
        answers: by judge, to which pair they said what.
    """

    id: str
    query_camera: str
    other_camera: str
    asked: int
    seed: int
    since: int
    made_at: datetime
    made_by: str
    used_at: datetime | None = None
    used_by: str | None = None
    pairs: tuple[Shown, ...] = ()
    answers: dict[str, dict[int, Mark]] = field(default_factory=dict)

    def following(self, judge: str) -> Shown | None:
        """The pair that somebody judges next; None if all are judged."""
        known = self.answers.get(judge, {})
        return next((pair for pair in self.pairs if pair.n not in known), None)

    @property
    def finished(self) -> list[str]:
        """Judges who answered every pair."""
        return [judge for judge, answers in self.answers.items() if self.pairs and len(answers) == len(self.pairs)]

    def agreed(self, pair: Shown) -> bool | None:
        """Whether a pair shows one person, by all who finished; None if somebody was unsure, or they disagree."""
        answers = {self.answers[judge][pair.n] for judge in self.finished}
        return None if len(answers) > 1 or "unsure" in answers else answers == {"same"}

    def agreements(self) -> list[tuple[str, str, float, float | None]]:
        """Of every two who finished: their names, the share of pairs with one answer, and Cohen's kappa."""
        compared = []
        for first, second in combinations(self.finished, 2):
            answers = [[self.answers[judge][pair.n] for pair in self.pairs] for judge in (first, second)]
            alike = sum(a == b for a, b in zip(*answers, strict=True)) / len(self.pairs)
            compared.append((first, second, alike, kappa(*answers)))
        return compared

    def measured(self, gallery: AnyGallery) -> Pair:
        """What distances mean by the answers of all who finished, in the gallery's model.

        Raises:
            NotNow: nobody finished.
            UsageError: too few pairs of one person or of two.
        """
        if not self.finished:
            raise NotNow(
                f"pairs of judgement {self.id} are unanswered; `GET /judgements/{self.id}/next` has the next one"
            )
        distances = gallery.distances_of([(pair.query, pair.other) for pair in self.pairs])
        answers = [
            JudgedPair(pair.query, pair.other, pair.weight, distance, self.agreed(pair))
            for pair, distance in zip(self.pairs, distances, strict=True)
            if distance is not None
        ]
        return measured(answers, self.id, self.finished, self.seed)


class Judging:
    """The tasks in the file of cases. Thread-safe.

    Raises (each method):
        CasesUnusable: the file can't be read or written.
    """

    def __init__(self, file: CaseFile) -> None:
        self.file = file

    def tasks(self) -> list[Task]:
        """All of them, the newest first."""
        with self.file.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM judgements ORDER BY made_at DESC, id").fetchall()
            return [_task(connection, row) for row in rows]

    def seen_by(self, caller: Key) -> list[Task]:
        """Those whose cameras a key sees."""
        return [task for task in self.tasks() if _sees(caller, task)]

    def for_(self, caller: Key, name: str) -> Task:
        """
        Raises:
            NotThere: no such task, or none whose cameras the key sees.
        """
        with self.file.reading() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM judgements WHERE id = ?", (name,)).fetchone()
            task = None if row is None else _task(connection, row)
        if task is None or not _sees(caller, task):
            raise NotThere(f"no judgement {name[:80]!r}; `GET /judgements` has those of your cameras")
        return task

    def add(self, caller: Key, gallery: AnyGallery, cameras: tuple[str, str], count: int, seed: int | None) -> Task:
        """Draws the pairs of two cameras, by their ids. The same again is the task that there is, until somebody answered.

        Args:
            seed: another draw for each; by chance if None.

        Raises:
            UsageError: nothing can be judged; see `AnyGallery.draw_pairs`.
        """
        for task in self.tasks():
            same = (task.query_camera, task.other_camera, task.asked, task.made_by) == (*cameras, count, caller.name)
            if same and (task.seed == seed if seed is not None else not task.answers):
                return task
        since = gallery.moment()
        seed = secrets.randbits(32) if seed is None else seed
        drawn = gallery.draw_pairs(*cameras, count, seed)
        name, sides = new_id(), random.Random(seed)
        row = (name, *cameras, count, seed, since, to_microseconds(now()), caller.name, None, None)
        with self.file.changing() as connection:
            connection.execute(f"INSERT INTO judgements ({_COLUMNS}) VALUES ({', '.join('?' * len(row))})", row)
            connection.executemany(
                "INSERT INTO judged_pairs (task, n, query, other, weight, swapped) VALUES (?, ?, ?, ?, ?, ?)",
                ((name, n, *pair, sides.getrandbits(1)) for n, pair in enumerate(drawn, start=1)),
            )
        return self.for_(caller, name)

    def answer(self, caller: Key, task: Task, number: int, answer: Mark) -> Task:
        """Notes what somebody says of the pair that is next for them; the same answer again changes nothing.

        Raises:
            UsageError: no such answer.
            NotThere: no such pair, or not any more.
            NotNow: another pair is next, or this one was answered otherwise.
        """
        if answer not in MARKS:
            raise UsageError(f"an answer is {listed(MARKS, 'or')}, not {answer!r}")
        if all(pair.n != number for pair in task.pairs):
            raise NotThere(f"judgement {task.id} has no pair {number}, or not any more; ask for the next one")
        before = task.answers.get(caller.name, {}).get(number)
        if before == answer:
            return task
        if before is not None:
            raise NotNow(f"you said {before} of pair {number}; take that answer back first")
        following = task.following(caller.name)
        if following is None or following.n != number:
            raise NotNow(f"pair {following.n if following else '?'} is next, not {number}; none is skipped: say unsure")
        row = (task.id, number, caller.name, answer, to_microseconds(now()))
        with self.file.changing() as connection:
            connection.execute("INSERT INTO judged_answers (task, n, who, answer, at) VALUES (?, ?, ?, ?, ?)", row)
        return self.for_(caller, task.id)

    def take_back(self, caller: Key, task: Task, number: int) -> Task:
        """Takes somebody's last answer back; one that isn't there stays away.

        Raises:
            NotNow: a later pair was answered, too.
        """
        answered = task.answers.get(caller.name, {})
        if number in answered and number != max(answered):
            raise NotNow(f"your last answer was to pair {max(answered)}; take that one back first")
        with self.file.changing() as connection:
            query = "DELETE FROM judged_answers WHERE task = ? AND n = ? AND who = ?"
            connection.execute(query, (task.id, number, caller.name))
        return self.for_(caller, task.id)

    def use(self, task: Task, gallery: AnyGallery, who: str, *, in_place_of_labels: bool = False) -> None:
        """Takes what was measured into the gallery's calibration.

        Raises:
            NotNow, UsageError: see `Task.measured` and `AnyGallery.use_judged`.
        """
        pair = task.measured(gallery)
        gallery.use_judged(task.query_camera, task.other_camera, pair, in_place_of_labels=in_place_of_labels)
        self._set_used(task.id, to_microseconds(now()), who)

    def _set_used(self, task: str, at: int | None, who: str | None) -> None:
        with self.file.changing() as connection:
            connection.execute("UPDATE judgements SET used_at = ?, used_by = ? WHERE id = ?", (at, who, task))

    def renew(self, gallery: AnyGallery) -> list[Task]:
        """Measures again what an erasure, a move or another model took out of the calibration, on the pairs that are left.

        Returns:
            What was measured again; what can't be any more is in use no longer.
        """
        renewed = []
        for task in self.tasks():
            known = gallery.calibration()
            if task.used_at is None or task.used_by is None:
                continue
            if known is not None and known[0].of(task.query_camera, task.other_camera) is not None:
                continue
            try:
                self.use(task, gallery, task.used_by)
                renewed.append(task)
            except (NotNow, UsageError):
                self._set_used(task.id, None, None)
        return renewed

    def delete(self, task: str) -> None:
        with self.file.erasing() as connection:
            connection.execute("DELETE FROM judgements WHERE id = ?", (task,))

    def tidy(self, gallery: AnyGallery) -> int:
        """Takes out pairs of sightings that have left the gallery, in whatever way.

        Returns:
            How many.
        """
        with self.file.reading() as connection:
            named = {name for pair in connection.execute("SELECT query, other FROM judged_pairs") for name in pair}
        gone = named - gallery.known(sorted(named)) if named else set()
        if not gone:
            return 0
        with self.file.erasing() as connection:
            return forget(connection, lambda name, since: name in gone)


def forget(connection: Connection, erased: Callable[[str, int], bool]) -> int:
    """Takes out pairs of erased sightings, with what was said of them.

    Args:
        erased: of a sighting's id, and the moment of the draw.

    Returns:
        How many.
    """
    query = "SELECT task, n, query, other, since FROM judged_pairs JOIN judgements ON id = task"
    gone = [
        (task, n)
        for task, n, first, second, since in connection.execute(query)
        if erased(first, since) or erased(second, since)
    ]
    connection.executemany("DELETE FROM judged_pairs WHERE task = ? AND n = ?", gone)
    return len(gone)


def _task(connection: Connection, row: Sequence[Any]) -> Task:
    name, query, other, asked, seed, since, made_at, made_by, used_at, used_by = row
    pairs = "SELECT n, query, other, weight, swapped FROM judged_pairs WHERE task = ? ORDER BY n"
    answers: dict[str, dict[int, Mark]] = {}
    for who, n, answer in connection.execute(
        "SELECT who, n, answer FROM judged_answers WHERE task = ? ORDER BY who, n", (name,)
    ):
        answers.setdefault(who, {})[n] = answer
    moment = from_microseconds(made_at)
    assert moment is not None
    return Task(
        id=name,
        query_camera=query,
        other_camera=other,
        asked=asked,
        seed=seed,
        since=since,
        made_at=moment,
        made_by=made_by,
        used_at=from_microseconds(used_at),
        used_by=used_by,
        pairs=tuple(
            Shown(n, first, second, weight, bool(swapped))
            for n, first, second, weight, swapped in connection.execute(pairs, (name,))
        ),
        answers=answers,
    )


def _sees(caller: Key, task: Task) -> bool:
    return caller.sees(task.query_camera) and caller.sees(task.other_camera)
