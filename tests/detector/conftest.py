"""The detector's network needs transformers, which Python 3.10 does not get: nothing to collect there."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("transformers") and find_spec("torch") else ["test_*.py"]
