"""The batch sampler: exposure, shares, resuming, ranks, memory, in a DataLoader."""

import copy
import math
import pickle
from collections import Counter
from itertools import chain
from typing import Any

import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.power_law_rehearsal import PowerLawSampler, rehearsal_probabilities


def make(lengths: Any = (40, 40, 40, 40), seed: int = 0, **options: Any) -> PowerLawSampler:
    options = {"batch_size": 10, "generator": torch.Generator().manual_seed(seed), **options}
    return PowerLawSampler(list(lengths), **options)


def flat(batches: Any) -> list[int]:
    return list(chain.from_iterable(batches))


def at_task(task: int, **options: Any) -> PowerLawSampler:
    sampler = make(**options)
    for _ in range(task):
        sampler.next_task()
    return sampler


@pytest.mark.parametrize("options", [{"budget": 0.9}, {"kind": "none"}, {"budget": 0.0}, {"mode": "extra"}])
def test_with_one_task_an_epoch_is_a_shuffle(options: dict) -> None:
    sampler = make((43,), **options)
    for _ in range(3):
        batches = list(sampler)
        assert [len(batch) for batch in batches] == [10, 10, 10, 10, 3]
        assert sorted(flat(batches)) == list(range(43))
        assert flat(batches) != list(range(43))


@pytest.mark.parametrize(("budget", "size"), [(0.2, 10), (0.25, 10), (0.5, 7), (0.33, 9)])
def test_each_batch_holds_the_rounded_share(budget: float, size: int) -> None:
    sampler = at_task(2, lengths=(63, 63, 63), budget=budget, batch_size=size)
    for batch in list(sampler)[: 63 // size]:
        assert len(batch) == size
        assert sum(index < 126 for index in batch) == round(budget * size)


@pytest.mark.parametrize(("budget", "size"), [(0.1, 3), (0.9, 4), (0.05, 8)])
def test_where_rounding_loses_a_side_the_number_is_binomial(budget: float, size: int) -> None:
    sampler = at_task(1, lengths=(8000, 8000), budget=budget, batch_size=size)
    counts = torch.tensor([float(sum(index < 8000 for index in batch)) for batch in sampler])
    assert len(counts) == 8000 // size + (8000 % size > 0)
    error = math.sqrt(size * budget * (1 - budget) / len(counts))
    assert abs(float(counts.mean()) - size * budget) < 4 * error + size * size / 8000
    assert float(counts.var()) > 0


def test_shares_of_earlier_tasks_follow_the_law() -> None:
    sampler = at_task(3, lengths=(50, 70, 20, 125_000), budget=0.5, batch_size=100, exponent=1.5)
    counts = Counter(sampler.task_of(flat(sampler)).tolist())
    drawn = sum(counts[task] for task in range(3))
    assert drawn == 62_500
    for task, share in enumerate(rehearsal_probabilities(3, exponent=1.5).tolist()):
        assert abs(counts[task] / drawn - share) < 4 * math.sqrt(share * (1 - share) / drawn)


def test_rehearsed_samples_are_uniform_within_their_task() -> None:
    sampler = at_task(1, lengths=(20, 20_000), budget=0.5, batch_size=100)
    counts = torch.bincount(torch.tensor([index for index in flat(sampler) if index < 20]), minlength=20)
    assert float((counts - 500.0).abs().max()) < 5 * math.sqrt(10_000 * 0.05 * 0.95)


@pytest.mark.parametrize("kind", ["power", "exponential", "uniform", "last", "none", lambda n: [1.0] * n])
@pytest.mark.parametrize("mode", ["inside", "extra", "after"])
def test_every_environment_has_equal_exposure(kind: Any, mode: str) -> None:
    sampler, plain = at_task(2, kind=kind, mode=mode, budget=0.3), at_task(2, kind="none", mode=mode, budget=0.3)
    batches = list(sampler)
    assert [len(batch) for batch in batches] == [len(batch) for batch in plain]
    assert len(batches) == len(sampler)


def test_new_samples_are_met_pass_after_pass() -> None:
    sampler = at_task(1, lengths=(40, 40), budget=0.2)
    new = [index for _ in range(5) for batch in sampler for index in batch if index >= 40]
    assert len(new) == 5 * 32
    assert Counter(new) == dict.fromkeys(range(40, 80), 4)


def test_extra_shows_each_new_sample_once_and_takes_longer() -> None:
    for size, budget in ((10, 0.2), (7, 0.3), (3, 0.1), (10, 0.97)):
        sampler = at_task(1, lengths=(40, 41), mode="extra", batch_size=size, budget=budget)
        batches = list(sampler)
        assert sorted(index for batch in batches for index in batch if index >= 40) == list(range(40, 81))
        assert len(batches) == len(sampler) > -(-41 // size)
        rehearsed = sum(index < 40 for batch in batches for index in batch)
        assert rehearsed / sum(map(len, batches)) == pytest.approx(budget, abs=0.05)


def test_after_rehearses_in_a_block_of_its_own() -> None:
    sampler = at_task(2, mode="after", budget=0.5)
    assert all(index >= 80 for batch in sampler for index in batch)
    block = list(sampler.rehearsal_block(7))
    assert [len(batch) for batch in block] == [10] * 7
    assert all(index < 80 for batch in block for index in batch)
    assert all(index >= 80 for batch in at_task(2, kind="none").rehearsal_block(2) for index in batch)


def test_the_last_batch_can_be_filled_up() -> None:
    sampler = make((43, 43), fill_last_batch=True)
    assert [len(batch) for batch in sampler] == [10] * 5
    sampler.next_task()
    assert [(len(batch), sum(index < 43 for index in batch)) for batch in sampler] == [(10, 2)] * 5


def test_memory_keeps_only_samples_that_were_handed_out() -> None:
    sampler = make((100, 4000), memory_per_task=15)
    epoch = iter(sampler)
    seen = set(next(epoch) + next(epoch))
    sampler.next_task()
    rehearsed = {index for batch in sampler for index in batch if index < 100}
    assert rehearsed <= seen
    assert len(rehearsed) == 15
    fewer = make((100, 4000), memory_per_task=50)
    first = next(iter(fewer))
    fewer.next_task()
    assert {index for batch in fewer for index in batch if index < 100} == set(first)


def test_the_same_seed_gives_the_same_order() -> None:
    def order(seed: int) -> list:
        sampler = make(seed=seed)
        found = list(sampler)
        for _ in range(3):
            sampler.next_task()
            found += list(sampler)
        return found

    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize("memory", [None, 7])
@pytest.mark.parametrize("copies", ["state", "pickle", "deepcopy"])
@pytest.mark.parametrize("stop", [0, 1, 3, 4])
def test_a_resumed_sampler_goes_on_identically(memory: int | None, copies: str, stop: int) -> None:
    original = make(memory_per_task=memory)
    list(original)
    original.next_task()
    list(original)
    epoch = iter(original)
    for _ in range(stop):
        next(epoch)
    if copies == "state":
        twin = make(seed=99, memory_per_task=memory)
        twin.load_state_dict(original.state_dict())
        again = make(seed=98, memory_per_task=memory)
        again.load_state_dict(twin.state_dict())
        twin = again
    else:
        twin = pickle.loads(pickle.dumps(original)) if copies == "pickle" else copy.deepcopy(original)
    rest, rest_of_twin = list(epoch), list(twin) if 0 < stop < 4 else []
    if 0 < stop < 4:
        assert rest == rest_of_twin
    elif stop == 0:
        assert rest == list(twin)
    for sampler in (original, twin):
        sampler.next_task()
    assert list(original) == list(twin)
    assert list(original) == list(twin)


def test_next_task_after_loading_in_the_midst_of_an_epoch() -> None:
    original, twin = make(memory_per_task=12), make(seed=5, memory_per_task=12)
    epoch = iter(original)
    next(epoch)
    twin.load_state_dict(original.state_dict())
    original.next_task()
    twin.next_task()
    assert list(original) == list(twin)


def test_the_place_can_be_that_of_the_training_and_not_of_the_fetching() -> None:
    original, twin = at_task(1), make(seed=7)
    batches = list(original)
    twin.load_state_dict(original.state_dict(position=1))
    assert list(twin) == batches[1:]
    with pytest.raises(InvalidParameterError, match=r"position is 9.*4 batches"):
        original.state_dict(position=9)


def test_a_state_of_other_tasks_changes_nothing() -> None:
    sampler, twin = make(), make()
    state = make((3, 4)).state_dict()
    for bad, message in ((state, r"\[3, 4\]"), ({}, "lacks carry")):
        with pytest.raises(InvalidParameterError, match=message):
            sampler.load_state_dict(bad)
    assert list(sampler) == list(twin)


def test_ranks_share_one_plan() -> None:
    ranks = [at_task(1, lengths=(45, 45), rank=rank, world_size=2) for rank in range(2)]
    plans = [list(each) for each in ranks]
    assert len(plans[0]) == len(plans[1]) == len(ranks[0]) == 3
    both = [batch for pair in zip(*plans, strict=True) for batch in pair]
    assert both[:5] != plans[0]
    first = [make((45, 45), rank=rank, world_size=2) for rank in range(2)]
    met = [index for each in first for batch in each for index in batch]
    assert set(met) == set(range(45))
    assert len(met) == 45 + 10


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_data_loader(workers: int) -> None:
    tasks = [TensorDataset(torch.full((30,), float(task)), torch.arange(30)) for task in range(3)]
    sampler, twin = (
        PowerLawSampler(tasks, batch_size=10, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    loader = DataLoader(ConcatDataset(tasks), batch_sampler=sampler, num_workers=workers)
    for task in range(3):
        if task:
            sampler.next_task()
            twin.next_task()
        for (values, _), indices in zip(loader, list(twin), strict=True):
            assert values.long().tolist() == twin.task_of(indices).tolist()
            assert int((values < task).sum()) == (2 if task else 0)


def test_without_a_generator_the_seed_comes_from_torch() -> None:
    def order() -> list:
        torch.manual_seed(4)
        return list(PowerLawSampler([30], batch_size=10))

    assert order() == order()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make([5, 0]), ValueError, "task 1 is empty"),
        (lambda: make([[1, 2], []]), ValueError, "task 1 is empty"),
        (lambda: make([]), ValueError, "no tasks"),
        (lambda: make([5, True]), InvalidTypeError, "task 1 is True"),
        (lambda: make([5, 2.0]), InvalidTypeError, "task 1 is 2.0"),
        (lambda: make(batch_size=0), ValueError, "batch_size is 0"),
        (lambda: make(budget=1.0), ValueError, "budget is 1;.*below 1"),
        (lambda: make(budget=-0.1), ValueError, "budget is -0.1"),
        (lambda: make(budget=math.nan), ValueError, "budget is nan"),
        (lambda: make(budget=True), InvalidTypeError, "budget is True"),
        (lambda: make(exponent=-1), ValueError, "exponent is -1"),
        (lambda: make(exponent=math.nan), ValueError, "exponent is nan"),
        (lambda: make(kind="linear"), ValueError, "'linear'.*power, exponential, uniform, last, none"),
        (lambda: make(memory_per_task=0), ValueError, "memory_per_task is 0"),
        (lambda: make(mode="before"), ValueError, "'before'.*inside"),
        (lambda: make(rank=2, world_size=2), ValueError, "rank is 2"),
        (lambda: at_task(4), IndexError, "no task 4; there are 4"),
        (lambda: make(rate=-1.0), ValueError, "rate is -1"),
    ],
)
def test_bad_arguments_say_what_is_wrong(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_failed_step_past_the_end_changes_nothing() -> None:
    sampler, twin = at_task(3), at_task(3)
    with pytest.raises(IndexError):
        sampler.next_task()
    assert sampler.current_task == 3
    assert list(sampler) == list(twin)


def test_ranks_keep_one_memory_and_rehearse_different_batches() -> None:
    """A last batch that only one rank is given counts for both."""
    ranks = [make((25, 40, 33), memory_per_task=22, mode="after", rank=rank, world_size=2) for rank in range(2)]
    for sampler in ranks:
        for _ in range(2):
            list(sampler)
            sampler.next_task()
        assert [len(kept) for kept in sampler.state_dict()["memory"]] == [22, 22]
    mine, theirs = (list(sampler.rehearsal_block(3)) for sampler in ranks)
    assert [len(batch) for batch in mine] == [len(batch) for batch in theirs] == [10] * 3
    assert mine != theirs


def test_a_state_without_the_memory_that_is_asked_for_changes_nothing() -> None:
    sampler, twin = make(memory_per_task=5), make(memory_per_task=5)
    with pytest.raises(InvalidParameterError, match="memory of 0 tasks, 1 were learned"):
        sampler.load_state_dict(at_task(1).state_dict())
    assert list(sampler) == list(twin)
