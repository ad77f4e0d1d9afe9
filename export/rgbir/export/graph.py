"""From a method to an ONNX graph: uint8 pixels in, embeddings out."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import onnx
import torch
from onnx import ModelProto
from onnx_ir.passes import Sequential
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    DeduplicateInitializersPass,
    LiftConstantsToInitializersPass,
    RemoveUnusedNodesPass,
)
from onnxscript import optimizer
from torch import Tensor, nn

from rgbir.export.fold import fold_batch_norms
from rgbir.index import Modality
from rgbir.training import Method
from rgbir.training.data.transforms import normalise

OPSET = 18
_TIDY = Sequential(
    RemoveUnusedNodesPass(),
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    DeduplicateInitializersPass(),
    CommonSubexpressionEliminationPass(),
)
"""What changes no number."""


class Served(nn.Module):
    """A method as it serves one modality: `images` uint8 (n, height, width, 3), RGB → `embeddings` float32 (n, d)."""

    def __init__(self, method: Method, modality: Modality) -> None:
        super().__init__()
        self.method, self.modality = method.eval(), modality

    def forward(self, images: Tensor) -> Tensor:
        precision = next(self.method.parameters()).dtype
        return self.method.tested(normalise(images).to(precision), self.modality)


def graph(method: Method, modality: Modality, height: int, width: int) -> ModelProto:
    """The graph of one modality: dynamic batch, normalisation inside, every batch norm folded.

    Raises:
        UnfoldableGraph: see `fold_batch_norms`.
    """
    return from_pixels(Served(method, modality), height, width)


def from_pixels(network: nn.Module, height: int, width: int) -> ModelProto:
    """The graph of a network from uint8 (n, height, width, 3) to float32 (n, d), as a bundle has it.

    Raises:
        UnfoldableGraph: see `fold_batch_norms`.
    """
    example = torch.zeros((2, height, width, 3), dtype=torch.uint8)
    return _anonymous(fold_batch_norms(traced(network, example)))


def traced(network: nn.Module, example: Tensor) -> ModelProto:
    """The graph of any network of one input, `images`, whose first axis is dynamic, and one output, `embeddings`.

    What depends on constants alone is computed, and nothing else is rewritten. The exporter's own rewriting compares
    constants with a tolerance of 1e-8: it drops the 1e-12 of generalised-mean pooling, and a factor of 1 + 1e-6.

    Args:
        network: in evaluation mode.
        example: an input of any shape and type that the network takes, with two items or more.
    """
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # the exporter's own deprecations; nothing a user can act on
            program = torch.onnx.export(
                network,
                (example,),
                input_names=["images"],
                output_names=["embeddings"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                opset_version=OPSET,
                dynamo=True,
                optimize=False,
                verbose=False,
            )
            assert program is not None
            optimizer.fold_constants(program.model)
            _TIDY(program.model)
    finally:
        exporter.setLevel(level)
    return onnx.shape_inference.infer_shapes(program.model_proto)


def _anonymous(model: ModelProto) -> ModelProto:
    """Without the exporter's notes, which hold paths of this machine."""
    model.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    return model
