"""The measures on untrained, trained, scaled and rotated networks of several kinds; adapters; callbacks."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workingpapers.papers.rich_lazy import CTRNN, LazinessCallback, LazinessProbe, TwoAlternative, laziness
from workingpapers.parts.torchvision_compat import allow_torchvision_import


class LowRank(nn.Module):
    """A frozen layer with a trained update of low rank, as LoRA has it."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = nn.Linear(6, 5).requires_grad_(False)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(6, 2, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(2, 5, bias=False)})
        nn.init.zeros_(self.lora_B["default"].weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](x))


def _mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def _step(net: nn.Module, rate: float = 0.1) -> None:
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.add_(rate * torch.randn_like(parameter))


@pytest.mark.parametrize("make", [_mlp, lambda: CTRNN(4, 8, 2), LowRank])
def test_an_untrained_network_has_not_changed(make: Any) -> None:
    net = make()
    shape = (5, 3, 4) if isinstance(net, CTRNN) else (7, 6 if isinstance(net, LowRank) else 4)
    report = LazinessProbe(net, torch.randn(*shape)).measure()
    assert report.weight_change == report.weight_change_l1 == 0
    assert report.representation_alignment == pytest.approx(1)
    assert report.kernel_alignment == pytest.approx(1)
    assert report.sign_similarity == 1


def test_the_measures_are_what_their_formulas_say() -> None:
    net, x = _mlp().double(), torch.randn(6, 4).double()
    probe = LazinessProbe(net, x)
    before = copy.deepcopy(net)
    _step(net)
    report = probe.measure()
    change = torch.cat([(a - b).flatten() for a, b in zip(net.parameters(), before.parameters(), strict=True)])
    assert report.weight_change == pytest.approx(float(change.norm().detach()))
    assert report.weight_change_l1 == pytest.approx(float(change.abs().sum().detach()))
    grams, kernels, hidden = [], [], []
    for each in (before, net):
        h = torch.relu(x @ each[0].weight.T + each[0].bias).detach()
        hidden.append(h)
        grams.append(h @ h.T)
        rows = []
        for out in each(x).flatten():
            rows.append(
                torch.cat([g.flatten() for g in torch.autograd.grad(out, list(each.parameters()), retain_graph=True)])
            )
        kernels.append(torch.stack(rows) @ torch.stack(rows).T)
    for (a, b), value in ((grams, report.representation_alignment), (kernels, report.kernel_alignment)):
        assert value == pytest.approx(float((a * b).sum() / (a.norm() * b.norm())))
        assert 0 <= value <= 1
    assert report.sign_similarity == pytest.approx(float((hidden[0].sign() == hidden[1].sign()).double().mean()))


def test_alignment_ignores_scale_and_rotations_of_hidden_units() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6, bias=False), nn.Linear(6, 2, bias=False)).double()
    x = torch.randn(9, 4).double()
    probe = LazinessProbe(net, x)
    q = torch.linalg.qr(torch.randn(6, 6).double())[0]
    with torch.no_grad():
        net[0].weight.copy_(3 * q @ net[0].weight)
        net[1].weight.copy_(3 * net[1].weight @ q.T)
    report = probe.measure()
    assert report.kernel_alignment == pytest.approx(1)
    assert report.representation_alignment == pytest.approx(1)


def test_the_recurrent_network_is_measured_on_its_recurrent_weights_and_last_state() -> None:
    torch.manual_seed(0)
    net, (x, _) = CTRNN(3, 20, 3), TwoAlternative().batch(8, torch.Generator().manual_seed(0))
    probe = LazinessProbe(net, x, params="recurrent")
    with torch.no_grad():
        first = net(x)[1][-1].double()
        net.input.weight.mul_(1.5)
    assert probe.measure().weight_change == 0
    with torch.no_grad():
        second = net(x)[1][-1].double()
    a, b = first @ first.T, second @ second.T
    assert probe.measure().representation_alignment == pytest.approx(float((a * b).sum() / a.norm() / b.norm()))


def test_two_checkpoints_and_the_model_is_left_as_it_was() -> None:
    net, x = _mlp(), torch.randn(6, 4)
    before = copy.deepcopy(net)
    after = copy.deepcopy(net)
    _step(after)
    _step(net)
    kept = copy.deepcopy(net.state_dict())
    report = laziness(net, before, after.state_dict(), x)
    assert all(torch.equal(kept[name], each) for name, each in net.state_dict().items())
    probe = LazinessProbe(before, x)
    before.load_state_dict(after.state_dict())
    assert probe.measure() == report


def test_adapters_are_measured_by_default_and_from_their_own_file() -> None:
    torch.manual_seed(1)
    net, x = LowRank(), torch.randn(7, 6)
    saved = {f"lora_{k}.weight": torch.randn_like(getattr(net, f"lora_{k}")["default"].weight) for k in "AB"}
    report = laziness(net, None, saved, x)
    expected = [saved[f"lora_{k}.weight"] - getattr(net, f"lora_{k}")["default"].weight for k in "AB"]
    assert report.weight_change == pytest.approx(
        float(torch.cat([e.flatten() for e in expected]).norm().detach()), rel=1e-5
    )
    assert 0 < report.kernel_alignment < 1
    assert (net.lora_B["default"].weight == 0).all()


def test_peft_models_are_measured_on_their_adapters() -> None:
    allow_torchvision_import()
    peft = pytest.importorskip("peft", reason="peft is not installed")
    torch.manual_seed(2)
    net = peft.get_peft_model(_mlp(), peft.LoraConfig(r=2, target_modules=["0"]))
    after = {name: each + 0.1 for name, each in peft.get_peft_model_state_dict(net).items()}
    report = laziness(net, None, after, torch.randn(6, 4))
    assert report.kernel_alignment < 1
    assert report.weight_change == pytest.approx(0.1 * (2 * 4 + 8 * 2) ** 0.5, rel=1e-4)


def test_transformers_are_called_by_keyword() -> None:
    allow_torchvision_import()
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=11, n_positions=8)
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval()
    inputs = {"input_ids": torch.randint(11, (3, 5))}
    probe = LazinessProbe(model, inputs, params=r"ln_f", output_fn=lambda out: out.logits[:, -1, :4])
    _step(model, 0.05)
    assert 0.5 < probe.measure().kernel_alignment < 1
    with pytest.raises(ValueError, match=r"165 outputs.*max_kernel_rows = 64.*output_fn"):
        LazinessProbe(model, inputs, max_kernel_rows=64)


def test_a_diverged_network_gives_nan_and_no_number() -> None:
    net, x = _mlp(), torch.randn(6, 4)
    probe = LazinessProbe(net, x)
    with torch.no_grad():
        net[2].weight.fill_(float("nan"))
    report = probe.measure()
    assert report.kernel_alignment != report.kernel_alignment


def test_dropout_rests_with_a_warning_and_training_mode_is_put_back() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    with pytest.warns(UserWarning, match="dropout"):
        probe = LazinessProbe(net, torch.randn(5, 4))
    assert net.training
    assert net[1].training
    with pytest.warns(UserWarning, match="dropout"):
        assert probe.measure().kernel_alignment == pytest.approx(1)
    assert not net[0]._forward_hooks
    assert not net[2]._forward_pre_hooks


def test_layer_names_a_representation() -> None:
    net, x = _mlp(), torch.randn(6, 4)
    probe = LazinessProbe(net, x, layer="0", params=r"^2\.")
    _step(net[2])
    assert probe.measure().representation_alignment == pytest.approx(1)


def test_one_callback_serves_both_trainers() -> None:
    x = torch.randn(5, 4)
    net = _mlp()
    callback = LazinessCallback(x, params="weight")
    callback.setup(None, net, "fit")
    callback.on_train_start(SimpleNamespace(global_step=0), net)
    _step(net)
    callback.on_train_batch_end(None, net, None, None, 0)
    callback.on_train_epoch_end(SimpleNamespace(global_step=7), net)
    callback.on_train_end(SimpleNamespace(global_step=9), net)
    assert [step for step, _ in callback.history] == [7, 9]
    assert callback.history[-1][1].weight_change > 0
    assert callback.state_dict() == {}
    with pytest.raises(AttributeError, match="optimizer"):
        _ = callback.optimizer


def test_transformers_calls_the_callback() -> None:
    transformers = pytest.importorskip("transformers")
    from transformers.trainer_callback import CallbackHandler

    net, callback = _mlp(), LazinessCallback(torch.randn(5, 4))
    handler = CallbackHandler([callback], net, None, None, None)
    state, control = transformers.TrainerState(), transformers.TrainerControl()
    handler.on_train_begin(None, state, control)
    handler.on_step_end(None, state, control)
    _step(net)
    state.global_step = 3
    handler.on_epoch_end(None, state, control)
    handler.on_train_end(None, state, control)
    assert [step for step, _ in callback.history] == [3, 3]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net, x: LazinessProbe(net, x, params="conv"), ValueError, r"'conv' selects nothing.*0\.weight"),
        (lambda net, x: LazinessProbe(net, x).measure(x[:3]), ValueError, r"\(3, 4\).*\(6, 4\).*same"),
        (lambda net, x: LazinessProbe(net, x, max_kernel_rows=10), ValueError, "18 outputs.*fewer samples"),
        (lambda net, x: LazinessProbe(net, x, layer="fc1"), KeyError, "'fc1'"),
        (lambda net, x: laziness(net, {"9.weight": x}, None, x), LookupError, r"'9\.weight'.*0\.weight"),
        (lambda net, x: laziness(net, {"0.weight": x}, None, x), ValueError, r"\(6, 4\).*\(8, 4\)"),
        (lambda net, x: laziness(net, 3, None, x), TypeError, "int|type"),
    ],
)
def test_bad_inputs(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(_mlp(), torch.randn(6, 4))
