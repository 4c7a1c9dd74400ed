"""OpenAPI documents: scalars, places, references, and the validator that is given nothing but the tree's files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openapi_spec_validator.shortcuts import get_validator_cls

from checks.read import Unparsable
from checks.read.openapi import (
    Dangling,
    Document,
    Library,
    Outside,
    fragment,
    fragment_json,
    located,
    parse,
    parse_json,
    scalar,
)
from checks.read.openapi_faults import Fault
from checks.read.openapi_references import references
from checks.read.openapi_rules import Unknowable, faults
from checks.read.yaml import Scalar

HEAD = 'openapi: "3.0.3"\ninfo: {title: a, version: "1"}\npaths: {}\n'
VALIDATOR_CRASHES = (AttributeError, AssertionError, LookupError, TypeError, ValueError)
ROOT = Path(__file__).parent.parent.parent.parent


def library(text: str, **files: str) -> Library:
    others = {name.replace("__", "/").replace("_yaml", ".yaml"): parse(data.encode()) for name, data in files.items()}

    def load(path: str) -> Document:
        if path not in others:
            raise Dangling("leads nowhere")
        return others[path]

    return Library("api/openapi.yaml", parse(text.encode()), load)


def judged(text: str, **files: str) -> list[Fault]:
    shelf = library(text, **files)
    return list(faults(shelf, references(shelf)))


def troubles(text: str, **files: str) -> list[tuple[str, str | None]]:
    return [(one.pointer, one.trouble) for one in references(library(text, **files))]


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-03-01", "2026-03-01"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("010", 10),
        ("1:30", "1:30"),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("1" * 5000, "1" * 5000),
        ("1e999", "1e999"),
    ],
)
def test_scalars_are_those_of_json(text: str, value: object) -> None:
    node = parse(f"a: {text}\n".encode()).get("a")
    assert isinstance(node, Scalar)
    found = scalar(node)
    assert (type(found), found) == (type(value), value)


def test_keys_are_texts_and_own_keys_go_before_merged_ones() -> None:
    document = parse(b"x: &x {200: a, b: c}\ny:\n  200: d\n  <<: *x\n")
    assert {key: value.text for key, (_, value) in document.entries(document.get("y")).items()} == {
        "200": "d",
        "b": "c",
    }


@settings(deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(max_size=20).map(lambda text: text.encode("utf-16"))
    | st.text(alphabet='{}[]:,-&*!|> \n\t"$ref/#a1', max_size=80).map(str.encode)
)
def test_reading_gives_a_document_or_says_why_not(data: bytes) -> None:
    for parser in (parse, parse_json, fragment, fragment_json):
        try:
            parser(data)
        except Unparsable:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8) | st.just("😀\t/"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5), json_values, max_size=4), st.sampled_from([None, 1, "\t"]))
def test_json_is_read_as_json_reads_it(value: dict[str, object], indent: int | str | None) -> None:
    document = parse_json(json.dumps(value, indent=indent).encode())
    plain = [key for key in value if all(ord(char) < 0xE000 for char in key)]
    assert [key for key in document.entries(document.root) if key in plain] == plain
    assert len(document.entries(document.root)) == len(value)


# ── references ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("#/a", ("api/openapi.yaml", "/a")),
        ("a.yaml", ("api/a.yaml", "")),
        ("../b/a.yaml#/c", ("b/a.yaml", "/c")),
        ("./x%20y.yaml", ("api/x y.yaml", "")),
    ],
)
def test_a_reference_names_a_file_of_the_tree(text: str, place: tuple[str, str]) -> None:
    assert located("api/openapi.yaml", text) == place


@pytest.mark.parametrize(
    "text",
    ["http://a/b", "//a/b", "/a", "file:a", "file:///etc/passwd", "../../a", "a?b", "C:\\a", "\\a", "%2e%2e/%2e%2e/a"],
)
def test_a_reference_never_leads_out_of_the_tree(text: str) -> None:
    with pytest.raises(Outside):
        located("api/openapi.yaml", text)


def test_references_are_found_where_they_mean_something() -> None:
    text = """
a: {$ref: "#/b"}
b: {properties: {$ref: {type: string}, example: {$ref: "#/none"}}, example: {$ref: "#/none"}, enum: [{$ref: "#/none"}]}
examples: {one: {$ref: "#/none"}, two: {value: {$ref: "#/none"}}}
x-other: {$ref: "#/none"}
escaped: {$ref: "#/~1a~0b%20c"}
/a~b c: {}
file: {$ref: "other.yaml#/list/1"}
"""
    found = troubles(text, api__other_yaml="list: [1, {$ref: '#/nothing'}]\n")
    assert [(pointer, trouble is None) for pointer, trouble in found] == [
        ("/a/$ref", True),
        ("/b/properties/example/$ref", False),
        ("/examples/one/$ref", False),
        ("/escaped/$ref", True),
        ("/file/$ref", True),
        ("/list/1/$ref", False),
    ]


def test_a_circle_of_references_alone_is_a_fault_and_a_tree_is_none() -> None:
    assert [trouble for _, trouble in troubles('a: {$ref: "#/b"}\nb: {$ref: "#/a"}\n')] == ["refers to itself"] * 2
    assert troubles('a: {properties: {left: {$ref: "#/a"}}}\n') == [("/a/properties/left/$ref", None)]


# ── the validator ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_fault_stands_in_its_line() -> None:
    found = judged(
        'openapi: "3.0.3"\ninfo:\n  title: a\npaths:\n  /a:\n    get:\n      summary: [x]\n      responses: {}\n'
    )
    assert {(fault.at.span.line, fault.context) for fault in found} == {
        (2, "/info required version"),
        (7, "/paths//a/get/summary type"),
        (8, "/paths//a/get/responses minProperties"),
    }


def test_a_fault_behind_a_reference_stands_in_the_file_that_it_is_in() -> None:
    text = HEAD + "components: {schemas: {A: {$ref: other.yaml}}}\n"
    [fault] = judged(text, api__other_yaml="type: integer\ndefault: big\n")
    assert fault.at.path == "api/other.yaml"


def test_a_dangling_reference_elsewhere_hides_nothing_that_is_wrong_before_it() -> None:
    paths = 'paths: {"/a/{b}": {get: {responses: {"200": {description: x}}}}}\n'
    more = 'components: {schemas: {A: {$ref: "#/none"}}}\n'
    assert len(judged(HEAD.replace("paths: {}\n", paths) + more)) == 1


def schemas(**named: object) -> str:
    return json.dumps(
        {"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": {}, "components": {"schemas": named}}
    )


DOUBLING = {f"a{i}": {"allOf": [{"$ref": f"#/components/schemas/a{i + 1}"}] * 2} for i in range(40)}
HOSTILE = {
    "doubling": schemas(**DOUBLING, a40={"type": "string"}),
    "doubling with a default": schemas(**DOUBLING, a40={"type": "string"}, b={**DOUBLING["a0"], "default": "x"}),
    "itself": schemas(a={"allOf": [{"$ref": "#/components/schemas/a"}] * 2}),
    "slow pattern": schemas(a={"type": "string", "pattern": "^(a+)+$", "default": "a" * 40 + "!"}),
    "slow names": schemas(a={"patternProperties": {"^(a+)+$": {}}, "default": {"a" * 40 + "!": 1}}),
    "many mappings": HEAD + "tags: " + json.dumps([{"name": str(number)} for number in range(5000)]),
    "deep": '{"openapi": "3.0.3", "x": ' + "[" * 90 + "]" * 90 + "}",
    "deep schema": schemas(a=json.loads('{"not": ' * 80 + "{}" + "}" * 80)),
    "dialect": schemas(a={"$schema": "https://example.com/own", "type": "string"}),
    "braces": HEAD.replace("paths: {}", 'paths: {"/a/{b": {get: {responses: {"200": {description: x}}}}}'),
    "wrong kind": HEAD.replace(
        "{}", '{/a: {get: {parameters: [{$ref: "#/info"}], responses: {"200": {description: x}}}}}'
    ),
    "identified": schemas(a={"$id": "https://example.com/a", "$ref": "b"}),
    "dynamic": schemas(a={"$dynamicRef": "https://example.com/a#b", "default": 1}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_judged_or_left_within_seconds(name: str) -> None:
    started = time.process_time()
    try:
        judged(HOSTILE[name])
    except Unknowable as unknown:
        assert unknown.why
    assert time.process_time() - started < 10


keywords = st.sampled_from(["openapi", "paths", "parameters", "name", "in", "schema", "$ref", "responses", "content"])
schema_words = st.sampled_from(["properties", "allOf", "items", "type", "required", "components", "schemas", "default"])
words = keywords | schema_words | st.sampled_from(["/a", "get", "post", "path", "#/paths", "200", "string"])
specs = st.recursive(
    words | st.none() | st.booleans() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["2.0", "3.0.3", "3.1.0", "3.2.0"]), specs, specs)
def test_any_document_gives_faults_or_a_reason(version: str, paths: object, components: object) -> None:
    key = "swagger" if version == "2.0" else "openapi"
    spec = {key: version, "info": {"title": "a", "version": "1"}, "paths": paths, "components": components}
    try:
        for fault in judged(json.dumps(spec)):
            assert fault.message and fault.at.span.line == 1
    except Unknowable:
        return


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["2.0", "3.0.3", "3.1.0", "3.2.0"]), specs, specs)
def test_a_document_without_references_is_judged_as_the_validator_judges_it(
    version: str, paths: object, components: object
) -> None:
    key = "swagger" if version == "2.0" else "openapi"
    spec = {key: version, "info": {"title": "a", "version": "1"}, "paths": paths, "components": components}
    assume("$ref" not in json.dumps(spec))
    try:
        found = judged(json.dumps(spec))
        right = get_validator_cls(spec)(spec).is_valid()
    except (Unknowable, *VALIDATOR_CRASHES):
        return
    assert right == (not found)


def test_no_socket_and_no_file_is_opened_for_any_reference() -> None:
    code = """
import sys
from tests.checks.read.test_openapi import HEAD, Unknowable, judged, references, library
seen = []
for version in ("3.0.3", "3.1.0"):
    judged(HEAD.replace("3.0.3", version) + "x-more: 1\\n")  # the validator reads its own schemas
def listen(event, given):
    if event.startswith(("socket", "open", "urllib")):
        seen.append((event, given[:1]))
sys.addaudithook(listen)
for text in ("http://127.0.0.1:9/a", "https://example.com/a#/b", "file:///etc/passwd", "/etc/passwd", "../../../a"):
    for place in ("components: {schemas: {A: {$ref: '%s', default: 1}}}",
                  "components: {schemas: {A: {$id: '%s', $ref: b}}}",
                  "components: {schemas: {A: {$schema: '%s'}}}", "jsonSchemaDialect: '%s'"):
        for version in ("3.0.3", "3.1.0"):
            try:
                judged(HEAD.replace("3.0.3", version) + place % text + "\\n")
            except Unknowable:
                pass
print(seen)
"""
    warm = code.replace("seen = []", "seen = []\njudged(HEAD.replace('3.0.3', '3.1.0'))")
    done = subprocess.run([sys.executable, "-c", warm], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lists_that_can_not_be_sorted_are_refused_before_they_are_compared_one_with_another() -> None:
    mixed = [None, *(str(number) for number in range(2000))]
    for text in (schemas(a={"enum": mixed}), schemas(a={"type": "array", "default": [[mixed]]})):
        with pytest.raises(Unknowable, match="mixed values"):
            judged(text)
    assert judged(schemas(a={"example": [{"a": number} for number in range(2000)]})) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("info: {title: a, version: 1.0}\npaths: {}", 'info → version must be a text: put it in quotes, "1.0"'),
        (
            "info: {title: a, version: }\npaths: {}",
            "info → version must be a text, and is empty: fill it in, or take it out",
        ),
        ('info: {title: a, version: "1"}\npaths: []', "paths must be a mapping: it is a list"),
        ('info: {title: a, version: "1"}\npaths: {a: {}}', "a is no key of paths: take it out, or correct it"),
        ('info: {title: a, version: "1"}', "The document has no paths: add it"),
    ],
)
def test_a_fault_says_what_to_write_instead(text: str, message: str) -> None:
    assert [fault.message for fault in judged(f"openapi: 3.0.3\n{text}\n")] == [message]


def test_what_no_schema_can_say_is_told_beside_what_one_says_and_once() -> None:
    paths = 'paths: {"/a/{b}": {get: {responses: {"200": {description: x}}}}}\n'
    found = judged(HEAD.replace("paths: {}\n", paths).replace("title: a, ", ""))
    assert [fault.context for fault in found] == [
        "/info required title",
        "/paths//a/{b}/get UnresolvableParameterError",
    ]
    assert "describe it under parameters" in found[1].message
