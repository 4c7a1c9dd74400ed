"""A registry that does not answer holds up a sweep three times at most."""

from __future__ import annotations

import pytest

from bot.errors import Refused, Unreachable
from bot.images import LONGEST, SILENT, Asking, Silences
from bot.pace import Pace
from checks.published import REPOSITORIES, newest_image


def test_a_silent_registry_is_not_asked_again_and_others_are() -> None:
    silences, asked = Silences(), []

    def silent() -> str:
        asked.append(1)
        raise Unreachable("it gave no answer")

    for number in range(SILENT + 2):
        with pytest.raises((Unreachable, Refused)):
            Asking(Pace(0, 1), silences)(newest_image(f"down.example.com/models/{number}"), silent)
    assert len(asked) == SILENT
    assert Asking(Pace(0, 1), silences)(newest_image("up.example.com/models/a"), lambda: "image") == "image"


def test_all_images_of_a_project_have_their_time() -> None:
    now = [0.0]
    asking = Asking(Pace(0, 1), Silences(), lambda: now[0])
    assert asking(newest_image("r.example.com/a"), lambda: "one") == "one"
    now[0] = LONGEST + 1
    with pytest.raises(Refused, match="took longer"):
        asking(newest_image("r.example.com/b"), lambda: "two")
    assert asking(REPOSITORIES, lambda: ()) == ()
