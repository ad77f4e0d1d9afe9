"""The plain layout: `FOLDER/<camera>/<anything>/image.jpg`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rgbir.index.datasets.passed import is_system
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.errors import BadDataset
from rgbir.index.images import FORMATS, SUFFIXES
from rgbir.index.words import listed, why


def read_folders(root: Path, camera: str | None = None) -> Iterator[ImageRecord | Skipped]:
    """Every image below `root`, in byte order of its path; the first folder's name is its camera.

    Dot files and what systems leave in folders are passed over in silence. Files that aren't images by their suffix, images
    outside of any camera's folder and folders that can't be read are skipped with a reason. A folder reached again through a symbolic link
    (a loop, or a second link) is skipped too: no image comes twice.

    Args:
        root: the folder.
        camera: the camera of all images, wherever they lie; then `root` needs no folder for each camera.

    Raises:
        BadDataset: `root` is not a folder.
    """
    if not root.is_dir():
        raise BadDataset(f"{root} is not a folder; expected {root}/<camera>/…/image.jpg")
    visited: set[tuple[int, int]] = set()
    yield from _walk(root, root, camera, visited)


def _walk(
    folder: Path, root: Path, camera: str | None, visited: set[tuple[int, int]]
) -> Iterator[ImageRecord | Skipped]:
    name = folder.relative_to(root).as_posix()
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield Skipped(name, f"folder can't be read: {why(error)}")
        return
    if (status.st_dev, status.st_ino) in visited:
        yield Skipped(name, "folder was read before under another name (symbolic link); its images are not taken twice")
        return
    visited.add((status.st_dev, status.st_ino))
    for entry in entries:
        if is_system(entry.name):
            continue
        path = folder / entry.name
        source = path.relative_to(root).as_posix()
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            yield Skipped(source, f"can't be read: {why(error)}")
            continue
        if is_folder:
            yield from _walk(path, root, camera, visited)
        elif path.suffix.lower() in SUFFIXES:
            seen_by = camera or (source.split("/")[0] if "/" in source else None)
            if seen_by is None:
                yield Skipped(
                    source, "lies in no camera's folder; expected <camera>/…/image.jpg, or name it with --camera"
                )
            else:
                yield ImageRecord(path, source, seen_by)
        else:
            yield Skipped(
                source, f"no image by its name; {listed(FORMATS)} are read, with {listed(sorted(SUFFIXES), 'or')}"
            )
