"""A standard or a rule in its own words, as Markdown that reads well on a terminal too; and the list of all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from checks.standard import MINIMAL, Rule, Standard
from checks.standards import all_standards

_LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".md": "markdown", ".json": "json", ".txt": "text"}


def explain_id(id: str) -> str | None:
    """The text of a standard (`10`) or of a rule (`10.patch`); None where there is no such id."""
    for standard in all_standards():
        if id == str(standard.number):
            return explain_standard(standard)
        for rule in standard.rules.values():
            if id == rule.id:
                return explain_rule(standard, rule)
    return None


def explain_standard(standard: Standard) -> str:
    """The law, its rules with their levels and fixes, the rest of its text, and an example."""
    law, _, rest = standard.text.partition("\n\n")
    rules = "\n".join(f"- `{rule.id}` ({_about(rule)}): {rule.text}" for rule in standard.rules.values())
    parts = [f"# {standard.number} · {standard.title}", law, rules, rest, example_of(standard, tuple(standard.rules))]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def explain_rule(standard: Standard, rule: Rule) -> str:
    """What the rule demands, the standard that it belongs to, and an example of its own."""
    law, _, rest = standard.text.partition("\n\n")
    name = rule.id.partition(".")[2]
    head = f"# {rule.id} · {standard.title}"
    parts = [head, rule.text, f"Level and fix: {_about(rule)}.", law, rest, example_of(standard, (name,))]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _about(rule: Rule) -> str:
    return f"{rule.level}, {fix_of(rule)}" if rule.fixer else rule.level


def fix_of(rule: Rule) -> str:
    """Whether a rule has a fix, and of which kind."""
    if rule.fixer is None:
        return "no fix"
    return "safe fix" if rule.fix_is_safe else "unsafe fix"


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def example_of(standard: Standard, names: tuple[str, ...]) -> str:
    """The first bad example of these rules that comes with its fix, else the first bad one that can be shown."""
    ids = [f"{standard.number}.{name}" for name in names]
    bad = [one for one in standard.examples if one.rule in ids and one.kind == "bad" and list(_texts(one.files))]
    chosen = next((one for one in bad if one.fixed), bad[0] if bad else None)
    if chosen is None:
        return ""
    parts = ["## Example", f"Breaks `{chosen.rule}`:", *_blocks(chosen.files)]
    if chosen.fixed:
        parts += ["Fixed:", *_blocks(chosen.fixed)]
    return "\n\n".join(parts)


def _blocks(files: Mapping[str, bytes | None]) -> Iterator[str]:
    for path, text in _texts(files):
        language = _LANGUAGES.get(path[path.rfind(".") :], "dockerfile" if path == "Dockerfile" else "")
        longest = max((len(run) for run in re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        yield f"`{path}`\n{fence}{language}\n{text.rstrip()}\n{fence}"


def _texts(files: Mapping[str, bytes | None]) -> Iterator[tuple[str, str]]:
    """The files of an example that differ from the minimal project and can be shown."""
    for path, data in files.items():
        if data is None or data == MINIMAL.get(path, "").encode() or not _printable(data):
            continue
        yield path, data.decode()


def _printable(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and all(character in "\n\t" or character.isprintable() for character in text)


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def listed() -> str:
    """A line a rule, for a terminal."""
    lines: list[str] = []
    for standard in all_standards():
        lines.append(f"{standard.number} {standard.title}")
        lines += [f"  {rule.id:<34} {rule.level:<8} {fix_of(rule):<11} {rule.text}" for rule in standard.rules.values()]
    return "".join(f"{line}\n" for line in lines)


LISTED = 10
"""So many values of a list are shown whole."""

INTRODUCTION = """\
What every model repository keeps, rule by rule, as snitch judges it. A rule ends as *pass*, *fail*, *skip* (it does not
apply, or can't be known from the repository) or *error* (snitch itself failed). Levels and settings are those that are
built in; an organisation's policy may change them."""


def listed_markdown() -> str:
    """The whole Model Standards document: a table of contents, then each standard with its rules and settings."""
    parts = ["# Model Standards", INTRODUCTION, "\n".join(["| | | |", "| --- | --- | --- |", *contents()])]
    for standard in all_standards():
        parts += [_deeper(explain_standard(standard)).strip(), _settings(standard)]
    return "\n\n".join(part for part in parts if part) + "\n"


def contents() -> list[str]:
    """The rows of a Markdown table: each standard's number, title and law."""
    return [f"| {one.number} | {one.title} | {_law(one)} |" for one in all_standards()]


def _law(standard: Standard) -> str:
    return " ".join(standard.text.partition("\n\n")[0].split()).replace("|", "\\|")


def _settings(standard: Standard) -> str:
    settings = standard.settings.values()
    if not settings:
        return ""
    rows = "\n".join(f"- `{one.name}`{_default(one.default)}: {one.text}" for one in settings)
    return f"### Settings of the policy\n\n{rows}"


def _default(value: object) -> str:
    """What is built in, where it can be said in the words of a policy; of a long list its beginning."""
    rest = ""
    if isinstance(value, list | tuple) and len(value) > LISTED:
        value, rest = list(value)[:3], f" and {len(value) - 3} more"
    try:
        said = json.dumps(value, ensure_ascii=False)
    except TypeError:
        return ""
    return "" if "`" in said else f" (`{said}`{rest})"


def _deeper(text: str) -> str:
    """The same Markdown with all its headings a level down."""
    fence = ""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = re.match("`{3,}", line)
        if mark and not fence:
            fence = mark[0]
        elif fence and line == fence:
            fence = ""
        lines.append(f"#{line}" if line.startswith("#") and not fence else line)
    return "\n".join(lines)


def listed_json() -> str:
    """Standards and rules for programs; `fix` is `safe`, `unsafe` or null."""
    document = {
        "schema": 1,
        "standards": [
            {
                "id": standard.number,
                "title": standard.title,
                "text": standard.text,
                "rules": [
                    {
                        "id": rule.id,
                        "level": rule.level,
                        "waivable": rule.waivable,
                        "fix": None if rule.fixer is None else "safe" if rule.fix_is_safe else "unsafe",
                        "text": rule.text,
                    }
                    for rule in standard.rules.values()
                ],
            }
            for standard in all_standards()
        ],
    }
    return json.dumps(document, indent=2) + "\n"
