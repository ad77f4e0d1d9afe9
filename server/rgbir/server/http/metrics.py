"""What Prometheus may ask: requests, stages, the queue, sightings, and how scores lie, by camera pair, to see them drift."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from weakref import WeakKeyDictionary

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
    values,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from rgbir.index import Answer
from rgbir.server.engine.engine import Engine
from rgbir.server.http.certificate import Certificate
from rgbir.server.worker import Count, Worker

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_ROOM, _ENTRY = 1 << 18, 32
"""Bytes that a worker's file of counts begins with, and that a count takes beside its name."""
_SCORES = tuple(step / 20 for step in range(1, 21))


class Allocated(MmapedDict):
    """A file of counts whose blocks are there before they are written: writing to one that a full disk lacks would end the process.

    What finds no room isn't in the file until there is some.
    """

    def read_value(self, key: str) -> tuple[float, float]:
        """A count, and when it was counted."""
        try:
            return super().read_value(key)  # type: ignore[no-any-return, no-untyped-call]
        except OSError:
            return 0.0, 0.0

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        with suppress(OSError):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + _ENTRY > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


class Shared:
    """Where the workers of a server count together, in files that outlive the process that counted.

    A worker that takes a dead one's place goes on where that one was, so no count falls.

    Raises:
        OSError: there is no room for the files.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker, self.folder = worker, worker.there / "metrics"
        self.folder.mkdir(exist_ok=True)
        for kind in ("counter", "histogram"):
            with (self.folder / f"{kind}_{worker.place}.db").open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, _ROOM)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        values.MmapedDict = Allocated  # type: ignore[attr-defined]
        values.ValueClass = values.MultiProcessValue(lambda: worker.place)  # type: ignore[no-untyped-call]

    def registry(self) -> CollectorRegistry:
        """What all workers counted."""
        together = CollectorRegistry()
        MultiProcessCollector(together, str(self.folder))  # type: ignore[no-untyped-call]
        return together


class _Processes(Collector):
    """What the processes of all workers take together, as `ProcessCollector` tells it of one."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def collect(self) -> Iterator[Metric]:
        """Sums; of the start and of the most files the least."""
        families: dict[str, tuple[Metric, list[float]]] = {}
        for process in self.worker.processes():
            for family in ProcessCollector(registry=None, pid=partial(int, process)).collect():
                families.setdefault(family.name, (family, []))[1].extend(each.value for each in family.samples)
        for name, (family, each) in families.items():
            least = name in ("process_start_time_seconds", "process_max_fds")
            ended = self.worker.counts.total(Count.SPENT_MS) / 1000 if name == "process_cpu_seconds" else 0
            value = min(each) if least else sum(each) + ended
            family.samples = [sample._replace(value=value) for sample in family.samples[:1]]
            yield family
        yield GaugeMetricFamily("rgbir_workers", "Processes that answer", value=len(self.worker.processes()))


class _Now(Collector):
    """How things are at the moment, which any worker knows of all."""

    def __init__(self, certificate: Certificate | None) -> None:
        self.certificate = certificate
        self.engine: Engine | None = None

    def collect(self) -> Iterator[Metric]:
        """Gauges."""
        if (engine := self.engine) is None:
            return
        yield GaugeMetricFamily("rgbir_requests_in_flight", "Requests being answered", value=engine.in_flight)
        waiting = GaugeMetricFamily("rgbir_images_waiting", "Images waiting for the model", labels=["modality"])
        for modality in engine.now.queues:
            waiting.add_metric([modality.value], engine.worker.counts.total(Count[f"{modality.name}_IMAGES"]))
        yield waiting
        sightings = GaugeMetricFamily("rgbir_sightings", "Sightings by camera", labels=["camera"])
        network = engine.gallery.network
        for count in engine.gallery.counts():
            sightings.add_metric([network.shown(count.camera)], count.sightings)
        yield sightings
        card = engine.encoder.card
        answers = {"name": card.name, "fingerprint": card.fingerprint}
        yield InfoMetricFamily("rgbir_model", "What answers", value=answers)
        yield InfoMetricFamily("rgbir_build", "The program", value={"version": version("rgbir")})
        used = 0 if engine.now.device is None else engine.now.device.used
        yield GaugeMetricFamily("rgbir_device_bytes", "Embeddings held in GPUs' memory", value=used)
        yield GaugeMetricFamily("rgbir_gallery_generation", "Changes of the gallery", value=engine.gallery.generation)
        if (certificate := self.certificate) is not None:
            ends, refused = certificate.pair.expires_at, certificate.refused is not None
            yield GaugeMetricFamily(
                "rgbir_tls_certificate_expires_timestamp_seconds", "When the certificate in use ends", value=ends
            )
            yield GaugeMetricFamily(
                "rgbir_tls_certificate_refused",
                "1 while the certificate's files hold no pair that can be used",
                value=int(refused),
            )


class Metrics:
    """One server's, in a registry of its own.

    Args:
        certificate: what the server speaks TLS with, if it does.
        shared: where its workers count together; None where there is one process.
    """

    def __init__(self, certificate: Certificate | None = None, shared: Shared | None = None) -> None:
        self.shared, self.registry = shared, CollectorRegistry()
        counted = CollectorRegistry() if shared is not None else self.registry
        self.requests = Counter(
            "rgbir_requests", "Answers by route and status", ["method", "route", "status"], registry=counted
        )
        self.took = Histogram(
            "rgbir_request_seconds", "Time to an answer", ["method", "route"], buckets=_SECONDS, registry=counted
        )
        self.stages = Histogram(
            "rgbir_stage_seconds", "Time of a search by stage", ["stage"], buckets=_SECONDS, registry=counted
        )
        self.scores = Histogram(
            "rgbir_best_score", "Score of the best hit, by the query's camera and the hit's", ["query", "hit"],
            buckets=_SCORES, registry=counted,
        )  # fmt: skip
        self.empty = Counter("rgbir_searches_without_hits", "Searches that found nothing", registry=counted)
        self.approximate = Counter("rgbir_approximate_searches", "Answers that may have missed hits", registry=counted)
        self.remarks = Counter("rgbir_poor_queries", "Searches with remarks on the query's images", registry=counted)
        self._closed = Counter(
            "rgbir_connections_closed", "Connections that the server ended, by reason", ["reason"], registry=counted
        )
        self._queues = {
            name: Counter(f"rgbir_model_{name}", meaning, ["modality"], registry=counted)
            for name, meaning in (
                ("batches", "Runs of the model"),
                ("images", "Images through the model"),
                ("refused", "Requests refused for a full queue"),
            )
        }
        self._films = {
            "jobs": Counter(
                "rgbir_footage_jobs", "Films that were worked through, by how that ended", ["state"], registry=counted
            ),
            "sightings": Counter(
                "rgbir_footage_sightings", "Pictures of people in films, by what became of them", ["status"],
                registry=counted,
            ),
            "tracks": Counter("rgbir_footage_tracks", "People who passed in films", registry=counted),
            "seconds": Counter("rgbir_footage_seconds", "Footage that was worked through", registry=counted),
        }  # fmt: skip
        self._lock = threading.Lock()
        self._counted = WeakKeyDictionary[object, dict[tuple[str, ...], float]]()  # a model that was exchanged goes
        self._now = _Now(certificate)
        self.registry.register(self._now)
        if shared is None:
            ProcessCollector(registry=self.registry)
        else:
            self.registry.register(_Processes(shared.worker))

    def closed_for(self, reason: str) -> None:
        self._closed.labels(reason).inc()

    def searched(self, answer: Answer) -> None:
        for stage, milliseconds in answer.milliseconds.items():
            self.stages.labels(stage).observe(milliseconds / 1000)
        if answer.hits:
            best = answer.hits[0]
            self.scores.labels(answer.camera or "unknown", best.camera).observe(best.score)
        else:
            self.empty.inc()
        self.approximate.inc(not answer.exact)
        self.remarks.inc(bool(answer.warnings))

    def text(self, engine: Engine) -> bytes:
        """As of now, in Prometheus's words."""
        self._now.engine = engine
        engine.tell()
        self.count(engine)
        together = b"" if self.shared is None else generate_latest(self.shared.registry())
        return generate_latest(self.registry) + together

    async def go_on(self, engine: Engine) -> None:
        """Counts every second for those who ask another worker, until it is cancelled."""
        while True:
            self.count(engine)
            await asyncio.sleep(1)

    def count(self, engine: Engine) -> None:
        """Takes over what the model's queues and the jobs of films have counted since the last time."""
        films = engine.filmed
        for modality, batcher in engine.now.queues.items():
            for name, counter in self._queues.items():
                self._count(counter.labels(modality.value), getattr(batcher, name), batcher, name)
        for name, counts in (("jobs", films.jobs), ("sightings", films.sightings)):
            for label, value in dict(counts).items():
                self._count(self._films[name].labels(label), value, films, name, label)
        self._count(self._films["tracks"], films.tracks, films, "tracks")
        self._count(self._films["seconds"], films.seconds, films, "seconds")

    def _count(self, counter: Counter, value: float, of: object, *what: str) -> None:
        with self._lock:
            counted = self._counted.setdefault(of, {})
            counter.inc(value - counted.get(what, 0))
            counted[what] = value
