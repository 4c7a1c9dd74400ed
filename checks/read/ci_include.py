"""What a GitLab CI file includes, in all forms that GitLab knows.

Source: GitLab's CI/CD YAML reference, `include`, and `Gitlab::Ci::Config::External::Mapper`. Variables in includes are
GitLab's own or a project's settings, never those of the file: `variables:` is read after the includes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

from checks.dataclass import dataclass, replace
from checks.read import Unparsable, yaml
from checks.read.gitlab_ci import REFERENCE, Config, expand, resolved, used
from checks.read.yaml import Node

Kind = Literal["local", "project", "component", "remote", "template"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CONDITIONS = ("if", "exists", "changes")
MAX_DEPTH = 10
MAX_FILES = 150
MAX_ENTRIES = 300
MAX_WILDCARDS = 10
"""Of includes with one, and in one."""

Predefined = Callable[[str], str | None]
"""The value of a variable that GitLab itself gives, or None."""


@dataclass(frozen=True, slots=True)
class Include:
    """One entry. `value`: a path, project, component or address, its variables put in; `files`: those of a project.

    `node`: where it stands. `config` is its file's. `known` is False where a variable is left in it that GitLab alone
    knows, or it is a reference to elsewhere. `optional`: whether its rules can switch it off; None where they can't be
    read here.
    """

    kind: Kind
    value: str
    files: tuple[str, ...]
    ref: str | None
    node: Node
    path: str
    config: Config
    known: bool
    optional: bool | None


@dataclass(frozen=True, slots=True)
class Followed:
    """A configuration with its local includes.

    `files`: each file that could be read, by path, the first one first. `includes`: every entry of all of them.
    `complete` is False where there were more files than GitLab takes, or too many wildcards. `broken`: the
    included files that can't be parsed.
    """

    files: tuple[tuple[str, Config], ...]
    includes: tuple[Include, ...]
    complete: bool
    broken: tuple[Unparsable, ...] = ()


def includes(config: Config, path: str, predefined: Predefined) -> Iterator[Include]:
    """The entries of a file in order."""
    found = resolved(config, yaml.get(config.root, "include"))
    left = [*reversed(yaml.items(found))]
    if found is None and "include" in config.keys:
        left = [config.keys["include"][1]]
    for _ in range(MAX_ENTRIES * 2):
        if not left:
            return
        node = left.pop()
        entry = resolved(config, node)
        if isinstance(entry, yaml.Sequence):
            left += reversed(entry.items)
        elif entry is None:
            yield Include("local", "", (), None, node, path, config, known=False, optional=None)
        else:
            yield from _entry(config, path, entry, predefined)


def follow(
    path: str,
    load: Callable[[str], Config | None],
    paths: Callable[[], Sequence[str]],
    predefined: Predefined,
) -> Followed:
    """The file at `path` with what it includes from the same repository, breadth first, each file once.

    `load` gives a file's configuration, None where there is none to be read; `paths` lists the repository for
    wildcards.
    """
    files: dict[str, Config] = {}
    entries: list[Include] = []
    left: deque[tuple[str, bool | None, int]] = deque([(path, False, 0)])
    seen: set[tuple[str, bool | None]] = set()
    wildcards: set[str] = set()
    complete = False
    while left and len(files) <= MAX_FILES and len(entries) <= MAX_ENTRIES:
        name, optional, depth = left.popleft()
        config = files.get(name) or load(name)
        if config is None or (name, optional) in seen:
            continue
        seen.add((name, optional))
        files[name] = config
        found = [replace(one, optional=_either(optional, one.optional)) for one in includes(config, name, predefined)]
        entries += found
        wildcards.update(one.value for one in found if "*" in one.value)
        if len(wildcards) > MAX_WILDCARDS or any(value.count("*") > MAX_WILDCARDS for value in wildcards):
            break
        if depth < MAX_DEPTH:
            once = {(one.value, one.optional): one for one in found if one.kind == "local"}.values()
            left += ((target, one.optional, depth + 1) for one in once for target in targets(one, paths))
    else:
        complete = not left and len(entries) <= MAX_ENTRIES
    return Followed(tuple(files.items()), tuple(entries), complete)


def targets(include: Include, paths: Callable[[], Sequence[str]]) -> tuple[str, ...]:
    """The paths in the tree of a local include, none for any other.

    `*` stands for a part of a name and `**` for any path (GitLab's search_files_by_wildcard_path).
    """
    wanted = include.value.lstrip("/")
    if include.kind != "local" or not include.known or not wanted:
        return ()
    if "*" not in wanted:
        return (wanted,)
    parts = re.split(r"(\*\*?)", wanted)
    literals = [part for part in parts if part.strip("*")]
    return tuple(path for path in paths() if all(part in path for part in literals) and _matches(parts, path))


def _matches(parts: Sequence[str], path: str) -> bool:
    """In time proportional to both lengths, whatever the pattern: `reached` are the ends of what matches so far."""
    reached = {0}
    for part in parts:
        if not reached:
            return False
        if part == "**":
            reached = set(range(min(reached), len(path) + 1))
        elif part == "*":
            for index, char in enumerate(path):
                if index in reached and char != "/":
                    reached.add(index + 1)
        else:
            reached = {start + len(part) for start in reached if path.startswith(part, start)}
    return len(path) in reached


def _entry(config: Config, path: str, node: Node, predefined: Predefined) -> Iterator[Include]:
    if isinstance(node, yaml.Mapping):
        for kind in KINDS:
            value = yaml.get(node, kind)
            if value is not None:
                yield _include(config, path, node, kind, value, predefined)
                return
    elif text := yaml.text_of(node):
        # As in GitLab's Mapper::Normalizer: what looks like an address is remote, any other text local.
        kind = "remote" if re.match(r"https?://", text) else "local"
        yield _include(config, path, node, kind, node, predefined)


def _include(config: Config, path: str, node: Node, kind: Kind, value: Node, predefined: Predefined) -> Include:
    texts = [value, yaml.get(node, "ref"), *yaml.items(resolved(config, yaml.get(node, "file")))]
    (target, known), (ref, ref_known), *files = (_expanded(config, one, predefined) for one in texts)
    return Include(
        kind,
        target or "",
        tuple(file for file, _ in files if file is not None),
        ref,
        node,
        path,
        config,
        known and ref_known and all(file_known for _, file_known in files),
        can_be_off(config, yaml.get(node, "rules")),
    )


def _expanded(config: Config, node: Node | None, predefined: Predefined) -> tuple[str | None, bool]:
    """The text of a node with GitLab's variables put in, and whether it is known to the end."""
    if node is None:
        return None, True
    text = yaml.text_of(resolved(config, node))
    if text is None:
        return None, False
    names = {used(found) for found in REFERENCE.finditer(text)} - {""}
    full, missing = expand(text, {name: predefined(name) for name in names})
    return full, not missing and "$" not in full


def can_be_off(config: Config, rules: Node | None) -> bool | None:
    """Whether there are circumstances in which `rules:` leave the include out; None where they can't be read here.

    The first rule that holds decides; none that holds means no include (GitLab's External::Rules). A rule without
    conditions always holds.
    """
    known = resolved(config, rules)
    if rules is not None and known is None:
        return None
    listed = yaml.items(known)
    for rule in listed:
        entry = resolved(config, rule)
        if not isinstance(entry, yaml.Mapping):
            return None
        if yaml.text_of(yaml.get(entry, "when")) == "never":
            return True
        if not any(key in yaml.entries(entry) for key in CONDITIONS):
            return False
    return bool(listed)


def _either(above: bool | None, own: bool | None) -> bool | None:
    """What is reached through an include that can be switched off goes with it."""
    if above or own:
        return True
    return None if above is None or own is None else False
