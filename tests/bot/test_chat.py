"""What is said to a chat, and how often, when its server is in trouble. The address is a secret."""

from __future__ import annotations

import pytest

from bot.chat import Chat
from bot.errors import RateLimited, Refused, SetupError, SnitchError, Unreachable
from bot.settings import Settings
from tests.stories.fleet import chat_server

SECRET = "the-secret-of-the-chat"
NEEDED = {"SNITCH_GITLAB_URL": "https://gl.example.com", "SNITCH_GITLAB_TOKEN": "t"}


@pytest.mark.parametrize(
    ("answers", "sent", "kind"),
    [
        ([200], 1, None),
        ([503, 429, 200], 3, None),
        ([500, 500, 500, 500], 3, Unreachable),
        ([429, 429, 429], 3, RateLimited),
        ([302], 1, Refused),
        ([404], 1, Refused),
    ],
)
def test_it_is_tried_again_where_it_was_surely_not_taken(
    answers: list[int], sent: int, kind: type[SnitchError] | None
) -> None:
    waits: list[float] = []
    with chat_server() as server:
        server.answers = list(answers)
        chat = Chat(lambda: server.url, waits.append)
        if kind is None:
            chat.say("hello")
        else:
            with pytest.raises(kind) as caught:
                chat.say("hello")
            assert SECRET not in repr(caught.value) + str(caught.getrepr())
        assert len(server.said) == sent and server.said[0]["text"] == "hello" and len(waits) == sent - 1


@pytest.mark.parametrize("url", [f"http://127.0.0.1:9/{SECRET}", f"http://[::1/{SECRET}", f"nothing://{SECRET}"])
def test_no_error_names_the_address(url: str) -> None:
    with pytest.raises(SnitchError) as caught:
        Chat(lambda: url, lambda _: None).say("hello")
    assert SECRET not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize("start", ["http://chat.example.com/", "", "https:///", "https://a b/"])
def test_an_address_that_is_none_or_not_https_is_told_without_it(start: str) -> None:
    with pytest.raises(SetupError) as caught:
        Settings.read({**NEEDED, "SNITCH_DIGEST_URL": f"{start}{SECRET}"}, serving=False)
    assert "SNITCH_DIGEST_URL must" in str(caught.value) and SECRET not in str(caught.value)


def test_a_chat_on_this_machine_needs_no_https() -> None:
    read = Settings.read({**NEEDED, "SNITCH_DIGEST_URL": "http://localhost:8065/hooks/x"}, serving=False)
    assert read.digest_url is not None and read.digest_url.reveal() in read.every_secret()
