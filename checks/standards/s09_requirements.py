"""`requirements.txt` must list everything that `serve.py` needs to run, each strictly pinned to one version.

## Why
`serve.py` runs in production. An image that is built again in a year must hold the same libraries as today, or the
model answers otherwise, or not at all, without anybody having changed a line. A library that only came along with
another one goes when that other one no longer needs it.

## What counts
Pinned is `==1.2.3` (not `==1.2.*`), `===`, an address with a hash, version control at a full commit SHA, a path in the
repository, or a pin in a file that is named with `-c`. Files named with `-r` are read too. Imports are followed through
the project's own modules, without running anything; one of several libraries in `try`/`except ImportError` is enough.

## Fix safety
Safe: the version is taken from the lock file in the repository (`uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`),
if it holds exactly one that the requirement allows. Else, where the policy names an `index`, from there: the versions
that go together with all the others of the file, if nothing but plain requirements stands in it. Nothing else of the
line is touched; hashes are written where the file has some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks import pinning
from checks.dependencies import Dependencies, Source, dependencies
from checks.finding import Finding, Fix, Skip, Span
from checks.pinning import Asked
from checks.policy import Setting, text_list
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable
from checks.read.distributions import AMBIENT, brought_by, is_standard, serves, serving
from checks.read.imports import codebase_of
from checks.read.needs import Choice, Need, choices
from checks.read.pins import can_hold_together, is_same
from checks.read.python import parse
from checks.read.requirements import Requirement, normalized
from checks.standard import Standard
from checks.tree import Unavailable

standard = Standard(9, "Pinned requirements", __doc__)

NONE: tuple[str, ...] = ()
ALWAYS = {("kserve", "kfserving"): "which serves models (standard 4)", ("ddtrace",): "which traces them (standard 10)"}
"""What every model needs, by standards 4 and 10, and what for: one of each must be listed."""

standard.setting(pinning.index)
base_image_packages = standard.setting(
    Setting("base_image_packages", NONE, "distributions that the base image brings along", text_list)
)

_SHA = "0123456789abcdef0123456789abcdef01234567"
_SERVE = "kserve==0.11.2\nddtrace==2.9.0\n"


def _file(text: str) -> dict[str, str]:
    return {"requirements.txt": text}


for good in (
    "idna==3.10\n",
    "",
    "# nothing yet\n",
    "a==1 # why\n  b == 2\r\nc[x,y]==1.0+cpu ; python_version < '3.8'\n",
    "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n",
    "--index-url https://example.com/simple\n--extra-index-url=https://example.com\n--no-binary :all:\n-f wheels\n",
    f"-e git+https://example.com/a.git@{_SHA}#egg=a\n-e .\n./wheels/b-1.0-py3-none-any.whl\n",
    "a @ https://example.com/a-1.0.zip#sha256=00\n",
    "a==${VERSION}\n",
    "a==1 --config-settings x=y\n",
):
    standard.good("file", _file(good))
standard.good("file", {"requirements.txt": "\ufeffa==1\r\n".encode("utf-16-le")})
standard.good("file", {"requirements.txt": b"\xef\xbb\xbfa==1\n"})
standard.good("file", {"requirements.txt": b"# -*- coding: latin-1 -*-\na==1  # \xe9\n"})
standard.good(
    "file",
    _file("-r ci/base.txt\n-c limits.txt\n")
    | {"ci/base.txt": "-r more.txt\n", "ci/more.txt": "", "limits.txt": "a==1\n"},
)
standard.bad("file", {"requirements.txt": None}, absent=("requirements.txt",))
for bad in (
    "a=1.2",
    "a b",
    "a==",
    "a>>1",
    "==1",
    "a[b==1",
    "a==1; python_version",
    "--nope",
    "a=1.2=py36_0",
    "http://[x",
):
    standard.bad("file", _file(f"idna==3.10\n{bad}  # <- 9.file\n"))
standard.bad("file", _file("-r none.txt  # <- 9.file\n-c ci/limits.txt  # <- 9.file\n"))
standard.bad("file", _file("-r ../outside.txt  # <- 9.file\n-r /etc/passwd  # <- 9.file\n"))
standard.bad("file", _file("-r base.txt\n") | {"base.txt": "a b  # <- 9.file\n-r requirements.txt\n"})
standard.skip("file", _file("-r https://example.com/base.txt\n"), because="https://example.com/base.txt")
standard.skip("file", _file("-r ${FOLDER}/base.txt\n"), because="${FOLDER}/base.txt")

for good in (
    "idna==3.10",
    "idna == 3.10 , < 4",
    "idna===3.10",
    "idna (==3.10)",
    "idna==3.10+cpu",
    "idna[all]==3.10; python_version >= '3.8'",
    "idna==3.10 --hash=sha256:00",
    "idna @ https://example.com/idna-3.10.zip#sha256=00",
    "https://example.com/idna-3.10-py3-none-any.whl --hash=sha256:00",
    f"git+https://example.com/idna.git@{_SHA}",
    f"-e git+ssh://git@example.com/idna.git@{_SHA}#egg=idna",
    f"idna @ git+https://example.com/idna.git@{_SHA}#subdirectory=x",
    f"idna @ git+https://example.com/idna.git@{_SHA};python_version<'3.8'",
    "idna @ https://example.com/idna-3.10.zip#sha256=00; python_version<'3.8'",
    "-e .",
    f"git+https://${{TOKEN}}:x@example.com/idna.git@{_SHA}",
    "./idna",
    "# idna",
    "",
):
    standard.good("pinned", _file(f"{good}\n"))
for bad in (
    "idna",
    "idna>=3.10",
    "idna~=3.10",
    "idna==3.*",
    "idna[all]",
    "idna>3,<4; python_version >= '3.8'",
    "idna --hash=sha256:00",
    "idna!=3",
    "idna @ https://example.com/idna-3.10.zip",
    "https://example.com/idna-3.10-py3-none-any.whl",
    "git+https://example.com/idna.git",
    "git+https://example.com/idna.git@v3.10",
    "git+https://example.com/idna.git@0123456",
    "-e git+https://example.com/idna.git@main#egg=idna",
    "idna @ git+https://example.com/idna.git@main",
):
    standard.bad("pinned", _file(f"six==1.16.0\n{bad}  # <- 9.pinned\n"))
standard.good("pinned", _file("idna\n-c limits.txt\n") | {"limits.txt": "IDNA==3.10\nother>1\n"})
standard.good("pinned", _file("idna\n-c limits.txt\n") | {"limits.txt": f"idna @ git+https://x/idna@{_SHA}\n"})
standard.good("pinned", _file("-c limits.txt\n") | {"limits.txt": "-r more.txt\n", "more.txt": "idna==1\n"})
standard.bad("pinned", _file("-r base.txt\n") | {"base.txt": "six==1\nidna  # <- 9.pinned\n"})
standard.bad("pinned", _file("idna  # <- 9.pinned\n-c limits.txt\n") | {"limits.txt": "idna<4\n"})
standard.skip("pinned", _file("idna==${IDNA}\n"), because="idna==${IDNA}")
standard.skip("pinned", _file("git+https://example.com/${NAME}.git@main\n"), because="depends on a variable")
standard.bad("pinned", _file("git+https://${TOKEN}@example.com/idna.git@main  # <- 9.pinned\n"))
standard.skip("pinned", _file("-r https://example.com/base.txt\n"), because="https://example.com/base.txt")
standard.skip("pinned", _file("idna\n-c https://example.com/limits.txt\n"), because="https://example.com/limits.txt")
standard.skip("pinned", _file("idna\n-c limits.txt\n"), because="see 9.file")
standard.skip("pinned", _file("idna\na b\n"), because="see 9.file")
standard.skip("pinned", {"requirements.txt": None}, because="see 9.file")

_UV = """\
version = 1
[[package]]
name = "idna"
version = "3.10"
source = { registry = "https://example.com/simple" }
[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "https://example.com/simple" }
[[package]]
name = "numpy"
version = "2.0.0"
source = { registry = "https://example.com/simple" }
[[package]]
name = "own"
version = "0.1"
source = { editable = "." }
"""
_POETRY = '[[package]]\nname = "idna"\nversion = "3.10"\n\n[metadata]\nlock-version = "2.0"\n'
_PIPFILE = '{"default": {"idna": {"version": "==3.10"}}, "develop": {"six": {"version": "==1.16.0"}}}\n'
_HASHED = '", "hashes": ["sha256:70"]}}, "d'
for before, after in (
    ("idna", "idna==3.10"),
    ("IDNA >= 3 , < 4 ; python_version > '3'  # why", "IDNA ==3.10 ; python_version > '3'  # why"),
    ("  idna[all] ~=3.1", "  idna[all] ==3.10"),
    ("idna (>=3)  # why", "idna ==3.10  # why"),
    ("idna;python_version>'3'", "idna==3.10;python_version>'3'"),
    ("idna==3.*", "idna==3.10"),
    ("idna  # why", "idna==3.10  # why"),
):
    standard.bad(
        "pinned",
        _file(f"six==1\n{before}  # <- 9.pinned\nb==1") | {"uv.lock": _UV},
        fixed=_file(f"six==1\n{after}\nb==1"),
    )
_INDEX = "https://packages.example.com/simple"
_ASKED = ("kserve==0.7.0", "ddtrace==2.9.0", 'idna[all]>=3; python_version > "3"', "six==1.16.0")
_LOOSE = "kserve==0.7.0\nddtrace==2.9.0\nidna[all]>=3 ; python_version > '3'\nsix==1.16.0\n"
standard.bad(
    "pinned",
    _file(_LOOSE.replace("> '3'", "> '3'  # <- 9.pinned")),
    policy={"index": _INDEX},
    facts={Asked(_INDEX, _ASKED, "3.11", False).fact: "ddtrace==2.9.0\nidna==3.10\nkserve==0.7.0\nsix==1.16.0\n"},
    fixed=_file(_LOOSE.replace("]>=3 ;", "]==3.10 ;")),
)
standard.bad(
    "pinned",
    _file("six==1 --hash=sha256:00\nidna  # <- 9.pinned\n") | {"Pipfile.lock": _PIPFILE.replace('"}}, "d', _HASHED)},
    fixed=_file("six==1 --hash=sha256:00\nidna==3.10 \\\n    --hash=sha256:70\n"),
)
standard.bad("pinned", _file("numpy>=2  # <- 9.pinned\n") | {"uv.lock": _UV}, fixed=_file("numpy==2.0.0\n"))
for name, text in (("poetry.lock", _POETRY), ("pdm.lock", _POETRY), ("Pipfile.lock", _PIPFILE)):
    standard.bad("pinned", _file("idna  # <- 9.pinned\n") | {name: text}, fixed=_file("idna==3.10\n"))
for unfixed in ("idna<3", "numpy", "own", "six"):
    standard.bad("pinned", _file(f"{unfixed}  # <- 9.pinned\n") | {"uv.lock": _UV, "Pipfile.lock": "{"})


def _serve(text: str, listed: str = "", **files: str) -> dict[str, str]:
    return {"serve.py": text, "requirements.txt": _SERVE + listed} | {
        f"{name}.py": content for name, content in files.items()
    }


_NESTED = """\
try:
    import cupy as np
except Exception:
    try:
        import jax.numpy as np
    except ImportError:
        import numpy as np
"""
standard.good("serving", {})
for text, listed in (
    ("import numpy as np, os.path", "numpy==1.26.4"),
    ("import cv2", "opencv-python-headless==4.9.0.80"),
    ("import tensorflow as tf", "tensorflow_cpu==2.15.0"),
    ("from google.cloud import storage", "google-cloud-storage==2.14.0"),
    ("from google.protobuf.json_format import Parse", "protobuf==4.25.1"),
    ("import sklearn.ensemble", "Scikit_Learn==1.4.0"),
    ("import PIL.Image", "pillow-simd==9.0.0"),
    ("import yaml", "-r more.txt\nPyYAML==6.0.1"),
    ("import acme_models", "acme.models==1.0"),
    ("import torch", "torch-nightly==2.6.0"),
    ("import pkg_resources", "setuptools==69.0.0"),
    ("from google.cloud import vision_v1", "google-cloud-vision==3.7.0"),
    ("import distutils, tomllib, asyncore", ""),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy", ""),
    ("import typing\nif typing.TYPE_CHECKING:\n    import numpy", ""),
    ("from typing import TYPE_CHECKING as TC\nif TC:\n    import numpy", ""),
    ("try:\n    import kserve\nexcept ImportError:\n    import kfserving", ""),
    ("try:\n    import ujson as json\nexcept ImportError:\n    import json", ""),
    (_NESTED, "numpy==1.26.4"),
    ("try:\n    import cupy\nexcept ImportError:\n    cupy = None", ""),
    ("import uvloop", "uvicorn[standard]==0.27.0"),
    ("import torch", "transformers[torch]==4.37.0"),
    ("import torch", "torch @ https://example.com/torch-2.0-py3-none-any.whl#sha256=00"),
    ("import torch", "https://example.com/torch-2.0.0-py3-none-any.whl --hash=sha256:00"),
    ("import torch", "torch @ file:///wheels/torch.zip"),
    ("import torch", "./wheels/torch-2.0-py3-none-any.whl"),
    ("import model, src.thing", ""),
):
    standard.good("serving", _serve(f"{text}\n", f"{listed}\n") | {"more.txt": "", "src/thing.py": ""})
standard.good("serving", _serve("import torch\n"), policy={"base_image_packages": ("Torch",)})
standard.good(
    "serving",
    _serve(
        "from pre import clean\n", "numpy==1\n", pre="import numpy\nif __name__ == '__main__':\n    import pandas\n"
    ),
)
standard.good(
    "serving",
    _serve("import lib\n") | {"src/lib/__init__.py": "from .a import b\n", "src/lib/a.py": "import json\nb = 1\n"},
)
for text in (
    "import numpy  # <- 9.serving",
    "import os, numpy.linalg as la  # <- 9.serving",
    "from numpy import array  # <- 9.serving\nimport numpy",
    "class A:\n    def load(self):\n        import numpy  # <- 9.serving",
    "if True:\n    import numpy  # <- 9.serving",
    "if __name__ == '__main__':\n    import numpy  # <- 9.serving",
    "try:\n    import numpy  # <- 9.serving\nexcept ImportError:\n    raise SystemExit('install numpy')",
    "try:\n    import cupy as np  # <- 9.serving\nexcept ImportError:\n    import numpy as np",
    "from google.cloud import storage  # <- 9.serving",
    "import cv2  # <- 9.serving",
    "import PIL  # <- 9.serving\nimport sklearn  # <- 9.serving",
):
    standard.bad("serving", _serve(f"import sys\n{text}\n", "pandas==2.2.0\n"))
standard.bad(
    "serving", {"requirements.txt": "ddtrace==2.9.0\n", "serve.py": "import kserve  # <- 9.serving\nimport ddtrace\n"}
)
standard.bad(
    "serving",
    {"requirements.txt": "kserve[odd]==0.11\n", "serve.py": "import kserve, numpy\nimport ddtrace  # <- 9.serving\n"},
)
standard.bad("serving", _serve("import numpy  # <- 9.serving\n", "./wheels/torch-2.0-py3-none-any.whl\n"))
standard.bad("serving", _serve("from pre import clean\n", pre="import os\nimport numpy  # <- 9.serving\n"))
standard.bad("serving", _serve("import pre\n", pre="from post import x\n", post="import numpy  # <- 9.serving\n"))
standard.bad(
    "serving",
    _serve("import lib\n")
    | {"src/lib/__init__.py": "from . import a\n", "src/lib/a.py": "import numpy  # <- 9.serving\n"},
)
standard.bad("serving", _serve("import numpy  # <- 9.serving\n", "-c limits.txt\n") | {"limits.txt": "numpy==1.26.4\n"})
standard.bad(
    "serving", {"requirements.txt": "ddtrace==2.9.0\nsix==1\n# end  # <- 9.serving\n", "serve.py": "import six\n"}
)
standard.bad("serving", {"requirements.txt": "kfserving==0.6.1  # <- 9.serving\n", "serve.py": "import kfserving\n"})
standard.good("serving", {"requirements.txt": "kfserving==0.6.1\nddtrace==1.20\n", "serve.py": "import kfserving\n"})
_CANT = "can't be known"
standard.skip("serving", _serve("import acme_models\n"), because="acme_models")
standard.skip("serving", _serve("import pkg_resources\n"), because="may come with Python itself")
standard.skip("serving", _serve("import numpy\n", "acme[all] @ https://x/acme.zip#sha256=00\n"), because=_CANT)
standard.skip("serving", _serve("import numpy\n", "-e git+https://x/a#egg=acme[all]\n"), because=_CANT)
standard.skip("serving", _serve("import sys\nif sys.argv:\n    import numpy\n"), because=_CANT)
standard.skip("serving", _serve("import pre\n", pre="def plot():\n    import seaborn\n"), because=_CANT)
standard.skip("serving", _serve("import numpy\n", "-e .\n"), because=_CANT)
standard.skip("serving", _serve("import numpy\n", "git+https://example.com/x.git@main\n"), because=_CANT)
standard.skip("serving", _serve("import numpy\n", "acme[all]==1\n"), because=_CANT)
standard.skip("serving", _serve("import numpy\n", "-r https://example.com/base.txt\n"), because=_CANT)
standard.skip("serving", _serve("import numpy\n", "-r none.txt\n"), because="see 9.file")
standard.skip("serving", _serve("import numpy\n", "a b\n"), because="see 9.file")
standard.skip("serving", {"serve.py": "def\n"}, because="see 4.file")
standard.skip("serving", {"requirements.txt": None}, because="see 9.file")

for good in (
    "numpy==1.26.4\nNumPy==1.26.4",
    "numpy==1.26\nnumpy==1.26.0",
    "torch==2.0\ntorch==2.0+cpu",
    "numpy==1.26.4\nnumpy",
    "numpy==1.21; python_version < '3.8'\nnumpy==1.26; python_version >= '3.8'",
    "numpy==1.21; python_full_version < '3.8.5'\nnumpy==1.26; python_full_version >= '3.8.5'",
    "tf==1; sys_platform == 'darwin'\ntf==2; platform_system == 'Linux'\ntf==3; os_name == 'nt'",
    "tf==1; platform_machine == 'x86_64'\ntf==2; platform_machine == 'aarch64'",
    "a @ https://example.com/a.zip#sha256=00\na @ https://example.com/a.zip#sha256=00",
):
    standard.good("unique", _file(f"{good}\n"))
for bad in (
    "numpy==1.26.4\nnumpy==1.26.3",
    "scikit-learn==1.0\nsix==1\nScikit_Learn==1.1",
    "numpy==1.21; python_version < '3.8'\nnumpy==1.26",
    "numpy==1.21; python_version < '3.9'\nnumpy==1.26; python_version >= '3.8'",
    "tf==1; sys_platform == 'linux'\ntf==2; platform_machine == 'aarch64'",
    f"git+https://example.com/a@{_SHA}#egg=a\ngit+https://example.com/a@{_SHA[::-1]}#egg=a",
):
    standard.bad("unique", _file(f"{bad}  # <- 9.unique\n"))
standard.bad("unique", _file("numpy==1\n-r more.txt\n") | {"more.txt": "numpy==2  # <- 9.unique\n"})
standard.good("unique", _file("numpy==1\n-c more.txt\n") | {"more.txt": "numpy==2\n"})
standard.skip("unique", _file("a==1; platform_release == '5'\na==2; platform_release == '6'\n"), because=_CANT)
standard.skip("unique", _file("a==1; extra == 'x'\na==2; extra == 'y'\n"), because=_CANT)
standard.skip("unique", _file("a==1\na @ https://example.com/a.zip#sha256=00\n"), because=_CANT)
standard.skip("unique", _file("a==1\na==${V}\n"), because=_CANT)
standard.skip("unique", _file("a b\n"), because="see 9.file")


@standard.rule("file")
def file(project: Project) -> Iterator[Finding]:
    """`requirements.txt` is there, pip can read it, and the files that it names are in the repository."""
    path = project.at("requirements.txt")
    try:
        known = dependencies(project)
    except Absent:
        yield Finding(path, None, f"There is no {path}: list there what serve.py needs, each pinned with ==", "absent")
        return
    except Unparsable as error:
        place = Span.of_line(error.line) if error.line else None
        yield Finding(path, place, f"{path} {error.why}", "unreadable")
        return
    for source in known.sources:
        for fault in source.file.faults:
            shown = " ".join(source.file.source.text[fault.start : fault.end].split())[:200]
            instead = "correct it, or take it out" if shown.startswith("-") else "write it like name==1.2.3"
            message = f"pip can't read {shown}: {fault.why}; {instead}"
            yield Finding(source.path, source.file.span(fault), message, shown)
    for broken in known.broken:
        message = f"{broken.why[:1].upper()}{broken.why[1:]}: name a file of the repository, or take the line out"
        place = broken.source.file.span(broken.reference)
        yield Finding(broken.source.path, place, message, broken.reference.target)
    if known.unknown:
        raise Skip(f"{known.unknown[0].target} is not in the repository, and is not fetched")


@standard.rule("pinned")
def pinned(project: Project) -> Iterator[Finding]:
    """Every requirement is pinned: with `==`, by a hash, at a full commit SHA, or by a file named with `-c`."""
    known = _known(project)
    held = {one.name for one in known.constraints() if one.name and one.is_pinned}
    loose = [(s, one) for s, one in known.requirements() if not one.is_pinned and one.known and one.name not in held]
    remote = [reference for reference in known.unknown if reference.constraint]
    if loose and remote:
        raise Skip(f"{remote[0].target} may pin {loose[0][1].text}, and is not fetched")
    if loose and any(broken.reference.constraint for broken in known.broken):
        raise Skip("see 9.file")
    for source, one in loose:
        yield Finding(source.path, source.file.span(one), _advice(one), one.name or one.url or one.text)
    asked = pinning.question(project, known) if loose else None
    if asked:
        project.fact(asked.fact)  # for the fix, which is proposed when nobody fetches any more
    unknown = next((one for _, one in known.requirements() if not one.known and one.name not in held), None)
    if unknown:
        raise Skip(f"{unknown.text} depends on a variable")
    if known.unknown:
        raise Skip(f"{known.unknown[0].target} is not fetched")


@pinned.fix(safe=True)
def pin(project: Project, finding: Finding) -> Fix | None:
    """The version that a lock file of the repository holds, else the one that the policy's index gives."""
    known = _known(project)
    places = project.remember("9 places", lambda: _places(known))
    found = places.get((finding.path, finding.span))
    return pinning.pin(project, known, *found) if found else None


def _places(known: Dependencies) -> dict[tuple[str, Span | None], tuple[Source, Requirement]]:
    """The requirements that have a name, by where they stand."""
    named = [(source, one) for source, one in known.requirements() if one.name]
    return {(source.path, source.file.span(one)): (source, one) for source, one in reversed(named)}


@standard.rule("serving")
def serving_packages(project: Project) -> Iterator[Finding]:
    """Everything that `serve.py` imports, directly or through the project's modules, is listed."""
    needed = _choices(project)
    known = _known(project)
    listed = _Listed(project, known)
    unknown: str | None = None
    named: set[str] = set()
    for choice in needed:
        open_need = listed.lacks(choice)
        if open_need is None:
            continue
        need, candidates = open_need
        why = listed.doubt(choice, candidates, need)
        if why:
            unknown = unknown or why
        elif candidates[0] not in named:
            named.add(candidates[0])
            yield _unlisted(project, need, candidates)
    for candidates in ALWAYS:
        if not listed.names & set(candidates) and not named & set(candidates):
            unknown = unknown or listed.doubts(candidates)
            if not listed.doubts(candidates):
                yield _absent(known.sources[0], candidates)
    if unknown:
        raise Skip(unknown)


@standard.rule("unique")
def unique(project: Project) -> Iterator[Finding]:
    """No distribution is given twice with different pins whose markers can hold together."""
    given: dict[str, list[tuple[Source, Requirement]]] = {}
    unknown: str | None = None
    for source, one in _known(project).requirements():
        for other_source, other in given.get(one.name or "", ()):
            match _clash(one, other):
                case "yes":
                    yield _twice(source, one, other_source, other)
                    break
                case "unknown":
                    unknown = unknown or f"whether {one.text} and {other.text} can both hold can't be known"
        if one.name:
            given.setdefault(one.name, []).append((source, one))
    if unknown:
        raise Skip(unknown)


def _known(project: Project) -> Dependencies:
    """The requirements, for rules that do not own the file: raises Skip where pip can't read them."""
    try:
        known = dependencies(project)
    except (Absent, Unparsable, TooLarge, Unavailable):
        raise Skip("see 9.file") from None
    if known.has_faults:
        raise Skip("see 9.file")
    return known


def _advice(one: Requirement) -> str:
    shown = " ".join(one.text.split())[:200]
    match one.kind:
        case "index":
            return f"{shown} is not pinned: write {one.name}==<version>, with one full version"
        case "url":
            return f"{shown} has no hash, so what it gives may change: add #sha256=<digest> to the address"
        case "vcs":
            return f"{shown} is not pinned: put the full commit SHA behind the address: @<40 digits>"
        case "local":
            raise AssertionError("a path in the repository is pinned")


# ── what serve.py needs ──────────────────────────────────────────────────────────────────────────────────────────────


def _choices(project: Project) -> tuple[Choice, ...]:
    return project.remember("9 needs", lambda: _needed(project))


def _needed(project: Project) -> tuple[Choice, ...]:
    path = project.at("serve.py")
    module = project.need(parse, path, "4.file")
    codebase = codebase_of(project)
    return choices(codebase, codebase.main(path, module))


class _Listed:
    """The distributions that are listed, and why there may be more than can be seen."""

    def __init__(self, project: Project, known: Dependencies) -> None:
        asked = [one for _, one in known.requirements()]
        brought = [(one, extra, brought_by(one.name or "", extra)) for one in asked for extra in sorted(one.extras)]
        self.names = {one.name for one in asked if one.name}
        self.names |= {normalized(name) for name in project.setting(base_image_packages)}
        self.names |= {name for _, extra, names in brought for name in (*(names or ()), extra)}
        self.extra = next((f"{one.name}[{extra}]" for one, extra, names in brought if names is None), None)
        self.hidden = _hidden(known)

    def lacks(self, choice: Choice) -> tuple[Need, tuple[str, ...]] | None:
        """An import of which no distribution is listed, with those that would do; None where all is well."""
        if choice.own:
            return None
        found = [(need, serving(need.module)) for need in choice.needs]
        if any(is_standard(need.module) or self._has(need, candidates) for need, candidates in found):
            return None
        return next(((n, c) for n, c in found if not c), found[0])

    def doubt(self, choice: Choice, candidates: tuple[str, ...], need: Need) -> str | None:
        """Why it can't be known whether an import is lacking."""
        name = need.module.partition(".")[0]
        if not candidates:
            return f"which distribution serves {name} can't be known"
        if candidates[0] in AMBIENT:
            return f"{candidates[0]} may come with Python itself"
        if not choice.sure:
            return f"whether serve.py really imports {name} can't be known"
        return self.doubts(candidates)

    def doubts(self, candidates: tuple[str, ...]) -> str | None:
        """Why more may be installed than is listed."""
        if self.hidden:
            return self.hidden
        if self.extra and not any(candidates[0] in one for one in ALWAYS):
            return f"whether {self.extra} brings {candidates[0]} along can't be known"
        return None

    def _has(self, need: Need, candidates: tuple[str, ...]) -> bool:
        parts = need.module.split(".")
        spelt = {normalized("-".join(parts[:count])) for count in range(1, len(parts) + 1)}
        return any(serves(name, spelt | set(candidates)) for name in self.names)


def _hidden(known: Dependencies) -> str | None:
    """Why more may be installed than is listed."""
    if any(not broken.reference.constraint for broken in known.broken):
        return "see 9.file"
    remote = [reference.target for reference in known.unknown if not reference.constraint]
    for _, one in known.requirements():
        if one.name is None or _is_project(one):
            remote.append(one.text)
    return f"what {remote[0]} brings along can't be known" if remote else None


def _is_project(one: Requirement) -> bool:
    """Whether it is a project in the repository, which may require more."""
    return one.kind == "local" and not re.match(r"file:|.*\.whl(?:$|[#;\s])", one.url or "", re.IGNORECASE)


def _unlisted(project: Project, need: Need, candidates: tuple[str, ...]) -> Finding:
    path = project.at("requirements.txt")
    module = need.module if need.module.startswith("google.") else need.module.partition(".")[0]
    alike = [one for one in candidates[1:] if one.startswith(candidates[0].partition("-")[0])]
    others = f", or another that serves it, like {alike[0]}" if alike else ""
    own = "" if need.file.main else ", and serve.py imports that"
    lacks = f"{path} does not list {candidates[0]}: add {candidates[0]}==<version>{others}"
    message = f"{need.file.path} imports {module}{own}, but {lacks}"
    return Finding(need.file.path, need.file.module.source.span_of(need.step.at), message, candidates[0])


def _absent(source: Source, candidates: tuple[str, ...]) -> Finding:
    """What is needed by the standards alone: it belongs at the end of the file."""
    lines = source.file.source.text.split("\n")
    line = max(1, len(lines) - (not lines[-1]))
    message = (
        f"{source.path} does not list {' or '.join(candidates)}, {ALWAYS[candidates]}: add {candidates[0]}==<version>"
    )
    return Finding(source.path, Span.of_line(line, lines[line - 1].rstrip()), message, candidates[0])


# ── given twice ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _clash(one: Requirement, other: Requirement) -> str:
    """Whether two requirements of one distribution ask for different pins on some machine."""
    known = one.known and other.known
    if known and (not (one.is_pinned and other.is_pinned) or _is_same_pin(one, other)):
        return "no"
    together = "yes" if one.marker == other.marker is None else can_hold_together(one.marker, other.marker)
    return "unknown" if together == "yes" and not (known and one.kind == other.kind) else together


def _is_same_pin(one: Requirement, other: Requirement) -> bool:
    if one.version and other.version:
        return is_same(one.version, other.version)
    if one.revision and other.revision:
        return one.revision.lower() == other.revision.lower()
    return one.url is not None and one.url == other.url


def _twice(source: Source, one: Requirement, other_source: Source, other: Requirement) -> Finding:
    line = other_source.file.span(other).line
    texts = [" ".join(each.text.split())[:100] for each in (one, other)]
    message = f"{one.name} is given twice: {texts[0]} here, {texts[1]} in line {line} of {other_source.path}; keep one"
    if one.marker or other.marker:
        message += ", or give them markers that exclude each other"
    return Finding(source.path, source.file.span(one), message, one.name or "")
