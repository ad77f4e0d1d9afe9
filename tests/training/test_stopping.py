"""A training that is stopped, killed or starved goes on to the end of one that never was."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.training.small import make_run, recipe_of
from tests.waiting import HANGS_AFTER_S, until
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Setting, SysuMM01
from rgbir.index.evaluation import PROTOCOLS, Report
from rgbir.training import BadCheckpoint, Losses, Method, load_run, train
from rgbir.training.data.source import Source
from rgbir.training.errors import BadRecipe, RunBusy, Stopped
from rgbir.training.folder import saved_updates
from rgbir.training.stopping import SIGNALS
from rgbir.training.validate import Validation

CHANGES = {"schedule.updates": 6, "checkpoint_every": 4, "validate_every": 2}


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A closed terminal's signal does what it does by default, here and in processes that are begun here; nohup ignores it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def watched(people: SysuMM01) -> Validation:
    protocol = PROTOCOLS["sysu-seeded"]
    return Validation(protocol, people.task(protocol, Setting(identities="val")), 64, 32)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_run(folder).load_weights().state_dict()


def log_lines(folder: Path) -> list[str]:
    """The log's lines."""
    return (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()


def shown(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows, by tag: the numbers of updates and the values there."""
    board = EventAccumulator(str(folder / "tensorboard"))
    board.Reload()
    return {tag: [(e.step, e.value) for e in board.Scalars(tag)] for tag in board.Tags()["scalars"]}


def is_as_if_it_never_stopped(folder: Path, whole: Path) -> None:
    expected = weights(whole)
    assert all(torch.equal(weight, expected[name]) for name, weight in weights(folder).items())
    assert log_lines(folder) == log_lines(whole)
    assert shown(folder) == shown(whole)
    assert {file.name for file in folder.iterdir()} == {file.name for file in whole.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(*make_run(folder, people, recipe_of("expat", changes=CHANGES)), validate=watched(people))
    assert [json.loads(line)["update"] for line in log_lines(folder)] == [2, 4, 6, 6]
    return folder


@pytest.mark.parametrize("last", [1, 4])
@pytest.mark.slow
def test_a_run_that_is_asked_to_stop_saves_its_last_update_and_goes_on_from_it(
    tmp_path: Path, people: SysuMM01, whole: Path, last: int
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=CHANGES))
    seen: list[int] = []

    def watch(update: int, losses: Losses) -> None:
        seen.append(update)

    with pytest.raises(Stopped, match=f"stopped after {last} of 6 updates"):
        train(run, source, watch=watch, stop=lambda: len(seen) >= last, validate=watched(people))
    assert run.load_checkpoint()["updates"] == last
    train(load_run(run.folder), source, resume=True, watch=watch, validate=watched(people))

    assert seen == list(range(6))
    is_as_if_it_never_stopped(run.folder, whole)


@pytest.mark.parametrize("at", [2, 6])
@pytest.mark.slow
def test_a_validation_that_was_broken_off_is_made_up_for_when_the_run_is_resumed(
    tmp_path: Path, people: SysuMM01, whole: Path, at: int
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=CHANGES))
    validation, updates, asked = watched(people), list[int](), list[bool]()

    def broken_off(method: Method, device: torch.device) -> Report | None:
        def stop() -> bool:
            asked.append(len(asked) >= 1)  # the second time
            return asked[-1]

        return validation(method, device, stop) if len(updates) == at else validation(method, device)

    with pytest.raises(Stopped):
        train(
            run,
            source,
            watch=lambda update, losses: updates.append(update),
            stop=lambda: any(asked),
            validate=broken_off,
        )
    assert run.load_checkpoint()["updates"] == at
    train(run, source, resume=True, validate=validation)

    is_as_if_it_never_stopped(run.folder, whole)


@pytest.mark.slow
def test_what_a_killed_run_told_past_its_checkpoint_is_taken_back(
    tmp_path: Path, people: SysuMM01, whole: Path
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=CHANGES))

    class Killed(Exception):
        pass

    def killed_at(last: int) -> Callable[[int, Losses], None]:
        def watch(update: int, losses: Losses) -> None:
            if update == last:
                raise Killed

        return watch

    for resume, last in ((False, 3), (True, 5), (True, 5)):  # the first time before there is a checkpoint
        with pytest.raises(Killed):
            train(run, source, resume=resume, watch=killed_at(last), validate=watched(people))
        (run.folder / ".checkpoint.123.new.pt").write_bytes(b"half of it")
        with (run.folder / "log.jsonl").open("a") as log:
            log.write('{"update": 5, "rank_1": 1.0}\n{"update": 5, "los')
    train(run, source, resume=True, validate=watched(people))

    is_as_if_it_never_stopped(run.folder, whole)


@pytest.mark.slow
def test_weights_that_are_older_than_the_checkpoint_are_made_of_it(
    tmp_path: Path, people: SysuMM01, whole: Path
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=CHANGES))
    with pytest.raises(Stopped):
        train(run, source, stop=lambda: True, validate=watched(people))
    older = (run.folder / "weights.safetensors").read_bytes()
    train(run, source, resume=True, validate=watched(people))

    for left in (older, None):
        if left is None:
            (run.folder / "weights.safetensors").unlink()
        else:
            (run.folder / "weights.safetensors").write_bytes(left)
        train(run, source, resume=True, validate=watched(people))
        is_as_if_it_never_stopped(run.folder, whole)


@pytest.mark.slow
def test_a_run_whose_checkpoint_was_removed_is_not_begun_again_over_its_weights(
    tmp_path: Path, people: SysuMM01
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={**CHANGES, "schedule.updates": 1}))
    train(run, source)
    (run.folder / "checkpoint.pt").unlink()
    with pytest.raises(BadCheckpoint, match="has weights and no state of a training to go on with") as refused:
        train(run, source, resume=True)
    command = ["train", "expat", "--out", str(run.folder), "--resume", "--data"]
    assert str(CliRunner().invoke(app, [*command, "nowhere"]).exception) == str(refused.value)
    (run.folder / "weights.safetensors").unlink()
    assert "has no checkpoint yet; the run begins again" in CliRunner().invoke(app, [*command, str(people.root)]).output
    assert run.has_checkpoint


SMALL = ["backbone=compact", "height=64", "width=32", "tuples=3", "augment.padcrop=2"]


def sets(**changes: Any) -> list[str]:
    settings = [*SMALL, *(f"{name.replace('__', '.')}={value}" for name, value in changes.items())]
    return [word for setting in settings for word in ("--set", setting)]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.slow
def test_a_signal_ends_the_command_with_the_line_that_resumes_it(
    tmp_path: Path, people: SysuMM01, whole: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run, item = tmp_path / "a run", Source.raw

    def interrupted(source: Source, update: int, *share: Any) -> Any:
        if update == 2:
            signal.raise_signal(number)
        return item(source, update, *share)

    settings = sets(schedule__updates=6, checkpoint_every=4, validate_every=2)
    with monkeypatch.context() as patched:
        patched.setattr(Source, "raw", interrupted)
        stopped = CliRunner().invoke(app, ["train", "expat", "--data", str(people.root), "--out", str(run), *settings])

    assert stopped.exit_code == 128 + number
    assert f"stopped by {number.name} after 3 of 6 updates, which are saved; go on with:\n" in stopped.output
    line = stopped.output.splitlines()[-1]
    assert line == (f"rgbir train expat --data {people.root} --out '{run}' --device cpu --workers 0 --resume")
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    resumed = CliRunner().invoke(app, shlex.split(line)[1:])
    assert resumed.exit_code == 0, resumed.output
    assert [json.loads(line) for line in log_lines(run)] == [json.loads(line) for line in log_lines(whole)]


@pytest.mark.slow
def test_two_trainings_in_one_folder_are_one_too_many(tmp_path: Path, people: SysuMM01) -> None:
    recipe = recipe_of("expat", changes={"schedule.updates": 2})
    (run, source), busy = make_run(tmp_path / "run", people, recipe), list[str]()
    command = ["train", "expat", "--data", "nowhere", "--out", str(run.folder), "--resume"]

    def watch(update: int, losses: Losses) -> None:
        for again in (False, True):
            with pytest.raises(
                RunBusy, match=f"process {os.getpid()} is writing to .* Another run needs another --out"
            ):
                train(run, source, resume=again)
        busy.append(str(CliRunner().invoke(app, command).exception))

    train(run, source, watch=watch)

    assert "Another run needs another --out" in busy[0]  # and nothing is read before
    assert not run.busy
    with pytest.raises(BadRecipe, match="holds a run already"):
        train(run, source)


def test_a_run_that_could_not_begin_leaves_no_folder(tmp_path: Path, people: SysuMM01) -> None:
    recipe = recipe_of("expat", changes={"start": str(tmp_path / "nothing")})
    with pytest.raises(BadCheckpoint, match="is not a file"):
        train(*make_run(tmp_path / "run", people, recipe))
    assert not list(tmp_path.iterdir())


RGBIR = [sys.executable, "-c", "from rgbir.client.cli import main; main()"]


def begun(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """A process that leads a group of its own, as one that a terminal started."""
    with output.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)


def updates_done(folder: Path) -> int:
    return saved_updates(folder) or 0


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> tuple[list[str], Path, float]:
    """A command without its --out, the run that it makes when nothing happens to it, and how many seconds that takes here."""
    folder = tmp_path_factory.mktemp("long") / "run"
    settings = sets(schedule__updates=300, checkpoint_every=5, validate_every=25)
    command = [*RGBIR, "train", "expat", "--data", str(people.root), *settings]
    before = time.monotonic()
    subprocess.run([*command, "--out", str(folder)], check=True, capture_output=True)
    assert len(log_lines(folder)) == 6 + 12
    return command, folder, time.monotonic() - before


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_process_that_gets_a_signal_is_resumed_by_the_line_that_it_prints(
    tmp_path: Path, long: tuple[list[str], Path, float], number: signal.Signals, workers: int
) -> None:
    (command, whole, _), run, output = long, tmp_path / "run", tmp_path / "output"

    process = begun([*command, "--out", str(run), "--workers", str(workers)], output)
    until(lambda: updates_done(run) >= 20)
    os.killpg(process.pid, number)  # the processes that prepare batches get it, too

    assert process.wait(HANGS_AFTER_S) == 128 + number
    words = output.read_text().splitlines()
    assert "Traceback" not in output.read_text()
    assert updates_done(run) < 300
    assert f"stopped by {number.name} after {updates_done(run)} of 300 updates" in words[-2]
    again = subprocess.run([*RGBIR, *shlex.split(words[-1])[1:]], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    is_as_if_it_never_stopped(run, whole)


@pytest.mark.slow
def test_a_process_whose_terminal_is_closed_saves_the_update_and_tells_nobody(
    tmp_path: Path, long: tuple[list[str], Path, float]
) -> None:
    (command, whole, _), run = long, tmp_path / "run"
    master, terminal = os.openpty()
    os.set_blocking(master, False)
    owned = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    words = [sys.executable, "-c", owned + RGBIR[-1], *command[3:], "--out", str(run)]
    process = subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)

    def trained() -> bool:
        with suppress(BlockingIOError):  # what it prints must be read, or it waits
            os.read(master, 1 << 16)
        return updates_done(run) >= 20

    until(trained)
    os.close(master)

    assert process.wait(HANGS_AFTER_S) == 128 + signal.SIGHUP
    done = updates_done(run)
    assert 20 <= done < 300
    subprocess.run([*command, "--out", str(run), "--resume"], check=True, capture_output=True)
    is_as_if_it_never_stopped(run, whole)


@pytest.mark.slow
def test_a_second_signal_ends_a_process_at_once(tmp_path: Path, long: tuple[list[str], Path, float]) -> None:
    (command, *_), run, output = long, tmp_path / "run", tmp_path / "output"
    # A validation that lasts: nothing else takes long enough to be interrupted twice.
    slow = "import time; from rgbir.training.loop import Run; save = Run.save_checkpoint;"
    slow += "Run.save_checkpoint = lambda *given: (save(*given), print('saved', flush=True), time.sleep(600));"
    process = begun([sys.executable, "-c", slow + RGBIR[-1], *command[3:], "--out", str(run)], output)
    until(lambda: b"saved" in output.read_bytes())

    process.send_signal(signal.SIGINT)
    until(lambda: b"SIGINT: the training ends after this update" in output.read_bytes())
    process.send_signal(signal.SIGINT)

    assert process.wait(HANGS_AFTER_S) == -signal.SIGINT


@pytest.mark.slow
def test_a_killed_process_holds_its_run_no_longer(tmp_path: Path, long: tuple[list[str], Path, float]) -> None:
    (command, *_), run, output = long, tmp_path / "run", tmp_path / "output"
    process = begun([*command, "--out", str(run), "--workers", "2"], output)
    until(lambda: updates_done(run) >= 5)
    assert load_run(run).busy
    process.kill()
    process.wait()

    assert not load_run(run).busy  # while the processes that prepared batches still end


@pytest.mark.slow
def test_a_run_that_is_killed_twenty_times_ends_as_one_that_never_was(
    tmp_path: Path, long: tuple[list[str], Path, float]
) -> None:
    (command, whole, takes_s), run, output = long, tmp_path / "run", tmp_path / "output"
    chance, reached = random.Random(0), list[int]()

    for number in range(20):
        resume = ["--resume"] if (run / "recipe.json").exists() else []
        process = begun([*command, "--out", str(run), *resume], output)
        until(lambda: b"updates of" in output.read_bytes())
        if number % 4 == 3:  # however busy the machine is, it gets on
            before = max(reached)
            until(lambda: process.poll() is not None or updates_done(run) > before)  # noqa: B023
        time.sleep(chance.uniform(0, takes_s / 10))
        process.kill()
        process.wait()
        assert "Traceback" not in output.read_text()
        reached.append(updates_done(run))
    assert reached[4] < 300
    assert reached[-1] > 0
    done = subprocess.run([*command, "--out", str(run), "--resume"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    is_as_if_it_never_stopped(run, whole)
