"""Text on one line, as it looks: no sign in it that a terminal obeys, that begins a line or that turns the order of letters."""

from __future__ import annotations

import unicodedata


def is_plain(text: str) -> bool:
    """Whether every sign of a text is seen, or is a space."""
    return all(map(_is_seen, text))


def plain(text: str) -> str:
    """The text with every other sign as JSON writes it, such as `\\u001b`."""
    return "".join(sign if _is_seen(sign) else f"\\u{ord(sign):04x}" for sign in text)


def _is_seen(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"
