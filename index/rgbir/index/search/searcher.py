"""From images to an answer: decode, encode, fuse, search, refine. The command line and the server both go this way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.encoder import Encoder
from rgbir.index.errors import GalleryError, InvalidQuery
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.options import Filters, SearchOptions
from rgbir.index.gallery.query import Answer, Distances, Query, fuse, origin
from rgbir.index.gallery.remarks import Code, Remark
from rgbir.index.nearest.rerank import reranker
from rgbir.index.robustness import ERRORS, errors_of
from rgbir.index.search.explained import explained
from rgbir.index.search.marks import Marks, pushed_back, rejected_last
from rgbir.index.search.names import named, named_distances
from rgbir.index.search.quality import image_quality, remarks_of
from rgbir.index.search.refine import grouped, plausible_first, reranked

_NO_MEANING = Remark(
    Code.MEAN_NOT_MEASURED,
    "what distances mean was measured between single shots, so it isn't told of a track's mean",
)


class Searcher:
    """An encoder and a gallery of its model.

    Attributes:
        errors: how often the model errs, and on what; None where nobody has measured it.

    Raises:
        GalleryMismatch: the gallery holds another model's embeddings.
    """

    def __init__(self, encoder: Encoder, gallery: AnyGallery) -> None:
        gallery.expect(encoder.card)
        self.encoder, self.gallery = encoder, gallery
        self.errors = errors_of(encoder.bundle, encoder.card.fingerprint)

    def modality_of(self, options: SearchOptions) -> Modality:
        """Of the query's images: named, or that of its camera.

        Raises:
            InvalidQuery: neither says it.
            UnknownCamera: no such camera.
        """
        if options.modality is None and options.camera is None:
            raise InvalidQuery("a search needs the query's camera, or at least its modality (rgb or ir)")
        _, modality = origin(self.gallery.network, options.camera, options.modality)
        if modality is None:
            raise InvalidQuery(f"camera {options.camera} gives rgb and ir images; say which one this is with modality")
        return modality

    def search(self, images: Sequence[Image.Image], options: SearchOptions, decoding_ms: float = 0.0) -> Answer:
        """Several images are several shots of one person.

        Raises:
            InvalidQuery, UnknownCamera: the options don't fit the gallery.
        """
        if not images:
            raise InvalidQuery("a search needs an image")
        modality = self.modality_of(options)
        started = time.perf_counter()
        embeddings = self.encoder.embed(images, modality)
        encoding_ms = (time.perf_counter() - started) * 1000
        return self.find(
            embeddings, options, self.remarks(images, modality), {"decode": decoding_ms, "encode": encoding_ms}
        )

    @staticmethod
    def remarks(images: Sequence[Image.Image], modality: Modality) -> tuple[Remark, ...]:
        """What is wrong with the query's images, each named by its place where there are several."""
        return remarks_of([image_quality(image, modality) for image in images])

    def find(
        self,
        embeddings: NDArray[np.float32],
        options: SearchOptions,
        remarks: tuple[Remark, ...] = (),
        stages: dict[str, float] | None = None,
    ) -> Answer:
        """A search whose images are encoded already: float32 (shots, d), all of one person."""
        started = time.perf_counter()
        query = self._query(embeddings, options, self.modality_of(options))
        if options.rerank:
            answer = reranked(self.gallery, query, reranker(options.rerank), options.candidates)
        elif options.fuse == "mean":
            answer = self.gallery.search_tracks(query)
        else:
            answer = grouped(self.gallery, query, options.group_by)
        if options.passages == "rank" and options.taken_at is not None:
            answer = plausible_first(answer, self.gallery.network, options.taken_at)
        if (known := self.gallery.calibration()) is not None:
            if options.fuse == "mean":
                answer = replace(answer, remarks=(*answer.remarks, _NO_MEANING))
            else:
                answer = explained(answer, *known)
        answer = self._seen(answer, options)
        milliseconds = {**(stages or {}), "search": (time.perf_counter() - started) * 1000}
        return replace(answer, shots=len(embeddings), milliseconds=milliseconds, remarks=(*remarks, *answer.remarks))

    def _seen(self, answer: Answer, options: SearchOptions) -> Answer:
        """The answer with remarks on what was asked for, and nothing of a camera that the one who asks may not see."""
        remarks = self._doubts(answer.searched_cameras, options)
        return self._placed(replace(answer, remarks=(*answer.remarks, *remarks)), options)

    def _placed(self, answer: Answer, options: SearchOptions) -> Answer:
        """With cameras by their names, where the model's errors stand, and without a place that the caller may not know."""
        if self.errors is not None:
            answer = replace(answer, errors=str(self.encoder.bundle.folder / ERRORS))
        if options.visible is not None and answer.camera is not None and answer.camera not in options.visible:
            answer = replace(answer, place=None)
        return named(answer, self.gallery.network)

    def _doubts(self, searched: Sequence[str], options: SearchOptions) -> Iterator[Remark]:
        """What of the options had no effect, or leaves nothing to find."""
        if options.taken_at is None and self._moved(options):
            text = f"taken_at isn't known, and camera {options.camera} moved: all places that it ever had are left out"
            yield Remark(Code.MOVED_NO_TIME, text, {"camera": options.camera})
        if not searched:
            yield Remark(Code.NOTHING_SEARCHED, "no camera was searched; excluded_cameras says why")
            return
        if options.passages == "rank" and options.taken_at is None:
            yield Remark(Code.NO_TIME_GIVEN, "passages ranked nothing, since taken_at isn't known")
        filtered = [name for name in ("since", "until", "hours") if getattr(options, name) is not None]
        walked = options.taken_at is not None and options.passages != "off"
        if not filtered and not walked:
            return
        total, untimed = self.gallery.untimed(searched)
        if filtered and untimed:
            text = f"{untimed:,} of the {total:,} sightings searched have no time, so {' and '.join(filtered)} left them out"
            yield Remark(Code.NO_TIMES, text, {"untimed": untimed, "total": total, "filters": filtered})
        if walked and not self._time_matters(searched, options):
            text = "taken_at left nothing out: the network knows no passage from the query's camera to those searched"
            yield Remark(Code.NO_WALKING_TIME, text, {"camera": options.camera})

    def _time_matters(self, searched: Sequence[str], options: SearchOptions) -> bool:
        """Whether a query's time can leave something out, or let something in."""
        if options.camera is None:
            return False
        network = self.gallery.network
        camera = network[options.camera]
        places = {place for name in searched for place in network[name].places(None)}
        return camera.id in network.moved or any(
            network.walk(here, there) for here in camera.places(options.taken_at) for there in places
        )

    def _moved(self, options: SearchOptions) -> bool:
        """Whether the query's camera was at several places, for who may know it."""
        if options.camera is None:
            return False
        camera = self.gallery.network[options.camera].id
        return camera in self.gallery.network.moved and (options.visible is None or camera in options.visible)

    def like(self, sighting: str, options: SearchOptions) -> Answer:
        """A search for the person of a sighting that is enrolled, in all cameras of other places unless some are named.

        Raises:
            InvalidQuery: no such sighting; or a time that would put it at another place than its own does.
        """
        enrolled = self.gallery.get(sighting)
        if enrolled is None:
            raise InvalidQuery(f"no sighting {sighting!r} in this gallery; it was never enrolled, or was erased")
        network = self.gallery.network
        camera = network[enrolled.camera]
        if (
            enrolled.taken_at
            and options.taken_at
            and camera.places(enrolled.taken_at) != camera.places(options.taken_at)
        ):
            raise InvalidQuery(
                f"sighting {sighting} was taken at {enrolled.taken_at.isoformat()}, and its camera was elsewhere at"
                f" {options.taken_at.isoformat()}; leave taken_at out"
            )
        options = replace(
            options,
            camera=camera.id,
            modality=options.modality or min(camera.modalities, key=lambda modality: modality is Modality.IR),
            cameras=options.cameras or tuple(other.camera for other in self.gallery.counts()),
            taken_at=options.taken_at or (enrolled.taken_at if network.passages or network.moved else None),
        )
        return self.find(self.gallery.embeddings([sighting]), options)

    def marked(
        self,
        embeddings: NDArray[np.float32],
        options: SearchOptions,
        marks: Marks,
        remarks: tuple[Remark, ...] = (),
        stages: dict[str, float] | None = None,
    ) -> Answer:
        """A search that heeds what a person decided: hits marked same are further shots, and who looks like one marked different goes
        behind all others.

        `plain_rank` of a hit is its rank in the same search without the marks; None if it wasn't among those hits. Marks of
        sightings that are erased since, or of cameras that the one who asks may not see, say nothing.

        First stand hits that no mark moves, then those who look like a hit marked different. Then, with passages "rank", come
        those that nobody could have walked to, and last the hits marked different themselves.

        Args:
            embeddings: float32 (shots, d), all of one person; (0, d) where the marked ones are all there is.

        Raises:
            InvalidQuery: re-ranking, which orders hits by another rule; or no shot at all.
        """
        if options.rerank:
            raise InvalidQuery("hits are re-ranked by neighbours or by marks, not both; leave out rerank, or the marks")
        marks = Marks(tuple(self._visible(marks.same, options)), tuple(self._visible(marks.different, options)))
        shots = np.concatenate([embeddings, self.gallery.embeddings(marks.same)]) if marks.same else embeddings
        if not len(shots):
            raise InvalidQuery("a search needs a shot: an image, or a hit that was marked same")
        plain = self.find(embeddings, options) if len(embeddings) else None
        answer = self.find(shots, options, remarks, stages)
        metric = self.gallery.model.metric
        rows = metric.prepare(self.gallery.embeddings([hit.id for hit in answer.hits]))
        answer = pushed_back(answer, rows, metric, marks)
        if options.passages == "rank" and options.taken_at is not None:
            answer = plausible_first(answer, self.gallery.network, options.taken_at)
        answer = rejected_last(answer, marks)
        before = {} if plain is None else {hit.id: hit.rank for hit in plain.hits}
        hits = tuple(replace(hit, plain_rank=before.get(hit.id)) for hit in answer.hits)
        return replace(answer, hits=hits)

    def _visible(self, sightings: Sequence[str], options: SearchOptions) -> Iterator[str]:
        """Those that are enrolled, of cameras that the one who asks may see."""
        for name in sightings:
            enrolled = self.gallery.get(name)
            if enrolled is not None and (options.visible is None or enrolled.camera in options.visible):
                yield name

    def self_test(self) -> None:
        """Searches for an enrolled sighting by its own embedding, as a server does before it says that it is ready.

        Raises:
            GalleryError: something else is found.
        """
        enrolled = self.gallery.some()
        if enrolled is None:
            return
        (row,) = self.gallery.embeddings([enrolled.id])
        (nearest,) = self.gallery.search(Query(row, cameras=(enrolled.camera,), top_k=1)).hits
        if nearest.id != enrolled.id and nearest.distance > 1e-3:
            raise GalleryError(
                f"sighting {enrolled.id} isn't found by its own embedding, {nearest.id} is; `rgbir index verify` says what is wrong"
            )

    def each(self, embeddings: NDArray[np.float32], options: SearchOptions) -> list[Answer]:
        """Every embedding a query of its own, float32 (n, d), with the same options; they share their work.

        Raises:
            InvalidQuery: options that arrange hits, which a batch doesn't.
        """
        if options.rerank or options.group_by != "none" or options.passages == "rank":
            raise InvalidQuery("a batch of searches neither re-ranks nor groups; search one at a time for that")
        modality = self.modality_of(options)
        answers = self.gallery.search_many(
            [self._query(embedding[None], options, modality) for embedding in embeddings]
        )
        return [self._seen(answer, options) for answer in answers]

    def unanswered(self, options: SearchOptions, reason: str) -> Answer:
        """What is said of a query that can't be searched with."""
        camera, modality = origin(self.gallery.network, options.camera, options.modality)
        card = self.encoder.card
        answer = Answer(
            camera=None if camera is None else camera.id,
            modality=modality,
            place=None if camera is None else " or ".join(sorted(camera.places(options.taken_at))),
            shots=1,
            searched_cameras=(),
            excluded_cameras=(),
            hits=(),
            generation=self.gallery.generation,
            exact=True,
            model=card.name,
            fingerprint=card.fingerprint,
            milliseconds={},
            error=reason,
        )
        return self._placed(answer, options)

    def distances(self, embeddings: NDArray[np.float32], options: SearchOptions, most: int | None = None) -> Distances:
        """How far every sighting in the query's scope is from it, float32 (shots, d); see `Gallery.distances`."""
        distances = self.gallery.distances(self._query(embeddings, options, self.modality_of(options)), most)
        return named_distances(distances, self.gallery.network)

    def _query(self, embeddings: NDArray[np.float32], options: SearchOptions, modality: Modality) -> Query:
        asked = {each.name: getattr(options, each.name) for each in fields(Filters)}
        asked |= {"modality": modality}
        return Query(fuse(self.gallery.model.metric, embeddings), options.passages == "filter", **asked)
