"""The attacks: the step by hand, a linear classifier inverted, a masking defence found out; priors; the frontier."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.data.catalog import load
from workingpapers.papers.bido import AdaptiveAttack, GMIAttack, PCAPrior, train_public_prior
from workingpapers.papers.bido.adaptive import RescaledLogits
from workingpapers.papers.bido.claims import frontier_area
from workingpapers.papers.bido.networks import Classifier, RoundedLogits, dependences, distance_correlation


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    data = load("digits")
    return torch.from_numpy(data["images"])[:, None], torch.from_numpy(data["labels"])


@pytest.fixture(scope="module")
def linear(digits: tuple[Tensor, Tensor]) -> nn.Module:
    images, labels = digits
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    return net


def test_gmi_inverts_a_linear_classifier(digits: tuple[Tensor, Tensor], linear: nn.Module) -> None:
    prior = train_public_prior(digits[0], "pca", components=20)
    assert prior.discriminator is None
    attack = GMIAttack(prior.generator, steps=200, restarts=3, random_state=torch.Generator().manual_seed(0), bound=2.0)
    linear.train()
    result = attack.run(linear, range(10), linear, private=digits)
    assert linear.training
    probabilities = linear(result.images).softmax(1).gather(1, result.labels[:, None])
    assert probabilities.min() > 0.99
    assert result.attack_accuracy == result.top5 == 1
    assert result.knn_distance is not None
    assert result.knn_distance > 0
    assert result.history["target_accuracy"][-1] == 1
    assert result.history["identity"][-1] < 0.1 * result.history["identity"][0]
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in linear.parameters())


def test_the_step_by_hand() -> None:
    torch.manual_seed(0)
    make = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    target, judge = (nn.Sequential(nn.Flatten(), nn.Linear(4, n)) for n in (3, 1))
    attack = GMIAttack(make, judge, steps=3, lr=0.02, weight=100, restarts=1, latent_dim=2)
    start = torch.tensor([[0.1, -0.2], [0.3, 0.9]])
    result = attack.run(target, [2, 0], start=start)
    z, v = start.clone(), torch.zeros(2, 2)
    for _ in range(3):
        z.requires_grad_()
        images = make(z)
        loss = -judge(images).sum() + 100 * functional.cross_entropy(
            target(images), torch.tensor([2, 0]), reduction="sum"
        )
        (g,) = torch.autograd.grad(loss / 60, z)
        new = 0.9 * v - 0.02 * g
        z, v = (z.detach() - 0.9 * v + 1.9 * new).clamp(-1, 1), new
    torch.testing.assert_close(result.images, make(z))
    alone = attack.run(target, [0], start=start[1:])  # an attack does not depend on those beside it
    torch.testing.assert_close(alone.images, result.images[1:])


def test_a_masking_defence_stops_gmi_and_not_the_adaptive_attack(
    digits: tuple[Tensor, Tensor], linear: nn.Module
) -> None:
    prior = PCAPrior(digits[0], 20)
    for masked in (RoundedLogits(linear), RescaledLogits(RoundedLogits(linear, 1.0), 1e-4)):
        draws = {"restarts": 2, "random_state": torch.Generator().manual_seed(1)}
        plain = GMIAttack(prior, steps=40, **draws).run(masked, range(10), linear)
        strong = AdaptiveAttack(prior, steps=40, generations=20, queries=500, **draws).run(masked, range(10), linear)
        assert plain.attack_accuracy is not None
        assert strong.attack_accuracy is not None
        assert plain.attack_accuracy < 0.4
        assert strong.attack_accuracy > 0.9
        assert strong.images.shape == (20, 1, 8, 8)
        assert strong.labels.tolist() == np.repeat(np.arange(10), 2).tolist()


def test_pca_prior_is_the_covariance(digits: tuple[Tensor, Tensor]) -> None:
    images = digits[0].double()
    prior = PCAPrior(images, 63)
    covariance = torch.from_numpy(np.cov(images.flatten(1).numpy().T))
    torch.testing.assert_close(prior.directions.T @ prior.directions, covariance, atol=1e-9, rtol=1e-6)
    torch.testing.assert_close(prior(torch.zeros(1, 63, dtype=torch.float64))[0], images.mean(0))
    assert torch.equal(prior.directions, PCAPrior(images, 63).directions)


def test_the_gan_learns_where_the_pictures_are() -> None:
    pictures = torch.zeros(64, 1, 8, 8)
    pictures[:, :, :4] = 1.0
    options = {"steps": 60, "channels": 4, "latent_dim": 8, "batch_size": 16, "critic_steps": 1, "lr": 2e-2}
    made = [train_public_prior(pictures, **options, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    with torch.no_grad():
        first, second = (
            each.generator(torch.randn(16, 8, generator=torch.Generator().manual_seed(0))) for each in made
        )
    assert torch.equal(first, second)
    assert first[:, :, :4].mean() > first[:, :, 4:].mean() + 0.3
    assert not made[0].generator.training
    assert len(made[0].history["critic"]) == 60


def test_frontier() -> None:
    assert frontier_area([], 0.2) == 0
    assert frontier_area([(0.1, 0.9)], 0.2) == 0
    one = frontier_area([(0.9, 0.5)], 0.2)
    assert one == pytest.approx(0.35)
    assert frontier_area([(0.9, 0.5), (0.8, 0.4)], 0.2) == pytest.approx(one)
    assert frontier_area([(0.9, 0.5), (0.4, 0.9)], 0.2) == pytest.approx(one + 0.2 * 0.4)


def test_distance_correlation_as_dcor_0_7_has_it() -> None:
    x = torch.tensor([[0.0], [1.0], [3.0], [2.0], [5.0]], dtype=torch.float64)
    y = x**2
    a, b = ((each[:, None] - each[None]).abs().squeeze(-1) for each in (x, y))
    a, b = (each - each.mean(0) - each.mean(1, keepdim=True) + each.mean() for each in (a, b))
    expected = (a * b).mean() / ((a * a).mean() * (b * b).mean()).sqrt()
    assert distance_correlation(x, y).item() == pytest.approx(expected.item(), abs=1e-5)
    assert distance_correlation(x, 3 - 2 * x).item() == pytest.approx(1, abs=1e-5)


def test_an_attack_under_no_grad_is_the_same() -> None:
    """Else it would not move, and any classifier would seem defended."""
    torch.manual_seed(0)
    make = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    target, start = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), torch.zeros(2, 2)
    attack = GMIAttack(make, steps=5, restarts=1, latent_dim=2)
    expected = attack.run(target, [2, 0], start=start)
    with torch.no_grad():
        found = attack.run(target, [2, 0], start=start)
    assert torch.equal(found.images, expected.images)
    assert not torch.equal(found.images, make(start))


def test_a_judge_without_the_class_is_refused() -> None:
    make = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    target, judge = (nn.Sequential(nn.Flatten(), nn.Linear(4, n)) for n in (3, 2))
    with pytest.raises(ValueError, match=r"evaluator has classes 0 to 1 and cannot judge class 2"):
        GMIAttack(make, steps=2, latent_dim=2).run(target, [2], judge)


def test_dependences_of_fewer_pictures_than_a_batch() -> None:
    torch.manual_seed(0)
    model = Classifier(8, (2, 2, 2), 3, None)
    assert dependences(model, torch.rand(30, 1, 8, 8), torch.arange(30) % 3, "hsic").shape == (3, 2)
