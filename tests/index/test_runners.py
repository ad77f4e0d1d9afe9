"""OpenVINO beside ONNX Runtime, what is said of each, and the options of both: read back from what really runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from tests.conftest import BUNDLE
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import BadBundle, Bundle, Encoder, Modality, Runner, SysuMM01, UsageError, decode, map_for, read_bytes
from rgbir.index import openvino as ours
from rgbir.index.bench.encode import bench_encode
from rgbir.index.sessions import CPU, CUDA, started

openvino: Any = ours._library()
BF16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
needs_bf16 = pytest.mark.skipif(not BF16, reason="this processor has no instructions for bf16")


def rgbir(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = rgbir(*arguments)
    assert result.exit_code == 2 or getattr(result.exception, "exit_code", None) in (1, 2), result.output
    return f"{result.output} {result.exception}"


@pytest.fixture(scope="module")
def crops(people: SysuMM01) -> NDArray[np.uint8]:
    """uint8 (40, 128, 48, 3) of drawn people."""
    images = [decode(read_bytes(record.path)) for record in list(people.records("test"))[:40]]
    return np.stack([np.asarray(image.resize((48, 128))) for image in images])


def sessions_of(bundle: Bundle, runner: str, threads: int = 1) -> Any:
    beside = {"weights.bin": bundle.read("weights.bin")}
    return started(bundle, "rgb.onnx", beside, threads, [CPU], Runner.read(runner))


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> list[float]:
    return [float(x @ y / np.sqrt((x @ x) * (y @ y))) for x, y in zip(a.astype(float), b.astype(float), strict=True)]


@pytest.mark.parametrize("modality", list(Modality))
def test_openvino_gives_onnx_runtimes_embeddings(
    bundle: Bundle, encoder: Encoder, crops: NDArray[np.uint8], modality: Modality
) -> None:
    other = Encoder(bundle, threads=1, runner="openvino")

    expected, embeddings = encoder.encode(crops, modality), other.encode(crops, modality)

    assert embeddings.dtype == np.float32
    assert np.abs(embeddings - expected).max() < 1e-4 * np.abs(expected).max()
    assert (other.card, other.providers, str(other.runner)) == (bundle.card, ["OpenVINO:CPU"], "openvino")
    np.testing.assert_allclose(
        other.reactions(crops[:3], modality), encoder.reactions(crops[:3], modality), rtol=1e-3, atol=1e-4
    )


@needs_bf16
@pytest.mark.parametrize("modality", list(Modality))
def test_bf16_is_near_and_is_another_model(
    bundle: Bundle, encoder: Encoder, crops: NDArray[np.uint8], modality: Modality
) -> None:
    other = Encoder(bundle, threads=1, runner="openvino:bf16")

    exact, rounded = encoder.encode(crops, modality), other.encode(crops, modality)

    assert min(cosines(exact, rounded)) > 0.999
    assert np.abs(exact - rounded).max() > 1e-4 * np.abs(exact).max()
    assert (other.card.name, other.card.computed_in) == (f"{bundle.card.name}.bf16", "bf16")
    assert other.card.fingerprint != bundle.card.fingerprint


def test_bf16_is_refused_where_the_processor_has_none(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    class Older(openvino.Core):  # type: ignore[misc]
        def get_property(self, *asked: Any) -> Any:
            return ["FP32", "INT8"] if asked == ("CPU", "OPTIMIZATION_CAPABILITIES") else super().get_property(*asked)

    monkeypatch.setattr(ours, "_library", lambda: SimpleNamespace(Core=Older))
    with pytest.raises(UsageError, match=r"no instructions for bf16 .* say --runner openvino, or make an int8 bundle"):
        sessions_of(bundle, "openvino:bf16")
    assert sessions_of(bundle, "openvino").get_providers() == ["OpenVINO:CPU"]


def test_bf16_is_refused_where_openvino_computes_in_fp32_without_a_word(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(openvino.Core):  # type: ignore[misc]
        def get_property(self, *asked: Any) -> Any:
            return ["BF16"] if asked == ("CPU", "OPTIMIZATION_CAPABILITIES") else super().get_property(*asked)

        def compile_model(self, model: Any, device: str, options: dict[str, Any]) -> Any:
            return super().compile_model(model, device, {**options, "INFERENCE_PRECISION_HINT": "f32"})

    monkeypatch.setattr(ours, "_library", lambda: SimpleNamespace(Core=Silent))
    with pytest.raises(UsageError, match="bf16 was asked for, and OpenVINO computes this graph in f32"):
        sessions_of(bundle, "openvino:bf16")


def test_without_the_package_the_error_names_the_extra(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match=r"needs OpenVINO: pip install 'rgbir\[openvino\]'"):
        sessions_of(bundle, "openvino")


def test_what_is_asked_for_arrives_in_the_session(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    for threads in (1, 2):
        compiled = sessions_of(bundle, "openvino", threads).compiled
        assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
        assert compiled.get_property("NUM_STREAMS") == 1
        assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
        assert sessions_of(bundle, "onnxruntime", threads).get_session_options().intra_op_num_threads == threads

    assert sessions_of(bundle, "onnxruntime").get_session_options().enable_cpu_mem_arena
    assert not sessions_of(bundle, "onnxruntime:arena=off").get_session_options().enable_cpu_mem_arena


def test_a_gpus_memory_is_limited_by_name_and_refused_without_a_gpu(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="gpu_bytes and gpu_growth are of a GPU's memory"):
        sessions_of(bundle, "onnxruntime:gpu_bytes=1000")

    asked: list[Any] = []
    runs_on = [CUDA, CPU]

    def session(content: bytes, options: Any, providers: list[Any]) -> Any:
        asked[:] = providers
        return SimpleNamespace(get_providers=lambda: runs_on)

    monkeypatch.setattr(ort, "InferenceSession", session)
    limited = Runner.read("onnxruntime:gpu_bytes=1000,gpu_growth=as_needed")
    started(bundle, "rgb.onnx", {}, 1, [CUDA, CPU], limited)
    options = {"arena_extend_strategy": "kSameAsRequested", "gpu_mem_limit": "1000"}
    assert asked == [(CUDA, options), CPU]
    started(bundle, "rgb.onnx", {}, 1, [CUDA, CPU])
    assert asked == [CUDA, CPU]

    runs_on.remove(CUDA)
    with pytest.raises(UsageError, match="can't use the GPU here"):
        started(bundle, "rgb.onnx", {}, 1, [CUDA, CPU], limited)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("torch", "no runner 'torch'; a runner is onnxruntime, openvino"),
        ("onnxruntime:bf16", "no bf16 on a processor; say --runner openvino:bf16"),
        ("openvino:arena=off", "runner openvino has no arena=off"),
        ("openvino:gpu_bytes=5", "runner openvino has no gpu_bytes=5"),
        ("openvino:int8", "no option 'int8'"),
        ("openvino:", "no option ''"),
        ("onnxruntime:arena=maybe", "no option 'arena=maybe'"),
        ("onnxruntime:gpu_bytes=-1", "no option 'gpu_bytes=-1'"),
        ("onnxruntime:gpu_bytes=0", "gpu_bytes is 1 or more"),
        ("onnxruntime:arena=off,arena=on", "says arena twice"),
    ],
)
def test_what_no_runner_can_do_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Runner.read(text)


@pytest.mark.parametrize(
    "text", ["onnxruntime", "openvino", "openvino:bf16", "onnxruntime:arena=off,gpu_bytes=7,gpu_growth=as_needed"]
)
def test_a_runner_is_written_as_it_is_read(text: str) -> None:
    assert str(Runner.read(text)) == text


def test_providers_are_onnx_runtimes(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="execution providers are ONNX Runtime's, not openvino's"):
        Encoder(bundle, providers=[CPU], runner="openvino")


def test_no_bundle_says_what_a_runner_decides(tmp_path: Path, bundle: Bundle) -> None:
    folder = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    content = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**content, "computed_in": "bf16"}))
    with pytest.raises(BadBundle, match="which a runner decides"):
        Bundle(folder)


def test_a_graph_that_openvino_can_not_load_is_a_bad_bundle(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    content = json.loads((folder / "card.json").read_text())
    (folder / "rgb.onnx").write_bytes(b"no graph")
    from rgbir.index.sealed import sha256

    content["files"]["rgb.onnx"] = sha256(folder / "rgb.onnx")
    (folder / "card.json").write_text(json.dumps(content))
    with pytest.raises(BadBundle, match=r"rgb\.onnx: OpenVINO can't load it"):
        Encoder(Bundle(folder), threads=1, runner="openvino")


def test_threads_share_a_session_and_each_gets_its_answer(bundle: Bundle, crops: NDArray[np.uint8]) -> None:
    encoder = Encoder(bundle, threads=1, runner="openvino")
    batches = [crops[i : i + 1 + i % 5] for i in range(12)]
    expected = [encoder.encode(batch, Modality.RGB) for batch in batches]
    begin = threading.Barrier(6)

    def all_of_them(first: int) -> bool:
        begin.wait()
        order = [*range(first, len(batches)), *range(first)]
        given = [(i, encoder.encode(batches[i], Modality.RGB)) for i in order]
        return all(np.allclose(answer, expected[i], rtol=1e-4, atol=1e-4) for i, answer in given)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(all_of_them, range(0, 12, 2)))


def test_one_thread_uses_no_second_core(bundle: Bundle, crops: NDArray[np.uint8]) -> None:
    encoder = Encoder(bundle, threads=1, runner="openvino")
    encoder.encode(crops, Modality.RGB)
    wall, used = time.perf_counter(), time.process_time()
    for _ in range(4):
        encoder.encode(crops, Modality.RGB)
    assert time.process_time() - used < 1.3 * (time.perf_counter() - wall)


ALONE = """
import os, socket, sys
from pathlib import Path

def refused(*given):
    raise AssertionError("no network is used")

socket.socket.connect = socket.getaddrinfo = refused
import numpy as np
from rgbir.index import Bundle, Encoder, Modality

encoder = Encoder(Bundle(sys.argv[1]), threads=1, runner="openvino")
encoder.encode(np.zeros((2, encoder.card.height, encoder.card.width, 3), np.uint8), Modality.IR)
assert "openvino" in sys.modules
assert not {"openvino_telemetry", "torch", "onnxruntime"} & set(sys.modules), sorted(sys.modules)
"""


def test_nobody_is_told_nothing_is_left_and_no_torch_is_loaded(tmp_path: Path) -> None:
    """OpenVINO's package tells its makers of each import where `openvino_telemetry` is installed, as pip has it."""
    site, home, scratch = (tmp_path / name for name in ("site", "home", "scratch"))
    for folder in (site / "openvino_telemetry", home, scratch):
        folder.mkdir(parents=True)
    (site / "openvino_telemetry/__init__.py").write_text("raise SystemExit('told')\n")
    paths = [str(site), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(BUNDLE)],
        env={"PYTHONPATH": ":".join(paths), "HOME": str(home), "TMPDIR": str(scratch), "PATH": "/usr/bin:/bin"},
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not [*home.iterdir(), *scratch.iterdir()]


def test_whoever_loads_openvinos_reporter_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "openvino_telemetry", reporter)
    ours._library()
    assert sys.modules["openvino_telemetry"] is reporter  # type: ignore[comparison-overlap]


@needs_bf16
def test_a_gallery_in_bf16_is_asked_in_bf16_alone(tmp_path: Path, people: SysuMM01) -> None:
    site = "--gallery", tmp_path / "gallery", "--bundle", BUNDLE
    images = "index", "add", people.root, "--layout", "sysu", "--threads", 1

    made = rgbir(*images, *site, "--runner", "openvino:bf16", "--json")

    content = json.loads(made.output)
    assert (content["providers"], content["runner"]) == (["OpenVINO:CPU"], "openvino:bf16")
    query = next(iter(people.records("test", (3,)))).path
    search = "search", query, "--camera", "3", *site
    for command in (search, (*images, *site)):
        assert "computed in bf16, and bundle" in refusal(*command)
        assert "say --runner openvino:bf16" in refusal(*command)
    assert rgbir(*search, "--runner", "openvino:bf16", "--json").exit_code == 0
    assert "use the bundle it was made with" in refusal(
        *images, "--gallery", plain(tmp_path, people), "--bundle", BUNDLE, "--runner", "openvino:bf16"
    )


def plain(tmp_path: Path, people: SysuMM01) -> Path:
    """A gallery by ONNX Runtime, which OpenVINO goes on with in fp32."""
    gallery = tmp_path / "plain"
    here = "index", "add", people.root, "--layout", "sysu", "--gallery", gallery, "--bundle", BUNDLE, "--threads", 1
    first = json.loads(rgbir(*here, "--list", "train", "--json").output)
    then = json.loads(rgbir(*here, "--runner", "openvino", "--json").output)
    assert first["added"] > 0
    assert then["added"] > 0
    assert then["sightings"] == first["added"] + then["added"]
    return gallery


def test_a_server_has_its_own_runner() -> None:
    asked = "search", BUNDLE / "card.json", "--camera", "3", "--url", "http://127.0.0.1:9", "--runner", "openvino"
    assert "--runner goes with --gallery" in refusal(*asked)


def test_a_report_says_who_computed_it(people: SysuMM01) -> None:
    asked = "evaluate", "--data", people.root, "--bundle", BUNDLE, "--threads", 1, "--json"

    usual, other = (json.loads(rgbir(*asked, *by).output) for by in ((), ("--runner", "openvino")))

    assert other["about"]["runner"] == "openvino"
    assert other["about"]["openvino"] == openvino.__version__.partition("-")[0]
    assert "onnxruntime" not in other["about"]
    assert "runner" not in usual["about"]
    assert other["cmc"] == usual["cmc"]


def nearest(query: NDArray[np.float32], gallery: NDArray[np.float32]) -> set[int]:
    distances = [float(np.linalg.norm(query.astype(float) - other.astype(float))) for other in gallery]
    return set(sorted(range(len(gallery)), key=lambda place: distances[place])[:10])


@needs_bf16
def test_what_bf16_costs_is_what_a_slow_loop_says(people: SysuMM01, bundle: Bundle, encoder: Encoder) -> None:
    asked = "evaluate", "--data", people.root, "--bundle", BUNDLE, "--threads", 1, "--json"
    by = "--runner", "openvino:bf16"

    content = json.loads(rgbir(*asked, *by, "--cost-against", BUNDLE).output)

    exact, rounded = (json.loads(rgbir(*asked, *runner).output) for runner in ((), by))
    for row in content["differences"]:
        values = [{"R1": r["cmc"]["1"], "mAP": r["mAP"], "mINP": r["mINP"]}[row["measure"]] for r in (exact, rounded)]
        assert [row["a"], row["b"]] == pytest.approx(values, abs=1e-9)
        assert row["difference"] == pytest.approx(values[1] - values[0], abs=1e-9)
    other = Encoder(bundle, threads=1, runner="openvino:bf16")
    asking, shown = (list(people.records("test", cameras)) for cameras in ((3, 6), (1, 2, 4, 5)))
    parts = []
    for each in (encoder, other):
        embed: Callable[..., NDArray[np.float32]] = each.embed
        parts.append(
            [
                embed([decode(read_bytes(record.path)) for record in records], modality)
                for records, modality in ((asking, Modality.IR), (shown, Modality.RGB))
            ]
        )
    alike = cosines(np.concatenate(parts[0]), np.concatenate(parts[1]))
    found = [[nearest(query, gallery) for query in queries] for queries, gallery in parts]
    common = [len(before & after) / 10 for before, after in zip(*found, strict=True)]
    assert content["images"] == len(alike)
    assert content["cosine_mean"] == pytest.approx(np.mean(alike), abs=1e-6)
    assert content["cosine_least"] == pytest.approx(min(alike), abs=1e-6)
    assert content["nearest_in_common"] == pytest.approx(np.mean(common), abs=0.02)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--cost-against", BUNDLE), "both would be expat_compact.synthetic_people"),
        (("--cost-against", BUNDLE, "--report", "r.json", "--runner", "openvino"), "--report has no effect"),
        (("--cost-against", BUNDLE, "--plots", "p", "--runner", "openvino"), "--plots has no effect"),
    ],
)
def test_what_has_no_effect_beside_a_cost_is_refused(people: SysuMM01, more: tuple[Any, ...], why: str) -> None:
    assert why in " ".join(refusal("evaluate", "--data", people.root, "--bundle", BUNDLE, *more).split())


def test_a_cost_needs_data_and_a_bundle() -> None:
    assert "one --bundle on --data" in " ".join(refusal("evaluate", "--cost-against", BUNDLE).split())


def test_the_bench_stands_beside_the_bare_runners() -> None:
    content = bench_encode(BUNDLE, identities=1, images=1, runner="openvino", threads=1)
    assert (content["runner"], content["threads"]) == ("openvino", 1)
    ratio = content["bare_session_per_s"] / content["bare_onnxruntime_per_s"]
    assert content["runner_against_onnxruntime"] == pytest.approx(ratio)


@needs_bf16
def test_a_server_in_bf16_refuses_a_gallery_in_fp32_before_it_listens(enrolled: Path, tmp_path: Path) -> None:
    gallery = Path(shutil.copytree(enrolled, tmp_path / "gallery"))
    why = refusal("serve", "--gallery", gallery, "--bundle", BUNDLE, "--port", 0, "--runner", "openvino:bf16")
    assert "the bundle is expat_compact.synthetic_people.bf16" in why


def test_embeddings_that_were_computed_otherwise_are_not_mapped_into_a_gallery_in_bf16() -> None:
    source = SimpleNamespace(model=SimpleNamespace(fingerprint="f"))
    fitted = SimpleNamespace(fingerprint="f")
    encoder = SimpleNamespace(card=SimpleNamespace(fitted=fitted), runner=Runner("openvino", bf16=True))
    assert map_for(cast(Any, source), cast(Any, encoder)) is None
