"""Dockerfiles: instructions with their lines, what Docker refuses, and lines added without touching the rest."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.finding import Span
from checks.read import Unparsable
from checks.read.dockerfile import Dockerfile, read_dockerfile, with_lines


def read(text: str) -> Dockerfile:
    return read_dockerfile(text.encode())


def lines(text: str) -> list[tuple[str, int, int]]:
    return [(i.name, i.line, i.end_line) for stage in read(text).stages for i in (stage.start, *stage.instructions)]


def test_an_instruction_has_the_lines_of_its_continuations_comments_and_documents() -> None:
    text = "# c\n\nFROM x\nLABEL a=b \\\n  # why\n\n  c=d\nRUN <<A <<-B\n1\nA\n2\n\tB\n  USER me\n"
    assert lines(text) == [("FROM", 3, 3), ("LABEL", 4, 7), ("RUN", 8, 12), ("USER", 13, 13)]


def test_a_span_reaches_from_the_first_character_to_the_end_of_the_last_line() -> None:
    file = read("\ufeffFROM x\r\n  LABEL a=é \\\r\n c=d\r\n")
    assert file.span(file.stages[0].last_label) == Span(2, 3, 3, 5)
    assert file.span(file.stages[0].start) == Span(1, 1, 1, 7)


def test_labels_are_pairs_with_their_quotes() -> None:
    (label,) = read("FROM x\nlabel \"a b\"=c d= e='f g'\n").stages[0].instructions
    assert list(label.pairs) == [('"a b"', "c"), ("d", ""), ("e", "'f g'")]


def test_a_label_of_the_old_form_has_the_rest_of_the_line_as_its_value() -> None:
    (label,) = read('FROM x\nLABEL Name = "x"  y\n').stages[0].instructions
    assert list(label.pairs) == [("Name", '= "x"  y')]


def test_onbuild_hides_its_instruction() -> None:
    assert [i.name for i in read("FROM x\nONBUILD LABEL a=b\n").stages[0].instructions] == ["ONBUILD"]


def test_a_stage_is_found_by_name_without_case_by_number_and_by_default() -> None:
    file = read("FROM a AS One\nFROM b\nFROM c as two\n")
    assert [file.stage(target) for target in ("ONE", "two", "1", None)] == [0, 2, 1, 2]
    assert [file.stage(target) for target in ("three", "3", "-1", "²")] == [None] * 4


def test_arguments_before_the_first_stage_stand_apart() -> None:
    file = read("ARG A=1 B\nARG C\nFROM x\nARG D\n")
    assert [argument.words for argument in file.arguments] == [("A=1", "B"), ("C",)]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "no instructions"),
        ("# only this\n", 1, "no instructions"),
        ("ARG A\n", 1, "no FROM"),
        ("ARG A\nRUN x\nFROM x\n", 2, "before the first FROM"),
        ("FROM x\nFOO bar\n", 2, "unknown instruction: FOO"),
        ("FROM x\nRUN a \\\n  b\nLABEL a\n", 4, "two arguments"),
        ("FROM x\nRUN a\nLABEL a=b c\nRUN b\n", 3, "can't find = in"),
        ("FROM x\nLABEL\n", 2, "at least one argument"),
        ("FROM x\nCOPY a\n", 2, "at least two arguments"),
        ("FROM x\nLABEL =x\n", 2, "without a name"),
        ("FROM x\nARG =x\n", 2, "without a name"),
        ("FROM x y\n", 1, "FROM needs"),
        ("FROM\n", 1, "FROM needs"),
        ("FROM x AS 1a\n", 1, "name of a stage"),
        ("FROM x\nONBUILD ONBUILD RUN x\n", 2, "ONBUILD"),
        ("FROM x\nONBUILD FOO x\n", 2, "ONBUILD"),
        ("FROM x\nRUN <<E\nx\nE\nRUN <<E\n<<F\n", 5, "unterminated heredoc"),
        ("FROM x\nCMD [1]\n", 2, "strings only"),
        ("FROM x\n\n \\\n", 3, "ends in an escape"),
        ("# escape=x\nFROM x\n", 1, "invalid escape token"),
        ("FROM x\nLABEL a=" + "b" * 70_000, 2, "greater than max"),
    ],
)
def test_what_docker_refuses_is_unparsable_in_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(Unparsable) as caught:
        read(text)
    assert why in caught.value.why
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("first", "frontend"),
    [
        ("# syntax=docker/dockerfile:1", None),
        ("#syntax = docker.io/docker/dockerfile-upstream:master-labs", None),
        ("# syntax=registry.example.com:5000/docker/dockerfile@sha256:00", None),
        ("# SYNTAX=acme/dockerfile-plus", "acme/dockerfile-plus"),
        ("#  escape=`\n# syntax=acme/x:1 and more", "acme/x:1"),
        ("# hello\n# syntax=acme/x:1", None),
    ],
)
def test_a_frontend_other_than_dockers_own_is_told(first: str, frontend: str | None) -> None:
    file = read(f"{first}\nFROM x\n")
    assert file.frontend == frontend
    assert bool(file.stages) == (frontend is None)


@pytest.mark.parametrize(
    "start",
    [
        "# escape=`",
        "  #ESCAPE = `  ",
        "# check=skip=all\n# escape=`",
        "# syntax=docker/dockerfile:1\n# check=x\n# escape=`",
    ],
)
def test_directives_are_known_in_any_order(start: str) -> None:
    file = read(f"{start}\nFROM x\nRUN a `\n b\n")
    assert file.escape == "`"
    assert file.stages[0].last.end_line == start.count("\n") + 4


def test_what_looks_like_a_directive_below_the_top_is_a_comment() -> None:
    for start in ("\n", "# hello\n", "FROM y\n"):
        assert read(f"{start}# escape=`\nFROM x\n").escape == "\\"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfeF\x00R\x00O\x00M\x00",
        b"FROM x\nLABEL a=\xed\xb2\x80\n",
        b"FROM x\nLABEL a=b\0c\n",
        b"FROM x\nHEALTHCHECK \xc3\xa0 b\n",
        b"FROM x\nRUN --a\xe4\x85\x81 b\n",
        b"FROM x\nRUN " + b"[" * 100_000,
        b"FROM x\n" + b"A" * 100_000,
    ],
)
def test_hostile_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_dockerfile(data)
    except Unparsable as error:
        assert error.line is not None


def test_text_behind_a_nul_is_read_too() -> None:
    with pytest.raises(Unparsable, match="unknown instruction"):
        read_dockerfile(b"FROM x\nRUN a\0b\nFOO\n")


@given(st.binary(max_size=200))
@example(b"FROM x\n<<")
def test_any_bytes_are_read_or_unparsable(data: bytes) -> None:
    for text in (data, b"FROM x\n" + data):
        try:
            read_dockerfile(text)
        except Unparsable as error:
            assert error.line is None or 1 <= error.line <= text.count(b"\n") + 1


# ── adding lines ─────────────────────────────────────────────────────────────────────────────────────────────────────


def added(text: str, index: int = -1, new: tuple[str, ...] = ("LABEL n=1",)) -> str | None:
    file = read(text)
    data = with_lines(file, range(len(file.stages))[index], new)
    return None if data is None else data.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM x\n", "FROM x\nLABEL n=1\n"),
        ("FROM x", "FROM x\nLABEL n=1"),
        ("FROM x\r\nRUN a\r\n", "FROM x\r\nRUN a\r\nLABEL n=1\r\n"),
        ("FROM x\r\nRUN a", "FROM x\r\nRUN a\r\nLABEL n=1"),
        ("\ufeffFROM x\n\n# end\n\n", "\ufeffFROM x\nLABEL n=1\n\n# end\n\n"),
        ("FROM x\nRUN <<E\na\nE\n# end", "FROM x\nRUN <<E\na\nE\nLABEL n=1\n# end"),
        ("FROM x\nRUN a \\\n # b\n\n c\n# end\n", "FROM x\nRUN a \\\n # b\n\n c\nLABEL n=1\n# end\n"),
        ("# escape=`\nFROM x\nRUN a `\n b\n", "# escape=`\nFROM x\nRUN a `\n b\nLABEL n=1\n"),
        ("FROM x\nUSER a\nRUN b \\\n", "FROM x\nUSER a\nLABEL n=1\nRUN b \\\n"),
        ("FROM x\nUSER a\nRUN b \\\n# end", "FROM x\nUSER a\nLABEL n=1\nRUN b \\\n# end"),
    ],
)
def test_lines_are_added_behind_the_last_instruction(text: str, expected: str) -> None:
    assert added(text) == expected


def test_lines_are_added_to_a_stage_in_the_middle() -> None:
    assert added("FROM x\nRUN a\n\nFROM y\nRUN b\n", 0) == "FROM x\nRUN a\nLABEL n=1\n\nFROM y\nRUN b\n"


def test_no_line_can_stand_behind_a_from_that_goes_on() -> None:
    assert added("FROM x \\\n") is None


INSTRUCTIONS = st.sampled_from(
    [
        *(
            "LABEL a=b",
            "LABEL a='b c' \\\n # x\n  d=e",
            "RUN a \\\n\n b",
            "RUN <<E\nLABEL x\nE",
            "ARG A=1",
            "# note",
            "",
        ),
        *("  ENV é=ü", 'CMD ["a", \\\n "b"]', "FROM y", "FROM y AS z", "ONBUILD LABEL a=b", "COPY <<E /\nx\nE"),
    ]
)


@given(
    st.lists(INSTRUCTIONS, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff", "# escape=\\\n", "ARG B\n"]),
    st.sampled_from(["", "\n", "\n\n", "\nUSER a \\\n"]),
    st.data(),
)
def test_added_lines_leave_every_other_byte_and_instruction_alone(
    parts: list[str], ending: str, start: str, end: str, data: st.DataObject
) -> None:
    file = read((start + "\n".join(["FROM x", *parts]) + end).replace("\n", ending))
    index = data.draw(st.integers(0, len(file.stages) - 1))
    after = with_lines(file, index, ["ARG N", "LABEL n=1 \\", "  m=2"])
    assert after is not None
    ending = ending if ending.encode() in file.data else "\n"  # a file of one line has none
    new = "\n".join(["ARG N", "LABEL n=1 \\", "  m=2"]).replace("\n", ending)
    assert file.data in {without(after, new + ending), without(after, ending + new)}
    for number, (old, now) in enumerate(zip(file.stages, read_dockerfile(after).stages, strict=True)):
        extra = {("ARG", ("N",)), ("LABEL", ("n", "1", "m", "2"))} if number == index else set()
        assert {(i.name, i.words) for i in now.instructions} == {(i.name, i.words) for i in old.instructions} | extra


def without(data: bytes, text: str) -> bytes:
    return data.replace(text.encode(), b"", 1)
