"""Decoded images on disk: mapped into memory by all processes alike, and found again by the next run.

FOLDER/384x128-bilinear-rules1-pillow12.0.0-jpeg3.1.2/   all that decides what pixels a file becomes
    0123456789abcdef.rgb    uint8 (n, height, width, 3), and nothing else
    0123456789abcdef.json   which images these are, by the sha256 of their files and boxes, and the crc32 of their pixels

A pair of files is whole, or it isn't there: the second gets its name when both are finished, and neither is ever changed.
Images are known by their content, so data sets share what they have in common, and a file that was changed is another image.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import math
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import features
from PIL.Image import Image

from rgbir.index import DECODING, BadImage, ImageRecord, Resize, cores, decode, digest_of, pixels, read_bytes, why
from rgbir.index.progress import Progress, silent

_log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Where decoded images are kept if no other folder is named: `rgbir/images` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rgbir/images"


@dataclass(frozen=True, slots=True)
class Form:
    """What images become.

    Attributes:
        height, width: in pixels.
        resize: the filter that makes them so.
    """

    height: int
    width: int
    resize: Resize

    @property
    def size(self) -> int:
        """Bytes of an image."""
        return self.height * self.width * 3

    @property
    def name(self) -> str:
        """Of this form as this machine's libraries make it: a folder's."""
        jpeg = features.version("libjpeg_turbo") or features.version("jpg")
        return f"{self.height}x{self.width}-{self.resize}-rules{DECODING}-pillow{PIL.__version__}-jpeg{jpeg}"

    def of(self, image: Image) -> NDArray[np.uint8]:
        """An image as pixels: uint8 (height, width, 3), RGB."""
        return pixels(image, self.height, self.width, self.resize)


class Mapped:
    """Images in a file of the cache. A process that gets a copy of this maps the file itself: the pages stay shared.

    Args:
        file: holds nothing else.
        shape: (n, height, width, 3).

    Raises:
        ValueError: the file isn't as long as that.
        OSError: it isn't there, or can't be read.
    """

    def __init__(self, file: Path, shape: tuple[int, int, int, int]) -> None:
        size = file.stat().st_size
        if size != math.prod(shape):
            raise ValueError(f"{size:,} bytes, where {shape[0]:,} images have {math.prod(shape):,}")
        self.file, self.shape = file, shape
        self.images: NDArray[np.uint8] = np.memmap(file, np.uint8, "r", shape=shape).view(np.ndarray)

    def __reduce__(self) -> tuple[type[Mapped], tuple[Path, tuple[int, int, int, int]]]:
        return Mapped, (self.file, self.shape)


class Kept:
    """Which images lie where in the cache, by number.

    Args:
        count: how many numbers there are.
    """

    def __init__(self, count: int) -> None:
        self._files: list[Mapped] = []
        self._places = np.full((count, 2), -1, np.int32)

    def __len__(self) -> int:
        """How many of them the cache holds."""
        return int((self._places[:, 0] >= 0).sum())

    def get(self, number: int) -> NDArray[np.uint8] | None:
        """Image `number`, uint8 (height, width, 3), which can't be written to; None if the cache doesn't hold it."""
        file, row = self._places[number]
        return None if file < 0 else self._files[file].images[row]

    def add(self, file: Mapped, rows: Mapping[int, int]) -> None:
        """Takes images from a file.

        Args:
            file: of the cache.
            rows: where in it they are, by number.
        """
        for number, row in rows.items():
            self._places[number] = len(self._files), row
        self._files.append(file)


Numbers = dict[str, list[int]]
"""The numbers of images, by their digest; several may be equal."""


def fill(records: Sequence[ImageRecord], form: Form, cache: Path, progress: Progress = silent) -> Kept:
    """Looks the images up in the cache, and decodes those that it lacks, in as many threads as there are cores.

    Every file is read, and an image is known by the sha256 of its file and its box in it. What is found in the cache is compared with its sum; a damaged file of the
    cache is deleted, and its images are decoded again. One run at a time fills; another one waits, and finds them.
    Where the cache can't be written, or the disk is full, a warning says so, and those images are not kept.

    Args:
        records: image t is that of record t.
        form: what they become.
        cache: the folder of all forms; it is made if it isn't there.
        progress: told of each image that is found or decoded.

    Raises:
        BadImage: a file can't be read or decoded.
    """
    kept, lacking = Kept(len(records)), Numbers()
    with ThreadPoolExecutor(cores()) as pool:
        for number, digest in enumerate(pool.map(_digest, records)):
            lacking.setdefault(digest, []).append(number)
    folder = cache / form.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            for index in sorted(folder.glob("*.json")):
                _take(kept, lacking, index, form, progress)
            if lacking:
                _add(kept, lacking, folder, form, records, progress)
    except OSError as error:
        _log.warning(
            f"{folder} can't keep {len(records) - len(kept):,} images: {why(error)}; they are decoded each time"
            " they are needed. Make room, or name another folder with --cache"
        )
    return kept


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One run at a time; the lock ends with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.warning(f"another run fills {folder}; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _digest(record: ImageRecord) -> str:
    return digest_of(read_bytes(record.path), record.box)


def _take(kept: Kept, lacking: Numbers, index: Path, form: Form, progress: Progress) -> None:
    """Takes what is lacking from a pair of files, which is deleted if it is damaged."""
    file = index.with_suffix(".rgb")
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        digests, sums = list(content["files"]), list(content["sums"])
        rows = {digest: row for row, digest in enumerate(digests) if digest in lacking}
        if not rows:
            return
        mapped = Mapped(file, (len(digests), form.height, form.width, 3))
        with file.open("rb") as opened, ThreadPoolExecutor(cores()) as pool:

            def is_whole(row: int) -> bool:  # read, not looked at in memory: a failing disk is an error, not the end
                return bool(zlib.crc32(os.pread(opened.fileno(), form.size, row * form.size)) == sums[row])

            if not all(pool.map(is_whole, rows.values())):
                raise ValueError("pixels changed since they were written")
    except (ValueError, LookupError, TypeError, FileNotFoundError) as error:
        _log.warning(f"{file} is damaged ({error}); its images are decoded again")
        index.unlink()
        file.unlink(missing_ok=True)
        return
    numbers = {number: row for digest, row in rows.items() for number in lacking.pop(digest)}
    kept.add(mapped, numbers)
    progress(len(numbers))


def _add(
    kept: Kept, lacking: Numbers, folder: Path, form: Form, records: Sequence[ImageRecord], progress: Progress
) -> None:
    """Decodes what is lacking into a new pair of files.

    Raises:
        BadImage: an image can't be read or decoded, or was changed meanwhile.
        OSError: the folder can't be written, or the disk is full; nothing of it stays.
    """
    for leftover in folder.glob("*.new"):  # of a run that was killed
        leftover.unlink()
    digests = list(lacking)
    shape = (len(digests), form.height, form.width, 3)
    file = folder / f"{hashlib.sha256(''.join(digests).encode()).hexdigest()[:16]}.rgb"
    index = file.with_suffix(".json")
    new, new_index = file.with_suffix(".rgb.new"), file.with_suffix(".json.new")
    try:
        with new.open("wb") as opened:
            _reserve(opened.fileno(), len(digests) * form.size)

            def decoded(row: int) -> int:
                record = records[lacking[digests[row]][0]]
                data = read_bytes(record.path)
                if digest_of(data, record.box) != digests[row]:
                    raise BadImage(
                        f"{record.path} was changed while the images were read; start again when it is finished"
                    )
                content = form.of(decode(data, str(record.path), record.box)).tobytes()
                _write(opened.fileno(), content, row * form.size)
                return zlib.crc32(content)

            sums = []
            with ThreadPoolExecutor(cores()) as pool:  # inside: no thread writes once the file is closed
                for digest, total in zip(digests, pool.map(decoded, range(len(digests))), strict=True):
                    sums.append(total)
                    progress(len(lacking[digest]))
        new_index.write_text(json.dumps({"files": digests, "sums": sums}), encoding="utf-8")
        new.replace(file)
        new_index.replace(index)
    finally:
        for unfinished in (new, new_index):
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
    kept.add(Mapped(file, shape), {number: row for row, digest in enumerate(digests) for number in lacking[digest]})
    lacking.clear()


def _reserve(descriptor: int, size: int) -> None:
    """Takes the room at once, where the file system can: a full disk is told before the work, not in the midst of it."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise


def _write(descriptor: int, content: bytes, place: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, place)
        content, place = content[written:], place + written
