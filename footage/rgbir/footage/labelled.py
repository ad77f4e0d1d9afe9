"""Recordings of which somebody wrote down who is in them: synthetic footage, and films or sequences with a table of the MOT challenges."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rgbir.footage.errors import BadFootage
from rgbir.footage.formats import SUFFIXES
from rgbir.footage.truth import Truth, read_modalities, read_mot, read_rates, read_truth
from rgbir.index import Modality


@dataclass(frozen=True, slots=True)
class Labelled:
    """A recording with its truth.

    Attributes:
        camera: which camera recorded it; the sequence's or the film's name where nobody says.
        path: a film, or a folder of numbered pictures.
        truth: who is where, by the number of the frame, from 1.
        modalities: what every frame is, by its number; empty where nobody says.
        rate: pictures a second of a folder of pictures; None of a film, which tells it by itself.
    """

    camera: str
    path: Path
    truth: Truth
    modalities: Mapping[int, Modality] = field(default_factory=dict)
    rate: float | None = None


def labelled_in(folder: Path, rate: float | None = None) -> list[Labelled]:
    """The recordings of a folder, in the order of their cameras' names.

    Layouts:
        Synthetic footage (`rgbir synthesize --layout footage`): truth.csv, frames.csv, and for each camera CAMERA.mp4,
        CAMERA.mkv, or a folder CAMERA of pictures.
        MOT sequences: gt/gt.txt, img1/ and seqinfo.ini, in the folder itself or in folders inside it.
        Films with MOT's table: NAME.txt beside each film NAME.mp4 (or another film's ending).

    Args:
        rate: of folders of pictures, pictures a second, in place of what the layout says.

    Raises:
        BadFootage: none of these is there, a recording is missing, or a table can't be read.
    """
    if not folder.is_dir():
        raise BadFootage(f"{folder}: no folder is there")
    if (folder / "truth.csv").exists():
        return _synthetic(folder, rate)
    sequences = sorted(table.parent.parent for table in [*folder.glob("gt/gt.txt"), *folder.glob("*/gt/gt.txt")])
    if sequences:
        return [_sequence(sequence, rate) for sequence in sequences]
    films = sorted(film for film in folder.iterdir() if film.suffix.lower() in SUFFIXES)
    labelled = [film for film in films if film.with_suffix(".txt").exists()]
    if not labelled:
        raise BadFootage(
            f"{folder}: no truth is in it. Expected truth.csv of `rgbir synthesize --layout footage`, gt/gt.txt of the MOT"
            " challenges, or NAME.txt in their form beside each film"
        )
    if bare := sorted(set(films) - set(labelled)):
        raise BadFootage(
            f"{bare[0]}: {bare[0].with_suffix('.txt').name} is missing beside it, its truth; add it or move the film"
        )
    return [Labelled(film.stem, film, read_mot(film.with_suffix(".txt"))) for film in labelled]


def _synthetic(folder: Path, rate: float | None) -> list[Labelled]:
    truth, frames = read_truth(folder / "truth.csv"), folder / "frames.csv"
    modalities, rates = read_modalities(frames), read_rates(frames)
    recordings = []
    for camera in sorted(modalities):
        here = [folder / camera, *(folder / f"{camera}{suffix}" for suffix in sorted(SUFFIXES))]
        path = next((path for path in here if path.exists()), None)
        if path is None:
            raise BadFootage(
                f"{folder}: frames.csv has the camera {camera}, and no film or folder of pictures is called so"
            )
        of_pictures = (rate or rates.get(camera)) if path.is_dir() else None
        recordings.append(Labelled(camera, path, truth.get(camera, {}), modalities[camera], of_pictures))
    return recordings


def _sequence(folder: Path, rate: float | None) -> Labelled:
    about = configparser.ConfigParser()
    try:
        about.read(folder / "seqinfo.ini", encoding="utf-8")
        by_file = about.getfloat("Sequence", "frameRate", fallback=None)
    except (configparser.Error, UnicodeDecodeError, ValueError) as error:
        raise BadFootage(f"{folder / 'seqinfo.ini'}: expected frameRate, a number, under [Sequence]") from error
    return Labelled(folder.resolve().name, folder / "img1", read_mot(folder / "gt" / "gt.txt"), rate=rate or by_file)
