"""Makes small datasets to start with, until there are real ones in S3: python sample_data.py"""

from __future__ import annotations

import csv
import random
from pathlib import Path

GREAT = ("insight", "careful", "measured", "lucid", "original", "surprising", "evidence", "elegant")
OTHER = ("click", "shocking", "buy", "cheap", "trick", "hurry", "subscribe", "amazing")
COMMON = ("the", "a", "post", "about", "cats", "data", "today", "our", "with", "and")


def write(path: Path, count: int, seed: int) -> None:
    """Writes a CSV file of made-up texts, half of them great; the same seed gives the same file."""
    chance = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(count):
            label, telling = (("great", GREAT), ("other", OTHER))[number % 2]
            words = chance.choices(telling, k=3) + chance.choices(COMMON, k=7)
            chance.shuffle(words)
            rows.writerow([" ".join(words), label])


if __name__ == "__main__":
    write(Path("datasets/train.csv"), count=1000, seed=1)
    write(Path("datasets/eval.csv"), count=200, seed=2)
