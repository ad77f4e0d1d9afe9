"""Crops as COCO, read back by COCO's own program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.index.yard import filled, network, sightings
from tests.programs import needs_package
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import CantWrite, Encoder, Gallery, Model, UsageError, enrol, read_table
from rgbir.index.exchange.exporting import export_gallery
from rgbir.index.gallery.sightings import box_in

BOXES = [(10, 20, 58, 148), (0, 0, 64, 128), (100, 5, 131, 77)]
"""left, top, right, bottom."""


@pytest.fixture
def boxed(tmp_path: Path, encoder: Encoder) -> Gallery:
    """Three people of one frame, enrolled by a table."""
    Image.effect_noise((160, 160), 90).convert("RGB").save(tmp_path / "frame.png")
    lines = [f'frame.png,a,2026-03-01T10:00:0{n}Z,{n},t{n},"{",".join(map(str, box))}"' for n, box in enumerate(BOXES)]
    (tmp_path / "table.csv").write_text("\n".join(["path,camera,time,identity,track,box", *lines, ""]))
    gallery = Gallery.create(tmp_path / "g", Model.of(encoder.card), network("a"))
    enrol(read_table(tmp_path / "table.csv"), encoder, gallery)
    return gallery


def test_boxes_of_frames_are_kept_with_their_sightings(boxed: Gallery) -> None:
    with boxed:
        assert [box_in(sighting.frame) for sighting in boxed.sightings()] == BOXES


def test_pycocotools_reads_the_same_boxes(tmp_path: Path, boxed: Gallery) -> None:
    needs_package("pycocotools", "reading exported boxes by COCO's own program")
    from pycocotools.coco import COCO

    with boxed:
        done = export_gallery(boxed, tmp_path / "x.coco")
        ids = [sighting.id for sighting in boxed.sightings()]

    coco: Any = COCO(tmp_path / "x.coco/annotations.json")
    assert (done.sightings, coco.getCatIds(catNms=["person"])) == (3, [1])
    annotations = coco.loadAnns(coco.getAnnIds(catIds=[1]))
    assert [entry["sighting"] for entry in annotations] == ids
    for entry, (left, top, right, bottom) in zip(annotations, BOXES, strict=True):
        size = right - left, bottom - top
        assert entry["frame_bbox"] == [left, top, *size]
        assert entry["bbox"] == [0, 0, *size]
        (image,) = coco.loadImgs([entry["image_id"]])
        assert (image["width"], image["height"]) == size
        with Image.open(tmp_path / "x.coco/images" / image["file_name"]) as crop:
            assert crop.size == size
        assert entry["area"] == size[0] * size[1]
        assert coco.getAnnIds(imgIds=[image["id"]]) == [entry["id"]]
    assert [(entry["identity"], entry["track"], entry["taken_at"]) for entry in annotations] == [
        (n, f"t{n}", f"2026-03-01T10:00:0{n}+00:00") for n in range(3)
    ]


def test_sightings_without_a_crop_are_passed_over_and_told(tmp_path: Path, boxed: Gallery) -> None:
    with boxed:
        first = boxed.sightings()[0]
        boxed.remove(ids=[first.id])
        without = sightings(boxed.embeddings([boxed.sightings()[0].id]), cameras="a")
        boxed.add(without)
    done = CliRunner().invoke(
        app, ["index", "export", "--gallery", str(tmp_path / "g"), "--out", str(tmp_path / "x.coco"), "--json"]
    )
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["skipped"] == [{"source": "0.jpg", "reason": "no crop of it is kept"}]
    content = json.loads((tmp_path / "x.coco/annotations.json").read_text())
    assert len(content["images"]) == len(list((tmp_path / "x.coco/images").iterdir())) == 2


def test_a_folder_that_is_there_and_a_place_that_is_closed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.coco").mkdir()
    with filled(tmp_path / "g", sightings(2)) as gallery:
        with pytest.raises(UsageError, match="is there already; delete it, or choose another name"):
            export_gallery(gallery, tmp_path / "x.coco")
        (tmp_path / "file").touch()
        with pytest.raises(CantWrite):
            export_gallery(gallery, tmp_path / "file/x.coco")
        with pytest.raises(UsageError, match=r"the suffix says what the file is; expected \.npz, .* not \.pkl"):
            export_gallery(gallery, tmp_path / "x.pkl")
