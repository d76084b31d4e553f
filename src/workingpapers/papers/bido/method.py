"""Bilateral Dependency Optimization: Defending Against Model-inversion Attacks (arXiv 2206.05483).

Official code: github.com/AlanPeng0897/Defend_MI (MIT). Nothing is taken from it.
Implements the regulariser λ_x Σ d(X, Z_j) - λ_y Σ d(Z_j, Y) with HSIC, COCO or a measure of the user's own.
Differences: kernels of X and Y once a batch for all layers, one Cholesky factor a layer, in float64.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from workingpapers.errors import InvalidParameterError, InvalidTypeError, WorkingPapersError
from workingpapers.papers.bido.stages import stage_names
from workingpapers.parts.activations import UnknownLayerError
from workingpapers.parts.checks import one_of, real_number, torch_module, whole_number
from workingpapers.parts.dependence import ConstantInputWarning
from workingpapers.parts.dependence_kernels import (
    CONSTANT,
    centre,
    check_rows,
    coco_of,
    features_of,
    kernel_matrix,
    normalised_operator,
    wide,
)

Measure = Callable[[Tensor, Tensor], Tensor]


class NotForwardedError(InvalidParameterError, RuntimeError):
    """The regulariser was asked for its loss before the model ran; it has no activations."""


class BiDO:
    """Regulariser that hooks a classifier's hidden layers: `Σ_j λ_x d(X, Z_j) - λ_y d(Z_j, Y)`.

    Add it to the loss of your own training loop. A small dependence of hidden layers on the inputs leaves less to be
    inverted; a large one on the labels keeps the accuracy. Kernels are Gaussian on inputs and layers, `exp(-|u - v|² /
    (2 σ² dim))`, and linear on one-hot labels.

    `attach(model)` sets forward hooks and returns itself as the handle, which is also a context manager; after each
    `model(inputs)`, `loss(inputs, targets)` gives the term; `log()` the last values `{layer: (d(X, Z), d(Z, Y))}`;
    `detach()` removes the hooks.

    The statistic is one of the batch that a device sees. Under `DistributedDataParallel` or `DataParallel` it is that
    of each device's own part, not of the whole batch: keep at least some dozens of samples on each.

    Args:
        measure: `"hsic"` (normalised), `"coco"`, or a function of two batches `(n, ...)` that gives one number.
        layers: Names as in `model.named_modules()`, or `"auto"` for the outputs of the stages (see `stage_names`). Of
            a layer that gives a tuple, its first tensor is taken; everything after the first axis is flattened.
        lambda_x: Weight of the dependence on the inputs; 0 or more.
        lambda_y: Weight of the dependence on the labels; 0 or more.
        every: The term is computed at every so manieth call of `loss`, beginning with the first, and is 0 otherwise.
        sigma: Width of the Gaussian kernels.
        eps: ε of normalised HSIC.
        norm: Norm of COCO, `"fro"` as in the official code, or `"spectral"`.

    Raises:
        InvalidParameterError: a value outside what is allowed.
        InvalidTypeError: a value of another type.

    Differs from the paper:
        With both weights 0 the term is a constant 0, so that training is bit for bit that without it; `log()` still
        tells both dependences.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> bido = BiDO("hsic", ["1"], lambda_x=0.05, lambda_y=0.5)
        >>> handle = bido.attach(net)
        >>> x, y = torch.randn(32, 4), torch.randint(3, (32,))
        >>> loss = nn.functional.cross_entropy(net(x), y) + bido.loss(x, y)
        >>> loss.backward()
        >>> list(bido.log())
        ['1']
        >>> handle.detach()
    """

    def __init__(
        self,
        measure: Literal["hsic", "coco"] | Measure = "hsic",
        layers: list[str] | Literal["auto"] = "auto",
        lambda_x: float = 0.05,
        lambda_y: float = 0.5,
        every: int = 1,
        *,
        sigma: float = 5.0,
        eps: float = 1e-5,
        norm: Literal["fro", "spectral"] = "fro",
    ) -> None:
        self.measure = check_measure(measure)
        self.layers = _check_layers(layers)
        self.lambda_x = real_number("lambda_x", lambda_x, least=0)
        self.lambda_y = real_number("lambda_y", lambda_y, least=0)
        self.every = whole_number("every", every, least=1)
        self.sigma = real_number("sigma", sigma, above=0)
        self.eps = real_number("eps", eps, above=0)
        self.norm = one_of("norm", norm, ("fro", "spectral"))
        self._names: list[str] = []
        self._handles: list[RemovableHandle] = []
        self._taken: dict[str, Tensor] = {}
        self._classes: int | None = None
        self._clones = False
        self._calls = 0
        self._log: dict[str, tuple[float, float]] = {}

    def attach(self, model: nn.Module) -> "BiDO":
        """Set the hooks on a classifier; those on a former one are removed.

        Args:
            model: Any module whose output is `(n, classes)`, or has `.logits` of that shape.

        Returns:
            Itself; `with bido.attach(model):` removes the hooks at the end.

        Raises:
            UnknownLayerError: no layer of that name; the message lists names (a `KeyError` and a `LookupError`).
            InvalidTypeError: no module.

        Example:
            >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
            >>> with BiDO(layers=["1"]).attach(net) as bido:
            ...     out = net(torch.zeros(4, 4))
        """
        torch_module("model", model)
        inner = model
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
            warnings.warn(
                f"the model is wrapped in {type(model).__name__}: the dependence is a statistic per device, of the "
                "part of the batch that each device sees; keep that part large, and call loss with that part",
                UserWarning,
                stacklevel=2,
            )
        modules = dict(inner.named_modules())
        names = stage_names(inner) if self.layers == "auto" else list(self.layers)
        for name in names:
            if name not in modules:
                known = ", ".join(each for each in list(modules)[:30] if each) or "(none)"
                raise UnknownLayerError(f"the model has no layer {name!r}; its layers are {known}")
        self.detach()
        self._names = names
        self._clones = any(getattr(module, "inplace", False) for module in modules.values())
        self._handles = [inner.register_forward_pre_hook(self._begin), inner.register_forward_hook(self._end)]
        self._handles += [modules[name].register_forward_hook(partial(self._keep, name)) for name in names]
        return self

    def loss(self, inputs: Shaped[Tensor, "n *input"], targets: Shaped[Tensor, "*n"]) -> Float[Tensor, ""]:
        """The weighted term of the last forward pass, to be added to the loss.

        Args:
            inputs: What the model was called with, `(n, ...)`; n of at least 4.
            targets: Labels `(n,)`, whole numbers from 0 to the number of classes - 1.

        Returns:
            A tensor without axes, differentiable in the layers' outputs; 0 at calls that `every` leaves out.

        Raises:
            NotForwardedError: the model did not run since the last call (a `ValueError` and a `RuntimeError`).
            InvalidParameterError: fewer than 4 samples, sizes that differ, NaN, or labels outside.
            InvalidTypeError: labels that are no whole numbers.

        Example:
            >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
            >>> bido = BiDO("coco", "auto", lambda_x=1.0, lambda_y=0.0).attach(net)
            >>> x, y = torch.randn(32, 4), torch.randint(3, (32,))
            >>> out = net(x)
            >>> bool(bido.loss(x, y) > 0)
            True
        """
        taken, classes = self._take()
        features = features_of("inputs", inputs.detach() if isinstance(inputs, Tensor) else inputs)
        labels = one_hot(targets, classes, features)
        layers = {name: features_of(f"layer {name!r}", each) for name, each in taken.items()}
        for name, each in layers.items():
            check_rows(f"layer {name!r}", each, "inputs", features)
        is_due = self._calls % self.every == 0
        first = next(iter(layers.values()))
        if not is_due:
            self._calls += 1
            return first.new_zeros(())
        if self.lambda_x == 0 and self.lambda_y == 0:
            with torch.no_grad():
                to_inputs, to_labels = self._terms(features, labels, layers)
            term = first.new_zeros(())
        else:
            to_inputs, to_labels = self._terms(features, labels, layers)
            term = (self.lambda_x * to_inputs - self.lambda_y * to_labels).sum().to(first.dtype)
        pairs = torch.stack((to_inputs.detach(), to_labels.detach())).T.tolist()
        self._calls += 1
        self._log = {name: (pair[0], pair[1]) for name, pair in zip(layers, pairs, strict=True)}
        return term

    def log(self) -> dict[str, tuple[float, float]]:
        """The last values, `{layer: (d(X, Z), d(Z, Y))}`, without weights; empty before the first `loss`.

        Example:
            >>> BiDO().log()
            {}
        """
        return dict(self._log)

    def detach(self) -> None:
        """Remove the hooks and forget activations; without effect where there are none.

        Example:
            >>> BiDO().detach()
        """
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._taken = {}

    def __enter__(self) -> "BiDO":
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def __getstate__(self) -> dict[str, Any]:
        """Without activations, so that a model with hooks can be copied and saved at any time."""
        return {**self.__dict__, "_taken": {}}

    def _begin(self, module: nn.Module, inputs: Any) -> None:
        self._taken = {}

    def _keep(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        found = _first_tensor(output)
        if found is None:
            raise InvalidTypeError(f"layer {name!r} gives {type(output).__name__} and no tensor; name another layer")
        self._taken[name] = found.clone() if self._clones else found  # what follows may write in place

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        logits = getattr(output, "logits", output)
        self._classes = logits.shape[-1] if isinstance(logits, Tensor) and logits.ndim == 2 else None

    def _take(self) -> tuple[dict[str, Tensor], int | None]:
        if not self._handles:
            raise NotForwardedError("the regulariser is attached to no model; call attach(model), then model(inputs)")
        missing = [name for name in self._names if name not in self._taken]
        if missing:
            raise NotForwardedError(
                f"layer {missing[0]!r} has not run since the last loss; call model(inputs) before loss(inputs, targets)"
            )
        taken, self._taken = {name: self._taken[name] for name in self._names}, {}
        return taken, self._classes

    def _terms(self, x: Tensor, labels: Tensor, layers: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Both dependences of each layer, `(layers,)`."""
        if callable(self.measure):
            to_inputs = [_number(self.measure(x, z), "d(X, Z)") for z in layers.values()]
            to_labels = [_number(self.measure(z, labels.to(z.dtype)), "d(Z, Y)") for z in layers.values()]
            return torch.stack(to_inputs), torch.stack(to_labels)
        kernels = [kernel_matrix(x, "gaussian", self.sigma), kernel_matrix(labels, "linear", 1.0)]
        kernels += [kernel_matrix(z, "gaussian", self.sigma) for z in layers.values()]
        centred = centre(torch.stack([wide(each).to(x.device) for each in kernels]))
        limits = torch.stack([CONSTANT[each.dtype] * each.detach().abs().amax().to(x.device) for each in kernels])
        alive = centred.detach().abs().amax((1, 2)) > limits
        for name, varies in zip(["the inputs", "the labels", *layers], alive.tolist(), strict=True):
            if not varies:
                _warn_constant(name, len(x))
        fixed, moving = centred[:2].detach(), centred[2:]
        if self.measure == "hsic":
            both = torch.einsum(
                "lij,kij->kl", normalised_operator(moving, self.eps), normalised_operator(fixed, self.eps)
            )
        else:
            both = coco_of(fixed[:, None], moving[None], self.norm)
        both = both * (alive[:2, None] & alive[None, 2:])  # rounding of a constant kernel is no dependence
        return both[0], both[1]


def one_hot(targets: Any, classes: int | None, like: Tensor) -> Float[Tensor, "n classes"]:
    """Labels `(n,)` as rows of zeros and a one, in the type of `like` and beside it, checked.

    Raises:
        InvalidTypeError: no whole numbers.
        InvalidParameterError: another size, or labels outside `[0, classes)`.

    Example:
        >>> one_hot(torch.tensor([0, 2]), 3, torch.zeros(2, 1))
        tensor([[1., 0., 0.],
                [0., 0., 1.]])
    """
    if not isinstance(targets, Tensor):
        raise InvalidTypeError(f"targets is {type(targets).__name__}; give a tensor of class numbers, (n,)")
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise InvalidTypeError(f"targets holds {targets.dtype}; give whole numbers, one class for each sample")
    if targets.shape != like.shape[:1]:
        raise InvalidParameterError(f"targets has shape {tuple(targets.shape)}; give one class for {len(like)} inputs")
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or (classes is not None and high >= classes):
        allowed = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise InvalidParameterError(f"targets holds class {low if low < 0 else high}; allowed is {allowed}")
    made = nn.functional.one_hot(targets.to(like.device, torch.int64), high + 1 if classes is None else classes)
    return made.to(like.dtype)


def check_measure(measure: Any) -> Literal["hsic", "coco"] | Measure:
    """A measure's name, or a function.

    Raises:
        InvalidParameterError: neither.
    """
    if callable(measure):
        return measure
    if measure == "hsic" or measure == "coco":
        return measure
    raise InvalidParameterError(f"measure is {measure!r}; choose 'hsic', 'coco', or give a function of two batches")


def _check_layers(layers: Any) -> list[str] | Literal["auto"]:
    if isinstance(layers, str):
        if layers != "auto":
            raise InvalidParameterError(f"layers is {layers!r}; give a list of names, [{layers!r}], or 'auto'")
        return "auto"
    if not isinstance(layers, Sequence) or not all(isinstance(each, str) for each in layers):
        raise InvalidTypeError(f"layers is {layers!r}; give a list of names, or 'auto'")
    if not layers:
        raise InvalidParameterError("layers is empty; name at least one layer, or give 'auto'")
    return list(dict.fromkeys(layers))


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "last_hidden_state"):
        return _first_tensor(output.last_hidden_state)
    values = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return next((each for each in values if isinstance(each, Tensor)), None)


def _warn_constant(name: str, rows: int) -> None:
    warnings.warn(
        f"{name}: the same for all {rows} samples as far as the kernel can tell, so the dependence is 0; give batches "
        "of several classes, or a smaller sigma",
        ConstantInputWarning,
        stacklevel=4,
    )


def _number(value: Any, what: str) -> Tensor:
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise InvalidTypeError(
            f"the measure gave {type(value).__name__} for {what}; it must give a tensor of one number"
        )
    if not bool(value.detach().isfinite().all()):
        raise DivergedError(
            f"the measure gave {float(value.detach()):g} for {what}; check it, or lower the learning rate"
        )
    return value.reshape(())


class DivergedError(WorkingPapersError, FloatingPointError):
    """A measure or a loss is NaN or infinite."""
