"""Metrics that are computed under some encoders only: what is declared, computed, shown, compared, and refused."""

import json
import re

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.base.keys import canonical_json
from harness.base.record import read_records
from harness.benchmark import model as benchmark
from harness.metrics.diversity import inception_score
from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.frechet.sfid import sfid
from harness.metrics.manifold.values import precision, recall
from harness.pipeline.encode import load_features
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.plan import Plan
from harness.pipeline.results import read
from harness.report.mlflow import tables

SIX = "metrics: {fd: {}, kd: {}, precision: {}, recall: {}, density: {}, coverage: {}}"
SOME = (
    "metrics: {fd: {encoders: [digits_convnet, raw]}, kd: {}, precision: {encoders: [digits_convnet]}, "
    "recall: {encoders: [digits_convnet]}, density: {encoders: [pixels]}, coverage: {encoders: [pixels]}}"
)
UNDER = {
    "digits_convnet": ["fd", "kd", "precision", "recall"],
    "pixels": ["kd", "density", "coverage"],
    "raw": ["fd", "kd"],
}


def declared(small):
    """Three generators that take no time, under three encoders, one of them with random weights."""
    small.edit("  kde: {}\n", "")
    small.edit("  pixels: {}\n", "  pixels: {}\n  raw: {use: random_convnet}\n")
    return small


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One benchmark with every metric under every encoder, then with some only, in one store."""
    from tests.conftest import Small

    small = declared(Small(tmp_path_factory.mktemp("some")))
    outcome = small.run("--out", "all", "--workers", "1")
    assert outcome.returncode == 0, outcome.stderr
    small.edit(SIX, SOME)
    outcome = small.run("--out", "some", "--workers", "1")
    assert outcome.returncode == 0, outcome.stderr
    return small, outcome


def test_a_benchmark_that_names_no_encoders_resolves_to_what_it_did_before(small):
    before = benchmark.load(small.bench)
    assert all(set(entry) == {"name", "use", "parameters", "better"} for entry in before.resolved()["metrics"].values())
    assert before.metrics_of("pixels") == tuple(before.metrics)
    small.edit("{fd: {},", "{fd: {encoders: [digits_convnet, pixels]},")
    after = benchmark.load(small.bench)
    assert after.resolved()["metrics"]["fd"]["encoders"] == ["digits_convnet", "pixels"]  # the control: used, shown
    assert {k: v for k, v in after.resolved()["metrics"].items() if k != "fd"} == {
        k: v for k, v in before.resolved()["metrics"].items() if k != "fd"
    }


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ("fd: {}", "fd: {encoders: [digits_convet]}", "metrics:", "fd.encoders.0: no encoder 'digits_convet'"),
        ("kd: {}", "kd: {encoders: []}", "metrics:", "kd.encoders: found an empty list; need at least 1"),
        ("kd: {}", "kd: {encoders: pixels}", "metrics:", "kd.encoders: found the text 'pixels'; expected a list"),
        ("kd: {}", "kd: {encoders: [pixels, pixels]}", "metrics:", "kd.encoders: .*an encoder is named twice"),
        ("kd: {}", "kd: {encoder: [pixels]}", "metrics:", "kd.encoder: unknown key; did you mean 'encoders'"),
        ("fd: {}", "fd: {encoders: [pixels]}", "rank_by:", "rank_by.metric: fd is computed only under pixels"),
        (SIX, "metrics: {fd: {encoders: [digits_convnet]}}", "  pixels:", "encoders.pixels: no metric uses it"),
        ("kd: {}", "inception_score: {}", "metrics:", r"restrict it with `encoders: \[…\]`"),
    ],
)
def test_what_contradicts_is_refused_with_its_line(small, old, new, at, words):
    small.edit(old, new)
    with pytest.raises(UsageError) as told:
        benchmark.load(small.bench)
    line = next(i for i, text in enumerate(small.bench.read_text().splitlines(), 1) if text.startswith(at))
    assert re.search(rf"bench.yaml:{line}:\d+: .*{words}", str(told.value)), told.value


def test_a_metric_that_reads_one_layer_names_the_encoder_that_has_it_and_is_taken_there(small):
    small.edit("  pixels: {}\n", "  logits: {use: inception, weights: random, layer: logits, preprocessing: ttur}\n")
    small.edit("kd: {}", "inception_score: {}")
    with pytest.raises(UsageError, match=r"not digits_convnet .*`encoders: \[logits\]`"):
        benchmark.load(small.bench)
    small.edit("inception_score: {}", "inception_score: {encoders: [logits]}")
    assert benchmark.load(small.bench).metrics_of("digits_convnet") == (
        "fd",
        "precision",
        "recall",
        "density",
        "coverage",
    )


def test_a_population_value_is_asked_of_the_encoders_that_fd_is_for_only(small):
    small.edit("n_real: 120\nn_fake: 100", "n_real: 400\nn_fake: 400")
    small.edit("target: T_N", "target: T_inf")
    with pytest.raises(UsageError, match="pixels has 64 features, so 640"):
        benchmark.load(small.bench)
    small.edit("fd: {}", "fd: {encoders: [digits_convnet]}")
    assert benchmark.load(small.bench).interval.target == "T_inf"


@pytest.mark.slow
def test_a_run_for_the_population_value_ranks_what_it_shows_and_says_so(small):
    """FD of few wide images has the larger bias: ranks of the values as they are can contradict those shown."""
    small.edit("n_real: 120\nn_fake: 100", "n_real: 400\nn_fake: 400")
    small.edit("target: T_N", "target: T_inf")
    small.edit("fd: {}", "fd: {encoders: [digits_convnet]}")
    mine = f'  mine: {{use: "{small.module}:Shifted"}}\n'
    small.edit(mine, "")  # its repeats leave it too few images for a population value
    outcome = small.run("--workers", "1")
    assert outcome.returncode == 0, outcome.stderr
    out = next(small.folder.glob("results/*"))
    board = json.loads((out / "leaderboard.json").read_text())
    rows = [row for row in board["rows"] if row["encoder"] == "digits_convnet"]
    shown = {row["generator"]: row["metrics"]["fd"]["value"] for row in rows}
    for group in (False, True):  # contestants, controls: each from the best value shown down
        values = [shown[row["generator"]] for row in rows if row["control"] is group]
        assert values == sorted(values)
    assert [row["rank"] for row in rows] == [1, None, None]
    (said,) = [note for note in board["notes"] if note.startswith("±")]
    assert "the population value, with the bias at n_real = 400, n_fake = 400 removed (T_inf)" in said
    assert "precision, recall, density, coverage: the expected value at these sizes (T_N)" in said
    told = small.harness("diagnose", str(out))
    assert told.returncode == 0, told.stderr
    told = small.harness("rerank", str(out), "--metric", "kd")
    assert told.returncode == 0, told.stderr
    told = small.harness("gate", str(out), "--baseline", str(out))
    assert "those at these numbers of images (T_N)" in told.stdout


def test_records_are_those_of_the_run_with_all_metrics_less_the_cells_left_out(both):
    """The scores of the run with everything are found again: a score's key does not hold the other encoders."""
    small, outcome = both
    every, some = (read_records(small.folder / out / "records.jsonl") for out in ("all", "some"))

    def told(record):
        facts = json.loads(record.to_json())
        # Said once a cell, with its first metric; the commit is the code's place.
        del facts["observations"], facts["provenance"]
        return canonical_json(facts)

    kept = [told(r) for r in every if r.metric in UNDER[r.cell.encoder]]
    assert [told(r) for r in some] == kept
    assert len(kept) < len(every)
    assert all({r.metric for r in some if r.cell.encoder == e} == set(metrics) for e, metrics in UNDER.items())
    seen = {(r.cell.generator, r.cell.encoder) for r in some if "repeats" in r.observations}
    assert seen == {(g, e) for g in ("mine", "holdout", "noise") for e in UNDER}
    assert "score: 0 to do" not in outcome.stderr
    assert not re.search(r"score \d", outcome.stderr), outcome.stderr


def test_tables_show_what_was_computed_and_no_rank_where_the_ranking_metric_was_not(both):
    small, outcome = both
    board = Leaderboard.from_json((small.folder / "some/leaderboard.json").read_text())
    assert {e: [c.metric for c in board.columns_of(e)] for e in board.encoders} == UNDER
    assert all(row.status == "ok" and row.rank is None for row in board.of("pixels"))
    assert all((row.rank is None) == row.control for row in board.of("raw"))
    assert board.header("pixels") == ["rank", "generator", "KD ↓", "density ↑", "coverage ↑", "seeds", "look at"]
    assert all(len(board.cells(row)) == len(board.header(row.encoder)) for row in board.rows)
    assert board.cells(board.of("pixels")[0])[0] == "–"
    assert "no ranks under pixels: fd is not computed there" in " ".join(outcome.stdout.split())
    columns = tables.table(board, "pixels")
    assert "FD" not in columns
    assert set(columns["rank"]) == {"–", "control"}
    assert tables.child_title(board, board.of("pixels")[0]).startswith("– ")
    report = (small.folder / "some/report.html").read_text()
    assert "Ranks across encoders" in report
    svg = (small.folder / "some/plots/pixels.svg").read_text()
    assert "Rows are not ranked: fd is not computed under pixels" in svg
    assert "Fréchet" not in svg
    assert "Fréchet" in (small.folder / "some/plots/raw.svg").read_text()
    assert list(read(small.folder / "some", "pixels")[1]) == UNDER["pixels"]
    full = Leaderboard.from_json((small.folder / "all/leaderboard.json").read_text())
    assert all(full.is_ranked(e) and full.columns_of(e) == full.columns for e in full.encoders)  # the control


def test_commands_that_read_a_run_take_what_is_there_and_say_what_is_not(both):
    small, _ = both
    one = small.harness("compare", "some", "holdout", "noise", "--encoder", "pixels", "--json", "c.json")
    assert one.returncode == 0, one.stderr
    assert [row["metric"] for row in json.loads((small.folder / "c.json").read_text())] == UNDER["pixels"]
    missing = small.harness("compare", "some", "holdout", "noise", "--encoder", "pixels", "--metric", "fd")
    assert missing.returncode == 2
    assert "no metric 'fd' in this run under pixels. Known: kd, density, coverage" in missing.stderr
    alike = small.harness("rerank", "some")
    assert alike.returncode == 0, alike.stderr
    assert "digits_convnet, raw" in alike.stdout
    assert "not computed under pixels" in alike.stdout
    assert small.harness("gate", "some", "--baseline", "some", "--encoder", "pixels").returncode == 0
    apart = small.harness("gate", "some", "--baseline", "all")
    assert apart.returncode == 2
    assert "metrics under digits_convnet: density absent here, computed in the baseline" in apart.stderr
    read_out = small.harness("diagnose", "some", "--encoder", "pixels", "--details")
    assert read_out.returncode == 0, read_out.stderr
    assert "density" in read_out.stdout


@pytest.mark.slow
def test_the_audit_reads_each_encoder_by_its_own_metrics(both):
    small, _ = both
    small.edit("rank_by:", "audit: {jpeg: [50]}\nrank_by:")
    outcome = small.harness("audit", "bench.yaml", "--out", "audited", "--workers", "1")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads((small.folder / "audited/audit.json").read_text())
    changed = {(one["encoder"], one["metric"]) for one in found["changes"]}
    assert changed == {(encoder, metric) for encoder, metrics in UNDER.items() for metric in metrics}
    assert {one["encoder"] for one in found["printed"]} == {"digits_convnet", "raw"}
    assert "\npixels: fd, which ranks, is not computed under it." in outcome.stdout


ADM = """\
name: adm
seed: 1
datasets: few.yaml
dataset: few
n_real: 32
n_fake: 32
preprocessing: ttur
encoders:
  pool: {use: inception, weights: random, layer: pool3}
  spatial: {use: inception, weights: random, layer: sfid}
  logits: {use: inception, weights: random, layer: logits_unbiased}
generators: {holdout: {}}
metrics:
  fd: {encoders: [pool]}
  sfid: {encoders: [spatial]}
  inception_score: {encoders: [logits], split_size: 5000, shuffle: null}
  precision: {encoders: [pool]}
  recall: {encoders: [pool]}
interval: {replicates: 50}
rank_by: {metric: fd, encoder: pool}
"""


@pytest.mark.slow
def test_adms_table_is_one_run(small):
    """FID, sFID, Inception score, precision and recall, each on its own layer of the (here random) Inception."""
    from harness.images.datasets.digits import Digits
    from harness.images.datasets.split import content_digest

    splits = {}
    for split in ("reference", "holdout"):
        images = Digits().load(split).images[:32]
        np.savez(small.folder / f"{split}.npz", images)
        splits[split] = f"{split}: {{path: {split}.npz, size: 32, digest: {content_digest(images)}}}"
    few = "few: {use: npz, source: digits, licence: CC BY 4.0, image: [8, 8, 1], splits: {%s}}\n"
    (small.folder / "few.yaml").write_text(few % ", ".join(splits.values()))
    small.bench.write_text(ADM)
    outcome = small.run("--workers", "1")
    assert outcome.returncode == 0, outcome.stderr
    found = {
        (r.cell.encoder, r.metric): r.estimate.value
        for r in read_records(small.folder / "results/adm/records.jsonl")
        if r.level == "cell" and r.estimate.reference == "random"
    }
    plan = Plan(benchmark.load(small.bench), small.folder / ".harness", "cpu")

    def rows(encoder):
        return [load_features(plan, source, encoder).rows for source in (plan.reference, plan.fakes[0])]

    pool, spatial, logits = (rows(encoder) for encoder in ("pool", "spatial", "logits"))
    assert [pair[1].shape for pair in (pool, spatial, logits)] == [(32, 2048), (32, 2023), (32, 1008)]
    expected = {
        ("pool", "fd"): frechet_distance(*pool),
        ("spatial", "sfid"): sfid(*spatial),
        ("logits", "inception_score"): inception_score(*logits, split_size=5000, shuffle=None),
        ("pool", "precision"): precision(*pool, k=3),
        ("pool", "recall"): recall(*pool, k=3),
    }
    assert set(found) == set(expected)
    assert all(found[key] == pytest.approx(value, rel=1e-6) for key, value in expected.items())
    assert expected["pool", "fd"] != pytest.approx(expected["spatial", "sfid"], rel=1e-3)
