"""Writes the graph by which bytes are multiplied: `python -m tests.publish_products`."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from tests.conftest import ROOT

FILE = ROOT / "index/rgbir/index/nearest/products.onnx"


def graph() -> bytes:
    """MatMulInteger of uint8 (n, d), from each of which 128 is taken, and int8 (d, m)."""
    node = helper.make_node("MatMulInteger", ["codes", "queries", "zero"], ["products"])
    inputs = [
        helper.make_tensor_value_info("codes", TensorProto.UINT8, ["n", "d"]),
        helper.make_tensor_value_info("queries", TensorProto.INT8, ["d", "m"]),
    ]
    output = helper.make_tensor_value_info("products", TensorProto.INT32, ["n", "m"])
    zero = helper.make_tensor("zero", TensorProto.UINT8, [], [128])
    whole = helper.make_graph([node], "products", inputs, [output], [zero])
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, producer_name="rgbir")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    FILE.write_bytes(graph())
