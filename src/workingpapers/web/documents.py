"""The OpenAPI document, with this page's own shape of errors in place of the framework's."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from workingpapers.web.api_shapes import ApiError

_DESCRIPTION = (
    "Every page is JSON too: add `.json` to its path. Under `/api` is the part of the Hugging Face Daily Papers API "
    'that its clients use. Errors always look like `{"error": {"type": …, "message": …}}`.'
)
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ApiError"}}}


def describe(app: FastAPI) -> None:
    """Have the app give this document at /openapi.json; it is made when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    own = ApiError.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= own.pop("$defs", {}) | {"ApiError": own}
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)  # what FastAPI would answer; ours is 400
            responses["default"] = {"description": "An error.", "content": _ERROR}
    return document
