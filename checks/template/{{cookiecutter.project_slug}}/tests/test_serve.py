import asyncio
from pathlib import Path
from typing import Any

import pytest
from kserve.errors import InvalidInput

from serve import Server


@pytest.fixture
def server(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("MODEL_DIR", str(weights))
    server = Server("{{ cookiecutter.project_slug }}")
    server.load()
    return server


def ask(server: Server, payload: Any) -> Any:
    """What kserve answers: the body of the response; the other part is its headers."""
    return asyncio.run(server(payload, {}))[0]


def test_it_labels_each_text_in_order(server: Server) -> None:
    assert server.ready
    texts = ["a lucid post with careful evidence", "click and buy, hurry"]
    assert ask(server, {"instances": texts}) == {"predictions": ["great", "other"]}


def test_no_text_has_no_label(server: Server) -> None:
    assert ask(server, {"instances": []}) == {"predictions": []}


@pytest.mark.parametrize("payload", [{}, {"instances": "a post"}, {"instances": [1]}])
def test_what_is_no_list_of_texts_is_refused(server: Server, payload: Any) -> None:
    with pytest.raises(InvalidInput):
        ask(server, payload)


def test_it_is_not_ready_before_it_has_weights() -> None:
    server = Server("{{ cookiecutter.project_slug }}")
    assert not server.ready
    with pytest.raises(RuntimeError):
        server.predict({"instances": ["a post"]})
