"""Signing in as a person does it: Chromium, the real service, GitLab's own pages; and no JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gitlab.model import DEVELOPER, OWNER
from tests.gitlab.server import GitLab
from tests.stories.model_project import PROJECT
from tests.stories.service import Service, free_port, until


@pytest.fixture
def page(require: Callable[[str], str]) -> Iterator[Any]:
    """A page of a fresh browser, in which nothing is run."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require("chromium"), args=["--no-sandbox"])
        yield browser.new_context(java_script_enabled=False).new_page()
        browser.close()


def test_a_person_signs_in_looks_starts_a_sweep_and_signs_out(gitlab: GitLab, tmp_path: Path, page: Any) -> None:
    bot, owner = gitlab.add_user("snitch", bot=True), gitlab.add_user("owner")
    gitlab.add_group("models", {bot: DEVELOPER, owner: OWNER})
    gitlab.add_project("models/iris", PROJECT)
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    application = gitlab.add_application(f"{here}/sign-in/callback", "read_api")
    settings = {
        "SNITCH_PUBLIC_URL": here,
        "SNITCH_GROUPS": "models",
        "SNITCH_OAUTH_CLIENT_ID": application.id,
        "SNITCH_OAUTH_CLIENT_SECRET": application.secret,
    }
    service = Service.start(gitlab, bot, tmp_path / "service", port, **settings)
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text))
    try:
        page.goto(f"{here}/sweeps")
        page.fill("input[name=user]", "owner")
        page.press("input[name=user]", "Enter")
        page.click("button:has-text('Authorize')")
        page.wait_for_url(f"{here}/sweeps")
        assert page.locator(".who").inner_text().startswith("owner")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.locator("header.top").bounding_box()["height"] < 130, "on a phone there is room for the page"
        page.click("form[action='/sweeps'] button")
        page.wait_for_url(f"{here}/sweeps")
        service.work()
        page.reload()
        assert page.locator("tbody tr").count() == 1
        page.click("text=Sign out")
        page.wait_for_url(f"{here}/signed-out")
        assert "Signed out" in page.inner_text("h1")
        page.go_back()
        assert "Authorize snitch?" in page.inner_text("h1"), "no page is left in the browser's memory"
        page.click("button:has-text('Authorize')")
        until(lambda: bool(page.goto(here) and page.locator("main form[method=get]").count()), "iris is not shown")
        page.context.clear_cookies(name="snitch")
        page.locator("main form[method=get] button").first.click()
        page.wait_for_url(f"{here}/?*")
        assert page.locator(".who").inner_text().startswith("owner"), "a filter outlives its session"
    finally:
        service.close()
    assert violations == []
