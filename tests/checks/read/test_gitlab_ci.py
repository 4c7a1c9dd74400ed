"""GitLab CI files: jobs, variables and includes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.read import Unparsable, ci_include, gitlab_ci
from checks.read.ci_include import Followed, Include, follow
from checks.read.ci_variables import Variables
from checks.read.gitlab_ci import Config, Job, ScriptLine, expand, jobs

KNOWN = {"CI_PROJECT_NAME": "iris"}


def config(text: str) -> Config:
    return gitlab_ci.parse(textwrap.dedent(text).encode())


def job(text: str, name: str) -> Job:
    return next(one for one in jobs(config(text), "ci.yml") if one.name == name)


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data", [b"- a\n", b"a\n", b"1", b"spec: {}\n---\n- a\n", b"a: [", b"\xff"])
def test_what_is_no_mapping_is_refused(data: bytes) -> None:
    with pytest.raises(Unparsable):
        gitlab_ci.parse(data)


@pytest.mark.parametrize("text", ["", "# c\n", "---\n", "~\n", "spec: {}\n---\n"])
def test_an_empty_file_holds_nothing(text: str) -> None:
    assert config(text).keys == {}


def test_a_spec_header_is_no_configuration() -> None:
    assert list(config("spec: {inputs: {}}\n---\na: {script: b}\n").keys) == ["a"]
    assert list(config("a: {script: b}\n---\nc: d\n").keys) == ["a"]
    assert list(config("spec: {}\n").keys) == ["spec"]


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

JOBS = """\
    default:
      image: python:3.11
      before_script: [one, two]
    variables: {A: top, B: {value: b, description: c}}
    .base:
      image: {name: base, entrypoint: [""]}
      variables: {A: base, C: c}
      script: [from base]
    build:
      extends: [.base, .elsewhere]
      variables: {A: own}
      script:
        - !reference [.base, script]
        - [nested, [deeply]]
        - |
          docker build \\
            .
        - !reference [.elsewhere, script]
      after_script: last
      rules: [{if: $X, variables: {D: d}}]
      parallel: {matrix: [{E: [1, 2]}]}
    plain: {script: x, inherit: {default: [image], variables: [A]}}
    alone: {script: x, inherit: {default: false, variables: false}}
    """


def test_a_job_has_its_scripts_in_order_with_their_lines() -> None:
    assert job(JOBS, "build").scripts == (
        ScriptLine("one", "ci.yml", 3),
        ScriptLine("two", "ci.yml", 3),
        ScriptLine("from base", "ci.yml", 8),
        ScriptLine("nested", "ci.yml", 14),
        ScriptLine("deeply", "ci.yml", 14),
        ScriptLine("docker build \\\n  .\n", "ci.yml", 16),
        ScriptLine("last", "ci.yml", 19),
    )
    assert job(JOBS, "build").unknown == (".elsewhere", ".elsewhere script")


def test_a_job_has_the_variables_of_what_it_extends_and_those_that_vary_are_none() -> None:
    assert job(JOBS, "build").variables == {"A": "own", "B": "b", "C": "c", "D": None, "E": None}
    assert job(JOBS, "plain").variables == {"A": "top"}
    assert job(JOBS, "alone").variables == {}


def test_a_job_takes_its_image_from_itself_then_what_it_extends_then_the_default() -> None:
    assert [job(JOBS, name).image for name in ("build", "plain", "alone")] == ["base", "python:3.11", None]
    assert [line.text for line in job(JOBS, "plain").scripts] == ["x"]


def test_hidden_jobs_and_keywords_are_no_jobs() -> None:
    assert [one.name for one in jobs(config(JOBS), "ci.yml")] == ["build", "plain", "alone"]


def test_what_refers_to_itself_stands_for_nothing() -> None:
    text = "a: {extends: b, script: !reference [b, script]}\nb: {extends: a, script: !reference [a, script]}\n"
    assert job(text, "a").scripts == ()


def grown(kind: str) -> str:
    """Nine hops, each of which names the next nine times."""
    line = {"extends": ".j{n}", "script": "!reference [.j{n}, script]"}[kind]
    hops = [f".j{n}: {{{kind}: [{', '.join([line.format(n=n + 1)] * 9)}]}}\n" for n in range(9)]
    return "".join(hops) + f".j9: {{script: []}}\na: {{{kind}: {line.format(n=0)}}}\n"


BROAD = ".t: {" + ", ".join(f"k{n}: v" for n in range(20_000)) + "}\n"


@pytest.mark.parametrize(
    "text",
    [grown("extends"), grown("script"), BROAD + "".join(f"j{n}: {{extends: .t}}\n" for n in range(9000))],
    ids=["extends", "script", "broad"],
)
def test_what_grows_beyond_measure_is_refused(text: str) -> None:
    read = config(text)
    with pytest.raises(Unparsable):
        jobs(read, "ci.yml")


PIECES = ["a", ".b", "extends", "script", "variables", "rules", "include", "local", "!reference ", "[", "]", "{", "}"]
PIECES += [
    ": ",
    ", ",
    "\n",
    "  ",
    "- ",
    "&x ",
    "*x",
    "<<: ",
    "$A",
    "parallel",
    "matrix",
    "A",
    "*.yml",
    "---\n",
    "spec",
    "file",
]


@given(text=st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_file_is_read_or_refused(text: str) -> None:
    try:
        read = gitlab_ci.parse(text.encode())
        jobs(read, "ci.yml")
        variables = Variables(read, KNOWN.get)
    except Unparsable:
        return
    for definition in variables.definitions("A"):
        assert variables.values(definition)
    follow("ci.yml", lambda path: read, lambda: ["a.yml"], KNOWN.get)


# ── variables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_variables_in_a_text_are_replaced_and_the_unknown_are_named() -> None:
    assert expand("$A-${B}-$$A-$C-${D", {"A": "1", "B": "$A", "C": None}) == ("1-$A-$A-$C-${D", ("C",))


def values(text: str, name: str = "A") -> list[tuple[str, tuple[str | None, ...]]]:
    """Job and values of each definition."""
    variables = Variables(config(text), KNOWN.get)
    return [(one.job, variables.values(one)) for one in variables.definitions(name)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("variables: {A: 1}", [("", ("1",))]),
        ("variables: {A: {value: 1, options: [1, 2]}}", [("", ("1",)), ("", ("1",)), ("", ("2",))]),
        ("variables: {A: {description: d}}", [("", (None,))]),
        ("variables: {A: }", [("", ("",))]),
        ("variables: {A: $B$B, B: b}", [("", ("bb",))]),
        ("variables: {A: {value: $B, expand: false}, B: b}", [("", ("$B",))]),
        ("variables: {A: $B, B: $C, C: $CI_PROJECT_NAME}", [("", ("iris",))]),
        ("variables: {A: $B, B: $A}", [("", (None,))]),
        ("variables: {A: $NOWHERE}", [("", (None,))]),
        ("variables: {A: $CI_PROJECT_NAME, CI_PROJECT_NAME: own}", [("", ("own",))]),
        ("variables: {A: a$$B}", [("", (None,))]),
        ("variables: {A: $B, B: b}\nj: {variables: {B: c}}", [("", ("b", "c"))]),
        ("variables: {B: b}\nj: {variables: {A: $B}}", [("j", ("b",))]),
        ("variables: {B: b}\nj: {variables: {A: $B, B: c}}", [("j", ("c",))]),
        (".t: {variables: {B: t}}\nvariables: {B: b}\nj: {extends: .t, variables: {A: $B}}", [("j", ("t",))]),
        ("workflow: {rules: [{variables: {A: 1}}]}", [("", ("1",))]),
        ("j: {parallel: {matrix: [{A: [2, 3]}, {A: 4}]}}", [("j", ("2",)), ("j", ("3",)), ("j", ("4",))]),
        ("j: {rules: [{variables: {A: 1}}]}", [("j", ("1",))]),
        ("j: {variables: {A: $B}, parallel: {matrix: [{B: [2, 3]}]}}", [("j", ("2", "3"))]),
        (".v: {variables: {A: 1}}\nj: {variables: !reference [.v, variables]}", [(".v", ("1",))]),
        ("j: {variables: !reference [.v, variables]}", [("j", (None,))]),
        ("j: {rules: !reference [.v]}\n.v: [!reference [.w]]\n.w: [{variables: {A: 1}}]", [("j", ("1",))]),
        ("x: &x {A: 1}\nj: {variables: *x}\nk: {variables: {<<: *x}}", [("j", ("1",))]),
        ("default: {variables: {A: 1}}\ninclude: {variables: {A: 1}}\nother: {A: 1}", []),
    ],
)
def test_every_definition_is_found_once_with_its_values(
    text: str, expected: list[tuple[str, tuple[str | None, ...]]]
) -> None:
    assert values(text) == expected


def test_many_values_are_taken_for_unknown() -> None:
    many = ", ".join(str(number) for number in range(9))
    text = f"j: {{variables: {{A: $B$C}}, parallel: {{matrix: [{{B: [{many}], C: [{many}]}}]}}}}"
    assert values(text) == [("j", (None,))]


def test_variables_that_double_at_each_hop_take_no_time() -> None:
    text = "variables:\n" + "".join(f"  V{n}: $V{n + 1}$V{n + 1}\n" for n in range(30)) + "  V30: x\n  A: $V0\n"
    assert values(text) == [("", (None,))]


# ── includes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def includes(text: str) -> list[Include]:
    return list(ci_include.includes(config(text), "ci.yml", KNOWN.get))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("include: /a.yml", [("local", "/a.yml", (), None, True)]),
        ("include: https://x/a.yml", [("remote", "https://x/a.yml", (), None, True)]),
        ("include: [a.yml, {remote: b}]", [("local", "a.yml", (), None, True), ("remote", "b", (), None, True)]),
        ("include: {project: g/p, file: a, ref: v1}", [("project", "g/p", ("a",), "v1", True)]),
        ("include: [{project: g/p, file: [a, b]}]", [("project", "g/p", ("a", "b"), None, True)]),
        ("include: [{template: T.yml}]", [("template", "T.yml", (), None, True)]),
        ("include: {component: $CI_SERVER_FQDN/g/c@1}", [("component", "$CI_SERVER_FQDN/g/c@1", (), None, False)]),
        ("include: {project: g/$CI_PROJECT_NAME, file: a}", [("project", "g/iris", ("a",), None, True)]),
        ("variables: {X: y}\ninclude: {project: $X, file: a}", [("project", "$X", ("a",), None, False)]),
        ("include: {local: '$[[ inputs.a ]]'}", [("local", "$[[ inputs.a ]]", (), None, False)]),
        ("include: [[a], [[b]]]", [("local", "a", (), None, True), ("local", "b", (), None, True)]),
        ("include: !reference [.x]\n.x: [a]", [("local", "a", (), None, True)]),
        ("include: [!reference [.x, y]]", [("local", "", (), None, False)]),
        ("include: !reference [.x, y]", [("local", "", (), None, False)]),
        ("include:", []),
        ("include: [{inputs: {a: b}}, 1, ~]", [("local", "1", (), None, True)]),
    ],
)
def test_every_form_of_include_is_read(
    text: str, expected: list[tuple[str, str, tuple[str, ...], str | None, bool]]
) -> None:
    assert [(one.kind, one.value, one.files, one.ref, one.known) for one in includes(text)] == expected


@pytest.mark.parametrize(
    ("rules", "optional"),
    [
        ("[]", False),
        ("~", False),
        ("[{if: $A}]", True),
        ("[{exists: [a]}]", True),
        ("[{changes: [a]}]", True),
        ("[{when: never}]", True),
        ("[{when: always}]", False),
        ("[{if: $A, when: never}, {when: always}]", True),
        ("[{if: $A}, {when: always}, {when: never}]", False),
        ("[!reference [.x, rules]]", None),
        ("!reference [.x, rules]", None),
        ("!reference [.own, rules]", True),
    ],
)
def test_rules_that_can_switch_an_include_off_are_seen(rules: str, optional: bool | None) -> None:
    [include] = includes(f"include: [{{local: a, rules: {rules}}}]\n.own: {{rules: [{{if: $A}}]}}\n")
    assert include.optional is optional


def followed(files: Mapping[str, str]) -> Followed:
    parsed = {path: config(text) for path, text in files.items()}
    return follow("ci.yml", parsed.get, lambda: sorted(parsed), KNOWN.get)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/a/*.yml", ["a/1.yml", "a/2.yml"]),
        ("a/**.yml", ["a/1.yml", "a/2.yml", "a/b/3.yml"]),
        ("a/**/*.yml", ["a/b/3.yml"]),
        ("**3.yml", ["a/b/3.yml"]),
        ("a/b/3.yml", ["a/b/3.yml"]),
        ("*", ["ci.yml"]),
        ("a.1.yml", []),
    ],
)
def test_wildcards_find_the_files_that_gitlab_finds(pattern: str, found: list[str]) -> None:
    files = {"ci.yml": f"include: '{pattern}'", "a/1.yml": "", "a/2.yml": "", "a/b/3.yml": ""}
    assert [path for path, _ in followed(files).files if path != "ci.yml" or found == ["ci.yml"]] == found


def test_local_includes_are_followed_once_and_in_circles_they_end() -> None:
    files = {"ci.yml": "include: [a.yml, b.yml, gone.yml]", "a.yml": "include: b.yml", "b.yml": "include: ci.yml"}
    found = followed(files)
    assert [path for path, _ in found.files] == ["ci.yml", "a.yml", "b.yml"]
    assert found.complete


def test_what_hangs_on_an_optional_include_is_optional() -> None:
    files = {"ci.yml": "include: [{local: a.yml, rules: [{if: $A}]}]", "a.yml": "include: {template: T}"}
    assert [one.optional for one in followed(files).includes] == [True, True]
    files["ci.yml"] = "include: [{local: a.yml, rules: [{if: $A}]}, a.yml]"
    assert False in [one.optional for one in followed(files).includes if one.kind == "template"]


def test_more_files_than_gitlab_takes_are_not_followed() -> None:
    files = {"ci.yml": "include: '*.yml'"} | {f"{number}.yml": "" for number in range(200)}
    assert not followed(files).complete
    chain = {"ci.yml": "include: 0.yml"} | {f"{n}.yml": f"include: {n + 1}.yml" for n in range(20)}
    assert len(followed(chain).files) == 11
