"""What the contract tests cannot guess about this room."""

from functools import partial

import numpy as np
import torch
from torch import nn

from workingpapers.papers.mutual_information import (
    MLPEncoder,
    MutualInformation,
    cca_mi,
    estimate_mi,
    fit_critic,
    gaussian_mi,
    infonce,
    ksg_mi,
    smile,
)
from workingpapers.papers.mutual_information.arguments import grid, training_options
from workingpapers.papers.mutual_information.bounds import _square

X = np.random.default_rng(0).normal(size=(200, 3))
HOLE = np.where(np.arange(600).reshape(200, 3) == 301, np.nan, X)
Quick = partial(estimate_mi, gammas=(1, 2), epochs=1)
CHOICES = dict.fromkeys(("bound", "encoder", "variational", "beta", "embed_dim", "hidden", "split", "lr"))
CHOICES |= {"epochs": 1, "batch_size": 8}

MODULES = {"MLPEncoder": (lambda **kw: MLPEncoder(12, 8, **kw), lambda **kw: torch.randn(5, 12, **kw))}
COMPILED = ("MLPEncoder",)
ESTIMATORS = (MutualInformation(epochs=2),)
BAD_INPUTS = [
    ("lengths", lambda: Quick(X, X[:99]), ValueError, "200 samples and y has 99"),
    ("NaN", lambda: Quick(HOLE, X), ValueError, "row 100, column 1"),
    ("infinite", lambda: Quick(X, HOLE * np.inf), ValueError, "y holds"),
    ("too few", lambda: Quick(X[:60], X[:60]), ValueError, "60 samples, too few samples.*64"),
    ("gamma too large", lambda: estimate_mi(X, X, gammas=range(1, 9)), ValueError, "gammas goes to 8.*25.*up to 6"),
    ("one gamma", lambda: estimate_mi(X, X, gammas=(1,)), ValueError, "two different"),
    ("gammas of text", lambda: estimate_mi(X, X, gammas="12"), TypeError, "range"),
    ("gamma of a fraction", lambda: grid((1.0, 2.0), {}, 200), TypeError, "whole number"),
    ("one class", lambda: Quick(X, np.ones(200, int), discrete_y=True), ValueError, "one class only"),
    ("labels as numbers", lambda: Quick(X, np.full(200, "a")), TypeError, "discrete_y"),
    ("small batch", lambda: Quick(X, X, batch_size=4), ValueError, "batch_size is 4.*infonce.*8"),
    ("constant", lambda: Quick(np.ones((200, 3)), X), ValueError, "x is constant in all columns"),
    ("bound", lambda: Quick(X, X, bound="mine"), ValueError, "'mine'.*'infonce'"),
    ("critic class", lambda: training_options(**{**CHOICES, "critic": nn.Linear}), TypeError, "class Linear"),
    ("encoder for concat", lambda: Quick(X, X, critic="concat", variational=True), ValueError, "separable"),
    ("pictures without encoder", lambda: Quick(X.reshape(200, 3, 1), X), ValueError, "encoder"),
    ("empty", lambda: fit_critic(np.empty((0, 3)), X), ValueError, r"\(0, 3\)"),
    ("dtype", lambda: fit_critic(X, X, dtype=torch.bfloat16), TypeError, "float32"),
    ("no threads", lambda: fit_critic(X, X, n_jobs=0), ValueError, "n_jobs is 0"),
    ("device", lambda: fit_critic(X, X, device="abacus"), ValueError, "abacus"),
    ("scores", lambda: infonce(torch.zeros(3, 4)), TypeError, r"\(3, 4\).*square"),
    ("scores of integers", lambda: _square(torch.zeros(3, 3, dtype=torch.long)), TypeError, "int64"),
    ("one score", lambda: infonce(torch.zeros(1, 1)), ValueError, "at least 2"),
    ("tau", lambda: smile(torch.zeros(3, 3), tau=-1.0), ValueError, "tau is -1"),
    ("neighbour", lambda: ksg_mi(X, X, k=200), ValueError, "k is 200"),
    ("more directions than samples", lambda: cca_mi(X[:6], X[:6]), ValueError, "n_components"),
    ("singular", lambda: gaussian_mi(X, X), ValueError, "singular.*shrinkage"),
    ("before fit", lambda: MutualInformation().transform(X), ValueError, "not fitted"),
]
