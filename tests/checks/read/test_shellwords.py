"""Words of a Dockerfile come to what Docker makes of them; what can't be known says so."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.shellwords import Value, expand, joined, known, unknown

SET = {"V": "abc", "E": "", "P": "/usr/local/lib", "D": "x.tar.gz", "한": "글"}


def text(word: str, escape: str = "\\") -> str | None:
    return expand(word, lambda name: known(SET[name]) if name in SET else None, escape).text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        # quotes and escapes
        ("", ""),
        ("abc", "abc"),
        ("a'b c'd", "ab cd"),
        ('a"b c"d', "ab cd"),
        (r"a\ b", "a b"),
        (r"a\nb", "anb"),
        (r'"a\nb"', r"a\nb"),
        (r'"a\"b"', 'a"b'),
        (r"'a\'", "a\\"),
        (r"'$V'", "$V"),
        (r"\$V", "$V"),
        (r'"\$V"', "$V"),
        (r'"\\$V"', "\\abc"),
        ("a\\", "a"),
        ('"it\'s"', "it's"),
        ("= x", "= x"),
        # variables
        ("$V", "abc"),
        ("$V.x", "abc.x"),
        ("${V}x", "abcx"),
        ("$Vx", ""),
        ("$한!", "글!"),
        ("$", "$"),
        ("$.", "$."),
        ("a$1b", "ab"),
        ("$12x", "x"),
        ("$@@", "@"),
        ("${@}x", "x"),
        ("$$V", "V"),
        # defaults and alternatives
        ("${U-d}${U:-d}${E-d}${E:-d}${V:-d}", "dddabc"),
        ("${U+a}${U:+a}|${E+a}${E:+a}|${V+a}${V:+a}", "|a|aa"),
        ("${U:-$V}", "abc"),
        ("${U:-${W:-'x y'}}", "x y"),
        ("${U:-}", ""),
        ("${V?no}${V:?no}", "abcabc"),
        (r"${U:-a\}b}", "a}b"),
        ("${1:-d}", "d"),
        # patterns
        ("${P#*/}", "usr/local/lib"),
        ("${P##*/}", "lib"),
        ("${P%/*}", "/usr/local"),
        ("${P%%/*}", ""),
        ("${D%.*}", "x.tar"),
        ("${D%%.*}", "x"),
        ("${D#?.}", "tar.gz"),
        ("${V#x}", "abc"),
        ("${V%}", "abc"),
        ("${P/\\//-}", "-usr/local/lib"),
        ("${P//\\//-}", "-usr-local-lib"),
        ("${V/b/}", "ac"),
        ("${V/?/x}", "xbc"),
        ("${V//?/x}", "xxx"),
        ("${V/*/x}", "x"),
        ("${V/x/y}", "abc"),
        ("${U/x/y}", ""),
    ],
)
def test_a_word_is_read_as_docker_reads_it(word: str, expected: str) -> None:
    assert text(word) == expected


@pytest.mark.parametrize(
    "word",
    [
        *("'a", '"a', '"a\\"', "${V", "${", "${}", "${:-x}", "${V:x}", "${V:=x}", "${V!}", "${.}", "${V:#x}", "${V/a}"),
        *("${U:-${W}", r"${V#\a}", "${V:0:2}"),
    ],
)
def test_what_docker_refuses_is_unparsable(word: str) -> None:
    with pytest.raises(Unparsable):
        text(word)


def test_the_escape_character_may_be_a_backquote() -> None:
    assert text('C:\\x`$V"`$"`"', "`") == 'C:\\x$V$"'


def value(word: str, **variables: Value) -> Value:
    return expand(word, variables.get)


@pytest.mark.parametrize(
    ("word", "blank"),
    [
        ("$Q", None),
        ("v$Q", False),
        (" $Q", None),
        ("$F", False),
        ("${Q:-d}", False),
        ("${Q-d}", None),
        ("${Q:-}", None),
        ("${Q:+d}", None),
        ("${Q:+}", True),
        ("${F:+d}", False),
        ("${F:-}", False),
        ("${F#x}", None),
        ("${Q/x/y}", None),
        ("$U", True),
        ("' '", True),
    ],
)
def test_what_hangs_on_an_unknown_variable_is_blank_only_where_that_is_sure(word: str, blank: bool | None) -> None:
    assert value(word, Q=unknown("Q"), F=unknown("F", filled=True)).blank is blank


def test_a_value_names_the_variables_that_lack() -> None:
    assert value("$A$B$C", A=known("x"), B=unknown("B")).names == {"B", "C"}


def test_a_value_that_doubles_itself_is_given_up() -> None:
    one = known("x" * 6000)
    assert joined([one, one]) == Value(None, filled=True)


@given(st.text("aV${}:-+?#%/\\'\"* `", max_size=40))
def test_any_word_has_a_value_or_is_unparsable(word: str) -> None:
    for variable in (known("a/b"), unknown("V"), None):
        try:
            expand(word, lambda name, given=variable: given)
        except Unparsable as error:
            assert error.why


@given(st.text(st.characters(exclude_characters="\n"), max_size=40), st.sampled_from("\\`"))
def test_a_word_in_quotes_with_its_escapes_is_itself(content: str, escape: str) -> None:
    word = '"' + "".join(escape + char if char in ('"', "$", escape) else char for char in content) + '"'
    assert expand(word, lambda name: None, escape).text == content


@pytest.mark.parametrize(
    "word", ["${V:-" * 5000, "${V:-" * 5000 + "}" * 5000, "${V#" + "*a" * 30000 + "}", "$V" * 30000]
)
def test_a_hostile_word_takes_no_time(word: str) -> None:
    with suppress(Unparsable):
        expand(word, lambda name: known("a" * 5000))
