"""Which page is where."""

from __future__ import annotations

from aiohttp import web

from bot.pages.world import Pages


def routes(pages: Pages) -> list[web.AbstractRouteDef]:
    """The pages, made from what is known."""
    return []
