"""Head, interpolation, loss and distiller: closed forms, invariances, and what must not change."""

import copy
import math
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from workingpapers.papers.random_teachers import (
    ProjectionHead,
    RandomTeacherDistiller,
    distillation_loss,
    features,
    interpolate_parameters_,
)
from workingpapers.parts.torchvision_compat import allow_torchvision_import

X = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _encoder(dim: int = 5) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, dim))


def _head(dim: int = 5) -> ProjectionHead:
    return ProjectionHead(dim, hidden=(16, 16), bottleneck=8, out_dim=40)


def _distiller(**options: object) -> RandomTeacherDistiller:
    return RandomTeacherDistiller(_encoder(), head=_head(), **options)


def _equal(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return all(torch.equal(one[key], other[key]) for key in one)


def test_outputs_are_cosines_whatever_the_lengths() -> None:
    head = _head().double()
    z = torch.randn(50, 5, dtype=torch.float64)
    out = head(z)
    assert out.abs().max() <= 1 + 1e-12
    with torch.no_grad():
        head.prototypes.mul_(torch.rand(40, 1, dtype=torch.float64) + 0.5)
        head.layers[-1].weight.mul_(3)
        head.layers[-1].bias.mul_(3)
    torch.testing.assert_close(head(z), out)


def test_the_head_is_its_formula() -> None:
    head = _head().double()
    x = torch.randn(7, 5, dtype=torch.float64)
    (w1, w2, w3), (b1, b2, b3) = ([each.weight for each in head.layers], [each.bias for each in head.layers])

    def gelu(v: torch.Tensor) -> torch.Tensor:
        return v * 0.5 * (1 + torch.erf(v / math.sqrt(2)))

    u = gelu(gelu(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    z = u / u.norm(dim=1, keepdim=True)
    v = head.prototypes
    torch.testing.assert_close(head(x), z @ v.T / v.norm(dim=1))
    raw = copy.deepcopy(head)
    raw.weight_norm = False
    torch.testing.assert_close(raw(x), z @ v.T)


def test_head_weights_have_the_stated_spread() -> None:
    head = ProjectionHead(300, (400,), 200, 500)
    for weight in (head.layers[0].weight.detach(), head.prototypes.detach()):
        assert abs(float(weight.std()) - 0.02) < 4 * 0.02 / math.sqrt(2 * weight.numel())
    assert float(head.layers[0].bias.detach().abs().max()) == 0


def test_the_ends_and_the_middle_of_the_interpolation() -> None:
    student, teacher, fresh = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2)
    assert interpolate_parameters_(student, teacher, fresh, 1) is student
    assert _equal(student, fresh)
    interpolate_parameters_(student, teacher, fresh, 0.0)
    assert _equal(student, teacher)
    interpolate_parameters_(student, teacher, teacher, 0.5)
    torch.testing.assert_close(student.weight, 2**0.5 * teacher.weight)
    interpolate_parameters_(student, teacher, teacher, 0.5, variance_preserving=False)
    torch.testing.assert_close(student.weight, teacher.weight)


def test_the_interpolation_keeps_the_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    modules = [nn.Linear(1500, 1500, bias=False) for _ in range(3)]
    for module in modules:
        nn.init.normal_(module.weight, generator=generator)
    for alpha in (0.2, 0.5, 0.9):
        interpolate_parameters_(modules[0], modules[1], modules[2], alpha)
        assert abs(float(modules[0].weight.detach().var()) - 1) < 0.01


def test_nothing_changes_where_shapes_do_not_fit() -> None:
    student = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    before = copy.deepcopy(student)
    with pytest.raises(ValueError, match=r"'1.weight'"):
        interpolate_parameters_(student, student, nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3)), 0.5)
    assert _equal(student, before)


def test_cross_entropy_is_kl_and_entropy() -> None:
    teacher, student = torch.randn(20, 300), torch.randn(20, 300)
    loss = distillation_loss(teacher, student, temperature=0.7)
    assert abs(float(loss.cross_entropy - loss.kl - loss.teacher_entropy)) < 1e-6
    expected = torch.nn.functional.cross_entropy(student / 0.7, (teacher / 0.7).softmax(-1))
    torch.testing.assert_close(loss.cross_entropy, expected)
    assert distillation_loss(teacher.bfloat16(), student.bfloat16()).kl.dtype == torch.float32


@pytest.mark.filterwarnings("ignore:alpha is 0")
def test_at_alpha_zero_nothing_moves_in_double_precision() -> None:
    distiller = RandomTeacherDistiller(_encoder().double(), head=_head(), alpha=0.0)
    history = distiller.fit(X, 2, batch_size=96).history
    assert abs(history["kl"][0]) < 1e-15  # rounding, which AdamW then scales up
    assert history["grad_norm"][0] < 1e-6


def test_alpha_zero_warns_only_without_batch_norm() -> None:
    with pytest.warns(UserWarning, match="zero gradient"):
        _distiller(alpha=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RandomTeacherDistiller(nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)), alpha=0.0)


def test_fit_changes_no_bit_of_teacher_and_encoder() -> None:
    encoder = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5)).train()
    given = copy.deepcopy(encoder)
    distiller = RandomTeacherDistiller(encoder, head=_head(), alpha=0.3)
    teacher = copy.deepcopy(distiller.teacher)
    distiller.fit(X, 2, batch_size=19)
    assert _equal(teacher, distiller.teacher)
    assert _equal(given, encoder)
    assert encoder.training
    assert not distiller.student.training
    assert not _equal(distiller.student, teacher)


def test_labels_are_never_read() -> None:
    def student(labels: object) -> nn.Module:
        return _distiller().fit(DataLoader(TensorDataset(X, labels), batch_size=32), 2).student

    y = torch.arange(96)
    assert _equal(student(y), student(y.flip(0)))
    mapped = _distiller().fit([{"x": X, "label": y}], 1).student
    assert _equal(mapped, _distiller().fit([X], 1).student)
    assert _equal(mapped, _distiller().fit([(X, y)], 1).student)


def test_cached_and_computed_teachers_agree() -> None:
    cached, computed = (_distiller(alpha=1.0).fit(X, 3, batch_size=32, cache=each) for each in (True, False))
    torch.testing.assert_close(cached.transform(X), computed.transform(X), atol=1e-6, rtol=1e-4)
    assert cached.history["kl"] == pytest.approx(computed.history["kl"], rel=1e-4)
    from_loader = _distiller(alpha=1.0).fit(DataLoader(TensorDataset(X), batch_size=10), 3, batch_size=32, cache=True)
    assert _equal(from_loader.student, cached.student)


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    first = _distiller(seed=3).fit(X, 2, batch_size=32)
    changed = torch.get_rng_state()
    torch.set_rng_state(state)
    _encoder(), _head()
    assert torch.equal(torch.get_rng_state(), changed)
    assert _equal(first.student, _distiller(seed=3).fit(X, 2, batch_size=32).student)
    assert _equal(first.student, first.fit(X, 2, batch_size=32).student)
    assert not _equal(first.teacher, _distiller(seed=4).teacher)


def test_the_loss_falls_and_the_history_is_whole() -> None:
    seen = []
    distiller = _distiller(alpha=1.0).fit(X, 6, batch_size=32, callbacks=[lambda d, epoch: seen.append(epoch)])
    assert seen == [1, 2, 3, 4, 5, 6]
    assert {len(each) for each in distiller.history.values()} == {6}
    assert distiller.history["kl"][-1] < distiller.history["kl"][0]
    assert distiller.history["distance_from_init"][-1] > 0


def test_the_gradient_is_that_of_the_cross_entropy() -> None:
    """One step from alpha = 1 against a plain loop."""
    distiller = _distiller(alpha=1.0, lr=0.01)
    student = copy.deepcopy(distiller.student)
    distiller.fit(X, 1, batch_size=96)
    assert distiller.teacher_head is not None
    assert distiller.student_head is not None
    start = distiller._start(distiller.head, distiller.teacher_head)
    net = nn.Sequential(student, start).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.0)
    p = distiller.teacher_head(distiller.teacher(X)).softmax(-1)
    (-(p * net(X).log_softmax(-1)).sum(-1).mean()).backward()
    optimizer.step()
    torch.testing.assert_close(net[0](X), distiller.transform(X), atol=1e-4, rtol=1e-3)


def test_an_error_leaves_the_former_student() -> None:
    distiller = _distiller().fit(X, 1)
    student, history = distiller.student, copy.deepcopy(distiller.history)
    bad = X.clone()
    bad[70] = float("inf")
    with pytest.raises(FloatingPointError, match="step"):
        distiller.fit(bad, 2, batch_size=32)
    assert distiller.student is student
    assert distiller.history == history


def test_weights_can_be_given_or_drawn_by_a_function() -> None:
    encoder = _encoder()
    assert _equal(RandomTeacherDistiller(encoder, head=_head(), reset=None).teacher, encoder)

    def ones(module: nn.Module) -> None:
        for parameter in module.parameters():
            nn.init.ones_(parameter)

    made = RandomTeacherDistiller(encoder, head=_head(), reset=ones).teacher
    assert all(bool((each == 1).all()) for each in made.parameters())
    assert not all(bool((each == 1).all()) for each in encoder.parameters())


def test_inputs_of_all_kinds_and_state() -> None:
    distiller = _distiller().fit(X.numpy().astype("float64"), 1)
    assert _equal(distiller.student, _distiller().fit(X, 1).student)
    with pytest.raises(Exception, match="not fitted"):
        _distiller().transform(X)
    again = pickle.loads(pickle.dumps(distiller))
    assert torch.equal(again.transform(X), distiller.transform(X))
    assert torch.equal(copy.deepcopy(distiller).transform(X), distiller.transform(X))
    assert torch.equal(features(distiller.student, [X[:50], X[50:]]), distiller.transform(X, batch_size=50))
    assert features(_encoder(), X.double()).dtype == torch.float32
    strided = torch.randn(6, 96).T
    assert torch.equal(distiller.transform(strided), distiller.transform(strided.contiguous()))


def test_amp_runs_and_keeps_the_loss_precise() -> None:
    history = _distiller(amp=True, alpha=0.5).fit(X, 2).history
    assert all(math.isfinite(each) for each in history["kl"])


def test_calibration_estimates_the_teachers_statistics() -> None:
    encoder = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.Linear(12, 5))
    distiller = RandomTeacherDistiller(encoder, head=_head())
    distiller.calibrate_teacher(X)
    torch.testing.assert_close(distiller.teacher[1].running_mean, distiller.teacher[0](X).mean(0))
    torch.testing.assert_close(distiller.student[1].running_var, distiller.teacher[0](X).var(0))
    assert not distiller.teacher.training


def test_transformers_models_are_pooled() -> None:
    allow_torchvision_import()
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=30
    )
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    ids = torch.randint(0, 30, (4, 7))
    mask = torch.ones_like(ids)
    mask[:, 4:] = 0
    made = features(model, {"input_ids": ids, "attention_mask": mask, "labels": ids})
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :4].mean(1)
    torch.testing.assert_close(made, expected)
    head = ProjectionHead(16, hidden=(8,), bottleneck=4, out_dim=8)
    distiller = RandomTeacherDistiller(model, head=head).fit({"input_ids": ids, "attention_mask": mask}, 1)
    assert distiller.transform({"input_ids": ids, "attention_mask": mask}).shape == (4, 16)
