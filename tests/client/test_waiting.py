"""Waiting for a job: pauses that grow, what a busy server asks for, and an end in words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from rgbir.client import AsyncClient, Client, JobContinues, JobFailed, NotFound, wire
from rgbir.client.client import LONGEST_LOOK_S

JOB = {
    "id": "j1", "who": "a", "total": 9, "added": 3, "present": 0, "skipped": 0, "made_at": "2026-01-01T00:00:00Z",
}  # fmt: skip


class Clock:
    """Time that passes when somebody sleeps. slept: each pause in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 0.0, list[float]()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

        async def awaited(seconds: float) -> None:
            self.sleep(seconds)

        monkeypatch.setattr(asyncio, "sleep", awaited)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


Waiting = Callable[..., wire.Job]


@pytest.fixture(params=["Client", "AsyncClient"])
def waiting(request: pytest.FixtureRequest) -> Callable[[list[Any]], Waiting]:
    """`wait_for_job` of a client whose server tells one state after another, the last for ever; a number is a refusal."""

    def of(states: list[Any]) -> Waiting:
        left = iter(states)
        last: list[Any] = [None]

        def answer(_: httpx2.Request) -> httpx2.Response:
            last[0] = next(left, last[0])
            if isinstance(last[0], str):
                return httpx2.Response(
                    200, json=JOB | {"state": last[0], "error": "the disk is full" if last[0] == "failed" else None}
                )
            return httpx2.Response(last[0], json={"detail": "not now"}, headers={"Retry-After": "7"})

        if request.param == "Client":
            return Client(
                httpx2.Client(base_url="http://s", transport=httpx2.MockTransport(answer)), retries=0
            ).wait_for_job

        async def wait(*given: Any, **more: Any) -> wire.Job:
            http = httpx2.AsyncClient(base_url="http://s", transport=httpx2.MockTransport(answer))
            return await AsyncClient(http, retries=0).wait_for_job(*given, **more)

        def run(*given: Any, **more: Any) -> wire.Job:
            return asyncio.run(wait(*given, **more))

        return run

    return of


def test_the_pauses_grow_up_to_a_longest_one(waiting: Callable[[list[Any]], Waiting], clock: Clock) -> None:
    seen: list[wire.Job] = []

    job = waiting(["waiting"] * 2 + ["running"] * 7 + ["done"])("j1", on_progress=seen.append)

    assert job.state == "done"
    assert clock.slept == [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5]
    assert LONGEST_LOOK_S == 5
    assert [job.state for job in seen] == ["waiting", "running", "done"]


def test_a_busy_server_is_given_the_time_it_asks_for(waiting: Callable[[list[Any]], Waiting], clock: Clock) -> None:
    assert waiting([503, 429, "running", "done"])(wire.Job.model_validate(JOB | {"state": "waiting"})).state == "done"
    assert clock.slept == [7, 7, 1]


@pytest.mark.parametrize(("state", "why"), [("failed", "the disk is full"), ("cancelled", "somebody cancelled it")])
def test_an_end_without_success_is_an_error_that_has_the_job(
    waiting: Callable[[list[Any]], Waiting], clock: Clock, state: str, why: str
) -> None:
    with pytest.raises(JobFailed) as caught:
        waiting(["running", state])("j1")
    assert str(caught.value) == f"job j1 is {state}: {why}; 3 of 9 images were added"
    assert caught.value.job.state == state


def test_the_time_to_wait_is_kept_and_the_job_goes_on(waiting: Callable[[list[Any]], Waiting], clock: Clock) -> None:
    with pytest.raises(JobContinues) as caught:
        waiting(["running"])("j1", timeout_s=10)
    assert clock.now == 10
    assert (
        str(caught.value)
        == "job j1 wasn't done within 10 s; it is running, with 3 of 9 images added; it goes on, wait again"
    )
    assert caught.value.job.state == "running"
    with pytest.raises(JobContinues, match="within 0 s; it is running"):
        waiting(["running"])("j1", timeout_s=0)


def test_a_job_that_there_is_not_is_not_waited_for(waiting: Callable[[list[Any]], Waiting], clock: Clock) -> None:
    with pytest.raises(NotFound):
        waiting([404])("j1")
    assert clock.slept == []
