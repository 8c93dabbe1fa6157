"""A browser for the tests of pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium, without its own network requests."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--disable-sync"])


def opened(browser: Any, file: Path, *, embedded: bool = True, **options: Any) -> tuple[Any, list[str], list[str]]:
    """The page of a file, its console messages and errors, and the addresses that it requested except its own.

    With `embedded`, data that are embedded in the page do not count as requests. `options` are Playwright's for a page.
    """
    page = browser.new_page(**options)
    messages: list[str] = []
    requests: list[str] = []

    def add_request(request: Any) -> None:
        if request.url != file.as_uri() and not (embedded and request.url.startswith("data:")):
            requests.append(request.url)

    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", add_request)
    page.goto(file.as_uri())
    return page, messages, requests
