"""Running: pure trials, caching, failures, workers that die."""

import hashlib
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workingpapers.bench import environment, planning, registry, results, runner
from workingpapers.bench.protocols import Paper
from workingpapers.bench.store import Store
from workingpapers.errors import DamagedRecordError, InvalidPaperError, InvalidParameterError, UnknownNameError


def lines(store: Store, outcome: runner.Outcome) -> list[list[str]]:
    """The stored lines of each trial, without its head, measured times and the seal that covers them."""
    texts = []
    for key in outcome.run.manifest.keys:
        text = (store.folder("sample-room", key) / "trial.jsonl").read_text()
        texts.append([line for line in text.splitlines()[1:-1] if '"timing": true' not in line])
    return texts


def test_verdicts_equal_an_independent_calculation_from_the_raw_files(run_sample, store: Store) -> None:
    outcome = run_sample()
    gains = [
        json.loads(line)["value"] for trial in lines(store, outcome) for line in trial if '"id": "lower-error"' in line
    ]
    verdict = outcome.run.verdicts[0]
    assert verdict.measured is not None
    assert verdict.measured.value == pytest.approx(sum(gains) / 4, rel=1e-12)
    spread = torch.tensor(gains, dtype=torch.float64).std().item() / 2 * 3.182446305284263  # t(0.975, 3)
    assert verdict.measured.interval.high == pytest.approx(sum(gains) / 4 + spread, rel=1e-9)
    assert [each.name for each in outcome.run.verdicts] == ["holds", "does not hold", "holds", "not tested"]


def test_two_runs_give_bit_equal_records(run_sample, store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    assert lines(store, run_sample()) == lines(other, run_sample(into=other))


def test_the_pool_gives_the_records_of_this_process(run_sample, store: Store, tmp_path: Path) -> None:
    pooled = Store(tmp_path / "pool")
    assert lines(store, run_sample()) == lines(pooled, run_sample(into=pooled, jobs=2))


def test_a_run_leaves_global_randomness_and_torch_settings_alone(run_sample) -> None:
    before = torch.get_rng_state(), random.getstate(), torch.are_deterministic_algorithms_enabled()
    run_sample()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), torch.are_deterministic_algorithms_enabled())


def test_the_second_time_nothing_is_measured(run_sample, tmp_path: Path) -> None:
    note = tmp_path / "note"
    first = run_sample(f"note={note}")
    second = run_sample(f"note={note}")
    assert note.read_text() == "0\n1\n2\n3\n"
    assert second.reused == 4
    assert second.run.manifest.id == first.run.manifest.id  # and no second run is kept
    assert run_sample(f"note={note}", seeds=6).reused == 4  # more seeds: only the new ones
    assert run_sample(f"note={note}", fresh=True).reused == 0


def test_a_run_taken_from_the_store_is_the_newest_again(run_sample, sample: Paper, store: Store) -> None:
    first = run_sample(seeds=1)
    run_sample(scale="smoke", seeds=1)
    run_sample(seeds=1)
    found = results.latest(sample, store)
    assert found is not None
    assert found.manifest.id == first.run.manifest.id


def test_the_number_of_threads_is_part_of_the_key(sample: Paper, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "cores", lambda: 4)
    keys = {
        jobs: planning.plan([sample], planning.Options("smoke", seeds=4, jobs=jobs), store)[0].manifest.keys[0]
        for jobs in (1, 2, 4)
    }
    assert len(set(keys.values())) == 3


def test_a_manifest_that_is_no_manifest_is_passed_over(run_sample, sample: Paper, store: Store) -> None:
    run = run_sample(seeds=1).run
    for text in ("null", "[]", "{}", '{"sha256": 1}'):
        (run.folder / "run.json").write_text(text)
        with pytest.raises(DamagedRecordError, match="does not match its checksum"):
            results.latest(sample, store)
    (store.folder(sample.slug, run.manifest.keys[0]) / "run.json").write_text("[]")
    assert run_sample(seeds=1).reused == 1


def test_code_that_is_not_python_is_a_mark(run_sample, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str, folder: Path) -> str:
        raise InvalidPaperError("method.py:3: not valid Python")

    run = run_sample(seeds=1).run
    monkeypatch.setattr(results, "code_hash", broken)
    assert run.marks == ("broken code: method.py:3: not valid Python",)


def test_damage_is_reported_and_measured_again(run_sample, store: Store) -> None:
    first = run_sample()
    key = first.run.manifest.keys[1]
    path = store.folder("sample-room", key) / "trial.jsonl"
    good = lines(store, first)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DamagedRecordError, match="truncated"):  # never trusted
        results.latest(first.run.paper, store)
    second = run_sample()
    assert second.reused == 3
    assert "truncated" in second.notes[0]
    assert lines(store, second) == good


def test_a_damaged_newer_run_is_passed_over_with_a_mark(run_sample, store: Store) -> None:
    older = run_sample()
    newer = run_sample(seeds=5, base_seed=1)
    (store.folder("sample-room", newer.run.manifest.keys[0]) / "trial.jsonl").write_text("")
    found = results.latest(older.run.paper, store)
    assert found is not None
    assert found.manifest.id == older.run.manifest.id
    assert any("passed over" in mark for mark in found.marks)


def test_a_failing_trial_is_kept_with_its_traceback_and_the_others_go_on(run_sample, store: Store) -> None:
    outcome = run_sample("fail_on=1", jobs=2)
    assert outcome.run.manifest.status == "failed"
    key = outcome.run.manifest.keys[1]
    assert "this trial was told to fail" in outcome.errors[key]
    error = store.error("sample-room", key)
    assert error is not None
    assert "RuntimeError: this trial was told to fail" in error["traceback"]
    assert error["settings"]["fail_on"] == 1
    assert [trial is not None for trial in outcome.run.trials] == [True, False, True, True]
    assert outcome.run.verdicts[0].n == 3
    assert results.latest(outcome.run.paper, store) is None  # not a complete run


def test_a_claim_without_a_number_is_an_error(run_sample) -> None:
    outcome = run_sample("ignore_a_claim=true", seeds=1)
    assert "reported nothing for higher-error" in next(iter(outcome.errors.values()))


def test_a_worker_that_dies_fails_its_own_trial_only(run_sample) -> None:
    outcome = run_sample("die_on=2", jobs=2)
    assert list(outcome.errors) == [outcome.run.manifest.keys[2]]
    assert "died twice" in outcome.errors[outcome.run.manifest.keys[2]]
    assert sum(trial is not None for trial in outcome.run.trials) == 3


def test_the_environment_is_noted(run_sample, store: Store) -> None:
    outcome = run_sample(jobs=1, seeds=1)
    here = outcome.run.manifest.environment
    assert here["packages"]["torch"] == torch.__version__
    assert {"cpu", "cores", "memory_gb", "threads", "jobs", "seconds", "date", "code", "gpu"} <= set(here)
    assert here["peak_memory_mb"] > 50
    trial = store.environment("sample-room", outcome.run.manifest.keys[0])
    assert trial["threads"] >= 1
    assert trial["seconds"] > 0


def test_older_code_and_changed_claims_are_marked(run_sample, sample: Paper, store: Store) -> None:
    run = run_sample(seeds=1).run
    assert run.marks == ()
    store.put_run(replace(run.manifest, code="0" * 16, claims="f" * 16, id="z", started="9999"))
    found = results.latest(sample, store)
    assert found is not None
    assert [mark.partition(":")[0] for mark in found.marks] == ["older code", "changed claims"]


def test_figures_and_captions_are_drawn(run_sample) -> None:
    run = run_sample(seeds=1).run
    picture = run.folder / "figures" / "errors.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert json.loads((run.folder / "figures" / "captions.json").read_text())["errors"].startswith("Squared error")


def test_figures_are_bit_equal_too(run_sample, tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        run = run_sample(seeds=1, into=Store(tmp_path / name)).run
        digests.add(hashlib.sha256((run.folder / "figures" / "errors.png").read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (("draws=abc",), {}, "setting 'draws' is of type int, and 'abc' is not"),
        (("draws",), {}, "not of the form key=value"),
        ((), {"seeds": 0}, "--seeds 0: give at least 1"),
        ((), {"scale": "huge"}, "scale 'huge' is unknown; allowed are smoke, laptop, paper"),
        ((), {"jobs": -1}, "--jobs -1"),
        (("factor=nan",), {}, "settings are finite numbers; give a value like 0.5"),
        ((), {"device": "meta"}, "device 'meta' is not there"),
        ((), {"device": "abacus"}, "device 'abacus' is unknown; use auto, cpu"),
        ((), {"device": "cuda:99"}, "is not there: torch sees"),
    ],
)
def test_bad_options_are_refused(run_sample, changes: tuple[str, ...], options: dict, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        run_sample(*changes, **options)


def test_an_unknown_setting_is_refused_with_the_nearest(run_sample) -> None:
    with pytest.raises(UnknownNameError, match="no setting is called 'drows'; the nearest are draws"):
        run_sample("drows=3")


def test_settings_of_every_type_can_be_set(run_sample) -> None:
    settings = run_sample("sizes=3,4", "factor=0.25", "seeds_note=x" if False else "note=none", seeds=1).run.settings
    assert (settings.sizes, settings.factor, settings.note) == ((3, 4), 0.25, None)


def test_finding_papers_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no paper is called 'simple-room'; the nearest are sample-room"):
        registry.find("simple-room")
    assert registry.find("2601.00001v3").slug == registry.find("sample_room").slug == "sample-room"


def test_reading_rooms_imports_none_of_their_code() -> None:
    registry.refresh()
    sys.modules.pop("sample_room.experiment", None)
    assert registry.find("sample-room")
    assert "sample_room.experiment" not in sys.modules
