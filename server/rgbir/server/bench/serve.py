"""Searches over HTTP beside the same decoding, encoding and searching in one process, on the same gallery in the same run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from rgbir.client import Client
from rgbir.index import (
    Bundle,
    CameraNetwork,
    Encoder,
    Gallery,
    Model,
    NewSighting,
    Searcher,
    SearchOptions,
    SysuMM01,
    decode,
    read_bytes,
)
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE
from rgbir.index.synthetic import Split, synthesize
from rgbir.server.errors import ServerFailure

WARM = 30
EDGE = "an-edge-that-no-image-has"
STAGES = ("decode", "encode", "search")


class Timed(NamedTuple):
    """Requests of one connection.

    Attributes:
        milliseconds: of each, from its first byte sent to its last received.
        stages: of each, what its answer says of its own stages.
    """

    milliseconds: list[float]
    stages: list[dict[str, float]]


def bench_serve(
    bundle: Path, sightings: int = 1000, requests: int = 500, connections: int = 8, workers: int = 1
) -> dict[str, Any]:
    """A lone client, and several at once.

    Args:
        bundle: what encodes the queries; the gallery's embeddings are drawn.
        sightings: rows of the gallery.
        requests: of each client.
        connections: clients at once, each on a connection of its own.
        workers: processes of the server.

    Returns:
        Milliseconds are medians. `bare_ms` is of the loop without a server, `lone_ms` of a lone request. It is divided into the
        stages that its answer names, and `http_ms`, which is the rest. `ready_s` is from the server's start until it is ready.

    Raises:
        ServerFailure: the server didn't start, or refused a search.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture, gallery = _drawn(folder, bundle, sightings)
        bare = _bare(picture, gallery, bundle, requests)
        starting = time.perf_counter()
        with _served(gallery, bundle, workers) as address:
            ready_s = time.perf_counter() - starting
            (lone,) = _asked(address, picture, WARM + requests, 1)
            begun = time.perf_counter()
            many = _asked(address, picture, requests, connections)
            per_s = requests * connections / (time.perf_counter() - begun)
    stages = {stage: float(np.median([each[stage] for each in lone.stages[WARM:]])) for stage in STAGES}
    lone_ms = float(np.median(lone.milliseconds[WARM:]))
    together = [each for client in many for each in client.milliseconds]
    return {
        "bare_ms": bare, "lone_ms": lone_ms, **{f"{stage}_ms": taken for stage, taken in stages.items()},
        "http_ms": lone_ms - sum(stages.values()),
        "ready_s": ready_s, "searches_per_s": per_s, "bare_per_s": 1000 / bare,
        "together_p50_ms": float(np.median(together)), "together_p99_ms": float(np.percentile(together, 99)),
    }  # fmt: skip


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Of searches without a server to searches over HTTP: a lone one's time, and how many several clients get."""
    return {
        "lone_against_bare": figures["bare_ms"] / figures["lone_ms"],
        "together_against_bare": figures["searches_per_s"] / figures["bare_per_s"],
    }


def _drawn(folder: Path, bundle: Path, sightings: int) -> tuple[bytes, Path]:
    """A picture of an infrared camera, and a gallery of drawn embeddings."""
    synthesize(folder / "people", Split(0, 0, 1), 1, workers=1)
    query = next(iter(SysuMM01(folder / "people").records("test", INFRARED)))
    card, chance = Bundle(bundle).card, np.random.default_rng(0)
    with Gallery.create(folder / "gallery", Model.of(card), CameraNetwork.read("sysu-mm01")) as gallery:
        for start in range(0, sightings, 1000):
            rows = chance.standard_normal((min(1000, sightings - start), card.dimension)).astype(np.float32)
            cameras = [str(VISIBLE[place % len(VISIBLE)]) for place in range(len(rows))]
            gallery.add(
                [
                    NewSighting(camera, row, f"{start}-{place}")
                    for place, (camera, row) in enumerate(zip(cameras, rows, strict=True))
                ]
            )
    return read_bytes(query.path), folder / "gallery"


def _bare(picture: bytes, gallery: Path, bundle: Path, requests: int) -> float:
    """Milliseconds of one search after the other, without HTTP."""
    taken, options = list[float](), SearchOptions(camera=str(INFRARED[0]))
    with Gallery(gallery) as opened:
        searcher = Searcher(Encoder(Bundle(bundle)), opened)
        for _ in range(WARM + requests):
            begun = time.perf_counter()
            searcher.search([decode(picture, "query")], options)
            taken.append(time.perf_counter() - begun)
    return float(np.median(taken[WARM:])) * 1000


@contextmanager
def _served(gallery: Path, bundle: Path, workers: int) -> Iterator[tuple[str, int]]:
    """The address of a server, while it runs.

    Raises:
        ServerFailure: it ended before it was ready.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from rgbir.client.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "serve",
        "--gallery",
        str(gallery),
        "--bundle",
        str(bundle),
        "--port",
        str(port),
        "--workers",
        str(workers),
    ]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as server,
        Client(f"http://127.0.0.1:{port}", retries=0) as client,
    ):
        try:
            while not client.ready():
                if server.poll() is not None:
                    raise ServerFailure(
                        f"the server ended with {server.returncode}; `{' '.join(command[3:])}` says why"
                    )
                time.sleep(0.05)
            yield "127.0.0.1", port
        finally:
            server.terminate()


def _asked(address: tuple[str, int], picture: bytes, requests: int, connections: int) -> list[Timed]:
    """What each of several clients at once measured."""
    measured = [Timed([], []) for _ in range(connections)]
    clients = [Thread(target=_ask, args=(address, picture, requests, each)) for each in measured]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if any(len(each.stages) < requests for each in measured):
        raise ServerFailure("the server refused a search, or ended; its own words stand above")
    return measured


def _ask(address: tuple[str, int], picture: bytes, requests: int, measured: Timed) -> None:
    """Sends one request after the other on a connection that stays open; ends early at an answer that is none.

    The bytes are made before, and answers are read after their time was taken: the client is to cost little.
    """
    body = f'--{EDGE}\r\nContent-Disposition: form-data; name="camera"\r\n\r\n{INFRARED[0]}\r\n--{EDGE}\r\n'.encode()
    body += b'Content-Disposition: form-data; name="images"; filename="q.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body += picture + f"\r\n--{EDGE}--\r\n".encode()
    head = f"POST /search HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nContent-Length: {len(body)}\r\n"
    request = f"{head}Content-Type: multipart/form-data; boundary={EDGE}\r\n\r\n".encode() + body
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            begun = time.perf_counter()
            connection.sendall(request)
            content = _received(connection)
            taken = (time.perf_counter() - begun) * 1000
            if content is None:
                return
            measured.milliseconds.append(taken)
            measured.stages.append(json.loads(content)["milliseconds"])


def _received(connection: socket.socket) -> bytes | None:
    """The body of an answer with a length; None of one that isn't 200."""
    taken = b""
    while b"\r\n\r\n" not in taken:
        if not (piece := connection.recv(1 << 16)):
            return None
        taken += piece
    head, _, content = taken.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    length = next(int(field.split(":")[1]) for field in fields if field.lower().startswith("content-length:"))
    while len(content) < length:
        if not (piece := connection.recv(1 << 16)):
            return None
        content += piece
    return content if status.split()[1] == "200" else None
