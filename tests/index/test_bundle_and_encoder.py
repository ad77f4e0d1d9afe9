"""The bundle and its encoder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image
from tests.conftest import BUNDLE

from rgbir.index import BadBundle, Bundle, Encoder, Modality, SysuMM01, UsageError, decode, read_bytes, sessions

FINGERPRINT = "fdb9c2afc2a270fb"
"""Of the demonstration's bundle, which galleries keep."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def edit(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


def test_a_copy_is_the_same_model(copy: Path, bundle: Bundle) -> None:
    edit(copy, measured={"note": 1}, name="renamed")

    assert Bundle(copy).card.fingerprint == bundle.card.fingerprint


def test_the_metric_and_the_size_are_part_of_the_fingerprint(copy: Path, bundle: Bundle) -> None:
    edit(copy, metric="euclidean")

    assert Bundle(copy).card.fingerprint != bundle.card.fingerprint


def test_a_card_without_a_filter_means_bilinear_and_keeps_its_fingerprint(copy: Path) -> None:
    content = json.loads((copy / "card.json").read_text())
    content.pop("resize", None)
    (copy / "card.json").write_text(json.dumps(content))
    card = Bundle(copy).card
    assert (card.resize, card.fingerprint) == ("bilinear", FINGERPRINT)

    edit(copy, resize="bilinear")
    assert Bundle(copy).card.fingerprint == FINGERPRINT
    edit(copy, resize="bicubic")
    assert Bundle(copy).card.fingerprint != FINGERPRINT
    edit(copy, resize="nearest")
    with pytest.raises(BadBundle, match="resize"):
        Bundle(copy)


@pytest.mark.parametrize(
    ("resize", "filter_"), [("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)]
)
def test_images_are_resized_by_the_filter_of_the_card(copy: Path, resize: str, filter_: Image.Resampling) -> None:
    edit(copy, resize=resize)
    encoder = Encoder(Bundle(copy), threads=1)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 110, 3), np.uint8))

    by_pillow = np.asarray(image.resize((encoder.card.width, encoder.card.height), filter_))

    np.testing.assert_array_equal(encoder.pixels(image), by_pillow)
    np.testing.assert_array_equal(encoder.embed([image], Modality.IR), encoder.encode(by_pillow[None], Modality.IR))


def test_an_altered_or_missing_file_is_refused(copy: Path) -> None:
    weights = copy / "weights.bin"
    data = bytearray(weights.read_bytes())
    data[1000] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BadBundle, match="is not the file the card describes"):
        Bundle(copy)
    weights.unlink()
    with pytest.raises(BadBundle, match="missing; the bundle is incomplete"):
        Bundle(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format 2; this version reads format 1"),
        ({"surprise": 1}, "surprise"),
        ({"metric": "manhattan"}, "metric"),
        ({"graphs": {"rgb": "../../etc/passwd"}}, "not listed under files"),
        ({"files": {"../x": "0"}, "graphs": {"rgb": "../x"}}, "own folder"),
    ],
)
def test_a_card_that_is_wrong_is_refused(copy: Path, changes: dict[str, Any], message: str) -> None:
    edit(copy, **changes)
    with pytest.raises(BadBundle, match=message):
        Bundle(copy)


def test_a_folder_without_a_card_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match=r"is not a bundle: no card\.json"):
        Bundle(tmp_path)


def test_a_card_that_promises_another_size_is_refused_when_loaded(copy: Path) -> None:
    edit(copy, height=64)
    with pytest.raises(BadBundle, match=r"input must be uint8 \(N, 64"):
        Encoder(Bundle(copy))


@pytest.mark.parametrize("other", [-1, 1])
def test_a_card_that_promises_another_dimension_is_refused_when_loaded(copy: Path, bundle: Bundle, other: int) -> None:
    edit(copy, dimension=bundle.card.dimension + other)
    with pytest.raises(BadBundle, match=f"embeddings have {bundle.card.dimension} values, the card says"):
        Encoder(Bundle(copy))


def test_batches_and_single_images_give_the_same_embeddings(encoder: Encoder, people: SysuMM01) -> None:
    images = [decode(read_bytes(record.path)) for record in list(people.records("test"))[:10]]

    together = encoder.embed(images, Modality.RGB)

    alone = np.concatenate([encoder.embed([image], Modality.RGB) for image in images])
    assert together.shape == (10, encoder.card.dimension)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)
    assert encoder.embed([], Modality.RGB).shape == (0, encoder.card.dimension)


def test_pixels_of_another_form_are_refused(encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="the encoder takes uint8"):
        encoder.encode(np.zeros((1, 3, 8, 8), np.float32), Modality.RGB)


def test_a_provider_that_is_not_there_is_named(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"has no provider MoonExecutionProvider; it has .*CPUExecutionProvider"):
        Encoder(bundle, providers=["MoonExecutionProvider"])
    assert Encoder(bundle).providers[-1] == "CPUExecutionProvider"


def test_the_gpu_is_preferred_where_there_is_a_driver_and_its_libraries_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr(ort, "get_available_providers", lambda: [sessions.CUDA, sessions.CPU])
    monkeypatch.setattr(ort, "preload_dlls", lambda: loaded.append(True), raising=False)
    monkeypatch.setattr(sessions, "_driver", lambda: False)
    assert (sessions.preferred(), loaded) == ([sessions.CPU], [])

    monkeypatch.setattr(sessions, "_driver", lambda: True)
    assert (sessions.preferred(), loaded) == ([sessions.CUDA, sessions.CPU], [True])


def test_a_gpu_that_can_not_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bundle: Bundle
) -> None:
    monkeypatch.setattr(sessions, "preferred", lambda: [sessions.CUDA, sessions.CPU])
    real = ort.InferenceSession
    monkeypatch.setattr(
        ort, "InferenceSession", lambda file, options, providers: real(file, options, providers=providers[1:])
    )
    Encoder(bundle, threads=1)
    assert "computes on the processor" in caplog.text
