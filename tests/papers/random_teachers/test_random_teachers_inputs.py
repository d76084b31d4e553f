"""What people hand in by mistake is answered by name, and what is meant well is read."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.random_teachers import (
    IterativePruner,
    ProbeClassifier,
    ProjectionHead,
    RandomTeacherDistiller,
    loss_plane,
)

X = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)


def _distiller(**more) -> RandomTeacherDistiller:
    encoder = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8))
    return RandomTeacherDistiller(encoder, head=ProjectionHead(8, (16,), 8, 32), **more)


def test_tables_and_reversed_arrays_are_read_like_tensors() -> None:
    kl = _distiller().fit(torch.from_numpy(X), 2).history["kl"]
    assert _distiller().fit(pd.DataFrame(X), 2).history["kl"] == kl
    assert _distiller().fit(X[::-1].copy()[::-1], 2).history["kl"] == kl


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([torch.from_numpy(X), torch.arange(40)], InvalidParameterError, r"tuple \(x, y\)"),
        (X[:, :5], InvalidParameterError, r"cannot read one sample of shape \(1, 5\)"),
        (X[0], InvalidParameterError, "cannot read one sample"),
        (X.astype(str), InvalidTypeError, "give numbers"),
    ],
)
def test_data_that_do_not_fit(data, error, message) -> None:
    distiller = _distiller()
    with pytest.raises(error, match=message):
        distiller.fit(data, 1)
    assert distiller.history == {}


def test_values_that_do_not_fit() -> None:
    with pytest.raises(InvalidParameterError, match="'nonsense' cannot be used here"):
        _distiller(device="nonsense")
    with pytest.raises(InvalidTypeError, match="callback is 3"):
        _distiller().fit(X, 1, callbacks=[3])
    with pytest.raises(InvalidTypeError, match="'yes'; give True or False"):
        ProbeClassifier(standardize="yes").fit(X, np.arange(40) % 2)
    layer = nn.Linear(4, 4)
    for rate in (0, 1, -0.5):
        with pytest.raises(InvalidParameterError, match=r"choose a number in \(0, 1\)"):
            IterativePruner(layer, layer.state_dict(), rate=rate)
    whole = [torch.tensor([0, 0]), torch.tensor([1, 0]), torch.tensor([0, 1])]
    with pytest.raises(InvalidTypeError, match="no floating-point numbers"):
        loss_plane(*whole, lambda v: v.sum(), 3)
