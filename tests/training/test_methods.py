"""Every method: builds, steps, learns, resumes exactly, survives mixed precision, tells what it was."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.summary.writer.record_writer import RecordWriter
from tests.site.media import disk, fill, read_only
from tests.training.small import ROWS, VARIANTS, batch_for, build, lasting, make_run, recipe_of, recorded
from typer.testing import CliRunner

from rgbir.client.cli import app as commands
from rgbir.export import export
from rgbir.index import CantWrite, Modality, Setting, SysuMM01, expect_writable
from rgbir.index.evaluation import PROTOCOLS
from rgbir.training import METHODS, BadCheckpoint, Losses, Method, Run, load_run, train
from rgbir.training.checkpoint import saved_bytes
from rgbir.training.device import device_named
from rgbir.training.errors import BadRecipe, NotFinite
from rgbir.training.layers import unit
from rgbir.training.validate import Validation

# A row of each method here, the others in the slow run.
FIRST_ROWS = {name: (name, variant, row) for name, variant, row in reversed(ROWS)}.values()
STEPS = [
    *((name, variant, None) for name, variant in VARIANTS),
    *(pytest.param(*each, marks=[] if each in FIRST_ROWS else [pytest.mark.slow]) for each in ROWS),
]


@pytest.mark.parametrize(("name", "variant", "row"), STEPS)
def test_every_variant_and_row_builds_and_takes_a_step(name: str, variant: str, row: str | None) -> None:
    recipe = recipe_of(name, variant, row)
    method = build(recipe, name)

    losses = method.losses(batch_for(recipe))
    torch.stack(list(losses.values())).sum().backward()

    assert all(torch.isfinite(loss) for loss in losses.values())
    missing = [
        parameter
        for parameter, p in method.named_parameters()
        if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())
    ]
    # What only classifiers read has no part in a training without them.
    assert [name for name in missing if "identity" in losses or not name.startswith("network.reduce")] == []


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
@pytest.mark.parametrize("precision", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)])
def test_mixed_precision_survives_coinciding_and_black_images(name: str, variant: str, precision: torch.dtype) -> None:
    recipe = recipe_of(name, variant)
    method = build(recipe, name)

    # In half precision a run scales its loss, and passes over an update until a smaller scale makes its gradients finite.
    for scale in (1.0, 2.0**-4, 2.0**-8, 2.0**-12, 2.0**-16) if precision is torch.float16 else (1.0,):
        method.zero_grad()
        with torch.autocast("cpu", precision):
            losses = method.losses(batch_for(recipe, black=True))
        (scale * torch.stack(list(losses.values())).sum()).backward()
        assert all(torch.isfinite(loss) and loss.dtype == torch.float32 for loss in losses.values())
        if all(p.grad is None or torch.isfinite(p.grad).all() for p in method.parameters()):
            return
    raise AssertionError("gradients that are not finite")


def looks_like_a_run(folder: Path, run: Run, method: Method) -> None:
    """A run's folder tells what was trained."""
    loaded = load_run(folder)
    assert loaded == run
    assert {path.name for path in folder.iterdir()} == {
        "recipe.json", "versions.json", "data.json", "log.jsonl", "lock", "tensorboard", "checkpoint.pt", "weights.safetensors",
    }  # fmt: skip
    images = torch.randn(2, 3, 64, 32)
    with torch.inference_mode():
        same = loaded.load_weights().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        torch.testing.assert_close(same.embed(images, Modality.RGB), method.embed(images, Modality.RGB))


# A method of each kind of batch here (tuples, pairs, mixed), the others in the slow run.
LEARNS = {"expat", "dfe", "hpiln"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in LEARNS else [pytest.mark.slow]) for name in METHODS]
)
@pytest.mark.slow
def test_a_stopped_run_resumes_to_identical_losses_and_weights(tmp_path: Path, people: SysuMM01, name: str) -> None:
    variant = list(METHODS[name].variants)[-1]
    recipe = recipe_of(name, variant, changes={**lasting(name, 4), "checkpoint_every": 2})
    whole, source = make_run(tmp_path / "whole", people, recipe, name)
    method, expected = recorded(whole, source)

    class Stop(Exception):
        pass

    def stop(update: int, losses: Losses) -> None:
        if update == 2:
            raise Stop

    stopped, source = make_run(tmp_path / "stopped", people, recipe, name)
    with pytest.raises(Stop):
        train(stopped, source, watch=stop)
    resumed, rest = recorded(load_run(tmp_path / "stopped"), source, resume=True)

    assert rest == {update: expected[update] for update in range(2, len(expected))}
    assert len(expected) >= 4
    assert all(
        torch.equal(a, b) for a, b in zip(method.state_dict().values(), resumed.state_dict().values(), strict=True)
    )
    looks_like_a_run(tmp_path / "whole", whole, method)


def learning(name: str, variant: str) -> dict[str, Any]:
    """What lets a small network learn in a hundred updates."""
    people = {"people": 4, "images": 4, **lasting(name, 120)}
    match name:
        case "expat" | "lccrf":
            return {"schedule.warmup": 0, "optimiser.learning_rate": 2e-3, "tuples": 6, "bn_groups": "modality"}
        case "cmgan":
            return {"optimiser.learning_rate": 2e-3, "tuples": 6}
        case "dfe":
            return {"schedule.every": 100, "bn_groups": "modality"}
        case "base_derivative":
            return {**people, "optimiser.learning_rate": 0.01 if variant == "agw-rates" else 0.05}
        case "hpiln":
            slim = (
                8 if variant in ("mlfn", "densenet121", "hacnn", "mudeep") else 4
            )  # ResNet-50 of 8 channels won't learn
            small = {"people": 4, "images": 8, "augment.shift": 0.0, "optimiser.learning_rate": 1e-3, "slim": slim}
            return {
                **small,
                **lasting(name, 60 if variant in ("hacnn", "mudeep") else 100 if variant == "paper" else 200),
            }
        case "expat_single":
            return {
                "people": 4,
                "images": 8,
                "schedule.warmup": 0,
                "optimiser.learning_rate": 2e-3,
                **lasting(name, 64),
            }
        case "tone" | "hcml" | "bdtr":
            return {"images": 4, "optimiser.learning_rate": 0.02, **lasting(name, 100)}
        case "mpanet" | "saai":
            return {**people, "optimiser.learning_rate": 1e-3}
        case _:
            return {**people, "optimiser.learning_rate": 0.01 if name in ("asymmetric_fc", "msr", "strong") else 0.02}


# The other variants in the slow run, too.
# DFE's weights for RegDB are left out: an aligning loss eleven times as heavy needs weights from ImageNet to start with.
LEARNING = [
    pytest.param(
        name,
        variant,
        marks=[pytest.mark.slow] if name != "expat" or variant != next(iter(METHODS[name].variants)) else [],
    )
    for name, variant in VARIANTS
    if (name, variant) != ("dfe", "regdb")
]


@pytest.mark.proves("trains")
@pytest.mark.parametrize(("name", "variant"), LEARNING)
@pytest.mark.slow
def test_it_learns_four_synthetic_people(tmp_path: Path, people: SysuMM01, name: str, variant: str) -> None:
    changes = {
        **lasting(name, 60), "data.train_identities": "train", "validate_every": 1000,
        "augment.erasing": 0.0, "augment.flip": 0.0, "augment.padcrop": 0, "label_smoothing": 0.0,
    }  # fmt: skip
    recipe = recipe_of(name, variant, changes={**changes, **learning(name, variant)})
    run, source = make_run(tmp_path / "run", people, recipe, name)

    protocol = PROTOCOLS["sysu-seeded"]
    watched = Validation(protocol, people.task(protocol, Setting(identities="train")), recipe.height, recipe.width)
    _, totals = recorded(run, source, validate=watched)

    assert totals[max(totals)] < 0.75 * totals[0]
    last = json.loads((tmp_path / "run/log.jsonl").read_text().splitlines()[-1])
    assert last["rank_1"] > 0.5  # of four people; chance is a quarter


@pytest.mark.slow
def test_loader_processes_do_not_change_what_is_trained(tmp_path: Path, people: SysuMM01) -> None:
    recipe = recipe_of("expat", changes={"schedule.updates": 3})
    alone = recorded(*make_run(tmp_path / "a", people, recipe))[1]
    helped = recorded(*make_run(tmp_path / "b", people, recipe), workers=1)[1]

    assert alone == helped


def test_a_folder_without_a_run_and_a_damaged_checkpoint_are_clear_errors(tmp_path: Path, people: SysuMM01) -> None:
    with pytest.raises(BadCheckpoint, match="holds no run"):
        load_run(tmp_path)
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 1}))
    run.start()
    with pytest.raises(BadCheckpoint, match="wrote no checkpoint yet"):
        run.load_weights()
    (tmp_path / "run/checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(BadCheckpoint, match="can't be read"):
        train(run, source, resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"schedule.updates": 30, "optimiser.learning_rate": 1e30, "schedule.warmup": 0}
    with pytest.raises(NotFinite, match=r"the loss is not finite .*lower optimiser\.learning_rate"):
        train(*make_run(tmp_path / "run", people, recipe_of("expat", changes=changes)))


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_stops_the_run_with_its_name_and_the_weights_before_it(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"schedule.updates": 30, "checkpoint_every": 2}
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=changes))
    build, calls = Run.build, itertools.count()

    def harmed(begun: Run) -> Method:
        method = build(begun)
        weight = method.get_parameter("backbone.conv1.weight")
        weight.register_hook(lambda gradient: gradient * (math.nan if next(calls) >= 5 else 1))
        return method

    with monkeypatch.context() as patched:
        patched.setattr(Run, "build", harmed)
        with pytest.raises(NotFinite, match=r"update 5: the gradient of backbone\.conv1\.weight is not finite"):
            train(run, source)
    assert run.load_checkpoint()["updates"] == 4
    assert all(torch.isfinite(weight).all() for weight in run.load_weights().state_dict().values())


@pytest.mark.slow
def test_a_weight_that_is_not_finite_is_in_no_checkpoint(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, source = make_run(
        tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 30, "checkpoint_every": 2})
    )
    build, made = Run.build, list[Method]()

    def kept(begun: Run) -> Method:
        made.append(build(begun))
        return made[-1]

    def watch(update: int, losses: Losses) -> None:
        if update == 3:
            made[0].get_buffer("backbone.bn1.running_var")[0] = math.nan

    with monkeypatch.context() as patched:
        patched.setattr(Run, "build", kept)
        with pytest.raises(NotFinite, match=r"update 3: backbone\.bn1\.running_var is not finite"):
            train(run, source, watch=watch)
    assert run.load_checkpoint()["updates"] == 2


def test_a_row_that_is_not_finite_stays_so_and_is_no_zero() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [math.nan, 1.0], [1e-8, 0.0]])
    made = unit(rows)
    torch.testing.assert_close(made[0], torch.tensor([0.6, 0.8]))
    assert (made[[1, 3]] == 0).all()
    assert torch.isnan(made[2]).all()


@pytest.mark.slow
def test_a_run_goes_on_as_it_was_begun_or_not_at_all(tmp_path: Path, people: SysuMM01) -> None:
    small = [
        "backbone=compact",
        "height=64",
        "width=32",
        "tuples=2",
        "checkpoint_every=1",
        "schedule.updates=2",
        "validate_every=0",
    ]
    sets = [word for setting in small for word in ("--set", setting)]
    base = ["--data", str(people.root), "--out", str(tmp_path / "run")]

    def rgbir_train(*arguments: str) -> tuple[int, str]:
        answer = CliRunner().invoke(commands, ["train", *arguments])
        return answer.exit_code if answer.exception is None else 1, f"{answer.output} {answer.exception}"

    assert rgbir_train("expat", *base, "--row", "table1.id+at", *sets, "--set", "expat.xi=2")[0] == 0
    for arguments, refusal in (
        (["dfe"], "trains expat, and --resume goes on with it; method dfe would be another run"),
        (["expat", "--variant", "official-code"], "variant official-code would be another run"),
        (["expat", "--variant", "nonsense"], "no variant 'nonsense'"),
        (["expat", "--row", "none"], "no row 'none'"),
        (["expat", "--row", "table1.id+trip"], "trains table1.id+at, and --resume goes on with it; row table1.id+trip"),
        (["expat", "--set", "nonsense=1"], "nonsense"),
        (["expat", "--set", "schedule.updates=12"], "schedule.updates would differ"),
        (["expat", "--set", "height=128"], "height would differ"),
    ):
        code, output = rgbir_train(*arguments, *base, "--resume")
        assert code != 0
        assert refusal in output
    assert rgbir_train("expat", *base, "--resume")[0] == 0
    assert rgbir_train("expat", *base, "--variant", "paper", "--row", "table1.id+at", *sets, "--resume")[0] == 0

    # A run of before it was written down is known by the settings of its row.
    file = tmp_path / "run/recipe.json"
    content = json.loads(file.read_text())
    assert content.pop("row") == "table1.id+at"
    file.write_text(json.dumps(content))
    assert load_run(tmp_path / "run").row is None
    code, output = rgbir_train("expat", *base, "--row", "table1.id+trip", "--resume")
    assert (code, "would differ" in output) == (1, True)
    assert rgbir_train("expat", *base, "--row", "table1.id+at", "--resume")[0] == 0


@pytest.mark.slow
def test_a_run_may_start_from_the_weights_of_another(tmp_path: Path, people: SysuMM01) -> None:
    first, source = make_run(tmp_path / "first", people, recipe_of("expat", changes={"schedule.updates": 1}))
    train(first, source)
    changes = {"schedule.updates": 1, "optimiser.learning_rate": 1e-30, "start": str(tmp_path / "first")}

    second = train(*make_run(tmp_path / "second", people, recipe_of("expat", changes=changes)))

    given = first.load_weights().get_parameter("backbone.conv1.weight")
    torch.testing.assert_close(second.get_parameter("backbone.conv1.weight"), given)
    other = recipe_of("expat", changes={**changes, "embedding_layer": True})
    with pytest.raises(BadCheckpoint, match="don't fit this recipe's network"):
        train(*make_run(tmp_path / "third", people, other))
    both = recipe_of("expat", changes={**changes, "imagenet": "x.pth"})
    with pytest.raises(BadRecipe, match="a run starts from one of them"):
        train(*make_run(tmp_path / "fourth", people, both))


@pytest.mark.slow
def test_a_full_disk_ends_a_training_in_words_with_what_was_kept_before(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"schedule.updates": 3, "checkpoint_every": 1}
    with disk(tmp_path / "full", 64) as full:
        run, source = make_run(full / "run", people, recipe_of("expat", changes=changes))

        def watch(update: int, losses: Losses) -> None:
            if update == 1:
                fill(full)

        with pytest.raises(CantWrite, match="can't be written: "):
            train(run, source, watch=watch)
        (full / "filler").unlink()
        assert run.load_checkpoint()["updates"] == 1
        assert not list(run.folder.glob("*.new*"))
        assert not list(run.folder.glob(".*.new*"))


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_write_ends_a_training_in_words_and_it_goes_on_when_there_is_room(
    tmp_path: Path, people: SysuMM01
) -> None:
    changes = {"schedule.updates": 51, "checkpoint_every": 20, "height": 32, "width": 16}
    with disk(tmp_path / "full", 64) as full:
        run, source = make_run(full / "run", people, recipe_of("expat", changes=changes))
        for resume, last in ((False, 18), (True, 48)):  # the first checkpoint, the log

            def watch(update: int, losses: Losses, last: int = last) -> None:
                if update == last:
                    fill(full)

            with pytest.raises(CantWrite, match="can't be written: "):
                train(run, source, watch=watch, resume=resume)
            (full / "filler").unlink()
            assert not list(run.folder.glob(".*"))
        train(run, source, resume=True)
        assert [json.loads(line)["update"] for line in (run.folder / "log.jsonl").read_text().splitlines()] == [50, 51]

        (full / "other").mkdir()
        fill(full)
        with pytest.raises(CantWrite):
            train(*make_run(full / "next", people, recipe_of("expat", changes=changes)))
        assert not (full / "next").exists()


def test_a_board_that_fails_is_told_by_the_training(
    tmp_path: Path, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 1}))

    def fail(writer: RecordWriter, record: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(RecordWriter, "write", fail)
        with pytest.raises(CantWrite, match="tensorboard can't be written: No space left on device"):
            train(run, source)


def test_a_disk_without_room_for_a_checkpoint_is_told_before_the_first_update(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "small/run", people, recipe_of("expat", changes={"schedule.updates": 1}))

    def watch(update: int, losses: Losses) -> None:
        raise AssertionError("an update was made")

    with disk(tmp_path / "small", 15):
        with pytest.raises(CantWrite, match=r"has 1\d MB of room, and a checkpoint with its weights takes 2\d MB"):
            train(run, source, watch=watch)
        (run.folder / "x").mkdir()
    train(*make_run(tmp_path / "small/run", people, run.recipe))
    saved = sum((run.folder / name).stat().st_size for name in ("checkpoint.pt", "weights.safetensors"))
    method = run.load_weights()
    assert saved == pytest.approx(saved_bytes(method, run.recipe.optimiser.build(method)), rel=0.02)


def test_a_folder_that_is_closed_is_told_before_any_work(tmp_path: Path, people: SysuMM01) -> None:
    (tmp_path / "open").mkdir()
    with read_only(tmp_path / "open", tmp_path / "closed") as closed:
        for command in (
            ["train", "expat", "--data", "nowhere", "--out", str(closed / "a/run")],
            ["attend", "nowhere", "nothing.jpg", "--modality", "ir", "--out", str(closed / "x.png")],
        ):
            error = CliRunner().invoke(commands, command).exception
            assert isinstance(error, CantWrite)
            assert "is closed to us; open it, or choose another place" in str(error)
    (tmp_path / "file").touch()
    with pytest.raises(CantWrite, match="file is no folder"):
        expect_writable(tmp_path / "file/run")


@pytest.mark.parametrize(
    ("cards", "built_with", "name", "words"),
    [
        (0, None, "cuda", "no device 'cuda' here. This torch was built without CUDA; .* This machine has cpu; choose"),
        (0, "12.8", "cuda:0", "no device 'cuda:0' here. This torch was built with CUDA and finds no GPU; nvidia-smi"),
        (0, None, "cdua", "did you mean 'cuda'? This torch was built without CUDA"),
        (2, "12.8", "cdua", "did you mean 'cuda'? This machine has cpu, cuda:0 (H100 0) and cuda:1 (H100 1); choose"),
        (2, "12.8", "gpu", "did you mean 'cuda'? This machine has cpu"),
        (2, "12.8", "cuda:9", "no device 'cuda:9' here. This machine has cpu, cuda:0 (H100 0) and cuda:1 (H100 1)"),
        (2, "12.8", "cpuu", "did you mean 'cpu'? This machine"),
        (2, "12.8", "meta", "no device 'meta' here. This machine"),
    ],
)
def test_a_device_that_is_not_there_is_told_with_those_that_are_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, cards: int, built_with: str | None, name: str, words: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"H100 {number}")
    monkeypatch.setattr(torch.version, "cuda", built_with)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    result = CliRunner().invoke(commands, ["train", "expat", "--data", "nowhere", "--out", "run", "--device", name])

    assert isinstance(result.exception, BadRecipe)
    assert re.search(re.escape(words).replace(r"\.\*", ".*"), str(result.exception))
    assert [str(device_named(given)) for given in ("cpu", *(["cuda", "cuda:1"] if cards else []))] == (
        ["cpu", "cuda", "cuda:1"] if cards else ["cpu"]
    )


@pytest.mark.slow
def test_a_full_disk_leaves_no_bundle(tmp_path: Path, people: SysuMM01) -> None:
    with disk(tmp_path / "full", 32) as full:
        run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 1}))
        method = train(run, source)
        fill(full)
        with pytest.raises(CantWrite, match="can't be written: No space left on device; nothing of it was kept"):
            export(run, full / "bundle", method=method)
        assert [file.name for file in full.iterdir()] == ["filler"]
