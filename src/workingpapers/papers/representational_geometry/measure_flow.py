"""Four clusters at equal distances: where the input weights of single units go, the picture of the mechanism."""

import torch
from torch.nn.functional import softplus

from workingpapers.bench.protocols import Trial
from workingpapers.papers.representational_geometry.networks import OneHiddenLayerNet
from workingpapers.papers.representational_geometry.settings import Settings

# A tetrahedron. The classes differ along the first axis; the clusters of the one differ along the second, those of the
# other along the third, so that no cluster is the mirror image of another
WIDTH = 2**0.5
POINTS = ((1.0, WIDTH, 0.0), (1.0, -WIDTH, 0.0), (-1.0, 0.0, WIDTH), (-1.0, 0.0, -WIDTH))
SIGNS = (1.0, 1.0, -1.0, -1.0)


def trajectories(settings: Settings, trial: Trial) -> None:
    """Weights of 24 units over gradient descent from small weights; only in the first trial, for the figure."""
    if trial.repetition > 0:
        return
    X, y = torch.tensor(POINTS, dtype=torch.float64), torch.tensor(SIGNS, dtype=torch.float64)
    for arm in ("tanh", "relu"):
        generator = torch.Generator().manual_seed(trial.seed_for("flow"))
        net = OneHiddenLayerNet(3, 24, 1, arm, w0=0.3, generator=generator, dtype=torch.float64)
        descent = torch.optim.SGD([net.W, net.b], lr=1.0)  # a fixed readout: each unit keeps its sign
        for step in range(201):
            if step % 10 == 0:
                trial.record("flow_weights", net.W.detach(), arm=arm, step=step)
            loss = softplus(-y * net(X)[:, 0]).mean()
            descent.zero_grad()
            torch.autograd.backward(loss)
            descent.step()
        trial.record("flow_readout", net.V.detach().sign()[0], arm=arm)
