"""What may be done with cases, and by whom. Whoever calls this notes it in the audit log before and after."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, overload

from rgbir.index import MOST_JUMP, AnyGallery, Crop, GalleryError, RetentionRun, UsageError, listed
from rgbir.server.access.keys import MOST_NAME, Key, Role
from rgbir.server.cases import erasing, holds
from rgbir.server.cases.file import CaseFile
from rgbir.server.cases.judging import Judging
from rgbir.server.cases.records import (
    MARKS,
    Approval,
    AskedErasure,
    Case,
    Course,
    Mark,
    Marked,
    Near,
    Note,
    Part,
    Person,
    Picture,
    State,
)
from rgbir.server.cases.store import CaseStore, Embedded, new_id, now
from rgbir.server.errors import Held, NotAllowed, NotNow, NotThere

MOST_DAYS, MOST_PEOPLE = 36_500, 200
_log = logging.getLogger(__name__)


class Access(IntEnum):
    """What somebody may do in a case, each with all before it: OWN changes its head and deletes it, ADMINISTER holds it."""

    NONE = 0
    READ = 1
    WORK = 2
    OWN = 3
    ADMINISTER = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site demands of cases.

    Attributes:
        days: for which one is kept where nothing else is said.
        need_basis: each names its legal basis.
        bases: the only ones that may be named; any if empty.
        need_approval: a second person approves a case before its first search, and nothing is searched without a case.
        erase_under_hold: two administrators together may erase what a hold keeps.
    """

    days: int = 180
    need_basis: bool = False
    bases: tuple[str, ...] = ()
    need_approval: bool = False
    erase_under_hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """What is said of a case when it is made.

    Attributes:
        number: what people call it.
        title: what it is about.
        purpose: why somebody is looked for.
        basis: the legal basis; empty for none.
        keep_days: until it is deleted; the site's rule where that is None.
        approver: the only one who may approve it; any other administrator if None.
        readers, workers: names of keys that are let in.
    """

    number: str
    title: str
    purpose: str
    basis: str = ""
    keep_days: int | None = None
    approver: str | None = None
    readers: Sequence[str] = ()
    workers: Sequence[str] = ()


class Casebook:
    """The cases of one server.

    Args:
        folder: where they are, or are to be.

    Raises:
        BadSettings, CasesUnusable: see `CaseFile`.
    """

    def __init__(self, folder: Path, rules: Rules) -> None:
        self.rules = rules
        self.store = CaseStore(CaseFile(folder))
        self.judging = Judging(self.store.file)
        self._heeded: tuple[object, ...] = ()
        """How the gallery stood when its erasures were heeded."""
        try:
            erasing.catch_up(self.store)
            holds.hold_again(self.store)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.store.file.close()

    # --- who may

    def access(self, case: Case, caller: Key) -> Access:
        if caller.role is Role.ADMIN and caller.cameras is None:
            return Access.ADMINISTER
        if not caller.may(Role.SEARCH):
            return Access.NONE
        if case.owner == caller.name:
            return Access.OWN
        if case.part_of(caller.name) is None and case.state is State.WAITING and _approves(case, caller):
            return Access.READ
        return {None: Access.NONE, Part.READER: Access.READ, Part.WORKER: Access.WORK}[case.part_of(caller.name)]

    def seen_by(self, caller: Key) -> list[Case]:
        """The cases that somebody may look at, the last changed first."""
        return [case for case in map(self._ruled, self.store.cases()) if self.access(case, caller) >= Access.READ]

    def for_(self, caller: Key, name: str, least: Access = Access.READ) -> Case:
        """The case of that id or number.

        Raises:
            NotThere: there is none that the caller may look at.
            NotAllowed: they may look, and no more.
        """
        case = self._ruled(self.store.case(name))
        if case is None or (access := self.access(case, caller)) is Access.NONE:
            raise NotThere(f"no case {name[:80]!r} that key {caller.name!r} was let into; its owner lets others in")
        if access < least:
            who = {
                Access.WORK: f"its owner, {case.owner!r}, or whom they let in to work on it",
                Access.OWN: f"its owner, {case.owner!r}, or an administrator",
                Access.ADMINISTER: "an administrator of all cameras",
            }[least]
            raise NotAllowed(f"key {caller.name!r} may look at case {case.number!r}; this is done by {who}")
        return case

    def working(self, caller: Key, name: str) -> Case:
        """A case that somebody may add to.

        Raises:
            NotThere, NotAllowed: see `for_`.
            NotNow: it is closed, or waits for an approval.
        """
        case = self.for_(caller, name, Access.WORK)
        if case.state is State.CLOSED:
            raise NotNow(f"case {case.number!r} is closed; its owner, {case.owner!r}, may open it again")
        return case

    def searching(self, caller: Key, name: str) -> Case:
        """A case that somebody may search for.

        Raises:
            NotThere, NotAllowed, NotNow: see `working`; or it waits for an approval.
        """
        case = self.working(caller, name)
        if case.approval is not None and case.approval.at is None:
            who = repr(case.approval.approver) if case.approval.approver else "an administrator other than its owner"
            raise NotNow(f"case {case.number!r} waits for an approval before its first search; {who} gives it")
        return case

    @overload
    def _ruled(self, case: Case) -> Case: ...

    @overload
    def _ruled(self, case: Case | None) -> Case | None: ...

    def _ruled(self, case: Case | None) -> Case | None:
        """A case by the rules of today: one that is older than the need of an approval waits for it, too."""
        if case is None or case.approval is not None or not self.rules.need_approval:
            return case
        return replace(case, approval=Approval(case.made_at, None))

    # --- heads

    def add(self, caller: Key, new: NewCase) -> Case:
        """Makes a case; the very same again is the case that there is.

        Raises:
            UsageError: what is said of it doesn't fit the site's rules.
            NotNow: another case has that number.
        """
        self._check_head(new.title, new.purpose, new.basis)
        if not new.number.strip():
            raise UsageError("a case needs a number, such as 26-117")
        made_at = now()
        approval = Approval(made_at, new.approver or None) if self.rules.need_approval else None
        if approval is None and new.approver:
            raise UsageError(
                "approver names who approves the first search, and this server asks for no approval; leave it out"
            )
        if approval is not None and approval.approver == caller.name:
            raise UsageError("a second person approves a case; name another approver than yourself, or none")
        case = Case(
            id=new_id(),
            number=new.number.strip(),
            title=new.title.strip(),
            purpose=new.purpose.strip(),
            basis=new.basis.strip(),
            owner=caller.name,
            people=_people(caller.name, new.readers, new.workers),
            made_at=made_at,
            changed_at=made_at,
            keep_until=self._until(made_at, new.keep_days),
            approval=approval,
        )
        there = self.store.case(case.number)
        if there is not None and _same(there, case):
            return there
        if there is not None:
            raise NotNow(f"there is a case {case.number!r} already; choose another number")
        self.store.add(case)
        return case

    def _check_head(self, title: str, purpose: str, basis: str) -> None:
        if not title.strip():
            raise UsageError("a case needs a title that says what it is about")
        if not purpose.strip():
            raise UsageError("a case needs a purpose: why somebody is looked for")
        if self.rules.need_basis and not basis.strip():
            some = f"; one of {listed(self.rules.bases)}" if self.rules.bases else ""
            raise UsageError(f"this server wants each case's legal basis{some}")
        if basis.strip() and self.rules.bases and basis.strip() not in self.rules.bases:
            raise UsageError(f"the legal basis is {listed(self.rules.bases, 'or')}, not {basis[:80]!r}")

    def _until(self, begin: datetime, days: int | None) -> datetime:
        days = self.rules.days if days is None else days
        if not 1 <= days <= MOST_DAYS:
            raise UsageError(f"a case is kept for 1 to {MOST_DAYS:,} days, not for {days}")
        return begin + timedelta(days=days)

    def change(
        self,
        caller: Key,
        name: str,
        *,
        title: str | None = None,
        purpose: str | None = None,
        basis: str | None = None,
        owner: str | None = None,
        keep_days: int | None = None,
        readers: Sequence[str] | None = None,
        workers: Sequence[str] | None = None,
        closed: bool | None = None,
    ) -> Case:
        """Changes what is given of a case's head.

        Args:
            keep_days: from now on.
            readers, workers: all who are let in from now on.

        Raises:
            NotThere, NotAllowed: the caller isn't its owner, and no administrator.
            NotNow: it was refused, and is to be opened again.
            UsageError: what is given doesn't fit the site's rules, or is nothing.
        """
        case = self.for_(caller, name, Access.OWN)
        values: dict[str, Any] = {
            key: value.strip()
            for key, value in {"title": title, "purpose": purpose, "basis": basis, "owner": owner}.items()
            if value is not None
        }
        self._check_head(
            values.get("title", case.title), values.get("purpose", case.purpose), values.get("basis", case.basis)
        )
        if "owner" in values and not values["owner"]:
            raise UsageError("a case has an owner; name the key of whom it goes to")
        waits = case.approval is not None and case.approval.at is None
        if "owner" in values and waits and values["owner"] != case.owner:
            raise NotNow(f"case {case.number!r} waits for an approval, and goes to nobody else before it")
        about = {key: values[key] for key in ("title", "purpose", "basis") if key in values}
        if case.approval is not None and not waits and any(getattr(case, key) != value for key, value in about.items()):
            values |= {"asked_at": now(), "approved_at": None, "approved_by": None}  # it was approved as something else
        if keep_days is not None:
            values["keep_until"] = self._until(now(), keep_days)
        if closed is not None:
            if not closed and case.approval is not None and case.approval.refused_at is not None:
                raise NotNow(f"case {case.number!r} was refused; it stays closed")
            values["closed_at"] = case.closed_at or now() if closed else None
        people = None
        if readers is not None or workers is not None or "owner" in values:
            known = {part: [each.name for each in case.people if each.part is part] for part in Part}
            people = _people(
                values.get("owner", case.owner),
                known[Part.READER] if readers is None else readers,
                known[Part.WORKER] if workers is None else workers,
            )
        if not values and people is None:
            raise UsageError("nothing was given to change")
        self.store.change(case.id, people, **values)
        return self._again(case)

    def hold(self, caller: Key, name: str, reason: str) -> Case:
        """Puts a case on legal hold: nothing of it is deleted until it is lifted.

        Raises:
            NotThere, NotAllowed: the caller is no administrator of all cameras.
            UsageError: no reason.
        """
        case = self.for_(caller, name, Access.ADMINISTER)
        if not reason.strip():
            raise UsageError("a hold needs a reason, which its report names")
        if case.hold is None:
            holds.note_hold(self.store, case.id, caller.name, reason.strip())
            self.store.change(case.id, held_at=now(), held_by=caller.name, held_why=reason.strip())
        return self._again(case)

    def lift(self, caller: Key, name: str, gallery: AnyGallery) -> Case:
        """Ends a hold. What was erased elsewhere meanwhile goes now.

        Raises:
            NotThere, NotAllowed: see `hold`.
        """
        case = self.for_(caller, name, Access.ADMINISTER)
        if case.hold is not None:
            holds.note_lift(self.store, case.id)
            self.store.forget_heeded()
            self.store.change(case.id, held_at=None, held_by=None, held_why=None)
            self.heed(gallery, again=True)
        return self._again(case)

    def approve(self, caller: Key, name: str, *, approved: bool) -> Case:
        """A second person's word before the first search; a case that is refused is closed.

        Raises:
            NotThere: no such case, or none that the caller may look at.
            NotNow: nothing is waited for.
            NotAllowed: the caller is its owner, or another approver is named.
        """
        case = self.for_(caller, name)
        if case.approval is None or case.approval.at is not None or case.approval.refused_at is not None:
            raise NotNow(f"case {case.number!r} waits for nobody's approval")
        if caller.name == case.owner:
            raise NotAllowed(f"case {case.number!r} is {caller.name!r}'s own; a second person approves it")
        if not _approves(case, caller):
            who = repr(case.approval.approver) if case.approval.approver else "an administrator of all cameras"
            raise NotAllowed(f"case {case.number!r} is approved by {who}, not by key {caller.name!r}")
        at = now()
        if approved:
            asked_at = case.approval.asked_at
            self.store.change(case.id, asked_at=asked_at, approved_at=at, approved_by=caller.name)
        else:
            asked_at = case.approval.asked_at
            self.store.change(case.id, asked_at=asked_at, refused_at=at, approved_by=caller.name, closed_at=at)
        return self._again(case)

    @staticmethod
    def approvable(case: Case, caller: Key) -> bool:
        """Whether a case waits for an approval that somebody may give."""
        return case.state is State.WAITING and _approves(case, caller)

    def delete(self, caller: Key, name: str) -> Case:
        """Deletes a case with all that it holds.

        Returns:
            What it was.

        Raises:
            NotThere, NotAllowed: the caller isn't its owner, and no administrator.
            Held: it is on hold.
        """
        case = self.for_(caller, name, Access.OWN)
        self.expect_free(case)
        if not erasing.delete_case(self.store, case.id):
            self.expect_free(self._again(case))
        return case

    @staticmethod
    def expect_free(case: Case) -> None:
        """
        Raises:
            Held: the case is on hold.
        """
        if case.hold is not None:
            raise Held(
                f"case {case.number!r} is on legal hold since {case.hold.at:%Y-%m-%d} by {case.hold.who!r}; an administrator of all"
                " cameras may lift it"
            )

    def _again(self, case: Case) -> Case:
        changed = self._ruled(self.store.case(case.id))
        if changed is None:
            raise NotThere(f"case {case.number!r} was deleted just now")
        return changed

    # --- what a case holds

    def course(self, case: Case) -> Course:
        return self.store.course(case.id)

    def keep_query(self, query: Picture, data: bytes, embedded: Embedded | None) -> Picture:
        """Keeps a query's image; the same one is kept once."""
        assert query.media_type is not None
        return self.store.keep(query, Crop(query.media_type, data), embedded)

    def keep_hit(self, case: Case, gallery: AnyGallery, sighting: str, caller: Key) -> Picture:
        """Copies a sighting's crop and embedding into the case, so that what was decided about can be shown later.

        Raises:
            NotThere: no such sighting, or none that the key sees.
        """
        since = gallery.moment()
        enrolled = gallery.get(sighting)
        if enrolled is None or not caller.sees(enrolled.camera):
            raise NotThere(f"no sighting {sighting!r} in this gallery; it was never enrolled, or was erased")
        crop = gallery.crop(sighting)
        try:
            (row,) = gallery.embeddings([sighting])
        except GalleryError as error:
            raise NotThere(f"sighting {sighting!r} was erased just now") from error
        hit = Picture(
            id=new_id(),
            case_id=case.id,
            kind="hit",
            name=enrolled.source,
            sighting=enrolled.id,
            camera=enrolled.camera,
            modality=None,
            taken_at=enrolled.taken_at,
            identity=enrolled.identity,
            track=enrolled.track,
            frame=enrolled.frame,
            box=None,
            digest=enrolled.digest,
            since=since,
            media_type=None if crop is None else crop.media_type,
            sha256=None if crop is None else digest(crop.data),
            fingerprint=gallery.model.fingerprint,
            added_at=now(),
            added_by=caller.name,
        )
        kept = self.store.keep(hit, crop, Embedded(row, gallery.model.fingerprint))
        self.heed_late(gallery, since)
        if (again := self.store.picture(case.id, kept.id)) is None or again.gone is not None:
            raise NotThere(f"sighting {sighting!r} was erased just now")
        return kept

    def mark(
        self, caller: Key, case: Case, picture: Picture, mark: Mark, note: str = "", search: int | None = None
    ) -> Marked:
        """Says whether a hit shows whom the case looks for. Marks stay; the last one holds.

        Args:
            search: in whose answer the hit stands; its rank there is noted.

        Raises:
            UsageError: no such mark, or a search that the case hasn't, or one without that hit.
        """
        if mark not in MARKS:
            raise UsageError(f"a mark is {listed(MARKS, 'or')}, not {mark!r}")
        rank, strangers = None, None
        if search is not None:
            rank, strangers = self._place(case, search, picture)
        made = Marked(0, picture.id, mark, note.strip(), caller.name, now(), search, rank, strangers)
        return self.store.add_mark(case.id, made)

    def _place(self, case: Case, search: int, picture: Picture) -> tuple[int, float | None]:
        searched = next((each for each in self.store.course(case.id).searches if each.n == search), None)
        if searched is None:
            raise UsageError(f"case {case.number!r} has no search {search}")
        for hit in searched.content["answer"]["hits"]:
            if hit is not None and hit["id"] == picture.sighting:
                return hit["rank"], (hit.get("meaning") or {}).get("strangers")
        raise UsageError(f"sighting {picture.sighting!r} is no hit of search {search}; leave search out")

    def withdraw(self, caller: Key, case: Case, number: int) -> Marked:
        """Takes a mark back, which stays readable.

        Raises:
            NotThere: the case has no such mark.
            NotAllowed: it is somebody else's, and the caller isn't the owner.
        """
        mark = next((mark for mark in self.store.course(case.id).marks if mark.n == number), None)
        if mark is None:
            raise NotThere(f"case {case.number!r} has no mark {number}")
        if mark.who != caller.name and self.access(case, caller) < Access.OWN:
            raise NotAllowed(f"mark {number} is by {mark.who!r}; they take it back, or the case's owner does")
        withdrawn = self.store.withdraw(case.id, number, caller.name)
        assert withdrawn is not None
        return withdrawn

    def note(self, caller: Key, case: Case, text: str) -> Note:
        """
        Raises:
            UsageError: no text.
        """
        if not text.strip():
            raise UsageError("a note needs a text")
        return self.store.add_note(case.id, text.strip(), caller.name)

    def take_out(self, case: Case, name: str) -> None:
        """Erases what a picture shows; marks and notes on it stay.

        Raises:
            NotThere: the case has no such picture.
            Held: the case is on hold.
        """
        if (picture := self.store.picture(case.id, name)) is None:
            raise NotThere(f"case {case.number!r} has no picture {name[:80]!r}")
        with self.store.file.erasing():  # nobody puts it on hold meanwhile
            self.expect_free(self._again(case))
            erasing.take_out(self.store, [picture])

    # --- erasures and retention

    def near(self, gallery: AnyGallery, erased: Sequence[str], but: Sequence[str]) -> list[Near]:
        """Pictures of all cases that look most like sightings which are to be erased, nearest first.

        Args:
            erased: ids of the sightings.
            but: ids of pictures that go themselves.
        """
        if not erased:
            return []
        model = gallery.model
        return erasing.near(self.store, gallery.embeddings(erased), model.fingerprint, model.metric, but)

    def list_near(self, pictures: Sequence[Near]) -> None:
        """Notes them after the erasure, for a person to decide."""
        erasing.with_room(self.store, lambda: self.store.list_near(pictures))

    def heed(self, gallery: AnyGallery, again: bool = False, despite_holds: bool = False) -> erasing.Heeded:
        """Carries out what was erased from the gallery since the last look; cheap where it hasn't changed.

        Args:
            again: look although nothing has changed.
            despite_holds: see `erasing.heed`.
        """
        stands = gallery.address, gallery.model.fingerprint, gallery.generation, gallery.moment()
        if stands == self._heeded and not again:
            return erasing.Heeded({}, {})
        new = gallery.erasures(but=self.store.heeded())
        heeded = erasing.Heeded({}, {})
        if new:
            cameras = [camera.id for camera in gallery.network.cameras]
            heeded = erasing.heed(self.store, new, cameras, despite_holds=despite_holds)
        self._heeded = stands
        if heeded.erased or heeded.kept:
            _log.warning(
                "%d pictures of cases were erased with the gallery's, %d are kept by holds",
                sum(heeded.erased.values()),
                sum(heeded.kept.values()),
            )
        return heeded

    def heed_late(self, gallery: AnyGallery, since: int) -> None:
        """Carries out what was erased from the gallery after a moment, on what was written here meanwhile.

        Args:
            since: the gallery's moment before it was read, microseconds since 1970.
        """
        if late := gallery.erasures(since=since):
            erasing.heed(self.store, late, [camera.id for camera in gallery.network.cameras])

    def ask_erasure(self, caller: Key, conditions: Mapping[str, Any], reason: str) -> AskedErasure:
        """Asks for an erasure that a hold is in the way of; another administrator decides.

        Raises:
            UsageError: no reason.
        """
        if not reason.strip():
            raise UsageError("an erasure under a legal hold needs a reason")
        asked = AskedErasure(new_id(), conditions, reason.strip(), caller.name, now())
        self.store.ask_erasure(asked)
        return asked

    def deciding(self, caller: Key, name: str) -> AskedErasure:
        """An erasure that waits for somebody's decision.

        Raises:
            NotThere: no such one.
            NotNow: it was decided already.
            NotAllowed: the caller asked for it.
        """
        asked = next((each for each in self.store.asked_erasures() if each.id == name), None)
        if asked is None:
            raise NotThere(f"no erasure {name[:80]!r} was asked for")
        if asked.decided_at is not None:
            raise NotNow(
                f"erasure {name!r} was decided by {asked.decided_by!r} at {asked.decided_at:%Y-%m-%d %H:%M} UTC"
            )
        if asked.who == caller.name:
            raise NotAllowed(f"key {caller.name!r} asked for this erasure; a second person decides")
        return asked

    def decided(self, caller: Key, asked: AskedErasure, *, approved: bool, removed: int | None) -> AskedErasure:
        """Notes what was decided, and how many sightings left the gallery; ids of whom it meant are forgotten."""
        left = {name: value for name, value in asked.conditions.items() if name != "ids"}
        done = replace(
            asked, conditions=left, decided_by=caller.name, decided_at=now(), approved=approved, removed=removed
        )
        erasing.with_room(self.store, lambda: self.store.decide_erasure(done))
        return done

    def expire(self, *, sure: bool = False, tell: Callable[[Case], None] | None = None) -> list[Case]:
        """Deletes cases that have been kept long enough; those on hold stay.

        Args:
            sure: somebody looked at the clock.
            tell: what is done before a case goes.

        Raises:
            UsageError: the clock went further than time did, so a wrong one may be what makes them due.
        """
        run = RetentionRun.now()
        noted = self.store.recall("retention")
        before = None if noted is None else RetentionRun.model_validate_json(noted)
        gone = erasing.due(self.store.cases(), run.at)
        jump = run.jump(before)
        if gone and before is not None and jump > MOST_JUMP and not sure:
            raise UsageError(
                f"{len(gone)} cases are due, and the clock is {jump.total_seconds() / 86_400:.1f} days further than it was at the last"
                f" look ({before.at:%Y-%m-%d %H:%M} UTC) and time since can explain; look at the clock, then say `rgbir cases expire"
                " --yes`"
            )
        for case in gone:
            if tell is not None:
                tell(case)
            if not erasing.delete_case(self.store, case.id):
                _log.warning("case %s was put on hold just now, and stays", case.number)
        if sure or jump <= MOST_JUMP:
            self.store.remember(retention=run.model_dump_json())
        return gone


def _same(there: Case, case: Case) -> bool:
    """Whether a case was made as this one is to be made now."""
    about = ("owner", "title", "purpose", "basis", "people")
    lasts = abs(there.keep_until - there.made_at - (case.keep_until - case.made_at)) < timedelta(seconds=1)
    approver = [None if each.approval is None else each.approval.approver for each in (there, case)]
    return lasts and approver[0] == approver[1] and all(getattr(there, name) == getattr(case, name) for name in about)


def digest(data: bytes) -> str:
    """sha256 of bytes that are kept."""
    return hashlib.sha256(data).hexdigest()


def _approves(case: Case, caller: Key) -> bool:
    """Whether somebody may give the approval that a case waits for."""
    if case.approval is None or caller.name == case.owner:
        return False
    if case.approval.approver is not None:
        return caller.name == case.approval.approver
    return caller.role is Role.ADMIN and caller.cameras is None


def _people(owner: str, readers: Sequence[str], workers: Sequence[str]) -> tuple[Person, ...]:
    """
    Raises:
        UsageError: somebody is both, a name is too long, or they are too many.
    """
    for name in (*readers, *workers):
        if len(name) > MOST_NAME:
            raise UsageError(f"a key's name has {MOST_NAME} characters at most, not {len(name):,}")
    if len(set(readers)) + len(set(workers)) > MOST_PEOPLE:
        raise UsageError(
            f"{MOST_PEOPLE} people at most are let into a case, not {len(set(readers)) + len(set(workers)):,}"
        )
    readers = [name.strip() for name in readers if name.strip() and name.strip() != owner]
    workers = [name.strip() for name in workers if name.strip() and name.strip() != owner]
    if both := sorted(set(readers) & set(workers)):
        raise UsageError(f"{listed(both)} is named as reader and as worker; a worker reads, too")
    parts = {**dict.fromkeys(readers, Part.READER), **dict.fromkeys(workers, Part.WORKER)}
    return tuple(Person(name, part) for name, part in sorted(parts.items()))
