"""Statistics of the tasks, and their layout against neurogym's where it is installed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from workingpapers.papers.rich_lazy import ContextDecision, DelayedMatch, TwoAlternative, from_neurogym
from workingpapers.papers.rich_lazy.sequential_images import SequentialImages


def _batch(task: Any, n: int = 20_000) -> tuple[torch.Tensor, torch.Tensor]:
    return task.batch(n, torch.Generator().manual_seed(0))


def test_two_alternative_has_balanced_labels_and_the_noise_it_says() -> None:
    x, y = _batch(TwoAlternative())
    assert (y[:-1] == 0).all()
    assert float((y[-1] == 1).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert (x[..., 0] == 0).all()
    assert (x[-1] == 0).all()
    assert float(x[:-1, :, 1:].std(0).mean()) == pytest.approx(0.1, abs=0.005)
    signal = (x[:-1, :, 1] - x[:-1, :, 2]).mean(0) * (3 - 2 * y[-1])
    assert float(signal.mean()) == pytest.approx(np.mean([0, 6.4, 12.8, 25.6, 51.2]) / 100, abs=0.003)
    assert float(x[:-1, :, 1:].mean()) == pytest.approx(0.5, abs=0.002)


def test_two_alternative_without_noise_shows_its_coherences() -> None:
    x, y = TwoAlternative(coherences=(20,), noise=0.0).batch(50, torch.Generator().manual_seed(1))
    right = torch.where(y[-1] == 1, x[0, :, 1], x[0, :, 2])
    assert torch.allclose(right, torch.full((50,), 0.6))


def test_delayed_match_asks_whether_sample_and_test_are_the_same() -> None:
    x, y = _batch(DelayedMatch(), 4000)
    same = x[0, :, 1:].argmax(1) == x[6, :, 1:].argmax(1)
    assert torch.equal(torch.where(same, 1, 2), y[-1])
    assert (x[:-1, :, 0] == 1).all()
    assert (x[-1] == 0).all()
    assert (x[1:6, :, 1:] == 0).all()
    assert float((y[-1] == 1).float().mean()) == pytest.approx(0.5, abs=0.04)


def test_context_decision_asks_for_the_cued_modality() -> None:
    x, y = ContextDecision(noise=0.0).batch(4000, torch.Generator().manual_seed(0))
    context = x[0, :, 5:].argmax(1)
    first, second = x[0, :, 1] - x[0, :, 2], x[0, :, 3] - x[0, :, 4]
    evidence = torch.where(context == 0, first, second)
    assert torch.equal(torch.where(evidence > 0, 1, 2), y[-1])
    assert (x[2:, :, :5] == 0).all()
    assert float((first * second > 0).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_batches_repeat_from_a_generator() -> None:
    for task in (TwoAlternative(), DelayedMatch(), ContextDecision()):
        a, b = (task.batch(5, torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
        assert a[0].shape == (8, 5, task.input_size)
        assert a[1].max() < task.output_size


def test_sequential_images_show_rows_and_label_the_last() -> None:
    images = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x, y = SequentialImages(images, np.array([0, 1])).batch(6, torch.Generator().manual_seed(0))
    assert x.shape == (3, 6, 4)
    assert (y[:-1] == -100).all()
    assert torch.equal(x[:, 0], torch.from_numpy(images[int(y[-1, 0])]))


def test_a_neurogym_data_set_gives_as_many_trials_as_asked() -> None:
    class Dataset:
        env = SimpleNamespace(observation_space=np.zeros(3), action_space=SimpleNamespace(n=3))

        def __call__(self) -> tuple[np.ndarray, np.ndarray]:
            return np.ones((8, 4, 3)), np.ones((8, 4))

    task = from_neurogym(Dataset())
    x, y = task.batch(10)
    assert x.shape == (8, 10, 3)
    assert y.dtype == torch.int64
    assert (task.input_size, task.output_size) == (3, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: TwoAlternative().batch(0), ValueError, "n is 0"),
        (lambda: TwoAlternative(coherences=()), ValueError, "coherences is empty"),
        (lambda: DelayedMatch(delay_steps=-1), ValueError, "delay_steps is -1"),
        (lambda: from_neurogym(3), TypeError, r"neurogym\.Dataset"),
    ],
)
def test_bad_inputs(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
