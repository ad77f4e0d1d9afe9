"""Another model for a server that goes on answering: a second gallery is filled from the crops of the first, the two are compared,
then one takes the other's place between two requests. The one that answered before is the way back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index import (
    AnyGallery,
    Card,
    Gallery,
    GalleryAddress,
    GalleryBusy,
    GalleryError,
    GalleryMissing,
    IndexFailure,
    Modality,
    NewSighting,
    Tally,
    UnknownCamera,
    backups_of,
    erasures_of,
    listed,
    map_for,
    overlap,
    renewed,
    superfluous,
    why,
)
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.retrieval import Retrieval
from rgbir.server.errors import CantWrite, NotNow, NotThere, ServerFailure

_log = logging.getLogger(__name__)
State = Literal["available", "filling", "ready", "answering", "failed"]
TOGETHER, FEW, MOST_ROUNDS, MOST_REASONS = 8, 64, 5, 100
"""Images encoded at a time while others search; what may be left for the moment of the change; rounds to get there."""


class _Stopped(Exception):
    pass


@dataclass(slots=True, eq=False)
class Standing:
    """Where a bundle stands.

    Attributes:
        name: the bundle's.
        state: how far it is in a word.
        fingerprint: of its model, once that is known.
        total, done: sightings of the gallery that answers, and those of them that were dealt with.
        missing: sightings without a crop that can be read, which this model can't find.
        reasons: why, for the first hundred of them, by the image's name.
        overlap: the share of the ten nearest that it has in common with what answered when it was made ready.
        error: what made it fail.
    """

    name: str
    state: State = "available"
    fingerprint: str | None = None
    total: int = 0
    done: int = 0
    missing: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    overlap: float | None = None
    error: str | None = None


class ModelSwap:
    """One server's. At most one other gallery is open beside the one that answers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._known: dict[str, Standing] = {}
        self._other: Retrieval | None = None
        self._filler = ThreadPoolExecutor(1, "fill")
        self._task: asyncio.Task[None] | None = None
        self._stop = threading.Event()
        self._turn = asyncio.Lock()

    def all(self) -> list[Standing]:
        """Every bundle there is, the one that answers first."""
        standings = [self._standing(name) for name in self.engine.galleries.bundles()]
        return sorted(standings, key=lambda standing: standing.state != "answering")

    def _standing(self, name: str) -> Standing:
        now = self.engine.now
        if name == now.name:
            known = self._known.setdefault(name, Standing(name))
            known.state, known.fingerprint = "answering", now.encoder.card.fingerprint
            known.total = known.done = len(now.gallery)
            return known
        return self._known.setdefault(name, Standing(name))

    async def prepare(self, name: str) -> Standing:
        """Begins to fill a gallery for that bundle, beside the searches; run again, it goes on.

        Raises:
            NotThere: no such bundle, or a server that was started without bundles to change to.
            NotNow: it answers already, or another one is being filled.
            BadBundle: it can't be loaded.
        """
        self._changeable(name)
        async with self._turn:
            if name == self.engine.now.name:
                raise NotNow(f"{name} answers already")
            if self._task is not None and not self._task.done():
                raise NotNow("another gallery is being filled; wait, or forget that one")
            await self._retire()
            self._other = await self.engine.look(lambda: self._open(name))
            standing = self._known[name] = Standing(name, "filling", self._other.encoder.card.fingerprint)
            self._stop.clear()
            self._task = asyncio.create_task(self._fill(standing, self._other))
            return standing

    async def activate(self, name: str, allow_missing: bool = False) -> Standing:
        """Answers with it from the next request on. What was enrolled and erased since it was made ready is caught up with first,
        while changes of the gallery wait; searches don't.

        Raises:
            NotThere: no such bundle.
            NotNow: it isn't ready; or sightings would be missing, and that isn't allowed.
        """
        self._changeable(name)
        async with self._turn:
            standing, other = self._standing(name), self._other
            if standing.state == "answering":
                return standing
            if other is None or other.name != name or standing.state != "ready":
                raise NotNow(f"{name} is {standing.state}, not ready; prepare it first")
            await self._run(lambda: self._follow(standing, other, FEW))
            self._missing(standing, allow_missing)
            before = self.engine.now
            await self.engine.change(lambda: self._take_over(standing, other, allow_missing))
            self._known[before.name] = Standing(before.name, "ready", before.encoder.card.fingerprint)
            return self._standing(name)

    async def forget(self, name: str) -> Standing:
        """Stops filling, and deletes that model's gallery; its bundle stays.

        Raises:
            NotThere: no such bundle.
            NotNow: it answers, or another process writes to the gallery that does.
            CantWrite: the backups of its gallery can't be noted; or some of it can't be deleted, and erasures go on to reach it.
        """
        self._changeable(name)
        if self._task is not None and self._other is not None and self._other.name == name:
            self._stop.set()
            await asyncio.gather(self._task, return_exceptions=True)
        async with self._turn:
            card = await self._forgettable(name)
            if self._other is not None and self._other.name == name:
                await self._retire()
            folder = self.engine.galleries.of(card)
            unknown = await self.engine.change(lambda: self._delete(folder))
            self._known[name] = Standing(name, error=unknown)
            return self._known[name]

    async def would_forget(self, name: str) -> Standing:
        """Where it stands, if `forget` may delete its gallery; deletes nothing.

        Raises:
            NotThere, NotNow: see `forget`.
        """
        self._changeable(name)
        await self._forgettable(name)
        return self._standing(name)

    async def _forgettable(self, name: str) -> Card:
        """The card of a model whose gallery isn't in use by another one.

        Raises:
            NotNow: it is.
        """
        if name == self.engine.now.name:
            raise NotNow(f"{name} answers; activate another one first")
        card = await self.engine.look(lambda: self.engine.galleries.card(name))
        for open_one in (self.engine.now, self._other):
            if open_one is not None and open_one.name != name and open_one.encoder.card.fingerprint == card.fingerprint:
                raise NotNow(f"{name} is the same model as {open_one.name}, whose gallery is in use")
        return card

    def erase(self, conditions: dict[str, Any]) -> tuple[int, list[str]]:
        """Removes sightings from every gallery of this server; runs where changes are made.

        Returns:
            How many there were in the one that answers, and names of those that can't be changed now. The ledger that they
            share has the erasure, and their next opening carries it out.
        """
        removed, unreached = self.engine.gallery.remove(**conditions), []
        for folder, gallery in self.others():
            try:
                with gallery as opened, contextlib.suppress(UnknownCamera):  # one that this gallery never had
                    opened.remove(**conditions)
            except GalleryError as error:
                _log.error("%s: the erasure is carried out when this gallery is opened again: %s", folder, error)
                unreached.append(folder.name)
        return removed, unreached

    def would_erase(self, conditions: dict[str, Any]) -> tuple[int, dict[str, int], list[str]]:
        """What `erase` would remove; removes nothing. Runs where changes are made.

        Returns:
            How many there are in the gallery that answers, how many in those of other models by name, and names of those that
            can't be looked at now.
        """
        count, others, unreached = self.engine.gallery.count(**conditions), dict[str, int](), list[str]()
        for folder, gallery in self.others():
            try:
                with gallery as opened, contextlib.suppress(UnknownCamera):
                    others[folder.name] = opened.count(**conditions)
            except GalleryError as error:
                _log.error("%s: can't be looked at: %s", folder, error)
                unreached.append(folder.name)
        return count, others, unreached

    def expire(self) -> None:
        """Carries out the retention, in every gallery; runs where changes are made.

        Raises:
            AuditFailed: what is due can't be noted; then it stays.
        """
        self._expire(self.engine.gallery)
        for folder, gallery in self.others():
            try:
                with gallery as opened:
                    opened.set_keep_days(self.engine.gallery.keep_days)
                    self._expire(opened, sure=True)
            except GalleryError as error:
                _log.error("%s: retention was not carried out: %s", folder, error)

    def _expire(self, gallery: AnyGallery, sure: bool = False) -> None:
        """Noted before it is done and after, where anybody is due."""
        event: dict[str, Any] = {"who": "retention", "gallery": Path(gallery.address).name}

        def tell(before: datetime, due: int) -> None:
            event["conditions"] = {"before": before}
            self.engine.note_at_once(action="erase", **event, due=due)

        removed = gallery.expire(sure=sure, tell=tell)
        if "conditions" in event:
            self.engine.note_at_once(action="erased", **event, removed=removed)

    async def close(self) -> None:
        self._stop.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._filler.shutdown()
        if self._other is not None:
            self._other.close()

    def backups(self) -> list[dict[str, Any]]:
        """Copies of all galleries of this server: path, made_at, generation. One that can't be looked at names none."""
        copies = {copy["path"]: copy for copy in self.engine.gallery.backups()}
        for folder, gallery in self.others():
            try:
                with gallery as opened:
                    copies |= {copy["path"]: copy for copy in opened.backups()}
            except GalleryError as error:
                _log.error("%s: its backups aren't known: %s", folder, error)
        return list(copies.values())

    def others(self) -> Iterator[tuple[Path, AbstractContextManager[AnyGallery]]]:
        """The galleries that don't answer; those that aren't open are opened for as long as they are looked at."""
        open_ones = [self.engine.now, *([] if self._other is None else [self._other])]
        for retrieval in open_ones[1:]:
            yield Path(retrieval.gallery.address), contextlib.nullcontext(retrieval.gallery)
        for folder in self.engine.galleries.kept():
            if not any(folder.samefile(retrieval.gallery.address) for retrieval in open_ones):
                yield folder, _opened(folder)

    def _delete(self, folder: Path) -> str | None:
        """Deletes a gallery; the one that answers names its backups from then on.

        Returns:
            Why nobody will name them, where the gallery can't be read.

        Raises:
            NotNow: another process is writing, so its backups can't be noted; nothing is deleted.
            CantWrite: they can't be noted, and nothing is deleted; or some of it can't be deleted.
        """
        copies, unknown, answering = list[dict[str, Any]](), None, self.engine.gallery
        assert isinstance(answering, Gallery)
        try:
            copies = backups_of(folder)
        except GalleryMissing:  # it was never made ready
            pass
        except GalleryError as error:
            unknown = f"its gallery couldn't be read, so no erasure will name the backups of it: {error}"
            _log.error("%s: %s", folder, unknown)
        try:
            if copies:
                answering.inherit_backups(copies)
        except GalleryBusy as error:
            raise NotNow(f"nothing was deleted, since its backups are to be noted first: {error}") from error
        except GalleryError as error:
            raise CantWrite(
                f"nothing was deleted, since its backups can't be noted in {answering.address}: {error}; forget the model again"
                " once they can"
            ) from error
        _delete(folder)
        return unknown

    def _changeable(self, name: str) -> None:
        if self.engine.settings.bundles is None:
            raise NotThere("this server has no bundles to change to; start it with --bundles FOLDER")
        self.engine.galleries.bundle(name)

    def _open(self, name: str) -> Retrieval:
        now, galleries = self.engine.gallery, self.engine.galleries
        card = galleries.card(name)
        if card.fingerprint == self.engine.now.encoder.card.fingerprint:
            raise NotNow(f"{name} is the model that answers, under another name")
        folder = galleries.of(card)
        assert isinstance(now, Gallery)
        Gallery.open_or_create(folder, card, now.network, now.storage).close()
        return self.engine.opened(galleries.bundle(name), folder)

    async def _run(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._filler, work)

    async def _retire(self) -> None:
        """Closes the gallery that doesn't answer, once nobody is being answered from it."""
        other, self._other = self._other, None
        if other is not None:
            while other.users:
                await asyncio.sleep(0.02)
            await self.engine.change(other.close)
            self._known[other.name] = Standing(other.name)

    async def _fill(self, standing: Standing, other: Retrieval) -> None:
        def work() -> None:
            self._follow(standing, other, 0)
            now = self.engine.gallery
            if now.calibration() is not None and isinstance(other.gallery, Gallery):
                other.gallery.calibrate()
            if len(other.gallery):
                standing.overlap = overlap(now, other.gallery)
            other.warm_up()
            other.gallery.refresh_cache()

        try:
            await self._run(work)
            standing.state = "ready"
        except _Stopped:
            standing.state = "available"
        except (IndexFailure, ServerFailure, OSError) as error:
            standing.state, standing.error = "failed", str(error)
        except Exception:  # ONNX Runtime's own, say: the state must not stay "filling"
            _log.exception("filling a gallery for %s", standing.name)
            standing.state, standing.error = "failed", "the server failed; its log has the reason"

    def _follow(self, standing: Standing, other: Retrieval, few: int) -> None:
        """Makes the other gallery what the first is, but for the last few changes that come meanwhile."""
        for _ in range(MOST_ROUNDS):
            if self._round(standing, other, self._changed_by_engine, self._politely(other)) <= few:
                return

    def _round(
        self,
        standing: Standing,
        other: Retrieval,
        changed: Callable[[Callable[[], int]], int],
        embed: Callable[[Sequence[Image.Image], Modality], NDArray[np.float32]],
    ) -> int:
        """How many sightings were added or removed."""
        source, target, tally = self.engine.gallery, other.gallery, Tally()
        standing.total, standing.done = len(source), 0

        def advance(done: int) -> None:
            standing.done += done
            if self._stop.is_set():
                raise _Stopped

        removed = changed(lambda: target.heed(erasures_of(source, conditions=True)))
        for new in renewed(source, target, embed, tally, TOGETHER, advance, map_for(source, other.encoder)):
            tally.added += changed(partial(_add, source, target, new))
        standing.missing = len(tally.skipped)
        standing.reasons = {skipped.source: skipped.reason for skipped in tally.skipped[:MOST_REASONS]}
        for gone in superfluous(source, target):
            removed += changed(partial(target.discard, gone))
        if target.keep_days != source.keep_days:
            changed(partial(_keep_alike, source, target))
        return tally.added + removed

    def _changed_by_engine(self, work: Callable[[], int]) -> int:
        """A change from the filling thread, in turn with all others: what is erased meanwhile doesn't come back."""
        return self.engine.submit_change(work).result()

    def _politely(self, other: Retrieval) -> Callable[[Sequence[Image.Image], Modality], NDArray[np.float32]]:
        """Encodes where requests are encoded, once none of theirs wait, or after a second."""

        def embed(images: Sequence[Image.Image], modality: Modality) -> NDArray[np.float32]:
            until = time.monotonic() + 1
            while self.engine.now.waiting and time.monotonic() < until:
                time.sleep(0.005)
            return self.engine.submit_model(lambda: other.encoder.embed(images, modality)).result()

        return embed

    def _take_over(self, standing: Standing, other: Retrieval, allow_missing: bool) -> None:
        """Runs where changes are made, so that none comes between the last one and the exchange."""
        self._round(standing, other, lambda work: work(), other.encoder.embed)
        self._missing(standing, allow_missing)
        try:
            self.engine.galleries.choose(other.name, Path(other.gallery.address))
        except OSError as error:
            raise CantWrite(
                f"{self.engine.galleries.file} can't be written: {error.strerror}; nothing changed"
            ) from error
        self.engine.now, self._other = other, self.engine.now

    @staticmethod
    def _missing(standing: Standing, allowed: bool) -> None:
        if standing.missing and not allowed:
            raise NotNow(
                f"{standing.missing:,} sightings have no crop that can be read, and would not be found with {standing.name};"
                " their reasons are listed; activate it with allow_missing if that is meant"
            )


def _delete(folder: Path) -> None:
    """
    Raises:
        CantWrite: some of that gallery can't be deleted.
    """
    try:
        GalleryAddress.of(folder).delete()
    except OSError as error:
        left = listed(sorted(path.name for path in folder.glob("*")))
        raise CantWrite(
            f"{folder} can't be deleted: {why(error)}; {left} stay, and erasures reach them; let the server delete them, and"
            " forget the model again"
        ) from error


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Gallery]:
    with Gallery(folder) as gallery:
        yield gallery


def _keep_alike(source: AnyGallery, target: AnyGallery) -> int:
    target.set_keep_days(source.keep_days)
    return 0


def _add(source: AnyGallery, target: AnyGallery, new: Sequence[NewSighting]) -> int:
    """Only what wasn't erased since it was read."""
    still = source.known([sighting.id for sighting in new])
    return sum(target.add([sighting for sighting in new if sighting.id in still]))
