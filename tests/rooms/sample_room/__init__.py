"""A small room of a third party, for tests of the engine and of the command line."""

from sample_room.method import shrink

__all__ = ["shrink"]
