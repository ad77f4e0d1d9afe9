"""expAT's own structure; what every method must do is in test_methods.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from tests.training.small import batch, recipe_of

from rgbir.index import Modality
from rgbir.training.methods.expat import ExpAT, ExpATRecipe


def small(variant: str = "paper", row: str | None = None, changes: Mapping[str, Any] | None = None) -> ExpATRecipe:
    recipe = recipe_of("expat", variant, row, changes)
    assert isinstance(recipe, ExpATRecipe)
    return recipe


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
