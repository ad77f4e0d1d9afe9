"""Films, worked through beside the searches: who passes in them is enrolled, by the model that answers when they are written."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index import Camera, Detections, Detector, GalleryBusy, Modality, NewSighting, Thresholds
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.part import footage_part
from rgbir.server.engine.retrieval import Retrieval
from rgbir.server.engine.work import Film, Job, State
from rgbir.server.errors import KeptForEver, NoFootage

T = TypeVar("T")
TOGETHER, POLITE_S, PATIENCE_S = 8, 1.0, 60.0
"""Pictures in one run of the model; seconds for which requests go first; and for which another writer is waited for."""
ERASED = "erased after the film was received"


class Films:
    """The work of jobs whose files are films."""

    suffix = ".film"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def expect(self) -> None:
        """Whether a film may come now.

        Raises:
            NoFootage: nothing here decodes films.
            KeptForEver: the gallery keeps for ever, and nobody said that this is meant.
        """
        footage_part()
        self.engine.expect_an_end()

    def ready(self) -> bool:
        """Whether films may come; see `expect`."""
        try:
            self.expect()
        except (NoFootage, KeptForEver):
            return False
        return True

    def check(self, called: str, fields: Mapping[str, Any]) -> None:
        """Whether a film of that name can be enrolled by these fields, as far as that is known before it is opened.

        Raises:
            UsageError: it can't.
        """
        footage_part().check(called, fields)

    async def do(self, job: Job, file: Path, reached: Callable[[], None]) -> None:
        """Works through a film in a thread of its own.

        Raises:
            UsageError: it holds no frames that can be read, or is too long, or too old for the gallery's rule.
            UnknownCamera: its camera was removed meanwhile.
            NoFootage, KeptForEver: see `expect`.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(1, "film") as thread:
            running = asyncio.get_running_loop().run_in_executor(
                thread, partial(self._worked, job, file, reached, stop.is_set)
            )
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError:
                stop.set()
                while not running.done():
                    with suppress(asyncio.CancelledError, Exception):
                        await asyncio.shield(running)
                raise

    def _worked(self, job: Job, file: Path, reached: Callable[[], None], stopped: Callable[[], bool]) -> None:
        assert job.film is not None
        engine, part = self.engine, footage_part()
        engine.submit_change(engine.expect_an_end).result()
        detector = None if engine.detector is None else _Looks(engine, engine.detector)
        found_by = "motion" if detector is None else detector.found_by
        job.film = job.film.model_copy(update={"found_by": found_by})
        camera: Camera = engine.gallery.network[job.film.camera]
        before = _Counts(job.film.tracks, job.film.shots, job.added, job.present, job.skipped)

        def follow(progress: Mapping[str, Any]) -> None:
            assert job.film is not None
            job.film = job.film.model_copy(
                update={
                    "seconds": progress["seconds"],
                    "seconds_done": progress["seconds_done"],
                    "tracks": before.tracks + progress["tracks"],
                    "shots": before.shots + progress["shots"],
                    "start": progress["start"],
                    "time_from": progress["time_from"],
                    "remarks": tuple(progress["remarks"]),
                }
            )
            job.added, job.present = before.added + progress["added"], before.present + progress["present"]
            if erased := before.erased + progress["erased"]:
                job.skipped, job.skipped_by = erased, {ERASED: erased}

        def note(point: str) -> None:
            assert job.film is not None
            job.film = job.film.model_copy(update={"point": point})
            reached()

        part.enrol(
            file,
            job.film.sha256,
            job.film.called,
            camera,
            job.film.fields,
            _Gallery(engine, job.since, stopped),
            detector,
            most_seconds=engine.settings.max_footage_seconds,
            point=job.film.point,
            note=note,
            follow=follow,
            stopped=stopped,
        )

    async def end(self, job: Job, state: State, file: Path) -> None:
        """Counts it, notes it in the audit log, and keeps the film where films are kept and people of it were enrolled.

        Raises:
            AuditFailed: it can't be noted.
            CantWrite: the film can't be kept.
        """
        film, kept = job.film, self.engine.kept
        assert film is not None
        self.engine.filmed.count(job, state)
        if kept is not None and job.added + job.present:
            await self.engine.look(lambda: kept.keep(file, film))
        await self.engine.note(
            action="enrolled footage",
            who=job.who,
            job=job.id,
            state=state,
            error=job.error,
            **about(film),
            span=span(film),
            found_by=film.found_by,
            seconds=film.seconds_done,
            tracks=film.tracks,
            added=job.added,
            present=job.present,
            skipped=job.skipped,
        )


def about(film: Film) -> dict[str, Any]:
    """Of which film an entry of the audit log tells."""
    return {
        "sha256": film.sha256,
        "name": film.name,
        "camera": film.camera,
        "purpose": film.purpose,
        "case": film.case,
    }


def span(film: Film) -> list[str] | None:
    """From when to when the film's part was taken that was worked through; None where nobody knows."""
    if film.start is None or (last := film.last) is None:
        return None
    return [film.start.isoformat(), last.isoformat()]


class _Counts(NamedTuple):
    """Of the runs before this one, up to the point where it goes on."""

    tracks: int
    shots: int
    added: int
    present: int
    erased: int


class Written(NamedTuple):
    """What became of sightings, in their order.

    Attributes:
        sightings: as they were made.
        added: whether each is new.
        erased: ids of those that were erased since the film was received, and stay so.
    """

    sightings: Sequence[NewSighting]
    added: Sequence[bool]
    erased: frozenset[str]


Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class _Gallery:
    """The gallery that answers, whichever that is when sightings are written.

    Attributes:
        since: its moment when the film was received.
        stopped: whether somebody wants the job to end.
    """

    engine: Engine
    since: int
    stopped: Callable[[], bool]

    @property
    def keep_days(self) -> int | None:
        return self.engine.submit_change(lambda: self.engine.gallery.keep_days).result()

    @property
    def fingerprint(self) -> str:
        return self.engine.encoder.card.fingerprint

    def moment(self) -> int:
        return self.since

    def holds(self, sighting: str) -> bool:
        return self.engine.submit_change(lambda: bool(self.engine.gallery.known([sighting]))).result()

    def enrol(self, make: Callable[[_Encodes], list[NewSighting]], stage: Stage) -> Written:
        """Makes them again where another model answers since they were made."""
        while True:
            now = self.engine.now
            with stage("encode"):
                sightings = make(_Encodes(self.engine, now))
            with stage("enrol"):
                written = self._patiently(partial(self._write, now, sightings))
            if written is not None:
                return written

    def _write(self, now: Retrieval, sightings: list[NewSighting]) -> Written | None:
        if now is not self.engine.now:
            return None
        added = now.gallery.add(sightings)
        return Written(sightings, added, frozenset(now.gallery.bound(sightings)))

    def _patiently(self, write: Callable[[], T]) -> T:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.engine.submit_change(write).result()
            except GalleryBusy:
                if time.monotonic() > until or self.stopped():
                    raise
                time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class _Encodes:
    """A model, run where requests run it, after those that wait."""

    engine: Engine
    now: Retrieval

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        return self.now.encoder.pixels(image)

    def encode(self, pixels: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        some = (pixels[start : start + TOGETHER] for start in range(0, len(pixels), TOGETHER))
        return np.concatenate(
            [_politely(self.engine, partial(self.now.encoder.encode, images, modality)) for images in some]
        )


@dataclass(frozen=True, slots=True)
class _Looks:
    """A detector, run where requests run it, after those that wait."""

    engine: Engine
    detector: Detector

    @property
    def found_by(self) -> str:
        return self.detector.found_by

    def thresholds(self, modality: Modality) -> Thresholds:
        return self.detector.thresholds(modality)

    def find(self, image: NDArray[np.uint8], modality: Modality) -> Detections:
        return _politely(self.engine, partial(self.detector.find, image, modality))


def _politely(engine: Engine, work: Callable[[], T]) -> T:
    """A run of a model once no request waits for one, or after a second."""
    until = time.monotonic() + POLITE_S
    while engine.now.waiting and time.monotonic() < until:
        time.sleep(0.005)
    return engine.submit_model(work).result()
