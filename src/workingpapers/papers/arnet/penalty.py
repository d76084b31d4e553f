"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the sparsity penalty.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements λ(s) R(w) of section 3.2: the regulariser, its strength from the sparsity s, and a layer that carries it.
Differences: below 1e-12 a straight line takes the place of the root, whose slope at 0 is infinite.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError

_STRAIGHT_BELOW = 1e-12


def regulariser(w: Float[Tensor, "..."], c1: float | int = 3.0, c2: float | int = 3.0) -> Float[Tensor, ""]:
    """Mean over all weights of 2 / (1 + exp(-c1 |w|^(1/c2))) - 1, which lies in [0, 1).

    Steep at 0 and flat from |w| ≈ 1 on, so small weights are drawn to 0 and large ones are left alone.

    Args:
        w: Weights of any shape.
        c1: Steepness.
        c2: Order of the root.

    Returns:
        Scalar. Its gradient is finite everywhere and 0 at w = 0.

    Raises:
        InvalidParameterError: c1 or c2 is not positive.

    Example:
        >>> regulariser(torch.tensor([0.0, 0.0])).item()
        0.0
    """
    if c1 <= 0 or c2 <= 0:
        raise InvalidParameterError(f"c1 and c2 must be above 0; got c1={c1}, c2={c2}; the paper takes 3 and 3")
    size = w.abs()
    straight = size * _STRAIGHT_BELOW ** (1.0 / c2 - 1.0)
    root = torch.where(size < _STRAIGHT_BELOW, straight, size.clamp(min=_STRAIGHT_BELOW) ** (1.0 / c2))
    return torch.tanh(0.5 * c1 * root).mean()  # 2 / (1 + exp(-x)) - 1 = tanh(x / 2)


def penalty_strength(sparsity: float | int, c_lambda: float | int) -> float:
    """λ(s) = c_λ (1/s - 1): 0 where all lags are expected to matter, large where few are.

    Args:
        sparsity: Expected share s of lags with a coefficient other than 0, in (0, 1].
        c_lambda: Scale c_λ; the paper takes about √L / 100 for a noise variance L.

    Raises:
        InvalidParameterError: sparsity is not in (0, 1], or c_lambda is negative.

    Example:
        >>> round(penalty_strength(0.15, 0.01), 6)
        0.056667
    """
    if not 0 < sparsity <= 1:
        raise InvalidParameterError(
            f"sparsity must lie in (0, 1]; got {sparsity}; it is the expected share of lags that matter, 1 for all"
        )
    if not (c_lambda >= 0 and math.isfinite(c_lambda)):
        raise InvalidParameterError(f"c_lambda must be a finite number of at least 0; got {c_lambda}")
    return c_lambda * (1.0 / sparsity - 1.0)


class SparseARLayer(nn.Linear):
    """Linear layer on lagged values whose weights can be penalised: x ↦ xWᵀ + c, plus λ R(W) for the loss.

    R(W) = mean of 2 / (1 + exp(-c1 |w|^(1/c2))) - 1 (section 3.2). The bias is not penalised.

    Args:
        in_features: Number of lags p; inputs are oldest first, `(batch, p)`, so the last weight belongs to lag 1.
        out_features: Number of forecast steps h, or width of the first hidden layer.
        bias: Whether there is an intercept.
        c1: Steepness of the penalty.
        c2: Order of its root.
        device: As in `torch.nn.Linear`.
        dtype: As in `torch.nn.Linear`.

    Raises:
        InvalidParameterError: c1 or c2 is not positive.

    Differs from the paper:
        None but the straight line below 1e-12, see `regulariser`.

    Example:
        >>> layer = SparseARLayer(20, 1)
        >>> x, y = torch.randn(8, 20), torch.randn(8, 1)
        >>> loss = nn.functional.mse_loss(layer(x), y) + layer.penalty(0.05)
        >>> loss.backward()
    """

    def __init__(
        self,
        in_features: int,
        out_features: int = 1,
        bias: bool = True,
        *,
        c1: float | int = 3.0,
        c2: float | int = 3.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if c1 <= 0 or c2 <= 0:
            raise InvalidParameterError(f"c1 and c2 must be above 0; got c1={c1}, c2={c2}; the paper takes 3 and 3")
        super().__init__(in_features, out_features, bias, device=device, dtype=dtype)
        self.c1, self.c2 = c1, c2

    def penalty(self, lam: float | int | Float[Tensor, ""]) -> Float[Tensor, ""]:
        """λ R(W), to be added to the loss."""
        return lam * regulariser(self.weight, self.c1, self.c2)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, c1={self.c1}, c2={self.c2}"

    @property
    def lag_coefficients(self) -> Float[Tensor, "out lags"]:
        """Weights in the order lag 1, 2, …, p."""
        return self.weight.flip(-1)
