"""How connectivity structure shapes rich and lazy learning in neural circuits (arXiv 2310.08513): measures.

Official code: github.com/Helena-Yuhan-Liu/BioRNN_RichLazy; no licence file seen. Nothing is taken from it.
Implements the measures of section 2: change of weights, representation, tangent kernel and signs, for any module.
Differences from the paper: kernels without a backward pass for each output.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError
from workingpapers.papers.rich_lazy.kernels import tangent_kernel
from workingpapers.papers.rich_lazy.rnn import CTRNN
from workingpapers.parts.activations import collect
from workingpapers.parts.calling import Inputs, call, output_tensor
from workingpapers.parts.checks import whole_number
from workingpapers.parts.kernel_alignment import kernel_alignment
from workingpapers.parts.tangent_kernel import Selection, select_parameters

OutputFn = Callable[[Any], Tensor]


@dataclass(frozen=True)
class LazinessReport:
    """How far a network is from where it started. Lazy: alignments near 1 and small changes; rich: the opposite.

    Args:
        weight_change: `|theta - theta_0|_2` over the selected parameters.
        relative_weight_change: The same over `|theta_0|_2`.
        representation_alignment: Cosine of the Gram matrices of the activations, uncentred, in [0, 1].
        kernel_alignment: Cosine of the tangent kernels, in [0, 1].
        sign_similarity: Share of activations that have the same sign (zero is a sign of its own).
        weight_change_l1: `|theta - theta_0|_1`: the metabolic cost of the change.

    An alignment with a kernel that is zero or not finite (a dead or diverged network) is NaN.

    Example:
        >>> LazinessReport(0.0, 0.0, 1.0, 1.0, 1.0, 0.0).kernel_alignment
        1.0
    """

    weight_change: float
    relative_weight_change: float
    representation_alignment: float
    kernel_alignment: float
    sign_similarity: float
    weight_change_l1: float


@dataclass(frozen=True)
class _Snapshot:
    weights: dict[str, Tensor]
    features: Tensor
    kernel: Tensor


class LazinessProbe:
    """Take it before training; ask it after, or as often as you like.

    Works on any `nn.Module`: vision models, transformers (`inputs` a dict), models with adapters (by default the
    adapters' parameters, which are the ones that require gradients). Evaluation mode is used and put back.

    Args:
        module: The network at its start. It is referred to, not copied: train it, then call `measure`.
        inputs: An evaluation batch, fixed before training: a tensor, a tuple of arguments, or a mapping.
        params: Which parameters: None for all that require gradients, a regular expression, a list of names, or a
            function of name and parameter. The paper takes the recurrent weights only: `"recurrent"` for a `CTRNN`.
        layer: Name of the module whose output is the representation. By default the last hidden state of a `CTRNN`,
            else what goes into the last module with parameters of its own.
        output_fn: Takes the tensor of outputs whose tangent kernel is meant out of what the module returns; by default
            the tensor itself, `.logits`, or the first of a tuple.
        max_kernel_rows: Most outputs (samples x outputs of each) whose kernel is made.

    Raises:
        InvalidParameterError: params selects nothing, more outputs than `max_kernel_rows`, or inputs of another shape
            in `measure`.
        UnknownLayerError: no module is called `layer`; it is a `KeyError`.
        InvalidTypeError: the outputs are no tensor.

    Differs from the paper:
        Kernels are computed without a backward pass for each output. The paper's batch for the kernel is the first 32
        trials; here it is `inputs`.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> probe = LazinessProbe(net, torch.randn(16, 4))
        >>> probe.measure().weight_change
        0.0
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Inputs,
        *,
        params: Selection = None,
        layer: str | None = None,
        output_fn: OutputFn | None = None,
        max_kernel_rows: int = 512,
    ) -> None:
        self.module = module
        self.inputs = inputs
        self.layer = layer
        self.output_fn = output_fn
        self.max_kernel_rows = whole_number("max_kernel_rows", max_kernel_rows, least=1)
        self._names = list(select_parameters(module, params))
        self._start = self._snapshot(inputs)

    def measure(self, inputs: Inputs | None = None) -> LazinessReport:
        """Compare the module as it is now with its start.

        Args:
            inputs: None, or the same batch again; another shape is an error.

        Raises:
            InvalidParameterError: inputs of another shape than at the start.
        """
        if inputs is not None and _shapes(inputs) != _shapes(self.inputs):
            raise InvalidParameterError(
                f"the inputs have shapes {_shapes(inputs)} and had {_shapes(self.inputs)} at the start; give the same "
                "evaluation batch"
            )
        now, start = self._snapshot(self.inputs if inputs is None else inputs), self._start
        difference = torch.cat([(now.weights[name] - start.weights[name]).flatten() for name in self._names])
        size = float(torch.linalg.vector_norm(torch.cat([start.weights[name].flatten() for name in self._names])))
        change = float(torch.linalg.vector_norm(difference))
        return LazinessReport(
            weight_change=change,
            relative_weight_change=change / size if size > 0 else math.nan,
            representation_alignment=_alignment(start.features @ start.features.T, now.features @ now.features.T),
            kernel_alignment=_alignment(start.kernel, now.kernel),
            sign_similarity=float((start.features.sign() == now.features.sign()).double().mean()),
            weight_change_l1=float(difference.abs().sum()),
        )

    def _snapshot(self, inputs: Inputs) -> _Snapshot:
        with _evaluating(self.module):
            rows = self._rows(inputs)
            if rows > self.max_kernel_rows:
                raise InvalidParameterError(
                    f"the tangent kernel of {rows} outputs is larger than max_kernel_rows = {self.max_kernel_rows}; "
                    "give fewer samples, an output_fn that keeps some outputs (for example `lambda out: "
                    "out.logits[:, -1, :5]`), or a larger max_kernel_rows"
                )
            found = dict(self.module.named_parameters())
            return _Snapshot(
                weights={name: found[name].detach().double().cpu().clone() for name in self._names},
                features=_features(self.module, inputs, self.layer).double().cpu(),
                kernel=tangent_kernel(
                    self.module,
                    inputs,
                    self._names,
                    output_fn=self.output_fn,
                    max_memory_mb=max(256.0, rows**2 * 8 / 2**20),
                ).cpu(),
            )

    @torch.no_grad()
    def _rows(self, inputs: Inputs) -> int:
        return output_tensor(call(self.module, inputs), self.output_fn).numel()


def laziness(
    model: nn.Module,
    before: Mapping[str, Tensor] | nn.Module | None,
    after: Mapping[str, Tensor] | nn.Module | None,
    inputs: Inputs,
    *,
    params: Selection = None,
    layer: str | None = None,
    output_fn: OutputFn | None = None,
    max_kernel_rows: int = 512,
) -> LazinessReport:
    """How lazily a model went from one set of weights to another: four measures from two checkpoints.

    Args:
        model: The module; its own weights are put back afterwards.
        before: State dict at the start, or a module that holds it; None for the model as it is. It may hold a part of
            the names only, such as the adapters' as peft saves them.
        after: State dict at the end, likewise.
        inputs: An evaluation batch: a tensor, a tuple of arguments, or a mapping.
        params: As in `LazinessProbe`; by default the parameters that require gradients (LoRA: the adapters).
        layer: As in `LazinessProbe`.
        output_fn: As in `LazinessProbe`.
        max_kernel_rows: As in `LazinessProbe`.

    Returns:
        The report.

    Raises:
        InvalidParameterError: a state dict has tensors of another shape; and as in `LazinessProbe`.
        InvalidTypeError: before or after is neither a mapping nor a module.
        UnknownNameError: a state dict has a name that the model does not have.

    Differs from the paper:
        The paper measures recurrent networks; this takes any module.

    Example:
        >>> import copy, torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> before = copy.deepcopy(net.state_dict())
        >>> after = {name: 1.1 * each for name, each in before.items()}
        >>> round(laziness(net, before, after, torch.randn(16, 4)).relative_weight_change, 3)
        0.1
    """
    own = {name: each.detach().clone() for name, each in model.state_dict().items()}
    first, last = _state("before", before, own), _state("after", after, own)
    try:
        _load(model, {**own, **first})
        probe = LazinessProbe(
            model, inputs, params=params, layer=layer, output_fn=output_fn, max_kernel_rows=max_kernel_rows
        )
        _load(model, {**own, **last})
        return probe.measure()
    finally:
        _load(model, own)


def _state(what: str, given: Mapping[str, Tensor] | nn.Module | None, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if given is None:
        return dict(own)
    values = given.state_dict() if isinstance(given, nn.Module) else given
    if not isinstance(values, Mapping):
        raise InvalidTypeError(f"{what} is {type(given).__name__}; give a state dict or a module")
    state = {}
    for key, value in values.items():
        head, _, tail = key.rpartition(".")
        # peft saves adapters without their name, which is "default" unless chosen
        name = next((each for each in (key, f"{head}.default.{tail}") if each in own), None)
        if name is None:
            raise UnknownNameError(
                f"{what} holds {key!r}, which the model does not have; its names start with {', '.join(list(own)[:4])}"
            )
        if value.shape != own[name].shape:
            raise InvalidParameterError(
                f"{what} holds {key!r} of shape {tuple(value.shape)}; the model's is {tuple(own[name].shape)}"
            )
        state[name] = value.detach().clone()
    return state


def _load(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy into the model's own tensors; a state dict of its own making may have extra entries."""
    with torch.no_grad():
        for name, each in model.state_dict().items():
            each.copy_(state[name])


def _features(module: nn.Module, inputs: Inputs, layer: str | None) -> Tensor:
    """The representation `(samples, features)`."""
    if layer is not None:
        taken = collect(module, layer, inputs)[layer]
    elif isinstance(module, CTRNN):
        with torch.no_grad():
            hidden = call(module, inputs)[1]
        taken = hidden[-1] if module.seq_first else hidden[:, -1]
    else:
        taken = _last_input(module, inputs)
    return taken.detach().flatten(1) if taken.ndim > 1 else taken.detach()[:, None]


def _last_input(module: nn.Module, inputs: Inputs) -> Tensor:
    latest: list[Tensor] = []

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor) and each.is_floating_point()]
        if given:
            latest[:] = given[:1]

    leaves = [m for m in module.modules() if m._parameters and not list(m.children())]
    handles = [each.register_forward_pre_hook(hook, with_kwargs=True) for each in leaves]
    try:
        with torch.no_grad():
            call(module, inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not latest:
        raise InvalidParameterError(
            f"no module inside {type(module).__name__} with parameters of its own takes a tensor; name a layer"
        )
    return latest[0].clone()


def _alignment(first: Tensor, second: Tensor) -> float:
    usable = all(bool(k.isfinite().all()) and bool(k.any()) for k in (first, second))
    return kernel_alignment(first, second) if usable else math.nan


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = [each for each in module.modules() if each.training]
    dropping = [each for each in training if isinstance(each, nn.modules.dropout._DropoutNd) and each.p > 0]
    if dropping:
        warnings.warn(
            "the module is in training mode with dropout; laziness is measured in evaluation mode, and the mode is put "
            "back",
            UserWarning,
            stacklevel=5,
        )
    for each in training:
        each.training = False
    try:
        yield
    finally:
        for each in training:
            each.training = True


def _shapes(inputs: Inputs) -> list[tuple[int, ...]]:
    if isinstance(inputs, Tensor):
        return [tuple(inputs.shape)]
    values = inputs.values() if isinstance(inputs, Mapping) else inputs
    return [tuple(each.shape) for each in values if isinstance(each, Tensor)]
