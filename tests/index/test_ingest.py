"""Bulk enrolment."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import BUNDLE
from tests.index.yard import network
from tests.waiting import HANGS_AFTER_S
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import (
    CameraNetwork,
    Crop,
    Encoder,
    Gallery,
    ImageRecord,
    Modality,
    NewSighting,
    SysuMM01,
    crop_of,
    enrol,
    read_folders,
)
from rgbir.index.datasets.table import read_table

SITE = network(["yard", "hall"])


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

    expected = encoder.card.metric.prepare(encoder.embed([decode(read_bytes(record.path))], Modality.RGB))[0]

    assert gallery.embeddings([sighting.id])[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    crop = gallery.crop(sighting.id)
    assert crop is not None
    assert crop.data == record.path.read_bytes()


def test_boxes_cut_people_out_of_frames(tmp_path: Path, encoder: Encoder) -> None:
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(tmp_path / "frame.png")
    (tmp_path / "t.csv").write_text(
        'path,camera,box,time\nframe.png,yard,"0,0,40,100",2026-01-01T00:00:00Z\nframe.png,yard,"100,50,140,150",\nframe.png,yard,"0,0,400,10",\n'
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

        infrared = encoder.card.metric.prepare(encoder.embed([decode(read_bytes(record.path))], Modality.IR))[0]
        assert gallery.embeddings([sighting.id])[0] == pytest.approx(infrared, rel=1e-4, abs=1e-4)


def test_a_naive_time_is_refused() -> None:
    from datetime import datetime

    import numpy as np

    from rgbir.index import UsageError

    with pytest.raises(UsageError, match="taken_at needs a zone"):
        NewSighting("yard", np.zeros(2, np.float32), "x", taken_at=datetime(2026, 1, 1))


STUCK = """
import time
from rgbir.client.cli import main
from rgbir.index import Gallery
add, done = Gallery.add, []
def and_then_stuck(*args):
    if len(done) == 3:  # the work can't end before the signal comes
        print("stuck", flush=True)
        time.sleep(1000)
    done.append(add(*args))
    return done[-1]
Gallery.add = and_then_stuck
main()
"""


@pytest.mark.slow
def test_ctrl_c_leaves_a_gallery_that_goes_on(tmp_path: Path, people: SysuMM01) -> None:
    command = [
        "index", "add", str(people.root), "--layout", "sysu", "--list", "available",
        "--modality", "both", "--gallery", str(tmp_path / "g"), "--bundle", str(BUNDLE), "--batch", "2", "--json",
    ]  # fmt: skip
    stuck = [sys.executable, "-c", STUCK, *command]
    with subprocess.Popen(stuck, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=HANGS_AFTER_S)
    assert process.returncode == 130
    assert "Traceback" not in errors
    before = enrolled_in(tmp_path / "g")

    again = json.loads(CliRunner().invoke(app, command).stdout)

    total = len(list(people.records("available")))
    assert 0 < before < total, output
    assert (again["present"], again["added"], again["sightings"]) == (before, total - before, total)


def enrolled_in(folder: Path) -> int:
    with Gallery(folder) as gallery:
        return len(gallery)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path, people: SysuMM01) -> None:
    images = [record.path for record in people.records("available")]
    peaks = []
    for count in (1_000, 12_000):
        folder = tmp_path / str(count)
        for number in range(count):
            place = folder / "cam" / f"{number // 500}"
            place.mkdir(parents=True, exist_ok=True)
            # Another file each time: a comment at the end of a JPEG doesn't change its pixels.
            (place / f"{number}.jpg").write_bytes(images[number % len(images)].read_bytes() + str(number).encode())
        code = (
            "import re, sys; from typer.testing import CliRunner; from rgbir.client.cli import app\n"
            "result = CliRunner().invoke(app, sys.argv[1:]); assert result.exit_code == 0, result.output\n"
            "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
        )
        options = ["index", "add", str(folder), "--gallery", str(tmp_path / f"g{count}"), "--bundle", str(BUNDLE)]
        done = subprocess.run(
            [sys.executable, "-c", code, *options, "--no-keep-images"], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    print(f"peak MiB at 1,000 and 12,000 images: {peaks}")
    assert peaks[1] < peaks[0] + 60  # the gallery's own embeddings and their cache: 12,000 of 256 values are 12 MiB


def test_a_large_file_is_kept_as_a_small_picture_of_it(rng: np.random.Generator) -> None:
    image = Image.fromarray(rng.integers(0, 256, (1500, 700, 3), np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    kept = crop_of(buffer.getvalue(), image)
    assert kept.media_type == "image/jpeg"
    assert len(kept.data) < len(buffer.getvalue()) // 4
    assert max(Image.open(io.BytesIO(kept.data)).size) == 1024
    small = io.BytesIO()
    image.resize((40, 80)).save(small, "PNG")
    assert crop_of(small.getvalue(), image) == Crop("image/png", small.getvalue())
