"""Where a benchmark was measured, and keeping what it measured: shared by the scripts beside this file."""

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from workingpapers.bench.environment import describe

RESULTS = Path(__file__).parent / "results"


def environment(*packages: str, **more: Any) -> dict[str, Any]:
    """Date, versions of Python, torch and the packages named (or "not installed"), processor, and what is given."""
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", *packages)},
        "cpu": describe()["cpu"],
        **more,
    }


def version(package: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def keep(name: str, title: str, where: dict[str, Any], table: str, notes: Sequence[str], **measured: Any) -> None:
    """Write `results/<name>.json` (environment, notes, `measured`) and `results/<name>.md` (title, table, notes)."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {"environment": where, **measured, "notes": list(notes)}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2).replace("NaN", "null") + "\n")
    setting = ", ".join(f"{key} {value}" for key, value in where.items())
    (RESULTS / f"{name}.md").write_text("\n\n".join((f"# {title}", table, *notes, f"Measured with {setting}.")) + "\n")
