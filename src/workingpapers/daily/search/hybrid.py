"""One list from two: a weighted sum of how well a paper fits by its words and by its meaning.

Both are absolute: the cosine, and BM25 as a share of the most that a paper could get for the query. So a paper that
holds one of two words does not count as if it held both because no other does. On held-back pairs this puts the right
paper at least as high as reciprocal rank fusion (Cormack, Clarke and Büttcher 2009) does (benchmarks/results/
retrieval.md); a weighted sum was also the better one in Bruch, Gai and Ingber (2210.11934): ranks forget by how much
one hit is better than the next.
"""

from collections.abc import Mapping, Sequence

WEIGHT = 0.4
"""Of the cosine; the rest is that of the words."""

Ranking = Sequence[tuple[int, float]]


def combined(by_words: Ranking, by_meaning: Ranking, cosines: Mapping[int, float]) -> list[tuple[int, float]]:
    """The papers of both lists with their scores (at most 1), best first; equal ones newest first.

    Args:
        by_words: Papers and scores, best first.
        by_meaning: Papers and cosines, best first.
        cosines: Of the papers of the first list, where they are known; else they count as 0.
    """
    scores = {paper: WEIGHT * value for paper, value in by_meaning}
    for paper, value in by_words:
        if paper not in scores:
            scores[paper] = WEIGHT * max(cosines.get(paper, 0.0), 0.0)
        scores[paper] += (1 - WEIGHT) * value
    return sorted(scores.items(), key=lambda hit: (-hit[1], -hit[0]))
