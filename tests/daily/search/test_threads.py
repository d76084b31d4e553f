"""BLAS has one thread while anybody is inside, and its own number afterwards."""

import threading
from collections.abc import Iterator

import pytest

from workingpapers.daily.search.threads import _libraries, _set, one_blas_thread


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
    with pytest.raises(RuntimeError), one_blas_thread():
        assert threads_now() == {1}
        raise RuntimeError
    assert threads_now() == {2}


def test_the_last_one_to_leave_restores() -> None:
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with one_blas_thread():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=stay)
    with one_blas_thread():
        other.start()
        assert entered.wait(10)
    assert threads_now() == {1}
    leave.set()
    other.join()
    assert threads_now() == {2}
