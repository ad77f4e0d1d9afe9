"""A process of its own for a file of others: it keeps to its limits, and however it ends, this process goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgbir.index import Limits, Unreadable, read_apart

READER = """
import os, resource, signal, sys, time
from pathlib import Path

def answer(file, folder, how="fine"):
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "memory":
        bytearray(200 << 20)
    elif how == "room":
        with open(folder / "much", "wb") as much:
            for _ in range(100):
                much.write(bytes(1 << 20))
    elif how == "exit":
        print("hidden\\nthe last \\x1b[31mline", flush=True)
        os._exit(7)
    elif how == "spin":
        while True:
            pass
    elif how == "wrong":
        raise KeyError("that")
    elif how == "secrets":
        (folder / "names").write_text(" ".join(os.environ))
    else:
        (folder / "content").write_bytes(file.read_bytes())
"""


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_reader.py").write_text(READER)
    (tmp_path / "file").write_bytes(b"content")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("RGBIR_KEY", "secret")


def test_what_a_reader_writes_is_there_while_the_block_lasts(tmp_path: Path) -> None:
    with read_apart("some_reader", tmp_path / "file", Limits()) as folder:
        assert (folder / "content").read_bytes() == b"content"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("how", "limits", "reason"),
    [
        ("crash", Limits(), r"^the process that read it crashed \(SIGSEGV\): it printed nothing"),
        ("exit", Limits(), r"^the process that read it ended with 7: the last \[31mline$"),
        ("memory", Limits(memory=100 << 20), r"^it takes more memory than 0\.1 GiB"),
        ("room", Limits(written=10 << 20), r"^it unfolds to more than a file of its size may$"),
        ("spin", Limits(seconds=1), r"^it took longer than 1 seconds"),
        ("wrong", Limits(), r"^KeyError: 'that'$"),
    ],
)
def test_however_a_reader_fails_it_is_told_in_words(tmp_path: Path, how: str, limits: Limits, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason), read_apart("some_reader", tmp_path / "file", limits, [how]):
        raise AssertionError("there was an answer")


def test_a_reader_does_not_see_our_own_variables(tmp_path: Path) -> None:
    with read_apart("some_reader", tmp_path / "file", Limits(), ["secrets"]) as folder:
        names = (folder / "names").read_text().split()
    assert "PATH" in names
    assert not [name for name in names if name.startswith("RGBIR_")]
