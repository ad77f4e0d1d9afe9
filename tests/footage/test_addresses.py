"""Addresses of streams: which are taken, and that name and password are shown nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rgbir.footage.addresses import StreamAddress
from rgbir.index import UsageError

NAMED = {"RGBIR_STREAM_USER": "anna", "RGBIR_STREAM_PASSWORD": "se:cret/%@"}


def test_name_and_password_come_from_the_variables_or_the_address() -> None:
    by_variables = StreamAddress.of("rtsp://cam:554/live?channel=1", NAMED)
    by_address = StreamAddress.of("rtsp://anna:se%3Acret%2F%25%40@cam:554/live?channel=1", {})
    half = StreamAddress.of("rtsp://anna@cam:554/live?channel=1", {"RGBIR_STREAM_PASSWORD": "se:cret/%@"})

    assert by_variables == by_address == half
    assert by_variables.full == "rtsp://anna:se%3Acret%2F%25%40@cam:554/live?channel=1"
    assert StreamAddress.of("RTSPS://[2001:db8::1]/live", {}).full == "rtsps://[2001:db8::1]/live"


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        ("http://cam/live", {}, r"begins with rtsp:// or rtsps://"),
        ("file:///etc/passwd", {}, "begins with"),
        ("concat:a|b", {}, "begins with"),
        ("/dev/video0", {}, "begins with"),
        ("rtsp:cam", {}, "begins with"),
        ("rtsp:///live", {}, "no host"),
        ("rtsp://cam:99999/live", {}, "no true port"),
        ("rtsp://cam/a b", {}, "blanks"),
        ("rtsp://cam/a\nb", {}, "blanks"),
        ("rtsp://anna:geh/eim@cam/live", {}, "no true port"),
        ("rtsp://berta@cam/live", NAMED, "not in both"),
        ("rtsp://cam/live", {"RGBIR_STREAM_PASSWORD": "geheim"}, "without a user"),
        ("rtsp://anna:geheim@cam/live", {"RGBIR_STREAM_PASSWORD": "x"}, "not in both"),
        ("rtsp://an%3Ana:geheim@cam/live", {}, "colon"),
    ],
)
def test_another_address_is_refused_and_not_repeated(text: str, variables: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        StreamAddress.of(text, variables)

    assert "geh" not in str(refused.value)
    assert "eim" not in str(refused.value)


def test_an_address_shows_its_host_alone() -> None:
    address = StreamAddress.of("rtsp://cam:554/user=admin_password=geheim", NAMED)

    for shown in (repr(address), str(address), address.shown):
        assert "cam:554" in shown
        assert not any(word in shown for word in ("geheim", "anna", "se:cret", "se%3A"))


@pytest.mark.parametrize(
    "words",
    [
        "{full}: timed out",
        "can't open 'rtsp://cam:554/live/geheim'",
        "user anna, password se:cret/%@ or se%3Acret%2F%25%40",
        "DESCRIBE /live/geheim",
    ],
)
def test_words_of_others_are_cleaned(words: str) -> None:
    address = StreamAddress.of("rtsp://cam:554/live/geheim", NAMED)

    cleaned = address.cleaned(words.format(full=address.full))

    assert not any(word in cleaned for word in ("geheim", "anna", "se:cret", "se%3A"))
    assert "…" in cleaned


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("rtsp://anna:geheim@cam:554/live/geheim?geheim", "rtsp://xxxxxxxxxxx@cam:554/xxxxxxxxxxxxxxxxxx"),
        ("rtsp://cam/geheim", "rtsp://cam/xxxxxx"),
        ("rtsp://cam", "rtsp://cam"),
        ("rtsp://cam/a@geheim", "rtsp://cam/xxxxxxxx"),
        ("rtsp://ä:geheim@cam?geheim", "rtsp://xxxxxxxxx@cam?xxxxxx"),
    ],
)
@pytest.mark.slow
def test_an_argument_is_hidden_in_the_list_of_processes_but_for_its_host(address: str, left: str) -> None:
    program = """
import sys
from pathlib import Path
from rgbir.footage.addresses import hide_argument
hide_argument(sys.argv[1])
sys.stdout.buffer.write(Path("/proc/self/cmdline").read_bytes())
"""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("no /proc here")

    done = subprocess.run([sys.executable, "-c", program, address, "more"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\0")[-3:] == [left, "more", ""]
