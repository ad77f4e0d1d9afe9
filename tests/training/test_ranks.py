"""Several processes train what one would: the same losses and weights, up to the order of sums in float64."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.training.several import Job, Seen, both, do
from tests.training.small import VARIANTS, lasting, make_run, recipe_of
from tests.training.test_stopping import is_as_if_it_never_stopped, sets
from tests.waiting import HANGS_AFTER_S, until
from torch.distributed.distributed_c10d import Store

from rgbir.index import SysuMM01
from rgbir.training import load_run, train
from rgbir.training.data.share import Share
from rgbir.training.data.source import Source
from rgbir.training.data.store import ImageStore
from rgbir.training.errors import BadRecipe
from rgbir.training.launch import Launch, launched
from rgbir.training.layers import WholeDropout
from rgbir.training.methods import entry
from rgbir.training.ranks import Ranks, Together

BATCH = {"tuples": 2, "pairs": 16, "people": 4, "images": 4, "height": 32, "width": 16}


def job(name: str, method: str, variant: str | None = None, /, **changes: Any) -> Job:
    known = recipe_of(method, variant).model_dump()
    of_batch = {setting: number for setting, number in BATCH.items() if setting in known}
    return Job(name, method, variant, {**of_batch, **lasting(method, 5), "explosion": 0, **changes})


SYNCHRONISED = [
    job("tuples", "expat"),
    job("pairs", "dfe"),
    job("identities", "agw"),
    job("mixed", "expat_single", **{"centre.weight": 0.0005}),
]
OF_NETWORK: dict[str, dict[str, Any]] = {
    "hacnn": {"height": 160, "width": 64},
    "mudeep": {"height": 256, "width": 128},
}
"""Images of networks of HPILN that take one size."""
UNSYNCHRONISED = job("unsynchronised", "agw", sync_bn=False)
STOPPED = job("stopped", "expat")._replace(stopped_at=3)
FAILING = job("failing", "expat")._replace(fails_at=1)
KILLED = job("killed", "expat")._replace(killed_at=1)


class Told(NamedTuple):
    """What two processes saw, and what one did. folder: of the two's runs."""

    both: Callable[[str, int], Seen]
    alone: dict[str, Seen]
    folder: Path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Told:
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    alone = {job.name: do(job, people.root, one) for job in SYNCHRONISED}
    return Told(both([*SYNCHRONISED, UNSYNCHRONISED, STOPPED, FAILING, KILLED], people.root, two), alone, two)


def furthest(found: Seen, expected: Seen) -> tuple[float, float]:
    """The largest relative difference of a loss, and that of a weight, relative to the largest of its tensor or 1."""
    assert found.losses.keys() == expected.losses.keys()
    assert len(found.losses) >= 5
    of_losses = max(
        abs(found.losses[update][name] - value) / abs(value)
        for update, terms in expected.losses.items()
        for name, value in terms.items()
    )
    assert found.weights.keys() == expected.weights.keys()
    of_weights = max(
        float((found.weights[name] - value).abs().max()) / max(1.0, float(value.abs().max()))
        for name, value in expected.weights.items()
        if not name.startswith("fitted.")  # HCML's principal axes, whose signs are rounding's
    )
    return of_losses, of_weights


@pytest.mark.parametrize("job", SYNCHRONISED, ids=lambda job: job.name)
@pytest.mark.slow
def test_two_processes_have_the_losses_and_weights_of_one(told: Told, job: Job) -> None:
    for rank in range(2):
        of_losses, of_weights = furthest(told.both(job.name, rank), told.alone[job.name])
        assert of_losses < 1e-12
        # Adam divides by a gradient's own size, and so makes the rounding of small ones large.
        assert of_weights < 1e-11


@pytest.mark.slow
def test_batch_norm_that_is_not_synchronised_is_another_training(told: Told) -> None:
    apart, whole = told.both("unsynchronised", 0), told.alone["identities"]
    assert furthest(apart, whole)[0] > 1e-3
    other = told.both("unsynchronised", 1)
    assert apart.losses == other.losses  # they go on together all the same
    running = {name for name in whole.weights if "running_" in name}
    assert all(torch.equal(apart.weights[name], other.weights[name]) for name in whole.weights.keys() - running)


@pytest.mark.slow
def test_a_run_that_one_process_was_asked_to_stop_is_resumed_to_the_same_weights(told: Told) -> None:
    for rank in range(2):
        stopped, whole = told.both("stopped", rank), told.both("tuples", rank)
        assert stopped.stopped == 3
        assert stopped.losses == whole.losses
        assert all(torch.equal(stopped.weights[name], value) for name, value in whole.weights.items())


@pytest.mark.slow
def test_an_error_of_one_process_is_told_by_the_others(told: Told) -> None:
    own, others = (told.both("failing", rank).words for rank in (1, 0))
    assert own == "TrainingFailure: the disk of the second process is on fire"
    assert others == "RankLost: process 1 of 2 ended the training: the disk of the second process is on fire"


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_in_words(told: Told) -> None:
    assert told.both("killed", 0).words.startswith(
        "RankLost: another of the 2 processes ended without a word: it was killed, or ran out of memory"
    )


@pytest.mark.slow
def test_another_number_of_processes_does_not_go_on(told: Told, people: SysuMM01) -> None:
    run = load_run(told.folder / "tuples/run")
    _, source = make_run(told.folder, people, run.recipe)
    with pytest.raises(BadRecipe, match="the run was trained by 2 processes, and 1 process would go on with it"):
        train(run, source, resume=True)


class Second(Ranks):
    """The second of two processes, as far as it needs no other one."""

    rank, count = 1, 2


class First(Second):
    rank = 0


@pytest.mark.parametrize(
    "changes",
    [
        {"augment.mix": 0.3, "augment.shift": 0.5, "augment.erasing": 0.7},
        {"augment.diagonal": 9, "augment.erasing": 0.5},
    ],
)
@pytest.mark.parametrize("method", ["expat", "dfe", "agw", "hpiln"])
def test_the_processes_images_are_those_of_one_batch(people: SysuMM01, method: str, changes: dict[str, Any]) -> None:
    source = Source(list(people.records("train")), job("", method).recipe(**{"augment.shift": 0.0} | changes))
    for update in range(3):
        whole = source[update]
        parts = [source.ready(source.raw(update, Share(number, 2))) for number in range(2)]
        for name, value in whole._asdict().items():
            each = [getattr(part, name) for part in parts]
            if name in ("labels", "infrared"):
                assert all(torch.equal(of_part, value) for of_part in each)
            else:
                assert torch.equal(torch.cat(each, dim=1 if value.ndim == 5 else 0), value)


def test_a_process_reads_its_own_images_alone(people: SysuMM01, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(list(people.records("train")), job("", "expat").recipe())
    read: list[int] = []
    item = ImageStore.__getitem__

    def noted(store: ImageStore, number: int) -> Any:
        read.append(number)
        return item(store, number)

    monkeypatch.setattr(ImageStore, "__getitem__", noted)
    source.raw(0)
    whole, each = list(read), []
    for number in range(2):
        read.clear()
        source.raw(0, Share(number, 2))
        each.append(list(read))
    assert [len(part) for part in each] == [6, 6]
    assert sorted(each[0] + each[1]) == sorted(whole)


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_dropout_of_a_divided_batch_is_that_of_the_whole_one(form: torch.memory_format) -> None:
    whole, parts = torch.nn.Dropout(0.3), list[torch.Tensor]()
    rows = torch.randn(6, 5, 4, 3).contiguous(memory_format=form)
    torch.manual_seed(3)
    expected = whole(rows)
    for ranks in (First(), Second()):
        layer = WholeDropout(0.3)
        layer.ranks = ranks
        torch.manual_seed(3)
        parts.append(layer(rows[ranks.share.of(6)]))
    assert torch.equal(torch.cat(parts), expected)


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("expat", {"tuples": 3}, "tuples=3 makes 3 rows; set tuples=2 or tuples=4, or start 3 processes"),
        ("expat", {"tuples": 1}, "tuples=1 makes 1 rows; set tuples=2$"),
        ("dfe", {"pairs": 9}, "pairs=9 makes 9 rows; set pairs=8 or pairs=10, or start 3 or 9 processes"),
        (
            "agw",
            {"people": 3, "images": 3},
            r"people=3 makes 9 rows \(3 for each of the people\); set people=2 or people=4",
        ),
        (
            "hpiln",
            {"people": 3, "images": 5, "sampling": "blind"},
            "people=3 makes 15 rows .*; set people=2 or people=4",
        ),
    ],
)
def test_a_batch_that_does_not_divide_is_refused_with_numbers_that_do(
    people: SysuMM01, method: str, changes: dict[str, Any], words: str
) -> None:
    source = Source(list(people.records("train")), job("", method).recipe(**changes))
    source.expect_shares(1)
    with pytest.raises(BadRecipe, match=f"2 processes take equal parts of each batch, and {words}"):
        source.expect_shares(2)


def test_what_torchrun_says_is_read_and_anything_else_refused() -> None:
    def said(rank: str, count: str, local: str, here: str) -> dict[str, str]:
        return {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": local, "LOCAL_WORLD_SIZE": here}

    assert launched({}) is None
    assert launched({"WORLD_SIZE": "2"}) is None  # other launchers' word
    assert launched(said("0", "1", "0", "1")) is None
    assert launched(said("1", "4", "1", "4")) == Launch(1, 4)
    for odd in (said("4", "4", "0", "4"), said("one", "2", "1", "2"), said("1", "2", "", "2")):
        with pytest.raises(BadRecipe, match=r"don't fit together: RANK=.*; unset them"):
            launched(odd)
    with pytest.raises(BadRecipe, match="processes on several machines"):
        launched(said("1", "4", "1", "2"))
    words = Launch(0, 2).command(["rgbir", "train", "expat", "--out", "a run"])
    assert words == "torchrun --standalone --nproc-per-node 2 --no-python rgbir train expat --out 'a run'"


def test_each_of_several_processes_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = Together(Launch(1, 2), Store())
    assert ranks.device("cpu") == torch.device("cpu")
    for one in ("cuda:1", "mps"):
        with pytest.raises(
            BadRecipe, match=f"--device {one} is one device, and 2 processes train together; give --device cuda"
        ):
            ranks.device(one)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(BadRecipe, match="2 processes need a GPU each, and there are 1"):
        ranks.device("cuda")
    with pytest.raises(BadRecipe, match="2 processes need a GPU each, and there are 1"):
        ranks.device("cuda")


@pytest.mark.slow
def test_mixed_precision_is_shared_too(tmp_path: Path, people: SysuMM01) -> None:
    jobs = [job(name, name, amp="bf16")._replace(float64=False) for name in ("expat", "agw")]
    seen = both(jobs, people.root, tmp_path / "two")
    for each in jobs:
        expected = do(each, people.root, tmp_path / "one")
        assert seen(each.name, 0).losses == seen(each.name, 1).losses
        assert seen(each.name, 0).losses[0] == pytest.approx(expected.losses[0], rel=0.02)


@pytest.mark.slow
def test_every_variant_of_every_method_is_trained_by_two_as_by_one(tmp_path: Path, people: SysuMM01) -> None:
    jobs = []
    for name, variant in VARIANTS:
        size = OF_NETWORK.get(variant, {"height": 64, "width": 32})
        tuples = {"tuples": 4} if "tuples" in entry(name).recipe.model_dump() else {}
        jobs.append(job(f"{name}-{variant}", name, variant, **size, **tuples))
    seen, worst = both(jobs, people.root, tmp_path / "two"), []
    for each in jobs:
        expected = do(each, people.root, tmp_path / "one")
        assert seen(each.name, 0).losses[0] == pytest.approx(expected.losses[0], rel=1e-12), each.name
        of_losses, of_weights = furthest(seen(each.name, 0), expected)
        print(f"{each.name}: losses {of_losses:.1e}, weights {of_weights:.1e}")
        worst.append((each.name, of_losses, of_weights))
    assert [name for name, of_losses, of_weights in worst if of_losses > 1e-9 or of_weights > 1e-5] == []


TORCHRUN = Launch(0, 2).command(["rgbir", "train", "expat"])
SMALL = sets(schedule__updates=60, checkpoint_every=5, validate_every=25, tuples=4)


def started(line: str, output: Path) -> subprocess.Popen[bytes]:
    """A command line as somebody types it, where torchrun and rgbir are on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with output.open("wb") as file:
        return subprocess.Popen(
            shlex.split(line), env=os.environ | {"PATH": path}, stdout=file, stderr=subprocess.STDOUT
        )


def first_line(output: Path, beginning: str) -> str:
    return next(line for line in output.read_text().splitlines() if line.startswith(beginning))


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> tuple[str, Path]:
    """A line without its --out, and the run that it makes when nothing happens to it."""
    folder = tmp_path_factory.mktemp("long")
    line = f"{TORCHRUN} {shlex.join(['--data', str(people.root), *SMALL])}"
    whole = started(f"{line} --out {folder / 'run'}", folder / "output")
    assert whole.wait(HANGS_AFTER_S) == 0, (folder / "output").read_text()
    words = (folder / "output").read_text()
    assert words.count("60 updates of 24 images on cpu, shared by 2 processes") == 1
    assert words.count("validation: rank-1") == 3
    assert words.count("done; make a bundle with") == 1
    return line, folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_torchrun_that_gets_a_signal_is_resumed_by_the_line_that_it_prints(
    tmp_path: Path, long: tuple[str, Path], number: signal.Signals
) -> None:
    (line, whole), run, output = long, tmp_path / "run", tmp_path / "output"
    process = started(f"{line} --out {run}", output)
    until((run / "checkpoint.pt").exists)
    process.send_signal(number)
    assert process.wait(HANGS_AFTER_S) != 0
    assert f"stopped by {number.name} after {load_run(run).load_checkpoint()['updates']} of 60" in output.read_text()
    again = started(first_line(output, "torchrun "), tmp_path / "again")
    assert again.wait(HANGS_AFTER_S) == 0, (tmp_path / "again").read_text()
    is_as_if_it_never_stopped(run, whole)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_torchrun_ends_soon_in_words_when_a_process_is_killed_and_its_run_goes_on(
    tmp_path: Path, long: tuple[str, Path], rank: int
) -> None:
    (line, whole), run, output = long, tmp_path / "run", tmp_path / "output"
    process = started(f"{line} --out {run}", output)
    until((run / "checkpoint.pt").exists)
    children = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    os.kill(next(child for child in children if f"RANK={rank}".encode() in environment(child)), signal.SIGKILL)
    begun = time.monotonic()
    assert process.wait(HANGS_AFTER_S) != 0
    assert time.monotonic() - begun < 60
    assert "another of the 2 processes ended without a word" in first_line(output, "error: ")
    again = started(first_line(output, "torchrun "), tmp_path / "again")
    assert again.wait(HANGS_AFTER_S) == 0, (tmp_path / "again").read_text()
    is_as_if_it_never_stopped(run, whole)


def environment(process: int) -> list[bytes]:
    return Path(f"/proc/{process}/environ").read_bytes().split(b"\0")


@pytest.mark.slow
def test_an_image_that_one_process_can_not_read_is_told_once(
    tmp_path: Path, people: SysuMM01, long: tuple[str, Path]
) -> None:
    shutil.copytree(people.root, tmp_path / "people")
    for image in (tmp_path / "people").rglob("cam[12]/*/*.jpg"):
        image.write_bytes(b"damaged")
    line = long[0].replace(str(people.root), str(tmp_path / "people"))
    process = started(f"{line} --out {tmp_path / 'run'} --no-cache --check none", tmp_path / "output")
    assert process.wait(HANGS_AFTER_S) != 0
    words = (tmp_path / "output").read_text()
    assert words.count("error: ") == 1
    assert ".jpg" in first_line(tmp_path / "output", "error: ")
