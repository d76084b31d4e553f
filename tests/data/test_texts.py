"""The help texts of Python, and a user's own text in their place."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from workingpapers.data.catalog import load
from workingpapers.errors import InvalidParameterError, MissingExtraError


def test_python_help_is_english_prose_about_python() -> None:
    data = load("python-help")
    topics = dict(zip(data["names"].tolist(), data["text"].tolist(), strict=True))
    assert list(topics) == sorted(topics)
    assert topics["lambda"].startswith("Lambdas\n*******")
    words = " ".join(topics.values()).lower().split()
    assert len(words) > 50_000
    assert words.count("the") > 2000
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in data.source


def test_a_users_text_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("Ein Satz für sich.\n", encoding="utf-8")
    data = load("python-help", path)
    assert (data["text"].tolist(), data["names"].tolist()) == (["Ein Satz für sich.\n"], ["own"])
    path.write_text(" \n")
    with pytest.raises(InvalidParameterError, match="holds no text"):
        load("python-help", path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidParameterError, match="UTF-8"):
        load("python-help", path)
    with pytest.raises(InvalidParameterError, match="UTF-8"):
        load("python-help", tmp_path)


def test_a_python_without_help_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pydoc_data.topics":
            raise ImportError(name)
        return importlib.__import__(name, *args, **kwargs)

    monkeypatch.setattr("workingpapers.data.texts.import_module", without)
    with pytest.raises(MissingExtraError, match=r"pydoc_data\.topics"):
        load("python-help")
