"""The errors of the service, by what the caller can do.

```
SnitchError
├── SetupError           the operator must change something: settings, token, scopes, policy
├── Transient            try the same again later; `after` seconds where the other side said so
│   ├── Unreachable      no answer, or a 5xx
│   └── RateLimited      429
├── Refused              it will not work until a person does something; the message is for that person
│   ├── Forbidden        no right
│   ├── Gone             it does not exist (any more)
│   └── Invalid          the other side can't accept what was sent
├── Stale                the world moved on while we worked: look again
└── Broken               what was read makes no sense (a corrupt mirror, an answer that is not JSON)
```

Every message is one sentence in plain words that may be shown to people: it never carries a secret.
"""

from __future__ import annotations


class SnitchError(Exception):
    """Any expected trouble."""


class SetupError(SnitchError):
    """The operator must change something."""


class Transient(SnitchError):
    """Try again later, after `after` seconds where the other side said so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unreachable(Transient):
    """No answer, or one that says that the other side is in trouble."""


class RateLimited(Transient):
    """Too many requests."""


class Refused(SnitchError):
    """It will not work until a person does something."""


class Forbidden(Refused):
    """No right to do it."""


class Gone(Refused):
    """It does not exist, or not any more."""


class Invalid(Refused):
    """The other side can't accept what was sent."""


class Stale(SnitchError):
    """The world moved on: look again."""


class Broken(SnitchError):
    """What was read makes no sense."""
