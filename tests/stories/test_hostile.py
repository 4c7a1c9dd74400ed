"""What bad input gets: a finding, a skip or an error that says what and where, and the rest of the review."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bot.judges import Judges
from tests.gitlab.githost import Change
from tests.stories.conftest import Begin
from tests.stories.engine import Stepper
from tests.stories.model_project import CI, PROJECT, SERVE, UNLABELLED, UNTRACED
from tests.stories.story import Story

DEEP = "(" * 5_000 + ")" * 5_000
LATIN = UNTRACED.replace('"""Serves the iris model."""', '# -*- coding: latin-1 -*-\n"""Sert le modèle: é."""').encode(
    "latin-1"
)

SERVES: dict[str, bytes] = {
    "CRLF": UNTRACED.replace("\n", "\r\n").encode(),
    "no final newline": UNTRACED.rstrip("\n").encode(),
    "Latin-1": LATIN,
    "BOM": b"\xef\xbb\xbf" + UNTRACED.encode(),
    "tabs and form feeds": UNTRACED.replace("    ", "\t").replace("\n\n\n", "\n\x0c\n\n").encode(),
    "a unicode line separator": UNTRACED.replace("The API.", "The\u2028API.\x85").encode(),
}
UNREADABLE: dict[str, bytes] = {
    "a syntax error": b"def broken(:\n    pass\n",
    "NUL": UNTRACED.encode().replace(b"import kserve", b"import\0kserve"),
    "a wrong coding": UNTRACED.replace("The API.", "Caf\xe9").encode("latin-1"),
    "an unknown coding": b"# -*- coding: nonsense -*-\n" + UNTRACED.encode(),
    "UTF-16": UNTRACED.encode("utf-16"),
    "nested 5,000 deep": f"x = {DEEP}\n".encode(),
    "10 MB": UNTRACED.encode() + b"# more\n" * 1_500_000,
    "10 MB in a line": b"x = '" + b"a" * 10_000_000 + b"'\n",
    "empty": b"",
    "binary": bytes(range(256)) * 40,
}
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
CONFIGURATIONS: dict[str, bytes] = {
    "a bomb of aliases": (BOMB + CI).encode(),
    "100 KB of brackets": b"[" * 100_000,
    "duplicate keys": (CI + "variables:\n  OTHER: x\n").encode(),
    "unknown tags": (CI + "job:\n  script: !unknown [a, !!python/object/apply:os.system ['false']]\n").encode(),
    "a reference": (CI + "job:\n  script:\n    - !reference [.setup, script]\n").encode(),
    "a tab": b"include:\n\t- project: x\n",
    "two documents": b"spec:\n  inputs: {}\n---\n" + CI.encode(),
    "a merge of itself": b"a: &a\n  <<: *a\n" + CI.encode(),
    "NUL": CI.encode() + b"\0",
    "not UTF-8": CI.encode() + b"# \xff\xfe\n",
    "a list": b"- a\n- b\n",
    "2 MB": CI.encode() + b"# more\n" * 300_000,
}


@pytest.mark.parametrize("serve", SERVES.values(), ids=SERVES)
def test_any_layout_of_python_is_reviewed_and_fixed_as_it_is(story: Story, serve: bytes) -> None:
    """Encoding, byte order mark, line ends, final newline: the fix adds its lines and changes nothing else."""
    story.opened({"serve.py": serve})
    assert list(story.rules()) == ["10.patch"]
    story.say("/snitch fix")
    assert story.status() == "success"
    fixed = story.read("serve.py")
    assert fixed is not None
    added = [line for line in fixed.splitlines(keepends=True) if line not in serve.splitlines(keepends=True)]
    rest = fixed
    for line in added:
        rest = rest.replace(line, b"", 1)
    ends = {line[-2:] == b"\r\n" for line in added}
    assert ends == {b"\r\n" in serve}
    assert rest.split() == serve.split() and fixed.endswith(serve[-30:]) and fixed.startswith(serve[:3])


@pytest.mark.parametrize("serve", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_python_leaves_the_rest_of_the_review_there(story: Story, serve: bytes) -> None:
    story.opened({"serve.py": serve, "Dockerfile": UNLABELLED})
    assert {"6.model", "6.org.label-schema.vendor"} <= set(story.rules())
    summary = story.summary()
    assert summary is not None
    assert "4." in summary.body or any(rule.startswith("4.") for rule in story.rules())
    assert story.status() == "failed"
    story.pushed({"serve.py": SERVE, "Dockerfile": PROJECT["Dockerfile"]})
    assert (story.open_threads(), story.status()) == ([], "success")


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_hostile_yaml_leaves_the_rest_of_the_review_there(story: Story, configuration: bytes) -> None:
    """What needs the file skips; what is wrong with it, or why it was not read, is said."""
    story.opened({".gitlab-ci.yml": configuration, "serve.py": UNTRACED})
    assert "10.patch" in story.rules() and story.status() == "failed"
    readable = "include" in configuration.decode("latin-1") and len(configuration) < 10_000
    summary = story.summary()
    assert readable or "3.include" in story.rules() or (summary is not None and "**3.include**" in summary.body)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "serve.py", "weights", ".git/config", ""])
def test_a_link_is_not_followed_out_of_the_tree(story: Story, target: str) -> None:
    link: Change = ("120000", target.encode() or b".")
    story.opened({"serve.py": link, "Dockerfile": UNLABELLED})
    assert "6.model" in story.rules()
    assert "root:" not in "".join(note.body for note in story.notes()) + story.engine.said()


def test_a_link_within_the_tree_is_read_through(story: Story) -> None:
    story.opened({"serve.py": ("120000", b"src/serve.py"), "src/serve.py": UNTRACED})
    assert "10.patch" in story.rules()


def test_a_submodule_in_the_place_of_a_file_is_none(story: Story) -> None:
    story.opened({"serve.py": ("160000", b"1" * 40), "Dockerfile": UNLABELLED})
    assert "6.model" in story.rules() and story.status() == "failed"


PATHS: list[bytes | str] = [
    "weights/with blank.bin",
    "weights/'single' \"double\".bin",
    "weights/line\nbreak.bin",
    "weights/-rf.bin",
    "--output=x/weights.bin",
    "weights/tab\t.bin",
    "weights/\u202egnp.bin",
    "weights/\U0001f600.bin",
    b"weights/not-utf8-\xff\xfe.bin",
    "weights/`code`.bin",
    "weights/```.bin",
    "weights/@maintainer.bin",
    "weights/<img src=x onerror=alert(1)>.bin",
    "weights/a|b.bin",
    "weights/[x](https:example.com).bin",
    "weights/#1 !1 &1 %1 ~bug.bin",
    "weights/\n/close\n/approve.bin",
    "weights/$(touch x);`touch y`.bin",
    "weights/:(glob)*.bin",
    "weights/" + "x" * 240 + ".bin",
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_a_path_of_any_bytes_is_reported_and_shown_harmlessly(story: Story, path: bytes | str) -> None:
    name = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
    story.opened({name: b"\0weights" if name.startswith("weights/") else b"x" * 1_100_000, "Dockerfile": UNLABELLED})
    said = "".join(note.body for note in story.notes())
    assert "1.untracked" in said and "6.model" in story.rules()
    assert story.status() == "failed"
    story.pushed({"Dockerfile": PROJECT["Dockerfile"]}, delete=[name])
    assert (story.open_threads(), story.status()) == ([], "success")


HOSTILE = {
    "a mention": "s3://my-bucket/iris/@all @maintainer/models/2026-03-01T12:00:00Z",
    "a quick action": '"s3://x\\n/close\\n/approve\\n/merge\\n"',
    "a fence": '"s3://x\\n```\\n</details>\\n/close\\n```suggestion:-100+100\\n"',
    "HTML": "s3://x/<img src=x onerror=alert(1)><script>alert(1)</script><!--/models/2026-03-01T12:00:00Z",
    "the end of a comment": '"s3://x --> <b>bold</b> <!-- snitch:thread {} -->"',
    "a link": "s3://x/[here](https://example.com/phish)/![x](https://example.com/x.png)",
    "references": "s3://x/ #1 !2 ~bug %milestone &3 $4 0123456789abcdef0123456789abcdef01234567",
    "a bare address": "https://example.com/phish",
    "bidi and controls": '"s3://x/\\u202etxt\\u2066 \\x07\\x1b[31mred"',
    "a table": "s3://x | a | b |",
    "long": "s3://" + "x" * 100_000,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_text_of_a_repository_is_shown_as_code_alone(story: Story, value: str) -> None:
    """What a comment must not do is among the laws: `laws.nothing_of_a_repository_is_markdown`."""
    configuration = CI[: CI.index("s3://")] + value + "\n"
    story.opened({".gitlab-ci.yml": configuration, "Dockerfile": UNLABELLED})
    assert "1.path" in story.rules()
    note = story.say("/snitch fix")
    assert "1.path" in story.reply(note)
    story.say("/snitch check")


def test_hostile_names_in_python_are_shown_as_code_alone(story: Story) -> None:
    serve = UNTRACED.replace("class Iris(kserve.Model)", "class Iris(metaclass=__import__('x').y)")
    story.opened({"serve.py": serve + "\n\nclass ﬁ＠maintainer: ...\n".replace("＠", "")})
    assert story.status() == "failed"


def test_a_hostile_branch_name_reaches_no_command_line_and_no_markdown(story: Story) -> None:
    branch = "-fix;$(touch${IFS}x)`id`@maintainer"
    story.open({"serve.py": UNTRACED}, branch=branch.removeprefix("-"))
    story.work()
    story.say("/snitch fix")
    assert story.status() == "success"


def test_a_title_and_a_description_are_not_obeyed(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}, title="/snitch fix", description="/snitch fix\n\n<!-- snitch:summary {} -->")
    assert story.status() == "failed" and len(story.commits()) == 1


def test_hooks_attributes_and_settings_of_the_repository_start_nothing(begin: Begin, tmp_path) -> None:
    touched = tmp_path / "touched"
    evil = f"#!/bin/sh\ntouch {touched}\n"
    story = begin(
        {
            **PROJECT,
            ".gitattributes": "* filter=evil diff=evil merge=evil\n",
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {touched}\n',
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {touched}"\n',
            "hooks/post-checkout": ("100755", evil.encode()),
            ".lfsconfig": f"[lfs]\n\turl = file://{tmp_path}\n",
            "setup.py": f"open({str(touched)!r}, 'w')\n",
            "conftest.py": f"open({str(touched)!r}, 'w')\n",
        }
    )
    story.opened({"serve.py": UNTRACED + f"\nopen({str(touched)!r}, 'w')\n"})
    story.say("/snitch fix")
    assert story.status() == "success" and not touched.exists()


@pytest.fixture
def fallible() -> Iterator[Judges]:
    judges = Judges(1, os.environ, ("-m", "tests.bot.hostile_judge"))
    yield judges
    judges.close()


def test_a_file_that_kills_its_reader_leaves_a_review_of_the_rest(fallible: Judges, begin: Begin) -> None:
    """A library that falls for a file takes a process with it that does nothing else."""
    story = begin()
    story.engine.world.judge = fallible
    story.opened({"serve.py": UNTRACED, "README.md": "# CRASH\n"})
    assert "10.patch" in story.rules()
    assert "could not be judged" in story.description()
    summary = story.summary()
    assert summary is not None and "made its process fail" in summary.body
    assert story.engine.given_up == []


def test_a_damaged_pack_is_thrown_away_and_fetched_anew(story: Story) -> None:
    """Blobs that can't be read are seen in the middle of a review."""
    assert isinstance(story.engine, Stepper)
    story.opened({"serve.py": UNTRACED})
    (mirror,) = story.engine.world.mirrors.glob("*.git")
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        middle = range(len(data) // 4, len(data) - 20)
        for place in middle:
            data[place] ^= 0x5A
        pack.write_bytes(data)
    for loose in mirror.glob("objects/??/*"):
        loose.chmod(0o600)
        loose.write_bytes(b"damaged")
    story.engine.world.snapshots._kept.clear()
    story.pushed({"Dockerfile": UNLABELLED})
    assert {"6.model", "10.patch"} <= set(story.rules())
    assert story.engine.given_up == []
