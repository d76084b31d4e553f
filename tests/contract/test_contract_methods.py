"""Every method as a component: gradients, types, state, compilation, estimators, bad inputs, examples."""

import copy
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from contract_rooms import PAPERS, SLUGS, contract
from sklearn.base import clone

from workingpapers.bench.protocols import Paper

CONTRACTS = {slug: contract(slug) for slug in SLUGS}
MODULES = [(slug, name, *made) for slug, each in CONTRACTS.items() for name, made in each.MODULES.items()]
MODULE_IDS = [f"{slug}-{name}" for slug, name, *_ in MODULES]
ESTIMATORS = [(slug, each) for slug, found in CONTRACTS.items() for each in found.ESTIMATORS]
BAD_INPUTS = [(slug, *bad) for slug, found in CONTRACTS.items() for bad in found.BAD_INPUTS]

Make = Callable[..., Any]


def _output(result: Any) -> torch.Tensor:
    return result[0] if isinstance(result, tuple) else result


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("slug", "name", "make", "inputs"), MODULES, ids=MODULE_IDS)
def test_gradients_reach_every_parameter_and_are_finite(slug: str, name: str, make: Make, inputs: Make) -> None:
    module = make()
    output = _output(module(inputs()))
    assert output.isfinite().all()
    (output * torch.randn_like(output)).sum().backward()
    for key, parameter in module.named_parameters():
        assert parameter.grad is not None, f"{key} gets no gradient"
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().max() > 0, f"{key} gets a gradient of zero"


@pytest.mark.parametrize(("slug", "name", "make", "inputs"), MODULES, ids=MODULE_IDS)
def test_dtype_and_device_pass_through(slug: str, name: str, make: Make, inputs: Make) -> None:
    module = make(dtype=torch.float64, device="cpu")
    assert {each.dtype for each in module.parameters()} <= {torch.float64, torch.complex128}
    assert _output(module(inputs(dtype=torch.float64, device="cpu"))).dtype == torch.float64


@pytest.mark.parametrize(("slug", "name", "make", "inputs"), MODULES, ids=MODULE_IDS)
def test_state_dict_round_trips(slug: str, name: str, make: Make, inputs: Make) -> None:
    module, other = make(), make()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    missing = other.load_state_dict(copy.deepcopy(module.state_dict()))
    assert not missing.missing_keys
    x = inputs()
    assert torch.equal(_output(module.eval()(x)), _output(other.eval()(x)))


@pytest.mark.parametrize(("slug", "name", "make", "inputs"), MODULES, ids=MODULE_IDS)
def test_the_input_is_left_alone(slug: str, name: str, make: Make, inputs: Make) -> None:
    x = inputs()
    before = x.clone()
    make()(x)
    assert torch.equal(x, before)


def test_compiled_equals_eager() -> None:
    """Of all rooms in one process of its own: the compiler cannot trace through the tests' shape checks."""
    script = Path(__file__).with_name("_compiled.py")
    files = [str(CONTRACTS[slug].__file__) for slug in SLUGS]
    done = subprocess.run([sys.executable, script, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    named = [f"{CONTRACTS[slug].__file__} {name}" for slug in SLUGS for name in CONTRACTS[slug].COMPILED]
    assert done.stdout.splitlines() == named


@pytest.mark.parametrize(("slug", "estimator"), ESTIMATORS, ids=[f"{s}-{type(e).__name__}" for s, e in ESTIMATORS])
def test_estimators_clone_and_keep_their_arguments(slug: str, estimator: Any) -> None:
    twin = clone(estimator)
    assert twin is not estimator
    assert repr(twin) == repr(estimator)


@pytest.mark.parametrize(
    ("slug", "what", "call", "error", "message"), BAD_INPUTS, ids=[f"{bad[0]}-{bad[1]}" for bad in BAD_INPUTS]
)
def test_bad_inputs_give_their_errors(slug: str, what: str, call: Make, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("slug", SLUGS)
def test_each_room_lists_bad_inputs(slug: str) -> None:
    assert len(CONTRACTS[slug].BAD_INPUTS) >= 3


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_docstring_examples_do_what_they_say(paper: Paper) -> None:
    package = importlib.import_module(paper.module)
    tried = 0
    for entry in pkgutil.iter_modules(package.__path__, f"{paper.module}."):
        if entry.name.endswith(".experiment"):
            continue
        result = doctest.testmod(
            importlib.import_module(entry.name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        )
        assert result.failed == 0, entry.name
        tried += result.attempted
    assert tried > 0


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_the_usage_and_the_pages_snippets_run_as_they_stand(paper: Paper) -> None:
    page = (paper.folder / "page.md").read_text()
    section = re.search(r"^## Use it$(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    snippets = [paper.usage, *re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)]
    assert len(snippets) > 1, "the page shows no use"
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"snippet_{number}.py" for number in range(len(snippets))]
        for path, snippet in zip(paths, snippets, strict=True):
            path.write_text(snippet)
        script = Path(__file__).with_name("_snippets.py")
        done = subprocess.run([sys.executable, script, *paths], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
