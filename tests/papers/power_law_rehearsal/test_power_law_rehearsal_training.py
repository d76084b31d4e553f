"""Measures, regularisers and training along a sequence: by hand, in closed form, against a plain loop."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.power_law_rehearsal import (
    EWC,
    ForgettingReport,
    PowerLawSampler,
    SynapticIntelligence,
    accuracy_on,
    continual_metrics,
    permuted_tasks,
    train_sequence,
)
from workingpapers.papers.power_law_rehearsal.fisher import _by_samples, squared_gradients


def test_measures_of_a_matrix_made_by_hand() -> None:
    found = continual_metrics([[0.9, 0.0], [0.5, 0.8]])
    expected = {"average_accuracy": 0.65, "forgetting": 0.4, "backward_transfer": -0.4, "learning_accuracy": 0.85}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    nan = math.nan
    three = torch.tensor([[0.5, nan, nan], [0.7, 0.6, nan], [0.4, 0.8, 0.9]])
    found = continual_metrics(three)
    assert found["forgetting"] == pytest.approx((0.1 - 0.2) / 2)
    assert found["forgetting_max"] == pytest.approx((0.3 - 0.2) / 2)
    assert found["area"] == pytest.approx(((0.5 + 0.7 + 0.4) / 3 + 0.7 + 0.9) / 3)
    assert continual_metrics([[1]])["forgetting"] == 0.0


def test_the_report_agrees_with_the_measures() -> None:
    matrix = np.tril(np.random.default_rng(0).uniform(size=(5, 5)))
    report = ForgettingReport(matrix)
    frame = report.to_frame()
    assert frame["forgetting"][:-1].mean() == pytest.approx(report.metrics["forgetting"])
    assert frame["forgetting_max"][:-1].mean() == pytest.approx(report.metrics["forgetting_max"])
    assert frame["final"].mean() == pytest.approx(report.metrics["average_accuracy"])
    assert frame["age"].tolist() == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        ([[0.5, 0.5]], InvalidParameterError, "square"),
        ([], InvalidParameterError, "square"),
        ([[0.5], [0.5, 0.5]], InvalidParameterError, "one length"),
        ([[-0.1]], InvalidParameterError, "-0.1"),
        ([[math.nan]], InvalidParameterError, "nan"),
        ([[0.5, math.inf], [0.5, 0.5]], InvalidParameterError, r"A\[0, 1\] is inf"),
        ([["a"]], InvalidTypeError, "real numbers"),
        ([[True]], InvalidTypeError, "bool"),
        (np.ones((1, 1), complex), InvalidTypeError, "complex"),
    ],
)
def test_a_wrong_matrix_is_refused(matrix: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        continual_metrics(matrix)


@pytest.mark.parametrize("as_chain", [True, False])
def test_the_fisher_of_a_softmax_model_is_the_mean_squared_gradient(as_chain: bool) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(37, 5, dtype=torch.float64), torch.arange(37) % 3
    linear = nn.Linear(5, 3).double()
    model = nn.Sequential(linear) if as_chain else linear
    ewc = EWC(model, 2.0)
    ewc.consolidate([(x[:20], y[:20]), (x[20:], y[20:])])
    delta = (linear(x).softmax(-1) - functional.one_hot(y, 3)).detach()
    expected = torch.einsum("ni,nj->nij", delta, x).square().mean(0)
    prefix = "0." if as_chain else ""
    torch.testing.assert_close(ewc.fisher[f"{prefix}weight"], expected, atol=1e-10, rtol=0)
    torch.testing.assert_close(ewc.fisher[f"{prefix}bias"], delta.square().mean(0), atol=1e-10, rtol=0)
    with torch.no_grad():
        linear.weight += 0.1
    assert ewc.penalty().item() == pytest.approx(0.5 * 2.0 * 0.01 * float(expected.sum()), rel=1e-9)


def test_both_ways_to_square_gradients_agree() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4, bias=False), nn.ReLU(), nn.Linear(4, 3)
    )
    model[1].bias.requires_grad_(False)
    model.double()
    x, y = torch.randn(70, 2, 3, dtype=torch.float64), torch.arange(70) % 3
    fast, samples = squared_gradients(model, [(x, y)], functional.cross_entropy)
    slow = _by_samples(model, x, y, functional.cross_entropy)
    assert samples == 70
    assert set(fast) == set(slow) == {name for name, each in model.named_parameters() if each.requires_grad}
    for name in fast:
        torch.testing.assert_close(fast[name], slow[name])


def test_labels_from_the_model_give_the_expected_square() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    x = torch.randn(1, 3, dtype=torch.float64)
    ewc = EWC(model, 1.0, labels="model", generator=torch.Generator().manual_seed(0))
    ewc.consolidate([(x.repeat(20_000, 1), torch.zeros(20_000, dtype=torch.int64))])
    p = model(x).softmax(-1)[0].detach()
    expected = p[0] * p[1] * x[0].square()  # E[(p - 1_y)^2] = p (1 - p)
    scale = float(((1 - 2 * p[0]) ** 2 * p[0] * p[1]) ** 0.5 / 20_000**0.5) * x[0].square()
    assert bool(((ewc.fisher["weight"] - expected).abs() < 4 * scale + 1e-12).all())


def test_fishers_add_up_over_tasks_and_the_anchor_moves() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.BatchNorm1d(5), nn.Linear(5, 2)).train()
    model[1].eval()
    one, two = [(torch.randn(9, 4), torch.arange(9) % 2) for _ in range(2)]
    statistics = model[2].running_mean.clone()
    both, first, second = EWC(model, 1.0), EWC(model, 1.0), EWC(model, 1.0)
    first.consolidate([one])
    second.consolidate([two])
    both.consolidate([one])
    both.consolidate([two])
    for name, value in both.fisher.items():
        torch.testing.assert_close(value, first.fisher[name] + second.fisher[name])
    assert model.training
    assert not model[1].training
    assert torch.equal(model[2].running_mean, statistics)
    assert all(each.grad is None for each in model.parameters())


@pytest.mark.parametrize("make", [EWC, SynapticIntelligence])
def test_a_regulariser_s_state_round_trips_and_bad_ones_change_nothing(make: Any) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    kept = make(model, 1.0)
    assert kept.penalty().item() == 0.0
    kept.importance = {name: torch.rand_like(each) for name, each in model.named_parameters()}
    kept.anchor = {name: torch.rand_like(each) for name, each in model.named_parameters()}
    other = make(model, 1.0)
    other.load_state_dict(copy.deepcopy(kept.state_dict()))
    assert torch.equal(other.penalty(), kept.penalty())
    with pytest.raises(InvalidParameterError, match="lacks"):
        other.load_state_dict({"importance": {"weight": torch.ones(9)}, "anchor": {}})
    assert torch.equal(other.penalty(), kept.penalty())


def test_an_importance_that_is_not_finite_is_refused_and_changes_nothing() -> None:
    model = nn.Linear(3, 2)
    ewc = EWC(model, 1.0)
    with pytest.raises(InvalidParameterError, match="not finite"):
        ewc.consolidate([(torch.full((2, 3), math.nan), torch.tensor([0, 1]))])
    assert ewc.fisher == {}


def test_synaptic_intelligence_is_the_path_integral() -> None:
    """With plain gradient descent -g Δθ = lr g², so that the path is a sum of squares."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.2)
    si, before = SynapticIntelligence(model, 3.0, damping=0.1), model.weight.detach().clone()
    path = torch.zeros(3, 4)
    for _ in range(5):
        optimizer.zero_grad()
        functional.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3).backward()
        path += 0.2 * model.weight.grad.square()
        si.after_backward()
        optimizer.step()
        si.after_step()
    si.consolidate()
    expected = path / ((model.weight.detach() - before).square() + 0.1)
    torch.testing.assert_close(si.importance["weight"], expected)
    with torch.no_grad():
        model.weight += 0.5
    assert si.penalty().item() == pytest.approx(3.0 * 0.25 * float(expected.sum()), rel=1e-5)


def _tasks(count: int = 3) -> Any:
    torch.manual_seed(0)
    y = torch.arange(60) % 3
    return permuted_tasks(functional.one_hot(y, 12).float() + 0.3 * torch.randn(60, 12), y, count, seed=1)


def _run(tasks: Any, kind: str = "power", model: nn.Module | None = None, **options: Any) -> Any:
    torch.manual_seed(1)
    net = model if model is not None else nn.Linear(12, 3)
    options = {"steps": 7, "eval_fn": accuracy_on(tasks), **options}
    mode = options.pop("mode", "inside")
    sampler = PowerLawSampler(
        tasks, batch_size=10, budget=0.3, kind=kind, mode=mode, fill_last_batch=True,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    optimizer = options.pop("optimizer", None) or torch.optim.Adam(net.parameters(), 0.05)
    regularizer = options.pop("regularizer", None)
    regularizer = regularizer(net) if regularizer else None
    return net, train_sequence(
        net, tasks, optimizer=optimizer, loss_fn=functional.cross_entropy, sampler=sampler,
        regularizer=regularizer, **options,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["inside", "after"])
def test_steps_and_samples_are_equal_for_every_method(mode: str) -> None:
    tasks = _tasks()
    makers = [None, lambda net: EWC(net, 10.0), lambda net: SynapticIntelligence(net, 1.0)]
    others = ("none", "uniform", "exponential", "last")
    runs = [
        _run(tasks, kind, mode=mode, regularizer=make)[1]
        for kind, make in [
            *(("power", make) for make in makers),
            *((kind, None) for kind in others),
            ("none", makers[1]),
        ]
    ]
    assert {(each.steps, each.samples) for each in runs} == {(21, 210)}
    rehearsed = [each.per_step["rehearsed"].sum() for each in runs]
    assert set(rehearsed) == {0, 14 * 3 if mode == "inside" else 2 * 2 * 10}


def test_training_equals_a_plain_loop() -> None:
    tasks = _tasks()
    net, result = _run(tasks)
    torch.manual_seed(1)
    twin = nn.Linear(12, 3)
    optimizer = torch.optim.Adam(twin.parameters(), 0.05)
    sampler = PowerLawSampler(
        tasks, batch_size=10, budget=0.3, fill_last_batch=True, generator=torch.Generator().manual_seed(0)
    )
    joined = [tasks[t][i] for t in range(3) for i in range(60)]
    for task in range(3):
        if task:
            sampler.next_task()
        batches = [*sampler, *sampler][:7]
        for batch in batches:
            optimizer.zero_grad()
            inputs = torch.stack([joined[i][0] for i in batch])
            functional.cross_entropy(twin(inputs), torch.stack([joined[i][1] for i in batch])).backward()
            optimizer.step()
    # the loop draws the second epoch of the last task in full, as training does
    torch.testing.assert_close(net.weight, twin.weight)
    assert result.accuracy.shape == (3, 3)
    assert np.isnan(result.accuracy[0, 1])
    assert result.accuracy[2, 1] == accuracy_on(tasks)(twin, 1)


def test_tasks_may_be_any_datasets() -> None:
    tasks = _tasks()
    plain = [TensorDataset(*task.tensors()) for task in tasks]
    assert np.array_equal(_run(tasks)[1].accuracy, _run(plain)[1].accuracy, equal_nan=True)


def test_a_strong_penalty_keeps_parameters_where_they_were() -> None:
    tasks = _tasks(2)
    free, _ = _run(tasks, "none")
    held, _ = _run(tasks, "none", regularizer=lambda net: EWC(net, 1e6), optimizer=None)
    alone, _ = _run(tasks[:1], "none")
    assert (held.weight - alone.weight).detach().norm() < 0.5 * (free.weight - alone.weight).detach().norm()


def test_modes_of_the_model_are_kept_and_epochs_count_passes() -> None:
    net = nn.Sequential(nn.Linear(12, 3), nn.Dropout(0.1)).eval()
    _, result = _run(_tasks(2), model=net, steps=None, epochs=2)
    assert not any(module.training for module in net.modules())
    assert result.steps == 2 * 2 * 6


def test_early_accuracy_and_steps_to_a_level() -> None:
    calls: list[tuple[int, bool]] = []

    def eval_fn(model: nn.Module, task: int) -> float:
        calls.append((task, model.training))
        return min(1.0, len(calls) / 10)

    _, result = _run(_tasks(2), steps=20, eval_fn=eval_fn, eval_every=1, eval_until=0.5)
    assert result.early.tolist()[0] == 0.2
    assert result.steps_to(0.5)[0] == 5
    assert result.steps_to(1.01).tolist() == [math.inf, math.inf]
    assert not any(training for _, training in calls)


def test_only_some_phases_may_be_evaluated() -> None:
    _, result = _run(_tasks(3), evaluate_after=(2,))
    assert np.isnan(result.accuracy[:2]).all()
    assert np.isfinite(result.accuracy[2]).all()
    with pytest.raises(InvalidParameterError, match="nan"):
        _ = result.metrics


def test_in_float64_and_bfloat16() -> None:
    for dtype in (torch.float64, torch.bfloat16):
        tasks = _tasks(2)
        tasks.x = tasks.x.to(dtype)
        _, result = _run(tasks, model=nn.Linear(12, 3, dtype=dtype), regularizer=lambda net: EWC(net, 1.0))
        assert np.isfinite(result.per_step["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 1}, "exactly one"),
        ({"steps": 0}, "steps is 0"),
        ({"eval_fn": lambda model, task: 1.5}, "gave 1.5 for task 0"),
    ],
)
def test_bad_arguments_say_what_is_wrong(options: dict, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        _run(_tasks(2), **options)


def test_a_sampler_that_has_begun_or_is_of_other_tasks_is_refused() -> None:
    tasks = _tasks(2)
    for sampler, message in (
        (PowerLawSampler(tasks, batch_size=10), "has begun"),
        (PowerLawSampler([60, 61], batch_size=10), r"\[60, 61\]"),
    ):
        next(iter(sampler))
        net = nn.Linear(12, 3)
        with pytest.raises(InvalidParameterError, match=message):
            train_sequence(
                net, tasks, optimizer=torch.optim.SGD(net.parameters(), 0.1), loss_fn=functional.cross_entropy,
                sampler=sampler, steps=1, eval_fn=accuracy_on(tasks),
            )  # fmt: skip


def test_permutations_are_shared_by_training_and_test_and_start_with_the_identity() -> None:
    x, y = np.random.default_rng(0).uniform(size=(20, 3, 4)), np.arange(20) % 5
    tasks, more = permuted_tasks(x, y, 3, seed=5), permuted_tasks(x[:4], y[:4], 6, seed=5)
    assert torch.equal(tasks.permutations, more.permutations[:3])
    assert torch.equal(tasks[0].tensors()[0], torch.from_numpy(x))
    assert tasks[2][7][0].flatten().sort().values.tolist() == sorted(x[7].flatten().tolist())
    assert not torch.equal(tasks[1].permutation, tasks[2].permutation)
    inputs, labels = tasks.batch([7, 27, 59])
    for place, (task, index) in enumerate(((0, 7), (1, 7), (2, 19))):
        assert torch.equal(inputs[place], tasks[task][index][0])
        assert labels[place] == y[index]


def test_a_part_that_was_frozen_in_evaluation_mode_stays_so() -> None:
    net = nn.Sequential(nn.Linear(12, 3), nn.Dropout(0.1))
    net[1].eval()
    _run(_tasks(2), model=net)
    assert net.training
    assert not net[1].training
