"""Papers from BibTeX and JSON files as people have them."""

import json
from datetime import date
from pathlib import Path

import pytest

from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.importers import bibtex, json_file
from workingpapers.errors import InvalidParameterError, InvalidTypeError

LIBRARY = r"""
% a comment between entries
@string{neurips = "Advances in Neural Information Processing Systems"}
@comment{jabref-meta: databaseType:bibtex;}
@article{muller2024title,
  title={The {T}itle of {\"o}, $x^2$ \& 50% of the \emph{rest} -- again},
  author={M{\"u}ller, J{\'e}r{\^o}me and Ada Lovelace and {The Some and Other Group} and de la Cruz, Jr., Maria
    and others},
  year=2024, month=jun,
  journal={arXiv preprint arXiv:2406.06581},
  abstract = {We find
     {\'e} in 50% of them.},
  keywords={Deep Learning; vision}
}
@inproceedings{other, TITLE = "Upper {C}ase Keys", Author = "Doe, Jane", YEAR = "2021", booktitle = neurips,
  doi = {10.1000/xyz}}
@online{biblatex, title={{Protected Title}}, date={2020-05-03}, eprint={2005.00001}, eprinttype={arxiv}}
"""


def test_a_bibtex_file(tmp_path: Path) -> None:
    path = tmp_path / "library.bib"
    path.write_text("\ufeff" + LIBRARY, encoding="utf-8")
    told: list[str] = []
    assert bibtex.read_file(path, told.append) == [
        PaperEntry(
            title="The Title of ö, $x^2$ & 50% of the rest – again",
            summary="We find é in 50% of them.",
            authors=("Jérôme Müller", "Ada Lovelace", "The Some and Other Group", "Maria de la Cruz Jr."),
            author_count=4,
            published=date(2024, 6, 1),
            arxiv="2406.06581",
            topics=("deep learning", "vision"),
            source="bibtex",
            url="https://arxiv.org/abs/2406.06581",
        ),
        PaperEntry(
            title="Upper Case Keys",
            authors=("Jane Doe",),
            author_count=1,
            published=date(2021, 1, 1),
            source="bibtex",
            url="https://doi.org/10.1000/xyz",
        ),
        PaperEntry(
            title="Protected Title",
            published=date(2020, 5, 3),
            arxiv="2005.00001",
            source="bibtex",
            url="https://arxiv.org/abs/2005.00001",
        ),
    ]
    assert told == []


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("eprint={2406.06581}, archivePrefix={arXiv}", "2406.06581"),
        ("eprint={2406.06581v2}", "2406.06581"),
        ("eprint={12345678}, archivePrefix={PubMed}", None),
        ("doi={10.48550/arXiv.2406.06581}", "2406.06581"),
        ("url={http://arxiv.org/abs/cs.AI/0112017}", "cs/0112017"),
        ("journal={CoRR, abs/2406.06581}", None),
        ("journal={arXiv:hep-th/9901001 [hep-th]}", "hep-th/9901001"),
        ("note={arXiv: 2406.06581}", "2406.06581"),
        ("howpublished={\\url{https://arxiv.org/abs/2406.06581}}", "2406.06581"),
        ("journal={Nature}, year=2024", None),
    ],
)
def test_where_people_write_an_arxiv_id(field: str, expected: str | None) -> None:
    (entry,) = bibtex.read(f"@article{{a, title={{T}}, {field}}}", "x.bib")
    assert entry.arxiv == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("year={2024}, month={March}", date(2024, 3, 1)),
        ("year=2024, month=11, day=23", date(2024, 11, 23)),
        ("year=2024, month=feb, day=30", date(2024, 2, 1)),
        ("year=2024, month=spring", date(2024, 1, 1)),
        ("date={2023-07}", date(2023, 7, 1)),
        ("year={in press}", None),
        ("year={0000}", None),
    ],
)
def test_days_as_far_as_they_are_said(fields: str, expected: date | None) -> None:
    (entry,) = bibtex.read(f"@article{{a, title={{T}}, {fields}}}", "x.bib")
    assert entry.published == expected


def test_bad_entries_are_passed_over_and_named() -> None:
    told: list[str] = []
    text = """@article{good, title={Good}}
@article{unclosed, title={Unclosed, year=3
@article{untitled, year=2020}
@article{good, title={The Same Key}}
@article{twice, title={Given Twice}, year={2020}, title={second}}
"""
    assert [entry.title for entry in bibtex.read(text, "x.bib", told.append)] == ["Good", "The Same Key", "Given Twice"]
    assert told == [
        "x.bib, line 2: passed over, because a brace or a quotation mark is not closed, or a comma is missing",
        "x.bib, line 3: passed over, because 'untitled' has no title",
    ]


def test_latex_reads_no_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("the secret")
    (entry,) = bibtex.read(rf"@article{{a, title={{T \input{{{secret}}} and \include{{{secret}}}}}}}", "x.bib")
    assert "the secret" not in entry.title


@pytest.mark.parametrize(
    "text", ["", "Dear Sir or Madam", "@article{a, year=2020}", "@article{", "{" * 5000, "\x00\x01"]
)
def test_a_file_without_papers_is_an_error(text: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"'x\.bib' holds no BibTeX entry with a title; give a file of"):
        bibtex.read(text, "x.bib")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.bib"
    latin.write_bytes("@article{a, title={Größe}}".encode("latin-1"))
    with pytest.raises(InvalidParameterError, match=r"is not in UTF-8: the byte at 21 does not fit; save it as UTF-8"):
        bibtex.read_file(latin)
    with pytest.raises(InvalidParameterError, match="is a folder; name a file in it"):
        json_file.read_file(tmp_path)
    with pytest.raises(InvalidParameterError, match=r"cannot be read: No such file or directory; name another file"):
        json_file.read_file(tmp_path / "none.json")


PAPERS = [
    {
        "title": "A  Title",
        "summary": "First paragraph.\n\nSecond.",
        "authors": ["Ada Nummer", {"name": "José Núñez"}],
        "author_count": 7,
        "published": "2024-06-04",
        "listed": "2024-06-05T01:02:03Z",
        "arxiv": "https://arxiv.org/abs/2406.06581v2",
        "topics": ["Vision", {"slug": "layers", "name": "layers"}],
        "url": "https://example.org/a",
        "code_url": "https://github.com/example/a",
        "upvotes": 3,
    },
    {"title": "Only a title", "abstract": "Called otherwise."},
]
ENTRIES = [
    PaperEntry(
        title="A Title",
        summary="First paragraph.\n\nSecond.",
        authors=("Ada Nummer", "José Núñez"),
        author_count=7,
        published=date(2024, 6, 4),
        listed=date(2024, 6, 5),
        arxiv="https://arxiv.org/abs/2406.06581v2",
        topics=("Vision", "layers"),
        source="json",
        url="https://example.org/a",
        code_url="https://github.com/example/a",
        upvotes=3,
    ),
    PaperEntry(title="Only a title", summary="Called otherwise.", source="json"),
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PAPERS),
        json.dumps({"papers": PAPERS, "next": None}),
        json.dumps({"page": {"cards": PAPERS}}),
        "\n".join(map(json.dumps, PAPERS)) + "\n\n",
    ],
    ids=["list", "object", "page", "lines"],
)
def test_json_in_its_shapes(text: str) -> None:
    assert json_file.read(text, "x.json") == ENTRIES


def test_one_object_is_one_paper() -> None:
    assert json_file.read(json.dumps(PAPERS[0]), "x.json") == ENTRIES[:1]


def test_what_the_hub_answered_may_be_kept_in_a_file() -> None:
    row = {"paper": {"id": "2611.00001", "title": "From the Hub", "upvotes": 4}, "title": "From the Hub"}
    (entry,) = json_file.read(json.dumps([row]), "x.json")
    assert (entry.title, entry.arxiv, entry.upvotes, entry.source) == ("From the Hub", "2611.00001", 4, "hugging-face")


def test_keys_that_nobody_reads_are_told() -> None:
    told: list[str] = []
    json_file.read('[{"title": "T", "abstrct": "x", "slug": "afno", "built": true}]', "x.json", told.append)
    assert told[0].startswith("x.json: not used are abstrct, slug, built; understood are title, summary, ")
    (entry,) = json_file.read('[{"title": "T", "slug": "afno", "built": true}]', "x.json")
    assert (entry.slug, entry.built) == (None, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"'x\.json' is no JSON: Expecting value: line 1"),
        ("[{", r"'x\.json' is no JSON: .* give a list of objects, each with a title"),
        ('{"title": "a"}\n{"title": \n{}', r"'x\.json', line 2: no JSON"),
        ("[]", r"holds no paper; give a list of objects"),
        ("3", r"'x\.json' is 3; give a list of objects"),
        ('["a"]', r"'x\.json', paper 1 is \"a\"; give an object with a title"),
        ('[{"title": "a"}, {"title": 3}]', r"paper 2: title is 3; give text"),
        ('[{"title": "a", "authors": "A and B"}]', r'paper 1: authors is "A and B"; give a list of names'),
        ('[{"title": "a", "authors": [{"nom": "A"}]}]', r"paper 1: authors is null; give text"),
        ('[{"title": "a", "published": "June"}]', r'paper 1: published is "June"; give a day such as 2024-06-04'),
        ('[{"title": "a", "published": 2024}]', r"paper 1: published is 2024; give a day"),
        ('[{"title": "a", "url": 4}]', r"paper 1: url is 4; give text"),
        ('[{"paper": {"id": "2611.00001"}}]', r"paper 1: it looks like one of the Hugging Face Hub without"),
        ("[" * 100_000, r"is nested too deeply"),
    ],
)
def test_json_that_cannot_be_used(text: str, reason: str) -> None:
    with pytest.raises((InvalidParameterError, InvalidTypeError), match=reason):
        json_file.read(text, "x.json")


def test_a_summary_of_a_json_file_is_cleaned() -> None:
    (entry,) = json_file.read(json.dumps({"title": "A", "summary": "One\u202e\x1b  two\ufffe\r\n\nthree"}), "x.json")
    assert entry.summary == "One two\n\nthree"
