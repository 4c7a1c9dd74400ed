"""HTML made of elements: what is not `Html` already is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = {"br", "hr", "input", "link", "meta"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]
Attribute = str | int | bool | None


def el(tag: str, /, *children: Child, **attributes: Attribute) -> Html:
    """`cls` and `for_` stand for the words that Python keeps; True is an attribute without value, None none."""
    made = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if tag in VOID:
        return Html(f"<{tag}{made}>")
    return Html(f"<{tag}{made}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Html:
    return Html("".join(_shown(child) for child in children))


def _shown(child: Child) -> str:
    match child:
        case None:
            return ""
        case Html():
            return child
        case str() | int():
            return escape(str(child).encode("utf-8", "replace").decode(), quote=False)
    return joined(*child)


def _attribute(key: str, value: Attribute) -> str:
    name = {"cls": "class"}.get(key, key.rstrip("_")).replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def div(cls: str, *children: Child, **attributes: Attribute) -> Html:
    return el("div", *children, cls=cls, **attributes)


def span(cls: str, *children: Child, **attributes: Attribute) -> Html:
    return el("span", *children, cls=cls, **attributes)


def page(title: str, style: str, *body: Child, refresh: bool = False) -> Html:
    """A whole document. `refresh`: the browser loads it again after two seconds."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", http_equiv="refresh", content="2") if refresh else None,
        el("title", title),
        el("link", rel="icon", href="data:,"),
        el("style", Html(style)),
    )
    return Html(f"<!doctype html>\n{el('html', head, el('body', *body), lang='en')}\n")
