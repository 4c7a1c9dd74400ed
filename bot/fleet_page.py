"""The fleet as one HTML file that opens without a server: projects × standards and who repairs them, no script, nothing
from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from bot.fleet import Found, Model, Verdict
from bot.fleet_report import NOTHING, Kept, Tally, drifted, standing
from bot.origin import is_behind
from checks.render.visible import visible
from checks.standards import all_standards

WORDS = {
    "pass": ("✓", "kept"),
    "warn": ("!", "findings that do not block"),
    "fail": ("✗", "not kept"),
    "skip": ("–", "does not apply, or can't be known"),
    "error": ("?", "snitch could not judge it"),
}
_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fff; --line: #8884; --pass: #1a7f37; --warn: #8a5d00; --fail: #cf222e; --dim: #656d76;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #121619; --pass: #3fb950; --warn: #d29922; --fail: #ff7b72; --dim: #9198a1; }
}
html { background: var(--ground); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: center; }
th:first-child, td:first-child, .who { text-align: left; }
tbody th { font-weight: 400; min-width: 10rem; overflow-wrap: anywhere; }
thead td { font-size: .8rem; white-space: nowrap; }
.pass { color: var(--pass); } .warn { color: var(--warn); font-weight: 600; }
.fail { color: var(--fail); font-weight: 700; }
.skip { color: var(--dim); } .error { color: var(--fail); }
details { margin: .2rem 0; text-align: left; }
li { overflow-wrap: anywhere; } .reason { color: var(--dim); text-align: left; }
"""


def as_html(verdicts: Iterable[Verdict], sweep: Mapping[str, Any], day: str, kept: Kept = NOTHING) -> str:
    """The page. Everything from a repository is escaped. `kept`: what is kept for the projects on GitLab."""
    standards, tally = [(s.number, s.title) for s in all_standards()], Tally()
    rows: list[str] = []
    out: list[str] = []
    not_made: list[str] = []
    for verdict in verdicts:
        tally.add(verdict)
        out += [f"<li>{_link(verdict)}: {_text(verdict.reason)}</li>"] if verdict.state in ("skipped", "gone") else []
        not_made += _not_made(verdict, kept)
        rows += _rows(verdict, [number for number, _ in standards], str(sweep.get("template", "0")))
    heads = "".join(f'<th scope="col" title="{_text(title)}">{number}</th>' for number, title in standards)
    shares = "".join(f"<td>{_share(tally, number)}</td>" for number, _ in standards)
    named = " · ".join(f"{number} {_text(title)}" for number, title in standards)
    troubles = "".join(f"<li>{_text(str(trouble))}</li>" for trouble in sweep.get("troubles", ()))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Model Standards, {day}</title><style>{_STYLE}</style></head><body><main>\n"
        f"<h1>Model Standards, {day}</h1>\n<p>{_counts(tally)}</p>\n"
        f"{'<h2>Trouble</h2><ul>' + troubles + '</ul>' if troubles else ''}"
        f"<p>{_legend()}</p>\n<p>{named}</p>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Projects and standards">'
        f'<table><thead><tr><th scope="col">Project</th><th scope="col" class="who">Who repairs it</th>{heads}</tr>'
        f'<tr><th scope="row">Share compliant</th><td></td>{shares}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody></table></div>\n"
        f"{_section('Issues and merge requests that could not be made', not_made)}"
        f"{_section('Not judged: no model projects, or gone', out)}"
        "</main></body></html>\n"
    )


def _section(title: str, items: list[str]) -> str:
    said = f"<details><summary>{len(items)}</summary><ul>{''.join(items)}</ul></details>"
    return f"<h2>{title}</h2>{said}\n" if items else ""


def _not_made(verdict: Verdict, kept: Kept) -> list[str]:
    """Why an issue or a merge request is not as the policy wants it."""
    rows = [one for one in kept.get(verdict.project_id, ()) if one["reason"]]
    told = [f"{one['kind'].replace('_', ' ')}: {_text(str(one['reason']))}" for one in rows]
    return [f"<li>{_link(verdict)}: {one}</li>" for one in told]


def _counts(tally: Tally) -> str:
    words = (("judged", "judged"), ("skipped", "no model projects"), ("failed", "failed"), ("gone", "gone"))
    return ", ".join(f"{tally.states[state]} {word}" for state, word in words) + "."


def _legend() -> str:
    return " · ".join(f'<span class="{name}">{sign} {word}</span>' for name, (sign, word) in WORDS.items())


def _share(tally: Tally, number: int) -> str:
    ends = tally.standards.get(number)
    known = sum(ends[end] for end in ("pass", "warn", "fail")) if ends else 0
    return f"{100 * (known - ends['fail']) // known} %" if ends and known else "–"


def _rows(verdict: Verdict, standards: list[int], newest: str) -> Iterable[str]:
    link = _link(verdict)
    if verdict.state == "failed":
        span = f'<td class="reason" colspan="{len(standards) + 1}">could not be judged: {_text(verdict.reason)}</td>'
        yield f'<tr><th scope="row">{link}</th>{span}</tr>\n'
    if verdict.state != "judged":
        return
    for model in verdict.models:
        folder = "" if model.folder == "." else f" ({_text(model.folder)})"
        cells = "".join(_cell(model, number) for number in standards)
        behind = f'<p class="reason">{drifted(model, newest)}</p>' if is_behind(model.template, newest) else ""
        owner = f'<td class="who">{_text(", ".join(model.owner.names) or "its Maintainers")}</td>'
        yield f'<tr><th scope="row">{link}{folder}{behind}{_details(model)}</th>{owner}{cells}</tr>\n'


def _link(verdict: Verdict) -> str:
    name = _text(verdict.path)
    return f'<a href="{escape(verdict.web)}">{name}</a>' if verdict.web.startswith(("https://", "http://")) else name


def _cell(model: Model, number: int) -> str:
    end = standing(model, number)
    sign, word = WORDS[end]
    return f'<td class="{end}"><span role="img" aria-label="standard {number}: {word}">{sign}</span></td>'


def _details(model: Model) -> str:
    items = [f"<li><code>{rule.id}</code> {_found(found)}</li>" for rule in model.told for found in rule.findings]
    items += [f"<li><code>{r.id}</code> {_text(r.reason or '')}</li>" for r in model.told if r.outcome == "error"]
    said = f"{len(items)} finding{'s' if len(items) != 1 else ''}"
    return f"<details><summary>{said}</summary><ul>{''.join(items)}</ul></details>" if items else ""


def _found(found: Found) -> str:
    place = f"{_text(found.path)}:{found.line}" if found.line else _text(found.path)
    waived = f" (waived until {_text(found.waived)})" if found.waived else ""
    return f"{place}: {_text(found.message)}{waived}"


def _text(text: str) -> str:
    return escape(visible(text))
