"""What tests do to the test GitLab: people, projects, pushes, merge requests, comments, hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.gitlab import access, githost, merge_requests, notes, oauth, pushes, suggesting
from tests.gitlab.courier import Courier
from tests.gitlab.faults import Fault, Trouble
from tests.gitlab.githost import Change
from tests.gitlab.instance import Instance, Knobs, make_token, make_user
from tests.gitlab.model import (
    DEVELOPER,
    MAINTAINER,
    OWNER,
    ZERO_SHA,
    ApiCall,
    Delivery,
    Discussion,
    Group,
    Hook,
    Mail,
    Member,
    MergeRequest,
    Note,
    Project,
    ProtectedBranch,
    QuickAction,
    Status,
    Suggestion,
    Token,
    User,
    Visibility,
)

Files = Mapping[str, str | Change]


class Refused(Exception):
    """GitLab would not have let this user do it."""


def _bytes(files: Files) -> dict[str, Change]:
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}


class Verbs:
    """Each verb has happened when it returns; webhooks follow from the courier's thread."""

    state: Instance
    courier: Courier
    root: User

    @property
    def url(self) -> str:
        return self.state.url

    @property
    def knobs(self) -> Knobs:
        return self.state.knobs

    @property
    def calls(self) -> list[ApiCall]:
        """What was asked since the start, or the last `reset_calls`; git has the route `git`."""
        return self.state.calls

    @property
    def unknown_calls(self) -> list[ApiCall]:
        return self.state.unknown_calls

    @property
    def mails(self) -> list[Mail]:
        return self.state.mails

    @property
    def quick_actions(self) -> list[QuickAction]:
        """Quick actions that ran, whoever wrote them."""
        return self.state.quick_actions

    @property
    def deliveries(self) -> list[Delivery]:
        return self.courier.sent

    def reset_calls(self) -> None:
        self.state.calls.clear()
        self.state.unknown_calls.clear()

    def fail(self, method: str, route: str, trouble: Trouble, *, nth: int = 1, times: int = 1) -> Fault:
        """See `Faults.add`."""
        return self.state.faults.add(method, route, trouble, nth=nth, times=times)

    def settle(self) -> None:
        """What lags behind (`knobs.lag`) is there at once."""
        self.state.settle()

    def add_user(self, username: str, *, bot: bool = False, admin: bool = False, name: str = "") -> User:
        with self.state.lock:
            return make_user(self.state, username, bot=bot, admin=admin, name=name)

    def add_token(self, user: User, *scopes: str) -> Token:
        with self.state.lock:
            return make_token(self.state, user, frozenset(scopes))

    def add_application(self, redirect: str, *scopes: str, trusted: bool = False) -> oauth.Application:
        """Of OAuth. `trusted`: nobody is asked whether they allow it."""
        with self.state.lock:
            return oauth.register(self.state, redirect, *scopes, trusted=trusted)

    def browser_of(self, user: User) -> dict[str, str]:
        """The cookies of a browser in which somebody is signed in to GitLab."""
        with self.state.lock:
            return oauth.signed_in(self.state, user)

    def add_group(self, path: str, members: Mapping[User, int] | None = None) -> Group:
        with self.state.lock:
            group = self.state.groups.setdefault(path, Group(self.state.next_id("group"), path))
            group.members |= {user.id: Member(user, level) for user, level in (members or {}).items()}
            return group

    def add_project(
        self,
        path: str,
        files: Files | None = None,
        members: Mapping[User, int] | None = None,
        *,
        visibility: Visibility = "private",
        branch: str = "main",
        protect: bool = True,
    ) -> Project:
        """With one commit of root's on the default branch, which is protected (Maintainers push and merge).

        No files, no commit: an empty repository. In a private project Guests can't read code or merge requests.
        """
        with self.state.lock:
            identity = self.state.next_id("project")
            repo = self.state.host.create(identity)
            slug = path.rpartition("/")[2]
            project = Project(identity, path, slug, repo, self.root, visibility, branch)
            self._found(project, members or {})
            if protect:
                self.protect(project, branch)
            githost.set_default_branch(repo, branch)
            if files:
                githost.commit(repo, branch, _bytes(files), "Initial commit", ("Administrator", "admin@example.com"))
            return project

    def _found(self, project: Project, members: Mapping[User, int]) -> None:
        self.state.projects[project.id] = project
        project.members = {user.id: Member(user, level) for user, level in members.items()}
        self.add_group(project.namespace)

    def protect(self, project: Project, branch: str, *, push: int = MAINTAINER, merge: int = MAINTAINER) -> None:
        identity = self.state.next_id("protected")
        project.protected[branch] = ProtectedBranch(identity, branch, push, merge)

    def add_member(self, project: Project, user: User, level: int) -> None:
        with self.state.lock:
            project.members[user.id] = Member(user, level)

    def fork(self, project: Project, user: User, *, visibility: Visibility | None = None) -> Project:
        """`<user>/<name>`, owned by the user."""
        with self.state.lock:
            identity = self.state.next_id("project")
            repo = self.state.host.fork(project.id, identity)
            seen = visibility or project.visibility
            path = f"{user.username}/{project.slug}"
            made = Project(identity, path, project.name, repo, user, seen, project.default_branch)
            made.forked_from = project
            self._found(made, {user: OWNER})
            self.protect(made, made.default_branch)
            return made

    def push(
        self,
        project: Project,
        branch: str,
        files: Files | None = None,
        *,
        by: User | None = None,
        message: str = "Change",
        force: bool = False,
        parent: str | None = None,
        delete: Sequence[str] = (),
        start: str | None = None,
    ) -> str:
        """One commit on a branch; its sha. Raises `Refused`.

        A new branch starts at `start` (the default branch). `parent` with `force` rewrites the branch.
        """
        with self.state.lock:
            user = by or self.root
            if not access.can_push(self.state, project, branch, user):
                raise Refused(f"{user.username} may not push to {branch}")
            exists = githost.rev(project.repo, f"refs/heads/{branch}")
            if not exists and not parent:
                parent = githost.rev(project.repo, start or f"refs/heads/{project.default_branch}")
            changes = _bytes(files or {}) | dict.fromkeys(delete)
            return pushes.commit(self.state, project, branch, changes, message, user, parent=parent, force=force)

    def move_branch(self, project: Project, branch: str, sha: str, by: User | None = None) -> None:
        """A push that sets the branch to a commit which the repository has: back, forth or sideways."""
        with self.state.lock:
            ref = f"refs/heads/{branch}"
            old = githost.rev(project.repo, ref) or ZERO_SHA
            if sha == ZERO_SHA:
                githost.delete_ref(project.repo, ref)
            else:
                githost.update_ref(project.repo, ref, sha)
            pushes.moved(self.state, project, by or self.root, [githost.RefChange(ref, old, sha)])

    def delete_branch(self, project: Project, branch: str, by: User | None = None) -> None:
        self.move_branch(project, branch, ZERO_SHA, by)

    def head(self, project: Project, branch: str = "") -> str:
        found = githost.rev(project.repo, f"refs/heads/{branch or project.default_branch}")
        assert found is not None, branch
        return found

    def read(self, project: Project, branch: str, path: str) -> bytes | None:
        return githost.read(project.repo, f"refs/heads/{branch}", path)

    def open_mr(
        self,
        project: Project,
        source_branch: str,
        *,
        by: User | None = None,
        title: str = "Change",
        description: str = "",
        target: str = "",
        source: Project | None = None,
        allow_collaboration: bool = False,
    ) -> MergeRequest:
        """`source` is the fork that the branch is in. Raises `merge_requests.Conflict`."""
        with self.state.lock:
            author = by or self.root
            into = target or project.default_branch
            return merge_requests.open_one(
                self.state,
                project,
                author,
                source or project,
                source_branch,
                into,
                title,
                description,
                allow_collaboration,
            )

    def comment(self, mr: MergeRequest, by: User, text: str, reply_to: Discussion | None = None) -> Note | None:
        """Null where the text held quick actions alone. Raises `Refused`."""
        return self._comment(mr, by, notes.Text(text, reply_to=reply_to))

    def start_thread(self, mr: MergeRequest, by: User, text: str, position: dict[str, Any] | None = None) -> Note:
        note = self._comment(mr, by, notes.Text(text, "diff" if position else "thread", position))
        assert note is not None
        return note

    def _comment(self, mr: MergeRequest, by: User, text: notes.Text) -> Note | None:
        with self.state.lock:
            if not access.can_comment(self.state, mr, by):
                raise Refused(f"{by.username} may not comment here")
            match notes.create(self.state, mr, by, text):
                case Note() as note:
                    return note
                case notes.CommandsOnly():
                    return None
                case refused:
                    raise Refused(str(refused))

    def edit_note(self, note: Note, by: User, text: str) -> None:
        """By its author alone."""
        with self.state.lock:
            if note.author is not by:
                raise Refused(f"{by.username} is not the author")
            outcome = notes.edit(self.state, note, by, text)
            if not isinstance(outcome, Note | notes.CommandsOnly):
                raise Refused(str(outcome))

    def delete_note(self, note: Note) -> None:
        with self.state.lock:
            notes.delete(note)

    def resolve(self, discussion: Discussion, by: User, resolved: bool = True) -> None:
        with self.state.lock:
            if not access.can_resolve(self.state, discussion.notes[0], by):
                raise Refused(f"{by.username} may not resolve")
            notes.resolve(self.state, discussion.notes, by, resolved)

    def apply_suggestions(self, by: User, *chosen: Suggestion, message: str | None = None) -> str:
        """As by the button on the page. Raises `Refused` or `suggesting.NotApplicable`."""
        with self.state.lock:
            mr = chosen[0].note.discussion.mr
            if not suggesting.may_apply(self.state, mr, by):
                raise Refused(f"{by.username} may not push to the source branch")
            return pushes.apply(self.state, mr, chosen, by, message)

    def approve(self, mr: MergeRequest, by: User) -> None:
        """Raises `Refused`."""
        with self.state.lock:
            if by in mr.approved_by or by is mr.author or access.level(self.state, mr.project, by) < DEVELOPER:
                raise Refused(f"{by.username} may not approve")
            merge_requests.approve(self.state, mr, by)

    def close(self, mr: MergeRequest, by: User | None = None) -> None:
        with self.state.lock:
            merge_requests.finish(self.state, mr, by or self.root, "closed")

    def reopen(self, mr: MergeRequest, by: User | None = None) -> None:
        with self.state.lock:
            merge_requests.reopen(self.state, mr, by or self.root)

    def merge(self, mr: MergeRequest, by: User | None = None) -> str:
        with self.state.lock:
            return merge_requests.merge(self.state, mr, by or self.root)

    def retarget(self, mr: MergeRequest, branch: str, by: User | None = None) -> None:
        self.update_mr(mr, by, target_branch=branch)

    def mark_draft(self, mr: MergeRequest, by: User | None = None) -> None:
        if not mr.draft:
            self.update_mr(mr, by, title=f"Draft: {mr.title}")

    def mark_ready(self, mr: MergeRequest, by: User | None = None) -> None:
        self.update_mr(mr, by, title=mr.title.partition(":")[2].strip() if mr.draft else mr.title)

    def update_mr(self, mr: MergeRequest, by: User | None = None, **values: Any) -> None:
        """`title`, `description`, `target_branch`, `labels` (names)…: one webhook for what really changed."""
        with self.state.lock:
            if "labels" in values:
                values["labels"] = merge_requests.known_labels(self.state, mr.project, values["labels"])
            merge_requests.set_values(self.state, mr, by or self.root, values)

    def statuses(self, project: Project, sha: str, name: str | None = None) -> list[Status]:
        """All that were set on a commit, oldest first; the last is what the page shows."""
        return [one for one in project.statuses if one.sha == sha and name in (None, one.name)]

    def add_hook(
        self,
        project: Project,
        url: str,
        secret: str | None = None,
        signing_token: str | None = None,
        *,
        merge_requests: bool = True,
        notes: bool = True,
        push: bool = False,
    ) -> Hook:
        with self.state.lock:
            identity = self.state.next_id("hook")
            hook = Hook(identity, project, url, secret, signing_token, merge_requests, notes, False, push)
            project.hooks[identity] = hook
            return hook

    def redeliver(self, delivery: Delivery) -> Delivery:
        """The same body with the same idempotency key."""
        return self.courier.again(delivery)

    def pause_hooks(self) -> None:
        """From now on they wait in `courier.queue` for `step`, or `resume_hooks`."""
        self.courier.pause()

    def resume_hooks(self) -> None:
        self.courier.resume()

    def step(self, index: int = 0) -> Delivery:
        """Sends one of the waiting deliveries, and waits for its answer."""
        return self.courier.step(index)

    def wait_for_hooks(self, timeout: float = 30.0) -> bool:
        """Until each delivery has its answer."""
        return self.courier.idle(timeout)
