"""What happens to images before the network sees them: drawn and done as it was first written, one image after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.training import reference
from tests.training.small import recipe_of
from torch import Tensor

from rgbir.index import Modality, SysuMM01, decode, pixels, read_bytes
from rgbir.training.data.batch import MixedBatch
from rgbir.training.data.samplers.mixed import Mixed
from rgbir.training.data.source import Source, batches
from rgbir.training.data.transforms import MEAN, STD, changed, drawn, normalise, rectangle, window
from rgbir.training.recipe import Augmentation


def augmented(images: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> Tensor:
    """Draws for the images uint8 (n, h, w, 3), and does it: float32 (n, 3, h, w)."""
    each = list(images)
    changes = drawn(each, augment, rng)
    return changed(torch.from_numpy(np.stack(each)), changes, augment)


EVERYTHING: dict[str, Any] = {"flip": 0.5, "padcrop": 4, "mix": 0.4, "erasing": 0.6}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        EVERYTHING,
        {**EVERYTHING, "erasing_fill": "zero"},
        {"flip": 1.0, "padcrop": 0, "erasing": 0.0},
        {"flip": 0.0, "padcrop": 7, "erasing": 0.0},
        {"flip": 1.0, "padcrop": 3, "erasing": 0.0, "mix": 1.0},
        {"flip": 0.3, "padcrop": 0, "erasing": 1.0},
    ],
)
def test_changes_of_a_batch_are_those_of_one_image_after_another_to_the_last_bit(settings: Mapping[str, Any]) -> None:
    augment = Augmentation(**settings)
    images = np.random.default_rng(1).integers(0, 256, (17, 40, 18, 3), np.uint8)
    rngs = [np.random.default_rng(2) for _ in range(2)]

    ours, expected = augmented(images, augment, rngs[0]), reference.augmented(images, augment, rngs[1])

    assert torch.equal(ours, expected)
    assert ours.stride() == expected.stride()
    assert rngs[0].random() == rngs[1].random()  # as much was drawn


def test_nothing_but_moves_leaves_bytes_as_they_are() -> None:
    augment = Augmentation(flip=0.5, padcrop=4, mix=0.4, erasing=0)
    images = np.random.default_rng(1).integers(0, 256, (9, 24, 12, 3), np.uint8)

    ours = augmented(images, augment, np.random.default_rng(2)) * torch.tensor(STD)[:, None, None]
    levels = (ours + torch.tensor(MEAN)[:, None, None]) * 255

    expected = reference.moved(images, augment, np.random.default_rng(2))
    np.testing.assert_array_equal(levels.round().permute(0, 2, 3, 1).numpy().astype(np.uint8), expected)


@pytest.mark.parametrize("method", ["expat", "dfe", "agw", "hpiln"])
def test_a_runs_batches_are_those_of_a_loop_over_images(people: SysuMM01, method: str) -> None:
    """Of every kind of batch: what is shown, in which order, how it is changed, and its labels."""
    recipe = recipe_of(method, changes={"augment.shift": 0.5, "augment.mix": 0.2, "augment.erasing": 0.5, "seed": 3})
    source = Source(list(people.records("train")), recipe)

    def image(number: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        path, shift = source.records[number].path, recipe.augment.shift
        shifted = shift and rng.random() < shift
        size = (round(1.125 * recipe.height), round(1.125 * recipe.width)) if shifted else (recipe.height, recipe.width)
        whole = pixels(decode(read_bytes(path)), *size)
        return reference.window(whole, recipe.height, recipe.width, rng) if shifted else whole

    for update, batch in zip(range(2, 4), batches(source, 2), strict=False):
        picked = source.sampler.draw(update)
        rng = np.random.default_rng([3, 3, update])
        parts = []
        for numbers in (picked.images,) if isinstance(picked, Mixed) else (picked.rgb, picked.ir):
            of_part = np.stack([image(int(number), rng) for number in numbers.ravel()])
            parts.append(reference.augmented(of_part, recipe.augment, rng).unflatten(0, numbers.shape))
        assert all(torch.equal(ours, expected) for ours, expected in zip(batch, parts, strict=False))
        assert batch.labels.tolist() == [source.classes[int(identity)] for identity in picked.identities]
        if isinstance(picked, Mixed):
            assert isinstance(batch, MixedBatch)
            expected = [source.records[number].modality is Modality.IR for number in picked.images]
            assert batch.infrared.tolist() == expected


def test_normalisation_is_imagenets() -> None:
    image = np.full((1, 2, 2, 3), 128, np.uint8)

    expected = [(128 / 255 - m) / s for m, s in zip(MEAN, STD, strict=True)]

    tensor = normalise(torch.from_numpy(image))
    assert tensor.shape == (1, 3, 2, 2)
    torch.testing.assert_close(tensor[0, :, 0, 0], torch.tensor(expected))


def test_augmentation_can_be_switched_off(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 16, 8, 3), np.uint8)

    plain = augmented(images, Augmentation(flip=0, padcrop=0, erasing=0), rng)

    torch.testing.assert_close(plain, normalise(torch.from_numpy(images)))


def test_padding_brings_in_black_and_the_crop_moves_at_most_by_it(rng: np.random.Generator) -> None:
    images = np.full((200, 20, 20, 3), 255, np.uint8)

    moved = augmented(images, Augmentation(flip=0, padcrop=3, erasing=0), rng)[:, 0]

    black = -MEAN[0] / STD[0]
    rows = (moved.amax(dim=2) == moved.amin()).sum(dim=1)
    assert float(moved.amin()) == pytest.approx(black)
    assert int(rows.max()) == 3


def test_erasing_covers_two_to_forty_percent_and_lies_inside(rng: np.random.Generator) -> None:
    shares = []
    for _ in range(300):
        top, left, height, width = rectangle(64, 32, rng)
        assert 0 <= top <= top + height <= 64
        assert 0 <= left <= left + width <= 32
        shares.append(height * width / (64 * 32))

    assert 0.015 < min(share for share in shares if share) < 0.06
    assert 0.35 < max(shares) < 0.42


def test_an_image_too_narrow_for_any_rectangle_stays_whole(rng: np.random.Generator) -> None:
    assert rectangle(400, 1, rng) == (0, 0, 0, 0)


def test_mixing_leaves_one_tone_in_the_images_range(rng: np.random.Generator) -> None:
    images = rng.integers(20, 200, (50, 16, 8, 3), np.uint8)
    settings = Augmentation(flip=0, padcrop=0, erasing=0, mix=1)

    mixed = augmented(images, settings, rng) * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]

    torch.testing.assert_close(mixed[:, 0], mixed[:, 2], atol=1e-4, rtol=0)
    assert float(mixed.min()) * 255 >= 19
    assert float(mixed.max()) * 255 <= 201


def test_a_window_is_cut_from_a_larger_image_at_every_place(rng: np.random.Generator) -> None:
    image = np.arange(9 * 5, dtype=np.uint8).reshape(9, 5, 1).repeat(3, axis=2)
    corners = {int(window(image, 8, 4, rng)[0, 0, 0]) for _ in range(60)}
    assert window(image, 8, 4, rng).shape == (8, 4, 3)
    assert corners == {0, 1, 5, 6}
