"""Measures the paper's claims: who wins, when the induction head appears, what two or three numbers explain."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.icl_induction.figures import figures
from workingpapers.papers.icl_induction.measure_flow import flow_claims
from workingpapers.papers.icl_induction.measure_phases import minimal_model, phases
from workingpapers.papers.icl_induction.measure_transition import on_new_classes
from workingpapers.papers.icl_induction.settings import SCALES, Settings
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every network of the phase diagram, the transition on new classes, the minimal model, the flow."""
    with single_thread():  # the matrices are small: more threads only wait for each other
        trial.progress(0, 4, "gradient flow")
        flow_claims(trial)
        trial.progress(1, 4, "new classes")
        novel = on_new_classes(settings, trial)
        trial.progress(2, 4, "phase diagram")
        ends = phases(settings, trial, novel)
        trial.progress(3, 4, "minimal model")
        minimal_model(settings, trial, {"novel": novel, **ends})
        trial.progress(4, 4, "done")
