"""Every experiment runs at smoke scale: completely, repeatably, with figures."""

from pathlib import Path

import pytest
from contract_rooms import PAPERS, SLUGS

from workingpapers.bench import planning, runner
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import SilentWatcher
from workingpapers.bench.protocols import Paper
from workingpapers.bench.store import Store


def _smoke(paper: Paper, root: Path) -> runner.Outcome:
    store = Store(root)
    plans = planning.plan([paper], planning.Options("smoke", seeds=1, jobs=0, device="cpu"), store)
    return runner.run(plans, store, LocalBackend(store, 0), SilentWatcher(), lambda outcome: None)[0]


@pytest.fixture(scope="module", params=PAPERS, ids=SLUGS)
def smoke(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Paper, runner.Outcome]:
    paper = request.param
    return paper, _smoke(paper, tmp_path_factory.mktemp(paper.slug))


def test_smoke_ends_without_error(smoke: tuple[Paper, runner.Outcome]) -> None:
    _, outcome = smoke
    assert outcome.errors == {}
    assert outcome.run.manifest.status == "complete"


def test_every_claim_has_a_number_and_a_control_or_a_reason(smoke: tuple[Paper, runner.Outcome]) -> None:
    paper, outcome = smoke
    (trial,) = outcome.run.trials
    assert trial is not None
    for claim in paper.claims:
        value = trial.claim_values[claim.id]
        assert value.reason if value.value is None else (value.control is not None or claim.no_control), claim.id


def test_smoke_decides_nothing(smoke: tuple[Paper, runner.Outcome]) -> None:
    assert {verdict.name for verdict in smoke[1].run.verdicts} == {"not tested"}


def test_figures_are_drawn_and_captioned(smoke: tuple[Paper, runner.Outcome]) -> None:
    folder = smoke[1].run.folder / "figures"
    pictures = list(folder.glob("*.png"))
    assert pictures
    assert all(path.stat().st_size > 5000 for path in pictures)


def test_a_second_run_gives_bit_equal_records(smoke: tuple[Paper, runner.Outcome], tmp_path: Path) -> None:
    paper, first = smoke
    second = _smoke(paper, tmp_path)
    timed = {claim.id for claim in paper.claims if claim.timing}
    (a,), (b,) = first.run.trials, second.run.trials
    assert a is not None
    assert b is not None
    assert [repr(r) for r in a.records if not r.timing] == [repr(r) for r in b.records if not r.timing]
    assert {i: repr(v) for i, v in a.claim_values.items() if i not in timed} == {
        i: repr(v) for i, v in b.claim_values.items() if i not in timed
    }
