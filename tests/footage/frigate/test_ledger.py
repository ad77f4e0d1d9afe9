"""The file that says where to go on."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from rgbir.footage.frigate.ledger import LONGEST_TRACK_S, Ledger
from rgbir.index import UsageError

DAY = LONGEST_TRACK_S


def test_what_is_settled_stays_settled_and_others_can_t_read_it(tmp_path: Path) -> None:
    file = tmp_path / "state"
    ledger = Ledger(file, 1000.0)
    ledger.settle("a", 1010.0, 1020.0)
    again = Ledger(file, 9999.0)
    assert ("a" in again, "b" in again, again.begin, len(again)) == (True, False, 1000.0, 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_half_a_line_was_never_told_to_anybody(tmp_path: Path) -> None:
    file = tmp_path / "state"
    ledger = Ledger(file, 0.0)
    ledger.settle("a", 1.0, 2.0)
    ledger.settle("b", 3.0, 4.0)
    whole = file.read_bytes()
    for cut in range(whole.index(b'{"id": "b"'), len(whole)):
        file.write_bytes(whole[:cut])
        again = Ledger(file, 0.0)
        assert "a" in again
        again.settle("c", 5.0, 6.0)
        last = Ledger(file, 0.0)
        assert ("a" in last, "c" in last) == (True, True), cut


def test_the_list_is_asked_for_from_a_day_before_the_latest_end(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "state", 5 * DAY)
    assert ledger.after == 4 * DAY
    ledger.settle("a", 9 * DAY, 10 * DAY)
    assert ledger.after == 4 * DAY  # something may have been put off
    ledger.caught_up()
    assert ledger.after == 9 * DAY
    assert Ledger(tmp_path / "state", 0.0).after <= 9 * DAY


def test_a_clock_that_is_ahead_hides_nothing_that_comes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "state", 0.0)
    ledger.settle("a", 1.0, time.time() + 1000 * DAY)
    ledger.caught_up()
    assert ledger.after < time.time() - DAY + 60


@pytest.mark.slow
def test_the_file_doesn_t_grow_for_ever_and_keeps_a_day(tmp_path: Path) -> None:
    file = tmp_path / "state"
    ledger = Ledger(file, 0.0)
    for number in range(700):
        ledger.settle(f"e{number}", number * DAY / 100, number * DAY / 100 + 1)
        if number % 50 == 49:
            ledger.caught_up()
    assert len(file.read_bytes().splitlines()) < 500
    again = Ledger(file, 0.0)
    assert all(f"e{number}" in again for number in range(602, 700))


@pytest.mark.parametrize("content", [b"", b"hello\n", b"{}\n", b"[1]\n", b'{"begin": "x", "mark": 1}\n', b"\xff\n"])
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="isn't a resume point"):
        Ledger(file, 0.0)
    assert file.read_bytes() == content
