"""expAT as a whole: builds, steps, learns, resumes exactly, survives mixed precision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from rgbir.index import Modality, SysuMM01
from rgbir.training import BadCheckpoint, Losses, Method, Run, TupleBatch, fit, load_run
from rgbir.training.errors import BadRecipe, NotFinite
from rgbir.training.methods import METHODS, entry
from rgbir.training.methods.expat import ExpAT, ExpATRecipe
from rgbir.training.recipe import Recipe
from rgbir.training.source import TupleSource
from rgbir.training.validate import Validation

SMALL = {"backbone": "compact", "height": 64, "width": 32, "tuples": 3, "augment.padcrop": 2}


def small(variant: str = "paper", row: str | None = None, changes: Mapping[str, Any] | None = None) -> ExpATRecipe:
    recipe: Recipe = entry("expat").resolve(variant, row).changed({**SMALL, **(changes or {})})
    assert isinstance(recipe, ExpATRecipe)
    return recipe


def batch(n: int = 3, seed: int = 0) -> TupleBatch:
    generator = torch.Generator().manual_seed(seed)
    rgb, ir = (torch.randn(3, n, 3, 64, 32, generator=generator) for _ in range(2))
    return TupleBatch(rgb, ir, torch.arange(n))


SETTINGS = [("paper", None), ("official-code", None), *(("paper", row) for row in METHODS["expat"].rows)]


@pytest.mark.parametrize(("variant", "row"), SETTINGS, ids=lambda value: str(value))
def test_every_variant_and_row_builds_and_takes_a_step(variant: str, row: str | None) -> None:
    method = ExpAT(small(variant, row), 4)

    losses = method.losses(batch())
    torch.stack(list(losses.values())).sum().backward()

    assert all(torch.isfinite(loss) for loss in losses.values())
    missing = [
        name
        for name, p in method.named_parameters()
        if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())
    ]
    assert missing == []


def test_the_identity_loss_reads_the_anchors_and_the_ranking_loss_all_roles() -> None:
    method = ExpAT(small(), 4).eval()  # with running statistics, images don't touch each other
    images = batch()
    images.rgb.requires_grad_()

    losses = method.losses(images)

    reaches = {
        name: [bool(torch.autograd.grad(loss, images.rgb, retain_graph=True)[0][role].any()) for role in range(3)]
        for name, loss in losses.items()
    }
    assert reaches["identity"] == [True, False, False]
    assert reaches["ranking"][:2] == [True, True]


def test_batch_norm_groups_share_statistics_as_they_say() -> None:
    passes = {"joint": 1, "modality": 2, "role": 6}
    for groups, expected in passes.items():
        method = ExpAT(small(changes={"bn_groups": groups}), 4)
        method.losses(batch())
        counter = dict(method.named_buffers())["backbone.bn1.num_batches_tracked"]
        assert int(counter) == expected


def test_role_groups_go_rgb_first_in_the_order_anchor_positive_negative() -> None:
    method = ExpAT(small("official-code"), 4)
    seen: list[torch.Tensor] = []
    method.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    images = batch()

    method.losses(images)

    expected = [*images.rgb, *images.ir]
    assert all(torch.equal(a, b) for a, b in zip(seen, expected, strict=True))


def test_per_modality_necks_keep_their_own_statistics() -> None:
    method = ExpAT(small("official-code"), 4)
    method.losses(batch())
    images = torch.randn(2, 3, 64, 32)
    method.eval()

    assert not method.one_stream
    assert not torch.equal(method.embed(images, Modality.RGB), method.embed(images, Modality.IR))
    shared = ExpAT(small(), 4).eval()
    assert shared.one_stream
    assert torch.equal(shared.embed(images, Modality.RGB), shared.embed(images, Modality.IR))


def test_initialisations_are_the_specs() -> None:
    torch.manual_seed(0)
    normal, kaiming = ExpAT(small(), 500), ExpAT(small(changes={"cls_init": "kaiming"}), 500)

    assert float(normal.classifier.weight.detach().std()) == pytest.approx(0.001, rel=0.05)  # type: ignore[operator]
    assert float(kaiming.classifier.weight.detach().std()) == pytest.approx((2 / 500) ** 0.5, rel=0.05)  # type: ignore[operator]
    assert normal.classifier.bias is None


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_mixed_precision_survives_coinciding_and_black_images(precision: torch.dtype) -> None:
    method = ExpAT(small(), 4)
    black = TupleBatch(torch.zeros(3, 3, 3, 64, 32), torch.zeros(3, 3, 3, 64, 32), torch.arange(3))

    with torch.autocast("cpu", precision):
        losses = method.losses(black)
    torch.stack(list(losses.values())).sum().backward()

    assert all(torch.isfinite(loss) and loss.dtype == torch.float32 for loss in losses.values())
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in method.parameters())


def make_run(folder: Path, people: SysuMM01, recipe: ExpATRecipe) -> tuple[Run, TupleSource]:
    source = TupleSource(list(people.records("train")), recipe, recipe.sampler)
    return Run(folder, "expat", "paper", "people", source.identities, recipe), source


def recorded(run: Run, source: TupleSource, **options: Any) -> tuple[Method, dict[int, float]]:
    totals: dict[int, float] = {}

    def watch(update: int, losses: Losses) -> None:
        totals[update] = float(torch.stack([loss.detach() for loss in losses.values()]).sum())

    return fit(run, source, watch=watch, **options), totals


def test_a_stopped_run_resumes_to_identical_losses_and_weights(tmp_path: Path, people: SysuMM01) -> None:
    recipe = small(changes={"schedule.updates": 8, "checkpoint_every": 5})
    whole, source = make_run(tmp_path / "whole", people, recipe)
    method, expected = recorded(whole, source)

    class Stop(Exception):
        pass

    def stop(update: int, losses: Losses) -> None:
        if update == 6:
            raise Stop

    stopped, source = make_run(tmp_path / "stopped", people, recipe)
    with pytest.raises(Stop):
        fit(stopped, source, watch=stop)
    resumed, rest = recorded(load_run(tmp_path / "stopped"), source, resume=True)

    assert rest == {update: expected[update] for update in (5, 6, 7)}
    assert all(
        torch.equal(a, b) for a, b in zip(method.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


def test_loader_processes_do_not_change_what_is_trained(tmp_path: Path, people: SysuMM01) -> None:
    recipe = small(changes={"schedule.updates": 3})
    alone = recorded(*make_run(tmp_path / "a", people, recipe))[1]
    helped = recorded(*make_run(tmp_path / "b", people, recipe), workers=1)[1]

    assert alone == helped


@pytest.mark.parametrize("variant", ["paper", "official-code"])
def test_it_learns_four_synthetic_people(tmp_path: Path, people: SysuMM01, variant: str) -> None:
    changes = {
        "schedule.updates": 60, "schedule.warmup": 0, "optimiser.learning_rate": 2e-3, "tuples": 6,
        "augment.erasing": 0.0, "augment.flip": 0.0, "augment.padcrop": 0, "label_smoothing": 0.0, "validate_every": 60, "bn_groups": "modality",
    }  # fmt: skip
    recipe = small(variant, changes=changes)
    run, source = make_run(tmp_path / "run", people, recipe)

    _, totals = recorded(run, source, validate=Validation(people, recipe.height, recipe.width, of="train"))

    assert totals[59] < 0.6 * totals[0]
    last = json.loads((tmp_path / "run/log.jsonl").read_text().splitlines()[-1])
    assert last["rank_1"] > 0.6  # of four people; chance is a quarter


def test_a_run_folder_tells_what_was_trained(tmp_path: Path, people: SysuMM01) -> None:
    recipe = small(changes={"schedule.updates": 1})
    run, source = make_run(tmp_path / "run", people, recipe)
    method = fit(run, source)

    loaded = load_run(tmp_path / "run")

    assert loaded == run
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "recipe.json", "versions.json", "log.jsonl", "tensorboard", "checkpoint.pt", "weights.safetensors",
    }  # fmt: skip
    images = torch.randn(2, 3, 64, 32)
    with torch.inference_mode():
        torch.testing.assert_close(
            loaded.load_weights().embed(images, Modality.RGB), method.embed(images, Modality.RGB)
        )


def test_a_folder_without_a_run_and_a_damaged_checkpoint_are_clear_errors(tmp_path: Path, people: SysuMM01) -> None:
    with pytest.raises(BadCheckpoint, match="holds no run"):
        load_run(tmp_path)
    run, source = make_run(tmp_path / "run", people, small(changes={"schedule.updates": 1}))
    run.start()
    with pytest.raises(BadCheckpoint, match="stopped before its first checkpoint"):
        fit(run, source, resume=True)
    (tmp_path / "run/checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(BadCheckpoint, match="can't be read"):
        fit(run, source, resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, people: SysuMM01) -> None:
    recipe = small(changes={"schedule.updates": 30, "optimiser.learning_rate": 1e30, "schedule.warmup": 0})
    with pytest.raises(NotFinite, match=r"the loss is not finite .*lower optimiser\.learning_rate"):
        fit(*make_run(tmp_path / "run", people, recipe))


def test_a_run_may_start_from_the_weights_of_another(tmp_path: Path, people: SysuMM01) -> None:
    first, source = make_run(tmp_path / "first", people, small(changes={"schedule.updates": 1}))
    fit(first, source)
    changes = {"schedule.updates": 1, "optimiser.learning_rate": 1e-30, "start": str(tmp_path / "first")}

    second = fit(*make_run(tmp_path / "second", people, small(changes=changes)))

    torch.testing.assert_close(
        second.get_parameter("backbone.conv1.weight"), first.load_weights().get_parameter("backbone.conv1.weight")
    )
    with pytest.raises(BadCheckpoint, match="don't fit this recipe's network"):
        fit(*make_run(tmp_path / "third", people, small(changes={**changes, "embedding_layer": True})))
    with pytest.raises(BadRecipe, match="a run starts from one of them"):
        fit(*make_run(tmp_path / "fourth", people, small(changes={**changes, "imagenet": "x.pth"})))
