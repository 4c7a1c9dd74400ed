"""The model: tells great texts from others by their words.

It is a small working example to start from. What the other files need of it are `Model` and `read_examples`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier

LABELS = ("other", "great")
FEATURES = 2**12
WEIGHTS_FILE = "weights.npz"
PASSES = 5


class Model:
    """A linear classifier over hashed words. Its weights are two arrays: no code is run to load them."""

    def __init__(self) -> None:
        self._words = HashingVectorizer(n_features=FEATURES, alternate_sign=False)
        self._classifier = SGDClassifier(loss="log_loss", random_state=0)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        """Learns from examples, on top of what it knows already."""
        known = self._words.transform(texts)
        for _ in range(PASSES):
            self._classifier.partial_fit(known, labels, classes=sorted(LABELS))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """A label for each text."""
        return [str(label) for label in self._classifier.predict(self._words.transform(texts))]

    def save(self, folder: Path) -> None:
        """Writes the weights into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / WEIGHTS_FILE, coef=self._classifier.coef_, intercept=self._classifier.intercept_)

    @classmethod
    def restore(cls, folder: Path) -> Model:
        """A model with the weights of a folder."""
        model = cls()
        with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as weights:
            # One example gives the classifier its shape; the weights then take the place of what it learnt.
            model.fit([""], [LABELS[0]])
            model._classifier.coef_ = weights["coef"]
            model._classifier.intercept_ = weights["intercept"]
        return model


def read_examples(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a CSV file with the columns `text` and `label`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no examples")
    unknown = {row["label"] for row in rows} - set(LABELS)
    if unknown:
        raise ValueError(f"{path} has labels that are none: {', '.join(sorted(unknown))}")
    return [row["text"] for row in rows], [row["label"] for row in rows]
