"""`/snitch check`, `explain`, `help`, and what is none of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.model_project import SERVE, UNTRACED
from tests.stories.story import Story


def test_check_by_anybody_looks_again_and_says_what_it_saw(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    note = story.say("/snitch check", by=story.guest)
    assert story.emojis(note) == ["eyes", "white_check_mark"]
    assert f"`{story.head[:12]}`" in story.reply(note) and "1 finding in this change" in story.reply(note)
    assert len(story.threads()) == 1


def test_check_says_why_rules_were_skipped(story: Story) -> None:
    story.opened({"serve.py": "def broken(:\n"})
    note = story.say("/snitch check")
    assert "**10.patch** see" in story.reply(note)


def test_check_says_why_snitch_said_nothing(story: Story) -> None:
    paths = ["serve.py", ".gitlab-ci.yml", "model.py", "train.py", "evaluate.py", "README.md", "openapi.yaml"]
    story.gitlab.push(story.project, "main", by=story.maintainer, delete=[*paths, "requirements.txt"])
    story.opened({"docs/notes.md": "No model.\n"})
    assert story.notes() == [] and story.status() is None
    note = story.say("/snitch check")
    assert "nothing to judge here" in story.reply(note)


def test_explain_is_the_text_of_the_standard(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch explain 10", by=story.guest)
    assert story.reply(note).startswith("### 10 · Tracing")
    assert "**10.patch**" in story.reply(note)
    assert story.emojis(note) == ["eyes", "white_check_mark"]


def test_explain_of_what_does_not_exist_names_the_nearest(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch explain 10.pacth")
    assert "`10.patch`" in story.reply(note)
    assert story.emojis(note) == ["eyes", "x"]


def test_help_lists_the_commands(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch help")
    for command in ("fix", "check", "explain"):
        assert f"`/snitch {command}" in story.reply(note)
    assert story.say("/snitch") and story.replies(note)


def test_a_typo_is_answered_with_the_nearest_command(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch fxi")
    assert "`/snitch fix`" in story.reply(note)
    assert story.emojis(note) == ["eyes", "x"]


def test_a_hostile_typo_is_shown_as_code_alone(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch <b>`@maintainer` ![x](https://example.com/x.png)")
    reply = story.reply(note)
    assert "@maintainer" in reply and "\n/" not in reply
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").render(reply)
    assert "<img" not in html and "<b>" not in html
    assert "@maintainer" not in "".join(part.split("</code>")[-1] for part in html.split("<code>"))


@pytest.mark.parametrize("text", ["Thanks, snitch!", "/snitchy fix", "see /snitch fix"])
def test_what_is_no_command_is_not_answered(story: Story, text: str) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    story.gitlab.reset_calls()
    story.gitlab.comment(story.request, story.author, text)
    story.work()
    assert story.calls() == []


def test_an_approval_is_no_command_and_says_nothing_by_itself(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    story.gitlab.reset_calls()
    story.gitlab.comment(story.request, story.author, "/approve")
    story.work()
    assert story.writes() == []


def test_an_answer_to_a_plain_comment_is_a_plain_comment(story: Story) -> None:
    """A reply would make a thread of it, which can block the merge."""
    story.opened({"docs/notes.md": "Fine.\n"})
    note = story.say("/snitch help")
    assert note.discussion.individual and story.replies(note)[0].discussion.individual


def test_an_answer_in_a_persons_thread_stands_in_it(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    first = story.gitlab.start_thread(story.request, story.author, "What is standard 10?")
    note = story.say("/snitch explain 10", reply_to=first.discussion)
    assert story.replies(note)[0].discussion is first.discussion


def test_the_bots_own_notes_are_not_obeyed(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    before = len(story.notes())
    note = story.say("/snitch help", by=story.bot)
    assert len(story.notes()) == before + 1
    story.gitlab.mails.clear()
    story.gitlab.delete_note(note)


def test_an_internal_note_is_not_answered(story: Story) -> None:
    from tests.gitlab import notes

    story.opened({"docs/notes.md": "Fine.\n"})
    with story.gitlab.state.lock:
        made = notes.create(
            story.gitlab.state, story.request, story.maintainer, notes.Text("/snitch help", internal=True)
        )
    story.work()
    assert story.replies(made) == []  # type: ignore[arg-type]


def test_a_command_in_a_comment_with_crlf_is_obeyed(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.say("Please\r\n\r\n/snitch fix\r\n")
    assert story.status() == "success"


def test_a_command_before_any_review_is_obeyed(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    note = story.comment("/snitch fix")
    story.work()
    assert story.status() == "success" and story.reply(note)


def test_check_after_a_person_mended_resolves_as_a_push_does(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.push({"serve.py": SERVE})
    story.gitlab.courier.queue.clear()  # the push's delivery is lost
    story.say("/snitch check")
    assert story.open_threads() == [] and story.status() == "success"


def test_what_is_written_wrongly_is_answered_with_its_form(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    note = story.say("/snitch waive 10.patch")
    assert "`/snitch waive 10.patch until 2027-01-31 the reason`" in story.reply(note)


@pytest.mark.parametrize(("typed", "meant"), [("udno", "undo"), ("wiave 10", "waive"), ("Wrogn 10.patch x", "wrong")])
def test_a_typing_error_is_answered_with_the_nearest_command(story: Story, typed: str, meant: str) -> None:
    story.opened({"serve.py": UNTRACED})
    note = story.say(f"/snitch {typed}")
    assert f"Did you mean `/snitch {meant}`?" in story.reply(note) and story.emojis(note) == ["eyes", "x"]


def test_after_sixty_commands_in_an_hour_one_sentence_is_said_once(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    for _ in range(6):
        story.say("\n".join(f"/snitch explain {number}" for number in range(1, 11)), by=story.developer)
    over = [story.say("/snitch fix", by=story.developer) for _ in range(3)]
    assert "60 commands within the hour" in story.reply(over[0])
    assert [story.replies(note) + story.emojis(note) for note in over[1:]] == [[], []]
    assert [commit.author_name for commit in story.commits()] == ["Author"]
    assert "Done" in story.reply(story.say("/snitch fix", by=story.author)), "others are served"


def test_an_hour_later_commands_are_obeyed_again(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    for _ in range(7):
        story.say("\n".join(f"/snitch explain {number}" for number in range(1, 11)), by=story.developer)
    world = story.engine.world  # type: ignore[attr-defined]
    world.clock = lambda: datetime.now(UTC) + timedelta(hours=1, seconds=1)
    assert "Done" in story.reply(story.say("/snitch fix", by=story.developer))
