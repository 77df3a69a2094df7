"""Detectors that others trained: ONNX files of the common exports, and checkpoints of transformers."""
