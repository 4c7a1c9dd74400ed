"""The texts of the sweep bear what repositories and people put into them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from bot import words_fleet as words
from bot.fleet import Found, Model, RuleVerdict, Verdict
from bot.fleet_report import as_json, as_text

HOSTILE = "=x @all #1 !2 </details> <!-- snitch:issue {} --> /close\n/close `a` " + "y" * 2000


def verdict(count: int, path: str = "a b/`@all`.py") -> Verdict:
    found = tuple(Found(path, number + 1, HOSTILE, "safe", f"print{number}") for number in range(count))
    rules = tuple(RuleVerdict(f"{number}.patch", "enforce", "fail", None, found) for number in range(1, 11))
    return Verdict(
        7, "models/iris", "https://gl/models/iris", "judged", "", "c" * 40, "k", None, (Model(".", "iris", rules),)
    )


def test_a_description_stays_short_and_mentions_nobody_and_holds_one_mark() -> None:
    for text in (
        words.issue(verdict(900), ("jane",), {}).body,
        words.fixes(
            verdict(900), words.Mended(words.counted(verdict(900)), words.counted(verdict(900))), "main", "c" * 40
        ).body,
    ):
        assert len(text) < words.LONGEST_TEXT + 3_000 and "more" in text
        plain = re.sub(r"(`+).*?\1", "", text)
        assert "@all" not in plain and "<!-- snitch:" in text and not re.search(r"^/", text, re.M)
        assert words.mark_of(text, "issue") or words.mark_of(text, "fixes")


def test_the_digest_of_a_text_knows_no_commit() -> None:
    one, other = verdict(2), replace(verdict(2), commit="d" * 40)
    assert (
        words.issue(one, (), {}).digest == words.issue(other, (), {}).digest != words.issue(verdict(3), (), {}).digest
    )


def test_the_digest_for_a_chat_is_short_and_plain() -> None:
    changed = [words.Changed(f"models/<!here>{number}", ["10.patch"], []) for number in range(500)]
    text = words.digest("2027-01-01", changed, ["x" * 900] * 40, {"new issues": 1}, None)
    assert len(text) <= words.LONGEST_DIGEST and not re.search(r"[<>@&`]", text)


def test_the_report_says_why_an_issue_is_not_as_it_should_be() -> None:
    kept = {7: [{"kind": "merge_request", "state": "none", "iid": None, "reason": "protected\x1b[31m"}]}
    text = as_text([verdict(1)], {"merge requests new": 2}, kept)
    assert "models/iris: merge request: protected\\u001b[31m\n" in text and "2 new merge requests" in text
    assert json.loads(as_json([verdict(1)], {}, kept))["projects"][0]["kept"] == kept[7]
