"""The words for forms of export, known without anything that reads them."""

from __future__ import annotations

FORMATS = ("rt-detr", "transformers", "rf-detr", "yolo-nms", "yolov5", "yolox", "rt-detr-rows", "yolov8")
