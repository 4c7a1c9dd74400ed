"""What the command line keeps between runs: told again as long as nothing changed, and never believed from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cache import MOST_FILES, Cache, cache_beside, cache_home
from bot.memo import STATES, FileMemo
from checks import standards
from checks.finding import Finding, Outcome, Span
from checks.run import Remembered
from checks.standard import MINIMAL
from checks.standards import all_rules, all_standards
from checks.tree import Entry

ASKING = """
import os, sys
from bot.cli import app
try:
    app(sys.argv[1:], prog_name="snitch")
finally:
    heavy = ("checks.standards", "openapi_spec_validator", "pydantic_settings", "requests")
    wanted = os.environ.get("WANTED")
    shown = [name for name in sys.modules if name.startswith(wanted)] if wanted else heavy
    print(*sorted(name for name in shown if name in sys.modules), file=sys.stderr)
"""


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    for path, text in MINIMAL.items():
        (tmp_path / "iris" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "iris" / path).write_text(text)
    return tmp_path / "iris"


def asked(folder: Path, *words: str, cache: Path | None = None, code: int = 0, **more: str) -> tuple[str, str]:
    """The report of a check in a process of its own, and which heavy modules it imported."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "XDG_CACHE_HOME": str(cache or folder.parent / "c")}
    command = [sys.executable, "-c", ASKING, "check", *words]
    ran = subprocess.run(command, cwd=folder, env=kept | more, capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stderr
    return ran.stdout, ran.stderr.strip()


def kept_in(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.rglob("*") if path.is_file())


# ── what is told again ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_check_of_the_same_files_says_the_same_and_imports_no_standard(iris: Path) -> None:
    first = asked(iris)
    assert asked(iris) == (first[0], "") and "checks.standards" in first[1]
    assert asked(iris, "--format", "json")[1] == "checks.standards"  # the rules' outcomes are known, the report is not


def test_findings_and_their_exit_code_are_told_again(iris: Path) -> None:
    (iris / "serve.py").write_text("import kserve\n")
    first = asked(iris, code=1)
    assert "10.patch" in first[0] and asked(iris, code=1) == (first[0], "")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("serve.py", "import kserve\n"),
        ("weights/model.bin", "x"),
        (".snitch.yml", "waive: no\n"),
    ],
)
def test_a_change_of_any_file_that_counts_is_seen(iris: Path, path: str, text: str) -> None:
    (iris / ".gitignore").write_text("datasets/*\n!.gitkeep\n")
    before = asked(iris, code=1)[0]
    (iris / path).parent.mkdir(exist_ok=True)
    (iris / path).write_text(text)
    after = asked(iris, code=1)[0]
    assert after != before and after == asked(iris, "--no-cache", code=1)[0]


def test_a_file_of_the_same_size_with_other_bytes_is_seen(iris: Path) -> None:
    asked(iris)
    (iris / "serve.py").write_text(MINIMAL["serve.py"].replace("tornado", "redis__"))
    assert "10.patch" in asked(iris, code=1)[0]


def test_another_policy_name_or_format_is_another_question(iris: Path) -> None:
    first = asked(iris)[0]
    (iris.parent / "policy.yml").write_text("bucket: acme-models\n")
    assert "acme-models" in asked(iris, "--policy", "../policy.yml", code=1)[0]
    assert "not rose" in asked(iris, "-n", "rose", ".", code=1)[0]
    assert json.loads(asked(iris, "--format", "json")[0])["projects"] and asked(iris)[0] == first


def test_an_openapi_document_that_is_known_is_not_validated_again(iris: Path) -> None:
    assert asked(iris)[1] == "checks.standards"  # it is so plain that the validator is not asked
    (iris / "openapi.yaml").write_text(MINIMAL["openapi.yaml"] + "x-more: 1\n")
    assert "openapi_spec_validator" in asked(iris)[1].split()
    (iris / "model.py").write_text(MINIMAL["model.py"] + "\n\nSIZE = 3\n")
    assert asked(iris)[1] == "checks.standards"
    (iris / "openapi.yaml").write_text(MINIMAL["openapi.yaml"].replace("kinds.", "kind.") + "x-more: 1\n")
    assert "openapi_spec_validator" in asked(iris)[1].split()


def test_a_standard_is_imported_where_one_of_its_rules_must_run(iris: Path) -> None:
    standards = "checks.standards.s"
    assert len(asked(iris, WANTED=standards)[1].split()) == len(all_standards())
    (iris / "README.md").write_text(MINIMAL["README.md"] + "\nMore of it.\n")
    numbers = {name[len(standards) :].partition("_")[0] for name in asked(iris, WANTED=standards)[1].split()}
    assert "07" in numbers and not numbers & {"03", "04", "09", "10"}
    (iris / "serve.py").write_text("import kserve\n")
    reports = {asked(iris, *words, code=1)[0] for words in ((), ("--no-cache",))}
    assert len(reports) == 1 and "10 Tracing" in reports.pop()


def test_rules_that_were_written_down_are_the_rules() -> None:
    read = standards.read(json.loads(json.dumps(standards.written())))
    said = [(rule.id, rule.text, rule.level, rule.waivable, rule.fixer is None, rule.fix_is_safe) for rule in read]
    assert said == [(r.id, r.text, r.level, r.waivable, r.fixer is None, r.fix_is_safe) for r in all_rules()]


def test_the_validator_comes_without_what_reads_settings_and_fetches(iris: Path) -> None:
    (iris / "openapi.yaml").write_text(MINIMAL["openapi.yaml"] + "x-more: 1\n")
    assert asked(iris)[1].split() == ["checks.standards", "openapi_spec_validator"]


# ── what is not kept, and not believed ───────────────────────────────────────────────────────────────────────────────


def test_nothing_is_kept_where_that_is_asked_for(iris: Path) -> None:
    asked(iris, "--no-cache")
    asked(iris, SNITCH_NO_CACHE="1")
    assert not (iris.parent / "c").exists()


def test_a_report_in_which_a_rule_was_not_judged_is_not_kept(iris: Path) -> None:
    (iris / "README.md").write_bytes(b"# iris\n" + b"x" * 1024 * 1024)
    asked(iris, code=3)
    assert kept_in(iris.parent / "c") == ["rules", "standards"]


def test_a_cache_inside_of_what_is_judged_is_not_used(iris: Path) -> None:
    asked(iris, cache=iris / "cache")
    assert not (iris / "cache").exists()


def test_a_cache_that_others_can_write_to_is_not_used(iris: Path) -> None:
    home = iris.parent / "c" / "snitch"
    home.mkdir(parents=True)
    home.chmod(0o777)
    asked(iris)
    assert kept_in(home) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 100, b"0" * 64 + b'{"edition": "", "rules": 3}'])
def test_what_is_damaged_is_as_good_as_absent(iris: Path, damage: bytes) -> None:
    first = asked(iris)
    for path in (iris.parent / "c" / "snitch" / "judged").iterdir():
        path.write_bytes(damage)
    assert asked(iris) == first


def test_a_cache_that_cannot_be_written_stops_nothing(iris: Path) -> None:
    (iris.parent / "c").write_text("a file")
    assert "keeps the Model Standards" in asked(iris)[0]


def test_a_link_in_the_cache_is_not_followed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("one", b"data")
    (tmp_path / "two").symlink_to("one")
    assert (cache.read("one"), cache.read("two"), cache.read("three")) == (b"data", None, None)


def test_the_older_half_goes_where_there_is_too_much(tmp_path: Path) -> None:
    for number in range(MOST_FILES):
        (tmp_path / str(number)).touch()
        os.utime(tmp_path / str(number), (number, number))
    Cache(tmp_path).write("newest", b"")
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == MOST_FILES // 2 + 1 and {"newest", str(MOST_FILES - 1)} <= left


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_home("", "/home/ada") == cache_home("relative", "/home/ada") == Path("/home/ada/.cache/snitch")
    assert cache_home("/caches", "/home/ada") == Path("/caches/snitch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_beside([tmp_path / "iris"]) is not None and cache_beside([tmp_path]) is None


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(codec=None), max_size=6)  # surrogates too: what a path may hold
spans = st.none() | st.builds(Span, *[st.integers(1, 9)] * 4)
found = st.builds(Finding, texts, spans, texts, texts, texts, texts, texts)
entries = st.builds(Entry, st.sampled_from(["file", "link", "submodule"]), st.none() | st.integers(0), st.integers(0))
answers = st.none() | st.booleans() | texts | entries
traces = st.lists(st.tuples(st.tuples(texts, texts), answers), max_size=4).map(tuple)
outcomes = st.builds(
    Outcome,
    texts,
    st.sampled_from(["pass", "fail", "skip"]),
    st.none() | texts,
    st.lists(found, max_size=3).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    st.none() | texts,
)


@given(st.builds(Remembered, traces, outcomes))
def test_an_outcome_comes_out_of_the_file_as_it_went_in(remembered: Remembered) -> None:
    cache = InMemory()
    memo = FileMemo.of(cache, "/iris")
    memo.put(("10.patch", ":."), remembered)
    memo.save()
    assert FileMemo.of(cache, "/iris").get(("10.patch", ":.")) == (remembered,)
    assert FileMemo.of(cache, "/rose").get(("10.patch", ":.")) == ()


def test_the_newest_outcomes_of_a_rule_are_kept() -> None:
    memo = FileMemo.of(InMemory(), "/iris")
    many = [Remembered(((("name", ""), str(number)),), Outcome("1.path", "pass")) for number in range(STATES + 3)]
    for one in many:
        memo.put(("1.path", ""), one)
    assert memo.get(("1.path", "")) == tuple(reversed(many[-STATES:]))


def test_what_json_would_change_is_not_remembered() -> None:
    memo = FileMemo.of(InMemory(), "/iris")
    memo.put(("1.path", ""), Remembered(((("fact", "topics"), ("a",)),), Outcome("1.path", "pass")))
    assert memo.get(("1.path", "")) == ()


class InMemory(Cache):
    """A cache that writes nowhere."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.kept[name] = data
