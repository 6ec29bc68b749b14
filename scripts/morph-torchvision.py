"""Exports a network of torchvision after a short training, and compares ONNX files in ONNX Runtime. See `scripts/morph-torchvision`."""

import argparse, gzip, pathlib, statistics, time

import numpy

IMAGES = pathlib.Path(__file__).resolve().parent.parent / "crates/datasets/data/fashion-mnist"
MEAN, DEVIATION = 0.2860, 0.3530


def part(name, count):
    """The first images of a part of Fashion-MNIST, normalised, and their labels."""
    with gzip.open(IMAGES / f"{name}-images-idx3-ubyte.gz") as file:
        images = numpy.frombuffer(file.read(), numpy.uint8, offset=16).reshape(-1, 1, 28, 28)[:count]
    with gzip.open(IMAGES / f"{name}-labels-idx1-ubyte.gz") as file:
        labels = numpy.frombuffer(file.read(), numpy.uint8, offset=8)[:count]
    return ((images / 255 - MEAN) / DEVIATION).astype(numpy.float32), labels.astype(numpy.int64)


def export(options):
    """Trains a network with one channel of image and ten classes, and writes it."""
    import torch, torchvision

    torch.manual_seed(0)
    network = torchvision.models.get_model(options.network, weights=None, num_classes=10)
    name, first = next((name, it) for name, it in network.named_modules() if isinstance(it, torch.nn.Conv2d))
    holder, _, attribute = name.rpartition(".")
    grey = torch.nn.Conv2d(1, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None)
    setattr(network.get_submodule(holder), attribute, grey)
    images, labels = (torch.from_numpy(it) for it in part("train", options.train))
    steps = options.epochs * (len(images) // 32)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=steps)
    network.train()
    for epoch in range(options.epochs):
        losses = []
        for batch in torch.randperm(len(images))[: len(images) // 32 * 32].split(32):
            loss = torch.nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"{options.network}: epoch {epoch + 1} of {options.epochs}, loss {statistics.mean(losses):.3f}", flush=True)
    network.eval()
    batch = torch.export.Dim("batch", min=1, max=4096)
    torch.onnx.export(
        network, (images[:2],), options.file, dynamo=True, dynamic_shapes=({0: batch},), external_data=False, optimize=options.fold,
        verbose=False,
    )


def compare(options):
    """Accuracy and time of an image of every file in ONNX Runtime, in turns."""
    import onnxruntime

    images, labels = part("t10k", options.test)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    sessions = [onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"]) for file in options.files]
    times = {batch: [[] for _ in sessions] for batch in (1, 32)}
    for batch, of_batch in times.items():
        for _ in range(7):
            for session, turns in zip(sessions, of_batch):
                input = {session.get_inputs()[0].name: images[:batch]}
                session.run(None, input)
                start, runs = time.perf_counter(), 0
                while time.perf_counter() < start + 0.2:
                    session.run(None, input)
                    runs += 1
                turns.append((time.perf_counter() - start) / runs / batch)
    print(f"{'in ONNX Runtime':42} {'test accuracy':>13} {'batch 1':>10} {'batch 32':>10}   (an image, {options.threads} threads)")
    medians = [[statistics.median(turns) for turns in of_batch] for of_batch in times.values()]
    for index, (file, session) in enumerate(zip(options.files, sessions)):
        name = session.get_inputs()[0].name
        chunks = [session.run(None, {name: images[at : at + 100]})[0] for at in range(0, len(images), 100)]
        accuracy = (numpy.concatenate(chunks).argmax(1) == labels).mean()
        one, many = (of_batch[index] for of_batch in medians)
        print(f"{file:42} {100 * accuracy:11.2f} % {1e3 * one:7.3f} ms {1e3 * many:7.3f} ms")
    print(f"{'last against the one before':42} {'':13} {medians[0][-2] / medians[0][-1]:9.2f}x {medians[1][-2] / medians[1][-1]:9.2f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("export")
    command.add_argument("network")
    command.add_argument("file")
    command.add_argument("--train", type=int, default=10000)
    command.add_argument("--epochs", type=int, default=3)
    command.add_argument("--fold", action="store_true", help="let the exporter make batch norms part of convolutions")
    command.set_defaults(run=export)
    command = commands.add_parser("compare")
    command.add_argument("files", nargs="+")
    command.add_argument("--test", type=int, default=2000)
    command.add_argument("--threads", type=int, default=2)
    command.set_defaults(run=compare)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
