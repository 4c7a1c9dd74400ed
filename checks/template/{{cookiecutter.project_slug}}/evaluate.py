"""Evaluates weights on a dataset; the Experimentation Pipeline runs it.

python evaluate.py --dataset datasets/eval.csv --weights weights [--output metrics.json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from model import Model, read_examples


def accuracy(model: Model, dataset: Path) -> float:
    """The share of examples that the model labels as the dataset does."""
    texts, labels = read_examples(dataset)
    return sum(map(str.__eq__, model.predict(texts), labels)) / len(labels)


def evaluate(weights: Path, dataset: Path) -> dict[str, float]:
    """The metrics of weights, by name."""
    return {"accuracy": accuracy(Model.restore(weights), dataset)}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Evaluates weights.")
    parser.add_argument("--dataset", type=Path, default=Path("datasets/eval.csv"))
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="the folder that holds them")
    parser.add_argument("--output", type=Path, help="a JSON file for the metrics; without it they are printed")
    asked = parser.parse_args(arguments)
    metrics = json.dumps(evaluate(asked.weights, asked.dataset))
    if asked.output is None:
        print(metrics)
    else:
        asked.output.write_text(metrics + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
