"""What is known of the image that a stage makes, without building it."""

from __future__ import annotations

import pytest

from checks.read import Unparsable
from checks.read.dockerfile import read_dockerfile
from checks.read.image import Image, image_of, literal, quoted, with_labels
from checks.read.shellwords import Value, known, unknown


def image(text: str, target: str | None = None, **given: Value) -> Image:
    file = read_dockerfile(text.encode())
    index = file.stage(target)
    assert index is not None
    return image_of(file, index, given.get, target)


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("FROM scratch\nLABEL a=$V", True),
        ("FROM x\nLABEL a=$V", None),
        ("FROM x\nLABEL a=1$V", False),
        ("FROM scratch\nLABEL a=$PATH", None),
        ("FROM x\nARG V\nLABEL a=$V", True),
        ("FROM x\nARG V=\nLABEL a=$V", True),
        ("ARG V=1\nFROM x\nLABEL a=$V", True),
        ("ARG V=1\nFROM x\nARG V\nLABEL a=$V", False),
        ("FROM x\nLABEL a=$TARGETARCH", None),  # an ARG that is not in scope; the base image may set ENV TARGETARCH
        ("FROM scratch\nLABEL a=$TARGETARCH", True),
        ("FROM x\nARG TARGETARCH\nLABEL a=$TARGETARCH", False),
        ("FROM x\nARG TARGETVARIANT\nLABEL a=$TARGETVARIANT", True),
        ("FROM x\nARG HTTP_PROXY\nLABEL a=$HTTP_PROXY", None),
        ("FROM x\nARG GIVEN\nLABEL a=$GIVEN", False),
        ("FROM x\nARG GIVEN=\nLABEL a=$GIVEN", False),
        ("FROM x\nARG EMPTY=1\nLABEL a=$EMPTY", True),
        ("FROM x\nARG PASSED\nLABEL a=$PASSED", False),
        ("FROM x\nARG V=1\nARG V\nLABEL a=$V", False),
        ("FROM x\nENV V=$W\nLABEL a=$V", None),
        ("FROM x AS p\nARG V=1\nFROM p\nLABEL a=$V", None),
        ("FROM x AS p\nARG V=1\nFROM p\nARG V=2\nLABEL a=$V", False),
        ("FROM x AS p\nARG V=1\nENV V=$V\nFROM p\nLABEL a=$V", False),
        ("FROM x\nENV V=\nARG V=1\nLABEL a=$V", None),  # BuildKit: 1, buildah: nothing
        ("FROM x\nENV V=1\nARG V=2\nLABEL a=$V", False),
        ("FROM x\nARG V=1\nENV V=\nLABEL a=$V", True),
    ],
)
def test_a_label_is_blank_only_where_that_is_sure(text: str, blank: bool | None) -> None:
    found = image(text, GIVEN=known("1"), EMPTY=known(""), PASSED=unknown("PASSED", filled=True))
    assert found.labels["a"].blank is blank


def test_a_stage_has_the_labels_of_the_stages_it_is_built_from() -> None:
    text = "FROM x AS a\nLABEL a=1 z=1\nFROM a AS B\nLABEL b=1\nFROM scratch AS c\nLABEL c=1\nFROM b\nLABEL z=2\n"
    assert {key: value.text for key, value in image(text).labels.items()} == {"a": "1", "b": "1", "z": "2"}
    assert image(text).base.text == "x"
    assert set(image(text, "C").labels) == {"c"}


def test_the_later_of_two_stages_of_a_name_counts() -> None:
    assert set(image("FROM x AS a\nLABEL a=1\nFROM y AS a\nLABEL b=1\nFROM a\n").labels) == {"b"}


def test_a_stage_may_have_the_name_of_its_image() -> None:
    assert image("FROM x AS x\nLABEL a=1\nFROM x\n").base.text == "x"


@pytest.mark.parametrize(
    ("base", "is_open"),
    [("$B", True), ("base-$B", True), ("reg/$B", False), ("python:$B", False), ("${B}", True), ("${B:-reg/x}", True)],
)
def test_where_a_base_may_be_a_stage_that_can_t_be_known_so_may_the_labels(base: str, is_open: bool) -> None:
    text = f"ARG B\nFROM x AS base-one\nLABEL a=1\nFROM {base}\n"
    assert (image(text, B=unknown("B")).open is not None) is is_open
    assert image(f"ARG B\nFROM {base}\n", B=unknown("B")).open is None


def test_a_label_whose_name_can_t_be_known_leaves_the_labels_open() -> None:
    assert "line 2" in (image("FROM x\nLABEL $K=1").open or "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM x\nLABEL a=1\nLABEL a='x", 3),
        ("FROM x\nENV A=${", 2),
        ("FROM x\nARG A=${A:=x}", 2),
        ("ARG A='\nFROM x", 1),
        ("FROM ${}", 1),
        ("FROM $NOWHERE", 1),
    ],
)
def test_a_word_that_docker_can_t_expand_is_unparsable_in_its_line(text: str, line: int) -> None:
    with pytest.raises(Unparsable) as caught:
        image(text)
    assert caught.value.line == line


def test_what_no_stage_of_the_image_needs_is_not_expanded() -> None:
    assert image("FROM x AS a\nLABEL a=${\nFROM y\nLABEL b=1\n").labels.keys() == {"b"}


def test_values_that_double_and_long_chains_of_stages_are_read_in_time() -> None:
    image("FROM scratch\nENV A=xxxx\n" + "ENV A=$A$A\n" * 2000)
    image("FROM x AS a0\n" + "".join(f"FROM a{n} AS a{n + 1}\n" for n in range(3000)))


@pytest.mark.parametrize("escape", ["\\", "`"])
@pytest.mark.parametrize("text", ['a"b', "a$B", "a\\b", "a`b", "ends\\", "ends`", "${x", "é '"])
def test_a_literal_is_itself_in_the_image(text: str, escape: str) -> None:
    file = read_dockerfile(f"# escape={escape}\nFROM x\nARG B=1".encode())
    word = literal(text, escape)
    assert word is not None
    data = with_labels(file, 0, image_of(file, 0, {}.get), {"k": word, "l": quoted("$B", escape)})
    assert data is not None
    labels = image_of(read_dockerfile(data), 0, {}.get).labels
    assert (labels["k"].text, labels["l"].text) == (text, "1")


def test_variables_without_a_value_are_declared_before_the_label() -> None:
    file = read_dockerfile(b"FROM x\nENV A=1\nARG B\nUSER c\n")
    data = with_labels(file, 0, image_of(file, 0, {}.get), {"a": '"$A $B"', "c": '"${C}$C"'})
    assert data == b'FROM x\nENV A=1\nARG B\nUSER c\nARG B\nARG C\nLABEL a="$A $B" \\\n      c="${C}$C"\n'


@pytest.mark.parametrize("text", ["", " ", "a\nb", "\x00", "\ud800"])
def test_what_can_t_stand_in_a_line_is_no_literal(text: str) -> None:
    assert literal(text, "\\") is None
