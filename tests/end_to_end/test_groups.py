"""Images that are not independent draws, from a generator's labels to intervals, records, rankings and comparisons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.base.errors import UsageError
from harness.benchmark import model as benchmark
from harness.generators.labels import offered
from harness.generators.latents import Network
from harness.metrics.analyses import analyse
from harness.pipeline import groups, plan
from harness.pipeline import results as outfolder
from harness.pipeline import sample as images
from harness.pipeline import score as scores
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.compare import difference
from harness.uncertainty.design import Design
from harness.uncertainty.ranks import rank_sets
from harness.uncertainty.seeds import SeedMember, combine, means
from tests.conftest import ROOT

MODULE = """\
import numpy as np


class Prompted:
    \"\"\"Half of an image's level is its prompt's, and there are 20 prompts of 5 images each.\"\"\"

    def sample(self, seeds):
        raise AssertionError("prompts go by place")

    def sample_at(self, seeds, places):
        return np.stack([picture(seed, 1000 + place % 20, 1.0) for seed, place in zip(seeds, places)])

    def groups(self, seeds, places):
        return {"clusters": [f"prompt {place % 20}" for place in places]}


class Classes(Prompted):
    \"\"\"Four classes far apart, 25 images of each.\"\"\"

    def sample_at(self, seeds, places):
        return np.stack([picture(seed, 2000 + place % 4, 1.6) for seed, place in zip(seeds, places)])

    def groups(self, seeds, places):
        return {"strata": [place % 4 for place in places]}


def plain(seeds):
    return np.stack([picture(seed, seed + 1, 1.0) for seed in seeds])


def picture(seed, group, weight):
    common = np.random.default_rng(group).standard_normal(8)
    own = np.random.default_rng(seed).standard_normal(8)
    rows = np.clip(100 + 30 * (weight * common + own), 0, 255)
    return np.repeat(rows[:, None], 8, axis=1).astype(np.uint8)[..., None]


class Means:
    identity = {"name": "two sums over rows"}
    dim = 2

    def encode(self, images):
        weights = np.cos(np.arange(16.0)).reshape(8, 2)
        return (images.mean(axis=(2, 3)) @ weights / 100).astype(np.float32)
"""

YAML = """\
name: grouped
seed: 4
dataset: digits
datasets: {datasets}
n_real: 200
n_fake: 100
batch_size: 16
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 255]}}
encoders: {{means: {{use: "{module}:Means"}}}}
generators:
  prompted: {{use: "{module}:Prompted"}}
  blind: {{use: "{module}:Prompted", groups: none}}
  classes: {{use: "{module}:Classes"}}
  mixture: {{use: "{module}:Classes", groups: none}}
  plain: {{use: "{module}:plain"}}
metrics: {{fd: {{}}, kd: {{}}, density: {{}}}}
interval: {{replicates: 60, reference: fixed}}
rank_by: {{metric: fd, encoder: means}}
"""


def declared(folder: Path, module: str, text: str = YAML) -> Path:
    (folder / f"{module}.py").write_text(MODULE)
    path = folder / "grouped.yaml"
    path.write_text(text.format(datasets=ROOT / "datasets.yaml", module=module))
    return path


def planned(folder: Path, module: str, text: str = YAML) -> Plan:
    return Plan(benchmark.load(declared(folder, module, text)), folder / "store", "cpu")


def records(out: Path) -> dict[tuple[str, str], dict]:
    lines = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    return {
        (line["cell"]["generator"], line["metric"]): line["estimate"]
        for line in lines
        if line["level"] == "cell" and line["estimate"]["reference"] == "fixed"
    }


def standard_errors(folder: Path, module: str) -> dict[str, float]:
    """The standard error of FD of every generator, by the stages alone."""
    made = planned(folder, module)
    found = {}
    for generator in ("prompted", "blind", "classes", "mixture"):
        source = FakeSet(generator, None, 0)
        scores.make_scores(made, source, "means")
        analysis = scores.load_analyses(made, source, "means")["fd"]
        assert analysis is not None
        assert analysis.form.influence_fake is not None
        found[generator] = float(analysis.form.influence_fake.std(ddof=1) / len(analysis.form.influence_fake) ** 0.5)
    return found


def claim_that_groups_count(se: dict[str, float]) -> None:
    assert se["prompted"] > 1.3 * se["blind"]
    assert se["classes"] < 0.8 * se["mixture"]


def test_prompts_widen_and_balanced_labels_narrow_what_is_known_of_a_set(tmp_path):
    claim_that_groups_count(standard_errors(tmp_path, "grouped_stage"))


def test_the_claim_fails_where_groups_are_ignored(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "load_groups", lambda plan, source: groups.Groups())
    with pytest.raises(AssertionError):
        claim_that_groups_count(standard_errors(tmp_path, "grouped_ignored"))


@pytest.mark.slow
def test_a_run_says_in_records_board_and_comparisons_what_it_did_with_groups(small):
    path = declared(small.folder, "grouped_run")
    path.rename(small.bench)
    done = small.run()
    assert done.returncode == 0, done.stderr
    out = small.folder / "results" / "grouped"
    found = records(out)
    for metric in ("fd", "kd", "density"):
        prompted, blind = found["prompted", metric], found["blind", metric]
        classes, mixture = found["classes", metric], found["mixture", metric]
        assert prompted["value"] == blind["value"]  # the same images: groups move intervals alone
        assert classes["value"] == mixture["value"]
        assert prompted["se"] > blind["se"]
        assert classes["se"] < mixture["se"]
        assert ", by clusters (fake)" in prompted["method"]
        assert any("100 fake rows in 20 clusters" in note for note in prompted["notes"])
        assert "stratified (fake)" in classes["method"]
        assert any("in 4 strata" in note for note in classes["notes"])
        for silent in (blind, mixture, found["plain", metric]):
            assert "cluster" not in silent["method"] + str(silent["notes"])
            assert "strat" not in silent["method"] + str(silent["notes"])
    board = (out / "leaderboard.md").read_text()
    assert "each counted as one draw: prompted;" in board
    assert "fixed label counts: classes;" in board
    # What OUT keeps is what was computed, and generators with and without groups are ranked and compared together.
    _, kept = outfolder.read(out)
    (member,) = kept["fd"]["prompted"]
    assert member.analysis.clustered
    assert len(np.unique(member.analysis.clusters_fake)) == 20
    (other,) = kept["fd"]["classes"]
    assert other.analysis.strata_fake is not None
    assert other.analysis.clusters_fake is None
    assert kept["fd"]["plain"][0].analysis.clusters_fake is None
    ranked = rank_sets(kept["fd"], lower_is_better=True, level=0.95, reference="random", seed=0)
    assert set(ranked.rank) == {"prompted", "blind", "classes", "mixture", "plain"}
    compared = small.harness("compare", "results/grouped", "prompted", "plain")
    assert compared.returncode == 0, compared.stderr + compared.stdout
    gated = small.harness("gate", "results/grouped", "--baseline", "results/grouped")
    assert gated.returncode == 0, gated.stderr + gated.stdout


def test_sets_without_groups_keep_their_keys_facts_and_files(tmp_path, monkeypatch):
    made = planned(tmp_path, "grouped_keys")
    hashed: list = []
    monkeypatch.setattr(plan, "digest", lambda parts: hashed.append(parts) or "0" * 64)
    made.image_key(FakeSet("plain", None, 0))
    entry = images.Entry(tmp_path, {"content": "x", "images": "y"}, ())
    made.score_key(entry, entry, None, "fd", {})
    made.score_key(entry, entry, None, "fd", {"clusters": "z"})
    made.score_key(entry, entry, None, plan.COPIES, {"clusters": "z"})
    assert ["groups" in parts for parts in hashed] == [False, False, True, False]
    monkeypatch.undo()
    stored = images.load_images(made, FakeSet("plain", None, 0))
    assert set(stored.facts) == {"n", "shape", "content", "cost", "shards"}
    assert [set(part) for part in stored.read()] == [{"images"}]
    grouped = images.load_images(made, FakeSet("prompted", None, 0))
    assert set(grouped.facts) == {"n", "shape", "content", "cost", "shards", "groups"}
    assert [set(part) for part in grouped.read()] == [{"images"}, {"clusters"}]
    assert sum(len(part) for part in images.read_images(made, FakeSet("prompted", None, 0), 16)) == 100
    assert made.groups(FakeSet("blind", None, 0)) == {} != made.groups(FakeSet("prompted", None, 0))


def test_a_lost_shard_of_groups_is_made_again(tmp_path):
    made = planned(tmp_path, "grouped_lost")
    source = FakeSet("prompted", None, 0)
    entry = images.load_images(made, source)
    before = scores.load_groups(made, source).design.clusters
    (entry.folder / entry.shards[-1]["file"]).write_bytes(b"")
    with pytest.warns(UserWarning, match="is corrupted"):
        again = scores.load_groups(made, source).design.clusters
    assert np.array_equal(before, again)


def test_strata_that_a_variance_cannot_use_are_left_out_in_words():
    rows = np.random.default_rng(0).standard_normal((6, 2))
    thin = groups.Groups({"strata": np.array([0, 0, 1, 1, 1, 2])}).fitting(rows, "mine")
    assert thin.design.strata is None
    assert "mine has fixed label counts" in thin.notes[0]
    rows[5] = rows[0]
    across = groups.Groups({"strata": np.array([0, 0, 0, 1, 1, 1])}).fitting(rows, "mine")
    assert across.design.strata is None
    assert across.notes
    kept = groups.Groups({"strata": np.array([0, 1, 1, 1, 1, 0])}).fitting(rows[:5].repeat(2, 0)[:6], "mine")
    assert kept.design.strata is None  # the copies again: rows 0 and 1 are one image in two strata
    sound = groups.Groups({"strata": np.array([0, 1, 0, 1, 0])}).fitting(rows[:5], "mine")
    assert sound.design.strata is not None
    assert not sound.notes


class Own:
    def __init__(self, given):
        self.given = given

    def groups(self, seeds, places):
        return self.given


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([1, 2, 3], "gave a list; it must give a mapping"),
        ({"prompts": [1, 2, 3]}, "gave keys prompts"),
        ({"clusters": [1, 2]}, "gave 2 clusters for 3 seeds"),
        ({"strata": [1.5, 2, 3]}, "strata such as 1.5; labels are whole numbers or texts"),
        ({"strata": [True, 2, 3]}, "strata such as True"),
        ({"strata": [1, None, 3]}, "such as None"),
    ],
)
def test_labels_that_are_none_are_refused(given, match):
    with pytest.raises(UsageError, match=match):
        offered(Own(given), [0, 1, 2], range(3))


def test_labels_of_any_usual_form_are_taken():
    assert offered(Own(None), [0], range(1)) == {}
    found = offered(Own({"clusters": np.array([3, 4]), "strata": np.array(["a", "b"])}), [0, 1], range(2))
    assert found == {"clusters": [3, 4], "strata": ["a", "b"]}
    assert offered(object(), [0], range(1)) == {}


class Net(Network):
    def _run(self, inputs):
        raise AssertionError("labels alone are asked for")


def test_networks_give_strata_where_labels_are_balanced_and_nothing_where_they_are_drawn():
    asked = {"file": "x", "latent": 2, "quantise": "network", "classes": 3}
    assert offered(Net(**asked), [5, 6], range(2)) == {}
    assert offered(Net(**asked, labels="balanced"), [5, 6, 7, 8], range(4)) == {"strata": [0, 1, 2, 0]}
    assert offered(Net(**asked | {"classes": 1}, labels="balanced"), [5], range(1)) == {}


@pytest.mark.parametrize(
    ("generator", "match"),
    [
        ("{use: kde, groups: clusters}", r"generators.odd.groups: unknown key"),
        (
            "{use: folder, path: pictures, groups: some}",
            r"generators.odd.groups: found the text 'some'. Allowed: clusters, strata, none",
        ),
        ('{{use: "{module}:plain", groups: 3}}', r"generators.odd.groups"),
    ],
)
def test_a_reading_that_labels_do_not_allow_is_refused_before_anything_is_made(tmp_path, generator, match):
    text = YAML.replace(
        'plain: {{use: "{module}:plain"}}', f"odd: {generator if '{{' in generator else '{' + generator + '}'}"
    )
    with pytest.raises(UsageError, match=match):
        benchmark.load(declared(tmp_path, "grouped_odd", text))


def test_a_reading_of_labels_that_an_own_generator_does_not_give_is_refused(tmp_path):
    text = YAML.replace('plain: {{use: "{module}:plain"}}', 'plain: {{use: "{module}:plain", groups: strata}}')
    made = planned(tmp_path, "grouped_none", text)
    with pytest.raises(UsageError, match="plain: `groups: strata` needs labels, but it gives none"):
        scores.load_groups(made, FakeSet("plain", None, 0))


def test_labels_given_as_clusters_can_be_read_as_strata(tmp_path):
    text = YAML.replace('"{module}:Prompted", groups: none', '"{module}:Prompted", groups: strata')
    made = planned(tmp_path, "grouped_read", text)
    source = FakeSet("blind", None, 0)
    assert len(np.unique(scores.load_groups(made, source).design.strata)) == 20
    assert scores.load_groups(made, source).design.clusters is None
    assert made.image_key(source) == made.image_key(FakeSet("prompted", None, 0))
    assert made.groups(source) != made.groups(FakeSet("prompted", None, 0))


def shared_prompts(rng, count=25, size=4):
    """Two image sets of the same prompts, and the label of each row: most of the variance is the prompt's."""
    label = np.repeat(np.arange(count), size)
    common = rng.standard_normal((count, 2))[label]
    return [np.sqrt(0.8) * common + np.sqrt(0.2) * rng.standard_normal((count * size, 2)) + 1 for _ in range(2)], label


@pytest.mark.parametrize(("use", "reference"), [("kd", "fixed"), ("kd", "random"), ("density", "random")])
def test_sampling_seeds_of_the_same_prompts_do_not_narrow_as_independent_sets_would(use, reference):
    rng = np.random.default_rng(3)
    repetitions = 60 if use == "density" else 150
    fixed = rng.standard_normal((120, 2))
    values, said, blind = [], [], []
    for r in range(repetitions):
        real = fixed if reference == "fixed" else rng.standard_normal((120, 2))
        sets, label = shared_prompts(rng)
        members = [
            SeedMember(
                None,
                s,
                analyse(
                    {use: MetricCall(use)},
                    real,
                    rows,
                    real_seed=r,
                    fake_seed=s,
                    replicates=50,
                    design_fake=Design(clusters=label),
                )[use],
            )
            for s, rows in enumerate(sets)
        ]
        apart = [replace(m, analysis=replace(m.analysis, clusters_fake=None)) for m in members]
        for found, group in ((said, members), (blind, apart)):
            estimate = combine(group, level=0.95, target="T_N", reference=reference).estimate
            found.append((estimate.low, estimate.high))
        values.append(estimate.value)
    truth = np.mean(values)
    held = {
        name: np.mean([low <= truth <= high for low, high in found])
        for name, found in (("said", said), ("blind", blind))
    }
    assert held["said"] >= 0.91
    if reference == "fixed":  # the negative control: there prompts are all of the error
        assert held["blind"] < 0.9


def test_sets_that_share_clusters_are_known_as_such_and_pairs_need_the_same():
    rng = np.random.default_rng(5)
    real = rng.standard_normal((80, 2))
    sets, label = shared_prompts(rng)

    def member(seed, rows, clusters):
        found = analyse(
            {"fd": MetricCall("fd")}, real, rows, real_seed=1, fake_seed=seed, design_fake=Design(clusters=clusters)
        )
        return SeedMember(None, seed, found["fd"])

    same = [member(0, sets[0], label), member(1, sets[1], label)]
    others = [same[0], member(1, sets[1], label + 100)]
    assert means(same).together
    assert not means(others).together
    assert means(same).fake_part == pytest.approx(2 * means([same[0], others[1]]).fake_part)
    assert any(
        "clusters in common" in n for n in combine(same, level=0.95, target="T_N", reference="fixed").estimate.notes
    )
    paired = difference(same[:1], [replace(same[1], sampling_seed=0)], paired=True)
    assert paired.se > 0
    with pytest.raises(UsageError, match="differ in their clusters"):
        difference(same[:1], [replace(others[1], sampling_seed=0)], paired=True)


def test_training_seeds_of_the_same_prompts_carry_what_their_scatter_does_not_show():
    rng = np.random.default_rng(6)
    real = rng.standard_normal((80, 2))
    sets, label = shared_prompts(rng)
    found = [
        analyse(
            {"fd": MetricCall("fd")},
            real,
            rows,
            real_seed=1,
            fake_seed=seed,
            design_fake=Design(clusters=label),
        )["fd"]
        for seed, rows in enumerate(sets)
    ]
    same = [SeedMember(t, 0, a) for t, a in enumerate(found)]
    apart = [replace(m, analysis=replace(m.analysis, clusters_fake=None)) for m in same]
    wide, narrow = (combine(m, level=0.95, target="T_N", reference="fixed").estimate for m in (same, apart))
    assert wide.se**2 == pytest.approx(narrow.se**2 + means(same).common)
    assert "and their common clusters" in wide.method


def pictures(folder: Path, classes: dict[str, int]) -> None:
    rng = np.random.default_rng(8)
    for name, count in classes.items():
        (folder / "pictures" / name).mkdir(parents=True)
        middle = rng.uniform(60, 190)
        for i in range(count):
            pixels = np.clip(middle + 20 * rng.standard_normal((8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{i}.png")


def test_class_folders_of_finished_images_are_read_as_the_entry_says(tmp_path):
    pictures(tmp_path, {"a": 30, "b": 40, "c": 30})
    text = YAML.replace(
        'plain: {{use: "{module}:plain"}}',
        """\
plain: {{use: folder, path: pictures}}
  videos: {{use: folder, path: pictures, groups: clusters}}
  balanced: {{use: folder, path: pictures, groups: strata}}""",
    )
    made = planned(tmp_path, "grouped_folder", text)
    names = ("plain", "videos", "balanced")
    plain, videos, balanced = (scores.load_groups(made, FakeSet(name, None, 0)) for name in names)
    assert plain == groups.Groups()
    assert sorted(np.unique(videos.design.clusters, return_counts=True)[1]) == [30, 30, 40]
    assert np.array_equal(balanced.design.strata, videos.design.clusters)
    # The label is that of the image in that place, whatever the order of the draw.
    shown = images.load_images(made, FakeSet("videos", None, 0)).arrays()["images"].mean(axis=(1, 2, 3))
    within = [shown[videos.design.clusters == label].std() for label in np.unique(videos.design.clusters)]
    assert max(within) < shown.std() / 2
    assert made.image_key(FakeSet("plain", None, 0)) != made.image_key(FakeSet("videos", None, 0))


def test_strata_of_a_pool_that_is_not_taken_whole_are_refused(tmp_path):
    pictures(tmp_path, {"a": 60, "b": 60})
    text = YAML.replace('"{module}:plain"', "folder, path: pictures, groups: strata")
    made = planned(tmp_path, "grouped_part", text)
    with pytest.raises(UsageError, match="sets are 100 of 120 images drawn at random"):
        images.load_images(made, FakeSet("plain", None, 0))


def stratified_digits(folder: Path, split: str) -> Path:
    """The pinned datasets, with one split of the digits said to be balanced."""
    text = (ROOT / "datasets.yaml").read_text()
    before, after = text.split(f"    {split}:\n", 1)
    path = folder / "datasets.yaml"
    path.write_text(f"{before}    {split}:\n      strata: labels\n{after}")
    return path


def test_a_reference_with_fixed_counts_is_stratified_where_it_is_taken_whole(tmp_path):
    datasets = stratified_digits(tmp_path, "reference")
    text = YAML.replace("{datasets}", str(datasets))
    whole = planned(tmp_path, "grouped_real", text.replace("n_real: 200", "n_real: 400"))
    source = FakeSet("plain", None, 0)
    scores.make_scores(whole, source, "means")
    analysis = scores.load_analyses(whole, source, "means")["kd"]
    assert len(np.unique(analysis.strata_real)) == 10
    assert analysis.strata_fake is None
    assert "stratified (real)" in analysis.method
    part = planned(tmp_path, "grouped_real", text)
    assert scores.load_groups(part, part.reference).design.strata is None
    plain = planned(tmp_path, "grouped_real", YAML.replace("n_real: 200", "n_real: 400"))
    assert plain.image_key(plain.reference) != whole.image_key(whole.reference)
    scores.make_scores(plain, source, "means")
    other = scores.load_analyses(plain, source, "means")["kd"]
    assert other.value == analysis.value
    assert other.strata_real is None
    with pytest.raises(UsageError, match="different strata of the reference"):
        difference([SeedMember(None, 0, analysis)], [SeedMember(None, 0, other)])


def test_a_target_that_is_not_known_with_groups_fails_the_set_in_words(tmp_path):
    text = YAML.replace("replicates: 60", "replicates: 60, target: T_inf")
    made = planned(tmp_path, "grouped_limit", text)
    with pytest.raises(UsageError, match="bias of FD is not known for clusters; ask for 'T_N'"):
        scores.make_scores(made, FakeSet("prompted", None, 0), "means")
    scores.make_scores(made, FakeSet("blind", None, 0), "means")
