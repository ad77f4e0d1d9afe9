"""Where a network looks: Grad-CAM of an embedding.

Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017; the
class score is replaced by a similarity, as embeddings have no classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import unit
from rgbir.training.method import Method


def attention(method: Method, image: Tensor, modality: Modality, against: Tensor | None = None) -> NDArray[np.float32]:
    """How much each part of an image makes its embedding what it is, float32 (height, width) in 0..1.

    The last feature map with more than one row and column is weighed by the gradient of the embedding's squared length, or
    of its cosine to another embedding. In networks of several branches that is the last branch's map.

    Args:
        method: the network; it is left in evaluation mode.
        image: float32 (3, height, width), normalised.
        modality: of the image.
        against: float32 (d,), another image's embedding: then the map shows what the two have in common.

    Raises:
        BadRecipe: the network has no such map.
    """
    method.eval()
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1 and output.requires_grad:
            maps.append(output)

    hooks = [module.register_forward_hook(keep) for module in method.modules()]
    try:
        with torch.enable_grad():
            embedding = method.embed(image[None].clone().requires_grad_(), modality)[0]
    finally:
        for hook in hooks:
            hook.remove()
    if not maps:
        raise BadRecipe(f"{type(method).__name__} has no feature map with several rows and columns to look at")
    score = embedding.square().sum() if against is None else unit(embedding[None])[0] @ unit(against[None])[0]
    (gradient,) = torch.autograd.grad(score, maps[-1])
    seen = F.relu((gradient.mean(dim=(2, 3), keepdim=True) * maps[-1]).sum(dim=1, keepdim=True)).detach()
    whole = F.interpolate(seen, image.shape[1:], mode="bilinear", align_corners=False)[0, 0]
    return np.asarray((whole / whole.max().clamp_min(1e-12)).cpu().numpy(), np.float32)


def overlaid(picture: NDArray[np.uint8], seen: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture under its map: dark where the network doesn't look, warm where it does.

    Args:
        picture: uint8 (h, w, 3), RGB.
        seen: float32 (h, w), in 0..1.

    Returns:
        uint8 (h, w, 3), RGB.

    Raises:
        BadRecipe: matplotlib isn't installed.
    """
    try:
        from matplotlib import colormaps
    except ImportError as error:
        raise BadRecipe("attention maps are coloured by matplotlib: pip install 'rgbir[plots]'") from error
    heat = np.asarray(colormaps["inferno"](seen))[..., :3] * 255
    return np.clip(0.45 * picture + 0.55 * heat, 0, 255).astype(np.uint8)
