"""Help ends with examples, and imports nothing heavy; neither do the verbs that only read."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import workingpapers

VERBS = (
    "list",
    "show",
    "run",
    "check",
    "search",
    "report",
    "new",
    "serve",
    "add",
    "export",
    "import",
    "subscribe",
    "digest",
    "people",
)
HEAVY = ("torch", "numpy", "scipy", "pandas", "sklearn", "matplotlib", "ray", "jinja2")
_SPY = """
import sys
from workingpapers.cli.main import main
for command in sys.argv[2:]:
    assert main(command.split()) == 0, command
    print(command, *[name for name in sys.argv[1].split(",") if name in sys.modules], sep=": ", file=sys.stderr)
"""


def _imported(heavy: Sequence[str], *commands: str) -> list[str]:
    """What of the heavy packages is imported after each of some commands, in a process of their own."""
    words = [sys.executable, "-c", _SPY, ",".join(heavy), *commands]
    return subprocess.run(words, capture_output=True, text=True, check=True).stderr.splitlines()


def test_help_imports_nothing_heavy() -> None:
    commands = ["--help", *(f"{verb} --help" for verb in VERBS)]
    assert _imported(HEAVY, *commands) == commands


def test_reading_imports_no_torch(store: Path) -> None:
    commands = ["list", "show sample-room", "search mean", "check sample-room"]
    assert _imported(("torch", "pandas", "sklearn", "matplotlib", "ray"), *commands) == commands


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, workingpapers; sys.exit(any(name in sys.modules for name in {HEAVY}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_help_ends_with_examples(cli, verb: str) -> None:
    ran = cli(verb, "--help")
    assert ran.code == 0
    examples = ran.out.partition("Examples:")[2]
    assert f"$ workingpapers {verb}" in examples
    assert max(map(len, ran.out.splitlines())) <= 80
    for option in ("--format", "--debug"):
        assert option in ran.out


def test_no_argument_shows_help(cli) -> None:
    ran = cli()
    assert ran.code == 0
    assert all(verb in ran.out for verb in VERBS)
    assert ran.out.rstrip().endswith("$ workingpapers check arnet")


def test_version(cli) -> None:
    assert cli("--version").out == f"workingpapers {workingpapers.__version__}\n"


def test_the_installed_command() -> None:
    command = Path(sys.executable).with_name("workingpapers")
    for words in ([str(command)], [sys.executable, "-m", "workingpapers"]):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True, env=dict(os.environ))
        assert done.stdout.startswith("workingpapers ")
