"""Times networks in our engine and in PyTorch, in turns. See `scripts/bench-peers`.

The network is read from the ONNX file that `runner export` writes, so that nothing is written twice.
"""

import argparse, csv, json, os, pathlib, statistics, subprocess, sys, time

NETWORKS = [
    # network, image, classes, batches of training, batches of inference
    ("narrow Inception", "experiments/inception.yaml", None, None, [128], [1, 32]),
    ("Inception 21 MFLOP", "inception-v2: { stem: small, width_multiplier: 2.35 }", "1x28x28", 10, [128], [1, 32]),
    ("MobileNetV1 0.5", "mobilenet-v1: { width_multiplier: 0.5, stem: small }", "3x32x32", 10, [64], [1, 32]),
    ("MobileNetV2", "mobilenet-v2: { stem: small }", "3x32x32", 10, [64], [1, 32]),
    ("ResNet-20", "cifar-resnet: { depth: 20 }", "3x32x32", 10, [128], [1, 32]),
    ("VGG-16", "vgg: { depth: 16, stem: small }", "3x32x32", 10, [64], [1, 32]),
    ("InceptionV2", "inception-v2", "3x224x224", 1001, [8], [1, 32]),
]
VARIANTS = ["eager", "channels last", "compiled"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runner", required=True, help="the program")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds of a turn")
    parser.add_argument("--modes", default="train,inference,memory")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="of PyTorch")
    parser.add_argument("--csv", default="results/bench/cpu.csv")
    parser.add_argument("--batch", type=int, help="images in a batch, of networks that are named")
    parser.add_argument("--input", help="image of networks that are named, as 3x224x224")
    parser.add_argument("--classes", type=int, help="classes of networks that are named")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("networks", nargs="*", help="architectures, experiment files or ONNX files instead of the usual ones")
    return parser.parse_args()


def chosen(options):
    """The networks to time: (name, what the runner calls it, image, classes, batches of training and inference)."""
    if not options.networks:
        return NETWORKS
    return [
        (text, text, options.input, options.classes, [options.batch or 64], [options.batch] if options.batch else [1, 32])
        for text in options.networks
    ]


def described(network):
    name, text, image, classes, train, inference = network
    more = (["--input", image] if image else []) + (["--classes", str(classes)] if classes else [])
    return name, [text, *more], train, inference


# --------------------------------------------------------------------------------------------------------------------
# PyTorch


def module_of(path):
    """A torch module that computes what an ONNX file says, with parameters that can be trained."""
    import numpy, onnx, torch
    from onnx import numpy_helper
    from torch import nn
    from torch.nn import functional as F

    graph = onnx.load(path).graph
    constants = {it.name: numpy_helper.to_array(it).copy() for it in graph.initializer}

    def symmetric(pads, extents, sizes, strides):
        """Padding on both sides alike where that gives as many outputs (torch pads so at no cost); else the uneven one."""
        half = len(pads) // 2
        before, after = pads[:half], pads[half:]
        even = [max(a, b) for a, b in zip(before, after)]
        same = all(
            (size + 2 * e - extent) // stride == (size + a + b - extent) // stride
            for size, e, a, b, extent, stride in zip(sizes, even, before, after, extents, strides)
        )
        if same:
            return tuple(even), None
        return (0,) * half, [side for a, b in reversed(list(zip(before, after))) for side in (a, b)]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList()
            self.steps = []
            for node in graph.node:
                self.steps.append(self.step(node))

        def layer(self, layer):
            self.layers.append(layer)
            return len(self.layers) - 1

        def step(self, node):
            attributes = {it.name: onnx.helper.get_attribute_value(it) for it in node.attribute}
            values = [name for name in node.input if name not in constants]
            fixed = [constants[name] for name in node.input if name in constants]
            return node.op_type, values, fixed, attributes, list(node.output), {}

        def window(self, x, attributes, extents, state):
            if "pads" not in state:
                pads = attributes.get("pads", [0] * 4)
                strides = attributes.get("strides", [1, 1])
                state["pads"] = symmetric(pads, extents, x.shape[2:], strides)
            return state["pads"]

        def build(self, op, fixed, attributes, state, x):
            """The layer of a step, made when the shape of its input is known."""
            if op == "Conv":
                weight = fixed[0]
                dilation = attributes.get("dilations", [1, 1])
                extents = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation)]
                even, uneven = self.window(x, attributes, extents, state)
                groups = attributes.get("group", 1)
                conv = nn.Conv2d(
                    weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]), tuple(attributes.get("strides", [1, 1])),
                    even, tuple(dilation), groups, bias=len(fixed) > 1,
                )
                with torch.no_grad():
                    conv.weight.copy_(torch.from_numpy(weight))
                    if len(fixed) > 1:
                        conv.bias.copy_(torch.from_numpy(fixed[1]))
                return conv if uneven is None else nn.Sequential(nn.ConstantPad2d(tuple(uneven), 0.0), conv)
            if op == "BatchNormalization":
                norm = nn.BatchNorm2d(len(fixed[0]), eps=attributes.get("epsilon", 1e-5), momentum=0.1)
                with torch.no_grad():
                    for tensor, value in zip([norm.weight, norm.bias, norm.running_mean, norm.running_var], fixed):
                        tensor.copy_(torch.from_numpy(value))
                return norm
            if op == "Gemm":
                weight = fixed[0].T if not attributes.get("transB", 0) else fixed[0]
                linear = nn.Linear(weight.shape[1], weight.shape[0], bias=len(fixed) > 1)
                with torch.no_grad():
                    linear.weight.copy_(torch.from_numpy(numpy.ascontiguousarray(weight)))
                    if len(fixed) > 1:
                        linear.bias.copy_(torch.from_numpy(fixed[1].reshape(-1)))
                return linear
            if op in ("MaxPool", "AveragePool"):
                kernel = attributes["kernel_shape"]
                even, uneven = self.window(x, attributes, kernel, state)
                strides = tuple(attributes.get("strides", [1, 1]))
                if op == "MaxPool":
                    pool = nn.MaxPool2d(tuple(kernel), strides, even)
                    return pool if uneven is None else nn.Sequential(nn.ConstantPad2d(tuple(uneven), -float("inf")), pool)
                pool = nn.AvgPool2d(tuple(kernel), strides, even, count_include_pad=bool(attributes.get("count_include_pad", 0)))
                return pool if uneven is None else nn.Sequential(nn.ConstantPad2d(tuple(uneven), 0.0), pool)
            if op == "Dropout":
                return nn.Dropout(0.2)
            return None

        def forward(self, x):
            wires = {graph.input[0].name: x}
            for op, values, fixed, attributes, outputs, state in self.steps:
                inputs = [wires[name] for name in values]
                x = inputs[0]
                if op in ("Conv", "BatchNormalization", "Gemm", "MaxPool", "AveragePool", "Dropout"):
                    if "layer" not in state:
                        state["layer"] = self.layer(self.build(op, fixed, attributes, state, x).eval())
                    y = self.layers[state["layer"]](x)
                elif op == "Relu":
                    y = F.relu(x)
                elif op == "Clip":
                    low, high = (float(value) for value in fixed)
                    y = F.hardtanh(x, low, high)
                elif op == "Sigmoid":
                    y = torch.sigmoid(x)
                elif op == "Tanh":
                    y = torch.tanh(x)
                elif op == "HardSigmoid":
                    y = F.hardsigmoid(x)
                elif op == "HardSwish":
                    y = F.hardswish(x)
                elif op in ("Add", "Sum"):
                    y = x
                    for other in inputs[1:] or [torch.from_numpy(fixed[0])]:
                        y = y + other
                elif op == "Mul":
                    y = x * (inputs[1] if len(inputs) > 1 else torch.from_numpy(fixed[0]))
                elif op == "Concat":
                    y = torch.cat(inputs, attributes["axis"])
                elif op == "GlobalAveragePool":
                    y = F.adaptive_avg_pool2d(x, 1)
                elif op == "GlobalMaxPool":
                    y = F.adaptive_max_pool2d(x, 1)
                elif op == "Flatten":
                    y = torch.flatten(x, attributes.get("axis", 1))
                elif op == "Reshape":
                    y = torch.reshape(x, [x.shape[i] if size == 0 else int(size) for i, size in enumerate(fixed[0])])
                elif op == "Slice":
                    starts, ends, axes = fixed[0], fixed[1], fixed[2]
                    y = x
                    for start, end, axis in zip(starts, ends, axes):
                        y = y.narrow(int(axis), int(start), min(int(end), y.shape[int(axis)]) - int(start))
                elif op == "Gather":
                    y = torch.index_select(x, attributes.get("axis", 0), torch.from_numpy(fixed[0].reshape(-1)))
                elif op == "Pad":
                    pads = [int(value) for value in fixed[0]]
                    half = len(pads) // 2
                    y = F.pad(x, [side for axis in reversed(range(half)) for side in (pads[axis], pads[axis + half])])
                elif op == "Softmax":
                    y = torch.softmax(x, attributes.get("axis", -1))
                elif op == "Identity":
                    y = x
                else:
                    raise SystemExit(f"bench-peers: operator {op} has no PyTorch form here; leave the network out or add it")
                wires[outputs[0]] = y
            return wires[graph.output[0].name]

    shape = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim][1:]
    return Network(), shape, graph.output[0].type.tensor_type.shape.dim[-1].dim_value


class Torch:
    """A network in PyTorch, ready to be timed."""

    def __init__(self, path, mode, batch, variant, threads):
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        module, shape, classes = module_of(path)
        images = torch.randn(batch, *shape)
        with torch.no_grad():
            module(images[: min(batch, 2)])  # makes the layers
        module.train()
        if variant == "channels last":
            module = module.to(memory_format=torch.channels_last)
            images = images.to(memory_format=torch.channels_last)
        self.module, self.images, self.mode = module, images, mode
        self.labels = torch.arange(batch) % classes
        self.torch = torch
        if mode == "inference":
            module.eval()
        else:
            self.optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
        self.forward = torch.compile(module) if variant == "compiled" else module

    def once(self):
        torch = self.torch
        if self.mode == "inference":
            with torch.inference_mode():
                self.forward(self.images)
            return
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.forward(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        loss.item()

    def turn(self, seconds):
        """Median images per second of steps for some seconds, at least 3."""
        times, start = [], time.perf_counter()
        self.once()
        while len(times) < 3 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self.once()
            times.append(time.perf_counter() - before)
        return len(self.images) / statistics.median(times)


# --------------------------------------------------------------------------------------------------------------------
# Both


def ours(options, text, mode, batch, seconds):
    command = [options.runner, "bench", *text, "--mode", mode, "--batch", str(batch), "--threads", str(options.threads)]
    command += ["--seconds", str(seconds), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def resident(key):
    """Resident memory of this process, now (VmRSS) or at most so far (VmHWM), in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def memory_child(options):
    """Prints by how much two training steps in PyTorch raise the resident memory of a process."""
    path, batch, variant = json.loads(options.child)
    import onnx, torch

    torch.ones(1).add_(1)
    before = resident("VmRSS")
    network = Torch(path, "train", batch, variant, options.threads)
    network.once()
    network.once()
    print(resident("VmHWM") - before)


def memory(options, text, path, batch, variants):
    """Growth of resident memory by training steps: ours, and the least of PyTorch's."""
    mine = ours(options, text, "train", batch, 0)["memory_bytes"]

    def child(variant):
        command = [sys.executable, __file__, "--runner", options.runner, "--threads", str(options.threads)]
        command += ["--child", json.dumps([str(path), batch, variant])]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    theirs = {variant: child(variant) for variant in variants if variant != "compiled"}
    best = min(theirs, key=theirs.get)
    return mine, theirs[best], best


def main():
    options = arguments()
    if options.child:
        return memory_child(options)
    folder = pathlib.Path(options.csv).parent
    folder.mkdir(parents=True, exist_ok=True)
    modes, variants = options.modes.split(","), options.variants.split(",")
    rows = []
    print(f"{'network':<22} {'mode':<10} {'batch':>5} {'ours':>10} {'PyTorch':>10} {'ratio':>6}  best of PyTorch")
    for network in chosen(options):
        name, text, train, inference = described(network)
        path = folder / "network.onnx"
        subprocess.run([options.runner, "export", text[0], str(path), *text[1:]], check=True, stdout=subprocess.DEVNULL)
        for mode, batches in [("train", train), ("inference", inference), ("memory", train)]:
            for batch in batches if mode in modes else []:
                if mode == "memory":
                    mine, theirs, best = memory(options, text, path, batch, variants)
                    ratio, unit = theirs / mine, "bytes"
                    extra = {"gflops": "", "peak_share": ""}
                else:
                    sides = {variant: Torch(path, mode, batch, variant, options.threads) for variant in variants}
                    for side in sides.values():
                        side.turn(0.0)
                    mine, theirs = [], {variant: [] for variant in variants}
                    for _ in range(options.rounds):
                        mine.append(ours(options, text, mode, batch, options.seconds))
                        for variant, side in sides.items():
                            theirs[variant].append(side.turn(options.seconds))
                    best = max(theirs, key=lambda variant: statistics.median(theirs[variant]))
                    ratio = statistics.median(a["images_per_second"] / b for a, b in zip(mine, theirs[best]))
                    median = sorted(mine, key=lambda it: it["images_per_second"])[len(mine) // 2]
                    extra = {
                        "gflops": f"{median['flops_per_second'] / 1e9:.1f}",
                        "peak_share": f"{median['flops_per_second'] / median['peak_flops_per_second']:.3f}",
                    }
                    mine, theirs, unit = median["images_per_second"], statistics.median(theirs[best]), "images/s"
                rows.append({
                    "network": name, "mode": mode, "batch": batch, "threads": options.threads, "unit": unit,
                    "ours": f"{mine:.1f}", "pytorch": f"{theirs:.1f}", "ratio": f"{ratio:.3f}", "pytorch_variant": best, **extra,
                })
                print(f"{name:<22} {mode:<10} {batch:>5} {mine:>10.0f} {theirs:>10.0f} {ratio:>6.2f}  {best}", flush=True)
                with open(options.csv, "w", newline="") as file:
                    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
        path.unlink()


if __name__ == "__main__":
    main()
