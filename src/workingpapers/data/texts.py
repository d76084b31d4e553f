"""English prose to model: the help texts that Python itself ships. A user's text file takes their place."""

import platform
from importlib import import_module
from pathlib import Path

import numpy as np

from workingpapers.data.dataset import Dataset
from workingpapers.errors import InvalidParameterError, MissingExtraError


def python_help(path: Path | None = None) -> Dataset:
    """The help topics of Python's language reference, in the order of their names: some 65 000 words of English.

    The text is that of the interpreter at hand, so it differs between versions of Python: `source` names the version.

    Args:
        path: A text file in UTF-8 in its place, one document; None for Python's own.

    Returns:
        `text`, strings, `(n,)`: a document each; `names`, strings, `(n,)`: the topic of each.

    Raises:
        InvalidParameterError: the file at `path` is no text in UTF-8 or is empty.
        MissingExtraError: this Python was built without its help texts.

    Example:
        >>> data = python_help()
        >>> "lambda" in data["names"], sum(len(one.split()) for one in data["text"]) > 50_000
        (True, True)
    """
    if path is not None:
        return _own("python-help", path)
    try:
        topics: dict[str, str] = import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise MissingExtraError(
            "data set 'python-help': this Python has no module pydoc_data.topics, which python.org's builds hold; "
            "give a text file of your own by path"
        ) from error
    names = sorted(topics)
    return Dataset(
        name="python-help",
        source=f"Python {platform.python_version()}, pydoc_data.topics",
        licence="PSF-2.0",
        arrays={"text": np.array([topics[name] for name in names]), "names": np.array(names)},
        about="Topics of Python's language reference as plain text",
    )


def _own(name: str, path: Path) -> Dataset:
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InvalidParameterError(
            f"data set {name!r}: {str(path)!r} is no text in UTF-8 ({error}); save it as plain text in UTF-8"
        ) from error
    if not text.strip():
        raise InvalidParameterError(f"data set {name!r}: {str(path)!r} holds no text; give a file with some words")
    return Dataset(
        name=name,
        source=str(path),
        licence="the user's own",
        arrays={"text": np.array([text]), "names": np.array([path.stem])},
    )
