"""Working Papers: research papers that work."""

__version__ = "0.1.0"
