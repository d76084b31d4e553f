"""Each measure against a closed form, a slow twin or an invariance."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from sklearn.svm import LinearSVC

from workingpapers.papers.representational_geometry import (
    ccgp,
    kernel_alignment,
    label_selectivity,
    linear_decodability,
    parallelism_score,
    participation_ratio,
    shattering_dimension,
)
from workingpapers.papers.representational_geometry.decoding import dichotomies
from workingpapers.papers.representational_geometry.parallelism import _improved_orders

RNG = np.random.default_rng(0)
BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
Z = RNG.normal(size=(60, 5))


def noisy(bits=BITS, copies=30, noise=0.8, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.tile(np.arange(len(bits)), copies)
    means = bits @ rng.normal(size=(bits.shape[1], dim)) + rng.normal(size=(len(bits), dim))
    return means[rows] + noise * rng.normal(size=(len(rows), dim)), bits[rows], rows


# 1. and 2. Alignment


def test_alignment_with_itself_and_its_invariances():
    rotation = np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    assert kernel_alignment(Z, Z) == pytest.approx(1.0, abs=1e-12)
    assert kernel_alignment(Z, -3.0 * Z @ rotation + 7.0) == pytest.approx(1.0, abs=1e-12)
    assert kernel_alignment(Z, Z * np.array([9.0, 1, 1, 1, 1])) < 0.99


def test_features_and_gram_form_agree():
    other = RNG.normal(size=(60, 90))
    for centered in (True, False):
        by_gram = kernel_alignment(Z @ Z.T, other @ other.T, gram=True, centered=centered)
        assert kernel_alignment(Z, other, centered=centered) == pytest.approx(by_gram, abs=1e-10)
        assert kernel_alignment(torch.tensor(Z), other[:, :3], centered=centered) == pytest.approx(
            kernel_alignment(Z @ Z.T, other[:, :3] @ other[:, :3].T, gram=True, centered=centered), abs=1e-10
        )


def test_rbf_alignment_by_hand():
    def gram(z):
        squared = ((z[:, None] - z[None]) ** 2).sum(-1)
        width = np.median(np.sqrt(squared[np.triu_indices(len(z), 1)]))
        return np.exp(-squared / (2 * width**2))

    other = RNG.normal(size=(61, 2))
    z = RNG.normal(size=(61, 3))  # an odd number of pairs: every definition of the median agrees
    expected = kernel_alignment(gram(z), gram(other), gram=True)
    assert kernel_alignment(z, other, kernel="rbf") == pytest.approx(expected, abs=5e-3)
    assert kernel_alignment(z, 2 * z + 1, kernel="rbf") == pytest.approx(1.0, abs=1e-12)


# 7.


def test_alignment_of_labels_with_labels_and_orthogonal_inputs():
    basis = np.linalg.qr(np.column_stack([np.ones(40), RNG.normal(size=(40, 6))]))[0][:, 1:]
    Y, X = basis[:, :2] * 3.0, basis[:, 2:] * np.array([1.0, 2.0, 0.5, 1.5])
    norm_y, norm_x = np.linalg.norm(Y @ Y.T), np.linalg.norm(X @ X.T)
    expected = norm_y / np.hypot(norm_y, norm_x)
    assert kernel_alignment(Y, np.hstack([Y, X])) == pytest.approx(expected, abs=1e-12)


# 3. to 6. Parallelism and CCGP


@pytest.mark.parametrize("seed", range(5))
def test_a_cube_is_parallel_and_generalises_under_any_linear_map(seed):
    A = np.random.default_rng(seed).normal(size=(3, 7))
    z, bits = np.repeat(BITS @ A, 4, axis=0), np.repeat(BITS, 4, axis=0)
    assert parallelism_score(z, bits) == pytest.approx(np.ones(3), abs=1e-12)
    assert parallelism_score(z, bits, pairing="max") == pytest.approx(np.ones(3), abs=1e-12)
    assert ccgp(z, bits, estimator="lda").tolist() == [1.0, 1.0, 1.0]
    rotation = np.linalg.qr(A.T)[0].T
    for estimator in (None, "mean-difference", "logistic"):
        assert ccgp(np.repeat(BITS @ rotation, 4, axis=0), bits, estimator=estimator).tolist() == [1.0, 1.0, 1.0]


def test_one_hot_conditions_are_not_parallel_at_all():
    bits = BITS.astype(int)
    assert parallelism_score(np.eye(8), bits).tolist() == [0.0, 0.0, 0.0]
    assert parallelism_score(np.eye(8), bits[:, 0], conditions=np.arange(8), pairing="max") == 0.0
    assert ccgp(np.eye(8), bits, estimator="mean-difference").tolist() == [0.5, 0.5, 0.5]


def test_random_means_in_many_dimensions():
    dim = 5000
    score = parallelism_score(RNG.normal(size=(8, dim)), BITS)
    assert np.abs(score).max() < 3 / dim**0.5


def test_exclusive_or_on_a_square_is_antiparallel():
    square = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    xor = square.prod(1)
    assert parallelism_score(square, xor, conditions=square, pairing="max") == pytest.approx(-1.0, abs=1e-12)
    # each of the two matchings, by hand
    plus, minus = square[xor > 0], square[xor < 0]
    for order in ([0, 1], [1, 0]):
        steps = plus - minus[order]
        assert steps[0] @ steps[1] / 4 == pytest.approx(-1.0)


def test_parallelism_by_definition_and_by_ids():
    z, bits, ids = noisy()
    means = np.stack([z[ids == each].mean(0) for each in range(8)])
    steps = means[4:] - means[:4]  # the first factor is the highest bit of the id
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    expected = np.mean([steps[i] @ steps[j] for i, j in itertools.combinations(range(4), 2)])
    assert parallelism_score(z, bits)[0] == pytest.approx(expected, abs=1e-12)
    assert parallelism_score(z, bits[:, 0], conditions=ids) == pytest.approx(expected, abs=1e-12)
    assert parallelism_score(z, bits[:, 0], conditions=bits) == pytest.approx(expected, abs=1e-12)


def test_the_best_matching_is_the_largest_of_all():
    z, bits, ids = noisy()
    means = np.stack([z[ids == each].mean(0) for each in range(8)])
    scores = []
    for order in itertools.permutations(range(4)):
        steps = means[4:] - means[:4][list(order)]
        steps /= np.linalg.norm(steps, axis=1, keepdims=True)
        scores.append(np.mean([steps[i] @ steps[j] for i, j in itertools.combinations(range(4), 2)]))
    assert parallelism_score(z, bits[:, 0], conditions=ids, pairing="max") == pytest.approx(max(scores), abs=1e-12)


def test_improved_matchings_find_the_optimum_of_a_small_case():
    plus, minus = RNG.normal(size=(6, 9)), RNG.normal(size=(6, 9))
    steps = plus[:, None] - minus[None]
    steps /= np.linalg.norm(steps, axis=-1, keepdims=True)
    cosines = np.einsum("iap,jbp->iajb", steps, steps)

    def total(order):
        return cosines[np.arange(6)[:, None], np.array(order)[:, None], np.arange(6), np.array(order)].sum()

    best = max(total(order) for order in itertools.permutations(range(6)))
    assert max(total(order) for order in _improved_orders(cosines)) == pytest.approx(best, abs=1e-9)


def test_many_conditions_take_the_improving_search():
    bits = np.array(list(itertools.product([-1.0, 1.0], repeat=5)))
    z = bits @ np.linalg.qr(RNG.normal(size=(9, 5)))[0].T
    assert parallelism_score(z, bits[:, 0], conditions=bits, pairing="max") == pytest.approx(1.0, abs=1e-9)


def slow_ccgp(model, z, y, ids):
    scores = []
    for i, j in itertools.product(np.unique(ids[y < 0]), np.unique(ids[y > 0])):
        train = (ids != i) & (ids != j)
        model.fit(z[train], y[train])
        scores.append(np.mean([(model.predict(z[ids == each]) == y[ids == each]).mean() for each in (i, j)]))
    return np.mean(scores)


@pytest.mark.parametrize(
    ("estimator", "model"),
    [
        ("mean-difference", NearestCentroid()),
        ("lda", LinearDiscriminantAnalysis(solver="lsqr", priors=[0.5, 0.5])),
        (None, LinearSVC(C=1.0, max_iter=10_000, random_state=0)),
    ],
)
def test_closed_forms_equal_refitting_every_split(estimator, model):
    z, bits, ids = noisy(noise=2.0)
    fast = ccgp(z, bits, ids, estimator=estimator)
    slow = [slow_ccgp(model, z, column, ids) for column in bits.T]
    assert fast == pytest.approx(slow, abs=1e-12)
    assert 0.5 < fast.mean() < 0.99


def test_unequal_conditions_count_the_same():
    z, bits, ids = noisy(noise=0.5)
    keep = (ids != 3) | (np.arange(len(ids)) < 40)
    assert keep.sum() < len(ids)
    twice = np.concatenate([np.flatnonzero(keep), np.flatnonzero(keep & (ids == 0))])  # condition 0 once more
    for estimator in ("mean-difference", "lda", None):
        once = ccgp(z[keep], bits[keep], ids[keep], estimator=estimator)
        assert ccgp(z[twice], bits[twice], ids[twice], estimator=estimator) == pytest.approx(once, abs=1e-9)
    assert parallelism_score(z[twice], bits[twice]) == pytest.approx(parallelism_score(z[keep], bits[keep]), abs=1e-12)


def test_some_splits_only():
    z, bits, ids = noisy(noise=2.0)
    every = ccgp(z, bits[:, 0], ids, estimator="lda")
    assert ccgp(z, bits[:, 0], ids, estimator="lda", splits=16) == every
    few = [ccgp(z, bits[:, 0], ids, estimator="lda", splits=4, random_state=seed) for seed in range(40)]
    assert np.mean(few) == pytest.approx(every, abs=0.03)
    assert len(set(few)) > 1


# Decoding


def test_all_balanced_dichotomies_once_each():
    signs = dichotomies(8).numpy()
    assert signs.shape == (8, 35)
    assert (signs.sum(0) == 0).all()
    assert len({tuple(column * column[0]) for column in signs.T}) == 35
    drawn = dichotomies(12, 50, random_state=3).numpy()
    assert len({tuple(column * column[0]) for column in drawn.T}) == 50
    assert dichotomies(5).shape == (5, 10)


def test_shattering_of_a_square_and_of_a_simplex():
    ids = np.tile(np.arange(4), 20)
    square = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])[ids]
    for estimator in ("lda", "mean-difference"):
        assert shattering_dimension(np.eye(4)[ids], ids, estimator=estimator) == 1.0
        # two dichotomies are read without error, exclusive or only by a guess
        assert shattering_dimension(square, ids, estimator=estimator) == pytest.approx(2.5 / 3, abs=1e-12)
    assert shattering_dimension(np.eye(4)[ids], ids) == 1.0
    assert 0.6 < shattering_dimension(square, ids) < 0.95


def test_shattering_equals_decoding_each_dichotomy():
    z, _, ids = noisy(noise=2.0, copies=20)
    slow = []
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    splits = list(folds.split(z, ids))
    for side in dichotomies(8).numpy().T:
        model = LinearDiscriminantAnalysis(solver="lsqr", priors=[0.5, 0.5])
        slow.append(cross_val_score(model, z, side[ids], cv=splits).mean())
    assert shattering_dimension(z, ids, estimator="lda") == pytest.approx(np.mean(slow), abs=1e-12)


def test_decodability_of_several_labels():
    z, bits, _ = noisy(noise=1.0)
    both = linear_decodability(z, bits, estimator="lda")
    assert both.shape == (3,)
    assert linear_decodability(z, bits[:, 1], estimator="lda") == both[1]
    assert (both > 0.8).all()
    noise = RNG.normal(size=z.shape)
    assert linear_decodability(noise, bits[:, 0]) == pytest.approx(0.5, abs=0.15)
    assert linear_decodability(z, bits[:, 0], estimator=NearestCentroid()) == pytest.approx(
        linear_decodability(z, bits[:, 0], estimator="mean-difference"), abs=1e-12
    )


# 9. Selectivity


def test_selectivity_of_labels_and_of_what_is_orthogonal():
    ids = np.tile(np.arange(8), 3)
    bits = BITS[ids]
    products = np.stack([BITS[:, 0] * BITS[:, 1], BITS.prod(1)], axis=1)[ids]
    assert label_selectivity(bits * np.array([5.0, -2.0, 0.1]) + 3.0, bits, ids) == pytest.approx(1.0, abs=1e-12)
    assert label_selectivity(products, bits, ids) == pytest.approx(0.0, abs=1e-12)
    assert label_selectivity(bits[:, :1] + products[:, :1], bits, ids) == pytest.approx(0.5, abs=1e-12)
    per_unit = label_selectivity(np.hstack([bits, products, np.ones((24, 1))]), bits, ids, per_unit=True)
    assert per_unit == pytest.approx([1, 1, 1, 0, 0, 0], abs=1e-12)


def test_selectivity_is_the_weighted_mean_of_squared_correlations():
    z, bits, ids = noisy()
    tuning = np.stack([z[ids == each].mean(0) for each in range(8)])
    squared = np.array([[np.corrcoef(t, y)[0, 1] ** 2 for y in BITS.T] for t in tuning.T]).sum(1)
    expected = np.average(squared, weights=tuning.var(0))
    assert label_selectivity(z, bits, ids) == pytest.approx(expected, abs=1e-12)
    # columns that span the same: not counted twice
    assert label_selectivity(z, bits[:, [0, 0, 1, 2]], ids) == pytest.approx(expected, abs=1e-12)


# 10. Order


def test_the_order_of_samples_and_units_changes_nothing():
    z, bits, ids = noisy(noise=2.0)
    rows, columns = RNG.permutation(len(z)), RNG.permutation(z.shape[1])
    moved, labels, where = z[rows][:, columns], bits[rows], ids[rows]
    for measure in (
        lambda z, y, c: kernel_alignment(z, y),
        lambda z, y, c: parallelism_score(z, y),
        lambda z, y, c: parallelism_score(z, y, pairing="max"),
        lambda z, y, c: ccgp(z, y, c, estimator="mean-difference"),
        lambda z, y, c: ccgp(z, y, c, estimator="lda"),
        lambda z, y, c: label_selectivity(z, y, c),
        lambda z, y, c: participation_ratio(z),
    ):
        assert measure(moved, labels, where) == pytest.approx(measure(z, bits, ids), abs=1e-12)


# 11. Participation ratio


def test_participation_ratio_of_isotropic_samples():
    z = np.random.default_rng(1).normal(size=(20_000, 20))
    assert participation_ratio(z) == pytest.approx(20.0, rel=0.02)
    assert participation_ratio(z[:10]) == pytest.approx(participation_ratio(z[:10] @ np.linalg.qr(z[:20].T)[0]))
    eigenvalues = np.linalg.eigvalsh(np.cov((z * np.arange(1, 21)).T))
    expected = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert participation_ratio(z * np.arange(1, 21)) == pytest.approx(expected, rel=1e-10)


def test_tensors_of_any_type_and_arrays_give_the_same():
    z, bits, ids = noisy()
    single = torch.tensor(z, dtype=torch.float32)
    half = single.to(torch.bfloat16)
    labels, where = torch.tensor(bits), torch.tensor(ids)
    assert ccgp(single, labels, where, estimator="lda") == pytest.approx(ccgp(z, bits, ids, estimator="lda"), abs=0.02)
    assert parallelism_score(half, labels) == pytest.approx(parallelism_score(z, bits), abs=0.02)
    assert kernel_alignment(half, labels > 0) == pytest.approx(kernel_alignment(z, bits), abs=0.01)


CONDITIONS = np.tile(np.arange(8), 8)
FULL, LABELS = RNG.normal(size=(64, 4)), np.tile(BITS, (8, 1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kernel_alignment(FULL, FULL[:-1]), ValueError, "64 rows and y 63"),
        (lambda: kernel_alignment(FULL, FULL, kernel="cosine"), ValueError, "kernel is 'cosine'.*'rbf'"),
        (lambda: kernel_alignment(np.ones((5, 2)), FULL[:5]), ValueError, "constant"),
        (lambda: kernel_alignment(np.zeros((5, 2)), FULL[:5], centered=False), ValueError, "a is zero"),
        (lambda: kernel_alignment(np.ones((5, 2)), FULL[:5], kernel="rbf"), ValueError, "a are constant"),
        (lambda: participation_ratio(np.ones((5, 2))), ValueError, "constant"),
        (lambda: parallelism_score(np.where(FULL > 2, np.nan, FULL), LABELS), ValueError, r"z holds \d+ NaN"),
        (lambda: parallelism_score(FULL, LABELS[:-1]), ValueError, "labels has 63 entries and z 64"),
        (lambda: parallelism_score(FULL, np.ones(64), conditions=CONDITIONS), ValueError, "an empty side"),
        (lambda: parallelism_score(FULL, LABELS, pairing="all"), ValueError, "pairing is 'all'"),
        (lambda: parallelism_score(FULL, LABELS[:, 0]), TypeError, "conditions is None"),
        (lambda: parallelism_score(np.ones((64, 3)), LABELS), ValueError, "the same mean"),
        (lambda: parallelism_score(FULL, LABELS.prod(1), conditions=LABELS), ValueError, "not one of the factors"),
        (
            lambda: parallelism_score(FULL, LABELS[:, 0], conditions=CONDITIONS.astype(str)),
            ValueError,
            "names without factors",
        ),
        (lambda: parallelism_score(FULL, CONDITIONS > 2, conditions=CONDITIONS, pairing="max"), ValueError, "5 and 3"),
        (lambda: parallelism_score(FULL[:2], [0, 1], conditions=[0, 1], pairing="max"), ValueError, "one pair"),
        (lambda: parallelism_score(FULL[:2], [0, 1], conditions=[0, 1]), ValueError, "at least two"),
        (lambda: ccgp(FULL, CONDITIONS > 6, CONDITIONS), ValueError, "7 conditions; CCGP|1 conditions; CCGP"),
        (lambda: ccgp(FULL, FULL[:, 0] > 0, CONDITIONS), ValueError, "differ within"),
        (lambda: ccgp(FULL, CONDITIONS, CONDITIONS), ValueError, "8 value.*more than two sides"),
        (lambda: ccgp(FULL, LABELS, CONDITIONS, splits=0), ValueError, "splits is 0"),
        (lambda: ccgp(FULL, LABELS, CONDITIONS, splits="some"), ValueError, "splits is 'some'"),
        (lambda: ccgp(FULL, LABELS, CONDITIONS, estimator="ridge"), ValueError, "'ridge'.*mean-difference"),
        (lambda: ccgp(FULL, LABELS, CONDITIONS, estimator=3), TypeError, "int, without fit"),
        (lambda: ccgp(FULL, LABELS, CONDITIONS[None, None]), ValueError, r"conditions has shape \(1, 1, 64\)"),
        (lambda: linear_decodability(FULL, LABELS[:, 0], cv=1), ValueError, "cv is 1"),
        (lambda: shattering_dimension(FULL, CONDITIONS, cv=9), ValueError, "smallest class has 8"),
        (lambda: shattering_dimension(FULL, np.zeros(64)), ValueError, "1 condition;"),
        (lambda: shattering_dimension(FULL, CONDITIONS, n_dichotomies=0), ValueError, "n_dichotomies is 0"),
        (lambda: dichotomies(26), ValueError, "say 100"),
        (lambda: label_selectivity(np.ones((64, 2)), LABELS, CONDITIONS), ValueError, "no unit"),
        (lambda: label_selectivity(FULL, np.where(LABELS > 0, np.nan, 1), CONDITIONS), ValueError, "missing"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
