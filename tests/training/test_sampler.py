"""The tuple sampler: methods.md 2.4 as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgbir.training.data.samplers.mixed import MixedSampler
from rgbir.training.data.samplers.tuples import TupleSampler


def world(identities: int, rgb: int, ir: int) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Image numbers tell who: RGB 1000 i + k, IR 1000 i + 500 + k."""
    return (
        {i: [1000 * i + k for k in range(rgb)] for i in range(identities)},
        {i: [1000 * i + 500 + k for k in range(ir)] for i in range(identities)},
    )


@settings(max_examples=60, deadline=None)
@given(
    identities=st.integers(2, 9), rgb=st.integers(1, 6), ir=st.integers(1, 6), update=st.integers(0, 50),
    seed=st.integers(0, 1000), anchor=st.sampled_from(["paper", "official"]),
)  # fmt: skip
def test_a_batch_is_made_as_the_paper_says(
    identities: int, rgb: int, ir: int, update: int, seed: int, anchor: str
) -> None:
    sampler = TupleSampler(*world(identities, rgb, ir), tuples=2, seed=seed, anchor=anchor)  # type: ignore[arg-type]

    drawn = sampler.draw(update)

    assert drawn.rgb.shape == drawn.ir.shape == (3, 2)
    for images, is_ir, count in ((drawn.rgb, False, rgb), (drawn.ir, True, ir)):
        who, kind = images // 1000, images % 1000 >= 500
        assert (kind == is_ir).all()
        assert (who[0] == drawn.identities).all()
        assert (who[1] == drawn.identities).all()
        assert (who[2] != drawn.identities).all()
        if count > 1:
            assert (images[0] != images[1]).all()


def test_an_epoch_shows_every_rgb_image_as_anchor_once_and_drops_the_rest() -> None:
    sampler = TupleSampler(*world(5, 3, 2), tuples=4, seed=0)

    anchors = [int(a) for update in range(sampler.updates_per_epoch) for a in sampler.draw(update).rgb[0]]

    assert sampler.updates_per_epoch == 3
    assert len(set(anchors)) == len(anchors) == 12


def test_sysu_mm01_has_2535_updates_an_epoch() -> None:
    rgb = {0: list(range(20_283)), 1: [20_283]}
    assert TupleSampler(rgb, {0: [0], 1: [1]}, tuples=8, seed=0).updates_per_epoch == 2535


def test_the_official_anchor_is_redrawn_from_its_identity() -> None:
    sampler = TupleSampler(*world(2, 50, 2), tuples=50, seed=0, anchor="official")

    anchors = np.concatenate([sampler.draw(update).rgb[0] for update in range(2)])

    assert len(set(anchors.tolist())) < 100


def test_the_draws_of_the_two_negatives_are_independent() -> None:
    sampler = TupleSampler(*world(6, 4, 4), tuples=20, seed=3)

    pairs = [
        (r // 1000, i // 1000)
        for u in range(60)
        for r, i in zip(sampler.draw(u).rgb[2], sampler.draw(u).ir[2], strict=False)
    ]
    same = np.mean([sampler_pair[0] == sampler_pair[1] for sampler_pair in pairs])

    assert 0.1 < same < 0.3  # 1/5 if independent


def test_an_update_draws_the_same_whenever_it_is_asked() -> None:
    sampler, other = (TupleSampler(*world(6, 4, 4), tuples=4, seed=3) for _ in range(2))

    later = [sampler.draw(update) for update in range(12)][11]

    assert all((a == b).all() for a, b in zip(later, other.draw(11), strict=True))
    assert not all(
        (a == b).all() for a, b in zip(later, TupleSampler(*world(6, 4, 4), tuples=4, seed=4).draw(11), strict=True)
    )


@pytest.mark.parametrize(
    ("rgb", "ir"), [({1: [0]}, {1: [1]}), ({1: [0], 2: [1]}, {1: [2]}), ({1: [0], 2: []}, {1: [2], 2: [3]})]
)
def test_what_makes_no_tuples_is_refused(rgb: dict[int, list[int]], ir: dict[int, list[int]]) -> None:
    with pytest.raises(ValueError, match="tuples need two or more identities"):
        TupleSampler(rgb, ir, tuples=1, seed=0)


@settings(max_examples=60, deadline=None)
@given(
    identities=st.integers(3, 9), rgb=st.integers(1, 6), ir=st.integers(1, 6), half=st.integers(1, 4),
    update=st.integers(0, 50), seed=st.integers(0, 1000), balanced=st.booleans(),
)  # fmt: skip
def test_a_mixed_batch_holds_people_once_and_images_once_where_there_are_enough(
    identities: int, rgb: int, ir: int, half: int, update: int, seed: int, balanced: bool
) -> None:
    sampler = MixedSampler(*world(identities, rgb, ir), people=3, images=2 * half, seed=seed, balanced=balanced)

    drawn = sampler.draw(update)

    assert drawn.images.shape == drawn.identities.shape == (3 * 2 * half,)
    assert (drawn.images // 1000 == drawn.identities).all()
    assert len(set(drawn.identities.tolist())) == 3
    for identity in set(drawn.identities.tolist()):
        images = drawn.images[drawn.identities == identity]
        infrared = images % 1000 >= 500
        if balanced:
            assert infrared.sum() == half
            parts = ((images[~infrared], rgb), (images[infrared], ir))
        else:
            parts = ((images, rgb + ir),)  # type: ignore[assignment]
        for part, count in parts:
            assert len(set(part.tolist())) == len(part) or len(part) > count
    again = MixedSampler(*world(identities, rgb, ir), people=3, images=2 * half, seed=seed, balanced=balanced)
    assert (again.draw(update).images == drawn.images).all()


def test_a_blind_batch_needs_one_modality_only_and_a_balanced_one_both() -> None:
    rgb, ir = world(4, 5, 3)
    assert MixedSampler(rgb, {}, people=4, images=4, seed=0, balanced=False).updates_per_epoch == 1
    with pytest.raises(ValueError, match="without both: "):
        MixedSampler(rgb, {}, people=4, images=4, seed=0)
    with pytest.raises(ValueError, match="3 is odd"):
        MixedSampler(rgb, ir, people=4, images=3, seed=0)
    with pytest.raises(ValueError, match="needs 5 identities; 4 came"):
        MixedSampler(rgb, ir, people=5, images=2, seed=0)


def test_draws_of_different_updates_are_independent() -> None:
    sampler = MixedSampler(*world(30, 8, 8), people=4, images=4, seed=0)
    drawn = [tuple(sampler.draw(update).identities) for update in range(200)]
    assert len(set(drawn)) > 190
