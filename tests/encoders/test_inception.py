"""Our FID Inception is the peers': the same random weights, the same images, the same features."""

import re

import numpy as np
import pytest
import torch

from harness.base.errors import UsageError
from harness.base.keys import digest_file
from harness.benchmark.registry import TABLE
from harness.encoders.inception import DIMS, Inception
from harness.encoders.inception_graph import network, random_state
from harness.encoders.torchscript import InceptionNvidia
from harness.encoders.vision import InceptionTorchvision
from harness.images.datasets.digits import Digits
from harness.images.datasets.split import content_digest
from harness.metrics.frechet.distance import frechet_distance

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def state():
    """Random weights with batch statistics that are not 0 and 1, so that folding has something to do."""
    made = random_state(3)
    generator = torch.Generator().manual_seed(4)
    for name, tensor in made.items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.ndim == 1:
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
    return made


@pytest.fixture(scope="module")
def images():
    """Twelve crops of scikit-learn's photographs, uint8 (n, 299, 299, 3)."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    photographs = load_sample_images().images
    crops = []
    for i in range(12):
        photograph = photographs[i % 2]
        top, left = rng.integers(photograph.shape[0] - 299), rng.integers(photograph.shape[1] - 299)
        crops.append(photograph[top : top + 299, left : left + 299])
    return np.stack(crops)


def scaled(images):
    return ((images.astype(np.float32) - 128) / 128).astype(np.float32)


def relative(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.fixture(scope="module")
def of_torch_fidelity(state, images, tmp_path_factory):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(state, path)
    names = ["64", "192", "768", "2048", "logits_unbiased", "logits"]
    peer = FeatureExtractorInceptionV3("ours", names, feature_extractor_weights_path=str(path)).eval()
    with torch.no_grad():
        found = peer(torch.from_numpy(images).permute(0, 3, 1, 2))
    return {name: rows.numpy().reshape(len(images), -1) for name, rows in zip(names, found, strict=True)}


@pytest.mark.parametrize("layer", ["64", "192", "768", "pool3", "logits_unbiased", "logits"])
def test_features_are_torch_fidelitys_to_rounding(state, images, of_torch_fidelity, layer):
    ours = Inception.of(state, layer=layer).encode(scaled(images))
    assert ours.shape == (12, DIMS[layer])
    assert relative(ours, of_torch_fidelity["2048" if layer == "pool3" else layer]) < 3e-6


def test_the_distance_is_torch_fidelitys_to_rounding(state, images, of_torch_fidelity):
    ours = Inception.of(state).encode(scaled(images))
    theirs = of_torch_fidelity["2048"]
    expected = frechet_distance(theirs[:6], theirs[6:])
    assert frechet_distance(ours[:6], ours[6:]) == pytest.approx(expected, rel=1e-6)


def test_features_and_distance_are_pytorch_fids_to_rounding(state, images, monkeypatch):
    from pytorch_fid import inception as peer

    monkeypatch.setattr(peer, "load_state_dict_from_url", lambda *_, **__: state)
    blocks = peer.InceptionV3([0, 1, 2, 3], resize_input=False, normalize_input=True).eval()
    with torch.no_grad():
        found = blocks(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    inputs = images.astype(np.float32) / 127.5 - 1
    for layer, theirs in zip(("64", "192", "768", "pool3"), found, strict=True):
        ours = Inception.of(state, layer=layer).encode(inputs)
        rows = theirs.mean((2, 3)).numpy()
        assert relative(ours, rows) < 3e-6, layer
    expected = frechet_distance(rows[:6], rows[6:])  # of pool3, the last
    assert frechet_distance(ours[:6], ours[6:]) == pytest.approx(expected, rel=1e-6)  # measured: 5e-7


class LikeNvidias(torch.nn.Module):
    """The form of NVIDIA's file: `layers` up to the last pool, and a forward of [0, 255] that scales."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, img, return_features: bool = False):
        assert return_features
        return self.layers((img - 128) / 128).reshape(-1, 2048)


@pytest.fixture(scope="module")
def nvidias_file(state, tmp_path_factory):
    """Our network in a TorchScript file of the form and name that clean-fid loads; batch norms are not folded."""
    net = network().eval()
    net.load_state_dict(state)
    net.fc = torch.nn.Unflatten(1, (2048, 1, 1))
    with torch.no_grad():
        layers = torch.jit.trace(net, torch.zeros(2, 3, 299, 299))
    path = tmp_path_factory.mktemp("nvidia") / "inception-2015-12-05.pt"
    torch.jit.script(LikeNvidias(layers)).save(str(path))
    return path


@pytest.mark.parametrize("inside", [False, True], ids=["layers alone", "its own forward"])
def test_nvidias_torchscript_is_run_as_clean_fid_runs_it(state, images, nvidias_file, inside):
    from cleanfid.inception_torchscript import InceptionV3W

    peer = InceptionV3W(str(nvidias_file.parent), download=False, resize_inside=inside).eval()
    with torch.no_grad():
        theirs = peer(torch.from_numpy(images[:4]).permute(0, 3, 1, 2).float()).numpy()
    encoder = InceptionNvidia(weights="file", file=str(nvidias_file), sha256=digest_file(nvidias_file))
    ours = encoder.encode(scaled(images[:4]))
    assert (ours.shape, ours.dtype) == ((4, 2048), np.float32)
    assert relative(ours, theirs) < 3e-6
    assert relative(ours, Inception.of(state).encode(scaled(images[:4]))) < 3e-6
    assert encoder.identity["weights"] == digest_file(nvidias_file)


def test_torchvisions_encoder_is_torchvisions_network_from_a_file(images, tmp_path):
    from torchvision.models.inception import Inception3

    torch.manual_seed(6)
    theirs = Inception3(transform_input=False, init_weights=False).eval()
    torch.save(theirs.state_dict(), tmp_path / "net.pth")
    encoder = InceptionTorchvision(
        weights="file", file=str(tmp_path / "net.pth"), sha256=digest_file(tmp_path / "net.pth")
    )
    seen = {}
    theirs.avgpool.register_forward_hook(lambda *told: seen.update(out=told[2]))
    with torch.no_grad():
        theirs(torch.from_numpy(scaled(images[:2])).permute(0, 3, 1, 2))
    assert relative(encoder.encode(scaled(images[:2])), seen["out"].flatten(1).numpy()) < 3e-6
    assert encoder.identity == InceptionTorchvision(weights="random", seed=6).identity
    assert encoder.identity != InceptionTorchvision(weights="random", seed=7).identity


def test_torchvisions_pooling_is_another_network(state, images):
    from torchvision.models.inception import Inception3

    theirs = Inception3(num_classes=1008, aux_logits=False, transform_input=False, init_weights=False).eval()
    theirs.load_state_dict(state)
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        rows = theirs(torch.from_numpy(scaled(images[:4])).permute(0, 3, 1, 2)).numpy()
    assert relative(Inception.of(state).encode(scaled(images[:4])), rows) > 1e-3


def test_sfid_reads_seven_channels_at_17_by_17_channels_last(state, images):
    inputs = scaled(images[:2])
    net = network().eval()
    net.load_state_dict(state)
    seen = {}
    net.Mixed_6d.branch1x1.register_forward_hook(lambda *told: seen.update(out=told[2]))
    with torch.no_grad():
        net(torch.from_numpy(inputs).permute(0, 3, 1, 2))
    ours = Inception.of(state, layer="sfid").encode(inputs).reshape(2, 17, 17, 7)
    theirs = seen["out"][:, :7].numpy()
    assert relative(ours, np.moveaxis(theirs, 1, -1)) < 1e-5  # the largest of seven channels, not of 768


def test_rows_do_not_depend_on_the_batch_beyond_rounding(state, images):
    encoder = Inception.of(state)
    whole = encoder.encode(scaled(images))
    for size in (1, 3, 8):  # of 12 in chunks of 8
        parts = [encoder.encode(scaled(images[i : i + size])) for i in range(0, 12, size)]
        assert relative(np.concatenate(parts), whole) < 2e-6


def test_folding_changes_rounding_only(state, images):
    folded, plain = Inception.of(state), Inception.of(state, fold=False)
    inputs = scaled(images[:8])
    assert relative(folded.encode(inputs), plain.encode(inputs)) < 2e-6


def test_identities_tell_weights_and_layers_apart(state):
    one, other = Inception.of(state).identity, Inception.of(random_state(3)).identity
    assert one["weights"] != other["weights"]
    assert Inception(weights="random", seed=3).identity == other
    assert Inception.of(state, layer="768").identity != one


def test_a_file_of_ones_own_gives_its_weights_whatever_it_is_called(state, tmp_path):
    for suffix in (".pth", ".safetensors"):
        from safetensors.torch import save_file

        path = tmp_path / f"mine{suffix}"
        (torch.save if suffix == ".pth" else save_file)(state, str(path))
        made = Inception(weights="file", file=str(path), sha256=digest_file(path))
        assert made.identity == Inception.of(state).identity


def test_a_file_without_counts_of_batches_is_the_same_network(state):
    without = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(without) < len(state)
    assert Inception.of(without).identity == Inception.of(state).identity


def test_a_file_that_is_not_the_one_promised_is_refused(nvidias_file, tmp_path):
    found = digest_file(nvidias_file)
    with pytest.raises(UsageError, match=f"has SHA-256 {found}, not {'0' * 64}"):
        InceptionNvidia(weights="file", file=str(nvidias_file), sha256="0" * 64)
    with pytest.raises(UsageError, match="no such file"):
        Inception(weights="file", file=str(tmp_path / "gone.pth"), sha256="0" * 64)
    with pytest.raises(UsageError, match="needs both"):
        Inception(weights="file", file=str(nvidias_file))
    torch.jit.script(torch.nn.ReLU()).save(str(tmp_path / "relu.pt"))
    with pytest.raises(UsageError, match="without `layers`"):
        InceptionNvidia(weights="file", file=str(tmp_path / "relu.pt"), sha256=digest_file(tmp_path / "relu.pt"))


def test_the_table_knows_the_width_of_every_layer():
    (component,) = [c for c in TABLE if (c.kind, c.name) == ("encoders", "inception")]
    assert dict(component.layers) == DIMS


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Inception.of({}), "not the weights of the FID Inception"),
        (lambda: Inception(weights="random", layer="pool4"), "no layer 'pool4'"),
        (lambda: Inception(weights="ViT-B-16.pth"), "no weight file"),
    ],
)
def test_what_cannot_be_an_inception_is_refused(make, words):
    with pytest.raises(UsageError, match=words):
        make()


def test_images_that_were_not_prepared_are_refused():
    encoder = Inception(weights="random")
    with pytest.raises(ValueError, match="299"):
        encoder.encode(np.zeros((1, 32, 32, 3), np.float32))
    with pytest.raises(ValueError, match="set range"):
        encoder.encode(np.full((1, 299, 299, 3), 255.0, np.float32))


def few_digits(small):
    """Twelve digits a split in place of all: every training image is encoded too."""
    entry = "few:\n  {use: npz, source: digits, licence: CC BY 4.0, image: [8, 8, 1], splits: {"
    for split in ("train", "reference", "holdout"):
        images = Digits().load(split).images[:12]
        np.savez(small.folder / f"{split}.npz", images)
        entry += f"{split}: {{path: {split}.npz, size: 12, digest: {content_digest(images)}}}, "
    (small.folder / "few.yaml").write_text(entry + "}}\n")
    small.edit("dataset: digits\n", "dataset: few\n")
    small.bench.write_text(re.sub("datasets: .*", "datasets: few.yaml", small.bench.read_text()))


def test_a_benchmark_with_random_weights_runs_and_says_so_and_one_without_its_file_is_refused_at_once(small):
    encoder = "{weights: random, layer: '768', preprocessing: {use: pytorch-fid}}"
    few_digits(small)
    small.edit("  pixels: {}", f"  inception: {encoder}")
    small.edit("n_real: 120", "n_real: 12")
    small.edit("n_fake: 100", "n_fake: 10")
    small.edit("training_seeds: [0, 1]\nsampling_seeds: [0, 1]", "training_seeds: [0]\nsampling_seeds: [0]")
    small.edit("precision: {}, recall: {}, density: {}, coverage: {}", "recall: {k: 1}")
    small.edit("  kde: {}\n", "")
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr
    assert "encoder inception (random weights: not a measure of quality)" in " ".join(outcome.stdout.split())
    small.edit(encoder, encoder.replace("weights: random, ", ""))
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "weights pt_inception-2015-12-05-6726825d.pth not found" in outcome.stderr
    assert "bench.yaml:" in outcome.stderr


def test_check_sees_that_a_file_is_not_the_one_promised_and_that_a_layer_is_too_wide(small):
    (small.folder / "net.pth").write_bytes(b"weights")
    right = digest_file(small.folder / "net.pth")
    entry = "  inception: {weights: file, file: net.pth, sha256: %s, layer: '64', preprocessing: {use: pytorch-fid}}"
    small.edit("  pixels: {}", entry % right)
    assert small.harness("check", "bench.yaml").returncode == 0
    small.edit("target: T_N", "target: T_inf")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "inception has 64 features, so 640 images" in " ".join(outcome.stderr.split())
    small.edit("target: T_inf", "target: T_N")
    small.edit(right, "ab" * 32)
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert f"encoders.inception.sha256: {small.folder / 'net.pth'} has SHA-256 {right}" in outcome.stderr
    small.edit(f", sha256: {'ab' * 32}", "")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "needs both `file`, a path, and `sha256`" in outcome.stderr


def test_nvidias_encoder_without_its_file_draws_the_same_random_weights(images, state):
    drawn = InceptionNvidia(weights="random", seed=3)
    assert np.array_equal(
        drawn.encode(scaled(images[:2])), Inception(weights="random", seed=3).encode(scaled(images[:2]))
    )
    assert drawn.dim == 2048
