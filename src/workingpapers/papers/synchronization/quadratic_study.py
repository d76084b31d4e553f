"""What a trial measures on quadratic losses: spread over couplings, noises and graphs beside its closed form."""

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from scipy.stats import t as student
from torch import Tensor

from workingpapers.bench.protocols import Trial
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.papers.synchronization.settings import Settings
from workingpapers.papers.synchronization.simulation import MeasuredMoments, simulate
from workingpapers.papers.synchronization.theory import stationary_moments, synchronization_bound

Key = tuple[str, float, float]  # graph, coupling, noise
RECORD_TIME = 0.1  # spreads closer in time are nearly the same number
NO_EDGES = "no edges"


def quadratic_study(settings: Settings, trial: Trial) -> None:
    """Claims S1 to S6 of the page."""
    study = Quadratic(settings, trial)
    graphs = {name: make_graph(name, settings.replicas, trial) for name in settings.graphs}
    for name, graph in graphs.items():
        trial.record("spectrum", torch.linalg.eigvalsh(graph).clamp(min=0).tolist(), graph=name)
    grid = [(g, k, s) for g in graphs for k in settings.couplings for s in settings.noises]
    for graph, coupling, noise in trial.steps(grid, "coupled replicas"):
        study.run(graph, graphs[graph], coupling, noise)
    apart = torch.zeros(settings.replicas, settings.replicas, dtype=torch.float64)
    for coupling in settings.levels:
        for noise in settings.noises:
            study.run(NO_EDGES, apart, coupling, noise)
    noise = 1.0 if 1.0 in settings.noises else settings.noises[0]
    _falling(study, settings, noise)
    _trade_off(study, settings, graphs["complete"])
    _spectrum(study, settings, graphs, noise)
    _topology(study, settings, noise)
    _tightness(study, settings, graphs, noise)
    _equal_cost(study, settings, graphs, noise)
    _redundancy(study, settings, noise)
    _switching(settings, trial, graphs["complete"])


class Quadratic:
    """Runs on quadratic losses, each made once and recorded beside its closed form."""

    def __init__(self, settings: Settings, trial: Trial) -> None:
        self.settings, self.trial = settings, trial
        self.measured: dict[Key, MeasuredMoments] = {}
        self.theory: dict[Key, float] = {}  # of the recursion, at the step that was taken
        self.bound: dict[Key, float] = {}

    def run(
        self, name: str, graph: Tensor, coupling: float, noise: float, curvatures: tuple[float, ...] | None = None
    ) -> MeasuredMoments:
        """Simulate, record, keep under (name, coupling, noise)."""
        curved = self.settings.curvatures if curvatures is None else curvatures
        spectrum = torch.linalg.eigvalsh(graph).clamp(min=0)
        fastest = max(curved) + coupling * float(spectrum[-1])
        dt = min(self.settings.dt, self.settings.step_rate / fastest)
        run = self._simulate((name, coupling, noise), graph, coupling, noise, curved, dt, self.settings.paths)
        n, key = len(graph), (name, coupling, noise)
        self.measured[key] = run
        self.theory[key] = stationary_moments(curved, graph, coupling, noise, dt=dt).spread
        lambda2 = float(spectrum[1])
        fixed: dict[str, Any] = {"graph": name, "coupling": coupling, "noise": noise}
        arguments = (n, len(curved), min(curved), lambda2, coupling, noise)
        self.bound[key] = synchronization_bound(*arguments, dt=dt, rate_max=fastest)
        for what, value in (
            ("spread", run.spread),
            ("individual_error", run.individual),
            ("centroid_error", run.centroid),
            ("spread_theory", self.theory[key]),
            ("spread_continuous", stationary_moments(curved, graph, coupling, noise).spread),
            ("spread_bound", self.bound[key]),
            ("spread_bound_continuous", synchronization_bound(*arguments)),
        ):
            self.trial.record(what, value, **fixed)
        return run

    def redundant(self, n: int, arm: str, coupling: float, noise: float) -> float:
        """Centroid error of n replicas."""
        curved = self.settings.curvatures
        fastest = max(curved) + coupling * n
        dt = min(self.settings.dt, self.settings.step_rate / fastest)
        graph, paths = laplacian("complete", n), self.settings.redundancy_paths
        return self._simulate((arm, n), graph, coupling, noise, curved, dt, paths).centroid

    def _simulate(
        self,
        stream: tuple[str | float, ...],
        graph: Tensor,
        coupling: float,
        noise: float,
        curvatures: tuple[float, ...],
        dt: float,
        paths: int,
    ) -> MeasuredMoments:
        device = self.trial.device
        generator = torch.Generator(device).manual_seed(self.trial.seed_for("quadratic", *stream))
        h = torch.tensor(curvatures, device=device)
        return simulate(
            lambda w: w * h,
            torch.zeros(len(curvatures), device=device),
            graph,
            coupling,
            noise,
            dt=dt,
            steps=round(self.settings.time / dt),
            burn_in=round(self.settings.burn_in_time / dt),
            paths=paths,
            generator=generator,
            record_every=max(1, round(RECORD_TIME / dt)),
        ).moments()


def make_graph(name: str, n: int, trial: Trial) -> Tensor:
    """The Laplacian of a named graph; "ladder" is two paths side by side, joined rung by rung."""
    if name == "ladder":
        half = n // 2
        rails = [(i, i + 1) for i in range(half - 1)] + [(half + i, half + i + 1) for i in range(half - 1)]
        return laplacian(rails + [(i, half + i) for i in range(half)])
    return laplacian(name, n, generator=torch.Generator().manual_seed(trial.seed_for("graph", name)))


def _falling(study: Quadratic, settings: Settings, noise: float) -> None:
    """S1: gaps between the 95 % intervals over paths of successive couplings, the smallest over graphs."""
    quantile = float(student.ppf(0.975, settings.paths - 1))

    def smallest_gap(graph: str, what: str) -> float:
        gaps = []
        for weak, strong in zip(settings.levels, settings.levels[1:], strict=False):
            above, below = study.measured[graph, weak, noise], study.measured[graph, strong, noise]
            room = quantile * (getattr(above, f"{what}_error") + getattr(below, f"{what}_error"))
            gaps.append(getattr(above, what) - getattr(below, what) - room)
        return min(gaps) / getattr(study.measured[graph, settings.levels[0], noise], what)

    for claim, what in (("spread-falls", "spread"), ("error-falls", "individual")):
        value = min(smallest_gap(graph, what) for graph in settings.graphs)
        study.trial.claim(claim, value=value, control=smallest_gap(NO_EDGES, what))


def _trade_off(study: Quadratic, settings: Settings, complete: Tensor) -> None:
    """S2: slope of log S against log σ² / (λ + κ l_2)."""
    flattest = min(settings.curvatures)
    isotropic = (flattest,) * len(settings.curvatures)
    for coupling in settings.couplings:
        for noise in settings.noises:
            study.run("complete, isotropic", complete, coupling, noise, isotropic)

    def slope(graph: str, couplings: tuple[float, ...]) -> float:
        pairs = [(k, s) for k in couplings for s in settings.noises]
        x = [np.log(s**2 / (flattest + k * settings.replicas)) for k, s in pairs]
        y = [np.log(study.measured[graph, k, s].spread) for k, s in pairs]
        return float(np.polyfit(x, y, 1)[0])

    apart = slope(NO_EDGES, settings.levels)
    study.trial.claim("trade-off", value=slope("complete", settings.couplings), control=apart)
    study.trial.claim("trade-off-isotropic", value=slope("complete, isotropic", settings.couplings), control=apart)


def _spectrum(study: Quadratic, settings: Settings, graphs: dict[str, Tensor], noise: float) -> None:
    """S3: the whole spectrum against the algebraic connectivity alone."""
    strongest = max(settings.couplings)
    measured = [study.measured[g, strongest, noise].spread for g in graphs]
    whole = [study.theory[g, strongest, noise] for g in graphs]
    bound = [study.bound[g, strongest, noise] for g in graphs]
    study.trial.claim(
        "spectrum-order",
        value=float(spearmanr(measured, whole).statistic),
        control=float(spearmanr(measured, bound).statistic),
    )
    grid = [(g, k, s) for g in graphs for k in settings.couplings for s in settings.noises]
    errors = {
        arm: max(abs(study.measured[key].spread / predicted[key] - 1) for key in grid)
        for arm, predicted in (("whole", study.theory), ("connectivity", study.bound))
    }
    study.trial.claim("spectrum-value", value=errors["whole"], control=errors["connectivity"])


def _topology(study: Quadratic, settings: Settings, noise: float) -> None:
    """S4: complete < ring, star < path, in parts of the path's spread."""

    def margin(coupling: float) -> float:
        complete, ring, star, path = (
            study.measured[g, coupling, noise].spread for g in ("complete", "ring", "star", "path")
        )
        return min(min(ring, star) - complete, path - max(ring, star)) / path

    none, strongest = margin(0.0), max(settings.couplings)
    for coupling in settings.couplings:
        study.trial.record("topology_margin", margin(coupling), coupling=coupling)
    study.trial.claim("topology", value=margin(strongest), control=none)
    worst = min(margin(coupling) for coupling in settings.couplings if coupling)
    study.trial.claim("topology-every-coupling", value=worst, control=none)


def _tightness(study: Quadratic, settings: Settings, graphs: dict[str, Tensor], noise: float) -> None:
    """S6: bound over spread; the complete graph with equal curvatures against the ring with unequal ones."""
    coupled = [k for k in settings.couplings if k]
    ratios = {
        graph: float(np.mean([study.bound[graph, k, noise] / study.measured[graph, k, noise].spread for k in coupled]))
        for graph in ("complete, isotropic", "ring")
    }
    study.trial.claim("bound-tight", value=ratios["complete, isotropic"], control=ratios["ring"])
    n, d, flattest = settings.replicas, len(settings.curvatures), min(settings.curvatures)
    exact = {}
    for graph, curved in (("complete", (flattest,) * d), ("ring", settings.curvatures)):
        lambda2 = float(torch.linalg.eigvalsh(graphs[graph])[1])
        exact[graph] = [
            synchronization_bound(n, d, flattest, lambda2, k, noise)
            / stationary_moments(curved, graphs[graph], k, noise).spread
            for k in coupled
        ]
    furthest = {graph: max(each, key=lambda ratio: abs(ratio - 1)) for graph, each in exact.items()}
    # nine digits: the ratio is 1 in exact arithmetic, and rounding decides on which side of it a float falls
    study.trial.claim("bound-tight-exact", value=round(furthest["complete"], 9), control=furthest["ring"])


def _equal_cost(study: Quadratic, settings: Settings, graphs: dict[str, Tensor], noise: float) -> None:
    """Spread at equal sums of edge weights, n in all."""
    for name, graph in graphs.items():
        weight = float(graph.diagonal().sum()) / 2
        same = graph * (settings.replicas / weight)
        study.run(f"{name}, equal cost", same, max(settings.couplings), noise)


def _redundancy(study: Quadratic, settings: Settings, noise: float) -> None:
    """S5: n times the centroid's error, with noise of its own for each replica and with one noise for all."""
    products: dict[str, list[float]] = {"own noise": [], "one noise": []}
    for n in settings.redundancies:
        products["own noise"].append(n * study.redundant(n, "own noise", 0.3, noise))
        # replicas that share start and noise are one learner: their centroid is that of a single one
        single = study.redundant(1, f"one noise {n}", 0.0, noise)
        products["one noise"].append(n * single)
        for arm, values in products.items():
            study.trial.record("centroid_error_by_redundancy", values[-1] / n, n=n, arm=arm)
    away = {arm: float(np.abs(np.array(values) / np.mean(values) - 1).max()) for arm, values in products.items()}
    study.trial.claim("redundancy", value=away["own noise"], control=away["one noise"])


def _switching(settings: Settings, trial: Trial, graph: Tensor) -> None:
    """One path before and after the coupling is switched on, for the figure."""
    if trial.repetition:
        return
    generator = torch.Generator().manual_seed(trial.seed_for("switching"))
    dt, steps, state = 0.02, 300, torch.zeros(1)
    for phase, coupling in enumerate((0.0, 3.0)):
        run = simulate(
            lambda w: w,
            state,
            graph,
            coupling,
            1.0,
            dt=dt,
            steps=steps,
            paths=1,
            generator=generator,
            record_every=4,
            keep_states=True,
        )
        state = run.final
        assert run.states is not None
        times = (run.times + phase * steps * dt).tolist()
        trial.record("switch_times", [round(each, 3) for each in times], phase=phase)
        for i in range(len(graph)):
            values = run.states[:, 0, i, 0].tolist()
            trial.record("switch_weights", [round(each, 3) for each in values], phase=phase, replica=i)
