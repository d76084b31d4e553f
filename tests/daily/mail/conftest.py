"""A mail server for every test that asks for one."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for _name in ("server", "house"):
    _spec = importlib.util.spec_from_file_location(f"daily_mail_{_name}", Path(__file__).with_name(f"_{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = _module
    _spec.loader.exec_module(_module)

from daily_mail_server import Inbox, mail_server  # noqa: E402


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A mail server that takes everything until it is told otherwise."""
    with mail_server() as inbox:
        yield inbox


@pytest.fixture(autouse=True)
def _no_settings_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKINGPAPERS_SMTP_URL", "WORKINGPAPERS_MAIL_FROM", "WORKINGPAPERS_SECRET"):
        monkeypatch.delenv(name, raising=False)
