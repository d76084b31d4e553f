"""What the functions of this room check about their arguments."""

from collections.abc import Mapping

from torch import Tensor

from workingpapers.errors import InvalidParameterError, WorkingPapersError


def same_shapes(first: Mapping[str, Tensor], second: Mapping[str, Tensor], names: tuple[str, str]) -> None:
    """Both hold the same names with the same shapes.

    Raises:
        InvalidParameterError: they do not; the message gives the first mismatch.
    """
    for key in (*first, *(key for key in second if key not in first)):
        for mine, other in ((0, 1), (1, 0)):
            if key not in (first, second)[mine]:
                raise InvalidParameterError(
                    f"{names[0]} and {names[1]} do not fit: {names[mine]} lacks {key!r}, which {names[other]} has; "
                    "give two of the same architecture"
                )
        if first[key].shape != second[key].shape:
            raise InvalidParameterError(
                f"{names[0]} and {names[1]} do not fit: {key!r} has shape {tuple(first[key].shape)} in {names[0]} and "
                f"{tuple(second[key].shape)} in {names[1]}; give two of the same architecture"
            )


class DivergedError(WorkingPapersError, FloatingPointError):
    """A loss is NaN or infinite; the message names the step."""
