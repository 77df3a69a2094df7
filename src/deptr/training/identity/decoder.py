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
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.io.text_files import read_json
from deptr.tracking.learned.observations import (
    LESSONS,
    LOG_H,
    LOG_W,
    LOG_Z,
    LOG_Z_STD,
    NEAREST,
    OBSERVED,
    PATH,
    SCORE,
    SPEEDS,
    SPREAD,
    STEP_S,
    U,
    V,
)

PAIR_TERMS = 40
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


class Past(NamedTuple):
    """Remembered observations as the decoder reads them, ``B`` scenes, ``P`` observations each.

    Attributes:
        keys: ``(B, P, L, 2, C)`` keys and values of each layer, without identity.
        seen: ``(B, P, 7)`` observations, moved with the camera to now.
        paths: ``(B, P, 16)`` step, smooth, slope and whether there was one before, see `Paths`.
        slots: ``(B, P)`` identity.
        since: ``(B, P)`` seconds that have passed.
        rank: ``(B, P)`` how many newer ones of the same identity there are.
        period: ``(B,)`` width of a panorama in pixels, see `Recall`.
    """

    keys: Tensor
    seen: Tensor
    paths: Tensor
    slots: Tensor
    since: Tensor
    rank: Tensor
    period: Tensor


def pair_terms(seen: Tensor, past: Past, context: Tensor) -> Tensor:
    """``(B, D, P, 40)`` how detections ``(B, D, 7)`` lie to where each remembered observation leads.

    Squared residuals stand as logarithms, so that a sum of them is the log-likelihood of a Student's t.
    """
    now, then = seen[:, :, None], past.seen[:, None]
    step, smooth = past.paths[..., :PATH], past.paths[..., PATH : 2 * PATH]
    slope, had = past.paths[..., 2 * PATH : 3 * PATH], past.paths[..., 3 * PATH]
    since = past.since[..., None]
    known = _known(now[..., LOG_Z]) & _known(then[..., LOG_Z])
    noise = context[:, None, None, :PATH].exp()
    speed = context[:, None, None, SPEEDS:].exp()
    terms: list[Tensor] = []
    log_since = since.clamp(min=1e-3)
    for origin, change in ((past.seen[..., :PATH], step), (smooth, slope), (past.seen[..., :PATH], None)):
        led = origin if change is None else _led(origin, change * since)
        residual = now[..., :PATH] - led[:, None]
        period = past.period[:, None, None]
        across = residual[..., 0] - period * torch.round(residual[..., 0] / period)
        residual = torch.cat([across[..., None], residual[..., 1:]], dim=-1)
        height = led[:, None, :, LOG_H, None].clamp(-3, 12).exp()  # a wild slope must not overflow
        foot = (
            now[..., 1:2] + now[..., LOG_H : LOG_H + 1].exp() / 2 - (led[:, None, :, 1:2] + height / 2)
        ) / height
        residual = torch.cat([residual[..., :2] / height, residual[..., 2:]], dim=-1)
        residual = torch.where(known[..., None], residual, _or_zero(residual)).clamp(-1e3, 1e3)
        scale = noise if change is not None else noise + speed * log_since[:, None]
        terms += list(torch.log1p((residual / scale) ** 2).unbind(-1))
        terms.append(torch.log1p((foot[..., 0].clamp(-1e3, 1e3) / scale[..., 1]) ** 2))
        if change is not None:
            wide = 4 * noise + 0.5 * log_since[:, None]
            terms.append(torch.log1p((residual[..., :2] / wide[..., :2]).square().sum(-1)))
    spread = now[..., LOG_Z_STD] ** 2 + then[..., LOG_Z_STD] ** 2
    off = torch.where(known, now[..., LOG_Z] - then[..., LOG_Z], torch.zeros_like(spread))
    terms.append(torch.log1p(off**2 / spread.clamp(min=1e-6)))
    shape = terms[0]
    flat: list[Tensor] = [
        known.to(shape.dtype),
        log_since[:, None, :, 0].log(),
        past.since[:, None],
        had[:, None],
        1 / (1 + past.rank[:, None]),
        now[..., SCORE],
        then[..., SCORE],
    ]
    told = (
        U,
        V,
        LOG_W,
        LOG_H,
        SPREAD,
        LOG_Z,
        LESSONS,
        STEP_S,
        *(SPEEDS + axis for axis in (U, V, LOG_H, LOG_Z)),
    )
    flat += [context[:, None, None, column] for column in told]
    terms += [entry.expand_as(shape) for entry in flat]
    return torch.stack(terms, dim=-1)


def _led(origin: Tensor, way: Tensor) -> Tensor:
    """Where ``(..., 5)`` places lead in perspective, see `deptr.tracking.learned.observations`."""
    near = 1 - way[..., LOG_H]
    near = torch.where(near < NEAREST, torch.ones_like(near), near)
    far = 1 + way[..., LOG_Z]
    far = torch.where(far < NEAREST, torch.ones_like(far), far)
    return torch.stack(
        [
            origin[..., U] + way[..., U] / near,
            origin[..., V] + way[..., V] / near,
            origin[..., LOG_W] + way[..., LOG_W] - way[..., LOG_H] - near.log(),
            origin[..., LOG_H] - near.log(),
            origin[..., LOG_Z] + far.log(),
        ],
        dim=-1,
    )


def _or_zero(values: Tensor) -> Tensor:
    return torch.where(_known(values), values, torch.zeros_like(values))


def _known(values: Tensor) -> Tensor:
    """Where there is a number; the exporter knows no other way to ask."""
    return values == values  # noqa: PLR0124


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
        known = _known(depth)
        count = known.sum(-1, keepdim=True).clamp(min=1)
        middle = _or_zero(depth).sum(-1, keepdim=True) / count
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
