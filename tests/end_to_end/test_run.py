"""A benchmark from its YAML to its records, as a user runs it, and what goes wrong on the way."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.base.record import read_records

pytestmark = pytest.mark.slow

KNN = ("precision", "recall", "density", "coverage")


def rows(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "leaderboard.csv").open() as stream:
        return {(row["encoder"], row["generator"]): row for row in csv.DictReader(stream)}


def test_a_run_leaves_records_leaderboard_lock_grids_and_plots(finished):
    out = finished.folder / "results/small"
    records = read_records(out / "records.jsonl")
    # (2 trained × 2 × 2 + 2 untrained × 2) image sets, 4 generators; 2 encoders, 6 metrics, reference fixed and random
    assert len(records) == (12 + 4) * 2 * 6 * 2
    assert {r.status for r in records} == {"ok"}
    assert {r.estimate.reference for r in records} == {"fixed", "random"}
    for r in records:
        assert r.estimate.low <= r.estimate.value <= r.estimate.high, r
        assert r.estimate.se >= 0
        assert (r.estimate.n_real, r.estimate.n_fake) == (120, 100)
        assert r.provenance["libraries"]["numpy"] == np.__version__
    assert all(r.inputs.keys() >= {"real_images", "fake_features"} for r in records if r.level == "cell")
    assert all("components" in r.observations for r in records if r.level == "generator")
    for name in (
        "leaderboard.md",
        "leaderboard.json",
        "benchmark.lock.yaml",
        "report.html",
        "run.json",
        "grids/_all.png",
        "grids/kde.png",
    ):
        assert (out / name).stat().st_size > 0
    assert (out / "plots/pixels.svg").is_file()
    assert len(rows(out)) == 8


def test_controls_take_no_rank_and_lie_where_they_are_known_to_lie(finished):
    board = json.loads((finished.folder / "results/small/leaderboard.json").read_text())
    ranked = {row["generator"]: row for row in board["rows"] if row["encoder"] == "digits_convnet"}
    fd = {name: row["metrics"]["fd"]["value"] for name, row in ranked.items()}
    contestants = {name for name, row in ranked.items() if not row["control"]}
    assert set(ranked) - contestants == {"holdout", "noise"}
    assert sorted(ranked[name]["rank"] for name in contestants) == list(range(1, len(contestants) + 1))
    assert ranked["noise"]["rank"] is ranked["holdout"]["rank"] is None
    assert fd["noise"] == max(fd.values())
    assert "noise" not in {other for name in contestants for other in ranked[name]["tied_with"]}
    assert fd["holdout"] == min(fd.values()) or contestants & set(ranked["holdout"]["tied_with"])


def test_the_same_again_computes_nothing_and_changes_no_byte(finished, copy_of):
    again = copy_of()
    out = again.folder / "results/small"
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    start = time.monotonic()
    outcome = again.run()
    assert outcome.returncode == 0
    assert "nothing to compute" in outcome.stdout
    assert time.monotonic() - start < 10
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("edit", "arguments"),
    [(None, ("--workers", "1")), (None, ("--workers", "3")), ("batch_size: 7", ()), ("batch_size: 256", ())],
)
def test_directory_worker_count_and_batch_size_change_no_byte_of_the_records(finished, small, edit, arguments):
    shutil.copy(finished.folder / f"{finished.module}.py", small.folder)
    small.edit(small.module, finished.module)
    if edit:
        small.edit("batch_size: 64", edit)
    outcome = small.run("--out", "elsewhere", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    assert small.records("elsewhere") == finished.records()


def test_a_generator_that_raises_costs_its_own_cells_and_is_tried_again(finished, copy_of):
    broken = copy_of()
    broken.edit(f"{broken.module}:Shifted", f"{broken.module}:Raises")
    outcome = broken.run()
    assert outcome.returncode == 1
    reason = "while making images 64 to 99: RuntimeError: out of ideas"
    assert reason in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "Traceback" in (broken.folder / "results/small/failures.log").read_text()
    records = read_records(broken.folder / "results/small/records.jsonl")
    failed = [r for r in records if r.status == "failed"]
    assert {r.cell.generator for r in failed} == {"mine"}
    assert all(r.estimate is None and reason in r.reason for r in failed)
    assert {r.cell.generator for r in records if r.status == "ok"} == {"kde", "holdout", "noise"}
    assert rows(broken.folder / "results/small")["pixels", "mine"]["status"] == "failed"

    again = broken.run()
    assert again.returncode == 1, "a failure must not be cached as a result"
    assert "sample: 2 to do" in again.stderr

    broken.edit(f"{broken.module}:Raises", f"{broken.module}:Shifted")
    assert broken.run().returncode == 0
    assert broken.records() == finished.records()


def test_an_encoder_that_yields_nan_costs_its_own_cells(copy_of):
    broken = copy_of()
    broken.edit("  pixels: {}", f'  pixels: {{}}\n  bad: {{use: "{broken.module}:NaNEncoder"}}')
    outcome = broken.run()
    assert outcome.returncode == 1
    assert "encoder bad gave NaN or infinity for image 3" in outcome.stderr
    records = read_records(broken.folder / "results/small/records.jsonl")
    assert {r.cell.encoder for r in records if r.status == "failed"} == {"bad"}


def test_an_added_encoder_is_the_only_thing_computed(copy_of):
    more = copy_of()
    more.edit("  pixels: {}", f'  pixels: {{}}\n  means: {{use: "{more.module}:MeansEncoder"}}')
    outcome = more.run()
    assert outcome.returncode == 0, outcome.stderr
    assert "sample:" not in outcome.stderr
    done = [line for line in outcome.stderr.splitlines() if line.startswith(("encode ", "score "))]
    assert len(done) == 12 + 2 + 12
    assert all("under means" in line for line in done)


def test_a_metric_of_ones_own_gets_an_interval(copy_of):
    more = copy_of()
    more.edit("metrics: {fd: {},", f'metrics: {{gap: {{use: "{more.module}:median_gap", better: lower}}, fd: {{}},')
    outcome = more.run()
    assert outcome.returncode == 0, outcome.stderr
    row = rows(more.folder / "results/small")["pixels", "noise"]
    assert float(row["gap.ci_lo"]) < float(row["gap"]) < float(row["gap.ci_hi"])


@pytest.mark.parametrize("kind", ["images", "features", "scores"])
def test_a_corrupted_entry_is_noticed_and_made_again(finished, copy_of, kind):
    damaged = copy_of()
    for shard in (damaged.folder / ".harness" / kind).rglob("*.safetensors"):
        shard.write_bytes(shard.read_bytes()[:-3] + b"xyz")
    later = {"images": ["features", "scores"], "features": ["scores"], "scores": []}[kind]
    for other in later:
        shutil.rmtree(damaged.folder / ".harness" / other)
    shutil.rmtree(damaged.folder / "results")
    outcome = damaged.run()
    assert outcome.returncode == 0, outcome.stderr
    assert "is corrupted; recomputing" in outcome.stderr
    assert damaged.records() == finished.records()


@pytest.mark.parametrize("file", ["records.jsonl", "leaderboard.md", "plots/pixels.png"])
def test_a_damaged_or_missing_result_is_written_again(finished, copy_of, file):
    damaged = copy_of()
    path = damaged.folder / "results/small" / file
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    assert damaged.run().returncode == 0
    assert path.read_bytes() == whole


@pytest.mark.parametrize("lines", [1, 9, 30])
def test_a_killed_run_goes_on_and_ends_with_the_same_records(finished, small, lines):
    """Killed with its workers after so many lines of progress: while it samples, encodes, scores."""
    shutil.copy(finished.folder / f"{finished.module}.py", small.folder)
    small.edit(small.module, finished.module)
    process = subprocess.Popen(
        small.command("run", "bench.yaml", "--no-tracking"),
        cwd=small.folder,
        env=small.environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    for _ in range(lines):
        process.stderr.readline()
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was over before it was killed"
    assert not (small.folder / "results/small/records.jsonl").exists()
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr
    assert small.records() == finished.records()
    assert not list((small.folder / ".harness/tmp").iterdir())


def test_two_runs_at_once_on_one_store_both_end_well(finished, small):
    shutil.copy(finished.folder / f"{finished.module}.py", small.folder)
    small.edit(small.module, finished.module)
    processes = [
        subprocess.Popen(
            small.command("run", "bench.yaml", "--no-tracking", "--out", out, "--workers", "1"),
            cwd=small.folder,
            env=small.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for out in ("one", "two")
    ]
    for process in processes:
        errors = process.communicate(timeout=300)[1]
        assert process.returncode == 0, errors
    assert small.records("one") == small.records("two") == finished.records()


def test_a_full_disk_is_one_clear_line_and_what_fitted_is_kept(finished, small):
    shutil.copy(finished.folder / f"{finished.module}.py", small.folder)
    small.edit(small.module, finished.module)
    store = small.folder / "tiny"
    store.mkdir()
    command = " ".join(small.command("run", "bench.yaml", "--no-tracking", "--store", "tiny"))
    script = f"mount -t tmpfs -o size=200k tmpfs tiny && {{ {command}; echo code $? >&2; df -k tiny | tail -1; }}"
    outcome = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=small.folder,
        env=small.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "code" not in outcome.stderr:
        pytest.skip(f"no small file system can be mounted here: {outcome.stderr.strip()}")
    said = [line for line in outcome.stderr.splitlines() if line.startswith("error")]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert "finished work is kept" in said[0]
    assert "--store" in said[0]
    assert "Traceback" not in outcome.stderr
    assert "code 1" in outcome.stderr
    assert not (small.folder / "results/small/records.jsonl").exists()


def test_repeated_images_are_flagged_and_do_not_look_precise(copy_of):
    """The same 50 digits once and repeated to 100 files: the repeated set's interval must not be that of 100 images."""
    from PIL import Image

    from harness.images.datasets.digits import Digits

    repeating = copy_of()
    images = Digits().load("holdout").images
    for name, chosen in (("repeats", list(range(25)) * 4), ("distinct", list(range(100)))):
        folder = repeating.folder / name
        folder.mkdir()
        for number, row in enumerate(chosen):
            Image.fromarray(images[row, ..., 0]).save(folder / f"{number:03}.png")
    repeating.edit("  noise: {}", "  repeats: {use: folder, path: repeats}\n  distinct: {use: folder, path: distinct}")
    outcome = repeating.run()
    assert outcome.returncode == 0, outcome.stderr
    assert "25 distinct images of 100" in outcome.stdout
    fixed = {
        (r.cell.generator, r.metric): r.estimate
        for r in read_records(repeating.folder / "results/small/records.jsonl")
        if r.level == "generator" and r.cell.encoder == "pixels" and r.estimate.reference == "fixed"
    }
    # 25 images say half as much as 100; the tolerance is for the two sets not being the same images.
    for metric in ("fd", "kd", "precision", "density"):
        assert fixed["repeats", metric].se > 1.5 * fixed["distinct", metric].se, metric


@pytest.mark.parametrize(
    "arguments", [("check", "nowhere.yaml"), ("run", "nowhere.yaml"), ("track", "nowhere"), ("list", "cats"), ("fly",)]
)
def test_a_wrong_command_line_is_exit_code_2_without_a_traceback(small, arguments):
    outcome = small.harness(*arguments)
    assert outcome.returncode == 2
    assert outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_check_counts_and_computes_nothing(small):
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 0, outcome.stderr
    assert "12 image sets of 100" in outcome.stdout
    assert not (small.folder / ".harness").exists()


def test_every_mistake_of_a_benchmark_is_told_at_once_with_its_place(small):
    small.edit("n_fake: 100", "n_fake: 1000")
    small.edit("  kde: {}", "  kde: {bandwith: 1}")
    small.edit("encoder: digits_convnet", "encoder: digit_convnet")
    outcome = small.harness("run", "bench.yaml")
    assert outcome.returncode == 2
    said = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert all("bench.yaml:" in line for line in said)
    assert any("bandwith" in line and "bandwidth" in line for line in said)
    assert any("digit_convnet" in line and "did you mean 'digits_convnet'" in line for line in said)
    assert not (small.folder / ".harness").exists()


@pytest.mark.parametrize("kind", ["datasets", "generators", "encoders", "metrics", "preprocessing"])
def test_list_names_what_a_benchmark_can_declare(small, kind):
    expected = {"datasets": "digits", "generators": "mode_drop", "encoders": "pixels", "metrics": "recall"}
    outcome = small.harness("list", kind)
    assert outcome.returncode == 0, outcome.stderr
    assert expected.get(kind, "clean") in outcome.stdout


HEAVY = ("torch", "mlflow", "scipy.stats", "sklearn", "pandas", "matplotlib", "PIL")


@pytest.mark.parametrize("arguments", [["--help"], ["check", "bench.yaml"]])
def test_help_and_check_import_nothing_heavy(small, arguments):
    code = (
        "import sys\n"
        "from harness.cli.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    outcome = subprocess.run([sys.executable, "-c", code], cwd=small.folder, capture_output=True, text=True, check=True)
    assert outcome.stdout.splitlines()[-1] == "[]"


def test_the_four_verbs_do_what_run_does(finished, small):
    shutil.copy(finished.folder / f"{finished.module}.py", small.folder)
    small.edit(small.module, finished.module)
    for verb in (["sample"], ["encode", "--receipt", "receipt.json"], ["score"], ["rank", "--no-tracking"]):
        outcome = small.harness(verb[0], "bench.yaml", *verb[1:])
        assert outcome.returncode == 0, outcome.stderr
    assert "encode" not in outcome.stderr
    assert small.records() == finished.records()
    expected = 2 * (2 + 12)  # encoders; real and generated sets
    assert len(json.loads((small.folder / "receipt.json").read_text())) == expected


def test_without_a_server_the_run_ends_well_and_says_how_to_send_it_later(copy_of):
    away = copy_of()
    outcome = away.harness("run", "bench.yaml", "--tracking-uri", "http://127.0.0.1:9")
    assert outcome.returncode == 0
    assert "send them later with `harness track results/small`" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    sent = away.harness("track", "results/small")
    assert sent.returncode == 0, sent.stderr
    assert (away.folder / "mlflow.db").is_file()
    again = away.harness("run", "bench.yaml")
    assert again.returncode == 0, again.stderr
    assert sent.stdout.split()[-1] == again.stdout.split()[-1], "the same run is not logged twice"


def test_a_folder_that_is_not_this_benchmarks_is_left_alone(copy_of):
    other = copy_of()
    photos = other.folder / "photos"
    (photos / "plots").mkdir(parents=True)
    (photos / "plots/mine.svg").write_text("precious")
    outcome = other.run("--out", "photos")
    assert outcome.returncode == 2
    assert "photos holds files that no run wrote" in outcome.stderr
    assert (photos / "plots/mine.svg").read_text() == "precious"
    other.edit("name: small", "name: another")
    outcome = other.run("--out", "results/small")
    assert outcome.returncode == 2
    assert "holds the results of benchmark 'small'" in outcome.stderr


def test_what_a_user_puts_beside_the_plots_stays(copy_of):
    kept = copy_of()
    (kept.folder / "results/small/plots/note.txt").write_text("mine")
    (kept.folder / "results/small/records.jsonl").unlink()
    assert kept.run().returncode == 0
    assert (kept.folder / "results/small/plots/note.txt").read_text() == "mine"


def test_copies_of_reference_and_training_images_are_named_whatever_their_file(copy_of):
    from PIL import Image

    from harness.images.datasets.digits import Digits

    copying = copy_of()
    for name, split in (("leak", "reference"), ("copied", "train")):
        folder = copying.folder / name
        folder.mkdir()
        for number, image in enumerate(Digits().load(split).images):
            Image.fromarray(image[..., 0]).convert("RGB").save(folder / f"{number:03}.png")
    copying.edit("  noise: {}", "  leak: {use: folder, path: leak}\n  copied: {use: folder, path: copied}")
    outcome = copying.run()
    assert outcome.returncode == 0, outcome.stderr
    board = (copying.folder / "results/small/leaderboard.md").read_text()
    # 120 of the 400 reference images are scored against, so some of the leaked 100 are among them.
    assert re.search(r"\| leak \|.* \d+% exact copies of reference images", board)
    assert re.search(r"\| copied \|.* 100% exact copies of training images", board)
    assert re.search(r" leak .* \d+% exact copies", outcome.stdout)
    assert "holdout:" not in outcome.stdout


def test_a_generator_that_ends_the_program_costs_its_own_cells_only(copy_of):
    leaving = copy_of()
    module = leaving.folder / f"{leaving.module}.py"
    module.write_text(module.read_text().replace('raise RuntimeError("out of ideas")', "raise SystemExit(3)"))
    leaving.edit(f"{leaving.module}:Shifted", f"{leaving.module}:Raises")
    outcome = leaving.run()
    assert outcome.returncode == 1
    assert "SystemExit: 3" in outcome.stderr
    assert rows(leaving.folder / "results/small")["pixels", "kde"]["status"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "said"), [(("--device", "foo"), "--device foo: unknown"), (("--store", "bench.yaml"), "the store")]
)
def test_a_device_or_store_that_cannot_be_is_said_before_any_work(small, arguments, said):
    outcome = small.run(*arguments)
    assert outcome.returncode == 2
    assert said in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_a_metric_that_raises_is_named(copy_of):
    broken = copy_of()
    broken.edit(
        "metrics: {fd: {},", f'metrics: {{bad: {{use: "{broken.module}:broken_metric", better: lower}}, fd: {{}},'
    )
    outcome = broken.run()
    assert outcome.returncode == 1
    assert "metric bad: ValueError: no metric today" in outcome.stderr
    assert "Traceback" not in outcome.stderr
