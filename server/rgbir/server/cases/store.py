"""Cases in SQL: what is read and written, and nothing of who may."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index import Connection, Crop, from_microseconds, to_microseconds
from rgbir.server.cases.file import CaseFile
from rgbir.server.cases.records import (
    Approval,
    AskedErasure,
    Case,
    Course,
    Hold,
    Marked,
    Near,
    Note,
    Part,
    Person,
    Picture,
    Searched,
)

_PICTURE = (
    "id, case_id, kind, name, sighting, camera, modality, taken_at, identity, track, frame, box, digest, since, media_type, sha256,"
    " fingerprint, added_at, added_by, due_at, erased_at"
)
_ERASED = (
    "name = '', sighting = NULL, camera = NULL, modality = NULL, taken_at = NULL, identity = NULL, track = NULL, frame = NULL,"
    " box = NULL, digest = NULL, media_type = NULL, data = NULL, sha256 = NULL, embedding = NULL, fingerprint = NULL, due_at = NULL"
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture's embedding.

    Attributes:
        values: float32 (d,).
        fingerprint: of the model that it is of.
    """

    values: NDArray[np.float32]
    fingerprint: str


def new_id() -> str:
    """Drawn by chance: it says nothing of what it names."""
    return secrets.token_hex(8)


def now() -> datetime:
    return datetime.now(UTC)


class CaseStore:
    """Thread-safe, as its file is.

    Raises (each method):
        CasesUnusable: the file can't be read or written.
    """

    def __init__(self, file: CaseFile) -> None:
        self.file = file

    # --- heads

    def cases(self) -> list[Case]:
        """All of them, the last changed first."""
        with self.file.reading() as connection:
            return [_case(connection, row) for row in _rows(connection, "cases", "ORDER BY changed_at DESC, id")]

    def case(self, name: str) -> Case | None:
        """By its id, or by its number."""
        with self.file.reading() as connection:
            rows = list(
                _rows(connection, "cases", "WHERE id = ? OR number = ? ORDER BY id = ? DESC", (name, name, name))
            )
            return _case(connection, rows[0]) if rows else None

    def add(self, case: Case) -> None:
        with self.file.changing() as connection:
            approval = case.approval
            values: dict[str, Any] = {
                "id": case.id,
                "number": case.number,
                "title": case.title,
                "purpose": case.purpose,
                "basis": case.basis,
                "owner": case.owner,
                "made_at": case.made_at,
                "changed_at": case.changed_at,
                "keep_until": case.keep_until,
                "approver": None if approval is None else approval.approver,
                "asked_at": None if approval is None else approval.asked_at,
            }
            _insert(connection, "cases", values)
            _set_people(connection, case.id, case.people)

    def change(self, case: str, people: Sequence[Person] | None = None, **values: Any) -> None:
        """Sets columns of a case, and who was let in."""
        with self.file.changing() as connection:
            _touch(connection, case, **values)
            if people is not None:
                _set_people(connection, case, people)

    def look(self, case: str, name: str, search: int) -> None:
        """Somebody has seen the searches up to that one."""
        with self.file.changing() as connection:
            changed = connection.execute(
                "UPDATE people SET looked = ? WHERE case_id = ? AND name = ?", (search, case, name)
            ).rowcount
            if not changed:
                _insert(connection, "people", {"case_id": case, "name": name, "part": "", "looked": search})

    def looked(self, case: str, name: str) -> int:
        """The last search that somebody has seen; 0 for none."""
        with self.file.reading() as connection:
            row = connection.execute(
                "SELECT looked FROM people WHERE case_id = ? AND name = ?", (case, name)
            ).fetchone()
            return 0 if row is None else int(row[0])

    # --- what they hold

    def course(self, case: str) -> Course:
        """All that a case holds, as of one moment."""
        with self.file.reading() as connection:
            pictures = connection.execute(f"SELECT {_PICTURE} FROM pictures WHERE case_id = ? ORDER BY row", (case,))
            return Course(
                tuple(map(_picture, pictures)),
                tuple(self._searches(connection, case)),
                tuple(map(_marked, _rows(connection, "marks", "WHERE case_id = ? ORDER BY n", (case,)))),
                tuple(map(_note, _rows(connection, "notes", "WHERE case_id = ? ORDER BY n", (case,)))),
                tuple(map(_near, _rows(connection, "near", "WHERE case_id = ? ORDER BY distance, picture", (case,)))),
            )

    @staticmethod
    def _searches(connection: Connection, case: str) -> Iterator[Searched]:
        """Without hits that nobody is shown."""
        for row in _rows(connection, "searches", "WHERE case_id = ? ORDER BY n", (case,)):
            content, hidden = json.loads(row["content"]), set(json.loads(row["hidden"]))
            if hidden:
                content = without(content, hidden)
            yield Searched(row["n"], row["who"], _moment(row["at"]), content)

    def new_since(self, case: str, search: int) -> int:
        """Hits that were new in the searches after that one."""
        with self.file.reading() as connection:
            query = "SELECT coalesce(sum(new), 0) FROM searches WHERE case_id = ? AND n > ?"
            return int(connection.execute(query, (case, search)).fetchone()[0])

    def last_search(self, case: str) -> int:
        """The number of a case's last search; 0 for none."""
        with self.file.reading() as connection:
            query = "SELECT coalesce(max(n), 0) FROM searches WHERE case_id = ?"
            return int(connection.execute(query, (case,)).fetchone()[0])

    def answered(self) -> Iterator[tuple[int, str, int, list[tuple[str, int | None, str | None]]]]:
        """(number, case, the gallery's moment before it, id, identity and track of its hits) of every search of all cases."""
        with self.file.reading() as connection:
            query = "SELECT n, case_id, json_extract(content, '$.since'), hits FROM searches ORDER BY n"
            rows = connection.execute(query).fetchall()
        return ((number, case, since, list(map(tuple, json.loads(hits)))) for number, case, since, hits in rows)

    def pictures(self) -> list[Picture]:
        """Those that show somebody, of all cases."""
        with self.file.reading() as connection:
            query = f"SELECT {_PICTURE} FROM pictures WHERE erased_at IS NULL ORDER BY row"
            return list(map(_picture, connection.execute(query)))

    def picture(self, case: str, name: str) -> Picture | None:
        with self.file.reading() as connection:
            query = f"SELECT {_PICTURE} FROM pictures WHERE case_id = ? AND id = ?"
            row = connection.execute(query, (case, name)).fetchone()
            return None if row is None else _picture(row)

    def crop(self, picture: str) -> Crop | None:
        """A picture's bytes; None where there are none, or none any more."""
        with self.file.reading() as connection:
            row = connection.execute("SELECT media_type, data FROM pictures WHERE id = ?", (picture,)).fetchone()
            return None if row is None or row[1] is None else Crop(row[0], row[1])

    def embedded(self) -> list[tuple[Picture, Embedded]]:
        """Pictures that have an embedding, of all cases, and what it is."""
        with self.file.reading() as connection:
            query = f"SELECT {_PICTURE}, embedding FROM pictures WHERE embedding IS NOT NULL ORDER BY row"
            return [
                (picture, Embedded(np.frombuffer(row[-1], "<f4"), picture.fingerprint or ""))
                for row in connection.execute(query)
                for picture in [_picture(row[:-1])]
            ]

    def keep(self, picture: Picture, crop: Crop | None, embedded: Embedded | None) -> Picture:
        """Keeps a picture; one that is there already stays as it is.

        Returns:
            What is kept.
        """
        with self.file.changing() as connection:
            same = "sighting = ?" if picture.sighting is not None else "kind = 'query' AND digest = ? AND camera IS ?"
            named = [picture.sighting] if picture.sighting is not None else [picture.digest, picture.camera]
            query = (
                f"SELECT {_PICTURE} FROM pictures WHERE case_id = ? AND erased_at IS NULL AND due_at IS NULL AND {same}"
            )
            if (row := connection.execute(query, [picture.case_id, *named]).fetchone()) is not None:
                return _picture(row)
            values = {field.name: getattr(picture, field.name) for field in fields(picture)}
            values |= {
                "media_type": None if crop is None else crop.media_type,
                "data": None if crop is None else crop.data,
                "embedding": None if embedded is None else embedded.values.astype("<f4").tobytes(),
                "fingerprint": None if embedded is None else embedded.fingerprint,
            }
            _insert(connection, "pictures", values)
            _touch(connection, picture.case_id)
            return picture

    def add_search(self, case: str, who: str, content: Mapping[str, Any]) -> int:
        """Returns: its number."""
        with self.file.changing() as connection:
            answered = [hit for hit in content["answer"]["hits"] if hit is not None]
            hits = [[hit["id"], hit.get("identity"), hit.get("track")] for hit in answered]
            hits += [[content["like"], None, None]] if content["like"] is not None else []
            values = {
                "case_id": case,
                "at": now(),
                "who": who,
                "content": _json(content),
                "hits": json.dumps(hits),
                "new": content["new"] or 0,
            }
            number = _insert(connection, "searches", values)
            _touch(connection, case)
            return number

    def add_mark(self, case: str, mark: Marked) -> Marked:
        """Adds it, unless the picture has the very same mark by the same person already.

        Returns:
            The mark that stands.
        """
        with self.file.changing() as connection:
            query = "WHERE case_id = ? AND picture = ? AND withdrawn_at IS NULL ORDER BY n DESC LIMIT 1"
            last = next(map(_marked, _rows(connection, "marks", query, (case, mark.picture))), None)
            if last is not None and (last.mark, last.note, last.who) == (mark.mark, mark.note, mark.who):
                return last
            values = {field.name: getattr(mark, field.name) for field in fields(mark)} | {"n": None, "case_id": case}
            number = _insert(connection, "marks", values)
            _touch(connection, case)
            return Marked(number, *astuple(mark)[1:])

    def withdraw(self, case: str, number: int, who: str) -> Marked | None:
        """Takes a mark back, which stays readable; None if there is no such mark, or it was taken back before."""
        with self.file.changing() as connection:
            connection.execute(
                "UPDATE marks SET withdrawn_at = ?, withdrawn_by = ? WHERE n = ? AND case_id = ? AND withdrawn_at IS NULL",
                (to_microseconds(now()), who, number, case),
            )
            _touch(connection, case)
            return next(map(_marked, _rows(connection, "marks", "WHERE n = ? AND case_id = ?", (number, case))), None)

    def add_note(self, case: str, text: str, who: str) -> Note:
        """Adds it, unless the last note is the very same."""
        with self.file.changing() as connection:
            last = next(
                map(_note, _rows(connection, "notes", "WHERE case_id = ? ORDER BY n DESC LIMIT 1", (case,))), None
            )
            if last is not None and (last.text, last.who) == (text, who):
                return last
            at = now()
            number = _insert(connection, "notes", {"case_id": case, "text": text, "who": who, "at": at})
            _touch(connection, case)
            return Note(number, text, who, at)

    # --- taking out

    def delete(self, case: str, *, first: Callable[[], None] | None = None, despite_hold: bool = False) -> bool:
        """A case and all that it holds.

        Args:
            first: what is done before anything goes, once it is sure that the case isn't on hold.
            despite_hold: a hold doesn't keep it.

        Returns:
            False if a hold keeps it.
        """
        with self.file.erasing() as connection:
            query = "SELECT 1 FROM cases WHERE id = ? AND held_at IS NOT NULL"
            if not despite_hold and connection.execute(query, (case,)).fetchone():
                return False
            if first is not None:
                first()
            connection.execute("DELETE FROM marks WHERE case_id = ?", (case,))
            connection.execute("DELETE FROM cases WHERE id = ?", (case,))
        return True

    def take_out(self, pictures: Sequence[str], at: int) -> None:
        """What the pictures show; marks and notes on them stay, and the moment of the erasure, microseconds since 1970."""
        names = json.dumps(list(pictures))
        which = "id IN (SELECT value FROM json_each(?)) AND erased_at IS NULL"
        with self.file.erasing() as connection:
            connection.execute(f"UPDATE pictures SET {_ERASED}, erased_at = ? WHERE {which}", (at, names))
            connection.execute("DELETE FROM near WHERE picture IN (SELECT value FROM json_each(?))", (names,))

    def hide(self, pictures: Mapping[str, int]) -> None:
        """Pictures that holds keep although they were erased elsewhere, with the moment of that: nobody is shown them."""
        with self.file.changing() as connection:
            query = "UPDATE pictures SET due_at = ? WHERE id = ? AND due_at IS NULL"
            connection.executemany(query, ((at, name) for name, at in pictures.items()))

    def drop_hits(self, number: int, sightings: set[str]) -> None:
        """Takes hits out of a search's answer; their places stay."""
        with self.file.erasing() as connection:
            (row,) = _rows(connection, "searches", "WHERE n = ?", (number,))
            content = without(json.loads(row["content"]), sightings)
            hits = [hit for hit in json.loads(row["hits"]) if hit[0] not in sightings]
            hidden = [name for name in json.loads(row["hidden"]) if name not in sightings]
            given = (_json(content), json.dumps(hits), json.dumps(hidden), number)
            connection.execute("UPDATE searches SET content = ?, hits = ?, hidden = ? WHERE n = ?", given)

    def blank_queries(self, case: str) -> None:
        """Takes out of a case's searches which camera took their queries, and when, where all of these were erased."""
        with self.file.erasing() as connection:
            query = "SELECT id FROM pictures WHERE case_id = ? AND erased_at IS NOT NULL"
            gone = {name for (name,) in connection.execute(query, (case,))}
            for row in list(_rows(connection, "searches", "WHERE case_id = ?", (case,))):
                content = json.loads(row["content"])
                if content["queries"] and gone.issuperset(content["queries"]):
                    for name in ("camera", "taken_at"):
                        content["options"].pop(name, None)
                    if "query" in content["answer"]:
                        content["answer"]["query"] |= {"camera": None, "place": None}
                    connection.execute("UPDATE searches SET content = ? WHERE n = ?", (_json(content), row["n"]))

    def hide_hits(self, number: int, sightings: set[str]) -> None:
        """Hits of a search that a hold keeps although they were erased elsewhere: nobody is shown them."""
        with self.file.changing() as connection:
            (row,) = _rows(connection, "searches", "WHERE n = ?", (number,))
            hidden = sorted({*json.loads(row["hidden"]), *sightings})
            connection.execute("UPDATE searches SET hidden = ? WHERE n = ?", (json.dumps(hidden), number))

    def heeded(self) -> set[str]:
        """Names of the gallery's erasures that were carried out here."""
        with self.file.reading() as connection:
            return {uid for (uid,) in connection.execute("SELECT uid FROM heeded")}

    def note_heeded(self, uids: Iterable[str]) -> None:
        with self.file.changing() as connection:
            connection.executemany("INSERT OR IGNORE INTO heeded VALUES (?)", ((uid,) for uid in uids))

    def forget_heeded(self) -> None:
        """All erasures are to be carried out again: a hold was lifted, and what it kept is due."""
        with self.file.changing() as connection:
            connection.execute("DELETE FROM heeded")

    def list_near(self, pictures: Sequence[Near]) -> None:
        """Notes pictures that look like somebody who was erased, for a person to decide."""
        with self.file.erasing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO near (picture, case_id, erased_at, distance)"
                " SELECT id, case_id, ?, ? FROM pictures WHERE id = ? AND erased_at IS NULL",
                ((to_microseconds(each.erased_at), each.distance, each.picture) for each in pictures),
            )

    def settle(self, picture: str) -> None:
        """A person decided that a picture which looks like somebody erased shows another person."""
        with self.file.changing() as connection:
            connection.execute("DELETE FROM near WHERE picture = ?", (picture,))

    # --- erasures that a hold is in the way of

    def asked_erasures(self) -> list[AskedErasure]:
        """The last asked first."""
        with self.file.reading() as connection:
            return [_asked(row) for row in _rows(connection, "erasures", "ORDER BY at DESC, id")]

    def ask_erasure(self, asked: AskedErasure) -> None:
        with self.file.changing() as connection:
            values = {name: getattr(asked, name) for name in ("id", "reason", "who", "at")}
            _insert(connection, "erasures", {**values, "conditions": _json(asked.conditions)})

    def decide_erasure(self, asked: AskedErasure) -> None:
        """Notes what was decided."""
        with self.file.erasing() as connection:
            connection.execute(
                "UPDATE erasures SET conditions = ?, decided_by = ?, decided_at = ?, approved = ?, removed = ? WHERE id = ?",
                (
                    _json(asked.conditions),
                    asked.decided_by,
                    _as_kept(asked.decided_at),
                    asked.approved,
                    asked.removed,
                    asked.id,
                ),
            )

    def remember(self, **entries: str) -> None:
        with self.file.changing() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", entries.items())

    def recall(self, name: str) -> str | None:
        with self.file.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
            return None if row is None else str(row[0])


def without(content: Mapping[str, Any], sightings: set[str]) -> dict[str, Any]:
    """A stored search without these hits. Whom it was like is an empty text from then on, if that is one of them."""
    answer = content["answer"]
    left = [None if hit is not None and hit["id"] in sightings else hit for hit in answer["hits"]]
    like = "" if content["like"] in sightings else content["like"]
    return {**content, "like": like, "answer": {**answer, "hits": left}}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)


def _rows(connection: Connection, table: str, which: str, values: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} {which}", values)
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def _insert(connection: Connection, table: str, values: Mapping[str, Any]) -> int:
    """Returns: the row's number."""
    names, places = ", ".join(values), ", ".join("?" * len(values))
    kept = [_as_kept(value) for value in values.values()]
    return int(connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", kept).lastrowid or 0)


def _touch(connection: Connection, case: str, **values: Any) -> None:
    """Sets columns of a case; it has changed."""
    values["changed_at"] = now()
    named = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE cases SET {named} WHERE id = ?", [*map(_as_kept, values.values()), case])


def _as_kept(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_microseconds(value)
    return json.dumps(value) if isinstance(value, tuple) else value


def _set_people(connection: Connection, case: str, people: Sequence[Person]) -> None:
    looked = dict(connection.execute("SELECT name, looked FROM people WHERE case_id = ?", (case,)))
    connection.execute("DELETE FROM people WHERE case_id = ?", (case,))
    parts = {person.name: person.part.value for person in people}
    for name in parts.keys() | {name for name, search in looked.items() if search}:
        values = {"case_id": case, "name": name, "part": parts.get(name, ""), "looked": looked.get(name, 0)}
        _insert(connection, "people", values)


def _moment(value: int) -> datetime:
    moment = from_microseconds(value)
    assert moment is not None
    return moment


def _case(connection: Connection, row: Mapping[str, Any]) -> Case:
    query = "SELECT name, part, looked FROM people WHERE case_id = ? AND part != '' ORDER BY name"
    people = [Person(name, Part(part), looked) for name, part, looked in connection.execute(query, (row["id"],))]
    hold, approval = None, None
    if row["held_at"] is not None:
        hold = Hold(_moment(row["held_at"]), row["held_by"], row["held_why"])
    if row["asked_at"] is not None:
        approval = Approval(
            _moment(row["asked_at"]),
            row["approver"],
            row["approved_by"],
            from_microseconds(row["approved_at"]),
            from_microseconds(row["refused_at"]),
        )
    return Case(
        id=row["id"],
        number=row["number"],
        title=row["title"],
        purpose=row["purpose"],
        basis=row["basis"],
        owner=row["owner"],
        people=tuple(people),
        made_at=_moment(row["made_at"]),
        changed_at=_moment(row["changed_at"]),
        keep_until=_moment(row["keep_until"]),
        closed_at=from_microseconds(row["closed_at"]),
        hold=hold,
        approval=approval,
    )


def _picture(row: Sequence[Any]) -> Picture:
    names = [field.name for field in fields(Picture)]
    values = dict(zip(names, row, strict=True))
    for name in ("taken_at", "added_at", "due_at", "erased_at"):
        values[name] = from_microseconds(values[name])
    if values["box"] is not None:
        values["box"] = tuple(json.loads(values["box"]))
    return Picture(**values)


def _marked(row: Mapping[str, Any]) -> Marked:
    values = {field.name: row[field.name] for field in fields(Marked)}
    return Marked(**values | {name: from_microseconds(values[name]) for name in ("at", "withdrawn_at")})


def _asked(row: Mapping[str, Any]) -> AskedErasure:
    values = {field.name: row[field.name] for field in fields(AskedErasure)}
    return AskedErasure(
        **values
        | {
            "conditions": json.loads(values["conditions"]),
            "at": _moment(values["at"]),
            "decided_at": from_microseconds(values["decided_at"]),
            "approved": None if values["approved"] is None else bool(values["approved"]),
        }
    )


def _note(row: Mapping[str, Any]) -> Note:
    return Note(row["n"], row["text"], row["who"], _moment(row["at"]))


def _near(row: Mapping[str, Any]) -> Near:
    return Near(row["picture"], row["case_id"], _moment(row["erased_at"]), row["distance"])
