"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): what it is compared with.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements networks with biases in PyTorch's usual parametrisation (what the official code trains), and ridge.
Differences from the official code: gradient descent on half the sum of squared errors, to convergence.
"""

import math

import numpy as np
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

_CHUNK = 2**17


def networks_with_biases(targets: Tensor, rows: Tensor, n_models: int, *, width: int, seed: int) -> Tensor:
    """Outputs of trained networks W2 relu(W1 x + b1) + b2, weights of standard deviation 1/√fan-in, biases from 0.

    Args:
        targets: Row i is what e_i shall give, `(k, k)`.
        rows: Unit inputs `(r, k)`.
        n_models: Number of networks N.
        width: Hidden units n.
        seed: Of the initial weights.

    Returns:
        `(N, r, k)`.
    """
    k = len(targets)
    generator = torch.Generator().manual_seed(seed)
    made = torch.empty(n_models, len(rows), k)
    wanted, columns = targets.T.float(), rows.float().T
    c = 1 / (2 * math.pi)
    lr = k / (width * (0.5 - c + c * k) + 2 * k * k)  # half the stable limit; the biases' share is 2k² at most
    rate = lr * width * (0.5 - c) / k
    steps = math.ceil(1.5 * math.log(1e-7) / math.log1p(-rate))
    size = max(1, _CHUNK // (width * k))
    for start in range(0, n_models, size):
        count = min(size, n_models - start)
        first = torch.randn(count, width, k, generator=generator) / math.sqrt(k)
        second = torch.randn(count, k, width, generator=generator) / math.sqrt(width)
        shift, offset = torch.zeros(count, width, 1), torch.zeros(count, k, 1)
        for _ in range(steps):
            hidden = torch.relu(first + shift)
            error = second @ hidden + offset - wanted
            back = (second.transpose(1, 2) @ error) * (hidden > 0)
            second -= lr * error @ hidden.transpose(1, 2)
            offset -= lr * error.sum(2, keepdim=True)
            first -= lr * back
            shift -= lr * back.sum(2, keepdim=True)
        hidden = torch.relu(first @ columns + shift)
        made[start : start + count] = (second @ hidden + offset).transpose(1, 2)
    return made


def ridge(targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Predicted bits `(r, k)` of a linear map that ridge regression learns from the same k examples, on raw bits."""
    model = Ridge(alpha=1e-3, fit_intercept=False).fit(np.eye(len(targets)), targets)
    return np.asarray(model.predict(rows.astype(float)) > 0.5).astype(np.uint8)
