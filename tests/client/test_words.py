"""Lists of names in messages; the client and the index have the function each, since neither knows the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rgbir.client import words
from rgbir.index import listed


@pytest.mark.parametrize("joined", [words.listed, listed], ids=["client", "index"])
def test_names_are_listed_as_in_a_sentence(joined: Callable[..., str]) -> None:
    assert joined([]) == "nothing"
    assert joined(["a"]) == "a"
    assert joined(iter(["a", "b"])) == "a and b"
    assert joined((1, 2, 3), "or") == "1, 2 or 3"
