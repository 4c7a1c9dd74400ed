"""Built container images must carry ten labels, each with a value: author, version, model and seven of label-schema.

## Why
An image outlives the pipeline that built it. Its labels are what tells, years later and on any machine, who built it,
from which commit, and which model it serves.

## What counts
The image that a build job of `.gitlab-ci.yml` makes (its Dockerfile and its `--target`), else the last stage of the
`Dockerfile` or `Containerfile` at the root. A `LABEL` counts in that stage and in the stages it is built `FROM`; so do
`--label` of the job, and what the policy says that the central pipeline or a base image gives. Names are compared
exactly, values are read as Docker reads them. `6.image` looks at the newest image itself, in the registry: it may have
been built before its Dockerfile was mended, or by other means.

## Fix safety
Safe: one `LABEL` at the end of the stage, with the `ARG`s that it needs, adds what is missing and changes nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from checks.dataclass import dataclass
from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.images import (
    Built,
    Target,
    all_built,
    base_image_labels,
    build_args,
    built,
    built_of,
    inherits,
    targets,
)
from checks.policy import Setting, text_list, text_value
from checks.project import Absent, Project, TooLarge
from checks.published import REPOSITORIES, Published, Unread, image_repository, newest, newest_image
from checks.read import Unparsable
from checks.read.dockerfile import read_dockerfile
from checks.read.image import literal, quoted, with_labels
from checks.read.shellwords import Value
from checks.standard import Check, Standard
from checks.standards import all_rules
from checks.tree import Unavailable

standard = Standard(6, "Image labels", __doc__)

SCHEMA = "org.label-schema."
LABELS = (
    *("author", "version", "model"),
    *(SCHEMA + name for name in ("version", "name", "build-date", "vcs-ref", "vcs-url", "vendor", "schema-version")),
)

_DEFAULTS = {
    "author": "$CI_COMMIT_AUTHOR",
    "version": "$CI_COMMIT_REF_NAME",
    SCHEMA + "version": "$CI_COMMIT_REF_NAME",
    SCHEMA + "build-date": "$CI_COMMIT_TIMESTAMP",
    SCHEMA + "vcs-ref": "$CI_COMMIT_SHA",
    SCHEMA + "vcs-url": "$CI_PROJECT_URL",
    SCHEMA + "vendor": "$CI_PROJECT_ROOT_NAMESPACE",
    SCHEMA + "schema-version": "1.0",
}
_OTHER_NAMES = {
    "author": ("maintainer", "authors", "org.opencontainers.image.authors"),
    "version": ("org.opencontainers.image.version",),
    SCHEMA + "name": ("org.opencontainers.image.title",),
    SCHEMA + "build-date": ("org.opencontainers.image.created",),
    SCHEMA + "vcs-ref": ("org.opencontainers.image.revision",),
    SCHEMA + "vcs-url": ("org.opencontainers.image.source",),
    SCHEMA + "vendor": ("org.opencontainers.image.vendor",),
}
"""What people write instead."""

# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ALL = {label: f'LABEL {label}="x"\n' for label in LABELS}
_REST = "".join(text for label, text in _ALL.items() if label != "version")
"""Every label but `version`, for examples of that one."""
_WORDS = _DEFAULTS | {"model": "iris", SCHEMA + "name": "iris"}


def _lacking(label: str) -> tuple[str, str]:
    """A Dockerfile without the label, its place marked; and what the fix makes of it."""
    lines = ["FROM scratch", *(text.rstrip() for other, text in _ALL.items() if other != label), ""]
    name = re.match(r"\$(\w+)", _WORDS[label])
    added = [f"ARG {name[1]}"] if name else []
    fixed = "\n".join([*lines[:-1], *added, f'LABEL {label}="{_WORDS[label]}"', ""])
    return "\n".join([*lines[:-2], f"{lines[-2]}  # <- 6.{label}", ""]), fixed


for _label in LABELS:
    _before, _after = _lacking(_label)
    standard.good(_label, {"Dockerfile": "FROM scratch\n" + "".join(_ALL.values())})
    standard.bad(_label, {"Dockerfile": _before}, fixed={"Dockerfile": _after})

_JOB = """\
include: {project: ml-platform/model-promotion-pipeline}
variables: {MODEL_WEIGHTS: "s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z", FOLDER: docker}
build:
  script:
    - """


def _version(text: str, **files: str) -> dict[str, str]:
    return {"Dockerfile": text, **files}


def _job(command: str, text: str, path: str = "Dockerfile") -> dict[str, str | None]:
    return {"Dockerfile": None, path: text, ".gitlab-ci.yml": _JOB + command + "\n"}


standard.good("file", {})
standard.bad("file", _version("FROM scratch\nLABLE version=1  # <- 6.file\n"))
standard.bad("file", _version("LABEL version=1  # <- 6.file\nFROM scratch\n"))
standard.bad("file", _version('FROM scratch\nLABEL version="1  # <- 6.file\n'))
standard.bad("file", _version("FROM scratch\nLABEL version=${A:=1}  # <- 6.file\n"))
standard.bad("file", _version("FROM scratch\nRUN x\nRUN <<EOF  # <- 6.file\nEND\n"))
standard.bad("file", _version("FROM scratch AS app\nONBUILD FROM x  # <- 6.file\n"))
standard.bad("file", _version("FROM $BASE  # <- 6.file\n"))
standard.bad("file", _job("docker build -f $FOLDER/Dockerfile .", "FROM x\n"), absent=("docker/Dockerfile",))
standard.bad("file", _job("docker build --target run .", "FROM x AS build  # <- 6.file\n"))
standard.skip("file", {"Dockerfile": None}, because="no job that builds an image")
standard.skip("file", _version("# syntax=acme/plus:1\nINCLUDE x\n"), because="acme/plus:1")
standard.skip("file", _job("docker build -f $WHERE .", "FROM x\n"), because="can't be known")
standard.skip("file", _version("FROM x\n", **{".gitlab-ci.yml": "a: [\n"}), because="see 3.include")
standard.skip("version", _version("FROM scratch\nFOO\n"), because="see 6.file")

for _text in (
    "LABEL version=1",
    "label version=1",
    'LABEL version "1"',
    'LABEL version = "1"',
    'LABEL "version"="1 2"',
    "LABEL other='a' \\\n  # why\n\n  version=\"1\"",
    "ARG V=1\nLABEL version=$V",
    "ARG CI_COMMIT_TAG\nLABEL version=$CI_COMMIT_TAG",
    "ENV V=1\nLABEL version=${V}",
    "LABEL version=${V:-1}",
    "ENV V=1\nLABEL version=${V:+2}",
    "ARG TARGETARCH\nLABEL version=$TARGETARCH",
    "LABEL version='$V'",
    'LABEL version="\\$V"',
    "LABEL version=\nLABEL version=2",
    "ENV N=version\nLABEL $N=1",
):
    standard.good("version", _version(f"FROM scratch\n{_REST}{_text}\n"))
standard.good("version", _version(f"FROM scratch AS Base\nENV V=1\nLABEL version=1\nFROM base\n{_REST}"))
standard.good("version", _version(f"FROM scratch AS a\nENV V=1\nFROM a\n{_REST}LABEL version=$V\n"))
standard.good("version", _version(f"ARG V=1\nFROM scratch\nARG V\n{_REST}LABEL version=$V\n"))
standard.good("version", _version(f"ARG B=x\nFROM scratch AS x\nLABEL version=1\nFROM $B\n{_REST}"))
standard.good("version", _version(f"# escape=`\nFROM scratch\n{_REST}LABEL a=b `\n version=1\n"))
standard.good("version", {"Dockerfile": None, "Containerfile": f"FROM scratch\n{_REST}LABEL version=1\n"})
standard.good("version", _job("docker build --label version=$CI_COMMIT_SHA .", f"FROM x\n{_REST}"))
standard.good("version", _job("docker build --build-arg V=1 .", f"FROM x\nARG V\n{_REST}LABEL version=$V\n"))
standard.good("version", _job("docker build --target a .", f"FROM x AS a\n{_REST}LABEL version=1\nFROM x\n"))
standard.good("version", _version(f"FROM a/b:1\n{_REST}"), policy={"base_image_labels": {"a/*": ("version",)}})
standard.good("version", _version(f"FROM x\nARG V\n{_REST}LABEL version=$V\n"), policy={"build_args": ("V",)})

_MARKED = _REST.rstrip() + "  # <- 6.version\n"
for _text in (
    "ARG V\nLABEL version=$V",
    "LABEL version=",
    'LABEL version=" "',
    "LABEL version=$V",
    "LABEL version=1\nLABEL version=''",
    "LABEL Version=1",
    "ENV V=1\nLABEL version=${V:+}",
    "ENV V=\nLABEL version=${V-1}",
    "LABEL version=${V:?missing}",
    "LABEL version=$V\nARG V=1\nLABEL last=1",
):
    standard.bad("version", _version(f"FROM scratch\n{_REST}{_text}  # <- 6.version\n"))
standard.bad("version", _version(f"FROM scratch\n{_MARKED}ONBUILD LABEL version=1\n"))
standard.bad("version", _version(f"FROM scratch AS a\nLABEL version=1\nFROM scratch\n{_MARKED}COPY --from=a / /\n"))
standard.bad("version", _version(f"FROM scratch AS a\n{_REST}FROM a  # <- 6.version\nRUN x\n"))
standard.bad("version", _version(f"ARG V=1\nFROM x\n{_REST}LABEL version=$V  # <- 6.version\n"))
standard.good("version", _version(f"FROM scratch\n{_REST}"), policy={"pipeline_labels": ("version",)})
standard.bad(
    "version",
    _version(f"FROM scratch\n{_MARKED}", **{".gitlab-ci.yml": "variables: {A: b}\n"}),
    policy={"pipeline_labels": ("version",)},
)
standard.bad("version", _version(f"FROM a/b:1\n{_MARKED}"), policy={"base_image_labels": {"b/*": ("version",)}})
standard.bad("version", _job("cd docker && docker build .", f"FROM x\n{_MARKED}", "docker/Dockerfile"))
standard.bad("version", _job("docker build --label version= .", f"FROM x\n{_MARKED}"))
standard.bad("version", _job("docker build --target a .", f"FROM x AS a\n{_MARKED}FROM a\nLABEL version=1\n"))
standard.skip("version", _version(f"FROM python\n{_REST}LABEL version=$PYTHON_VERSION\n"), because="PYTHON_VERSION")
standard.skip("version", _version(f"FROM x\n{_REST}LABEL version=$TARGETARCH\n"), because="depends on TARGETARCH")
standard.good("version", _version(f"FROM x\nARG TARGETARCH\n{_REST}LABEL version=$TARGETARCH\n"))
standard.bad("version", _version(f"FROM scratch\n{_REST}LABEL version=$TARGETARCH  # <- 6.version\n"))
standard.skip("version", _version(f"FROM x AS a\nARG V=1\nFROM a\n{_REST}LABEL version=$V\n"), because="depends on V")
standard.skip("version", _version(f"FROM x\n{_REST}LABEL $K=1\n"), because="can't be known")
standard.skip("version", _job("docker build --label version=$V .", f"FROM x\n{_REST}"), because="depends on V")
standard.skip("version", _job('B="docker build --label version=1 ."; $B', f"FROM x\n{_REST}"), because="can't be known")
standard.skip(
    "version", _job('A=(docker build --label version=1 .); "${A[@]}"', f"FROM x\n{_REST}"), because="can't be"
)
standard.skip("version", _job('A=(build --label version=1); docker "${A[@]}"', f"FROM x\n{_REST}"), because="variable")
standard.skip("version", _job('docker build --label "$KV" .', f"FROM x\n{_REST}"), because="--label comes")
standard.skip("version", _job("docker build $OPTIONS .", f"FROM x\n{_REST}"), because="come from a variable")
standard.bad(
    "version",
    _version("FROM scratch\nLABEL author=a  # <- 6.version\n# the end\n"),
    fixed=_version("""
        FROM scratch
        LABEL author=a
        ARG CI_COMMIT_REF_NAME
        ARG CI_COMMIT_TIMESTAMP
        ARG CI_COMMIT_SHA
        ARG CI_PROJECT_URL
        LABEL version="$CI_COMMIT_REF_NAME" \\
              model="iris" \\
              org.label-schema.version="$CI_COMMIT_REF_NAME" \\
              org.label-schema.name="iris" \\
              org.label-schema.build-date="$CI_COMMIT_TIMESTAMP" \\
              org.label-schema.vcs-ref="$CI_COMMIT_SHA" \\
              org.label-schema.vcs-url="$CI_PROJECT_URL" \\
              org.label-schema.vendor="Acme" \\
              org.label-schema.schema-version="1"
        # the end
    """),
    policy={"vendor": "Acme", "labels": {SCHEMA + "schema-version": "1"}},
)

_REGISTRY = "registry.example.com/models/iris"


def _pushed(*labels: str, created: str = "2026-03-01T12:00:00+00:00") -> Published:
    return Published(f"{_REGISTRY}:{created[:10]}", f"sha256:{created}", created, tuple((key, "x") for key in labels))


def _registry(*images: Published | Unread) -> dict[str, Any]:
    found = images[0] if images and isinstance(images[0], Unread) else images
    return {REPOSITORIES: (f"{_REGISTRY}/cache", _REGISTRY), newest_image(_REGISTRY): found}


_FULL = _pushed(*LABELS)
standard.good("image", {}, facts=_registry(_FULL))
standard.good("image", {}, facts=_registry(_pushed("author"), _pushed(*LABELS, created="2026-03-02")))
standard.good("image", {}, facts={newest_image(_REGISTRY): (_FULL,)}, policy={"image_repository": _REGISTRY})
standard.good(
    "image",
    {},
    facts={newest_image("a.example.com/iris:live"): (_FULL,)},
    policy={"image_repository": "a.example.com/$PROJECT_NAME:live"},
)
standard.bad("image", _version("FROM x\nRUN y\nLABEL a=b  # <- 6.image\n"), facts=_registry(_pushed("author")))
standard.bad("image", {"Dockerfile": None}, facts=_registry(_pushed(*LABELS[1:])), absent=("Dockerfile",))
standard.bad(
    "image",
    _version("FROM x  # <- 6.image\n"),
    facts=_registry(_pushed(*LABELS), _pushed("author", created="2026-03-02T12:00:00+00:00")),
)
standard.skip("image", {}, because="no registry was asked")
standard.skip("image", {}, because="no registry was asked", facts={REPOSITORIES: (_REGISTRY,)})
standard.skip("image", {}, because="no image of this project was built", facts={REPOSITORIES: ()})
standard.skip("image", {}, because="no image of this project was built", facts=_registry())
standard.skip("image", {}, because="it answers 503", facts=_registry(Unread("it answers 503")))
standard.skip("image", {}, because="built last can't be known", facts=_registry(_FULL, _pushed("author", created="")))


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _label_values(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) and text.isprintable() for text in value.values()):
        raise ValueError("must be a mapping of labels to texts of one line")
    for name in value:
        if name not in LABELS:
            import difflib

            near = difflib.get_close_matches(str(name), LABELS, 1, 0)
            raise ValueError(f"{name} is none of the ten labels; did you mean {near[0]}?")
    return value


_NONE: tuple[str, ...] = ()
_NO_VALUES: Mapping[str, str] = {}
labels = standard.setting(
    Setting(
        "labels",
        _NO_VALUES,
        "what a fix writes into the labels; $CI_… variables may be used",
        _label_values,
        schema={
            "type": "object",
            "properties": {name: {"type": "string"} for name in LABELS},
            "additionalProperties": False,
        },
    )
)
vendor = standard.setting(Setting("vendor", "", "the value of org.label-schema.vendor in a fix", text_value))
pipeline_labels = standard.setting(
    Setting("pipeline_labels", _NONE, "labels that the central pipeline passes with --label", text_list)
)
standard.setting(base_image_labels)
standard.setting(build_args)
standard.setting(image_repository)


@standard.rule("file")
def file(project: Project) -> Iterator[Finding]:
    """The Dockerfile exists where a job builds it, and Docker can build it."""
    found = targets(project)
    for target in found.known:
        yield from _unbuildable(project, target)
    if found.unknown:
        raise Skip(found.unknown)


def _label_rule(label: str) -> Check:
    def check(project: Project) -> Iterator[Finding]:
        reasons = list(all_built(project)[1])
        for place in _places(project):
            verdict = place.verdicts[label]
            if verdict.problem is not None:
                yield Finding(place.path, place.span, verdict.problem, place.context(label))
            elif verdict.reason is not None:
                reasons.append(verdict.reason)
        if reasons:
            raise Skip(reasons[0])

    check.__doc__ = f"The built image has a value for the label {label}."
    return check


def add_labels(project: Project, finding: Finding) -> Fix | None:
    """All labels that a stage lacks, in one LABEL at its end."""
    for place in _places(project):
        for label in place.lacking:
            if place.path == finding.path and place.context(label) == finding.context:
                fix, mended = project.remember(f"6 fix {place.built[0].place}", partial(_addition, project, place))
                return fix if label in mended else None
    return None


for _label in LABELS:
    standard.rule(_label)(_label_rule(_label)).fix(safe=True)(add_labels)


@standard.rule("image", level="advise")
def image(project: Project) -> Iterator[Finding]:
    """The newest image in the project's registry carries all ten labels."""
    images = newest(project)
    lacking = [[label for label in LABELS if not one.value(label).strip()] for one in images]
    if not any(lacking):
        return
    if not all(lacking):
        raise Skip(f"which of {len(images)} images was built last can't be known ({images[0].reference}, …)")
    path, span = _label_place(project)
    one, built_on = images[0], f", built on {images[0].created[:10]}," if images[0].created else ""
    message = (
        f"{one.reference}{built_on} has no value for {_enumerated(lacking[0])}: set them, and build the image anew"
    )
    yield Finding(path, span, message, "image")


def _enumerated(labels: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))


def _label_place(project: Project) -> tuple[str, Span | None]:
    """Where the labels of the built image are set, or should be."""
    try:
        places = _places(project)
    except (Skip, Absent, Unparsable, TooLarge, Unavailable):
        places = ()
    return (places[0].path, places[0].span) if places else (project.at("Dockerfile"), None)


def _unbuildable(project: Project, target: Target) -> Iterator[Finding]:
    try:
        built_of(project, target)
    except Absent:
        message = f"There is no {target.path} for the {target.image}: add it, or correct the job"
        yield Finding(target.path, None, message, "Dockerfile")
    except Unparsable as error:
        lines = project.bytes(target.path).decode("utf-8", "replace").split("\n")
        line = min(error.line or 1, len(lines))
        message = f"Docker can't build the {target.image} from this file: {error.why}"
        yield Finding(target.path, Span.of_line(line, lines[line - 1].rstrip("\r")), message, "Dockerfile")


# ── its labels ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one label: what is wrong with it, or why it can't be known; neither where it has a value."""

    problem: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A stage that is built, once or by several jobs, with what is said of its labels."""

    built: tuple[Built, ...]
    verdicts: Mapping[str, Verdict]

    @property
    def path(self) -> str:
        return self.built[0].target.path

    @property
    def span(self) -> Span:
        return self.built[0].dockerfile.span(self.built[0].stage.last_label)

    @property
    def lacking(self) -> list[str]:
        return [label for label, verdict in self.verdicts.items() if verdict.problem is not None]

    def context(self, label: str) -> str:
        one = self.built[0]
        last = one.index == len(one.dockerfile.stages) - 1
        return label if last else f"{label} of {one.stage.name or one.index}"


def _places(project: Project) -> tuple[Place, ...]:
    """The stages that are built."""
    return project.remember("6 places", lambda: _find_places(project))


def _find_places(project: Project) -> tuple[Place, ...]:
    groups: dict[tuple[str, int], list[Built]] = {}
    for one in all_built(project)[0]:
        groups.setdefault(one.place, []).append(one)
    return tuple(Place(tuple(group), _verdicts(project, group)) for group in groups.values())


def _verdicts(project: Project, group: Sequence[Built]) -> dict[str, Verdict]:
    """The worst of each label's verdicts."""
    found: dict[str, Verdict] = {}
    for label in LABELS:
        verdicts = [_verdict(project, one, label) for one in group]
        found[label] = min(verdicts, key=lambda verdict: (verdict.problem is None, verdict.reason is None))
    return found


def _verdict(project: Project, one: Built, label: str) -> Verdict:
    build, image = one.target.build, one.image
    passed = _central_pipeline(project) if label in project.setting(pipeline_labels) else False
    inherited = inherits(project, image, label)
    value = build.labels.get(label) or image.labels.get(label)
    if passed or (value and value.blank is False) or (value is None and inherited):
        return Verdict()
    if value is not None and value.blank is None:
        names = ", ".join(sorted(value.names)) or "what can't be known"
        return Verdict(reason=f"the value of {label} depends on {names[:200]}")
    if passed is None:
        return Verdict(reason=f"the central pipeline may pass {label} (see 3.include)")
    if value is None and inherited is None:
        return Verdict(reason=f"the base image may carry {label}, and its name can't be known")
    doubt = build.open or image.open
    return Verdict(reason=doubt) if doubt else Verdict(problem=_problem(one, label, value))


def _central_pipeline(project: Project) -> bool | None:
    """Whether 3.include passes; None where that can't be known."""

    def ask() -> bool | None:
        try:
            return any(rule.id == "3.include" and not any(rule.check(project)) for rule in all_rules())
        except (Skip, Absent, Unparsable, TooLarge, Unavailable):
            return None

    return project.remember("6 pipeline", ask)


def _problem(one: Built, label: str, value: Value | None) -> str:
    if value is not None:
        unset = ", ".join(sorted(value.names))[:200]
        why = f" ({unset} has no value in this stage: an ARG must be declared in it, and passed)" if unset else ""
        return f"The label {label} of the {one.target.image} is empty{why}: give it a value"
    near = _nearest(label, one.image.labels)
    meant = f" ({near[:60]} is another label: names are compared exactly)" if near else ""
    return f'The {one.target.image} has no label {label}{meant}: add LABEL {label}="…" to its final stage'


def _nearest(label: str, keys: Mapping[str, Value]) -> str | None:
    """The key that is probably meant for the label."""
    plain = {key.lower().replace("_", "-"): key for key in keys if key not in LABELS}
    short = label.removeprefix(SCHEMA)
    for name in (label, short, *_OTHER_NAMES.get(label, ())):
        if name in plain:
            return plain[name]
    import difflib

    near = difflib.get_close_matches(label, plain, 1, 0.85)
    return plain[near[0]] if near else None


# ── the fix ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _addition(project: Project, place: Place) -> tuple[Fix | None, frozenset[str]]:
    """The fix, and the labels that it mends: one whose value would not reach the image is left out."""
    one = place.built[0]
    words = {label: word for label in place.lacking if (word := _word(project, one, label)) is not None}
    data = with_labels(one.dockerfile, one.index, one.image, words)
    still = _lacking_after(project, place, data)
    if words.keys() & still:
        words = {label: word for label, word in words.items() if label not in still}
        data = with_labels(one.dockerfile, one.index, one.image, words)
    fix = Fix((Edit(place.path, one.dockerfile.data, data),)) if data else None
    return fix, frozenset(words)


def _lacking_after(project: Project, place: Place, data: bytes | None) -> set[str]:
    """The labels that a job's image still has no value for."""
    if data is None:
        return set()
    after = read_dockerfile(data)
    group = [built(project, one.target, after) for one in place.built]
    return {label for label, verdict in _verdicts(project, group).items() if verdict != Verdict()}


def _word(project: Project, one: Built, label: str) -> str | None:
    """What the fix writes behind `label=`; None for what can't stand in a line."""
    escape = one.dockerfile.escape
    written = project.setting(labels).get(label)
    if written is not None:
        return quoted(written, escape)
    if label in ("model", SCHEMA + "name"):
        return literal(project.name, escape)
    if label == SCHEMA + "vendor" and project.setting(vendor):
        return literal(project.setting(vendor), escape)
    before = _author_before(project, one) if label == "author" else None
    return (literal(before, escape) if before else None) or f'"{_DEFAULTS[label]}"'


def _author_before(project: Project, one: Built) -> str | None:
    """The author's label at the merge base."""
    if project.base is None:
        return None
    try:
        before, _ = all_built(project.base)
    except (Skip, Absent, Unparsable, TooLarge, Unavailable):
        return None
    values = (other.image.labels.get("author") for other in before if other.place == one.place)
    return next((value.text for value in values if value and value.text), None)
