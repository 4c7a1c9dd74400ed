"""Where the projects lie that the command line is asked about: trees of files, and which of their folders are meant."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import Invalid
from checks.dataclass import dataclass
from checks.discover import ROOT_FILES, Repository, find_projects, name_of
from checks.place import Place
from checks.policy import Policy
from checks.project_file import is_name, project_names
from checks.tree import MAX_BYTES, FolderTree, Tree

if TYPE_CHECKING:
    from bot.git.folder import Listed
    from bot.git.process import Git

MOST_FILES = 200_000
"""A folder without git that holds more is no project."""

MOST_FOLDERS = 20_000
_BARE = ("HEAD", "objects", "refs", "config")
_NEVER_COMMITTED = frozenset({".git", "__pycache__", "node_modules"})
DEEPEST = 3
"""How many levels below the current folder `-n` looks."""


@dataclass(frozen=True, slots=True)
class Target:
    """A tree of files on disk, and which of its folders are to be judged (all that are projects, where none is named).

    `root` is the tree's, resolved.
    """

    root: Path
    tree: Tree
    repository: Repository
    names: Mapping[str, str]
    in_git: bool


def own_git() -> Git:
    """git for a person's own folders: on the same PATH, with what lies in their home (safe.directory, ignored files).

    It is imported only where there is a `.git`.
    """
    from bot.git.process import Git

    return Git("git", {"PATH": os.pathsep.join(os.get_exec_path()), "HOME": os.path.expanduser("~")}, personal=True)


def targets(here: Path, paths: Sequence[str], name: str | None, policy: Policy) -> list[Target]:
    """What is meant by the paths and the name of a command line, seen from the current folder. Raises Invalid."""
    if name is not None and not is_name(name):
        raise Invalid(f"{name!r} can't be the name of a project: letters, digits, `.`, `_` and `-`.")
    if name is not None and len(paths) > 1:
        raise Invalid("-n names one project: give one path, or none.")
    if paths:
        return _grouped([_folder(path) for path in paths], name)
    here = here.resolve()
    if name is not None:
        return _grouped([_named(here, name, policy)], name)
    return [_around(here, policy)]


def looked_at(here: Path, paths: Sequence[str], name: str | None) -> list[Path]:
    """The folders that the same may be about, whatever the policy says, each with the work tree around it."""
    folders = [Path(path).resolve() for path in paths]
    if not folders:
        here = here.resolve()
        itself = name is None or any((here / file).is_file() for file in ROOT_FILES)
        folders = [*([here] if itself else []), *(_below(here, _called(name)) if name else ())]
    return [_git_top(folder) or folder for folder in folders]


def _called(name: str) -> set[str]:
    """What the folder of a project may be called."""
    return {name, f"deploy-{name}-model"}


def _folder(path: str) -> Path:
    folder = Path(path)
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        raise Invalid(f"There is no folder {path!r}.") from None
    except NotADirectoryError:
        raise Invalid(f"{path!r} is a file: give the folder of the project.") from None
    except (OSError, ValueError) as error:
        raise Invalid(f"{path!r} can't be read: {getattr(error, 'strerror', None) or error}.") from None
    return folder.resolve()


# ── the tree around a folder ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Ground:
    """The tree that a folder lies in: its root, its paths, the folder's place in it."""

    root: Path
    paths: Sequence[str]
    folder: str
    in_git: bool
    left_out: Collection[str]
    untracked: Collection[str]


def _ground(folder: Path, known: dict[Path, Listed | None]) -> _Ground:
    """The work tree around a folder; the folder alone where git has no say. `known`: lists of paths by work tree.

    Raises Invalid.
    """
    top = _git_top(folder)
    if top is not None:
        from bot.git.folder import ls_files

        git = own_git()
        if top not in known:
            known[top] = ls_files(git, top)
        listed, inside = known[top], _posix(folder, top)
        if listed is not None:
            here = inside == "." or any(path.startswith(inside + "/") for path in listed.paths)
            if here or ls_files(git, folder) is not None:
                return _Ground(top, listed.paths, inside, True, listed.left_out, listed.untracked)
    if all((folder / name).exists() for name in _BARE):
        raise Invalid(f"{os.fspath(folder)!r} is a git repository without its files: give a clone that has them.")
    paths = _walked(folder)
    return _Ground(folder, paths, ".", False, frozenset(), frozenset(paths))


def _git_top(folder: Path) -> Path | None:
    """The nearest folder upwards that holds a `.git`: no process is started where there is none."""
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one / ".git")), None)


def _posix(folder: Path, root: Path) -> str:
    return os.fspath(folder.relative_to(root)).replace(os.sep, "/")


def _walked(folder: Path) -> list[str]:
    """Every file and link below a folder that would be committed: not git's own, nor what `.gitignore` files name, nor
    environments and caches. Raises Invalid where there are too many.
    """
    found: list[str] = []
    left = [""]
    while left:
        prefix = left.pop()
        for entry in _entries(folder, prefix):
            path = prefix + entry.name
            if not entry.is_dir(follow_symlinks=False):
                found.append(path)
            elif entry.name not in _NEVER_COMMITTED and not os.path.lexists(os.path.join(entry.path, "pyvenv.cfg")):
                left.append(path + "/")
        if len(found) > MOST_FILES:
            raise Invalid(f"{os.fspath(folder)!r} holds more than {MOST_FILES:,} files: give the folder of a project.")
    return _not_ignored(folder, found)


def _not_ignored(folder: Path, paths: Sequence[str]) -> list[str]:
    from checks.read import gitignore

    own = FolderTree(folder, [path for path in paths if path.rpartition("/")[2] == ".gitignore"])

    @cache
    def patterns(within: str) -> tuple[gitignore.Pattern, ...]:
        path = f"{within}/.gitignore".lstrip("/")
        entry = own.entry(path)
        readable = entry is not None and entry.kind == "file" and entry.exceeds(MAX_BYTES) is False
        return gitignore.parse(own.read(path)) if readable else ()

    def ignored(path: str) -> bool:
        decision = gitignore.decide(path, patterns)
        return decision is not None and decision.ignores

    return [path for path in paths if not ignored(path)] if own.paths() else list(paths)


def _entries(folder: Path, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder / prefix) as entries:
            return list(entries)
    except PermissionError as error:
        raise Invalid(f"{os.fspath(folder / prefix)!r} can't be read: {error.strerror}.") from None
    except OSError:
        return []  # it went while we looked


# ── which folders ────────────────────────────────────────────────────────────────────────────────────────────────────


def _grouped(folders: Sequence[Path], name: str | None) -> list[Target]:
    """Named folders are projects; those of one work tree are judged together."""
    known: dict[Path, Listed | None] = {}
    grounds: dict[Path, tuple[_Ground, dict[str, str | None]]] = {}
    for folder in folders:
        ground = _ground(folder, known)
        chosen = grounds.setdefault(ground.root, (ground, {}))[1]
        chosen[ground.folder] = name
    return [_target(ground, chosen) for ground, chosen in grounds.values()]


def _target(ground: _Ground, chosen: Mapping[str, str | None]) -> Target:
    tree = _tree(ground)
    names = project_names(tree)
    origin = _origin(ground.root) if ground.in_git else None
    path = project_path(origin or "")
    raw_name = _last(origin or "") or ground.root.name or "model"
    repository = Repository(raw_name, {"project_path": path} if path else {}, chosen)
    return Target(ground.root, tree, repository, names, ground.in_git)


def _tree(ground: _Ground) -> Tree:
    here = FolderTree(ground.root, [path for path in ground.paths if path not in ground.left_out], ground.untracked)
    if not ground.left_out:
        return here
    from bot.git.folder import with_left_out

    return with_left_out(own_git(), ground.root, here, ground.left_out)


def _origin(root: Path) -> str | None:
    from bot.git.folder import origin_url

    return origin_url(own_git(), root)


def _around(here: Path, policy: Policy) -> Target:
    """The projects at and below the current folder, else the one that it lies in. Raises Invalid for none."""
    ground = _ground(here, {})
    target = _target(ground, {})
    if ground.folder == ".":
        return target
    places, _ = find_projects(target.tree, None, target.repository, policy, target.names)
    chosen = _at_or_below(places, ground.folder) or _enclosing(places, ground.folder)
    if not chosen:
        raise Invalid(f"There is no model project in this folder, nor around it; {HINT}.")
    return _target(ground, dict.fromkeys(chosen))


HINT = "`snitch check .` judges the folder all the same"


def _at_or_below(places: Sequence[Place], folder: str) -> list[str]:
    return [place.folder for place in places if f"{place.folder}/".startswith(f"{folder}/")]


def _enclosing(places: Sequence[Place], folder: str) -> list[str]:
    around = [p.folder for p in places if p.folder == "." or folder.startswith(f"{p.folder}/")]
    return [max(around, key=len)] if around else []


# ── by name ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _named(here: Path, name: str, policy: Policy) -> Path:
    """The project of that name: the current folder if it is called so, else below it, else the current one all the same
    if it is a project. Raises Invalid.
    """
    called = _called(name)
    if here.name in called or name_of(here.name, policy) == name:
        return here
    found = list(_below(here, called))
    likely = [folder for folder in found if any((folder / file).is_file() for file in ROOT_FILES)] or found
    if len(likely) == 1:
        return likely[0]
    if likely:
        listed = ", ".join(repr(_posix(folder, here)) for folder in likely)
        raise Invalid(f"{name} may be any of {listed}: give the path.")
    if sum((here / file).is_file() for file in ROOT_FILES) > 1:
        return here
    raise Invalid(f"There is no project {name} here: no folder {name} or deploy-{name}-model, {DEEPEST} levels down.")


def _below(here: Path, called: set[str]) -> Iterator[Path]:
    """Folders of these names, the nearest first; what lies in one of them is its own affair."""
    level, seen = [here], 0
    for _ in range(DEEPEST):
        deeper: list[Path] = []
        for folder in level:
            inner = _folders(folder)
            seen += len(inner)
            yield from (one for one in inner if one.name in called)
            deeper += [one for one in inner if one.name not in called]
        if seen > MOST_FOLDERS:
            return
        level = deeper


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


# ── what `origin` says ───────────────────────────────────────────────────────────────────────────────────────────────


def project_path(origin: str) -> str | None:
    """The path of a project on GitLab from the address of a remote (`https://…`, `ssh://…`, `git@host:…`)."""
    found = re.fullmatch(r"(?:https?|ssh|git)://[^/]+/(?P<url>.+?)|(?:[^@/:]+@)?[^@/:]+:(?!//)(?P<scp>[^/].*?)", origin)
    if found is None:
        return None
    path = (found["url"] or found["scp"]).strip("/").removesuffix(".git")
    return path if "/" in path else None


def _last(origin: str) -> str:
    return re.split(r"[/:\\]", origin.rstrip("/"))[-1].removesuffix(".git")
