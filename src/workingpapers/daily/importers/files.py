"""Reading a file that somebody names, as text."""

from pathlib import Path

from workingpapers.errors import InvalidParameterError

LARGEST = 256 << 20


def read_text(path: Path) -> str:
    """The text of a file in UTF-8.

    Raises:
        InvalidParameterError: there is no such file, it cannot be read, it is too big, or it is not in UTF-8.
    """
    try:
        if path.is_dir():
            raise InvalidParameterError(f"{str(path)!r} is a folder; name a file in it")
        if path.stat().st_size > LARGEST:
            raise InvalidParameterError(f"{str(path)!r} is larger than {LARGEST >> 20} MiB; split it")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameterError(
            f"{str(path)!r} is not in UTF-8: the byte at {error.start} does not fit; save it as UTF-8"
        ) from error
    except OSError as error:
        raise InvalidParameterError(f"{str(path)!r} cannot be read: {error.strerror}; name another file") from error
