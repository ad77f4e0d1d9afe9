"""A copy of the slabs on disk, found by the next opening. Derived, never trusted blindly, never needed.

A folder beside the gallery's file: one folder a slab, and a manifest that says of which state of the gallery they are. What
doesn't fit, is damaged or is missing is read from the store instead.
"""

from __future__ import annotations

import hashlib
import logging
import resource
import shutil
import threading
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from rgbir.index.errors import CacheDamaged, GalleryError
from rgbir.index.files import replace_file, sync_file
from rgbir.index.gallery.folder.place import writable
from rgbir.index.gallery.folder.store import Store
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Codes
from rgbir.index.nearest.kept import KeptRows
from rgbir.index.nearest.rows import Mark
from rgbir.index.nearest.slabs import Slab, threads
from rgbir.index.nearest.view import View

FOLDER, MANIFEST, FORMAT = "cache", "manifest.json", 1
_VECTORS, _LABELS, _CHECKSUMS, _SQUARES = "vectors.npy", "labels.npy", "checksums.npy", "squares.npy"
_CODES, _GONE = "codes.faiss", ".gone"
_LOADING = threading.Lock()
_log = logging.getLogger(__name__)


class _Coded(BaseModel, frozen=True, extra="forbid"):
    scale: float
    error: float
    reach: float


class _Kept(BaseModel, frozen=True, extra="forbid"):
    """A slab on disk. sums: crc32 of its small files; checksum: of its last row, as the store has it."""

    name: str
    camera: str
    first: int
    last: int
    sightings: int
    checksum: int
    sums: dict[str, int]
    codes: _Coded | None

    def holds(self, row: int, camera: str) -> bool:
        return camera == self.camera and self.first <= row <= self.last


class Manifest(BaseModel, frozen=True, extra="forbid"):
    """Which state of which gallery the slabs hold."""

    format: int
    fingerprint: str
    metric: Metric
    storage: str
    mark: Mark
    slabs: tuple[_Kept, ...]

    @property
    def sightings(self) -> int:
        return sum(slab.sightings for slab in self.slabs)


@dataclass(slots=True)
class Opening:
    """How a gallery was opened.

    Attributes:
        mapped: how many sightings were found in the cache.
        read: how many were read from the store.
        seconds: how long it took.
        remarks: what was wrong with the cache, in words.
    """

    mapped: int = 0
    read: int = 0
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        remarks = "".join(f"; {remark}" for remark in self.remarks)
        return f"{self.mapped:,} sightings found in the cache, {self.read:,} read from SQLite, in {self.seconds:.1f} s{remarks}"


# --- writing


def save(folder: Path, view: View, store: Store) -> Manifest:
    """Writes the slabs that aren't there yet, then the manifest, then drops what it doesn't name. The caller holds the lock."""
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    last = read_manifest(folder)
    present = {} if last is None else {slab.name: slab for slab in last.slabs}
    kept = []
    for camera, slabs in view.cameras.items():
        for slab in slabs:
            name = _name(camera, slab)
            known = present.get(name)
            kept.append(known if known and _whole(place / name, known) else _write(place, name, camera, slab))
    meta = store.meta()
    manifest = Manifest(
        format=FORMAT,
        fingerprint=meta["fingerprint"],
        metric=view.metric,
        storage=meta.get("storage", "float32"),
        mark=view.mark,
        slabs=tuple(kept),
    )
    replace_file(place / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    names = {slab.name for slab in kept}
    for other in place.iterdir():
        if other.is_dir() and other.name not in names:
            shutil.rmtree(other, ignore_errors=True)
    return manifest


def _write(place: Path, name: str, camera: str, slab: Slab) -> _Kept:
    unfinished = place / f"{name}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    checksums = np.array([zlib.crc32(row.data) for row in slab.vectors], np.uint32)
    np.save(unfinished / _VECTORS, slab.vectors)
    np.save(unfinished / _LABELS, np.stack((slab.rows, slab.times, slab.identities)))
    np.save(unfinished / _CHECKSUMS, checksums)
    np.save(unfinished / _SQUARES, slab.squares)
    if slab.coding.lacking:
        slab.code()
    if (codes := slab.coding.codes) is not None:
        codes.save(unfinished / _CODES)
    for file in unfinished.iterdir():
        sync_file(file)
    sums = {file.name: _sum(file) for file in unfinished.iterdir() if file.name != _VECTORS}
    shutil.rmtree(place / name, ignore_errors=True)
    unfinished.rename(place / name)
    return _Kept(
        name=name,
        camera=camera,
        first=int(slab.rows[0]),
        last=int(slab.rows[-1]),
        sightings=len(slab),
        checksum=int(checksums[-1]),
        sums=sums,
        codes=None if codes is None else _Coded(scale=codes.scale, error=codes.error, reach=codes.reach),
    )


def _name(camera: str, slab: Slab) -> str:
    """The same for the same rows of the same camera only."""
    content = hashlib.sha256(camera.encode() + b"\0" + slab.rows.tobytes())
    return f"{slab.rows[0]}-{slab.rows[-1]}-{content.hexdigest()[:16]}"


def _whole(folder: Path, kept: _Kept) -> bool:
    return all((folder / name).is_file() for name in (_VECTORS, *kept.sums))


def forget(folder: Path, removed: Iterable[tuple[int, str]]) -> int:
    """Deletes the slabs that hold one of these (row, camera); they are read from the store at the next opening.

    Returns:
        How many were there.
    """
    manifest = read_manifest(folder)
    rows = list(removed)
    gone = 0
    for slab in manifest.slabs if manifest and rows else ():
        slab_folder = folder / FOLDER / slab.name
        if slab_folder.exists() and any(slab.holds(row, camera) for row, camera in rows):
            with suppress(FileNotFoundError):  # another process was quicker
                slab_folder.rename(slab_folder.with_suffix(_GONE))  # so that no half of a slab is ever found
                gone += 1
    for leftover in (folder / FOLDER).glob(f"*{_GONE}"):
        shutil.rmtree(leftover, onerror=_unless_gone)
    return gone


def _unless_gone(_: object, path: str, failure: tuple[type[BaseException], BaseException, object]) -> None:
    """What another process deleted meanwhile is deleted; anything else is not, and is said."""
    if not isinstance(failure[1], FileNotFoundError):
        message = f"{path} holds what was erased and can't be deleted: {failure[1]}; delete it"
        raise GalleryError(message) from failure[1]


def drop(folder: Path) -> None:
    """Deletes the whole cache."""
    if writable(folder):
        shutil.rmtree(folder / FOLDER, ignore_errors=True)


# --- reading


def read_manifest(folder: Path) -> Manifest | None:
    """None if there is none that can be used."""
    try:
        manifest = Manifest.model_validate_json((folder / FOLDER / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None
    return manifest if manifest.format == FORMAT else None


def sightings_in(folder: Path) -> int:
    """How many the next opening may find in it; slabs with a row that was removed are gone."""
    manifest = read_manifest(folder)
    slabs = () if manifest is None else manifest.slabs
    return sum(slab.sightings for slab in slabs if (folder / FOLDER / slab.name).is_dir())


def load(folder: Path, store: Store, metric: Metric) -> tuple[View, Opening]:
    """The state that the cache holds, as far as it can be trusted; an empty one if there is no cache of this gallery."""
    empty = View(metric, Mark(), {})
    manifest = read_manifest(folder)
    if manifest is None:
        damaged = (folder / FOLDER / MANIFEST).exists()
        return empty, Opening(remarks=_told(folder, "its manifest can't be read") if damaged else ())
    if (reason := _misfit(manifest, store)) is not None:
        return empty, Opening(remarks=_told(folder, reason))
    _allow_files(len(manifest.slabs))
    opening = Opening()
    cameras: dict[str, tuple[Slab, ...]] = {}
    mapped = threads().map(lambda kept: _map(folder, kept, metric), manifest.slabs)
    for kept, (slab, remark) in zip(manifest.slabs, mapped, strict=True):
        if slab is not None:
            opening.mapped += len(slab)
        elif rows := list(store.vectors(kept.first - 1, kept.last, kept.camera)):
            opening.read += len(rows)
            slab = Slab.of(metric, rows)
        opening.remarks += (remark,) if remark else ()
        if slab is not None:
            cameras[kept.camera] = (*cameras.get(kept.camera, ()), slab)
    return View(metric, manifest.mark, dict(sorted(cameras.items()))), opening


def _allow_files(count: int) -> None:
    """Each slab holds a file open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a slab that can't be opened is read from SQLite
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _told(folder: Path, reason: str) -> tuple[str]:
    remark = f"the cache was not used: {reason}"
    _log.warning("%s: %s", folder, remark)
    return (remark,)


def _misfit(manifest: Manifest, store: Store) -> str | None:
    """Why this can't be a cache of this gallery."""
    meta = store.meta()
    same = (meta["fingerprint"], meta["metric"], meta.get("storage", "float32"))
    if (manifest.fingerprint, str(manifest.metric), manifest.storage) != same:
        return "it is of another gallery"
    if manifest.mark.generation > int(meta["generation"]):
        return f"it is of generation {manifest.mark.generation}, the gallery of {meta['generation']}"
    present, removed = store.count_up_to(manifest.mark.last_row), store.removed_since(manifest.mark.last_removal)
    if present + len(removed) < manifest.sightings or present > manifest.sightings:
        return f"it holds {manifest.sightings} sightings, the gallery {present} and {len(removed)} removed since"
    for slab in manifest.slabs:
        if (slab.last, slab.camera) not in removed and store.checksum(slab.last, slab.camera) != slab.checksum:
            return f"row {slab.last} is another one in the gallery"
    return None


def _map(folder: Path, kept: _Kept, metric: Metric) -> tuple[Slab | None, str]:
    """The slab, or None and what was wrong with it; one that was forgotten is no remark."""
    place = folder / FOLDER / kept.name
    if not place.exists():
        return None, ""
    try:
        labels, checksums, squares = (
            _loaded(_whole_file(place / name, kept.sums[name])) for name in (_LABELS, _CHECKSUMS, _SQUARES)
        )
        vectors = _rows_of(place / _VECTORS, checksums)
        if len(vectors) != kept.sightings or labels.shape != (3, kept.sightings) or len(checksums) != kept.sightings:
            raise CacheDamaged(f"{_VECTORS} has {len(vectors)} rows, not {kept.sightings}")
        codes = None
        if kept.codes is not None:
            codes = Codes.open(metric, place / _CODES, kept.sums[_CODES], **kept.codes.model_dump())
    except (OSError, ValueError, KeyError, RuntimeError, CacheDamaged) as error:
        remark = f"a slab of camera {kept.camera} was read from SQLite: {error}"
        _log.warning("%s: %s", place, remark)
        return None, remark
    rows, times, identities = np.ascontiguousarray(labels)
    return Slab(metric, vectors, rows, times, identities, codes, squares), ""


def _whole_file(file: Path, checksum: int) -> BytesIO:
    """Its bytes, read once and compared."""
    content = file.read_bytes()
    if zlib.crc32(content) != checksum:
        raise CacheDamaged(f"{file.name} is not what was written")
    return BytesIO(content)


def _loaded(content: BytesIO) -> Any:
    """One at a time: NumPy parses a file's head with `ast`, and CPython 3.11 can't parse in two threads at once (gh-106905)."""
    with _LOADING:
        return np.load(content)


def _rows_of(file: Path, checksums: NDArray[np.uint32]) -> KeptRows:
    """The embeddings of a slab, left in their file."""
    with file.open("rb") as content, _LOADING:
        version = np.lib.format.read_magic(content)
        if version != (1, 0):
            raise CacheDamaged(f"{file.name} is of NumPy's format {version}")
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(content)
        if by_columns or len(shape) != 2 or dtype.kind != "f":
            raise CacheDamaged(f"{file.name} holds {dtype} {shape}")
        offset = content.tell()
        if file.stat().st_size != offset + shape[0] * shape[1] * dtype.itemsize:
            raise CacheDamaged(f"{file.name} has another length")
    return KeptRows(file, dtype, shape, offset, checksums)


def _sum(file: Path) -> int:
    total = 0
    with file.open("rb") as content:
        while piece := content.read(1 << 22):
            total = zlib.crc32(piece, total)
    return total
