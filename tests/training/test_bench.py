"""`rgbir bench train`: what it measures, and what it says of it."""

from __future__ import annotations

import json
import mmap
import multiprocessing
import os
import re
from pathlib import Path

import pytest
import torch
from tests.training.small import recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import SysuMM01
from rgbir.training.bench import KINDS, bench_train, pss
from rgbir.training.data.batch import PairBatch
from rgbir.training.data.source import Source, batches
from rgbir.training.methods import entry
from rgbir.training.recipe import IdentityRecipe, MixedRecipe, PairRecipe, TupleRecipe


@pytest.mark.slow
def test_every_kind_of_batch_is_measured_by_the_command(tmp_path: Path) -> None:
    options = ["--small", "--rounds", "1", "--updates", "2", "--identities", "8", "--images", "4", "--workers", "2"]

    result = CliRunner().invoke(app, ["bench", "train", *options, "--scratch", str(tmp_path), "--json"])

    assert result.exit_code == 0, result.output
    measurement = json.loads(result.stdout)
    figures = measurement["figures"]
    assert {"python", "torch", "numpy", "pillow", "rgbir"} == measurement["versions"].keys()
    assert (figures["images"], measurement["settings"]["workers"]) == (192, 2)
    for kind in KINDS:
        rates = [figures[f"{kind}_{name}_per_s"] for name in ("loop", "ready_tensors", "batches_alone", "decode")]
        assert min(rates) > 0
        assert figures[f"{kind}_ratio"] == pytest.approx(rates[0] / rates[1])
        assert measurement["ratios"][f"{kind}_loop_against_ready_tensors"] == figures[f"{kind}_ratio"]
        assert 192 * 128 * 48 * 3 / 2**20 <= figures[f"{kind}_decoded_mib"] < 10
        assert 20 < figures[f"{kind}_workers_pss_mib"] < 4_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_one_kind_is_measured_without_workers() -> None:
    kinds: list[str] = []

    figures = bench_train(["tuples"], rounds=1, updates=1, small=True, identities=8, images=2, done=kinds.append)

    assert kinds == ["tuples"]
    assert figures["tuples_batch"] == 48
    assert figures["tuples_ratio"] > 0
    assert figures["tuples_workers_pss_mib"] == 0


def test_a_kind_that_is_none_is_refused_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["bench", "train", "--kind", "tuple"])
    assert "no kind of batch 'tuple'; did you mean 'tuples'?" in str(result.exception)


def test_each_kind_is_a_method_of_such_batches() -> None:
    recipes = {"tuples": TupleRecipe, "pairs": PairRecipe, "identities": IdentityRecipe, "mixed": MixedRecipe}
    assert {kind: type for kind, type in recipes.items() if isinstance(entry(KINDS[kind]).recipe, type)} == recipes


def test_a_page_that_two_processes_share_counts_half_in_each() -> None:
    with mmap.mmap(-1, 64 << 20) as shared:
        shared.write(b"\1" * len(shared))
        before = pss(os.getpid())
        child = os.fork()
        if not child:
            sum(shared[:: mmap.PAGESIZE])
            os.kill(os.getpid(), 19)  # until it has been looked at
            os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        try:
            assert before - pss(os.getpid()) > 30 << 20
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert pss(2**22 + 1) == 0


@pytest.mark.slow
def test_workers_share_the_memory_of_decoded_images(tmp_path: Path, people: SysuMM01) -> None:
    source = Source(list(people.records("train")), recipe_of("expat", changes={"height": 256, "width": 128}))
    source.store.fill(tmp_path)
    coming = batches(source, 0, workers=2)
    for _ in range(20):
        next(coming)

    mapped = []
    for process in [child.pid for child in multiprocessing.active_children()]:
        maps = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{process}/smaps").read_text(), flags=re.M)
        mapped += [of_file for of_file in maps if str(tmp_path) in of_file.partition("\n")[0]]  # not of earlier tests

    sizes = [dict(re.findall(r"^(\w+):\s+(\d+) kB", of_file, re.M)) for of_file in mapped]
    assert [(int(size["Rss"]) > 0, int(size["Anonymous"])) for size in sizes] == [(True, 0)] * 2
    assert sum(int(size["Pss"]) for size in sizes) <= source.store.kept_bytes / 1024


def test_batches_have_workers_where_python_starts_processes_from_nothing(tmp_path: Path, people: SysuMM01) -> None:
    """As in each process of `rgbir reproduce synth --at-once`."""
    source = Source(list(people.records("train")), recipe_of("dfe"))
    for store in source.stores:
        store.fill(tmp_path)
    expected = next(batches(source, 0))
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        made = next(batches(source, 0, workers=1))
    finally:
        multiprocessing.set_start_method(before, force=True)
    assert isinstance(made, PairBatch)
    assert isinstance(expected, PairBatch)
    assert torch.equal(made.rgb, expected.rgb)
