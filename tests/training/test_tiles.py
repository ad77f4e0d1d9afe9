"""A training in bfloat16 on a processor leaves its AMX unit alone, unless somebody wants it."""

from __future__ import annotations

import os

import pytest

from rgbir.training.device import without_tiles


@pytest.mark.parametrize("wanted", [None, "DEFAULT"])
def test_only_what_nobody_chose_is_set(monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    if wanted is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", wanted)
    without_tiles()
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == (wanted or "AVX512_CORE_BF16")
