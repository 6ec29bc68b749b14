"""Sounds of one second in which each of six kinds is there or not, and tables of which are: called by scripts/make-audio-set."""

import array
import csv
import math
import pathlib
import random
import sys
import wave

RATE = 16000


def tone(draw, low, high):
    """A steady tone with two overtones."""
    pitch, phase = draw.uniform(low, high), draw.uniform(0, 2 * math.pi)
    step = 2 * math.pi * pitch / RATE
    return lambda at: sum(math.sin(k * (step * at + phase)) / k for k in (1, 2, 3))


def chirp(draw, first, last):
    """A tone whose pitch moves from one frequency to another."""
    first, last = first * draw.uniform(0.9, 1.1), last * draw.uniform(0.9, 1.1)
    return lambda at: math.sin(2 * math.pi * at / RATE * (first + (last - first) * at / (2 * RATE)))


def noise(draw, pitch):
    """Noise in a band around a frequency, by a resonator of two poles."""
    radius, angle = 0.95, 2 * math.pi * pitch / RATE
    state = [0.0, 0.0]

    def sample(_):
        value = 0.1 * draw.gauss(0, 1) + 2 * radius * math.cos(angle) * state[0] - radius**2 * state[1]
        state[1], state[0] = state[0], value
        return value

    return sample


KINDS = {
    "Low_tone": lambda draw: tone(draw, 150, 400),
    "High_tone": lambda draw: tone(draw, 1000, 2000),
    "Rising_chirp": lambda draw: chirp(draw, 500, 4000),
    "Falling_chirp": lambda draw: chirp(draw, 4000, 500),
    "Low_noise": lambda draw: noise(draw, 800),
    "High_noise": lambda draw: noise(draw, 5000),
}


def write_sound(path, labels, draw):
    parts = [KINDS[label](draw) for label in labels] + [lambda _: draw.gauss(0, 0.05)]
    loudness = [draw.uniform(0.3, 1.0) for _ in parts]
    values = [sum(a * part(at) for a, part in zip(loudness, parts)) for at in range(RATE)]
    scale = 30000 / max(1.0, *map(abs, values))
    samples = array.array("h", (int(scale * value) for value in values))
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 480
    counts = {"train": count, "test": count // 4}
    for part, count in counts.items():
        (folder / part).mkdir(parents=True)
        with open(folder / f"{part}.csv", "w", newline="") as table:
            rows = csv.writer(table)
            rows.writerow(["fname", "labels"])
            for number in range(count):
                draw = random.Random(f"{part} {number}")
                labels = [kind for kind in KINDS if draw.random() < 0.35]
                write_sound(folder / part / f"{number}.wav", labels, draw)
                rows.writerow([number, ",".join(labels)])
    train, test = counts["train"], counts["test"]
    size = f"classes: {len(KINDS)}, train: {train - train // 6}, validation: {train // 6}, test: {test}"
    print(f"""Made {train} training and {test} test sounds. To train on them:

    cargo run -p runner -- experiments/audio.yaml --data-dir {folder} --results {folder}/results \\
        --set 'dataset={{ wav-folder: {{ labels: several, {size} }} }}'""")


main()
