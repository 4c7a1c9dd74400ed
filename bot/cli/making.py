"""`snitch new`: a project from the template, asked for, judged and then written, whole or not at all."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.cli import Stop, put
from bot.cli.judgement import load_policy
from bot.cli.write import write_edits
from bot.errors import Invalid
from bot.origin import MEMORY, remembered
from bot.template import BUILT_IN, Template, render, template_in
from checks.discover import Repository
from checks.finding import Finding
from checks.inspection import inspect
from checks.pipeline import entry_of, pipeline
from checks.policy import Policy, bucket
from checks.render.visible import visible
from checks.standards.s07_readme import readme_links
from checks.tree import MemoryTree

OPTIONS = {
    "project_name": "--name",
    "description": "--description",
    "author": "--author",
    "jira_url": "--jira",
    "confluence_url": "--confluence",
}
"""The questions, in the order in which they are asked, and the options that answer them."""


LINKS = {
    "jira_url": ("jira", "https://<organisation>.atlassian.net/browse/KEY-1"),
    "confluence_url": ("confluence", "https://<organisation>.atlassian.net/wiki/spaces/..."),
}
"""The answers that standard 7 asks for a form of: its rule, and what its built-in policy takes."""


def new(directory: str | None, given: Mapping[str, str | None], source: str | None) -> None:
    """Makes a project in a folder, by default one of its own name. Raises Invalid, SetupError."""
    template, policy = template_in(BUILT_IN), load_policy(source)
    if directory is not None:
        _free(Path(directory))
    answers = answers_of(template, given, policy)
    asked = [key for key in LINKS if given.get(key) is None]
    while True:
        files = render(template, answers)
        name = remembered(files[MEMORY])[1]["project_slug"]
        left = _left(name, files, policy)
        before, answers = answers, _asked_anew(template, asked, answers, left, policy)
        asked = [key for key in asked if answers[key] != before[key]]
        if not asked:
            break
    folder = Path(directory or name)
    _free(folder)
    _write(folder, files)
    put(_told(folder, name, files, left))


def _asked_anew(
    template: Template, asked: list[str], answers: dict[str, str], left: list[Finding], policy: Policy
) -> dict[str, str]:
    """The answers, with another link in place of one that a person gave and the policy does not know; the same again
    keeps it."""
    wrong = {one.rule: visible(one.message) for one in left}
    others = dict(answers)
    for key in asked:
        rule = LINKS[key][0]
        if f"7.{rule}" in wrong:
            click.echo(f"{wrong[f'7.{rule}']}. Give another, or the same again to keep it.", err=True)
            others[key] = _asked(template, key, policy)
    return others


def answers_of(template: Template, given: Mapping[str, str | None], policy: Policy) -> dict[str, str]:
    """What the options say, a person answers, and the organisation settles. Raises Invalid, Stop."""
    return {**_answers(template, given, policy), **_of_organisation(policy)}


def _answers(template: Template, given: Mapping[str, str | None], policy: Policy) -> dict[str, str]:
    """What the options say; the rest is asked for, where there is somebody to ask."""
    answers = {key: value.strip() for key in OPTIONS if (value := given.get(key)) is not None}
    wrong = [
        f"{OPTIONS[key]} must be {form}, not {value!r}."
        for key, value in answers.items()
        if (form := template.wrong(key, value))
    ]
    if wrong:
        raise Invalid("\n".join(wrong))
    missing = [key for key in OPTIONS if key not in answers]
    if missing and not (sys.stdin.isatty() and sys.stderr.isatty()):
        options = ", ".join(OPTIONS[key] for key in missing)
        raise Invalid(f"There is no terminal to ask on: give {options}.")
    return answers | {key: _asked(template, key, policy) for key in missing}


def _asked(template: Template, key: str, policy: Policy) -> str:
    """An answer from a person, who is asked until it has its form."""

    def formed(text: str) -> str:
        if form := template.wrong(key, text.strip()):
            raise click.UsageError(f"it must be {form}")
        return text.strip()

    try:
        return str(click.prompt(f"{template.prompts[key]}{_example(key, policy)}", value_proc=formed, err=True))
    except click.Abort:
        raise Stop("not answered: nothing was made") from None


def _example(key: str, policy: Policy) -> str:
    """What a link may look like, by the policy."""
    if key not in LINKS:
        return ""
    kind, usual = LINKS[key]
    patterns: tuple[str, ...] = policy.value(readme_links).get(kind, ())
    return f", such as {' or '.join(patterns) or usual}"


def _of_organisation(policy: Policy) -> dict[str, str]:
    """What the organisation's policy settles: where data lies, and which pipeline is included."""
    entry = next((entry for one in policy.value(pipeline) if (entry := entry_of(one))), ())
    lines = [f"{key}: {text}" for key, text in entry]
    return {"_bucket": policy.value(bucket), **({"_pipeline": "\n    ".join(lines)} if lines else {})}


def _free(folder: Path) -> None:
    """Raises Invalid where something is in the way. A repository without files, as it is cloned, is not."""
    try:
        held = sorted(name for name in os.listdir(folder) if name != ".git")
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise Invalid(
            f"{str(folder)!r} is a file, or lies below one: give a folder that is empty or not there."
        ) from None
    except (OSError, ValueError) as error:
        raise Invalid(f"{str(folder)!r} can't be used: {getattr(error, 'strerror', None) or error}.") from None
    if held:
        raise Invalid(f"{str(folder)!r} is not empty (it holds {held[0]!r}): give a folder that is empty or not there.")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    made: list[Path] = []
    try:
        for one in reversed([folder, *folder.parents]):
            if not one.exists():
                one.mkdir()
                made.append(one)
        write_edits(folder, files, lambda path: None)
    except OSError as error:
        _take_back(made)
        raise Invalid(f"{str(folder)!r} can't be made: {error.strerror}. Nothing was left behind.") from None
    except BaseException:
        _take_back(made)
        raise


def _take_back(made: list[Path]) -> None:
    """Takes away the folders that were made, with the empty ones in them."""
    for top in made[:1]:
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)


def _left(name: str, files: Mapping[str, bytes], policy: Policy) -> list[Finding]:
    """What an organisation's policy still finds in a project that is to be made."""
    today = datetime.now(UTC).date()
    found = inspect(MemoryTree(files), policy, today, Repository(name, {}, {".": None}), names={".": name})
    return list(found.report.findings)


def _told(folder: Path, name: str, files: Mapping[str, bytes], found: list[Finding]) -> str:
    """What was made, what is still found in it, and what to do next."""
    left = [f"{one.path}: {one.rule} {visible(one.message)}" for one in found]
    place = shlex.quote(visible(str(folder)))
    steps = (f"cd {place}", "git init && git add . && git commit -m 'Start from the template'", "snitch check")
    return "\n".join(
        [
            f"{visible(str(folder))}: the model project {name}, {len(files)} files.",
            *(["It keeps the Model Standards."] if not left else ["These findings are left:", *left]),
            "Next (its README.md says how to train and serve it):",
            *(f"  {step}" for step in steps),
        ]
    )
