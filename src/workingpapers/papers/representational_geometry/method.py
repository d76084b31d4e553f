"""Task structure and nonlinearity jointly determine learned representational geometry (arXiv 2401.13558).

Official code: none found.
Implements the geometry measures of Figures 1 to 3, the weight dynamics of section 7 and the network they are taken on.
Differences from the paper: closed forms over all splits and dichotomies, and reports on any model, are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.representational_geometry.alignment import kernel_alignment, participation_ratio
from workingpapers.papers.representational_geometry.decoding import linear_decodability, shattering_dimension
from workingpapers.papers.representational_geometry.designs import as_conditions, as_signs, condition_signs, features
from workingpapers.papers.representational_geometry.generalisation import ccgp
from workingpapers.papers.representational_geometry.parallelism import parallelism_score
from workingpapers.papers.representational_geometry.selectivity import label_selectivity
from workingpapers.parts.activations import collect
from workingpapers.parts.kernel_alignment import Array

POOLINGS = ("mean", "cls", "flatten")
# Of the dichotomies of many conditions, this many are sampled
SAMPLED_DICHOTOMIES = 100


@dataclass(frozen=True)
class GeometryReport:
    """The geometry of one representation; `from_features` measures it.

    Args:
        samples: Number of samples.
        units: Number of features.
        conditions: Number of conditions: different rows of factors.
        target_alignment: Centred kernel alignment with all factors together.
        input_alignment: Centred kernel alignment with the inputs; None where none were given.
        participation_ratio: Dimensions filled.
        label_selectivity: Share of the tuning to conditions that factors explain without interactions.
        shattering_dimension: Mean accuracy over balanced dichotomies of the conditions.
        factors: For each factor its `parallelism_score`, `ccgp`, `decodability` and `target_alignment`. Parallelism and
            CCGP are None for a factor without two pairs, or two conditions a side.

    Example:
        >>> factors = pd.DataFrame({"colour": [0, 0, 0, 0, 1, 1, 1, 1], "form": [0, 0, 1, 1] * 2, "size": [0, 1] * 4})
        >>> factors = pd.concat([factors] * 10, ignore_index=True)
        >>> z = factors.to_numpy() + 0.05 * np.random.default_rng(0).normal(size=(80, 3))
        >>> report = GeometryReport.from_features(z, factors)
        >>> report.factors["colour"]["ccgp"], report.conditions
        (1.0, 8)
    """

    samples: int
    units: int
    conditions: int
    target_alignment: float
    input_alignment: float | None
    participation_ratio: float
    label_selectivity: float
    shattering_dimension: float
    factors: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)

    @classmethod
    def from_features(
        cls, z: Array, factors: Array, inputs: Array | None = None, *, estimator: Any = None, cv: int = 5
    ) -> "GeometryReport":
        """Measure everything on features `(n, p)`.

        Args:
            z: Features `(n, p)`.
            factors: Binary factors of each sample: a table or an array `(n, k)`.
            inputs: The inputs of each sample, `(n, ...)`; flattened.
            estimator: Of the decoders, as in `ccgp`: None is a linear SVM; `"lda"` and `"mean-difference"` have closed
                forms and are much faster.
            cv: Folds of the decoders.

        Raises:
            InvalidParameterError: as in the single measures: NaN, constant features, a factor without two values, ...
        """
        found = features(z)
        signs, names = as_signs(factors, len(found), "factors")
        which = as_conditions(signs, len(found), "factors")
        sides = condition_signs(signs, which, "factors")
        single: dict[str, dict[str, float | None]] = {}
        for at, name in enumerate(names):
            column, rest = signs[:, at], signs
            large = min(int((sides[:, at] > 0).sum()), int((sides[:, at] < 0).sum())) >= 2
            single[name] = {
                "parallelism_score": _scalar(parallelism_score(found, column, conditions=rest))
                if _pairs(sides, at) >= 2
                else None,
                "ccgp": _scalar(ccgp(found, column, rest, estimator=estimator)) if large else None,
                "decodability": _scalar(linear_decodability(found, column, estimator=estimator, cv=cv)),
                "target_alignment": kernel_alignment(found, column),
            }
        number: str | int = "all" if which.count <= 8 else SAMPLED_DICHOTOMIES
        return cls(
            samples=len(found),
            units=found.shape[1],
            conditions=which.count,
            target_alignment=kernel_alignment(found, signs),
            input_alignment=None if inputs is None else kernel_alignment(found, _flat(inputs)),
            participation_ratio=participation_ratio(found),
            label_selectivity=_scalar(label_selectivity(found, signs)),
            shattering_dimension=shattering_dimension(found, signs, estimator=estimator, n_dichotomies=number, cv=cv),
            factors=single,
        )

    def to_frame(self) -> pd.DataFrame:
        """One row: the measures of the whole, and `<measure>_<factor>` for each factor; what is None is left out."""
        row: dict[str, float] = {}
        for name in (
            "samples",
            "units",
            "conditions",
            "target_alignment",
            "input_alignment",
            "participation_ratio",
            "label_selectivity",
            "shattering_dimension",
        ):
            if getattr(self, name) is not None:
                row[name] = getattr(self, name)
        for factor, measures in self.factors.items():
            row |= {f"{name}_{factor}": value for name, value in measures.items() if value is not None}
        return pd.DataFrame([row])


def representational_geometry(
    model: Any,
    inputs: Any,
    factors: Array,
    layers: str | Sequence[str] | None = None,
    *,
    pooling: str = "mean",
    estimator: Any = None,
    cv: int = 5,
    batch_size: int | None = None,
) -> pd.DataFrame:
    """The geometry of each layer of the user's own model.

    Args:
        model: Any `nn.Module` (layers are read by hooks, in evaluation mode, without gradients), or a fitted
            scikit-learn pipeline or transformer.
        inputs: What the model takes: a tensor, a list of arguments or a dict of keywords; for scikit-learn the table
            `(n, columns)`. Floating-point inputs of one tensor are also what the input alignment is taken with.
        factors: Binary factors of each sample: a table or an array `(n, k)`.
        layers: Names as in `model.named_modules()`, or the steps of a pipeline; None takes all modules without
            children that depend on nothing but the inputs. `"hidden_states"` takes the hidden states of a transformers
            model.
        pooling: Of layers `(n, tokens, p)`: `"mean"` over tokens (those with `attention_mask` 1, where the inputs have
            one), `"cls"` the first token, `"flatten"` all. Other layers are flattened to `(n, units)`.
        estimator: Of the decoders, as in `ccgp`; `"lda"` and `"mean-difference"` are much faster than None, the SVM.
        cv: Folds of the decoders.
        batch_size: Samples for each call of the model; None takes all at once.

    Returns:
        One row for each layer: column `layer`, then those of `GeometryReport.to_frame`.

    Raises:
        KeyError: no such layer or step; the message gives near names.
        InvalidParameterError: as in `GeometryReport.from_features`, with the layer's name, or an unknown pooling.
        InvalidTypeError: `model` is neither a module nor has `transform`.

    Differs from the paper: it measures its own networks only.

    Example:
        >>> from workingpapers.papers.representational_geometry import BinaryFactorTask
        >>> task = BinaryFactorTask(n_factors=2, dim=8)
        >>> x, y, _ = task.sample(200, torch.Generator().manual_seed(0))
        >>> net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> frame = representational_geometry(net, x, y, layers=["0", "1"], estimator="lda")
        >>> frame["layer"].tolist(), "ccgp_0" in frame
        (['0', '1'], True)
    """
    if pooling not in POOLINGS:
        raise InvalidParameterError(f"pooling is {pooling!r}; {', '.join(map(repr, POOLINGS))} are known")
    found: Mapping[str, Array]
    if isinstance(model, nn.Module):
        found = _module_layers(model, inputs, layers, pooling, batch_size)
    elif hasattr(model, "transform"):
        found = _pipeline_steps(model, inputs, layers)
    else:
        raise InvalidTypeError(
            f"model is {type(model).__name__}; give a torch.nn.Module, or a scikit-learn pipeline with transform"
        )
    compared = _compared_inputs(inputs)
    rows = []
    for name, z in found.items():
        try:
            report = GeometryReport.from_features(z, factors, compared, estimator=estimator, cv=cv)
        except InvalidParameterError as error:
            raise InvalidParameterError(f"layer {name!r}: {error}") from error
        row = report.to_frame()
        row.insert(0, "layer", name)
        rows.append(row)
    return pd.concat(rows, ignore_index=True)


def _module_layers(
    model: nn.Module, inputs: Any, layers: str | Sequence[str] | None, pooling: str, batch_size: int | None
) -> dict[str, Tensor]:
    mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    if isinstance(layers, str) and layers == "hidden_states" and layers not in dict(model.named_modules()):
        states = _hidden_states(model, inputs)
    else:
        states = collect(model, layers, inputs, batch_size=batch_size)
    return {name: _pooled(state, pooling, mask) for name, state in states.items()}


def _hidden_states(model: nn.Module, inputs: Any) -> dict[str, Tensor]:
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            keywords = inputs if isinstance(inputs, Mapping) else {"input_ids": inputs}
            states = model(**keywords, output_hidden_states=True).hidden_states
    finally:
        model.train(training)
    return {f"hidden_states.{at}": state for at, state in enumerate(states)}


def _pooled(state: Tensor, pooling: str, mask: Any) -> Tensor:
    if state.ndim != 3 or pooling == "flatten":
        return state.flatten(1) if state.ndim > 1 else state[:, None]
    if pooling == "cls":
        return state[:, 0]
    if isinstance(mask, Tensor) and mask.shape == state.shape[:2]:
        weights = mask.to(state)[..., None]
        return (state * weights).sum(1) / weights.sum(1)
    return state.mean(1)


def _pipeline_steps(model: Any, inputs: Any, layers: str | Sequence[str] | None) -> dict[str, np.ndarray]:
    steps = getattr(model, "steps", None) or [("transform", model)]
    names = [name for name, step in steps if hasattr(step, "transform") or step == "passthrough"]
    wanted = names if layers is None else [layers] if isinstance(layers, str) else list(layers)
    for name in wanted:
        if name not in names:
            raise KeyError(f"the pipeline has no transforming step {name!r}; it has {', '.join(names)}")
    found, z = {}, inputs
    for name, step in steps:
        if name not in names:
            break
        z = z if step == "passthrough" else step.transform(z)
        if name in wanted:
            found[name] = np.asarray(z.todense() if hasattr(z, "todense") else z)
    return found


def _compared_inputs(inputs: Any) -> Array | None:
    if isinstance(inputs, Tensor):
        return inputs if inputs.is_floating_point() else None
    if isinstance(inputs, pd.DataFrame | np.ndarray):
        values = np.asarray(inputs)
        return values if values.dtype.kind == "f" else None
    return None


def _flat(inputs: Array) -> Array:
    if isinstance(inputs, Tensor):
        return inputs.flatten(1) if inputs.ndim > 1 else inputs
    values = np.asarray(inputs)
    return values.reshape(len(values), -1)


def _scalar(value: float | np.ndarray) -> float:
    return float(value)


def _pairs(sides: Tensor, factor: int) -> int:
    """How many pairs of conditions differ in one factor only."""
    rows = {tuple(row) for row in sides.tolist()}
    flipped = sides.clone()
    flipped[:, factor] *= -1
    return sum(tuple(row) in rows for row in flipped[sides[:, factor] > 0].tolist())
