"""`harness export`: each form is read by the library or the schema that it is for, and carries the run's numbers."""

import hashlib
import json
import re
import shutil
from types import SimpleNamespace
from uuid import UUID

import huggingface_hub
import jsonschema
import mlcroissant
import pytest
from click.testing import CliRunner
from huggingface_hub.repocard_data import model_index_to_eval_results
from rocrate.rocrate import ROCrate
from ruamel.yaml import YAML

from harness.cli.main import main
from harness.pipeline import results
from harness.report import paste
from tests.conftest import ROOT

# The project's own, unchanged; schemas/README.md says whence.
EVERY_EVAL_EVER = json.loads((ROOT / "tests/report/schemas/every_eval_ever-0.3.0.json").read_text("utf-8"))


@pytest.fixture
def out(finished):
    return finished.folder / "results/small"


@pytest.fixture
def board(out):
    return results.read_leaderboard(out)


def export(form, out, tmp_path, *arguments):
    found = CliRunner().invoke(main, ["export", form, str(out), "--to", str(tmp_path / form), *arguments])
    assert found.exit_code == 0, found.output
    return tmp_path / form


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def row_of(board, generator="kde", encoder="digits_convnet"):
    return next(row for row in board.of(encoder) if row.generator == generator)


def test_eval_results_are_read_by_the_hubs_library_with_the_interval_in_the_notes(out, board, tmp_path):
    asked = ("--dataset-id", "me/digits", "--source-url", "https://example.org/r.html")
    folder = export("hf", out, tmp_path, *asked)
    told = YAML(typ="safe").load((folder / "kde/.eval_results/small.yaml").read_text())
    entries = huggingface_hub.parse_eval_result_entries(told)
    assert len(entries) == 12  # six metrics under two encoders
    estimate = row_of(board).metrics["fd"]
    found = next(one for one in entries if one.task_id == "fd-digits_convnet")
    assert (found.dataset_id, found.value, found.source_url) == ("me/digits", estimate.value, asked[3])
    assert f"95% CI [{estimate.low:.6g}, {estimate.high:.6g}]" in found.notes
    assert "n_real = 120, n_fake = 100 (T_N), reference random" in found.notes


def test_the_cards_model_index_is_read_by_the_hubs_library(out, board, tmp_path):
    folder = export("hf", out, tmp_path)
    card = huggingface_hub.ModelCard.load(folder / "kde/README.md")
    name, found = model_index_to_eval_results(card.data.to_dict()["model-index"])
    estimate = row_of(board).metrics["recall"]
    value = next(one.metric_value for one in found if one.metric_name == "recall (digits_convnet)")
    assert name == "kde"
    assert value == f"{estimate.value:.6g} [{estimate.low:.6g}, {estimate.high:.6g}]"


def test_every_eval_ever_is_valid_by_the_projects_own_schema_with_the_runs_intervals(out, board, tmp_path):
    folder = export("every-eval-ever", out, tmp_path, "--organisation", "A lab", "--encoder", "digits_convnet")
    (path,) = (folder / "data/small/A-lab/kde").glob("*.json")
    assert UUID(path.stem).version == 4  # the name that the project's store takes
    told = json.loads(path.read_text())
    jsonschema.Draft7Validator(EVERY_EVAL_EVER).validate(told)
    assert told["schema_version"] == EVERY_EVAL_EVER["version"]
    found = {one["evaluation_name"]: one for one in told["evaluation_results"]}
    assert set(found) == {f"{m}-digits_convnet" for m in ("fd", "kd", "precision", "recall", "density", "coverage")}
    estimate = row_of(board).metrics["fd"]
    level = found["fd-digits_convnet"]["score_details"]["uncertainty"]["confidence_interval"]
    assert (level["lower"], level["upper"], level["confidence_level"]) == (estimate.low, estimate.high, 0.95)
    assert found["recall-digits_convnet"]["metric_config"]["max_score"] == 1
    assert found["density-digits_convnet"]["metric_config"]["max_score"] == "Infinity"
    again = export("every-eval-ever", out, tmp_path / "again", "--organisation", "A lab", "--encoder", "digits_convnet")
    assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_a_crate_is_read_by_its_library_and_names_each_file_with_its_digest(out, tmp_path):
    folder = export("ro-crate", out, tmp_path)
    crate = ROCrate(str(folder))
    assert crate.name == "Results of the benchmark small"
    parts = {one.id: one for one in crate.data_entities}
    assert {"records.jsonl", "leaderboard.json", "benchmark.lock.yaml"} <= set(parts)
    for name, one in parts.items():
        assert one["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
    assert crate.dereference("#run")["instrument"].id == "#generative-image-harness"


def test_datasets_are_read_by_mlcroissant_with_the_pinned_digests(tmp_path):
    folder = export("croissant", ROOT / "datasets.yaml", tmp_path)
    names = {f"{name}.croissant.json" for name in ("digits", "mnist5k", "photographs")}
    assert {path.name for path in folder.iterdir()} == names
    for path in folder.iterdir():
        assert not mlcroissant.Dataset(jsonld=str(path)).metadata.ctx.issues.errors
    rows = list(mlcroissant.Dataset(jsonld=str(folder / "digits.croissant.json")).records("splits"))
    told = {text(row["splits/name"]): row["splits/images"] for row in rows}
    assert told == {"train": 597, "reference": 400, "holdout": 800}
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", text(row["splits/digest"])) for row in rows)


def test_table_citation_and_metrics_are_those_of_the_run(out, board, tmp_path):
    assert r"\begin{tabular}" in (export("latex", out, tmp_path) / "small.tex").read_text()
    assert "@misc{" in (export("bibtex", out, tmp_path) / "small.bib").read_text()
    told = json.loads((export("metrics", out, tmp_path) / "estimates.json").read_text())
    estimate = row_of(board, "noise", "pixels").metrics["fd"]
    assert told["pixels"]["noise"]["fd"] == {
        "value": estimate.value,
        "se": estimate.se,
        "low": estimate.low,
        "high": estimate.high,
    }


def test_a_run_of_an_installed_package_is_cited_by_its_version():
    """There is no commit outside a clone; and BibTeX's own styles print `note`, not `version`."""
    made = [SimpleNamespace(provenance={"harness": "0.2.0", "commit": commit}) for commit in ("installed", "ab1-dirty")]
    notes = [paste.bibtex(SimpleNamespace(records=[one], lock={"run_key": "k"})) for one in made]
    assert "note   = {version 0.2.0; run key k}" in notes[0]
    assert "note   = {version 0.2.0, commit ab1-dirty; run key k}" in notes[1]


@pytest.mark.parametrize(("metrics", "wide"), [(3, False), (6, True)])
def test_a_table_wider_than_the_text_is_shrunk_to_it(metrics, wide):
    cells = ["1", "kde", *["0.790 ±0.059"] * metrics, "1×1", "as run"]
    board = SimpleNamespace(
        benchmark="b", header=lambda _: cells, title=lambda _: "encoder e", of=lambda _: [None], cells=lambda _: cells
    )
    text = paste.latex(SimpleNamespace(board=board, first="e"))
    assert (r"\resizebox{\linewidth}{!}{%" in text, r"\end{tabular}}" in text, "graphicx" in text) == (wide,) * 3
    assert text.replace("%", "").count("{") == text.count("}")


def test_what_cannot_be_exported_is_refused_by_name(out, tmp_path):
    def refused(*arguments):
        found = CliRunner().invoke(main, ["export", *arguments])
        assert found.exit_code == 2, found.output
        return found.stderr

    assert "did you mean 'kde'" in refused("hf", str(out), "--generator", "kd", "--to", str(tmp_path / "x"))
    assert "give a datasets.yaml" in refused("croissant", str(out))
    assert "is the run itself" in refused("metrics", str(out), "--to", str(out))
    assert not (tmp_path / "x").exists()


def test_a_strangers_run_writes_nothing_outside_of_the_folder(out, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(out, run)
    board = json.loads((run / "leaderboard.json").read_text())
    board["rows"][0]["generator"] = "../../escaped"
    (run / "leaderboard.json").write_text(json.dumps(board))
    found = CliRunner().invoke(main, ["export", "hf", str(run), "--to", str(tmp_path / "a/b")])
    assert found.exit_code == 2, found.output
    assert not (tmp_path / "escaped").exists()
