"""Where requests become work: decoding beside each other, encoding and searching in turn, a bounded number at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index import (
    Answer,
    AnyGallery,
    BadImage,
    Box,
    Card,
    Crop,
    Detector,
    DetectorBundle,
    Distances,
    Encoder,
    GalleryError,
    Marks,
    Mask,
    Modality,
    ModelDetector,
    NewSighting,
    Remark,
    Searcher,
    SearchOptions,
    UsageError,
    cores,
    crop_of,
    decode,
    digest_of,
    framed,
    image_quality,
    labels_of,
    modality_for,
    other_labels,
    pixels_in,
    remarks_of,
)
from rgbir.server.access.audit import AuditLog
from rgbir.server.access.clock import NotedClock
from rgbir.server.access.heads import Heads
from rgbir.server.access.keys import Keyring
from rgbir.server.access.notary import Notary
from rgbir.server.engine.filmed import Filmed
from rgbir.server.engine.galleries import Galleries
from rgbir.server.engine.kept import KeptFilms
from rgbir.server.engine.people import Peopled, expect_detector, peopled
from rgbir.server.engine.plan import read_plan
from rgbir.server.engine.retrieval import Retrieval
from rgbir.server.engine.shots import Shot
from rgbir.server.engine.watch import Watch
from rgbir.server.errors import AuditFailed, BadSettings, KeptForEver, TooBusy
from rgbir.server.settings import Settings
from rgbir.server.tracing import stage
from rgbir.server.worker import Changes, Count, Worker

T = TypeVar("T")
_log = logging.getLogger(__name__)
STUCK_AFTER_S = {"model": 120.0, "search": 120.0, "changes": 3600.0}
"""Seconds after which a pool of threads that doesn't answer is said to be stuck, so that the process is started again."""
Named = tuple[str, bytes]
Enrolment = tuple[str, str, str | None, str | None]
"""(name, status, sighting id, reason): added or present with an id, skipped with a reason; present with one where labels differ."""


class Engine:
    """What answers now, and threads for it. A request stays with what answered when it began, to its end.

    Args:
        worker: which of the server's processes this is; None is the only one.

    Raises:
        BadBundle, GalleryError: they can't be opened, or don't belong together.
    """

    def __init__(self, settings: Settings, worker: Worker | None = None) -> None:
        self.settings, self.worker = settings, worker or Worker()
        self.plan = None if settings.plan is None else read_plan(settings.plan, settings.max_pixels)
        threads = cores()
        self._decoders = ThreadPoolExecutor(threads, "decode")
        self._model = ThreadPoolExecutor(1, "model")
        self._searches = ThreadPoolExecutor(threads, "search")
        self._changes = Changes(self.worker)
        self.detector: Detector | None = _detector(settings)
        self.galleries = Galleries(settings)
        self.now = self.opened(*self.galleries.chosen())
        self.keyring = None if settings.keys is None else Keyring(settings.keys)
        self._clock = None if self.keyring is None else NotedClock(self.galleries.clock, self.keyring)
        heads = None if settings.audit_heads is None else Heads(settings.audit_heads)
        self._notary = None if settings.audit is None else Notary(AuditLog(settings.audit), heads)
        self._told_of_bundle = False
        self.trouble: str | None = None
        """What keeps this server from answering, as of the watcher's last look."""
        self.filmed = Filmed()
        self.kept = None if settings.keep_footage is None else KeptFilms(settings.keep_footage)
        self.sightings = len(self.gallery)
        pools = {"model": self._model, "search": self._searches, "changes": self._changes}
        self.watch = Watch(pools, STUCK_AFTER_S, {"search": self._look})

    def _look(self) -> None:
        """What there is to search, and what keeps it from being searched, for whoever asks whether the server is ready."""
        if self._clock is not None:
            self._clock.note()
        try:
            self.sightings = len(self.gallery)
            _ = self.gallery.generation  # what other servers did to the network of cameras comes with it
            if self._notary is not None:
                self._notary.log.check()
            if self.keyring is not None:
                self.keyring.check()
        except (GalleryError, AuditFailed, BadSettings) as error:
            if self.trouble is None:
                _log.error("not ready: %s", error)
            self.trouble = str(error)
        else:
            self.trouble = None
        self.tell()
        encoder = self.encoder
        if not self._told_of_bundle and encoder.bundle.state() != encoder.state:
            self._told_of_bundle = True
            _log.warning(
                "%s changed on disk; answers go on with what was loaded from it, and a restart will compare it with its card",
                encoder.bundle.folder,
            )

    async def reopen_log(self) -> None:
        """After the audit log was rotated: goes on in the file that is there now."""
        if self._notary is None:
            return
        try:
            if await self._notary.run(self._notary.log.reopen):
                _log.warning("the audit log goes on in a new file")
        except AuditFailed as error:
            _log.error("%s", error)

    @property
    def audited(self) -> bool:
        return self._notary is not None

    async def note(self, **event: Any) -> None:
        """Writes to the audit log, where there is one; returns once it is on disk."""
        if self._notary is not None:
            await self._notary.note(event)

    def note_at_once(self, **event: Any) -> None:
        """As `note`, for a thread beside the event loop."""
        if self._notary is not None:
            self._notary.log.add(**event)

    async def anchor(self) -> None:
        """Notes the audit log's head elsewhere, where that is wanted.

        Raises:
            AuditFailed: it can't be.
        """
        if self._notary is not None:
            await self._notary.run(self._notary.anchor)

    def opened(self, bundle: Path, gallery: Path | str) -> Retrieval:
        """A model and its gallery, beside those that answer now."""
        return Retrieval(bundle, gallery, self.settings, self._model)

    @property
    def encoder(self) -> Encoder:
        return self.now.encoder

    @property
    def gallery(self) -> AnyGallery:
        return self.now.gallery

    @property
    def searcher(self) -> Searcher:
        return self.now.searcher

    @property
    def in_flight(self) -> int:
        """Requests that are being answered, by all workers."""
        return self.worker.counts.total(Count.IN_FLIGHT)

    def tell(self) -> None:
        """Writes where the other workers see it how this one does, and what waits for its model."""
        seconds = self.now.expected_s
        counts = self.worker.counts
        counts.set(Count.REQUESTS, sum(queue.requests for queue in self.now.queues.values()))
        for modality in Modality:
            queue = self.now.queues.get(modality)
            counts.set(Count[f"{modality.name}_IMAGES"], 0 if queue is None else queue.waiting)
        counts.set(Count.MILLISECONDS, 0 if seconds is None else round(seconds * 1000))
        self.worker.tell(self.trouble is not None, bool(self.watch.stuck()))

    def close(self) -> None:
        """Finishes what was begun."""
        for pool in (self._decoders, self._model, self._searches, self._changes):
            pool.shutdown()
        self.now.close()
        if self._notary is not None:
            self._notary.close()

    async def search(self, images: Sequence[Named], options: SearchOptions, boxes: Sequence[Box | None] = ()) -> Answer:
        """Several images are several shots of one person.

        Args:
            boxes: where the person is in each image, one for each; None is all of it, and none is all of all.
        """
        self._allowed(options)
        with self._place() as now:
            modality = now.searcher.modality_of(options)  # before any work
            embeddings, remarks, stages = await self._embedded(now, images, modality, boxes)
            with stage("search"):
                work = partial(now.searcher.find, embeddings, options, remarks, stages)
                return await self._run(self._searches, work)

    async def search_marked(
        self, images: Sequence[Named], options: SearchOptions, boxes: Sequence[Box | None], marks: Marks
    ) -> tuple[Answer, NDArray[np.float32]]:
        """As `search`, heeding what people decided; with marks of the same person there need be no image.

        Returns:
            The answer, and the images' embeddings, float32 (images, d).
        """
        self._allowed(options)
        with self._place() as now:
            modality = now.searcher.modality_of(options)  # before any work
            embeddings = np.empty((0, now.encoder.card.dimension), np.float32)
            remarks: tuple[Remark, ...] = ()
            stages: dict[str, float] = {}
            search = now.searcher.find if not (marks.same or marks.different) else partial(_marked, now.searcher, marks)
            if len(images) == 1 and self._alone(now):
                await self._check(images)
                alone = partial(self._in_one_go, now, images[0], boxes[0] if boxes else None, modality, options, search)
                answer, embeddings = await self._run(self._model, alone)
                now.queues[modality].passed(1, answer.milliseconds["encode"] / 1000)
                return answer, embeddings
            if images:
                embeddings, remarks, stages = await self._embedded(now, images, modality, boxes)
            with stage("search"):
                work = partial(search, embeddings, options, remarks, stages)
                return await self._run(self._searches, work), embeddings

    def _alone(self, now: Retrieval) -> bool:
        """Whether one request is all there is to do; traces want to see its stages."""
        return self.worker.counts.mine(Count.IN_FLIGHT) == 1 and now.idle and not self.settings.traces

    def _in_one_go(
        self,
        now: Retrieval,
        image: Named,
        box: Box | None,
        modality: Modality,
        options: SearchOptions,
        search: Callable[..., Answer],
    ) -> tuple[Answer, NDArray[np.float32]]:
        """A search in the model's thread: alone, it has nobody to share decoders or batches with, and changes threads once."""
        started = time.perf_counter()
        pixels, remarks = self._ready(now, modality, image, box)
        begun = time.perf_counter()
        now.encoder.bundle.graph(modality)
        embeddings = now.encoder.encode(pixels[None], modality)
        stages = {"decode": (begun - started) * 1000, "encode": (time.perf_counter() - begun) * 1000}
        return search(embeddings, options, remarks_of([remarks]), stages), embeddings

    async def like(self, sighting: str, options: SearchOptions) -> Answer:
        """A search for the person of a sighting that is enrolled."""
        self._allowed(options)
        with self._place() as now:
            return await self._run(self._searches, lambda: now.searcher.like(sighting, options))

    async def search_each(self, images: Sequence[Named], options: SearchOptions) -> list[Answer]:
        """Every image a query of its own; one that can't be read has an answer that says so."""
        self._allowed(options)
        with self._place() as now:
            modality = now.searcher.modality_of(options)
            await self._check(images)
            work = (self._run(self._decoders, partial(self._ready, now, modality, image, None)) for image in images)
            ready = await asyncio.gather(*work, return_exceptions=True)
            good: list[tuple[NDArray[np.uint8], list[Remark]]] = []
            for outcome in ready:
                if not isinstance(outcome, BaseException):
                    good.append(outcome)
                elif not isinstance(outcome, BadImage):
                    raise outcome
            answers: Iterator[Answer] = iter(())
            if good:
                embeddings = await _batched(now, [pixels for pixels, _ in good], modality)
                answers = iter(await self._run(self._searches, lambda: now.searcher.each(embeddings, options)))
            return [
                now.searcher.unanswered(options, str(outcome))
                if isinstance(outcome, BaseException)
                else _remarked(next(answers), outcome[1])
                for outcome in ready
            ]

    def _allowed(self, options: SearchOptions) -> None:
        if options.top_k > self.settings.max_top_k:
            raise UsageError(f"top_k must be at most {self.settings.max_top_k} here, not {options.top_k}")

    async def _embedded(
        self, now: Retrieval, images: Sequence[Named], modality: Modality, boxes: Sequence[Box | None] = ()
    ) -> tuple[NDArray[np.float32], tuple[Remark, ...], dict[str, float]]:
        """Embeddings (images, d), remarks on the images, and milliseconds by stage."""
        started = time.perf_counter()
        with stage("decode"):
            await self._check(images)
            work = (
                self._run(self._decoders, partial(self._ready, now, modality, image, box))
                for image, box in zip(images, boxes or [None] * len(images), strict=True)
            )
            pixels, remarks = zip(*await asyncio.gather(*work), strict=True)
        begun = time.perf_counter()
        with stage("encode"):
            embeddings = await _batched(now, pixels, modality)
        ended = time.perf_counter()
        return embeddings, remarks_of(remarks), {"decode": (begun - started) * 1000, "encode": (ended - begun) * 1000}

    async def distances(self, images: Sequence[Named], options: SearchOptions) -> Distances:
        with self._place() as now:
            modality = now.searcher.modality_of(options)  # before any work
            embeddings, _, _ = await self._embedded(now, images, modality)
            most = self.settings.max_distances
            return await self._run(self._searches, lambda: now.searcher.distances(embeddings, options, most))

    async def embed(self, image: Named, modality: Modality) -> tuple[NDArray[np.float32], Card]:
        """The embedding (d,), and the card of the model it is of."""
        with self._place() as now:
            embeddings, _, _ = await self._embedded(now, [image], modality)
            return np.asarray(embeddings[0], np.float32), now.encoder.card

    async def explain(
        self, image: Named, modality: Modality, box: Box | None = None
    ) -> tuple[NDArray[np.float32], Card]:
        """Where the network reacted in an image: (rows, columns), 0 or more; and the card of the model it is of.

        Raises:
            UsageError: the model's bundle doesn't tell.
            BadImage: it can't be read.
        """
        with self._place() as now:
            await self._check([image])
            pixels, _ = await self._run(self._decoders, partial(self._ready, now, modality, image, box))
            maps = await self._run(self._model, lambda: now.encoder.reactions(pixels[None], modality))
            return maps[0], now.encoder.card

    async def enrol(self, shots: Sequence[Shot], camera: str, since: int | None = None) -> list[Enrolment]:
        """What became of each shot of a camera; those that can't be read are skipped, the others enrolled together.

        Args:
            since: the gallery's moment since which they are known; what was erased after it is skipped. None is now.
        """
        self.gallery.network[camera]
        if since is None:
            await self._check([(shot.name, shot.data) for shot in shots])
        with self._place():
            while (made := await self._enrolled(shots, camera, since)) is None:
                pass  # another model answers since the images were encoded
            return made

    async def people_in(self, images: Sequence[Named], modality: Modality, camera: str | None) -> list[Peopled]:
        """The people in each picture, one picture after the other.

        Args:
            camera: whose pictures they are; nobody is looked for in what it ignores.

        Raises:
            NoDetector: this server has none.
            BadImage: one can't be read.
        """
        expect_detector(self.detector)
        with self._place():
            await self._check(images)
            with stage("detect"):
                return [(await self._peopled(name, data, modality, camera))[1] for name, data in images]

    async def _peopled(
        self, name: str, data: bytes, modality: Modality, camera: str | None
    ) -> tuple[Image.Image, Peopled]:
        """A decoded picture without what its camera ignores, and the people in it; the detector and the model take turns."""
        detector = expect_detector(self.detector)
        network = self.gallery.network
        mask = Mask(network[camera].ignored if camera is not None and camera in network else ())
        image = await self._run(self._decoders, lambda: _masked(self._decode(name, data), mask))
        detections = await self._run(self._model, lambda: detector.find(np.asarray(image), modality))
        return image, peopled(name, image.width, image.height, detections, detector, modality)

    async def enrol_frames(self, frames: Sequence[Shot], camera: str) -> list[EnrolledFrame]:
        """Finds the people in whole pictures of a camera, and enrols each as a sighting; one picture after the other.

        Raises:
            NoDetector: this server has none.
            KeptForEver: the gallery keeps for ever, and nobody said that this is meant.
        """
        self.gallery.network[camera]
        expect_detector(self.detector)
        await self.look(self.expect_an_end)
        await self._check([(frame.name, frame.data) for frame in frames])
        with self._place():
            return [await self._enrolled_frame(frame, camera) for frame in frames]

    def expect_an_end(self) -> None:
        """Whether those whom a detector finds are erased one day.

        Raises:
            KeptForEver: the gallery keeps for ever, and nobody said that this is meant.
        """
        if self.gallery.keep_days is None and not self.settings.no_retention:
            raise KeptForEver(
                "a detector enrols everybody who passes, and this gallery keeps them for ever: say for how long with `rgbir index"
                " retain GALLERY --keep-days 30`, or start the server with --no-retention if that is meant"
            )

    async def _enrolled_frame(self, frame: Shot, camera: str) -> EnrolledFrame:
        modality = modality_for(None, self.gallery.network[camera])
        try:
            image, picture = await self._peopled(frame.name, frame.data, modality, camera)
        except BadImage as error:
            return EnrolledFrame(frame.name, None, [], str(error))
        shots = [
            frame._replace(
                box=person.box,
                frame=framed(
                    person.box,
                    size=image.size,
                    found_by=picture.found_by,
                    score=person.score,
                    sha256=digest_of(frame.data),
                ),
            )
            for person in picture.people
        ]
        made: list[Enrolment] | None = None if shots else []
        while made is None:
            made = await self._enrolled(shots, camera, None, image)
        return EnrolledFrame(frame.name, picture, made, None)

    async def _enrolled(
        self, shots: Sequence[Shot], camera: str, since: int | None, frame: Image.Image | None = None
    ) -> list[Enrolment] | None:
        """None if the model that encoded them doesn't answer any more. No more images are held whole than there are decoders.

        Args:
            frame: the picture, decoded, that all shots are parts of; None where each is decoded.
        """
        now = self.now
        seen_by = now.gallery.network[camera]
        reduced = await asyncio.gather(
            *(self._run(self._decoders, partial(self._reduced, now, shot, frame)) for shot in shots)
        )
        ready = [image for image in reduced if not isinstance(image, str)]
        embeddings = await _batched(now, [image.pixels for image in ready], modality_for(None, seen_by))

        def write() -> Iterator[tuple[str, str, str | None]] | None:
            if now is not self.now:
                return None
            new = [
                NewSighting(
                    seen_by.id,
                    embedding,
                    image.digest,
                    taken_at=image.shot.taken_at,
                    identity=image.shot.identity,
                    track=image.shot.track,
                    crop=image.crop,
                    since=since,
                    frame=image.shot.frame or framed(image.shot.box),
                )
                for image, embedding in zip(ready, embeddings, strict=True)
            ]
            written, gone = now.gallery.add(new), now.gallery.bound(new)
            return iter(
                [
                    (sighting.id, "added", None) if was_new
                    else (sighting.id, "erased", None) if sighting.id in gone
                    else (sighting.id, "present", relabelled(sighting))
                    for sighting, was_new in zip(new, written, strict=True)
                ]
            )  # fmt: skip

        def relabelled(sighting: NewSighting) -> str | None:
            given = (sighting.taken_at, sighting.identity, sighting.track)
            enrolled = now.gallery.get(sighting.id)
            return None if enrolled is None else other_labels(labels_of(enrolled), given)

        written = await self._run(self._changes, write)
        if written is None:
            return None
        return [_outcome(shot.name, image, written) for shot, image in zip(shots, reduced, strict=True)]

    def _reduced(self, now: Retrieval, shot: Shot, frame: Image.Image | None = None) -> _Reduced | str:
        """What of an image goes on, or the reason why it can't be read."""
        try:
            image = self._decode(shot.name, shot.data, shot.box) if frame is None else _part(frame, shot.box)
        except BadImage as error:
            return str(error)
        crop = crop_of(shot.data, image, as_given=shot.box is None)
        return _Reduced(shot, now.encoder.pixels(image), digest_of(shot.data, shot.box), crop)

    async def change(self, work: Callable[[], T]) -> T:
        """Runs a change of the gallery beside the event loop, one at a time."""
        return await self._run(self._changes, work)

    def submit_change(self, work: Callable[[], T]) -> Future[T]:
        """A change, for another thread to wait for."""
        return self._changes.submit(work)

    def submit_model(self, work: Callable[[], T]) -> Future[T]:
        """A run of a model, in turn with those of requests, for another thread to wait for."""
        return self._model.submit(work)

    async def look(self, work: Callable[[], T]) -> T:
        """Runs something that only reads the gallery beside the event loop."""
        return await self._run(self._decoders, work)

    def _ready(
        self, now: Retrieval, modality: Modality, image: Named, box: Box | None
    ) -> tuple[NDArray[np.uint8], list[Remark]]:
        """The image as the model takes it, and what is wrong with it."""
        decoded = self._decode(*image, box)
        return now.encoder.pixels(decoded), image_quality(decoded, modality)

    async def _check(self, images: Sequence[Named]) -> None:
        """Before any work.

        Raises:
            UsageError: none, or more images or pixels than a request may have.
        """
        if not 1 <= len(images) <= self.settings.max_images:
            raise UsageError(f"between 1 and {self.settings.max_images} images in one request, not {len(images)}")
        if len(images) * self.settings.max_pixels <= self.settings.max_request_pixels:
            return  # each is judged by itself before it is decoded
        together = await self.look(lambda: sum(pixels_in(data) for _, data in images))
        if together > self.settings.max_request_pixels:
            raise UsageError(
                f"the images have {together:,} pixels together; at most {self.settings.max_request_pixels:,} a request: send"
                " fewer at a time, or smaller ones"
            )

    def _decode(self, name: str, data: bytes, box: Box | None = None) -> Image.Image:
        return decode(data, name, box, max_pixels=self.settings.max_pixels)

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _place(self) -> _Place:
        return _Place(self)


class _Place:
    """One of the places for requests in flight, and what answers it, for the time of a `with` block."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Retrieval:
        limit = self.engine.settings.max_in_flight
        counts = self.engine.worker.counts
        if counts.add(Count.IN_FLIGHT) > limit:
            counts.add(Count.IN_FLIGHT, -1)
            raise TooBusy(f"{limit} requests are being answered already; try again in a moment")
        self.now = self.engine.now
        self.now.users += 1
        return self.now

    def __exit__(self, *_: object) -> None:
        self.engine.worker.counts.add(Count.IN_FLIGHT, -1)
        self.now.users -= 1


async def _batched(now: Retrieval, pixels: Sequence[NDArray[np.uint8]], modality: Modality) -> NDArray[np.float32]:
    now.encoder.bundle.graph(modality)
    return await now.queues[modality](pixels)


def _marked(
    searcher: Searcher,
    marks: Marks,
    embeddings: NDArray[np.float32],
    options: SearchOptions,
    remarks: tuple[Remark, ...],
    stages: dict[str, float],
) -> Answer:
    return searcher.marked(embeddings, options, marks, remarks, stages)


def _remarked(answer: Answer, remarks: list[Remark]) -> Answer:
    """With what is wrong with its image."""
    return replace(answer, remarks=(*remarks_of([remarks]), *answer.remarks))


def _part(frame: Image.Image, box: Box | None) -> Image.Image:
    """As `decode` cuts it, with what was assumed of a deep image."""
    part = frame if box is None else frame.crop(box)
    part.info = dict(frame.info)
    return part


def _masked(image: Image.Image, mask: Mask) -> Image.Image:
    return Image.fromarray(mask.applied(np.asarray(image))) if mask.ignored else image


def _detector(settings: Settings) -> Detector | None:
    """
    Raises:
        BadBundle: it can't be loaded.
    """
    if settings.detector is None:
        return None
    detector = ModelDetector(DetectorBundle(settings.detector), threads=settings.threads)
    detector.find(np.zeros((8, 8, 3), np.uint8), Modality.RGB)  # so that the first request doesn't pay for it
    return detector


class EnrolledFrame(NamedTuple):
    """What became of a whole picture.

    Attributes:
        name: of the picture.
        picture: with the people in it; None where it can't be read.
        people: what became of each, in their order.
        reason: why it can't be read.
    """

    name: str
    picture: Peopled | None
    people: list[Enrolment]
    reason: str | None


class _Reduced(NamedTuple):
    """A shot as the model takes it, and as the gallery keeps it."""

    shot: Shot
    pixels: NDArray[np.uint8]
    digest: str
    crop: Crop


def _outcome(name: str, image: _Reduced | str, written: Iterator[tuple[str, str, str | None]]) -> Enrolment:
    if isinstance(image, str):
        return name, "skipped", None, image
    sighting, status, reason = next(written)
    if status == "erased":
        return name, "skipped", None, "it was erased after the archive was received"
    return name, status, sighting, reason
