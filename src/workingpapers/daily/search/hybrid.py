"""One list from two: a weighted sum of how well a paper fits by its words and by its meaning.

The score by words is divided by the best one of the query, because BM25 has no scale; the cosine stays as it is. On
held-back pairs (benchmarks/results/retrieval.md) this puts the right paper higher than reciprocal rank fusion
(Cormack, Clarke and Büttcher 2009) does, as Bruch, Gai and Ingber (2210.11934) found for other collections: ranks
forget by how much one hit is better than the next.
"""

from collections.abc import Mapping, Sequence

WEIGHT = 0.6
"""Of the cosine; the rest is that of the words."""

Ranking = Sequence[tuple[int, float]]


def combined(by_words: Ranking, by_meaning: Ranking, cosines: Mapping[int, float]) -> list[tuple[int, float]]:
    """The papers of both lists with their scores (at most 1), best first; equal ones newest first.

    Args:
        by_words: Papers and scores, best first.
        by_meaning: Papers and cosines, best first.
        cosines: Of the papers of the first list, where they are known; else they count as 0.
    """
    best = by_words[0][1] if by_words else 1.0
    scores = {paper: WEIGHT * value for paper, value in by_meaning}
    for paper, value in by_words:
        if paper not in scores:
            scores[paper] = WEIGHT * max(cosines.get(paper, 0.0), 0.0)
        scores[paper] += (1 - WEIGHT) * value / best
    return sorted(scores.items(), key=lambda hit: (-hit[1], -hit[0]))
