"""Needs torch and transformers, which Python 3.10 does not get; one thread always gives the same sums."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("transformers") and find_spec("torch") else ["*.py"]
if not collect_ignore_glob:
    import torch

    torch.set_num_threads(1)
