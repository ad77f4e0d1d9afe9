"""What travels of pairs that people judge, and every request about them as data; see `calls`."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from rgbir.client.calls import Call, _as, _form, _segment
from rgbir.client.casework import Mark
from rgbir.client.wire import Wire


class Judge(Wire):
    name: str = Field(description="of the key")
    answered: int = Field(description="pairs")


class Agreement(Wire):
    """How far two people who answered every pair agree."""

    judges: list[str]
    alike: float = Field(description="share of pairs with one answer")
    kappa: float | None = Field(
        None,
        description="Cohen's: 1 is full agreement, 0 what chance gives; none where both gave one answer throughout",
    )


class JudgedPoint(Wire):
    """What was measured at one distance; low and high are the ends within which it lies 19 times of 20."""

    distance: float
    strangers: float = Field(description="share of strangers that are as near")
    strangers_low: float
    strangers_high: float
    same: float = Field(description="share of one person's pairs that are as near, of those that the draw could find")
    same_low: float
    same_high: float


class JudgedEstimate(Wire):
    """What distances mean, by judged pairs."""

    judges: list[str] = Field(description="those whose answers count: who answered every pair")
    same: int = Field(description="pairs of one person")
    different: int = Field(description="pairs of two people")
    unsure: int = Field(description="pairs that somebody was unsure of, or that two people disagree on")
    least: float = Field(description="the smallest share of strangers that so few pairs can tell")
    points: list[JudgedPoint]


class Judgement(Wire):
    """A draw of pairs of two cameras, for people to judge."""

    id: str
    cameras: list[str] = Field(description="the query's, and the one that was ranked")
    pairs: int = Field(description="how many are left; a pair goes when one of its sightings is erased")
    made_at: datetime
    made_by: str
    answered: int = Field(description="pairs that the caller answered")
    judges: list[Judge]
    used_at: datetime | None = Field(None, description="since when the calibration has it; none if it hasn't")
    used_by: str | None = None


class JudgementResult(Judgement):
    """A draw with what was measured, once somebody answered every pair."""

    agreements: list[Agreement] = Field([], description="of every two who answered every pair")
    estimate: JudgedEstimate | None = None
    missing: str | None = Field(None, description="why nothing is measured yet; none where it is")


class JudgementList(Wire):
    judgements: list[Judgement]


class PairToJudge(Wire):
    """Two pictures, and nothing else: no rank, no distance, no camera."""

    pair: int | None = Field(None, description="its number; none when all are answered")
    left: str | None = Field(None, description="path of a picture")
    right: str | None = Field(None, description="path of a picture")
    answered: int = Field(description="pairs that the caller answered")
    pairs: int


def judgements() -> Call[JudgementList]:
    """Draws of pairs for people to judge, the newest first."""
    return Call(_as(JudgementList), "GET", "/judgements")


def judgement(judgement: str) -> Call[JudgementResult]:
    """A draw of pairs, and what was measured on it once somebody answered every pair.

    Args:
        judgement: its id.
    """
    return Call(_as(JudgementResult), "GET", _path(judgement))


def add_judgement(
    query_camera: str, other_camera: str, *, count: int | None = None, seed: int | None = None
) -> Call[Judgement]:
    """Draws pairs of two cameras for people to judge. The same again is the draw that there is, until somebody answered.

    Args:
        query_camera, other_camera: whose sightings are asked for, and whose ranking is drawn from; by id, name or alias.
        count: how many pairs; 50 without.
        seed: another draw for each; by chance without.
    """
    form = _form(query_camera=query_camera, other_camera=other_camera, count=count, seed=seed)
    return Call(_as(Judgement), "POST", "/judgements", {"data": form})


def next_pair(judgement: str) -> Call[PairToJudge]:
    """The pair that you judge next."""
    return Call(_as(PairToJudge), "GET", f"{_path(judgement)}/next")


def answer_pair(judgement: str, pair: int, answer: Mark) -> Call[PairToJudge]:
    """Says whether the next pair shows one person: same, different or unsure.

    Returns:
        The pair that follows.
    """
    return Call(_as(PairToJudge), "POST", f"{_path(judgement)}/answers", {"data": _form(pair=pair, answer=answer)})


def take_answer_back(judgement: str, pair: int) -> Call[PairToJudge]:
    """Takes your last answer back.

    Returns:
        The pair, which is next again.
    """
    return Call(_as(PairToJudge), "DELETE", f"{_path(judgement)}/answers/{pair}")


def use_judgement(judgement: str, *, in_place_of_labels: bool = False) -> Call[JudgementResult]:
    """Takes what was measured into the gallery's calibration; for administrators of all cameras.

    Args:
        in_place_of_labels: also where labelled sightings say it.
    """
    form = _form(in_place_of_labels=in_place_of_labels or None)
    return Call(_as(JudgementResult), "POST", f"{_path(judgement)}/use", {"data": form})


def delete_judgement(judgement: str) -> Call[None]:
    """Deletes a draw with its answers, and what was measured on it; for administrators of all cameras."""
    return Call(lambda _: None, "DELETE", _path(judgement))


def _path(judgement: str) -> str:
    return f"/judgements/{_segment(judgement)}"
