"""Metrics by class: a class that fails shows, though the total looks fine; missing classes are named."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import Small

GENERATORS = '''
import numpy as np

FEW = [label for label in range(10) if label != 3 for _ in range(42)] + [3] * 22


class Conditional:
    """Training images of the class that a place asks for, one pixel's noise added; the class is known."""

    spoils = None

    def fit(self, images, labels, *, seed):
        self.images, self.labels = images, labels

    def groups(self, seeds, places):
        return {"strata": [FEW[place % len(FEW)] for place in places]}

    def sample_at(self, seeds, places):
        made = []
        for seed, place in zip(seeds, places):
            rng = np.random.default_rng(seed)
            label = FEW[place % len(FEW)]
            image = self.images[rng.choice(np.flatnonzero(self.labels == label))].copy()
            image[tuple(rng.integers(0, 8, 2))] ^= 16
            if label == self.spoils:
                image = rng.permutation(image.ravel()).reshape(image.shape)
            made.append(image)
        return np.stack(made)

    def sample(self, seeds):
        return self.sample_at(seeds, range(len(seeds)))


class RareFails(Conditional):
    spoils = 3


class NoThrees:
    """Training images of every class but 3; which is which is not told."""

    def fit(self, images, labels, *, seed):
        self.images = images[labels != 3]

    def sample(self, seeds):
        return np.stack([self.images[np.random.default_rng(seed).integers(len(self.images))] for seed in seeds])
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = Small(tmp_path_factory.mktemp("classes"))
    (made.folder / "conditional.py").write_text(GENERATORS)
    made.edit("n_real: 120\nn_fake: 100\n", "n_real: 400\nn_fake: 400\n")
    made.edit("  pixels: {}\n", "")
    made.edit("  kde: {}\n", "  sound: {use: 'conditional:Conditional'}\n  rare: {use: 'conditional:RareFails'}\n")
    made.edit('  mine: {use: "' + made.module + ':Shifted"}\n', "  without: {use: 'conditional:NoThrees'}\n")
    made.edit("  noise: {}\n", "")
    made.edit("training_seeds: [0, 1]\nsampling_seeds: [0, 1]", "training_seeds: [0]\nsampling_seeds: [0, 1]")
    outcome = made.run()
    assert outcome.returncode == 0, outcome.stderr
    told = made.harness("classes", "bench.yaml", "--workers", 1, "--details", "--json", "classes.json")
    assert told.returncode == 0, told.stderr
    found = json.loads((made.folder / "classes.json").read_text())
    board = json.loads((made.folder / "results/small/leaderboard.json").read_text())
    report = (made.folder / "results/small/report.html").read_text()
    return told.stdout, {one["generator"]: one for one in found["generators"]}, found, board, report


def by(one, metric):
    return next(m for m in one["metrics"] if m["metric"] == metric)


def test_a_rare_class_that_fails_shows_while_the_total_does_not(run):
    text, generators, _, board, _ = run
    assert by(generators["rare"], "precision")["worse"] == ["3"]
    assert by(generators["sound"], "precision")["worse"] == []
    values = {row["generator"]: row["metrics"]["precision"] for row in board["rows"]}
    low, high = values["sound"]["low"], values["sound"]["high"]
    assert low <= values["rare"]["high"]
    assert high - values["rare"]["value"] < 0.2
    threes = next(v for v in by(generators["rare"], "precision")["values"] if v["label"] == "3")
    assert threes["estimate"]["high"] < low
    assert "rare" in text.splitlines()[0]


def test_classes_that_images_were_made_with_are_taken_and_others_are_seen(run):
    _, generators, found, *_ = run
    assert generators["rare"]["labels"] == "labels that it was made with"
    assert generators["without"]["labels"] == "a linear classifier on the features"
    assert "of the reference right" in found["notes"][0]
    assert sum(share["fake"] for share in generators["sound"]["shares"]) == 400
    assert {share["label"]: share["fake"] for share in generators["sound"]["shares"]}["3"] == 22
    assert not any(share["off"] for share in generators["sound"]["shares"])  # numbers of labels given are a choice


def test_a_missing_class_is_named_and_counts_as_failing(run):
    text, generators, *_ = run
    assert generators["without"]["missing"] == ["3"]
    assert "next to no images of 3" in text
    assert "without" in text.splitlines()[0]
    assert re.search(r"^( +without)? +too few images +3$", text, re.MULTILINE), "a row of the table"
    threes = next(v for v in by(generators["without"], "precision")["values"] if v["label"] == "3")
    assert threes["estimate"] is None


def test_metrics_whose_bias_a_class_cannot_know_are_left_out_and_said(run):
    text, _, found, *_ = run
    assert found["left_out"].keys() == {"fd"}
    assert "note: no fd by class: a class has" in text


def test_the_mean_counts_every_class_alike(run):
    _, generators, *_ = run
    metric = by(generators["sound"], "recall")
    values = [v["estimate"]["value"] for v in metric["values"]]
    assert metric["mean"] == pytest.approx(sum(values) / 10)
    assert 0 < metric["half"] < max(v["estimate"]["high"] - v["estimate"]["low"] for v in metric["values"]) / 2


def test_the_tables_are_a_section_of_the_report(run):
    assert "by class (* worse beyond noise)" in run[-1]
