"""Random Teachers are Good Teachers (arXiv 2302.12091): lines and planes through the loss of trained networks.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements linear mode connectivity (section 5, Figure 9) and the loss planes of section 4 (Figure 5).
Differences from the paper: none known.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.random_teachers.batches import iterate
from workingpapers.papers.random_teachers.checks import same_shapes
from workingpapers.papers.random_teachers.encoders import device_of, evaluating, recompute_batch_norm_
from workingpapers.parts.checks import real_number, torch_module, whole_number

Parameters = Any  # a module, a state_dict, or a flat vector


@dataclass(frozen=True)
class Barrier:
    """A metric along the straight line between two networks.

    Args:
        shares: Position on the line, 0 at the first network and 1 at the second, shape `(points,)`.
        values: The metric there, shape `(points,)`.

    Example:
        >>> import numpy as np
        >>> Barrier(np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.4, 0.2])).height
        0.25
    """

    shares: np.ndarray
    values: np.ndarray

    @property
    def height(self) -> float:
        """Largest value on the line minus the mean of the two ends; 0 or more."""
        return float(self.values.max() - (self.values[0] + self.values[-1]) / 2)


def linear_mode_connectivity(
    a: nn.Module,
    b: nn.Module,
    loss_or_metric: Callable[[Any, Tensor], Any],
    loader: Any,
    *,
    points: Any = 11,
    recompute_bn: bool = True,
) -> Barrier:
    """A loss or an error along the straight line from one network's parameters to another's.

    Args:
        a: Network at 0; not changed.
        b: Network at 1, of the same architecture; not changed.
        loss_or_metric: Function of (output, target) that gives a batch's mean: a loss, or an error (small is good).
        loader: A pair of tensors (x, y) of shapes `(samples, ...)` and `(samples,)`, or an iterable of such batches.
        points: Points on the line, the ends among them, 2 or more.
        recompute_bn: Whether statistics of batch norm are estimated anew from the loader at each point, the ends
            included; else they are interpolated.

    Returns:
        Positions and values, each of shape `(points,)`, and their barrier `height`.

    Raises:
        InvalidParameterError: architectures that do not fit (the first mismatch is named), fewer than two points, or an
            empty loader.
        InvalidTypeError: no modules, or batches without targets.

    Example:
        >>> import torch
        >>> net, x, y = torch.nn.Linear(3, 2), torch.randn(8, 3), torch.zeros(8, dtype=torch.long)
        >>> linear_mode_connectivity(net, net, torch.nn.functional.cross_entropy, (x, y)).height
        0.0
    """
    points = whole_number("points", points, least=2)
    first, second = torch_module("a", a).state_dict(), torch_module("b", b).state_dict()
    same_shapes(first, second, ("a", "b"))
    if not callable(loss_or_metric):
        raise InvalidTypeError(
            f"loss_or_metric is {type(loss_or_metric).__name__}; give a function of (output, target)"
        )
    is_pair = isinstance(loader, tuple) and len(loader) == 2 and isinstance(loader[0], Tensor)
    pairs = [loader] if is_pair else loader
    if isinstance(pairs, Iterator):
        pairs = list(pairs)
    network = copy.deepcopy(a)
    device = device_of(a)
    values = []
    for place in range(points):
        network.load_state_dict(_on_the_line(first, second, place, points - 1))
        if recompute_bn:
            recompute_batch_norm_(network, lambda: (network(x.to(device)) for x, _ in _pairs(pairs)))
        values.append(_mean_over(network, loss_or_metric, pairs, device))
    return Barrier(np.arange(points) / (points - 1), np.array(values))


def _on_the_line(a: Mapping[str, Tensor], b: Mapping[str, Tensor], place: int, last: int) -> dict[str, Tensor]:
    """The state `place` of `last` steps from a to b; bitwise the same from either end, and exact where a equals b."""
    mixed = {}
    for key, one in a.items():
        other = b[key].to(one.device)
        if not one.is_floating_point() and not one.is_complex():
            mixed[key] = one
        elif 2 * place == last:
            mixed[key] = (one + other) / 2
        elif 2 * place < last:
            mixed[key] = one + (place / last) * (other - one)
        else:
            mixed[key] = other + ((last - place) / last) * (one - other)
    return mixed


@torch.no_grad()
def _mean_over(network: nn.Module, metric: Callable[[Any, Tensor], Any], pairs: Any, device: torch.device) -> float:
    total, seen = 0.0, 0
    with evaluating(network):
        for x, target in _pairs(pairs):
            total, seen = total + float(metric(network(x.to(device)), target.to(device))) * len(x), seen + len(x)
    if seen == 0:
        raise InvalidParameterError("the loader is empty; give at least one batch")
    return total / seen


def _pairs(pairs: Any) -> Iterator[tuple[Tensor, Tensor]]:
    for pair in iterate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) < 2 or not isinstance(pair[0], Tensor):
            raise InvalidTypeError(
                f"a batch is {type(pair).__name__}; give pairs (x, y) of tensors, inputs and targets"
            )
        yield pair[0], torch.as_tensor(pair[1])


@dataclass(frozen=True)
class LossPlane:
    """A function on a grid of a plane through three points of parameter space.

    Args:
        x: First coordinate of the grid, shape `(resolution,)`.
        y: Second coordinate, shape `(resolution,)`.
        values: The function, `values[i, j]` at `x[j], y[i]`, shape `(resolution, resolution)`.
        points: Coordinates of theta0, theta1 and theta2, shape `(3, 2)`.

    Example:
        >>> import torch
        >>> plane = loss_plane(torch.zeros(2), torch.tensor([1.0, 0]), torch.tensor([0, 1.0]), torch.sum, 3)
        >>> plane.points.tolist()
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    points: np.ndarray


@torch.no_grad()
def loss_plane(
    theta0: Parameters,
    theta1: Parameters,
    theta2: Parameters,
    fn: Callable[[Any], Any],
    resolution: Any,
    orthogonal: bool = False,
    *,
    margin: Any = 0.5,
) -> LossPlane:
    """A function on the plane through three points: `theta0 + x (theta1 - theta0) + y (theta2 - theta0)`.

    Args:
        theta0: Origin: a module, a state_dict, or a vector.
        theta1: Point on the first axis, of the same kind and shapes.
        theta2: Point that spans the plane.
        fn: Function of the parameters: of a module (a copy of theta0, filled), a dict, or a vector; gives a number.
        resolution: Points of the grid on each side, 2 or more.
        orthogonal: Whether the axes are orthonormal, so that distances in the plane are distances in parameter space;
            else theta1 is at (1, 0) and theta2 at (0, 1).
        margin: How far the grid reaches beyond the three points, in units of their extent.

    Returns:
        The grid, its values, and where the three points lie.

    Raises:
        InvalidParameterError: shapes that do not fit (the first mismatch is named), resolution or margin out of range,
            or three points on one line.
        InvalidTypeError: neither modules, state_dicts nor tensors.

    Example:
        >>> import torch
        >>> zero, one, two = torch.zeros(2), torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
        >>> plane = loss_plane(zero, one, two, lambda v: v.square().sum(), 5, orthogonal=True, margin=0.0)
        >>> plane.points.tolist(), float(plane.values.max())
        ([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]], 5.0)
    """
    resolution, margin = whole_number("resolution", resolution, least=2), real_number("margin", margin, least=0.0)
    if not callable(fn):
        raise InvalidTypeError(f"fn is {type(fn).__name__}; give a function of the parameters that returns a number")
    origin, *others = (_state(name, each) for name, each in
                       (("theta0", theta0), ("theta1", theta1), ("theta2", theta2)))  # fmt: skip
    for name, each in zip(("theta1", "theta2"), others, strict=True):
        same_shapes(origin, each, ("theta0", name))
    keys = [key for key, each in origin.items() if each.is_floating_point()]
    if not keys:
        raise InvalidTypeError("theta0 holds no floating-point numbers; convert the three points with .float()")
    u, v = ({key: each[key].double() - origin[key].double() for key in keys} for each in others)
    uu, uv, vv = _dot(u, u), _dot(u, v), _dot(v, v)
    if uu * vv - uv * uv <= 1e-14 * uu * vv:
        raise InvalidParameterError("theta0, theta1 and theta2 lie on one line; give three points that span a plane")
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    if orthogonal:
        length, along = uu**0.5, uv / uu**0.5
        height = (vv - along**2) ** 0.5
        v = {key: (v[key] - along / length * u[key]) / height for key in keys}
        u = {key: u[key] / length for key in keys}
        points = np.array([[0.0, 0.0], [length, 0.0], [along, height]])
    low, high = points.min(0), points.max(0)
    x, y = np.linspace(low - margin * (high - low), high + margin * (high - low), resolution).T
    place = _placer(theta0, origin)
    values = np.array(
        [
            [
                float(
                    fn(
                        place(
                            {
                                key: (origin[key].double() + s * u[key] + t * v[key]).to(origin[key].dtype)
                                for key in keys
                            }
                        )
                    )
                )
                for s in x
            ]
            for t in y
        ]
    )
    return LossPlane(x, y, values, points)


def _state(name: str, value: Parameters) -> dict[str, Tensor]:
    if isinstance(value, nn.Module):
        return dict(value.state_dict())
    if isinstance(value, Tensor):
        return {"vector": value.detach()}
    if isinstance(value, Mapping) and value and all(isinstance(each, Tensor) for each in value.values()):
        return {key: each.detach() for key, each in value.items()}
    raise InvalidTypeError(f"{name} is {type(value).__name__}; give a module, a state_dict or a tensor")


def _dot(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    return sum(float((a[key] * b[key]).sum()) for key in a)


def _placer(kind: Parameters, origin: Mapping[str, Tensor]) -> Callable[[dict[str, Tensor]], Any]:
    """How a point of the plane is handed to the function: as theta0 was given."""
    if isinstance(kind, Tensor):
        return lambda point: point["vector"]
    if isinstance(kind, nn.Module):
        module = copy.deepcopy(kind)

        def filled(point: dict[str, Tensor]) -> nn.Module:
            module.load_state_dict({**origin, **point})
            return module

        return filled
    return lambda point: {**origin, **point}
