"""Takes the pictures of reports: `python docs/.site/report_screenshots.py`, with Chromium installed."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from deptr.cli.main import main

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def deptr(*words: object) -> None:
    """Run a command, and end with it where it fails."""
    try:
        main([str(word) for word in words])
    except SystemExit as ended:
        if ended.code:
            raise


def picture(browser: Any, page: Path, name: str, *, scheme: str, frame: int, identity: int | None) -> None:
    """One screenshot as webp."""
    shown = browser.new_page(viewport={"width": 1360, "height": 900}, color_scheme=scheme)
    shown.goto(page.resolve().as_uri())
    shown.wait_for_selector("html[data-ready]", state="attached")
    script = "(node, frame) => { node.value = frame; node.dispatchEvent(new Event('input')); }"
    shown.locator("#scrub").evaluate(script, frame)
    if identity is not None:
        shown.get_by_role("button", name=f"Identity {identity}", exact=False).first.click()
    shown.wait_for_timeout(1500)
    taken = Image.open(io.BytesIO(shown.screenshot(full_page=True)))
    taken.convert("RGB").save(IMAGES / name, quality=72, method=6)
    shown.close()
    sys.stdout.write(f"{IMAGES / name}\n")


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp())
    clip, boxes = ROOT / "assets" / "vtest.mp4", ROOT / "assets" / "vtest_det.txt"
    common = ("track", clip, "--detections", boxes, "--no-video")
    deptr(*common, "--depth", "pseudo", "--output", folder / "depth")
    deptr(*common, "--output", folder / "plain")
    deptr("report", folder / "depth", "--title", "Pedestrians, depth guessed from the ground plane")
    deptr("report", folder / "depth", "--against", folder / "plain", "--output", folder / "two.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        picture(
            browser, folder / "depth" / "report.html", "report.webp", scheme="light", frame=45, identity=None
        )
        picture(browser, folder / "two.html", "report-two.webp", scheme="dark", frame=38, identity=7)
        browser.close()
    shutil.rmtree(folder)
