from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bot.errors import SetupError
from bot.settings import Secret, Settings

REQUIRED = {
    "SNITCH_GITLAB_URL": "https://gitlab.example.com/",
    "SNITCH_GITLAB_TOKEN": "glpat-one",
    "SNITCH_WEBHOOK_SECRET": "s3cret",
    "HOME": "/home/ada",
}
SIGNING = "whsec_" + base64.b64encode(bytes(32)).decode()


def problems_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SetupError) as caught:
        Settings.read(environ)
    return str(caught.value).split("\n")


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.read(REQUIRED)
    assert settings.gitlab_url == "https://gitlab.example.com"
    assert settings.state_dir == Path("/home/ada/.local/state/snitch")
    assert settings.database_url.reveal() == "sqlite:////home/ada/.local/state/snitch/snitch.db"
    assert (settings.mode, settings.pages, settings.listen) == ("active", "private", ("127.0.0.1", 8080))
    assert (settings.sweep_cron, settings.retention_days) == ("0 2 * * *", 400)
    assert (settings.policy, settings.groups, settings.public_url, settings.log_format) == (None, (), None, None)
    assert settings.concurrency % 2 == 0


def test_the_environment_is_read() -> None:
    settings = Settings.read(
        REQUIRED
        | {
            "SNITCH_STATE_DIR": "~/state",
            "SNITCH_DATABASE_URL": "postgresql://u:p@db/snitch",
            "SNITCH_MODE": "silent",
            "SNITCH_GROUPS": "models, more/models,",
            "SNITCH_SWEEP_CRON": "",
            "SNITCH_LISTEN": "[::1]:80",
            "SNITCH_CONCURRENCY": "7",
            "SNITCH_LOG_LEVEL": "DEBUG",
            "SNITCH_LOG_FORMAT": "console",
            "SNITCH_PUBLIC_URL": "https://snitch.example.com/x/",
            "SNITCH_ADMIN_TOKEN": "a",
        }
    )
    assert settings.state_dir == Path("/home/ada/state")
    assert settings.database_url == Secret("postgresql://u:p@db/snitch")
    assert (settings.mode, settings.groups, settings.sweep_cron) == ("silent", ("models", "more/models"), "")
    assert (settings.listen, settings.concurrency) == (("::1", 80), 7)
    assert (settings.log_level, settings.log_format) == ("debug", "console")
    assert (settings.public_url, settings.admin_token) == ("https://snitch.example.com/x", Secret("a"))


def test_several_secrets_and_signing_tokens_are_for_rotation() -> None:
    environ = REQUIRED | {"SNITCH_WEBHOOK_SECRET": "old,new", "SNITCH_WEBHOOK_SIGNING_TOKEN": SIGNING}
    secrets = Settings.read(environ).secrets
    assert secrets.tokens == ("old", "new")
    assert secrets.keys == (bytes(32),)


def test_a_signing_token_alone_is_enough() -> None:
    environ = REQUIRED | {"SNITCH_WEBHOOK_SECRET": "", "SNITCH_WEBHOOK_SIGNING_TOKEN": SIGNING}
    assert Settings.read(environ).secrets.tokens == ()


def test_everything_that_is_wrong_is_said_at_once_and_no_secret_with_it() -> None:
    problems = problems_of(
        {
            "SNITCH_GITLAB_URL": "gitlab.example.com",
            "SNITCH_WEBHOOK_SIGNING_TOKEN": "whsec_hush",
            "SNITCH_DATABASE_URL": "mysql://u:hush@db",
            "SNITCH_MODE": "loud",
            "SNITCH_STATE_DIR": "here",
            "SNITCH_LISTEN": "8080",
            "SNITCH_CONCURRENCY": "0",
            "SNITCH_REGISTRY_AUTH": '{"auths": {"registry.example.com": {"auth": "hush"}}}',
            "SNITCH_SWEEP_CRON": "daily",
            "SNITCH_ADMIN_TOKEN_FILE": "/nowhere/at/all",
        }
    )
    assert problems == [
        "SNITCH_ADMIN_TOKEN_FILE: /nowhere/at/all can't be read: No such file or directory.",
        "SNITCH_STATE_DIR must be an absolute path.",
        "SNITCH_GITLAB_URL must be an address such as https://gitlab.example.com.",
        "SNITCH_GITLAB_TOKEN is required.",
        "SNITCH_WEBHOOK_SIGNING_TOKEN must hold 24 to 64 bytes after whsec_.",
        "SNITCH_DATABASE_URL must start with postgresql:// or sqlite:///.",
        "SNITCH_MODE must be one of: active, silent, off.",
        "SNITCH_SWEEP_CRON must be five fields of cron, or empty for never.",
        "SNITCH_LISTEN must be host:port.",
        "SNITCH_CONCURRENCY must be a whole number, 1 or more.",
        "SNITCH_REGISTRY_AUTH has an auth for registry.example.com that is not name:password in base64.",
        "SNITCH_WEBHOOK_SECRET (or SNITCH_WEBHOOK_SIGNING_TOKEN) is required.",
    ]
    assert not [line for line in problems if "hush" in line]


@pytest.mark.parametrize(
    "url", ["ftp://a", "https://", "https://u:hush@a", "https://a?x=1", "https://a#b", "https://[", "//a"]
)
def test_an_address_is_plain(url: str) -> None:
    (problem,) = problems_of(REQUIRED | {"SNITCH_GITLAB_URL": url})
    assert problem.startswith("SNITCH_GITLAB_URL ")
    assert "hush" not in problem


def test_no_webhook_secret_is_asked_for_where_nothing_is_served() -> None:
    environ = {name: value for name, value in REQUIRED.items() if name != "SNITCH_WEBHOOK_SECRET"}
    assert Settings.read(environ, serving=False).webhook_secrets == ()


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("glpat-two\n")
    environ = {name: value for name, value in REQUIRED.items() if name != "SNITCH_GITLAB_TOKEN"}
    settings = Settings.read(environ | {"SNITCH_GITLAB_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.gitlab_token == Secret("glpat-two")
    (problem,) = problems_of(REQUIRED | {"SNITCH_GITLAB_TOKEN_FILE": str(tmp_path / "token")})
    assert problem == "SNITCH_GITLAB_TOKEN and SNITCH_GITLAB_TOKEN_FILE are both set."


def test_a_file_says_what_the_environment_does_not(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("glpat-two\n")
    config = tmp_path / "snitch.yml"
    config.write_text(
        f"gitlab_url: https://other.example.com\ngitlab_token_file: {tmp_path}/token\nmode: off\n"
        "groups: [models, more]\nconcurrency: 3\nwebhook_secret:\n  - one\n  - two\n"
    )
    environ = {"SNITCH_CONFIG": str(config), "SNITCH_CONCURRENCY": "4", "HOME": "/home/ada"}
    settings = Settings.read(environ)
    assert (settings.gitlab_url, settings.gitlab_token) == ("https://other.example.com", Secret("glpat-two"))
    assert (settings.mode, settings.groups, settings.concurrency) == ("off", ("models", "more"), 4)
    assert settings.webhook_secrets == (Secret("one"), Secret("two"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gitlab_ulr: x", "names an unknown setting: gitlab_ulr."),
        ("- a", "is not a mapping of names to values."),
        ("a: [", "can't be read: "),
        ("a: !!python/object/apply:os.system [x]", "names an unknown setting: a."),
    ],
)
def test_a_wrong_file_is_said_to_be_so(tmp_path: Path, text: str, problem: str) -> None:
    config = tmp_path / "snitch.yml"
    config.write_text(text)
    assert any(problem in line for line in problems_of(REQUIRED | {"SNITCH_CONFIG": str(config)}))


def test_a_secret_never_shows_itself_by_accident() -> None:
    settings = Settings.read(REQUIRED | {"SNITCH_DATABASE_URL": "postgresql://u:hush@db/snitch"})
    shown = f"{settings} {settings!r} {settings.gitlab_token} {settings.webhook_secrets}"
    assert not [secret for secret in ("glpat-one", "s3cret", "hush") if secret in shown]
    assert settings.every_secret() == {"glpat-one", "s3cret", "hush"}


def test_every_password_of_a_registry_is_a_secret() -> None:
    logins = '{"auths": {"registry.example.com": {"username": "u", "password": "sesame"}}}'
    settings = Settings.read(REQUIRED | {"SNITCH_REGISTRY_AUTH": logins})
    assert {logins, "sesame"} <= settings.every_secret() and "sesame" not in repr(settings)
    assert settings.logins.login("registry.example.com") is not None


def test_half_of_signing_in_is_said_to_be_so() -> None:
    own = {
        "SNITCH_OAUTH_CLIENT_ID": "id",
        "SNITCH_OAUTH_CLIENT_SECRET": "hush",
        "SNITCH_PUBLIC_URL": "https://s.example",
    }
    assert Settings.read(REQUIRED | own).oauth_client_id == "id"
    for name in own:
        (problem,) = problems_of(REQUIRED | {key: value for key, value in own.items() if key != name})
        assert name in problem and "hush" not in problem
    (problem,) = problems_of(REQUIRED | own | {"SNITCH_PUBLIC_URL": "https://s.example/snitch/"})
    assert "without a path" in problem
    (problem,) = problems_of(REQUIRED | {"SNITCH_PAGES": "open"})
    assert problem == "SNITCH_PAGES must be one of: private, public."
