"""The task family, stacked training against one network at a time, weight dynamics, and any model's layers."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.functional import softplus

from workingpapers.papers.representational_geometry import (
    ACTIVATIONS,
    BinaryFactorTask,
    GeometryReport,
    OneHiddenLayerNet,
    parallelism_score,
    representational_geometry,
    swap_activation,
    train_stack,
    weight_flow,
)

SMALL = {"hidden": 12, "steps": 60, "batch": 8}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_samples_are_their_centres_and_noise():
    task = BinaryFactorTask(dim=40, noise=0.5, dtype=torch.float64)
    x, y, condition = task.sample(20_000, generator())
    assert (task.centres**2).sum(1).mean().item() == pytest.approx(1.0, abs=1e-12)
    assert ((x - task.centres[condition]) ** 2).sum(1).mean().item() == pytest.approx(0.25, rel=0.02)
    assert torch.equal(y, task.bits[condition])
    assert torch.equal(task.bits[5], torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64))
    assert torch.bincount(condition).float() == pytest.approx(np.full(8, 2500), rel=0.1)


def test_structured_centres_are_a_cube_and_unstructured_ones_are_not():
    structured = BinaryFactorTask(dim=200, inputs="structured", dtype=torch.float64)
    assert parallelism_score(structured.centres, structured.bits) == pytest.approx(np.ones(3), abs=1e-12)
    loose = BinaryFactorTask(dim=200, dtype=torch.float64)
    assert np.abs(parallelism_score(loose.centres, loose.bits)).max() < 0.3


def test_separability_moves_the_centres_apart():
    task = BinaryFactorTask(targets="first", separability=1.0, dtype=torch.float64)
    assert torch.allclose(task.centres, task.labels * task.centres[1])
    assert torch.linalg.vector_norm(task.centres[0]).item() == pytest.approx(1.0)
    plain = BinaryFactorTask(targets="first", dtype=torch.float64)
    half = BinaryFactorTask(targets="first", separability=0.25, dtype=torch.float64)
    assert torch.allclose(half.centres, 0.75**0.5 * plain.centres + 0.25**0.5 * task.centres)


def test_targets():
    assert BinaryFactorTask(targets="xor").labels[:4, 0].tolist() == [-1.0, 1.0, 1.0, -1.0]
    assert BinaryFactorTask(targets="dichotomy", seed=4).labels.sum() == 0
    own = np.where(np.eye(8)[:, :2] > 0, 1, -1)
    assert BinaryFactorTask(targets=own).n_outputs == 2
    same, other = BinaryFactorTask(), BinaryFactorTask(seed=1)
    assert torch.equal(same.centres, other.with_seed(0).centres)
    assert not torch.equal(same.centres, other.centres)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "cube"}, "inputs is 'cube'"),
        ({"targets": "and"}, "targets is 'and'"),
        ({"targets": np.ones((8, 1))}, "empty side"),
        ({"targets": np.ones((4, 1))}, r"\(4, 1\).*\(8, outputs\)"),
        ({"targets": 0.5 * np.ones((8, 1))}, "other values"),
        ({"n_factors": 0}, "n_factors is 0"),
        ({"n_factors": 1, "targets": "xor"}, "at least 2 factors"),
        ({"noise": -1.0}, "noise is -1"),
        ({"dim": 0}, "dim is 0"),
    ],
)
def test_bad_tasks(options, message):
    with pytest.raises(ValueError, match=message):
        BinaryFactorTask(**options)
    with pytest.raises(ValueError, match="n is 0"):
        BinaryFactorTask().sample(0, generator())


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_stack_learns_what_each_network_learns_alone(optimizer):
    tasks = [
        BinaryFactorTask(dim=6, targets="first", dtype=torch.float64),
        BinaryFactorTask(4, dim=6, targets="xor", noise=1.0, dtype=torch.float64),
    ]
    together = train_stack(tasks, ["tanh", "relu"], [3, 5], optimizer=optimizer, lr=0.01, **SMALL)
    for member in together.members:
        alone = train_stack(
            tasks[member.task], [member.activation], [member.seed], optimizer=optimizer, lr=0.01, **SMALL
        )
        net = together.network(member.activation, member.seed, member.task)
        for key, value in alone.network(member.activation, member.seed).state_dict().items():
            assert torch.allclose(net.state_dict()[key], value, atol=1e-10), (member, key)


def test_a_stack_equals_a_plain_training_loop():
    task = BinaryFactorTask(dim=6, dtype=torch.float64)
    stack = train_stack(task, ["relu"], [7], lr=0.01, snapshots=[0, 10], **SMALL)
    net = stack.network("relu", 7, snapshot=0)
    descent = torch.optim.Adam(net.parameters(), lr=0.01)
    own, source = task.with_seed(7), generator(7)
    torch.randn(12, 6, generator=source, dtype=torch.float64)  # W
    torch.randn(3, 12, generator=source, dtype=torch.float64)  # V
    for step in range(SMALL["steps"]):
        if step % 50 == 0:
            uniform = torch.rand(50, 8, generator=source, dtype=torch.float64)
            draws = torch.randn(50, 8, 6, generator=source, dtype=torch.float64)
        condition = (8 * uniform[step % 50]).long()
        x = own.centres[condition] + 0.3 / 6**0.5 * draws[step % 50]
        loss = softplus(-own.labels[condition] * net(x)).mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
    assert torch.allclose(net.W, stack.final.W[0], atol=1e-10)
    assert torch.allclose(net.V, stack.final.V[0], atol=1e-10)
    assert [each.step for each in stack.snapshots] == [0, 10, 60]
    assert stack.final.loss.item() == pytest.approx(loss.item(), abs=1e-10)


def test_paired_networks_start_equal_and_learn_the_task():
    stack = train_stack(BinaryFactorTask(), ["tanh", "relu"], [0, 1], steps=500)
    start = stack.snapshots[0]
    assert torch.equal(start.W[stack.index("tanh", 1)], start.W[stack.index("relu", 1)])
    assert not torch.equal(start.W[0], start.W[1])
    assert start.W.std().item() == pytest.approx(0.3, rel=0.05)
    x, y = torch.stack([stack.tasks[at].sample(300, generator())[0] for at in range(4)]), None
    y = torch.stack([stack.tasks[at].sample(300, generator())[1] for at in range(4)])
    assert ((stack.outputs(x) * y > 0).float().mean((1, 2)) > 0.98).all()
    assert torch.allclose(stack.features(x)[2], stack.network("relu", 0).features(x[2]), atol=1e-5)
    frozen = train_stack(BinaryFactorTask(), ["tanh"], [0], steps=5, train_readout=False)
    assert torch.equal(frozen.final.V, frozen.snapshots[0].V)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_stack(BinaryFactorTask(), ["tanh"], [0, 0]), "seeds holds a value twice"),
        (lambda: train_stack(BinaryFactorTask(), ["tanh"], [0], optimizer="lion"), "optimizer is 'lion'"),
        (lambda: train_stack(BinaryFactorTask(), ["tanh"], [0], steps=0), "steps is 0"),
        (lambda: train_stack(BinaryFactorTask(), ["tanh"], [0], lr=0.0), "lr 0.0"),
        (lambda: train_stack([BinaryFactorTask(), BinaryFactorTask(dim=3)], ["tanh"], [0]), "tasks differ"),
        (lambda: train_stack(BinaryFactorTask(), ["tanh"], [0], steps=1).network("relu", 0), "no network"),
        (lambda: OneHiddenLayerNet(4, 0), "hidden is 0"),
        (lambda: OneHiddenLayerNet(4, w0=-1.0), "w0 is -1"),
    ],
)
def test_bad_training(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# 8. The gradient of the input weights


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_flow_is_minus_the_gradient(name):
    X = torch.randn(9, 4, generator=generator(), dtype=torch.float64)
    y = torch.randn(9, generator=generator(1), dtype=torch.float64).sign()
    net = OneHiddenLayerNet(4, 5, 1, name, generator=generator(2), dtype=torch.float64)
    o = net(X)[:, 0]
    softplus(-y * o).mean().backward()
    for unit in range(5):
        flow = weight_flow(
            name, X, y, net.W[unit : unit + 1].detach(), readout=net.V[0, unit].item(), outputs=o.detach()
        )
        assert torch.allclose(flow[0], -net.W.grad[unit], atol=1e-10)
    early = weight_flow(name, X, y, net.W.detach())
    assert torch.allclose(early, weight_flow(name, X, y, net.W.detach(), outputs=torch.zeros_like(y)), atol=1e-12)


def test_the_gate_of_relu_is_a_half_space_and_that_of_tanh_is_even():
    X = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    y = torch.ones(2, dtype=torch.float64)
    w = torch.tensor([[0.0, 2.0]], dtype=torch.float64)
    assert weight_flow("relu", X, y, w).tolist() == [[0.25, 0.25]]  # follows the one cluster it faces
    assert weight_flow("tanh", X, y, w)[0, 1].abs() < 1e-15  # both pull alike
    with pytest.raises(ValueError, match="2 rows, give one value for each"):
        weight_flow("tanh", X, torch.ones(3, dtype=torch.float64), w)
    with pytest.raises(ValueError, match=r"grid \(1, 3\)"):
        weight_flow("tanh", X, y, torch.ones(1, 3, dtype=torch.float64))


# Any model


def test_swapping_counts_places_and_keeps_the_mode():
    shared = nn.ReLU()
    net = nn.Sequential(nn.Linear(3, 3), shared, nn.Sequential(nn.Linear(3, 3), shared, nn.ReLU6())).eval()
    assert swap_activation(net) == 2
    assert net[1] is net[2][1]
    assert isinstance(net[1], nn.Tanh)
    assert not net[1].training
    with pytest.warns(UserWarning, match="no ReLU module"):
        assert swap_activation(net) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert swap_activation(net, nn.Tanh, lambda: nn.LeakyReLU(0.1)) == 2


def test_a_report_on_any_module():
    task = BinaryFactorTask(dim=8)
    x, y, _ = task.sample(240, generator())
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    frame = representational_geometry(net, x, y, estimator="lda")
    assert frame["layer"].tolist() == ["0", "1", "2"]
    assert frame["units"].tolist() == [16, 16, 2]
    report = GeometryReport.from_features(net[0](x), y, x, estimator="lda")
    row = report.to_frame()
    assert row.loc[0, "input_alignment"] == pytest.approx(frame.loc[0, "input_alignment"])
    assert frame.loc[0, "ccgp_1"] == report.factors["1"]["ccgp"]
    with pytest.raises(KeyError, match="no layer '7'"):
        representational_geometry(net, x, y, layers=["7"])
    with pytest.raises(ValueError, match=r"layer '0': .*64"):
        representational_geometry(net, x, y[:64], layers=["0"])


def test_tokens_are_pooled_and_masked():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 6)

        def forward(self, input_ids, attention_mask=None, output_hidden_states=False):
            state = self.embed(input_ids)
            return type("Output", (), {"hidden_states": (state, 2 * state)})() if output_hidden_states else state

    ids = torch.randint(50, (64, 4), generator=generator())
    mask = torch.ones(64, 4)
    mask[::2, 2:] = 0
    factors = pd.DataFrame({"a": ids[:, 0].numpy() % 2, "b": ids[:, 1].numpy() % 2})
    model = Encoder()
    inputs = {"input_ids": ids, "attention_mask": mask}
    frame = representational_geometry(model, inputs, factors, "embed", estimator="lda")
    z = (model.embed(ids) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    expected = GeometryReport.from_features(z, factors, estimator="lda").to_frame()
    assert frame.drop(columns="layer").to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-9)
    assert "input_alignment" not in frame
    states = representational_geometry(model, inputs, factors, "hidden_states", estimator="lda", pooling="cls")
    assert states["layer"].tolist() == ["hidden_states.0", "hidden_states.1"]
    assert representational_geometry(model, ids, factors, "embed", pooling="flatten", estimator="lda")["units"][0] == 24
    with pytest.raises(ValueError, match="pooling is 'max'"):
        representational_geometry(model, ids, factors, pooling="max")


def test_a_pipeline_step_by_step():
    task = BinaryFactorTask(dim=8, dtype=torch.float64)
    x, y, _ = (each.numpy() for each in task.sample(240, generator()))
    pipeline = make_pipeline(StandardScaler(), PCA(3)).fit(x)
    frame = representational_geometry(pipeline, x, y, estimator="lda")
    assert frame["layer"].tolist() == ["standardscaler", "pca"]
    assert frame["units"].tolist() == [8, 3]
    assert representational_geometry(pipeline[-1], x, y, estimator="lda")["layer"].tolist() == ["transform"]
    with pytest.raises(KeyError, match="no transforming step 'svd'"):
        representational_geometry(pipeline, x, y, "svd")
    with pytest.raises(TypeError, match="model is int"):
        representational_geometry(3, x, y)


def test_one_factor_leaves_out_what_it_cannot_give():
    z = torch.randn(40, 3, generator=generator())
    row = GeometryReport.from_features(z, torch.arange(40) % 2, estimator="lda").to_frame()
    assert "ccgp_0" not in row
    assert "parallelism_score_0" not in row
    assert "decodability_0" in row
