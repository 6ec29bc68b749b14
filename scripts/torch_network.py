"""A network of an ONNX file in PyTorch, as a person would write it: flat code on layers of `torch.nn`. See `scripts/bench-peers`."""

import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

LAYERS = {"Conv", "BatchNormalization", "Gemm", "MaxPool", "AveragePool", "Dropout"}


class Unknown(Exception):
    """An operator that has no form here."""


def network_of(path):
    """The network of a file, with parameters that can be trained, the shape of its image and the number of its classes."""
    graph = onnx.load(path).graph
    image = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim][1:]
    network = Interpreted(graph).eval()
    with torch.no_grad():
        classes = network(torch.zeros(2, *image)).shape[-1]  # makes the layers
    # Layers and functions without the interpreter around them, which would cost small networks time.
    return torch.fx.symbolic_trace(network), image, classes


class Interpreted(nn.Module):
    """Goes through the nodes of a graph; the first pass makes the layers, since they depend on the shapes of wires."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph
        self.constants = {it.name: numpy_helper.to_array(it).copy() for it in graph.initializer}
        self.layers = nn.ModuleList()
        self.places, self.settings = {}, {}

    def forward(self, x):
        wires = {self.graph.input[0].name: x}
        for index, node in enumerate(self.graph.node):
            attributes = {it.name: onnx.helper.get_attribute_value(it) for it in node.attribute}
            inputs = [wires[name] for name in node.input if name in wires]
            fixed = [self.constants[name] for name in node.input if name in self.constants]
            if node.op_type in LAYERS:
                if index not in self.places:
                    self.places[index] = self.place(node, attributes, fixed, inputs[0])
                y = self.layers[self.places[index]](inputs[0])
            else:
                if index not in self.settings:
                    self.settings[index] = settings(node.op_type, attributes, fixed, inputs)
                y = function(node.op_type, inputs, self.settings[index])
            wires[node.output[0]] = y
        return wires[self.graph.output[0].name]

    def place(self, node, attributes, fixed, x):
        """Where the layer of a node is; nodes with the same kernel share it."""
        names = [name for name in node.input if name in self.constants]
        key = (node.op_type, *names, repr(attributes), tuple(x.shape)) if names else None
        if key not in self.places:
            self.layers.append(layer(node.op_type, attributes, fixed, x).eval())
            if key is None:
                return len(self.layers) - 1
            self.places[key] = len(self.layers) - 1
        return self.places[key]


def padding(attributes, extents, sizes):
    """Padding alike on both sides wherever that gives as many outputs: PyTorch's own networks are padded so, and it costs them
    nothing. Else an uneven one, which is a step of its own."""
    rank = len(extents)
    pads, strides = attributes.get("pads", [0] * (2 * rank)), attributes.get("strides", [1] * rank)
    before, after = pads[:rank], pads[rank:]
    even = [max(a, b) for a, b in zip(before, after)]
    if all(
        (size + 2 * e - extent) // stride == (size + a + b - extent) // stride
        for size, e, a, b, extent, stride in zip(sizes, even, before, after, extents, strides)
    ):
        return tuple(even), None
    return (0,) * rank, tuple(side for a, b in reversed(list(zip(before, after))) for side in (a, b))


def padded(uneven, value, inner):
    return inner if uneven is None else nn.Sequential(nn.ConstantPad2d(uneven, value), inner)


def copied(pairs):
    with torch.no_grad():
        for tensor, value in pairs:
            tensor.copy_(torch.from_numpy(numpy.ascontiguousarray(value)))


def layer(op, attributes, fixed, x):
    strides = tuple(attributes.get("strides", [1, 1]))
    if op == "Conv":
        weight, dilation = fixed[0], tuple(attributes.get("dilations", [1, 1]))
        kernel, groups = tuple(weight.shape[2:]), attributes.get("group", 1)
        extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        even, uneven = padding(attributes, extents, x.shape[2:])
        channels = weight.shape[1] * groups, weight.shape[0]
        conv = nn.Conv2d(*channels, kernel, strides, even, dilation, groups, bias=len(fixed) > 1)
        copied(zip([conv.weight, conv.bias], fixed))
        return padded(uneven, 0.0, conv)
    if op == "BatchNormalization":
        norm = nn.BatchNorm2d(len(fixed[0]), eps=attributes.get("epsilon", 1e-5), momentum=0.1)
        copied(zip([norm.weight, norm.bias, norm.running_mean, norm.running_var], fixed))
        return norm
    if op == "Gemm":
        weight = fixed[0] if attributes.get("transB", 0) else fixed[0].T
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=len(fixed) > 1)
        copied(zip([linear.weight, linear.bias], [weight, *(bias.reshape(-1) for bias in fixed[1:])]))
        return linear
    if op == "Dropout":
        return nn.Dropout(float(fixed[0]) if fixed else 0.5)
    kernel = tuple(attributes["kernel_shape"])
    even, uneven = padding(attributes, kernel, x.shape[2:])
    if op == "MaxPool":
        return padded(uneven, -float("inf"), nn.MaxPool2d(kernel, strides, even))
    counted = bool(attributes.get("count_include_pad", 0))
    if uneven is not None and not counted:
        raise Unknown("AveragePool with uneven padding")
    return padded(uneven, 0.0, nn.AvgPool2d(kernel, strides, even, count_include_pad=counted))


def settings(op, attributes, fixed, inputs):
    """What a function is given besides its inputs, from the shapes of the first pass."""
    if op in ("Add", "Sum", "Sub", "Mul", "Div"):
        return [torch.from_numpy(value) for value in fixed]
    if op == "Clip":
        return [float(value) for value in fixed]
    if op in ("Concat", "Softmax"):
        return attributes.get("axis", -1)
    if op == "Flatten":
        return attributes.get("axis", 1)
    if op == "Reshape":
        return [-1, *(inputs[0].shape[i] if size == 0 else int(size) for i, size in enumerate(fixed[0]) if i > 0)]
    if op == "Transpose":
        return attributes["perm"]
    if op == "Slice":
        starts, ends, axes = fixed[:3]
        sizes = inputs[0].shape
        cut = [(int(axis), int(start), min(int(end), sizes[axis])) for start, end, axis in zip(starts, ends, axes)]
        return [(axis, start, end - start) for axis, start, end in cut]
    if op == "Gather":
        return attributes.get("axis", 0), torch.from_numpy(fixed[0].reshape(-1))
    if op == "Pad":
        pads = [int(value) for value in fixed[0]]
        half = len(pads) // 2
        return [side for axis in reversed(range(half)) for side in (pads[axis], pads[axis + half])]
    return None


def function(op, inputs, given):
    x = inputs[0]
    if op in ("Add", "Sum"):
        for other in [*inputs[1:], *given]:
            x = x + other
        return x
    if op == "Mul":
        for other in [*inputs[1:], *given]:
            x = x * other
        return x
    if op in ("Sub", "Div") and len(inputs) + len(given) == 2 and len(given) < 2:
        other = [*inputs[1:], *given][0]
        return x - other if op == "Sub" else x / other
    if op == "Clip":
        return F.hardtanh(x, *given)
    if op == "Concat":
        return torch.cat(inputs, given)
    if op == "Softmax":
        return torch.softmax(x, given)
    if op == "Flatten":
        return torch.flatten(x, given)
    if op == "Reshape":
        return torch.reshape(x, given)
    if op == "Transpose":
        return torch.permute(x, given)
    if op == "Slice":
        for axis, start, length in given:
            x = torch.narrow(x, axis, start, length)
        return x
    if op == "Gather":
        return torch.index_select(x, *given)
    if op == "Pad":
        return F.pad(x, given)
    plain = {
        "Relu": F.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "HardSigmoid": F.hardsigmoid, "HardSwish": F.hardswish,
        "GlobalAveragePool": lambda x: F.adaptive_avg_pool2d(x, 1), "GlobalMaxPool": lambda x: F.adaptive_max_pool2d(x, 1),
        "Identity": lambda x: x,
    }
    if op not in plain:
        raise Unknown(op)
    return plain[op](x)
