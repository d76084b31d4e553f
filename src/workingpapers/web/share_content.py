"""What badge and share card are drawn from."""

from dataclasses import dataclass

COLOURS = {"holds": "#1c6b40", "does not hold": "#a1261d", "undecided": "#775000", "not tested": "#57544c"}
"""The verdicts' colours on a light ground, as in reports; white on each has a contrast above 4.5."""


_MANY = {"holds": "hold", "does not hold": "do not hold"}


def counted(name: str, count: int) -> str:
    """How many claims have a verdict: `1 holds`, `4 hold`, `2 not tested`."""
    return f"{count} {_MANY.get(name, name) if count != 1 else name}"


@dataclass(frozen=True)
class ShareContent:
    """A paper as other sites show it.

    Args:
        title: Its title.
        authors: The first names.
        author_count: How many authors there are.
        arxiv: Its arXiv id.
        built: Whether it has a room.
        counts: Each verdict with how many claims have it; empty where nothing was measured.
        scale: At which scale.
    """

    title: str
    authors: tuple[str, ...]
    author_count: int
    arxiv: str | None
    built: bool
    counts: tuple[tuple[str, int], ...]
    scale: str | None

    @property
    def shown(self) -> tuple[tuple[str, int], ...]:
        """The verdicts that some claim has."""
        return tuple((name, count) for name, count in self.counts if count)

    @property
    def state(self) -> str:
        """What stands where there is no verdict."""
        return "not measured yet" if self.built else "not built yet"
