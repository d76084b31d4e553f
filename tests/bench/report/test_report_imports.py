"""Reports need nothing heavy, and nothing at all before they are asked for."""

import subprocess
import sys


def test_import_is_light() -> None:
    code = "import sys, workingpapers.bench.report; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "numpy", "pandas", "matplotlib", "scipy", "jinja2", "rich", "markdown_it"}


def test_html_needs_no_numerics() -> None:
    code = "import sys, workingpapers.bench.report.html, workingpapers.bench.report.table; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "numpy", "pandas", "matplotlib", "scipy", "jinja2", "markdown_it"}
