"""MSCM: the worked numbers of beyond.md 12.8, a slow loop, gradients, the blocks, the network and its schedule."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from tests.training.beyond import I2, P2, Q2, V2, Z16, I, P, Q, V, doubles
from tests.training.small import batch_for, build, recipe_of
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.augmentation import AUG_MSCM
from rgbir.training.backbones import ResNet50
from rgbir.training.backbones.stages import map_shapes
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import HardestTriplet, QuadrupleCentre
from rgbir.training.methods import METHODS
from rgbir.training.methods.curves import curve_of
from rgbir.training.methods.mscm import MSCM, MSCMRecipe
from rgbir.training.networks.cross_scale import Attention, CrossScale

TWO, THREE, OTHERS = torch.tensor([0, 0, 1, 1]), torch.tensor([5, 5, 2, 2, 9, 9]), torch.tensor([9, 9, 5, 5, 2, 2])
FLAT = doubles([[1, 2], [1, 2]])
SMALL = (torch.stack([V, V2]), torch.stack([I, I2]))
LARGE = (torch.stack([P, P2]), torch.stack([Q, Q2]))


@pytest.mark.proves("worked numbers", "mscm")
@pytest.mark.parametrize(
    ("settings", "views", "labels", "expected"),
    [
        pytest.param({}, SMALL, TWO, 0.471497, id="qc-1"),
        pytest.param({}, LARGE, THREE, 0.164209, id="qc-2"),
        pytest.param({"margin": 2.0}, LARGE, THREE, 0.291005, id="qc-3-margin"),
        pytest.param({"alpha": 0.3}, LARGE, THREE, 0.155823, id="qc-4-alpha"),
        pytest.param({}, (FLAT.expand(2, 2, 2),) * 2, torch.tensor([3, 8]), 0.35, id="qc-5-collapsed"),
        pytest.param({"margin": 2.0}, LARGE, OTHERS, 0.291005, id="qc-6-order"),
    ],
)
def test_the_worked_numbers_of_four_centres(
    settings: dict[str, float], views: tuple[Tensor, Tensor], labels: Tensor, expected: float
) -> None:
    loss = QuadrupleCentre(**settings)
    assert float(loss(*views, labels)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(views[0].float(), views[1].float(), labels)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.proves("worked numbers", "mscm")
def test_the_worked_number_of_the_objective() -> None:
    method = build(recipe_of("mscm"), "mscm")
    assert isinstance(method, MSCM)
    terms = method.terms(torch.cat(SMALL), Z16, TWO)
    assert float(torch.stack(list(terms.values())).sum()) == pytest.approx(1.409450, abs=1e-6)


def slow_centres(rgb: Tensor, ir: Tensor, labels: Tensor, margin: float, alpha: float) -> float:
    """Row by row, from the formula."""
    blocks = [*rgb, *ir]
    rows = [(block, view, int(y)) for view, block in enumerate(blocks) for y in labels]
    places = [(view, n) for view in range(len(blocks)) for n in range(len(labels))]

    def mean_of(wanted: Any) -> Tensor:
        return torch.stack([blocks[view][n] for view, n in places if wanted(view, int(labels[n]))]).mean(dim=0)

    total = 0.0
    for (_, view, y), (_, n) in zip(rows, places, strict=True):
        f, infrared = blocks[view][n], view >= len(rgb)
        m = mean_of(lambda v, k, y=y, infrared=infrared: k == y and (v >= len(rgb)) != infrared)
        o = mean_of(lambda v, k, y=y, view=view: k == y and v == view)
        total += (1 - alpha) * float((f - m).norm()) + alpha * float((f - o).norm())
        others = [int(k) for k in labels if int(k) != y]
        far = [max(margin - float((f - mean_of(lambda v, k, who=who: k == who)).norm()), 0.0) for who in others]
        total += sum(far) / len(far)
    return total / len(rows) / 2


def test_four_centres_are_their_formula_written_as_a_loop() -> None:
    for seed, (rgb_views, alpha) in enumerate(((2, 0.0), (2, 0.4), (1, 0.2))):
        generator = torch.Generator().manual_seed(seed)
        rgb = torch.randn(rgb_views, 6, 4, generator=generator, dtype=torch.float64)
        ir = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
        labels = torch.tensor([4, 4, 1, 1, 7, 7])
        expected = slow_centres(rgb, ir, labels, 3.0, alpha)
        assert float(QuadrupleCentre(3.0, alpha)(rgb, ir, labels)) == pytest.approx(expected, abs=1e-9)


def test_views_of_a_modality_and_the_order_of_people_do_not_matter() -> None:
    rgb, ir = LARGE
    loss, order = QuadrupleCentre(2.0), torch.tensor([4, 5, 0, 1, 2, 3])
    expected = float(loss(rgb, ir, THREE))
    assert float(loss(rgb.flip(0), ir, THREE)) == pytest.approx(expected, abs=1e-12)
    assert float(loss(rgb, ir.flip(0), THREE)) == pytest.approx(expected, abs=1e-12)
    assert float(loss(rgb[:, order], ir[:, order], THREE[order])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_gradients_are_those_of_finite_differences(alpha: float) -> None:
    views = [part.clone().requires_grad_() for part in LARGE]
    assert torch.autograd.gradcheck(lambda rgb, ir: QuadrupleCentre(2.0, alpha)(rgb, ir, THREE), views)


def test_a_collapsed_embedding_has_a_finite_gradient() -> None:
    for alpha in (0.0, 0.3):
        flat = torch.ones(2, 4, 3, requires_grad=True)
        QuadrupleCentre(alpha=alpha)(flat, flat, TWO).backward()
        assert flat.grad is not None
        assert torch.isfinite(flat.grad).all()


def test_attention_is_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(24).double(), nn.MultiheadAttention(24, 8, batch_first=True).double()
    assert ours.heads == 8  # of 32, as many as divide 24
    with torch.no_grad():
        for part, weight, bias in zip(
            ours.inputs, theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3), strict=True
        ):
            part.get_parameter("weight").copy_(weight)
            part.get_parameter("bias").copy_(bias)
        ours.output.load_state_dict(theirs.out_proj.state_dict())
    s, t = torch.randn(2, 3, 5, 24, dtype=torch.float64)
    torch.testing.assert_close(ours(s, t), theirs(s, s, t, need_weights=False)[0])


@pytest.mark.parametrize("shallow", [(6, 16, 8), (16, 8, 4), None])
@pytest.mark.parametrize("residual", [False, True])
def test_a_block_is_its_five_lines(shallow: tuple[int, int, int] | None, residual: bool) -> None:
    torch.manual_seed(0)
    block = CrossScale((16, 4, 2), shallow, residual).double()
    z = torch.randn(3, 16, 4, 2, dtype=torch.float64)
    x = None if shallow is None else torch.randn(3, *shallow, dtype=torch.float64)

    def normed(maps: Tensor, norm: nn.Module) -> Tensor:
        rows = maps.flatten(2)
        rows = (rows - rows.mean(2, keepdim=True)) / (rows.var(2, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return rows * norm.get_parameter("weight") + norm.get_parameter("bias")

    t = normed(block.reduce(z), block.norm)
    s = t
    if block.down is not None and block.norm_of_shallow is not None:
        s = normed(block.down(x), block.norm_of_shallow)
        t = t + 0.1 * s
    t = t + block.attention(s, t)
    u = block.mlp[0](normed(t, block.norm_of_mlp))
    t = t + block.mlp[2](u / (1 + (-1.702 * u).exp()))
    out = block.expand(t.reshape(3, 4, 4, 2))
    torch.testing.assert_close(block(z, x), out + z if residual else out)


def trained_parameters(**changes: Any) -> dict[str, int]:
    with torch.device("meta"):
        method = METHODS["mscm"].build(METHODS["mscm"].recipe.changed(changes), 395)
    return {name: p.numel() for name, p in method.named_parameters() if p.requires_grad}


@pytest.mark.slow
def test_parameters_are_those_of_the_released_network() -> None:
    sizes = trained_parameters()
    assert sum(sizes.values()) == 42_853_440
    parts = {
        "stems.": 38_144, "trunk.blocks.0.": 2_115_296, "trunk.blocks.1.": 3_884_768, "trunk.blocks.2.": 3_622_624,
        "trunk.blocks.3.": 1_524_640, "neck.": 2_048, "classifier.": 808_960,
    }  # fmt: skip
    assert {part: sum(n for name, n in sizes.items() if name.startswith(part)) for part in parts} == parts
    non_local = sum(n for name, n in sizes.items() if ".after." in name)
    assert (non_local, sum(parts.values()) + non_local + 23_498_496) == (7_358_464, 42_853_440)
    assert sum(trained_parameters(**{"mscm.blocks": "last"}).values()) == 42_853_440 - 2_115_296 - 3_884_768 - 3_622_624
    assert sum(trained_parameters(**{"mscm.stems": 2}).values()) == 42_853_440 - 38_144 // 2


@pytest.mark.slow
def test_maps_at_the_released_size() -> None:
    with torch.device("meta"):
        shapes = map_shapes(ResNet50(), 384, 192)
    assert shapes == [(64, 96, 48), (256, 96, 48), (512, 48, 24), (1024, 24, 12), (2048, 24, 12)]


def test_the_schedule_by_epoch_and_the_rates_of_the_parts() -> None:
    recipe = METHODS["mscm"].resolve()
    assert isinstance(recipe, MSCMRecipe)

    def expected(e: int) -> float:
        if e < 10:
            return 0.1 + 0.09 * e
        return 1.0 if e < 25 else 0.1 if e < 90 else 0.01 if e < 120 else 0.001

    assert [recipe.schedule.factor(0, e) for e in range(150)] == pytest.approx([expected(e) for e in range(150)])
    method = build(recipe_of("mscm"), "mscm")
    groups = recipe.optimiser.build(method, method.fresh).param_groups
    assert [recipe.optimiser.learning_rate * group["factor"] for group in groups] == pytest.approx([0.01, 0.1])
    assert all((group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, True, 5e-4) for group in groups)
    fresh = {id(p) for p in groups[1]["params"]}
    assert {name for name, p in method.named_parameters() if id(p) in fresh} == {"neck.weight", "classifier.weight"}


def test_the_code_measures_the_test_set_after_every_epoch_and_the_sizes_are_its() -> None:
    paper, code = (METHODS["mscm"].resolve(variant) for variant in ("paper", "official-code"))
    assert isinstance(paper, MSCMRecipe)
    assert (code.select, code.tested.first, code.tested.every, paper.select) == ("best_on_test", 0, 1, "last")
    assert (paper.height, paper.width, paper.people, paper.images, paper.schedule.epochs) == (384, 192, 6, 4, 150)
    assert (paper.augment, paper.views, paper.mirrored, paper.sampling) == (*AUG_MSCM, "none", "random")
    assert (paper.data.train_identities, paper.label_smoothing) == ("trainval", 0)


@pytest.mark.slow
def test_an_image_goes_through_all_stems_of_its_modality() -> None:
    torch.manual_seed(0)
    method = build(recipe_of("mscm"), "mscm").eval()
    images = torch.randn(3, 3, 64, 32)
    before = {modality: method.embed(images, modality) for modality in Modality}
    with torch.no_grad():
        for weight in method.get_submodule("stems.ir.stems.1").parameters():
            weight.mul_(1.5)
    assert torch.equal(method.embed(images, Modality.RGB), before[Modality.RGB])
    assert not torch.allclose(method.embed(images, Modality.IR), before[Modality.IR])
    maps = [method.get_submodule(f"stems.ir.stems.{n}")(images) for n in (0, 1)]
    expected = method.neck(method.pool(method.trunk((maps[0] + maps[1]) / 2)))  # type: ignore[operator]
    torch.testing.assert_close(method.embed(images, Modality.IR), expected)


@pytest.mark.parametrize("loss", ["qc", "triplet"])
@pytest.mark.parametrize("stems", [2, 4])
def test_switches_change_what_is_trained(loss: Literal["qc", "triplet"], stems: int) -> None:
    recipe = recipe_of("mscm", changes={"mscm.loss": loss, "mscm.stems": stems, "mscm.margin": 2.0, "mscm.alpha": 0.3})
    method = build(recipe, "mscm")
    assert isinstance(method, MSCM)
    pooled, labels = torch.randn(4, 6, 5), torch.tensor([0, 0, 1, 1, 2, 2])
    ranking = method.terms(pooled, torch.randn(24, 3), labels)["ranking"]
    expected = (
        QuadrupleCentre(2.0, 0.3)(pooled[:2], pooled[2:], labels)
        if loss == "qc"
        else HardestTriplet()(pooled.flatten(0, 1), labels.repeat(4))
    )
    torch.testing.assert_close(ranking, expected)
    assert len(list(method.get_submodule("stems.rgb.stems").children())) == stems // 2
    assert method.losses(batch_for(recipe)).keys() == {"identity", "ranking"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"views.of_ir": 1},
            r"mscm\.stems=4 is for four views; set views\.of_rgb=2 and views\.of_ir=2, or mscm\.stems=2",
        ),
        ({"height": 72}, "heights and widths of multiples of 16, not 72x32; or set mscm.blocks=off"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRecipe, match=words):
        build(recipe_of("mscm", changes=changes), "mscm")
    off = {"mscm.stems": 2} if "views.of_ir" in changes else {"mscm.blocks": "off"}
    recipe = recipe_of("mscm", changes={**changes, **off})
    build(recipe, "mscm").losses(batch_for(recipe))


def test_the_released_log_has_a_number_for_each_of_its_epochs() -> None:
    curve = curve_of("mscm", "printed.mscm")
    assert curve is not None
    assert curve.epochs[-1] == 113
    assert max(zip(curve.scores["R1"], curve.scores["mAP"], curve.epochs, strict=True)) == ("79.73", "75.21", 95)
    assert all(len(numbers) == len(curve.epochs) for numbers in curve.scores.values())
    assert curve_of("mscm", "ours.residual") is None
