"""From a sighting to its recording: templates that are taken, and what is put into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rgbir.index import Camera, CameraNetwork, Modality, UsageError
from rgbir.index.gallery.changes import CameraEdit
from rgbir.index.recording import check_template, needs_frame, recording_of

AT = datetime(2026, 11, 12, 22, 41, 6, 500_000, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("https://vms/play?c={camera}&at={seconds}", "https://vms/play?c=yard%202%2F%C3%A4&at=1794519666"),
        ("http://vms:8080/{id}/{milliseconds}", "http://vms:8080/7/1794519666500"),
        ("https://vms/{time}", "https://vms/2026-11-12T21%3A41%3A06Z"),
        ("https://vms/{source}", "https://vms/a%26b.jpg"),
        ("https://vms/{frame.file}?t={frame.second}", "https://vms/clip%231.mp4?t=12.5"),
        ("https://vms/fixed", "https://vms/fixed"),
    ],
)
def test_what_is_known_stands_in_its_place_and_nowhere_else(template: str, address: str) -> None:
    check_template(template)
    frame = '{"file": "clip#1.mp4", "second": 12.5, "box": [1, 2, 3, 4]}'
    given = {"camera": "yard 2/ä", "id_": "7", "taken_at": AT, "source": "a&b.jpg", "frame": frame}

    assert recording_of(template, **given) == address  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["https://vms/{seconds}", "https://vms/{source}", "https://vms/{frame.box}"])
def test_where_something_is_unknown_there_is_no_address(template: str) -> None:
    frame = '{"box": [1, 2, 3, 4]}'
    assert recording_of(template, camera="1", id_="1", taken_at=None, source="", frame=frame) is None


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("javascript:alert(1)", "begins with http:// or https://"),
        ("ftp://vms/x", "begins with http:// or https://"),
        ("//vms/x", "begins with http:// or https://"),
        ("https:///x", "and a host"),
        ("https://{camera}/x", "the host of a recording's address is fixed"),
        ("https://vms.{camera}.evil/x", "the host"),
        ("https://vms/{who}", "{who} isn't known of a sighting"),
        ("https://vms/{seconds", "has no other"),
        ("https://vms/a b", "no blanks"),
        ("https://vms/" + "x" * 1000, "1000 characters at most"),
        ("https://user:secret@vms/x", "no name or password"),
    ],
)
def test_what_could_lead_elsewhere_is_refused(template: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(").replace("{", r"\{").replace("}", r"\}")):
        check_template(template)


def test_a_network_carries_it_and_older_versions_refuse_such_a_gallery() -> None:
    camera = Camera("7", frozenset({Modality.RGB}), "yard", recording="https://vms/{seconds}")
    network = CameraNetwork("site", (camera,))

    again = CameraNetwork.from_dict(network.to_dict(), "it")

    assert again["7"].recording == "https://vms/{seconds}"
    assert not network.plain
    assert CameraEdit(recording="").edited(network, "7")["7"].recording is None
    assert CameraEdit(place="hall").edited(network, "7")["7"].recording == "https://vms/{seconds}"
    assert needs_frame("https://vms/{frame.x}")
    assert AT.astimezone(UTC).hour == 21
