"""The identity decoder: detections of now ask remembered observations whose identity they carry on.

Identity prediction after MOTIP (CVPR 2025, arXiv 2403.16848) and MOTIP2 (arXiv 2610.10391): a token is
what is known of a detection plus the embedding of its identity; layers of self-attention within the frame
and cross-attention to the past; a softmax over identities and "newborn". Ours adds what makes it work from
boxes alone: each pair of detection and memory carries how far the detection lies from where that memory's
path leads, in place, size and log depth, measured by the noise that the stream has shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.io.text_files import read_json
from deptr.tracking.learned.observations import LOG_H, LOG_W, LOG_Z, LOG_Z_STD, OBSERVED, SCORE
from deptr.training.identity.pairs import PAIR_TERMS, Past, known_of, or_zero, pair_terms

EMPTY = -30.0  # logit of an identity that nobody remembers
CODE_SEED = 7
KIND = "identity"


def is_identity(folder: str | Path) -> bool:
    """Whether a checkpoint folder holds an identity decoder."""
    file = Path(folder) / "config.json"
    content = read_json(file) if file.is_file() else None
    return isinstance(content, dict) and content.get("kind") == KIND


@dataclass(frozen=True)
class IdentityConfig:
    """Shape of an identity decoder.

    Attributes:
        identities: Most identities that are remembered at once.
        memory: Observations of each that are looked at.
        width: Of a token.
        heads: Of every attention.
        layers: Of the decoder.
        inner: Width inside the feed-forward blocks.
        pair_width: Width inside the network of the pairs.
        state_width: Width of a detector's query states; 0: it sees boxes alone.
        lost_seconds: How long an identity is remembered that nobody carries on.
    """

    identities: int = 256
    memory: int = 8
    width: int = 96
    heads: int = 4
    layers: int = 3
    inner: int = 192
    pair_width: int = 32
    state_width: int = 0
    lost_seconds: float = 2.0

    def as_dict(self) -> dict[str, float]:
        """The fields by name."""
        return asdict(self)


class Attention(nn.Module):
    """Multi-head attention whose keys and values come ready and whose logits take a bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, asking: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """``(B, D, C)`` from queries ``(B, D, C)``, keys and values ``(B, P, C)``, bias ``(B, H, D, P)``."""
        query, key, value = (self._split(part) for part in (self.query(asking), keys, values))
        weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + bias).softmax(-1)
        out: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return out

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class Layer(nn.Module):
    """Detections look at the past, then at each other."""

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        width = config.width
        self.past = Attention(width, config.heads)
        self.present = Attention(width, config.heads)
        self.present_keys = nn.Linear(width, 2 * width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.inner = nn.Sequential(nn.Linear(width, config.inner), nn.GELU(), nn.Linear(config.inner, width))
        self.nobody = nn.Parameter(0.02 * torch.randn(2, width))  # what is looked at where there is no past

    def forward(self, tokens: Tensor, past: Tensor, bias: Tensor, present_bias: Tensor) -> Tensor:
        """Tokens after this layer.

        Args:
            tokens: ``(B, D, C)``.
            past: ``(B, P, 2, C)`` keys and values.
            bias: ``(B, H, D, P)`` of the attention to them.
            present_bias: ``(B, 1, D, D)`` of the attention to each other.
        """
        nobody = self.nobody.expand(len(tokens), 1, -1, -1)
        past = torch.cat([past, nobody], dim=1)
        bias = functional.pad(bias, (0, 1))
        tokens = tokens + self.past(self.norms[0](tokens), past[:, :, 0], past[:, :, 1], bias)
        normed = self.norms[1](tokens)
        keys, values = self.present_keys(normed).chunk(2, dim=-1)
        tokens = tokens + self.present(normed, keys, values, present_bias)
        out: Tensor = tokens + self.inner(self.norms[2](tokens))
        return out


def _states_into(config: IdentityConfig) -> nn.Sequential:
    """From query states to what is added to tokens: little at first, so that boxes are relied on first."""
    last = nn.Linear(config.width, config.width)
    nn.init.normal_(last.weight, std=0.02)
    norm = nn.LayerNorm(config.state_width, elementwise_affine=False)
    return nn.Sequential(norm, nn.Linear(config.state_width, config.width), nn.GELU(), last)


class IdentityDecoder(nn.Module):
    """Which remembered identity each detection carries on.

    Args:
        config: Its shape.
    """

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        self.codes: Tensor
        self.config = config
        width = config.width
        self.token = nn.Sequential(nn.Linear(OBSERVED + 2, width), nn.GELU(), nn.Linear(width, width))
        self.state = _states_into(config) if config.state_width else None
        self.look = nn.Linear(width, width, bias=False) if config.state_width else None
        self.norm = nn.LayerNorm(width)
        generator = torch.Generator().manual_seed(CODE_SEED)
        codes = torch.randn(config.identities, width, generator=generator)
        self.register_buffer(
            "codes", functional.normalize(codes, dim=-1) * math.sqrt(width), persistent=False
        )
        self.identity = nn.Linear(width, width, bias=False)
        self.keys = nn.Linear(width, config.layers * 2 * width)
        biases = config.layers * config.heads + 1
        self.pairs = nn.Sequential(
            nn.Linear(PAIR_TERMS, config.pair_width), nn.GELU(), nn.Linear(config.pair_width, biases)
        )
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.layers)])
        self.last = nn.LayerNorm(width)
        self.names = nn.Linear(width, width)
        self.newborn = nn.Linear(width, 1)

    def tokens(self, seen: Tensor, states: Tensor | None, image: Tensor) -> Tensor:
        """``(B, D, C)`` tokens without identity of detections in images of width and height ``(B, 2)``."""
        depth = seen[..., LOG_Z]
        known = known_of(depth)
        count = known.sum(-1, keepdim=True).clamp(min=1)
        middle = or_zero(depth).sum(-1, keepdim=True) / count
        log_height = image[:, None, 1].log()
        features = torch.stack(
            [
                seen[..., 0] / image[:, None, 0] - 0.5,
                seen[..., 1] / image[:, None, 1] - 0.5,
                seen[..., LOG_W] - log_height + 2,
                seen[..., LOG_H] - log_height + 2,
                seen[..., LOG_W] - seen[..., LOG_H],
                torch.where(known, depth - middle, torch.zeros_like(depth)),
                seen[..., LOG_Z_STD].clamp(max=1.0),
                known.to(seen.dtype),
                seen[..., SCORE],
            ],
            dim=-1,
        )
        token = self.token(features)
        if self.state is not None:
            if states is None:
                raise ValueError("this decoder reads query states")
            token = token + self.state(states)
        normed: Tensor = self.norm(token)
        return normed

    def memory(self, tokens: Tensor) -> Tensor:
        """``(B, D, L, 2, C)`` keys and values under which tokens are remembered, without identity."""
        keys: Tensor = self.keys(tokens)
        return keys.reshape(*keys.shape[:-1], self.config.layers, 2, self.config.width)

    def slot_memory(self) -> Tensor:
        """``(K, L, 2, C)`` what each identity adds to them."""
        weight = self.keys.weight
        added = functional.linear(self.identity(self.codes), weight)
        return added.reshape(-1, self.config.layers, 2, self.config.width)

    def save_pretrained(self, save_directory: str | Path, *, half: bool = False) -> None:
        """Write the configuration and the weights to a folder, in half precision if wanted."""
        from safetensors.torch import save_file

        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        content = {"kind": KIND, **self.config.as_dict()}
        with atomic_path(folder / "config.json") as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        kind = torch.float16 if half else torch.float32
        weights = {
            name: value.detach().cpu().to(kind).contiguous() for name, value in self.state_dict().items()
        }
        with atomic_path(folder / "model.safetensors") as temporary:
            save_file(weights, temporary)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, changes: Mapping[str, float] | None = None
    ) -> IdentityDecoder:
        """Read what `save_pretrained` wrote.

        Args:
            folder: Where it lies.
            changes: Fields of its configuration that are to be others, such as more ``identities``.

        Raises:
            DataError: A file is missing, damaged or of another kind of model.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = Path(folder)
        content = read_json(folder / "config.json")
        if not isinstance(content, dict) or content.pop("kind", None) != KIND:
            raise DataError(folder / "config.json", "no identity decoder", expected=f'"kind": "{KIND}"')
        try:
            decoder = cls(IdentityConfig(**(content | dict(changes or {}))))
            decoder.load_state_dict(load_file(folder / "model.safetensors"))
        except (OSError, TypeError, RuntimeError, SafetensorError) as error:
            raise DataError(folder, "not a whole identity decoder", found=str(error)[:200]) from error
        return decoder.eval()

    def forward(
        self,
        tokens: Tensor,
        seen: Tensor,
        past: Past,
        context: Tensor,
        *,
        visible: Tensor,
        together: Tensor,
    ) -> Tensor:
        """``(B, D, K + 1)`` logits of each identity and, last, of a newborn.

        Args:
            tokens: ``(B, D, C)`` of the detections.
            seen: ``(B, D, 7)`` the detections.
            past: What is remembered.
            context: ``(B, 13)`` see `History.context`.
            visible: ``(B, D, P)`` which memories each detection may look at.
            together: ``(B, D, D)`` which detections are of the same frame.
        """
        config = self.config
        pairs = self.pairs(pair_terms(seen, past, context))
        biases = pairs[..., 1:].unflatten(-1, (config.layers, config.heads)).permute(0, 3, 4, 1, 2)
        hidden = torch.where(visible, 0.0, -1e4)[:, None]
        apart = torch.where(together, 0.0, -1e4)[:, None]
        remembered = past.keys + self.slot_memory()[past.slots]
        asking = tokens
        for index, layer in enumerate(self.layers):
            tokens = layer(tokens, remembered[:, :, index], biases[:, index] + hidden, apart)
        tokens = self.last(tokens)
        evidence = pairs[..., 0]
        if self.look is not None:  # how alike both are, for the pair alone
            alike = self.look(asking) @ past.keys[:, :, 0, 0].transpose(1, 2)
            evidence = evidence + alike / math.sqrt(config.width)
        evidence = torch.where(visible, evidence, torch.full_like(evidence, -1e4))
        return torch.cat([self._identities(tokens, evidence, past.slots), self.newborn(tokens)], dim=-1)

    def _identities(self, tokens: Tensor, evidence: Tensor, slots: Tensor) -> Tensor:
        """``(B, D, K)`` logits: the pairs' evidence summed over each identity, plus what the tokens name."""
        count = self.config.identities
        member = functional.one_hot(slots, count).to(evidence.dtype)
        top = functional.pad(evidence, (0, 1), value=-1e3).amax(-1, keepdim=True).detach()
        mass = (evidence - top).exp() @ member
        named = self.names(tokens) @ functional.normalize(self.identity(self.codes), dim=-1).T
        pooled = mass.clamp(min=1e-20).log() + top
        return torch.where(mass > 1e-15, pooled + named, torch.full_like(pooled, EMPTY))
