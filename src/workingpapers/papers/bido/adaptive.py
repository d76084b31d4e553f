"""An attack that does not trust gradients: queries, rescaled logits, many restarts, and search without gradients.

A defence that only hides the gradient (rounded or saturated outputs) stops GMI and gives nothing private away less.
Here every attack may be carried by labels alone, so that such a defence is found out.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.bido.attack import (
    GMIAttack,
    InversionResult,
    _example_of,
    attack_labels,
    evaluating,
    judge,
)
from workingpapers.parts.checks import real_number, torch_module, whole_number


class RescaledLogits(nn.Module):
    """A classifier whose logits are divided by their own spread, so that no temperature saturates the cross entropy.

    Args:
        target: The classifier.
        scale: Spread of its logits; they come out with a spread of 3.

    Example:
        >>> sharp = nn.Linear(2, 2)
        >>> RescaledLogits(sharp, 3.0)(torch.ones(1, 2)).equal(sharp(torch.ones(1, 2)))
        True
    """

    def __init__(self, target: nn.Module, scale: float) -> None:
        super().__init__()
        self.target = target
        self.factor = 3.0 / max(scale, 1e-12)

    def forward(self, images: Float[Tensor, "n ..."]) -> Float[Tensor, "n classes"]:
        """Logits `(n, classes)`."""
        return self.factor * self.target(images)


class AdaptiveAttack:
    """The stronger attack beside GMI, in four parts, each a candidate; the best for each class is kept.

    1. Query: codes are drawn, the target labels their pictures, and the surest are kept for each class.
    2. Gradient: GMI on rescaled logits, from `oversample` times as many of these codes as restarts are asked for.
       After a quarter of the steps the best of each class stay.
    3. Without gradient: from the queried codes, an evolution strategy that needs the target's outputs alone; where
       all are equal it drifts within the label.
    4. Choice: of all candidates, for each class those that the target still gives its label when their codes are
       disturbed (labels alone are used, as in boundary attacks), then those that it is surest of.

    Args:
        generator: From codes to pictures, as for `GMIAttack`.
        discriminator: Score of pictures, or None.
        steps: Gradient steps.
        lr: Learning rate of the gradient steps.
        restarts: Reconstructions kept for each class.
        oversample: Starts for each that is kept.
        queries: Codes drawn and labelled.
        generations: Generations of the evolution strategy; 0 leaves it out.
        offspring: Children of each attack in a generation.
        bound: Half the width of the box of z.
        random_state: Source of codes, on the CPU; None for torch's default one.

    Raises:
        InvalidParameterError: a number outside what is allowed.
        InvalidTypeError: no modules or numbers.

    Example:
        >>> net, prior = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), nn.Linear(3, 4)
        >>> make = nn.Sequential(prior, nn.Unflatten(1, (1, 2, 2)))
        >>> make.latent_dim = 3
        >>> AdaptiveAttack(make, steps=8, restarts=2, queries=40).run(net, [0, 1], net).images.shape
        torch.Size([4, 1, 2, 2])
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None = None,
        steps: int = 300,
        lr: float = 0.02,
        restarts: int = 5,
        oversample: int = 5,
        queries: int = 1000,
        generations: int = 60,
        offspring: int = 6,
        *,
        bound: float = 1.0,
        random_state: torch.Generator | None = None,
    ) -> None:
        self.steps = whole_number("steps", steps, least=4)
        self.oversample = whole_number("oversample", oversample, least=1)
        self.queries = whole_number("queries", queries, least=1)
        self.generations = whole_number("generations", generations, least=0)
        self.offspring = whole_number("offspring", offspring, least=1)
        self.bound = real_number("bound", bound, above=0)
        self.restarts = whole_number("restarts", restarts, least=1)
        self.random_state = random_state
        made: dict[str, Any] = {"lr": lr, "bound": bound, "random_state": random_state}
        many = self.restarts * self.oversample
        self._first = GMIAttack(generator, discriminator, max(1, self.steps // 4), restarts=many, **made)
        self._second = GMIAttack(generator, discriminator, self.steps - self.steps // 4, restarts=self.restarts, **made)
        self.generator = generator

    def run(self, target: nn.Module, classes: Sequence[int], evaluator: nn.Module | None = None) -> InversionResult:
        """Attack a classifier.

        Args:
            target: The classifier that is attacked.
            classes: Classes to reconstruct.
            evaluator: The classifier that judges; None judges nothing.

        Returns:
            `restarts` reconstructions of each class, shape `(attacks, channels, height, width)`; the history is that
            of the second gradient phase, with `"chosen_query"`, `"chosen_gradient"` and `"chosen_evolution"`, the
            shares of the candidates chosen.
        """
        like = _example_of(self.generator, target)
        labels = attack_labels(classes, self.restarts).to(like.device)
        torch_module("target", target)
        optional = (self._first.discriminator, evaluator)
        networks = (self.generator, target, *(each for each in optional if each is not None))
        with evaluating(*networks):
            codes = self._draw(self.queries).to(like).clamp(-self.bound, self.bound)
            logits = self._ask(target, codes)
            if int(labels.max()) >= logits.shape[1]:
                raise InvalidParameterError(
                    f"classes holds {int(labels.max())}; the target has classes 0 to {logits.shape[1] - 1}"
                )
            rescaled = RescaledLogits(target, float((logits - logits.mean(1, keepdim=True)).std()))
            starts = self._surest(
                codes, logits, attack_labels(classes, self.restarts * self.oversample).to(like.device)
            )
            queried = self._keep_best(starts, target, classes, self.restarts * self.oversample)
            searched = self._first._search(starts, self._labels(classes, like), rescaled, None)[0]
            kept = self._keep_best(searched, target, classes, self.restarts * self.oversample)
            by_gradient, history = self._second._search(kept, labels, rescaled, evaluator)
            evolved = self._evolve(queried, labels, target)
            candidates = torch.stack((queried, by_gradient, evolved), 1)  # (attacks, 3, latent)
            z, chosen = self._choose(candidates, labels, target)
            with torch.no_grad():
                images = self.generator(z)
            first, top5, _ = judge(images, labels, evaluator) if evaluator is not None else (None, None, None)
        for i, name in enumerate(("query", "gradient", "evolution")):
            history[f"chosen_{name}"] = [float((chosen == i).double().mean())]
        return InversionResult(images, labels, first, top5, None, history)

    def _labels(self, classes: Sequence[int], like: Tensor) -> Int[Tensor, " attacks"]:
        return attack_labels(classes, self.restarts * self.oversample).to(like.device)

    def _draw(self, *shape: int) -> Tensor:
        return torch.randn(*shape, self._first.latent_dim, generator=self.random_state)

    @torch.no_grad()
    def _ask(self, target: nn.Module, codes: Tensor) -> Tensor:
        return torch.cat([target(self.generator(part)) for part in torch.split(codes, 512)])

    def _surest(self, codes: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """For each attack another code, the surest of its class first."""
        picked = torch.empty(len(labels), dtype=torch.int64, device=codes.device)
        for each in torch.unique(labels):
            places = (labels == each).nonzero()[:, 0]
            order = margin(logits, each.expand(len(logits))).argsort(descending=True, stable=True)
            picked[places] = order[torch.arange(len(places), device=codes.device) % len(order)]
        return codes[picked]

    def _keep_best(self, codes: Tensor, target: nn.Module, classes: Sequence[int], many: int) -> Tensor:
        """Of `many` codes for each class, the `restarts` that the target is surest of."""
        labels = attack_labels(classes, many).to(codes.device)
        score = margin(self._ask(target, codes), labels).view(-1, many)
        best = score.argsort(dim=1, descending=True, stable=True)[:, : self.restarts]
        return codes.view(len(score), many, -1).gather(1, best[..., None].expand(-1, -1, codes.shape[1])).flatten(0, 1)

    def _evolve(self, z: Tensor, labels: Tensor, target: nn.Module) -> Tensor:
        """(1 + offspring) evolution strategy on the margin of each attack, with steps that shrink; ties move on."""
        score = margin(self._ask(target, z), labels)
        for generation in range(self.generations):
            scale = 0.4 * self.bound * 0.2 ** (generation / max(1, self.generations))
            moved = self._draw(self.offspring, len(z)) > 0.8  # about one coordinate in five, as suits many of them
            noise = (self._draw(self.offspring, len(z)) * moved).to(z)
            children = (z + scale * noise).clamp(-self.bound, self.bound)
            logits = self._ask(target, children.flatten(0, 1))
            scores = margin(logits, labels.repeat(self.offspring)).view(self.offspring, -1)
            best, place = scores.max(0)
            is_better = best >= score
            chosen = children.gather(0, place[None, :, None].expand(1, -1, z.shape[1]))[0]
            z, score = torch.where(is_better[:, None], chosen, z), torch.where(is_better, best, score)
        return z

    def _choose(self, candidates: Tensor, labels: Tensor, target: nn.Module) -> tuple[Tensor, Tensor]:
        """For each class the candidates whose label survives disturbance best, and from which part each came."""
        attacks, parts, latent = candidates.shape
        flat = candidates.flatten(0, 1)
        wanted = labels.repeat_interleave(parts)
        survived = torch.zeros(len(flat), dtype=torch.float64, device=flat.device)
        scales = (0.0, 0.2, 0.4, 0.6, 0.8)
        for scale in scales:
            codes = (flat + scale * self.bound * self._draw(len(flat)).to(flat)).clamp(-self.bound, self.bound)
            survived += (self._ask(target, codes).argmax(1) == wanted).double() / len(scales)
        sure = margin(self._ask(target, flat), wanted).double()
        order = sure.argsort(stable=True).argsort(stable=True).double() / len(sure)
        score = survived + order / len(scales)  # the margin's rank breaks ties of the label
        rows = attacks // self.restarts
        best = score.view(rows, -1).argsort(dim=1, descending=True, stable=True)[:, : self.restarts]
        z = flat.view(rows, -1, latent).gather(1, best[..., None].expand(-1, -1, latent)).flatten(0, 1)
        return z, (best % parts).flatten()


def margin(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """A class's logit minus the largest of the others, shape `(n,)`.

    Example:
        >>> margin(torch.tensor([[1.0, 3.0, 2.0]]), torch.tensor([1]))
        tensor([1.])
    """
    own = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    return own - others
