"""The messages of snitch's commits: a title, a body, and trailers that say who asked.

Paths in them are a repository's: nothing in a message closes an issue, mentions people, or skips a pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.mr import MergeRequest, Person
from bot.words import visible
from checks.finding import Finding
from checks.regex import regex
from checks.standards import all_rules, all_standards

MOST_LINES = 100
ASKED_BY = "Snitch-Requested-By"
UNSAFE = "Snitch-Unsafe"
SWEPT = "Snitch-Sweep-Of"
_SKIPPING = regex(r"\[(ci[ _-]skip|skip[ _-]ci|no[ _-]ci)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked for a commit. `full_name` and `email` are what GitLab shows to everybody."""

    name: str
    full_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """What a commit says of itself. `paths`: the files that it changes. `unsafe`: the rule whose unsafe fix it is."""

    title: str
    body: str
    paths: Sequence[str] = ()
    unsafe: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a project's template may name. `template`: its own message for suggestions, where it has one."""

    mr: MergeRequest
    template: str | None = None
    asker: Asker = field(default_factory=lambda: Asker(""))


def written(text: Text, around: Surroundings) -> str:
    """The whole message. A project's template takes the place of the title, which then begins the body."""
    asker = around.asker
    head = f"{text.title}\n\n{text.body}"
    if around.template and around.template.strip():
        head = f"{_filled(around.template.strip(), text, around)}\n\n{head}"
    trailers = [f"{ASKED_BY}: @{asker.name}"]
    trailers += [f"{UNSAFE}: {text.unsafe}"] if text.unsafe else []
    trailers += [_co_author(asker)] if asker.email else []
    return f"{_running(head.rstrip())}\n\n" + "\n".join(trailers) + "\n"


def by_itself(text: Text, branch: str) -> str:
    """The whole message of a commit that nobody asked for."""
    said = f"{text.title}\n\n{text.body}"
    return f"{_running(said.rstrip())}\n\n{SWEPT}: {inert(visible(branch))}\n"


def is_swept(message: str) -> bool:
    """Whether a message is that of a commit of the sweep's."""
    return any(line.startswith(f"{SWEPT}: ") for line in message.rstrip().rpartition("\n\n")[2].splitlines())


def fix_text(fixed: Sequence[Finding], paths: Sequence[str], unsafe: str | None) -> Text:
    """What a commit with fixes says: its standards, and a line for each finding."""
    numbers = sorted({f.standard for f in fixed})
    title = f"snitch: fix standard{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
    return Text(title, "\n".join(lines(fixed)[:MOST_LINES]), paths, unsafe)


def lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding: rule, file, what the rule asks for."""
    return [f"{f.rule} {inert(visible(f.path))}: {_title(f)}" for f in findings]


def is_own(message: str) -> bool:
    """Whether a message has the trailer of snitch's commits in its last paragraph."""
    return any(line.startswith(f"{ASKED_BY}: @") for line in message.rstrip().rpartition("\n\n")[2].splitlines())


def co_author(person: Person, full_name: str, public_email: str, host: str) -> Asker:
    """Who asked, with the address that GitLab itself gives to commits of who shows none."""
    email = public_email or (f"{person.id}-{person.name}@users.noreply.{host}" if host else "")
    return Asker(person.name, full_name or person.name, email)


def _co_author(asker: Asker) -> str:
    name, email = (" ".join(re.sub(r"[<>\x00-\x1f\x7f]", " ", part).split()) for part in (asker.full_name, asker.email))
    return f"Co-authored-by: {name} <{email}>"


def _title(finding: Finding) -> str:
    rule = next(r for r in all_rules() if r.id == finding.rule)
    standard = next(s for s in all_standards() if s.number == finding.standard)
    return f"{standard.title}: {rule.text.replace('`', '')}"


def _filled(template: str, text: Text, around: Surroundings) -> str:
    """GitLab's template for the commits of suggestions, with its variables; unknown ones stay as they are."""
    mr, asker = around.mr, around.asker
    values: Mapping[str, str] = {
        "branch_name": mr.source_branch,
        "files_count": str(len(text.paths)),
        "file_paths": ", ".join(inert(visible(path)) for path in text.paths),
        "project_path": mr.project.raw_name,
        "project_name": mr.project.name or mr.project.raw_name,
        "suggestions_count": str(len(text.body.splitlines()) or 1),
        "username": asker.name,
        "user_full_name": asker.full_name or asker.name,
        "co_authored_by": "",  # stands among the trailers
    }
    return re.sub(r"%\{(\w+)\}", lambda found: values.get(found[1], found[0]), template).strip()


def inert(text: str) -> str:
    """A text of a repository's, or a person's, without the signs by which GitLab knows references in messages."""
    return re.sub(r"[\[\]@#!~&%$]", "_", text)


def _running(text: str) -> str:
    """The text without the words that would leave out the pipeline of the commit."""
    return _SKIPPING.sub(lambda found: f"({found[1]})", text)
