"""Faults that were found in other packages, each with the test that would fail if we had it.

`FAULTS` is the whole list: what went wrong, where it was reported or read, and the tests, here or in another file, that
hold against it. Left out are wishes (multi-GPU runs, other formats of statistics, a FID with an error bar) and reports
of a number that could not be reproduced whose cause nobody found.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import pickle
import re
import tomllib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from harness import metrics
from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.benchmark import model as benchmark
from harness.benchmark import registry
from harness.benchmark.protocols.catalogue import load, names
from harness.images.preprocessing.applying import apply
from harness.images.preprocessing.recipes import RECIPES
from harness.metrics.estimates import estimate
from harness.pipeline.encode import load_features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.studies.selftest.published import subset_kernel_distance
from harness.uncertainty.sampling_units import units
from harness.uncertainty.splits import labels

ROOT = Path(__file__).resolve().parents[2]
GITHUB = "https://github.com/"
DGM, FIDELITY, CLEAN, FLD = (
    GITHUB + name for name in ("layer6ai-labs/dgm-eval", "toshas/torch-fidelity", "GaParmar/clean-fid", "marcojira/fld")
)
PYTORCH_FID, METRICS, IGNITE = (
    GITHUB + name for name in ("mseitzer/pytorch-fid", "Lightning-AI/torchmetrics", "pytorch/ignite")
)

FAULTS: tuple[tuple[str, str, str], ...] = (
    # ------------------------------------------------------------------ the wrong set, or the sides swapped
    (
        "the Inception score is that of the reference set: the loop reads path[i] over path[1:]",
        f"{DGM} at 74c79f7, dgm_eval/__main__.py",
        "test_every_generator_is_scored_on_its_own_images",
    ),
    (
        "precision and recall swapped (MAR's users read 0.51 / 0.60 for 0.81 / 0.60)",
        f"{FIDELITY}/issues/58, /pull/66, /pull/70, {GITHUB}LTH14/mar/issues/91",
        "test_dropped_modes_cost_recall_and_not_precision "
        "metrics/test_manifold::test_precision_and_recall_swap_with_the_sets",
    ),
    (
        "which of two positional sets is the real one has to be known by heart",
        f"{FIDELITY} (input1, input2)",
        "test_every_metric_takes_real_then_fake_and_all_else_by_name",
    ),
    (
        "statistics of 10,000 images, meant for precision and recall, taken for FID's; of one size for another's",
        f"{GITHUB}LTH14/mar/issues/8, {GITHUB}LTH14/rcg/issues/35, "
        f"{GITHUB}openai/guided-diffusion/issues/75, /issues/14, "
        f"{GITHUB}krennic999/STAR/issues/7",
        "test_every_record_says_how_many_images_its_number_rests_on "
        "images/test_files::test_a_size_other_than_the_declared_one_is_refused "
        "studies/test_compare::test_a_generator_really_made_worse_fails_the_gate_and_one_of_another_size_is_refused",
    ),
    # ------------------------------------------------------------------ caches
    (
        "saved features are found again under another architecture, depth, resize or seed",
        f"{DGM} at 74c79f7, dgm_eval/representations.py",
        "test_features_are_kept_under_everything_that_decides_them",
    ),
    (
        "the cache does not know the dtype nor the path of the weights",
        f"{FIDELITY} at 5e211a9, utils.py",
        "test_features_are_kept_under_everything_that_decides_them "
        "encoders/test_inception::test_identities_tell_weights_and_layers_apart "
        "encoders/test_networks::test_a_benchmark_takes_a_file_beside_it_and_its_bytes_are_in_the_key",
    ),
    # ------------------------------------------------------------------ code that one path only would have run
    (
        "MAE without --clean_resize calls torchvision.transforms.resize and an undefined InterpolationMode",
        f"{DGM} at 74c79f7, dgm_eval/models/mae.py",
        "test_every_recipe_prepares_an_image_of_another_size",
    ),
    (
        "numpy 1.23.3 and pillow 9.2.0 are pinned",
        f"{DGM} at 74c79f7, setup.py",
        "test_users_of_the_library_are_not_held_to_one_numpy_or_pillow",
    ),
    (
        "dtype=np.int: class-conditional generators fail since numpy 1.24",
        f"{FIDELITY} at 5e211a9, utils.py:196",
        "test_no_name_that_numpy_removed_is_used "
        "generators/test_generators::test_mode_drop_keeps_all_images_of_its_classes_and_no_others",
    ),
    (
        "FLS needs CUDA",
        f"{DGM} at 74c79f7, dgm_eval/metrics/fls.py",
        "encoders/test_networks::test_rows_are_float32_one_an_image_whatever_the_batch_and_the_seed_decides_the_weights",
    ),
    (
        "float64 on a device that has none (MPS)",
        f"{IGNITE}/issues/3326",
        "uncertainty/test_intervals::test_importing_the_statistics_loads_neither_scipy_stats_nor_torch",
    ),
    (
        "what cannot be pickled is sent to worker processes (Windows)",
        f"{CLEAN}/issues/17",
        "test_what_workers_are_sent_can_be_pickled "
        "benchmark/test_model::test_a_benchmark_is_frozen_through_and_through_and_pickles",
    ),
    (
        "a number goes missing because assertion errors are swallowed",
        f"{GITHUB}stanford-crfm/helm, fidelity_metrics.py",
        "end_to_end/test_run::test_a_metric_that_raises_is_named "
        "end_to_end/test_run::test_an_encoder_that_yields_nan_costs_its_own_cells",
    ),
    (
        "a run of several processes hangs",
        f"{METRICS}/issues/2684",
        "pipeline/test_executors::test_a_process_that_is_killed_or_ends_itself_costs_its_own_unit_only",
    ),
    # ------------------------------------------------------------------ weights and downloads
    (
        "weights lie in a temporary folder that all users share, written in place",
        f"{CLEAN} at e88c4d6, inception_torchscript.py",
        "test_weights_do_not_lie_in_the_temporary_folder "
        "encoders/test_weights::test_a_process_killed_while_it_downloads_is_resumed "
        "encoders/test_weights::test_two_downloads_at_once_make_one",
    ),
    (
        "no SHA-256 of a weight file is ever verified",
        f"{CLEAN}, {FIDELITY}, {PYTORCH_FID}, {DGM}",
        "encoders/test_weights::test_a_wrong_file_is_refused_and_leaves_nothing "
        "encoders/test_weights::test_a_file_that_was_damaged_later_is_not_located_and_check_names_it",
    ),
    (
        "dead links; a wrong name ends in a 404; custom statistics attempt a download",
        f"{GITHUB}w86763777/pytorch-image-generation-metrics/issues/7, {GITHUB}chaofengc/IQA-PyTorch/issues/114, "
        f"{CLEAN}/issues/10",
        "test_only_named_modules_know_the_network "
        "encoders/test_weights::test_an_address_without_the_file_costs_one_sentence_that_says_what_to_place_where "
        "encoders/test_weights::test_an_unknown_name_is_answered_with_the_nearest",
    ),
    # ------------------------------------------------------------------ chance
    (
        "KID's subsets come from numpy's global generator",
        f"{CLEAN} at e88c4d6, fid.py, and {GITHUB}NVlabs/stylegan3",
        "test_chance_comes_from_the_seed_alone_and_leaves_global_generators_alone",
    ),
    (
        "FD-infinity fits 15 unseeded points",
        f"{DGM} at 74c79f7, dgm_eval/metrics/fd.py",
        "test_chance_comes_from_the_seed_alone_and_leaves_global_generators_alone",
    ),
    (
        "a generator's latents are not seeded",
        f"{CLEAN} at e88c4d6, fid.py",
        "generators/test_generators::test_an_image_is_the_same_bytes_whatever_the_batch_and_the_order "
        "generators/test_generators::test_the_same_training_seed_gives_the_same_bytes_and_another_gives_others",
    ),
    (
        "a seed that is taken and ignored",
        f"{GITHUB}google-research/rliable, random_state",
        "uncertainty/test_identities::test_the_same_seed_gives_the_same_bytes_and_another_does_not",
    ),
    (
        "a bootstrap repeats rows, which moves a distance, and copies the encoder for every replicate",
        f"{METRICS} at dab0333, BootStrapper",
        "test_no_split_repeats_a_row_and_a_bootstrap_would_move_the_distance",
    ),
    # ------------------------------------------------------------------ rounding, batches, devices
    (
        "the distance depends on the batch size in float32 (1.9 for 10)",
        f"{FIDELITY}/issues/43, quoting {METRICS}/issues/1620",
        "metrics/test_frechet::test_float32_features_are_averaged_in_float64 "
        "pipeline/test_numerics::test_an_encoder_that_depends_on_its_batch_exceeds_and_others_do_not "
        "encoders/test_inception::test_rows_do_not_depend_on_the_batch_beyond_rounding",
    ),
    (
        "means of float32 features are float32 means",
        f"{FIDELITY} at 5e211a9, {CLEAN} at e88c4d6",
        "metrics/test_frechet::test_float32_features_are_averaged_in_float64",
    ),
    (
        "two runs, or two servers, differ",
        f"{GITHUB}chaofengc/IQA-PyTorch/issues/188",
        "end_to_end/test_run::test_directory_worker_count_and_batch_size_change_no_byte_of_the_records",
    ),
    (
        "TF32 is left as the process has it",
        f"{FIDELITY}, {CLEAN}, {DGM}, {PYTORCH_FID}",
        "test_networks_compute_without_tf32_and_leave_the_switch_as_it_was",
    ),
    # ------------------------------------------------------------------ the Fréchet distance
    (
        "sqrtm returns a complex matrix, and the run ends or the part is dropped in silence",
        f"{PYTORCH_FID}/issues/13, /29, /100, /103, {GITHUB}bioinf-jku/TTUR/issues/4, /31, /40, {CLEAN}/issues/53",
        "test_the_distance_needs_no_root_of_a_matrix "
        "metrics/test_frechet::test_fewer_rows_than_columns_equal_the_same_rows_in_their_own_subspace",
    ),
    (
        "sqrtm(disp=False), which SciPy 1.18 removed",
        f"{GITHUB}scipy/scipy/pull/24334, {GITHUB}Project-MONAI/MONAI/pull/9076, {IGNITE}/pull/3793, /3794",
        "test_the_distance_needs_no_root_of_a_matrix",
    ),
    # ------------------------------------------------------------------ networks and pixels
    (
        "torchvision's ImageNet Inception under FID's name: numbers off by orders of magnitude",
        f"{GITHUB}meta-pytorch/torcheval/issues/192, {IGNITE}/issues/2423",
        "encoders/test_inception::test_torchvisions_pooling_is_another_network "
        "test_no_protocol_of_the_fid_inception_names_torchvisions_network",
    ),
    (
        "the default resize changed between versions, with no switch in KID and IS; the parity test has 299×299 images",
        f"{METRICS}/issues/3130, CHANGELOG of 1.8.0 (#3177), kid.py:211",
        "benchmark/test_protocols::test_torchmetrics_changed_its_resize_in_1_8_and_nothing_else "
        "peers/test_parity::test_another_protocols_pixels_are_seen test_parity_is_tested_at_sizes_that_are_resized",
    ),
    (
        "a resize that is not the one that is meant",
        f"{PYTORCH_FID}/issues/32, /115, {GITHUB}sayakpaul/cmmd-pytorch/issues/4",
        "images/test_preprocessing::test_the_pytorch_fid_recipe_is_what_pytorch_fid_feeds_its_network "
        "peers/test_preprocessing::test_torchs_antialiased_bicubic_is_the_filter_that_jax_has",
    ),
    (
        "one resize, TensorFlow 1's, for every network: its FD-DINOv2 is nobody else's",
        f"{FIDELITY} at 5e211a9, feature_extractor_dinov2.py",
        "test_no_other_network_is_fed_by_tensorflows_resize "
        "peers/test_preprocessing::test_dgm_eval_is_torchvision_on_pillow_images",
    ),
    (
        "sFID of the wrong channels or layout",
        f"{GITHUB}chaofengc/IQA-PyTorch/issues/259, {GITHUB}lavinal712/ADM-evaluation-suite-pytorch/pull/2",
        "encoders/test_inception::test_sfid_reads_seven_channels_at_17_by_17_channels_last",
    ),
    (
        "JPEG for PNG, or another rounding to 8 bits, moves the number unseen",
        f"{PYTORCH_FID}/issues/63, {GITHUB}microsoft/CoCosNet/issues/19, {GITHUB}forever208/DDPM-IP/issues/31, "
        f"{GITHUB}Lyy-iiis/imeanflow/issues/5",
        "images/test_preprocessing::test_digest_knows_two_spellings_of_one_recipe_and_every_difference "
        "images/test_preprocessing::test_range_is_the_usual_formula_on_every_level "
        "generators/test_generators::test_quantising_clips_rounds_and_refuses_nan "
        "studies/test_audit::test_the_published_order_of_resizers_and_of_jpeg_comes_out",
    ),
    (
        "images of several sizes: 'stack expects each tensor to be equal size'; no crop",
        f"{PYTORCH_FID}/issues/81, {FIDELITY}/issues/30, {CLEAN}/issues/12",
        "images/test_preprocessing::test_images_of_different_sizes_become_one_set_each_as_by_itself "
        "images/test_preprocessing::test_images_that_stay_at_different_sizes_are_refused",
    ),
    # ------------------------------------------------------------------ k-NN and kernel metrics
    (
        "k counts the row itself, so that the README's k=5 is k=4",
        f"{FLD} at ffbbf20, num_neighbors",
        "test_k_counts_other_rows_only metrics/test_manifold::test_open_balls_equal_the_prdc_package",
    ),
    (
        "open balls where the paper has closed ones",
        f"{FLD}, {DGM}, {GITHUB}clovaai/generative-evaluation-prdc",
        "metrics/test_manifold::test_defaults_are_each_papers_convention",
    ),
    (
        "precision and recall take 50 GiB; all features are kept",
        f"{FLD}/issues/8, {METRICS}/issues/468, {GITHUB}photosynthesis-team/piq/issues/214",
        "test_no_metric_holds_all_distances_at_once",
    ),
    (
        "distances are rounded to float16 where that does not overflow",
        f"{GITHUB}openai/guided-diffusion, evaluations/evaluator.py, DistanceBlock",
        "test_neighbours_closer_than_float16_can_tell_are_told_apart",
    ),
    (
        "the V-statistic does not vanish for two sets of one distribution, and nobody says so",
        f"{GITHUB}sayakpaul/cmmd-pytorch, distance.py",
        "metrics/test_published_conventions::test_cmmd_is_the_published_formula_and_minus_its_bias_the_u_statistic "
        "simulations/test_published_conventions::test_intervals_of_cmmd_hold_its_expectation_and_only_without_its_bias_the_population_value",
    ),
    (
        "subsets shrink in silence where a set is smaller than one",
        f"{CLEAN} at e88c4d6, fid.py",
        "metrics/test_published_conventions::test_subsets_of_everything_are_the_kernel_distance_and_larger_ones_are_refused",
    ),
    (
        "the ± beside KID and IS is the spread over subsets, which is no standard error of the mean",
        f"{FIDELITY}/issues/7, {METRICS} at dab0333",
        "metrics/test_published_conventions::test_the_draw_of_subsets_widens_the_interval_by_its_own_variance "
        "simulations/test_published_conventions::test_intervals_of_the_inception_score_hold_what_is_expected_at_this_size_and_not_the_limit",
    ),
    (
        "kd_variance is a standard deviation",
        f"{DGM} at 74c79f7, dgm_eval/metrics/mmd.py",
        "test_what_is_called_spread_is_a_standard_deviation",
    ),
)


def _test_names(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def _asked() -> list[str]:
    return [test for _, _, tests in FAULTS for test in tests.split()]


def _absent(asked: list[str]) -> list[str]:
    here = Path(__file__).relative_to(ROOT / "tests").with_suffix("").as_posix()
    parts = [(test.rpartition("::")[0] or here, test.rpartition("::")[2]) for test in asked]
    return [name for file, name in parts if name not in _test_names(ROOT / "tests" / f"{file}.py")]


def test_every_test_that_the_table_names_exists_and_every_test_here_is_in_it():
    assert not _absent(_asked())
    assert _absent(["pipeline/test_store::test_that_nobody_wrote"]) == ["test_that_nobody_wrote"]
    own = {name for name in _test_names(Path(__file__)) if name.startswith("test_")}
    assert own - set(_asked()) == {"test_every_test_that_the_table_names_exists_and_every_test_here_is_in_it"}


def test_every_generator_is_scored_on_its_own_images(finished):
    """dgm-eval's loop read `path[i]` while it went over `path[1:]`: everyone got the number of the one before."""
    plan = Plan(benchmark.load(finished.bench), finished.folder / ".harness")
    records = [r for r in read_records(finished.folder / "results/small/records.jsonl") if r.level == "cell"]
    real = load_features(plan, plan.reference, "pixels").rows
    seen = {}
    for record in records:
        if record.metric == "fd" and record.cell.encoder == "pixels" and record.estimate.target == "T_N":
            cell = record.cell
            source = FakeSet(cell.generator, cell.training_seed, cell.sampling_seed)
            fake = load_features(plan, source, "pixels").rows
            assert record.estimate.value == pytest.approx(metrics.frechet_distance(real, fake), rel=1e-9)
            seen[source] = record.estimate.value
    assert set(seen) == set(plan.fakes)
    assert len(set(seen.values())) == len(seen)  # so that one in another's place would show


def test_every_record_says_how_many_images_its_number_rests_on(finished):
    """mar #8 and rcg #35: two reference files of one dataset, of 10,000 and 50,000 images, and no word beside FID."""
    records = read_records(finished.folder / "results/small/records.jsonl")
    assert records
    assert {(r.estimate.n_real, r.estimate.n_fake) for r in records if r.estimate} == {(120, 100)}


def test_dropped_modes_cost_recall_and_not_precision():
    """torch-fidelity #58: the two were swapped. Fakes of one of two clusters are all good and show half of the real."""
    rng = np.random.default_rng(0)
    real = rng.standard_normal((400, 3)) + 20.0 * (np.arange(400) % 2)[:, None]
    fake = rng.standard_normal((400, 3))
    assert estimate("precision", real, fake).value > 0.85
    assert estimate("recall", real, fake).value < 0.55


def test_every_metric_takes_real_then_fake_and_all_else_by_name():
    """torch-fidelity's `input1` is the fake set for precision and no set in particular for FID."""
    for component in registry.describe("metrics"):
        if component.origin == "built-in":
            parameters = list(inspect.signature(registry.load("metrics", component.name, ROOT)).parameters.values())
            assert [p.name for p in parameters[:2]] == ["real", "fake"]
            assert all(p.kind is p.KEYWORD_ONLY for p in parameters[2:])


def test_features_are_kept_under_everything_that_decides_them(finished, copy_of):
    """dgm-eval saves features by dataset, model, n and split; torch-fidelity by a name. A hit is then another's."""
    made = copy_of()
    text = made.bench.read_text()
    random = "  pixels: {use: random_convnet, %s}"
    changes = {
        "as it is": ("  pixels: {}", random % "seed: 0"),
        "seed of the weights": ("  pixels: {}", random % "seed: 1"),
        "width": ("  pixels: {}", random % "seed: 0, dim: 16"),
        "architecture": ("  pixels: {}", "  pixels: {use: digits_convnet}"),
        "resize": ("resize: null", "resize: {library: pillow, filter: bilinear, size: 8}"),
        "rounding": ("quantise: uint8", "quantise: none"),
        "JPEG": ("channels: grey", "channels: grey, jpeg: 90"),
        "batch size": ("batch_size: 64", "batch_size: 32"),
    }
    keys = {}
    for what, (old, new) in changes.items():
        changed = text if old.startswith("  pixels") else text.replace("  pixels: {}", random % "seed: 0")
        assert old in changed
        made.bench.write_text(
            changed.replace(old, new)
            .replace("  digits_convnet: {}\n", "")
            .replace("encoder: digits_convnet", "encoder: pixels")
        )
        plan = Plan(benchmark.load(made.bench), made.folder / ".harness")
        # The images are the same entry throughout: what tells keys apart is what comes after them.
        original = Plan(benchmark.load(finished.bench), finished.folder / ".harness")
        keys[what] = plan.feature_key(original.images(original.reference), "pixels")
    assert len(set(keys.values())) == len(changes), keys


def test_every_recipe_prepares_an_image_of_another_size():
    """dgm-eval's MAE path called names that do not exist; nobody had run it. Every recipe we ship is run here."""
    rng = np.random.default_rng(0)
    for name, recipe in RECIPES.items():
        images = rng.integers(0, 256, (2, 640, 700, 3), np.uint8)
        made = apply(recipe, images)
        assert len(made) == 2, name
        assert np.isfinite(made).all(), name
        assert not np.array_equal(made[0], made[1]), name


def test_users_of_the_library_are_not_held_to_one_numpy_or_pillow():
    """dgm-eval asks for numpy==1.23.3 and pillow==9.2.0, which no longer install beside anything."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert any(line.startswith("numpy") for line in wanted)
    assert not [line for line in wanted if "==" in line]
    assert not [line for line in wanted if re.match(r"(numpy|pillow)\b.*<", line)]


REMOVED = {
    "int",
    "float",
    "bool",
    "object",
    "str",
    "complex",
    "product",
    "float_",
    "Inf",
    "NaN",
    "infty",
    "in1d",
    "trapz",
}


def _removed_names(text: str) -> list[str]:
    return [
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "np"
        and node.attr in REMOVED - {"bool"}
    ]


def test_no_name_that_numpy_removed_is_used():
    """torch-fidelity's `dtype=np.int` fails since numpy 1.24, and only for class-conditional generators."""
    assert _removed_names("import numpy as np\nx = np.zeros(3, dtype=np.int)") == ["int"]
    files = sorted((ROOT / "harness").rglob("*.py"))
    assert len(files) > 100
    assert not {f.name: found for f in files if (found := _removed_names(f.read_text()))}


def test_what_workers_are_sent_can_be_pickled(finished):
    """clean-fid #17: a lambda cannot be sent to a worker that is started anew, as all are on Windows and macOS."""
    plan = Plan(benchmark.load(finished.bench), finished.folder / ".harness")
    again = pickle.loads(pickle.dumps(plan))
    assert [again.image_key(source) for source in again.fakes] == [plan.image_key(source) for source in plan.fakes]


def test_weights_do_not_lie_in_the_temporary_folder(monkeypatch, tmp_path):
    """clean-fid looks for its network in /tmp, where another user's half-written file may lie."""
    import tempfile

    from harness.encoders import weights

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert not weights.folder().is_relative_to(tmp_path)
    source = inspect.getsource(weights)
    assert "tempfile" not in source
    assert "gettempdir" not in source


NETWORK = {"urllib.request", "urllib.error", "http.client", "requests", "ftplib", "aiohttp", "httpx", "torch.hub"}


def _networked(text: str) -> bool:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return bool(found & NETWORK)


def test_only_named_modules_know_the_network():
    """clean-fid #10: statistics of one's own made it ask a server. Only `weights fetch` may; MLflow asks for itself."""
    assert _networked("def f():\n    from urllib.request import urlopen")
    files = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "harness").rglob("*.py") if _networked(path.read_text())
    }
    assert files == {"harness/encoders/download.py"}


def test_chance_comes_from_the_seed_alone_and_leaves_global_generators_alone():
    """clean-fid's KID, StyleGAN3's and dgm-eval's FD-infinity draw from numpy's global generator."""
    from cleanfid.fid import kernel_distance as theirs

    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((400, 4)), rng.standard_normal((400, 4)) + 0.2
    assert theirs(real, fake, 5, 50) != theirs(real, fake, 5, 50)  # the fault, so that its absence means something
    small = {"kid_subsets": {"subset_size": 50}}
    own = [c.name for c in registry.describe("metrics") if c.origin == "built-in" and c.name != "sfid"]

    def told(name, target):
        try:
            return estimate(name, real, fake, target=target, seed=3, **small.get(name, {}))
        except UsageError as without_interval:  # its message has the value
            return str(without_interval)

    for name, target in [("fd", "T_inf"), *((name, "T_N") for name in own)]:
        np.random.seed(1)  # noqa: NPY002 - the generator that must not be used
        first = told(name, target)
        untouched = np.random.random()  # noqa: NPY002
        np.random.seed(2)  # noqa: NPY002
        assert told(name, target) == first
        np.random.seed(1)  # noqa: NPY002
        assert np.random.random() == untouched  # noqa: NPY002


def test_no_split_repeats_a_row_and_a_bootstrap_would_move_the_distance():
    """torchmetrics' BootStrapper draws rows with replacement: the distance of a resample is another quantity."""
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((60, 8)), rng.standard_normal((60, 8))
    groups = labels(units(real), 4, 50, 7)
    assert (np.stack([(groups == g).sum(1) for g in range(4)]) == 15).all()  # each row once, in one group
    redrawn = [
        metrics.frechet_distance(real[rng.integers(60, size=60)], fake[rng.integers(60, size=60)]) for _ in range(200)
    ]
    assert np.mean(redrawn) > 1.5 * metrics.frechet_distance(real, fake)


def test_networks_compute_without_tf32_and_leave_the_switch_as_it_was():
    """No peer sets it, so that a number depends on what else the process did."""
    import torch

    from harness.encoders.torchnet import TorchEncoder

    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    seen = []

    def forward(x):
        seen.append([backend.allow_tf32 for backend in backends])
        return x.mean((2, 3))

    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = True
        TorchEncoder(torch.nn.Identity(), forward, dim=3, side=None).encode(np.zeros((2, 4, 4, 3), np.float32))
        assert seen == [[False, False]]
        assert [backend.allow_tf32 for backend in backends] == [True, True]
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def test_the_distance_needs_no_root_of_a_matrix(monkeypatch):
    """pytorch-fid #13 and many more: sqrtm of a nearly singular product; SciPy 1.18 then removed an argument of it."""
    import scipy.linalg
    from pytorch_fid.fid_score import calculate_frechet_distance as theirs

    def removed(*_, **__):
        raise TypeError("sqrtm() got an unexpected keyword argument 'disp'")

    monkeypatch.setattr(scipy.linalg, "sqrtm", removed)
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((20, 64)), rng.standard_normal((20, 64)) + 0.1  # both covariances are singular
    with pytest.raises(TypeError, match="disp"):
        theirs(real.mean(0), np.cov(real, rowvar=False), fake.mean(0), np.cov(fake, rowvar=False))
    told = metrics.frechet_distance(real, fake)
    assert isinstance(told, float)
    roots = np.linalg.svd((real - real.mean(0)) @ (fake - fake.mean(0)).T / 19, compute_uv=False)
    closed = ((real.mean(0) - fake.mean(0)) ** 2).sum() + real.var(0, ddof=1).sum() + fake.var(0, ddof=1).sum()
    assert told == pytest.approx(closed - 2 * roots.sum(), rel=1e-9)
    assert estimate("fd", real, fake).se > 0


def test_no_protocol_of_the_fid_inception_names_torchvisions_network():
    """torcheval and ignite compute 'FID' under torchvision's ImageNet network."""
    fid = [load(name) for name in names() if load(name).encoder.get("use") == "inception"]
    assert len(fid) > 4
    assert all(
        "2015-12-05" in protocol.encoder["weights"] or "classify_image" in protocol.encoder["weights"]
        for protocol in fid
    )


def test_parity_is_tested_at_sizes_that_are_resized():
    """torchmetrics' parity test has 299×299 images, which no resize touches: the change of its default went unseen."""
    from .parity import SIZES

    assert all(size != (299, 299) for size in SIZES)
    assert any(min(size) < 299 for size in SIZES)
    assert any(min(size) > 299 for size in SIZES)


def test_no_other_network_is_fed_by_tensorflows_resize():
    """torch-fidelity feeds DINOv2, CLIP and VGG16 through TensorFlow 1's bilinear, unlike whoever published them."""
    fed = {name: load(name) for name in names() if load(name).encoder.get("use") in ("dinov2", "clip", "vgg16")}
    assert fed
    assert not [name for name, protocol in fed.items() if "TensorFlow" in protocol.resize.get("library", "")]
    recipes = {protocol.recipe for protocol in fed.values()} - {None}
    assert recipes
    assert not [name for name in recipes if RECIPES[name].resize and RECIPES[name].resize.library == "tf1"]


def test_k_counts_other_rows_only():
    """fld's num_neighbors=4 counts the row itself, so it is k=3, and its README's 5 is 4."""
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[-0.9], [-1.1], [5.0], [5.1]])
    # The nearest others are 1, 1 and 2 away: balls [-1, 1], [0, 2], [1, 5].
    assert metrics.precision(real, fake, k=1) == 2 / 4
    assert metrics.precision(real, fake, k=2) == 4 / 4  # radii 3, 2, 3
    with contextlib.redirect_stdout(io.StringIO()):
        from prdc import compute_prdc

        assert compute_prdc(real, fake, nearest_k=1)["precision"] == metrics.precision(real, fake, k=1, closed=False)


def test_neighbours_closer_than_float16_can_tell_are_told_apart():
    """guided-diffusion's evaluator takes squared distances in float16, which has three digits."""
    real = np.array([[100.0], [100.002], [100.006]])  # nearest others: 0.002, 0.002, 0.004 away
    fake = np.array([[100.0015], [99.999], [99.9975], [100.0105]])
    assert metrics.precision(real, fake, k=1) == 2 / 4
    assert len(np.unique(real.astype(np.float16))) == 1  # the fault: to float16 these are one point


def _peak(function) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage", "kernel_distance"])
def test_no_metric_holds_all_distances_at_once(name):
    """fld #8: precision and recall of ImageNet ask for 50 GiB. All distances of these rows would be 512 MiB."""
    rows = np.random.default_rng(0).standard_normal((16_000, 2))
    real, fake = rows[:8000], rows[8000:]
    full = 8 * 8000 * 8000
    assert _peak(lambda: np.empty((8000, 8000))) >= full  # the meter sees arrays
    assert _peak(lambda: getattr(metrics, name)(real, fake)) < full / 2


def test_what_is_called_spread_is_a_standard_deviation():
    """dgm-eval's `kd_variance` is one too, under the wrong name: squared, it is ten thousand times too small."""
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((40, 3)), rng.standard_normal((40, 3))
    rows = [(np.arange(20), np.arange(20)), (np.arange(20, 40), np.arange(20, 40))]
    one, other = (metrics.kernel_distance(real[x], fake[y]) for x, y in rows)
    told = subset_kernel_distance(real, fake, rows)
    assert told.mean == pytest.approx((one + other) / 2)
    assert told.spread == pytest.approx(abs(one - other) / 2)
