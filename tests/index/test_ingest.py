"""Bulk enrolment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from rgbir.index import (
    Camera,
    CameraNetwork,
    Encoder,
    Gallery,
    ImageRecord,
    Modality,
    NewSighting,
    SysuMM01,
    enrol,
    read_folders,
)
from rgbir.index.datasets.table import read_table

RGB = frozenset({Modality.RGB})
SITE = CameraNetwork("site", (Camera("yard", RGB, "yard"), Camera("hall", RGB, "hall")))


@pytest.fixture
def folder(tmp_path: Path, people: SysuMM01) -> Path:
    root = tmp_path / "images"
    shutil.copytree(people.root / "cam1/0007", root / "yard")
    shutil.copytree(people.root / "cam4/0007", root / "hall")
    (root / "hall/broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (root / "hall/empty.png").touch()
    (root / "roof").mkdir()
    shutil.copy(people.root / "cam1/0007/0001.jpg", root / "roof/a.jpg")
    return root


def test_what_can_be_read_is_enrolled_and_the_rest_is_named(tmp_path: Path, folder: Path, encoder: Encoder) -> None:
    with Gallery.open_or_create(tmp_path / "g", encoder.card, SITE) as gallery:
        tally = enrol(read_folders(folder), encoder, gallery, batch=3)

        assert (tally.added, tally.present, len(gallery)) == (8, 0, 8)
    assert {item.source: item.reason.split(":")[-1][:20] for item in tally.skipped}.keys() == {
        "hall/broken.jpg",
        "hall/empty.png",
        "roof/a.jpg",
    }
    assert "no camera 'roof'" in next(item.reason for item in tally.skipped if item.source == "roof/a.jpg")


def test_a_second_run_encodes_nothing(
    tmp_path: Path, folder: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Gallery.open_or_create(tmp_path / "g", encoder.card, SITE) as gallery:
        enrol(read_folders(folder), encoder, gallery)
        monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("an image was encoded twice"))

        again = enrol(read_folders(folder), encoder, gallery)

        assert (again.added, again.present, len(gallery)) == (0, 8, 8)


def test_an_image_enrolled_as_bytes_and_as_a_record_has_the_embedding_of_the_encoder(
    gallery: Gallery, people: SysuMM01, encoder: Encoder
) -> None:
    from rgbir.index import decode, read_bytes

    record = next(people.records("test", (1,)))
    (sighting,) = [s for s in gallery.sightings() if s.source == record.source]

    expected = encoder.embed([decode(read_bytes(record.path))], Modality.RGB)[0]

    assert gallery.embeddings([sighting.id])[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    crop = gallery.crop(sighting.id)
    assert crop is not None
    assert crop.data == record.path.read_bytes()


def test_boxes_cut_people_out_of_frames(tmp_path: Path, encoder: Encoder) -> None:
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(tmp_path / "frame.png")
    (tmp_path / "t.csv").write_text(
        "path,camera,box,time\nframe.png,yard,0 0 40 100,2026-01-01T00:00:00Z\nframe.png,yard,100 50 140 150,\nframe.png,yard,0 0 400 10,\n"
    )
    with Gallery.open_or_create(tmp_path / "g", encoder.card, SITE) as gallery:
        tally = enrol(read_table(tmp_path / "t.csv"), encoder, gallery)

        assert (tally.added, len(tally.skipped)) == (2, 1)
        assert "does not lie in the 300 x 200 image" in tally.skipped[0].reason
        assert len({s.digest for s in gallery.sightings()}) == 2


def test_infrared_images_go_through_the_infrared_graph(tmp_path: Path, people: SysuMM01, encoder: Encoder) -> None:
    from rgbir.index import decode, read_bytes

    record = next(people.records("test", (3,)))
    plain = ImageRecord(record.path, record.source, "3")
    with Gallery.open_or_create(tmp_path / "g", encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol([plain], encoder, gallery)
        (sighting,) = gallery.sightings()

        infrared = encoder.embed([decode(read_bytes(record.path))], Modality.IR)[0]
        assert gallery.embeddings([sighting.id])[0] == pytest.approx(infrared, rel=1e-4, abs=1e-4)


def test_a_naive_time_is_refused() -> None:
    from datetime import datetime

    import numpy as np

    from rgbir.index import UsageError

    with pytest.raises(UsageError, match="taken_at needs a zone"):
        NewSighting("yard", np.zeros(2, np.float32), "x", taken_at=datetime(2026, 1, 1))
