"""How detections lie to where remembered observations lead, as the identity decoder reads it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from deptr.tracking.learned.observations import (
    LESSONS,
    LOG_H,
    LOG_W,
    LOG_Z,
    LOG_Z_STD,
    NEAREST,
    PATH,
    SCORE,
    SPEEDS,
    SPREAD,
    STEP_S,
    U,
    V,
)

PAIR_TERMS = 40


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
    known = known_of(now[..., LOG_Z]) & known_of(then[..., LOG_Z])
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
        residual = torch.where(known[..., None], residual, or_zero(residual)).clamp(-1e3, 1e3)
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


def or_zero(values: Tensor) -> Tensor:
    """The numbers, 0 where there is none."""
    return torch.where(known_of(values), values, torch.zeros_like(values))


def known_of(values: Tensor) -> Tensor:
    """Where there is a number; the exporter knows no other way to ask."""
    return values == values  # noqa: PLR0124
