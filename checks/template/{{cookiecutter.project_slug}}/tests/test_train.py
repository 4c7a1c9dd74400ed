from pathlib import Path

import pytest

import train
from model import WEIGHTS_FILE


def test_it_writes_weights_and_tells_how_good_they_are(
    dataset: Path, evaluation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.main(["--dataset", str(dataset), "--evaluation", str(evaluation), "--weights", str(tmp_path)])
    assert (tmp_path / WEIGHTS_FILE).is_file()
    assert float(capsys.readouterr().out.removeprefix("accuracy ")) > 0.9


def test_it_goes_on_from_given_weights(dataset: Path, weights: Path, tmp_path: Path) -> None:
    train.train(dataset, tmp_path, start=weights)
    assert (tmp_path / WEIGHTS_FILE).read_bytes() != (weights / WEIGHTS_FILE).read_bytes()
