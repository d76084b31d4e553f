"""The ranker: folding, stemming, weights, rarity, order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workingpapers.bench.protocols import Claim, Paper
from workingpapers.bench.search import fold, search, stem

CLAIM = Claim(
    "cost", "The cost grows linearly.", "ratio", "s", "< 1", "section 1", no_control="nothing to remove", seeds=1
)
PAPER = Paper(
    slug="one",
    title="One",
    arxiv="2601.00001",
    published="2026-01-01",
    authors=("Ada Example",),
    topics=("vision",),
    summary="About things.",
    code=None,
    licence=None,
    usage="pass",
    seeds={"smoke": 1, "laptop": 5, "paper": 10},
    claims=(CLAIM,),
    module="one",
    folder=Path("one"),
)


def paper(slug: str, **changes: Any) -> Paper:
    return replace(PAPER, slug=slug, **changes)


def slugs(papers: list[Paper], query: str) -> list[str]:
    return [hit.paper.slug for hit in search(papers, query)]


@pytest.mark.parametrize(
    ("word", "stemmed"),
    [
        ("heads", "head"),
        ("queries", "query"),
        ("losses", "loss"),
        ("loss", "loss"),
        ("boxes", "box"),
        ("batches", "batch"),
        ("series", "series"),
        ("bias", "bia"),
        ("analysis", "analysis"),
        ("gaus", "gaus"),
        ("gas", "gas"),
    ],
)
def test_stem(word: str, stemmed: str) -> None:
    assert stem(word) == stemmed


def test_fold() -> None:
    assert fold("Núñez") == "nunez"
    assert fold("STRASSE") == fold("Straße")


def test_a_title_counts_more_than_a_summary_and_that_more_than_a_claim() -> None:
    claims = (replace(CLAIM, says="Fourier mixing."),)
    papers = [
        paper("c", claims=claims),
        paper("b", summary="Fourier mixing."),
        paper("a", title="Fourier mixing"),
        paper("d"),
    ]
    assert slugs(papers, "fourier") == ["a", "b", "c"]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    papers = [paper(f"common-{number}", summary="attention heads") for number in range(5)]
    papers.append(paper("rare", summary="reversed heads"))
    assert slugs(papers, "attention reversed")[0] == "rare"


def test_more_of_the_words_beat_fewer() -> None:
    papers = [paper("half", title="order order order"), paper("both", summary="order invariance of things")]
    assert slugs(papers, "order invariance")[0] == "both"


def test_the_beginning_of_a_word_finds_it_below_the_word_itself() -> None:
    papers = [paper("begins", title="autoregression"), paper("whole", title="auto models"), paper("none")]
    assert slugs(papers, "auto") == ["whole", "begins"]
    assert slugs(papers, "aut") == []  # too short to mean a beginning


def test_matched_words_are_those_of_the_paper() -> None:
    (hit,) = search([paper("one", title="Fourier Heads", authors=("José Núñez",))], "head nunez fourier missing")
    assert hit.matched == ("heads", "núñez", "fourier")


def test_stop_words_are_passed_over_unless_there_are_no_others() -> None:
    papers = [paper("one", summary="with the end"), paper("two", title="Fourier", summary="nothing")]
    assert slugs(papers, "the fourier") == ["two"]
    assert slugs(papers, "with") == ["one"]


def test_slug_arxiv_and_topics_are_searched() -> None:
    papers = [paper("heads-ssm"), paper("other", arxiv="1911.12436"), paper("third", topics=("time series",))]
    assert slugs(papers, "heads-ssm")[0] == "heads-ssm"
    assert slugs(papers, "1911.12436")[0] == "other"
    assert slugs(papers, "time series") == ["third"]


def test_equal_scores_are_in_the_order_of_slugs() -> None:
    papers = [paper("b", title="Same"), paper("a", title="Same")]
    assert slugs(papers, "same") == ["a", "b"]


def test_nothing_to_find() -> None:
    assert search([], "word") == []
    assert search([PAPER], "") == []
    assert search([PAPER], "zzz") == []
