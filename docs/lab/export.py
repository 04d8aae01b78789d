"""The shipped networks as ONNX, for the page where they run without Python.

    python docs/lab/export.py build/site/lab/networks

One file for the path down that all of them share, and one for each path up. The graphs are written out here node
by node, from the weights: any picture size, weights in half precision as they ship, and casts that widen them.
Each is run beside the library on a photograph, and is not written if it differs by more than `TOLERANCE`.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from colorlab.colorizer import PRETRAINED, Colorizer
from colorlab.data import photo
from colorlab.files.whole import write_whole
from colorlab.hints import encode
from colorlab.lab import grey_of
from colorlab.networks.base import groups, pad_to_multiple
from colorlab.networks.lite0 import KEPT, STAGES, STRIDES, shipped
from colorlab.networks.lite_unet import FINEST, LiteUNet, seen

TOLERANCE = 1e-3  # of a logit
SEEN = [*(f"stride{stride}" for stride in STRIDES[FINEST:]), "pooled"]
OPSET, IR_VERSION = 17, 8


class Graph:
    """Nodes in the order in which they are added; each method returns the name of its result."""

    def __init__(self, weights: dict[str, Tensor]):
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value) -> str:
        array = np.asarray(value)
        name = f"t{len(self.tensors)}"
        array = array if array.dtype == np.int64 else array.astype(np.float32)
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str, *shape: int) -> str:
        """A weight of the network, stored in half precision and widened where it is used."""
        array = self.weights[name].numpy().astype(np.float16)
        self.tensors.append(numpy_helper.from_array(array.reshape(shape) if shape else array, name))
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def convolve(self, x: str, layer: str, **attributes) -> str:
        bias = [self.weight(f"{layer}.bias")] if f"{layer}.bias" in self.weights else []
        return self.node("Conv", x, self.weight(f"{layer}.weight"), *bias, **attributes)

    def relu6(self, x: str) -> str:
        return self.node("Clip", x, self.constant(0.0), self.constant(6.0))

    def convolution(self, x: str, layer: str) -> str:
        """`networks.base.convolution`: 3×3, GroupNorm, ReLU."""
        channels = len(self.weights[f"{layer}.1.bias"])
        parts = groups(channels)
        x = self.convolve(x, f"{layer}.0", pads=[1, 1, 1, 1])
        flat = self.node("Reshape", x, self.constant(np.array([0, parts, -1])))
        ones, zeros = self.constant(np.ones(parts)), self.constant(np.zeros(parts))
        flat = self.node("InstanceNormalization", flat, ones, zeros, epsilon=1e-5)
        x = self.node("Reshape", flat, self.node("Shape", x))
        x = self.node("Mul", x, self.weight(f"{layer}.1.weight", 1, channels, 1, 1))
        return self.node("Relu", self.node("Add", x, self.weight(f"{layer}.1.bias", 1, channels, 1, 1)))

    def model(self, inputs: dict[str, tuple], outputs: dict[str, str]) -> bytes:
        """The file: inputs name -> shape, outputs name -> the result that is meant."""
        ends = [helper.make_node("Identity", [result], [name]) for name, result in outputs.items()]
        graph = helper.make_graph(
            [*self.nodes, *ends],
            "colorlab",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * 4) for n in outputs],
            self.tensors,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def path_down() -> bytes:
    """Lite0 without its classifier: grey `(1, 1, H, W)` in [0, 1], sides multiples of 32 -> `SEEN`."""
    graph = Graph(shipped(torch.device("cpu")).state_dict())
    x = graph.node("Mul", "grey", graph.constant(255 / 128))
    x = graph.node("Sub", x, graph.constant(127 / 128))
    x = graph.node("Concat", x, x, x, axis=1)
    x = graph.relu6(graph.convolve(x, "stem", strides=[2, 2], pads=[0, 0, 1, 1]))
    found = []
    for number, (kernel, stride, expansion, _, count) in enumerate(STAGES):
        for position in range(count):
            x = block(
                graph,
                x,
                f"stages.{number}.{position}",
                kernel,
                1 if position else stride,
                expansion,
                position,
            )
        if number in KEPT:
            found.append(x)
    pooled = graph.node("GlobalAveragePool", graph.relu6(graph.convolve(found[-1], "last")))
    return graph.model({"grey": (1, 1, "h", "w")}, dict(zip(SEEN, (*found[FINEST:], pooled), strict=True)))


def block(graph: Graph, x: str, name: str, kernel: int, stride: int, expansion: int, position: int) -> str:
    """`lite0.Block`; all but the first of a stage add what came in."""
    wide = graph.relu6(graph.convolve(x, f"{name}.expand")) if expansion > 1 else x
    before, odd = divmod(kernel - stride, 2)  # TensorFlow's padding: what is left over comes after
    pads = [before, before, before + odd, before + odd]
    channels = len(graph.weights[f"{name}.depthwise.bias"])
    wide = graph.convolve(wide, f"{name}.depthwise", strides=[stride, stride], pads=pads, group=channels)
    narrow = graph.convolve(graph.relu6(wide), f"{name}.project")
    return graph.node("Add", x, narrow) if position else narrow


def path_up(network: LiteUNet) -> bytes:
    """`LiteUNet` above Lite0: `SEEN`, and hints `(1, 3, H, W)` if it takes them -> answers. No global hint."""
    graph = Graph(network.state_dict())
    *features, pooled = SEEN
    strides = list(STRIDES[FINEST:])
    flat = graph.node("Flatten", pooled)
    context = graph.node("Gemm", flat, graph.weight("context.weight"), graph.weight("context.bias"), transB=1)
    context = graph.node("Unsqueeze", context, graph.constant(np.array([2, 3])))
    x = graph.node("Relu", graph.node("Add", graph.convolution(features.pop(), "middle"), context))
    x = told(graph, x, 0, strides.pop())
    twice = graph.constant([1.0, 1.0, 2.0, 2.0])
    for level in range(len(network.merge)):
        x = graph.convolve(x, f"narrow.{level}")
        x = graph.node("Resize", x, "", twice, mode="linear", coordinate_transformation_mode="half_pixel")
        x = graph.node("Concat", x, features.pop(), axis=1)
        for part in range(len(network.merge[level])):
            x = graph.convolution(x, f"merge.{level}.{part}")
        x = told(graph, x, level + 1, strides.pop())
    shapes = dict.fromkeys(SEEN, (1, None, None, None)) | (
        {"hints": (1, 3, "h", "w")} if network.hear else {}
    )
    return graph.model(shapes, {"answers": graph.convolve(x, "head")})


def told(graph: Graph, x: str, level: int, stride: int) -> str:
    """`LiteUNet._told`: hints shrunk to a level, and what no global hint at all says."""
    hears, follows = f"hear.{level}.weight" in graph.weights, f"follow.{level}.bias" in graph.weights
    if hears:
        size = [stride, stride]
        sums = graph.node("AveragePool", "hints", kernel_shape=size, strides=size)
        colors = graph.node("Slice", sums, *(graph.constant(np.array([n])) for n in (0, 2, 1)))
        share = graph.node("Slice", sums, *(graph.constant(np.array([n])) for n in (2, 3, 1)))
        mean = graph.node("Div", colors, graph.node("Max", share, graph.constant(1e-6)))
        mask = graph.node("Cast", graph.node("Greater", share, graph.constant(0.0)), to=TensorProto.FLOAT)
        x = graph.node("Add", x, graph.convolve(graph.node("Concat", mean, mask, axis=1), f"hear.{level}"))
    if follows:
        channels = len(graph.weights[f"follow.{level}.bias"])
        x = graph.node("Add", x, graph.weight(f"follow.{level}.bias", 1, channels, 1, 1))
    return graph.node("Relu", x) if hears or follows else x


def written(content: bytes, inputs: dict[str, Tensor], expected: list[Tensor], path: Path) -> dict:
    """Run beside the library, then write: what the page must know of the file."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    answers = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    off = max(float(np.abs(a - e.numpy()).max()) for a, e in zip(answers, expected, strict=True))
    if not off <= TOLERANCE:
        raise SystemExit(f"{path.name}: it differs from the library by {off:.2g}, more than {TOLERANCE:g}")
    write_whole(path, content)
    print(f"{path.name}: {len(content) / 1e6:.1f} MB, within {off:.1g} of the library")
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def how_to_read(colorizer: Colorizer) -> dict:
    """What the page must know beside the weights."""
    stored = colorizer.objective.to_dict()
    kept = {name: stored[name] for name in ("kind", "grid_size", "prior", "uniform_mix") if name in stored}
    return kept | {
        "working_size": colorizer.working_size,
        "temperature": colorizer.temperature,
        "by_region": colorizer.by_region,
    }


@torch.no_grad()
def export(folder: Path) -> dict[str, dict]:
    """Write all files; returns what the page must know of each, by the network's name and "trunk"."""
    folder.mkdir(parents=True, exist_ok=True)
    colorizers = {name: Colorizer.pretrained(name) for name in PRETRAINED}
    others = [name for name, c in colorizers.items() if not isinstance(c.network, LiteUNet)]
    if others:
        raise SystemExit(f"{', '.join(others)}: the page runs networks that look through Lite0, and no other")
    colorizer = colorizers["regression"]
    L = pad_to_multiple(colorizer.scale(colorizer.small_copy(photo("chelsea").rgb)), LiteUNet.multiple)
    features, pooled = seen(L)
    down = [*features, pooled[..., None, None]]
    grey = {"grey": grey_of(50 * (L + 1))}
    found = {"trunk": written(path_down(), grey, down, folder / "trunk.onnx")}
    for name, colorizer in colorizers.items():
        size = tuple(L.shape[-2:])
        hints = (
            encode([(size[1] / 2, size[0] / 2, (200, 30, 30))], size, size) if colorizer.takes_hints else None
        )
        inputs = dict(zip(SEEN, down, strict=True)) | ({} if hints is None else {"hints": hints})
        answers = colorizer.answer(50 * (L + 1), hints)
        found[name] = written(path_up(colorizer.network), inputs, [answers], folder / f"{name}.onnx")
        found[name] |= how_to_read(colorizer)
    return found


if __name__ == "__main__":
    export(Path(sys.argv[1]))
