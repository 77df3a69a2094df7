"""Pages of reports in a real browser: which one, and how they are opened."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the extra dev")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """A page that is ready; an error in it, and what it fetches from elsewhere, fail the test."""
    page = browser.new_page(**{"viewport": {"width": 1300, "height": 900}, **options})
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.resolve().as_uri())
    page.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
    yield page
    page.close()
    assert told == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked), asked


def go_to(page: Any, frame: int) -> None:
    """Move the scrubber and wait until the video shows that frame."""
    page.locator("#scrub").evaluate(
        "(node, frame) => { node.value = frame; node.dispatchEvent(new Event('input')); }", frame
    )
    until(page, "!(document.querySelector('video') ?? {}).seeking")


def until(page: Any, condition: str, seconds: float = 15.0) -> None:
    """Wait for a condition of the page, which forbids itself `eval` and with it Playwright's own waiting."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(30)
