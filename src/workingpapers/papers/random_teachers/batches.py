"""What a batch may look like: a tensor, an array, (x, y), a mapping. Labels are dropped here and never read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError

LABELS = frozenset({"label", "labels", "label_ids", "y", "target", "targets"})

Batch = Tensor | dict[str, Tensor]  # what an encoder is called with


def inputs_only(batch: Any) -> Batch:
    """The inputs of a batch: of (x, y) the first, of a mapping all but labels.

    Raises:
        InvalidTypeError: no tensors are found.
    """
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, np.ndarray):
        return _tensor(batch)
    if hasattr(batch, "to_numpy"):  # a table of pandas or polars
        return _tensor(np.asarray(batch.to_numpy()))
    if isinstance(batch, Mapping):
        kept = {key: each for key, each in batch.items() if key not in LABELS and isinstance(each, Tensor | np.ndarray)}
        if kept:
            tensors = {key: _tensor(each) for key, each in kept.items()}
            return tensors if len(tensors) > 1 else next(iter(tensors.values()))
    elif isinstance(batch, tuple | list) and batch:
        return inputs_only(batch[0])
    raise InvalidTypeError(
        f"a batch is {type(batch).__name__} without a tensor of inputs; give tensors x, pairs (x, y), or mappings"
    )


def _tensor(array: Tensor | np.ndarray) -> Tensor:
    if isinstance(array, np.ndarray):
        if array.dtype.kind not in "biuf":
            raise InvalidTypeError(f"the inputs are an array of type {array.dtype}; give numbers")
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):  # which torch cannot share
            array = array.copy()
    return torch.as_tensor(array)


def size(batch: Batch) -> int:
    """Number of samples in a batch."""
    return len(batch) if isinstance(batch, Tensor) else len(next(iter(batch.values())))


def take(batch: Batch, rows: Tensor) -> Batch:
    """The samples of the given indices."""
    return batch[rows] if isinstance(batch, Tensor) else {key: each[rows] for key, each in batch.items()}


def fit_to(batch: Batch, encoder: nn.Module, device: torch.device) -> Batch:
    """The batch on the device, floating values in the encoder's type; whole numbers too, unless it embeds tokens."""
    dtype = next((p.dtype for p in encoder.parameters() if p.is_floating_point()), torch.get_default_dtype())
    embeds = any(isinstance(module, nn.Embedding) for module in encoder.modules())
    if isinstance(batch, Tensor):
        return batch.to(device, dtype if batch.is_floating_point() or not embeds else batch.dtype)
    return {key: each.to(device, dtype) if each.is_floating_point() else each.to(device) for key, each in
            batch.items()}  # fmt: skip


def gather(data: Any) -> Batch:
    """All inputs at once: a tensor, an array or a mapping as it is, of a loader its batches one after the other.

    Raises:
        InvalidParameterError: there is no sample.
        InvalidTypeError: no tensors are found, or the data cannot be iterated over.
    """
    if is_whole(data):
        whole = inputs_only(data)
    else:
        batches = [inputs_only(batch) for batch in iterate(data)]
        if not batches:
            raise InvalidParameterError("the loader is empty; give at least one batch")
        first = batches[0]
        if isinstance(first, Tensor):
            whole = torch.cat([each for each in batches if isinstance(each, Tensor)])
        else:
            whole = {key: torch.cat([each[key] for each in batches if isinstance(each, dict)]) for key in first}
    if (isinstance(whole, Tensor) and whole.ndim == 0) or size(whole) == 0:
        raise InvalidParameterError("the data are empty; give at least one sample, along the first axis")
    return whole


def is_whole(data: Any) -> bool:
    """Whether these are all samples at once (tensor, array, mapping, or a tuple of arrays (x, y)), and no loader."""
    pair = isinstance(data, tuple) and len(data) > 0 and isinstance(data[0], Tensor | np.ndarray)
    return pair or isinstance(data, Tensor | np.ndarray | Mapping) or hasattr(data, "to_numpy")


def iterate(loader: Any) -> Iterator[Any]:
    """Iterate over a loader's batches.

    Raises:
        InvalidParameterError: a list of tensors whose samples differ in shape, which is a pair and no list of batches.
        InvalidTypeError: it cannot be iterated over.
    """
    if isinstance(loader, str | bytes) or not isinstance(loader, Iterable):
        raise InvalidTypeError(f"the data are {type(loader).__name__}; give a tensor or an iterable of batches")
    if isinstance(loader, list) and len({_sample_shape(each) for each in loader} - {None}) > 1:
        raise InvalidParameterError(
            "the data are a list, which is read as batches, and their samples differ in shape; "
            "give a pair as a tuple (x, y)"
        )
    return iter(loader)


def _sample_shape(batch: Any) -> tuple[int, ...] | None:
    return tuple(batch.shape[1:]) if isinstance(batch, Tensor | np.ndarray) else None


def chunks(order: Tensor, batch_size: int) -> list[Tensor]:
    """The order cut into batches; a single sample left over joins the batch before (batch norm needs two)."""
    parts = list(torch.split(order, batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts
