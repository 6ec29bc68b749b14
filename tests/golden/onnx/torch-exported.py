"""Writes the models of `torch-exported` beside this file: a small network, optimised by the exporter or not, for any number of images or
for two. Needs torch, onnx and onnxscript."""

import pathlib

import onnx
import torch
from onnx import numpy_helper
from torch import nn

FOLDER = pathlib.Path(__file__).with_name("torch-exported")


class Network(nn.Module):
    """A gated residual block of a depthwise convolution, and a shuffle of channels."""

    def __init__(self):
        super().__init__()
        conv, norm = nn.Conv2d, nn.BatchNorm2d
        self.stem = nn.Sequential(conv(3, 8, 3, 2, 1, bias=False), norm(8), nn.ReLU6(), nn.MaxPool2d(3, 2, 1))
        depthwise, pointwise = conv(8, 8, 3, 1, 1, groups=8, bias=False), conv(8, 8, 1, bias=False)
        self.block = nn.Sequential(depthwise, norm(8), nn.Hardswish(), pointwise, norm(8))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(8, 4, 1), nn.ReLU(), conv(4, 8, 1), nn.Hardsigmoid())
        self.head = nn.Linear(16, 5)

    def forward(self, images):
        x = self.stem(images)
        y = self.block(x)
        y = x + y * self.gate(y)
        batch, channels, height, width = x.shape
        both = torch.cat([x, y], 1).view(batch, 2, channels, height, width).transpose(1, 2)
        both = both.reshape(batch, 2 * channels, height, width)
        means = nn.functional.adaptive_avg_pool2d(both, (1, 1))
        return self.head(nn.functional.dropout(torch.flatten(means, 1), 0.2, self.training))


def write(network, images, folder, optimize, shapes):
    (folder / "test_data_set_0").mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    torch.onnx.export(network, (images,), str(path), dynamo=True, external_data=False, optimize=optimize, verbose=False, dynamic_shapes=shapes)
    model = onnx.load(path)
    graph = model.graph
    # Without what tells of the source file.
    for part in [model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info]:
        del part.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    with torch.no_grad():
        outputs = network(images)
    for name, tensor in [("input_0", images), ("output_0", outputs)]:
        (folder / "test_data_set_0" / f"{name}.pb").write_bytes(numpy_helper.from_array(tensor.numpy()).SerializeToString())


torch.manual_seed(0)
network = Network().train()
for _ in range(5):  # statistics of batch norm
    network(2 * torch.randn(8, 3, 16, 16) + 1)
network.eval()
images = torch.randn(2, 3, 16, 16)
open_batch = ({0: torch.export.Dim("batch", min=1, max=64)},)
for name, optimize in [("as_it_is", False), ("optimised", True)]:
    write(network, images, FOLDER / f"{name}_open_batch", optimize, open_batch)
    write(network, images, FOLDER / f"{name}_fixed_batch", optimize, None)
