"""One YAML file becomes one frozen benchmark, or every mistake in it is said with its place."""

import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from harness.base.document import NAME_RULE
from harness.base.errors import UsageError
from harness.benchmark import listing
from harness.benchmark import model as benchmark
from harness.benchmark.datasets import EMBEDDED
from harness.images.preprocessing import recipes
from harness.images.preprocessing.recipes import Preprocessing

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "benchmarks" / "digits.yaml"

RECIPE = "{channels: grey, range: [0, 1]}"
GOOD = """\
name: small
seed: 7
dataset: digits
n_real: 120
n_fake: 100
preprocessing: {channels: grey, range: [0, 1]}
encoders:
  digits_convnet: {}
generators:
  kde: {}
training_seeds: [0, 1]
sampling_seeds: [0, 1]
metrics:
  fd: {}
rank_by: {metric: fd, encoder: digits_convnet}
"""

MODULE = """\
import torch_that_is_not_there


class Base:
    def fit(self, images, labels, *, seed): ...


class Trained(Base):
    def __init__(self, *, width, depth=2): ...


def score(real, fake, *, power=1):
    return 0.0


instance = object()
"""


class Written:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "bench.yaml"
        (folder / "datasets.yaml").write_bytes((ROOT / "datasets.yaml").read_bytes())
        (folder / "mine.py").write_text(MODULE)

    def load(self, text: str = GOOD) -> benchmark.Benchmark:
        self.path.write_text(text)
        return benchmark.load(self.path)

    def problems(self, text: str) -> list[str]:
        with pytest.raises(UsageError) as caught:
            self.load(text)
        return [line.replace(f"{self.folder}/", "") for line in caught.value.problems]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


# ---------------------------------------------------------------- what is declared


def test_the_embedded_benchmark_has_every_generator_encoder_and_metric_of_the_table():
    found = benchmark.load(DIGITS)
    assert list(found.generators) == [
        "kde",
        "gaussian_mixture",
        "ppca",
        "vae",
        "ddpm",
        "holdout",
        "blur",
        "noise",
        "mode_drop",
        "memorise",
    ]
    assert list(found.encoders) == ["digits_convnet", "random_convnet", "pixels"]
    assert list(found.metrics) == ["fd", "kd", "precision", "recall", "density", "coverage"]
    assert len(found.training_seeds) >= 3
    assert len(found.sampling_seeds) >= 2
    assert [name for name in found.encoders if found.is_random(name)] == ["random_convnet"]
    assert [name for name in found.metrics if found.lower_is_better(name)] == ["fd", "kd"]


def test_cells_are_generators_times_seeds_times_encoders_and_finite_pools_have_fewer():
    found = benchmark.load(DIGITS)
    sets = {}
    for cell in found.cells():
        sets.setdefault(cell.generator, set()).add((cell.training_seed, cell.sampling_seed))
    assert sets["kde"] == {(t, s) for t in (0, 1, 2) for s in (0, 1)}
    assert sets["holdout"] == {(None, 0), (None, 1)}  # 800 images: two disjoint sets of 400
    assert sets["memorise"] == {(None, 0)}  # 597
    assert sets["mode_drop"] == {(None, 0)}  # 69 + 86 + 80 + 86 + 79
    assert found.pool("mode_drop") == 400
    assert found.pool("kde") is None
    cells = found.cells()
    assert len(cells) == len(set(cells)) == (5 * 6 + 3 * 2 + 2 * 1) * 3
    assert cells[0].generator == "kde"
    assert [cell.encoder for cell in cells[:3]] == list(found.encoders)


def test_defaults_are_filled_in_and_all_of_it_is_json(written):
    found = written.load()
    declared = json.loads(json.dumps(found.resolved(), allow_nan=False))
    assert declared["batch_size"] == 64
    assert declared["interval"] == {"level": 0.95, "target": "T_N", "reference": "random", "replicates": 200}
    assert declared["generators"]["kde"]["parameters"] == {"bandwidth": 0.12}
    assert declared["data"]["splits"]["reference"]["size"] == 400
    assert str(written.folder) not in json.dumps(declared)


def test_where_the_file_lies_changes_nothing_of_what_it_declares(written, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert written.load().resolved() == Written(elsewhere).load().resolved()


def test_a_benchmark_is_frozen_through_and_through_and_pickles(written):
    found = written.load()
    with pytest.raises(ValueError, match="frozen"):
        found.n_real = 3
    with pytest.raises(ValueError, match="frozen"):
        found.generators["kde"].trained = False
    for mapping in (found.generators, found.generators["kde"].parameters, found.data.splits):
        with pytest.raises(TypeError, match="frozen"):
            mapping["x"] = 1
        with pytest.raises(TypeError, match="frozen"):
            mapping.clear()
    assert pickle.loads(pickle.dumps(found)) == found


def test_an_encoder_can_have_its_own_preprocessing(written):
    found = written.load(changed("  digits_convnet: {}", "  digits_convnet: {}\n  pixels: {preprocessing: none}"))
    assert found.recipe("pixels") == recipes.RECIPES["none"]
    assert found.recipe("digits_convnet") == Preprocessing(channels="grey", range=(0, 1))
    assert {cell.encoder: cell.preprocessing for cell in found.cells()} == {
        "digits_convnet": "grey_uint8_0..1",
        "pixels": "none",
    }


def test_a_named_recipe_can_be_changed_in_one_step(written):
    step = "{use: clean, channels: grey, resize: {size: [4, 6]}}"
    found = written.load(changed("digits_convnet: {}", f"digits_convnet: {{}}\n  pixels: {{preprocessing: {step}}}"))
    recipe = found.recipe("pixels")
    assert (recipe.resize.library, recipe.resize.filter, recipe.resize.size) == ("pillow", "bicubic", (4, 6))
    assert (recipe.channels, recipe.quantise) == ("grey", "none")


def test_different_recipes_have_different_labels():
    resizes = [
        None,
        {"library": "pillow", "filter": "bicubic", "size": 8},
        {"library": "pillow", "filter": "box", "size": 8},
        {"library": "torch", "filter": "bicubic", "size": 8},
        {"library": "pillow", "filter": "bicubic", "size": [8, 9]},
        {"library": "torch", "filter": "bicubic", "antialias": True, "size": 8},
    ]
    made = [
        Preprocessing(channels=channels, jpeg=jpeg, resize=resize, quantise=quantise, range=span)
        for channels in ("grey", "rgb")
        for jpeg in (None, 75, 90)
        for resize in resizes
        for quantise in ("uint8", "none")
        for span in ((0, 1), (-1, 1), (0, 255), (0, 0.123456789), (0, 0.12345678))
    ]
    assert len({recipe.label for recipe in made}) == len(made)
    assert Preprocessing().label == "none"


def test_a_generator_of_files_has_as_many_images_as_are_listed(written):
    with zipfile.ZipFile(written.folder / "fakes.zip", "w") as archive:
        for i in range(250):
            archive.writestr(f"{i}.png", b"never opened here")
    found = written.load(changed("kde: {}", "gan: {use: zip, path: fakes.zip}"))
    assert found.pool("gan") == 250
    assert found.sampling_seeds_of("gan") == (0, 1)
    assert written.problems(changed("kde: {}", "gan: {use: zip, path: fakes.zip}").replace("100", "251")) == [
        "bench.yaml:5:9: n_fake: found 251, but generator gan has 250 images; lower n_fake or give it more"
    ]


def test_components_of_ones_own_are_checked_without_being_imported(written):
    text = changed("kde: {}", 'kde: {}\n  own: {use: "mine:Trained", width: 3}').replace(
        "fd: {}\n", 'fd: {}\n  own: {use: "mine:score", better: higher, power: 2}\n'
    )
    found = written.load(text)  # mine.py imports a module that does not exist
    assert found.generators["own"].trained
    assert found.generators["own"].parameters == {"width": 3}
    assert not found.lower_is_better("own")
    wrong = text.replace('  own: {use: "mine:T', '  §own: {use: "mine:T').replace("width: 3", "§widht: 3")
    wrong = wrong.replace('  own: {use: "mine:s', '  §own: {use: "mine:s').replace("better: higher, power", "§powr")
    said = [
        "generators.own.width: this key is missing: mine:Trained has no default for it",
        "generators.own.widht: unknown key; did you mean 'width'? mine:Trained takes: width, depth",
        "metrics.own.better: this key is missing: which values of your metric are better: lower or higher",
        "metrics.own.powr: unknown key; did you mean 'power'? mine:score takes: power",
    ]
    assert written.problems(wrong.replace("§", "")) == [
        f"bench.yaml:{place}: {start}" for place, start in zip(places(wrong), said, strict=True)
    ]


# ---------------------------------------------------------------- what is wrong with it


def placed(text: str) -> tuple[str, str]:
    """The text without its mark §, and the line and column where the mark stood (1:1 where there is none)."""
    before = text.partition("§")[0] if "§" in text else ""
    return text.replace("§", ""), f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def places(text: str) -> list[str]:
    """Line and column of every mark in a text."""
    parts = text.split("§")
    return [placed("".join(parts[:i]) + "§")[1] for i in range(1, len(parts))]


def test_many_mistakes_are_said_in_one_go_each_with_its_line_and_column(written):
    text = """\
name: small
seed: §"7"
dataset: digits
n_real: §500
n_fake: §true
§trainingseeds: [0]
preprocessing:
  channels: §gray
  range: [0, §"1"]
encoders:
  digits_convnet: {}
  §pixel: {}
generators:
  kde: {§bandwidht: 0.1}
  vae: {epochs: 5, §epochs: 6}
  holdout: {split: §hold}
  §no good: {use: kde}
sampling_seeds: §[0, 0]
metrics:
  fd: {}
  precision: {k: 3, closed: §1}
interval: {level: §95, target: §T_M}
rank_by: {metric: §fdd, encoder: digits_convnet}
"""
    said = [
        "seed: found the text '7'; expected a whole number",
        "n_real: found 500, but split reference of dataset digits has 400 images; at most 400",
        "n_fake: found true; expected a whole number",
        "trainingseeds: unknown key; did you mean 'training_seeds'? Allowed: name, ",
        "preprocessing.channels: found the text 'gray'; did you mean 'grey'? Allowed: grey, rgb",
        "preprocessing.range.1: found the text '1'; expected a number",
        "encoders.pixel: no encoder 'pixel'; did you mean 'pixels'? Known: digits_convnet, random_convnet, ",
        "generators.kde.bandwidht: unknown key; did you mean 'bandwidth'? Allowed: use, bandwidth",
        "generators.vae.epochs: this key is already on line 15; keep one",
        "generators.holdout.split: no split 'hold' in dataset digits; did you mean 'holdout'? Known: train, ",
        "generators.no good: the name 'no good' is not allowed; a name has letters, digits, ",
        "sampling_seeds: repeated: 0; the same seed gives the same images",
        "metrics.precision.closed: found 1; expected true or false",
        "interval.level: found 95; did you mean 0.95? 0.5 to 0.999 is allowed",
        "interval.target: found the text 'T_M'; did you mean 'T_N'? Allowed: T_N, T_inf",
        "rank_by.metric: no metric 'fdd' in this benchmark; did you mean 'fd'? Known: fd, precision",
    ]
    for line, place, start in zip(written.problems(text.replace("§", "")), places(text), said, strict=True):
        assert line.startswith(f"bench.yaml:{place}: {start}")


RESIZE = "{channels: grey, resize: %s, range: [0, 1]}"
MISTAKES: list[tuple[str, str, str]] = [
    ("seed: 7\n", "", "seed: this key is missing"),
    ("dataset: digits\n", "", "dataset: this key is missing: a name in datasets.yaml"),
    ("small", "§../small", "name: found the text '../small'; a name has letters, digits, "),
    ("7", "§-1", "seed: found -1; must be at least 0"),
    ("7", "§7.0", "seed: found 7.0; expected a whole number"),
    ("7", "§'7'", "seed: found the text '7'; expected a whole number"),
    ("seed: 7", "§seed:", "seed: found nothing; expected a whole number"),
    ("7", "§.nan", "seed: found .nan; expected a finite number"),
    ("7", "§-.inf", "seed: found -.inf; expected a finite number"),
    ("7", "§9223372036854775808", "seed: found 9223372036854775808; must be less than "),
    ("digits\n", "§digit\n", "dataset: no dataset 'digit' in "),
    ("120", "§7", "n_real: found 7; must be at least 8"),
    ("120", "§[120]", "n_real: found a list; expected a whole number"),
    ("120", "§401", "n_real: found 401, but split reference of dataset digits has 400 images; at most 400"),
    ("n_fake: 100", "n_fake: 100\nbatch_size: §0", "batch_size: found 0; must be at least 1"),
    (
        "n_fake: 100",
        "n_fake: 100\nreference_split: §ref",
        "reference_split: no split 'ref' in dataset digits; did you ",
    ),
    (
        "n_fake: 100",
        "n_fake: 100\ntraining_split: §trian",
        "training_split: no split 'trian' in dataset digits; did you",
    ),
    (RECIPE, "§claen", "preprocessing: no recipe 'claen'; did you mean 'clean'? Known: none, clean, pytorch-fid"),
    (RECIPE, "{use: §3}", "preprocessing.use: found 3; expected the name of a recipe"),
    (RECIPE, "§[grey]", "preprocessing: found a list; expected the name of a recipe or a mapping of steps"),
    ("grey, ", "grey, jpeg: §101, ", "preprocessing.jpeg: found 101; must be at most 100"),
    ("[0, 1]}", "§[1, 0]}", "preprocessing.range: found [1, 0]; expected [low, high] with low < high"),
    ("[0, 1]}", "§[0]}", "preprocessing.range.1: an entry is missing here"),
    (
        RECIPE,
        RESIZE % "{library: §pil, filter: box, size: 8}",
        "preprocessing.resize.library: found the text 'pil'; did you mean 'pillow'?",
    ),
    (
        RECIPE,
        RESIZE % "§{library: torch, filter: lanczos, size: 8}",
        "preprocessing.resize: torch has no filter lanczos",
    ),
    (
        RECIPE,
        RESIZE % "§{library: pillow, filter: area, size: 8}",
        "preprocessing.resize: pillow has no filter area; it ",
    ),
    (
        RECIPE,
        RESIZE % "§{library: pillow, filter: box, antialias: false, size: 8}",
        "preprocessing.resize: pillow's box always antialiases; torch can do without: antialias must be true",
    ),
    (
        RECIPE,
        RESIZE % "§{library: pillow, filter: nearest, antialias: true, size: 8}",
        "preprocessing.resize: pillow's nearest never antialiases: antialias must be false",
    ),
    (
        RECIPE,
        RESIZE % "§{library: torch, filter: area, antialias: true, size: 8}",
        "preprocessing.resize: torch antialiases bilinear and bicubic only, not area: antialias must be false",
    ),
    (
        RECIPE,
        RESIZE % "{library: torch, filter: area, size: §8.5}",
        "preprocessing.resize.size: found 8.5; expected a whole number",
    ),
    (
        RECIPE,
        RESIZE % "{library: torch, filter: area, size: [8, §0]}",
        "preprocessing.resize.size.1: found 0; must be at least 1",
    ),
    (RECIPE, RESIZE % "§{library: torch, filter: area}", "preprocessing.resize: found neither size nor edge; expected"),
    (
        RECIPE,
        RESIZE % "§{library: torch, filter: area, size: 8, edge: 8}",
        "preprocessing.resize: found both size and edge; expected",
    ),
    (RECIPE, RESIZE % "§{library: tf1, filter: bicubic, size: 8}", "preprocessing.resize: tf1 has no filter bicubic"),
    (
        RECIPE,
        RESIZE % "§{library: tf1, filter: bilinear, antialias: true, size: 8}",
        "preprocessing.resize: tf1 never antialiases",
    ),
    (RECIPE, RESIZE % "§{library: pillow, filter: box, size: 8, halve: true}", "preprocessing.resize: halve needs"),
    (
        RECIPE,
        RESIZE % "§{library: pillow, filter: box, size: 8, clip: false}",
        "preprocessing.resize: clip: false needs ",
    ),
    (RECIPE, "§{resize: {library: torch, filter: area, size: 8}, crop: 9}", "preprocessing: crop to 9×9 is larger"),
    (RECIPE, "{§crop: 8.5}", "preprocessing.crop.size: found 8.5; expected a whole number"),
    (RECIPE, "{crop: {size: 8, order: §later}}", "preprocessing.crop.order: found the text 'later'. Allowed: resize"),
    (
        RECIPE,
        "{normalise: §imgenet, range: [0, 1]}",
        "preprocessing.normalise: no normalisation 'imgenet'; did you mean 'imagenet'? Known: imagenet, openai-clip, ",
    ),
    (RECIPE, "§{normalise: imagenet}", "preprocessing: normalise: imagenet is for range: [0, 1]; found [0, 255]"),
    (RECIPE, "§{channels: grey, range: [0, 1], normalise: imagenet}", "preprocessing: normalise has 3 values; 1 for "),
    (RECIPE, "{normalise: {mean: [1], sd: §[0]}}", "preprocessing.normalise.sd: found 0; must be more than 0"),
    ("  digits_convnet: {}", "  §{}", "encoders: found an empty mapping; expected a mapping of at least one name"),
    ("digits_convnet: {}", "digits_convnet: §3", "encoders.digits_convnet: found 3; expected a mapping of parameters"),
    (
        "digits_convnet: {}",
        'digits_convnet: {use: §"mine:score"}',
        "encoders.digits_convnet.use: mine:score is a function",
    ),
    (
        "digits_convnet: {}",
        "digits_convnet: {}\n  §pixle:",
        "encoders.pixle: no encoder 'pixle'; did you mean 'pixels'?",
    ),
    (
        "kde: {}",
        "§a/b: {use: kde}",
        "generators.a/b: the name 'a/b' is not allowed; a name has letters, digits, '_', '-'",
    ),
    ("kde: {}", "kde: {bandwidth: §0}", "generators.kde.bandwidth: found 0; must be more than 0"),
    ("kde: {}", "§mode_drop: {}", "generators.mode_drop.keep: this key is missing"),
    ("kde: {}", "mode_drop: {keep: §[]}", "generators.mode_drop.keep: found an empty list; need at least 1"),
    ("kde: {}", "mode_drop: {keep: §[0, 1, 1]}", "generators.mode_drop.keep: found [0, 1, 1]; a class is named twice"),
    (
        "kde: {}",
        "mode_drop: {keep: [3, 4, §10]}",
        "generators.mode_drop.keep.2: found 10; split holdout has classes 0 to",
    ),
    (
        "kde: {}",
        "holdout: {split: §hold}",
        "generators.holdout.split: no split 'hold' in dataset digits; did you mean ",
    ),
    (
        "100\npreprocessing: {channels: grey, range: [0, 1]}\nencoders:\n  digits_convnet: {}\ngenerators:\n  kde: {}",
        "§100\npreprocessing: {channels: grey, range: [0, 1]}\nencoders:\n  digits_convnet: {}\ngenerators:\n  "
        "mode_drop: {keep: [3]}",
        "n_fake: found 100, but generator mode_drop has 86 images; lower n_fake or give it more",
    ),
    ("kde: {}", "a: {use: folder, path: §nowhere}", "generators.a.path: nowhere: does not exist"),
    ("kde: {}", "§a: {use: folder}", "generators.a.path: this key is missing"),
    ("kde: {}", 'a: {use: §"nowhere:A"}', "generators.a.use: no module 'nowhere'; searched "),
    (
        "kde: {}",
        'a: {use: §"mine:Traned"}',
        "generators.a.use: no 'Traned' in mine.py; did you mean 'Trained'? It defines",
    ),
    ("kde: {}", 'a: {use: §"mine:"}', "generators.a.use: 'mine:' is not module:thing"),
    ("kde: {}", "a: {use: §[1]}", "generators.a.use: found a list; expected a name or module:thing"),
    ("kde: {}", "kde: {§trained: false}", "generators.kde.trained: is only for your own generators; kde is built in"),
    ("training_seeds: [0, 1]", "training_seeds: §[]", "training_seeds: found an empty list; need at least 1"),
    ("training_seeds: [0, 1]", "training_seeds: §[0, 0]", "training_seeds: repeated: 0; "),
    ("training_seeds: [0, 1]", "training_seeds: §3", "training_seeds: found 3; expected a list"),
    ("training_seeds: [0, 1]", "training_seeds: [0, §true]", "training_seeds.1: found true; expected a whole number"),
    ("fd: {}", "fd: {§k: 3}", "metrics.fd.k: unknown key. Allowed: use"),
    (
        "fd: {}",
        "fd: {}\n  recall: {k: §50}",
        "metrics.recall.k: 50 is too large for 100 images: intervals use half-samples, so at most 49",
    ),
    ("fd: {}", "fd: {}\n  kd: §{kernel: rbf}", "metrics.kd: the rbf kernel needs a bandwidth"),
    ("fd: {}", "fd: {}\n  kd: §{bandwidth: 1.0}", "metrics.kd: the polynomial kernel has no bandwidth"),
    ("{metric: fd, ", "{metric: §kd, ", "rank_by.metric: no metric 'kd' in this benchmark. Known: fd"),
    (
        "encoder: digits_convnet}",
        "encoder: §pixels}",
        "rank_by.encoder: no encoder 'pixels' in this benchmark. Known: ",
    ),
    (
        "  fd: {}\nrank_by: {metric: fd",
        "  recall:\ninterval: {target: §T_inf}\nrank_by: {metric: recall",
        "interval.target: T_inf is not possible: recall, which ranks, has no population value at a fixed k; use T_N",
    ),
    (
        "rank_by",
        "interval: {target: §T_inf}\nrank_by",
        "interval.target: found T_inf, but fd needs at least 10 images per "
        "feature; digits_convnet has 32 features, so 320 images (found 100); use T_N",
    ),
    ("seed: 7", "seed: 7\n§data: 3", "data: unknown key; did you mean 'dataset'? Allowed: name, "),
    ("seed: 7", "seed: 7\n§seed: 8", "seed: this key is already on line 2; keep one"),
    ("seed: 7", "seed: 7\n§7: 8", "the key '7' is not text; put it in quotes"),
    ("7", "§!int 7", "seed: found the tag !int; tags are not used here"),
    ("kde: {}", "kde: {§<<: {bandwidth: 1.0}}", "generators.kde.<<: merge keys are not used; write the keys out"),
    (
        "  kde: {}",
        "  kde: &same {}\n  §ppca: *same",
        "generators.ppca: an alias of an anchor (&, *); write the value out",
    ),
]


def test_a_named_recipe_can_change_how_it_says_its_size_and_loses_what_belongs_to_its_filter(written):
    own = "{use: edm2-dinov2, resize: {edge: 256}, crop: 224}"
    recipe = written.load(changed("digits_convnet: {}", f"digits_convnet: {{}}\n  pixels: {{preprocessing: {own}}}"))
    resize = recipe.recipe("pixels").resize
    assert (resize.size, resize.edge, resize.filter, resize.clip) == (None, 256, "bicubic", False)
    other = "{use: edm2-dinov2, resize: {filter: bilinear}}"
    recipe = written.load(changed("digits_convnet: {}", f"digits_convnet: {{}}\n  pixels: {{preprocessing: {other}}}"))
    resize = recipe.recipe("pixels").resize
    assert (resize.size, resize.filter, resize.antialias, resize.clip) == ((224, 224), "bilinear", False, True)


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_is_one_line_with_its_place(written, old, new, said):
    text, place = placed(changed(old, new))
    problems = written.problems(text)
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"bench.yaml:{place}: {said}")


def test_a_misspelt_key_is_said_beside_the_one_it_should_have_been(written):
    text, wrong = placed(changed(RECIPE, RESIZE % "{library: torch, §fliter: area, size: 8}"))
    _, resize = placed(changed(RECIPE, RESIZE.replace("resize", "§resize") % ""))
    assert written.problems(text) == [
        f"bench.yaml:{resize}: preprocessing.resize.filter: this key is missing",
        f"bench.yaml:{wrong}: preprocessing.resize.fliter: unknown key; did you mean 'filter'? "
        "Allowed: library, filter, antialias, size, edge, clip, halve",
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "bench.yaml:1:1: the file is empty; expected a mapping of keys"),
        (b"# nothing\n", "bench.yaml:1:1: the file is empty; expected a mapping of keys"),
        (b"- a\n", "bench.yaml:1:1: found a list; expected a mapping of keys"),
        (b"hello\n", "bench.yaml:1:1: found a single value; expected a mapping of keys"),
        (b"name: a\nseed: [1\nb: 2\n", "bench.yaml:3:2: not valid YAML: expected ',' or ']'"),
        (b"name: a\nname: b: c\n", "bench.yaml:2:8: not valid YAML: mapping values are not allowed here"),
        (b"a: 1\n---\nb: 2\n", "bench.yaml:2:1: not valid YAML: a second document starts here"),
        (b"a: *b\n", "bench.yaml:1:4: not valid YAML: found undefined alias 'b'; aliases are not used here"),
        (b"name: a\nseed: \xff\n", "bench.yaml:2:7: byte 0xff is not UTF-8 text"),
        (b"name: a\nseed: \x00\n", "bench.yaml:2:7: the character #x0000 is not allowed in YAML"),
        (b"a: " + b"[" * 5000, "bench.yaml:1:1: nested too deeply"),
    ],
)
def test_a_file_that_is_no_declaration_is_one_line(written, content, line):
    written.path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        benchmark.load(written.path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].replace(f"{written.folder}/", "").startswith(line)


def test_a_path_that_is_no_file_says_so(written):
    written.load()
    for path, text in (
        ("bnech.yaml", "no such file; did you mean 'bench.yaml'?"),
        (".", "is a folder; expected a YAML file"),
    ):
        with pytest.raises(UsageError, match=text.replace("?", r"\?")):
            benchmark.load(written.folder / path)


def test_a_problem_stays_one_line_whatever_text_it_quotes(written):
    text = changed("seed: 7", 'seed: "a\\nb\\e[31m"').replace("  kde: {}", '  "k\\nde": {use: kde}')
    assert [line.split(": ", 1)[1] for line in written.problems(text)] == [
        "seed: found the text 'a␣b␣[31m'; expected a whole number",
        f"generators.k␣de: the name 'k␣de' is not allowed; {NAME_RULE}",
    ]


def test_windows_line_ends_and_a_byte_order_mark_are_read(written):
    written.path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert benchmark.load(written.path).resolved() == written.load().resolved()


def test_numbers_are_read_as_yaml_1_2_and_not_as_yaml_1_1(written):
    found = written.load(changed("kde: {}", "kde: {bandwidth: 1e-3}").replace("name: small", "name: no"))
    assert found.generators["kde"].parameters["bandwidth"] == 0.001
    assert found.name == "no"


@pytest.mark.parametrize(
    ("recipe", "needed"),
    [
        ("{channels: grey}", "range: [0, 1] (found [0, 255])"),
        ("{range: [0, 1]}", "channels: grey (found rgb)"),
        (RESIZE % "{library: pillow, filter: box, size: 9}", "resize to 8×8 (found 9×9)"),
        ("{channels: grey, range: [0, 1], crop: 6}", "resize to 8×8 (found 6×6)"),
        ("{channels: grey, range: [0, 1], normalise: half}", "normalise: null (found mean and sd)"),
    ],
)
def test_a_recipe_that_contradicts_what_the_encoder_expects_is_refused(written, recipe, needed):
    shared = written.problems(changed("{channels: grey, range: [0, 1]}", recipe))
    assert shared == [f"bench.yaml:8:3: encoders.digits_convnet: digits_convnet needs {needed} in its preprocessing"]
    own = written.problems(changed("digits_convnet: {}", f"digits_convnet: {{preprocessing: {recipe}}}"))
    text = f"encoders.digits_convnet.preprocessing: digits_convnet needs {needed} in its preprocessing"
    assert own == [f"bench.yaml:8:20: {text}"]


def test_a_population_value_needs_ten_images_a_feature_under_every_encoder(written):
    text = changed("rank_by", "interval: {target: T_inf}\nrank_by").replace("120", "400").replace("100", "400")
    assert written.load(text).interval.target == "T_inf"
    wide = text.replace("digits_convnet: {}", "digits_convnet: {}\n  random_convnet: {dim: 41}\n  pixels: {}")
    assert [line.partition("; ")[2] for line in written.problems(wide)] == [
        "pixels has 64 features, so 640 images (found 400); use T_N",
        "random_convnet has 41 features, so 410 images (found 400); use T_N",
    ]
    assert written.load(wide.replace("  fd: {}", "  kd: {}").replace("metric: fd", "metric: kd"))


# ---------------------------------------------------------------- datasets.yaml


def test_mistakes_in_datasets_yaml_have_their_places_there(written):
    text = """\
§digits:
  §sorce: x
  licence: CC BY 4.0
  image: §[8, 8]
  §split_sed: 0
  splits:
    train: {size: 597, digest: §sha256:zz}
    §reference: {size: 400}
    holdout: §5
mnist:
  use: idx
  source: x
  licence: y
  image: [28, 28, 1]
  splits:
    §test: {size: 10000, §imags: a.gz, digest: sha256:DIGEST, classes: §[1, 2]}
third: {use: §fodler, source: a, licence: b, image: [1, 1, 1], splits: §{}}
""".replace("DIGEST", "0" * 64)
    said = [
        "digits.source: this key is missing: who made it and where it comes from",
        "digits.sorce: unknown key; did you mean 'source'? Allowed: source, licence, image, splits, use, split_seed",
        "digits.image.2: an entry is missing here: [height, width, channels]",
        "digits.split_sed: unknown key; did you mean 'split_seed'?",
        "digits.splits.train.digest: found the text 'sha256:zz'; what is needed: digest of the images, sha256: ",
        "digits.splits.reference.digest: this key is missing: digest of the images, sha256: and 64 hex digits",
        "digits.splits.holdout: found 5; expected a mapping of keys",
        "mnist.splits.test.images: this key is missing",
        "mnist.splits.test.imags: unknown key; did you mean 'images'?",
        "mnist.splits.test.classes: the classes sum to 3 images, but the split's size is 10000",
        "third.use: no dataset 'fodler'; did you mean 'folder'?",
        "third.splits: found an empty mapping; expected a mapping of splits",
    ]
    (written.folder / "datasets.yaml").write_text(text.replace("§", ""))
    for line, place, start in zip(written.problems(GOOD), places(text), said, strict=True):
        assert line.startswith(f"datasets.yaml:{place}: {start}")


def test_a_split_with_a_fault_of_its_own_is_told_once_not_by_all_that_use_it(written):
    known = (written.folder / "datasets.yaml").read_text().partition("mnist5k:")[0]
    faulty = known.replace("digits:", "faulty:\n  use: digits", 1).replace("      size: 400\n", "", 1)
    (written.folder / "datasets.yaml").write_text(faulty)
    text = changed("dataset: digits", "dataset: faulty").replace("kde: {}", "kde: {}\n  memorise: {split: reference}")
    (told,) = written.problems(text)
    assert "faulty.splits.reference.size: this key is missing" in told


def test_only_the_dataset_in_use_has_to_lie_on_disk(written):
    pins = f"digest: sha256:{'1' * 64}"
    entry = "absent:\n  {use: folder, source: a, licence: b, image: [8, 8, 1], splits: {reference: "
    entry += f"§{{path: gone, size: §120, {pins}}}}}}}\n"
    known = (written.folder / "datasets.yaml").read_text()
    (written.folder / "datasets.yaml").write_text(known + entry.replace("§", ""))
    split, size = places(known + entry)
    assert written.load().dataset == "digits"
    text = changed("dataset: digits", "dataset: absent").replace("kde: {}", 'own: {use: "mine:instance"}')
    assert written.problems(text) == [f"datasets.yaml:{split}: absent.splits.reference: gone: does not exist"]
    (written.folder / "gone").mkdir()
    for i in range(119):
        (written.folder / "gone" / f"{i}.png").write_bytes(b"never opened here")
    assert written.problems(text) == [
        f"datasets.yaml:{size}: absent.splits.reference.size: found 120, but there are 119 images"
    ]
    (written.folder / "gone" / "119.png").write_bytes(b"never opened here")
    found = written.load(text)
    assert found.data.where.endswith(f"datasets.yaml:{int(split.partition(':')[0]) - 1}")
    assert found.data.parameters["splits"]["reference"]["path"] == "gone"


def test_without_a_datasets_yaml_the_benchmark_says_what_it_misses(written):
    (written.folder / "datasets.yaml").unlink()
    text = changed("dataset: digits", "dataset: digits\ndatasets: pins.yaml")
    assert written.problems(text) == ["bench.yaml:4:11: datasets: pins.yaml: no such file; did you mean 'bench.yaml'?"]


def test_with_no_datasets_yaml_in_sight_the_shipped_sets_can_be_used(written, tmp_path, monkeypatch):
    """Who installed the package has no clone, and so none of its files beside the benchmark."""
    beside = written.load(GOOD).data
    (written.folder / "datasets.yaml").unlink()
    assert written.load(GOOD).data.resolved() == beside.resolved()
    [problem] = written.problems(changed("dataset: digits", "dataset: faces"))
    assert "found the text 'faces', but there is no datasets.yaml beside this file or in a folder above it" in problem
    assert problem.endswith("without one: digits, mnist5k, photographs")
    monkeypatch.chdir(tmp_path)
    assert "reference 400" in listing("datasets")["digits"]


def test_the_shipped_sets_are_those_of_the_repository():
    yaml = YAML(typ="safe")
    assert yaml.load(EMBEDDED) == yaml.load(ROOT / "datasets.yaml")


# ---------------------------------------------------------------- lists and speed


@pytest.mark.parametrize("kind", ["datasets", "generators", "encoders", "metrics", "preprocessing"])
def test_every_name_that_a_benchmark_can_use_is_listed_with_words(kind, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = listing(kind)
    assert all(names.values())
    assert {"datasets": "digits", "preprocessing": "clean"}.get(kind, next(iter(names))) in names


def test_checking_a_benchmark_imports_nothing_heavy():
    heavy = ("torch", "mlflow", "sklearn", "PIL", "matplotlib", "pandas", "scipy", "numpy")
    code = (
        "import sys, time; start = time.process_time(); from harness import benchmark; "
        f"benchmark.load({str(DIGITS)!r}); print([name for name in {heavy!r} if name in sys.modules]); "
        "print(time.process_time() - start)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert found[0] == "[]"
    assert float(found[1]) < 2  # about 0.35 s where nothing else runs
