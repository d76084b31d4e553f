"""Which layers "auto" means: the outputs of a classifier's stages, each with the activation and pooling after it."""

from torch import nn

from workingpapers.errors import InvalidParameterError

_NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def stage_names(model: nn.Module) -> list[str]:
    """Names of the layers that give out what a classifier's stages compute, without its last layer.

    Of a timm model, what its `feature_info` lists. Of an `nn.Sequential`, the last module before each new layer with
    weights, so that batch norm, activation and pooling belong to the layer before them. Of any other module, its
    children that have children, or, where there are none, its layers with weights. What comes last is the classifier
    and is left out.

    Args:
        model: A classifier.

    Returns:
        Names as in `model.named_modules()`, in order.

    Raises:
        InvalidParameterError: nothing is found; the message lists names.

    Example:
        >>> stage_names(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)))
        ['1', '3']
    """
    names = _listed(model) or _found(model, "", drop_last=True)
    if not names:
        known = ", ".join(name for name, _ in list(model.named_modules())[1:12]) or "none"
        raise InvalidParameterError(f"layers='auto' finds no stage before the classifier; name layers, among {known}")
    return names


def _listed(model: nn.Module) -> list[str]:
    known = dict(model.named_modules())
    entries = getattr(model, "feature_info", None) or []
    try:
        names = [str(entry["module"]) for entry in entries]
    except (TypeError, KeyError):
        return []
    return [name for name in dict.fromkeys(names) if name in known]


def _found(module: nn.Module, prefix: str, *, drop_last: bool) -> list[str]:
    children = [(f"{prefix}{name}", child) for name, child in module.named_children()]
    weighted = [(name, child) for name, child in children if _has_weights(child)]
    if drop_last:
        layers = [name for name, child in weighted if not isinstance(child, _NORMS)]
        if not layers:
            return []
        end = [name for name, _ in children].index(layers[-1])
        children = children[:end]
        weighted = [(name, child) for name, child in children if _has_weights(child)]
    if isinstance(module, nn.Sequential):
        starts = [i for i, (_, child) in enumerate(children) if _has_weights(child) and not isinstance(child, _NORMS)]
        if len(starts) == 1 and isinstance(children[starts[0]][1], nn.Sequential | nn.ModuleList):
            name, child = children[starts[0]]
            return _found(child, f"{name}.", drop_last=False)
        return [children[end - 1][0] for end in [*starts[1:], len(children)]] if starts else []
    blocks = [(name, child) for name, child in weighted if any(True for _ in child.children())]
    if len(blocks) == 1:
        return _found(blocks[0][1], f"{blocks[0][0]}.", drop_last=False)
    if blocks and not isinstance(module, nn.ModuleList):
        return [
            each
            for name, child in blocks
            for each in (_found(child, f"{name}.", drop_last=False) if isinstance(child, nn.ModuleList) else [name])
        ]
    return [name for name, child in weighted if not isinstance(child, _NORMS)]


def _has_weights(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())
