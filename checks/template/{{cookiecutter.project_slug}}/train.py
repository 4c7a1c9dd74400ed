"""Trains new weights; the Experimentation Pipeline runs it.

python train.py --dataset datasets/train.csv --evaluation datasets/eval.csv --weights weights [--start weights]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from evaluate import accuracy
from model import Model, read_examples


def train(dataset: Path, weights: Path, start: Path | None = None) -> Model:
    """Trains on a dataset, from given weights or from scratch, and writes the new weights."""
    model = Model.restore(start) if start is not None else Model()
    model.fit(*read_examples(dataset))
    model.save(weights)
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains new weights.")
    parser.add_argument("--dataset", type=Path, default=Path("datasets/train.csv"))
    parser.add_argument("--evaluation", type=Path, default=Path("datasets/eval.csv"))
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="the folder that they are written to")
    parser.add_argument("--start", type=Path, help="a folder with weights to fine-tune from")
    asked = parser.parse_args(arguments)
    model = train(asked.dataset, asked.weights, asked.start)
    print(f"accuracy {accuracy(model, asked.evaluation):.3f}")


if __name__ == "__main__":
    main()
