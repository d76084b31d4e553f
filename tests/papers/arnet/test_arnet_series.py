"""Series in all forms: time indices, panels, gaps, windows to forecast from."""

import numpy as np
import pandas as pd
import pytest

from workingpapers.papers.arnet import ARNet, ar_generate, lag_matrix

Y = ar_generate(400, [0.5, -0.2], seed=0) + 3.0


@pytest.mark.parametrize("freq", ["h", "D", "B", "W-SAT", "MS", "ME", "QS", "YS", "15min", "17min"])
def test_forecasts_continue_the_dates(freq: str) -> None:
    dates = pd.date_range("2001-01-06", periods=406, freq=freq, name="when")
    series = pd.Series(Y, pd.DatetimeIndex(dates[:400].to_numpy(), name="when"), name="load")  # without its freq
    made = ARNet(3).fit(series).predict(6)
    pd.testing.assert_index_equal(made.index, dates[400:], check_names=True, exact="equiv")
    assert made.name == "load"
    np.testing.assert_allclose(made.to_numpy(), ARNet(3).fit(Y).predict(6), atol=1e-9)


def test_other_indices_are_continued() -> None:
    months = pd.period_range("2001-01", periods=400, freq="M")
    assert ARNet(2).fit(pd.Series(Y, months)).predict(2).index.equals(pd.period_range(months[-1] + 1, periods=2))
    assert ARNet(2).fit(pd.Series(Y)).predict(2).index.tolist() == [400, 401]
    years = pd.Index(np.arange(1700.0, 2100.0))
    assert ARNet(2).fit(pd.Series(Y, years)).predict(2).index.tolist() == [2100.0, 2101.0]
    delta = pd.timedelta_range("0s", periods=400, freq="5s")
    assert ARNet(2).fit(pd.Series(Y, delta)).predict(1).index[0] == pd.Timedelta("2000s")


def test_in_sample_predictions_keep_their_dates() -> None:
    dates = pd.date_range("2001-01-01", periods=400, freq="D")
    series = pd.Series(Y, dates)
    made = ARNet(3).fit(series).predict_in_sample()
    pd.testing.assert_index_equal(made.index, dates[3:])
    several = ARNet(3, n_forecasts=2).fit(series).predict_in_sample()
    assert several.shape == (396, 2)
    assert several.index[0] == dates[3]


def test_frame_with_ds_and_y() -> None:
    dates = pd.date_range("2001-01-01", periods=400, freq="D")
    frame = pd.DataFrame({"ds": dates.strftime("%Y-%m-%d"), "y": Y})
    made = ARNet(2).fit(frame).predict(2)
    assert made.index[0] == pd.Timestamp("2002-02-05")
    one_column = pd.DataFrame({"level": Y}, index=dates)
    np.testing.assert_allclose(ARNet(2).fit(one_column).predict(2), made)


def test_irregular_dates_are_refused() -> None:
    dates = pd.date_range("2001-01-01", periods=400, freq="D").delete(17)
    with pytest.raises(ValueError, match=r"irregular: from 2001-01-17.* to 2001-01-19"):
        ARNet(2).fit(pd.Series(Y[:399], dates))
    with pytest.raises(ValueError, match="irregular"):
        ARNet(2).fit(pd.Series(Y[:3], pd.DatetimeIndex(["2001-01-03", "2001-01-02", "2001-01-01"])))
    with pytest.raises(ValueError, match="irregular"):
        ARNet(2).fit(pd.Series(Y).drop(index=40))
    with pytest.raises(ValueError, match="irregular"):
        ARNet(2).fit(pd.Series(Y[:3], pd.Index([0.0, 1.0, 1.0])))


def test_the_first_nan_is_named() -> None:
    dates = pd.date_range("2001-01-01", periods=400, freq="D")
    broken = pd.Series(Y, dates)
    broken.iloc[[20, 30]] = np.nan
    with pytest.raises(ValueError, match=r"2 NaN, the first at index 20 \(2001-01-21"):
        ARNet(2).fit(broken)
    with pytest.raises(ValueError, match="infinite value at index 5"):
        ARNet(2).fit(np.where(np.arange(400) == 5, np.inf, Y))


@pytest.mark.parametrize("h", [1, 2])
def test_dropped_rows_are_those_that_touch_a_gap(h: int) -> None:
    y, p = Y.copy(), 3
    y[[0, 50, 51, 120, 398]] = np.nan
    rows = [t for t in range(p, 400 - h + 1) if np.isfinite(y[t - p : t + h]).all()]
    lags = np.array([np.append(1.0, y[t - p : t][::-1]) for t in rows])
    targets = np.array([y[t : t + h] for t in rows])
    plain = np.linalg.lstsq(lags, targets, rcond=None)[0]
    model = ARNet(p, n_forecasts=h, missing="drop_rows").fit(y)
    np.testing.assert_allclose(model.coef_.reshape(p, h), plain[1:], atol=1e-10)
    inside = model.predict_in_sample().reshape(-1, h)
    np.testing.assert_array_equal(np.isnan(inside[:, 0]), [np.isnan(y[t - p : t]).any() for t in range(p, 400 - h + 1)])
    with pytest.raises(ValueError, match="pass last_window"):
        model.predict(2)
    assert model.predict(2, y[200:210]).shape == (2,)


def test_panel_of_identical_series_equals_the_single_fit() -> None:
    single, panel = ARNet(4).fit(Y), ARNet(4).fit([Y, Y, Y])
    np.testing.assert_allclose(panel.coef_, single.coef_, atol=1e-11)
    assert panel.intercept_ == pytest.approx(single.intercept_, abs=1e-10)
    for one in panel.predict(5):
        np.testing.assert_allclose(one, single.predict(5), atol=1e-10)


def test_panel_equals_least_squares_on_the_pooled_rows() -> None:
    series = [ar_generate(n, [0.5, -0.2], seed=n) + level for n, level in ((150, 1.0), (90, -4.0))]
    pooled = np.vstack([np.column_stack([np.ones(len(s) - 3), lag_matrix(s, 3)]) for s in series])
    plain = np.linalg.lstsq(pooled, np.concatenate([s[3:] for s in series]), rcond=None)[0]
    model = ARNet(3).fit(series)
    np.testing.assert_allclose(np.append(model.intercept_, model.coef_), plain, atol=1e-10)
    inside = np.concatenate(model.predict_in_sample())
    np.testing.assert_allclose(inside, pooled @ plain, atol=1e-9)


def test_long_frame() -> None:
    dates = pd.date_range("2001-01-01", periods=100, freq="D")
    parts = [
        pd.DataFrame({"unique_id": name, "ds": dates, "y": ar_generate(100, [0.5], seed=seed)})
        for seed, name in enumerate(["shop b", "shop a"])
    ]
    model = ARNet(2).fit(pd.concat(parts))
    made = model.predict(3)
    assert made.columns.tolist() == ["unique_id", "ds", "y"]
    assert made["unique_id"].tolist() == ["shop b"] * 3 + ["shop a"] * 3
    assert made["ds"].iloc[0] == pd.Timestamp("2001-04-11")
    np.testing.assert_allclose(made["y"][3:], model.predict(3, parts[1]["y"].to_numpy()))
    assert set(model.predict_in_sample().columns) == {"unique_id", "ds", "y"}


def test_sgd_on_a_panel() -> None:
    series = [ar_generate(3000, [0.5, -0.2], seed=seed) for seed in range(2)]
    sgd, exact = (ARNet(2, solver=name, random_state=0).fit(series).coef_ for name in ("sgd", "exact"))
    np.testing.assert_allclose(sgd, exact, atol=0.03)


def test_a_short_series_of_a_panel_is_named() -> None:
    with pytest.raises(ValueError, match=r"series 1 has 4 values.*n_lags=5"):
        ARNet(5).fit([Y, Y[:4]])


def test_last_window_in_any_form() -> None:
    model = ARNet(2).fit(Y)
    expected = model.predict(3, Y[:10])
    np.testing.assert_allclose(model.predict(3, Y[:10].tolist()), expected)
    dated = model.predict(3, pd.Series(Y[:10], pd.date_range("2001-01-01", periods=10)))
    assert dated.index[0] == pd.Timestamp("2001-01-11")
    np.testing.assert_allclose(dated, expected)


def test_integers_lists_and_float32_are_read() -> None:
    whole = np.round(10 * Y).astype(int)
    expected = ARNet(2).fit(whole.astype(float)).coef_
    for given in (whole, whole.tolist(), whole[:, None], whole.astype(np.float32), pd.Series(whole, dtype="Int64")):
        np.testing.assert_allclose(ARNet(2).fit(given).coef_, expected, atol=1e-10)


def test_auto_order_on_a_short_series() -> None:
    assert ARNet("auto").fit(Y[:12]).n_lags_ <= 3
    with pytest.raises(ValueError, match="at least 4 values"):
        ARNet("auto").fit(Y[:3])
