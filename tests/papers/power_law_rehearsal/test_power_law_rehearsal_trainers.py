"""The adapters: transformers' Trainer for real; Lightning and Avalanche where they are installed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from workingpapers.errors import InvalidParameterError, MissingExtraError
from workingpapers.papers.power_law_rehearsal import (
    PowerLawCallback,
    PowerLawDataModule,
    PowerLawReplayPlugin,
    rehearse,
)
from workingpapers.parts.torchvision_compat import allow_torchvision_import


def _importable(name: str) -> bool:
    allow_torchvision_import()
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def _texts(count: int = 3) -> list[list[dict[str, Any]]]:
    return [
        [{"input_ids": [task, 1 + i % 5, 2], "labels": [task, 1 + i % 5, 2]} for i in range(10)]
        for task in range(count)
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_gives_whole_batches_of_the_plan(workers: int) -> None:
    callback = PowerLawCallback(_texts(), steps_per_task=4, batch_size=4, budget=0.25)
    loader = DataLoader(
        callback.train_dataset, batch_size=4, num_workers=workers,
        collate_fn=lambda items: [item["input_ids"][0] for item in items],
    )  # fmt: skip
    batches = list(loader)
    assert len(batches) == callback.max_steps == 12
    for number, batch in enumerate(batches):
        task = number // 4
        assert sum(each == task for each in batch) == (3 if task else 4)
        assert all(each <= task for each in batch)


def test_a_trainer_of_transformers_follows_the_plan(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    allow_torchvision_import()
    from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

    config = LlamaConfig(vocab_size=10, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    ended: list[int] = []
    callback = PowerLawCallback(
        _texts(), steps_per_task=4, batch_size=4, budget=0.25, on_task_end=lambda model, task: ended.append(task)
    )
    arguments = TrainingArguments(
        tmp_path, max_steps=callback.max_steps, per_device_train_batch_size=4, report_to=[], save_strategy="no",
        disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
    )  # fmt: skip
    seen: list[list[int]] = []

    def collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        seen.append([item["input_ids"][0] for item in items])
        return {key: torch.tensor([item[key] for item in items]) for key in items[0]}

    Trainer(LlamaForCausalLM(config), arguments, data_collator=collate, **rehearse(callback)).train()
    assert callback.history == [(0, 4), (1, 8), (2, 12)]
    assert ended == [0, 1, 2]
    assert seen[:12] == [
        [callback.train_dataset.joined[i]["input_ids"][0] for i in b] for b in callback.train_dataset.batches()
    ]
    wrong = PowerLawCallback(_texts(), steps_per_task=4, batch_size=5)
    with pytest.raises(InvalidParameterError, match=r"hold 4 samples.*plan's 5"):
        Trainer(LlamaForCausalLM(config), arguments, data_collator=collate, **rehearse(wrong)).train()


@pytest.mark.skipif(_importable("lightning"), reason="lightning is installed")
def test_without_lightning_the_error_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match="pip install lightning"):
        PowerLawDataModule([[1.0] * 8], batch_size=4)


@pytest.mark.skipif(_importable("avalanche.training.plugins"), reason="avalanche is installed")
def test_without_avalanche_the_error_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match="pip install avalanche-lib"):
        PowerLawReplayPlugin(10)


@pytest.mark.skipif(not _importable("lightning"), reason="lightning is not installed")
@pytest.mark.filterwarnings("ignore")
def test_a_trainer_of_lightning_goes_through_the_tasks(tmp_path: Path) -> None:
    import lightning

    tasks = [TensorDataset(torch.full((20, 1), float(task))) for task in range(3)]
    module = PowerLawDataModule(tasks, epochs_per_task=2, batch_size=5, budget=0.4)
    seen: list[list[float]] = []

    class Net(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            seen.append(sorted(batch[0][:, 0].tolist()))
            return self.layer(batch[0]).sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 1e-3)

    trainer = lightning.Trainer(
        max_epochs=6, reload_dataloaders_every_n_epochs=1, use_distributed_sampler=False, accelerator="cpu",
        logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Net(), datamodule=module)
    assert len(seen) == 6 * 4
    for number, batch in enumerate(seen):
        task = number // 8
        assert sum(value < task for value in batch) == (2 if task else 0)
        assert sum(value == task for value in batch) == (3 if task else 5)


@pytest.mark.skipif(not _importable("avalanche.training.plugins"), reason="avalanche is not installed")
@pytest.mark.filterwarnings("ignore")
def test_a_strategy_of_avalanche_rehearses() -> None:
    from avalanche.benchmarks import benchmark_from_datasets
    from avalanche.benchmarks.utils import as_classification_dataset
    from avalanche.training.supervised import Naive

    tasks = []
    for task in range(3):
        data = TensorDataset(torch.full((20, 2), float(task)), torch.arange(20) % 2)
        data.targets = (torch.arange(20) % 2).tolist()
        tasks.append(as_classification_dataset(data))
    net = torch.nn.Linear(2, 2)
    plugin = PowerLawReplayPlugin(12, budget=0.4)
    seen: list[list[float]] = []

    class Watch(type(plugin).__mro__[1]):  # type: ignore[misc]
        def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
            seen.append(strategy.mb_x[:, 0].tolist())

    strategy = Naive(
        net, torch.optim.SGD(net.parameters(), 0.01), torch.nn.CrossEntropyLoss(), train_mb_size=5,
        plugins=[plugin, Watch()], evaluator=None,
    )  # fmt: skip
    for experience in benchmark_from_datasets(train=tasks).train_stream:
        strategy.train(experience)
    assert [len(kept) for kept in plugin.memory] == [4, 4, 4]
    assert len(seen) == 12
    for number, batch in enumerate(seen):
        task = number // 4
        assert sum(value < task for value in batch) == (2 if task else 0)


def test_a_resumed_training_does_not_end_earlier_tasks_again() -> None:
    ended: list[int] = []
    callback = PowerLawCallback(
        [[1] * 4] * 3, steps_per_task=4, batch_size=2, on_task_end=lambda model, task: ended.append(task)
    )
    state = SimpleNamespace(global_step=5)
    callback.on_train_begin(SimpleNamespace(train_batch_size=2), state, None)
    state.global_step = 8
    callback.on_step_end(None, state, None)
    assert callback.history == [(0, 4), (1, 8)]
    assert ended == [1]


def test_no_tasks_and_unknown_modes_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="no tasks"):
        PowerLawCallback([], steps_per_task=1, batch_size=1)
    with pytest.raises(InvalidParameterError, match="mode is 'after'"):
        PowerLawReplayPlugin(10, mode="after")
