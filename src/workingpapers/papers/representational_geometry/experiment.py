"""The experiment: tanh against ReLU networks on tasks from unstructured clusters to images, claim by claim."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.representational_geometry.figures import figures
from workingpapers.papers.representational_geometry.measure_cells import one_label
from workingpapers.papers.representational_geometry.measure_flow import trajectories
from workingpapers.papers.representational_geometry.measure_images import convolution
from workingpapers.papers.representational_geometry.measure_labels import three_labels
from workingpapers.papers.representational_geometry.settings import SCALES, Settings
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: a pair of networks for each cell, the sweep over activations, and the convolutional network."""
    with single_thread():  # the networks are small: more threads only wait for each other
        for part in trial.steps((one_label, three_labels, convolution, trajectories), "parts"):
            part(settings, trial)
