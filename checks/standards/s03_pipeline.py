"""`.gitlab-ci.yml` must include the organisation's Model Promotion Pipeline.

## Why
The central pipeline builds, tests, labels and deploys every model in the same way. A repository that goes its own way
misses what is added there, and what it checks.

## What counts
An include of an accepted pipeline (the policy's `pipeline`) in any of GitLab's forms, also in a file of this repository
that is included from there or that GitLab's setting "CI/CD configuration file" names, or where that setting points into
an accepted pipeline itself. Files that other projects hold are not followed. An include whose address holds a variable
can't be known.

## Fix safety
Safe: the include is put first, comments and layout stay. It brings in the organisation's jobs, as the standard demands.
Where the policy names a project without a file, the include names `/.gitlab-ci.yml`, since GitLab refuses one without.
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.pipeline import (
    accepted_includes,
    configuration,
    entry_of,
    matches,
    pipeline,
    place_of,
    points_to,
    set_configuration,
)
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable, gitlab_ci, yaml
from checks.read.ci_include import Followed, Include
from checks.read.yaml_edit import with_first_item
from checks.standard import Standard
from checks.tree import Unavailable

standard = Standard(3, "Central pipeline", __doc__)
standard.setting(pipeline)

_CENTRAL = "ml-platform/model-promotion-pipeline"


def _ci(text: str) -> dict[str, str]:
    return {".gitlab-ci.yml": text}


for include in (
    f"include: {{project: {_CENTRAL}, file: /pipeline.yml}}",
    f"include:\n  project: /{_CENTRAL}\n  file: [a.yml, b.yml]\n  ref: v1",
    f"include:\n  - /ci/own.yml\n  - project: {_CENTRAL.upper()}\n    file: pipeline.yml\n    inputs: {{a: 1}}",
    f"include: [https://example.com/a.yml, {{component: $CI_SERVER_FQDN/x/y@1}}, {{project: {_CENTRAL}, file: a}}]",
    f"spec:\n  inputs: {{name: {{default: iris}}}}\n---\ninclude: {{project: {_CENTRAL}, file: a.yml}}",
    f".central: &central {{project: {_CENTRAL}, file: a.yml}}\ninclude: [*central]",
    f".central: &central {{include: {{project: {_CENTRAL}, file: a.yml}}}}\n<<: *central",
    f".central: [{{project: {_CENTRAL}, file: a.yml}}]\ninclude:\n  - !reference [.central]",
    f".own: !mine {{a: !unknown b}}\ninclude: !also [{{project: {_CENTRAL}, file: a.yml}}]",
    f"include: {{project: {_CENTRAL}, file: a.yml, rules: [{{if: $X}}]}}",
):
    standard.good("include", _ci(include + "\n"))
standard.good("include", _ci("\ufeff" + f"include: {{project: {_CENTRAL}, file: a.yml}}\r\n"))
standard.good(
    "include",
    {
        ".gitlab-ci.yml": "include:\n  - local: /ci/*.yml\n  - ci/missing.yml\n",
        "ci/a.yml": "include: sub/**.yml\n",
        "ci/sub/b.yml": "include: {local: .gitlab-ci.yml}\n",
        "sub/deep/c.yml": f"include: {{project: {_CENTRAL}, file: a.yml}}\n",
    },
)
standard.good("include", _ci("a: b\n"), facts={"ci_config_path": f"pipeline.yml@{_CENTRAL}:main"})

standard.good(
    "include",
    {".gitlab-ci.yml": None, "ci/own.yml": f"include: {{project: {_CENTRAL}, file: a.yml}}\n"},
    facts={"ci_config_path": "ci/own.yml"},
)
standard.good(
    "include",
    _ci("a: b\n") | {"own.yml": "include: more.yml\n", "more.yml": f"include: {{project: {_CENTRAL}, file: a}}\n"},
    facts={"ci_config_path": "/own.yml"},
)
standard.bad("include", _ci("a: b  # <- 3.include\n") | {"own.yml": "a: b\n"}, facts={"ci_config_path": "own.yml"})
standard.bad("include", _ci("a: b  # <- 3.include\n") | {"own.yml": "a: [\n"}, facts={"ci_config_path": "own.yml"})

_COMPONENT = accepted_includes(["a/b", {"component": "gitlab.example.com/ml/promote", "ref": "1*"}])
for include in (
    "include: {project: a/b, file: a.yml}",
    "include: {component: gitlab.example.com/ml/promote@1.2}",
    "include: {component: $CI_SERVER_FQDN/ml/promote@1}",
    "include: {component: '${CI_SERVER_HOST}/ml/promote@1'}",
):
    standard.good("include", _ci(include), policy={"pipeline": _COMPONENT})
_REMOTE = accepted_includes([{"remote": "https://example.com/p.yml"}, {"template": "Central.gitlab-ci.yml"}])
for include in ("include: https://example.com/p.yml", "include: {remote: https://example.com/p.yml}"):
    standard.good("include", _ci(include), policy={"pipeline": _REMOTE})
standard.good("include", _ci("include: [{template: central.gitlab-ci.yml}]"), policy={"pipeline": _REMOTE})
standard.good(
    "include", _ci("a: b"), policy={"pipeline": _REMOTE}, facts={"ci_config_path": "https://example.com/p.yml"}
)
_FILE = accepted_includes([{"project": _CENTRAL, "file": "/promote-*.yml", "ref": "v*"}])
standard.good(
    "include", _ci(f"include: {{project: {_CENTRAL}, file: promote-2.yml, ref: v2}}"), policy={"pipeline": _FILE}
)

_INSERTED = f"include:\n  - project: {_CENTRAL}\n    file: /.gitlab-ci.yml\n"
standard.bad("include", {".gitlab-ci.yml": None}, absent=(".gitlab-ci.yml",))
standard.bad("include", _ci("a: [  # <- 3.include\n"))
standard.bad("include", _ci("- a list  # <- 3.include\n"))
standard.bad("include", _ci("a: &a [*a]  # <- 3.include\n"))
standard.bad("include", _ci("variables: {A: b}  # <- 3.include"), fixed=_ci(_INSERTED + "\nvariables: {A: b}"))
standard.bad(
    "include",
    _ci("# Pipeline of iris  # <- 3.include\n# (ours)\n\n# what we train\nvariables: {A: b}\n"),
    fixed=_ci(f"# Pipeline of iris\n# (ours)\n\n{_INSERTED}\n# what we train\nvariables: {{A: b}}\n"),
)
standard.bad(
    "include",
    _ci("spec:  # <- 3.include\n  inputs: {}\n---\n# ours\nvariables: {A: b}\n"),
    fixed=_ci(f"spec:\n  inputs: {{}}\n---\n# ours\n{_INSERTED}\nvariables: {{A: b}}\n"),
)
standard.bad("include", _ci("include: /a.yml # <- 3.include\n"), fixed=_ci(_INSERTED + "  - /a.yml\n"))
standard.bad(
    "include",
    _ci("include:  # <- 3.include\n  local: /a.yml\n  rules:\n    - if: $A\n# next\na: b\n"),
    fixed=_ci(f"{_INSERTED}  - local: /a.yml\n    rules:\n      - if: $A\n# next\na: b\n"),
)
standard.bad(
    "include",
    _ci("include: # <- 3.include\n# ours\r\n- local: /a.yml # ours\r\n- b.yml\r\n"),
    fixed=_ci(
        f"include:\n# ours\r\n- project: {_CENTRAL}\r\n  file: /.gitlab-ci.yml\r\n- local: /a.yml # ours\r\n- b.yml\r\n"
    ),
)
standard.bad(
    "include",
    _ci("include: [/a.yml, {project: other/pipeline, file: a.yml}]  # <- 3.include\n"),
    fixed=_ci(
        f"include: [{{project: {_CENTRAL}, file: /.gitlab-ci.yml}}, /a.yml, {{project: other/pipeline, file: a.yml}}]\n"
    ),
)
standard.bad("include", _ci("include:  # <- 3.include\na: b\n"), fixed=_ci(_INSERTED + "a: b\n"))
standard.bad(
    "include",
    _ci('{"a": "b"}  # <- 3.include\n'),
    fixed=_ci(f'{{include: [{{project: {_CENTRAL}, file: /.gitlab-ci.yml}}], "a": "b"}}\n'),
)
for component in ("$CI_SERVER_FQDN/x/y@1", "$CI_SERVER_HOST/$CI_PROJECT_PATH/y@$CI_COMMIT_SHA"):
    standard.bad("include", _ci(f"include: {{component: {component}}}  # <- 3.include\n"))
standard.bad("include", _ci(f"include: {{component: {_CENTRAL}@1}}  # <- 3.include\n"))
standard.bad("include", _ci(f"# include: {{project: {_CENTRAL}, file: a.yml}}  # <- 3.include\na: b\n"))
standard.bad("include", _ci("include: a.yml\n") | {"a.yml": "a: [  # <- 3.include\n"})
standard.bad("include", _ci("include: a.yml  # <- 3.include") | {"a.yml": "b: c", "b.yml": f"include: {_CENTRAL}"})
standard.bad("include", _ci("a: b  # <- 3.include\n"), facts={"ci_config_path": "ci/own.yml"})
standard.bad(
    "include",
    _ci(f"include: {{project: {_CENTRAL}, file: promote-2.yml, ref: main}}  # <- 3.include\n"),
    policy={"pipeline": _FILE},
)
standard.bad("include", _ci("a: b  # <- 3.include\n"), policy={"pipeline": _FILE})
for accepted, inserted in (
    ({"project": "a/b", "file": "/p.yml", "ref": "main"}, "- project: a/b\n    file: /p.yml\n    ref: main"),
    ({"component": "ml/promote@1"}, "- component: $CI_SERVER_FQDN/ml/promote@1"),
    ({"component": "gitlab.example.com/ml/promote"}, "- component: gitlab.example.com/ml/promote@~latest"),
    ({"remote": "https://example.com/p.yml"}, "- remote: https://example.com/p.yml"),
    ({"template": "a b.yml"}, "- template: 'a b.yml'"),
):
    standard.bad(
        "include",
        _ci("a: b  # <- 3.include\n"),
        policy={"pipeline": accepted_includes([accepted])},
        fixed=_ci(f"include:\n  {inserted}\n\na: b\n"),
    )

_VARIABLE = "holds a variable that only GitLab knows"
standard.skip("include", _ci("include: {project: $CENTRAL, file: a.yml}\n"), because=_VARIABLE)
standard.skip("include", _ci("include: {project: a/%CENTRAL%, file: a.yml}\n"), because=_VARIABLE)
standard.skip(
    "include", _ci("variables: {C: a}\ninclude: [{project: $C/model-promotion-pipeline}]\n"), because=_VARIABLE
)
standard.skip("include", _ci("include: [{local: $WHERE}]\n"), because=_VARIABLE)
for include in ("remote: https://$HOST/p.yml", "component: $CI_SERVER_FQDN/$GROUP/promote@1", "remote: $PIPELINE"):
    standard.skip("include", _ci(f"include: [{{{include}}}]\n"), because=_VARIABLE)
standard.skip(
    "include",
    {".gitlab-ci.yml": None, "own.yml": "include: {project: $CENTRAL, file: a.yml}\n"},
    facts={"ci_config_path": "own.yml"},
    because=_VARIABLE,
)
standard.skip("include", _ci("include: !reference [.elsewhere, include]\n"), because=_VARIABLE)
standard.skip("include", _ci("include: /$CI_PROJECT_NAMESPACE.yml"), because=_VARIABLE, facts={"project_path": None})
standard.skip(
    "include",
    _ci(f"include: {{project: {_CENTRAL}, file: $A, ref: v2}}"),
    because=_VARIABLE,
    policy={"pipeline": _FILE},
)
standard.good(
    "include",
    _ci("include: {project: $CI_PROJECT_ROOT_NAMESPACE/pipeline, file: a.yml}\n"),
    policy={"pipeline": accepted_includes("models/pipeline")},
)

for rules in (
    "",
    "rules: []",
    "rules: [{if: $A}, {when: always}]",
    "rules: [{if: $A, when: always}, {exists: [b]}, {}]",
):
    standard.good("conditional", _ci(f"include:\n  - project: {_CENTRAL}\n    file: a.yml\n    {rules}\n"))
standard.good("conditional", _ci("a: b\n"), facts={"ci_config_path": f"a.yml@{_CENTRAL}"})
standard.good(
    "conditional",
    _ci(f"include:\n  - {{project: {_CENTRAL}, file: a, rules: [{{if: $A}}]}}\n  - {{project: {_CENTRAL}, file: b}}\n"),
)
for rules in (
    "[{if: $CI_COMMIT_BRANCH}]",
    "[{exists: [Dockerfile]}, {changes: [a]}]",
    "[{if: $A, when: never}, {when: always}]",
    "[{when: never}]",
    "{if: $A}",
):
    standard.bad(
        "conditional",
        _ci(f"include:\n  - project: {_CENTRAL}\n    file: a.yml\n    rules: {rules}  # <- 3.conditional\n"),
    )
standard.bad(
    "conditional",
    {
        ".gitlab-ci.yml": "include: [{local: a.yml, rules: [{if: $A}]}]\n",
        "a.yml": f"include:\n  - project: {_CENTRAL}  # <- 3.conditional\n    file: a.yml\n",
    },
)
standard.skip("conditional", _ci("a: b\n"), because="see 3.include")
standard.skip("conditional", {".gitlab-ci.yml": None}, because="see 3.include")
standard.skip(
    "conditional",
    _ci(f"include: {{project: {_CENTRAL}, file: a, rules: !reference [.elsewhere, rules]}}\n"),
    because="its rules stand elsewhere",
)


@standard.rule("include")
def include_pipeline(project: Project) -> Iterator[Finding]:
    """`.gitlab-ci.yml` exists, can be read, and includes the Model Promotion Pipeline."""
    path = project.ci_path
    how = f"include the central pipeline: {_written(project)}"
    elsewhere = set_configuration(project)
    if elsewhere is not None and not _is_set(project) and not _accepted(project, elsewhere):
        _raise_unknown(project, elsewhere)
    try:
        found = _central(project)
    except Absent:
        if not _is_set(project):
            yield Finding(path, None, f"there is no {path}: make one and {how}", "include")
    except Unparsable as error:
        if not _is_set(project):
            yield Finding(path, _point(error), f"{path} {error.why}: mend it, and {how}", "include")
    else:
        if not found and not _is_set(project):
            _raise_unknown(project, configuration(project))
            yield _lacking(project, how)


@include_pipeline.fix(safe=True)
def insert_include(project: Project, finding: Finding) -> Fix | None:
    """Puts the organisation's include first; comments stay."""
    entry = next((entry for one in project.setting(pipeline) if (entry := entry_of(one))), None)
    if entry is None or finding.span is None:
        return None
    config = project.parse(gitlab_ci.parse, finding.path)
    document = next((one for one in config.stream.documents if one.start == config.start), None)
    after = with_first_item(config.stream, document, "include", entry)
    return None if after is None else Fix((Edit(finding.path, project.bytes(finding.path), after),))


@standard.rule("conditional", level="warn")
def unconditional(project: Project) -> Iterator[Finding]:
    """No `rules:` can switch the include of the Model Promotion Pipeline off."""
    try:
        found = _central(project)
    except (Absent, Unparsable, TooLarge, Unavailable):
        found = []
    if not found:
        if _is_set(project):
            return
        raise Skip("see 3.include")
    if any(include.optional is False for include in found):
        return
    if any(include.optional is None for include in found):
        raise Skip("its rules stand elsewhere, where this repository does not tell")
    include = found[0]
    rules = yaml.entries(include.node).get("rules", (include.node,))[0]
    message = (
        "the include of the central pipeline has rules that can switch it off: take them out, or end with when: always"
    )
    yield Finding(include.path, include.config.stream.span_of(rules), message, "include")


def _lacking(project: Project, how: str) -> Finding:
    """The include is not there; it may stand in a file that GitLab can't read either."""
    path = project.ci_path
    for error in configuration(project).broken:
        message = f"{error.path}, which {path} includes, {error.why}: mend it, and {how}"
        return Finding(error.path or path, _point(error), message, "include")
    span = place_of(project.parse(gitlab_ci.parse, path), "include")
    return Finding(path, span, f"{path} does not {how}", "include")


def _point(error: Unparsable) -> Span:
    line, column = error.line or 1, error.column or 1
    return Span(line, column, line, column)


def _central(project: Project) -> list[Include]:
    """The includes of the central pipeline, in `.gitlab-ci.yml` or in the file of this repository that GitLab takes in
    its place. Raises Absent and Unparsable for `.gitlab-ci.yml`.
    """
    elsewhere = set_configuration(project)
    found = [] if elsewhere is None else _accepted(project, elsewhere)
    return found or _accepted(project, configuration(project))


def _accepted(project: Project, followed: Followed) -> list[Include]:
    accepted = project.setting(pipeline)
    return [one for one in followed.includes if any(matches(one, other) == "yes" for other in accepted)]


def _raise_unknown(project: Project, known: Followed) -> None:
    """Raises Skip where something that can't be known here may include the central pipeline."""
    for include in known.includes:
        if any(matches(include, accepted) == "unknown" for accepted in project.setting(pipeline)):
            line = include.config.stream.place(include.node.start)[0]
            raise Skip(f"the include in line {line} of {include.path} holds a variable that only GitLab knows")
    if not known.complete:
        raise Skip(f"{known.files[0][0]} includes more files than GitLab takes")


def _is_set(project: Project) -> bool:
    """Whether GitLab takes its configuration from an accepted pipeline, whatever the file says."""
    path = project.fact("ci_config_path")
    return isinstance(path, str) and any(points_to(path, accepted) for accepted in project.setting(pipeline))


def _written(project: Project) -> str:
    """How the pipeline is included, for people: what counts, in the words of a CI file."""
    accepted = project.setting(pipeline)
    entries = [entry for one in accepted if (entry := entry_of(one))]
    if not entries:
        return "add one of " + ", ".join(f"{one.kind}: {one.value}" for one in accepted) + " to include"
    said = " or ".join("{" + ", ".join(f"{key}: {text}" for key, text in entry) + "}" for entry in entries)
    return f"add {said} to include"
