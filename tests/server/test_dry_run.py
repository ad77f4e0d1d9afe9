"""What erasing would do, told before: the very numbers of the erasure after it, and nothing changed by asking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.server.test_keys import bearer
from tests.server.test_models import bundles, filled

from rgbir.client import Client, Conflict, Forbidden, NotFound, Unprocessable
from rgbir.index import Gallery
from rgbir.index.gallery.folder.backup import back_up
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role

__all__ = ["bundles"]


@pytest.fixture
def http(settings: Settings, ring: Keyring, bundles: Path) -> Iterator[TestClient]:
    token = ring.add("chief", Role.ADMIN)
    application = create_app(replace(settings, bundles=bundles))
    with TestClient(application, base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        opened.headers.update(bearer(token))
        yield opened


@pytest.mark.slow
def test_a_dry_run_tells_what_the_erasure_then_does_and_what_else_keeps_it(
    http: TestClient, gallery: Gallery, settings: Settings, tmp_path: Path
) -> None:
    client = Client(http)
    client.prepare_model("euclidean")
    other = filled(client, "euclidean")
    back_up(gallery.folder, tmp_path / "copy")
    back_up(gallery.folder.with_name(f"gallery.{other.fingerprint}"), tmp_path / "other model's")
    sighting, erasures = gallery.sightings()[0], len(gallery.erasures())
    conditions: list[dict[str, Any]] = [
        {"sighting": sighting.id},
        {"identity": 7},
        {"camera": "1"},
        {"identity": 10**6},
    ]
    for condition in conditions:
        before = len(gallery)

        preview = client.erase(**condition, dry_run=True)

        assert (len(gallery), len(gallery.erasures())) == (before, erasures)
        done = client.erase(**condition)
        assert preview.removed == done.removed == before - len(gallery)
        assert preview.others == {f"gallery.{other.fingerprint}": preview.removed}
        assert (preview.dry_run, done.dry_run, done.others) == (True, False, {})
        assert [copy.name for copy in preview.backups] == [
            "copy",
            "other model's",
        ]  # who isn't in a gallery may be in its copy
        assert preview.backups == done.backups
        erasures = len(gallery.erasures())
    assert settings.audit is not None
    noted = [entry["action"] for entry in entries(settings.audit) if "erase" in entry["action"]]
    assert noted == ["preview erase", "erase", "erased"] * len(conditions)


def test_several_sightings_are_erased_at_once_and_ids_that_none_has_are_told(
    http: TestClient, ring: Keyring, gallery: Gallery, settings: Settings
) -> None:
    client = Client(http)
    first, second, third, *others = [sighting.id for sighting in gallery.sightings() if sighting.camera == "1"]
    elsewhere = next(sighting.id for sighting in gallery.sightings() if sighting.camera == "4")

    tried = client.erase([first, "none", second, first], dry_run=True)
    assert (tried.removed, tried.unknown, client.sighting(first).id) == (2, ["none"], first)
    done = client.erase([first, "none", second, first])
    assert (done.removed, done.unknown) == (2, ["none"])
    assert settings.audit is not None
    noted = [entry["conditions"] for entry in entries(settings.audit) if "erase" in entry["action"]]
    assert noted == [{"ids": [first, second]}] * 3
    again = client.erase([first, second])
    assert (again.removed, again.unknown) == (0, [first, second])

    assert client.erase([third, elsewhere], camera="4", dry_run=True).removed == 1, "they meet every condition"
    http.headers.update(bearer(ring.add("hall", Role.ADMIN, ["1"])))
    hidden = client.erase([third, elsewhere])
    assert (hidden.removed, hidden.unknown) == (1, [elsewhere])
    assert {sighting.id for sighting in gallery.sightings()} >= {elsewhere, *others}
    assert third not in {sighting.id for sighting in gallery.sightings()}
    with pytest.raises(Unprocessable, match="at most 200"):
        client.erase([f"{number:024}" for number in range(201)])
    with pytest.raises(ValueError, match="one at least"):
        client.erase([])
    assert client.erase([f"{number:024}" for number in range(200)]).removed == 0, "the longest URL of them is taken"


def test_a_dry_run_is_refused_where_the_erasure_would_be(http: TestClient, ring: Keyring, gallery: Gallery) -> None:
    client, before = Client(http), len(gallery)
    with pytest.raises(Unprocessable, match="needs a condition"):
        client.erase(dry_run=True)
    with pytest.raises(Unprocessable, match="no camera 'x'"):
        client.erase(camera="x", dry_run=True)
    with pytest.raises(NotFound):
        client.erase("none", dry_run=True)
    by_camera = {sighting.camera: sighting for sighting in gallery.sightings()}
    http.headers.update(bearer(ring.add("hall", Role.ADMIN, ["1"])))
    with pytest.raises(Forbidden):
        client.erase(identity=7, dry_run=True)
    with pytest.raises(NotFound):
        client.erase(by_camera["4"].id, dry_run=True)
    theirs = client.erase(identity=by_camera["1"].identity, camera="1", dry_run=True).removed
    assert theirs == sum(s.camera == "1" and s.identity == by_camera["1"].identity for s in gallery.sightings())
    http.headers.update(bearer(ring.add("kim", Role.SEARCH)))
    with pytest.raises(Forbidden):
        client.erase(identity=7, dry_run=True)
    assert len(gallery) == before


def test_cameras_and_galleries_of_other_models_stay_after_a_dry_run(http: TestClient, gallery: Gallery) -> None:
    client = Client(http)
    client.put_camera("attic", modalities=["ir"])
    tried = client.remove_camera("attic", dry_run=True)
    assert (tried.changed, client.camera("attic").id) == (False, "attic")
    with pytest.raises(Unprocessable, match="sightings"):
        client.remove_camera("1", dry_run=True)
    client.prepare_model("euclidean")
    ready = filled(client, "euclidean")

    would_go = client.forget_model("euclidean", dry_run=True)

    assert (would_go, filled(client, "euclidean").state) == (ready, "ready")
    assert Path(f"{gallery.folder}.{ready.fingerprint}").is_dir()
    answering = next(model.name for model in client.models() if model.state == "answering")
    with pytest.raises(Conflict, match="activate another one first"):
        client.forget_model(answering, dry_run=True)
    client.forget_model("euclidean")
    assert not Path(f"{gallery.folder}.{ready.fingerprint}").exists()
