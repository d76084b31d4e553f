"""Makes `contract_rooms` importable for the tests of this folder."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("contract_rooms", Path(__file__).with_name("_rooms.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["contract_rooms"] = _module
_spec.loader.exec_module(_module)
