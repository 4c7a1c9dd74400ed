"""What every test may ask for."""

from pathlib import Path

import pytest

import sample_data
import train


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset to learn from."""
    path = tmp_path_factory.mktemp("datasets") / "train.csv"
    sample_data.write(path, count=400, seed=1)
    return path


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of other examples."""
    path = tmp_path_factory.mktemp("datasets") / "eval.csv"
    sample_data.write(path, count=100, seed=2)
    return path


@pytest.fixture(scope="session")
def weights(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with trained weights."""
    folder = tmp_path_factory.mktemp("weights")
    train.train(dataset, folder)
    return folder
