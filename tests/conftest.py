"""Data that several parts' tests share, drawn from a seed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, SysuMM01, enrol
from rgbir.index.runner import Runner
from rgbir.index.sessions import started as start
from rgbir.index.synthetic import Split, synthesize

os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
"""As a training in bfloat16 sets it, which comes too late where another test used oneDNN before."""
ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "server/rgbir/server/bundles/expat_compact.synthetic_people"
OFFICIAL = ROOT.parent / "shared/data/sysu-mm01"


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one worker fills and all read."""
    base = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    folder = base / f"shared-{name}"
    with FileLock(base / f"{name}.lock"):
        if not folder.exists():
            unfinished = base / f"unfinished-{name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> SysuMM01:
    """Nine synthetic people: 4 train, 2 val, 3 test; four pictures of each by each of six cameras."""
    drawn = made_once(
        tmp_path_factory,
        "data",
        lambda folder: synthesize(folder / "people", Split(4, 2, 3), images=4, seed=11, workers=1),
    )
    return SysuMM01(drawn / "people")


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands keep in the user's cache folder, such as decoded images, is kept elsewhere."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(made_once(tmp_path_factory, "caches", lambda folder: None)))
        yield


@pytest.fixture(scope="session", autouse=True)
def sessions() -> Iterator[None]:
    """ONNX Runtime starts once for the same bytes: a session has no state, and starting one takes as long as 30 searches."""
    kept: dict[tuple[object, ...], object] = {}

    def started(
        bundle: Bundle, file: str, beside: Mapping[str, bytes], threads: int, asked: Sequence[str], runner: Runner
    ) -> object:
        key = (bundle.read(file), *sorted(beside.items()), threads, *asked, runner)
        if key not in kept:
            if len(kept) > 4:
                kept.clear()
            kept[key] = start(bundle, file, beside, threads, asked, runner)
        return kept[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("rgbir.index.encoder.started", started)
        yield


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return Bundle(BUNDLE)


@pytest.fixture(scope="session")
def encoder(bundle: Bundle) -> Encoder:
    return Encoder(bundle, threads=1)


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01, encoder: Encoder) -> Path:
    """A gallery with the colour images of the test people, which nobody opens: it is copied."""

    def make(folder: Path) -> None:
        with Gallery.open_or_create(folder / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")) as opened:
            enrol(people.records("test", (1, 2, 4, 5)), encoder, opened)

    return made_once(tmp_path_factory, "enrolled", make) / "gallery"


@pytest.fixture
def gallery(tmp_path: Path, enrolled: Path) -> Iterator[Gallery]:
    """The colour images of the test people, enrolled."""
    shutil.copytree(enrolled, tmp_path / "gallery", dirs_exist_ok=True)
    with Gallery(tmp_path / "gallery") as opened:
        yield opened


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the official files are skipped where they are not at hand."""
    absent = pytest.mark.skip(reason="SYSU-MM01's official split files are not at ../shared/data/sysu-mm01")
    for item in items:
        if item.get_closest_marker("official") and not OFFICIAL.is_dir():
            item.add_marker(absent)
