"""Views of an image, the bundles of augmentation, passes over the images, and what is done at test time (beyond.md 1)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training import reference
from torch import Tensor, nn

from rgbir.index import Modality, SysuMM01, pixels
from rgbir.training import Losses, Method, augmentation
from rgbir.training.augmentation import Augmentation, Augmenting, View, Views
from rgbir.training.data.batch import ViewBatch
from rgbir.training.data.colours import caj_channel, channel_scale
from rgbir.training.data.samplers.pairs import Pairs
from rgbir.training.data.samplers.passes import PassSampler
from rgbir.training.data.share import Share
from rgbir.training.data.source import Source, batches
from rgbir.training.data.transforms import changed, drawn
from rgbir.training.recipe import ViewsRecipe
from rgbir.training.schedules import Agw

IMG = torch.tensor(
    [[[0.4, -1.0], [1.5, 0.0]], [[0.2, 0.7], [-0.3, 0.9]], [[-0.6, 1.1], [0.8, -0.2]]], dtype=torch.float64
)


@pytest.mark.parametrize(
    ("op", "expected"),
    [("g", [[0.2, 0.7], [-0.3, 0.9]]), ("grey", [[0.168560, 0.237400], [0.363450, 0.505500]])],
    ids=["chan-1", "chan-2"],
)
def test_the_worked_numbers_of_channels(op: Any, expected: object) -> None:
    each = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(caj_channel(IMG, op), each.expand(3, 2, 2), atol=1e-6, rtol=0)


def test_the_worked_number_of_scaled_channels() -> None:
    expected = [[[0.2, -0.5], [0.75, 0.0]], [[0.2, 0.7], [-0.3, 0.9]], [[-0.012, 0.022], [0.016, -0.004]]]
    scaled = channel_scale(IMG, torch.tensor([0.5, 1.0, 0.02], dtype=torch.float64))
    torch.testing.assert_close(scaled, torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=0)


BUNDLES = {name: value for name, value in vars(augmentation).items() if isinstance(value, Augmenting)}
EVERYTHING = Augmenting(
    Augmentation(padcrop=5, border="mirror", erasing_fill="noise"),
    Views(
        of_rgb=2,
        of_ir=2,
        rgb=View(brightness=0.9, grey=0.3, pick=0.5, erasing=0.7, channels="any_or_grey", inner_grey=0.7, scale=0.4),
        ir=View(pick=1.0),
    ),
)


@pytest.mark.parametrize("bundle", [*BUNDLES.values(), EVERYTHING], ids=[*BUNDLES, "EVERYTHING"])
def test_a_bundles_views_are_those_of_one_image_after_another(bundle: Augmenting) -> None:
    images = np.random.default_rng(1).integers(0, 256, (40, 40, 18, 3), np.uint8)
    for view in (view for views in bundle.views.shown for view in views):
        rngs = [np.random.default_rng(2) for _ in range(2)]
        each = list(images)
        changes = drawn(each, bundle.augment, rngs[0], view)

        made = changed(torch.from_numpy(np.stack(each)), changes, bundle.augment, not view.plain)

        expected = reference.viewed(images, bundle.augment, view, rngs[1])
        torch.testing.assert_close(made, expected, atol=1e-6, rtol=0)
        assert made.stride() == expected.stride()
        assert rngs[0].random() == rngs[1].random()


@pytest.mark.slow
def test_the_bundles_are_those_of_the_table() -> None:
    """How often each happens, of 3,000 images a view."""
    n = 3_000
    black = [np.zeros((16, 8, 3), np.uint8)] * n

    def shares(bundle: Augmenting, view: View) -> dict[str, float]:
        changes = drawn(list(black), bundle.augment, np.random.default_rng(0), view)
        after, before = Counter(changes.after.tolist()), Counter(changes.before.tolist())
        scaled = float((changes.scale != 1).any(1).double().mean())
        return {
            "erased": float((changes.erased[:, 2] > 0).double().mean()),
            "green": after[1] / n, "grey": after[3] / n, "grey before": before[3] / n, "red before": before[0] / n,
            "scaled": scaled,
        }  # fmt: skip

    def of(name: str, place: str) -> dict[str, float]:
        bundle = BUNDLES[name]
        return shares(bundle, getattr(bundle.views, place))

    none = {"erased": 0.5, "green": 0.0, "grey": 0.0, "grey before": 0.0, "red before": 0.0, "scaled": 0.0}
    expected = {
        ("AUG_CAJ", "rgb"): {},
        ("AUG_CAJ", "rgb_again"): {"green": 1 / 3},
        ("AUG_CAJ", "ir"): {"green": 1 / 4, "grey": 1 / 8},
        ("AUG_CAJ_PLUS", "rgb"): {"grey before": 0.1, "erased": 0.6},
        ("AUG_CAJ_PLUS", "rgb_again"): {"green": 1 / 3, "erased": 0.6},
        ("AUG_CAJ_PLUS", "ir"): {"green": 1 / 4, "grey": 0.15},
        ("AUG_MPA", "rgb"): {},
        ("AUG_SAAI", "ir"): {"red before": 1 / 11},
        ("AUG_MSCM", "rgb"): {"grey before": 0.5},
        ("AUG_MSCM", "rgb_again"): {"green": 1 / 3},
        ("AUG_MSCM", "ir"): {"green": 1 / 2, "grey": 1 / 4},
        ("AUG_MSCM", "ir_again"): {"scaled": 0.5},
    }
    for place, differing in expected.items():
        assert of(*place) == pytest.approx({**none, **differing}, abs=0.03), place
    deen = of("AUG_DEEN", "ir")
    assert deen["grey before"] == pytest.approx(0.5, abs=0.03)
    brightness = drawn(
        list(black), BUNDLES["AUG_MSCM"].augment, np.random.default_rng(0), View(brightness=0.5)
    ).brightness
    assert (float(brightness.min()), float(brightness.max())) == pytest.approx((0.5, 1.5), abs=0.01)


def recipe(**changes: Any) -> ViewsRecipe:
    bundle = augmentation.AUG_MSCM
    small = ViewsRecipe(backbone="compact", height=64, width=32, people=3, images=2, schedule=Agw(epochs=2))
    return small.model_copy(update={"augment": bundle.augment, "views": bundle.views, **changes})


def test_a_batch_carries_every_view_of_the_same_images_each_drawn_anew(people: SysuMM01) -> None:
    chosen = recipe(seed=3)
    source = Source(list(people.records("train")), chosen)
    for update, batch in zip(range(2, 4), batches(source, 2), strict=False):
        assert isinstance(batch, ViewBatch)
        assert (batch.rgb.shape, batch.ir.shape, batch.views) == ((2, 6, 3, 64, 32), (2, 6, 3, 64, 32), 4)
        picked, rng = source.sampler.draw(update), np.random.default_rng([3, 3, update])
        assert isinstance(picked, Pairs)
        for numbers, views, made in zip((picked.rgb, picked.ir), chosen.views.shown, batch[:2], strict=False):
            whole = np.stack([pixels(source.records[number].decoded(), 64, 32) for number in numbers])
            for view, ours in zip(views, made, strict=True):
                torch.testing.assert_close(
                    ours, reference.viewed(whole, source.recipe.augment, view, rng), atol=1e-6, rtol=0
                )
        assert batch.labels.tolist() == [source.classes[int(identity)] for identity in picked.identities]
    assert source.images_per_update == 24


def test_two_processes_have_the_views_of_one(people: SysuMM01) -> None:
    source = Source(list(people.records("train")), recipe(people=2))
    whole, parts = source[1], [source.ready(source.raw(1, Share(number, 2))) for number in range(2)]
    assert torch.equal(torch.cat([part[0] for part in parts], 1), whole[0])
    assert torch.equal(torch.cat([part[1] for part in parts], 1), whole[1])
    source.expect_shares(4)


def test_views_that_leave_colours_alone_cost_nothing_more(people: SysuMM01) -> None:
    """A batch of one view each is a pair batch of the same images."""
    plain = Source(list(people.records("train")), recipe(views=Views()))
    batch = plain[0]
    assert (batch[0].shape, batch[1].shape) == ((1, 6, 3, 64, 32), (1, 6, 3, 64, 32))
    assert all(view.plain for views in Views().shown for view in views)


# --- passes


def world(counts: list[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """RGB images 1000 i + k, IR images 1000 i + 500 + k."""
    return (
        {i: [1000 * i + k for k in range(rgb)] for i, (rgb, _) in enumerate(counts)},
        {i: [1000 * i + 500 + k for k in range(ir)] for i, (_, ir) in enumerate(counts)},
    )


@settings(max_examples=80, deadline=None)
@given(
    counts=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=7),
    people=st.integers(2, 3), images=st.integers(1, 4), seed=st.integers(0, 99),
    balance=st.sampled_from(["drop", "repeat"]),
)  # fmt: skip
@pytest.mark.slow
def test_an_epoch_is_a_pass(
    counts: list[tuple[int, int]], people: int, images: int, seed: int, balance: Literal["drop", "repeat"]
) -> None:
    def groups(rgb: int, ir: int) -> int:
        if balance == "repeat":
            return max(rgb, ir) // images
        return 1 if max(rgb, ir) < images else min(rgb, ir) // images

    most = [groups(*count) for count in counts]
    rgb, ir = world(counts)
    if sum(map(bool, most)) < people:
        with pytest.raises(ValueError, match="a batch needs"):
            PassSampler(rgb, ir, people, images, seed, balance)
        return
    sampler = PassSampler(rgb, ir, people, images, seed, balance)
    for epoch in range(3):
        first, end = sampler.before(epoch), sampler.before(epoch + 1)
        drawn_batches = [sampler.draw(update) for update in range(first, end)]
        assert [sampler.epoch_of(update) for update in range(first, end)] == [epoch] * (end - first)
        times: Counter[int] = Counter()
        for batch in drawn_batches:
            who = batch.identities.reshape(people, images)
            assert (who == who[:, :1]).all()
            assert len(set(who[:, 0].tolist())) == people  # nobody twice in a batch
            assert (batch.rgb // 1000 == batch.identities).all()
            assert (batch.ir // 1000 == batch.identities).all()
            assert ((batch.rgb % 1000 < 500) & (batch.ir % 1000 >= 500)).all()
            times.update(who[:, 0].tolist())
        left = [count - times[i] for i, count in enumerate(most)]
        assert min(left) >= 0
        assert sum(map(bool, left)) < people  # an epoch ends when fewer have groups
        for side in ("rgb", "ir"):
            shown = Counter(int(n) for batch in drawn_batches for n in getattr(batch, side))
            for i, count in enumerate(counts):
                mine = Counter({n: c for n, c in shown.items() if n // 1000 == i})
                have = count[0] if side == "rgb" else count[1]
                if balance == "drop" and max(count) >= images:
                    assert max(mine.values(), default=0) <= 1  # dropped, never repeated
                if balance == "repeat":
                    assert max(mine.values(), default=0) <= -(-max(count) // have)


def test_passes_depend_on_seed_and_update_alone() -> None:
    counts = [(7, 5), (4, 9), (6, 6), (3, 2), (8, 8)]
    whole, late = (PassSampler(*world(counts), 2, 2, seed=1) for _ in range(2))
    expected = [whole.draw(update) for update in range(30)]
    for update in (29, 3, 17):
        assert all((a == b).all() for a, b in zip(late.draw(update), expected[update], strict=True))
    other = PassSampler(*world(counts), 2, 2, seed=2)
    assert any((other.draw(u).rgb != expected[u].rgb).any() for u in range(5))
    assert not (whole.draw(0).rgb == whole.draw(whole.before(1)).rgb).all()


def test_epochs_that_differ_are_not_cut_to_one_length() -> None:
    counts = [(12, 12), *[(2, 2)] * 5]
    sampler = PassSampler(*world(counts), people=2, images=2, seed=0)
    lengths = [sampler.before(epoch + 1) - sampler.before(epoch) for epoch in range(40)]
    assert len(set(lengths)) > 1
    source = type("Source", (), {"before": sampler.before})()
    assert Agw(epochs=40).total(source.before) == sum(lengths)


def test_a_run_on_passes_begins_each_epoch_where_it_begins(people: SysuMM01) -> None:
    source = Source(list(people.records("train")), recipe(sampling="drop"))
    assert isinstance(source.sampler, PassSampler)
    assert len(source) == source.before(2)
    assert {source.epoch_of(update) for update in range(len(source))} == {0, 1}


# --- schedules


SCHEDULES = {
    "caj": (Agw(epochs=100), 0.1, {0: 0.01, 9: 0.1, 19: 0.1, 20: 0.01, 49: 0.01, 50: 0.001, 99: 0.001}),
    "deen": (
        Agw(epochs=151, milestones=(20, 80)),
        0.1,
        {0: 0.01, 19: 0.1, 20: 0.01, 79: 0.01, 80: 0.001, 150: 0.001},
    ),
    "mpa": (
        Agw(epochs=140, warmup=0, milestones=(80, 120)),
        3.5e-4,
        {0: 3.5e-4, 79: 3.5e-4, 80: 3.5e-5, 119: 3.5e-5, 120: 3.5e-6},
    ),
    "saai": (
        Agw(epochs=160, milestones=(80, 120)),
        3.5e-4,
        {0: 3.5e-5, 9: 3.5e-4, 79: 3.5e-4, 80: 3.5e-5, 120: 3.5e-6},
    ),
    "mscm": (
        Agw(epochs=150, warmup_from=0.1, milestones=(25, 90, 120)),
        0.1,
        {0: 0.01, 5: 0.055, 9: 0.091, 10: 0.1, 24: 0.1, 25: 0.01, 89: 0.01, 90: 0.001, 120: 1e-4, 149: 1e-4},
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedules_at_every_tabulated_point(name: str) -> None:
    schedule, base, points = SCHEDULES[name]
    assert {epoch: base * schedule.factor(0, epoch) for epoch in points} == pytest.approx(points, rel=1e-9)


# --- at test time


class Linear(Method):
    """Two vectors of the image's left and right halves."""

    one_stream = True

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    @property
    def dimension(self) -> int:
        return 3

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.layer(images.mean(dim=(1, 2)).unflatten(1, (2, -1)).mean(2))

    def losses(self, batch: Any) -> Losses:
        raise NotImplementedError


def test_mirror_images_are_added_as_the_recipe_says() -> None:
    torch.manual_seed(0)
    method, images = Linear(), torch.randn(5, 3, 4, 6)
    mirror = torch.tensor(images.numpy()[..., ::-1].copy())
    one, two = (method.embed(x, Modality.RGB) for x in (images, mirror))

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(dim=1, keepdim=True)

    for recipe_, expected in (
        (ViewsRecipe(), one),
        (ViewsRecipe(tta="flip"), unit(unit(one) + unit(two))),
        (ViewsRecipe(tta="flip", flip="sum"), one + two),
    ):
        method.mirrored = recipe_.mirrored
        torch.testing.assert_close(method.tested(images, Modality.RGB), expected)
    assert ViewsRecipe(flip="sum").mirrored == "none"


def test_settings_of_views_are_checked() -> None:
    with pytest.raises(ValueError, match=r"0 < least ≤ largest ≤ 1, not 0\.5, 0\.2"):
        Augmentation(erasing_area=(0.5, 0.2))
    changed_recipe = ViewsRecipe().changed({"views.rgb.grey": 0.25, "augment.erasing_area": [0.1, 0.2]})
    assert (changed_recipe.views.rgb.grey, changed_recipe.augment.erasing_area) == (0.25, (0.1, 0.2))
