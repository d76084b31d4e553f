"""The hash of the code that a paper's numbers depend on: its room and, of our own, only what the room imports.

Comments, docstrings and layout do not count: the hash is of the syntax trees. The engine and the errors' texts do
not count either, nor the catalogue of data sets, whose contents are hashed where they are used.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import workingpapers
from workingpapers.errors import InvalidPaperError

_PACKAGE = "workingpapers"
_ROOT = Path(workingpapers.__file__).parent
_NOT_COUNTED = ("workingpapers.bench", "workingpapers.errors", "workingpapers.data.catalog")


def code_hash(module: str, folder: Path) -> str:
    """Hash (16 hexadecimal digits) of a room's code and of what it imports from `parts` and `data`.

    Args:
        module: Import path of the room.
        folder: Where the room lies; all its Python files count.

    Raises:
        InvalidPaperError: a file is not valid Python.
    """
    found: dict[str, str] = {}
    waiting: list[str] = []
    for path in sorted(folder.glob("*.py")):
        digest, imports = _file(path, path.stat().st_mtime_ns, module)
        found[f"room/{path.name}"] = digest
        waiting += imports
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        source = _source(name)
        if name in seen or source is None or name.startswith(module):
            continue
        seen.add(name)
        package = name if source.name == "__init__.py" else name.rpartition(".")[0]
        digest, imports = _file(source, source.stat().st_mtime_ns, package)
        found[name] = digest
        waiting += imports
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(found.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _source(name: str) -> Path | None:
    """The file of a module of ours that counts, without importing it."""
    if not name.startswith(_PACKAGE + ".") or any(name == out or name.startswith(out + ".") for out in _NOT_COUNTED):
        return None
    base = _ROOT.joinpath(*name.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _file(path: Path, modified: int, package: str) -> tuple[str, tuple[str, ...]]:
    """Digest of a file's syntax tree, and the modules that it imports. `modified` only keys the cache."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise InvalidPaperError(f"{path}:{line}: not valid Python: {getattr(error, 'msg', error)}") from error
    digest = hashlib.sha256()
    for piece in _pieces(tree):
        digest.update(piece.encode())
    return digest.hexdigest(), tuple(_imports(tree, package))


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _pieces(node: object) -> Iterator[str]:
    """The tree as text, alike in every Python version: node names and fields that hold something."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list) and _is_docstring(node, value):
                value = value[1:]
            if value not in (None, []) and name not in ("ctx", "type_comment", "kind"):
                yield f" {name}="
                yield from _pieces(value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _pieces(item)
    else:
        yield repr(node)


def _is_docstring(node: ast.AST, body: list[ast.stmt]) -> bool:
    return (
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
