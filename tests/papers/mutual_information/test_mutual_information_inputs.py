"""What users hand in and get back: encoders of other types, missing labels, results side by side."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from workingpapers.papers.mutual_information import estimate_mi, fit_critic

QUICK: dict[str, Any] = {"gammas": (1, 2), "epochs": 2, "hidden": 8, "embed_dim": 4}


def _data(samples: int = 128) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(samples, 4))
    return x, x[:, :2] + np.random.default_rng(1).normal(size=(samples, 2))


def test_an_encoder_is_trained_in_the_type_asked_for() -> None:
    x, y = _data()
    images = np.tile(x[:, None, :, None], (1, 1, 1, 4))
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
    result = estimate_mi(images, y, encoder=(encoder, None), dtype=torch.float64, **QUICK)
    assert np.isfinite(result.mi)
    assert encoder[0].weight.dtype == torch.float32  # the user's own stays as it was


def test_an_encoder_that_does_not_fit_one_side_names_it() -> None:
    x, y = _data()
    with pytest.raises(ValueError, match=r"encoder Linear cannot take y, samples of shape \(2,\).*encoder=\(for_x"):
        estimate_mi(x, y, encoder=nn.Linear(4, 3), **QUICK)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_label_is_no_class(missing: float | None) -> None:
    x, _ = _data()
    labels: list[Any] = ["a", "b"] * 64
    labels[5] = missing
    for y in (np.array(labels, dtype=object), pd.Series(labels)):
        with pytest.raises(ValueError, match="y holds None or NaN"):
            estimate_mi(x, y, discrete_y=True, **QUICK)


def test_results_can_be_compared_and_kept_in_sets() -> None:
    x, y = _data()
    first, second = (estimate_mi(x, y, **QUICK) for _ in range(2))
    assert first == first
    assert first != second
    assert len({first, second}) == 2
    assert first.mi == second.mi


def test_samples_that_are_not_to_be_scaled_are_still_read() -> None:
    x, y = _data()
    narrow = torch.from_numpy(x).to(torch.bfloat16)
    fit = fit_critic(narrow, y, standardise=False, epochs=2, hidden=8)
    assert np.isfinite(fit.train_mi)
