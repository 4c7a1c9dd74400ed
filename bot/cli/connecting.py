"""`snitch hooks`, `doctor`, `rotate` and `onboard`: the words of the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bot.connection import What

_groups = click.option("--group", "groups", multiple=True, metavar="G", help="A group and its sub-groups (repeatable).")
_projects = click.option("--project", "projects", multiple=True, metavar="P", help="A project, by path (repeatable).")
_quiet = click.option("-q", "--quiet", is_flag=True, help="Only what is wrong.")


@click.group("hooks")
def hooks() -> None:
    """The webhooks by which GitLab tells snitch what happens: one of a group where its licence has such, else one of
    each project. Needs SNITCH_ADMIN_TOKEN."""


@hooks.command()
@_groups
@_projects
@click.option("--rotate", is_flag=True, help="Write a new secret, for the service to know before GitLab does.")
@click.option("--unverified", is_flag=True, help="Do not ask the service whether it accepts the newest secret.")
@_quiet
def install(groups: tuple[str, ...], projects: tuple[str, ...], rotate: bool, unverified: bool, quiet: bool) -> None:
    """Make the webhooks, or mend them where they drifted; repeat it as often as you like."""
    if rotate:
        _rotate()
    else:
        _connect("install", groups, projects, quiet, verified=not unverified)


@hooks.command()
@_groups
@_projects
@_quiet
def check(groups: tuple[str, ...], projects: tuple[str, ...], quiet: bool) -> None:
    """Are the webhooks as they must be? Exit code 1 where one is not."""
    _connect("check", groups, projects, quiet)


@hooks.command()
@_groups
@_projects
@_quiet
def remove(groups: tuple[str, ...], projects: tuple[str, ...], quiet: bool) -> None:
    """Take snitch's webhooks away, and no others."""
    _connect("remove", groups, projects, quiet)


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(form: str) -> None:
    """Look at settings, token, GitLab, database, git, disk, policy, webhooks and the service; say what to do.

    Exit code 1 where something is to be mended, 2 where settings are not valid.
    """
    from bot.cli import put, service, service_settings
    from bot.errors import SetupError

    with service():
        from bot import diagnosis
        from bot.doctor import examined, without_settings
    try:
        settings = service_settings(serving=True)
    except SetupError as trouble:
        found, code = list(without_settings(trouble)), 2
    else:
        found = list(examined(settings))
        code = int(any(one.level == "fail" for one in found))
    put({"text": diagnosis.as_text, "json": diagnosis.as_json}[form](found))
    sys.exit(code)


@click.command()
@click.option("--within", default=30, show_default=True, type=click.IntRange(1, 365), help="Only if it ends so soon.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(2, 365), help="How long the new one lives.")
def rotate(within: int, days: int) -> None:
    """Put a new token in the place of the bot's, in its file, before it ends. For a timer that runs it each day."""
    from datetime import UTC, datetime

    from bot.cli import put, service, service_settings

    with service():
        from bot.settings import secret_files
        from bot.token_rotation import rotated
    settings, file = service_settings(), secret_files(["GITLAB_TOKEN"]).get("GITLAB_TOKEN")
    put(rotated(settings, file, datetime.now(UTC).date(), within=within, days=days))


@click.command()
@click.option("--group", metavar="G", required=True, help="The group, with its sub-groups.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No counting on the terminal.")
def onboard(group: str, form: str, quiet: bool) -> None:
    """What the first week with snitch would look like in a group, before anything is said there."""
    from bot.cli import put, service, service_settings
    from bot.cli.progress import counter

    with service():
        from bot import onboard as onboarding
    settings = service_settings()
    with counter("projects", quiet) as progress:
        told = onboarding.onboard(settings, group, form, progress)
    put(told)


def _connect(
    what: What, groups: tuple[str, ...], projects: tuple[str, ...], quiet: bool, *, verified: bool = True
) -> None:
    from bot.cli import put, service, service_settings
    from bot.cli.progress import counter

    with service():
        from bot.connecting import connect
        from bot.fleet import Scope
    settings = service_settings(serving=what == "install")
    with counter("webhooks", quiet) as progress:
        told, well = connect(settings, what, Scope(groups, projects), verified=verified, progress=progress)
    if not (quiet and well):
        put(told)
    sys.exit(0 if well else 1)


def _rotate() -> None:
    from bot.cli import put, service, service_settings

    with service():
        from bot.connecting import KINDS, rotate
        from bot.settings import secret_files
    put(rotate(service_settings(serving=True), secret_files(KINDS)))
