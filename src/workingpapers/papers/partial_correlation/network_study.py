"""Sparse networks with known edges: which measure finds them, with what signs, and how often it finds others."""

from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.metrics import average_precision_score

from workingpapers.bench.protocols import Trial
from workingpapers.papers.partial_correlation.logratios import proportionality, variation_matrix
from workingpapers.papers.partial_correlation.method import CompositionalPartialCorrelation
from workingpapers.papers.partial_correlation.networks import Network, network
from workingpapers.papers.partial_correlation.rivals import RIVALS, ordinary_partial_correlation, rival
from workingpapers.papers.partial_correlation.settings import Settings
from workingpapers.parts.timing import seconds

LEVEL = 0.05
CHANGE = 0.05


def network_study(settings: Settings, trial: Trial) -> None:
    """Edges by partial correlation and its rivals at each number of parts."""
    lead: list[float] = []
    raw_lead: list[float] = []
    signs: list[float] = []
    raw_signs: list[float] = []
    negative: list[float] = []
    negative_before: list[float] = []
    largest, largest_phi = 0.0, np.inf
    for d in trial.steps(settings.parts, "networks"):
        drawn = network(d, settings.n, trial.seed_for("network", d))
        upper = np.triu_indices(d, 1)
        model = CompositionalPartialCorrelation()
        trial.record("seconds", seconds(partial(model.fit, drawn.closed)), unit="s", timing=True, parts=d)
        found = {"pcor": model.partial_correlation_[upper]}
        found |= {name: rival(name, drawn.closed)[upper] for name in RIVALS}
        precision = {name: _average_precision(drawn, values) for name, values in found.items()}
        for name, values in found.items():
            trial.record("average_precision", precision[name], arm=name, parts=d)
            trial.record("sign_accuracy", _sign_accuracy(drawn, values), arm=name, parts=d)
            trial.record("negative_share", float((values < 0).mean()), arm=name, parts=d)
        _calibration(drawn, model, trial)
        signs.append(_sign_accuracy(drawn, found["pcor"]))
        raw_signs.append(_sign_accuracy(drawn, found["raw partial correlation"]))
        negative.append(float((found["raw correlation"] < 0).mean()))
        negative_before.append(float((np.corrcoef(drawn.basis, rowvar=False)[upper] < 0).mean()))
        largest = max(largest, float(np.abs(found["pcor"]).max()))
        largest_phi = min(largest_phi, float(np.asarray(proportionality(drawn.closed, "phi_s"))[upper].max()))
        if d in settings.claimed_parts:
            lead.append(precision["pcor"] - max(precision[name] for name in RIVALS))
            others = [precision[name] for name in precision if name != "raw partial correlation"]
            raw_lead.append(precision["raw partial correlation"] - max(others))
    trial.claim("bounded-by-one", value=largest, control=largest_phi)
    trial.claim("signs-of-edges", value=min(signs), control=min(raw_signs))
    trial.claim("closure-makes-negative", value=float(np.mean(negative)), control=float(np.mean(negative_before)))
    trial.claim("finds-edges-better", value=min(lead), control=min(raw_lead))


def dropped_part_study(settings: Settings, trial: Trial) -> None:
    """How far measures of the remaining parts move when one part is dropped."""
    moves: dict[str, list[float]] = {"pcor": [], "variation": [], "basis partial": [], "basis correlation": []}
    d = settings.drop_parts
    for draw in range(settings.draws):
        drawn = network(d, settings.n, trial.seed_for("dropped part", draw))
        measured: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "pcor": lambda each: CompositionalPartialCorrelation().fit(np.exp(each)).partial_correlation_,
            "variation": lambda each: variation_matrix(np.exp(each)),
            "basis partial": ordinary_partial_correlation,
            "basis correlation": lambda each: np.corrcoef(each, rowvar=False),
        }
        for name, measure in measured.items():
            before = np.asarray(measure(drawn.basis))[1:, 1:]
            moves[name].append(float(np.abs(np.asarray(measure(drawn.basis[:, 1:])) - before).max()))
    for name, values in moves.items():
        trial.record("move_when_dropped", values, arm=name)

    def share(name: str) -> float:
        return float((np.array(moves[name]) > CHANGE).mean())

    trial.claim("incoherent-by-design", value=share("pcor"), control=share("variation"))
    trial.claim("ordinary-is-incoherent-too", value=share("basis partial"), control=share("basis correlation"))


def wide_study(settings: Settings, trial: Trial) -> None:
    """Shrinkage where samples are few; recorded, not claimed."""
    for d, n in zip(settings.wide[::2], settings.wide[1::2], strict=True):
        drawn = network(d, n, trial.seed_for("wide", d, n))
        upper = np.triu_indices(d, 1)
        values = {"clr correlation": rival("clr correlation", drawn.closed)}
        values["no shrinkage"] = ordinary_partial_correlation(np.log(drawn.closed) @ (np.eye(d) - 1 / d))
        for kind in ("basis", "clr"):
            model = CompositionalPartialCorrelation(shrinkage=kind).fit(drawn.closed)
            values[f"{kind} shrinkage"] = model.partial_correlation_
            trial.record("lambda", model.lambda_, arm=kind, parts=d, n=n)
        for name, each in values.items():
            trial.record("wide_average_precision", _average_precision(drawn, each[upper]), arm=name, parts=d, n=n)


def counts_study(settings: Settings, trial: Trial) -> None:
    """What counting, and the zeros that come of it, cost; recorded, not claimed."""
    if not settings.depth:
        return
    d = settings.parts[0]
    drawn = network(d, settings.n, trial.seed_for("network", d))
    rng = np.random.default_rng(trial.seed_for("counts"))
    counts = rng.poisson(settings.depth * drawn.closed)
    counts = counts[counts.sum(axis=1) > 0]
    trial.record("zeros", float((counts == 0).mean()), parts=d)
    if (counts.sum(axis=0) == 0).any():
        return
    model = CompositionalPartialCorrelation(zeros="multiplicative").fit(counts)
    found = _average_precision(drawn, model.partial_correlation_[np.triu_indices(d, 1)])
    trial.record("counts_average_precision", found, parts=d)


def _calibration(drawn: Network, model: CompositionalPartialCorrelation, trial: Trial) -> None:
    """Share of pairs without edge that are called significant, against both nulls; of edges found; of false finds."""
    d = len(model.feature_names_in_)
    upper = np.triu_indices(d, 1)
    for null in ("zero", "induced"):
        each = model if null == "zero" else CompositionalPartialCorrelation(null="induced").fit(drawn.closed)
        called, kept = each.pvalue_[upper] < LEVEL, each.qvalue_[upper] < LEVEL
        trial.record("false_positive_rate", float(called[~drawn.is_edge].mean()), null=null, parts=d)
        trial.record("true_positive_rate", float(called[drawn.is_edge].mean()), null=null, parts=d)
        false_finds = float((kept & ~drawn.is_edge).sum() / max(kept.sum(), 1))
        trial.record("false_discovery_share", false_finds, null=null, parts=d)


def _average_precision(drawn: Network, values: np.ndarray) -> float:
    return float(average_precision_score(drawn.is_edge, np.abs(values)))


def _sign_accuracy(drawn: Network, values: np.ndarray) -> float:
    return float((np.sign(values) == drawn.sign)[drawn.is_edge].mean())
