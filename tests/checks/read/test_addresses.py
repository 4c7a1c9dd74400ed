"""Addresses are found where a file names them, and only a part that is known is taken for known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable, yaml
from checks.read.addresses import Addresses, of_markdown, of_python, of_yaml

A = "s3://b/iris/datasets/2026-03-01T12:00:00Z"


def listed(found: Addresses) -> list[tuple[str, bool]]:
    return [(one.url, one.known) for one in found.found]


@pytest.mark.parametrize(
    ("text", "url", "known"),
    [
        (f"[x]({A})", A, True),
        (f"<{A}>.", A, True),
        (f"**{A}/**", f"{A}/", True),
        (f"_{A}_", A, True),
        (f"see {A}.", A, True),
        (f"`aws s3 cp {A}/ x`", f"{A}/", True),
        (f"{A}/*.csv", f"{A}/", False),
        ("s3://b/data/<date>", "s3://b/data/", False),
        ("s3://b/data/{date}", "s3://b/data/", False),
        ("s3://b/data/$DATE/x", "s3://b/data/", False),
        ("s3://b/data/...", "s3://b/data/...", False),
        ("s3://b/data/…", "s3://b/data/…", False),
        ("s3://BUCKET/data/x", "s3://BUCKET/data/x", False),
        ("s3://b/data/YYYY-MM-DDThh:mm:ssZ", "s3://b/data/YYYY-MM-DDThh:mm:ssZ", False),
        ("s3://b/data/%Y", "s3://b/data/%Y", False),
        ("s3://b/data/12%3A00", "s3://b/data/12%3A00", True),
    ],
)
def test_an_address_ends_where_a_reader_would_end_it(text: str, url: str, known: bool) -> None:
    assert listed(of_markdown(text.encode())) == [(url, known)]


def test_a_comment_names_nothing() -> None:
    assert listed(of_markdown(f"<!-- {A}\n{A} -->\n{A}".encode())) == [(A, True)]
    assert listed(of_python(f"# {A}\nx = 1  # {A}\n".encode())) == []
    data = f"# {A}\na:\n  - |\n    # {A}\n    cp {A}\n".encode()
    assert listed(of_yaml(yaml.parse(data), data)) == [(A, True)]


def test_an_anchor_that_is_used_again_names_once() -> None:
    data = f"a: &x {A}\nb: *x\nc: *x\n".encode()
    assert listed(of_yaml(yaml.parse(data), data)) == [(A, True)]


@pytest.mark.parametrize(
    ("code", "known"),
    [
        (f"'{A}'", True),
        (f'r"""{A}"""', True),
        (f"f'{A}'", False),
        (f"'{A}' + x", False),
        (f"x + '{A}'", True),
        (f"'{A}' % x", False),
        (f"'{A}'.format(x)", False),
        (f"('{A}'\n f'x')", False),
        (f"('{A}'\n 'x' + y)", False),
        (f"'{A} ' 'x'", True),
        (f"join('{A}', x)", True),
        (f"'{A}' # + x", True),
    ],
)
def test_a_string_that_goes_on_elsewhere_is_not_known(code: str, known: bool) -> None:
    (one,) = of_python(f"y = {code}\n".encode()).found
    assert one.url.removesuffix("x") == A and one.known is known


def test_strings_side_by_side_are_one() -> None:
    text = f'y = (\n    \'s3:\' \'//b/\'  # {A}\n    r"data/"\n    """x.csv"""\n)\n{A!r} \nf({A!r}, \'x\')\n'
    found = of_python(text.encode())
    assert [(one.url, one.known) for one in found.found] == [("s3://b/data/x.csv", True), (A, True), (A, True)]
    span = found.span(found.found[0])
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 6, 4, 13)
    assert found.replaced(found.found[0], "s3://x/y") is None


def test_a_replacement_changes_nothing_else() -> None:
    text = f"\ufeffé = '{A}'\r\nz = 1  # é"
    found = of_python(text.encode())
    span = found.span(found.found[0])
    assert (span.line, span.column, span.end_column) == (1, 6, 6 + len(A))
    assert found.replaced(found.found[0], "s3://x/y") == text.replace(A, "s3://x/y").encode()


def _yaml(data: bytes) -> Addresses:
    return of_yaml(yaml.parse(data), data)


pieces = st.lists(
    st.sampled_from(["s3://", "a/", "data", "'", '"', "f", "\n", "\\", "#", "{", "}", "*", "<!--", "-->", ": "])
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), pieces.map(lambda parts: "".join(parts).encode())))
@pytest.mark.parametrize("read", [of_markdown, of_python, _yaml])
def test_on_any_bytes_it_gives_addresses_that_stand_where_it_says(
    read: Callable[[bytes], Addresses], data: bytes
) -> None:
    try:
        found = read(data)
    except Unparsable:
        return
    for one in found.found:
        written = found.source.text[one.start : one.end]
        assert written == one.url or (read is of_python and (written[0], written[-1]) == (one.url[0], one.url[-1]))
        assert written == one.url or found.replaced(one, "s3://x") is None


def test_every_python_file_of_the_library_can_be_read() -> None:
    for path in sorted(Path(codecs_folder()).glob("*.py"))[:150]:
        of_python(path.read_bytes() + b"\nx = 's3://b/data'\n")


def codecs_folder() -> str:
    import codecs

    return str(Path(codecs.__file__).parent)
