"""What a trial measures on real data: decisions of noisy logistic learners on the breast-cancer table."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.papers.synchronization.classifier import logistic_gradient, pairwise_disagreement
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.papers.synchronization.settings import Settings
from workingpapers.papers.synchronization.simulation import SyncTrajectory, simulate

Measured = dict[str, float]


def decision_study(settings: Settings, trial: Trial) -> None:
    """Accuracy of single replicas, of their averaged weights and of their vote, and how often they disagree."""
    study = Decisions(settings, trial)
    first, last = settings.decision_couplings[0], settings.decision_couplings[-1]
    found: dict[tuple[str, float], Measured] = {}
    arms = [(graph, k) for graph in settings.decision_graphs for k in settings.decision_couplings]
    for graph, coupling in trial.steps(arms, "logistic regression"):
        found[graph, coupling] = study.measure(graph, coupling, settings.decision_replicas)
    study.measure("single learner", 0.0, 1)
    judged = settings.decision_graphs[0]
    again = study.measure("uncoupled again", first, settings.decision_replicas)
    for claim, what in (
        ("individual-accuracy", "individual"),
        ("disagreement", "disagreement"),
        ("averaged-weights", "averaged weights"),
    ):
        apart = found[judged, first][what]
        trial.claim(claim, value=found[judged, last][what] - apart, control=again[what] - apart)


class Decisions:
    """One split of the table, and the arms that run on it."""

    def __init__(self, settings: Settings, trial: Trial) -> None:
        self.settings, self.trial = settings, trial
        data = load("breast-cancer")
        trial.uses(data)
        X, y = data["features"], data["labels"]
        kept, held, self.y_train, self.y_test = train_test_split(
            X, y, test_size=0.3, stratify=y, random_state=trial.seed_for("split")
        )
        scaler = StandardScaler().fit(kept)
        self.train, self.test = (np.hstack([scaler.transform(each), np.ones((len(each), 1))]) for each in (kept, held))

    def measure(self, arm: str, coupling: float, n: int) -> Measured:
        """Run one arm and record its accuracies, averaged over its paths."""
        run = self._run(arm, coupling, n)
        scores = np.einsum("sf,pnf->pns", self.test, run.final.numpy())
        decisions = (scores > 0).astype(int)
        share = decisions.mean(1)
        vote = np.where(share == 0.5, (scores.mean(1) > 0).astype(float), share > 0.5)
        middle = run.final.mean(1).numpy() @ self.test.T > 0
        over_time = run.centroid.mean(0).numpy() @ self.test.T > 0
        found = {
            "individual": float((decisions == self.y_test).mean()),
            "vote": float((vote == self.y_test).mean()),
            "averaged weights": float((middle == self.y_test).mean()),
            "averaged over time": float((over_time == self.y_test).mean()),
            "disagreement": float(np.mean([pairwise_disagreement(each) for each in decisions])),
        }
        for what, value in found.items():
            self.trial.record("decisions", value, arm=arm, coupling=coupling, measure=what)
        return found

    def _run(self, arm: str, coupling: float, n: int) -> SyncTrajectory:
        settings = self.settings
        X, y = torch.from_numpy(self.train).float(), torch.from_numpy(self.y_train).long()
        known = arm in settings.decision_graphs
        drift = logistic_gradient(X, y, 1, settings.alpha)
        return simulate(
            drift,
            torch.zeros(X.shape[1]),
            laplacian(arm if known else "complete", n),
            coupling,
            settings.decision_noise,
            dt=settings.decision_dt,
            steps=settings.decision_steps,
            burn_in=settings.decision_steps // 2,
            paths=settings.decision_paths,
            generator=torch.Generator().manual_seed(self.trial.seed_for("decisions", arm, coupling)),
            record_every=10,
        )
