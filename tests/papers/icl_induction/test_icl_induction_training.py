"""Training: a stack gives what single runs give, stops where it should, and learns."""

import math

import pytest
import torch

from workingpapers.papers.icl_induction import (
    AttentionOnlyClassifier,
    InContextClassification,
    MinimalInductionHead,
    train_icl,
    train_stacked,
)


def task(n_classes: int = 16, **changes: object) -> InContextClassification:
    return InContextClassification(n_classes, 4, 2, 16, positions=7, **{"seed": 1, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["full", "minimal"])
def test_a_stack_equals_single_runs(optimizer: str, kind: str) -> None:
    def models() -> list[torch.nn.Module]:
        torch.manual_seed(0)
        if kind == "minimal":
            return [MinimalInductionHead(7, 16, 4, mlp_hidden=16, dtype=torch.float64) for _ in range(3)]
        return [AttentionOnlyClassifier(23, 4, mlp_hidden=16, dtype=torch.float64) for _ in range(3)]

    def tasks() -> list[InContextClassification]:
        return [task(k, dtype=torch.float64, zipf=z) for k, z in ((8, 0.0), (32, 1.0), (64, 0.0))]

    sizes = {"optimizer": optimizer, "lr": 3e-3, "steps": 12, "eval_every": 5, "eval_size": 64, "weight_decay": 1e-3}
    together, alone = models(), models()
    stacked = train_stacked(together, tasks(), **sizes)
    for model, other, own, history in zip(together, alone, tasks(), stacked, strict=True):
        single = train_icl(other, own, **sizes)
        assert list(single["step"]) == [0, 5, 10, 12]
        assert (single.fillna(0) - history.fillna(0)).abs().to_numpy().max() < 1e-9
        for (name, one), (_, two) in zip(model.named_parameters(), other.named_parameters(), strict=True):
            assert torch.allclose(one, two, atol=1e-10), name


def test_models_that_stop_leave_the_stack_unharmed() -> None:
    def models() -> list[torch.nn.Module]:
        torch.manual_seed(0)
        return [AttentionOnlyClassifier(23, 4, mlp_hidden=16, dtype=torch.float64) for _ in range(3)]

    def tasks() -> list[InContextClassification]:
        return [task(k, dtype=torch.float64) for k in (8, 32, 64)]

    sizes = {"lr": 3e-3, "steps": 12, "eval_every": 4, "eval_size": 64}
    started = models()
    whole = train_stacked(models(), tasks(), **sizes)
    first, second, third = train_stacked(started, tasks(), early_stop=[None, 0.0, None], **sizes)
    assert list(second["step"]) == [0]
    for name, parameter in models()[1].named_parameters():
        assert torch.equal(dict(started[1].named_parameters())[name], parameter)
    for history, expected in ((first, whole[0]), (third, whole[2])):
        assert (history.fillna(0) - expected.fillna(0)).abs().to_numpy().max() < 1e-9


def test_few_classes_are_learned_in_weights() -> None:
    torch.manual_seed(0)
    history = train_icl(AttentionOnlyClassifier(23, 4, mlp_hidden=32), task(4), lr=3e-3, steps=250, eval_every=250)
    assert history["iw"].iloc[-1] > 0.9
    assert math.isnan(history["loss"].iloc[0])
    assert history["loss"].iloc[-1] < history["ic_loss"].iloc[0]


def test_factors_hold_a_parameter() -> None:
    model = MinimalInductionHead(7, 16, 4)
    train_icl(model, task(), steps=5, eval_size=10, lr_factors={"beta1": 0.0})
    assert model.beta1.item() == 0.0
    assert model.alpha.item() != 0.0
    with pytest.raises(ValueError, match=r"\['gamma'\]"):
        train_icl(model, task(), steps=5, lr_factors={"gamma": 1.0})


def test_training_does_not_touch_the_global_generator() -> None:
    model = AttentionOnlyClassifier(23, 4, mlp_hidden=8)
    before = torch.random.get_rng_state()
    train_icl(model, task(), steps=3, eval_size=10)
    assert torch.equal(before, torch.random.get_rng_state())


def test_stacks_of_unequal_models_are_refused() -> None:
    nets = [AttentionOnlyClassifier(23, 4), AttentionOnlyClassifier(23, 4, layers=1)]
    with pytest.raises(ValueError, match="parameters differ"):
        train_stacked(nets, [task(), task()])
    with pytest.raises(ValueError, match=r"sizes .* differ"):
        train_stacked([nets[0], nets[0]], [task(), InContextClassification(16, 4, 3, 16, positions=7)])
    with pytest.raises(TypeError, match="str"):
        train_icl("net", task())  # type: ignore[arg-type]
