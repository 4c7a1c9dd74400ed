"""What goes wrong before a page, or in it, as an answer: a page in plain words for people, JSON under `/api/`."""

from __future__ import annotations

from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from aiohttp import web

STATIC: Final = Path(__file__).parent / "static"
STYLE: Final = "/static/snitch.css"
"""The style sheet of all pages."""
STYLE_NOW: Final = f"{STYLE}?v={sha256((STATIC / 'snitch.css').read_bytes()).hexdigest()[:12]}"
"""The same by its content: after an upgrade no page is drawn with the style that a browser has of the last one."""
NAVIGATION: Final = (
    ("/", "Fleet", "fleet"),
    ("/standards", "Standards", "standards"),
    ("/sweeps", "Sweeps", "sweeps"),
    ("/jobs", "Jobs", "jobs"),
    ("/policy", "Policy", "policy"),
)
"""The pages that each page leads to: address, name, and what a page calls itself."""
ICON: Final = "/static/snitch.svg"
API: Final = "/api/"
RETRY_AFTER: Final = "30"
_SENTENCES: Final = {
    400: ("That did not work", "The request makes no sense to snitch."),
    401: ("Not signed in", "Sign in to go on."),
    403: ("Not allowed", "You may not do that here."),
    404: ("Not found", "There is no such page, or none that you may see."),
    405: ("Not that way", "This page does not take such a request."),
    413: ("Too much", "The request is larger than this page takes."),
    500: ("A fault of snitch", "Something broke while this page was made. It is in the log, for those who run snitch."),
    503: ("Not now", "The database or GitLab does not answer. This page comes back by itself: try again in a moment."),
}


def answer(request: web.BaseRequest, status: int, why: str = "", *, sign_in: bool = False) -> web.Response:
    """The answer to a request that gets nothing else. `sign_in`: with the way there."""
    title, usual = _SENTENCES.get(status, ("That did not work", f"The answer is {status}."))
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="snitch"'
    if request.path.startswith(API):
        return web.json_response({"error": why or usual}, status=status, headers=headers)
    link = ("Sign in with GitLab", "/sign-in") if sign_in else ("To the first page", "/")
    text = page(title, why or usual, link, head=f"{status} · {title}", inside="viewer" in request)
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def page(title: str, sentence: str, link: tuple[str, str], *, head: str = "", inside: bool = False) -> str:
    """A small page: a title, a sentence, and the way on (its text and its address). `inside`: with the way to all
    pages, for whoever may look at them. No template makes it: it stands where one failed."""
    text, address = link
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(head or title)} · snitch</title>"
        f'<link rel="icon" href="{ICON}" type="image/svg+xml">'
        f'<link rel="stylesheet" href="{STYLE_NOW}"></head>'
        f"<body>{_top() if inside else ''}<main><h1>{escape(title)}</h1><p>{escape(sentence)}</p>"
        f'<p><a href="{escape(address)}">{escape(text)}</a></p></main></body></html>\n'
    )


def _top() -> str:
    links = "".join(f'<li><a href="{address}">{name}</a></li>' for address, name, _ in NAVIGATION)
    brand = '<a class="brand" href="/">snitch</a>'
    return f'<header class="top">{brand}<nav aria-label="Pages"><ul>{links}</ul></nav></header>'
