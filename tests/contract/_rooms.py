"""What the contract tests share: the rooms, and what each room's contract.py says."""

import importlib.util
from pathlib import Path
from types import ModuleType

from workingpapers.bench import registry

ROOT = Path(__file__).parents[2]
PAPERS = [paper for paper in registry.papers() if paper.shipped]
SLUGS = [paper.slug for paper in PAPERS]


def contract(slug: str) -> ModuleType:
    """The room's contract.py."""
    room = slug.replace("-", "_")
    path = ROOT / "tests" / "papers" / room / "contract.py"
    spec = importlib.util.spec_from_file_location(f"contract_{room}", path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
