"""Enrolment on Ray: the same sightings as without it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from tests.conftest import BUNDLE

from rgbir.index import CameraNetwork, Encoder, Gallery, ImageRecord, Skipped, SysuMM01, UsageError, enrol
from rgbir.index.enrolment.ray import enrol_on_ray

RAY = importlib.util.find_spec("ray") is not None


@pytest.mark.skipif(RAY, reason="Ray is installed")
def test_without_ray_the_error_names_the_extra(tmp_path: Path, encoder: Encoder) -> None:
    refusal = pytest.raises(UsageError, match=r"pip install 'rgbir\[ray\]', or split it with --shard")
    network = CameraNetwork.read("sysu-mm01")
    with Gallery.open_or_create(tmp_path / "g", encoder.card, network) as gallery, refusal:
        enrol_on_ray([], BUNDLE, gallery)


@pytest.mark.slow
@pytest.mark.skipif(not RAY, reason="needs Ray: pip install 'rgbir[ray]'")
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_enrolment_on_ray_is_enrolment(tmp_path: Path, people: SysuMM01, encoder: Encoder) -> None:
    records: list[ImageRecord | Skipped] = [*people.records("available"), Skipped("x.jpg", "not an image")]
    network = CameraNetwork.read("sysu-mm01")
    with Gallery.open_or_create(tmp_path / "plain", encoder.card, network) as plain:
        enrol(records, encoder, plain)
        expected = sorted(sighting.id for sighting in plain.sightings())
        with Gallery.open_or_create(tmp_path / "ray", encoder.card, network) as spread:
            first = enrol_on_ray(records[: len(records) // 2], BUNDLE, spread)
            tally = enrol_on_ray(records, BUNDLE, spread)

            assert first.added + tally.added == len(expected)
            assert (tally.present, len(tally.skipped)) == (first.added, 1)
            assert sorted(sighting.id for sighting in spread.sightings()) == expected
            assert abs(spread.embeddings(expected) - plain.embeddings(expected)).max() < 1e-4
            assert spread.verify() == []
