"""`snitch rotate`: the bot's token is changed before it ends, and never lost."""

from __future__ import annotations

import stat
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import secret_file
from bot.cli import app
from bot.errors import SetupError
from tests.gitlab.faults import DoneThen
from tests.gitlab.server import GitLab
from tests.stories.engine import environment


@pytest.fixture
def rotate(gitlab: GitLab, tmp_path: Path):  # type: ignore[no-untyped-def]
    bot = gitlab.add_user("snitch", bot=True)
    file = tmp_path / "secrets" / "gitlab-token"
    file.parent.mkdir()
    file.write_text(bot.token + "\n")
    file.chmod(0o600)
    gitlab.state.tokens[bot.token].expires_at = date.today() + timedelta(12)

    def run(*words: str, code: int = 0, **settings: str) -> str:
        env = environment(gitlab, bot, tmp_path / "state")
        del env["SNITCH_GITLAB_TOKEN"]
        env |= {"SNITCH_GITLAB_TOKEN_FILE": str(file), "HOME": str(tmp_path), **settings}
        ran = CliRunner(env=env).invoke(app, ["rotate", *words], prog_name="snitch", catch_exceptions=False)
        assert ran.exit_code == code, ran.output
        assert "glpat-" not in ran.output
        return ran.output

    run.file = file  # type: ignore[attr-defined]
    run.bot = bot  # type: ignore[attr-defined]
    return run


def test_a_token_that_ends_soon_is_changed_in_its_file_and_one_that_does_not_is_left(gitlab: GitLab, rotate) -> None:  # type: ignore[no-untyped-def]
    before = rotate.file.read_text()
    assert "in 12 days: it is left" in rotate("--within", "10")
    assert rotate.file.read_text() == before
    assert "The old one is dead." in rotate()
    token = gitlab.state.tokens[rotate.file.read_text().strip()]
    assert token.user is rotate.bot and token.expires_at == date.today() + timedelta(90)
    assert gitlab.state.tokens[before.strip()].revoked and stat.S_IMODE(rotate.file.stat().st_mode) == 0o600
    assert "in 90 days: it is left" in rotate()
    assert [path.name for path in rotate.file.parent.iterdir()] == ["gitlab-token"]


def test_nothing_is_asked_where_the_new_one_could_not_be_kept(gitlab: GitLab, rotate) -> None:  # type: ignore[no-untyped-def]
    own = {"SNITCH_GITLAB_TOKEN": rotate.bot.token, "SNITCH_GITLAB_TOKEN_FILE": ""}
    assert "give it as SNITCH_GITLAB_TOKEN_FILE" in rotate(code=2, **own)
    assert not gitlab.state.tokens[rotate.bot.token].revoked
    assert not [one for one in gitlab.calls if one.method == "POST"]


def test_where_it_can_not_be_written_after_all_it_lies_beside_the_state(
    gitlab: GitLab,
    rotate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    write, writes = secret_file.write, []

    def fails_the_second_time(path: Path, text: str) -> None:
        writes.append(path)
        if len(writes) == 2:
            raise SetupError(f"{path} can't be written: No space left on device")
        write(path, text)

    monkeypatch.setattr(secret_file, "write", fails_the_second_time)
    assert "The new token stands in" in rotate(code=2)
    kept = (tmp_path / "state" / "gitlab-token.new").read_text().strip()
    assert not gitlab.state.tokens[kept].revoked


def test_an_answer_that_is_lost_is_not_asked_for_again(gitlab: GitLab, rotate) -> None:  # type: ignore[no-untyped-def]
    gitlab.fail("POST", "rotate", DoneThen(502))
    assert "Do not repeat this before" in rotate(code=3)
    assert len([one for one in gitlab.calls if one.method == "POST"]) == 1
