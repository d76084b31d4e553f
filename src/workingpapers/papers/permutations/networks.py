"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): the networks, one or many at once.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements f(x) = W2 relu(W1 x / √k) / √n with standard normal weights, trained by full-batch gradient descent.
Differences from the paper: many networks are trained as one batch; the official code has biases and other scales.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import SupportsIndex

import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import whole_number

_CHUNK = 2**17  # numbers in one layer of the networks that are trained together: they stay in the processor's cache
_ROOM = 2**22  # numbers of hidden activity held at once while predicting


class PermutationNetwork(nn.Module):
    r"""The paper's network for one's own training loop: two layers, no biases, inputs normalised to unit length.

        f(x) = 1/√n · W2 relu(1/√k · W1 x/|x|),    entries of W1, W2 standard normal.

    Args:
        k: Length of inputs and outputs, at least 2.
        width: Number n of hidden units.
        generator: CPU generator of the initial weights; None for torch's global one.
        device: Where the weights lie.
        dtype: Their type.

    Raises:
        InvalidParameterError: k below 2 or width below 1.
        InvalidTypeError: they are no whole numbers.

    Differs from the paper:
        None known. A zero input gives zeros.

    Example:
        >>> net = PermutationNetwork(6, 500)
        >>> net(torch.eye(6)).shape
        torch.Size([6, 6])
    """

    def __init__(
        self,
        k: SupportsIndex,
        width: SupportsIndex = 1000,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.k, self.width = whole_number("k", k, least=2), whole_number("width", width, least=1)
        self.first = nn.Parameter(torch.empty(self.width, self.k, device=device, dtype=dtype))
        self.second = nn.Parameter(torch.empty(self.k, self.width, device=device, dtype=dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw both layers anew, on the CPU, so that a seed means the same on every device."""
        with torch.no_grad():
            for weight in (self.first, self.second):
                if not weight.is_meta:
                    weight.copy_(torch.randn(weight.shape, generator=generator, dtype=_drawn(weight.dtype)))

    def forward(self, x: Float[Tensor, "... k"]) -> Float[Tensor, "... k"]:
        """Outputs `(..., k)` for inputs `(..., k)` of any length above 0.

        Raises:
            InvalidParameterError: the last axis is not k long.
        """
        if x.shape[-1:] != (self.k,):
            raise InvalidParameterError(f"x has shape {tuple(x.shape)}; give shape (..., {self.k})")
        unit = nn.functional.normalize(x, dim=-1)
        hidden = torch.relu(nn.functional.linear(unit, self.first) / math.sqrt(self.k))
        return nn.functional.linear(hidden, self.second) / math.sqrt(self.width)

    def extra_repr(self) -> str:
        return f"k={self.k}, width={self.width}"


@dataclass
class TrainedNetworks:
    """Many trained networks: `first` is `(N, n, k)`, `second` `(N, k, n)`, `loss` `(N,)` half sums of squares."""

    first: Tensor
    second: Tensor
    loss: Tensor

    def mean_output(self, rows: Tensor) -> Tensor:
        """Mean over the networks, float64 `(r, k)`, at unit inputs `(r, k)`. One wide network is what they make."""
        n_models, width, k = self.first.shape
        first, second = self.first.reshape(-1, k), self.second.transpose(0, 1).reshape(k, -1)
        total = torch.zeros(len(rows), k, dtype=torch.float64)
        units = max(1, min(len(first), _ROOM // min(len(rows), 1024)))
        for at in range(0, len(rows), 1024):
            part = rows[at : at + 1024].to(first)
            for start in range(0, len(first), units):
                hidden = torch.relu_(part @ first[start : start + units].T)
                total[at : at + 1024] += (hidden @ second[:, start : start + units].T).double().cpu()
        return total / (n_models * math.sqrt(k * width))

    def outputs(self, rows: Tensor) -> Tensor:
        """Each network's outputs, `(N, r, k)`, at unit inputs `(r, k)`."""
        n_models, width, k = self.first.shape
        made = torch.empty(n_models, len(rows), k, dtype=self.first.dtype, device=self.first.device)
        columns = rows.to(self.first).T
        step = max(1, _ROOM // 8 // (width * len(rows)))
        for start in range(0, n_models, step):
            hidden = torch.relu_(self.first[start : start + step] @ columns)
            made[start : start + step] = (self.second[start : start + step] @ hidden).transpose(1, 2)
        return made / math.sqrt(k * width)


def unit_rows(rows: Tensor) -> Tensor:
    """Nonzero binary rows, float64, normalised to unit length."""
    rows = rows.double()
    return rows / rows.sum(-1, keepdim=True).sqrt()


def train_networks(
    targets: Tensor,
    n_models: int,
    *,
    width: int,
    steps: int,
    lr: float,
    seed: int,
    layers: str = "both",
    inputs: Tensor | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    progress: bool = False,
) -> TrainedNetworks:
    """Train independent networks on the basis vectors by gradient descent on half the sum of squared errors.

    The i-th input e_i only picks column i of W1, so no product with the inputs is ever made.

    Args:
        targets: Row i is what e_i shall give, `(k, k)`.
        n_models: Number of networks N. The first ones are the same whatever N is.
        width: Hidden units.
        steps: Full-batch steps.
        lr: Learning rate.
        seed: Of the initial weights.
        layers: `both`, or `last` to leave the first layer as it was drawn.
        inputs: Indices of the basis vectors that are trained on; None for all.
        device: Where to train.
        dtype: Type of the weights.
        progress: Show a bar on the standard error where that is a terminal.

    Raises:
        InvalidParameterError: the loss is not finite; no network is returned then.
    """
    k = len(targets)
    first = torch.empty(n_models, width, k, dtype=dtype, device=device)
    second = torch.empty(n_models, k, width, dtype=dtype, device=device)
    loss = torch.empty(n_models, dtype=dtype, device=device)
    generator = torch.Generator().manual_seed(seed)
    wanted = targets.T.to(first)  # outputs by inputs
    used = torch.arange(k) if inputs is None else inputs
    parts = list(_parts(n_models, max(1, _CHUNK // (width * k))))
    console = Console(stderr=True)
    silent = not (progress and console.is_terminal)
    for part in track(parts, "training networks", console=console, transient=True, disable=silent):
        for at in range(part.start, part.stop):
            first[at] = torch.randn(width, k, generator=generator, dtype=_drawn(dtype)).to(first)
            second[at] = torch.randn(k, width, generator=generator, dtype=_drawn(dtype)).to(second)
        loss[part] = _descend(first[part], second[part], wanted, used.to(first.device), steps, lr, layers)
    if not loss.isfinite().all():
        raise InvalidParameterError(
            f"training diverged with lr = {lr:g} at width {width}; choose a smaller lr, or a larger width"
        )
    return TrainedNetworks(first, second, loss)


def _descend(first: Tensor, second: Tensor, wanted: Tensor, used: Tensor, steps: int, lr: float, layers: str) -> Tensor:
    """Gradient descent in place on a few networks; their final losses, `(c,)`."""
    k, width = second.shape[1:]
    scale = 1.0 / math.sqrt(k * width)
    everything = len(used) == k
    target = wanted if everything else wanted[:, used]
    trained = first if everything else first[:, :, used]
    hidden = torch.relu(trained)
    back = torch.empty_like(trained)
    for _ in range(steps):
        error = torch.bmm(second, hidden).mul_(scale).sub_(target)
        if layers == "both":
            torch.bmm(second.transpose(1, 2), error, out=back)
            back.mul_(hidden > 0)
        second.baddbmm_(error, hidden.transpose(1, 2), alpha=-lr * scale)
        if layers == "both":
            trained.sub_(back, alpha=lr * scale)
            torch.clamp(trained, min=0, out=hidden)
    if not everything:
        first[:, :, used] = trained
    error = torch.bmm(second, hidden).mul_(scale).sub_(target)
    return 0.5 * error.square().sum((1, 2))


def _parts(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(total, start + size))


def _drawn(dtype: torch.dtype) -> torch.dtype:
    """The type in which weights are drawn: half-precision ones are rounded from float32."""
    return dtype if dtype in (torch.float32, torch.float64) else torch.float32
