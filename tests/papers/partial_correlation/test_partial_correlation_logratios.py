"""Log-ratios there and back, coherence, chosen conditioning sets, R² by reference, zeros and files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import helmert

from workingpapers.papers.partial_correlation import (
    CompositionalPartialCorrelation,
    LogRatioTransformer,
    alr,
    alr_inverse,
    clr,
    clr_inverse,
    ilr,
    ilr_inverse,
    logratio_r2,
    partial_corr,
    proportionality,
    read_composition,
    variation_matrix,
)
from workingpapers.papers.partial_correlation.networks import network
from workingpapers.papers.partial_correlation.rivals import ratio_residuals

X = network(5, 40, seed=0).closed
FRAME = pd.DataFrame(X, columns=list("abcde"), index=range(100, 140))


def test_there_and_back() -> None:
    np.testing.assert_allclose(clr_inverse(clr(X)), X, rtol=1e-12)
    np.testing.assert_allclose(ilr_inverse(ilr(X)), X, rtol=1e-12)
    for k in (0, 2, -1):
        np.testing.assert_allclose(alr_inverse(alr(X, k), k), X, rtol=1e-12)
    np.testing.assert_allclose(ilr(X), clr(X) @ helmert(5).T, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(ilr(X), axis=1), np.linalg.norm(clr(X), axis=1), rtol=1e-12)


def test_frames_give_frames() -> None:
    assert list(alr(FRAME, "c").columns) == ["a/c", "b/c", "d/c", "e/c"]
    for made in (clr(FRAME), alr(FRAME), ilr(FRAME)):
        assert made.index.equals(FRAME.index)
    assert variation_matrix(FRAME).loc["a", "b"] == pytest.approx(np.var(np.log(X[:, 0] / X[:, 1]), ddof=1))
    pipeline = LogRatioTransformer("ilr").set_output(transform="pandas")
    assert list(pipeline.fit_transform(FRAME).columns) == ["ilr1", "ilr2", "ilr3", "ilr4"]
    np.testing.assert_allclose(pipeline.inverse_transform(ilr(X)), X, rtol=1e-12)


def test_proportionality_by_its_definition() -> None:
    A = clr(X)
    difference = np.var(A[:, 0] - A[:, 3], ddof=1)
    rho = 1 - difference / (A[:, 0].var(ddof=1) + A[:, 3].var(ddof=1))
    assert proportionality(X)[0, 3] == pytest.approx(rho, abs=1e-13)
    phi = difference / np.var(A[:, 0] + A[:, 3], ddof=1)
    assert proportionality(FRAME, "phi_s").loc["a", "d"] == pytest.approx(phi, rel=1e-11)


def test_subcompositions() -> None:
    np.testing.assert_allclose(variation_matrix(X[:, 1:]), variation_matrix(X)[1:, 1:], rtol=1e-11)
    whole = CompositionalPartialCorrelation().fit(FRAME)
    part = CompositionalPartialCorrelation().fit(FRAME[["a", "b", "d"]])
    found = partial_corr(FRAME, "a", "b", given=["d"])
    assert found["r"] == pytest.approx(part.partial_correlation_[0, 1], abs=1e-13)
    assert found["df"] == part.df_ == 38
    assert found["p"] == pytest.approx(part.pvalue_[0, 1], rel=1e-10)
    np.testing.assert_allclose(found["ci"], part.ci_[0, 1], atol=1e-12)
    rest = partial_corr(FRAME, "a", 1)
    assert rest["r"] == pytest.approx(whole.partial_correlation_[0, 1], abs=1e-13)
    assert list(rest.index) == ["r", "ci", "p", "df"]


def test_rank_correlation_of_residuals_needs_no_reference() -> None:
    from scipy.stats import spearmanr

    logs = np.log(X)
    for k in (2, 3, 4):
        x, y = (ratio_residuals(logs, i, k, (2, 3, 4)) for i in (0, 1))
        assert partial_corr(X, 0, 1, method="spearman")["r"] == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_r2_depends_on_the_reference_and_the_residual_does_not() -> None:
    logs = np.log(X)
    for k in range(1, 5):
        residual = ratio_residuals(logs, 0, k)
        expected = 1 - residual.var() / np.var(logs[:, 0] - logs[:, k])
        assert logratio_r2(FRAME, "a", k) == pytest.approx(expected, abs=1e-12)


def test_numbers_as_names() -> None:
    table = pd.DataFrame(X, columns=[1, 2, 3, 4, 5])
    assert partial_corr(table, "1", "2")["r"] == pytest.approx(partial_corr(X, 0, 1)["r"], abs=1e-13)
    assert partial_corr(pd.DataFrame(X), 0, -4)["r"] == pytest.approx(partial_corr(X, 0, 1)["r"], abs=1e-13)


def test_zeros_by_hand() -> None:
    table = pd.DataFrame({"a": [0.0, 4, 10, 30], "b": [50.0, 40, 30, 20], "c": [50.0, 56, 60, 50]})
    by_hand = table.copy()
    by_hand.iloc[0] = [2.6, 50 * 0.974, 50 * 0.974]  # 0.65 times 4, of a row of 100
    expected = CompositionalPartialCorrelation().fit(by_hand).partial_correlation_
    found = CompositionalPartialCorrelation(zeros="multiplicative").fit(table).partial_correlation_
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(CompositionalPartialCorrelation(zeros=2.6).fit(table).partial_correlation_, expected)
    learned = LogRatioTransformer("clr", zeros="multiplicative").fit(table)
    np.testing.assert_allclose(learned.transform(table.iloc[:1]), clr(by_hand.iloc[:1].to_numpy()), atol=1e-12)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",Si,Al,site\nx,60,20,A\ny,30,30,B\n")
    frame = read_composition(path, ["Si", "Al"], sum_to=100)
    assert frame.loc["x"].tolist() == [75.0, 25.0]
    assert read_composition(path, ["Al"] + ["Si"]).loc["y", "Al"] == 30  # noqa: RUF005
    with pytest.raises(TypeError, match="column 'site' is not numeric"):
        read_composition(path)
    with pytest.raises(KeyError, match="no column 'Fe'"):
        read_composition(path, ["Fe"])
    with pytest.raises(ValueError, match="sum_to is -1"):
        read_composition(path, ["Si", "Al"], sum_to=-1)
    with pytest.raises(TypeError, match="part_columns"):
        read_composition(path, 5)
    path.write_text("Si,Si\n1,2\n")  # pandas would call the second one Si.1
    with pytest.raises(ValueError, match="two columns called 'Si'"):
        read_composition(path)
    path.write_text("Si,Al\n1,2,3\n4,5,6\n")  # pandas would take the first entries for an index
    with pytest.raises(ValueError, match="Expected 2 fields in line 2, saw 3"):
        read_composition(path)
    path.write_text("Si,Al\n0,0\n")
    with pytest.raises(ValueError, match=r"row 0.*zeros only"):
        read_composition(path)
