"""Random Teachers are Good Teachers (arXiv 2302.12091): where the student starts.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements the locality parameter alpha of section 4: a variance-preserving mixture of teacher and fresh draw.
Differences from the paper: none known.
"""

from typing import Any

import torch
from torch import nn

from workingpapers.papers.random_teachers.checks import same_shapes
from workingpapers.parts.checks import real_number, torch_module


@torch.no_grad()
def interpolate_parameters_(
    student: nn.Module, teacher: nn.Module, fresh: nn.Module, alpha: Any, *, variance_preserving: bool = True
) -> nn.Module:
    """Set the student's parameters, in place, to a mixture of the teacher's and a fresh draw.

    `student = ((1 - alpha) teacher + alpha fresh) / sqrt(alpha^2 + (1 - alpha)^2)`, over all parameters. Where teacher
    and fresh draw are independent with equal variance, the mixture has that variance too. Buffers are left alone.

    Args:
        student: Module whose parameters are overwritten.
        teacher: Module at alpha 0; not changed.
        fresh: Module at alpha 1; not changed.
        alpha: Number in [0, 1].
        variance_preserving: Whether to divide by the root; without, the mixture is the plain straight line.

    Returns:
        The student, the same object.

    Raises:
        InvalidParameterError: alpha outside [0, 1], or parameters of other names or shapes; nothing is changed then.
        InvalidTypeError: no modules, or alpha no number.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> teacher, fresh, student = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2)
        >>> torch.equal(interpolate_parameters_(student, teacher, fresh, 1.0).weight, fresh.weight)
        True
    """
    alpha = real_number("alpha", alpha, least=0.0, most=1.0)
    named = {
        name: dict(torch_module(name, module).named_parameters())
        for name, module in (("student", student), ("teacher", teacher), ("fresh", fresh))
    }
    same_shapes(named["teacher"], named["student"], ("teacher", "student"))
    same_shapes(named["teacher"], named["fresh"], ("teacher", "fresh"))
    scale = (alpha**2 + (1 - alpha) ** 2) ** 0.5 if variance_preserving else 1.0
    for key, parameter in named["student"].items():
        if alpha in (0.0, 1.0):  # exact, also where the other end holds infinite values
            parameter.copy_(named["teacher" if alpha == 0 else "fresh"][key])
            continue
        # double precision: a share of 1e-10 is below the resolution of float32 for all but the smallest weights
        start, end = (named[name][key].to(parameter.device, _precise(parameter)) for name in ("teacher", "fresh"))
        parameter.copy_(((1 - alpha) * start + alpha * end) / scale)
    return student


def _precise(parameter: nn.Parameter) -> torch.dtype:
    return torch.complex128 if parameter.is_complex() else torch.float64
