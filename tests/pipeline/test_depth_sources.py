"""Runs whose depth comes from sensors: images, videos, points and disparity, and places in metres."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import deptr
from deptr import DepthRequest
from deptr.errors import DataError, UsageError
from deptr.synth.scene import Scene, SceneOptions
from deptr.synth.writer import WriteOptions, write_sequence

FRAMES = 8
Deptr = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sequence with exact depth maps."""
    folder = tmp_path_factory.mktemp("worlds") / "easy"
    options = SceneOptions(size=(192, 320), frames=FRAMES, fps=10, level=1)
    write_sequence(Scene(2_000_401, options), folder, WriteOptions(images="png", masks=False))
    return folder


def focal(world: Path) -> float:
    return float(json.loads((world / "cameras.json").read_text())[0]["matrix"][0][0])


def errors(world: Path, run: deptr.Run) -> np.ndarray:
    """How far the depths of a run are from those of the file of detections, relative."""
    found = []
    table = read(world)
    for frame in run:
        right = table.at(frame.index).data["depth"]
        assert len(right) == len(frame.detections)
        found.append(np.asarray(frame.detections.data["depth"]) / right - 1)
    return np.concatenate(found)


def read(world: Path) -> Any:
    from deptr.io.mot_text import read_detections

    return read_detections(world / "det" / "det.txt")


def maps_of(world: Path) -> list[np.ndarray]:
    return [cv2.imread(str(path), -1) * 0.002 for path in sorted((world / "depth").glob("*.png"))]


def as_arrays(world: Path, folder: Path) -> Path:
    folder.mkdir()
    for number, depth in enumerate(maps_of(world), start=1):
        np.save(folder / f"{number:06d}.npy", depth)
    return folder


def as_video(world: Path, folder: Path) -> Path:
    folder.mkdir()
    with av.open(str(folder / "depth.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "gray16le"
        for depth in maps_of(world):
            picture = av.VideoFrame.from_ndarray(
                np.clip(depth * 1000, 0, 65535).astype(np.uint16), format="gray16le"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return folder / "depth.mkv"


def as_half_size(world: Path, folder: Path) -> Path:
    folder.mkdir()
    for number, depth in enumerate(maps_of(world), start=1):
        small = np.clip(depth[::2, ::2] * 1000, 0, 65535).astype(np.uint16)
        cv2.imwrite(str(folder / f"depth_{number:04d}.png"), small)
    return folder


@pytest.mark.parametrize("kind", [None, as_arrays, as_video, as_half_size], ids=lambda made: str(made)[10:20])
def test_depth_images_of_every_kind_give_the_depth_of_the_objects(
    world: Path, tmp_path: Path, kind: Callable[[Path, Path], Path] | None
) -> None:
    maps = world / "depth" if kind is None else kind(world, tmp_path / "made")
    run = deptr.track(world, depth=DepthRequest(maps=maps))
    assert run.depth_kind is deptr.DepthKind.METRIC
    error = np.abs(errors(world, run))
    assert np.isfinite(error).mean() > 0.95 and np.nanmedian(error) < 0.02


def test_the_command_says_in_its_report_where_depth_came_from(
    deptr_command: Deptr, world: Path, tmp_path: Path
) -> None:
    (tmp_path / "maps").mkdir()
    for path in sorted((world / "depth").glob("*.png"))[:-2]:  # the last two frames have none
        shutil.copy(path, tmp_path / "maps")
    shutil.copy(world / "depth" / "depth.json", tmp_path / "maps")
    out = tmp_path / "run"
    code, _, told = deptr_command(
        "track", world, "--depth-maps", tmp_path / "maps", "--output", out, "--no-video"
    )
    assert code == 0, told
    said = json.loads((out / "run.json").read_text())["depth"]
    assert (said["source"], said["kind"], said["unit"], said["matched_by"]) == ("maps", "metric", "m", "name")
    assert (said["frames"], said["frames_known"], said["step"]) == (FRAMES, FRAMES - 2, 0.002)
    assert 0 < said["known_share"] < 1
    assert f"2 of {FRAMES} frames have no file; their depths are unknown" in told


@pytest.fixture(name="deptr_command")
def _deptr_command(request: pytest.FixtureRequest) -> Deptr:
    command: Deptr = request.getfixturevalue("deptr")
    return command


def test_names_that_are_times_are_matched_by_time(world: Path, tmp_path: Path) -> None:
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    for index in range(FRAMES):
        time = 1305031102.0 + index / 10
        shutil.copy(world / "img1" / f"{index + 1:06d}.png", tmp_path / "rgb" / f"{time:.6f}.png")
        shutil.copy(world / "depth" / f"{index + 1:06d}.png", tmp_path / "depth" / f"{time + 0.02:.6f}.png")
    asked = DepthRequest(maps=tmp_path / "depth", unit=0.002)
    run = deptr.track(tmp_path / "rgb", detections=world / "det" / "det.txt", depth=asked)
    assert run.fps == 10
    assert np.nanmedian(np.abs(errors(world, run))) < 0.02
    with pytest.raises(DataError, match=r"no depth map within 0.01 s of any image: expected times as those"):
        deptr.track(
            tmp_path / "rgb",
            detections=world / "det" / "det.txt",
            depth=DepthRequest(maps=tmp_path / "depth", unit=0.002, max_gap=0.01),
        )


def test_a_depth_camera_beside_the_camera_is_registered(world: Path, tmp_path: Path) -> None:
    px = focal(world)
    camera = f"image_width: 320\nimage_height: 192\nK: [{px}, 0, 160, 0, {px}, 96, 0, 0, 1]\n"
    (tmp_path / "rgb.yaml").write_text(camera)
    (tmp_path / "depth.yaml").write_text(camera)
    (tmp_path / "pose.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0")
    asked = DepthRequest(
        maps=world / "depth", depth_camera=tmp_path / "depth.yaml", extrinsics=tmp_path / "pose.txt"
    )
    run = deptr.track(world, depth=asked, camera=tmp_path / "rgb.yaml")
    assert np.nanmedian(np.abs(errors(world, run))) < 0.02


def test_points_and_disparity_give_depth_with_a_camera(world: Path, tmp_path: Path) -> None:
    px = focal(world)
    (tmp_path / "calib.txt").write_text(f"P2: {px} 0 160 0 0 {px} 96 0 0 0 1 0\n")
    (tmp_path / "points").mkdir()
    (tmp_path / "disparity").mkdir()
    rows, columns = np.mgrid[0:192, 0:320]
    for number, depth in enumerate(maps_of(world), start=1):
        known = depth > 0
        z = depth[known]
        rays = np.stack([(columns[known] - 160) / px, (rows[known] - 96) / px, np.ones(len(z))], 1)
        np.save(tmp_path / "points" / f"{number:06d}.npy", (rays * z[:, None]).astype(np.float32))
        with np.errstate(divide="ignore"):
            np.save(tmp_path / "disparity" / f"{number:06d}.npy", np.where(known, px * 0.2 / depth, 0))
    points = DepthRequest(points=tmp_path / "points")
    lenses = DepthRequest(disparity=tmp_path / "disparity", baseline_m=0.2)
    for asked in (points, lenses):
        error = np.abs(errors(world, deptr.track(world, depth=asked, camera=tmp_path / "calib.txt")))
        assert np.isfinite(error).mean() > 0.95 and np.nanmedian(error) < 0.02


def test_places_in_metres_are_written_in_the_world_of_the_poses(
    deptr_command: Deptr, world: Path, tmp_path: Path
) -> None:
    (tmp_path / "poses.txt").write_text("1 0 0 5 0 1 0 0 0 0 1 0\n" * (FRAMES - 1))
    out = tmp_path / "run"
    options = ["--focal", focal(world), "--poses", tmp_path / "poses.txt", "--output", out, "--no-video"]
    code, _, told = deptr_command("track", world, *options)
    assert code == 0, told
    lines = [json.loads(line) for line in (out / "tracks.jsonl").read_text().splitlines()]
    rows = [row for line in lines[:-1] for row in line["tracks"]]
    assert rows and all(row["position_m"][2] == pytest.approx(row["depth"], rel=0.1) for row in rows)
    middles = [(row["box_xyxy"][0] + row["box_xyxy"][2]) / 2 for row in rows]
    expected = [5 + (x - 160) / focal(world) * row["depth"] for x, row in zip(middles, rows, strict=True)]
    assert [row["position_m"][0] for row in rows] == pytest.approx(expected, abs=0.3)
    assert all(row["position_m"] == [None] * 3 for row in lines[-1]["tracks"])  # the poses end early
    assert "no pose for 1 frame(s)" in told
    camera = json.loads((out / "run.json").read_text())["source"]["camera"]
    assert camera["axes"] == "world" and camera["frames_without_pose"] == 1


def test_depth_that_cannot_belong_to_the_frames_is_refused(world: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir()
    for number in range(1, FRAMES + 1):
        np.save(wide / f"{number:06d}.npy", np.full((60, 160), 4.0))
    with pytest.raises(DataError, match=r"another size than the images: expected 320x192 .*found 160x60"):
        list(deptr.track(world, depth=DepthRequest(maps=wide)))
    far = as_arrays(world, tmp_path / "far")
    with pytest.raises(DataError, match=r"the unit cannot be right.*half of the first map beyond"):
        list(deptr.track(world, depth=DepthRequest(maps=far, unit=1000)))
    other = tmp_path / "other"
    other.mkdir()
    for number in range(100, 104):
        np.save(other / f"{number:06d}.npy", np.full((192, 320), 4.0))
    with pytest.raises(
        DataError, match=r"no depth map belongs to a frame: expected numbers of the frames, 1"
    ):
        deptr.track(world, depth=DepthRequest(maps=other))
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in ("left", "right", "other"):
        np.save(odd / f"{name}.npy", np.full((192, 320), 4.0))
    with pytest.raises(DataError, match="it cannot be told which depth map belongs to which frame"):
        deptr.track(world, depth=DepthRequest(maps=odd))
    with pytest.raises(DataError, match=r"not a depth video: expected grey pixels of 16 bit"):
        deptr.track(world, depth=DepthRequest(maps=Path(__file__).parents[2] / "assets" / "vtest.mp4"))


def test_maps_that_tell_nothing_are_told(deptr_command: Deptr, world: Path, tmp_path: Path) -> None:
    (tmp_path / "blind").mkdir()
    for number in range(1, FRAMES + 1):
        np.save(tmp_path / "blind" / f"{number:06d}.npy", np.full((192, 320), np.nan))
    words = ["track", world, "--depth-maps", tmp_path / "blind", "--no-video", "--output", tmp_path / "run"]
    code, _, told = deptr_command(*words)
    assert code == 0 and "knows the depth of none of" in " ".join(told.split())
    assert json.loads((tmp_path / "run" / "run.json").read_text())["depth"]["known_share"] == 0


def test_a_camera_that_is_not_that_of_the_images_is_refused(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "calib.txt"
    file.write_text("P2: 700 0 610 0 0 700 172 0 0 0 1 0\n")
    with pytest.raises(
        DataError, match=r"the calibration of another camera: expected one of images of 320x192"
    ):
        deptr.track(world, camera=file)
    file.write_text("P2: 300 0 160 0 0 300 96 0 0 0 1 0\n")
    (tmp_path / "points").mkdir()
    np.save(tmp_path / "points" / "000001.npy", np.random.default_rng(0).normal(0, 1, (500, 3)) - [0, 0, 9])
    with pytest.raises(DataError, match="hardly any point lies in the camera's view"):
        deptr.track(world, depth=DepthRequest(points=tmp_path / "points"), camera=file)


REQUESTS = {
    "two sources": (DepthRequest("pseudo", maps="d"), "maps: give it or depth='pseudo', not both"),
    "unit": (DepthRequest(unit="mm"), "unit: has no effect without maps or disparity"),
    "gap": (DepthRequest(maps="d", max_gap=-1), "max_gap: expected a positive number, got -1"),
    "lenses": (DepthRequest(disparity="d"), "disparity: needs the distance of the lenses, baseline_m"),
    "column": (DepthRequest(maps="d", column=8), "depth_column: has no effect with maps"),
    "kind": (DepthRequest(points="p", kind="relative"), "depth_kind: has no effect with points"),
    "half": (DepthRequest(maps="d", depth_camera="c"), "need both; registered ones none"),
    "no camera": (DepthRequest(points="p"), "points: needs the camera of the images, camera"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_that_cannot_be_meant(world: Path, name: str) -> None:
    asked, message = REQUESTS[name]
    with pytest.raises(UsageError, match=message):
        deptr.track(world, depth=asked)


def test_a_camera_needs_depth_in_metres_and_poses_need_a_camera(world: Path) -> None:
    with pytest.raises(
        UsageError, match=r"focal_px: has no effect: places in metres need .*theirs is pseudo"
    ):
        deptr.track(world, depth="pseudo", focal_px=500)
    with pytest.raises(UsageError, match="poses: needs camera or focal_px"):
        deptr.track(world, poses="poses.txt")
    with pytest.raises(UsageError, match="depth_kind: say it in the DepthRequest, as kind"):
        deptr.track(world, depth=DepthRequest(maps="d"), depth_kind="relative")
