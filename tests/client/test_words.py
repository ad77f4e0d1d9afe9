"""Lists of names in messages; the client and the index have the function each, since neither knows the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from rgbir.client import words
from rgbir.index import listed, why


@pytest.mark.parametrize("joined", [words.listed, listed], ids=["client", "index"])
def test_names_are_listed_as_in_a_sentence(joined: Callable[..., str]) -> None:
    assert joined([]) == "nothing"
    assert joined(["a"]) == "a"
    assert joined(iter(["a", "b"])) == "a and b"
    assert joined((1, 2, 3), "or") == "1, 2 or 3"


def test_of_many_names_the_first_are_listed_and_the_others_counted() -> None:
    assert listed("abcdef", most=2) == "a, b and 4 more"
    assert listed("abcdef", "or", most=5) == "a, b, c, d, e and 1 more"
    assert listed("ab", "or", most=2) == "a or b"
    assert listed([], most=1) == "nothing"
    assert listed(range(2_000), most=1) == "0 and 1,999 more"


@pytest.mark.parametrize("why", [words.why, why], ids=["client", "index"])
def test_what_a_model_says_is_told_without_pydantic_s_own_words(why: Callable[..., str]) -> None:
    class Line(BaseModel):
        text: str

        @field_validator("text")
        @classmethod
        def _short(cls, text: str) -> str:
            raise ValueError(f"a text of 3 letters is expected, not {text!r}")

    with pytest.raises(ValidationError) as failed:
        Line.model_validate({"text": "long"})
    assert why(failed.value) == "text: a text of 3 letters is expected, not 'long'"
