import json
from pathlib import Path

import pytest

import evaluate


def test_the_metrics_of_weights(weights: Path, evaluation: Path) -> None:
    assert evaluate.evaluate(weights, evaluation)["accuracy"] > 0.9


def test_they_are_printed_or_written(
    weights: Path, evaluation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--weights", str(weights), "--dataset", str(evaluation)]
    evaluate.main(asked)
    evaluate.main([*asked, "--output", str(tmp_path / "metrics.json")])
    assert json.loads((tmp_path / "metrics.json").read_text()) == json.loads(capsys.readouterr().out)
