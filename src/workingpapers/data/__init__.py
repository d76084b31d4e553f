"""Real data sets by name, generators, and loaders for data the user brings."""

from workingpapers.data.catalog import load, names
from workingpapers.data.dataset import Dataset

__all__ = ["Dataset", "load", "names"]
