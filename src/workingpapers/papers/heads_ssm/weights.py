"""How Many Heads Make an SSM? (arXiv 2512.15115): state-space layers out of a safetensors file.

Official code: none found; key names as published S4D, LRU and Mamba checkpoints use them.
Implements the reading of discretised diagonal systems, so that the head count can be asked of trained layers.
Differences from the paper: a selective (Mamba) layer is taken with its gates frozen at the bias step and B = C = 1.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import softplus

from workingpapers.errors import DataNotFoundError, InvalidParameterError
from workingpapers.papers.heads_ssm.layers import LinearSSM

Tensors = Mapping[str, Tensor]


def load_ssm_layers(path: str | Path) -> dict[str, LinearSSM]:
    """Read the state-space layers of a safetensors file as `LinearSSM`s.

    Recognised by the last part of their keys: `A, B, C` (this package's own LinearSSM); `log_dt, log_A_real, A_imag, C`
    (S4D); `nu_log, theta_log, gamma_log, B_re, B_im, C_re, C_im` (LRU); `A_log` with `dt_proj.bias` (Mamba, gates
    frozen: step `softplus(bias)` and B = C = 1 for every state, which keeps the decay modes and drops selectivity).

    Args:
        path: The file.

    Returns:
        Name of the layer (its key prefix) to the layer, in order of names.

    Raises:
        DataNotFoundError: nothing lies at the path.
        InvalidParameterError: it is no safetensors file, or holds no such layer.

    Differs from the paper:
        The paper looks at no trained layer.

    Example:
        >>> import pathlib, tempfile
        >>> from safetensors.torch import save_file
        >>> from workingpapers.papers.heads_ssm import LinearSSM, load_ssm_layers
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder) / "layers.safetensors"
        ...     ssm = LinearSSM.random("jordan", N=3, d=2, p=2)
        ...     save_file({f"mixer.{key}": value.contiguous() for key, value in ssm.state_dict().items()}, file)
        ...     list(load_ssm_layers(file))
        ['mixer']
    """
    file = Path(path)
    if not file.is_file():
        raise DataNotFoundError(f"no weights lie at {str(path)!r}; give the path of a safetensors file")
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise InvalidParameterError(f"{str(path)!r} is not a safetensors file ({error}); convert the weights") from None
    layers = {}
    for prefix in sorted({key[: -len(end)].rstrip(".") for key in tensors for end in _READERS if _ends(key, end)}):
        for end, reader in _READERS.items():
            group = _group(tensors, prefix)
            if end in group and (layer := reader(group)) is not None:
                layers[prefix or "layer"] = layer
                break
    if not layers:
        raise InvalidParameterError(
            f"{str(path)!r} holds no state-space layer; keys must end in A, B, C or be those of S4D "
            "(log_dt, log_A_real, A_imag, C), LRU (nu_log, theta_log, ...) or Mamba (A_log, dt_proj.bias)"
        )
    return layers


def _ends(key: str, end: str) -> bool:
    return key == end or key.endswith(f".{end}")


def _group(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}." if prefix else ""
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def _s4d(group: Tensors) -> LinearSSM | None:
    if not {"log_dt", "log_A_real", "A_imag", "C"} <= group.keys():
        return None
    step = group["log_dt"].double().exp()[:, None]
    a = torch.complex(-group["log_A_real"].double().exp(), group["A_imag"].double())
    c = group["C"]
    c = c.to(torch.complex128) if c.is_complex() else torch.view_as_complex(c.double().contiguous())
    decay = (a * step).exp()
    # zero-order hold with B = 1: the discrete input is (e^(a dt) - 1) / a
    return LinearSSM(decay, (decay - 1) / a, c, group.get("D"), per_channel=True, conjugate_pairs=True)


def _lru(group: Tensors) -> LinearSSM | None:
    if not {"nu_log", "theta_log", "gamma_log", "B_re", "B_im", "C_re", "C_im"} <= group.keys():
        return None
    a = torch.complex(-group["nu_log"].double().exp(), group["theta_log"].double().exp()).exp()
    b = torch.complex(group["B_re"].double(), group["B_im"].double()) * group["gamma_log"].double().exp()[:, None]
    c = torch.complex(group["C_re"].double(), group["C_im"].double())
    through = group.get("D")
    return LinearSSM(a, b, c, torch.diag(through) if through is not None and through.ndim == 1 else through)


def _mamba(group: Tensors) -> LinearSSM | None:
    if "dt_proj.bias" not in group:
        return None
    step = softplus(group["dt_proj.bias"].double())[:, None]
    decay = (-group["A_log"].double().exp() * step).exp()
    ones = torch.ones_like(decay)
    return LinearSSM(decay, step * ones, ones, group.get("D"), per_channel=True)


def _plain(group: Tensors) -> LinearSSM | None:
    if not {"B", "C"} <= group.keys():
        return None
    return LinearSSM(group["A"], group["B"], group["C"], group.get("D"))


# the key that gives a layer away -> how to read it
_READERS: dict[str, Callable[[Tensors], LinearSSM | None]] = {
    "log_A_real": _s4d,
    "nu_log": _lru,
    "A_log": _mamba,
    "A": _plain,
}
