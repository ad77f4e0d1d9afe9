"""Work is bounded before it begins, and nothing of unbounded size runs on the event loop."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.conftest import BUNDLE
from tests.site.server import Site
from tests.waiting import until

from rgbir.index import Encoder, Gallery, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.engine import house
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.swap import ModelSwap


def blank(width: int, height: int) -> bytes:
    """Few bytes, many pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


def test_pixels_of_a_request_are_counted_before_one_is_decoded(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("an image was decoded")

    settings = Settings(gallery.folder, BUNDLE, threads=1, max_request_pixels=1_000_000)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        monkeypatch.setattr(Engine, "_decode", never)
        files = [("images", blank(600, 600)) for _ in range(3)]
        for path, form in (
            ("/gallery/sightings", {"camera": "1"}), ("/search", {"camera": "3"}), ("/search/batch", {"camera": "3"}),
            ("/distances", {"camera": "3"}),
        ):  # fmt: skip
            refused = http.post(path, files=files, data=form)
            assert refused.status_code == 422
            assert "1,080,000 pixels together; at most 1,000,000 a request" in refused.json()["detail"]


def test_an_enrolment_has_a_deadline_and_is_whole_when_it_is_sent_again(
    gallery: Gallery, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, before, slow = next(people.records("test", (1,))).path.read_bytes(), len(gallery), Engine._reduced
    with TestClient(
        create_app(Settings(gallery.folder, BUNDLE, threads=1, deadline_s=0.2)), base_url="http://127.0.0.1"
    ) as http:
        form = {"files": [("images", picture + bytes([n])) for n in range(3)], "data": {"camera": "1"}}

        def late(*given: object) -> object:
            time.sleep(0.5)
            return slow(*given)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(Engine, "_reduced", late)
            refused = http.post("/gallery/sightings", **form)  # type: ignore[arg-type]
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert "may take 0.2 s here" in refused.json()["detail"]
        assert len(gallery) == before
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        results = http.post("/gallery/sightings", **form).json()["results"]  # type: ignore[arg-type]
    assert [result["status"] for result in results] == ["added"] * 3


@pytest.mark.slow
def test_an_enrolment_of_all_the_pixels_it_may_have_holds_a_few_of_them_at_a_time(
    tmp_path: Path, gallery: Gallery
) -> None:
    gallery.close()
    site = Site(tmp_path)
    with site.server() as server:
        before = peak(server.process.pid)
        files = [("images", (f"{n}.png", blank(4000, 5990))) for n in range(12)]
        answer = server.http.post("/gallery/sightings", files=files, data={"camera": "1"}, timeout=200)
        assert answer.status_code in (200, 503)
        print(f"{before} MiB before, {peak(server.process.pid)} MiB at most")
        assert peak(server.process.pid) - before < 900


def peak(process: int) -> int:
    """MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


@contextmanager
def longest_callback() -> Iterator[list[float]]:
    """Seconds of processor time that each callback of an event loop took, in whichever thread it runs."""
    run, taken = asyncio.Handle._run, []

    def measured(self: asyncio.Handle) -> None:
        begun = time.thread_time()
        try:
            run(self)
        finally:
            taken.append(time.thread_time() - begun)

    asyncio.Handle._run = measured  # type: ignore[method-assign]
    try:
        yield taken
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]


def entries(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for number in range(count):
            out.writestr(f"1/{number:06}.txt", b"")
    return buffer.getvalue()


@pytest.mark.slow
def test_nothing_that_grows_with_what_is_sent_runs_on_the_event_loop(
    gallery: Gallery, people: SysuMM01, tmp_path: Path
) -> None:
    """Processor time of single callbacks, beside what the same work takes in all; the clock plays no part."""
    infrared = next(people.records("test", (3,))).path.read_bytes()
    settings = Settings(gallery.folder, BUNDLE, threads=1, max_images=32, deadline_s=100, audit=tmp_path / "log.jsonl")
    many = [("images", infrared) for _ in range(32)]
    archive = entries(60_000)
    with TestClient(create_app(replace(settings, max_top_k=10_000)), base_url="http://127.0.0.1") as http:
        http.post("/search", files=many[:1], data={"camera": "3"})  # what is made once is made
        with longest_callback() as taken:
            sent = {
                "batch": http.post("/search/batch", files=many, data={"camera": "3", "top_k": "1000"}),
                "distances": http.post("/distances", files=many, data={"camera": "3"}),
                "large images": http.post("/search", files=[("images", infrared + bytes(8_000_000))] * 3, data={"camera": "3"}),
                "cameras": http.post("/search", files=many[:1], data={"camera": "3", "cameras": ["1,4"] * 900}),
                "archive": http.post("/gallery/jobs", files=[("archive", archive)]),
            }  # fmt: skip
    assert {name: answer.status_code for name, answer in sent.items()} == dict.fromkeys(sent, 200) | {"archive": 202}
    print(f"longest callback: {1000 * max(taken):.0f} ms of processor time")
    assert max(taken) < 0.25, sorted(taken)[-5:]


def test_a_model_that_tells_nobody_apart_is_told_of_when_the_server_starts(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    embeddings = gallery.embeddings([gallery.sightings()[0].id])
    gallery.remove(camera="1")
    monkeypatch.setattr(Encoder, "encode", lambda self, images, modality: np.repeat(embeddings, len(images), axis=0))
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        assert http.get("/health/live").status_code == 200
    assert caplog.text.count("nobody can be told apart") == 2


def test_house_keeping_goes_on_after_an_error_that_nobody_expected(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "MINUTE_S", 0.01)
    monkeypatch.setattr(house, "EVERY_S", 0.02)
    tried: list[int] = []

    def expire(*_: object) -> None:
        tried.append(1)
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(ModelSwap, "expire", expire)
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        until(lambda: len(tried) > 2, "another hour")
        assert http.get("/health/live").status_code == 200
