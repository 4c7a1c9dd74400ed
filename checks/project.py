"""One model project in a tree: what rules ask questions of.

Every question that a rule puts to its project (a file, an absence, a listing, a setting, a fact) is recorded with its
answer, so that the rule's outcome can be remembered and used again wherever all answers are the same.
Parsed files are remembered by parser and blob, for the base and the head of a change alike.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar, cast

from checks.dataclass import dataclass, field
from checks.finding import Skip
from checks.place import Place
from checks.read import Unparsable
from checks.tree import MAX_BYTES, Entry, Tree, Unavailable

if TYPE_CHECKING:
    from checks.policy import Policy, Setting

T = TypeVar("T")
Raw = bytes
Question = tuple[str, str]
Trace = dict[Question, Hashable]
_LINK_HOPS = 8


class Absent(Exception):
    """There is no such file in the project."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no {path}")
        self.path = path


class TooLarge(Exception):
    """The file is over what is ever read: the rule ends as `error`."""

    def __init__(self, path: str, size: int | None) -> None:
        shown = "" if size is None else f" ({size / 1024 / 1024:.1f} MiB)"
        super().__init__(f"{path} is too large to read{shown}")
        self.path = path


class Stopped(BaseException):
    """Raised into work on hostile input that shall end: what it read or judged can't be. No rule may swallow it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


Watch = Callable[[str], AbstractContextManager[object]]
"""Surrounds a piece of work, which it is told by name; it may raise Stopped, before or while it is done."""


def unwatched(_: str) -> AbstractContextManager[object]:
    """Lets each piece of work take what it takes."""
    return nullcontext()


@dataclass(slots=True)
class Readings:
    """Parsed files by parser and blob, and what was derived from them; shared by the projects of one inspection."""

    watch: Watch = unwatched
    parsed: dict[tuple[Hashable, str], object] = field(default_factory=dict)


class Project:
    """One model project. Paths that it takes and gives are relative to the tree's root; `at` makes them."""

    def __init__(
        self,
        tree: Tree,
        place: Place,
        policy: Policy,
        facts: Mapping[str, Hashable] | None = None,
        base: Project | None = None,
        readings: Readings | None = None,
    ) -> None:
        self.place = place
        self.base = base
        self._tree = tree
        self._policy = policy
        self._facts = dict(facts or {})
        self._readings = readings if readings is not None else Readings()
        self._traces: list[Trace] = [{}]
        self._answers: Trace = {}
        self._direct: set[str] = set()  # paths with no link on the way
        self._remembered: dict[Hashable, tuple[object, Exception | None, Trace]] = {}

    # ── what a rule may ask ──────────────────────────────────────────────────────────────────────────────────────────

    @property
    def name(self) -> str:
        """The project's name, by the policy's `project_name`, `-n` or `.snitch.yml`."""
        return cast(str, self._ask(("name", "")))

    @property
    def raw_name(self) -> str:
        """The last segment of the GitLab project's path (what `$CI_PROJECT_NAME` is)."""
        return cast(str, self._ask(("raw name", "")))

    @property
    def folder(self) -> str:
        return self.place.folder

    def in_state(self, tree: Tree) -> Project:
        """The same project in another state of the tree (with edits over it)."""
        return Project(tree, self.place, self._policy, self._facts, self.base, self._readings)

    def at(self, path: str) -> str:
        """The path in the tree of a path in the project."""
        return path if self.place.folder == "." else f"{self.place.folder}/{path}"

    @property
    def ci_path(self) -> str:
        """The project's `.gitlab-ci.yml`: its own if there is one, else the root's."""
        own = self.at(".gitlab-ci.yml")
        return own if self.place.folder == "." or self.exists(own) else ".gitlab-ci.yml"

    def setting(self, setting: Setting[T]) -> T:
        """The policy's value of a setting."""
        self._ask(("setting", setting.name))
        return self._policy.value(setting)

    def fact(self, name: str) -> Any:
        """An outside fact, or None where it is not known: then the outcome says that it was needed."""
        return self._ask(("fact", name))

    def exists(self, path: str) -> bool:
        """Whether there is a file (or a link to one within the tree) at this path of the tree."""
        return self._ask(("exists", path)) is True

    def entry(self, path: str) -> Entry | None:
        """What lies at the path itself; a link is not followed."""
        return cast("Entry | None", self._ask(("entry", path)))

    def paths(self) -> tuple[str, ...]:
        """Every path of the project, sorted. Any added or removed file makes the rule run again."""
        self._ask(("paths", self.place.folder))
        return tuple(self._under(self.place.folder))

    def all_paths(self) -> tuple[str, ...]:
        """Every path of the whole tree, sorted (for what refers to it from a sub-project's root)."""
        self._ask(("paths", "."))
        return tuple(self._under("."))

    def entries(self) -> tuple[tuple[str, Entry], ...]:
        """Every path of the project with what lies there. Any change of a size makes the rule run again."""
        self._ask(("entries", self.place.folder))
        return tuple((path, e) for path in self._under(self.place.folder) if (e := self._tree.entry(path)) is not None)

    def bytes(self, path: str) -> bytes:
        """A file's content. Raises Absent, TooLarge, Unavailable."""
        real = self._resolve(path)
        self._ask(("blob", real))
        entry = self._tree.entry(real)
        if entry is None or entry.kind != "file":
            raise Absent(path)
        if entry.at_least > 0 if entry.size is None else entry.size > MAX_BYTES:
            raise TooLarge(path, entry.size)
        return self._tree.read(real)

    def parse(self, parser: Callable[[Raw], T], path: str) -> T:
        """A file, parsed (once). Raises Absent, TooLarge, Unavailable, Unparsable (with the path filled in)."""
        real = self._resolve(path)
        blob = self._ask(("blob", real))
        key = (parser, str(blob))
        if key not in self._readings.parsed:
            with self.watched(f"reading {path}"):
                self._readings.parsed[key] = _outcome_of(parser, self.bytes(path))
        result = self._readings.parsed[key]
        if isinstance(result, Unparsable):
            raise type(result)(result.why, result.line, result.column, path)
        return cast(T, result)

    def need(self, parser: Callable[[Raw], T], path: str, owner: str) -> T:
        """A file, parsed, for a rule that does not own it: raises Skip("see <owner>") where it can't be had."""
        try:
            return self.parse(parser, path)
        except (Absent, Unparsable, TooLarge, Unavailable):
            raise Skip(f"see {owner}") from None

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives (or raises), worked out once for the project; its questions count for every rule that asks.

        `key` names the analysis, e.g. `"4 classes"`.
        """
        if key not in self._remembered:
            self._remembered[key] = self._traced(make)
        value, error, trace = self._remembered[key]
        self._traces[-1].update(trace)
        if error is not None:
            raise error.with_traceback(None)  # what it came through would hold the project in a circle
        return cast(T, value)

    def forget(self) -> None:
        """Lets go of what was read and worked out; asked again, it is done again."""
        self._remembered.clear()
        self._readings.parsed.clear()

    def _traced(self, make: Callable[[], object]) -> tuple[object, Exception | None, Trace]:
        trace: Trace = {}
        self._traces.append(trace)
        try:
            return make(), None, trace
        except (Skip, Absent, Unparsable, TooLarge, Unavailable) as error:
            error.__context__ = None
            return None, error, trace
        finally:
            self._traces.pop()

    # ── what the runner asks ─────────────────────────────────────────────────────────────────────────────────────────

    def recording(self) -> Trace:
        """A fresh record of questions and answers, filled from now on."""
        self._traces = [{}]
        return self._traces[0]

    def answer(self, question: Question) -> Hashable:
        """The answer to a question that was recorded on this or on another state of the project."""
        if question not in self._answers:
            self._answers[question] = self._answered(*question)
        return self._answers[question]

    def _answered(self, kind: str, what: str) -> Hashable:
        match kind:
            case "blob":
                return self._tree.blob(what)
            case "exists":
                return self._exists(what)
            case "name":
                return self.place.name
            case "raw name":
                return self.place.raw_name
            case "setting":
                return self._policy.fingerprint_of(what)
            case "fact":
                return self._facts.get(what)
            case "entry":
                return self._tree.entry(what)
            case "paths":
                return _digest(self._under(what))
            case "entries":
                return _digest(_line(path, self._tree.entry(path)) for path in self._under(what))
            case _:
                raise AssertionError(f"no such question: {kind}")

    def agrees(self, trace: Iterable[tuple[Question, Hashable]]) -> bool:
        """Whether all questions that were recorded have the same answers here; not where a file can't be read."""
        answers = self._answers
        try:
            for question, answer in trace:
                if question not in answers:
                    self.answer(question)
                if answers[question] != answer:
                    return False
        except Unavailable:
            return False
        return True

    def watched(self, work: str) -> AbstractContextManager[object]:
        """To be held open while this is done: whoever inspects may end it."""
        return self._readings.watch(work)

    def missing_facts(self, trace: Trace) -> tuple[str, ...]:
        """The facts that were asked for in vain."""
        return tuple([what for (kind, what), answer in trace.items() if answer is None and kind == "fact"])

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, question: Question) -> Hashable:
        known = self._answers
        answer = known[question] if question in known else self.answer(question)
        self._traces[-1][question] = answer
        return answer

    def _under(self, folder: str) -> Iterator[str]:
        if folder == ".":
            yield from self._tree.paths()
        else:
            yield from (path for path in self._tree.paths() if path.startswith(folder + "/"))

    def _exists(self, path: str) -> bool:
        if "/" not in path:
            there = self._tree.entry(path)
            if there is None or there.kind != "link":
                return there is not None and there.kind == "file"
        try:
            entry = self._tree.entry(self._resolve(path))
        except (Absent, Unavailable):
            return False
        return entry is not None and entry.kind == "file"

    def _resolve(self, path: str) -> str:
        """Follows symbolic links within the tree. Raises Unavailable for one that leads out of it or in circles."""
        if path in self._direct:
            return path
        real = path
        for _ in range(_LINK_HOPS):
            link = self._link_on_the_way(real)
            if link is None:
                self._direct.update({path} if real == path else ())
                return real
            target = self._tree.read(link).decode(errors="surrogateescape")
            self._traces[-1]["blob", link] = self._tree.blob(link)
            real = posixpath.normpath(posixpath.join(posixpath.dirname(link), target) + real[len(link) :])
            if target.startswith("/") or real == ".." or real.startswith("../"):
                raise Unavailable(path, "is a symbolic link that leads out of the repository")
        raise Unavailable(path, "is a symbolic link that leads in a circle")

    def _link_on_the_way(self, path: str) -> str | None:
        """The first part of the path that is a link."""
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            prefix = "/".join(parts[:count])
            entry = self._tree.entry(prefix)
            if entry is not None and entry.kind == "link":
                return prefix
        return None


def _outcome_of(parser: Callable[[bytes], T], data: bytes) -> T | Unparsable:
    try:
        return parser(data)
    except Unparsable as error:
        return error


def _line(path: str, entry: Entry | None) -> str:
    told = (entry.kind, entry.size, entry.at_least, entry.tracked) if entry is not None else None
    return f"{path}\0{told}"


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha1("\n".join(lines).encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
