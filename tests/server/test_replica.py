"""A second server that sees the gallery on a read-only medium, while the first one writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.site.media import read_only
from tests.site.server import Site
from tests.waiting import until
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Gallery, GalleryError, SysuMM01
from rgbir.index.gallery.folder.place import FILE


@pytest.fixture
def site(tmp_path: Path, gallery: Gallery) -> Site:
    gallery.save_cache()
    gallery.close()
    (tmp_path / "site").mkdir()
    shutil.copytree(gallery.folder, tmp_path / "site/gallery")
    return Site(tmp_path / "site")


@pytest.mark.slow
def test_a_replica_sees_what_its_writer_enrols_erases_and_compacts(site: Site, people: SysuMM01) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()

    with (
        read_only(site.gallery, site.root / "replica") as closed,
        site.server(gallery=str(closed), audit=str(site.root / "other.jsonl")) as replica,
    ):

        def ids() -> list[str]:
            answer = replica.search(image)
            assert answer.status_code == 200, answer.text
            return [hit["id"] for hit in answer.json()["hits"]]

        first = ids()
        with site.server() as writer:
            for turn in range(6):
                made = writer.enrol(image + bytes([turn])).json()["results"][0]["id"]
                assert made in ids()
                gone = first[turn]
                assert writer.erase(gone).json()["removed"] == 1
                assert gone not in ids()
                if turn == 3:
                    result = CliRunner().invoke(app, ["index", "compact", "--gallery", str(site.gallery)])
                    assert "sightings cached" in result.output
                written = [hit["id"] for hit in writer.search(image).json()["hits"]]
                assert ids() == written
            refused = replica.enrol(image)
            assert refused.status_code == 503
            assert "can't be written to" in refused.json()["detail"]
            assert replica.erase(first[10]).status_code == 503
            writer.kill()
        with site.server() as writer:  # another one, after a crash
            assert writer.erase(first[10]).json()["removed"] == 1
            assert first[10] not in ids()
            writer.stop()
        with Gallery(site.gallery) as gallery:
            gallery.remove(ids=[first[11]])
        assert first[11] not in ids()
        assert replica.ready()[0] == 200
        (site.gallery / FILE).rename(site.gallery / "away")
        until(lambda: replica.ready()[0] == 503, "the refusal")
        assert replica.search(image).status_code == 503


def test_a_closed_gallery_that_nobody_writes_is_opened_anew_once_somebody_does(
    tmp_path: Path, gallery: Gallery
) -> None:
    ids = [sighting.id for sighting in gallery.sightings()]
    gallery.close()
    with read_only(gallery.folder, tmp_path / "closed") as closed, Gallery(closed) as replica:
        assert len(replica) == len(ids)
        for turn in range(3):
            with Gallery(gallery.folder) as writer:
                writer.remove(ids=[ids[turn]])
                assert replica.get(ids[turn]) is None
                assert len(replica) == len(ids) - turn - 1
            assert len(replica) == len(ids) - turn - 1
        assert replica.verify() == []
        with pytest.raises(GalleryError):
            replica.remove(ids=[ids[5]])


def test_a_replica_that_can_not_be_opened_for_a_moment_goes_on(tmp_path: Path, gallery: Gallery) -> None:
    count = len(gallery)
    gallery.close()
    with read_only(gallery.folder, tmp_path / "closed") as closed, Gallery(closed) as replica:
        beside = gallery.folder / f"{FILE}-wal"
        beside.touch()  # a writer that just begins, and hasn't come to its shared memory
        for _ in range(3):
            with pytest.raises(GalleryError):
                replica.counts()
        beside.unlink()
        assert sum(camera.sightings for camera in replica.counts()) == count
        assert replica.verify() == []
