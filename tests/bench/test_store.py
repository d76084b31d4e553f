"""The store: damage is noticed, writers do not tear each other's files, failures are one line."""

import errno
import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from workingpapers.bench import files, trial_file
from workingpapers.bench.store import RunManifest, Store, trial_key
from workingpapers.bench.trial_file import TrialFile
from workingpapers.errors import DamagedRecordError, StoreError

HEAD = {
    "slug": "s",
    "scale": "smoke",
    "seed": 1,
    "repetition": 0,
    "settings": {"n": [1, 2]},
    "code": "c",
    "device": "cpu",
}
KEY = trial_key("s", "smoke", {"n": [1, 2]}, 1, "c", "cpu")


def write(store: Store, values: int = 3) -> Path:
    with store.writing("s", KEY) as folder, TrialFile(folder, HEAD) as file:
        for value in range(values):
            file.write({"kind": "record", "name": "x", "value": value, "axes": {"arm": "a"}})
        file.write({"kind": "claim", "id": "c", "value": "inf", "control": 0.5})
        file.seal()
    return store.folder("s", KEY) / trial_file.NAME


def test_what_is_written_is_read(store: Store) -> None:
    write(store)
    trial = store.read("s", KEY)
    assert trial is not None
    assert [record.value for record in trial.records] == [0, 1, 2]
    assert trial.records[0].axes == {"arm": "a"}
    assert trial.claim_values["c"].value == float("inf")
    assert store.read("s", "another") is None


@pytest.mark.parametrize("kept", [0, 1, 10, 150, -1, -30])
def test_truncation_is_noticed(store: Store, kept: int) -> None:
    path = write(store)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedRecordError):
        store.read("s", KEY)


def test_every_flipped_byte_is_noticed(store: Store) -> None:
    path = write(store, values=1)
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DamagedRecordError):
            store.read("s", KEY)


def test_a_hand_edit_is_noticed(store: Store) -> None:
    path = write(store)
    path.write_text(path.read_text().replace('"value": 2', '"value": 9'))
    with pytest.raises(DamagedRecordError, match="do not match its checksum"):
        store.read("s", KEY)


def test_a_file_in_the_wrong_folder_is_noticed(store: Store) -> None:
    write(store).parent.rename(store.folder("s", "0" * 24))
    with pytest.raises(DamagedRecordError, match="belong to another folder"):
        store.read("s", "0" * 24)


def test_an_error_while_writing_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writing("s", KEY) as folder, TrialFile(folder, HEAD):
        raise RuntimeError
    assert list((store.root / "s").iterdir()) == []


def test_the_first_writer_wins_and_the_second_does_no_harm(store: Store) -> None:
    path = write(store, values=3)
    before = path.read_bytes()
    write(store, values=5)
    assert path.read_bytes() == before
    assert [entry.name for entry in (store.root / "s").iterdir()] == [KEY]


def _write_often(root: Path) -> None:
    for _ in range(20):
        write(Store(root))


def test_many_writers_of_one_key_leave_one_whole_file(store: Store) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_often, args=(store.root,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert all(writer.exitcode == 0 for writer in writers)
    assert store.read("s", KEY) is not None
    assert [entry.name for entry in (store.root / "s").iterdir()] == [KEY]


def test_only_abandoned_partial_folders_are_cleared(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned = store.root / "s" / ".partial-x-dead"
    abandoned.mkdir(parents=True)
    now = time.time()
    with store.writing("s", KEY) as folder:
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert store.clear_partial("s") == 1
        assert folder.exists()
        assert not abandoned.exists()
        with TrialFile(folder, HEAD) as file:
            file.seal()


def test_a_full_disk_is_one_clear_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        pytest.raises(StoreError, match="the disk is full; free some space") as caught,
        store.writing("s", KEY) as folder,
    ):
        monkeypatch.setattr(os, "fsync", full)
        TrialFile(folder, HEAD)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another folder with --store"):
        Store(tmp_path / "file" / "runs").check_writable()


def test_no_permission_is_one_clear_line() -> None:
    found = files.store_error("write to", Path("x"), OSError(errno.EROFS, "Read-only file system"))
    assert str(found) == "cannot write to x: no permission; choose another folder with --store"


def test_a_changed_manifest_is_not_believed(store: Store) -> None:
    manifest = RunManifest("1", "s", "smoke", {}, 0, (1,), (KEY,), "c", "h", "cpu", "2026-01-01", "complete")
    store.put_run(manifest)
    assert store.runs("s") == [manifest]
    path = store.run_folder("s", "1") / "run.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "scale": "paper"}))
    assert store.runs("s") == []


def test_the_key_is_on_all_that_numbers_depend_on() -> None:
    keys = {
        trial_key("s", "smoke", {"n": 1}, 1, "c", "cpu"),
        trial_key("t", "smoke", {"n": 1}, 1, "c", "cpu"),
        trial_key("s", "laptop", {"n": 1}, 1, "c", "cpu"),
        trial_key("s", "smoke", {"n": 2}, 1, "c", "cpu"),
        trial_key("s", "smoke", {"n": 1}, 2, "c", "cpu"),
        trial_key("s", "smoke", {"n": 1}, 1, "d", "cpu"),
        trial_key("s", "smoke", {"n": 1}, 1, "c", "cuda"),
    }
    assert len(keys) == 7
    assert trial_key("s", "smoke", {}, 1, "c", "cuda:0") == trial_key("s", "smoke", {}, 1, "c", "cuda:1")
