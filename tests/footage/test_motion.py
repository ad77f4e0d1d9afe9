"""What moves, found without a model: drawn rectangles and ellipses on a still ground."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rgbir.footage.motion import Motion
from rgbir.index import Detections, Modality

HEIGHT, WIDTH = 360, 640
RATE = 5
TALL, WIDE = 128, 48
Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]


@pytest.fixture
def ground() -> Pixels:
    """Patches of other colours, as a wall and a floor have them."""
    rng = np.random.default_rng(4)
    return rng.integers(90, 150, (HEIGHT // 20, WIDTH // 20, 3)).repeat(20, 0).repeat(20, 1).astype(np.uint8)


def person(left: int, top: int = 120, wide: int = WIDE, tall: int = TALL) -> Box:
    return left, top, left + wide, top + tall


def with_people(ground: Pixels, *boxes: Box, colour: tuple[int, int, int] = (220, 30, 60)) -> Pixels:
    image = ground.copy()
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = colour
    return image


def grey(image: Pixels) -> Pixels:
    return image[..., 1:2].repeat(3, axis=2)


class Watched:
    """Motion that has seen an empty ground for a while, five frames a second."""

    def __init__(self, ground: Pixels, seconds: float = 2.0, modality: Modality = Modality.RGB) -> None:
        self.motion, self.modality = Motion(), modality
        for _ in range(round(seconds * RATE)):
            self.see(ground)

    def see(self, image: Pixels) -> Detections:
        return self.motion.find(image, self.modality)


def boxes_of(found: Detections) -> list[list[float]]:
    return sorted(found.boxes.tolist())


def is_at(found: Detections, *boxes: Box, within: float = 4.0) -> bool:
    """Whether there are so many, and all their sides are where they were drawn, to one pixel of the small picture."""
    return len(found) == len(boxes) and bool(
        np.abs(np.array(boxes_of(found)) - np.array(sorted(boxes))).max(initial=0) <= within
    )


def test_who_walks_is_found_where_drawn(ground: Pixels) -> None:
    watched = Watched(ground)
    for left in range(0, WIDTH - WIDE, 20):
        found = watched.see(with_people(ground, person(left)))
        assert is_at(found, person(left)), left
        assert found.scores.min() > watched.motion.thresholds(Modality.RGB).start


def test_the_first_frames_give_nothing_but_say_what_moves(ground: Pixels) -> None:
    motion = Motion()

    for number in range(4):  # of two pictures nobody could say which is the background
        assert len(motion.find(with_people(ground, person(100 + 60 * number)), Modality.RGB)) == 0
        assert motion.moving is (number > 0)


def test_a_ghost_of_who_was_there_first_is_gone_within_two_seconds(ground: Pixels) -> None:
    motion = Motion()
    for number in range(20):
        here = person(40 + 25 * number)
        found = motion.find(with_people(ground, here), Modality.RGB)
        if number >= 2 * RATE:
            assert is_at(found, here), number


def test_a_shadow_is_no_person_and_a_dark_coat_is_one(ground: Pixels) -> None:
    left, top, right, bottom = person(300)
    shade, coat = ground.copy(), ground.copy()
    shade[top:bottom, left:right] = shade[top:bottom, left:right] * 0.75
    coat[top:bottom, left:right] = coat[top:bottom, left:right] * 0.4
    watched = Watched(ground)

    assert len(watched.see(shade)) == 0
    assert is_at(watched.see(coat), person(300))


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_change_of_light_moves_nothing(ground: Pixels, factor: float) -> None:
    watched = Watched(ground)
    changed = np.clip(ground * factor, 0, 255).astype(np.uint8)

    assert len(watched.see(changed)) == 0
    assert not watched.motion.moving
    assert is_at(watched.see(with_people(changed, person(200))), person(200))


def test_a_camera_that_turns_begins_again(ground: Pixels) -> None:
    watched = Watched(ground)
    elsewhere = np.ascontiguousarray(255 - ground[::-1])
    found = [len(watched.see(elsewhere)) for _ in range(10)]

    assert found == [0] * 10
    assert is_at(watched.see(with_people(elsewhere, person(200))), person(200))


def test_people_beside_each_other_are_two(ground: Pixels) -> None:
    """Two ellipses that touch: 8 pixels of them are common, in the middle of their height."""
    image = ground.copy()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for middle in (200, 240):
        image[((rows - 184) / 64) ** 2 + ((columns - middle) / 24) ** 2 <= 1] = (220, 30, 60)
    found = Watched(ground).see(image)

    assert is_at(found, (176, 120, 220, 248), (220, 120, 264, 248))


def test_what_is_too_small_or_too_wide_is_no_person(ground: Pixels) -> None:
    watched = Watched(ground)
    car, cat = person(300, wide=200, tall=100), person(100, wide=16, tall=28)

    assert len(watched.see(with_people(ground, car, cat))) == 0
    assert watched.motion.moving


@pytest.mark.slow
def test_who_stands_is_seen_for_a_quarter_of_a_minute(ground: Pixels) -> None:
    watched = Watched(ground, 40.0)
    standing = with_people(ground, person(300))
    found = [is_at(watched.see(standing), person(300)) for _ in range(20 * RATE)]

    # Half of 15 pictures that are two seconds apart: 8 of them show the person after 14 to 16 seconds.
    assert all(found[: 14 * RATE])
    assert not any(found[16 * RATE :])


def test_infrared_knows_no_shadows(ground: Pixels) -> None:
    ground = grey(ground)
    watched = Watched(ground, modality=Modality.IR)
    left, top, right, bottom = person(300)
    dark = ground.copy()
    dark[top:bottom, left:right] = dark[top:bottom, left:right] * 0.75

    assert is_at(watched.see(dark), person(300))
    assert is_at(watched.see(with_people(ground, person(100), colour=(220, 220, 220))), person(100))


def test_the_light_changes_to_infrared_and_it_begins_again(ground: Pixels) -> None:
    watched = Watched(ground)
    watched.modality = Modality.IR

    assert len(watched.see(with_people(grey(ground), person(300), colour=(220, 220, 220)))) == 0
    assert not watched.motion.moving
