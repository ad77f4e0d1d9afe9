"""`rgbir bench gpu`, on a processor: the same code, small."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rgbir.export.bench import gpu
from rgbir.export.bench.cli import bench_gpu
from rgbir.export.bench.part import measured
from rgbir.export.bench.settings import Settings
from rgbir.index import UsageError

MEASURED = {
    "copy_gb_per_s", "export_s", "fp16_s",
    "encode_ours_per_s", "encode_bound_per_s", "encode_fp16_per_s",
    "torch_float32_per_s", "torch_float32_host_per_s", "torch_bfloat16_per_s",
    "encode_ours_of_torch_float32", "encode_ours_of_torch_float32_host", "encode_bound_of_torch_float32",
    *(f"search_{kind}_{rows}_{figure}" for kind in ("index", "direct") for rows in (1000, 2000)
      for figure in ("ms", "joined_ms", "gb_per_s", "of_copy_reads", "of_copy_traffic")),
}  # fmt: skip
ON_GPUS = {
    "driver", "encode_cuda_graph", "encode_fp16_cuda_graph", "encode_fp16_nhwc_cuda_graph", "encode_nhwc_cuda_graph",
    "encode_tensorrt", "search_cuvs_1000", "search_cuvs_2000", "torch_compiled_bfloat16",
}  # fmt: skip


@pytest.mark.slow
def test_all_is_measured_on_a_processor_and_what_needs_a_gpu_is_named(tmp_path: Path) -> None:
    measurement = bench_gpu("cpu", small=True, limit=600.0, scratch=tmp_path).content
    figures = measurement.figures | measurement.ratios

    assert {name for name in MEASURED if not (isinstance(figures.get(name), float) and figures[name] > 0)} == set()
    assert "encode_part_s_of_torch_float32" not in figures
    words = {name for name, value in figures.items() if str(value).startswith("not measured")}
    assert words == ON_GPUS
    assert {figures[name] for name in ON_GPUS} == {"not measured: only on a GPU"}
    seconds = figures["search_index_2000_ms"] / 1000
    assert figures["search_index_2000_gb_per_s"] == pytest.approx(2000 * 64 * 4 / seconds / 1e9)
    assert json.loads(json.dumps(figures)) == figures
    assert list(tmp_path.iterdir()) == []


PARTS = """
import os, time

def fails():
    raise ValueError("no such thing\\nand more of it")

def steps(settings):
    return {
        "first": lambda: {"first_ms": 1.0},
        "second": fails,
        "third": lambda: {"third_ms": 3.0},
        "fourth": lambda: END,
        "fifth": lambda: {},
    }
"""


@pytest.mark.parametrize(
    ("end", "limit_s", "words"),
    [
        ("print('out of luck', flush=True) or os._exit(3)", 60.0, "its process ended with 3: out of luck"),
        ("os.kill(os.getpid(), 6)", 60.0, "its process ended with -6"),
        ("time.sleep(100)", 4.0, "stopped after 4 s, since no more time was left"),
    ],
)
@pytest.mark.slow
def test_what_fails_is_named_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, limit_s: float, words: str
) -> None:
    (tmp_path / "failing.py").write_text(PARTS.replace("END", end))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")

    figures = measured("failing", Settings(str(tmp_path)), limit_s)

    assert figures == {
        "first_ms": 1.0,
        "second": "not measured: no such thing",
        "third_ms": 3.0,
        "fourth": f"not measured: {words}",
        "fifth": "not measured: after fourth, which ended the process",
    }


def test_a_part_that_cannot_begin_is_named(tmp_path: Path) -> None:
    figures = measured("nowhere.such_part", Settings(str(tmp_path)), 60.0)

    assert figures == {
        "such_part": "not measured: its process ended with 1: ModuleNotFoundError: No module named 'nowhere'"
    }


def test_without_a_gpu_the_command_says_what_to_type() -> None:
    with pytest.raises(UsageError, match="torch sees no GPU here; --device cpu --small"):
        bench_gpu()


def test_shares_of_figures_that_lack_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parts = {
        "machine": {"copy_gb_per_s": 4.0},
        "search": {"search_index_100_gb_per_s": 3.0},
        "encode": {"encode_ours_per_s": 50.0},
        "network": {"torch_float32": "not measured: no"},
    }
    monkeypatch.setattr(gpu, "measured", lambda module, settings, limit: parts[module.rpartition(".")[2]])

    figures = gpu.bench_gpu(replace(gpu.SMALL, device="cpu"), scratch=tmp_path)

    assert figures["torch_float32"] == "not measured: no"
    assert gpu.ratios(figures) == {"search_index_100_of_copy_reads": 1.5, "search_index_100_of_copy_traffic": 0.75}
