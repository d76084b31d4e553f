"""What the contract tests cannot guess about this room."""

import numpy as np
import torch

from workingpapers.papers.permutations import (
    PermutationEnsemble,
    PermutationNetwork,
    all_inputs,
    empirical_kernel,
    ensemble_size,
    permutation_kernels,
    permutation_moments,
)

EYE = np.eye(4, dtype=int)
NET = PermutationNetwork(4)
GP = PermutationEnsemble(4, engine="gp").fit([1, 0, 3, 2])
LONG = PermutationEnsemble(17, engine="gp", n_models=3).fit(np.arange(17))

MODULES = {"PermutationNetwork": (lambda **kw: PermutationNetwork(6, 40, **kw), lambda **kw: torch.rand(5, 6, **kw))}
COMPILED = ("PermutationNetwork",)
ESTIMATORS = (PermutationEnsemble(4), PermutationEnsemble(4, engine="gp", rounding="weight-aware"))
BAD_INPUTS = [
    ("k below 2", lambda: permutation_moments(1, 1), ValueError, "k is 1.*at least 2"),
    ("too many ones", lambda: permutation_moments(4, 5), ValueError, "5.*1 to 4"),
    ("no ones", lambda: permutation_moments(4, np.array([2, 0])), ValueError, "holds 0.*1 to 4"),
    ("half a one", lambda: permutation_moments(4, 2.5), TypeError, "float64.*int"),
    ("ones are flags", lambda: permutation_moments(4, [True]), TypeError, "bool"),
    ("empty ones", lambda: permutation_moments(4, np.array([], int)), ValueError, "empty"),
    ("unknown kernel", lambda: permutation_moments(4, 2, kernel="rbf"), ValueError, "'rbf'.*'last-layer'"),
    ("negative time", lambda: permutation_moments(4, 2, t=-1.0), ValueError, "t is -1"),
    ("no time", lambda: permutation_moments(4, 2, t=float("nan")), ValueError, "t is nan"),
    ("delta 0", lambda: ensemble_size(4, 0.0), ValueError, "delta is 0;.*above 0 and below 1"),
    ("delta 1", lambda: ensemble_size(4, 1.0), ValueError, "delta is 1;"),
    ("delta NaN", lambda: ensemble_size(4, float("nan")), ValueError, "delta is nan"),
    ("unknown inputs", lambda: ensemble_size(4, 0.1, inputs="some"), ValueError, "'some'.*'all'"),
    ("unknown rounding", lambda: ensemble_size(4, 0.1, rounding="up"), ValueError, "'up'.*'sign'"),
    ("unknown bound", lambda: ensemble_size(4, 0.1, bound="loose"), ValueError, "'loose'.*'chernoff'"),
    ("repeats", lambda: PermutationEnsemble(4).fit([0, 1, 1, 3]), ValueError, r"\[1\] more than once"),
    ("outside", lambda: PermutationEnsemble(4).fit([0, 1, 2, 9]), ValueError, r"\[9\].*0 to 3"),
    ("other length", lambda: PermutationEnsemble(4).fit([0, 1, 2]), ValueError, r"\(3,\).*\(4,\)"),
    ("places are floats", lambda: PermutationEnsemble(4).fit([0.0, 1.0, 2.0, 3.0]), TypeError, "float64"),
    ("no permutation matrix", lambda: PermutationEnsemble(4).fit(EYE[[0, 0, 1, 2]]), ValueError, r"columns \[0, 3\]"),
    ("X is no basis", lambda: PermutationEnsemble(4).fit(1 - EYE, EYE), ValueError, r"X is no.*rows \[0, 1, 2, 3\]"),
    ("lr too large", lambda: PermutationEnsemble(4, lr=9.0).fit([0, 1, 2, 3]), ValueError, "lr is 9.0.*2k/D"),
    ("no network", lambda: PermutationEnsemble(4, n_models=0).fit([0, 1, 2, 3]), ValueError, "n_models is 0"),
    ("negative seed", lambda: PermutationEnsemble(4, seed=-1).fit([0, 1, 2, 3]), ValueError, "seed is -1"),
    ("unknown engine", lambda: PermutationEnsemble(4, engine="tpu").fit([0, 1, 2, 3]), ValueError, "'tpu'.*'gp'"),
    ("not binary", lambda: GP.predict([[0, 1, 2, 0]]), ValueError, r"X\[0, 2\] is 2"),
    ("NaN", lambda: GP.predict([[0.0, 1.0, float("nan"), 0.0]]), ValueError, "nan"),
    ("all zero", lambda: GP.predict([[0, 1, 1, 0], [0, 0, 0, 0]]), ValueError, "row 1.*nonzero inputs"),
    ("wrong width", lambda: GP.predict([[0, 1, 1]]), ValueError, r"\(1, 3\).*\(n, 4\)"),
    ("no row", lambda: GP.predict(np.empty((0, 4))), ValueError, "at least one row"),
    ("text", lambda: GP.predict([["0", "1", "1", "0"]]), TypeError, "array of numbers"),
    ("other number of rows", lambda: GP.score([[0, 1, 1, 0]], EYE), ValueError, r"\(1, 4\).*\(4, 4\)"),
    ("before fit", lambda: PermutationEnsemble(4).predict(EYE), ValueError, "not fitted"),
    ("too many inputs", lambda: LONG.predict_all(), ValueError, "131071"),
    ("list of too many", lambda: all_inputs(20), ValueError, "1048575"),
    ("kernel of one bit", lambda: permutation_kernels([[1]]), ValueError, r"\(1, 1\)"),
    ("kernel of ints", lambda: empirical_kernel(PermutationNetwork(4), torch.eye(4).int()), TypeError, "int32"),
    (
        "kernel of two shapes",
        lambda: empirical_kernel(PermutationNetwork(4), torch.eye(4), torch.eye(5)),
        ValueError,
        r"\(5, 5\).*\(4, 4\)",
    ),
    ("network of one bit", lambda: PermutationNetwork(1), ValueError, "k is 1"),
    ("kernel of two dtypes", lambda: empirical_kernel(NET, torch.eye(4), torch.eye(4).double()), TypeError, "float64"),
    ("kernel of no module", lambda: empirical_kernel(torch.relu, torch.eye(4)), TypeError, "Module"),
    ("kernel of ragged rows", lambda: permutation_kernels([[1, 0], [1]]), TypeError, "X1 cannot be read"),
    ("kernel of text", lambda: permutation_kernels("ab"), TypeError, "X1 is str"),
    ("network, other length", lambda: NET(torch.eye(5)), ValueError, r"\(5, 5\).*\(\.\.\., 4\)"),
    ("unknown device", lambda: PermutationEnsemble(4, device="tpu9").fit([0, 1, 2, 3]), ValueError, "device 'tpu9'"),
    (
        "seed too large",
        lambda: PermutationEnsemble(4, seed=2**63).fit([0, 1, 2, 3]),
        ValueError,
        "seed is 9.*of at most 9",
    ),
]
