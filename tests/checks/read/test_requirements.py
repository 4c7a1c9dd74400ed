"""Requirements files are read as pip reads them, on any bytes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pip._internal.exceptions as exceptions
import pip._internal.req.constructors as constructors
import pip._internal.req.req_file as req_file
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.requirements import Pin, Requirement, Requirements, normalized, parse

SHA = "0123456789abcdef0123456789abcdef01234567"


def only(line: str) -> Requirement:
    found = parse(f"{line}\n".encode())
    assert not found.faults, found.faults
    [requirement] = found.requirements
    return requirement


@pytest.mark.parametrize(
    ("line", "name", "specifiers", "extras", "marker"),
    [
        ("idna==3.10", "idna", (("==", "3.10"),), (), None),
        ("Scikit_Learn == 1.4.0", "scikit-learn", (("==", "1.4.0"),), (), None),
        (
            "a.b[c,D_e] >=1, <2 ; python_version > '3'",
            "a-b",
            (("<", "2"), (">=", "1")),
            ("c", "d-e"),
            "python_version > '3'",
        ),
        ("a (==1)", "a", (("==", "1"),), (), None),
        ("a===x.y", "a", (("===", "x.y"),), (), None),
        ("a", "a", (), (), None),
    ],
)
def test_a_plain_requirement_is_taken_apart(
    line: str, name: str, specifiers: tuple[tuple[str, str], ...], extras: tuple[str, ...], marker: str | None
) -> None:
    one = only(line)
    assert (one.name, one.specifiers, one.extras, one.marker) == (name, specifiers, frozenset(extras), marker)


@pytest.mark.parametrize(
    ("line", "kind", "name", "is_pinned"),
    [
        ("-e .", "local", None, True),
        ("./wheels/a-1.0-py3-none-any.whl", "local", "a", True),
        ("a @ file:///wheels/a.zip", "local", "a", True),
        ("https://example.com/a-1.0-py3-none-any.whl", "url", "a", False),
        ("https://example.com/a-1.0-py3-none-any.whl#sha256=00", "url", "a", True),
        ("https://example.com/a.zip#egg=a&sha256=00", "url", "a", True),
        ("a@https://example.com/a.zip --hash=sha256:00", "url", "a", True),
        (f"git+https://example.com/a.git@{SHA}", "vcs", None, True),
        (f"-e git+https://example.com/a.git@{SHA}#egg=A_b&subdirectory=x", "vcs", "a-b", True),
        (f"-e a @ git+https://example.com/a.git@{SHA}", "vcs", None, True),
        ("a @ git+https://example.com/a.git@main ; python_version > '3'", "vcs", "a", False),
        ("hg+https://example.com/a@tip#egg=a", "vcs", "a", False),
    ],
)
def test_an_address_or_a_path_is_known_for_what_it_is(line: str, kind: str, name: str | None, is_pinned: bool) -> None:
    one = only(line)
    assert (one.kind, one.name, one.is_pinned) == (kind, name, is_pinned)


def test_files_are_named_by_every_spelling_of_the_options() -> None:
    text = b"-r a.txt\n--requirement b.txt\n--requirement=c.txt\n-rd.txt\n-c e.txt\n--constraint=f.txt  # why\n"
    found = parse(text)
    assert [one.target for one in found.references] == ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt"]
    assert [one.constraint for one in found.references] == [False] * 4 + [True] * 2


def test_a_place_is_that_of_the_first_line_without_its_comment() -> None:
    found = parse(b"# top\n\n  a==1 \\\n    --hash=sha256:00 # c\nb>1  # why\n")
    spans = [found.span(one) for one in found.requirements]
    assert [(s.line, s.column, s.end_line, s.end_column) for s in spans] == [(3, 3, 3, 7), (5, 1, 5, 4)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_byte_order_mark_is_understood(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    data = f"{mark}a==1\r\nb>=2 # \u00e9\r\n".encode(encoding)
    found = parse(data)
    assert [one.name for one in found.requirements] == ["a", "b"]
    fixed = found.pinned([(found.requirements[1], Pin("2.5"))])
    assert fixed == f"{mark}a==1\r\nb==2.5 # \u00e9\r\n".encode(encoding)


def test_what_is_not_text_is_told() -> None:
    with pytest.raises(Unparsable, match="save it as UTF-8"):
        parse(b"a==1\n# \xe9\n")
    assert parse(b"# coding: latin-1\n# \xe9\na==1\n").requirements[0].name == "a"
    with pytest.raises(Unparsable):
        parse(b"a\0==1\n")


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("a", "a==1.0"),
        ("a>=1 ; x", None),
        ("a ~= 1.0 ; python_version > '3' # c", "a ==1.0 ; python_version > '3' # c"),
        ("a[b] # c", "a[b]==1.0 # c"),
        ("a (>1)", "a ==1.0"),
        ("a>1 --global-option=x", None),
        ("a \\\n  >1", None),
        ("a \\\n  # c\n", None),
        ("-e .", None),
    ],
)
def test_a_pin_replaces_the_specifiers_and_nothing_else(line: str, fixed: str | None) -> None:
    found = parse(f"# x\n{line}\nb==1".encode())
    after = found.pinned([(found.requirements[0], Pin("1.0"))]) if len(found.requirements) == 2 else None
    if fixed is not None:
        assert after == f"# x\n{fixed}\nb==1".encode()
        assert parse(after).requirements[0].version == "1.0"
    elif after is not None:
        assert parse(after).requirements[0].version != "1.0"


HASHES = "\\\n    --hash=sha256:00 \\\n    --hash=sha256:11"


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("a # c", f"a==1.0 {HASHES} # c"),
        ("a[b]>1 ; python_version > '3'", f"a[b]==1.0 ; python_version > '3' {HASHES}"),
        ("a>1 --hash=sha256:22", f"a==1.0 {HASHES}"),
        ("a>1 \\\n  --hash=sha256:22 \\\n  --hash sha256:33 # c", f"a==1.0 {HASHES} # c"),
        ("a>1; python_version > '3' --hash=sha256:22", f"a==1.0; python_version > '3' {HASHES}"),
        ("a \\\n  ; python_version > '3' --hash=sha256:22", None),
        ("a>1 \\\n  --hash=sha256:22 # c \\\n", None),
        ("a>1 --hash=sha256:22 --global-option=x", None),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_where_a_file_has_hashes_a_pin_brings_its_own(line: str, fixed: str | None, newline: str) -> None:
    rest = "\nb==1 --hash=sha256:44\n"
    found = parse(f"{line}{rest}".replace("\n", newline).encode())
    pair = found.requirements[0], Pin("1.0", ("sha256:00", "sha256:11"))
    assert found.pinned([(pair[0], Pin("1.0"))]) is None
    after = found.pinned([pair])
    assert (after is None) == (fixed is None)
    if after is not None:
        assert after == f"{fixed}{rest}".replace("\n", newline).encode()
        assert [(one.version, one.hashed) for one in parse(after).requirements] == [("1.0", True), ("1", True)]


def test_several_pins_are_written_at_once() -> None:
    found = parse(b"a\nb>1 # c\nc==1\n")
    first, second, _ = found.requirements
    assert found.pinned([(first, Pin("2")), (second, Pin("3"))]) == b"a==2\nb==3 # c\nc==1\n"


PIECES = [
    *(
        "a",
        "==",
        "1.0",
        " ",
        "\\",
        "\n",
        "\r\n",
        "#",
        ";",
        "[",
        "]",
        "@",
        "-e",
        "-r",
        "-c ",
        "--hash=sha256:0",
        "git+https://x",
    ),
    *(
        "https://[",
        "://",
        "file:",
        "${V}",
        "'",
        '"',
        "python_version",
        "<",
        "(",
        ")",
        ",",
        "./",
        ".whl",
        "\u2028",
        "\f",
        "--",
        "=",
    ),
]
words = st.sampled_from(PIECES)
files = st.one_of(st.binary(max_size=80), st.lists(words, max_size=14).map(lambda parts: "".join(parts).encode()))


def read(data: bytes) -> Requirements | None:
    try:
        return parse(data)
    except Unparsable:
        return None


@settings(max_examples=400, deadline=None)
@given(files)
def test_on_any_bytes_it_gives_a_value_whose_places_are_in_the_file(data: bytes) -> None:
    found = read(data)
    for line in (*found.requirements, *found.references, *found.faults) if found else ():
        assert 0 <= line.start <= line.end <= len(found.source.text)


@settings(max_examples=300, deadline=None)
@given(files)
def test_a_pin_changes_one_line_and_is_what_it_says(data: bytes) -> None:
    found = read(data)
    for index, one in enumerate(found.requirements if found else ()):
        after = found.pinned([(one, Pin("1.2.3", ("sha256:00", "sha256:11")))])
        if after is None:
            continue
        again = parse(after)
        assert again.requirements[index].version == "1.2.3", (one.text, after)
        assert [r.text for i, r in enumerate(again.requirements) if i != index] == [
            r.text for i, r in enumerate(found.requirements) if i != index
        ]


# ── against pip's own parser ─────────────────────────────────────────────────────────────────────────────────────────

# Not among them: what versions of pip disagree on (`a>dev`, `a==`, `a>1,`).
LINES = [
    "idna==3.10",
    "idna >= 3, <4 # c",
    "idna[a,b]~=3.1; python_version<'3.8'",
    "idna#x",
    "idna #x",
    "idna==3.*",
    "idna===x",
    "a==1 \\\n --hash=sha256:" + "0" * 64,
    "a==1 \\\n# c\nb==2",
    "\\\na==1",
    "a=1",
    "a b",
    "a[b",
    "a==1;",
    "a; x",
    "-r none.txt",
    "--index-url https://x/simple",
    "-i https://x",
    "--extra-index-url=https://x",
    "--nope",
    "-e .",
    ".[a,b]",
    "-e .[a_b]",
    "file:.#egg=a",
    "bzr+lp:a#egg=a",
    "git@example.com:a/b.git",
    "git@example.com:a/b.git==1.0",
    f"-e git+https://x/a@{SHA}#egg=a[b,c]",
    "git+https://x/a#subdirectory=b&egg=a[c]",
    "a[b, c] @ git+https://x/a@main",
    "a[b] @ https://x/a.zip ; python_version < '3'",
    "https://x/a.zip#egg=a[b]",
    f"a @ git+https://x/a@{SHA};python_version<'3'",
    f"a@git+https://x/a@{SHA}; python_version<'3'",
    "https://x/a.zip ; python_version<'3'",
    "https://x/a-1.0-py3-none-any.whl; python_version<'3'",
    f"git+https://x/a@{SHA} ; python_version<'3'",
    "@EXPLICIT",
    "name: env",
    "pip install a",
    "a=1.19.2=py38h54aff64_0",
    "a==2,<3 ; sys_platform == 'linux' or os_name == 'nt'",
    "a == 1.0.post1 --hash=sha256:" + "0" * 64 + " --hash=sha256:" + "1" * 64,
    "--pre",
    "--no-binary :all:",
    "-f ./wheels",
    "--trusted-host x",
    "--require-hashes",
    "a @ https://x/a.zip",
    "https://x/a-1.0.zip",
    "https://x/a-1.0-py3-none-any.whl",
    f"git+https://x/a@{SHA}#egg=a",
    "git+https://x/a",
    "a@git+https://x/a@main",
    "a==1 --global-option=x",
    "a==1 --config-settings x=y",
    "(a)",
    "a (>1)",
    "a==1.0-1",
    "a==1 ; ",
    "a==1.0+cu111",
    "a==1 b==2",
    "a==1,!=1.5",
    "'a'",
    "a\t==1",
    "\u00e9==1",
    "a==1\f\nb==2",
]


Said = tuple[str, tuple[tuple[str, str], ...], bool, bool, frozenset[str], bool]
"""Of a requirement: name, specifiers, whether it has an address, hashes, extras, whether it has a marker."""


def _pip(path: Path) -> list[Said] | None:
    """What pip finds in a file; None where it refuses it."""
    logging.getLogger("pip").setLevel(logging.CRITICAL)
    try:
        parsed = list(req_file.parse_requirements(str(path), session=None))
        return [_said(constructors.install_req_from_parsed_requirement(one)) for one in parsed]
    except (exceptions.PipError, ValueError):
        return None


def _said(one: Any) -> Said:
    specifiers = () if one.link or not one.req else tuple(sorted((s.operator, s.version) for s in one.req.specifier))
    return (
        normalized(one.name or ""), specifiers, one.link is not None, bool(one.hash_options),
        frozenset(map(normalized, one.extras)), bool(one.markers),
    )  # fmt: skip


def _ours(one: Requirement) -> Said:
    hashed = one.hashed and "--hash" in one.text if one.kind != "index" else one.hashed
    return (one.name or "", one.specifiers, one.kind != "index", hashed, one.extras, one.marker is not None)


@pytest.mark.parametrize("text", LINES)
def test_pip_takes_and_refuses_the_same_lines(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "requirements.txt"
    (tmp_path / "setup.py").write_text("")
    (tmp_path / "none.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    path.write_bytes(f"{text}\n".encode())
    theirs, ours = _pip(path), parse(path.read_bytes())
    assert (theirs is None) == bool(ours.faults), (theirs, ours.faults)
    if theirs is not None:
        assert [_ours(one) for one in ours.requirements] == theirs
