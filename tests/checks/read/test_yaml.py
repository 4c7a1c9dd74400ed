"""YAML as it is read and edited: PyYAML's own loader and the bytes around an edit are the judges."""

from __future__ import annotations

import pytest
import yaml as pyyaml
from hypothesis import example, given
from hypothesis import strategies as st

from checks.finding import Span
from checks.read import Unparsable, yaml
from checks.read.yaml import Mapping, Node, Scalar, Sequence
from checks.read.yaml_edit import replaced, with_first_item

DOUBLING = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 10)) for name in b"bcdefg"
)
ITEM = (("project", "ml/pipeline"), ("file", "/p.yml"))
ITEM_LINES = "  - project: ml/pipeline\n    file: /p.yml\n"


def root(text: str | bytes) -> Node:
    return yaml.parse(text.encode() if isinstance(text, str) else text).documents[0].root


def plain(node: Node) -> object:
    """What a node says, all scalars being texts."""
    match node:
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping():
            return {key: plain(value) for key, (_, value) in yaml.entries(node).items()}


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x7f\x85\u2028\u2029\ufeff", min_codepoint=32), max_size=8
)
TREES = st.recursive(
    TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(lambda t: t != "<<"), inner, max_size=3),
)


@given(tree=TREES, flow=st.sampled_from([None, True, False]))
def test_what_pyyaml_writes_is_read_back(tree: object, flow: bool | None) -> None:
    written = pyyaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    assert plain(root(written)) == tree


@given(data=st.binary(max_size=300) | st.text("[]{}&*!-?:,#|>'\"% \n\t\ra1<.", max_size=60).map(str.encode))
@example(b"\xff\xfe\x00")
@example(b"\xff\xfe\x00\x00a")
@example(b"&a [*a]")
@example(b"a\x00b")
@example("\ud800".encode("utf-16-le", "surrogatepass"))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        stream = yaml.parse(data)
    except Unparsable as error:
        assert error.line is None or 1 <= error.line <= data.count(b"\n") + 1
        return
    for scalar in yaml.scalars(stream):
        span = stream.span_of(scalar)
        assert Span(1, 1, 1, 1) <= span and (span.line, span.column) <= (span.end_line, span.end_column)


@pytest.mark.parametrize(
    ("data", "why", "line"),
    [
        (b"[" * 100_000, "deeper than 100", 1),
        (b"- " * 100_000, "deeper than 100", 1),
        (b"{a: " * 101 + b"}" * 101, "deeper than 100", 1),
        (DOUBLING, "more than 100000 values", 5),
        (b"a: b\n\nc: [\n\n# end\n", "is no valid YAML", 5),
        (b"a: b\na b c\n", "is no valid YAML", 2),
        (b"x: 1\ny: &a {b: *a}\n", "the anchor a stands within itself", 2),
        (b"x: *nowhere", "the anchor nowhere is defined nowhere", 1),
        (b"a: \xe9\n", "is not UTF-8 text", 1),
        (b"a\n\x07", "is no valid YAML: control characters", 2),
    ],
)
def test_hostile_and_broken_files_are_refused_with_a_place(data: bytes, why: str, line: int) -> None:
    with pytest.raises(Unparsable, match=why) as refused:
        yaml.parse(data)
    assert refused.value.line == line


def test_places_count_code_points_and_leave_the_byte_order_mark_out() -> None:
    stream = yaml.parse("\ufeffé: '𝄞'  # x\r\nb: &a !t c\r\n".encode())
    spans = [stream.span_of(one) for one in sorted(yaml.scalars(stream), key=lambda one: one.start)]
    assert spans == [Span(1, 1, 1, 2), Span(1, 4, 1, 7), Span(2, 1, 2, 2), Span(2, 10, 2, 11)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_are_read_and_kept(encoding: str) -> None:
    data = "a: é\r\nb: c\r\n".encode(encoding)
    stream = yaml.parse(data)
    assert plain(stream.documents[0].root) == {"a": "é", "b": "c"}
    value = yaml.get(stream.documents[0].root, "b")
    assert isinstance(value, Scalar)
    assert replaced(stream, value, "d") == "a: é\r\nb: d\r\n".encode(encoding)


def test_of_equal_keys_the_last_one_counts() -> None:
    assert plain(root("a: 1\na: 2\n")) == {"a": "2"}


def test_a_merge_key_overrides_what_stands_before_it() -> None:
    """As in Psych, unlike in YAML's own specification."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  a: 0\n  <<: [*x, *y]\n  c: 3\n"
    assert plain(yaml.get(root(text), "z") or root("")) == {"a": "1", "b": "1", "c": "3"}
    assert plain(root('"<<": {a: 1}')) == {"a": "1"}
    assert plain(root("<<: 1")) == {"<<": "1"}


def test_tags_and_references_are_kept_as_nodes() -> None:
    node = yaml.get(root("a: !reference [.b, script]\nc: !own d\n"), "a")
    assert isinstance(node, Sequence) and node.tag == "!reference" and plain(node) == [".b", "script"]


def test_null_is_no_text_and_a_single_value_stands_for_a_list() -> None:
    node = root("a:\nb: ~\nc: ''\nd: [1, 2]\n")
    assert [yaml.text_of(yaml.get(node, key)) for key in "abcd"] == [None, None, "", None]
    assert [len(yaml.items(yaml.get(node, key))) for key in "abcdx"] == [0, 0, 1, 2, 0]


# ── editing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: old # c\n", "a: s3://b/c # c\n"),
        ("a: 'old'\n", "a: 's3://b/c'\n"),
        ('a: "old\\n"\n', 'a: "s3://b/c"\n'),
        ("a: &x !!str old\nb: 1", "a: &x !!str s3://b/c\nb: 1"),
        ("a: |\n  old\n  old\n\nb: 1\n", "a: 's3://b/c'\n\nb: 1\n"),
        ("a: one\n  two\nb: 1\n", "a: s3://b/c\nb: 1\n"),
        ("{a: old, b: 1}", "{a: s3://b/c, b: 1}"),
    ],
)
def test_a_scalar_is_replaced_in_its_own_style(before: str, after: str) -> None:
    stream = yaml.parse(before.encode())
    value = yaml.get(stream.documents[0].root, "a")
    assert isinstance(value, Scalar)
    new = replaced(stream, value, "s3://b/c")
    if "|" in before:
        assert plain(root(new or b"")) == {"a": "s3://b/c", "b": "1"}
    else:
        assert new == after.encode()


@given(
    text=st.text(st.characters(codec="utf-8"), max_size=12),
    style=st.sampled_from(["old", "'old'", '"old"', "|\n  old"]),
)
def test_a_replaced_scalar_reads_as_was_meant_or_is_left(text: str, style: str) -> None:
    stream = yaml.parse(f"x: [1] # c\na: {style}\nb: 1\n".encode())
    value = yaml.get(stream.documents[0].root, "a")
    assert isinstance(value, Scalar)
    new = replaced(stream, value, text)
    if new is not None:
        assert new.startswith(b"x: [1] # c\na: ") and new.endswith(b"\nb: 1\n")
        assert plain(root(new)) == {"x": ["1"], "a": text, "b": "1"}


NEW = f"include:\n{ITEM_LINES}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", NEW),
        ("# c", f"# c\n{NEW}"),
        ("---\n", f"---\n{NEW}"),
        ("\n# c\n# d\n\n\n# e\na: b", f"\n# c\n# d\n\n\n{NEW}\n# e\na: b"),
        ("--- # c\n\na: b\n", f"--- # c\n\n{NEW}\na: b\n"),
        ("%YAML 1.1\n---\na: b\n...\n", f"%YAML 1.1\n---\n{NEW}\na: b\n...\n"),
        ("{a: b}", "{include: [{project: ml/pipeline, file: /p.yml}], a: b}"),
        ("{}", "{include: [{project: ml/pipeline, file: /p.yml}]}"),
        ("include: a.yml  # c\n", f"{NEW}  - a.yml  # c\n"),
        ("include: {local: a}\n", f"{NEW}  - {{local: a}}\n"),
        (
            "include:\n    {local: a,\n     ref: b}\n",
            "include:\n    - project: ml/pipeline\n      file: /p.yml\n    - {local: a,\n     ref: b}\n",
        ),
        ("include:\n  # c\n  - a.yml\n", f"include:\n  # c\n{ITEM_LINES}  - a.yml\n"),
        ("include: [a.yml]\n", "include: [{project: ml/pipeline, file: /p.yml}, a.yml]\n"),
        ("include: [\n  a.yml,\n]\n", "include: [{project: ml/pipeline, file: /p.yml},\n  a.yml,\n]\n"),
        ("include: ~ # c\na: b\n", f"include: # c\n{ITEM_LINES}a: b\n"),
        (
            "include:\n  local: |-\n    a.yml\n\n    # text\n\n# c\na: b\n",
            f"{NEW}  - local: |-\n      a.yml\n\n      # text\n\n# c\na: b\n",
        ),
        ("a: &a [x]\ninclude: *a\n", None),
        ("include: &a [x]\n", "include: &a [{project: ml/pipeline, file: /p.yml}, x]\n"),
        ("include: !reference [a, b]\n", None),
        ("- a\n", None),
        ("a\n", None),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_item_is_put_first_and_everything_else_stays(before: str, after: str | None, newline: str) -> None:
    stream = yaml.parse(before.replace("\n", newline).encode())
    new = with_first_item(stream, stream.documents[0] if stream.documents else None, "include", ITEM)
    expected = after and after.replace("\n", newline if newline in stream.text else "\n").encode()
    assert new == expected


@given(
    tree=st.dictionaries(st.sampled_from(["a", "b", "include", "c d"]), TREES, max_size=4),
    flow=st.sampled_from([None, True, False]),
)
def test_an_inserted_item_changes_nothing_else(tree: dict[str, object], flow: bool | None) -> None:
    written = pyyaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    stream = yaml.parse(written.encode())
    new = with_first_item(stream, stream.documents[0], "include", ITEM)
    assert new is not None or "include" in tree
    if new is not None:
        old = tree.get("include", [])
        now = {**tree, "include": [dict(ITEM), *(old if isinstance(old, list) else [old])]}
        assert plain(root(new)) == now
