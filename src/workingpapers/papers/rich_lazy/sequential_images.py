"""Pictures read row by row: the label is due at the last row."""

import numpy as np
import torch
from torch import Tensor


class SequentialImages:
    """Pictures as sequences of rows; only the last step has a label, the others are ignored (-100).

    Args:
        images: `(n, rows, columns)`.
        labels: `(n,)`, from 0.

    Example:
        >>> x, y = SequentialImages(np.zeros((9, 8, 6), np.float32), np.arange(9)).batch(4)
        >>> x.shape, y.shape
        (torch.Size([8, 4, 6]), torch.Size([8, 4]))
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images = torch.as_tensor(images, dtype=torch.float32)
        self.labels = torch.as_tensor(labels, dtype=torch.int64)
        self.input_size = self.images.shape[2]
        self.output_size = int(self.labels.max()) + 1

    def batch(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Inputs `(rows, n, columns)` and labels `(rows, n)`."""
        drawn = torch.randint(len(self.labels), (n,), generator=generator)
        y = torch.full((self.images.shape[1], n), -100)
        y[-1] = self.labels[drawn]
        return self.images[drawn].transpose(0, 1).contiguous(), y
