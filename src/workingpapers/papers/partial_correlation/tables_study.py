"""Real tables: their partial correlations and variances for the figures, and the Roman cups where they are given."""

import numpy as np

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.errors import DataNotFoundError
from workingpapers.papers.partial_correlation.compositions import Composition, as_composition, read_composition
from workingpapers.papers.partial_correlation.conditioning import r2_by_reference
from workingpapers.papers.partial_correlation.logratios import clr
from workingpapers.papers.partial_correlation.method import CompositionalPartialCorrelation
from workingpapers.papers.partial_correlation.rivals import ratio_residuals
from workingpapers.papers.partial_correlation.settings import Settings

CUPS_CLAIMS = ("cups-aluminium-iron", "cups-antimony")


def real_tables(settings: Settings, trial: Trial) -> dict[str, Composition]:
    """Compositions by name; zeros are replaced multiplicatively."""
    tables = {}
    for name in settings.tables:
        data = load(name)
        trial.uses(data)
        values = data["parts"]
        tables[name] = Composition(as_composition(values, "multiplicative").values, tuple(map(str, data["names"])))
    if settings.own_table:
        tables["own"] = as_composition(read_composition(settings.own_table), "multiplicative")
    return tables


def describe_tables(tables: dict[str, Composition], trial: Trial) -> None:
    """Partial correlations, partial and clr variances, and both by reference: the data of the figures."""
    if trial.repetition:
        return  # the tables are the same for every seed
    for name, parts in tables.items():
        model = CompositionalPartialCorrelation().fit(parts.values)
        trial.record("names", list(parts.names), table=name)
        trial.record("r", model.partial_correlation_.tolist(), table=name)
        trial.record("q", model.qvalue_.tolist(), table=name)
        trial.record("partial_variance", model.partial_variance_.tolist(), table=name)
        trial.record("clr_variance", clr(parts.values).var(axis=0, ddof=1).tolist(), table=name)
        by_reference = r2_by_reference(parts)
        trial.record("r2_by_reference", np.where(np.isnan(by_reference), -1.0, by_reference).tolist(), table=name)
        a, b = np.triu_indices(len(parts.names), 1)
        r = model.partial_correlation_[a, b]
        for pair in np.argsort(-np.abs(r))[:4]:
            i, j = int(a[pair]), int(b[pair])
            trial.record("pair_by_reference", _by_reference(parts.logs, i, j), table=name, part_a=i, part_b=j)


def roman_cups(settings: Settings, trial: Trial) -> dict[str, Composition]:
    """The cups where the user gives them, and the two numbers that are claimed about them."""
    try:
        data = load("roman-cups", settings.cups or None)
    except DataNotFoundError:
        if settings.cups:
            raise
        for claim in CUPS_CLAIMS:
            trial.not_tested(claim, "the Roman cups come with no package: give --set cups=FILE.csv")
        return {}
    trial.uses(data)
    cups = Composition(as_composition(data["parts"]).values, tuple(map(str, data["names"])))
    model = CompositionalPartialCorrelation().fit(cups.values)
    aluminium, iron, antimony = (cups.position(name) for name in ("Al", "Fe", "Sb"))
    centred = clr(cups.values)
    trial.claim(
        "cups-aluminium-iron",
        value=float(model.partial_correlation_[aluminium, iron]),
        control=float(np.corrcoef(centred[:, aluminium], centred[:, iron])[0, 1]),
    )
    trial.claim(
        "cups-antimony",
        value=float(model.partial_variance_[antimony]),
        control=float(centred[:, antimony].var(ddof=1)),
    )
    return {"roman cups": cups}


def _by_reference(logs: np.ndarray, i: int, j: int) -> list[float]:
    """Correlation of the residuals of `log x_i / x_k` and `log x_j / x_k`, for every third part k."""
    others = [k for k in range(logs.shape[1]) if k not in (i, j)]
    return [
        float(np.corrcoef(ratio_residuals(logs, i, k, others), ratio_residuals(logs, j, k, others))[0, 1])
        for k in others
    ]
