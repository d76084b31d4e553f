"""Makes `import torchvision`, and so `import timm`, work beside a CPU build of torch.

torchvision's Python code registers meta kernels for operators that its compiled part defines. A torchvision built for
a CUDA torch cannot load that part beside a CPU build of torch, and the import stops with "operator torchvision::nms
does not exist". Declaring the two schemas first is all that the import needs. The operators themselves stay unusable;
nothing here calls them.
"""

import importlib.util
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[torch.library.Library] = []  # a library's schemas live as long as it does


def allow_torchvision_import() -> bool:
    """Declare torchvision's operators where its compiled part cannot load; call before `import timm`.

    Acts only where torch is a CPU build, torchvision is installed, and its operators are not known by then. Where
    torchvision's own build fits torch, its operators are loaded first and nothing is declared. Calling it again does
    nothing.

    Returns:
        Whether the schemas were declared by this call.

    Example:
        >>> acted = allow_torchvision_import()
        >>> allow_torchvision_import()
        False
    """
    if torch.version.cuda is not None or torch.version.hip is not None or _declared:
        return False
    specification = importlib.util.find_spec("torchvision")
    if specification is None or _operators_known() or _compiled_part_loads(specification.submodule_search_locations):
        return False
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch gives no types
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]  # likewise
    _declared.append(library)
    return True


def _operators_known() -> bool:
    return hasattr(torch.ops.torchvision, "nms")


def _compiled_part_loads(folders: list[str] | None) -> bool:
    """Load the compiled operators as torchvision's import would; say whether that worked."""
    for folder in folders or []:
        for library in Path(folder).glob("_C.*"):
            try:
                torch.ops.load_library(library)  # type: ignore[no-untyped-call]  # likewise
            except OSError:
                return False
            return _operators_known()
    return False
