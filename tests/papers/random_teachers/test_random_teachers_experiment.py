"""What the experiment is made of: encoders by plan, images, and groups of arms that share what they must."""

import numpy as np
import pytest
import torch
from torch import nn

from workingpapers.papers.random_teachers.experiment import SCALES
from workingpapers.papers.random_teachers.networks import encoder
from workingpapers.papers.random_teachers.real_images import resized


def test_a_plan_becomes_convolutions_and_pooling() -> None:
    made, width = encoder("4 M 8", 3)
    x = torch.randn(2, 3, 8, 8)
    one, two = (each for each in made if isinstance(each, nn.Conv2d))
    expected = nn.functional.max_pool2d(one(x).relu(), 2)
    expected = two(expected).relu().mean((2, 3))
    assert width == 8
    torch.testing.assert_close(made(x), expected)
    assert encoder("vgg11", 3)[1] == 512
    with pytest.raises(ValueError, match="'pool'"):
        encoder("4 pool", 1)


def test_images_of_all_sizes_come_to_one() -> None:
    assert resized(torch.ones(2, 28, 28), 16).shape == (2, 1, 16, 16)
    assert resized(torch.ones(2, 8, 8), 16).shape == (2, 1, 16, 16)
    assert resized(torch.ones(2, 32, 32, 3), 32).shape == (2, 3, 32, 32)
    image = torch.from_numpy(np.arange(784, dtype=np.float32).reshape(1, 28, 28))
    assert float(resized(image, 16).sum()) * 4 == pytest.approx(float(image.sum()))


def test_the_scales_ask_for_five_sizes_that_end_at_all_images() -> None:
    for settings in SCALES.values():
        assert len(settings.sizes) == 5
        assert settings.sizes[-1] == settings.images
        assert {0.6, 1.0} <= set(settings.alphas)
