"""How much memory one forward and backward pass takes: what autograd keeps on a CPU, the allocator's peak on CUDA."""

from collections.abc import Callable

import torch
from torch import Tensor


def saved_bytes(function: Callable[[], object]) -> int:
    """Bytes of the tensors that `function` keeps for its backward pass, each storage counted once.

    Counts every storage that autograd packs while `function` runs, parameters included, by its whole size. This is
    the part of a training step's memory that grows with the input; it does not count what is freed at once.

    Args:
        function: A call without arguments, such as one forward pass that ends in a scalar.

    Example:
        >>> x = torch.ones(10, requires_grad=True)
        >>> saved_bytes(lambda: (x * x).sum())  # both factors are the same storage
        40
    """
    # the tensors are kept here, so that no address is used twice while we count
    kept: dict[tuple[str, int], Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[str(tensor.device), tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def peak_bytes(function: Callable[[], Tensor], device: torch.device | str = "cpu") -> int:
    """Memory of one forward and backward pass.

    Args:
        function: A forward pass that ends in a scalar; its backward pass is run here.
        device: On CUDA the growth of the allocator's peak over what was allocated before; on a CPU, which keeps no
            such count, `saved_bytes` of the forward pass.

    Example:
        >>> x = torch.ones(10, requires_grad=True)
        >>> peak_bytes(lambda: (x * x).sum())
        40
    """
    place = torch.device(device)
    if place.type != "cuda":
        results: list[Tensor] = []
        taken = saved_bytes(lambda: results.append(function()))
        torch.autograd.backward(results[0])
        return taken
    torch.cuda.synchronize(place)
    torch.cuda.reset_peak_memory_stats(place)
    before = torch.cuda.memory_allocated(place)
    torch.autograd.backward(function())
    torch.cuda.synchronize(place)
    return torch.cuda.max_memory_allocated(place) - before
