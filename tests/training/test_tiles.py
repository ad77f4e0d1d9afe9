"""A training in bfloat16 on a processor leaves its AMX unit alone, unless somebody wants it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.training.small import make_run, recipe_of

from rgbir.index import SysuMM01
from rgbir.training import train
from rgbir.training.device import without_tiles

CHOICE = "ONEDNN_MAX_CPU_ISA"


@pytest.mark.parametrize("wanted", [None, "DEFAULT"])
def test_only_what_nobody_chose_is_set(monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    monkeypatch.delenv(CHOICE)
    if wanted is not None:
        monkeypatch.setenv(CHOICE, wanted)
    without_tiles()
    assert os.environ[CHOICE] == (wanted or "AVX512_CORE_BF16")


@pytest.mark.parametrize(("amp", "chosen"), [("bf16", "AVX512_CORE_BF16"), ("off", None)])
def test_a_training_chooses_where_it_computes_in_bfloat16(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch, amp: str, chosen: str | None
) -> None:
    monkeypatch.delenv(CHOICE)
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 1, "amp": amp}))

    train(run, source, device="cpu")

    assert os.environ.get(CHOICE) == chosen
