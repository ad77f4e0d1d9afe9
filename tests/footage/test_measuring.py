"""`rgbir footage score`: recordings with their truth, thresholds that suit a detector, and how many shots are worth fusing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.footage.conftest import walkers

from rgbir.footage.choosing import Scene, chosen
from rgbir.footage.cli.score import score
from rgbir.footage.errors import BadFootage
from rgbir.footage.film import write_film
from rgbir.footage.fusing import Embedded, fused_ranks
from rgbir.footage.labelled import labelled_in
from rgbir.footage.truth import TrueBox
from rgbir.index import Detections, Metric, Modality, Thresholds, UsageError

STARTS, RATE, SECONDS = (3.0, 14.0), 5, 24.0


def places() -> list[tuple[int, int, int]]:
    """Frame from 1, identity and left side of everyone whom `walkers` draws, as its docstring says."""
    rows = []
    for number in range(round(SECONDS * RATE)):
        for identity, start in enumerate(STARTS, 1):
            if 0 <= number / RATE - start < 6:
                rows.append((number + 1, identity, round((number / RATE - start) / 6 * (320 - 24))))
    return rows


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of synthetic footage: hall in colour as a film, yard in infrared as pictures."""
    folder = tmp_path_factory.mktemp("labelled")
    write_film(folder / "hall.mp4", walkers(SECONDS, STARTS, RATE), RATE)
    (folder / "yard").mkdir()
    for number, image in enumerate(walkers(SECONDS, STARTS, RATE, grey=True), 1):
        Image.fromarray(image).save(folder / "yard" / f"{number:06d}.png")
    truth, frames = ["camera,frame,identity,left,top,right,bottom,visible"], ["camera,frame,modality,taken_at"]
    for camera, kind in (("hall", "rgb"), ("yard", "ir")):
        truth += [f"{camera},{n},{who},{left},60,{left + 24},132,1.0" for n, who, left in places()]
        frames += [
            f"{camera},{n + 1},{kind},2026-11-02T16:20:{n / RATE:06.3f}+00:00" for n in range(round(SECONDS * RATE))
        ]
    (folder / "truth.csv").write_text("\n".join(truth) + "\n")
    (folder / "frames.csv").write_text("\n".join(frames) + "\n")
    return folder


@pytest.mark.slow
def test_people_are_measured_by_camera_by_modality_and_in_all(filmed: Path) -> None:
    content = score(filmed).content

    assert [each.camera for each in content.cameras] == ["hall", "yard"]
    for each in content.cameras:
        assert each.figures.people == len(places())
        assert each.figures.identities == len(STARTS)
        assert each.figures.tracks_a_person == each.figures.pieces_a_person == each.figures.purity == 1.0
        assert each.modality_right == 1.0
        assert each.seconds == pytest.approx(SECONDS - 1 / RATE)
        assert {"read", "motion", "track"} <= set(each.ms)
    assert content.by_modality["ir"] == content.cameras[1].figures
    assert content.all.people == 2 * len(places())
    assert content.all.missed is not None
    assert content.all.missed < 0.1
    assert content.thresholds is None
    assert content.shots is None


@pytest.mark.slow
def test_every_frame_that_is_not_sampled_is_left_out(filmed: Path) -> None:
    content = score(filmed, sample=2.5).content

    assert content.cameras[0].figures.frames == round(SECONDS * RATE / 2)
    assert content.cameras[0].figures.people == sum(number % 2 == 1 for number, _, _ in places())


@pytest.mark.slow
def test_what_does_not_belong_together_is_refused(filmed: Path) -> None:
    with pytest.raises(UsageError, match="motion has no thresholds to choose"):
        score(filmed, find_thresholds=True)
    with pytest.raises(UsageError, match="leave --confidence out"):
        score(filmed, detector="nanodet", find_thresholds=True, confidence=0.4)


# --- layouts


def sequence(folder: Path, rate: str = "25") -> Path:
    for part in ("gt", "img1"):
        (folder / part).mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text("1,7,11,21,40,100,1,1,1\n")
    (folder / "seqinfo.ini").write_text(f"[Sequence]\nframeRate={rate}\n")
    return folder


def test_mot_sequences_and_films_with_a_table_beside_are_read(tmp_path: Path) -> None:
    sequence(tmp_path / "train" / "MOT17-02")
    sequence(tmp_path / "train" / "MOT17-04", "30")
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").touch()
    (tmp_path / "films" / "a.txt").write_text("1,7,11,21,40,100,1,1,1\n")

    assert [(each.camera, each.rate) for each in labelled_in(tmp_path / "train")] == [
        ("MOT17-02", 25),
        ("MOT17-04", 30),
    ]
    (alone,) = labelled_in(tmp_path / "train" / "MOT17-02", rate=14)
    assert (alone.camera, alone.rate, alone.path.name) == ("MOT17-02", 14, "img1")
    (film,) = labelled_in(tmp_path / "films")
    assert (film.camera, film.rate, film.truth[1][0].box) == ("a", None, (10, 20, 50, 120))
    (tmp_path / "films" / "b.mp4").touch()
    with pytest.raises(BadFootage, match=r"b\.txt is missing beside it"):
        labelled_in(tmp_path / "films")
    with pytest.raises(BadFootage, match="no truth is in it"):
        labelled_in(tmp_path)
    with pytest.raises(BadFootage, match="no folder is there"):
        labelled_in(tmp_path / "nothing")
    (tmp_path / "train" / "MOT17-02" / "seqinfo.ini").write_text("[Sequence]\nframeRate=fast\n")
    with pytest.raises(BadFootage, match="expected frameRate, a number"):
        labelled_in(tmp_path / "train")


# --- thresholds


def scene(person: float, ghost: float, frames: int = 20) -> Scene:
    """Somebody who walks and something that stands, each found in every frame with the same score."""
    boxes = [((10.0 + 8 * n, 50.0, 50.0 + 8 * n, 150.0), (400.0, 50.0, 440.0, 150.0)) for n in range(frames)]
    rows = []
    for number, (walker, thing) in enumerate(boxes):
        found = sorted([(person, walker), (ghost, thing)], reverse=True)
        detections = Detections(
            np.array([box for _, box in found], np.float32), np.array([sure for sure, _ in found], np.float32)
        )
        rows.append((number + 1, number / 5, detections))
    truth = {number + 1: [TrueBox(1, walker)] for number, (walker, _) in enumerate(boxes)}
    return Scene(Modality.IR, rows, truth, 640)


@pytest.mark.slow
def test_the_highest_thresholds_that_miss_least_without_false_boxes_are_chosen() -> None:
    # 0.40 and 0.45 find the person and not the ghost.
    (choice,) = chosen([scene(person=0.47, ghost=0.37)]).values()

    assert choice.thresholds == Thresholds(0.45, 0.45, 0.30)
    assert choice.fits
    assert (choice.score.missed, choice.score.false) == (0, 0)


def test_where_none_keeps_to_two_in_a_hundred_the_fewest_false_boxes_are_chosen() -> None:
    grid = [Thresholds(0.3, 0.3, 0.1), Thresholds(0.4, 0.4, 0.1)]
    choice = chosen([scene(person=0.37, ghost=0.42)], grid)[Modality.IR]

    # With 0.3 half of the boxes are false, with 0.4 all.
    assert choice.thresholds == grid[0]
    assert not choice.fits
    assert choice.score.false_share == 0.5


# --- shots


def track(camera: str, identity: int, *shots: tuple[float, float]) -> Embedded:
    return Embedded(camera, identity, np.array(shots, np.float32))


def test_rank_one_of_fused_shots_is_counted_across_cameras() -> None:
    # Alone, the best shot of person 1 by hall is nearest to 2's by yard; with its other two it is nearest to 1's. Person 3 passes one
    # camera alone, and asks nothing.
    tracks = [
        track("hall", 1, (0, 1), (1, 0), (1, 0)),
        track("yard", 1, (1, 0.1)),
        track("yard", 2, (0.1, 1)),
        track("hall", 2, (-0.1, 1)),
        track("hall", 3, (1, 1)),
    ]
    ranks: list[Any] = fused_ranks(tracks, Metric.COSINE, (1, 3))

    # Of yard, 1 is nearest to hall's 3 with both; of hall, 2 is right with both; of yard, 2 is nearer to hall's 2 than
    # to 1's single best shot only when that is fused away.
    assert [(each.shots, each.queries) for each in ranks] == [(1, 4), (3, 4)]
    assert [each.right for each in ranks] == [slow(tracks, 1), slow(tracks, 3)]
    assert ranks[0].right < ranks[1].right
    assert fused_ranks([], Metric.COSINE)[0].rank_1 is None


def slow(tracks: list[Embedded], shots: int) -> int:
    def mean(each: Embedded) -> np.ndarray:
        rows = [row / np.linalg.norm(row) for row in each.shots[:shots].astype(float)]
        middle = np.mean(rows, axis=0)
        return np.asarray(middle / np.linalg.norm(middle))

    right = 0
    for each in tracks:
        others = [other for other in tracks if other.camera != each.camera]
        if any(other.identity == each.identity for other in others):
            nearest = max(others, key=lambda other: float(mean(each) @ mean(other)))
            right += nearest.identity == each.identity
    return right
