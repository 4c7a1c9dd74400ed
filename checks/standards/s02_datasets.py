"""Datasets must be stored in `s3://<bucket>/<project>/datasets/<time in ISO 8601>`.

## Why
A model can be trained again, and its figures be believed, only where it is known on what it was trained and evaluated.
The time in the path makes each version of a dataset a place of its own, and everybody finds the datasets of any model
in the same place. Datasets in git make every clone slow for good, since history never forgets them.

## What counts
Every `s3://` address in `README.md`, `.gitlab-ci.yml`, `train.py` and `evaluate.py` that has a part `dataset`,
`datasets` or `data`, or ends like a dataset (`.csv`, `.parquet` and so on), unless it has a part `models`. Comments are
not read. An address that is completed elsewhere (`f"…"`, `$DATE`, `<date>`, `"…/datasets/" + date`) can't be judged.
Buckets of others that a model learns from are named in the policy's `foreign_buckets`.

## Fix safety
Safe: bucket, project and order of the path are put right around the time that stands there, and a time is never
invented. `/datasets/` is added to `.gitignore`, which does not touch files that are in git. Datasets in git have no
fix: taking them out is for a person to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from checks.artifacts import Artifacts, ignoring, unignored, untracked
from checks.dataclass import dataclass
from checks.finding import Edit, Finding, Fix, Skip
from checks.pipeline import predefined
from checks.policy import Setting, bucket, text_list, text_value, whole_number
from checks.project import Project, TooLarge
from checks.read import Unparsable, addresses, gitlab_ci, python, s3
from checks.read.addresses import Address, Addresses
from checks.read.ci_variables import Variables
from checks.standard import Standard
from checks.tree import Unavailable

standard = Standard(2, "Datasets in S3", __doc__)

max_dataset_bytes = standard.setting(
    Setting("max_dataset_bytes", 1048576, "the largest file with a dataset suffix that may be in git", whole_number)
)
NONE: tuple[str, ...] = ()
foreign_buckets = standard.setting(
    Setting("foreign_buckets", NONE, "S3 buckets of others, whose datasets may lie as they like", text_list)
)
standard.setting(bucket)
# Declared by standard 1, which judges what that variable holds.
_weights_variable = Setting("weights_variable", "MODEL_WEIGHTS", "", text_value)

SUFFIXES = (".csv", ".tsv", ".parquet", ".feather", ".arrow", ".jsonl", ".npy", ".tfrecord")
SEGMENTS = frozenset({"dataset", "datasets", "data"})

_HOME = "s3://ml-platform-bucket/iris/datasets"
_GOOD = f"{_HOME}/2026-03-01T12:00:00Z"


def _readme(text: str) -> dict[str, str]:
    return {"README.md": f"# Iris\n\n{text}\n"}


def _train(text: str) -> dict[str, str]:
    return {"README.md": "# Iris\n", "train.py": f"{text}\n"}


def _ci(*lines: str) -> dict[str, str]:
    pipeline = "include: {project: ml-platform/model-promotion-pipeline}"
    return {"README.md": "# Iris\n", ".gitlab-ci.yml": "\n".join((pipeline, *lines, ""))}


for good in (
    _GOOD,
    f"{_HOME}/20260301T1200",
    f"{_HOME}/2026-03-01T12:00:00,25+01/",
    f"{_HOME}/2026-03-01T12%3A00Z/train.csv",
    f"[datasets]({_GOOD}/train.csv).",
    f"**{_GOOD}**, and _{_GOOD}_",
    f"<{_GOOD}>",
    f"```sh\naws s3 cp --recursive {_GOOD} datasets/\n```",
    f"<!-- s3://old/data/train.csv -->{_GOOD}",
    f"| {_GOOD}|`{_GOOD}`|",
    f"{_GOOD} and the weights in s3://ml-platform-bucket/iris/models/data/x",
    f"{_GOOD} and the logs in s3://logs/iris/2026",
):
    standard.good("path", _readme(good))
for bad in (
    f"{_HOME}/2026-03-01",
    f"{_HOME}/train.csv",
    f"{_HOME}/latest/",
    f"{_HOME}/v1/train.parquet",
    "s3://ml-platform-bucket/iris/data/",
    "s3://ml-platform-bucket/iris/train.CSV",
    "s3://ml-platform-bucket/iris/2026-03/eval.jsonl",
    "s3://ml-platform-bucket/iris/dataset/x",
    "[here](s3://elsewhere/data/x)",
    "`aws s3 cp s3://elsewhere/iris/datasets/1 .`",
):
    standard.bad("path", _readme(f"{bad}  <!-- <- 2.path -->"))

for wrong, right in (
    ("s3://other/iris/datasets/2026-03-01T12:00Z", f"{_HOME}/2026-03-01T12:00Z"),
    ("s3://ml-platform-bucket/iris/data/20260301T1200/train.csv", f"{_HOME}/20260301T1200/train.csv"),
    ("s3://ml-platform-bucket/datasets/deploy-iris/20260301T1200/", f"{_HOME}/20260301T1200/"),
    ("S3://ml-platform-bucket/iris/datasets/20260301T1200", f"{_HOME}/20260301T1200"),
):
    standard.bad("path", _readme(f"see [it]({wrong})  <!-- <- 2.path -->"), fixed=_readme(f"see [it]({right})"))
    standard.bad(
        "path",
        _train(f"DATA = '{wrong}'  # <- 2.path"),
        fixed={"train.py": f"DATA = '{right}'\n"},
    )
    standard.bad(
        "path",
        _ci("train:", f"  script: [\"python train.py --data '{wrong}'\"]  # <- 2.path"),
        fixed={
            ".gitlab-ci.yml": "include: {project: ml-platform/model-promotion-pipeline}\n"
            f"train:\n  script: [\"python train.py --data '{right}'\"]\n"
        },
    )

standard.good("path", _train(f'"""Trains on {_GOOD}."""\n# once on s3://old/data/train.csv'))
standard.good("path", _train(f'run("aws s3 cp {_GOOD} " + TARGET)'))
standard.bad("path", _train('parser.add_argument("--data", default="s3://old/data/train.csv")  # <- 2.path'))
standard.bad("path", _train('"""Usage:\n    python train.py s3://old/data/train.csv  # <- 2.path\n"""'))
standard.bad("path", _train('os.path.join("s3://old/data", name)  # <- 2.path'))
standard.bad("path", _train('DATA = (\n    "s3://ml-platform-bucket/"  # <- 2.path\n    "iris/data/x.csv"\n)'))
standard.bad("path", _train('run("aws s3 cp s3://old/data/x.csv " + TARGET)  # <- 2.path'))
standard.bad("path", {"README.md": "", "evaluate.py": 'E = "s3://old/eval.csv"  # <- 2.path\n'})
standard.bad("path", {**_train("D = 's3://a/data'  # <- 2.path"), **_readme("`s3://old/data/x`  <!-- <- 2.path -->")})
standard.good("path", _ci("variables:", f"  TRAINING_SET: {_GOOD}", "# s3://old/data/x.csv"))
standard.good("path", _ci("x:", "  script:", "    - |", "      # cp s3://old/data/x.csv", f"      cp {_GOOD}/x.csv"))
standard.skip("path", _ci("variables:", "  MODEL_WEIGHTS: s3://old/data/x"), because="no dataset in S3 is named")
standard.bad("path", _ci("variables:", "  TRAINING_SET: s3://old/data/train.csv  # <- 2.path"))
standard.bad(
    "path",
    _ci("train:", "  script:", "    - |", "      set -e", "      aws s3 cp s3://old/data/train.csv .  # <- 2.path"),
)
standard.good("path", _readme(f"{_GOOD}, s3://commons/data/x.csv"), policy={"foreign_buckets": ("commons",)})
standard.good("path", _readme("s3://vault/iris/datasets/20260301T1200"), policy={"bucket": "vault"})

_MIXED = {"train.py": f'DATA = f"{_HOME}/{{date}}"\n', "evaluate.py": "def\n"}
standard.good("path", _MIXED | _readme(_GOOD))
standard.bad(
    "path",
    _MIXED | _readme("s3://old/iris/datasets/20260301T1200  <!-- <- 2.path -->"),
    fixed=_readme(f"{_HOME}/20260301T1200"),
)
standard.skip("path", {"README.md": "# Iris\n"}, because="no dataset in S3 is named")
standard.skip("path", {"README.md": None}, because="no dataset in S3 is named")
standard.skip("path", _readme("s3://commons/data/x"), policy={"foreign_buckets": ("commons",)}, because="no dataset")
_UNKNOWN = "is not known as a whole"
for unknown in (
    f"{_HOME}/<timestamp>",
    f"{_HOME}/TIMESTAMP/train.csv",
    f"{_HOME}/YYYY-MM-DDTHH:MM:SSZ",
    f"{_HOME}/$DATE",
    f"{_HOME}/{{date}}/x.csv",
    f"{_HOME}/...",
    f"{_HOME}/*",
    f"`aws s3 ls {_HOME}/`",
    f"{_HOME}",
):
    standard.skip("path", _readme(unknown), because=_UNKNOWN)
for unknown in (
    f'DATA = f"{_HOME}/{{date}}/train.csv"',
    f'DATA = f"{_HOME}/train.csv"',
    f'DATA = "{_HOME}/" + date',
    f'DATA = "{_GOOD}/" + NAME',
    f'DATA = "{_HOME}/%s" % date',
    f'DATA = "{_HOME}/{{}}".format(date)',
    f'DATA = "{_HOME}/x" \\\n    f"{{y}}"',
    f'DATA = "{_HOME}/x".replace("x", date)',
    f'DATA = date.strftime("{_HOME}/%Y%m%d")',
    f'DATA = os.path.join("{_HOME}", date)',
):
    standard.skip("path", _train(unknown), because=_UNKNOWN)
standard.skip("path", _ci("variables:", f"  TRAINING_SET: {_HOME}/$DATE"), because=_UNKNOWN)
standard.skip("path", {"README.md": "", "train.py": "def\n"}, because="see 8.train")
standard.skip("path", {"README.md": "", ".gitlab-ci.yml": "a: [\n"}, because="see 3.include")

standard.good("untracked", {"datasets/.gitkeep": "", "datasets/README.md": "none"})
standard.good("untracked", {"assets/labels.csv": "small", "src/datasets/iris.py": ""})
standard.good("untracked", {"tests/data/big.csv": "0123456789+"}, policy={"max_dataset_bytes": 10})
standard.bad("untracked", {"datasets/train.csv": ""}, absent=("datasets/train.csv",))
standard.bad(
    "untracked",
    {"a.csv": "0123456789", "b.csv": "0123456789+", "sub/c.PARQUET": "0123456789+", "sub/tests/d.npy": "0123456789+"},
    absent=("b.csv", "sub/c.PARQUET", "sub/tests/d.npy"),
    policy={"max_dataset_bytes": 10},
)

for line in ("datasets/", "/datasets", "datasets/*\n!datasets/.gitkeep"):
    standard.good("ignored", {".gitignore": f"{line}\nweights/\n"})
standard.bad(
    "ignored",
    {".gitignore": "weights/  # <- 2.ignored\n"},
    fixed={".gitignore": "weights/\n/datasets/\n"},
)
standard.bad("ignored", {".gitignore": None, "weights/.gitignore": "*\n"}, absent=(".gitignore",))
standard.bad(
    "ignored",
    {".gitignore": "datasets/*\nweights/\n!datasets/*/  # <- 2.ignored\n"},
    fixed={".gitignore": "datasets/*\nweights/\n!datasets/*/\n/datasets/\n"},
)


@standard.rule("path")
def path(project: Project) -> Iterator[Finding]:
    """Every dataset that the project names is an S3 path with bucket, project, `datasets` and a time."""
    places = _places(project)
    found = [place for place in places.found if place.address.known and not _is_unfinished(project, place.address)]
    yield from (_bad(project, place) for place in found if _fault(project, place.address.url))
    # One that is not known is left out, like a file that can't be read: it says nothing about the others.
    if found:
        return
    if places.unread:
        raise Skip(f"see {places.unread}")
    for place in places.found:
        line = place.file.span(place.address).line
        raise Skip(f"the dataset in line {line} of {place.path} is not known as a whole")
    raise Skip("no dataset in S3 is named")


@path.fix(safe=True)
def rewrite_path(project: Project, finding: Finding) -> Fix | None:
    """Puts bucket, project and order of the path right around a good time."""
    for place in _places(project).found:
        if place.path == finding.path and place.file.span(place.address) == finding.span:
            right = _right(project, place.address.url)
            after = place.file.replaced(place.address, right) if right else None
            return Fix((Edit(place.path, place.file.source.data, after),)) if after else None
    return None


@standard.rule("untracked", waivable=False)
def untracked_datasets(project: Project) -> Iterator[Finding]:
    """No datasets are in git: nothing lies in `datasets/`, and no file with a dataset suffix is large."""
    yield from untracked(project, _datasets_of(project))


@standard.rule("ignored")
def ignored_datasets(project: Project) -> Iterator[Finding]:
    """The repository's own `.gitignore` files ignore what is put into `datasets/`."""
    yield from unignored(project, _datasets_of(project))


@ignored_datasets.fix(safe=True)
def ignore_datasets(project: Project, finding: Finding) -> Fix | None:
    """Adds `/datasets/` to `.gitignore`."""
    return ignoring(project, _datasets_of(project))


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """An address of a dataset in one of the files."""

    path: str
    file: Addresses
    address: Address


@dataclass(frozen=True, slots=True)
class _Places:
    """What the files name. `unread`: the rule that owns one which can't be read."""

    found: tuple[_Place, ...]
    unread: str | None


def _places(project: Project) -> _Places:
    return project.remember("2 places", lambda: _read(project))


def _read(project: Project) -> _Places:
    found: list[_Place] = []
    unread: str | None = None
    for file, owner, read in _files(project):
        if not project.exists(file):
            continue
        try:
            named = read(project, file)
        except (Unparsable, TooLarge, Unavailable):
            unread = unread or owner
            continue
        found += [_Place(file, named, one) for one in named.found if _is_ours(project, file, one)]
    return _Places(tuple(found), unread)


_Reading = Callable[[Project, str], Addresses]


def _files(project: Project) -> tuple[tuple[str, str, _Reading], ...]:
    """The files that are read, the rule that owns each, and how it is read."""
    return (
        (project.at("README.md"), "7.file", lambda project, path: project.parse(addresses.of_markdown, path)),
        (project.ci_path, "3.include", _of_ci),
        (project.at("train.py"), "8.train", _of_python),
        (project.at("evaluate.py"), "8.evaluate", _of_python),
    )


def _of_ci(project: Project, path: str) -> Addresses:
    config = project.parse(gitlab_ci.parse, path)
    found = addresses.of_yaml(config.stream, project.bytes(path))
    if not found.found:
        return found
    definitions = Variables(config, predefined(project)).definitions(project.setting(_weights_variable))
    weights = [(one.node.start, one.node.end) for one in definitions]
    kept = (one for one in found.found if not any(start <= one.start < end for start, end in weights))
    return Addresses(found.source, tuple(kept))


def _of_python(project: Project, path: str) -> Addresses:
    project.parse(python.parse, path)
    return project.parse(addresses.of_python, path)


def _is_ours(project: Project, file: str, address: Address) -> bool:
    """Whether it is a dataset of this project: sub-projects may share the root's `.gitlab-ci.yml`."""
    found = s3.parse(address.url)
    if found is None or found.bucket in project.setting(foreign_buckets):
        return False
    parts = [segment.casefold() for segment in found.segments]
    named = [part for part in parts if part]
    if "models" in parts or not (SEGMENTS.intersection(parts) or (named and named[-1].endswith(SUFFIXES))):
        return False
    shared = project.folder != "." and file == ".gitlab-ci.yml"
    return not shared or project.name in found.segments


def _is_unfinished(project: Project, address: Address) -> bool:
    """Whether it is right as far as it goes, up to `datasets/`: the time is looked up, or put behind it elsewhere."""
    found = s3.parse(address.url.rstrip("/"))
    return (
        found is not None and found.bucket == project.setting(bucket) and found.segments == (project.name, "datasets")
    )


def _datasets_of(project: Project) -> Artifacts:
    limit = project.setting(max_dataset_bytes)
    return Artifacts("datasets", "datasets", SUFFIXES, limit, _example(project), free="tests")


def _bad(project: Project, place: _Place) -> Finding:
    url = place.address.url
    want = _right(project, url) or _example(project)
    message = f"{url[:200]} is no place of a dataset: {_fault(project, url)}; write {want}"
    return Finding(place.path, place.file.span(place.address), message, url)


def _example(project: Project) -> str:
    return f"s3://{project.setting(bucket)}/{project.name}/datasets/<time, like {s3.EXAMPLE}>"


def _fault(project: Project, url: str) -> str | None:
    return s3.fault(url, project.setting(bucket), project.name, "datasets")


def _right(project: Project, url: str) -> str | None:
    return s3.rewritten(url, project.setting(bucket), project.name, "datasets")
