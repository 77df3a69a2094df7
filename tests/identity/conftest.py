"""These tests need torch and accelerate, the training extra."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("accelerate") and find_spec("torch") else ["*.py"]
