"""What needs a GPU; run by `make test-gpu` on a machine that has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import BUNDLE
from tests.training.small import recipe_of

from rgbir.index import Bundle, Encoder, Modality, Runner, SysuMM01
from rgbir.index.sessions import preferred, started
from rgbir.training import Losses, Run, train
from rgbir.training.data.source import Source, batches
from rgbir.training.launch import Launch
from rgbir.training.methods import entry
from rgbir.training.methods.expat import ExpATRecipe
from rgbir.training.ranks import ALONE, Ranks, joined

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("amp", ["off", "fp16", "bf16"])
def test_training_on_a_gpu_learns_and_stays_finite(tmp_path: Path, people: SysuMM01, amp: str) -> None:
    changes = {
        "height": 128,
        "width": 64,
        "tuples": 4,
        "schedule.updates": 30,
        "schedule.warmup": 0,
        "amp": amp,
        "label_smoothing": 0.0,
    }
    recipe = entry("expat").recipe.changed(changes)
    assert isinstance(recipe, ExpATRecipe)
    source = Source(list(people.records("train")), recipe)
    totals: list[float] = []

    def watch(update: int, losses: Losses) -> None:
        totals.append(float(torch.stack([loss.detach() for loss in losses.values()]).sum()))

    train(
        Run(tmp_path / "run", "expat", "paper", "people", source.identities, recipe), source, device="cuda", watch=watch
    )

    assert np.isfinite(totals).all()
    assert np.mean(totals[-5:]) < np.mean(totals[:5])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("method", ["expat", "dfe", "hpiln", "saai", "mscm"])
def test_batches_made_on_a_gpu_are_the_processors_to_the_last_bit(people: SysuMM01, method: str, workers: int) -> None:
    recipe = recipe_of(method, changes={"augment.mix": 0.2, "augment.erasing": 0.5, "augment.shift": 0.3})
    source = Source(list(people.records("train")), recipe)

    for update, batch in zip(range(3), batches(source, 0, workers, torch.device("cuda")), strict=False):
        assert batch.labels.is_cuda
        assert all(torch.equal(part.cpu(), expected) for part, expected in zip(batch, source[update], strict=True))


def test_the_gpus_embeddings_are_the_processors() -> None:
    bundle = Bundle(BUNDLE)
    images = np.random.default_rng(0).integers(0, 256, (9, bundle.card.height, bundle.card.width, 3), np.uint8)

    on_gpu = Encoder(bundle, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    on_cpu = Encoder(bundle, providers=["CPUExecutionProvider"])

    assert on_gpu.providers[0] == "CUDAExecutionProvider"
    for modality in Modality:
        np.testing.assert_allclose(
            on_gpu.encode(images, modality), on_cpu.encode(images, modality), rtol=1e-2, atol=1e-2
        )


def test_a_gpus_memory_is_limited_in_the_session() -> None:
    bundle = Bundle(BUNDLE)
    runner = Runner.read("onnxruntime:gpu_bytes=500000000,gpu_growth=as_needed")

    session = started(bundle, "rgb.onnx", {"weights.bin": bundle.read("weights.bin")}, 1, preferred(), runner)

    options = session.get_provider_options()["CUDAExecutionProvider"]
    assert (options["gpu_mem_limit"], options["arena_extend_strategy"]) == ("500000000", "kSameAsRequested")


def test_a_process_that_talks_by_nccl_trains_as_one_that_is_alone(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launch of one process, which the command never makes: all exchanges go through NCCL, and nothing is divided."""
    recipe = recipe_of("agw", changes={"schedule.epochs": 1})
    source = Source(list(people.records("train")), recipe)
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}.items():
        monkeypatch.setenv(name, value)

    def losses(folder: str, ranks: Ranks) -> list[float]:
        totals = []
        train(
            Run(tmp_path / folder, "agw", "paper", "people", source.identities, recipe),
            source,
            device="cuda",
            watch=lambda update, terms: totals.append(float(torch.stack([t.detach() for t in terms.values()]).sum())),
            ranks=ranks,
        )
        return totals

    alone = losses("alone", ALONE)
    with joined(Launch(0, 1)) as together:
        # Its batch norm adds in another order, in TF32 perhaps, which later updates make larger and larger.
        assert losses("together", together)[:2] == pytest.approx(alone[:2], rel=1e-3)
