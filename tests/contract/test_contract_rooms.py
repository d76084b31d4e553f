"""Every room stands the same: its files, its imports, its page, its documentation."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from contract_rooms import PAPERS, ROOT, SLUGS

from workingpapers.bench import registry
from workingpapers.bench.protocols import Paper

FILES = ("__init__.py", "method.py", "experiment.py", "paper.toml", "page.md")
HEADINGS = [
    "What it claims",
    "What we measured",
    "Use it",
    "How it works",
    "Differences from the paper",
    "When to use",
    "When not to",
    "Cost",
    "Reference",
]
HEAVY = ("matplotlib", "transformers", "timm", "torchvision", "statsmodels", "ray", "skimage", "peft")
SOURCES = ROOT / "src" / "workingpapers"


def test_no_shipped_room_is_broken() -> None:
    assert [room for room in registry.broken() if (SOURCES / "papers" / room.name.replace("-", "_")).exists()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_the_five_files_stand(paper: Paper) -> None:
    assert [name for name in FILES if not (paper.folder / name).is_file()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_the_page_has_its_headings_and_no_typed_results(paper: Paper) -> None:
    page = (paper.folder / "page.md").read_text()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == HEADINGS
    assert page.count("<!-- measured -->") == 1


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_importing_the_method_is_clean_and_light(paper: Paper) -> None:
    code = f"import sys, json, {paper.module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert [name for name in loaded if name.partition(".")[0] in HEAVY or name.startswith("workingpapers.bench")] == []


def _imports(path: Path, *, ours: bool = True) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.startswith("workingpapers") == ours}


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_a_room_imports_only_what_it_may(paper: Paper) -> None:
    """The experiment and what only it uses may import data and the protocols; the method may not."""
    method_files = _reached_from(paper.folder / "__init__.py", paper)
    for path in sorted(paper.folder.glob("*.py")):
        allowed = [paper.module, "workingpapers.parts", "workingpapers.errors"]
        if path not in method_files:
            allowed += ["workingpapers.data", "workingpapers.bench.protocols"]
        for name in _imports(path):
            assert any(name == each or name.startswith(each + ".") for each in allowed), f"{path.name} imports {name}"


def _reached_from(path: Path, paper: Paper) -> set[Path]:
    reached, waiting = set(), [path]
    while waiting:
        here = waiting.pop()
        if here not in reached and here.exists():
            reached.add(here)
            waiting += [
                paper.folder / f"{name.rpartition('.')[2]}.py" for name in _imports(here) if paper.module in name
            ]
    return reached


@pytest.mark.parametrize("folder", ["bench", "parts", "data"])
def test_the_rooms_below_know_no_paper(folder: str) -> None:
    for path in (SOURCES / folder).rglob("*.py"):
        names = _imports(path)
        above = ("workingpapers.papers.", "workingpapers.cli", "workingpapers.daily", "workingpapers.web")
        assert not any(name.startswith(above) for name in names), path
        if folder != "bench":
            assert not any(name.startswith("workingpapers.bench") for name in names), path


@pytest.mark.parametrize(("folder", "below"), [("daily", ("bench",)), ("web", ("bench", "daily"))])
def test_the_daily_page_stands_beside_the_papers(folder: str, below: tuple[str, ...]) -> None:
    """Its server must start at once: neither it nor its domain knows torch, or any paper's code."""
    allowed = [f"workingpapers.{name}" for name in (folder, "errors", *below)]
    for path in (SOURCES / folder).rglob("*.py"):
        for name in _imports(path):
            known = name == "workingpapers" or any(name == each or name.startswith(each + ".") for each in allowed)
            assert known, f"{path} imports {name}"
        heavy = {"torch", "scipy", "pandas", "sklearn", "matplotlib", "transformers"}
        everything = {name.partition(".")[0] for name in _imports(path, ours=False)}
        assert not everything & heavy, path


def test_the_protocols_import_nothing_of_ours() -> None:
    assert _imports(SOURCES / "bench" / "protocols.py") == set()


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_public_names_are_documented_with_arguments_and_an_example(paper: Paper) -> None:
    module = importlib.import_module(paper.module)
    assert module.__all__ == sorted(module.__all__, key=lambda name: (name.lower(), name)) or module.__all__
    for name in module.__all__:
        public = getattr(module, name)
        if not callable(public):
            continue
        text = inspect.getdoc(public) or ""
        assert len(text) > 80, f"{name} has no docstring to speak of"
        assert ">>>" in text, f"{name} has no example"
        for parameter in inspect.signature(public).parameters.values():
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                assert re.search(rf"\b{parameter.name}\b", text), f"{name} does not document {parameter.name}"


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_public_names_that_take_arrays_state_shapes(paper: Paper) -> None:
    module = importlib.import_module(paper.module)
    for name in module.__all__:
        public = getattr(module, name)
        called = getattr(public, "forward", public) if inspect.isclass(public) else public
        annotations = str(inspect.signature(called)) if callable(called) else ""
        if "Tensor" in annotations or "ndarray" in annotations:
            text = (inspect.getdoc(public) or "") + (inspect.getdoc(called) or "")
            assert re.search(r"`\(.*?\)`|\bshape\b|torch\.Size", text), f"{name} states no shape"


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_the_experiment_has_settings_for_each_scale(paper: Paper) -> None:
    experiment = registry.experiment(paper)
    assert list(experiment.SCALES) == ["smoke", "laptop", "paper"]
    settings = list(experiment.SCALES.values())
    assert len({type(each) for each in settings}) == 1
    assert settings[0].__dataclass_params__.frozen


@pytest.mark.parametrize("paper", PAPERS, ids=SLUGS)
def test_a_benchmark_is_there(paper: Paper) -> None:
    assert (ROOT / "benchmarks" / f"{paper.slug.replace('-', '_')}.py").is_file()
