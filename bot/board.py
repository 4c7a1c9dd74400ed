"""`snitch board NAME`: a model project on GitLab from the template, with all that it needs there, told step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.aws import Aws, is_set_up
from bot.boarding import Boarding, Done, Halted, Plan, board
from bot.connecting import wanted_of
from bot.errors import SetupError, SnitchError, Transient
from bot.git import Git
from bot.gitlab import GitLab
from bot.origin import MEMORY, remembered
from bot.settings import Settings, surroundings
from bot.template import Template, render
from checks.discover import model_topics
from checks.environments import environments
from checks.policy import Policy, bucket

TOPIC: Final = "model"
"""Of a model project, where the policy names none."""
_HOW: Final = {"left": "is there", "made": "made", "would": "would be made"}


def plan_of(template: Template, answers: Mapping[str, str], group: str, policy: Policy) -> Plan:
    """What is to be made, by the template's answers and the policy. Raises Invalid, SetupError."""
    files = render(template, answers)
    slug = remembered(files[MEMORY])[1]["project_slug"]
    named: tuple[str, ...] = policy.value(model_topics)
    topics = named[:1] or (TOPIC,)
    title, description = answers["project_name"], answers.get("description", "")
    return Plan(
        group.strip("/"), slug, title, description, topics, files, policy.value(bucket), policy.value(environments)
    )


def group_of(settings: Settings, given: str | None) -> str:
    """Where the project is made: as given, else the one group of the settings. Raises SetupError."""
    if given:
        return given
    if len(settings.groups) == 1:
        return settings.groups[0]
    raise SetupError("Say in which group: --group G (or set SNITCH_GROUPS to a single one).")


def boarded(settings: Settings, plan: Plan, *, dry_run: bool) -> tuple[str, bool]:
    """Carries a plan out, or says what it would do; what is told, and whether it came to its end. Raises SetupError."""
    if settings.admin_token is None:
        raise SetupError(
            "SNITCH_ADMIN_TOKEN is required: a token with the scope api, of a Maintainer of the group at least."
        )
    bot = _me(settings)
    token = settings.admin_token.reveal()
    proven = settings.webhook_secrets or settings.signing_tokens
    boarding = Boarding(
        plan=plan,
        gitlab=GitLab(settings.gitlab_url, lambda: token),
        git=Git("git", surroundings()),
        token=token,
        bot=bot,
        aws=Aws.open() if is_set_up(surroundings()) else None,
        wanted=wanted_of(settings) if settings.public_url and proven else None,
    )
    lines: list[str] = []
    try:
        lines += [_line(one) for one in board(boarding, dry_run=dry_run)]
    except Halted as halted:
        return _halted(halted, plan), False
    if boarding.wanted is None:
        lines.append("-- webhook: none, since SNITCH_PUBLIC_URL and SNITCH_WEBHOOK_SECRET are not set")
    end = "Nothing was written." if dry_run else f"{plan.title} is on board: {boarding.place.web}"
    return "\n".join([*lines, end, ""]), True


def _me(settings: Settings) -> int:
    try:
        return GitLab(settings.gitlab_url, settings.gitlab_token.reveal).me().id
    except SetupError:
        raise SetupError("GitLab refuses SNITCH_GITLAB_TOKEN: it is wrong, expired or revoked.") from None


def _line(done: Done) -> str:
    return f"ok {done.step}: {_HOW[done.how]}{f' ({done.text})' if done.text else ''}"


def _halted(halted: Halted, plan: Plan) -> str:
    """What stands half made, and how to go on."""
    made = [one.step for one in halted.done if one.how == "made"]
    lines = [_line(one) for one in halted.done]
    lines.append(f"!! {halted.step}: {_why(halted.cause)}")
    unsure = isinstance(halted.cause, Transient)
    if unsure:
        lines.append(f"Whether GitLab has done the last of it ({halted.step}) is not known.")
    if made:
        lines.append(f"{plan.path} is half made: {', '.join(made)}. Repeat this: it goes on from there.")
    elif not unsure:
        lines.append("Nothing was made.")
    return "\n".join([*lines, ""])


def _why(cause: SnitchError) -> str:
    if isinstance(cause, SetupError) and "token" in str(cause):
        return "GitLab refuses SNITCH_ADMIN_TOKEN: it is wrong, expired or revoked"
    return str(cause)
