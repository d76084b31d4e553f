"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Power-law replay as a plugin of Avalanche's supervised strategies, one loader for all experiences.
Differences from the paper: the memory is limited, as in replay; the paper's environment shows the real tasks again.
"""

import importlib
from functools import lru_cache
from typing import Any

import torch
from torch.utils.data import ConcatDataset, DataLoader

from workingpapers.errors import InvalidParameterError, MissingExtraError
from workingpapers.papers.power_law_rehearsal.checks import zero_to_infinity
from workingpapers.papers.power_law_rehearsal.environments import Kind, check_kind
from workingpapers.papers.power_law_rehearsal.method import PowerLawSampler
from workingpapers.parts.checks import real_number, whole_number
from workingpapers.parts.torchvision_compat import allow_torchvision_import


def PowerLawReplayPlugin(  # noqa: N802  # makes an instance of a class that needs Avalanche to exist
    mem_size: int,
    exponent: float | int = 1.0,
    *,
    budget: float | int = 0.2,
    kind: Kind = "power",
    mode: str = "inside",
    seed: int = 0,
) -> Any:
    """A replay plugin for Avalanche's strategies that draws old experiences by their age.

    `strategy = Naive(..., plugins=[PowerLawReplayPlugin(1000)])`. The memory is shared equally between the
    experiences learned so far; whatever their number, one loader serves them, so that the rate of steps stays.

    Args:
        mem_size: Samples kept in all, at least 1; at least as many as there are experiences, so that each keeps one.
        exponent: d of the power law.
        budget: Share of each batch of the strategy's `train_mb_size` that is rehearsed.
        kind: As for `PowerLawSampler`.
        mode: `inside` or `extra`, as for `PowerLawSampler`.
        seed: Seed of memory and order.

    Returns:
        The plugin; its `memory` is the list of what is kept of each experience.

    Raises:
        MissingExtraError: Avalanche is not installed.
        InvalidParameterError: `mem_size` is below 1, or `exponent` or `budget` is outside its range, or `mode` is
            another.

    Differs from the paper: see the head of this file.

    Example:
        >>> plugin = PowerLawReplayPlugin(mem_size=1000, exponent=1.0)  # doctest: +SKIP
        >>> plugin.memory  # doctest: +SKIP
        []
    """
    if mode not in ("inside", "extra"):
        raise InvalidParameterError(f"mode is {mode!r}; give 'inside' or 'extra'")
    options = {
        "exponent": zero_to_infinity("exponent", exponent),
        "budget": real_number("budget", budget, least=0, below=1),
        "kind": check_kind(kind),
        "mode": mode,
    }
    return _plugin_class()(whole_number("mem_size", mem_size, least=1), options, whole_number("seed", seed, least=0))


@lru_cache
def _plugin_class() -> type:
    allow_torchvision_import()
    try:
        base = importlib.import_module("avalanche.training.plugins").SupervisedPlugin
    except ImportError as error:
        raise MissingExtraError(
            f"Avalanche cannot be imported ({error}); `pip install avalanche-lib` brings it"
        ) from error

    class Plugin(base):  # type: ignore[misc,valid-type]  # the base is known only now
        """Mixes what is kept of earlier experiences into each batch."""

        def __init__(self, mem_size: int, options: dict[str, Any], seed: int) -> None:
            super().__init__()
            self.mem_size = mem_size
            self.options = options
            self.generator = torch.Generator().manual_seed(seed)
            self.memory: list[Any] = []

        def before_training_exp(self, strategy: Any, num_workers: int = 0, **kwargs: Any) -> None:
            """Set the loader of this experience."""
            kept = [each for each in self.memory if len(each) > 0]
            if not kept:
                return
            parts = [*kept, strategy.adapted_dataset]
            sampler = PowerLawSampler(
                parts, batch_size=strategy.train_mb_size, generator=self.generator, **self.options
            )
            for _ in kept:
                sampler.next_task()
            strategy.dataloader = DataLoader(
                ConcatDataset(parts), batch_sampler=sampler, num_workers=num_workers,
                collate_fn=strategy.adapted_dataset.collate_fn,
            )  # fmt: skip

        def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
            """Keep some of this experience, and less of the others."""
            learned = strategy.experience.dataset
            chosen = torch.randperm(len(learned), generator=self.generator)[: self.mem_size]
            self.memory.append(learned.subset(chosen.tolist()))
            size = self.mem_size // len(self.memory)
            # each is in random order, so that its first samples are a uniform choice
            self.memory = [each.subset(list(range(min(size, len(each))))) for each in self.memory]

    return Plugin
