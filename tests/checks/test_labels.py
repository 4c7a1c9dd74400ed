"""Standard 6 beyond its examples: whole projects, several jobs, the fix's values, real Dockerfiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.finding import Fix, Outcome
from checks.policy import Policy
from checks.project import Place, Project
from checks.run import judge
from checks.standard import MINIMAL
from checks.standards.s06_labels import LABELS, add_labels, standard
from checks.tree import FolderTree, MemoryTree

RULES = {rule.id: rule for rule in standard.rules.values()}
FULL = MINIMAL["Dockerfile"]
JOB = "b:\n  script:\n"


def project(
    files: Mapping[str, str | bytes],
    settings: Mapping[str, Any] | None = None,
    folder: str = ".",
    base: Project | None = None,
    name: str = "iris",
) -> Project:
    data = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return Project(MemoryTree(data), Place(folder, name, name), Policy(settings=settings or {}), base=base)


def outcomes(of: Project) -> dict[str, Outcome]:
    return {
        outcome.rule.removeprefix("6."): outcome for outcome in judge(of, RULES.values()) if outcome.rule != "6.image"
    }


def failed(of: Project) -> set[str]:
    return {rule for rule, outcome in outcomes(of).items() if outcome.result == "fail"}


def fixes(of: Project) -> set[Fix | None]:
    return {add_labels(of, finding) for outcome in outcomes(of).values() for finding in outcome.findings}


def fixed(of: Project) -> str:
    (fix,) = (fix for fix in fixes(of) if fix)
    assert fix.safe
    (edit,) = fix.edits
    assert edit.after is not None
    return edit.after.decode()


def test_all_labels_of_a_stage_have_one_place_and_one_equal_fix() -> None:
    it = project({"Dockerfile": "FROM python:3.11\nLABEL a=b\nCMD x\n"})
    assert failed(it) == set(LABELS)
    assert {finding.span.line for o in outcomes(it).values() for finding in o.findings if finding.span} == {2}
    assert len(fixes(it)) == 1
    after = project({"Dockerfile": fixed(it)})
    assert failed(after) == set()
    assert fixed(it).startswith("FROM python:3.11\nLABEL a=b\nCMD x\nARG CI_COMMIT_AUTHOR\n")


def test_the_author_is_taken_from_the_merge_base() -> None:
    before = project({"Dockerfile": 'FROM x\nARG N=Ada\nLABEL author="$N \\"L\\" \\$"\n'})
    it = project({"Dockerfile": FULL.replace('author="ada@example.com" ', "")}, base=before)
    assert fixed(it).endswith('LABEL author="Ada \\"L\\" \\$"\n')
    assert failed(project({"Dockerfile": fixed(it)})) == set()


@pytest.mark.parametrize("before", ["FROM x\n", "FROM x\nLABEL author=$U\n", "FOO\n", "FROM x\nLABEL author=' '\n"])
def test_where_the_merge_base_has_no_author_it_is_the_commits(before: str) -> None:
    it = project({"Dockerfile": FULL.replace('author="ada@example.com" ', "")}, base=project({"Dockerfile": before}))
    assert fixed(it).endswith('ARG CI_COMMIT_AUTHOR\nLABEL author="$CI_COMMIT_AUTHOR"\n')


def test_the_fix_takes_its_values_from_the_policy() -> None:
    settings = {"labels": {"author": 'The "A" team <$CI_PROJECT_PATH>'}, "vendor": "A$B"}
    text = FULL.replace('author="ada@example.com" ', "").replace('org.label-schema.vendor="acme"', "x=y")
    after = fixed(project({"Dockerfile": text}, settings))
    assert 'ARG CI_PROJECT_PATH\nLABEL author="The \\"A\\" team <$CI_PROJECT_PATH>" \\\n' in after
    assert '      org.label-schema.vendor="A\\$B"\n' in after


def test_a_value_that_would_not_reach_the_image_is_left_out() -> None:
    text = FULL.replace('author="ada@example.com" version="1.0" ', "")
    after = fixed(project({"Dockerfile": text}, {"labels": {"author": "$NOWHERE"}}))
    assert "author" not in after.removeprefix(text) and "version=" in after.removeprefix(text)


def test_an_argument_that_the_stage_has_is_not_declared_again() -> None:
    text = "FROM x\nARG CI_COMMIT_SHA\n" + FULL.partition("\n")[2].replace('org.label-schema.vcs-ref="abc"', "x=y")
    assert fixed(project({"Dockerfile": text})) == text + 'LABEL org.label-schema.vcs-ref="$CI_COMMIT_SHA"\n'


@pytest.mark.parametrize("name", ['a"b', "a$b", "a\\b", "ü"])
def test_any_name_of_a_project_becomes_a_label(name: str) -> None:
    it = project({"Dockerfile": FULL.replace('model="iris" ', "")}, name=name)
    assert failed(project({"Dockerfile": fixed(it)}, name=name)) == set()


def test_a_name_that_can_t_stand_in_a_line_is_left_to_people() -> None:
    assert fixes(project({"Dockerfile": FULL.replace('model="iris" ', "")}, name="a\nRUN x")) == {None}


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("Version=1", "Version"),
        ("VERSION=1", "VERSION"),
        ("verison=1", "verison"),
        ("org.opencontainers.image.version=1", "org.opencontainers.image.version"),
    ],
)
def test_the_message_says_what_is_meant(label: str, meant: str) -> None:
    (finding,) = outcomes(project({"Dockerfile": FULL.replace('version="1.0" ', label + " ", 1)}))["version"].findings
    assert f"{meant} is another label" in finding.message


def test_a_bare_key_of_the_schema_is_a_near_miss() -> None:
    text = FULL.replace("org.label-schema.vcs-ref", "VCS_REF")
    (finding,) = outcomes(project({"Dockerfile": text}))["org.label-schema.vcs-ref"].findings
    assert "VCS_REF is another label" in finding.message


def test_an_empty_label_names_the_argument_that_lacks() -> None:
    text = f"ARG WHO=me\n{FULL}LABEL author=$WHO\n"
    (finding,) = outcomes(project({"Dockerfile": text}))["author"].findings
    assert "WHO has no value in this stage" in finding.message


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def jobs(*scripts: str) -> str:
    return "".join(f"job{number}:\n  script: [{script!r}]\n" for number, script in enumerate(scripts))


def test_each_job_is_judged_by_what_it_builds() -> None:
    ci = jobs("docker build -f a/Dockerfile .", "docker build -f b/Dockerfile .")
    it = project({".gitlab-ci.yml": ci, "a/Dockerfile": FULL, "b/Dockerfile": "FROM x\n"})
    assert {f.path for o in outcomes(it).values() for f in o.findings} == {"b/Dockerfile"}


def test_a_stage_that_two_jobs_build_is_told_once() -> None:
    text = FULL.replace('version="1.0" ', "", 1)
    ci = jobs("docker build --label version=1 .", "docker build .")
    (finding,) = outcomes(project({".gitlab-ci.yml": ci, "Dockerfile": text}))["version"].findings
    assert "The image that the job job1 builds" in finding.message


def test_two_targets_of_a_file_have_contexts_of_their_own() -> None:
    ci = jobs("docker build --target one .", "docker build .")
    text = FULL.replace('version="1.0" ', "", 1)
    it = project({".gitlab-ci.yml": ci, "Dockerfile": f"FROM x AS One\n{text.partition(chr(10))[2]}FROM one\nUSER x\n"})
    assert {finding.context for finding in outcomes(it)["version"].findings} == {"version of one", "version"}


def test_a_job_that_can_t_be_read_leaves_the_others_judged() -> None:
    ci = jobs("docker build -f $X .", "docker build .")
    it = project({".gitlab-ci.yml": ci, "Dockerfile": FULL.replace('author="ada@example.com" ', "")})
    assert outcomes(it)["author"].result == "fail"
    assert outcomes(it)["version"].result == "skip"


def test_variables_of_the_file_and_the_job_are_followed() -> None:
    ci = "variables: {D: docker}\n.x: {variables: {F: $D/$N}}\nb:\n  extends: .x\n  variables: {N: File}\n"
    ci += "  before_script: [cd sub]\n  script: ['docker build -f ../$F --label version=$D .']\n"
    it = project({".gitlab-ci.yml": ci, "docker/File": FULL.replace('version="1.0" ', "", 1)})
    assert failed(it) == set()


@pytest.mark.parametrize(
    "script", ["docker build -f D/F .", "kaniko/executor --dockerfile D/F --label author=$CI_JOB_ID"]
)
def test_an_absent_dockerfile_is_one_finding_of_its_owner(script: str) -> None:
    it = outcomes(project({".gitlab-ci.yml": jobs(script)}))
    assert [(f.path, f.span) for f in it["file"].findings] == [("D/F", None)]
    assert {o.reason for rule, o in it.items() if rule != "file"} == {"see 6.file"}


@pytest.mark.parametrize(
    "before", ["docker login x", "aws ecr get-login-password", "pip install x", "echo $X && cd . && mkdir D"]
)
def test_a_command_that_makes_no_file_brings_no_dockerfile(before: str) -> None:
    it = outcomes(project({".gitlab-ci.yml": jobs(f"{before} && docker build -f D/F .")}))
    assert it["file"].result == "fail"


@pytest.mark.parametrize(
    "before", ["git clone https://x/D", "tar xf d.tar", "make D/F", "./new.sh", "docker run -v .:/x y", "$MAKE_IT"]
)
def test_a_dockerfile_that_an_earlier_command_may_bring_can_t_be_known(before: str) -> None:
    it = outcomes(project({".gitlab-ci.yml": jobs(f"{before} && docker build -f D/F .")}))
    assert {(outcome.result, "may bring it" in str(outcome.reason)) for outcome in it.values()} == {("skip", True)}


@pytest.mark.parametrize("paths", ["[D]", "[./D/]", "[D/*]", "[$OUT]", "!reference [.all, paths]"])
def test_a_dockerfile_that_another_job_hands_on_can_t_be_known(paths: str) -> None:
    ci = f"a:\n  artifacts: {{paths: {paths}}}\n.all: {{paths: [D/F]}}\n" + jobs("docker build -f D/F .")
    assert "artifact" in str(outcomes(project({".gitlab-ci.yml": ci}))["file"].reason)


def test_a_dockerfile_in_a_submodule_can_t_be_known(tmp_path: Path) -> None:
    (tmp_path / "D").mkdir()
    (tmp_path / ".gitlab-ci.yml").write_text(jobs("docker build D"))
    tree = FolderTree(tmp_path, [".gitlab-ci.yml", "D"])
    it = outcomes(Project(tree, Place(".", "iris", "iris"), Policy()))
    assert "submodule" in str(it["file"].reason)


def test_without_a_dockerfile_or_job_all_of_it_skips() -> None:
    assert {outcome.result for outcome in outcomes(project({})).values()} == {"skip"}


def test_a_dockerfile_that_is_too_large_is_an_error_of_its_owner_alone() -> None:
    it = outcomes(project({"Dockerfile": b"#" * (1024 * 1024 + 1)}))
    assert it["file"].result == "error"
    assert {outcome.result for rule, outcome in it.items() if rule != "file"} == {"skip"}


# ── sub-projects ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_a_shared_pipeline_a_sub_project_takes_what_builds_its_files() -> None:
    ci = jobs("docker build -f a/Dockerfile .", "cd b && docker build .")
    files = {".gitlab-ci.yml": ci, "a/Dockerfile": "FROM x\n", "b/Dockerfile": FULL, "c/Dockerfile": "FROM x\n"}
    assert {folder: len(failed(project(files, folder=folder))) for folder in "abc"} == {"a": 10, "b": 0, "c": 10}


def test_a_pipeline_of_its_own_may_speak_from_the_sub_projects_folder() -> None:
    files = {"a/.gitlab-ci.yml": jobs("docker build --label author=x ."), "a/Dockerfile": "FROM x\n"}
    assert failed(project(files, folder="a")) == set(LABELS) - {"author"}


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("labels", {"Version": "1"}, "did you mean version"),
        ("labels", {"version": "1\n2"}, "one line"),
        ("labels", ["version"], "mapping"),
        ("base_image_labels", {"x": 1}, "list of texts"),
        ("base_image_labels", ["x"], "mapping"),
        ("pipeline_labels", {"x": 1}, "list of texts"),
        ("vendor", 1, "text"),
    ],
)
def test_a_setting_of_the_wrong_shape_is_refused(setting: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        standard.settings[setting].check(value)


@pytest.mark.parametrize(
    ("base", "result"),
    [
        ("reg:5000/a/b:1@sha256:0", "pass"),
        ("reg:5000/a/b", "pass"),
        ("reg:5000/a/c", "fail"),
        ("$CI_REGISTRY/x", "skip"),
    ],
)
def test_labels_of_a_base_image_count_by_its_name(base: str, result: str) -> None:
    text = f"ARG CI_REGISTRY\nFROM {base}\n" + FULL.partition("\n")[2].replace('version="1.0" ', "", 1)
    it = project({"Dockerfile": text}, {"base_image_labels": {"reg:5000/a/b": ("version",)}})
    assert outcomes(it)["version"].result == result


# ── files of all kinds ───────────────────────────────────────────────────────────────────────────────────────────────


# Shapes of Dockerfiles of public model servers.
REAL = [
    "ARG PYTHON=3.11\nARG BASE=python:${PYTHON}-slim\nFROM ${BASE} AS builder\nENV V=/p\nRUN a \\\n  b\n\nFROM $BASE",
    "# syntax = docker/dockerfile:experimental\nFROM ${BASE:-x}\nRUN --mount=type=cache,target=/c a\n",
    'FROM x as y\nRUN <<EOF\nLABEL a\nEOF\nHEALTHCHECK CMD curl -f localhost\nSHELL ["a"]\nSTOPSIGNAL 9\n',
    "FROM --platform=$BUILDPLATFORM golang:1 AS g\nFROM gcr.io/x:nonroot@sha256:0\nCOPY --from=g a \\\n   b\nCMD a",
    'FROM python:3.7-slim\r\nLABEL maintainer "x"\r\nCMD ["python", \\\r\n  "-m", "serve"]\r\n',
]


@pytest.mark.parametrize("text", REAL)
def test_real_shapes_lack_all_labels_and_the_fix_mends_them(text: str) -> None:
    it = project({"Dockerfile": text})
    assert failed(it) == set(LABELS)
    after = project({"Dockerfile": fixed(it)})
    assert {outcome.result for outcome in outcomes(after).values()} == {"pass"}


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"FROM x\n", b"", b"FROM scratch\nLABEL version="]))
def test_any_dockerfile_has_an_outcome_and_a_fix_that_holds(data: bytes, start: bytes) -> None:
    it = project({"Dockerfile": start + data})
    assert "error" not in {outcome.result for outcome in outcomes(it).values()}
    for outcome in outcomes(it).values():
        for finding in outcome.findings:
            if fix := add_labels(it, finding):
                after = project({"Dockerfile": fix.edits[0].after or b""})
                assert outcomes(after)[outcome.rule.removeprefix("6.")].result == "pass"


@settings(deadline=None)
@given(st.text("docker build -f.$(){}'\"`\\;&|<>#=\n ab:[]", max_size=60))
def test_any_script_has_an_outcome(script: str) -> None:
    it = project({".gitlab-ci.yml": JOB + "".join(f"    {line}\n" for line in script.split("\n")), "Dockerfile": FULL})
    assert "error" not in {outcome.result for outcome in outcomes(it).values()}
