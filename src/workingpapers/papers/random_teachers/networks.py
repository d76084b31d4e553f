"""Encoders of the experiment: stacks of convolutions written as a plan, and ResNet18 by way of timm."""

import torch
from torch import nn

from workingpapers.errors import InvalidParameterError, MissingExtraError


def encoder(plan: str, channels: int) -> tuple[nn.Module, int]:
    """An encoder and the width of its embedding.

    Args:
        plan: Widths of 3 × 3 convolutions with ReLU and M for 2 × 2 max-pooling, such as "16 M 32 M"; the mean over
            positions follows. "vgg11" and "resnet18" (timm; 3 × 3 stem, no max-pooling) are known by name.
        channels: Channels of the images.

    Raises:
        InvalidParameterError: a word of the plan is neither M nor a width.
        MissingExtraError: ResNet18 without timm.
    """
    if plan == "resnet18":
        return _resnet18(channels), 512
    words = ("64 M 128 M 256 256 M 512 512 M 512 512 M" if plan == "vgg11" else plan).split()
    layers: list[nn.Module] = []
    width = channels
    for word in words:
        if word == "M":  # before the ReLU, with which it commutes: a quarter of the work
            place = len(layers) - 1 if layers and isinstance(layers[-1], nn.ReLU) else len(layers)
            layers.insert(place, nn.MaxPool2d(2))
        elif word.isdecimal() and int(word) > 0:
            layers += [nn.Conv2d(width, int(word), 3, padding=1), nn.ReLU()]
            width = int(word)
        else:
            raise InvalidParameterError(f"the encoder's plan has the word {word!r}; use M and widths such as 64")
    made = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return made.to(memory_format=torch.channels_last), width  # type: ignore[call-overload]  # pooling is faster so


def _resnet18(channels: int) -> nn.Module:
    from workingpapers.parts.torchvision_compat import allow_torchvision_import

    allow_torchvision_import()
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("resnet18 needs timm: pip install 'workingpapers[vision]'") from error
    made: nn.Module = timm.create_model("resnet18", num_classes=0, in_chans=channels)
    made.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    made.maxpool = nn.Identity()
    return made
