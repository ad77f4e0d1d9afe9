"""What a server erases by itself when its time has come, and how that is noted; its first round begins when it starts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.server.cases.books import NEW, WEBER, opened
from tests.waiting import until

from rgbir.index import Encoder, Gallery, NewSighting
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import AuditLog, entries
from rgbir.server.cases.casebook import NewCase
from rgbir.server.engine.kept import Kept, KeptFilms
from rgbir.server.errors import AuditFailed

LONG_AGO, DAYS = datetime.now(UTC) - timedelta(days=100), 30


@pytest.fixture
def settings(empty: Path, tmp_path: Path) -> Settings:
    """A gallery of two sightings that stay, which keeps people for thirty days."""
    fill(empty, "stays", 2, datetime.now(UTC))
    with Gallery(empty) as gallery:
        gallery.set_keep_days(DAYS)
    return Settings(empty, BUNDLE, threads=1, audit=tmp_path / "audit.jsonl")


def fill(folder: Path, name: str, count: int, taken_at: datetime) -> None:
    with Gallery(folder) as gallery:
        embedding = np.eye(gallery.model.dimension, dtype=np.float32)[0]
        names = [f"{name} {number}" for number in range(count)]
        gallery.add([NewSighting("door", embedding, each, each, taken_at) for each in names])


def sources(folder: Path) -> list[str]:
    with Gallery(folder) as gallery:
        return sorted(sighting.source for sighting in gallery.sightings())


def serve_until_noted(settings: Settings, actions: list[str]) -> list[dict[str, Any]]:
    """What a server notes from its start on, once it has noted so much."""
    assert settings.audit is not None
    log = settings.audit
    with TestClient(create_app(settings), base_url="http://127.0.0.1"):
        until(lambda: [entry["action"] for entry in entries(log)] == actions, str(actions))
    return list(entries(log))


def test_a_server_erases_what_is_due_and_notes_it_before_and_after(settings: Settings) -> None:
    fill(Path(settings.gallery), "due", 2, LONG_AGO)
    before, after = serve_until_noted(settings, ["erase", "erased"])
    assert sources(Path(settings.gallery)) == ["stays 0", "stays 1"]
    assert (before["who"], before["gallery"], before["due"]) == ("retention", "gallery", 2)
    assert (after["who"], after["gallery"], after["removed"]) == ("retention", "gallery", 2)
    assert before["conditions"] == after["conditions"]
    rule = datetime.now(UTC) - datetime.fromisoformat(before["conditions"]["before"])
    assert timedelta(days=DAYS) < rule < timedelta(days=DAYS + 1)


def test_a_server_erases_what_is_due_in_the_galleries_of_other_models(settings: Settings, encoder: Encoder) -> None:
    first = Path(settings.gallery)
    other = first.with_name("gallery.0123456789abcdef")
    with Gallery(first) as gallery:
        network = gallery.network
    card = encoder.card.model_copy(update={"metric": "euclidean"})
    Gallery.open_or_create(other, card, network).close()
    fill(other, "due", 3, LONG_AGO)
    before, after = serve_until_noted(settings, ["erase", "erased"])
    assert (sources(first), sources(other)) == (["stays 0", "stays 1"], [])
    assert (before["gallery"], before["due"]) == (other.name, 3)
    assert (after["gallery"], after["removed"]) == (other.name, 3)


def test_a_server_deletes_films_that_are_due_and_notes_it_before_and_after(settings: Settings, tmp_path: Path) -> None:
    films = KeptFilms(tmp_path / "films")
    for digest, last in (("a" * 64, LONG_AGO), ("b" * 64, datetime.now(UTC))):
        (films.folder / f"{digest}.mp4").write_bytes(b"a film")
        note = Kept(film=f"{digest}.mp4", name="a film", camera="door", last=last)
        (films.folder / f"{digest}.json").write_text(note.model_dump_json())
    before, after = serve_until_noted(replace(settings, keep_footage=films.folder), ["erase", "erased"])
    assert sorted(file.name for file in films.folder.iterdir()) == [f"{'b' * 64}.json", f"{'b' * 64}.mp4"]
    assert (before["who"], before["conditions"]) == ("retention", {"films": ["a" * 64]})
    assert (after["who"], after["conditions"], after["removed"]) == ("retention", {"films": ["a" * 64]}, 1)


def test_a_server_deletes_a_case_that_is_due_and_notes_it_before_and_after(settings: Settings, tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as book:
        case = book.add(WEBER, NewCase(number="26-117", **NEW))
        book.store.change(case.id, keep_until=case.made_at)
    noted = serve_until_noted(replace(settings, cases=tmp_path / "cases"), ["delete case", "deleted case"])
    assert {(entry["who"], entry["case"], entry["case_id"]) for entry in noted} == {("retention", "26-117", case.id)}
    with closing(opened(tmp_path)) as book:
        assert book.store.cases() == []


def test_nothing_is_erased_where_it_can_not_be_noted_and_nothing_noted_where_nothing_is_due(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    films = KeptFilms(tmp_path / "films")
    settings = replace(settings, keep_footage=films.folder)
    assert settings.audit is not None
    journal: list[int] = []
    monkeypatch.setattr("rgbir.server.engine.house.MINUTE_S", 0.01)
    monkeypatch.setattr(Gallery, "empty_journal", lambda _: journal.append(1))  # at the end of each round
    with TestClient(create_app(settings), base_url="http://127.0.0.1"):
        until(lambda: len(journal) > 1, "a round")
    assert list(entries(settings.audit)) == []

    def closed(*_: object, **__: object) -> None:
        raise AuditFailed("the log can't be written")

    fill(Path(settings.gallery), "due", 1, LONG_AGO)
    monkeypatch.setattr(AuditLog, "add_all", closed)
    with TestClient(create_app(settings), base_url="http://127.0.0.1"):
        until(lambda: "the log can't be written" in caplog.text, "the refusal")
    assert sources(Path(settings.gallery)) == ["due 0", "stays 0", "stays 1"]
