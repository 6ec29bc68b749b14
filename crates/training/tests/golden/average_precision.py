"""Writes average_precision.txt: `pip install scikit-learn==1.9.1`, then `python average_precision.py > average_precision.txt`.

A case is three lines: scores, 1 for each image of the class, and scikit-learn's average precision.
"""

import numpy
from sklearn.metrics import average_precision_score

random = numpy.random.default_rng(0)
for case in range(12):
    count = int(random.integers(1, 30))
    scores = random.normal(size=count).astype("float32")
    if case % 2:
        scores = numpy.round(scores)
    of_class = random.random(count) < 0.4
    of_class[random.integers(count)] = True
    print(*scores)
    print(*of_class.astype(int))
    print(average_precision_score(of_class, scores))
