"""Model weights must be stored in `s3://<bucket>/<project>/models/<time of training in ISO 8601>`.

## Why
`.gitlab-ci.yml` names the weights of a release by the time at which they were trained. So a release of a model is tied
to one set of weights for ever, and everybody finds the weights of any model in the same place. Weights in git make
every clone slow for good, since history never forgets them.

## What counts
Every definition of the variable is judged: at the top level, in jobs, in `rules`, `workflow` and `matrix`, and in files
of this repository that `.gitlab-ci.yml` includes. Other variables in it are resolved from the same file. The time is
`2026-03-01T12:00:00Z` or `20260301T120000Z`; seconds, their fraction and the zone may be left out.

## Fix safety
Safe: bucket, project and order of the path are put right around the time that stands there, and a time is never
invented. `/weights/` is added to `.gitignore`, which does not touch files that are in git. Weights in git have no fix:
taking them out is for a person to do.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from checks.artifacts import Artifacts, ignoring, unignored, untracked
from checks.dataclass import dataclass
from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.pipeline import configuration, place_of, predefined
from checks.policy import Setting, bucket, text_value, whole_number
from checks.project import Project, TooLarge
from checks.read import gitlab_ci, s3
from checks.read.ci_variables import Definition, Variables
from checks.read.gitlab_ci import Config
from checks.read.yaml import Scalar
from checks.read.yaml_edit import replaced
from checks.standard import Standard
from checks.tree import Unavailable

standard = Standard(1, "Weights in S3", __doc__)

weights_variable = standard.setting(
    Setting("weights_variable", "MODEL_WEIGHTS", "the variable of .gitlab-ci.yml that holds the weights", text_value)
)
max_weights_bytes = standard.setting(
    Setting("max_weights_bytes", 1048576, "the largest file with a weights suffix that may be in git", whole_number)
)
standard.setting(bucket)

SUFFIXES = (
    *(".bin", ".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".onnx", ".safetensors"),
    *(".joblib", ".pkl", ".pb", ".tflite", ".gguf", ".npz"),
)

POINTER = """\
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size {size}
"""


def _ci(*lines: str) -> dict[str, str]:
    """A CI file that includes the central pipeline, and these lines."""
    return {".gitlab-ci.yml": "\n".join(("include: {project: ml-platform/model-promotion-pipeline}", *lines, ""))}


def _weights(value: str) -> dict[str, str]:
    return _ci("variables:", f"  MODEL_WEIGHTS: {value}")


_HOME = "s3://ml-platform-bucket/iris/models"

for good in (
    "2026-03-01T12:00",
    "2026-03-01T12:00:00,25+01",
    "2026-03-01T23:59:59.123-05:30",
    "20260301T1200",
    "20260301T120000Z",
    "20260301T120000.5+0100",
    "2026-03-01T12%3A00%3A00%2B01%3A00",
    "2024-02-29T00:00Z/",
    "2026-03-01T12:00Z/best/model.safetensors",
):
    standard.good("path", _weights(f"{_HOME}/{good}"))
for bad in (
    "2026-03-01",
    "20260301",
    '"2026-03-01 12:00:00"',
    "2026-03-01T12",
    "2026-03-01T1200",
    "20260301T12:00",
    "2026-03-01T12:00+0100",
    "2026-03-01t12:00Z",
    "2026-03-01T12:00z",
    "2026-02-29T12:00",
    "2026-03-01T24:00",
    "2026-03-01T12:00:60",
    "2026-13-01T12:00",
    "1772366400",
    "2026-W09-7T12:00",
    "2026-060T12:00",
    "latest",
    "",
):
    quoted = f'"{_HOME}/{bad[1:]}' if bad.startswith('"') else f"{_HOME}/{bad}"
    standard.bad("path", _weights(f"{quoted} # <- 1.path"))

standard.bad(
    "path",
    {".gitlab-ci.yml": "include: {project: ml-platform/model-promotion-pipeline}  # <- 1.path\n"},
)
standard.bad("path", _ci("variables:  # <- 1.path", "  WEIGHTS: s3://ml-platform-bucket/iris/models/2026-03-01T12:00Z"))
standard.bad("path", _weights('""  # <- 1.path'))
standard.bad("path", _weights("weights/model.bin  # <- 1.path"))
standard.bad("path", _weights("https://ml-platform-bucket.s3.amazonaws.com/iris/models/2026-03-01T12:00Z  # <- 1.path"))
standard.bad("path", {".gitlab-ci.yml": "# nothing yet  # <- 1.path\n"})

for wrong, right in (
    ("s3://other/iris/models/2026-03-01T12:00Z", f"{_HOME}/2026-03-01T12:00Z"),
    ("s3://ml-platform-bucket/deploy-iris-model/models/2026-03-01T12:00Z/m.bin", f"{_HOME}/2026-03-01T12:00Z/m.bin"),
    ("s3://ml-platform-bucket/models/iris/2026-03-01T12:00Z/", f"{_HOME}/2026-03-01T12:00Z/"),
    ("s3://ml-platform-bucket/2026-03-01T12:00Z/iris/models", f"{_HOME}/2026-03-01T12:00Z"),
    ("s3://ml-platform-bucket/iris/weights/2026-03-01T12:00Z", f"{_HOME}/2026-03-01T12:00Z"),
    ("s3://ml-platform-bucket/iris/2026-03-01T12:00Z", f"{_HOME}/2026-03-01T12:00Z"),
    ("'s3://other/iris/models/20260301T1200'", f"'{_HOME}/20260301T1200'"),
    ('"S3://other/iris/models/20260301T1200"', f'"{_HOME}/20260301T1200"'),
):
    standard.bad("path", _weights(f"{wrong}  # <- 1.path"), fixed=_weights(right))

standard.good(
    "path",
    {
        ".gitlab-ci.yml": """
            include: [{project: ml-platform/model-promotion-pipeline}]
            spec-free: &defaults {MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/2026-03-01T12:00Z}
            variables:
              <<: *defaults
              HOME_OF_MODELS: s3://$BUCKET/${CI_PROJECT_NAME}
              BUCKET: ml-platform-bucket
            train:
              variables: {MODEL_WEIGHTS: "$HOME_OF_MODELS/models/$TRAINED"}
              parallel: {matrix: [{TRAINED: [2026-03-01T12:00, 20260302T1200]}]}
        """
    },
)
standard.good("path", _ci("variables: {MODEL_WEIGHTS: {value: s3://ml-platform-bucket/iris/models/20260301T1200Z}}"))
standard.good("path", _weights("s3://ml-platform-bucket/$CI_PROJECT_NAME/models/2026-03-01T12:00Z"))
standard.good(
    "path",
    _weights("s3://ml-platform-bucket/$CI_PROJECT_PATH/2026-03-01T12:00Z"),
    facts={"project_path": "iris/models"},
)
standard.good(
    "path",
    _ci("variables: {MODEL_PATH: s3://vault/iris/models/20260301T1200}"),
    policy={"weights_variable": "MODEL_PATH", "bucket": "vault"},
)
standard.good(
    "path",
    {
        ".gitlab-ci.yml": "include: [{project: ml-platform/model-promotion-pipeline}, {local: /ci/*.yml}]\n",
        "ci/weights.yml": "variables: {MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/20260301T1200}\n",
    },
)
standard.bad(
    "path",
    {
        ".gitlab-ci.yml": "include: [{project: ml-platform/model-promotion-pipeline}, /ci/weights.yml]\n",
        "ci/weights.yml": """
            train:
              variables:
                MODEL_WEIGHTS: s3://old/iris/models/20260301T1200  # <- 1.path
        """,
    },
    fixed={
        "ci/weights.yml": """
            train:
              variables:
                MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/20260301T1200
        """
    },
)
standard.bad(
    "path",
    {
        ".gitlab-ci.yml": """
            include: [{project: ml-platform/model-promotion-pipeline}]
            workflow:
              rules:
                - if: $CI_COMMIT_TAG
                  variables:
                    MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/v1  # <- 1.path
            variables:
              MODEL_WEIGHTS:
                description: which weights
                value: "s3://ml-platform-bucket/iris/models/v2"  # <- 1.path
            .hidden:
              variables: {MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/v3}  # <- 1.path
            train:
              variables:
                MODEL_WEIGHTS: >-  # <- 1.path
                  s3://ml-platform-bucket/iris/models/v4
              rules:
                - variables:
                    MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/v5  # <- 1.path
              parallel:
                matrix:
                  - MODEL_WEIGHTS:
                      - s3://ml-platform-bucket/iris/models/20260301T1200
                      - s3://ml-platform-bucket/iris/models/v6  # <- 1.path
        """
    },
)
_SPLIT = ("variables:", "  OLD: old", "  AT: 20260301T1200")
standard.bad(
    "path",
    _ci(*_SPLIT, "  MODEL_WEIGHTS: s3://$OLD/$CI_PROJECT_NAME/models/${AT}/x  # <- 1.path"),
    fixed=_ci(*_SPLIT, "  MODEL_WEIGHTS: s3://ml-platform-bucket/$CI_PROJECT_NAME/models/${AT}/x"),
)

_UNKNOWN = "it depends on what .gitlab-ci.yml does not tell"
for unknown in (
    "s3://$BUCKET/iris/models/2026-03-01T12:00Z",
    "s3://ml-platform-bucket/iris/models/${TRAINED}",
    "s3://ml-platform-bucket/iris/models/$[[ inputs.trained ]]",
    "!reference [.elsewhere, variables, MODEL_WEIGHTS]",
    "$MODEL_WEIGHTS",
    "{description: which weights}",
):
    standard.skip("path", _weights(unknown), because=_UNKNOWN)
standard.skip("path", _weights("'s3://ml-platform-bucket/iris/models/%TRAINED%'"), because=_UNKNOWN)
standard.skip("path", _ci("variables: !reference [.elsewhere, variables]"), because=_UNKNOWN)
standard.skip(
    "path",
    _weights("s3://ml-platform-bucket/$CI_PROJECT_PATH/2026-03-01T12:00Z"),
    facts={"project_path": None},
    because=_UNKNOWN,
)
standard.skip("path", _ci("include: [{local: $WHERE}]"), because="an include holds a variable")
standard.skip("path", {".gitlab-ci.yml": "a: [\n"}, because="see 3.include")
standard.skip("path", {".gitlab-ci.yml": None}, because="see 3.include")
standard.skip(
    "path", {".gitlab-ci.yml": "include: a.yml\n", "a.yml": "- b\n"}, because="a.yml, which is included, is no"
)
standard.bad("path", _weights("[s3://a/b]  # <- 1.path"))
standard.bad("path", _weights("~  # <- 1.path"))

standard.good("untracked", {"weights/.gitkeep": "", "weights/README.md": "none", "weights/.gitignore": "*"})
standard.good("untracked", {"assets/vocabulary.bin": "small", "src/weights/model.py": ""})
standard.bad("untracked", {"weights/model.txt": ""}, absent=("weights/model.txt",))
standard.bad("untracked", {"weights/v1/a.bin": "", "weights/b": ""}, absent=("weights/v1/a.bin", "weights/b"))
standard.bad(
    "untracked",
    {"a.onnx": "0123456789", "b.onnx": "0123456789+", "sub/c.PKL": "0123456789+", "d.py": "0123456789+"},
    absent=("b.onnx", "sub/c.PKL"),
    policy={"max_weights_bytes": 10},
)
standard.bad("untracked", {"model.pt": POINTER.format(size=1048577)}, absent=("model.pt",))
standard.good("untracked", {"model.pt": POINTER.format(size=1048576), "notes.md": POINTER.format(size=9999999)})

for line in (
    "weights/",
    "/weights",
    "weights/*\n!weights/.gitkeep",
    "*\n!*.py",
    "**/weights/**",
    "weights/\n!weights/x/y",
):
    standard.good("ignored", {".gitignore": f"{line}\n"})
standard.good("ignored", {".gitignore": None, "weights/.gitignore": "*\n!.gitignore\n"})
standard.bad("ignored", {".gitignore": None}, absent=(".gitignore",), fixed={".gitignore": "/weights/\n"})
standard.bad("ignored", {".gitignore": "*.bin  # <- 1.ignored\n"}, fixed={".gitignore": "*.bin\n/weights/\n"})
standard.bad(
    "ignored",
    {".gitignore": b"a\r\n# weights/\r\n*.pt # <- 1.ignored"},
    fixed={".gitignore": b"a\r\n# weights/\r\n*.pt\r\n/weights/"},
)
standard.bad(
    "ignored",
    {".gitignore": "weights/*\n!weights/*/  # <- 1.ignored\n"},
    fixed={".gitignore": "weights/*\n!weights/*/\n/weights/\n"},
)
standard.bad(
    "ignored",
    {".gitignore": "x/\n", "weights/.gitignore": "*\n!x/\n!y  # <- 1.ignored\n"},
    fixed={".gitignore": "x/\n/weights/\n"},
)


@standard.rule("path")
def path(project: Project) -> Iterator[Finding]:
    """Every definition of the variable names an S3 path with bucket, project, `models` and a time of training."""
    project.need(gitlab_ci.parse, project.ci_path, "3.include")
    try:
        places = _places(project)
    except (TooLarge, Unavailable):
        raise Skip("see 3.include") from None
    if not places:
        yield _missing(project)
        return
    unknown = None
    for place in places:
        values = place.variables.values(place.definition)
        bad = [value for value in values if value is not None and _fault(project, value)]
        if bad and len(bad) == len(values):
            yield _bad(project, place, bad[0])
        elif bad or None in values:
            unknown = unknown or place
    if unknown is not None:
        line = unknown.config.stream.place(unknown.definition.node.start)[0]
        name = project.setting(weights_variable)
        raise Skip(f"{name} in line {line} of {unknown.path}: it depends on what .gitlab-ci.yml does not tell")


@path.fix(safe=True)
def rewrite_path(project: Project, finding: Finding) -> Fix | None:
    """Puts bucket, project and order of the path right around a good time."""
    for place in _places(project):
        node = place.definition.node
        if place.path != finding.path or _span(place) != finding.span or not isinstance(node, Scalar):
            continue
        values = place.variables.values(place.definition)
        right = _right(project, values[0]) if len(values) == 1 and values[0] is not None else None
        if right is None or values[0] is None:
            return None
        after = replaced(place.config.stream, node, _as_written(node.text, values[0], right))
        note = "The value has an anchor: what refers to it changes too." if node.anchor else None
        before = project.bytes(place.path)
        return Fix((Edit(place.path, before, after),), safe=note is None, note=note) if after else None
    return None


@standard.rule("untracked", waivable=False)
def untracked_weights(project: Project) -> Iterator[Finding]:
    """No weights are in git: nothing lies in `weights/`, and no file with a weights suffix is large."""
    yield from untracked(project, _weights_of(project))


@standard.rule("ignored")
def ignored_weights(project: Project) -> Iterator[Finding]:
    """The repository's own `.gitignore` files ignore what is put into `weights/`."""
    yield from unignored(project, _weights_of(project))


@ignored_weights.fix(safe=True)
def ignore_weights(project: Project, finding: Finding) -> Fix | None:
    """Adds `/weights/` to `.gitignore`."""
    return ignoring(project, _weights_of(project))


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A definition of the variable, in one of the files that make up the configuration."""

    path: str
    config: Config
    variables: Variables
    definition: Definition


def _weights_of(project: Project) -> Artifacts:
    home = _example(project)
    return Artifacts("weights", "weights", SUFFIXES, project.setting(max_weights_bytes), home)


def _places(project: Project) -> tuple[_Place, ...]:
    """Every definition, of the files that `.gitlab-ci.yml` includes too. Raises Skip where there may be others."""
    return project.remember("1 places", lambda: _found(project))


def _found(project: Project) -> tuple[_Place, ...]:
    name = project.setting(weights_variable)
    known = configuration(project)
    found: list[_Place] = []
    overridden = False  # by `.gitlab-ci.yml` itself, which comes first here and is merged last
    for file, config in known.files:
        variables = Variables(config, predefined(project))
        places = [_Place(file, config, variables, one) for one in variables.definitions(name)]
        found += [place for place in places if place.definition.job or not overridden]
        overridden = overridden or any(not place.definition.job for place in found)
    for error in known.broken if not found else ():
        raise Skip(f"{error.path}, which is included, {error.why}")
    if not found and not known.complete:
        raise Skip(".gitlab-ci.yml includes more files than GitLab takes")
    if not found and any(include.kind == "local" and not include.known for include in known.includes):
        raise Skip("an include holds a variable that only GitLab knows")
    return tuple(place for place in found if not _of_another(project, place))


def _of_another(project: Project, place: _Place) -> bool:
    """Whether it is the path of another project: sub-projects may share the root's `.gitlab-ci.yml`. Of one beside this
    one, or a good one of any other.
    """
    if project.folder == "." or project.ci_path != ".gitlab-ci.yml":
        return False
    values = place.variables.values(place.definition)
    paths = [s3.parse(value or "") for value in values]
    homes = {path.segments[0] if path is not None and path.segments else "" for path in paths}
    if len(homes) != 1 or homes <= {"", ".", "..", project.name}:
        return False
    [other] = homes
    if project.exists(posixpath.join(posixpath.dirname(project.folder), other, "serve.py")):
        return True
    return not any(s3.fault(value or "", project.setting(bucket), other, "models") for value in values)


def _missing(project: Project) -> Finding:
    name = project.setting(weights_variable)
    config = project.parse(gitlab_ci.parse, project.ci_path)
    message = f"{project.ci_path} defines no {name}: write {name}: {_example(project)} below variables"
    return Finding(project.ci_path, place_of(config, "variables"), message, name)


def _bad(project: Project, place: _Place, value: str) -> Finding:
    name = project.setting(weights_variable)
    shown = " ".join(value.split())[:200]
    want = _right(project, value) or _example(project)
    found = f"is {shown}: {_fault(project, value)}" if shown else "is empty"
    if not isinstance(place.definition.node, Scalar):
        found = "is no text"
    return Finding(place.path, _span(place), f"{name} {found}; write {want}", f"{name} {place.definition.job}")


def _span(place: _Place) -> Span:
    return place.config.stream.span_of(place.definition.node)


def _example(project: Project) -> str:
    return f"s3://{project.setting(bucket)}/{project.name}/models/<time of training, like {s3.EXAMPLE}>"


def _fault(project: Project, value: str) -> str | None:
    return s3.fault(value, project.setting(bucket), project.name, "models")


def _right(project: Project, value: str) -> str | None:
    return s3.rewritten(value, project.setting(bucket), project.name, "models")


def _as_written(text: str, value: str, right: str) -> str:
    """The right path, with the variables of the written one where they stand for a whole part that stays."""
    parts, values = text.strip().split("/"), value.strip().split("/")
    written = dict(zip(values, parts, strict=True)) if len(parts) == len(values) else {}
    return "/".join(written.get(part, part) for part in right.split("/"))
