"""A POSIX shell script, read without running it: its simple commands in order, and what its words come to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from checks.dataclass import dataclass, field
from checks.read import Unparsable
from checks.read.shellwords import Value, expand, known, unknown
from checks.regex import regex

ROOT = "/builds/project"
"""Where GitLab checks the repository out, as far as the paths of a script are concerned."""

_OPENING = frozenset(["if", "while", "until", "for", "case", "select"])
_CLOSING = frozenset(["fi", "done", "esac"])
_KEYWORDS = _OPENING | _CLOSING | {"then", "elif", "else", "do", "!", "{", "}"}
_WRAPPERS = frozenset(["sudo", "env", "exec", "command", "time", "nohup"])
_SUBSTITUTED = "SNITCH_SUBSTITUTION_"
_FOREIGN = regex(
    r"\$\((?P<command>(?:[^()]|\([^()]*\))*)\)|`(?P<quoted>[^`]*)`"
    r"|\$\{(?P<name>[A-Za-z_]\w*)(?::0:[1-9]\d*|\^\^?|,,?)\}"
    r"|\$(?P<special>[0-9@*#?!$-]|\{[0-9@*#?!$-][^{}]*\})"
)
_SURE_TO_SAY = regex(r"\s*(?:date|git rev-parse|git describe --always|git log)\b")
_ARRAY = regex(r"[A-Za-z_]\w*\+?=")
_DEEPEST = 40
_OPERATOR = regex(r"\|\||&&|;;|\|&|[;&|()\n]")
_REDIRECTION = regex(r"\d*(?:<<<|<<-?|>>|[<>]&|<>|>\||[<>])|&>>?")


@dataclass(slots=True)
class Command:
    """A simple command. `words` with their quotes, nothing expanded; `writes`: where its output is redirected to.

    `opened` and `closed`: subshells that begin before it and end after it.
    """

    words: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    opened: int = 0
    closed: int = 0


def commands(text: str) -> tuple[Command, ...]:
    """The script's simple commands; keywords stand among the words. Raises Unparsable for an open quote."""
    return tuple(_Scanner(text.replace("\r\n", "\n")).read())


def split_at_equals(word: str) -> tuple[str, str | None]:
    """`name=value` as two words, each quoted as it was; None where there is no `=` outside of substitutions."""
    quote = ""
    at = 0
    while at < len(word):
        char = word[at]
        if char == "=":
            return word[:at] + quote, quote + word[at + 1 :]
        if char == "\\" and quote != "'":
            at += 1
        elif char in "'\"" and quote in ("", char):
            quote = "" if quote else char
        elif char in "$`" and quote != "'":
            return word, None
        at += 1
    return word, None


def path_in_repository(*parts: str | None) -> str | None:
    """The joined path, relative to the repository's root; None where a part can't be known or it leads elsewhere."""
    if None in parts:
        return None
    place = posixpath.normpath(posixpath.join(*(part for part in parts if part is not None)))
    return posixpath.relpath(place, ROOT) if place == ROOT or place.startswith(ROOT + "/") else None


@dataclass(slots=True)
class Shell:
    """A script's variables and folder as it goes. What is not among the variables can't be known."""

    variables: dict[str, Value]
    folder: str | None = ROOT
    lost: bool = False
    """Whether the variables can't be known any more (`source`, `eval`)."""
    conditions: int = 0
    """How many `if`, `case` and loops are open."""
    outer: list[str | None] = field(default_factory=list)
    substitutions: list[Value] = field(default_factory=list)

    @classmethod
    def given(cls, variables: Mapping[str, Value]) -> Shell:
        """One that starts in the repository's root, with these variables."""
        return cls({"CI_PROJECT_DIR": known(ROOT), **variables})

    # ── what it does ─────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, command: Command) -> None:
        """The subshells that begin before a command."""
        self.outer.extend([self.folder] * command.opened)

    def leave(self, command: Command) -> None:
        """The subshells that end after it."""
        for _ in range(min(command.closed, len(self.outer))):
            self.folder = self.outer.pop()

    def run(self, command: Command) -> tuple[str, list[str]]:
        """Takes in what the command does to variables and folder. Gives its name and words; "" where it has none."""
        words = self.assigned(self.without_keywords(list(command.words)))
        while words and self.text(words[0]) in _WRAPPERS:
            words = self.assigned(_unwrapped(words))
        name = (self.text(words[0]) or "") if words else ""
        self.perform(name, words[1:])
        return name, words[1:]

    def without_keywords(self, words: list[str]) -> list[str]:
        while words and (word := words[0]) in _KEYWORDS:
            self.conditions += (word in _OPENING) - (word in _CLOSING)
            if word in ("for", "case", "select"):
                break
            words.pop(0)
        return words

    def assigned(self, words: list[str]) -> list[str]:
        """The words behind leading assignments. Those before a command count for what follows too."""
        while words and re.match(r"[A-Za-z_]\w*\+?=", words[0]):
            self.assign(words.pop(0))
        return words

    def assign(self, word: str) -> None:
        name, value = split_at_equals(word)
        if value is None:
            return
        found = self.value(value)
        bare = name.removesuffix("+")
        if self.conditions > 0 or bare != name:
            found = unknown(bare, filled=found.filled and self.variable(bare).filled)
        self.variables[bare] = found

    def perform(self, name: str, words: list[str]) -> None:
        match name:
            case "for" | "select" if words:
                self.variables[words[0]] = unknown(words[0])
            case "cd" | "pushd":
                self.folder = self.moved([word for word in words if word not in ("-P", "-L", "--")])
            case "popd":
                self.folder = None
            case "source" | "." | "eval":
                self.lost = True
            case "read" | "unset":
                self.variables |= {word: unknown(word) for word in words if not word.startswith("-")}
            case "export" | "declare" | "local" | "readonly" | "typeset":
                for word in words:
                    self.assign(word)

    def moved(self, words: list[str]) -> str | None:
        place = self.text(words[0]) if words else None
        if place is None or self.folder is None or place == "-" or place.startswith("~"):
            return None
        return posixpath.normpath(posixpath.join(self.folder, place))

    # ── what its words are ───────────────────────────────────────────────────────────────────────────────────────────

    def value(self, word: str) -> Value:
        try:
            return expand(_FOREIGN.sub(self.stand_in, word), self.variable)
        except Unparsable:
            return unknown(word[:30])

    def stand_in(self, found: re.Match[str]) -> str:
        """A variable in place of what `expand` does not know: `$(…)`, a backquoted one, `${V:0:8}`, `${V^^}`, `$1`."""
        if found["special"]:
            value = unknown(found["special"][:30])
        elif found["name"]:
            value = unknown(found["name"], filled=self.variable(found["name"]).filled)
        else:
            value = self.output(found["command"] or found["quoted"] or "")
        self.substitutions.append(value)
        return f"${{{_SUBSTITUTED}{len(self.substitutions) - 1}}}"

    def output(self, command: str) -> Value:
        if command.strip() == "pwd" and self.folder:
            return known(self.folder)
        return unknown(f"$({command[:30]})", filled=_SURE_TO_SAY.match(command) is not None)

    def variable(self, name: str) -> Value:
        if name.startswith(_SUBSTITUTED):
            return self.substitutions[int(name.removeprefix(_SUBSTITUTED))]
        if name == "PWD" and self.folder:
            return known(self.folder)
        return unknown(name) if self.lost else self.variables.get(name, unknown(name))

    def text(self, word: str) -> str | None:
        return self.value(word).text

    def fields(self, words: Sequence[str]) -> list[str] | None:
        """The words with unquoted known variables split; None where one may be any number of words."""
        found: list[str] = []
        for word in words:
            if re.search(r"\$@|\$\*|\[[@*]\]", word):
                return None
            if not word.startswith("$"):
                found.append(word)
                continue
            text = self.text(word)
            if text is None:
                found.append(word)
            else:
                found.extend(f"'{part}'" for part in text.split() if "'" not in part)
        return found


def _unwrapped(words: list[str]) -> list[str]:
    """The words behind `sudo -E`, `env`, `exec`…"""
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] in ("-u", "-g", "--user", "--group") else 1 :]
    return rest


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int = 0
    found: list[Command] = field(default_factory=lambda: [Command()])
    awaited: list[str] = field(default_factory=list)
    """The ends of here-documents that begin after this line."""

    def read(self) -> list[Command]:
        while self.at < len(self.text):
            self.step()
        return [
            command for command in self.found if command.words or command.writes or command.opened or command.closed
        ]

    def step(self) -> None:
        char = self.text[self.at]
        if char in " \t":
            self.at += 1
        elif self.text.startswith("\\\n", self.at):
            self.at += 2
        elif char == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        elif redirection := _REDIRECTION.match(self.text, self.at):
            self.redirect(redirection[0])
        elif operator := _OPERATOR.match(self.text, self.at):
            self.operate(operator[0])
        else:
            self.found[-1].words.append(self.word())

    def operate(self, operator: str) -> None:
        self.at += len(operator)
        if operator == ")":
            self.found[-1].closed += 1
        self.found.append(Command(opened=int(operator == "(")))
        if operator == "\n":
            self.skip_documents()

    def redirect(self, operator: str) -> None:
        self.at += len(operator)
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        target = self.word()
        if operator.endswith(("<<", "<<-")) and target:
            self.awaited.append(re.sub(r"[\\'\"]", "", target))
        elif ">" in operator:
            self.found[-1].writes.append(target)

    def skip_documents(self) -> None:
        for end in self.awaited:
            while self.at < len(self.text):
                if self.line().lstrip("\t") == end:
                    break
        self.awaited = []

    def line(self) -> str:
        """The rest of this line, taken with its end."""
        start, end = self.at, self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end + 1
        return self.text[start:].removesuffix("\n") if end < 0 else self.text[start:end]

    def word(self) -> str:
        """A word as it is written, without line continuations. `NAME=(…)` of bash is one, over lines too."""
        start = self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "(" and _ARRAY.fullmatch(self.text, start, self.at):
                self.enclosed(")", 1, 0)
                continue
            if char in " \t\n;&|()<>":
                break
            self.skip(0)
        return self.text[start : self.at].replace("\\\n", "")

    def skip(self, depth: int) -> None:
        """One character, quoted text or substitution."""
        if depth > _DEEPEST:
            raise Unparsable("it is nested too deeply")
        match self.text[self.at], self.text[self.at + 1 : self.at + 2]:
            case "\\", _:
                self.at += 2
            case "'", _:
                self.at = self.closing("'", self.at + 1)
            case "`", _:
                self.at = self.closing("`", self.at + 1)
            case '"', _:
                self.enclosed('"', 1, depth)
            case "$", "(":
                self.enclosed(")", 2, depth)
            case "$", "{":
                self.enclosed("}", 2, depth)
            case _:
                self.at += 1

    def closing(self, char: str, start: int) -> int:
        end = self.text.find(char, start)
        if end < 0:
            raise Unparsable(f"a closing {char} is missing")
        return end + 1

    def enclosed(self, close: str, opening: int, depth: int) -> None:
        self.at += opening
        nested = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == close and not nested:
                self.at += 1
                return
            nested += (char == "(") - (char == ")") if close == ")" else 0
            if close == '"' and char == "'":
                self.at += 1
            else:
                self.skip(depth + 1)
        raise Unparsable(f"a closing {close} is missing")
