"""Where gradient descent moves the input weights of one hidden unit: the field behind the paper's explanation."""

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.nonlinearities import Activation, activation


def weight_flow(
    f: str | Activation,
    X: Float[Tensor, "n dim"],
    y: Float[Tensor, " samples"],
    grid: Float[Tensor, "m width"],
    *,
    readout: float = 1.0,
    outputs: Float[Tensor, " each"] | None = None,
) -> Float[Tensor, "m width"]:
    """The direction in which gradient descent moves a hidden unit's input weights: minus the expected gradient.

    With loss `softplus(-y o)` and readout weight v it is
    `-g(w) = E[v y sigma(-y o) f'(w·x) x]`; early in learning o is about 0 and `-g(w) = (v/2) E[y f'(w·x) x]`. The gate
    `f'(w·x)` of ReLU is open on a half-space only, so units on different sides follow different clusters; that of tanh
    is even, so that opposite clusters pull alike.

    Args:
        f: Activation: a name (see `ACTIVATIONS`) or a function of a tensor.
        X: Inputs `(n, dim)`.
        y: Labels -1 and 1, `(n,)`.
        grid: Weights w at which the flow is wanted, `(m, dim)`.
        readout: v, the unit's readout weight.
        outputs: The network's outputs o at `X`, `(n,)`; None is 0, the start of learning.

    Returns:
        The flow `(m, dim)`; the gradient g is minus this.

    Raises:
        InvalidParameterError: shapes that do not fit, or an unknown activation.

    Differs from the paper: none known; the expression is re-derived from the loss.

    Example:
        >>> X, y = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([1.0, -1.0])
        >>> weight_flow("relu", X, y, torch.tensor([[1.0, 0.0], [-1.0, 0.0]])).tolist()
        [[0.25, 0.0], [0.25, 0.0]]
    """
    if X.ndim != 2 or grid.ndim != 2 or X.shape[1] != grid.shape[1]:
        raise InvalidParameterError(
            f"X has shape {tuple(X.shape)} and grid {tuple(grid.shape)}; give (n, dim) and (m, dim)"
        )
    if y.shape != X.shape[:1] or (outputs is not None and outputs.shape != y.shape):
        raise InvalidParameterError(
            f"y has shape {tuple(y.shape)}"
            + (f" and outputs {tuple(outputs.shape)}" if outputs is not None else "")
            + f"; X has {len(X)} rows, give one value for each"
        )
    before = (grid @ X.T).detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(activation(f)(before).sum(), before)
    error = torch.sigmoid(-y * outputs) if outputs is not None else torch.full_like(y, 0.5)
    return (slope * (readout * y * error)) @ X / len(X)
