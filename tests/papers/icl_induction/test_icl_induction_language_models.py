"""Scores of the heads of language models, with eager, fused and missing attention; the callback's alarm."""

import sys
import types
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from workingpapers.papers.icl_induction import InductionMonitor, induction_scores
from workingpapers.parts.torchvision_compat import allow_torchvision_import

allow_torchvision_import()
transformers = pytest.importorskip("transformers")


def gpt2(**changes: Any) -> nn.Module:
    config = transformers.GPT2Config(
        vocab_size=128, n_positions=128, n_embd=32, n_layer=2, n_head=4, bos_token_id=None, eos_token_id=None, **changes
    )
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(config)


def llama(**changes: Any) -> nn.Module:
    config = transformers.LlamaConfig(
        vocab_size=128, max_position_embeddings=128, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, **changes,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(config)


@pytest.mark.parametrize("make", [gpt2, llama])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_any_implementation_is_scored_and_left_as_it_was(make: Any, implementation: str) -> None:
    model = make(attn_implementation=implementation).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    scores = induction_scores(model, length=32)
    assert list(scores.columns) == ["layer", "head", "previous_token", "induction", "copying", "target_label"]
    assert list(zip(scores["layer"], scores["head"], strict=True)) == [(i, j) for i in range(2) for j in range(4)]
    assert model.config._attn_implementation == implementation
    assert model.training
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    # a random head attends nearly evenly: the mean of 1 / (i + 1) over the second block
    assert scores["induction"].between(0.3 / 32, 2 / 32).all()
    assert scores["target_label"].between(0.3 / 32, 3 / 32).all()
    assert (scores["copying"] <= scores["induction"]).all()


def test_both_implementations_give_the_same_scores() -> None:
    eager, fused = (induction_scores(llama(attn_implementation=each), length=16) for each in ("eager", "sdpa"))
    assert (eager - fused).abs().to_numpy().max() < 1e-6
    assert not induction_scores(llama(), length=16, seed=1).equals(fused)


class HandBuilt(nn.Module):
    """An induction head of two layers, by hand: one-hot tokens, a previous-token head, a matching head."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(vocab_size=vocab_size)

    def forward(self, input_ids: torch.Tensor, output_attentions: bool = False) -> Any:
        n, length = input_ids.shape
        index = torch.arange(length)
        causal = index[None, :] <= index[:, None]
        content = nn.functional.one_hot(input_ids, self.config.vocab_size).float()
        back = 50.0 * (index[:, None] - 1 == index[None, :]).float()
        first = back.masked_fill(~causal, float("-inf")).softmax(-1).expand(n, 1, length, length)
        kept = first[:, 0] @ content
        second = (50.0 * content @ kept.transpose(1, 2)).masked_fill(~causal, float("-inf")).softmax(-1)
        logits = 50.0 * second @ content
        return SimpleNamespace(logits=logits, attentions=(first, second[:, None]) if output_attentions else None)


def test_a_hand_built_induction_head_is_found() -> None:
    scores = induction_scores(HandBuilt(200), length=50)
    assert scores["previous_token"].iloc[0] > 0.95
    assert scores["induction"].iloc[1] > 0.95
    assert scores["copying"].iloc[1] > 0.95
    assert scores["target_label"].iloc[1] > 0.95
    assert scores["induction"].iloc[0] < 0.05
    assert scores["previous_token"].iloc[1] < 0.05


def test_models_that_cannot_answer_say_how() -> None:
    class Silent(HandBuilt):
        def forward(self, input_ids: torch.Tensor, output_attentions: bool = False) -> Any:
            return SimpleNamespace(logits=None, attentions=None)

    for error in (TypeError, RuntimeError):
        with pytest.raises(error, match="attn_implementation='eager'"):
            induction_scores(Silent(99), length=8)
    with pytest.raises(ValueError, match="pass vocab_size"):
        induction_scores(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="128"):
        induction_scores(gpt2(), length=65)
    with pytest.raises(ValueError, match="vocab_size is 10 and length 20"):
        induction_scores(gpt2(), vocab_size=10, length=20)


class Growing(HandBuilt):
    """Attention between even and hand-built, so that a head can appear when we want."""

    strength = 0.0

    def forward(self, input_ids: torch.Tensor, output_attentions: bool = False) -> Any:
        given = super().forward(input_ids, True)
        even = torch.ones(input_ids.shape[1], input_ids.shape[1]).tril()
        even = even / even.sum(1, keepdim=True)
        given.attentions = tuple(self.strength * a + (1 - self.strength) * even for a in given.attentions)
        return given


def test_the_alarm_is_raised_once_at_the_transition(caplog: pytest.LogCaptureFixture) -> None:
    model, alarms = Growing(64), []
    monitor = InductionMonitor(every=10, length=16, on_alarm=alarms.append)
    for step in range(0, 200, 10):
        model.strength = 0.01 * (step % 20) / 20 if step < 120 else 0.8
        monitor.observe(model, step)
    assert monitor.transition_step == 120
    assert alarms == [monitor]
    assert "step 120" in caplog.text
    assert len(monitor.history) == 20
    quiet = InductionMonitor(length=16)
    model.strength = 0.9  # a head that was there from the start is no transition
    for step in range(10):
        quiet.observe(model, step)
    assert quiet.transition_step is None


def test_as_a_callback_of_a_trainer(tmp_path: Any) -> None:
    pytest.importorskip("accelerate", reason="the Trainer of transformers needs accelerate")
    ids = torch.randint(128, (16, 12))
    data = [{"input_ids": row, "labels": row} for row in ids]
    monitor = InductionMonitor(every=2, length=8)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=6, per_device_train_batch_size=4, report_to=[], logging_steps=2,
        use_cpu=True, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    logged: list[dict[str, Any]] = []

    class Logger(transformers.TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            logged.append(dict(logs))

    callbacks = [monitor, Logger()]
    transformers.Trainer(model=gpt2(), args=arguments, train_dataset=data, callbacks=callbacks).train()
    assert list(monitor.history["step"]) == [0, 2, 4, 6]
    assert all("best_induction" in entry for entry in logged)
    assert len(logged) >= 3


def test_the_trainers_events_are_all_answered() -> None:
    """What the handler of a Trainer does, without the packages that a Trainer needs."""
    monitor, model = InductionMonitor(every=5, length=8, stop=True, rise=0.3), Growing(64)
    control = transformers.TrainerControl()
    handler = transformers.trainer_callback.CallbackHandler([monitor], model, None, None, None)
    state = transformers.TrainerState()
    arguments = SimpleNamespace()
    for event in [name for name in dir(transformers.TrainerCallback) if name.startswith("on_") and name != "on_log"]:
        assert callable(getattr(monitor, event))
    handler.on_train_begin(arguments, state, control)
    for step in range(1, 21):
        state.global_step = step
        model.strength = 0.9 if step >= 12 else 0.0
        control = handler.on_step_end(arguments, state, control)
    assert list(monitor.history["step"]) == [0, 5, 10, 15, 20]
    assert monitor.transition_step == 15
    assert control.should_training_stop
    logs: dict[str, float] = {}
    handler.on_log(arguments, state, control, logs)
    assert logs["best_induction"] > 0.8
    with pytest.raises(AttributeError, match="nonsense"):
        _ = monitor.nonsense


def test_as_a_lightning_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    monitor = InductionMonitor(every=2, length=8)
    with pytest.raises(ImportError, match="pip install lightning"):
        monitor.lightning()
    fake = types.ModuleType("pytorch_lightning")
    fake.Callback = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pytorch_lightning", fake)
    callback, logged = monitor.lightning(), []
    module = nn.Module()
    module.model = Growing(64)
    module.log_dict = logged.append
    for step in range(5):
        callback.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
    assert list(monitor.history["step"]) == [0, 2, 4]
    assert len(logged) == 3
