"""Colour or infrared: the frame decides, and needs two seconds to change its mind."""

from __future__ import annotations

import numpy as np
import pytest

from rgbir.footage.daylight import Daylight, level, looks
from rgbir.footage.frames import Chroma, Frame
from rgbir.index import Modality

RGB, IR = Modality.RGB, Modality.IR
GREY, COLOUR, BETWEEN = Chroma(0.2, 0.3), Chroma(9.0, 8.0), Chroma(2.0, 2.2)
BLANK = np.zeros((2, 2, 3), np.uint8)


def frames(*chromas: Chroma, rate: float = 5.0) -> list[Frame]:
    return [Frame(BLANK, number, number / rate, chroma) for number, chroma in enumerate(chromas)]


def modalities(day: Daylight, *chromas: Chroma) -> list[Modality]:
    decided = list(day.of(frames(*chromas)))
    assert [frame.number for frame, _ in decided] == list(range(len(chromas)))
    return [modality for _, modality in decided]


def test_a_grey_frame_is_infrared_and_a_coloured_one_is_not() -> None:
    assert looks(GREY) is IR
    assert looks(COLOUR) is RGB
    assert looks(BETWEEN) is None


def test_a_tint_over_the_whole_picture_is_no_colour() -> None:
    # A recorder's cast: every pixel is 12 levels off in Cb and 5 in Cr.
    tinted = Chroma.of_planes(np.full((8, 8), 140, np.uint8), np.full((8, 8), 123, np.uint8))

    assert tinted.mean == pytest.approx(17)
    assert tinted.spread == pytest.approx(0)
    assert looks(tinted) is IR


def test_night_colour_by_a_lamp_stays_colour() -> None:
    # Nine tenths of the picture are black, without any colour; a tenth is lit, 60 levels off in Cb and 30 in Cr.
    cb, cr = np.full(1000, 128, np.uint8), np.full(1000, 128, np.uint8)
    cb[:100], cr[:100] = 68, 158

    lamp = Chroma.of_planes(cb, cr)

    assert lamp.mean == pytest.approx(9)
    assert level(lamp) == pytest.approx((60 + 30) * 0.3)  # the standard deviation of a tenth is 0.3 of the difference
    assert looks(lamp) is RGB


def test_a_change_counts_from_its_first_frame_on() -> None:
    seen = modalities(Daylight(), *[COLOUR] * 150, *[GREY] * 150)

    assert seen == [RGB] * 150 + [IR] * 150


def test_a_camera_that_flickers_for_less_than_two_seconds_has_not_changed() -> None:
    # Five frames a second: ten grey frames span 1.8 seconds, eleven span two.
    assert modalities(Daylight(), *[COLOUR] * 20, *[GREY] * 10, *[COLOUR] * 20) == [RGB] * 50
    assert modalities(Daylight(), *[COLOUR] * 20, *[GREY] * 11, *[COLOUR] * 20) == [RGB] * 20 + [IR] * 11 + [RGB] * 20


def test_frames_between_the_two_are_what_was_before() -> None:
    assert modalities(Daylight(), COLOUR, *[BETWEEN] * 30, COLOUR) == [RGB] * 32
    assert modalities(Daylight(), GREY, *[BETWEEN] * 30, GREY) == [IR] * 32
    assert modalities(Daylight(), *[COLOUR] * 5, *[GREY] * 8, BETWEEN, *[GREY] * 8, COLOUR) == [RGB] * 23


def test_a_recording_begins_with_its_first_clear_frame_or_with_what_is_declared() -> None:
    assert modalities(Daylight(), BETWEEN, BETWEEN, GREY) == [IR] * 3
    assert modalities(Daylight(IR), *[BETWEEN] * 20) == [IR] * 20
    assert modalities(Daylight(), *[BETWEEN] * 20) == [RGB] * 20


def test_no_more_than_two_seconds_of_frames_are_kept_back() -> None:
    day, most = Daylight(), 0
    for frame in frames(*([COLOUR] * 10 + ([GREY] * 10 + [COLOUR]) * 20)):
        day.next(frame)
        most = max(most, len(day._waiting))

    assert most == 10


def test_the_end_of_a_recording_gives_back_what_was_kept() -> None:
    day = Daylight()

    assert modalities(day, *[COLOUR] * 5, *[GREY] * 3) == [RGB] * 8
    assert day.frames == {RGB: 8, IR: 0}


def test_chroma_of_a_picture_is_that_of_its_planes() -> None:
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    ycbcr = np.asarray(Image.fromarray(picture).convert("YCbCr"))[::4, ::4]

    by_pillow = Chroma.of_planes(ycbcr[..., 1], ycbcr[..., 2])
    by_us = Chroma.of_pixels(picture)

    assert by_us.mean == pytest.approx(by_pillow.mean, rel=0.01)
    assert by_us.spread == pytest.approx(by_pillow.spread, rel=0.01)
