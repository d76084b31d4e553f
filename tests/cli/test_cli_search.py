"""`search`: hits in order with the words that matched."""


def test_hits_with_their_words(cli, add_room) -> None:
    add_room("other-room", "")
    ran = cli("search", "squared", "errors", "--format", "json")
    assert ran.code == 0
    (hit,) = ran.json
    assert list(hit) == ["slug", "title", "score", "matched"]
    assert hit["slug"] == "sample-room"
    assert hit["matched"] == ["squared", "error"]
    assert hit["score"] > 0
    words = " ".join(cli("search", "squared errors").out.split())
    assert "sample-room Shrinking a Mean" in words
    assert "squared, error" in words


def test_accents_and_plurals(cli, add_room) -> None:
    add_room("other-room", "")
    for query in ("nunez", "NÚÑEZ", "query", "loss", "2601.00002"):
        assert cli("search", query, "--format", "quiet").out.split()[0] == "other-room", query


def test_no_hit_is_no_error(cli) -> None:
    ran = cli("search", "transmogrification")
    assert ran.code == 0
    assert ran.out == "no paper holds a word of 'transmogrification'\n\nnext: workingpapers list\n"
    assert cli("search", "transmogrification", "--format", "json").json == []
