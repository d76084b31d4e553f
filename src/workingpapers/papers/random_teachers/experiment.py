"""The experiment: students of one random teacher on real images, probed, pruned, connected, and looked at closely."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.random_teachers.construction import study_construction, study_valley
from workingpapers.papers.random_teachers.pictures import figures
from workingpapers.papers.random_teachers.real_images import images
from workingpapers.papers.random_teachers.settings import SCALES, Settings
from workingpapers.papers.random_teachers.students import study_students
from workingpapers.papers.random_teachers.supervised import study_supervised
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim gets its number and its control's."""
    with single_thread():  # small networks: more threads only wait for each other
        data = images(settings.data, settings.data_path, settings.images, settings.test_images, settings.pixels, trial)
        students, main = study_students(settings, trial, data)
        study_supervised(settings, trial, students, main)
        study_construction(settings, trial, students)
        study_valley(settings, trial, students, main)
