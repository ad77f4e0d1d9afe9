"""Which ImageNet checkpoint a recipe's network starts from. The file is named here, never fetched."""

from __future__ import annotations

from rgbir.training.recipe import AnyRecipe

RESNET50 = "resnet50-19c8e357.pth"
CHECKPOINTS: dict[str, str | None] = {
    **dict.fromkeys(("resnet50", "res_mid", "mgn", "pcb", "bfe"), RESNET50),
    "alexnet": "alexnet-owt-7be5be79.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "mlfn": "mlfn-9cb5a267.pth.tar",
    "hacnn": None,
    "mudeep": None,
}
"""By backbone: torchvision's file, deep-person-reid's for MLFN; None where nobody published one that we know of."""


def checkpoint_of(recipe: AnyRecipe) -> str | None:
    """The name of the file for `imagenet`, or None where there is none."""
    return CHECKPOINTS.get(recipe.backbone)


def from_nothing(recipe: AnyRecipe) -> str | None:
    """What to tell of a run that begins with random weights, though its network is one of the papers'."""
    if recipe.imagenet or recipe.start or recipe.backbone not in CHECKPOINTS:
        return None
    begins = f"{recipe.backbone} begins with random weights"
    if (file := checkpoint_of(recipe)) is None:
        return f"{begins}; no ImageNet weights of it are known"
    return (
        f"{begins}, so don't compare this run with published numbers; --set imagenet={file} begins with ImageNet's (the"
        " file's path; nothing is downloaded)"
    )
