"""The students of one trial: one random teacher, many ways to distil from it, each probed."""

from collections.abc import Callable

import torch
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from torch import Tensor, nn

from workingpapers.bench.protocols import Trial
from workingpapers.papers.random_teachers.encoders import features
from workingpapers.papers.random_teachers.head import ProjectionHead
from workingpapers.papers.random_teachers.method import RandomTeacherDistiller
from workingpapers.papers.random_teachers.networks import encoder
from workingpapers.papers.random_teachers.probing import knn_probe, linear_probe
from workingpapers.papers.random_teachers.real_images import Images, other_images
from workingpapers.papers.random_teachers.settings import Settings

LOCAL = 1e-10


class Students:
    """Makes and probes the students of one trial; all share the teacher, and the number of steps.

    Args:
        settings: Sizes.
        trial: The trial; its records get every accuracy.
        images: The images that are probed on.
    """

    def __init__(self, settings: Settings, trial: Trial, images: Images) -> None:
        self.settings, self.trial, self.images = settings, trial, images
        self.pattern, self.width = encoder(settings.encoder, images.train.shape[1])
        self.teacher = self.distiller(LOCAL).teacher

    def distiller(self, alpha: float, *stream: str) -> RandomTeacherDistiller:
        """A distiller; without a stream it has the trial's one teacher."""
        settings = self.settings
        return RandomTeacherDistiller(
            self.pattern,
            head=ProjectionHead(self.width, settings.hidden, settings.bottleneck, settings.outputs),
            alpha=alpha,
            lr=settings.learning_rate,
            seed=self.trial.seed_for("teacher", *stream),
            device=self.trial.device,
        )

    def distilled(self, x: Tensor, alpha: float = LOCAL, *, probe_epochs: bool = False) -> RandomTeacherDistiller:
        """A student of images x, repeated so that every student takes equally many steps."""
        rows = torch.arange(self.settings.images) % len(x)
        callbacks = []
        if probe_epochs:

            def note(distiller: RandomTeacherDistiller, epoch: int) -> None:
                self.trial.record("accuracy_over_epochs", self.linear(distiller.transform), unit="frac", epoch=epoch)
                self.trial.record("kl", distiller.history["kl"][-1], unit="nats", epoch=epoch)

            callbacks.append(note)
        made = self.distiller(alpha)
        return made.fit(x[rows], self.settings.epochs, batch_size=self.settings.batch, callbacks=callbacks)

    def linear(self, of: Callable[[Tensor], Tensor]) -> float:
        """Held-out accuracy of the linear probe on what a function makes of images."""
        count, images = self.settings.probe_images, self.images
        return linear_probe(of(images.train[:count]), images.labels[:count], of(images.test), images.labels_test)

    def neighbours(self, of: Callable[[Tensor], Tensor]) -> float:
        """Held-out accuracy of 20 nearest neighbours."""
        count, images = self.settings.probe_images, self.images
        return knn_probe(of(images.train[:count]), images.labels[:count], of(images.test), images.labels_test)

    def probed(self, arm: str, of: Callable[[Tensor], Tensor] | nn.Module) -> float:
        """The linear probe's accuracy, recorded for an arm."""
        made = (lambda x: features(of, x)) if isinstance(of, nn.Module) else of
        accuracy = self.linear(made)
        self.trial.record("accuracy", accuracy, unit="frac", arm=arm)
        return accuracy


def study_students(settings: Settings, trial: Trial, images: Images) -> tuple[Students, RandomTeacherDistiller]:
    """Claims on probing, data and locality; returns the makers and the main student."""
    made = Students(settings, trial, images)
    raw = made.probed("raw pixels", lambda x: x.flatten(1))
    pca = PCA(min(made.width, *images.train.flatten(1).shape), random_state=trial.seed_for("pca") % 2**31)
    pca.fit(images.train.flatten(1).numpy())
    made.probed("PCA of pixels", lambda x: torch.from_numpy(pca.transform(x.flatten(1).numpy())))
    teacher = made.probed("teacher", made.teacher)
    other_draw = made.probed("another random draw", made.distiller(LOCAL, "another").teacher) - teacher
    main = made.distilled(images.train, probe_epochs=True)
    gain = made.probed("student", main.student) - teacher
    generator = torch.Generator().manual_seed(trial.seed_for("order"))
    order = torch.randperm(len(images.train), generator=generator)
    again = made.probed("student, other order", made.distilled(images.train[order]).student) - teacher

    trial.claim("beats-teacher", value=gain, control=other_draw)
    near = made.neighbours(lambda x: features(made.teacher, x))
    near_other = made.neighbours(lambda x: features(made.distiller(LOCAL, "another").teacher, x))
    near_student = made.neighbours(main.transform)
    for arm, value in (("teacher", near), ("student", near_student)):
        trial.record("neighbour_accuracy", value, unit="frac", arm=arm)
    for arm, each in (("teacher", made.teacher), ("student", main.student)):
        trial.record("effective_dimension", participation_ratio(features(each, images.test)), arm=arm)
    trial.claim("beats-teacher-neighbours", value=near_student - near, control=near_other - near)
    trial.claim("beats-raw-input", value=gain + teacher - raw, control=teacher - raw)
    _data(made, gain, again, other_draw, teacher)
    _locality(made, gain, again, other_draw, teacher)
    return made, main


def participation_ratio(x: Tensor) -> float:
    """Effective number of dimensions of standardised features: `(sum of eigenvalues)^2 / sum of their squares`."""
    z = (x - x.mean(0)).double()
    covariance = torch.corrcoef(z[:, z.std(0) > 0].T)
    return float(covariance.trace() ** 2 / covariance.square().sum())


def _data(made: Students, gain: float, again: float, other_draw: float, teacher: float) -> None:
    settings, trial, images = made.settings, made.trial, made.images
    gains = []
    for size in trial.steps(settings.sizes, "sample sizes"):
        is_all = size == len(images.train)
        gains.append(gain if is_all else made.linear(made.distilled(images.train[:size]).transform) - teacher)
        trial.record("gain_over_sizes", gains[-1], unit="frac", size=size)
    shuffled = trial.rng.permutation(gains)
    trial.claim(
        "grows-with-data",
        value=float(spearmanr(settings.sizes, gains).statistic) if len(set(gains)) > 1 else 0.0,
        control=float(spearmanr(settings.sizes, shuffled).statistic) if len(set(gains)) > 1 else 0.0,
    )
    generator = torch.Generator().manual_seed(trial.seed_for("noise"))
    noise = torch.randn(images.train.shape, generator=generator)
    noise_gain = made.probed("student of noise", made.distilled(noise).student) - teacher
    permutation = torch.randperm(images.train[0, 0].numel(), generator=generator)
    permuted = images.train.flatten(2)[..., permutation].reshape(images.train.shape)
    made.probed("student of permuted pixels", made.distilled(permuted).student)
    trial.claim("noise-is-worse", value=gain - noise_gain, control=gain - again)
    trial.claim("noise-gains-little", value=noise_gain, control=gain)
    transfer = settings.transfer if images.name != settings.transfer else "photographs"
    other = other_images(transfer, settings.images, images.train.shape[1], settings.pixels, trial)
    carried = made.probed("student of other images", made.distilled(other).student) - teacher
    trial.claim("transfers", value=carried, control=noise_gain)
    trial.record("transfer_from_noise_difference", carried - noise_gain, unit="frac")


def _locality(made: Students, gain: float, again: float, other_draw: float, teacher: float) -> None:
    trial, gains = made.trial, {LOCAL: gain}
    for alpha in trial.steps(made.settings.alphas, "localities"):
        gains[alpha] = made.linear(made.distilled(made.images.train, alpha).transform) - teacher
    for alpha, value in gains.items():
        trial.record("gain_over_alpha", value, unit="frac", alpha=alpha)
    trial.claim("locality", value=gain - gains[1.0], control=gain - again)
    trial.claim("locality-flat", value=gains[0.6] - gain, control=-gain)
    trial.claim("far-still-beats-teacher", value=gains[1.0], control=other_draw)
