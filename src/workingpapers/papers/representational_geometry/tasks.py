"""A family of tasks on binary factors whose inputs are more or less aligned with the labels."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.decoding import dichotomies
from workingpapers.parts.kernel_alignment import as_float64

INPUTS = ("unstructured", "structured")
TARGETS = ("bits", "first", "xor", "dichotomy")


@dataclass(frozen=True, eq=False)
class BinaryFactorTask:
    r"""Noisy clusters, one for each setting of q binary factors, with binary labels.

    `x = c + noise · N(0, I) / sqrt(dim)` with `c = sqrt(1 - separability) c0 + sqrt(separability) y_1 u`, u a random
    unit vector. Unstructured centres are `c0 ~ N(0, I)`, structured ones `c0 = sum_b s_b a_b` with one direction for
    each factor; both are scaled to a mean squared norm of 1. Bit b of condition c is `(c >> b) & 1`, as -1 or 1.

    Args:
        n_factors: q; there are `2**q` conditions.
        dim: Width of the inputs.
        inputs: `"unstructured"` or `"structured"`.
        targets: `"bits"`, all factors; `"first"`, the first one; `"xor"`, whether the first two differ;
            `"dichotomy"`, one random balanced dichotomy; or an array `(2**q, outputs)` of -1 and 1.
        separability: In [0, 1]: 0 leaves the centres alone, 1 leaves nothing but the first label.
        noise: Norm of the noise, roughly; 0 or more.
        seed: Of the centres, of u and of the random dichotomy.
        dtype: Of the samples.

    Raises:
        InvalidParameterError: a value outside what is allowed, an empty side, or an array of another shape.

    Differs from the paper: its definition of separability is not verified; this one is ours.

    Example:
        >>> task = BinaryFactorTask(n_factors=3, targets="xor")
        >>> x, y, condition = task.sample(100, torch.Generator().manual_seed(0))
        >>> x.shape, y.shape, condition.max().item()
        (torch.Size([100, 50]), torch.Size([100, 1]), 7)
    """

    n_factors: int = 3
    dim: int = 50
    inputs: str = "unstructured"
    targets: Any = "bits"
    separability: float = 0.0
    noise: float = 0.3
    seed: int = 0
    dtype: torch.dtype = torch.float32
    bits: Float[Tensor, "conditions factors"] = field(init=False, repr=False)
    labels: Float[Tensor, "conditions outputs"] = field(init=False, repr=False)
    centres: Float[Tensor, "conditions dim"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.n_factors <= 16:
            raise InvalidParameterError(f"n_factors is {self.n_factors}; give 1 to 16")
        if self.dim < 1:
            raise InvalidParameterError(f"dim is {self.dim}; give at least 1")
        if self.inputs not in INPUTS:
            raise InvalidParameterError(f"inputs is {self.inputs!r}; {' and '.join(map(repr, INPUTS))} are known")
        if not 0.0 <= self.separability <= 1.0:
            raise InvalidParameterError(f"separability is {self.separability}; give a number in [0, 1]")
        if not (self.noise >= 0.0 and np.isfinite(self.noise)):
            raise InvalidParameterError(f"noise is {self.noise}; give a finite number, 0 or more")
        index = torch.arange(self.n_conditions)
        bits = 2.0 * ((index[:, None] >> torch.arange(self.n_factors)) & 1).double() - 1
        labels = self._labels(bits)
        object.__setattr__(self, "bits", bits.to(self.dtype))
        object.__setattr__(self, "labels", labels.to(self.dtype))
        object.__setattr__(self, "centres", self._centres(bits, labels).to(self.dtype))

    @property
    def n_conditions(self) -> int:
        """`2**n_factors`."""
        return 2**self.n_factors

    @property
    def n_outputs(self) -> int:
        """Number of labels."""
        return self.labels.shape[1]

    def with_seed(self, seed: int) -> "BinaryFactorTask":
        """The same task with other centres."""
        return replace(self, seed=seed)

    def sample(
        self, n: int, generator: torch.Generator, *, noise: float | None = None
    ) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n outputs"], Int64[Tensor, " n"]]:
        """Draw samples; all conditions are equally likely.

        Args:
            n: Number of samples, at least 1.
            generator: Source of randomness; samples lie on its device.
            noise: In place of the task's own.

        Returns:
            Inputs `(n, dim)`, labels `(n, outputs)` of -1 and 1, and the condition of each sample `(n,)`.

        Raises:
            InvalidParameterError: `n` below 1.
        """
        if n < 1:
            raise InvalidParameterError(f"n is {n}; give at least 1")
        device = generator.device
        condition = torch.randint(self.n_conditions, (n,), generator=generator, device=device)
        draws = torch.randn(n, self.dim, generator=generator, device=device, dtype=self.dtype)
        scale = (self.noise if noise is None else noise) / self.dim**0.5
        return self.centres.to(device)[condition] + scale * draws, self.labels.to(device)[condition], condition

    def _labels(self, bits: Tensor) -> Tensor:
        if isinstance(self.targets, str):
            if self.targets == "bits":
                return bits
            if self.targets == "first":
                return bits[:, :1]
            if self.targets == "xor":
                if self.n_factors < 2:
                    raise InvalidParameterError(
                        "targets is 'xor' with n_factors 1; exclusive or needs at least 2 factors"
                    )
                return -bits[:, :1] * bits[:, 1:2]
            if self.targets == "dichotomy":
                return dichotomies(self.n_conditions, 1, random_state=self.seed)
            raise InvalidParameterError(
                f"targets is {self.targets!r}; {', '.join(map(repr, TARGETS))} are known, or give an array of -1 and 1"
            )
        labels = as_float64(self.targets, "targets").cpu()
        labels = labels[:, None] if labels.ndim == 1 else labels
        if labels.ndim != 2 or len(labels) != self.n_conditions or labels.shape[1] < 1:
            raise InvalidParameterError(
                f"targets has shape {tuple(labels.shape)}; {self.n_factors} factors need ({self.n_conditions}, outputs)"
            )
        if not bool((labels.abs() == 1).all()):
            raise InvalidParameterError("targets holds other values than -1 and 1; give only these")
        if bool((labels.abs().sum(0) == labels.sum(0).abs()).any()):
            raise InvalidParameterError("a column of targets has an empty side; both -1 and 1 must occur in each")
        return labels

    def _centres(self, bits: Tensor, labels: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        rows = self.n_conditions if self.inputs == "unstructured" else self.n_factors
        centres = torch.randn(rows, self.dim, generator=generator, dtype=torch.float64)
        if self.inputs == "structured":
            centres = bits @ centres
        centres = centres / (centres**2).sum(1).mean().sqrt()
        direction = torch.randn(self.dim, generator=generator, dtype=torch.float64)
        direction = direction / torch.linalg.vector_norm(direction)
        return (1 - self.separability) ** 0.5 * centres + self.separability**0.5 * labels[:, :1] * direction
