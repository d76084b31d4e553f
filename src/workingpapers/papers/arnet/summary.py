"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the table of a fitted model.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the reading of the coefficients that the paper calls as interpretable as Classic-AR.
Differences: the paper gives no standard errors; these are those of least squares, as statsmodels' AutoReg gives them.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy import stats


@dataclass(frozen=True)
class ARSummary:
    """Coefficients with standard errors and the fit's key numbers; prints as a table.

    Args:
        table: One row for each parameter (`const`, `y.L1`, …); columns coef, std err, z, P>|z|, [0.025, 0.975].
        facts: Name and value of the lines above the table.

    Example:
        >>> ARSummary(pd.DataFrame({"coef": [0.5]}, index=["y.L1"]), {"Rows": 99}).facts["Rows"]
        99
    """

    table: pd.DataFrame
    facts: dict[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{name + ':':<22}{_short(value)}" for name, value in self.facts.items()]
        body = self.table.to_string(float_format=lambda value: f"{value:.4f}", na_rep="")
        width = max(len(line) for line in body.splitlines())
        title = "AR-Net results".center(width).rstrip()
        return "\n".join([title, "=" * width, *lines, "=" * width, body, "=" * width])

    __repr__ = __str__


def _short(value: str | int | float) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def coefficient_table(
    names: list[str],
    coef: Float[np.ndarray, "k"],
    std: Float[np.ndarray, "k"],
    shown: Bool[np.ndarray, "k"],
    level: float = 0.95,
) -> pd.DataFrame:
    """Normal-theory table of coefficients; rows that are not `shown` are left out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = coef / std
    reach = stats.norm.ppf(0.5 + level / 2) * std
    low, high = f"[{0.5 - level / 2:.3f}", f"{0.5 + level / 2:.3f}]"
    table = pd.DataFrame(
        {
            "coef": coef,
            "std err": std,
            "z": z,
            "P>|z|": 2 * stats.norm.sf(np.abs(z)),
            low: coef - reach,
            high: coef + reach,
        },
        index=names,
    )
    return table[shown]


def likelihood_facts(squares: float, rows: int, parameters: int) -> dict[str, str | int | float]:
    """Log-likelihood and criteria as AutoReg reports them; σ² counts as a parameter."""
    variance = max(squares / rows, np.finfo(float).tiny)
    loglikelihood = -rows / 2 * (np.log(2 * np.pi * variance) + 1)
    count = parameters + 1
    return {
        "Rows": rows,
        "Log likelihood": float(loglikelihood),
        "S.D. of innovations": float(np.sqrt(squares / rows)),
        "AIC": float(-2 * loglikelihood + 2 * count),
        "BIC": float(-2 * loglikelihood + np.log(rows) * count),
    }
