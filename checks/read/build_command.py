"""Which container images a shell script builds, read without running it: docker, podman, nerdctl, buildah and kaniko.

What depends on something outside the script and the variables given is `unknown`, with the reason; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from checks.dataclass import dataclass, field
from checks.read import Unparsable
from checks.read.gitlab_ci import REFERENCE, used
from checks.read.script import Command, Shell, commands, path_in_repository, split_at_equals
from checks.read.shellwords import Value, joined, known, unknown
from checks.regex import regex

_CLIENTS = ("docker", "podman", "nerdctl")
_PAIRS = {(program, "build") for program in (*_CLIENTS, "buildah", "buildx")} | {("buildah", "bud")}
_WRITERS = frozenset(
    ["cp", "mv", "sed", "tee", "curl", "wget", "ln", "install", "patch", "perl", "yq", "rsync", "envsubst"]
)
_SAYERS = frozenset(["echo", "printf", "grep", "test", "[", "[["])
_TAME_NAMES = """
: apk apt apt-get cat cd chmod chown command cosign crane date df dnf du env exit export false find hash head id kubectl
ls microdnf mkdir pip pip3 popd pushd pwd return rm set shopt skopeo sleep sort tail time trivy true type uname unset
wc which whoami yum
"""
_TAME = _SAYERS | frozenset(_TAME_NAMES.split())
"""They put no file into the repository, unless their output is redirected."""
_TAME_ERRANDS = frozenset([("aws", "ecr"), ("aws", "sts"), ("az", "acr"), ("gcloud", "auth")])
_WILD_ERRANDS = frozenset(["compose", "cp", "exec", "run", "start"])
_ENGINE = regex(r"docker|podman|buildah|nerdctl|container|engine|runtime|builder|oci", re.IGNORECASE)
_REMOTE = regex(r"[a-z0-9+]+://|git@|.*\.git(?:#.*)?$", re.IGNORECASE)
_OPTIONS = """
add-host allow annotation arch attest authfile blob-cache build-arg build-context builder cache-from cache-to
cache-ttl call cap-add cap-drop cert-dir cgroup-parent cgroupns cpp-flag cpu-period cpu-quota cpu-shares cpuset-cpus
cpuset-mems creds decryption-key device dns dns-option dns-search env file format hooks-dir ignorefile iidfile ipc
isolation jobs label layer-label logfile manifest memory memory-swap metadata-file network no-cache-filter os
os-feature os-version output pid platform policy progress provenance retry retry-delay runtime runtime-flag sbom
secret security-opt shm-size sign-by ssh tag target timestamp ulimit unsetenv userns uts variant volume
"""
_SWITCHES = """
all-platforms check compress debug disable-compression disable-content-trust force-rm http-proxy identity-label layers
load no-cache no-hostname no-hosts omit-history pull pull-always pull-never push quiet rewrite-timestamp rm
skip-unused-stages squash squash-all stdin tls-verify
"""
_GLOBAL_OPTIONS = """
--config --context --host --log-level --storage-driver --root --runroot --storage-opt --namespace --address
--tlscacert --tlscert --tlskey -c -H -l -n -a
"""
_WITH_VALUE, _WITHOUT, _GLOBAL = (frozenset(names.split()) for names in (_OPTIONS, _SWITCHES, _GLOBAL_OPTIONS))
_PREDEFINED = """
CI_API_GRAPHQL_URL CI_API_V4_URL CI_BUILDS_DIR CI_COMMIT_AUTHOR CI_COMMIT_BEFORE_SHA CI_COMMIT_BRANCH
CI_COMMIT_DESCRIPTION CI_COMMIT_MESSAGE CI_COMMIT_REF_NAME CI_COMMIT_REF_PROTECTED CI_COMMIT_REF_SLUG CI_COMMIT_SHA
CI_COMMIT_SHORT_SHA CI_COMMIT_TAG CI_COMMIT_TAG_MESSAGE CI_COMMIT_TIMESTAMP CI_COMMIT_TITLE CI_CONCURRENT_ID
CI_CONCURRENT_PROJECT_ID CI_CONFIG_PATH CI_DEFAULT_BRANCH CI_ENVIRONMENT_NAME CI_ENVIRONMENT_SLUG CI_ENVIRONMENT_TIER
CI_ENVIRONMENT_URL CI_JOB_ID CI_JOB_IMAGE CI_JOB_NAME CI_JOB_NAME_SLUG CI_JOB_STAGE CI_JOB_STARTED_AT CI_JOB_URL
CI_NODE_TOTAL CI_PAGES_DOMAIN CI_PAGES_URL CI_PIPELINE_CREATED_AT CI_PIPELINE_ID CI_PIPELINE_IID CI_PIPELINE_NAME
CI_PIPELINE_SOURCE CI_PIPELINE_URL CI_PROJECT_DESCRIPTION CI_PROJECT_DIR CI_PROJECT_ID CI_PROJECT_NAME
CI_PROJECT_NAMESPACE CI_PROJECT_NAMESPACE_ID CI_PROJECT_PATH CI_PROJECT_PATH_SLUG CI_PROJECT_ROOT_NAMESPACE
CI_PROJECT_TITLE CI_PROJECT_URL CI_PROJECT_VISIBILITY CI_REGISTRY CI_REGISTRY_IMAGE CI_REPOSITORY_URL CI_RUNNER_ID
CI_SERVER_FQDN CI_SERVER_HOST CI_SERVER_NAME CI_SERVER_PORT CI_SERVER_PROTOCOL CI_SERVER_URL CI_SERVER_VERSION
"""
PREDEFINED = tuple(_PREDEFINED.split())
"""GitLab's predefined variables that can be part of a label (its documentation, "Predefined CI/CD variables")."""

_SHORT_WITH_VALUE = {"t": "tag", "f": "file", "o": "output", "m": "memory", "c": "cpu-shares", "v": "volume"}
_SHORT_SWITCHES = "qD"
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Build:
    """One image that a script builds.

    `files`: where its Dockerfile may lie, relative to the repository's root, the likeliest first. `labels` and
    `arguments`: what `--label` and `--build-arg` give, by name; `open`: there may be more, for the reason given.
    `unknown`: why it can't be read; then nothing else counts. `brought_by`: a command before it that may have put a
    Dockerfile there which the repository does not hold.
    """

    files: tuple[str, ...] = ()
    target: str | None = None
    labels: Mapping[str, Value] = field(default_factory=dict)
    arguments: Mapping[str, Value] = field(default_factory=dict)
    open: str | None = None
    unknown: str | None = None
    brought_by: str | None = None


_BUILD = regex(r"\b(?:docker|podman|nerdctl|buildah|kaniko)\b[\s\S]{0,2000}?\b(?:build|bud|executor)\b")


def builds_of(script: str, variables: Mapping[str, str | None]) -> tuple[Build, ...]:
    """The images that a job's script builds, run in the repository's root.

    `variables`: the job's own, as written; None for one that can't be known. Names that are neither among them nor
    predefined by GitLab can't be known.
    """
    try:
        parts = commands(script)
    except Unparsable as error:
        return (Build(unknown=f"its script can't be read: {error.why}"),) if _mentions_build(script) else ()
    reader = _Reader(
        Shell.given(_resolved(variables)), "\n".join([script, *(value for value in variables.values() if value)])
    )
    for part in parts:
        reader.read(part)
    if reader.hider is not None and not reader.builds and _mentions_build(reader.whole):
        return (Build(unknown=f"{reader.hider} can't be known"),)
    return tuple(reader.builds)


def _resolved(variables: Mapping[str, str | None]) -> dict[str, Value]:
    """The values of the variables, in which others may be named, beside GitLab's own."""
    values = {name: unknown(name, filled=True) for name in PREDEFINED if name != "CI_PROJECT_DIR"}

    def visit(name: str, depth: int) -> Value:
        text = variables.get(name)
        if name in done or text is None:
            return values.get(name, unknown(name))
        done.add(name)
        values[name] = unknown(name)  # for one that names itself, or lies too deep
        if depth:
            values[name] = joined(list(_pieces(text, lambda inner: visit(inner, depth - 1))))
        return values[name]

    done: set[str] = set()
    for name in variables:
        values |= {name: unknown(name)} if variables[name] is None else {}
    for name in variables:
        visit(name, _DEEPEST)
    return values


def _pieces(text: str, value_of: Callable[[str], Value]) -> Iterator[Value]:
    at = 0
    for use in REFERENCE.finditer(text):
        yield known(text[at : use.start()])
        inner = used(use)
        yield value_of(inner) if inner else known("$")
        at = use.end()
    yield known(text[at:])


def _mentions_build(text: str) -> bool:
    return _BUILD.search(text) is not None


@dataclass(slots=True)
class _Reader:
    """Goes through a script's commands.

    `written`: the files of the repository that it made or changed so far; `bringer`: a command that may have made any.
    `whole`: the script and the variables' values: where they speak of a build, a command that can't be known may be it.
    `hider`: the first such command.
    """

    shell: Shell
    whole: str
    written: set[str] = field(default_factory=set)
    bringer: str | None = None
    hider: str | None = None
    builds: list[Build] = field(default_factory=list)

    def read(self, command: Command) -> None:
        self.shell.enter(command)
        self.wrote(self.shell.text(word) for word in command.writes)
        name, words = self.shell.run(command)
        if found := self.build(name, words):
            self.builds.append(found)
        elif name and " " not in name:
            self.mention(name, words)
        elif name or any(word.lstrip('"').startswith("$") for word in command.words[:1]):
            self.unnamed(command.words)
        self.shell.leave(command)

    def unnamed(self, words: list[str]) -> None:
        """A command whose name is a variable, or its value of several words."""
        self.bringer = self.bringer or "a variable"
        self.hider = self.hider or words[0][:30]
        if _ENGINE.search(words[0]) and {"build", "bud"} & {*words[1:3]}:
            self.builds.append(Build(unknown=f"{words[0][:30]} can't be known"))

    def wrote(self, texts: Iterable[str | None]) -> None:
        self.written |= {path for text in texts if (path := self.path(text)) is not None}

    def path(self, text: str | None, folder: str = "") -> str | None:
        return path_in_repository(self.shell.folder, folder, text)

    def mention(self, name: str, words: list[str]) -> None:
        """A command that is no build: what it writes, and a build that it may hide."""
        texts = [self.shell.text(word) or word for word in words]
        if self.bringer is None and not _is_tame(name.rpartition("/")[2], texts):
            self.bringer = name[:30]
        if name in _WRITERS:
            self.wrote(texts)
            self.wrote(f"{texts[-1]}/{text.rpartition('/')[2]}" for text in texts[:-1])  # cp a/b folder
        if name not in _SAYERS and _hides_a_build([name, *texts]):
            self.builds.append(Build(unknown=f"`{name[:30]}` runs it"))

    def build(self, name: str, words: list[str]) -> Build | None:
        program = name.rpartition("/")[2]
        if program == "executor":
            return self.image(_Options(kaniko=True), words)
        if program not in _CLIENTS and program != "buildah":
            return None
        words = _past_global_options(words)
        match program, [self.shell.text(word) for word in words[:2]]:
            case "buildah", ["bud" | "build" | "build-using-dockerfile", *_]:
                return self.image(_Options(lenient=True), words[1:])
            case "buildah", _:
                return None
            case _, ["build", *_]:
                return self.image(_Options(lenient=program == "podman"), words[1:])
            case _, ["buildx" | "image" | "builder", "build" | "b"]:
                return self.image(_Options(lenient=program == "podman"), words[2:])
            case _, ["buildx", "bake"]:
                return Build(unknown="it is built by bake")
            case _, ["compose", *_] if "build" in words or "--build" in words:
                return Build(unknown="it is built by compose")
            case _, [None, *_] if re.search(r"\bbuild\b", self.whole):
                return Build(unknown="its options come from a variable")
        return None

    def image(self, options: _Options, words: list[str]) -> Build:
        given = self.shell.fields(words)
        problem = "its options come from a variable" if given is None else options.take(given, self.shell)
        context = (options.context or "").removeprefix("dir://")
        if problem is None and (self.shell.folder is None or _REMOTE.match(context) or "-" in (context, options.file)):
            problem = "it builds from elsewhere"
        if problem is not None:
            return Build(unknown=problem)
        files = self.files(options, context)
        if not files:
            return Build(unknown="its Dockerfile lies outside of the repository")
        if files[0] in self.written:
            return Build(unknown=f"the script makes or changes {files[0]}")
        return Build(files, options.target, options.labels, options.arguments, options.open, brought_by=self.bringer)

    def files(self, options: _Options, context: str) -> tuple[str, ...]:
        names = ("Containerfile", "Dockerfile") if options.lenient else ("Dockerfile",)
        if options.file is None:
            found = [self.path(name, context) for name in names]
        elif options.kaniko or options.lenient:
            found = [self.path(options.file), self.path(options.file, context)]
        else:
            found = [self.path(options.file)]
        return tuple(dict.fromkeys(path for path in found if path is not None))


@dataclass(slots=True)
class _Options:
    """The options of one build. `lenient`: the program looks for a Containerfile too, and for `-f` in the context."""

    lenient: bool = False
    kaniko: bool = False
    context: str | None = None
    file: str | None = None
    target: str | None = None
    labels: dict[str, Value] = field(default_factory=dict)
    arguments: dict[str, Value] = field(default_factory=dict)
    open: str | None = None

    def take(self, words: list[str], shell: Shell) -> str | None:
        """Reads the options; what can't be read is returned, for people."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            name, value = split_at_equals(word)
            option = shell.text(name) or ""
            if not option.startswith("-") or option == "-":
                problem = self.positional(shell.text(word))
            elif not option.startswith("--"):
                problem = self.short(shell.text(word) or option, rest, shell)
            else:
                problem = self.long(option[2:], value, rest, shell)
            if problem is not None:
                return problem
        return None

    def positional(self, text: str | None) -> str | None:
        if text is None:
            return "its options or context come from a variable"
        self.context = text
        return None

    def short(self, option: str, rest: list[str], shell: Shell) -> str | None:
        for at, letter in enumerate(option[1:], 1):
            if self.kaniko or letter in _SHORT_WITH_VALUE:
                name = {"f": "file", "c": "context"}.get(letter, "") if self.kaniko else _SHORT_WITH_VALUE[letter]
                value = option[at + 1 :].removeprefix("=")
                return self.long(name or "other", f"'{value}'" if value else None, rest, shell)
            if letter not in _SHORT_SWITCHES:
                return f"the option {option} is not known"
        return None

    def long(self, name: str, value: str | None, rest: list[str], shell: Shell) -> str | None:
        if value is None and (name in _WITH_VALUE or self.kaniko):
            value = rest.pop(0) if rest and not (self.kaniko and rest[0].startswith("-")) else ""
        elif value is None and name not in _WITHOUT:
            return f"the option --{name} is not known"
        if name in ("from", "unsetlabel", "build-arg-file"):
            return f"the option --{name} is not followed"
        return self.keep("file" if name == "dockerfile" else name, value or "", shell)

    def keep(self, name: str, value: str, shell: Shell) -> str | None:
        text = shell.text(value)
        match name:
            case "label" | "build-arg":
                self.pair(name, value, shell)
            case "file" | "target" | "context" if text is None:
                return f"--{name} can't be known"
            case "file" if self.file is not None:
                return "it has several Dockerfiles"
            case "file":
                self.file = text
            case "target":
                self.target = text
            case "context" if self.kaniko:
                self.context = text
            case "context-sub-path":
                return f"--{name} is not followed"
        return None

    def pair(self, option: str, word: str, shell: Shell) -> None:
        key, value = split_at_equals(word)
        name = shell.text(key)
        if name is None:
            self.open = f"--{option} comes from a variable"
        elif option == "label":
            self.labels[name] = shell.value(value) if value is not None else known("")
        else:
            self.arguments[name] = shell.value(value) if value is not None else shell.variable(name)


def _past_global_options(words: list[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2 if words[0] in _GLOBAL else 1 :]
    return words


def _is_tame(program: str, texts: Sequence[str]) -> bool:
    errand = next((text for text in texts if not text.startswith("-")), "")
    if program in _CLIENTS:
        return errand not in _WILD_ERRANDS
    return program in _TAME or (program, errand) in _TAME_ERRANDS


def _hides_a_build(texts: Sequence[str]) -> bool:
    """Whether the words, or a script among them (`sh -c "docker build ."`), build an image."""
    if texts[0] != "git" and any(" " in text and _mentions_build(text) for text in texts[1:]):
        return True
    if texts[0] in ("docker-compose", "podman-compose"):
        return "build" in texts or "--build" in texts
    return any((first.rpartition("/")[2], second) in _PAIRS for first, second in pairwise(texts))
