"""Writes resized.json and log-mel.json: what Pillow and librosa make of pictures and sounds that a formula gives.

Run by hand in this folder: pip install pillow==13.0.0 librosa==0.11.0, then python expected.py.
"""

import json

import librosa
import numpy as np
from PIL import Image


def picture(height, width):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((7 * x + 13 * y + 50 * c + x * y + x * x // 3) % 256).astype(np.uint8)


def resized():
    cases = []
    for height, width, box, size in [
        (40, 30, (0, 0, 30, 40), (7, 9)),
        (40, 30, (3, 5, 21, 33), (8, 8)),
        (17, 23, (1.5, 0.25, 22.5, 16.75), (5, 6)),
        (5, 4, (0, 0, 4, 5), (9, 11)),
        (6, 50, (10, 1, 14, 5), (4, 4)),
    ]:
        image = Image.fromarray(picture(height, width)).resize(size, Image.Resampling.BILINEAR, box=box)
        left, top, right, bottom = box
        cases.append({
            "picture": [height, width],
            "window": [top, left, bottom - top, right - left],
            "size": [size[1], size[0]],
            "pixels": np.asarray(image).flatten().tolist(),
        })
    return cases


def log_mel():
    at = np.arange(1520, dtype=np.int64)
    samples = ((at * at * 37 + at * 101) % 20001 - 10000) / 32768
    # librosa puts a window of 400 into the middle of 512 samples.
    padded = np.pad(samples.astype(np.float32), 56)
    mel = librosa.feature.melspectrogram(
        y=padded, sr=16000, n_fft=512, win_length=400, hop_length=160, center=False, power=1.0,
        n_mels=64, fmin=125, fmax=7500, htk=True, norm=None,
    )
    return np.log(mel + 0.01).T.astype(float).round(5).tolist()


for name, content in [("resized.json", resized()), ("log-mel.json", log_mel())]:
    with open(name, "w") as file:
        json.dump(content, file, separators=(",", ":"))
        file.write("\n")
