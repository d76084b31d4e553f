"""torchvision imports beside a CPU build of torch, in a process of its own, and nothing is done elsewhere."""

import importlib.util
import subprocess
import sys

import pytest
import torch

from workingpapers.parts import torchvision_compat

IMPORTS = """
import warnings; warnings.simplefilter("error")
from workingpapers.parts.torchvision_compat import allow_torchvision_import
allow_torchvision_import()
assert not allow_torchvision_import()  # a second call does nothing
warnings.simplefilter("default")
import timm
from timm.layers import DropPath
print(timm.__version__)
"""


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="needs timm: pip install 'workingpapers[vision]'")
def test_timm_imports_after_the_call():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_does_nothing_beside_a_build_for_a_device(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torchvision_compat, "_declared", [])
    assert not torchvision_compat.allow_torchvision_import()
    assert not torchvision_compat._declared


def test_does_nothing_without_torchvision(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torchvision_compat, "_declared", [])
    assert not torchvision_compat.allow_torchvision_import()
