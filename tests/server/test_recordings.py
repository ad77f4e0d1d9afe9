"""From a hit to the recording, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.server.cases.conftest import Office, night, office, open_office, tokens  # noqa: F401

from rgbir.client import Unprocessable


def test_hits_sightings_and_cases_lead_to_the_moment_in_a_camera_s_recordings(office: Office, night: bytes) -> None:  # noqa: F811
    chief = office("chief")
    chief.put_camera("1", recording="https://vms.example/{camera}?at={seconds}")
    taken = datetime(2026, 11, 2, 21, 15, tzinfo=UTC)
    made = chief.enrol(night, camera="1", taken_at=taken)[0]
    assert made.id is not None
    chief.add_case("26-117", title="missing", purpose="find")

    answer = chief.search(night, camera="3", cameras=["1"], top_k=1000, case="26-117")
    mark = chief.mark("26-117", "same", sighting=made.id)

    address = f"https://vms.example/1?at={int(taken.timestamp())}"
    assert {hit.id: hit.recording for hit in answer.hits}[made.id] == address
    assert all(hit.recording is None for hit in answer.hits if hit.taken_at is None)
    assert chief.sighting(made.id).recording == address
    pictures = {picture.id: picture.recording for picture in chief.case("26-117").pictures}
    assert pictures[mark.picture] == address
    assert next(camera for camera in chief.cameras().cameras if camera.id == "1").recording is not None
    chief.put_camera("1", recording="none")
    assert chief.sighting(made.id).recording is None


def test_an_address_that_could_lead_elsewhere_is_refused(office: Office) -> None:  # noqa: F811
    with pytest.raises(Unprocessable, match="begins with http"):
        office("chief").put_camera("1", recording="javascript:alert(1)")
