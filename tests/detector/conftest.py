"""The detector's network needs torch and transformers, which Python 3.10 does not get."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("transformers") and find_spec("torch") else ["*.py"]
