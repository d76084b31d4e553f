"""Statements that hold exactly, each checked by regressions and inverses of another kind than the method's."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from workingpapers.bench.protocols import Trial
from workingpapers.papers.partial_correlation.compositions import Composition
from workingpapers.papers.partial_correlation.conditioning import r2_by_reference
from workingpapers.papers.partial_correlation.precision import partial_correlation_of, precision_of_logs
from workingpapers.papers.partial_correlation.rivals import ratio_residuals, residuals

MANY_PARTS = 5


def exact_statements(tables: Mapping[str, Composition], generated: str, trial: Trial) -> None:
    """References, precision matrices, normalisation and R²; the largest deviation of all tables is the claim's number.

    Args:
        tables: Compositions by name.
        generated: Name of the one that the spread of R² is claimed for.
        trial: Where the numbers go.
    """
    found = {name: _deviations(parts) for name, parts in tables.items()}
    for name, each in found.items():
        for key, value in each.items():
            trial.record(key, value, table=name)

    def largest(key: str) -> float:
        return max(each[key] for each in found.values())

    trial.claim(
        "reference-free-residuals", value=largest("residual_gap"), control=largest("residual_gap_without_ratios")
    )
    trial.claim(
        "precision-of-the-parts", value=largest("precision_gap"), control=largest("precision_gap_reference_lost")
    )
    trial.claim(
        "equals-normalised-analysis", value=largest("normalised_gap"), control=largest("normalised_gap_not_controlled")
    )
    many = [each for name, each in found.items() if len(tables[name].names) >= MANY_PARTS]
    trial.claim(
        "normalisers-must-be-controlled",
        value=min(each["normalised_gap_not_controlled"] for each in many),
        control=max(each["normalised_gap"] for each in many),
    )
    trial.claim(
        "r2-depends-on-the-reference",
        value=found[generated]["r2_spread"],
        control=found[generated]["residual_variance_spread"],
    )


def _deviations(parts: Composition) -> dict[str, float]:
    logs = parts.logs
    precision = precision_of_logs(logs)
    gap, gap_logs, spread = _reference_gaps(logs)
    kept, dropped = _normalised_gaps(logs, partial_correlation_of(precision))
    r2 = r2_by_reference(parts)
    return {
        "residual_gap": gap,
        "residual_gap_without_ratios": gap_logs,
        "residual_variance_spread": spread,
        **_precision_gaps(logs),
        "normalised_gap": kept,
        "normalised_gap_not_controlled": dropped,
        "r2_spread": float((np.nanmax(r2, axis=1) - np.nanmin(r2, axis=1)).min()),
    }


def _reference_gaps(logs: np.ndarray) -> tuple[float, float, float]:
    """Largest difference of residuals between references, over the log-ratio's spread; the same where the other logs
    themselves are regressed on; and the largest relative difference of residual variances."""
    gap = gap_logs = spread = 0.0
    d = logs.shape[1]
    for i in range(d):
        references = [k for k in range(d) if k != i]
        scale = min(float(np.std(logs[:, i] - logs[:, k])) for k in references)
        of_ratios = np.array([ratio_residuals(logs, i, k) for k in references])
        of_logs = np.array(
            [residuals(logs[:, i] - logs[:, k], logs[:, [j for j in range(d) if j not in (i, k)]]) for k in references]
        )
        gap = max(gap, float(np.ptp(of_ratios, axis=0).max()) / scale)
        gap_logs = max(gap_logs, float(np.ptp(of_logs, axis=0).max()) / scale)
        variances = of_ratios.var(axis=1)
        spread = max(spread, float(np.ptp(variances) / variances.mean()))
    return gap, gap_logs, spread


def _precision_gaps(logs: np.ndarray) -> dict[str, float]:
    """Largest difference of P between D references and the pseudo-inverse, over P's largest entry; and of the alr
    precision with zeros for its reference."""
    centred = logs - logs.mean(axis=1, keepdims=True)
    direct = np.linalg.pinv(np.cov(centred, rowvar=False), rcond=1e-10, hermitian=True)
    scale = float(np.abs(direct).max())
    by_reference = [precision_of_logs(logs, k) for k in range(logs.shape[1])]
    lost = by_reference[-1].copy()
    lost[-1] = lost[:, -1] = 0.0
    return {
        "precision_gap": max(float(np.abs(each - direct).max()) / scale for each in by_reference),
        "precision_gap_reference_lost": float(np.abs(lost - direct).max()) / scale,
    }


def _normalised_gaps(logs: np.ndarray, r: np.ndarray) -> tuple[float, float]:
    """Largest difference of r to the partial correlation of logs normalised by the mean of the last third of the parts,
    with these normalisers among the variables that are controlled for, and without. Two normalisers at least where
    there are five parts: a single one is 0 after normalisation, and leaving it out changes nothing."""
    d = logs.shape[1]
    rest = list(range(d - (max(2, d // 3) if d >= MANY_PARTS else 1)))
    y = logs - logs[:, len(rest) :].mean(axis=1, keepdims=True)
    kept = dropped = 0.0
    for i, j in combinations(rest, 2):
        for given in (range(d), rest):
            others = y[:, [k for k in given if k not in (i, j)]]
            pair = np.corrcoef(residuals(y[:, i], others), residuals(y[:, j], others))[0, 1]
            gap = abs(float(pair) - float(r[i, j]))
            if given is rest:
                dropped = max(dropped, gap)
            else:
                kept = max(kept, gap)
    return kept, dropped
