"""Teachers need torch and transformers; small tensors are fastest on one thread, and the kill test forks."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("transformers") and find_spec("torch") else ["*.py"]
if not collect_ignore_glob:
    import torch

    torch.set_num_threads(1)
