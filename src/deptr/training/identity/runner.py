"""An identity decoder in torch behind the tracker's protocol."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deptr.records import FloatArray, IntArray
from deptr.tracking.learned.memory import Recall
from deptr.tracking.learned.network import Shape
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder
from deptr.training.identity.pairs import Past


def shape_of(config: IdentityConfig) -> Shape:
    """What the tracker must know of a decoder."""
    return Shape(config.identities, config.memory, config.layers, config.width, config.state_width)


class OneFrame(nn.Module):
    """The decoder on one frame, without a batch dimension: what is exported.

    Args:
        decoder: The decoder.
    """

    def __init__(self, decoder: IdentityDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(  # noqa: PLR0917 - the exporter gives inputs by place
        self,
        seen: Tensor,
        keys: Tensor,
        past: Tensor,
        paths: Tensor,
        slots: Tensor,
        since: Tensor,
        rank: Tensor,
        context: Tensor,
        extent: Tensor,
        period: Tensor,
        states: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Logits ``(D, K + 1)`` and what to remember ``(D, L, 2, C)``; see `IdentityNetwork`."""
        decoder = self.decoder
        tokens = decoder.tokens(seen[None], None if states is None else states[None], extent[None])
        remembered = Past(keys[None], past[None], paths[None], slots[None], since[None], rank[None], period)
        visible = torch.ones_like(seen[:, :1] @ past[:, :1].T, dtype=torch.bool)[None]
        together = torch.ones_like(seen[:, :1] @ seen[:, :1].T, dtype=torch.bool)[None]
        logits = decoder(tokens, seen[None], remembered, context[None], visible=visible, together=together)
        return logits[0], decoder.memory(tokens)[0]


class TorchIdentityNetwork:
    """A decoder in torch behind `deptr.tracking.learned.network.IdentityNetwork`.

    Args:
        decoder: The decoder, in evaluation mode.
    """

    def __init__(self, decoder: IdentityDecoder) -> None:
        self.shape = shape_of(decoder.config)
        self._frame = OneFrame(decoder.eval())

    @torch.inference_mode()
    def __call__(
        self, seen: FloatArray, states: FloatArray | None, recall: Recall
    ) -> tuple[FloatArray, FloatArray]:
        """See `IdentityNetwork`."""

        def tensor(values: FloatArray | IntArray) -> Tensor:
            return torch.from_numpy(np.asarray(values, np.float32))

        logits, keys = self._frame(
            tensor(seen),
            tensor(recall.payload),
            tensor(recall.seen),
            tensor(recall.paths),
            torch.from_numpy(recall.slots),
            tensor(recall.since),
            tensor(recall.rank),
            tensor(recall.context),
            tensor(recall.extent),
            torch.tensor([recall.period], dtype=torch.float32),
            None if states is None else tensor(states),
        )
        return logits.double().numpy(), keys.numpy()
