"""What other libraries return is taken as it is, and the page that shows it runs.

Where a library cannot be installed here (it brings torchvision or CUDA), a stand-in has the shape that its
documentation gives its results; the page's text runs unchanged.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import supervision as sv

import deptr
from deptr.errors import UsageError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "libraries.md").read_text()
BOXES = np.array([[10.0, 20, 50, 80], [5, 6, 20, 30]])
SCORES, CLASSES = np.array([0.9, 0.8]), np.array([0, 2])
TABLE = np.column_stack([BOXES, SCORES, CLASSES])

# --- what is taken


class Tensor:
    """What a tensor on a GPU lets one do: no array of it without detach and cpu."""

    def __init__(self, values: np.ndarray, *, at_home: bool = False) -> None:
        self.values, self.at_home = values, at_home

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return Tensor(self.values, at_home=True)

    def float(self) -> Tensor:
        return self

    def __array__(self, *arguments: object, **named: object) -> np.ndarray:
        assert self.at_home, "a tensor on a GPU has to come to the CPU first"
        return self.values


def columns(**names: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(**{name: Tensor(values) for name, values in names.items()})


ULTRALYTICS = SimpleNamespace(
    boxes=columns(xyxy=BOXES, conf=SCORES, cls=CLASSES.astype(float)), names={0: "person", 2: "car"}
)
PIPELINE = [
    {"score": score, "label": label, "box": dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))}
    for score, label, box in zip(SCORES, ("person", "car"), BOXES, strict=True)
]
PROCESSED = {"boxes": Tensor(BOXES), "scores": Tensor(SCORES), "labels": Tensor(CLASSES)}
INSTANCES = SimpleNamespace(
    pred_boxes=SimpleNamespace(tensor=Tensor(BOXES)), scores=Tensor(SCORES), pred_classes=Tensor(CLASSES)
)
SAMPLE = SimpleNamespace(pred_instances=columns(bboxes=BOXES, scores=SCORES, labels=CLASSES))
NAMED = {"ultralytics", "pipeline"}
RESULTS = {
    "supervision": sv.Detections(BOXES, confidence=SCORES, class_id=CLASSES),
    "ultralytics": ULTRALYTICS,
    "ultralytics list": [ULTRALYTICS],
    "pipeline": PIPELINE,
    "processed": PROCESSED,
    "torchvision": [PROCESSED],
    "detectron2": {"instances": INSTANCES},
    "instances": INSTANCES,
    "mmdetection": SAMPLE,
    "array": TABLE,
    "lists": TABLE.tolist(),
    "tensor": Tensor(TABLE),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_taken(name: str) -> None:
    found = deptr.detections_from(RESULTS[name])
    np.testing.assert_allclose(found.xyxy, BOXES)
    np.testing.assert_allclose(found.confidence, SCORES)
    if name != "pipeline":  # which has names only
        assert found.class_id.tolist() == CLASSES.tolist()
    if name.split(maxsplit=1)[0] in NAMED:
        assert found.data["class_name"].tolist() == ["person", "car"]


def test_names_of_classes_can_be_given() -> None:
    found = deptr.detections_from(PROCESSED, names={0: "person"})
    assert found.data["class_name"].tolist() == ["person", "2"]


def test_scores_and_classes_may_be_missing() -> None:
    found = deptr.detections_from(BOXES)
    assert found.confidence.tolist() == [1, 1]
    assert found.class_id is None


@pytest.mark.parametrize(
    "empty",
    [[], np.zeros((0, 6)), np.zeros(0), sv.Detections.empty()],
    ids=["list", "table", "array", "detections"],
)
def test_nothing_is_found_in_nothing(empty: object) -> None:
    assert len(deptr.detections_from(empty)) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("boxes", "expected supervision.Detections.*got str"),
        (None, "got NoneType"),
        ([ULTRALYTICS, ULTRALYTICS], "expected those of one image, got 2"),
        (np.zeros((2, 9)), r"expected 4 to 6 columns, got shape \(2, 9\)"),
        (np.zeros((3, 4, 4)), r"got shape \(3, 4, 4\)"),
    ],
    ids=["words", "nothing", "two images", "too wide", "too deep"],
)
def test_what_is_no_result_is_told(wrong: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        deptr.detections_from(wrong)


def test_the_real_ultralytics_is_understood() -> None:
    pytest.importorskip("ultralytics")
    from ultralytics.engine.results import Results

    real = Results(np.zeros((99, 99, 3), np.uint8), "a.jpg", {0: "person", 2: "car"}, boxes=TABLE)
    found = deptr.detections_from([real])
    assert found.data["class_name"].tolist() == ["person", "car"]
    np.testing.assert_allclose(found.xyxy, BOXES)


def test_the_real_supervision_draws_what_comes_out() -> None:
    tracker = deptr.ByteTrack(frame_rate=10)
    for _ in range(3):
        tracked = tracker.update(deptr.detections_from(TABLE))
    scene = sv.BoxAnnotator().annotate(np.zeros((99, 99, 3), np.uint8), tracked)
    assert scene.any()


# --- the page

# a detector that finds the same two people in every image, behind each library's own front
STAND_INS = {
    "ultralytics": "ultralytics.YOLO = lambda name: lambda image, verbose: [shapes.ULTRALYTICS]",
    "RF-DETR": "rfdetr.RFDETRNano = lambda: shapes.SimpleNamespace(predict=lambda image, threshold: "
    "shapes.RESULTS['supervision'])",
    "Detectron2": "detectron2.model_zoo.get_config = lambda name, trained: None\n"
    "detectron2.engine.DefaultPredictor = lambda config: lambda image: {'instances': shapes.INSTANCES}",
}
MODULES = {
    "ultralytics": ["ultralytics"],
    "RF-DETR": ["rfdetr"],
    "Detectron2": ["detectron2", "detectron2.model_zoo", "detectron2.engine"],
}
TINY_PIPELINE = """
import transformers
from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessorPil

sides = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3)
config = YolosConfig(**sides, image_size=[64, 96], patch_size=16, num_detection_tokens=5)
network, size = YolosForObjectDetection(config).eval(), {"height": 64, "width": 96}
processor = YolosImageProcessorPil(size=size)


def pipeline(task, model):
    return transformers.pipeline(task, model=network, image_processor=processor, device="cpu")
"""


def section(title: str) -> str:
    """The Python of a section of the page."""
    match = re.search(rf"^## {title}\n.*?^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def run(code: str, folder: Path) -> str:
    (folder / "assets").symlink_to(ROOT / "assets")
    paths = os.pathsep.join([str(ROOT / "src"), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", STAND_INS)
def test_the_page_runs_with_the_shapes_of(library: str, tmp_path: Path) -> None:
    made = "".join(
        f"sys.modules[{name!r}] = types.ModuleType({name!r})\n"
        + (f"setattr(sys.modules[{name.rpartition('.')[0]!r}], {name.rpartition('.')[2]!r}, "
           f"sys.modules[{name!r}])\n" if "." in name else "")
        for name in MODULES[library]
    )  # fmt: skip
    known = "\n".join(f"import {name}" for name in MODULES[library])
    before = (
        f"import sys, types\nimport test_other_libraries as shapes\n{made}{known}\n{STAND_INS[library]}\n"
    )
    assert run(before + section(library), tmp_path).strip() == "{1, 2}"


def test_the_page_runs_with_the_real_transformers(tmp_path: Path) -> None:
    if find_spec("torch") is None or find_spec("transformers") is None:
        pytest.skip("needs torch and transformers")
    page = section("transformers").replace("from transformers import pipeline\n", TINY_PIPELINE)
    assert run(page, tmp_path).startswith(("{", "set()"))


def test_a_notebook_shows_the_video(tmp_path: Path) -> None:
    page = section("Jupyter") + "\nprint(summary._repr_html_()[:80])\n"
    if find_spec("IPython") is not None:
        page += "from IPython.core.formatters import DisplayFormatter as D\n"
        page += "assert D().format(summary)[0]['text/html'] == summary._repr_html_()"
    assert '<video controls width="640" src="data:video/mp4;base64,AAAA' in run(page, tmp_path)
