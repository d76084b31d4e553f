"""Generative model inversion (GMI): from a classifier and a public prior to pictures of a private class."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import check_generator, real_number, torch_module, whole_number

REFERENCE_BATCH = 60  # the learning rate is that of a loss averaged over so many attacks, however many run here
CHECKPOINTS = 12


@dataclass(frozen=True)
class InversionResult:
    """What an attack brought out, judged by a classifier that the attacker does not know.

    Args:
        images: Reconstructions, shape `(attacks, channels, height, width)`; all restarts of the first class first.
        labels: The class each was meant for, `(attacks,)`.
        attack_accuracy: Share that the evaluator takes for the class meant.
        top5: Share with that class among its five first (of all classes, where there are fewer than five).
        knn_distance: Mean Euclidean distance to the nearest private picture of the class, in the evaluator's features;
            None without private pictures.
        history: `"loss"`, `"identity"` and `"prior"` of each step, averaged over attacks; `"step"`,
            `"target_accuracy"` and, with an evaluator, `"attack_accuracy"` at a dozen checkpoints.

    Example:
        >>> net, prior = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), nn.Linear(3, 4)
        >>> make = nn.Sequential(prior, nn.Unflatten(1, (1, 2, 2)))
        >>> GMIAttack(make, latent_dim=3, steps=3, restarts=2).run(net, [0, 1], net).images.shape
        torch.Size([4, 1, 2, 2])
    """

    images: Float[Tensor, "attacks channels height width"]
    labels: Int[Tensor, " attacks"]
    attack_accuracy: float | None
    top5: float | None
    knn_distance: float | None
    history: Mapping[str, list[float]]


class GMIAttack:
    """White-box inversion through a generator: minimises `-D(G(z)) + weight CE(T(G(z)), y)` over z in a box.

    All restarts of all classes run as one batch, each on its own: `v' = momentum v - lr g`,
    `z ← clamp(z - momentum v + (1 + momentum) v')`, Nesterov's step, with g the gradient of the attack's own loss over
    60, which is the official code's batch. Networks run in evaluation mode and are left as they were.

    Args:
        generator: From codes `(n, latent_dim)` to pictures.
        discriminator: Score of pictures `(n,)`, higher is more real; None leaves that term out.
        steps: Steps of the search.
        lr: Learning rate.
        momentum: From 0 to below 1.
        weight: Of the cross entropy.
        restarts: Searches for each class.
        bound: Half the width of the box of z.
        latent_dim: Length of z; None for the generator's `latent_dim`.
        random_state: Source of the starts, on the CPU; None for torch's default one.

    Raises:
        InvalidParameterError: a number outside what is allowed, or a generator without `latent_dim`.
        InvalidTypeError: no modules or numbers.

    Differs from the paper:
        The evaluator judges every restart, not the best one of each class.

    Example:
        >>> net, prior = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), nn.Linear(3, 4)
        >>> make = nn.Sequential(prior, nn.Unflatten(1, (1, 2, 2)))
        >>> result = GMIAttack(make, latent_dim=3, steps=20, restarts=2).run(net, [1])
        >>> result.history["identity"][-1] < result.history["identity"][0]
        True
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None = None,
        steps: int = 500,
        lr: float = 0.02,
        momentum: float = 0.9,
        weight: float = 100.0,
        restarts: int = 5,
        *,
        bound: float = 1.0,
        latent_dim: int | None = None,
        random_state: torch.Generator | None = None,
    ) -> None:
        self.generator = torch_module("generator", generator)
        self.discriminator = None if discriminator is None else torch_module("discriminator", discriminator)
        self.steps = whole_number("steps", steps, least=1)
        self.lr = real_number("lr", lr, above=0)
        self.momentum = real_number("momentum", momentum, least=0, below=1)
        self.weight = real_number("weight", weight, least=0)
        self.restarts = whole_number("restarts", restarts, least=1)
        self.bound = real_number("bound", bound, above=0)
        latent_dim = getattr(generator, "latent_dim", None) if latent_dim is None else latent_dim
        if latent_dim is None:
            raise InvalidParameterError("the generator has no attribute latent_dim; give latent_dim, the length of z")
        self.latent_dim = whole_number("latent_dim", latent_dim, least=1)
        check_generator(random_state, torch.device("cpu"))
        self.random_state = random_state

    def run(
        self,
        target: nn.Module,
        classes: Sequence[int],
        evaluator: nn.Module | None = None,
        *,
        private: tuple[Tensor, Tensor] | None = None,
        start: Tensor | None = None,
    ) -> InversionResult:
        """Attack a classifier.

        Args:
            target: The classifier that is attacked, from pictures to logits `(n, classes)`.
            classes: Classes to reconstruct, whole numbers.
            evaluator: Another classifier, trained on more data, that judges the reconstructions; None judges nothing.
            private: Private pictures `(n, channels, height, width)` and labels `(n,)` for `knn_distance`; needs an
                evaluator that ends in `nn.Linear`.
            start: Codes to begin with, `(len(classes) * restarts, latent_dim)`; None draws them.

        Returns:
            Reconstructions, shares and history.

        Raises:
            InvalidParameterError: no classes, classes that the target does not have, or codes of another shape.
            InvalidTypeError: no modules, or classes that are no whole numbers.
        """
        torch_module("target", target)
        if evaluator is not None:
            torch_module("evaluator", evaluator)
        if private is not None and evaluator is None:
            raise InvalidParameterError("private pictures are compared in the evaluator's features; give an evaluator")
        like = _example_of(self.generator, target)
        labels = attack_labels(classes, self.restarts).to(like.device)
        if start is None:
            z = torch.randn(len(labels), self.latent_dim, generator=self.random_state).to(like)
        elif start.shape != (len(labels), self.latent_dim):
            raise InvalidParameterError(
                f"start has shape {tuple(start.shape)}; give ({len(labels)}, {self.latent_dim}), one code an attack"
            )
        else:
            z = start.detach().clone().to(like)
        networks = (self.generator, target, *(each for each in (self.discriminator, evaluator) if each is not None))
        with evaluating(*networks):
            z, history = self._search(z, labels, target, evaluator)
            with torch.no_grad():
                images = self.generator(z)
            if evaluator is None:
                return InversionResult(images, labels, None, None, None, history)
            first, top5, distance = judge(images, labels, evaluator, private)
        return InversionResult(images, labels, first, top5, distance, history)

    @torch.enable_grad()  # else an attack under the caller's no_grad would not move, and look like a defence
    def _search(
        self, z: Tensor, labels: Tensor, target: nn.Module, evaluator: nn.Module | None
    ) -> tuple[Tensor, dict[str, list[float]]]:
        z = z.clamp(-self.bound, self.bound)
        velocity = torch.zeros_like(z)
        every = max(1, self.steps // CHECKPOINTS)
        history: dict[str, list[float]] = {"loss": [], "identity": [], "prior": [], "step": [], "target_accuracy": []}
        if evaluator is not None:
            history["attack_accuracy"] = []
        for step in range(self.steps + 1):
            z.requires_grad_()
            images = self.generator(z)
            logits = target(images)
            if step == 0 and int(labels.max()) >= logits.shape[-1]:
                raise InvalidParameterError(
                    f"classes holds {int(labels.max())}; the target has classes 0 to {logits.shape[-1] - 1}"
                )
            if step % every == 0 or step == self.steps:
                _check(history, step, images.detach(), labels, logits.detach(), evaluator)
            if step == self.steps:
                break
            identity = functional.cross_entropy(logits, labels, reduction="none")
            prior = torch.zeros_like(identity) if self.discriminator is None else -self.discriminator(images).flatten()
            loss = prior + self.weight * identity
            gradient = torch.zeros_like(z)
            if loss.requires_grad:  # a target that rounds its outputs leaves no gradient at all
                (found,) = torch.autograd.grad(loss.sum() / REFERENCE_BATCH, z, allow_unused=True)
                gradient = torch.zeros_like(z) if found is None else found.nan_to_num(0.0, 0.0, 0.0)
            with torch.no_grad():
                moved = self.momentum * velocity - self.lr * gradient
                z = z - self.momentum * velocity + (1 + self.momentum) * moved
                z, velocity = z.clamp(-self.bound, self.bound), moved
            for name, values in (("loss", loss), ("identity", identity), ("prior", prior)):
                history[name].append(float(values.detach().mean()))
        return z.detach(), history


def attack_labels(classes: Any, restarts: int) -> Int[Tensor, " attacks"]:
    """Each class `restarts` times, as `(attacks,)`; checked.

    Example:
        >>> attack_labels([3, 1], 2)
        tensor([3, 3, 1, 1])
    """
    listed = classes.tolist() if isinstance(classes, Tensor) else classes
    if isinstance(listed, str) or not hasattr(listed, "__iter__"):
        raise InvalidTypeError(f"classes is {classes!r}; give a list of class numbers")
    numbers = [whole_number("one of classes", each, least=0) for each in listed]
    if not numbers:
        raise InvalidParameterError("classes is empty; give at least one class to attack")
    return torch.tensor(numbers).repeat_interleave(restarts)


@torch.no_grad()
def judge(
    images: Float[Tensor, "attacks channels height width"],
    labels: Int[Tensor, " attacks"],
    evaluator: nn.Module,
    private: tuple[Tensor, Tensor] | None = None,
) -> tuple[float, float, float | None]:
    """Attack accuracy, the same among the five first, and the distance to private pictures.

    Args:
        images: Reconstructions `(attacks, channels, height, width)`.
        labels: What they are meant for, `(attacks,)`.
        evaluator: The classifier that judges.
        private: Private pictures and labels.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 7))
        >>> judge(torch.rand(3, 1, 2, 2), torch.tensor([0, 1, 2]), net)[2] is None
        True
    """
    logits = evaluator(images)
    if int(labels.max()) >= logits.shape[1]:
        raise InvalidParameterError(
            f"the evaluator has classes 0 to {logits.shape[1] - 1} and cannot judge class {int(labels.max())}; "
            "give one that was trained on all classes that are attacked"
        )
    first = float((logits.argmax(1) == labels).double().mean())
    among = logits.topk(min(5, logits.shape[1]), 1).indices
    top5 = float((among == labels[:, None]).any(1).double().mean())
    if private is None:
        return first, top5, None
    pictures, classes = private
    of_private, of_images = _penultimate(evaluator, pictures), _penultimate(evaluator, images)
    distances = torch.cdist(of_images, of_private)
    distances[labels[:, None] != classes[None, :].to(labels.device)] = torch.inf
    nearest = distances.amin(1)
    return first, top5, float(nearest[nearest.isfinite()].mean())


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Inside, all modules of the networks are in evaluation mode; on leaving, each is as it was."""
    training = [module for network in networks for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _check(
    history: dict[str, list[float]],
    step: int,
    images: Tensor,
    labels: Tensor,
    logits: Tensor,
    evaluator: nn.Module | None,
) -> None:
    history["step"].append(float(step))
    history["target_accuracy"].append(float((logits.argmax(1) == labels).double().mean()))
    if evaluator is not None:
        history["attack_accuracy"].append(judge(images, labels, evaluator)[0])


def _penultimate(network: nn.Module, images: Tensor) -> Tensor:
    """What goes into the last linear layer, flattened."""
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InvalidParameterError("the evaluator has no nn.Linear, so its features are not known; leave private out")
    taken: list[Tensor] = []
    handle = linear[-1].register_forward_pre_hook(lambda module, inputs: taken.append(inputs[0]))
    try:
        network(images)
    finally:
        handle.remove()
    return taken[-1].flatten(1)


def _example_of(*networks: nn.Module) -> Tensor:
    """A tensor of the type and on the device of the first network that has any."""
    for network in networks:
        for each in (*network.parameters(), *network.buffers()):
            if each.is_floating_point():
                return each.detach()
    return torch.empty(0)
