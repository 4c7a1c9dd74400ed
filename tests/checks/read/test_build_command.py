"""The images that a script builds are read as a shell would run it; what it takes from elsewhere is unknown."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read.build_command import Build, builds_of
from checks.read.script import commands, split_at_equals

VARIABLES = {
    "IMAGE": "reg/$CI_PROJECT_PATH:$TAG",
    "TAG": "v1",
    "FILE": "docker/Dockerfile",
    "OPTIONS": "--target a",
    "Q": None,
}


def only(script: str) -> Build:
    (build,) = builds_of(script, VARIABLES)
    return build


@pytest.mark.parametrize(
    ("script", "file"),
    [
        ("docker build .", "Dockerfile"),
        ("docker build -t $IMAGE --no-cache .", "Dockerfile"),
        ("docker build . -t x", "Dockerfile"),
        ("docker build -qt x app/", "app/Dockerfile"),
        ("docker build -tx -fdocker/Dockerfile .", "docker/Dockerfile"),
        ("docker build --file=$FILE app", "docker/Dockerfile"),
        ('docker build -f "${CI_PROJECT_DIR}/app/Dockerfile" app', "app/Dockerfile"),
        ("docker --log-level debug build .", "Dockerfile"),
        ("docker image build .", "Dockerfile"),
        ("docker buildx build --push --platform linux/amd64 --cache-to type=inline .", "Dockerfile"),
        ("docker buildx create --use\ndocker buildx build .", "Dockerfile"),
        ("cd app && docker build .", "app/Dockerfile"),
        ("cd app; cd ..; docker build -f a/../b/Dockerfile .", "b/Dockerfile"),
        ("(cd app && make)\ndocker build .", "Dockerfile"),
        ('cd "$CI_PROJECT_DIR/app"\ndocker build "$(pwd)"', "app/Dockerfile"),
        ("sudo -E env A=b docker build .", "Dockerfile"),
        ("DOCKER_BUILDKIT=1 docker build . # not: docker build x", "Dockerfile"),
        ("docker build \\\n  --tag x \\\n  .", "Dockerfile"),
        ("docker build --tag x . > log 2>&1 || exit 1", "Dockerfile"),
        ("if true; then docker build .; fi", "Dockerfile"),
        ("cat <<EOF > notes\ndocker build x\nEOF\ndocker build .", "Dockerfile"),
        ("cat Dockerfile\nhadolint Dockerfile\ndocker build .", "Dockerfile"),
        ("echo docker build x; docker build .", "Dockerfile"),
        ("nerdctl build .", "Dockerfile"),
        ("podman build -f docker/Dockerfile .", "docker/Dockerfile"),
        ("buildah bud --format docker --layers -f a/Dockerfile", "a/Dockerfile"),
        ("buildah build-using-dockerfile app", "app/Containerfile"),
        ("/kaniko/executor --destination $IMAGE", "Dockerfile"),
        ("/kaniko/executor --cleanup -c dir://app --dockerfile app/Dockerfile --cache=true", "app/Dockerfile"),
    ],
)
def test_the_dockerfile_of_a_build_is_found(script: str, file: str) -> None:
    build = only(script)
    assert build.unknown is None
    assert build.files[0] == file


def test_podman_buildah_and_kaniko_look_for_a_named_file_in_the_context_too() -> None:
    for command in ("podman build -f D app", "buildah bud -f D app", "/kaniko/executor -f D -c app"):
        assert only(command).files == ("D", "app/D")
    assert only("podman build app").files == ("app/Containerfile", "app/Dockerfile")
    assert only("docker build -f D app").files == ("D",)


@pytest.mark.parametrize(
    "script",
    [
        "docker build $UNKNOWN .",
        "docker build --target $UNKNOWN .",
        "docker build -f $UNKNOWN/Dockerfile .",
        'docker build "${ARGUMENTS[@]}" .',
        "docker build $Q",
        "$CONTAINER_ENGINE build .",
        '"${DOCKER:-docker}" buildx build .',
        "b() { docker build --target $1 . ; }; b run",
        "b() { docker build -f ${1} . ; }; b docker/Dockerfile",
        "docker build --brand-new x .",
        "docker build https://example.com/x.git",
        "docker build git@example.com:x",
        "docker build - < Dockerfile",
        "docker build -f - . < x",
        "docker build -f /tmp/Dockerfile .",
        "docker build -f ../Dockerfile .",
        "docker buildx bake",
        "docker compose build",
        "docker-compose up --build",
        "cd $UNKNOWN && docker build .",
        "cd - && docker build .",
        "for d in a b; do docker build $d; done",
        "source settings; docker build -f $FILE .",
        "echo FROM x > Dockerfile; docker build .",
        "echo LABEL a=b | tee -a Dockerfile; docker build .",
        "sed -i s/a/b/ Dockerfile; docker build .",
        "cp docker/Dockerfile . ; docker build .",
        "sh -c 'docker build .'",
        "retry 3 docker build .",
        "docker run --rm docker:cli docker build .",
        "buildah bud --from x .",
        "buildah bud -f a -f b .",
        "docker build 'x",
    ],
)
def test_a_build_that_hangs_on_something_outside_is_unknown(script: str) -> None:
    build = only(script)
    assert build.unknown
    assert build.files == ()


@pytest.mark.parametrize(
    "script",
    [
        "",
        "docker push x",
        "docker run x build",
        "docker compose up -d",
        "echo 'docker build .'",
        "git commit -m 'docker build .'",
        "# docker build .",
        "buildah push x",
        "python setup.py build",
        "docker buildx create",
        "cat <<E\ndocker build .\nE",
    ],
)
def test_other_commands_build_nothing(script: str) -> None:
    assert builds_of(script, {}) == ()


def test_each_build_of_a_script_is_told_with_its_target() -> None:
    builds = builds_of("docker build --target a .\ndocker build $OPTIONS -f x .; docker build --target=c .", VARIABLES)
    assert [(build.files, build.target) for build in builds] == [
        (("Dockerfile",), "a"),
        (("x",), "a"),
        (("Dockerfile",), "c"),
    ]


@pytest.mark.parametrize(
    ("given", "text", "blank"),
    [
        ("--label k=v", "v", False),
        ("--label=k=v=w", "v=w", False),
        ('--label "k=a b"', "a b", False),
        ("--label 'k=$V'", "$V", False),
        ("--label k=", "", True),
        ("--label k", "", True),
        ("--label k=$TAG", "v1", False),
        ("--label k=${TAG#v}", "1", False),
        ("--label k=$CI_COMMIT_SHA", None, False),
        ("--label k=${CI_COMMIT_SHA:0:8}", None, False),
        ("--label k=${CI_COMMIT_REF_NAME,,}", None, False),
        ("--label k=$IMAGE", None, False),
        ("--label k=$(date -u +%FT%TZ)", None, False),
        ('--label "k=`date`"', None, False),
        ("--label k=$(cat VERSION)", None, None),
        ("--label k=v-$(cat VERSION)", None, False),
        ("--label k=$UNKNOWN", None, None),
        ('--label "k=$1"', None, None),
        ("--label k=by-$1", None, False),
        ("--label k=${1:-x}", None, None),
        ("--label k=${UNKNOWN:-d}", None, False),
        ("--label k=$Q", None, None),
    ],
)
def test_labels_and_arguments_are_expanded_as_far_as_they_are_known(
    given: str, text: str | None, blank: bool | None
) -> None:
    for option, kind in (("--label", "labels"), ("--build-arg", "arguments")):
        if option == "--build-arg" and given == "--label k":
            continue
        value = getattr(only(f"docker build {given.replace('--label', option)} ."), kind)["k"]
        assert (value.text, value.blank) == (text, blank)


def test_a_build_argument_without_a_value_is_taken_from_the_variables() -> None:
    arguments = only("docker build --build-arg TAG --build-arg CI_JOB_ID --build-arg X .").arguments
    assert [arguments[name].blank for name in ("TAG", "CI_JOB_ID", "X")] == [False, False, None]


def test_a_label_whose_name_is_not_known_may_be_any() -> None:
    assert "--label" in (only('docker build --label "$UNKNOWN" .').open or "")


@pytest.mark.parametrize(
    ("script", "blank"),
    [
        ("export V=1; docker build --label k=$V .", False),
        ("V=; docker build --label k=$V .", True),
        ("V=1; unset V; docker build --label k=$V .", None),
        ("V=1\nif test x; then V=; fi\ndocker build --label k=$V .", None),
        ("V=1\nif test x; then V=2; fi\ndocker build --label k=$V .", False),
        ("V=1; V+=2; docker build --label k=$V .", False),
        ("read V; docker build --label k=$V .", None),
        ("V=1; . ./x; docker build --label k=$V .", None),
    ],
)
def test_variables_that_the_script_sets_are_followed(script: str, blank: bool | None) -> None:
    assert only(script).labels["k"].blank is blank


def test_variables_that_name_each_other_many_times_are_given_up() -> None:
    variables: dict[str, str | None] = {f"V{n}": f"$V{n + 1}" * 500 for n in range(50)}
    (build,) = builds_of("docker build --label k=$V0 .", {**variables, "V50": "x"})
    assert build.labels["k"].text is None


def test_scripts_become_commands_with_their_words_as_written() -> None:
    script = "a 'b c' \"d $(e; f)\" && g>h 2>&1 | i;j # k\n(l m); n \\\n o $(p 'q)') `r ;` ${s:-t u}"
    assert [command.words for command in commands(script) if command.words] == [
        ["a", "'b c'", '"d $(e; f)"'],
        ["g"],
        ["i"],
        ["j"],
        ["l", "m"],
        ["n", "o", "$(p 'q)')", "`r ;`", "${s:-t u}"],
    ]


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("a=b=c", ("a", "b=c")),
        ('"a=b c"', ('"a"', '"b c"')),
        ("'a=b'", ("'a'", "'b'")),
        ("a\\=b", ("a\\=b", None)),
        ("$a=b", ("$a=b", None)),
        ("a", ("a", None)),
    ],
)
def test_a_word_is_split_at_its_first_equals_sign(word: str, parts: tuple[str, str | None]) -> None:
    assert split_at_equals(word) == parts


@given(st.text("docker build -f.$(){}'\"`\\;&|<>#=\n ab", max_size=60))
def test_any_script_is_read(script: str) -> None:
    builds_of(script, VARIABLES)


PIECES = [
    "a ",
    "'b c' ",
    '"d e"',
    "f\\ g ",
    '"h\'i" ',
    "; ",
    "&& ",
    "| ",
    "\n",
    "# j\n",
    "k#l ",
    "\\\n",
    "'m\nn' ",
    "o>/dev/null ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
@settings(max_examples=40, deadline=None)
def test_commands_have_as_many_words_as_bash_gives_them(pieces: list[str]) -> None:
    """`n` prints how many words it got, and lets its input go on."""
    bash = shutil.which("bash")
    assert bash
    script = "n " + "".join(
        "n ".join((piece, "")) if piece[:1] in ";&|\n" or piece[:1] == "#" else piece for piece in pieces
    )
    run = subprocess.run([bash, "-c", f"n() {{ echo $# >&2; }}\n{script}"], capture_output=True, text=True, check=False)
    if run.returncode == 0 and run.stderr.replace("\n", "").isdecimal():
        ours = [len(command.words) - 1 for command in commands(script) if command.words]
        assert sorted(ours) == sorted(int(line) for line in run.stderr.split())
