"""Times networks in our engine and in PyTorch, in turns, and holds the memory of their training steps against each other.

Networks are read from the ONNX files that `runner export` writes, so that nothing is written twice. PyTorch is used as well as it
can be: flat code, the fused optimizer, an allocator that keeps its memory, and whichever variant is fastest counts (eager, channels
last, torch.compile).

Time: a round is one turn of ours and one of every variant; variants that are far behind in the first round have no further turns.
A turn is the median step of some seconds. The ratio is the median over the rounds, beside the lowest and the highest.

Memory: by how much two training steps raise the peak of a process's resident memory, from before the network is made. Ours counts
from the start of the program. PyTorch counts from after a step of a small network, so that its libraries are loaded, and its peak
is that of the steps alone, without that of reading the file; it has the system's allocator, which gives memory back. What
torch.compile needs while it compiles would be counted too, so it is left out.
"""

import argparse, csv, ctypes, gc, json, os, pathlib, statistics, subprocess, sys, time

with open(pathlib.Path(__file__).with_name("networks.json")) as file:
    NETWORKS = json.load(file)
INFERENCE = [1, 32]
VARIANTS = ["eager", "channels last", "compiled", "compiled channels last"]
FIELDS = [
    "network", "mode", "batch", "ours", "pytorch", "ratio", "lowest", "highest", "unit", "pytorch_variant", "threads", "gflops", "peak_share",
]
KEY = ["network", "mode", "batch", "threads"]
# Variants of less than this share of the best one's speed in the first round are out.
CONTENDER = 0.8
# glibc keeps what is freed, as the allocators do that PyTorch's tuning guide names.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(4 << 30), "MALLOC_TRIM_THRESHOLD_": str(8 << 30)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", required=True, help="the program")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds of a turn, at least; at least 3 steps are")
    parser.add_argument("--modes", default="train,inference,memory")
    parser.add_argument("--variants", default=",".join(VARIANTS[:3]), help=f"of PyTorch; all: {','.join(VARIANTS)}")
    parser.add_argument("--csv", default="results/bench/cpu.csv")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="usual networks whose name contains it; may be repeated")
    parser.add_argument("--resume", action="store_true", help="keep the rows of the file and measure the others")
    parser.add_argument("--batch", type=int, help="images in a batch, of networks that are named")
    parser.add_argument("--input", help="image of networks that are named, as 3x224x224")
    parser.add_argument("--classes", type=int, help="classes of networks that are named")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("networks", nargs="*", help="architectures, experiment files or ONNX files instead of the usual ones")
    options = parser.parse_args()
    for given, known, what in [
        (options.modes.split(","), ["train", "inference", "memory"], "mode"), (options.variants.split(","), VARIANTS, "variant"),
    ]:
        for word in given:
            if word not in known:
                parser.error(f"`{word}` is no {what}: {', '.join(known)}")
    return options


def chosen(options):
    """The networks to measure: name, arguments of the runner, batches of training and of inference."""
    if options.networks:
        for text in options.networks:
            more = (["--input", options.input] if options.input else []) + (["--classes", str(options.classes)] if options.classes else [])
            yield text, [text, *more], [options.batch or 64], [options.batch] if options.batch else INFERENCE
        return
    names = [it for it in NETWORKS if not options.only or any(word.lower() in it["name"].lower() for word in options.only)]
    if not names:
        sys.exit("bench-peers: no network has such a name: " + ", ".join(it["name"] for it in NETWORKS))
    for it in names:
        more = [word for key in ("input", "classes") if key in it for word in (f"--{key}", str(it[key]))]
        yield it["name"], [it["network"], *more], [it["batch"]], INFERENCE


class Torch:
    """A network in PyTorch, ready to be timed."""

    def __init__(self, path, mode, batch, variant, threads):
        import torch
        from torch_network import network_of

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.torch, self.mode = torch, mode
        module, shape, classes = network_of(path)
        module.train(mode == "train")
        self.images = torch.randn(batch, *shape)
        if "channels last" in variant:
            module = module.to(memory_format=torch.channels_last)
            self.images = self.images.to(memory_format=torch.channels_last)
        self.labels = torch.arange(batch) % classes
        if mode == "train":
            self.optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4, fused=True)
        self.forward = torch.compile(module, dynamic=False) if "compiled" in variant else module

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
        """Images per second of the median step, of steps for some seconds."""
        for _ in range(2):
            self.once()
        times, start = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self.once()
            times.append(time.perf_counter() - before)
        return len(self.images) / statistics.median(times)


def ours(options, text, mode, batch, seconds):
    command = [options.runner, "bench", *text, "--mode", mode, "--batch", str(batch), "--threads", str(options.threads)]
    command += ["--seconds", str(seconds), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def speed(options, text, path, mode, batch):
    """Images per second of both sides in turns."""
    import torch

    torch.compiler.reset()
    sides = {}
    for variant in options.variants.split(","):
        try:
            side = Torch(path, mode, batch, variant, options.threads)
            side.turn(0.0)
            sides[variant] = side
        except Exception as error:  # one variant that PyTorch cannot do is no reason to measure none
            print(f"bench-peers: {variant}: {str(error).splitlines()[0]}", file=sys.stderr)
    if not sides:
        raise RuntimeError("no variant of PyTorch runs")
    mine, theirs = [], {variant: [] for variant in sides}
    for _ in range(options.rounds):
        mine.append(ours(options, text, mode, batch, options.seconds))
        for variant, side in sides.items():
            theirs[variant].append(side.turn(options.seconds))
        best = max(theirs[variant][0] for variant in sides)
        sides = {variant: side for variant, side in sides.items() if theirs[variant][0] >= CONTENDER * best}
    best = max(sides, key=lambda variant: statistics.median(theirs[variant]))
    ratios = [a["images_per_second"] / b for a, b in zip(mine, theirs[best])]
    flops = statistics.median(it["flops_per_second"] for it in mine)
    peak = statistics.median(it["peak_flops_per_second"] for it in mine)
    return {
        "ours": f"{statistics.median(it['images_per_second'] for it in mine):.1f}",
        "pytorch": f"{statistics.median(theirs[best]):.1f}",
        "ratio": f"{statistics.median(ratios):.3f}", "lowest": f"{min(ratios):.3f}", "highest": f"{max(ratios):.3f}",
        "unit": "images/s", "pytorch_variant": best, "gflops": f"{flops / 1e9:.1f}", "peak_share": f"{flops / peak:.3f}",
    }


def memory(options, text, path, batch):
    """Growth of resident memory by training steps: ours, and the least of PyTorch's."""
    mine = ours(options, text, "train", batch, 0)["memory_bytes"]
    environment = {key: value for key, value in os.environ.items() if key not in ALLOCATOR}

    def child(variant):
        command = [sys.executable, __file__, "--runner", options.runner, "--threads", str(options.threads)]
        command += ["--child", json.dumps([str(path), batch, variant])]
        return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)

    theirs = {variant: child(variant) for variant in ["eager", "channels last"]}
    best = min(theirs, key=theirs.get)
    ratio = f"{theirs[best] / mine:.3f}"
    return {
        "ours": mine, "pytorch": theirs[best], "ratio": ratio, "lowest": ratio, "highest": ratio,
        "unit": "bytes", "pytorch_variant": best, "gflops": "", "peak_share": "",
    }


def memory_child(options):
    """Prints by how much two training steps in PyTorch raise the resident memory of a process."""
    path, batch, variant = json.loads(options.child)
    import torch
    import torch_network  # noqa: F401

    def resident(key):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))

    nn, images = torch.nn, torch.randn(2, 1, 8, 8)
    small = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 2))
    optimizer = torch.optim.SGD(small.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True)
    torch.nn.functional.cross_entropy(small(images), torch.tensor([0, 1])).backward()
    optimizer.step()
    before = resident("VmRSS")
    network = Torch(path, "train", batch, variant, options.threads)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak so far is forgotten
    network.once()
    network.once()
    print(resident("VmHWM") - before)


def read(path):
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    """Writes the rows in the usual order, whole or not at all."""
    order = [it["name"] for it in NETWORKS]
    place = lambda row: order.index(row["network"]) if row["network"] in order else len(order)
    part = path.with_name(path.name + ".part")
    with open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(sorted(rows, key=place))
    os.replace(part, path)


def main():
    options = arguments()
    if options.child:
        return memory_child(options)
    if any(os.environ.get(key) != value for key, value in ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})
    path = pathlib.Path(options.csv)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, failed, start = read(path), 0, time.perf_counter()
    print(f"{'network':<22} {'mode':<10} {'batch':>5} {'ours':>11} {'PyTorch':>11} {'ratio':>6} {'from':>6} {'to':>6}  best of PyTorch")
    for name, text, train, inference in chosen(options):
        exported = path.parent / "network.onnx"
        subprocess.run([options.runner, "export", text[0], str(exported), *text[1:]], check=True, stdout=subprocess.DEVNULL)
        for mode, batch in [("train", it) for it in train] + [("inference", it) for it in inference] + [("memory", it) for it in train]:
            if mode not in options.modes.split(","):
                continue
            key = [name, mode, str(batch), str(options.threads)]
            same = [row for row in rows if [row[field] for field in KEY] == key]
            if options.resume and same:
                continue
            try:
                found = memory(options, text, exported, batch) if mode == "memory" else speed(options, text, exported, mode, batch)
            except Exception as error:
                print(f"bench-peers: {name}, {mode}: {error!r}", file=sys.stderr)
                failed += 1
                continue
            row = {**dict(zip(KEY, key)), **found}
            rows = [it for it in rows if it not in same] + [row]
            write(path, rows)
            numbers = [f"{float(row[field]):>{width}.0f}" for field, width in [("ours", 11), ("pytorch", 11)]]
            numbers += [f"{float(row[field]):>6.2f}" for field in ["ratio", "lowest", "highest"]]
            print(f"{name:<22} {mode:<10} {batch:>5} {' '.join(numbers)}  {row['pytorch_variant']}", flush=True)
        exported.unlink()
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
