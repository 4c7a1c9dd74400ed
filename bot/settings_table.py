"""The settings as the README's table: what there is comes from `bot.settings`, what it means stands here. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Final

from bot.settings import NAMES, Settings

TEXTS: Final[Mapping[str, str]] = {
    "GITLAB_URL": "where GitLab is",
    "GITLAB_TOKEN": "of a bot user: scope `api`, Developer in the model projects",
    "WEBHOOK_SECRET": "one or several, comma-separated, so that it can be changed without a gap; webhooks get the last",
    "WEBHOOK_SIGNING_TOKEN": "`whsec_…`, one or several; a delivery older than five minutes is refused",
    "ADMIN_TOKEN": "of an Owner or Maintainer, with the scope `api`: for `snitch hooks`, `board` and `doctor`; a "
    "service that has it switches on again what GitLab switched off of its webhooks",
    "PUBLIC_URL": "where GitLab and people reach snitch: for webhooks, links in comments, and signing in",
    "GROUPS": "groups that are covered, comma-separated",
    "POLICY": "a file, an `https://` address, or `gitlab:group/project//path/snitch.yml@ref`",
    "MODE": "`silent`: everything but writing to GitLab; `off`: events are stored, nothing is done",
    "STATE_DIR": "bare mirrors of the repositories (without large files), and the SQLite database",
    "DATABASE_URL": "`postgresql://…` for several processes",
    "LISTEN": "where deliveries and pages are served",
    "METRICS_LISTEN": "host and port where a `snitch worker` shows its metrics; `deploy/grafana/` has a dashboard and "
    "alerts",
    "CONCURRENCY": "pushes that are reviewed at once; people and sweeps have half as many places more, each",
    "PAGES": "`public`: everybody sees everything",
    "OAUTH_CLIENT_ID": "the application on GitLab that people sign in with",
    "OAUTH_CLIENT_SECRET": "its secret",
    "API_TOKEN": "with what machines read the pages; long and random (`openssl rand -hex 32`)",
    "REGISTRY_AUTH": "with what to sign in to container registries for `6.image`: the content of a docker "
    "`config.json`, credential helpers too (ECR); GitLab's own registry takes `SNITCH_GITLAB_TOKEN`",
    "SWEEP_CRON": "when the fleet is swept, in UTC; empty: never",
    "SWEEP_CALLS": "the most calls and fetches of a sweep a minute; few are under way at once, and fewer while GitLab "
    "is slow",
    "SWEEP_HOURS": "after so many a nightly sweep ends, and the next one goes on",
    "MIRROR_GB": "what a worker's mirrors may take of its disk; the least recently used are thrown away, and fetched "
    "anew when they are needed",
    "GITLAB_LIMITS": "calls a minute of one process, by kind, over GitLab's defaults: `notes=60,all=2000` (`all`, "
    "`notes`, `graphql`, `members`, `lists`, `project`, `read`, `write`; 0: no limit)",
    "DIGEST_URL": "incoming webhook of a chat (Slack, Mattermost, Google Chat) for the digest of a night; `https://`",
    "RETENTION_DAYS": "so long is remembered what was mended, and what became of projects that are gone",
    "LOG_FORMAT": "`json` or `console`",
    "LOG_LEVEL": "`debug`, `info`, `warning` or `error`",
}
_DEFAULTS: Final[Mapping[str, str]] = {
    "GITLAB_URL": "required",
    "GITLAB_TOKEN": "required",
    "WEBHOOK_SECRET": "required, unless a signing token is set",
    "STATE_DIR": "`~/.local/state/snitch`",
    "DATABASE_URL": "SQLite in the state folder",
    "GROUPS": "every project of the token",
    "POLICY": "built-in",
    "CONCURRENCY": "number of cores × 2",
    "SWEEP_CALLS": "`3000`, on GitLab.com `1200`",
    "GITLAB_LIMITS": "GitLab's own",
    "LOG_FORMAT": "`json` when not on a terminal",
}
"""Where the default is no plain value."""


def table() -> str:
    """In Markdown, a row a setting."""
    return "\n".join(["| name | default | |", "| --- | --- | --- |", *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for name in sorted(NAMES, key=[*TEXTS].index):
        cells = (f"`SNITCH_{name}`", _DEFAULTS.get(name, _built_in(name)), TEXTS[name])
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _built_in(name: str) -> str:
    """The default of `Settings`, as one would write it."""
    found = {one.name: one.default for one in fields(Settings)}.get(name.lower(), MISSING)
    match found:
        case str(host), int(port):
            return f"`{host}:{port}`"
        case str() | int():
            return f"`{found}`"
        case _:
            return ""
