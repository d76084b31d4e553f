"""Real data sets by name, from the user's path or an installed package; nothing is ever downloaded."""

import difflib
import importlib
import os
from collections.abc import Callable
from pathlib import Path

from workingpapers.data.dataset import Dataset
from workingpapers.errors import DataNotFoundError, UnknownNameError

# name -> "module:function"; the function is given the user's path or None and returns a Dataset
_LOADERS: dict[str, str] = {
    "digits": "workingpapers.data.images:digits",
    "photographs": "workingpapers.data.images:photographs",
    "mnist": "workingpapers.data.benchmark_images:mnist",
    "fashion-mnist": "workingpapers.data.benchmark_images:fashion_mnist",
    "cifar10": "workingpapers.data.benchmark_images:cifar10",
    "orl-faces": "workingpapers.data.faces:orl_faces",
    "python-help": "workingpapers.data.texts:python_help",
    "breast-cancer": "workingpapers.data.tables:breast_cancer",
    "sunspots": "workingpapers.data.series:sunspots",
    "co2": "workingpapers.data.series:co2",
    "nile": "workingpapers.data.series:nile",
    "elnino": "workingpapers.data.series:elnino",
    "celegans": "workingpapers.data.connectomes:celegans",
    "glass": "workingpapers.data.compositions:glass",
    "pottery": "workingpapers.data.compositions:pottery",
    "lavas": "workingpapers.data.compositions:lavas",
    "roman-cups": "workingpapers.data.compositions:roman_cups",
}


def names() -> list[str]:
    """The names that `load` knows."""
    return sorted(_LOADERS)


def load(name: str, path: str | Path | None = None) -> Dataset:
    """Load a data set by name.

    Looks at `path`, then at the environment variable `WORKINGPAPERS_DATA_<NAME>`, then in installed packages.

    Raises:
        UnknownNameError: no data set of that name; the nearest names are given.
        DataNotFoundError: nothing lies at the path.
        MissingExtraError: the package that ships it is not installed.
    """
    if name not in _LOADERS:
        near = difflib.get_close_matches(name, _LOADERS, n=3, cutoff=0.0)
        raise UnknownNameError(f"no data set is called {name!r}; the nearest are {', '.join(near)}")
    given = path or os.environ.get(f"WORKINGPAPERS_DATA_{name.upper().replace('-', '_')}")
    if given is not None and not Path(given).exists():
        raise DataNotFoundError(f"data set {name!r}: nothing lies at {str(given)!r}; give the path of an existing file")
    module, function = _LOADERS[name].split(":")
    loader: Callable[[Path | None], Dataset] = getattr(importlib.import_module(module), function)
    return loader(Path(given) if given is not None else None)
