"""What all tests share: shapes checked in the methods, no network, few threads, a sample room."""

import os
import signal
import sys
import types
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("COLUMNS", "120")
# the tests fill the cores by themselves; more threads would wait for each other, in child processes above all
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

# A shell that starts the tests in the background has them ignore Ctrl-C, and every child inherits that
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOMS = Path(__file__).parent / "rooms"

# Shape annotations are checked in tests only; outside of them they cost nothing
_checker = types.ModuleType("workingpapers_shape_checker")
_checker.check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as static checkers have it
sys.modules[_checker.__name__] = _checker
_hook = install_import_hook(["workingpapers.papers", "workingpapers.parts"], f"{_checker.__name__}.check")
_hook.__enter__()

sys.path.insert(0, str(ROOMS))  # with its entry point, as if a package were installed
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOMS), os.environ.get("PYTHONPATH")]))


@pytest.fixture(autouse=True, scope="session")
def _threads() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKINGPAPERS_RUNS", str(tmp_path / "runs"))
