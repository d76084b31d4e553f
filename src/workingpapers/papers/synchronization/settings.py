"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale; times are in units of the dynamics.

    Args:
        curvatures: Eigenvalues of the quadratic loss's Hessian.
        replicas: Number n of replicas on the quadratic and the non-quadratic losses.
        graphs: Graphs over which the quadratic study runs.
        couplings: Couplings κ of the quadratic study.
        levels: Those couplings between which spread and error must fall.
        noises: Noises σ of the quadratic study.
        paths: Independent repetitions within a trial, quadratic study.
        time: Time of a run.
        burn_in_time: Time at its beginning that is not measured.
        dt: Largest step.
        step_rate: Largest product of step and fastest rate; the step is made smaller where this asks for it.
        redundancies: Numbers n of replicas of the study of redundancy.
        redundancy_paths: Its repetitions.
        nonlinear_couplings: Couplings on the loss e^w - w; the last is judged.
        nonlinear_paths: Repetitions there.
        nonlinear_time: Time there; the first quarter is not measured.
        nonlinear_dt: Step there.
        well_couplings: Couplings in the double well.
        well_paths: Repetitions there.
        well_noise: Noise σ there.
        well_time: Time there.
        decision_replicas: Replicas of the logistic regression.
        decision_graphs: Its graphs; the first is judged.
        decision_couplings: Its couplings; first and last are judged.
        decision_steps: Its steps of length `decision_dt`.
        decision_dt: Their length.
        decision_noise: Noise σ of its gradients.
        decision_paths: Repetitions on one split of the data.
        alpha: Its L2 penalty.
    """

    curvatures: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0)
    replicas: int = 10
    graphs: tuple[str, ...] = ("complete", "random-regular", "ladder", "ring", "star", "path")
    couplings: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 2.0, 3.0, 5.0)
    levels: tuple[float, ...] = (0.0, 0.3, 3.0)
    noises: tuple[float, ...] = (0.3, 1.0, 2.0)
    paths: int = 64
    time: float = 30.0
    burn_in_time: float = 10.0
    dt: float = 0.01
    step_rate: float = 0.2
    redundancies: tuple[int, ...] = (2, 4, 8, 16, 32)
    redundancy_paths: int = 256
    nonlinear_couplings: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0, 3.0)
    nonlinear_paths: int = 200
    nonlinear_time: float = 40.0
    nonlinear_dt: float = 0.005
    well_couplings: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0, 3.0)
    well_paths: int = 200
    well_noise: float = 0.7
    well_time: float = 40.0
    decision_replicas: int = 12
    decision_graphs: tuple[str, ...] = ("complete", "ring", "path")
    decision_couplings: tuple[float, ...] = (0.0, 0.1, 1.0)
    decision_steps: int = 3000
    decision_dt: float = 0.05
    decision_noise: float = 1.0
    decision_paths: int = 4
    alpha: float = 0.05


SCALES = {
    "smoke": Settings(
        curvatures=(0.5, 1.0, 3.0),
        replicas=6,
        graphs=("complete", "ring", "star", "path"),
        couplings=(0.0, 1.0),
        levels=(0.0, 1.0),
        noises=(1.0,),
        paths=32,
        time=10.0,
        burn_in_time=4.0,
        dt=0.05,
        redundancies=(2, 8),
        redundancy_paths=32,
        nonlinear_couplings=(0.0, 3.0),
        nonlinear_paths=20,
        nonlinear_time=10.0,
        nonlinear_dt=0.02,
        well_couplings=(0.0, 1.0),
        well_paths=20,
        well_time=10.0,
        decision_replicas=6,
        decision_graphs=("complete",),
        decision_couplings=(0.0, 1.0),
        decision_steps=300,
        decision_paths=1,
    ),
    "laptop": Settings(),
    "paper": Settings(
        replicas=100,
        paths=1000,
        time=500.0,
        burn_in_time=20.0,
        redundancies=(2, 4, 8, 16, 32, 100),
        redundancy_paths=1000,
        nonlinear_paths=1000,
        well_paths=1000,
        well_time=500.0,
        decision_paths=32,
    ),
}
