"""Loss terms of depth and alignment, each a function of tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

LIKELIHOOD_WEIGHT = 0.25


def label_weight(label_std: Tensor, half_at: float) -> Tensor:
    """How much a label counts: 1 when exact, one half at a deviation of `half_at`, 1 when not stated.

    Example:
        >>> label_weight(torch.tensor([0.0, 0.1, float("nan")]), 0.1).tolist()
        [1.0, 0.5, 1.0]
    """
    std = torch.nan_to_num(label_std, nan=0.0)
    return half_at**2 / (half_at**2 + std**2)


def depth_loss(predicted: Tensor, log_scale: Tensor | None, label: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over the known labels of the absolute error, and of how well its scale is known.

    A term is ``|error|``, and with a predicted scale ``b`` also a quarter of ``|error| / b + log b``, the
    negative log-likelihood of a Laplace distribution without its constant. The likelihood teaches ``b`` only:
    were the depth to learn from it too, a confident network's gradient would grow as ``1 / b`` and drown the
    boxes'. Depth of metric and relative kind is in logarithms, so the error is relative.

    Args:
        predicted: ``(N,)`` depth in the network's unit.
        log_scale: ``(N,)`` logarithm of ``b``, or None.
        label: ``(N,)`` in the same unit, NaN = unknown: no term.
        weight: ``(N,)`` in [0, 1].

    Returns:
        A scalar; 0, with a gradient of 0, when nothing is known.

    Example:
        >>> z, label = torch.tensor([1.0, 2.0]), torch.tensor([3.0, float("nan")])
        >>> depth_loss(z, None, label, torch.ones(2)).item()
        2.0
    """
    known = ~torch.isnan(label)
    error = (predicted - torch.where(known, label, predicted.detach())).abs()
    terms = error
    if log_scale is not None:
        terms = terms + LIKELIHOOD_WEIGHT * (error.detach() * torch.exp(-log_scale) + log_scale)
    weight = weight * known
    return (terms * weight).sum() / weight.sum().clamp(min=1e-6)


def align_scale_and_shift(predicted: Tensor, label: Tensor, *, with_scale: bool) -> Tensor:
    """The label brought to the prediction's scale and shift by least squares, without a gradient.

    Args:
        predicted: ``(N,)``.
        label: ``(N,)`` known labels of one image.
        with_scale: Fit a scale besides the shift. Without, only the means are made equal (a free scale of
            depth is a shift of its logarithm).

    Returns:
        ``(N,)``; NaN, meaning unknown, where there are too few labels to fit (fewer than 2, or 3 with scale).

    Example:
        >>> label = torch.tensor([1.0, 2.0, 3.0])
        >>> align_scale_and_shift(10 - 2 * label, label, with_scale=False)
        tensor([5., 6., 7.])
    """
    if len(label) < (3 if with_scale else 2):
        return torch.full_like(label, float("nan"))
    target = predicted.detach()
    centred = label - label.mean()
    scale = torch.ones_like(label.mean())
    if with_scale:
        scale = (centred * (target - target.mean())).sum() / centred.square().sum().clamp(min=1e-6)
        scale = scale.clamp(min=1e-2)  # a negative scale would turn near and far around
    return centred * scale + target.mean()


def distillation_loss(
    student: Tensor, teacher: Tensor, weight: Tensor, matched: Tensor, *, temperature: float = 5.0
) -> Tensor:
    """Divergence of a layer's edge distributions from the last layer's, matched and other queries apart.

    Each of the two groups counts by the square root of its size, so that the many queries on nothing do not
    drown the few on objects.

    Args:
        student: ``(N, 4, bins)`` logits of a layer.
        teacher: ``(N, 4, bins)`` logits of the last layer, without a gradient.
        weight: ``(N,)`` how far the teacher is to be trusted, in [0, 1].
        matched: ``(N,)`` bool.
        temperature: Softens both distributions; D-FINE's value.

    Source:
        Decoupled distillation focal loss of D-FINE, arXiv:2410.13842, section 4.2.
    """
    own = functional.log_softmax(student / temperature, dim=-1)
    aim = functional.log_softmax(teacher / temperature, dim=-1)
    divergence = (aim.exp() * (aim - own)).sum(-1).mean(-1) * weight * temperature**2
    total, balance = divergence.sum() * 0, divergence.new_zeros(())
    for group in (matched, ~matched):
        size = group.sum()
        mean = (divergence * group).sum() / size.clamp(min=1)
        total, balance = total + mean * size.sqrt(), balance + size.sqrt()
    return total / balance.clamp(min=1)


def steadiness_loss(off: Tensor, depth: Tensor | None, pairs: Tensor, shift: Tensor) -> Tensor:
    """How differently two views of the same objects are answered.

    Boxes are compared by how far they are off their labels: what is wrong in a label is wrong in both views
    and drops out, so that doubtful labels teach steadiness too.

    Args:
        off: ``(M, 4)`` predicted minus true box, in box sides.
        depth: ``(M,)`` in the network's logarithmic unit, NaN = not predicted; None without depth.
        pairs: ``(P, 2)`` rows that are one object.
        shift: ``(P,)`` by how much the first row's depth is larger.

    Example:
        >>> off = torch.tensor([[0.1, 0.0, 0.0, 0.0], [-0.1, 0.0, 0.0, 0.0]])
        >>> round(steadiness_loss(off, None, torch.tensor([[0, 1]]), torch.zeros(1)).item(), 3)
        0.2
    """
    count = max(1, len(pairs))
    total = (off[pairs[:, 0]] - off[pairs[:, 1]]).abs().clamp(max=1).sum() / count
    if depth is not None:
        gap = depth[pairs[:, 0]] - depth[pairs[:, 1]] - shift
        total = total + torch.nan_to_num(gap).abs().sum() / count
    return total


def feature_alignment_loss(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """One minus the cosine between encoder maps and the depth teacher's features, without parameters.

    Channels and places of the teacher's maps are interpolated to the student's.

    Args:
        student: Maps ``(B, C, H, W)`` per level.
        teacher: Maps ``(B, C', H', W')`` per level.

    Returns:
        Mean over levels and places, in [0, 2].

    Source:
        L_align of DepTR-MOT, arXiv:2509.17323.

    Example:
        >>> level = torch.ones(1, 4, 2, 2)
        >>> round(feature_alignment_loss([level], [2 * level]).item(), 6)
        0.0
    """
    terms = []
    for own, other in zip(student, teacher, strict=True):
        size = own.shape[1:]
        resized = functional.interpolate(other.detach()[:, None].float(), size=size, mode="trilinear")[:, 0]
        terms.append(1 - functional.cosine_similarity(own.float(), resized, dim=1).mean())
    return torch.stack(terms).mean()
