"""Random Teachers are Good Teachers (arXiv 2302.12091): the loss between teacher and student.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements the cross-entropy of softmaxes of section 2, split into KL divergence and the teacher's entropy.
Differences from the paper: the KL is what is minimised and logged; its gradient is that of the cross-entropy.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import real_number


class DistillationLoss(NamedTuple):
    """Means over the batch, in nats, each of shape `()`.

    Args:
        cross_entropy: `-sum_j p_T(j) log p_S(j)`; equals `kl + teacher_entropy`.
        kl: `sum_j p_T(j) (log p_T(j) - log p_S(j))`.
        teacher_entropy: `-sum_j p_T(j) log p_T(j)`.

    Example:
        >>> import torch
        >>> float(distillation_loss(torch.zeros(1, 4), torch.zeros(1, 4)).kl)
        0.0
    """

    cross_entropy: Tensor
    kl: Tensor
    teacher_entropy: Tensor


def distillation_loss(
    teacher: Float[Tensor, "batch outputs"], student: Float[Tensor, "same_batch same_outputs"], temperature: Any = 1.0
) -> DistillationLoss:
    """Cross-entropy of two softmaxes and its parts, in float32 or better.

    Args:
        teacher: The teacher's logits, shape `(batch, outputs)`.
        student: The student's logits, the same shape.
        temperature: By which both are divided.

    Returns:
        The three means over the batch; gradients reach the student's logits through the first two.

    Raises:
        InvalidParameterError: shapes that differ, or a temperature not above 0.

    Example:
        >>> import torch
        >>> parts = distillation_loss(torch.randn(5, 9), torch.randn(5, 9))
        >>> bool((parts.cross_entropy - parts.kl - parts.teacher_entropy).abs() < 1e-6)
        True
    """
    if teacher.shape != student.shape:
        raise InvalidParameterError(
            f"teacher and student logits have shapes {tuple(teacher.shape)} and {tuple(student.shape)}; give equal ones"
        )
    temperature = real_number("temperature", temperature, above=0.0)
    log_p, log_q = (log_softmax(each, temperature) for each in (teacher, student))
    p = log_p.exp()
    entropy = -(p * log_p).sum(-1).mean()
    return DistillationLoss(-(p * log_q).sum(-1).mean(), kl_of(log_p, log_q), entropy)


def log_softmax(logits: Tensor, temperature: float | int) -> Tensor:
    """Of logits over temperature, along the last axis, in float32 or better: a KL of 1e-6 needs it."""
    precise = logits if logits.dtype == torch.float64 else logits.float()
    return (precise / temperature if temperature != 1 else precise).log_softmax(-1)


def kl_of(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Mean over the batch of the KL divergence from log-probabilities, summed as differences: exactly 0 where equal."""
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()
