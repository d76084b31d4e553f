"""One list from two: reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""

from collections.abc import Sequence

K = 60
"""A hit counts 1 / (K + its rank) in each list that has it."""


def fused(*rankings: Sequence[int]) -> list[tuple[int, float]]:
    """The papers of all rankings with their sums, best first; equal ones in the order of the first ranking.

    Args:
        rankings: Papers, best first.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, paper in enumerate(ranking, 1):
            scores[paper] = scores.get(paper, 0.0) + 1 / (K + rank)
    return sorted(scores.items(), key=lambda hit: -hit[1])
