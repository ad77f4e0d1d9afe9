"""A second gallery with another model, from the crops of the first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import (
    Bundle,
    CameraNetwork,
    Encoder,
    Gallery,
    GalleryMismatch,
    NewSighting,
    SysuMM01,
    UsageError,
    enrol,
)
from rgbir.index.enrolment.reencode import overlap, reencode


@pytest.fixture
def other(tmp_path: Path) -> Encoder:
    """The same graphs under another metric: another model, as far as a gallery can tell."""
    shutil.copytree(BUNDLE, tmp_path / "other")
    card = json.loads((tmp_path / "other/card.json").read_text())
    card["metric"] = "euclidean" if card["metric"] == "cosine" else "cosine"
    (tmp_path / "other/card.json").write_text(json.dumps(card))
    return Encoder(Bundle(tmp_path / "other"), threads=1)


@pytest.mark.slow
def test_every_crop_is_encoded_again_under_its_own_id(
    gallery: Gallery, other: Encoder, tmp_path: Path, people: SysuMM01
) -> None:
    gallery.add([NewSighting("1", np.ones(256, np.float32), "no crop", "bare.jpg")])
    with Gallery.open_or_create(tmp_path / "new", other.card, CameraNetwork("x", ())) as made:
        tally = reencode(gallery, made, other)
        again = reencode(gallery, made, other)

        originals = {sighting.id: sighting for sighting in gallery.sightings()}
        assert (tally.added, tally.present, len(tally.skipped)) == (len(originals) - 1, 0, 1)
        assert "enrolled without its crop" in tally.skipped[0].reason
        assert (again.added, again.present) == (0, len(originals) - 1)
        for sighting in made.sightings():
            original = originals[sighting.id]
            assert (sighting.camera, sighting.identity, sighting.source) == (
                original.camera,
                original.identity,
                original.source,
            )
        with Gallery.open_or_create(tmp_path / "direct", other.card, CameraNetwork.read("sysu-mm01")) as direct:
            enrol(people.records("test", (1, 2, 4, 5)), other, direct)
            ids = [sighting.id for sighting in direct.sightings()]
            np.testing.assert_allclose(made.embeddings(ids), direct.embeddings(ids), atol=1e-5)
            assert overlap(direct, made) == 1.0
        assert 0.3 < (overlap(gallery, made) or 0) <= 1.0
        with pytest.raises(GalleryMismatch):
            reencode(made, gallery, other)


def test_galleries_without_a_sighting_in_common_have_no_overlap(
    tmp_path: Path, encoder: Encoder, gallery: Gallery
) -> None:
    network = CameraNetwork.read("sysu-mm01")
    refusal = pytest.raises(UsageError, match="no sighting in common")
    with Gallery.open_or_create(tmp_path / "empty", encoder.card, network) as empty, refusal:
        overlap(gallery, empty)


def test_a_gallery_of_one_camera_has_nothing_to_compare_and_is_reencoded(
    tmp_path: Path, people: SysuMM01, encoder: Encoder, other: Encoder
) -> None:
    with Gallery.open_or_create(tmp_path / "one", encoder.card, CameraNetwork.read("sysu-mm01")) as one:
        enrol(people.records("test", (1,)), encoder, one)
        count = len(one)
    command = ["index", "reencode", str(tmp_path / "one"), "--gallery", str(tmp_path / "new"), "--json"]
    result = CliRunner().invoke(app, [*command, "--bundle", str(other.bundle.folder)])
    assert (result.exit_code, json.loads(result.stdout)["added"]) == (0, count), result.output
    assert json.loads(result.stdout)["overlap"] is None


def test_reencoding_by_the_command_line(gallery: Gallery, other: Encoder, tmp_path: Path) -> None:
    command = [
        "index",
        "reencode",
        str(gallery.folder),
        "--gallery",
        str(tmp_path / "new"),
        "--bundle",
        str(other.bundle.folder),
    ]
    result = CliRunner().invoke(app, command)
    assert "0 skipped" in result.output
    assert "% of the ten nearest are the same" in result.output
