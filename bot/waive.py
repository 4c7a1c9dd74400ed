"""`/snitch waive`: a waiver in `.snitch.yml`, for who may grant it, only as far as the policy lets it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from bot import words
from bot.approvers import may_grant
from bot.command import Waive
from bot.landing import Answered, Desk, Planned, land
from bot.message import Text, inert
from bot.workspace import Workspace
from checks.finding import Span, Waiver
from checks.form import day
from checks.inspection import Inspection
from checks.policy import Policy, waiver_approvers
from checks.project_file import CONFIGURATION, parse_project_config
from checks.standards import all_rules
from checks.tree import MAX_BYTES
from checks.waiver_edit import with_waiver
from checks.waiving import Terms, why_not


def waive(desk: Desk, command: Waive) -> Answered:
    """Commits a waiver that a note asks for."""
    known = [rule.id for rule in all_rules()]
    if command.rule not in known:
        own = [id for id in known if id.partition(".")[0] == command.rule]
        return False, words.rule_by_rule(command.rule, own) if own else words.unknown_id(command.rule, known)
    return land(desk, partial(_waiving, desk, command))


def _waiving(desk: Desk, command: Waive, workspace: Workspace) -> Planned | Answered:
    world, mr = desk.world, workspace.mr
    policy = world.policy.within(mr.project.path)
    if not may_grant(world.gitlab, mr.project, policy, desk.asker):
        approvers: tuple[str, ...] = policy.value(waiver_approvers)
        return False, words.may_not_waive(desk.job.author_name, approvers)
    refused = _refused(command, policy, world.today)
    if refused:
        return False, words.not_waived(refused)
    folders = _folders(workspace.inspect(world), command.rule)
    if not folders:
        return False, words.not_waived(f"there is no finding of {command.rule}")
    edits: dict[str, bytes | None] = {}
    for folder in folders:
        path = CONFIGURATION if folder == "." else f"{folder}/{CONFIGURATION}"
        new = _written(workspace, path, command)
        if new is None:
            return False, words.not_waived(f"{path} can't be edited: write the waiver into it by hand")
        edits[path] = new
    text = Text(
        f"snitch: waive {command.rule} until {command.until}", inert(words.visible(command.reason)), sorted(edits)
    )
    reply = partial(words.waived_now, rule=command.rule, until=command.until, reason=command.reason)
    return Planned(edits, text, reply, waives=True)


def _refused(command: Waive, policy: Policy, today: date) -> str | None:
    """Why the policy does not take the waiver."""
    if day(command.until) is None:
        return f"{command.until} is no day: write it like 2027-01-31"
    waiver = Waiver(command.rule, command.until, command.reason, CONFIGURATION, Span(1, 1, 1, 1))
    return why_not(waiver, Terms(policy, today, {rule.id: rule for rule in all_rules()}))


def _folders(inspection: Inspection, rule: str) -> Sequence[str]:
    """The projects in which the rule has findings."""
    return list(dict.fromkeys(f.project for f in inspection.report.findings if f.rule == rule))


def _written(workspace: Workspace, path: str, command: Waive) -> bytes | None:
    """The file with the waiver, which is read again before it counts; None where it can't be edited."""
    entry = workspace.head.entry(path)
    if entry is not None and (entry.kind != "file" or entry.exceeds(MAX_BYTES) is not False):
        return None
    before = workspace.head.read(path) if entry is not None else b""
    new = with_waiver(before, command.rule, command.until, command.reason)
    if new is None:
        return None
    config, problems = parse_project_config(new, path)
    was_wrong = len(parse_project_config(before, path)[1]) if before.strip() else 0
    said = (command.rule, command.until, command.reason)
    sound = any((one.rule, one.until, one.reason) == said for one in config.waivers)
    return new if sound and len(problems) <= was_wrong else None
