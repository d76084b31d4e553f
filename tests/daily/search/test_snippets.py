"""Snippets: what is shown is the text, cut at words, with the right words marked."""

from hypothesis import given
from hypothesis import strategies as st

from workingpapers.daily.search.snippets import LENGTH, Words, snippet

FILLER = [f"w{number}" for number in range(100)]


def joined(text: str, *marked: str) -> str:
    return "".join(f"[{part}]" if is_marked else part for part, is_marked in snippet(Words.of(text), marked))


def test_marked_words_are_marked_as_written() -> None:
    assert joined("Größe of a NETWORK, (network)!", "grosse", "network") == "[Größe] of a [NETWORK], ([network])!"


def test_a_short_text_is_whole_and_a_long_one_is_cut() -> None:
    assert joined("One two.") == "One two."
    assert joined(" ".join(FILLER)) == f"{' '.join(FILLER[:LENGTH])} …"
    assert joined("") == ""
    assert joined("… !") == "… !"


def test_the_window_holds_most_different_words() -> None:
    words = list(FILLER)
    words[2] = words[4] = words[6] = "a"
    words[50], words[60] = "b", "c"
    shown = joined(" ".join(words), "a", "b", "c")
    assert "[b]" in shown
    assert "[c]" in shown
    assert shown.startswith("… w44")
    assert shown.endswith(" …")


def test_the_end_of_a_text_is_shown_in_full() -> None:
    shown = joined(" ".join([*FILLER, "zebra."]), "zebra")
    assert shown.endswith("w99 [zebra].")
    assert len(shown.removeprefix("… ").split()) == LENGTH


@given(st.text(alphabet="ab cé.\n", max_size=400), st.sets(st.sampled_from(["a", "b", "ab", "ce"])))
def test_nothing_but_the_text_is_shown(text: str, marked: set[str]) -> None:
    pieces = snippet(Words.of(text), marked)
    assert "".join(part for part, _ in pieces).removeprefix("… ").removesuffix(" …") in text
