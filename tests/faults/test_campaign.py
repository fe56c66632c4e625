"""The small fault campaign, and the controls: what a store or a reader with a fault of its own would be caught at."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from harness.base import UsageError, as_csv, as_markdown, read_records
from harness.pipeline import ownership
from harness.pipeline.store import Entry, Store
from tests.faults import campaign, scenes
from tests.faults.layer import Died, Fault, Layer, faulty
from tests.faults.scenes import Finished


@pytest.fixture(scope="module")
def scratch():
    folder = scenes.shm()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def made(scratch):
    return Finished.made(scratch / "made")


def test_a_hundred_faults_cost_no_entry_and_no_number(capsys):
    assert campaign.small() == 0, capsys.readouterr().out
    totals = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert totals["tried"] >= 100
    assert totals["resumed"] == totals["tried"]


def swept(work, kind, ends):
    return [work(Fault(kind, at, seed=at)) for at in range(1, ends)]


class InPlace(Store):
    """A store that writes where readers look, with no rename."""

    def _finish(self, temporary, kind, key):
        final = self.folder(kind, key)
        final.mkdir(parents=True, exist_ok=True)
        for path in sorted(temporary.iterdir()):  # the manifest first
            (final / path.name).write_bytes(path.read_bytes())


class Unsealed(Store):
    """A store that reads without digests."""

    def _entry(self, folder, facts, shards):
        class Trusting(Entry):
            def payload(self, shard):
                return (self.folder / shard["file"]).read_bytes()

        return Trusting(folder, facts, shards)


def test_a_store_without_fsync_is_caught_when_power_is_lost(scratch):
    found = [scenes.in_store(Fault("power", 10**6, seed=n), scratch, forgetful=True) for n in range(8)]
    assert any(outcome.lost for outcome in found)
    kept = [scenes.in_store(Fault("power", 10**6, seed=n), scratch) for n in range(8)]
    assert not any(outcome.lost for outcome in kept)


class InPlaceUnsealed(InPlace, Unsealed):
    """Neither rename nor digests: nothing but the content that is read can give it away."""


def test_a_store_without_rename_is_caught_by_what_is_read_after_a_kill(scratch):
    def killed(kind_of_store):
        return swept(lambda fault: scenes.in_store(fault, scratch, kind_of_store), "kill", 60)

    assert any(outcome.wrong or outcome.untidy for outcome in killed(InPlaceUnsealed))
    assert all(outcome.is_clean for outcome in killed(Unsealed))  # the rename alone is what keeps it whole


def test_a_store_that_reads_without_digests_is_caught_by_a_flipped_bit(scratch):
    tries = [scenes.damaged_store("bit", which, 3, scratch, Unsealed) for which in range(9)]
    assert any(outcome.wrong or outcome.untidy for outcome in tries if outcome)
    sound = [scenes.damaged_store("bit", which, 3, scratch) for which in range(9)]
    assert all(outcome.is_clean for outcome in sound if outcome)


def plain(out: Path) -> bytes | None:
    """OUT read as it lies, with no look at its receipt."""
    try:
        lines = "".join(record.to_json() + "\n" for record in read_records(out / "records.jsonl"))
        return lines.encode() + (out / "leaderboard.json").read_bytes()
    except Exception:
        return None


def test_a_reader_without_digests_is_caught_by_a_lost_line_and_by_two_runs_in_one_folder(made, scratch):
    lines = [scenes.damaged_out("line", which, 0, made, scratch, plain) for which in range(12)]
    assert any(outcome.wrong for outcome in lines if outcome)
    killed = swept(lambda fault: scenes.in_out(fault, made, scratch, plain), "kill", 20)
    assert any(outcome.wrong for outcome in killed)
    sound = swept(lambda fault: scenes.in_out(fault, made, scratch), "kill", 20)
    assert all(outcome.is_clean for outcome in sound)


def test_a_marker_that_is_no_utf8_is_a_sentence(tmp_path):
    (tmp_path / ownership.MARKER).write_bytes(b"tin\xf9\n")
    with pytest.raises(UsageError, match=r"holds the results of benchmark 'tin.xf9'"):
        ownership.claim(tmp_path, "tiny")


def test_whose_folder_out_is_outlasts_a_loss_of_power(tmp_path):
    def refused(seed, *, forgetful):
        out = tmp_path / f"{seed}{forgetful}"
        out.mkdir()
        layer = Layer((out,), Fault("power", 10**6, seed=seed), forgetful)
        with faulty(layer), suppress(Died):
            ownership.claim(out, "tiny")
            layer.end()
        try:
            ownership.claim(out, "tiny")
        except UsageError:
            return True
        return False

    assert not any(refused(seed, forgetful=False) for seed in range(12))
    assert any(refused(seed, forgetful=True) for seed in range(12))  # the test sees a marker that is cut


def test_a_name_that_is_not_escaped_is_caught():
    formula, element, picture = '=HYPERLINK("http://x")', "<img src=x onerror=alert(1)>", "![x](http://x)"
    assert not any(map(is_harmless, (formula, element, picture)))  # the check sees what no function touched
    assert is_harmless(as_csv([[formula]]))
    assert is_harmless(as_markdown(element))
    assert is_harmless(as_markdown(picture))


def is_harmless(text: str) -> bool:
    return re.match(r'"?[=+@-]|.*<img|.*!\[[^\]]*\]\(', text) is None
