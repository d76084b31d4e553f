"""The documents do not lag behind the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_generated_documents_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "write_tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run `python docs/write_tables.py`:\n{done.stderr}"


@pytest.mark.parametrize("number", range(len(re.findall(r"```python\n", (ROOT / "README.md").read_text()))))
def test_the_readmes_snippets_run(number: int) -> None:
    snippet = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[number]
    expected = re.findall(r"print\(.*\)\s+# (.*)$", snippet, re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines() == expected


def test_the_readmes_files_are_there() -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
