"""What git and GitLab say when something fails, as errors by what the caller can do, and as sentences for people.

Only lines that git itself wrote decide; what the other side sent (`remote: …`) is passed on, cleaned.
"""

from __future__ import annotations

import re

from bot.errors import Broken, Forbidden, Gone, RateLimited, SetupError, SnitchError, Unreachable

MOST_WORDS = 400

_DOWN = (
    r"returned error: 5\d\d|Could not resolve|Failed to connect|Couldn't connect|Connection (?:refused|reset)|"
    r"timed out|early EOF|RPC failed|hung up|unexpected disconnect|Empty reply|gnutls|SSL|Recv failure|"
    r"Operation too slow|Proxy|transfer closed|HTTP/2 stream|due to load|bad line length|expected flush"
)

# In the order in which they are asked: the first that is found decides.
_REFUSED = (
    (
        r"could not read (?:Username|Password)|Authentication failed|returned error: 401",
        SetupError,
        "GitLab refuses the bot's token for git: revoked, expired, or without read_repository and write_repository.",
    ),
    (r"returned error: 403|Access denied", Forbidden, "GitLab does not let the bot do this."),
    (r"returned error: 429", RateLimited, "GitLab asks for fewer git requests."),
    (r"returned error: 30\d|redirect", Gone, "The repository has moved to another address."),
    (r"repository '.*' not found|returned error: 404", Gone, "The repository does not exist, or the bot can't see it."),
    (
        r"certificate verif|certificate problem|SSL certificate",
        SetupError,
        "GitLab's certificate is not trusted here: set SSL_CERT_FILE.",
    ),
    (
        r"No space left|Disk quota|Permission denied|Read-only file system",
        SetupError,
        "The folder of the mirrors can't be written.",
    ),
    (_DOWN, Unreachable, "GitLab can't be reached with git."),
)
_UNKNOWN_COMMIT = r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref"


def unknown_commit(errors: str) -> bool:
    """Whether the other side said that it does not have what was asked for."""
    return re.search(_UNKNOWN_COMMIT, _ours(errors)) is not None


def network_trouble(errors: str) -> SnitchError | None:
    """The error behind a fetch or push that failed; None where the network is not to blame."""
    ours = _ours(errors)
    for pattern, kind, sentence in _REFUSED:
        if re.search(pattern, ours):
            said = remote_words(errors)
            return kind(f"{sentence} GitLab says: {said}" if said else sentence)
    return None


def broken(doing: str, errors: str) -> Broken:
    """An error for what has no better one."""
    return Broken(f"{doing} failed: {' '.join(_ours(errors).split())[:MOST_WORDS]}")


def remote_words(errors: str) -> str:
    """What GitLab says in a person's words: without `remote:`, frames, invitations to open a merge request."""
    said = [re.sub(r"^remote:\s?", "", line) for line in errors.splitlines() if line.startswith("remote:")]
    words = []
    for line in said:
        line = re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f]", "", line).strip()
        line = re.sub(r"^(?:GitLab|ERROR|error|fatal):\s*", "", line)
        if re.search(r"\w", line) and not re.match(r"https?://|To create a merge request|View merge request", line):
            words.append(line)
    return " ".join(words)[:MOST_WORDS]


def _ours(errors: str) -> str:
    return "\n".join(line for line in errors.splitlines() if not line.startswith("remote:"))
