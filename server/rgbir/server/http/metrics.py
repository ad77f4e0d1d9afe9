"""What Prometheus may ask: requests, stages, the queue, sightings, and how scores lie, by camera pair, to see them drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from rgbir.index import Answer, Modality
from rgbir.server.engine.batching import Batcher
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.filmed import Filmed
from rgbir.server.http.certificate import Certificate

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SCORES = tuple(step / 20 for step in range(1, 21))


class _Queues(Collector):
    """What the model's queues have counted; with another model they begin anew, which Prometheus knows of counters."""

    def __init__(self) -> None:
        self.now: Mapping[Modality, Batcher] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Each count, by modality."""
        for name, meaning in (
            ("batches", "Runs of the model"),
            ("images", "Images through the model"),
            ("refused", "Requests refused for a full queue"),
        ):
            family = CounterMetricFamily(f"rgbir_model_{name}", meaning, labels=["modality"])
            for modality, batcher in self.now.items():
                family.add_metric([modality.value], getattr(batcher, name))
            yield family


class _Films(Collector):
    """What jobs of films have come to."""

    def __init__(self) -> None:
        self.now = Filmed()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Jobs by how they ended, people's pictures by what became of them, tracks, and seconds of footage."""
        for name, meaning, label, counts in (
            ("jobs", "Films that were worked through, by how that ended", "state", self.now.jobs),
            ("sightings", "Pictures of people in films, by what became of them", "status", self.now.sightings),
        ):
            family = CounterMetricFamily(f"rgbir_footage_{name}", meaning, labels=[label])
            for value, count in counts.items():
                family.add_metric([value], count)
            yield family
        yield CounterMetricFamily("rgbir_footage_tracks", "People who passed in films", value=self.now.tracks)
        yield CounterMetricFamily("rgbir_footage_seconds", "Footage that was worked through", value=self.now.seconds)


class Metrics:
    """One server's, in a registry of its own.

    Args:
        certificate: what the server speaks TLS with, if it does.
    """

    def __init__(self, certificate: Certificate | None = None) -> None:
        self._certificate = certificate
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "rgbir_requests", "Answers by route and status", ["method", "route", "status"], registry=registry
        )
        self.took = Histogram(
            "rgbir_request_seconds", "Time to an answer", ["method", "route"], buckets=_SECONDS, registry=registry
        )
        self.stages = Histogram(
            "rgbir_stage_seconds", "Time of a search by stage", ["stage"], buckets=_SECONDS, registry=registry
        )
        self.scores = Histogram(
            "rgbir_best_score", "Score of the best hit, by the query's camera and the hit's", ["query", "hit"],
            buckets=_SCORES, registry=registry,
        )  # fmt: skip
        self.empty = Counter("rgbir_searches_without_hits", "Searches that found nothing", registry=registry)
        self.approximate = Counter("rgbir_approximate_searches", "Answers that may have missed hits", registry=registry)
        self.remarks = Counter("rgbir_poor_queries", "Searches with remarks on the query's images", registry=registry)
        self._closed = Counter(
            "rgbir_connections_closed", "Connections that the server ended, by reason", ["reason"], registry=registry
        )
        self._in_flight = Gauge("rgbir_requests_in_flight", "Requests being answered", registry=registry)
        self._waiting = Gauge("rgbir_images_waiting", "Images waiting for the model", ["modality"], registry=registry)
        self._queues = _Queues()
        registry.register(self._queues)
        self._films = _Films()
        registry.register(self._films)
        self._sightings = Gauge("rgbir_sightings", "Sightings by camera", ["camera"], registry=registry)
        self._model = Info("rgbir_model", "What answers", registry=registry)
        Info("rgbir_build", "The program", registry=registry).info({"version": version("rgbir")})
        self._device = Gauge("rgbir_device_bytes", "Embeddings held in GPUs' memory", registry=registry)
        if certificate is not None:
            self._expires = Gauge(
                "rgbir_tls_certificate_expires_timestamp_seconds", "When the certificate in use ends", registry=registry
            )
            self._unused = Gauge(
                "rgbir_tls_certificate_refused", "1 while the certificate's files hold no pair that can be used", registry=registry
            )  # fmt: skip
        ProcessCollector(registry=registry)
        self._generation = Gauge("rgbir_gallery_generation", "Changes of the gallery", registry=registry)

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
        self._in_flight.set(engine.in_flight)
        self._queues.now = engine.now.queues
        self._films.now = engine.filmed
        for modality, batcher in engine.now.queues.items():
            self._waiting.labels(modality.value).set(batcher.waiting)
        self._sightings.clear()
        network = engine.gallery.network
        for count in engine.gallery.counts():
            self._sightings.labels(network.shown(count.camera)).set(count.sightings)
        self._model.info({"name": engine.encoder.card.name, "fingerprint": engine.encoder.card.fingerprint})
        self._device.set(0 if engine.now.device is None else engine.now.device.used)
        self._generation.set(engine.gallery.generation)
        if self._certificate is not None:
            self._expires.set(self._certificate.pair.expires_at)
            self._unused.set(self._certificate.refused is not None)
        return generate_latest(self.registry)
