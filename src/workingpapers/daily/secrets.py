"""The page's secret, with which it signs addresses such as those that end a subscription. There is no default."""

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from workingpapers.daily.database import Database
from workingpapers.daily.tables import NoteRow
from workingpapers.errors import InvalidParameterError, StoreError

ENVIRONMENT = "WORKINGPAPERS_SECRET"
MIN_LENGTH = 32

_REMEMBERED = "secret"


def page_secret(database: Path) -> bytes:
    """The secret of the page with this database: from $WORKINGPAPERS_SECRET, else from the file beside the database,
    which is made on first use and which only its owner may read.

    Raises:
        InvalidParameterError: the one from the environment is too short to be one.
        StoreError: the file cannot be made or read, is damaged, or others may read it.
    """
    if text := os.environ.get(ENVIRONMENT):
        if len(text) < MIN_LENGTH:
            raise InvalidParameterError(
                f"{ENVIRONMENT} has {len(text)} characters; give at least {MIN_LENGTH} random ones, "
                'such as from `python -c "import secrets; print(secrets.token_urlsafe(32))"`'
            )
        return hashlib.sha256(text.encode()).digest()
    path = secret_file(database)
    if not path.exists():
        _make(path)
    return _read(path)


def secret_file(database: Path) -> Path:
    """Where the secret lies: beside the database, under its name with `.secret` at the end."""
    return database.with_name(f"{database.name}.secret")


def signature(secret: bytes, purpose: str, text: str) -> str:
    """What proves that this page wrote `text` for a purpose; 43 letters that an address can hold."""
    mac = hmac.new(secret, f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def remember_secret(database: Database, secret: bytes) -> None:
    """Note which secret the page signs with, as a hash, so that a process with another one can be told."""
    mark = signature(secret, "remembered", "")
    with database.read() as session:
        known = session.get(NoteRow, _REMEMBERED)
    if known is None or known.value != mark:
        with database.write() as session:
            session.merge(NoteRow(name=_REMEMBERED, value=mark))


def check_secret(database: Database, secret: bytes) -> None:
    """Refuse to sign with another secret than the page's: what it signs, the page would not know.

    Raises:
        InvalidParameterError: the page was last served, or mails last sent, with another secret.
    """
    with database.read() as session:
        known = session.get(NoteRow, _REMEMBERED)
    if known is not None and known.value != signature(secret, "remembered", ""):
        raise InvalidParameterError(
            f"the page's secret is another one here than where {database.path} was used last, so the links in these "
            f"mails would not work; set {ENVIRONMENT} as it is set there, or, to change it, start "
            "`workingpapers serve` with the new one"
        )


def _read(path: Path) -> bytes:
    try:
        open_to_others = os.name == "posix" and path.stat().st_mode & 0o077
        text = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read the page's secret {path}: {error}; or set {ENVIRONMENT}") from error
    if open_to_others:
        raise StoreError(f"others may read the page's secret {path}; run `chmod 600 {path}`, or set {ENVIRONMENT}")
    if len(text) < MIN_LENGTH:
        raise StoreError(
            f"the page's secret {path} is damaged: {len(text)} characters instead of at least {MIN_LENGTH}; "
            "delete it for a new one (addresses in mails that were sent stop working)"
        )
    return hashlib.sha256(text.encode()).digest()


def _make(path: Path) -> None:
    """Write a new secret whole under another name, then give it its name unless another process was first."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 600 from the start
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the file of the page's secret {path}: {error.strerror or error}; "
            f"let the folder be written to, or set {ENVIRONMENT}"
        ) from error
