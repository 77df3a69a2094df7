"""The service answers what trackers and detector answer, over HTTP and WebSocket."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv
from PIL import Image
from running import Client, running, wait_until

import deptr
from deptr.io.frames import open_source
from deptr.io.json_lines import frame_record
from deptr.service.messages import DETECTION_EXAMPLES, SESSION_EXAMPLES, Tracks

CLIP = Path(__file__).parents[2] / "assets" / "vtest.mp4"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running("--max-sessions", "8") as found:
        yield found


def boxes_at(step: int) -> list[dict[str, Any]]:
    return [
        {"box_xyxy": [10 + 3 * step, 20, 50 + 3 * step, 120], "score": 0.9, "depth": 4.0 + 0.1 * step},
        {"box_xyxy": [300 - 3 * step, 20, 340 - 3 * step, 120], "score": 0.8, "class_id": 2},
    ]


def images(count: int) -> list[np.ndarray]:
    with open_source(CLIP) as source:
        return [frame.image for frame, _ in zip(source, range(count), strict=False)]


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def test_detections_over_http_are_tracked_as_by_the_tracker(client: Client) -> None:
    path = client.session(tracker="ocsort", frame_rate=10, parameters={"confirm_frames": 1})
    tracker = deptr.OCSORT(frame_rate=10, confirm_frames=1)
    for step in range(12):
        rows = boxes_at(step)
        status, record, _ = client.ask(
            "POST", f"{path}/detections", {"timestamp": 5 + step / 10, "detections": rows}
        )
        assert status == 200, record
        seen = sv.Detections(
            np.array([row["box_xyxy"] for row in rows], float),
            confidence=np.array([0.9, 0.8]),
            class_id=np.array([0, 2]),
            data={"depth": np.array([rows[0]["depth"], np.nan], np.float32)},
            metadata={"depth_kind": "metric"},
        )
        expected = frame_record(step + 1, step / 10, tracker.update(seen, timestamp=5 + step / 10))
        assert record.pop("latency_seconds") > 0
        assert record["tracks"] == expected["tracks"]
        assert (record["frame"], record["timestamp"]) == (step + 1, pytest.approx(step / 10))
    state = client.ask("GET", path)[1]
    assert (state["frames"], state["identities"], state["options"]["tracker"]) == (12, 2, "ocsort")
    assert client.ask("DELETE", path)[0] == 204
    assert client.ask("GET", path)[0] == 404


def test_images_over_http_are_tracked_as_by_the_bundled_detector(client: Client) -> None:
    path = client.session(
        frame_rate=10, parameters={"confirm_frames": 1, "new_score": 0.3, "high_score": 0.3}
    )
    detector = deptr.Detector.from_pretrained()
    tracker = deptr.ByteTrack(frame_rate=10, confirm_frames=1, new_score=0.3, high_score=0.3)
    names, found = dict(detector.names), 0
    for step, image in enumerate(images(3)):
        status, record, _ = client.ask("POST", f"{path}/frames?timestamp={step / 10}", encoded(image))
        assert status == 200, record
        tracked = tracker.update(detector(image, min_score=0.1), timestamp=step / 10)
        expected = frame_record(step + 1, step / 10, tracked, class_names=names)
        assert [row["id"] for row in record["tracks"]] == [row["id"] for row in expected["tracks"]]
        for ours, theirs in zip(record["tracks"], expected["tracks"], strict=True):
            np.testing.assert_allclose(ours["box_xyxy"], theirs["box_xyxy"], atol=0.1)
            assert ours["class_name"] == "person"
        found += len(record["tracks"])
    assert found >= 5
    status, record, _ = client.ask("POST", f"{path}/frames", encoded(images(1)[0], "JPEG"))
    assert (status, record["frame"]) == (200, 4)
    client.ask("DELETE", path)


def test_a_stream_is_a_session_as_long_as_its_connection(client: Client) -> None:
    before = client.sessions()
    with client.stream() as socket:
        socket.send(json.dumps({"parameters": {"confirm_frames": 1}}))
        assert json.loads(socket.recv(10))["session"]
        assert client.sessions() == before + 1
        for step in range(5):
            socket.send(json.dumps({"detections": boxes_at(step)}))
            record = json.loads(socket.recv(10))
            assert [row["id"] for row in record["tracks"]] == [1, 2]
        for wrong, words in (
            ("{", "body: "),
            ('{"detections": [{}]}', "detections.0.box_xyxy: Field required"),
        ):
            socket.send(wrong)
            answer = json.loads(socket.recv(10))
            assert (answer["status"], words in answer["error"]) == (422, True), answer
        socket.send(b"no image")
        assert "not an image: expected JPEG or PNG" in json.loads(socket.recv(10))["error"]
        socket.send(encoded(images(1)[0], "JPEG"))
        assert json.loads(socket.recv(10))["frame"] == 6
    wait_until(lambda: client.sessions() == before)


def test_a_client_that_is_killed_leaves_nothing_behind(client: Client) -> None:
    before = client.sessions()
    socket = client.stream()
    socket.send("{}")
    json.loads(socket.recv(10))
    socket.socket.shutdown(2)  # no closing words
    wait_until(lambda: client.sessions() == before)


def test_others_can_watch_a_session(client: Client) -> None:
    path = client.session(parameters={"confirm_frames": 1})
    picture = encoded(images(1)[0], "JPEG")
    with client.stream(f"{path}/watch") as watching:
        client.ask("POST", f"{path}/frames", picture)
        assert watching.recv(10) == picture
        assert json.loads(watching.recv(10))["frame"] == 1
        client.ask("POST", f"{path}/detections", {"detections": boxes_at(0)})
        assert json.loads(watching.recv(10))["frame"] == 2
        client.ask("DELETE", path)
        with pytest.raises(Exception, match="the session has ended"):
            watching.recv(10)


def test_a_session_can_be_joined_by_stream(client: Client) -> None:
    path = client.session()
    with client.stream(f"{path}/stream") as socket:
        socket.send(json.dumps({"detections": []}))
        assert json.loads(socket.recv(10))["tracks"] == []
    assert client.ask("GET", path)[1]["frames"] == 1  # it outlives the connection
    client.ask("DELETE", path)


def test_the_examples_of_the_description_work(client: Client) -> None:
    description = client.ask("GET", "/openapi.json")[1]
    operation = description["paths"]["/v1/sessions"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert {name: entry["value"] for name, entry in content["examples"].items()} == {
        name: entry["value"] for name, entry in SESSION_EXAMPLES.items()
    }
    frames = description["paths"]["/v1/sessions/{session_id}/detections"]["post"]
    assert frames["requestBody"]["content"]["application/json"]["examples"] == DETECTION_EXAMPLES
    for options in SESSION_EXAMPLES.values():
        path = client.session(**options["value"])
        for example in DETECTION_EXAMPLES.values():
            status, record, _ = client.ask("POST", f"{path}/detections", example["value"])
            assert status == 200, record
            Tracks.model_validate(record)
        client.ask("DELETE", path)


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    status, page, headers = client.ask("GET", "/")
    assert (status, "<canvas" in page) == (200, True)
    assert "http://" not in page and "https://" not in page
    assert headers["content-security-policy"].startswith("default-src 'self'")


def test_figures_for_prometheus(client: Client) -> None:
    before = client.metric('deptr_frames_total{kind="detections"}')
    path = client.session()
    client.ask("POST", f"{path}/detections", {"detections": []})
    assert client.metric('deptr_frames_total{kind="detections"}') == before + 1
    assert client.metric("deptr_sessions") == client.sessions() >= 1
    assert client.metric('deptr_frame_seconds_count{kind="detections"}') >= before + 1
    client.ask("DELETE", path)
    assert client.metric('deptr_sessions_ended_total{how="asked"}') >= 1


def test_it_ends_politely() -> None:
    with running("--detector", "none") as client, client.stream() as socket:
        socket.send("{}")
        socket.recv(10)
        client.process.send_signal(signal.SIGINT)
        assert client.process.wait(20) in (0, -signal.SIGINT, 130)
