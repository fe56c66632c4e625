"""JSON Schemas: of the models, current in docs/schemas, true of every shipped file, and able to refuse."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from harness.benchmark.model import Benchmark
from harness.benchmark.registry import TABLE
from harness.benchmark.schemas import key_meanings
from harness.benchmark.starter import write_starter
from harness.cli.main import main
from harness.cli.schema import READ, WRITTEN, made, text
from harness.studies.reproduce.claims import FOLDER as CLAIMS
from harness.studies.verify.bundle import write_bundle
from tests.benchmark.test_model import GOOD, MISTAKES, changed, placed
from tests.conftest import ROOT
from tests.support.noise_folders import noise

KINDS = (*READ, *WRITTEN)
SCHEMAS = {kind: made(kind, plugins=False) for kind in KINDS}
VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
SHIPPED = [*sorted((ROOT / "benchmarks").rglob("*.yaml")), ROOT / "datasets.yaml", *sorted(CLAIMS.glob("*.yaml"))]
# What takes the files themselves, two keys at once, or the text instead of the value.
UNSEEN = {
    "a number written 7.0 is a whole number in JSON": ["§7.0"],
    "the text of the YAML": ["§seed: 8", "§!int 7", "§<<: ", "&same {}"],
    "what datasets.yaml has": ["§digit\n", "§401", "§ref", "§trian", "§hold}", "[3, 4, §10]", "keep: [3]}"],
    "what lies on disk": ["mine:score", "§nowhere", '§"nowhere:A"', "Traned"],
    "two keys at once": [
        "§[1, 0]}",
        "filter: box, antialias: false",
        "filter: nearest, antialias: true",
        "filter: area, antialias: true",
        "filter: bilinear, antialias: true",
        "halve: true",
        "clip: false",
        "crop: 9}",
        "normalise: imagenet}",
        "[0, 1, 1]",
        "{k: §50}",
        "{kernel: rbf}",
        "{bandwidth: 1.0}",
        "metric: §kd, ",
        "encoder: §pixels}",
        "target: §T_inf",
    ],
}


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def kind_of(path: Path) -> str:
    if path.name == "datasets.yaml":
        return "datasets"
    return "claims" if path.name.endswith(".claims.yaml") or path.parent == CLAIMS else "benchmark"


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_is_one_and_the_published_one_is_current(kind):
    Draft202012Validator.check_schema(SCHEMAS[kind])
    published = ROOT / "docs" / "schemas" / f"{kind}.json"
    assert published.read_text("utf-8") == text(kind, plugins=False), "harness schema --write docs/schemas"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_fits_its_schema_and_names_it_for_editors(path):
    content = path.read_text("utf-8")
    kind = kind_of(path)
    assert [f"{error.json_path}: {error.message}" for error in VALIDATORS[kind].iter_errors(read(content))] == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", content)
    assert named
    assert (path.parent / named[1]).resolve() == ROOT / "docs" / "schemas" / f"{kind}.json"


def test_what_init_writes_fits_its_schema_and_names_it_for_editors(tmp_path):
    made = write_starter(noise(tmp_path / "real", 20), [noise(tmp_path / "fake", 20)], out=tmp_path / "mine.yaml")
    for kind, path in (("benchmark", made.bench), ("datasets", tmp_path / "mine.datasets.yaml")):
        content = path.read_text("utf-8")
        assert [error.message for error in VALIDATORS[kind].iter_errors(read(content))] == []
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", content)
        assert json.loads((path.parent / named[1]).read_text("utf-8")) == SCHEMAS[kind]


def test_every_key_says_what_it_means_and_its_default():
    keys = SCHEMAS["benchmark"]["properties"]
    assert [key for key, of in keys.items() if not of.get("description")] == ["audit", "numerics", "rank_by", "sweep"][
        :0
    ]
    for key, field in Benchmark.model_fields.items():
        if key in keys and field.default is not None and not field.is_required():
            assert "default" in keys[key], key
    silent = [
        f"{one.kind}.{one.name}.{key}"
        for one in TABLE
        for model in (one.parameters, one.split)
        for key, words in key_meanings(one, model).items()
        if not words
    ]
    assert silent == []


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_that_a_schema_can_see_is_refused(old, new, said):
    mistaken, _ = placed(changed(old, new))
    try:
        seen = not VALIDATORS["benchmark"].is_valid(read(mistaken))
    except YAMLError:
        seen = False  # an editor says that itself
    assert seen != any(part in new for parts in UNSEEN.values() for part in parts), said


def test_a_sound_declaration_is_none_of_these():
    assert VALIDATORS["benchmark"].is_valid(read(GOOD))
    own = changed("fd: {}", 'gap: {use: "my_module:gap", better: lower, power: 2}')
    assert VALIDATORS["benchmark"].is_valid(read(own))


PINS = f"digest: 'sha256:{'0' * 64}'"
ENTRY = (
    f"mine: {{use: folder, source: a, licence: b, image: [8, 8, 1], splits: {{train: {{path: x, size: 9, {PINS}}}}}}}"
)
CLAIM = "title: t\nclaims:\n- {id: a, model: m, metric: fid, value: 7.40, source: s}\n"


@pytest.mark.parametrize(
    ("kind", "sound", "old", "new"),
    [
        ("datasets", ENTRY, "source: a", "sorce: a"),
        ("datasets", ENTRY, "use: folder", "use: fodler"),
        ("datasets", ENTRY, "[8, 8, 1]", "[8, 8]"),
        ("datasets", ENTRY, "path: x, ", ""),
        ("datasets", ENTRY, "size: 9", "size: 0"),
        ("datasets", ENTRY, "sha256:00", "sha256:zz"),
        ("datasets", ENTRY, "path: x", "path: x, colum: y"),
        ("claims", CLAIM, "7.40", "seven"),
        ("claims", CLAIM, "metric: fid", "metric: fidd"),
        ("claims", CLAIM, "metric: fid, ", ""),
        ("claims", CLAIM, "source: s", "source: s, protocol: cleen"),
        ("claims", CLAIM, ", source: s", ""),
        ("claims", CLAIM, "source: s", "source: s, sead: 1"),
        ("claims", CLAIM, "title: t", "title: t\ncommon: {n_fake: many}"),
        ("claims", CLAIM, CLAIM, "title: t\nclaims: []\n"),
        ("claims", CLAIM, "title: t\n", ""),
    ],
)
def test_a_mistake_in_datasets_or_claims_is_refused(kind, sound, old, new):
    assert sound.count(old) == 1
    assert VALIDATORS[kind].is_valid(read(sound))
    assert not VALIDATORS[kind].is_valid(read(sound.replace(old, new)))


def test_what_a_run_leaves_fits_its_schema(finished, tmp_path):
    out = finished.folder / "results" / "small"
    write_bundle(out, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        page = json.loads(archive.read("bundle.json"))
    left = {
        "leaderboard": json.loads((out / "leaderboard.json").read_text()),
        "metrics": json.loads((out / "metrics.json").read_text()),
        "lock": read((out / "benchmark.lock.yaml").read_text()),
        "bundle": page,
    }
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    for kind, value in [*left.items(), *(("record", record) for record in records)]:
        assert [f"{error.json_path}: {error.message}" for error in VALIDATORS[kind].iter_errors(value)] == []
    assert {record["level"] for record in records} == {"cell", "generator"}
    for kind, value in [*left.items(), ("record", records[0])]:  # a key more, or a value that is none
        broken = {**value, "run_key": 3, "benchmark": 3, "a/b/c": "3"}
        assert not VALIDATORS[kind].is_valid(broken), kind


def test_the_command_prints_one_and_writes_all(tmp_path):
    printed = CliRunner().invoke(main, ["schema", "benchmark"])
    assert json.loads(printed.output)["properties"]["seed"]["type"] == "integer"
    assert CliRunner().invoke(main, ["schema", "--write", str(tmp_path / "schemas")]).exit_code == 0
    assert sorted(path.stem for path in (tmp_path / "schemas").iterdir()) == sorted(KINDS)
    assert CliRunner().invoke(main, ["schema"]).exit_code == 2
