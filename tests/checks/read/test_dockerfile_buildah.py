"""Labels come out as in the image that buildah builds from the same Dockerfile.

Where this buildah (1.28) knows less than Docker, the words are left out: `${V-d}`, `${V+d}`, `?`, `#`, `%`, `/`, stages
named in another case, by number or by a variable.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Mapping

import pytest

from checks.read import Unparsable
from checks.read.dockerfile import read_dockerfile
from checks.read.image import image_of
from checks.read.shellwords import Value, known

Build = Callable[..., dict[str, str] | None]


@pytest.fixture(scope="module")
def build(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The labels of the image built from a text with arguments; None where buildah refuses it."""
    buildah, folder = require("buildah"), tmp_path_factory.mktemp("buildah")
    storage = ["--storage-driver", "vfs", "--root", str(folder / "root"), "--runroot", str(folder / "run")]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([buildah, *storage, *arguments], capture_output=True, text=True, cwd=folder, timeout=60)

    def labels(text: str, *options: str) -> dict[str, str] | None:
        (folder / "Dockerfile").write_bytes(text.encode())
        built = run("bud", "--quiet", "--isolation", "chroot", *options, ".")
        if built.returncode:
            return None
        inspected = run("inspect", "--type", "image", built.stdout.split()[-1])
        found = json.loads(inspected.stdout)["OCIv1"]["config"].get("Labels") or {}
        return {key: value for key, value in found.items() if key != "io.buildah.version"}

    return labels


def read(
    text: str, target: str | None = None, given: Mapping[str, Value] | None = None
) -> dict[str, str | None] | None:
    """The labels as they are read; None where the file is refused."""
    try:
        file = read_dockerfile(text.encode())
        index = file.stage(target)
        assert index is not None
        image = image_of(file, index, (given or {}).get, target)
    except Unparsable:
        return None
    return {key: value.text for key, value in image.labels.items()}


@pytest.mark.parametrize(
    "text",
    [
        "LABEL a=1 b='x y' c=\"x y\" d=x\\ y e= f=''",
        "label a=1\nLaBeL b=2",
        "LABEL a 1 2\nLABEL b  =  3",
        'LABEL "a b"="c d" \'e\'=f',
        'LABEL a="x \\\n  y" \\\n\\\n  b=2',
        "LABEL a=1 \\\n  # why\n\n  b=2",
        "LABEL a=1 \\\n",
        "LABEL a=1\nLABEL a=\nLABEL A=2",
        'LABEL a="$V" b=\'$V\' c=$V d=\\$V e="\\$V"',
        "ENV V=1 W=$V\nLABEL v=$V w=$W x=${W}x",
        "ENV V x y\nLABEL v=$V",
        "ENV V=1\nENV V=2 W=$V\nLABEL w=$W v=$V",
        'ENV K=key\nLABEL $K=1 ${K}2=2 "$K 3"=3',
        "ARG A=1\nLABEL a=$A\nARG A=2\nLABEL b=$A",
        "LABEL a=$A\nARG A=1",
        "ARG A\nLABEL a=$A",
        "ARG A=x\nARG B=$A$A\nLABEL b=$B",
        'ARG A="x y"\nLABEL a=$A b="$A"',
        "ENV A=1\nARG A=2\nLABEL a=$A",
        "ARG A=2\nENV A=1\nLABEL a=$A",
        "ARG A=2\nENV A=$A.1\nLABEL a=$A",
        "ARG TARGETPLATFORM\nARG TARGETARCH\nARG TARGETOS\nLABEL a=$TARGETPLATFORM b=$TARGETARCH c=$TARGETOS",
        "LABEL a=$TARGETPLATFORM",
        "ONBUILD LABEL a=1\nLABEL b=2",
        "LABEL a=${V:-d} b=${V:+d}\nENV V=1\nLABEL c=${V:-d} d=${V:+d} e=${V:-$U}",
        "LABEL a=é b='日本' c=\"\\é\"",
        'LABEL a="unclosed',
        "LABEL a=${",
        "LABEL a=1 \\\r\n # why\r\n b=2\r\nLABEL c='d'\r",
        "LABEL a",
        "LABEL a=1 b",
        "FOO a",
    ],
)
def test_a_stage_from_scratch_has_the_labels_that_buildah_gives_it(build: Build, text: str) -> None:
    whole = f"FROM scratch\n{text}\n"
    assert read(whole) == build(whole)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("FROM scratch AS a\nLABEL x=1 y=1\nENV V=1\nFROM a\nLABEL y=2 v=$V", None),
        ("FROM scratch AS a\nLABEL x=1\nFROM scratch\nLABEL y=2", None),
        ("FROM scratch AS a\nLABEL x=1\nFROM a AS b\nLABEL y=2\nFROM b\nLABEL z=3", "b"),
        ("ARG G=1\nFROM scratch\nLABEL a=$G\nARG G\nLABEL b=$G", None),
        ("ARG G=1\nFROM scratch\nARG G=2\nLABEL b=$G", None),
        ("ARG B=scratch\nFROM $B\nLABEL a=1", None),
        ("# escape=`\nFROM scratch\nLABEL a=x` y b=`\n 2 c=\\$A", None),
        ("\ufeffFROM scratch\nLABEL a=1", None),
        ("FROM scratch\nARG A=1\nLABEL a=$A\nFROM scratch\nLABEL a=$A", None),
    ],
)
def test_stages_and_global_arguments_count_as_in_buildah(build: Build, text: str, target: str | None) -> None:
    assert read(text, target) == build(text, *(["--target", target] if target else []))


def test_build_arguments_count_as_in_buildah(build: Build) -> None:
    text = "ARG G\nFROM scratch\nARG A=1\nARG B\nARG G\nLABEL a=$A b=$B c=$C g=$G\n"
    options = [part for pair in ("A=2", "B=", "C=3", "G=4") for part in ("--build-arg", pair)]
    given = {"A": known("2"), "B": known(""), "C": known("3"), "G": known("4")}
    assert read(text, None, given) == build(text, *options)


def test_where_buildah_hides_the_arguments_of_a_parent_stage_their_value_is_not_known(build: Build) -> None:
    text = "FROM scratch AS a\nARG A=1\nFROM a\nLABEL a=$A\n"
    assert build(text) == {"a": ""}  # with BuildKit it is 1
    assert read(text) == {"a": None}


PIECES = ["a", "b", " ", "'", '"', "\\", "$V", "${V}", "$U", "${U:-x}", "${V:+y}", "${U:-$V}", "=", "$", ".", "{", "}"]


def test_words_at_random_come_out_as_in_buildah(build: Build) -> None:
    dice = random.Random(6)
    words = {"".join(dice.choices(PIECES, k=dice.randint(1, 9))) for _ in range(1500)}
    start = "FROM scratch\nENV V=v E=\n"
    read_ones = [word for word in sorted(words) if (read(f"{start}LABEL k={word}\n") or {}).keys() == {"k"}]
    text = start + "".join(f"LABEL k{number}={word}\n" for number, word in enumerate(read_ones))
    assert len(read_ones) > 400
    assert read(text) == build(text)
