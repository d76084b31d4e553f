"""Shrinkage of a mean towards zero."""


def shrink(values: list[float], factor: float) -> float:
    """The mean of `values` times `factor`."""
    return factor * sum(values) / len(values)
