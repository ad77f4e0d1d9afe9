"""Entries of an audit log: what one is hashed of. The server writes them, and whoever has them can compute the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

Entry = dict[str, Any]


def hash_of(entry: Entry) -> str:
    """An entry's own hash, of all its fields but that one."""
    fields = {name: value for name, value in entry.items() if name != "hash"}
    content = json.dumps(fields, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def line_of(entry: Entry) -> bytes:
    """An entry as it is written; no other bytes are one."""
    return json.dumps(entry, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass") + b"\n"
