"""What each answer tells the browser not to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from bot.settings import Settings

_YEAR: Final = 365 * 24 * 3600


def headers_of(settings: Settings) -> Mapping[str, str]:
    """The headers of every answer that does not bring its own.

    A form leads nowhere but here, and over sign-in to GitLab: Chromium holds `form-action` against redirects too, and a
    filter that is sent after the session ended leads there. `same-origin`, since a form without a referrer has the
    origin `null`.
    """
    own = {
        "Content-Security-Policy": _policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "private, no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if is_secure(settings):
        own["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return own


def is_secure(settings: Settings) -> bool:
    """Whether people reach the pages over https."""
    return urlsplit(settings.public_url or "").scheme == "https"


def _policy(settings: Settings) -> str:
    gitlab = urlsplit(settings.gitlab_url)
    forms = f"'self' {gitlab.scheme}://{gitlab.netloc}" if settings.oauth_client_id else "'self'"
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    )
