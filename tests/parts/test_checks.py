"""Each check passes what fits in its plain form and names what does not."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts import checks

ODD = (np.array("3"), np.array(True), np.complex128(1), [True])


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3)])
def test_whole_numbers_of_every_library_come_back_as_int(value: Any) -> None:
    number = checks.whole_number("epochs", value, least=3, most=3)
    assert number == 3
    assert type(number) is int


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), 3.0, torch.tensor(3.0), "3", None, [3], *ODD])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"epochs is .*; give a whole number of at least 1"):
        checks.whole_number("epochs", value, least=1)


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (9, "9")])
def test_a_whole_number_outside_is_named_with_both_ends(value: int, shown: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"epochs is {shown}; .* of at least 1 and of at most 8"):
        checks.whole_number("epochs", value, least=1, most=8)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), torch.tensor(1.0), torch.tensor(1), np.array(1.0)])
def test_real_numbers_of_every_library_come_back_as_float(value: Any) -> None:
    number = checks.real_number("rate", value, least=1, most=1)
    assert number == 1.0
    assert type(number) is float


@pytest.mark.parametrize("value", [True, np.True_, "1", None, [1.0], 1j, torch.tensor([1.0]), torch.tensor(True), *ODD])
def test_what_is_no_real_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"rate is .*; give a finite number above 0"):
        checks.real_number("rate", value, above=0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, 1.0])
def test_open_ends_are_outside(value: float) -> None:
    with pytest.raises(InvalidParameterError, match=r"rate is .*; give a finite number above 0 and below 1"):
        checks.real_number("rate", value, above=0, below=1)


def test_names_and_switches() -> None:
    assert checks.one_of("kind", "a", ("a", "b")) == "a"
    with pytest.raises(InvalidParameterError, match="kind is 'c'; choose one of 'a', 'b'"):
        checks.one_of("kind", "c", ("a", "b"))
    with pytest.raises(InvalidParameterError, match="kind is None"):
        checks.one_of("kind", None, ("a", "b"))
    assert checks.true_or_false("shuffle", np.True_) is True
    with pytest.raises(InvalidTypeError, match="shuffle is 'no'"):
        checks.true_or_false("shuffle", "no")


def test_devices_and_generators() -> None:
    assert checks.usable_device(None) == torch.device("cpu")
    for value in ("nowhere", 1.5, "meta:x", *(() if torch.cuda.is_available() else ("cuda",))):
        with pytest.raises(InvalidParameterError, match="cannot be used here"):
            checks.usable_device(value)
    checks.check_generator(None)
    checks.check_generator(torch.Generator(), torch.device("cpu"))
    with pytest.raises(InvalidTypeError, match="generator is 3"):
        checks.check_generator(3)
    with pytest.raises(InvalidParameterError, match="generator is on cpu and the data on meta"):
        checks.check_generator(torch.Generator(), torch.device("meta"))


def test_seeds_are_those_that_both_libraries_take() -> None:
    most = 2**63 - 1
    assert checks.seed_number(most) == most
    torch.Generator().manual_seed(most)
    np.random.default_rng(most)
    for value in (-1, most + 1):
        with pytest.raises(InvalidParameterError, match="seed is"):
            checks.seed_number(value)


def test_a_class_is_no_module() -> None:
    layer = nn.Linear(1, 1)
    assert checks.torch_module("encoder", layer) is layer
    with pytest.raises(InvalidTypeError, match=r"the class Linear; give a module, Linear\(...\)"):
        checks.torch_module("encoder", nn.Linear)
    with pytest.raises(InvalidTypeError, match="encoder is int"):
        checks.torch_module("encoder", 3)
