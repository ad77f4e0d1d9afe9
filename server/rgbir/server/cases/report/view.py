"""From a case to what stands on the page: rows of texts, in one language and one zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from rgbir.client.casework import CaseAnswer, CaseMark, CasePicture
from rgbir.client.evidence.manifest import grouped
from rgbir.client.wire import Hit, errors_path
from rgbir.index import ERRORS_COMMAND
from rgbir.server.cases.report.dossier import Dossier
from rgbir.server.cases.report.texts import Words

Pairs = list[tuple[str, str]]
"""Names and values, one below the other."""
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on the page.

    Attributes:
        id: what its bytes are asked for by; None where there is nothing to show.
        instead: why not, in words.
    """

    id: str | None
    instead: str


@dataclass(frozen=True, slots=True)
class Row:
    """A hit that somebody decided about, in texts.

    Attributes:
        id: of the picture in the case.
        picture, query: the hit, and what was searched with.
        mark, decision: the mark that stands, for programs and in words.
        day, clock: when it was taken.
        place, camera: where.
        strangers: how many are expected to be as near, of how many.
        note, by: what was seen, and who decided so.
    """

    id: str
    picture: Shown
    query: Shown
    mark: str
    decision: str
    day: str
    clock: str
    place: str
    camera: str
    strangers: str
    note: str
    by: str


class View:
    """What the template asks for, each once.

    Args:
        zone: whose clocks are shown.
    """

    def __init__(self, dossier: Dossier, words: Words, zone: tzinfo) -> None:
        self.dossier, self.words, self.zone = dossier, words, zone
        self.case = dossier.case
        self._pictures = {picture.id: picture for picture in self.case.pictures}
        self._answers = {answer.n: answer for answer in dossier.answers}
        self._standing = _standing(self.case.marks)
        self.queries = [picture for picture in self.case.pictures if picture.kind == "query"]
        hits = [picture for picture in self.case.pictures if picture.id in self._standing]
        self._decided = sorted(hits, key=lambda picture: (picture.taken_at or NEVER, picture.added_at))
        """In order of time; those without one at the end."""
        rows = [self._row(picture) for picture in self._decided]
        self.rows = [row for row in rows if row.mark != "different"]
        self.ruled_out = [row for row in rows if row.mark == "different"]

    # --- moments

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def time(self, moment: datetime | None) -> str:
        if moment is None:
            return self.words("no_time")
        there = self.local(moment)
        return f"{self.words.day(there)} {self.words.clock(there)}"

    # --- the first page

    def head(self) -> Pairs:
        """What holds for the case as a whole, where something does."""
        words, case = self.words, self.case
        pairs: Pairs = []
        if case.hold is not None:
            values = {"time": self.time(case.hold.at), "who": case.hold.who, "why": case.hold.why}
            pairs.append((words("hold"), words("hold_since", **values)))
        if (approval := case.approval) is not None:
            if approval.at is not None:
                text = words("approved", who=approval.who, time=self.time(approval.at))
            elif approval.refused_at is not None:
                text = words("refused", who=approval.who, time=self.time(approval.refused_at))
            else:
                text = words("approval_waits", time=self.time(approval.asked_at))
            pairs.append((words("approval"), text))
        return pairs

    def question(self) -> Pairs:
        words, case = self.words, self.case
        pairs: Pairs = []
        if self.queries:
            query = self.queries[0]
            pairs = [(words("camera"), self.camera(query)), (words("taken"), self.time(query.taken_at))]
            pairs.append((words("file"), query.name or words("unknown")))
        pairs.append((words("purpose"), case.purpose))
        pairs.append((words("basis"), case.basis or words("none_named")))
        return pairs

    def further(self) -> list[tuple[Shown, str, str]]:
        """The other queries, each with its camera and its time."""
        return [(self.shown(query), self.camera(query), self.time(query.taken_at)) for query in self.queries[1:]]

    def searched(self) -> Pairs:
        """Of the last search."""
        words = self.words
        if not self.dossier.answers:
            return []
        answer = self.dossier.answers[-1]
        cameras = ", ".join(answer.searched_cameras) or words("left.nothing")
        count = words("unknown") if answer.coverage is None else words.number(answer.coverage.searched)
        pairs = []
        if len(self.dossier.answers) > 1:
            last = words("last_of", n=len(self.dossier.answers), time=self.time(answer.at))
            pairs.append((words("of_searches"), last))
        return [
            *pairs,
            (words("sightings"), words("of_cameras", n=count, list=cameras)),
            (words("window"), self._window(answer.options)),
            (words("left"), "; ".join(self._left_out(answer)) or words("left.nothing")),
            (words("walk"), self._walk(answer)),
            (words("order"), "; ".join(self._order(answer))),
            (words("silent"), self._silent()),
        ]

    def counts(self) -> str:
        hits = dict.fromkeys(hit.id for answer in self.dossier.answers for hit in answer.ranking if hit is not None)
        marked = {self._pictures[name].sighting for name in self._standing if name in self._pictures}
        return self.words(
            "counts",
            different=self.words.number(len(self.ruled_out)),
            open=self.words.number(len(hits.keys() - marked)),
            total=self.words.number(len(hits)),
        )

    def errors(self) -> Iterator[str]:
        """How often it errs: pairs of cameras, how near the hits are, and the model's own results."""
        words = self.words
        missing: dict[str, list[str]] = {}
        for a, b in self._pairs_of_cameras():
            pair = self.dossier.measured.get(frozenset((a, b)))
            if pair is None:
                missing.setdefault(a, []).append(b)
            else:
                counts = {"genuine": words.number(pair.genuine), "strangers": words.number(pair.strangers)}
                yield words("pair", a=a, b=b, **counts)
        yield from (words("pair.not", a=a, list=", ".join(others)) for a, others in missing.items())
        for row in self.rows:
            hit, _ = self._hit(row.id)
            if hit is not None and hit.meaning is not None and hit.meaning.false_accept_rate > 0:
                among = words.number(max(1, round(1 / hit.meaning.false_accept_rate)))
                yield words("one_in", n=among, time=f"{row.day} {row.clock}".strip())
        for protocol, figures in self.dossier.figures.items():
            yield words("model_measured", protocol=protocol, figures=self._figures(figures))
        if not self.dossier.figures:
            yield words("model_not_measured")
        yield from self._documented()
        yield words("never_measured")

    def _documented(self) -> Iterator[str]:
        """Where the model's errors stand, if they are those of the model that answered last."""
        words, errors = self.words, self.dossier.errors
        answered = self.dossier.answers[-1].model.fingerprint if self.dossier.answers else self.dossier.fingerprint
        if errors is None or errors.about.get("fingerprint") != answered:
            yield words("errors.none", command=ERRORS_COMMAND)
            return
        yield words("errors.at", data=errors.about.get("data", ""), path=errors_path(""))
        for side in errors.sides:
            leads = [each.false_accepts.value for each in side.accepts if each.false_accepts and each.searched == "all"]
            if leads:
                low, high = (words.number(round(100 * share)) for share in (min(leads), max(leads)))
                yield words(f"leads.{side.probes}", low=low, high=high)

    def checks(self, command: str, zone: str) -> Pairs:
        """
        Args:
            command: that verifies the ZIP.
            zone: whose clocks are shown, in words.
        """
        words, dossier = self.words, self.dossier
        last = dossier.answers[-1] if dossier.answers else None
        model, fingerprint = (
            (dossier.model, dossier.fingerprint) if last is None else (last.model.name, last.model.fingerprint)
        )
        key = dossier.signed_by
        pairs = [
            (words("model"), f"{model} {grouped(fingerprint)}"),
            (words("gallery"), words("state", n=dossier.generation if last is None else last.generation)),
        ]
        if dossier.entries is not None:
            pairs.append((words("audit"), words("entries", first=dossier.entries[0], last=dossier.entries[1])))
        pairs.append((words("manifest"), words("unsigned") if key is None else words("signed", key=grouped(key))))
        return [*pairs, (words("check"), command), (words("clocks"), zone)]

    # --- the later pages

    def searches(self) -> list[tuple[str, ...]]:
        """Number, time, who, purpose, pictures, filters, hits, order, state and model of each."""
        words = self.words
        return [
            (
                str(answer.n),
                self.time(answer.at),
                answer.who,
                answer.purpose or "",
                answer.like or words.number(len(answer.queries)),
                ", ".join(f"{name} {_plain(value)}" for name, value in answer.options.items()),
                words.number(answer.hits),
                "; ".join(self._order(answer)),
                f"{words('state', n=answer.generation)}, {answer.model.name} {grouped(answer.model.fingerprint)}",
            )
            for answer in self.dossier.answers
        ]

    def decisions(self) -> list[tuple[str, ...]]:
        """Number, time, who, which hit, what, and what was seen; those that were taken back, too."""
        words = self.words
        return [
            (
                str(mark.n),
                self.time(mark.at),
                mark.who,
                self._which(mark.picture),
                "" if mark.mark is None else words(f"mark.{mark.mark}"),
                mark.note,
                ""
                if mark.withdrawn_at is None
                else words("taken_back", time=self.time(mark.withdrawn_at), who=mark.withdrawn_by),
            )
            for mark in self.case.marks
        ]

    def notes(self) -> list[tuple[str, ...]]:
        return [(self.time(note.at), note.who, note.text) for note in self.case.notes]

    def hashes(self) -> list[tuple[str, ...]]:
        """Kind, name, where the ZIP has it, and the hash."""
        kinds = {"query": self.words("the_query"), "hit": self.words("the_hit")}
        return [
            (kinds[picture.kind], picture.name, self.dossier.files.get(picture.id, picture.id), picture.sha256 or "")
            for picture in self.case.pictures
            if picture.sha256 is not None
        ]

    def films(self) -> list[tuple[str, ...]]:
        """Which hit, in which recording it was found, at which second, and the recording's hash."""
        return [
            (self._which(picture.id), picture.film.name, f"{picture.film.seconds:.1f} s", picture.film.sha256)
            for picture in self.case.pictures
            if picture.film is not None
        ]

    # --- parts

    def shown(self, picture: CasePicture | None) -> Shown:
        words = self.words
        if picture is None or picture.sha256 is None:
            instead = words("no_picture")
            if picture is not None and picture.erased_at is not None:
                instead = words("erased", time=self.time(picture.erased_at))
            elif picture is not None and picture.blank:
                instead = words("blank")
            return Shown(None, instead)
        return Shown(picture.id, words("no_picture"))

    def camera(self, picture: CasePicture) -> str:
        """A picture's camera, where it is and what light it sees."""
        words = self.words
        if picture.blank or picture.erased_at is not None:
            return self.shown(picture).instead
        parts = [" ".join(filter(None, (picture.camera, picture.place))) or words("unknown")]
        return ", ".join([*parts, *([words(f"light.{picture.modality}")] if picture.modality else [])])

    def _row(self, picture: CasePicture) -> Row:
        words, marks = self.words, self._standing[picture.id]
        mark = marks[0]
        _, answer = self._hit(picture.id)
        there = None if picture.taken_at is None else self.local(picture.taken_at)
        query = next(iter(answer.queries if answer else []), self.queries[0].id if self.queries else "")
        return Row(
            id=picture.id,
            picture=self.shown(picture),
            query=self.shown(self._pictures.get(query)),
            mark=mark.mark or "",
            decision=words(f"mark.{mark.mark}"),
            day=words.day(there) if there else "" if picture.blank else words("no_time"),
            clock=words.clock(there) if there else "",
            place=picture.place or "",
            camera=words("of_camera", camera=picture.camera) if picture.camera else "",
            strangers=self._strangers(picture.id, mark),
            note="; ".join(_notes(marks)),
            by="; ".join(self._by(marks)),
        )

    def _by(self, marks: Sequence[CaseMark]) -> Iterator[str]:
        """Who decided so first, who agrees, and who decided otherwise."""
        words = self.words
        first, *agreeing = sorted((mark for mark in marks if mark.mark == marks[0].mark), key=lambda mark: mark.n)
        yield f"{first.who}, {self.time(first.at)}"
        yield from (words("agrees", who=mark.who, time=self.time(mark.at)) for mark in agreeing)
        for mark in marks:
            if mark.mark != first.mark:
                values = {"who": mark.who, "time": self.time(mark.at)}
                yield words("differs", **values, mark=words(f"mark.{mark.mark}"))

    def _hit(self, picture: str) -> tuple[Hit | None, CaseAnswer | None]:
        """Where a hit stood: in the search that its mark names, or in the last one that had it."""
        sighting = self._pictures[picture].sighting
        marks = self._standing.get(picture, ())
        named = [self._answers[mark.search] for mark in marks if mark.search in self._answers]
        if sighting is None:
            return None, next(iter(named), None)
        for answer in (*named, *reversed(self.dossier.answers)):
            if (
                hit := next((hit for hit in answer.ranking if hit is not None and hit.id == sighting), None)
            ) is not None:
                return hit, answer
        return None, next(iter(named), None)

    def _strangers(self, picture: str, mark: CaseMark) -> str:
        hit, answer = self._hit(picture)
        strangers = mark.strangers if hit is None or hit.meaning is None else hit.meaning.strangers
        if strangers is None:
            return self.words("not_measured")
        if answer is None or answer.coverage is None:
            return self.words.strangers(strangers)
        return self.words("n_of", s=self.words.strangers(strangers), n=self.words.number(answer.coverage.searched))

    def _which(self, picture: str) -> str:
        """A hit by camera and time, as people find it again in the report."""
        there = self._pictures.get(picture)
        if there is None or there.blank or there.erased_at is not None:
            return self.shown(there).instead
        return f"{self.words('of_camera', camera=there.camera)}, {self.time(there.taken_at)}"

    def _window(self, options: Mapping[str, Any]) -> str:
        words, parts = self.words, []
        if options.get("since") or options.get("until"):
            since = self.time(datetime.fromisoformat(options["since"])) if options.get("since") else words("open_begin")
            until = self.time(datetime.fromisoformat(options["until"])) if options.get("until") else words("open_end")
            parts.append(words("from_until", since=since, until=until))
        if options.get("hours"):
            parts.append(str(options["hours"]))
        return ", ".join(parts) or words("always")

    def _left_out(self, answer: CaseAnswer) -> Iterator[str]:
        words = self.words
        for left in answer.excluded_cameras:
            key = f"left.{left.code}" if left.code and words.knows(f"left.{left.code}") else "left.other"
            yield words(key, **{"c": left.camera, "reason": left.reason, **left.values})
        if answer.coverage is not None:
            for key in ("untimed", "time", "labels"):
                if count := getattr(answer.coverage, key):
                    yield words(f"left.{key}", n=words.number(count))

    def _walk(self, answer: CaseAnswer) -> str:
        how = answer.options.get("passages", "filter")
        if how != "off" and "taken_at" not in answer.options:
            return self.words("walk.no_time")
        count = 0 if answer.coverage is None else answer.coverage.passages
        return self.words(f"walk.{how}", n=self.words.number(count))

    def _order(self, answer: CaseAnswer) -> Iterator[str]:
        yield self.words("exact" if answer.exact else "approximate")
        if answer.same or answer.different:
            yield self.words("refined", same=answer.same, different=answer.different)

    def _silent(self) -> str:
        silent = self.dossier.silent
        if silent is None:
            return self.words("unknown")
        return self.words("silent.list", list=", ".join(silent)) if silent else self.words("silent.none")

    def _pairs_of_cameras(self) -> Iterator[tuple[str, str]]:
        """The queries' cameras with those of the hits that stand, or with all searched ones where none does."""
        asked = dict.fromkeys(query.camera for query in self.queries if query.camera is not None)
        seen = dict.fromkeys(
            picture.camera
            for picture in self._decided
            if picture.camera is not None and self._standing[picture.id][0].mark != "different"
        )
        if not seen and self.dossier.answers:
            seen = dict.fromkeys(self.dossier.answers[-1].searched_cameras)
        yield from ((a, b) for a in asked for b in sorted(seen) if a != b)

    def _figures(self, figures: Mapping[str, Any]) -> str:
        """Each with its standard deviation, where the card has one."""
        spread: Mapping[str, float] = figures.get("spread", {})
        shown = []
        for name, value in figures.items():
            if name in ("command", "spread"):
                continue
            words = self.words.decimal(value, 3) if isinstance(value, float) else str(value)
            shown.append(f"{name} {words}" + (f" ± {self.words.decimal(spread[name], 3)}" if name in spread else ""))
        return ", ".join(shown)


def _standing(marks: Sequence[CaseMark]) -> dict[str, list[CaseMark]]:
    """Of each picture, each person's last mark that wasn't taken back, the last of all first; without blank ones."""
    last: dict[str, dict[str, CaseMark]] = {}
    for mark in marks:
        if mark.withdrawn_at is None and not mark.blank:
            last.setdefault(mark.picture, {})[mark.who] = mark
    return {picture: sorted(by.values(), key=lambda mark: -mark.n) for picture, by in last.items()}


def _notes(marks: Sequence[CaseMark]) -> list[str]:
    """What each saw; whose it is, where several said something."""
    noted = sorted((mark for mark in marks if mark.note), key=lambda mark: mark.n)
    return [mark.note if len(noted) == 1 else f"{mark.who}: {mark.note}" for mark in noted]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
