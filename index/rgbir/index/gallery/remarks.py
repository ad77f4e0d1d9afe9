"""What an answer says beside its hits, with a code for programs: remarks, why a camera was left out, and the verdict.

The words are for people who read English. Whoever shows them in another language goes by the code and its values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Values = Mapping[str, Any]
"""By name: numbers, texts, moments as ISO 8601, None, and lists of them."""


class Code(StrEnum):
    """What is said, in a word that stays. `ABOUT` has what each means and which values come with it."""

    SHOT_SMALL = "shot_small"
    SHOT_BURNT = "shot_burnt"
    SHOT_DARK = "shot_dark"
    SHOT_BLURRED = "shot_blurred"
    SHOT_HAS_COLOURS = "shot_has_colours"
    SHOT_NO_COLOURS = "shot_no_colours"
    SHOT_DEEP = "shot_deep"
    NO_TIMES = "no_times"
    NO_WALKING_TIME = "no_walking_time"
    NO_TIME_GIVEN = "no_time_given"
    MOVED_NO_TIME = "moved_no_time"
    NOTHING_SEARCHED = "nothing_searched"
    DOUBTFUL = "doubtful"
    MEAN_NOT_MEASURED = "mean_not_measured"
    NOT_LOGGED = "not_logged"

    OWN_CAMERA = "own_camera"
    SAME_PLACE = "same_place"
    SAME_PLACE_AT_TIMES = "same_place_at_times"
    NOT_CHOSEN = "not_chosen"
    SAME_LIGHT = "same_light"
    NOTHING_ENROLLED = "nothing_enrolled"

    LEAD = "lead"
    DOUBT = "doubt"
    UNKNOWN = "unknown"
    NONE = "none"
    NO_CAMERA = "no_camera"
    FAILED = "failed"


class About(NamedTuple):
    """What a code says.

    Attributes:
        kind: where it stands: warning, camera or verdict.
        meaning: in words.
        values: names of what comes with it.
    """

    kind: str
    meaning: str
    values: tuple[str, ...] = ()


ABOUT: Mapping[Code, About] = {
    Code.SHOT_SMALL: About(
        "warning",
        "an image of the query has fewer pixels than people are found with",
        ("shot", "width", "height", "least_width", "least_height"),
    ),
    Code.SHOT_BURNT: About("warning", "a share of an image is over-exposed", ("shot", "share")),
    Code.SHOT_DARK: About("warning", "an image is nearly black", ("shot",)),
    Code.SHOT_BLURRED: About("warning", "an image is less sharp than it should be", ("shot", "sharpness", "least")),
    Code.SHOT_HAS_COLOURS: About("warning", "an image has colours, and is said to be infrared", ("shot",)),
    Code.SHOT_NO_COLOURS: About("warning", "an image has no colours, and is said to be one in colour", ("shot",)),
    Code.SHOT_DEEP: About("warning", "how a deep image was read, which its file doesn't say", ("shot", "assumed")),
    Code.NO_TIMES: About(
        "warning", "sightings have no time, so these filters left them out", ("untimed", "total", "filters")
    ),
    Code.NO_WALKING_TIME: About(
        "warning", "taken_at left nothing out: no walking time is known to what was searched", ("camera",)
    ),
    Code.NO_TIME_GIVEN: About("warning", "passages ranked nothing, since the query has no time"),
    Code.MOVED_NO_TIME: About(
        "warning", "the query's camera moved and its time isn't known, so all its places are left out", ("camera",)
    ),
    Code.NOTHING_SEARCHED: About("warning", "no camera was searched; those left out say why"),
    Code.DOUBTFUL: About(
        "warning", "one stranger at least is expected to be as near as the nearest hit", ("strangers",)
    ),
    Code.MEAN_NOT_MEASURED: About("warning", "what distances mean isn't known of a track's mean"),
    Code.NOT_LOGGED: About("warning", "the server keeps no audit log for the purpose and the case"),
    Code.OWN_CAMERA: About("camera", "it took the query's images"),
    Code.SAME_PLACE: About("camera", "it is at the place of the query's camera", ("query_camera", "place")),
    Code.SAME_PLACE_AT_TIMES: About(
        "camera", "it was at the query's place for some time, which is left out", ("query_camera", "spans")
    ),
    Code.NOT_CHOSEN: About("camera", "it isn't among the cameras asked for"),
    Code.SAME_LIGHT: About("camera", "its images are of the query's modality only", ("modality",)),
    Code.NOTHING_ENROLLED: About("camera", "nothing of it is enrolled"),
    Code.LEAD: About(
        "verdict",
        "hits stand out: less than one stranger is expected to be as near as the nearest",
        ("hits", "strangers", "total"),
    ),
    Code.DOUBT: About(
        "verdict", "probably not in this gallery: strangers are expected to be as near", ("strangers", "total")
    ),
    Code.UNKNOWN: About(
        "verdict", "hits are in order, and how alike strangers look isn't measured", ("query_camera", "cameras")
    ),
    Code.NONE: About("verdict", "no sighting fits the filters"),
    Code.NO_CAMERA: About("verdict", "no camera was searched"),
    Code.FAILED: About("verdict", "this image of a batch couldn't be searched with"),
}
"""Of every code. `docs/reference/http.md` is made of it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What the one who asks may have overlooked.

    Attributes:
        code: what it says, for programs.
        text: the same in English.
        values: what the code's sentence needs, by the names in `ABOUT`.
    """

    code: Code
    text: str
    values: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert set(self.values) == set(ABOUT[self.code].values), (self.code, self.values)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether looking at the hits is worth it.

    Attributes:
        code: one of `ABOUT` of the kind verdict.
        values: what the code's sentence needs. UNKNOWN has the cameras that aren't calibrated with the query's where others are,
            and none where nothing is known. The strangers are those expected as near as the nearest hit, and the hits those
            with less than one.
    """

    code: Code
    values: Values = field(default_factory=dict)


def verdict_of(
    *,
    error: str | None,
    searched: Sequence[str],
    strangers: Sequence[float | None],
    doubtful: bool | None,
    camera: str | None,
    uncalibrated: Sequence[str],
    compared: int,
) -> Verdict:
    """What an answer amounts to.

    Args:
        error: why nothing was searched.
        searched: cameras.
        strangers: of each hit, how many are expected as near; None where that isn't known.
        doubtful: whether one at least is expected to be as near as the nearest.
        camera: the query's.
        uncalibrated: those searched whose distances to it aren't measured, where some are.
        compared: sightings that strangers were counted among.
    """
    if error is not None:
        return Verdict(Code.FAILED)
    if not searched:
        return Verdict(Code.NO_CAMERA)
    if not strangers:
        return Verdict(Code.NONE)
    known = [number for number in strangers if number is not None]
    if doubtful is None or not known:
        return Verdict(Code.UNKNOWN, {"query_camera": camera, "cameras": list(uncalibrated)})
    if doubtful:
        return Verdict(Code.DOUBT, {"strangers": min(known), "total": compared})
    near = sum(number < 1 for number in known)
    return Verdict(Code.LEAD, {"hits": near, "strangers": min(known), "total": compared})
