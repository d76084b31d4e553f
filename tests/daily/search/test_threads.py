"""BLAS has few threads while anybody is inside, and its own number afterwards."""

import threading
from collections.abc import Iterator

import pytest

from workingpapers.daily.search import threads
from workingpapers.daily.search.threads import _libraries, _set, few_threads


def threads_now() -> set[int]:
    return {library.get_num_threads() for library in _libraries()}


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = [(library, library.get_num_threads()) for library in _libraries()]
    for library, _ in before:
        _set(library, 2)
    yield
    for library, number in before:
        _set(library, number)


def test_one_inside_and_as_before_outside() -> None:
    assert threads_now() == {2}
    with pytest.raises(RuntimeError), few_threads():
        assert threads_now() == {1}
        raise RuntimeError
    assert threads_now() == {2}


def test_the_last_one_to_leave_restores() -> None:
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with few_threads():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=stay)
    with few_threads():
        other.start()
        assert entered.wait(10)
    assert threads_now() == {1}
    leave.set()
    other.join()
    assert threads_now() == {2}


def test_idle_cores_are_taken_by_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_idle_cores", lambda: 2)
    with few_threads(use_idle_cores=True):
        assert threads_now() == {2}
        with few_threads(use_idle_cores=True):
            assert threads_now() == {1}
    with few_threads():
        assert threads_now() == {1}
    assert threads_now() == {2}


def test_where_the_system_does_not_say_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads._idle_cores() >= 1
    monkeypatch.setattr("builtins.open", lambda *_: (_ for _ in ()).throw(FileNotFoundError))
    assert threads._idle_cores() == 1
