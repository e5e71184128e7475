"""Little ONNX networks with known outputs: whatever picture comes, their constants go out (plus a sum of the picture times zero)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package absent")


def network(
    outputs: Mapping[str, np.ndarray],
    *,
    size: tuple[int, int] = (64, 32),
    layout: str = "NCHW",
    dtype: str = "float32",
    shape: Sequence[int | str] | None = None,
) -> bytes:
    """A network that gives `outputs` for a picture of `size` (width, height); `shape` stands in place of its input's shape."""
    helper, kinds = onnx.helper, {"float32": onnx.TensorProto.FLOAT, "uint8": onnx.TensorProto.UINT8}
    width, height = size
    taken = shape or ((1, 3, height, width) if layout == "NCHW" else (1, height, width, 3))
    picture = helper.make_tensor_value_info("picture", kinds[dtype], list(taken))
    nodes = [
        helper.make_node("Cast", ["picture"], ["floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
    ]
    constants = [onnx.numpy_helper.from_array(np.zeros((), np.float32), "zero")]
    infos = []
    for name, array in outputs.items():
        constants.append(onnx.numpy_helper.from_array(array, f"{name}_known"))
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        nodes.append(helper.make_node("CastLike", ["nothing", f"{name}_known"], [f"{name}_zero"]))
        nodes.append(helper.make_node("Add", [f"{name}_known", f"{name}_zero"], [name]))
        infos.append(helper.make_tensor_value_info(name, kind, list(array.shape)))
    graph = helper.make_graph(nodes, "known", [picture], infos, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    made: bytes = model.SerializeToString()
    return made


def file_of(folder: Path, outputs: Mapping[str, np.ndarray], name: str = "own.onnx", **more: object) -> Path:
    """Such a network as a file."""
    path = folder / name
    path.write_bytes(network(outputs, **more))  # type: ignore[arg-type]
    return path


def grid_rows(filled: Mapping[int, Sequence[float]], rows: int, columns: int) -> np.ndarray:
    """A table 1 x rows x columns, zero but for the rows given."""
    table = np.zeros((1, rows, columns), np.float32)
    for row, values in filled.items():
        table[0, row] = values
    return table
