"""Small tensors are fastest on one thread, and the kill test forks."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
