"""The task: sizes, statistics, splits, streams."""

import pytest
import torch
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from workingpapers.papers.icl_induction import Batch, InContextClassification


def make(**changes: object) -> InContextClassification:
    sizes = {"n_classes": 64, "n_labels": 8, "n_pairs": 8, "dim": 63, "seed": 3, **changes}
    return InContextClassification(**sizes)  # type: ignore[arg-type]


def test_shapes_and_positions() -> None:
    batch = make().batch(200)
    assert batch.tokens.shape == (200, 17, 65 + 63)
    assert batch.target.shape == (200,)
    assert batch.context_labels.shape == (200, 8)
    where = batch.tokens[..., :65].argmax(-1)
    assert torch.equal(batch.tokens[..., :65].sum(-1), torch.ones(200, 17))
    assert torch.equal(where[:, 1:] - where[:, :1], torch.arange(1, 17).expand(200, 16))
    assert where[:, 0].min() == 0
    assert where[:, 0].max() == 65 - 17


def test_items_have_unit_length_and_the_cosine_of_their_noise() -> None:
    for eps in (0.1, 0.5, 1.0):
        batch = make(within_class_noise=eps, n_classes=4096).batch(4000)
        items = batch.tokens[:, 0:-1:2, 65:]
        assert items.square().sum(-1).mean() == pytest.approx(1.0, abs=0.03)
        rows = torch.arange(4000)
        item, query = items[rows, batch.target_position], batch.tokens[:, -1, 65:]
        assert (item * query).sum(-1).mean() == pytest.approx(1 / (1 + eps**2), abs=0.02)


@pytest.mark.parametrize("burstiness", [1, 2, 4, 8])
@pytest.mark.parametrize(("zipf", "n_classes"), [(0.0, 64), (1.5, 64), (1.0, 1024)])
def test_each_class_of_a_context_has_b_copies(burstiness: int, zipf: float, n_classes: int) -> None:
    task = make(burstiness=burstiness, zipf=zipf, n_classes=n_classes)
    for split in ("train", "ic", "ic_swapped"):
        batch = task.batch(300, split)
        same = batch.context_classes[:, :, None] == batch.context_classes[:, None, :]
        assert (same.sum(2) == burstiness).all()
        assert (batch.matches.sum(1) == burstiness).all()


def test_the_target_is_in_context_iff_bursty_or_novel() -> None:
    for changes in ({"p_bursty": 1.0}, {"p_bursty": 0.0, "p_novel": 1.0}):
        assert make(**changes).batch(500).matches.any(1).all()
    independent = make(p_bursty=0.0, n_classes=4096).batch(2000)
    assert independent.matches.any(1).float().mean() < 0.02  # by chance only
    assert not make(n_classes=8, n_labels=4, n_pairs=4).batch(500, "iw").matches.any()
    assert not make(zipf=1.5).batch(500, "iw").matches.any()
    shares = make(p_bursty=0.5, p_novel=0.25, n_classes=4096).batch(4000)
    is_new = shares.target_class < 0
    assert is_new.float().mean() == pytest.approx(0.25, abs=0.03)
    assert shares.matches.any(1).float().mean() == pytest.approx(0.25 + 0.75 * 0.5, abs=0.03)


def test_labels_belong_to_their_split() -> None:
    task = make()
    train, swapped, weights = task.batch(300), task.batch(300, "ic_swapped"), task.batch(300, "iw")
    for batch, shift in ((train, 0), (weights, 0), (swapped, 1)):
        assert torch.equal(batch.target, (batch.target_class + shift) % 8)
        assert torch.equal(batch.context_labels, (batch.context_classes + shift) % 8)
    assert (swapped.target != swapped.target_class % 8).all()
    novel = task.batch(300, "ic")
    rows = torch.arange(300)
    for batch in (train, swapped, novel):
        assert torch.equal(batch.context_labels[rows, batch.target_position], batch.target)
        vectors = batch.tokens[:, 1::2, 65:]
        assert torch.equal(vectors, task.label_vectors[batch.context_labels])
    assert len(novel.target.unique()) == 8


def test_distinct_labels() -> None:
    labels = make(n_labels=8, distinct_labels=True).batch(200, "ic").context_labels
    assert torch.equal(labels.sort(1).values, torch.arange(8).expand(200, 8))
    drawn = make(n_labels=8).batch(200, "ic").context_labels.sort(1).values
    assert (drawn[:, 1:] == drawn[:, :-1]).any(1).float().mean() > 0.9


@pytest.mark.parametrize(("zipf", "n_classes"), [(0.0, 64), (1.0, 64), (1.5, 1024)])
def test_classes_have_their_frequency(zipf: float, n_classes: int) -> None:
    for changes in ({}, {"p_bursty": 0.0}):
        task = make(zipf=zipf, n_classes=n_classes, dim=2, **changes)
        drawn = task.batch(20_000).target_class
        counts = torch.bincount(drawn, minlength=n_classes).double()
        expected = 20_000 * task.class_probabilities
        common = expected >= 20
        observed = torch.cat([counts[common], counts[~common].sum()[None]])
        wanted = torch.cat([expected[common], expected[~common].sum()[None]])
        kept = wanted > 0
        assert chisquare(observed[kept].numpy(), wanted[kept].numpy()).pvalue > 1e-4


def test_draws_without_replacement_agree_between_both_ways() -> None:
    """The race over all classes and redrawing of repeats follow the same law."""
    import workingpapers.papers.icl_induction.task as module

    counts = []
    for limit in (0, 10**9):
        module.RACE_CLASSES_PER_DRAW, before = limit, module.RACE_CLASSES_PER_DRAW
        try:
            task = make(n_classes=8, n_labels=4, n_pairs=2, dim=1, zipf=1.0)
            drawn = task._distinct_classes(40_000, torch.Generator().manual_seed(limit % 97))
        finally:
            module.RACE_CLASSES_PER_DRAW = before
        counts.append(torch.bincount(drawn[:, 0] * 8 + drawn[:, 1], minlength=64).double() / 40_000)
    p = task.class_probabilities
    exact = (p[:, None] * p[None, :] / (1 - p[:, None])).fill_diagonal_(0).flatten()
    for found in counts:
        assert (found - exact).abs().max() < 0.008


def test_same_seed_same_data_and_streams_do_not_meet() -> None:
    one, two, other = make(), make(), make(seed=4)
    one.batch(10, "ic")  # drawing a test set does not move training
    assert torch.equal(one.batch(50).tokens, two.batch(50).tokens)
    assert not torch.equal(one.means, other.means)
    assert torch.equal(one.batch(5, "iw").tokens, two.batch(5, "iw").tokens)


def test_loaders_workers_draw_different_sequences() -> None:
    task = make(dim=4)
    torch.manual_seed(0)
    found = []
    for number, batch in enumerate(DataLoader(task.loader(8), batch_size=None, num_workers=2)):
        assert isinstance(batch, Batch)
        found.append(batch.tokens)
        if number == 3:
            break
    assert all(not torch.equal(a, b) for i, a in enumerate(found) for b in found[:i])
    plain = task.loader(8)
    first, second = next(iter(plain)), next(iter(plain))
    assert not torch.equal(first.tokens, second.tokens)


def test_double_precision_and_slices() -> None:
    batch = make(dtype=torch.float64).batch(10)
    assert batch.tokens.dtype == torch.float64
    assert len(batch) == 10
    assert len(batch[2:5]) == 3
