"""Enrolment on Ray, and by processes that are killed: the same sightings as without it."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest
from PIL import Image
from tests import many
from tests.conftest import BUNDLE
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import CameraNetwork, Encoder, Gallery, ImageRecord, Skipped, SysuMM01, UsageError, enrol
from rgbir.index.cli import gallery as gallery_cli
from rgbir.index.enrolment.enrol import Tally
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


def test_workers_are_the_encoders_on_ray_and_threads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = list[int]()

    def noted(*_: object, workers: int, **__: object) -> Tally:
        given.append(workers)
        return Tally()

    monkeypatch.setattr(gallery_cli, "enrol_on_ray", noted)
    Image.new("RGB", (12, 24)).save(tmp_path / "1.png")
    options = ["--camera", "north", "--gallery", str(tmp_path / "g"), "--bundle", str(BUNDLE), "--ray", "local"]
    command = ["index", "add", str(tmp_path), *options, "--workers", "7"]

    assert CliRunner().invoke(app, command).exit_code == 0
    assert given == [7]
    refused = CliRunner().invoke(app, [*command, "--threads", "2"])
    assert "an encoder on Ray takes one processor core" in f"{refused.output} {refused.exception}"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["shards", "ray"])
def test_of_many_images_none_is_lost_or_double_whoever_is_killed(tmp_path: Path, way: str) -> None:
    """Processes, workers of Ray and the one that writes are killed with SIGKILL, and what was begun is begun again.

    `python -m tests.many` does it with 100,000 images.
    """
    if way == "ray" and not RAY:
        pytest.skip("needs Ray: pip install 'rgbir[ray]'")
    names = many.draw(tmp_path / "images", 3_000)
    whole = many.WAYS[way](tmp_path / "images", tmp_path / way, len(names), 6, random.Random(0))
    assert many.check(whole, tmp_path / "images", names, tmp_path / way) < 1e-5
