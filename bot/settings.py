"""The settings of the service: from the environment, and from a YAML file for what the environment does not say.

The only reader of the environment. Names, defaults and meanings: README, "Settings of the service".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from bot import docker_config
from bot.brake import KINDS
from bot.cache import cache_home
from bot.docker_config import Logins
from bot.errors import SetupError
from bot.event import Secrets, signing_key

T = TypeVar("T")
Mode = Literal["active", "silent", "off"]
Showing = Literal["private", "public"]
LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

SWEEP_CALLS: Final = 3000
SWEEP_CALLS_PUBLIC: Final = 1200

_SECRET_NAMES: Final = (
    "GITLAB_TOKEN",
    "WEBHOOK_SECRET",
    "WEBHOOK_SIGNING_TOKEN",
    "DATABASE_URL",
    "ADMIN_TOKEN",
    "OAUTH_CLIENT_SECRET",
    "API_TOKEN",
    "REGISTRY_AUTH",
    "DIGEST_URL",
)
_PLAIN_NAMES: Final = (
    "GITLAB_URL",
    "STATE_DIR",
    "MODE",
    "POLICY",
    "GROUPS",
    "SWEEP_CRON",
    "SWEEP_CALLS",
    "SWEEP_HOURS",
    "MIRROR_GB",
    "GITLAB_LIMITS",
    "LISTEN",
    "METRICS_LISTEN",
    "PUBLIC_URL",
    "CONCURRENCY",
    "PAGES",
    "OAUTH_CLIENT_ID",
    "RETENTION_DAYS",
    "LOG_FORMAT",
    "LOG_LEVEL",
)

NAMES: Final = (*_SECRET_NAMES, *_PLAIN_NAMES)
"""Every setting, without the prefix."""


class Secret:
    """A text that shows itself only when asked to: `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The text itself, for the one who needs it to prove something."""
        return self._text


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator decides. Addresses have no slash at their end; `listen` is host and port."""

    gitlab_url: str
    gitlab_token: Secret
    webhook_secrets: tuple[Secret, ...]
    signing_tokens: tuple[Secret, ...]
    state_dir: Path
    database_url: Secret
    admin_token: Secret | None = None
    mode: Mode = "active"
    policy: str | None = None
    groups: tuple[str, ...] = ()
    sweep_cron: str = "0 2 * * *"
    sweep_calls: int = SWEEP_CALLS
    sweep_hours: int = 6
    mirror_gb: int = 20
    gitlab_limits: Mapping[str, int] = field(default_factory=dict)
    listen: tuple[str, int] = ("127.0.0.1", 8080)
    metrics_listen: tuple[str, int] | None = None
    public_url: str | None = None
    concurrency: int = 2
    pages: Showing = "private"
    oauth_client_id: str | None = None
    oauth_client_secret: Secret | None = None
    api_token: Secret | None = None
    registry_auth: Secret | None = None
    retention_days: int = 400
    digest_url: Secret | None = None
    log_format: LogFormat | None = None
    log_level: LogLevel = "info"
    traces: bool = False
    trace_headers: Secret | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, *, serving: bool = True) -> Settings:
        """The settings of this process; without `serving`, no webhook secret is asked for.

        Raises SetupError with everything that is wrong, a line each; no line shows a secret.
        """
        environ = os.environ if environ is None else environ
        source = _source(environ)
        settings = replace(_settings(source), **_traces(environ))
        source.problems.extend(_half_of_sign_in(settings))
        if serving and not (settings.webhook_secrets or settings.signing_tokens):
            source.problems.append("SNITCH_WEBHOOK_SECRET (or SNITCH_WEBHOOK_SIGNING_TOKEN) is required.")
        if source.problems:
            raise SetupError("\n".join(source.problems))
        return settings

    @property
    def secrets(self) -> Secrets:
        """What a delivery may prove itself with."""
        return Secrets(
            tokens=tuple(secret.reveal() for secret in self.webhook_secrets),
            keys=tuple(signing_key(token.reveal()) for token in self.signing_tokens),
        )

    def every_secret(self) -> frozenset[str]:
        """Every text that must not be seen in a log."""
        single = (self.gitlab_token, self.admin_token, self.oauth_client_secret, self.api_token, self.registry_auth)
        several = (*self.webhook_secrets, *self.signing_tokens, *single, self.digest_url)
        password = urlsplit(self.database_url.reveal()).password
        texts = [secret.reveal() for secret in several if secret]
        texts += re.findall(r"=([^,]+)", self.trace_headers.reveal()) if self.trace_headers else []
        return frozenset(filter(None, [*texts, password, *self.logins.secrets]))

    @property
    def logins(self) -> Logins:
        """With what one signs in to container registries."""
        return docker_config.parsed(self.registry_auth.reveal()) if self.registry_auth else Logins()


@dataclass(frozen=True, slots=True)
class PolicyAccess:
    """What a policy at an address is read with. `header`: the one that GitLab takes the token in.

    `cache`: where what was read is kept; None where nothing is to be kept, and nothing that lies there believed.
    """

    gitlab_url: str | None
    token: Secret | None
    header: str
    cache: Path | None

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> PolicyAccess:
        """For a command line: of the service's settings only these, else what a job of GitLab CI has.

        Raises SetupError.
        """
        environ = os.environ if environ is None else environ
        source = _source(environ)
        own = source.read("GITLAB_TOKEN", Secret, None)
        job = environ.get("CI_JOB_TOKEN")
        url = source.read("GITLAB_URL", _address, None) or environ.get("CI_SERVER_URL")
        if source.problems:
            raise SetupError("\n".join(source.problems))
        token = own or (Secret(job) if job else None)
        return cls(
            url,
            token,
            "PRIVATE-TOKEN" if own else "JOB-TOKEN",
            cache_home(environ.get("XDG_CACHE_HOME", ""), source.home),
        )


@dataclass(frozen=True, slots=True)
class _Source:
    values: Mapping[str, str]
    home: str
    problems: list[str] = field(default_factory=list)

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self.values.get(name, "")
        if not text and not (name == "SWEEP_CRON" and name in self.values):
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(f"SNITCH_{name} {error}.")
            return default

    def required(self, name: str, parse: Callable[[str], T], stand_in: T) -> T:
        if not self.values.get(name):
            self.problems.append(f"SNITCH_{name} is required.")
        return self.read(name, parse, stand_in)


def _settings(source: _Source) -> Settings:
    state_dir = source.read("STATE_DIR", lambda text: _folder(text, source.home), _state_dir(source.home))
    return Settings(
        gitlab_url=source.required("GITLAB_URL", _address, ""),
        gitlab_token=source.required("GITLAB_TOKEN", Secret, Secret("")),
        webhook_secrets=source.read("WEBHOOK_SECRET", _secrets, ()),
        signing_tokens=source.read("WEBHOOK_SIGNING_TOKEN", _signing_tokens, ()),
        state_dir=state_dir,
        database_url=source.read("DATABASE_URL", _database, Secret(f"sqlite:///{state_dir / 'snitch.db'}")),
        admin_token=source.read("ADMIN_TOKEN", Secret, None),
        mode=source.read("MODE", _one_of("active", "silent", "off"), "active"),
        policy=source.read("POLICY", str, None),
        groups=source.read("GROUPS", _list, ()),
        sweep_cron=source.read("SWEEP_CRON", _cron, "0 2 * * *"),
        sweep_calls=source.read("SWEEP_CALLS", _positive, _sweep_calls(source)),
        sweep_hours=source.read("SWEEP_HOURS", _positive, 6),
        mirror_gb=source.read("MIRROR_GB", _positive, 20),
        gitlab_limits=source.read("GITLAB_LIMITS", _limits, {}),
        listen=source.read("LISTEN", _listen, ("127.0.0.1", 8080)),
        metrics_listen=source.read("METRICS_LISTEN", _listen, None),
        public_url=source.read("PUBLIC_URL", _address, None),
        concurrency=source.read("CONCURRENCY", _positive, 2 * cores()),
        pages=source.read("PAGES", _one_of("private", "public"), "private"),
        oauth_client_id=source.read("OAUTH_CLIENT_ID", str, None),
        oauth_client_secret=source.read("OAUTH_CLIENT_SECRET", Secret, None),
        api_token=source.read("API_TOKEN", Secret, None),
        registry_auth=source.read("REGISTRY_AUTH", _logins, None),
        retention_days=source.read("RETENTION_DAYS", _positive, 400),
        digest_url=source.read("DIGEST_URL", _hook, None),
        log_format=source.read("LOG_FORMAT", _one_of("json", "console"), None),
        log_level=source.read("LOG_LEVEL", _one_of("debug", "info", "warning", "error"), "info"),
    )


def _sweep_calls(source: _Source) -> int:
    """GitLab.com allows a user 2,000 a minute, of which reviews shall have a part; elsewhere nothing is limited unless
    somebody chose it, and a sweep asks less at once as soon as GitLab is slow."""
    is_public = re.match(r"https?://gitlab\.com(?:[:/]|$)", source.values.get("GITLAB_URL", ""), re.IGNORECASE)
    return SWEEP_CALLS_PUBLIC if is_public else SWEEP_CALLS


def _half_of_sign_in(settings: Settings) -> Iterator[str]:
    """What is missing for people to sign in, where a part of it is set. Cookies that only this host may set, as the
    pages use, hold for all of it: so the pages stand at its root."""
    parts = {
        "SNITCH_OAUTH_CLIENT_ID": settings.oauth_client_id,
        "SNITCH_OAUTH_CLIENT_SECRET": settings.oauth_client_secret,
        "SNITCH_PUBLIC_URL": settings.public_url,
    }
    if not (settings.oauth_client_id or settings.oauth_client_secret):
        return
    missing = [name for name, value in parts.items() if not value]
    if missing:
        yield f"For signing in, {' and '.join(missing)} must be set too."
    if settings.public_url and urlsplit(settings.public_url).path:
        yield "SNITCH_PUBLIC_URL must be a host without a path where people sign in: the pages stand at its root."


def _source(environ: Mapping[str, str]) -> _Source:
    """All values by name; the environment wins over the file, a secret may lie in a file of its own."""
    problems: list[str] = []
    in_file = _config(environ.get("SNITCH_CONFIG"), problems)
    given: dict[str, str] = {}
    for name in (*_SECRET_NAMES, *_PLAIN_NAMES):
        direct, aside = _named(environ, in_file, name), _named(environ, in_file, f"{name}_FILE")
        if aside and name in _SECRET_NAMES:
            if direct:
                problems.append(f"SNITCH_{name} and SNITCH_{name}_FILE are both set.")
            given[name] = direct or _secret_file(name, aside, problems)
        elif direct is not None:
            given[name] = direct.strip()
    return _Source(given, environ.get("HOME", "/"), problems)


def secret_files(names: Iterable[str], environ: Mapping[str, str] | None = None) -> dict[str, Path]:
    """Where secrets lie that are given as files, by the settings' names without the prefix."""
    environ = os.environ if environ is None else environ
    in_file = _config(environ.get("SNITCH_CONFIG"), [])
    found = {name: _named(environ, in_file, f"{name}_FILE") for name in names}
    return {name: Path(path) for name, path in found.items() if path}


def _named(environ: Mapping[str, str], in_file: Mapping[str, str], name: str) -> str | None:
    return environ.get(f"SNITCH_{name}", in_file.get(name.lower()))


def _config(path: str | None, problems: list[str]) -> dict[str, str]:
    """The YAML file as texts (`mode: off` is no boolean here): a list stands for its items, comma-separated."""
    import yaml

    if not path:
        return {}
    try:
        data = yaml.load(Path(path).read_bytes(), Loader=yaml.BaseLoader) or {}  # noqa: S506  # texts alone
    except (OSError, yaml.YAMLError) as error:
        problems.append(f"SNITCH_CONFIG: {path} can't be read: {str(error).splitlines()[0]}.")
        return {}
    if not isinstance(data, dict):
        problems.append(f"SNITCH_CONFIG: {path} is not a mapping of names to values.")
        return {}
    known = {name.lower() for name in (*_SECRET_NAMES, *_PLAIN_NAMES)} | {f"{n.lower()}_file" for n in _SECRET_NAMES}
    problems.extend(f"SNITCH_CONFIG: {path} names an unknown setting: {key}." for key in data if key not in known)
    return {key: _as_text(value) for key, value in data.items() if key in known}


def _as_text(value: Any) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _secret_file(name: str, path: str, problems: list[str]) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        problems.append(f"SNITCH_{name}_FILE: {path} can't be read: {reason}.")
        return "unread"


def _state_dir(home: str) -> Path:
    return Path(home) / ".local/state/snitch"


def _folder(text: str, home: str) -> Path:
    path = Path(re.sub(r"\A~(?=/|\Z)", lambda _: home, text))
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://gitlab.example.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password")
    return text.rstrip("/")


def _hook(text: str) -> Secret:
    """A chat's incoming webhook; what is wrong with it is told without it."""
    try:
        parts = urlsplit(text)
        here = (parts.hostname or "") in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        raise ValueError("must be an address that begins with https://") from None
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise ValueError("must be an address that begins with https://")
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("must not hold blanks")
    return Secret(text)


def _database(text: str) -> Secret:
    if not re.match(r"(postgres|postgresql)://.|sqlite:///.", text):
        raise ValueError("must start with postgresql:// or sqlite:///")
    return Secret(re.sub(r"\Apostgres://", "postgresql://", text))


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _secrets(text: str) -> tuple[Secret, ...]:
    return tuple(Secret(item) for item in _list(text))


def _signing_tokens(text: str) -> tuple[Secret, ...]:
    for token in _list(text):
        signing_key(token)
    return _secrets(text)


def _cron(text: str) -> str:
    if text and len(text.split()) != 5:
        raise ValueError("must be five fields of cron, or empty for never")
    return text


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be host:port")
    return host.strip("[]"), int(port)


def _logins(text: str) -> Secret:
    docker_config.parsed(text)
    return Secret(text)


def _traces(environ: Mapping[str, str]) -> dict[str, Any]:
    """Whether OpenTelemetry's own variables name a collector, and the headers with which it is spoken to."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    headers = ",".join(environ.get(name.replace("ENDPOINT", "HEADERS"), "") for name in names).strip(",")
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    wanted = any(environ.get(name) for name in names) and not off
    return {"traces": wanted, "trace_headers": Secret(headers) if headers else None}


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise ValueError("must be a whole number, 1 or more")
    return int(text)


def _limits(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in _list(text):
        kind, _, number = item.partition("=")
        if kind not in KINDS or not re.fullmatch(r"[0-9]{1,6}", number):
            raise ValueError(f"must be calls a minute by kind, such as notes=60,all=2000, of {', '.join(KINDS)}")
        found[kind] = int(number)
    return found


def _one_of(*choices: str) -> Callable[[str], Any]:
    def choose(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return text.lower()

    return choose


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def surroundings() -> Mapping[str, str]:
    """The process's environment, for those who start programs; they take the little that they need."""
    return os.environ
