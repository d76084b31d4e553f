"""What the contract tests cannot guess about this room."""

import warnings

import torch
from torch import Tensor, nn

from workingpapers.papers.bido import (
    AdaptiveAttack,
    BiDO,
    BiDOLoss,
    GMIAttack,
    PCAPrior,
    UnilateralPenalty,
    VIBHead,
    coco,
    hsic,
    stage_names,
    suggest_lambdas,
    train_public_prior,
)

X = torch.linspace(-1, 1, 32).view(8, 4)
Y = torch.arange(8) % 3


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def _loss(x: Tensor = X, y: Tensor = Y, forward: bool = True, **options: object) -> Tensor:
    net = _net()
    bido = BiDO(layers=["1"], **options).attach(net)
    if forward:
        net(X)
    return bido.loss(x, y)


def _small_batch() -> Tensor:
    net = _net()
    bido = BiDO(layers=["1"]).attach(net)
    net(X[:3])
    return bido.loss(X[:3], Y[:3])


def _prior() -> PCAPrior:
    return PCAPrior(torch.rand(6, 1, 2, 2), 2)


def _attack(classes: object = (0,), **options: object) -> object:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    return GMIAttack(_prior(), steps=2, **options).run(flat, classes)


def _constant() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return hsic(X, torch.ones(8, 2))


MODULES = {
    "VIBHead": (lambda **kw: VIBHead(6, 3, bottleneck=4, **kw), lambda **kw: torch.randn(8, 6, **kw)),
}
COMPILED = ()
ESTIMATORS = ()
BAD_INPUTS = [
    ("batch of 3", _small_batch, ValueError, "3 rows.*at least 4"),
    ("sizes differ", lambda: hsic(X, X[:5]), ValueError, "8 rows and y 5"),
    ("other inputs than the model's", lambda: _loss(X[:6], Y[:6]), ValueError, "8 rows and inputs 6"),
    ("targets too few", lambda: _loss(y=Y[:5]), ValueError, r"\(5,\).*8 inputs"),
    ("targets are floats", lambda: _loss(y=Y.float()), TypeError, "float32"),
    ("target below 0", lambda: _loss(y=Y - 1), ValueError, "class -1.*0 to 2"),
    ("target too large", lambda: _loss(y=Y + 1), ValueError, "class 3.*0 to 2"),
    ("unknown layer", lambda: BiDO(layers=["7"]).attach(_net()), LookupError, "'7'.*0, 1, 2"),
    ("unknown layer of the loss", lambda: BiDOLoss(_net(), layers=["7"]), KeyError, "'7'"),
    ("no forward pass", lambda: _loss(forward=False), RuntimeError, "call model"),
    ("not attached", lambda: BiDO().loss(X, Y), ValueError, "attach"),
    ("negative weight", lambda: BiDO(lambda_x=-1), ValueError, "lambda_x is -1"),
    ("weight is NaN", lambda: BiDO(lambda_y=float("nan")), ValueError, "lambda_y is nan"),
    ("negative unilateral weight", lambda: UnilateralPenalty("coco", -1), ValueError, "lambda_x is -1"),
    ("every 0", lambda: BiDO(every=0), ValueError, "every is 0"),
    ("unknown measure", lambda: BiDO("dcor"), (ValueError, TypeError), "'dcor'"),
    ("a name as layers", lambda: BiDO(layers="conv1"), (ValueError, TypeError), "'conv1'"),
    ("no layers", lambda: BiDO(layers=[]), ValueError, "layers is empty"),
    ("no stages", lambda: stage_names(nn.Linear(2, 2)), ValueError, "finds no stage"),
    ("NaN", lambda: coco(X / 0, X), ValueError, "NaN"),
    ("constant", _constant, UserWarning, "y is the same in all 8 rows"),
    ("unbiased and normalised", lambda: hsic(X, X, estimator="unbiased"), ValueError, "normalized=False"),
    ("negative beta", lambda: VIBHead(4, 3, beta=-1), ValueError, "beta is -1"),
    ("empty loader", lambda: suggest_lambdas(_net(), []), ValueError, "no batch"),
    ("unknown prior", lambda: train_public_prior(torch.rand(4, 1, 8, 8), "vae"), (ValueError, TypeError), "'vae'"),
    ("odd width", lambda: train_public_prior(torch.rand(4, 1, 12, 12)), ValueError, "8, 16, 32"),
    ("outside [0, 1]", lambda: train_public_prior(3 * torch.ones(4, 1, 8, 8)), ValueError, r"\[0, 1\]"),
    ("too many components", lambda: PCAPrior(torch.rand(4, 1, 8, 8), 4), ValueError, "components is 4"),
    ("no length of z", lambda: GMIAttack(nn.Linear(2, 4)), ValueError, "latent_dim"),
    ("class beyond", lambda: _attack([3]), ValueError, "classes holds 3.*0 to 2"),
    ("no classes", lambda: _attack([]), ValueError, "classes is empty"),
    ("momentum 1", lambda: _attack(momentum=1.0), ValueError, "momentum is 1"),
    ("no steps", lambda: AdaptiveAttack(_prior(), steps=0), ValueError, "steps is 0"),
]
