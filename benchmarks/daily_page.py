"""Speed of the daily page beside datasette on the same table: `python benchmarks/daily_page.py [--write]`.

Both are started as processes of their own on loopback and asked one request after the other over one kept-alive
connection; then four connections at once for the throughput. "Again" asks for one address again and again, "anew" for
another address each time, so that no answer is a kept one. Once with the catalogue's forty papers, once with 100,000
papers of generated metadata. Their embeddings are those of a few real texts with noise: what a search costs does not
depend on the values, and embedding so many texts takes an hour.

datasette is taken from --datasette PATH (`python -m venv X && X/bin/pip install datasette`); without it its columns
stay empty.
"""

import argparse
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, product
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote_plus

import numpy as np
from measured_on import environment, keep

from workingpapers.bench.environment import cores
from workingpapers.daily.catalogue import sync_catalogue
from workingpapers.daily.database import Database
from workingpapers.daily.measurements import sync_measurements
from workingpapers.daily.papers import PaperEntry, add_papers
from workingpapers.daily.search.dense import MiniLMEncoder
from workingpapers.daily.search.vectors import Vectors

ABOUT = (
    "Milliseconds of a request over one connection, and requests a second over four. `again` asks for one address, "
    "which the page answers from what it kept; `anew` for another one each time. The forty papers are the "
    "catalogue's; the metadata of the 100,000 are generated, and their embeddings those of some real texts with "
    "noise. datasette runs with its default settings, immutable (`-i`)."
)
SIZES = (40, 100_000)
LIMITS_MS = {40: {"p50": 5.0, "p99": 50.0}, 100_000: {"p50": 25.0}}
READY_LIMIT_S = 1.0
STARTS = 3
CONNECTIONS = 4
WARM_UP = 5
_FRESH = count()


@dataclass(frozen=True)
class Scenario:
    """What is asked of both.

    Args:
        name: In words.
        ours: Path at our page; `{fresh}` is another number and `{query}` another query each time.
        theirs: Path at datasette.
        limited: Whether the limits on p50 and p99 apply.
    """

    name: str
    ours: str
    theirs: str
    limited: bool = True


ROWS = "/daily/papers"
SCENARIOS = (
    Scenario("feed, again", "/", f"{ROWS}?_size=40&_sort_desc=listed"),
    Scenario("feed, anew", "/?fresh={fresh}", f"{ROWS}?_size=40&_sort_desc=listed&_fresh={{fresh}}"),
    Scenario(
        "feed as JSON, anew", "/index.json?fresh={fresh}", f"{ROWS}.json?_size=40&_sort_desc=listed&_fresh={{fresh}}"
    ),
    Scenario("search, again", "/search?q=order+sets", f"{ROWS}?_size=20&_search=order+sets"),
    Scenario("search, anew", "/search?q={query}", f"{ROWS}?_size=20&_search={{query}}"),
    Scenario("search as JSON, anew", "/search.json?q={query}", f"{ROWS}.json?_size=20&_search={{query}}"),
    Scenario(
        "search by words, JSON, anew", "/search.json?mode=words&q={query}", f"{ROWS}.json?_size=20&_search={{query}}"
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/daily_page.json and .md")
    parser.add_argument("--datasette", default=shutil.which("datasette"), help="datasette's command")
    parser.add_argument("--requests", type=int, default=300, help="requests of each kind")
    parser.add_argument("--seconds", type=float, default=30.0, help="longest time for requests of one kind")
    parser.add_argument("--folder", help="keep the databases here, and use those that are there")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="how many papers")
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    with nullcontext(arguments.folder) if arguments.folder else tempfile.TemporaryDirectory() as folder:
        rows, starts = [], {}
        for size in arguments.sizes:
            path = Path(folder) / str(size) / "daily.sqlite"
            if not path.exists():
                fill(path, size)
            queries = Queries(path)
            table = datasette_copy(path)
            starts[size] = {"ours": start_s(ours(path)), "theirs": None}
            with running(ours(path)) as address:
                taken = [
                    measure(address, one.ours, queries, arguments.requests, arguments.seconds) for one in SCENARIOS
                ]
            beside: list[dict[str, float] | None] = [None] * len(SCENARIOS)
            if arguments.datasette:
                command = theirs(arguments.datasette, table)
                starts[size]["theirs"] = start_s(command)
                with running(command) as address:
                    beside = [
                        measure(address, one.theirs, queries, arguments.requests, arguments.seconds)
                        for one in SCENARIOS
                    ]
            rows += [
                {"papers": size, "scenario": one.name, "ours": mine, "datasette": other}
                for one, mine, other in zip(SCENARIOS, taken, beside, strict=True)
            ]
    ready = [{"papers": size, **one} for size, one in starts.items()]
    notes = [
        ABOUT,
        starts_table(ready),
        f"{arguments.requests} requests of each kind, fewer where those took {arguments.seconds:g} s.",
    ]
    print(requests_table(rows), *notes, sep="\n\n")
    if arguments.write:
        where = conditions(arguments.datasette, load_before)
        amount = {"requests": arguments.requests, "seconds": arguments.seconds}
        title = "The daily page beside datasette"
        keep("daily_page", title, where, requests_table(rows), notes, **amount, ready_s=ready, rows=rows)


def fill(path: Path, size: int) -> None:
    """The catalogue with its measurements, and generated papers up to `size`, all embedded."""
    database = Database(path)
    sync_catalogue(database)
    sync_measurements(database, path.parent / "runs")
    encoder = MiniLMEncoder()
    Vectors(database, encoder).ensure()
    with database.read() as session:
        there = session.connection().exec_driver_sql("SELECT count(*) FROM papers").scalar_one()
    entries = generated(size - there)
    while some := [entry for _, entry in zip(range(10_000), entries, strict=False)]:
        with database.write() as session:
            add_papers(session, some)
    Vectors(database, Noisy(encoder)).ensure()
    database.close()


class Noisy(MiniLMEncoder):
    """Embeds a few real texts, and gives every paper one of these with noise."""

    chunk = 10_000

    def __init__(self, real: MiniLMEncoder) -> None:
        self._real = real
        self._generator = np.random.default_rng(0)
        self._some: np.ndarray | None = None

    def encode(self, texts: Any) -> list[bytes]:
        """Vectors of length one that lie near those of texts."""
        if self._some is None:
            self._some = np.stack([np.frombuffer(vector, "<f4") for vector in self._real.encode(texts[:500])])
        noise = self._generator.standard_normal((len(texts), self._some.shape[1])) / self._some.shape[1] ** 0.5
        vectors = self._some[self._generator.integers(len(self._some), size=len(texts))] + 0.5 * noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return [row.tobytes() for row in vectors.astype("<f4")]

    def index(self, old: Any, ids: Any, stored: Any) -> Any:
        """As the real one makes it."""
        return self._real.index(old, ids, stored)


def generated(size: int) -> Iterator[PaperEntry]:
    """Papers whose words are as unequally frequent as in English; the frequent ones are the catalogue's."""
    chance = random.Random(0)
    vocabulary = [*catalogue_words(), *("".join(parts) for parts in product(_PARTS, repeat=4))]
    weights = np.cumsum([1 / (rank + 10) for rank in range(len(vocabulary))]).tolist()
    for number in range(size):
        words = chance.choices(vocabulary, cum_weights=weights, k=160)
        listed = date(2026, 11, 23) - timedelta(days=number // 40)
        yield PaperEntry(
            title=" ".join(words[:9]).capitalize(),
            summary=" ".join(words[9:]).capitalize() + ".",
            authors=tuple(f"{words[place].title()} {words[place + 1].title()}" for place in (20, 30, 40)),
            published=listed,
            listed=listed,
            arxiv=f"{listed.year % 100:02}{listed.month:02}.{number % 100_000:05}" if listed.year >= 2015 else None,
            topics=(f"Topic {number % 30}",),
            source="arxiv",
            upvotes=number % 50,
        )


_PARTS = (
    "ba",
    "cor",
    "del",
    "fen",
    "gol",
    "hin",
    "jas",
    "kel",
    "lum",
    "mir",
    "nov",
    "os",
    "pra",
    "quil",
    "ros",
    "sten",
)


def catalogue_words() -> list[str]:
    """The words of the catalogue's summaries."""
    from workingpapers.daily.catalogue import read_catalogue

    text = " ".join(f"{entry.title} {entry.summary}" for entry in read_catalogue())
    return sorted(set(re.findall("[a-z]{4,}", text.lower())))


class Queries:
    """Queries of two or three words of the papers, no two the same."""

    def __init__(self, path: Path) -> None:
        self._chance = random.Random(1)
        self._words = catalogue_words()
        self._seen: set[str] = set()

    def next(self) -> str:
        """Another one."""
        while (query := " ".join(self._chance.sample(self._words, self._chance.choice((2, 3))))) in self._seen:
            pass
        self._seen.add(query)
        return query


def datasette_copy(path: Path) -> Path:
    """The same database in one file, with what datasette needs to know to search it."""
    copy = path.with_name("copy") / "daily.db"
    shutil.rmtree(copy.parent, ignore_errors=True)
    copy.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    tables = {"papers": {"fts_table": "paper_text", "fts_pk": "id"}}
    copy.with_name("metadata.json").write_text(json.dumps({"databases": {"daily": {"tables": tables}}}))
    return copy


def ours(path: Path) -> list[str]:
    """Our server's command, without port."""
    store = str(path.parent / "runs")
    return [sys.executable, "-m", "workingpapers", "serve", "--database", str(path), "--store", store, "--port"]


def theirs(command: str, table: Path) -> list[str]:
    """datasette's command, without port. The file is said not to change, which lets it count rows once."""
    return [command, "serve", "-i", str(table), "-m", str(table.with_name("metadata.json")), "--port"]


@contextmanager
def running(command: list[str]) -> Iterator[tuple[str, int]]:
    """A server that answers, ended at the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile("w+"))
        process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=said)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        deadline = time.monotonic() + 120
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said.seek(0)
                raise RuntimeError(f"{' '.join(command)} does not answer: {said.read()}")
            time.sleep(0.002)
        yield "127.0.0.1", port


def answers(port: int) -> bool:
    """Whether a request is answered with 200."""
    try:
        with Connection("127.0.0.1", port) as connection:
            connection.get("/")
            return True
    except (OSError, ValueError):
        return False


def start_s(command: list[str]) -> float:
    """Median seconds from the command to the first page that is answered."""
    taken = []
    for _ in range(STARTS):
        start = time.perf_counter()
        with running(command):
            taken.append(time.perf_counter() - start)
    return round(median(taken), 3)


class Connection:
    """One kept-alive connection that asks and reads, nothing more, so that the client costs little."""

    def __init__(self, host: str, port: int) -> None:
        self._host = f"{host}:{port}"
        self._socket = socket.create_connection((host, port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", buffering=1 << 16)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def get(self, path: str) -> int:
        """Ask for a path and read all of the answer; its size."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: */*\r\n\r\n".encode())
        status = self._file.readline()
        length, chunked = None, False
        while (line := self._file.readline().lower()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
            chunked = chunked or (name == b"transfer-encoding" and b"chunked" in value)
        body = self._chunks() if chunked else len(self._file.read(length or 0))
        if b" 200 " not in status:
            raise ValueError(f"{path}: {status.decode()}")
        return body

    def _chunks(self) -> int:
        whole = 0
        while size := int(self._file.readline(), 16):
            whole += len(self._file.read(size))
            self._file.readline()
        self._file.readline()
        return whole


def measure(address: tuple[str, int], path: str, queries: Queries, requests: int, longest_s: float) -> dict[str, float]:
    """Milliseconds of a request over one connection, and requests a second over several; fewer where that is slow."""

    def paths(number: int) -> list[str]:
        return [
            path.replace("{fresh}", str(next(_FRESH))).replace("{query}", quote_plus(queries.next()))
            if "{" in path
            else path
            for _ in range(number)
        ]

    def ask(wanted: Iterable[str]) -> list[float]:
        taken: list[float] = []
        with Connection(*address) as connection:
            for one in wanted:
                if sum(taken) > longest_s:
                    break
                start = time.perf_counter()
                connection.get(one)
                taken.append(time.perf_counter() - start)
        return taken

    ask(paths(WARM_UP))
    alone = np.array(ask(paths(requests))) * 1e3
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [paths(requests // CONNECTIONS) for _ in range(CONNECTIONS)]
        start = time.perf_counter()
        together = sum(len(each) for each in pool.map(ask, shares))
        seconds = time.perf_counter() - start
    return {
        "requests": len(alone),
        "p50_ms": round(float(np.percentile(alone, 50)), 2),
        "p99_ms": round(float(np.percentile(alone, 99)), 2),
        "per_second": round(together / seconds, 1),
    }


def conditions(datasette: str | None, load: float) -> dict[str, Any]:
    """What the numbers depend on."""
    more = {"sqlite": sqlite3.sqlite_version, "cores": cores(), "load before": round(load, 1)}
    if datasette:
        said = subprocess.run([datasette, "--version"], capture_output=True, text=True, check=True).stdout
        more["datasette"] = said.rpartition(" ")[2].strip()
    return environment("fastapi", "uvicorn", **more)


def requests_table(rows: list[dict[str, Any]]) -> str:
    """What each kind of request took, as a Markdown table."""
    lines = ["| papers | request | p50 | p99 | 1/s | datasette p50 | p99 | 1/s | limit on p50, p99 |"]
    lines += ["|---:|---|---:|---:|---:|---:|---:|---:|---|"]
    for row in rows:
        cells = [f"{row['papers']:,}", row["scenario"], *_cells(row["ours"]), *_cells(row["datasette"]), _met(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def starts_table(rows: list[dict[str, Any]]) -> str:
    """The seconds until each server answers, as a Markdown table."""
    lines = ["| papers | ready after (s) | datasette | limit |", "|---:|---:|---:|---|"]
    for row in rows:
        other = "" if row["theirs"] is None else f"{row['theirs']:.2f}"
        limit = f"{READY_LIMIT_S:g}: {'met' if row['ours'] <= READY_LIMIT_S else 'missed'}"
        lines.append(f"| {row['papers']:,} | {row['ours']:.2f} | {other} | {limit} |")
    return "\n".join(lines)


def _cells(taken: dict[str, float] | None) -> list[str]:
    if taken is None:
        return ["", "", ""]
    return [f"{taken['p50_ms']:.2f}", f"{taken['p99_ms']:.2f}", f"{taken['per_second']:.0f}"]


def _met(row: dict[str, Any]) -> str:
    limits = LIMITS_MS.get(row["papers"], {})
    said = [f"{limit:g} {'met' if row['ours'][f'{name}_ms'] <= limit else 'missed'}" for name, limit in limits.items()]
    return ", ".join(said)


if __name__ == "__main__":
    main()
