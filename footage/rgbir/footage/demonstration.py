"""What the demonstration shows of footage: people found in it by `Motion`, enrolled, and one followed from infrared into colour."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from rgbir.footage.boxes import overlaps
from rgbir.footage.enrolment import Manner, enrol_recording
from rgbir.footage.recordings import Recording
from rgbir.footage.score import LEAST_OVERLAP
from rgbir.footage.truth import Truth, read_truth
from rgbir.index import AnyGallery, CameraNetwork, Encoder, Modality, Searcher, SearchOptions, Sighting, put_in_place
from rgbir.index.synthetic.filmed import synthesize_footage
from rgbir.index.synthetic.footage import Scene

INFRARED, COLOUR = "yard", "hall"
RATE, SECONDS, PEOPLE_A_MINUTE, SIZE = 5, 12.0, 25.0, (640, 360)
SHOWN = 3

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demonstration left of footage.

    Attributes:
        folder: the footage with its truth.
        tracks, sightings: that were enrolled of it, in this run or before.
        right: whether the first hit in colour of the person who was seen in infrared is that person.
    """

    folder: Path
    tracks: int
    sightings: int
    right: bool


def show(folder: Path, gallery: AnyGallery, encoder: Encoder, samples: Path, seed: int, say: Say) -> Shown:
    """Draws a few seconds of two cameras, enrols who passes, and searches one of them.

    Args:
        folder: where the footage is drawn; drawn footage that is there is taken.
        samples: gets the picture that is searched, for the page.
        seed: of the people; those of the demonstration's pictures pass, too.
    """
    if not (folder / "complete").exists():
        scene = Scene(width=SIZE[0], height=SIZE[1], rate=RATE, seconds=SECONDS, people=PEOPLE_A_MINUTE, seed=seed)
        synthesize_footage(folder, scene)
        (folder / "complete").touch()
    network = CameraNetwork.read(folder / "network.toml")
    gallery.add_cameras([network[name] for name in (COLOUR, INFRARED) if name not in gallery.network])
    for camera in (COLOUR, INFRARED):
        began = Scene(camera, rate=RATE, seconds=SECONDS, seed=seed).taken_at(1)
        manner = Manner(sample=None, rate=RATE, start=began)
        report = enrol_recording(Recording.at(folder / camera), gallery.network[camera], gallery, encoder, None, manner)
        speed = f", {report.times_real_time:.0f} times real time" if report.times_real_time else ""
        say(f"   {camera}: {report.counts.tracks} tracks, {report.counts.shots} pictures{speed}")
    truth = read_truth(folder / "truth.csv")
    tracks = tracks_of(gallery)
    asked = max(tracks[INFRARED].values(), key=lambda shots: (_clear(shots, truth[INFRARED]), len(shots)))
    right = _follow(gallery, encoder, asked, truth, samples, say)
    enrolled = [shots for camera in tracks.values() for shots in camera.values()]
    return Shown(folder, len(enrolled), sum(map(len, enrolled)), right)


def tracks_of(gallery: AnyGallery) -> dict[str, dict[str, list[Sighting]]]:
    """The shots of every track of the two cameras, by camera and track."""
    tracks: dict[str, dict[str, list[Sighting]]] = {COLOUR: {}, INFRARED: {}}
    for sighting in gallery.sightings():
        if sighting.camera in tracks and sighting.track is not None:
            tracks[sighting.camera].setdefault(sighting.track, []).append(sighting)
    return tracks


def who(shots: Sequence[Sighting], truth: Truth) -> Counter[int]:
    """The identities that a track's shots show, by the truth of its camera."""
    identities: Counter[int] = Counter()
    for shot in shots:
        frame = json.loads(shot.frame or "{}")
        there = truth.get(frame["number"] + 1, ())
        if there:
            fits = overlaps(np.array([frame["box"]], float), np.array([row.box for row in there], float))[0]
            if fits.max() >= LEAST_OVERLAP:
                identities[there[int(fits.argmax())].identity] += 1
    return identities


def _clear(shots: Sequence[Sighting], truth: Truth) -> int:
    """How many shots show one and the same person; 0 where they show several."""
    identities = who(shots, truth)
    return identities.total() if len(identities) == 1 else 0


def _follow(
    gallery: AnyGallery,
    encoder: Encoder,
    asked: Sequence[Sighting],
    truth: Mapping[str, Truth],
    samples: Path,
    say: Say,
) -> bool:
    """Searches the person of an infrared track among the tracks in colour; whether the first is the same."""
    crops = [crop for shot in asked if (crop := gallery.crop(shot.id)) is not None]
    images = [Image.open(BytesIO(crop.data)).convert("RGB") for crop in crops]
    samples.mkdir(parents=True, exist_ok=True)
    new = samples / f".{INFRARED}.new"
    new.write_bytes(max(crops, key=lambda crop: len(crop.data)).data)
    put_in_place(new, samples / f"{INFRARED}_footage.jpg")
    options = SearchOptions(
        camera=INFRARED, modality=Modality.IR, cameras=(COLOUR,), group_by="track", fuse="mean", top_k=SHOWN
    )
    person = who(asked, truth[INFRARED]).most_common(1)[0][0]
    say(f"   somebody of {INFRARED}, in infrared, searched by {len(images)} pictures among the tracks of {COLOUR}:")
    right = []
    tracks = tracks_of(gallery)[COLOUR]
    for hit in Searcher(encoder, gallery).search(images, options).hits:
        identities = who(tracks[hit.track or ""], truth[COLOUR])
        right.append(bool(identities) and identities.most_common(1)[0][0] == person)
        taken = "" if hit.taken_at is None else f", {hit.taken_at:%H:%M:%S} UTC"
        say(
            f"   {hit.rank}. {COLOUR}{taken}, distance {hit.distance:.3f}, {'the same person' if right[-1] else 'somebody else'}"
        )
    return bool(right) and right[0]
