"""The ways to order rows again by their neighbours, by what people write: one grammar for benchmarks, searches and servers."""

from __future__ import annotations

from typing import Any

from rgbir.index.errors import UsageError
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.reciprocal import Reciprocal
from rgbir.index.words import listed

Reranker = Affinity | Reciprocal
"""Has a `name`, what it looks at in words (`about`), and `keys` of queries and rows: smaller is more alike."""
_KINDS: dict[str, type[Any]] = {"aim": Affinity, "k-reciprocal": Reciprocal}
_SETTINGS: dict[str, dict[str, type[Any]]] = {
    "aim": {"k1": int, "k2": int},
    "k-reciprocal": {"k1": int, "k2": int, "weight": float, "neighbours": str},
}
GRAMMAR = "aim or k-reciprocal, with settings aim:k1,k2 or k-reciprocal:k1,k2,weight[,all|gallery]"


def reranker(text: str) -> Reranker:
    """Such as `aim`, `aim:10,2`, `k-reciprocal` or `k-reciprocal:20,6,0.3,gallery`.

    Raises:
        UsageError: it is none of them, or a setting is out of its range.
    """
    name, colon, settings = text.strip().partition(":")
    if name not in _KINDS or bool(colon) != bool(settings):
        raise UsageError(f"rerank is {GRAMMAR}; not {text!r}")
    kinds, given = _SETTINGS[name], settings.split(",") if settings else []
    try:
        values = {key: kinds[key](value) for key, value in zip(kinds, given, strict=False)}
    except ValueError:
        given = [*kinds, ""]
    if len(given) > len(kinds):
        raise UsageError(f"{name} has the settings {listed(kinds)}, in this order; {settings!r} isn't that")
    reranker: Reranker = _KINDS[name](**values)
    return reranker
