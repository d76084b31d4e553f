"""Static files, whose address changes with their content, so that browsers may keep them."""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

_FOLDER = Path(__file__).parent / "static"


class PageFiles(StaticFiles):
    """The page's own files: kept for a year under an address with their hash, asked for again under one without."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        hashed = "v" in Request(scope).query_params
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response


@lru_cache(maxsize=64)
def static_address(name: str) -> str:
    """The address of a static file with the hash of its content."""
    digest = blake2b((_FOLDER / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"
