"""What data sets list: the images of a folder by name, and index files with a path and a label on each line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset
from rgbir.index.words import why


def jpegs(folder: Path) -> tuple[str, ...]:
    """Names that end in .jpg, whatever the case, ascending as bytes; none if there is no folder. Dot files are passed over."""
    if not folder.is_dir():
        return ()
    names = [name for name in os.listdir(folder) if name.lower().endswith(".jpg") and not name.startswith(".")]
    return tuple(sorted(names, key=os.fsencode))


def read_identities(file: Path) -> list[int]:
    """The numbers in a list of identities, in order; between commas, or on lines of their own.

    Raises:
        BadDataset: it can't be read, or holds other words than numbers.
    """
    cells = read_text(file).replace("\n", ",").split(",")
    try:
        return [int(cell) for cell in cells if cell.strip()]
    except ValueError as error:
        raise BadDataset(f"{file} line 1: expected identity numbers separated by commas: {why(error)}") from error


class Line(NamedTuple):
    """A line of an index file, such as `Visible/285/male_back_v_05528_285.bmp 0`.

    Attributes:
        source: the image's path below the root.
        label: the number behind it, 0 or more.
        identity: the number of the folder that holds the image.
    """

    source: str
    label: int
    identity: int


def read_list(file: Path, root: Path) -> list[Line]:
    """The lines of an index file, in order; LF or CRLF, spaces or tabs, slashes or Windows' backslashes.

    Raises:
        BadDataset: no such file, or a line that doesn't say an image of the folder; the text names file and line.
    """
    if not file.is_file():
        raise BadDataset(f"{file} is not there; the data set's idx folder holds it")
    lines = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        *parts, label = line.split()
        path = " ".join(parts).replace("\\", "/")
        where = f"{file} line {number}"
        folder = path.split("/")[-2] if path.count("/") else ""
        if not path or not label.isdecimal() or not folder.isdecimal():
            raise BadDataset(f"{where}: expected `<folder>/<identity>/<image> <label>`, not {line!r}")
        if not (root / path).is_file():
            raise BadDataset(f"{where}: {root / path} is not there")
        lines.append(Line(path, int(label), int(folder)))
    if not lines:
        raise BadDataset(f"{file} is empty")
    return lines


def check_labels(files: dict[Path, list[Line]]) -> None:
    """Label and folder must be one to one, and the same in all the files.

    Raises:
        BadDataset: two people with one label, or two labels of one person.
    """
    person: dict[int, int] = {}
    label_of: dict[int, int] = {}
    for file, lines in files.items():
        for line in lines:
            if person.setdefault(line.label, line.identity) != line.identity:
                raise BadDataset(
                    f"{file}: label {line.label} stands for people {person[line.label]} and {line.identity}"
                )
            if label_of.setdefault(line.identity, line.label) != line.label:
                raise BadDataset(
                    f"{file}: person {line.identity} has labels {label_of[line.identity]} and {line.label}"
                )
