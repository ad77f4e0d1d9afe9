"""kill -9 while sightings are enrolled: what was acknowledged is there, nothing is there by half or twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE

from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01, enrol

RUN = """
import sys
from pathlib import Path
from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, SysuMM01, enrol
people, folder, bundle = sys.argv[1:]
encoder = Encoder(Bundle(bundle), threads=1)
print("started", flush=True)
with Gallery.open_or_create(folder, encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
    records = SysuMM01(Path(people)).records("available")
    tally = enrol(records, encoder, gallery, batch=2, progress=lambda done: print(done, flush=True))
print("done", flush=True)
"""


def run_and_kill(people: SysuMM01, folder: Path, after_s: float) -> tuple[int, bool]:
    """The number of sightings acknowledged before the kill, and whether the run was over."""
    command = [sys.executable, "-c", RUN, str(people.root), str(folder), str(BUNDLE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().splitlines()
    return sum(int(line) for line in lines if line.isdecimal()), "done" in lines


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_enrolments_lose_nothing_and_double_nothing(
    tmp_path: Path, people: SysuMM01, encoder: Encoder, kills: int
) -> None:
    moments = random.Random(5)
    expected = [record.source for record in people.records("available")]
    folder = tmp_path / "gallery-0"
    for number in range(kills):
        acknowledged, over = run_and_kill(people, folder, moments.uniform(0.0, 0.25))
        with Gallery.open_or_create(folder, encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
            assert len(gallery) >= acknowledged
            assert gallery.verify() == []
            present = [sighting.source for sighting in gallery.sightings()]
            assert len(set(present)) == len(present)
        if over:
            folder = tmp_path / f"gallery-{number + 1}"

    with Gallery.open_or_create(folder, encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        tally = enrol(people.records("available"), encoder, gallery)

        assert tally.added + tally.present == len(expected)
        assert sorted(s.source for s in gallery.sightings()) == sorted(expected)
        assert gallery.verify() == []
        fresh = tmp_path / "fresh"
        with Gallery.open_or_create(fresh, encoder.card, CameraNetwork.read("sysu-mm01")) as untouched:
            enrol(people.records("available"), encoder, untouched)
            ids = [sighting.id for sighting in untouched.sightings()]
            np.testing.assert_allclose(gallery.embeddings(ids), untouched.embeddings(ids), atol=1e-4)
