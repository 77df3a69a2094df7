"""A report as its reader meets it: in a real browser, with mouse and keyboard."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_pages import chromium, go_to, opened, until

from deptr.cli.main import main
from deptr.evaluation.run_differences import both_changes, partners
from deptr.io.run_folder import read_run
from deptr.viz.colors import identity_color

ASSETS = Path(__file__).parents[2] / "assets"
CLIP, BOXES = str(ASSETS / "vtest.mp4"), str(ASSETS / "vtest_det.txt")


def run(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert not ended.value.code


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the bundled clip, ground truth in which one object changes, and the two pages."""
    place = tmp_path_factory.mktemp("reports")
    track = ["track", CLIP, "--detections", BOXES, "--no-video"]
    run(*track, "--depth", "pseudo", "--output", place / "depth")
    run(*track, "--fusion", "none", "--output", place / "plain")
    table = read_run(place / "depth").tracks
    lines = []
    for frame, identity, (x0, y0, x1, y1) in zip(table.frame, table.track_id, table.xyxy, strict=True):
        name = 7 if identity == 4 and frame > 40 else 4 if identity == 7 and frame > 40 else identity
        lines.append(f"{frame},{name},{x0:.2f},{y0:.2f},{x1 - x0:.2f},{y1 - y0:.2f},1")
    (place / "gt.txt").write_text("\n".join(lines))
    run("report", place / "depth", "--truth", place / "gt.txt", "--output", place / "one.html")
    run("report", place / "depth", "--against", place / "plain", "--output", place / "two.html")
    return place


@pytest.fixture
def one(browser: Any, folder: Path) -> Iterator[Any]:
    with opened(browser, folder / "one.html") as page:
        yield page


def color_at(page: Any, x: float, y: float) -> list[int]:
    """Colour of the overlay at a pixel of the image."""
    script = """([x, y]) => { const c = document.querySelector('.stage canvas');
        return [...c.getContext('2d').getImageData(x * c.width / 768, y * c.height / 576, 1, 1).data]; }"""
    found: list[int] = page.evaluate(script, [x, y])
    return found


def test_boxes_stand_where_the_run_has_them(one: Any, folder: Path) -> None:
    table = read_run(folder / "depth").tracks
    one.locator("#shown button", has_text="Labels").click()
    one.locator("#shown button", has_text="Trails").click()
    for frame in (3, 45, 100):
        go_to(one, frame)
        rows = table.rows(table.frame == frame)
        alone = [k for k, box in enumerate(rows.xyxy) if not overlaps(box, np.delete(rows.xyxy, k, axis=0))]
        assert alone
        for k in alone:
            x0, y0, _, y1 = rows.xyxy[k]
            found = color_at(one, x0, (y0 + y1) / 2)
            assert np.abs(np.array(found[:3]) - identity_color(int(rows.track_id[k]))).max() < 60, (frame, k)
        label = one.locator(".stage canvas").get_attribute("aria-label")
        assert f"frame {frame}, {len(rows)} identities" in label


def overlaps(box: np.ndarray, others: np.ndarray) -> bool:
    near = (others[:, 0] < box[2] + 6) & (box[0] - 6 < others[:, 2])
    return bool((near & (others[:, 1] < box[3] + 6) & (box[1] - 6 < others[:, 3])).any())


def test_the_video_shows_the_frame_that_the_data_means(one: Any) -> None:
    for frame in (1, 46, 100):
        go_to(one, frame)
        seconds = one.evaluate("document.querySelector('video').currentTime")
        assert (frame - 1) / 10 <= seconds < frame / 10
    go_to(one, 10)
    one.locator("#play").click()
    until(one, "Number(document.querySelector('#scrub').value) >= 18")
    one.locator("#play").click()
    frame = int(one.locator("#scrub").input_value())
    seconds = one.evaluate("document.querySelector('video').currentTime")
    assert abs(seconds * 10 + 1 - frame) < 2.5


def test_the_keyboard_does_all_that_the_mouse_does(one: Any) -> None:
    def frame() -> int:
        return int(one.locator("#scrub").input_value())

    stages = one.locator("#stages")
    stages.focus()
    steps = {"End": 100, "ArrowLeft": 99, "Shift+ArrowLeft": 89, "Home": 1, "ArrowRight": 2}
    for key, expected in steps.items():
        one.keyboard.press(key)
        assert frame() == expected, key
    first = int(one.evaluate("document.querySelectorAll('#events time').length"))
    assert first > 3
    one.keyboard.press("]")
    ahead = frame()
    one.keyboard.press("]")
    assert frame() > ahead > 2
    one.keyboard.press("[")
    assert frame() == ahead
    one.locator("#table .id").first.focus()
    one.keyboard.press("Enter")
    assert one.locator("#table tr.chosen").count() == 1
    stages.focus()
    one.keyboard.press("Escape")
    assert one.locator("#table tr.chosen").count() == 0


def test_filters_hold_for_everything(one: Any, folder: Path) -> None:
    table = read_run(folder / "depth").tracks
    go_to(one, 45)
    one.locator("#by-id").fill("2, 5-6")
    lanes = one.locator("#rows .lane .id")
    assert [int(text) for text in lanes.all_inner_texts()] == [2, 5, 6]
    assert one.locator("#table tbody tr").count() == 3
    here = set(table.track_id[table.frame == 45].tolist()) & {2, 5, 6}
    assert f"{len(here)} identities" in one.locator(".stage canvas").get_attribute("aria-label")
    assert one.locator("#birds canvas").get_attribute("aria-label").count(" at ") == len(here)
    one.locator("#reset").click()
    until(one, "document.querySelectorAll('#table tbody tr').length > 3")
    one.locator("#by-length").fill("9")
    shown = [int(text) for text in one.locator("#table .id").all_inner_texts()]
    long = [k for k in table.identities.tolist() if np.ptp(table.frame[table.track_id == k]) + 1 >= 90]
    assert shown == long
    one.locator("#by-id").fill("nonsense")
    assert one.locator("#by-id").get_attribute("aria-invalid") == "true"


def test_a_click_on_a_box_chooses_who_is_in_it(one: Any, folder: Path) -> None:
    table = read_run(folder / "depth").tracks
    go_to(one, 60)
    row = np.flatnonzero((table.frame == 60) & (table.track_id == 1))[0]
    x0, y0, x1, y1 = table.xyxy[row]
    box = one.locator(".stage canvas").bounding_box()
    x, y = (x0 + x1) / 2 / 768, (y0 + y1) / 2 / 576
    one.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    assert one.locator("#table tr.chosen .id").inner_text() == "1"
    assert "1 ~" in one.locator("#reading").inner_text()


@pytest.mark.parametrize("choice", ["Tracks as CSV", "Tracks as JSON", "Identities as CSV"])
def test_downloads_hold_what_the_run_holds(one: Any, folder: Path, choice: str) -> None:
    table = read_run(folder / "depth").tracks
    one.locator("#download").click()
    with one.expect_download() as waiting:
        one.locator("#downloads button", has_text=choice).click()
    text = Path(waiting.value.path()).read_text()
    rows = json.loads(text) if choice.endswith("JSON") else list(csv.DictReader(io.StringIO(text)))
    if choice.startswith("Identities"):
        assert [int(row["track_id"]) for row in rows] == table.identities.tolist()
        return
    assert len(rows) == len(table)
    found = np.array([[float(row[name]) for name in ("left", "top", "right", "bottom")] for row in rows])
    assert np.abs(found - table.xyxy).max() <= 0.0051
    assert [int(row["track_id"]) for row in rows] == table.track_id.tolist()


def test_switches_against_ground_truth_are_marked_and_jumped_to(one: Any) -> None:
    event = one.locator("#events button", has_text="object 4 goes from 4 to 7, which had another object")
    assert event.count() == 1
    event.click()
    assert one.locator("#scrub").input_value() == "41"
    assert {"4", "7"} >= {one.locator("#table tr.chosen .id").inner_text()}
    scores = one.locator("#scores tbody td").all_inner_texts()
    assert scores[5] == "2"  # IDSW
    assert 50 < float(scores[0]) < 100
    assert one.locator("#kinds button", has_text="Switches 2").count() == 1


def test_two_runs_stand_side_by_side_with_their_differences(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "two.html") as page:
        captions = page.locator("figcaption").all_inner_texts()
        assert "A: bytetrack, adaptive depth" in captions[0]
        assert "B: bytetrack without depth" in captions[1]
        told = page.locator("#events button", has_text="goes on with").count()
        one, two = (read_run(folder / name).tracks for name in ("depth", "plain"))
        found = both_changes(one, partners(one, two), two, partners(two, one))
        assert told == sum(map(len, found)) > 0
        assert page.locator(".stage video").count() == 1
        go_to(page, 45)
        page.locator("#table .id").first.click()
        assert page.locator("#table tr.chosen").count() == 2  # the same object in both
        script = """() => { const c = document.querySelectorAll('.stage canvas')[1];
            return [...c.getContext('2d').getImageData(c.width * 0.5, c.height * 0.97, 1, 1).data]; }"""
        page.wait_for_timeout(300)
        try:
            assert page.evaluate(script)[3] == 255  # the second picture shows the video too
        except Exception as error:  # noqa: BLE001 - a file's pixels may not be read back
            assert "tainted" in str(error)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["one.html", "two.html"])
def test_the_page_keeps_the_wcag(browser: Any, folder: Path, name: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra dev")
    with opened(browser, folder / name, color_scheme=scheme) as page:
        page.locator("#table .id").nth(1).click()
        page.locator("#download").click()
        rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = axe.Axe().run(page, options={"runOnly": rules})
        assert found.violations_count == 0, found.generate_report()


def test_a_video_that_is_gone_is_told_and_the_rest_works(browser: Any, folder: Path, tmp_path: Path) -> None:
    text = (folder / "one.html").read_text()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "one.html").write_text(text)
    page = browser.new_page()
    page.goto((tmp_path / "deeper" / "one.html").as_uri())
    page.wait_for_selector(".missing")
    assert "vtest.mp4 is not where this page looks for it" in page.locator(".missing").inner_text()
    page.locator("#play").click()
    until(page, "Number(document.querySelector('#scrub').value) >= 4")
    page.close()
