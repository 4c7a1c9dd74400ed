"""The verbs in which stories are told, and the eyes that see how they ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot import words
from tests.gitlab import githost, suggesting
from tests.gitlab.faults import Faults, Trouble
from tests.gitlab.model import (
    DEVELOPER,
    GUEST,
    MAINTAINER,
    ApiCall,
    Delivery,
    Discussion,
    MergeRequest,
    Note,
    Project,
    Status,
    Suggestion,
    User,
)
from tests.gitlab.server import GitLab
from tests.gitlab.verbs import Files
from tests.stories.engine import SECRET, Engine
from tests.stories.model_project import PROJECT

BRANCH = "change"
WRITING = {"POST", "PUT", "DELETE", "PATCH"}


@dataclass
class Story:
    """One project on one GitLab. `author` (a Developer) pushes to the branch `change` and opens the merge request."""

    gitlab: GitLab
    engine: Engine
    bot: User
    project: Project
    maintainer: User
    author: User
    developer: User
    guest: User
    mr: MergeRequest | None = None
    hook: str = "http://127.0.0.1:9/webhooks/gitlab"

    # ── what people do ───────────────────────────────────────────────────────────────────────────────────────────────

    def open(
        self, files: Files | None = None, *, delete: Sequence[str] = (), branch: str = BRANCH, **given: object
    ) -> MergeRequest:
        """A branch with one change, and its merge request. Nothing is reviewed yet."""
        self.gitlab.push(self.project, branch, files, by=self.author, delete=delete)
        self.mr = self.gitlab.open_mr(self.project, branch, by=self.author, **given)  # type: ignore[arg-type]
        return self.mr

    def opened(self, files: Files | None = None, *, delete: Sequence[str] = (), **given: object) -> Story:
        """The merge request is open, and reviewed."""
        self.open(files, delete=delete, **given)
        return self.work()

    def push(self, files: Files | None = None, *, delete: Sequence[str] = (), by: User | None = None) -> str:
        return self.gitlab.push(self.source, self.branch, files, by=by or self.author, delete=delete)

    def pushed(self, files: Files | None = None, *, delete: Sequence[str] = ()) -> Story:
        """A push, and its review."""
        self.push(files, delete=delete)
        return self.work()

    def rewrite(self, files: Files, *, onto: str) -> str:
        """A force-push: one commit on `onto` takes the place of the branch's."""
        made = githost.commit(
            self.source.repo, "scratch", _bytes(files), "Rewritten", ("author", "a@example.com"), onto
        )
        self.gitlab.move_branch(self.source, self.branch, made, self.author)
        githost.delete_ref(self.source.repo, "refs/heads/scratch")
        return made

    def comment(self, text: str, *, by: User | None = None, reply_to: Discussion | None = None) -> Note:
        note = self.gitlab.comment(self.request, by or self.author, text, reply_to)
        assert note is not None
        return note

    def say(self, text: str, *, by: User | None = None, reply_to: Discussion | None = None) -> Note:
        """A comment, and all that comes of it."""
        note = self.comment(text, by=by, reply_to=reply_to)
        self.work()
        return note

    def apply(self, *suggestions: Suggestion, by: User | None = None) -> str:
        """The button under a suggestion, and the review that follows."""
        made = self.gitlab.apply_suggestions(by or self.author, *suggestions)
        self.work()
        return made

    def work(self) -> Story:
        self.engine.work()
        return self

    # ── what can be seen ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def request(self) -> MergeRequest:
        assert self.mr is not None
        return self.mr

    @property
    def source(self) -> Project:
        found = self.mr.source if self.mr else self.project
        assert found is not None
        return found

    @property
    def branch(self) -> str:
        return self.mr.source_branch if self.mr else BRANCH

    @property
    def head(self) -> str:
        return self.gitlab.head(self.source, self.branch)

    def read(self, path: str) -> bytes | None:
        return self.gitlab.read(self.source, self.branch, path)

    def threads(self) -> list[Discussion]:
        """The bot's, oldest first."""
        mine = (one for one in self.request.discussions if one.notes[0].author is self.bot)
        return [one for one in mine if isinstance(words.mark_of(one.notes[0].body), words.ThreadMark)]

    def open_threads(self) -> list[Discussion]:
        return [one for one in self.threads() if not one.resolved]

    def rules(self) -> dict[str, tuple[str, int | None]]:
        """What open threads stand for: each rule with path and line (null: the file)."""
        return {rule: place(one) for one in self.open_threads() for rule in rules_of(one)}

    def thread(self, rule: str) -> Discussion:
        """The newest about a rule."""
        return [one for one in self.threads() if rule in rules_of(one)][-1]

    def suggestions(self) -> list[Suggestion]:
        return [one for thread in self.open_threads() for one in thread.notes[0].suggestions]

    def summary(self) -> Note | None:
        notes = [one for one in self.notes() if isinstance(words.mark_of(one.body), words.SummaryMark)]
        assert len(notes) < 2, "there is one summary"
        return notes[0] if notes else None

    def notes(self) -> list[Note]:
        """The bot's, without those that GitLab itself writes in its name."""
        return [note for note in self.request.notes() if note.author is self.bot and not note.system]

    def replies(self, note: Note) -> list[Note]:
        """The bot's answers to a command."""
        marks = ((one, words.mark_of(one.body)) for one in self.notes())
        return [one for one, mark in marks if isinstance(mark, words.ReplyMark) and mark.note == note.id]

    def reply(self, note: Note) -> str:
        (found,) = self.replies(note)
        return found.body

    def emojis(self, note: Note) -> list[str]:
        return [award.name for award in note.awards if award.user is self.bot]

    def status(self, sha: str | None = None) -> str | None:
        """The state that the page shows."""
        found = self._statuses(sha or self.head)
        return found[-1].state if found else None

    def description(self) -> str:
        found = self._statuses(self.head)
        return found[-1].description or "" if found else ""

    def _statuses(self, sha: str) -> list[Status]:
        """In the project of the branch, else in the target's: a fork may not be the bot's to write to."""
        own = self.gitlab.statuses(self.source, sha, "snitch")
        return own or self.gitlab.statuses(self.project, sha, "snitch")

    def commits(self) -> list[githost.Commit]:
        """Of the branch since the target, newest first."""
        target = self.gitlab.head(self.request.project, self.request.target_branch)
        base = githost.merge_base(self.source.repo, target, self.head) if self.source is self.project else None
        return githost.log(self.source.repo, base, self.head)

    def changed(self, commit: str) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Each path that a commit changed, before and after."""
        repo = self.source.repo
        listed = githost.git(repo, "diff-tree", "-r", "-z", "--name-only", "--no-renames", f"{commit}^", commit)
        paths = [name.decode() for name in listed.split(b"\0") if name]
        return {path: (githost.read(repo, f"{commit}^", path), githost.read(repo, commit, path)) for path in paths}

    # ── what happens at the same time ────────────────────────────────────────────────────────────────────────────────

    def meanwhile(self, method: str, route: str, action: Callable[[], object], *, times: int = 1) -> None:
        """Does something just before GitLab serves such a call (see `Faults.add`), so many times."""
        self.gitlab.state.faults = Meanwhile(method, re.compile(route), action, times)

    # ── deliveries and calls ─────────────────────────────────────────────────────────────────────────────────────────

    def delivery(self, event: str = "Merge Request Hook") -> Delivery:
        """The last one that was sent."""
        return [one for one in self.gitlab.deliveries if one.event == event][-1]

    def again(self, delivery: Delivery | None = None) -> list[ApiCall]:
        """A delivery once more, and the calls to the API that it led to."""
        self.gitlab.reset_calls()
        self.gitlab.redeliver(delivery or self.delivery())
        self.work()
        return self.calls()

    def calls(self) -> list[ApiCall]:
        return [call for call in self.gitlab.calls if call.route != "git"]

    def writes(self) -> list[ApiCall]:
        return [call for call in self.calls() if call.method in WRITING]


class Meanwhile(Faults):
    """Lets something happen between two calls, where others let a call go wrong."""

    def __init__(self, method: str, route: re.Pattern[str], action: Callable[[], object], times: int) -> None:
        super().__init__()
        self._what, self._action, self.times = (method, route), action, times

    def strike(self, method: str, route: str, path: str) -> Trouble | None:
        wanted, pattern = self._what
        if self.times and method == wanted and (pattern.search(route) or pattern.search(path)):
            self.times -= 1
            self._action()
        return super().strike(method, route, path)


def set_stage(gitlab: GitLab, files: Files = PROJECT, path: str = "models/iris") -> Mapping[str, object]:
    """People, a project that everybody of the instance may see, and its hook."""
    people = {name: gitlab.add_user(name) for name in ("maintainer", "author", "developer", "guest")}
    bot = gitlab.add_user("snitch", bot=True)
    levels = {"maintainer": MAINTAINER, "author": DEVELOPER, "developer": DEVELOPER, "guest": GUEST}
    members = {bot: DEVELOPER, **{people[name]: level for name, level in levels.items()}}
    project = gitlab.add_project(path, files, members, visibility="internal")
    return {**people, "bot": bot, "project": project}


def add_hook(gitlab: GitLab, project: Project, url: str) -> None:
    gitlab.add_hook(project, url, SECRET)


def rules_of(thread: Discussion) -> list[str]:
    """The rules that a thread is about, without those of its findings that are gone."""
    mark = words.mark_of(thread.notes[0].body)
    assert isinstance(mark, words.ThreadMark)
    return [name.rpartition(":")[0] for name in mark.findings if name not in mark.gone]


def place(thread: Discussion) -> tuple[str, int | None]:
    position = thread.notes[0].position
    if position is None:
        return "", None
    return str(position["new_path"]), position.get("new_line")


def suggested(suggestion: Suggestion) -> tuple[int, int]:
    """First and last line that a suggestion replaces."""
    return suggesting.lines(suggestion)


def _bytes(files: Files) -> Mapping[str, githost.Change]:
    return {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
