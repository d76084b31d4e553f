"""Probabilities of rehearsal and the stream form: values by hand, limits, laws of the gaps."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.power_law_rehearsal import EncounterProcess, rehearsal_probabilities


def test_three_earlier_tasks_at_exponent_one() -> None:
    assert rehearsal_probabilities(3).tolist() == pytest.approx([2 / 11, 3 / 11, 6 / 11], abs=1e-15)


@pytest.mark.parametrize("options", [{"exponent": 0}, {"kind": "uniform"}, {"kind": "exponential", "rate": 0.0}])
def test_a_flat_law_is_uniform(options: dict) -> None:
    assert rehearsal_probabilities(5, **options).tolist() == pytest.approx([0.2] * 5, abs=1e-15)


@pytest.mark.parametrize(
    "options",
    [{"exponent": 500.0}, {"exponent": math.inf}, {"kind": "last"}, {"kind": "exponential", "rate": math.inf}],
)
def test_a_steep_law_is_last_only(options: dict) -> None:
    assert rehearsal_probabilities(4, **options).tolist() == pytest.approx([0, 0, 0, 1], abs=1e-12)


def test_the_exponential_law() -> None:
    found = rehearsal_probabilities(3, kind="exponential", rate=0.5)
    weights = np.exp(-0.5 * np.array([3, 2, 1]))
    assert found.tolist() == pytest.approx((weights / weights.sum()).tolist(), abs=1e-15)


@pytest.mark.parametrize("count", [1, 2, 50, 5000])
@pytest.mark.parametrize(
    "options", [{"exponent": 0.3}, {"exponent": 2}, {"exponent": 40.0}, {"kind": "exponential", "rate": 1.5}]
)
def test_probabilities_sum_to_one_and_rise_with_recency(count: int, options: dict) -> None:
    found = rehearsal_probabilities(count, **options)
    assert found.dtype == torch.float64
    assert abs(float(found.sum()) - 1) < 1e-12
    positive = found[found > 1e-300]
    assert bool((positive.diff() > 0).all())


def test_a_function_gives_the_weights() -> None:
    assert rehearsal_probabilities(3, kind=lambda n: np.arange(n)).tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert rehearsal_probabilities(2, kind=lambda n: [1e308] * n).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rehearsal_probabilities(0), InvalidParameterError, "n_previous is 0"),
        (lambda: rehearsal_probabilities(True), InvalidTypeError, "n_previous is True"),
        (lambda: rehearsal_probabilities(2, exponent=-1.0), InvalidParameterError, "exponent is -1"),
        (lambda: rehearsal_probabilities(2, exponent=math.nan), InvalidParameterError, "exponent is nan"),
        (
            lambda: rehearsal_probabilities(2, kind="linear"),
            InvalidParameterError,
            "'linear'.*power, exponential, uniform",
        ),
        (lambda: rehearsal_probabilities(2, kind=lambda n: [1.0]), InvalidParameterError, r"shape \(1,\)"),
        (lambda: rehearsal_probabilities(2, kind=lambda n: [0, 0]), InvalidParameterError, "not all zero"),
        (lambda: rehearsal_probabilities(2, kind=lambda n: [-1, 2]), InvalidParameterError, "not negative"),
        (lambda: rehearsal_probabilities(2, kind=lambda n: "ab"), InvalidTypeError, "must return numbers"),
        (lambda: EncounterProcess(-0.5, [1]), InvalidParameterError, "exponent is -0.5"),
        (lambda: EncounterProcess(math.inf, [1]), InvalidParameterError, "exponent is inf"),
        (lambda: EncounterProcess(1.0, []), InvalidParameterError, "at least one task"),
        (lambda: EncounterProcess(1.0, [5, 9]), InvalidParameterError, "step 0 or 1"),
        (lambda: EncounterProcess(1.0, [1, True]), InvalidTypeError, r"introduce_at\[1\] is True"),
        (lambda: EncounterProcess(1.0, [1], warmup=-1), InvalidParameterError, "warmup is -1"),
        (lambda: EncounterProcess(1.0, [1]).gaps(3), InvalidParameterError, "task is 3"),
    ],
)
def test_bad_arguments_say_what_is_wrong(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def _drawn(exponent: float, introduce_at: list[int], steps: int, **options: int) -> tuple[list[int], EncounterProcess]:
    process = EncounterProcess(exponent, introduce_at, generator=torch.Generator().manual_seed(3), **options)
    return [next(process) for _ in range(steps)], process


def test_a_new_task_is_warmed_up_and_those_introduced_together_in_turn() -> None:
    tasks, _ = _drawn(1.0, [1, 20, 20], 30, warmup=3)
    assert tasks[:19] == [0] * 19
    assert tasks[19:25] == [1, 1, 1, 2, 2, 2]


def test_the_next_task_follows_the_law_of_its_age() -> None:
    """After a fixed beginning the share of each task over many streams is that of (s - last)^-d."""
    d, seeds = 1.5, 1500
    generator = torch.Generator().manual_seed(0)
    counts = np.zeros(3)
    for _ in range(seeds):
        process = EncounterProcess(d, [1, 4, 6], warmup=2, generator=generator)
        first = [next(process) for _ in range(7)]
        assert first[3:] == [1, 1, 2, 2]
        counts[next(process)] += 1
    weights = np.array([8 - 3, 8 - 5, 8 - 7]) ** -d  # task 0 is met at steps 1 to 3
    shares = weights / weights.sum()
    errors = np.sqrt(shares * (1 - shares) / seeds)
    assert (np.abs(counts / seeds - shares) < 4 * errors).all()


def test_gaps_without_a_law_are_geometric() -> None:
    _, process = _drawn(0.0, [0] * 5, 20_000)
    gaps = process.gaps()
    assert len(gaps) == 20_000 - 5
    bins = np.arange(1, 15)
    observed = np.array([*[(gaps == gap).sum() for gap in bins], (gaps > bins[-1]).sum()])
    expected = len(gaps) * np.array([*stats.geom.pmf(bins, 1 / 5), stats.geom.sf(bins[-1], 1 / 5)])
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-4


def test_gaps_are_the_times_between_encounters() -> None:
    tasks, process = _drawn(1.0, [1, 1, 1], 400)
    for task in range(3):
        met = [step for step, each in enumerate(tasks, start=1) if each == task]
        assert process.gaps(task).tolist() == np.diff(met).tolist()
    assert len(process.gaps()) == 400 - 3


def test_a_hundred_thousand_encounters_have_a_finite_slope_and_lose_tasks() -> None:
    """With d > 1 the chances of a task to be met sum to a finite number, so some are lost; with d < 1 none is."""
    tasks, process = _drawn(1.5, [1] * 10, 100_000)
    gaps = process.gaps()
    edges = np.unique(np.round(2.0 ** np.arange(0, 16)).astype(int))
    counts, _ = np.histogram(gaps, edges)
    kept = counts > 0
    slope = np.polyfit(np.log(edges[:-1][kept]), np.log((counts / np.diff(edges))[kept]), 1)[0]
    assert math.isfinite(slope)
    assert slope < 0
    assert len(set(tasks[50_000:])) < 10
    assert len(set(_drawn(0.5, [1] * 10, 4000)[0][2000:])) == 10


def test_a_stream_depends_on_its_seed_only() -> None:
    assert _drawn(0.7, [1, 5], 50)[0] == _drawn(0.7, [1, 5], 50)[0]
    torch.manual_seed(0)
    one = EncounterProcess(0.7, [1, 1])
    two = EncounterProcess(0.7, [1, 1])
    assert [next(one) for _ in range(40)] != [next(two) for _ in range(40)]
