"""Activations of named layers of any `nn.Module`, taken by hooks that are gone afterwards."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError

Inputs = Tensor | Sequence[Any] | Mapping[str, Any]


class UnknownLayerError(UnknownNameError, KeyError):
    """A model has no layer of that name; the message gives the nearest ones. It is a `KeyError`."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would show its repr


def collect(
    model: nn.Module, layers: str | Sequence[str] | None, inputs: Inputs, *, batch_size: int | None = None
) -> dict[str, Tensor]:
    """What the named layers give out for `inputs`, in evaluation mode and without gradients.

    The model is called once (or once for each batch); its training flags are put back, its hooks are removed, also
    when it fails. Of a layer that gives a tuple or a mapping, as transformers' blocks do, the first tensor is taken
    (`last_hidden_state` where there is one). Of a layer that is called several times in one pass, the last call counts.

    Args:
        model: Any module.
        layers: Names as in `model.named_modules()`; `""` is the output of the model itself. None takes every
            module without children, as long as it is called.
        inputs: A tensor, a sequence of positional arguments, or a mapping of keyword arguments, as the model takes
            them. Samples lie along the first axis.
        batch_size: Rows for each call of the model; None takes all at once. Tensors whose first axis is as long as
            that of the first tensor are split, everything else is handed on as it is.

    Returns:
        For each name, in the given order, a tensor of shape `(samples, ...)` on the model's device. It shares no
        memory with the model's own tensors, so layers that write in place do not reach it.

    Raises:
        UnknownLayerError: the model has no layer of that name (a `KeyError`).
        InvalidParameterError: a layer was not called, `layers` is empty, or `batch_size` is below 1.
        InvalidTypeError: a layer gave no tensor, or `inputs` hold none.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> {name: tuple(z.shape) for name, z in collect(net, ["1", "2"], torch.zeros(5, 4)).items()}
        {'1': (5, 8), '2': (5, 2)}
    """
    modules = dict(model.named_modules())
    wanted = _names(modules, layers)
    rows = _rows(inputs)
    if batch_size is not None and batch_size < 1:
        raise InvalidParameterError(f"batch_size is {batch_size}; give at least 1, or None for all rows at once")
    taken: dict[str, list[Tensor]] = {name: [] for name in wanted}
    step = rows if batch_size is None else batch_size
    with _evaluating(model), torch.no_grad():
        for start in range(0, max(rows, 1), max(step, 1)):
            part = inputs if batch_size is None else _slice(inputs, start, start + step, rows)
            for name, output in _one_pass(model, modules, wanted, part, quiet=layers is None).items():
                taken[name].append(output)
    missing = [name for name in wanted if not taken[name]]
    if layers is not None and missing:
        raise InvalidParameterError(
            f"layer {missing[0]!r} is in the model and was not called for these inputs; name a layer that takes part"
        )
    return {name: outputs[0] if len(outputs) == 1 else torch.cat(outputs) for name, outputs in taken.items() if outputs}


def _names(modules: Mapping[str, nn.Module], layers: str | Sequence[str] | None) -> list[str]:
    if layers is None:
        return [name for name, module in modules.items() if not any(True for _ in module.children())]
    wanted = [layers] if isinstance(layers, str) else list(layers)
    if not wanted:
        raise InvalidParameterError("layers is empty; name at least one layer, or give None for all leaves")
    for name in wanted:
        if name not in modules:
            near = difflib.get_close_matches(str(name), [each for each in modules if each], n=3, cutoff=0.4)
            shown = near or [each for each in modules if each][:5]
            hint = f"near names: {', '.join(shown)}" if near else f"the first names are {', '.join(shown) or '(none)'}"
            raise UnknownLayerError(
                f"the model has no layer {name!r}; {hint}; list all with `dict(model.named_modules())`"
            )
    return wanted


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _one_pass(
    model: nn.Module, modules: Mapping[str, nn.Module], wanted: Sequence[str], inputs: Inputs, *, quiet: bool
) -> dict[str, Tensor]:
    taken: dict[str, Tensor] = {}
    handles: list[RemovableHandle] = []

    def keep(name: str) -> RemovableHandle:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            found = _first_tensor(output)
            if found is not None:
                taken[name] = found.detach().clone()
            elif not quiet:
                raise InvalidTypeError(
                    f"layer {name!r} gave {type(output).__name__} without a tensor; name a layer that gives one"
                )

        return modules[name].register_forward_hook(hook)

    try:
        handles += [keep(name) for name in wanted]
        if isinstance(inputs, Mapping):
            model(**inputs)
        elif isinstance(inputs, Tensor):
            model(inputs)
        else:
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return taken


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        if isinstance(output.get("last_hidden_state"), Tensor):
            return output["last_hidden_state"]
        output = list(output.values())
    if isinstance(output, list | tuple):
        return next((found for each in output if (found := _first_tensor(each)) is not None), None)
    return None


def _rows(inputs: Inputs) -> int:
    if isinstance(inputs, Tensor):
        values: list[Any] = [inputs]
    elif isinstance(inputs, Mapping):
        values = list(inputs.values())
    elif isinstance(inputs, list | tuple):
        values = list(inputs)
    else:
        raise InvalidTypeError(
            f"inputs is {type(inputs).__name__}; give a tensor, a list of positional arguments or a dict of keywords"
        )
    tensors = [value for value in values if isinstance(value, Tensor) and value.ndim > 0]
    if not tensors:
        raise InvalidTypeError("inputs hold no tensor with samples along its first axis; give at least one")
    return len(tensors[0])


def _slice(inputs: Inputs, start: int, stop: int, rows: int) -> Inputs:
    def cut(value: Any) -> Any:
        return value[start:stop] if isinstance(value, Tensor) and value.ndim > 0 and len(value) == rows else value

    if isinstance(inputs, Tensor):
        return cut(inputs)
    if isinstance(inputs, Mapping):
        return {key: cut(value) for key, value in inputs.items()}
    return [cut(value) for value in inputs]
