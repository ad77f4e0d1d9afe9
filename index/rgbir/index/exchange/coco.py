"""COCO's JSON with the crops of a gallery, for annotation tools: a folder with annotations.json and images.

COCO's box is in pixels of the image file that its annotation names. A gallery keeps crops and no frames, so the box of an
annotation is all of its crop, (0, 0, width, height), and `frame_bbox` is the box in the frame that the crop was cut from.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from rgbir.index.datasets.records import Skipped
from rgbir.index.errors import UsageError
from rgbir.index.exchange.columns import cells_of
from rgbir.index.exchange.source import Source
from rgbir.index.files import writing_to
from rgbir.index.gallery.sightings import Sighting, box_in

ANNOTATIONS, IMAGES = "annotations.json", "images"
CATEGORY = {"id": 1, "name": "person", "supercategory": "person"}
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}
LABELS = ("camera", "identity", "taken_at", "track", "source")


def write(folder: Path, source: Source) -> list[Skipped]:
    """Writes the folder, which must not be there.

    Returns:
        The sightings without a crop, which can't be written.

    Raises:
        UsageError: something is there already.
        CantWrite: no room, or a place that is closed to us.
    """
    if folder.exists():
        raise UsageError(f"{folder} is there already; delete it, or choose another name")
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        with writing_to(folder):
            (new / IMAGES).mkdir(parents=True)
            skipped = _write(new, source)
            source.expect_kept()
            new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return skipped


def _write(folder: Path, source: Source) -> list[Skipped]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    skipped: list[Skipped] = []
    for sighting in source.sightings:
        crop = source.gallery.crop(sighting.id)
        source.progress(1)
        if crop is None:
            skipped.append(Skipped(sighting.source or sighting.id, "no crop of it is kept"))
            continue
        name = f"{sighting.id}{SUFFIXES.get(crop.media_type, '.jpg')}"
        (folder / IMAGES / name).write_bytes(crop.data)
        with Image.open(io.BytesIO(crop.data)) as image:
            width, height = image.size
        number = len(images) + 1
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        annotations.append(_annotation(number, sighting, width, height))
    content = {
        "info": {"description": "exported by rgbir", "card": source.card.model_dump(mode="json")},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [CATEGORY],
    }
    (folder / ANNOTATIONS).write_text(json.dumps(content), encoding="utf-8")
    return skipped


def _annotation(number: int, sighting: Sighting, width: int, height: int) -> dict[str, Any]:
    cells = cells_of(sighting)
    box = box_in(sighting.frame)
    return {
        "id": number,
        "image_id": number,
        "category_id": CATEGORY["id"],
        "bbox": [0, 0, width, height],
        "area": width * height,
        "iscrowd": 0,
        "segmentation": [],
        "sighting": sighting.id,
        **{name: cells[name] for name in LABELS},
        "frame_bbox": None if box is None else [box[0], box[1], box[2] - box[0], box[3] - box[1]],
    }
