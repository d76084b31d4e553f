"""Reading trained layers out of safetensors files, against the recurrences that such checkpoints stand for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from workingpapers.papers.heads_ssm import LinearSSM, interaction_rank, load_ssm_layers, ssm_to_heads

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def test_s4d_equals_its_convolution_kernel(tmp_path: Path) -> None:
    d, half, n = 3, 4, 16
    weights = {
        "layers.0.kernel.log_dt": torch.log(torch.rand(d, generator=GENERATOR) * 0.1 + 0.01),
        "layers.0.kernel.log_A_real": torch.log(0.5 * torch.ones(d, half)),
        "layers.0.kernel.A_imag": torch.pi * torch.arange(half).repeat(d, 1).float(),
        "layers.0.kernel.C": normal(d, half, 2),
        "layers.0.norm.weight": torch.ones(d),
    }
    save_file(weights, tmp_path / "s4d.safetensors")
    layers = load_ssm_layers(tmp_path / "s4d.safetensors")
    assert list(layers) == ["layers.0.kernel"]
    wide = {key.split(".")[-1]: value.double() for key, value in weights.items()}
    a = -wide["log_A_real"].exp() + 1j * wide["A_imag"]
    step = wide["log_dt"].exp()[:, None]
    c = torch.view_as_complex(wide["C"]) * ((a * step).exp() - 1) / a
    kernel = 2 * torch.einsum("dm,dmn->dn", c, ((a * step)[:, :, None] * torch.arange(n)).exp()).real
    lags = layers["layers.0.kernel"].lag_operators(n)
    torch.testing.assert_close(lags.diagonal(dim1=1, dim2=2), kernel.T, rtol=1e-10, atol=1e-12)
    assert interaction_rank(layers["layers.0.kernel"], n=n).rank <= d


def test_lru_equals_its_recurrence(tmp_path: Path) -> None:
    states, d, n = 4, 3, 10
    weights = {
        "nu_log": torch.log(torch.rand(states, generator=GENERATOR)),
        "theta_log": torch.log(torch.rand(states, generator=GENERATOR)),
        "gamma_log": normal(states) * 0.1,
        "B_re": normal(states, d),
        "B_im": normal(states, d),
        "C_re": normal(d, states),
        "C_im": normal(d, states),
        "D": normal(d),
    }
    save_file(weights, tmp_path / "lru.safetensors")
    layer = load_ssm_layers(tmp_path / "lru.safetensors")["layer"]
    w = {key: value.double().numpy() for key, value in weights.items()}
    eigenvalues = np.exp(-np.exp(w["nu_log"]) + 1j * np.exp(w["theta_log"]))
    b = (w["B_re"] + 1j * w["B_im"]) * np.exp(w["gamma_log"])[:, None]
    X = normal(n, d).double()
    state, outputs = np.zeros(states, complex), []
    for x in X.numpy():
        state = eigenvalues * state + b @ x
        outputs.append(((w["C_re"] + 1j * w["C_im"]) @ state).real + w["D"] * x)
    np.testing.assert_allclose(layer(X).detach().numpy(), np.stack(outputs), atol=1e-10)
    mixer = ssm_to_heads(layer.A, layer.B, layer.C / 2, n, D=layer.D, conjugate_pairs=True)
    torch.testing.assert_close(mixer(X), layer(X))


def test_mamba_is_read_with_frozen_gates(tmp_path: Path) -> None:
    weights = {
        "backbone.layers.0.mixer.A_log": torch.log(torch.arange(1.0, 5.0)).repeat(6, 1),
        "backbone.layers.0.mixer.dt_proj.bias": normal(6),
        "backbone.layers.0.mixer.D": torch.ones(6),
    }
    save_file(weights, tmp_path / "mamba.safetensors")
    (layer,) = load_ssm_layers(tmp_path / "mamba.safetensors").values()
    step = torch.nn.functional.softplus(weights["backbone.layers.0.mixer.dt_proj.bias"].double())
    expected = sum(step * torch.exp(-2.0 * state * step) for state in range(1, 5))
    torch.testing.assert_close(layer.lag_operators(3)[2].diagonal(), expected)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no weights lie at"):
        load_ssm_layers(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_ssm_layers(tmp_path / "text.safetensors")
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no state-space layer"):
        load_ssm_layers(tmp_path / "other.safetensors")


def test_own_layers_come_back(tmp_path: Path) -> None:
    ssm = LinearSSM.random("jordan", N=3, d=2, p=2)
    save_file(ssm.state_dict(), tmp_path / "own.safetensors")
    torch.testing.assert_close(load_ssm_layers(tmp_path / "own.safetensors")["layer"].A, ssm.A)
