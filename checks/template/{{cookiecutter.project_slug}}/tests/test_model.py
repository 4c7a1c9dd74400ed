from pathlib import Path

import pytest

from model import Model, read_examples


def test_it_tells_great_texts_from_others(weights: Path) -> None:
    model = Model.restore(weights)
    assert model.predict(["a lucid post with careful evidence", "click and buy, hurry"]) == ["great", "other"]


def test_what_was_saved_predicts_the_same(weights: Path, evaluation: Path, tmp_path: Path) -> None:
    texts, _ = read_examples(evaluation)
    model = Model.restore(weights)
    model.save(tmp_path)
    assert Model.restore(tmp_path).predict(texts) == model.predict(texts)


@pytest.mark.parametrize("content", ["text,label\n", "text,label\na post,good\n"])
def test_a_dataset_without_examples_or_with_unknown_labels_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(content)
    with pytest.raises(ValueError):
        read_examples(path)
