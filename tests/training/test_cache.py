"""Decoded images on disk: the same as decoding, whoever else fills, stops, damages or lacks room."""

from __future__ import annotations

import errno
import json
import logging
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.site.media import disk, read_only
from tests.training.small import build, recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import BadImage, ImageRecord, Resize, Setting, SysuMM01
from rgbir.index import decode as decode_
from rgbir.index.datasets import records
from rgbir.index.evaluation import PROTOCOLS
from rgbir.index.images import Box
from rgbir.index.progress import Progress, silent
from rgbir.training.data import cache
from rgbir.training.data.cache import Form, Kept, Mapped
from rgbir.training.data.source import Source, batches
from rgbir.training.data.store import ImageStore
from rgbir.training.validate import Validation

FORM = Form(48, 20, "bilinear")
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.fixture
def paths(people: SysuMM01) -> list[Path]:
    return [record.path for record in people.records("train")][:20]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is decoded from now on."""
    names: list[str] = []
    decode = decode_

    def counted(data: bytes, name: str, box: Box | None = None) -> Image.Image:
        names.append(name)
        return decode(data, name, box)

    monkeypatch.setattr(cache, "decode", counted)
    monkeypatch.setattr(records, "decode", counted)
    return names


def fill(paths: Sequence[Path], form: Form, folder: Path, progress: Progress = silent) -> Kept:
    return cache.fill([ImageRecord(path, path.name, "1") for path in paths], form, folder, progress)


def by_pillow(path: Path, form: Form = FORM) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((form.width, form.height), FILTERS[form.resize]))


def is_right(kept: Kept, paths: list[Path], form: Form = FORM) -> bool:
    return len(kept) == len(paths) and all(
        (image := kept.get(number)) is not None and np.array_equal(image, by_pillow(path, form))
        for number, path in enumerate(paths)
    )


def files(folder: Path) -> list[str]:
    """Those of all forms, by what they are."""
    return sorted(file.suffix for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("resize", FILTERS)
def test_kept_images_are_decoded_ones_and_the_next_run_decodes_none(
    tmp_path: Path, paths: list[Path], decoded: list[str], resize: Resize
) -> None:
    form = Form(48, 20, resize)
    steps: list[int] = []

    first = fill(paths, form, tmp_path, steps.append)
    assert is_right(first, paths, form)
    assert (sum(steps), len(decoded)) == (len(paths), len(paths))
    second = fill(paths, form, tmp_path, steps.append)

    assert is_right(second, paths, form)
    assert (sum(steps), len(decoded)) == (2 * len(paths), len(paths))
    assert files(tmp_path) == [".json", ".rgb"]
    image = second.get(0)
    assert image is not None
    assert not image.flags.writeable


def test_sizes_and_filters_are_kept_apart(tmp_path: Path, paths: list[Path]) -> None:
    forms = [FORM, Form(20, 48, "bilinear"), Form(48, 20, "lanczos")]
    for _ in range(2):
        assert all(is_right(fill(paths, form, tmp_path), paths, form) for form in forms)
    assert len(list(tmp_path.iterdir())) == 3


def test_what_data_sets_share_is_decoded_once(tmp_path: Path, paths: list[Path], decoded: list[str]) -> None:
    copy = Path(shutil.copy(paths[3], tmp_path / "copy.jpg"))
    fill(paths[:12], FORM, tmp_path / "cache")

    kept = fill([*paths[4:], copy, copy], FORM, tmp_path / "cache")

    assert is_right(kept, [*paths[4:], copy, copy])
    assert len(decoded) == len(set(decoded)) == len(paths)
    assert str(copy) not in decoded


def test_a_file_that_was_changed_is_another_image_whatever_its_times_say(tmp_path: Path, paths: list[Path]) -> None:
    paths = sorted(paths, key=lambda path: -path.stat().st_size)
    mine = Path(shutil.copy2(paths[0], tmp_path / "mine.jpg"))
    before = mine.stat()
    fill([mine], FORM, tmp_path / "cache")

    content = paths[1].read_bytes()
    mine.write_bytes(content + bytes(before.st_size - len(content)))  # decoders leave what stands after the end
    os.utime(mine, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert is_right(fill([mine], FORM, tmp_path / "cache"), [paths[1]])


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-FORM.height * FORM.width * 3 - 7] ^= 16
    file.write_bytes(content)


def without(key: str) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        content = json.loads(file.read_text())
        content[key] = content[key][:-1]
        file.write_text(json.dumps(content))

    return edit


DAMAGE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "a bit of the pixels": ("rgb", flipped),
    "the end is missing": ("rgb", lambda file: os.truncate(file, 9_000)),
    "nothing in it": ("rgb", lambda file: os.truncate(file, 0)),
    "zeros, after a power cut": ("rgb", lambda file: file.write_bytes(bytes(file.stat().st_size))),
    "more at the end": ("rgb", lambda file: file.write_bytes(file.read_bytes() + b"more")),
    "no pixels at all": ("rgb", Path.unlink),
    "no JSON": ("json", lambda file: file.write_bytes(b"{")),
    "no text": ("json", lambda file: file.write_bytes(b"\xff\xfe\x00")),
    "no object": ("json", lambda file: file.write_text("[1]")),
    "fewer sums": ("json", without("sums")),
    "fewer files": ("json", without("files")),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_file_of_the_cache_is_noticed_told_and_made_again(
    tmp_path: Path, paths: list[Path], decoded: list[str], caplog: pytest.LogCaptureFixture, what: str
) -> None:
    suffix, damage = DAMAGE[what]
    fill(paths, FORM, tmp_path)
    damage(next(tmp_path.rglob(f"*.{suffix}")))

    assert is_right(fill(paths, FORM, tmp_path), paths)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert ".rgb is damaged (" in caplog.text
    assert len(decoded) == 2 * len(paths)

    assert is_right(fill(paths, FORM, tmp_path), paths)
    assert len(decoded) == 2 * len(paths)
    assert files(tmp_path) == [".json", ".rgb"]


def test_two_runs_at_once_decode_each_image_once(
    tmp_path: Path, paths: list[Path], decoded: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda _: fill(paths, FORM, tmp_path), range(3)))

    assert all(is_right(kept, paths) for kept in runs)
    assert len(decoded) == len(paths)
    assert files(tmp_path) == [".json", ".rgb"]
    assert caplog.text.count("another run fills") in (1, 2)


def test_a_kill_in_the_middle_leaves_the_next_run_a_clean_start(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(paths[:5], FORM, tmp_path)
    with monkeypatch.context() as patched:
        decode = decode_

        def deadly(data: bytes, name: str, box: Box | None = None) -> Image.Image:
            if name == str(paths[12]):
                os.kill(os.getpid(), signal.SIGKILL)
            return decode(data, name, box)

        patched.setattr(cache, "decode", deadly)
        child = os.fork()
        if not child:
            fill(paths, FORM, tmp_path)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert files(tmp_path) == [".json", ".new", ".rgb"]

    assert is_right(fill(paths[:18], FORM, tmp_path), paths[:18])

    assert files(tmp_path) == [".json", ".json", ".rgb", ".rgb"]
    assert not caplog.records


@pytest.mark.parametrize("reserved", [True, False], ids=["told before", "told in the middle"])
def test_a_full_disk_is_told_and_images_are_decoded_when_they_are_needed(
    tmp_path: Path,
    people: SysuMM01,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    decoded: list[str],
    reserved: bool,
) -> None:
    if not reserved:

        def unsupported(*arguments: int) -> None:
            raise OSError(errno.EOPNOTSUPP, "")

        monkeypatch.setattr(os, "posix_fallocate", unsupported)
    source = Source(list(people.records("train")), recipe_of("expat"))
    expected = source[3]
    decoded.clear()
    with disk(tmp_path / "full", 1) as full:
        (full / "filler").write_bytes(bytes(700_000))
        fill([record.path for record in source.records[:20]], source.store.form, full)
        already = len(decoded)
        source.store.fill(full)

        assert "can't keep 76 images: No space left on device; they are decoded each time" in caplog.text
        assert files(full) == ["", ".json", ".rgb"]
        if reserved:
            assert len(decoded) == already == 20
        assert all(torch.equal(*parts) for parts in zip(source[3], expected, strict=True))
    assert source.store.kept_bytes == 20 * 64 * 32 * 3


def test_a_place_that_can_not_be_written_serves_what_it_has(
    tmp_path: Path, paths: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert len(fill(paths, FORM, tmp_path / "file")) == 0
    assert f"can't keep {len(paths)} images: Not a directory" in caplog.text
    fill(paths[:15], FORM, tmp_path / "cache")
    caplog.clear()

    with read_only(tmp_path / "cache", tmp_path / "sealed") as sealed:
        assert is_right(fill(paths[:15], FORM, sealed), paths[:15])
        assert not caplog.records
        kept = fill(paths, FORM, sealed)

    assert "can't keep 5 images: Read-only file system" in caplog.text
    assert len(kept) == 15
    assert kept.get(17) is None


def test_two_boxes_of_a_picture_are_two_images(tmp_path: Path, paths: list[Path]) -> None:
    boxes: list[Box | None] = [None, (2, 4, 20, 40), (10, 4, 28, 40), (2, 4, 20, 40)]
    pictures = [ImageRecord(paths[0], "frame", "1", box=box) for box in boxes]

    for _ in range(2):
        kept = cache.fill(pictures, FORM, tmp_path / "cache")

        with Image.open(paths[0]) as whole:
            for number, box in enumerate(boxes):
                part = whole.convert("RGB").crop(box) if box else whole.convert("RGB")
                expected = np.asarray(part.resize((FORM.width, FORM.height), FILTERS["bilinear"]))
                image = kept.get(number)
                assert image is not None
                assert np.array_equal(image, expected)
                assert np.array_equal(ImageStore(pictures, 48, 20)[number], expected)


def test_an_image_that_can_not_be_read_is_an_error_and_leaves_nothing(tmp_path: Path, paths: list[Path]) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(paths[0].read_bytes()[:900])

    with pytest.raises(BadImage, match=r"bad\.jpg"):
        fill([*paths, bad], FORM, tmp_path / "cache")

    assert files(tmp_path / "cache") == []


def test_an_image_that_is_written_over_meanwhile_is_an_error(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Path(shutil.copy(paths[0], tmp_path / "mine.jpg"))
    reserve = os.posix_fallocate

    def between(*arguments: int) -> None:
        shutil.copy(paths[1], mine)
        reserve(*arguments)

    monkeypatch.setattr(os, "posix_fallocate", between)
    with pytest.raises(BadImage, match=r"mine\.jpg was changed while the images were read"):
        fill([mine], FORM, tmp_path / "cache")


def test_a_process_that_gets_a_copy_maps_the_file_itself(tmp_path: Path, paths: list[Path]) -> None:
    fill(paths, FORM, tmp_path)
    mapped = Mapped(next(tmp_path.rglob("*.rgb")), (len(paths), 48, 20, 3))

    sent = pickle.dumps(mapped)

    assert len(sent) < 1_000 < mapped.images.nbytes
    np.testing.assert_array_equal(pickle.loads(sent).images, mapped.images)


@pytest.mark.slow
def test_batches_fitting_and_validation_read_what_was_decoded_once(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of("hpiln", changes={"augment.shift": 0.5, "resize": "bicubic"})
    source, plain = (Source(list(people.records("train")), recipe) for _ in range(2))
    protocol = PROTOCOLS["sysu-seeded"]
    task = people.task(protocol, Setting(identities="val"))
    validation = Validation(protocol, task, recipe.height, recipe.width, recipe.resize)
    assert np.array_equal(plain.store[0], by_pillow(source.records[0].path, Form(64, 32, "bicubic")))
    assert np.array_equal(plain.larger[0], by_pillow(source.records[0].path, Form(72, 36, "bicubic")))
    expected = [plain[update] for update in range(3)]
    torch.manual_seed(0)
    method = build(recipe, "hpiln").eval()
    report = validation(method, torch.device("cpu"))
    assert report is not None
    for store in (*source.stores, *validation.stores):
        store.fill(tmp_path)

    def decode(*arguments: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache, "decode", decode)

    for workers in (0, 2):
        for batch, right in zip(batches(source, 0, workers), expected, strict=False):
            assert all(torch.equal(*parts) for parts in zip(batch, right, strict=True))
    assert source.vectors(method.embed, torch.device("cpu"))
    again = validation(method, torch.device("cpu"))
    assert again is not None
    assert again.to_json() == report.to_json()


def test_only_what_is_shown_is_kept(people: SysuMM01) -> None:
    records = list(people.records("train"))
    for shift, count in ((0.0, 1), (0.5, 2)):
        assert len(Source(records, recipe_of("hpiln", changes={"augment.shift": shift})).stores) == count


@pytest.mark.slow
def test_the_command_keeps_images_where_it_is_told(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))

    def train(run: str, *options: str) -> str:
        settings = ["backbone=compact", "height=64", "width=32", "tuples=3", "schedule.updates=1"]
        changes = [part for setting in settings for part in ("--set", setting)]
        arguments = ["train", "expat", "--data", str(people.root), "--out", str(tmp_path / run), *changes, *options]
        result = CliRunner().invoke(app, arguments)
        assert (result.exit_code == 0) == (not result.exception), result.output
        return f"{result.output}{result.exception or ''}"

    assert "decoded images" not in train("a", "--no-cache")
    assert not (tmp_path / "users").exists()
    assert f"decoded images: 0.9 MB in {tmp_path / 'named'}, for all workers" in train(
        "b", "--cache", str(tmp_path / "named")
    )
    assert files(tmp_path / "named") == [".json", ".json", ".json", ".rgb", ".rgb", ".rgb"]  # two are of validation
    train("c")
    assert files(tmp_path / "users/rgbir/images") == files(tmp_path / "named")
    assert "leave one out" in train("d", "--no-cache", "--cache", str(tmp_path / "named"))
    monkeypatch.setenv("RGBIR_TRAIN__CACHE", str(tmp_path / "ours"))
    train("e", "--no-cache")
    assert not (tmp_path / "ours").exists()
    train("f")
    assert files(tmp_path / "ours")
    weights = {(tmp_path / run / "weights.safetensors").read_bytes() for run in "abc"}
    assert len(weights) == 1
