"""Networks in files as generators of a benchmark, from the YAML to the leaderboard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.base.errors import UsageError
from harness.benchmark import model as benchmark
from harness.generators.contract import image_rng
from harness.metrics.frechet.distance import frechet_distance
from harness.pipeline import sample as images
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from tests.conftest import ROOT

MODULE = """\
import torch
from torch import nn


class Blobs(nn.Module):
    def __init__(self, width=8, classes=0):
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(nn.Linear(4 + classes, width), nn.Tanh(), nn.Linear(width, 64))

    def forward(self, z, y=None):
        if self.classes:
            z = torch.cat([z, nn.functional.one_hot(y, self.classes).to(z.dtype)], 1)
        return torch.tanh(self.layers(z)).reshape(-1, 1, 8, 8)
"""

YAML = """\
name: nets
seed: 3
dataset: digits
datasets: {datasets}
n_real: 60
n_fake: 50
batch_size: 16
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  script: {{use: torchscript, file: nets/net.pt, latent: 4, range: [-1, 1], quantise: round}}
  adm: {{use: torchscript, file: nets/net.pt, latent: 4, range: [-1, 1], quantise: adm}}
  exported: {{use: onnx, file: nets/net.onnx, latent: [4], range: [-1, 1], quantise: truncate, truncation: 0.7}}
  classes:
    use: torch_module
    network: "{module}:Blobs"
    arguments: {{width: 8, classes: 5}}
    file: nets/classes.pth
    latent: 4
    range: [-1, 1]
    quantise: round
    classes: 5
    labels: balanced
    key: ema
sampling_seeds: [0, 1]
metrics: {{fd: {{}}, precision: {{}}}}
interval: {{replicates: 50}}
rank_by: {{metric: fd, encoder: pixels}}
"""


def declared(folder: Path, module: str, text: str = YAML) -> Path:
    (folder / "nets").mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(MODULE)
    names: dict = {}
    exec(MODULE, names)
    torch.manual_seed(0)
    net = names["Blobs"]().eval()
    torch.jit.trace(net, torch.zeros(2, 4)).save(str(folder / "nets" / "net.pt"))
    torch.onnx.export(
        net,
        (torch.zeros(2, 4),),
        str(folder / "nets" / "net.onnx"),
        input_names=["z"],
        dynamic_axes={"z": {0: "n"}},
        dynamo=False,
    )
    averaged = names["Blobs"](classes=5).state_dict()
    raw = {name: torch.zeros_like(tensor) for name, tensor in averaged.items()}
    torch.save({"model": raw, "ema": averaged}, folder / "nets" / "classes.pth")
    path = folder / "nets.yaml"
    path.write_text(text.format(datasets=ROOT / "datasets.yaml", module=module))
    return path


def made(plan: Plan, generator: str, sampling_seed: int = 0) -> np.ndarray:
    return images.load_images(plan, FakeSet(generator, None, sampling_seed)).arrays()["images"]


def test_networks_in_files_are_scored_and_ranked_beside_each_other(small):
    text = declared(small.folder, "blobs_ranked").read_text()
    (small.folder / "bench.yaml").write_text(text)
    done = small.run()
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in small.records("results/nets").splitlines()]
    values = {
        line["cell"]["generator"]: line["estimate"]["value"]
        for line in lines
        if line["metric"] == "fd" and line["cell"]["sampling_seed"] == 0
    }
    assert set(values) == {"script", "adm", "exported", "classes"}
    read = {
        line["cell"]["generator"]: line["provenance"].get("weights_key") for line in lines if line["level"] == "cell"
    }
    assert read == {"script": None, "adm": None, "exported": None, "classes": {"generator": "ema"}}
    # The same by hand: the reference's pixels, and the network called on each image's own latent.
    plan = Plan(benchmark.load(small.folder / "bench.yaml"), small.folder / "other", "cpu")
    label = plan.generator_label("script")
    seeds = [plan.seed("image", label, None, 0, i) for i in range(50)]
    latents = np.stack([image_rng(seed).standard_normal(4) for seed in seeds]).astype(np.float32)
    x = torch.jit.load(str(small.folder / "nets" / "net.pt"))(torch.from_numpy(latents)).detach().numpy()
    fake = np.rint(x * 127.5 + 127.5).reshape(50, -1) / 255
    real = images.load_images(plan, plan.reference).arrays()["images"].reshape(60, -1) / 255
    assert values["script"] == pytest.approx(frechet_distance(real, fake), rel=1e-5)
    cut = np.floor(x * 127.5 + 127.5).reshape(50, -1) / 255
    assert abs(frechet_distance(real, cut) / values["script"] - 1) > 5e-5  # another rule would be seen


def test_the_same_files_elsewhere_make_the_same_images_under_the_same_keys(tmp_path):
    plans = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        path = declared(tmp_path / place, f"blobs_{place}")
        if place == "there":  # copied, for tracing the same network twice writes other bytes
            shutil.copy(tmp_path / "here" / "nets" / "net.pt", path.parent / "moved.pt")
            path.write_text(path.read_text().replace("nets/net.pt", "moved.pt"))
        plans.append(Plan(benchmark.load(path), tmp_path / place / "store", "cpu"))
    one, other = plans
    source = FakeSet("script", None, 0)
    assert one.image_key(source) == other.image_key(source)
    assert np.array_equal(made(one, "script"), made(other, "script"))
    assert not np.array_equal(made(one, "script"), made(one, "script", 1))


def test_another_network_another_rule_and_edited_code_are_other_images(tmp_path):
    path = declared(tmp_path, "blobs_edited")
    load = lambda: Plan(benchmark.load(path), tmp_path / "store", "cpu")  # noqa: E731
    script, classes = FakeSet("script", None, 0), FakeSet("classes", None, 0)
    before = load()
    keys = before.image_key(script), before.image_key(classes)
    assert keys[0] != before.image_key(FakeSet("adm", None, 0))
    file = tmp_path / "blobs_edited.py"
    file.write_text(file.read_text().replace("nn.Tanh()", "nn.ReLU()"))
    assert load().image_key(script) == keys[0]
    assert load().image_key(classes) != keys[1]
    with (tmp_path / "nets" / "net.pt").open("ab") as stream:
        stream.write(b" ")
    assert load().image_key(script) != keys[0]


def test_balanced_labels_are_equally_many_in_the_whole_set_though_batches_are_not_multiples(tmp_path):
    path = declared(tmp_path, "blobs_balanced")
    plan = Plan(benchmark.load(path), tmp_path / "store", "cpu")
    generator = plan.component("generators", "classes")
    label = plan.generator_label("classes")
    seeds = [plan.seed("image", label, None, 0, i) for i in range(50)]
    expected = generator.sample_at(seeds, range(50))
    assert np.abs(made(plan, "classes").astype(int) - expected).max() <= 1
    shifted = generator.sample_at(seeds, range(1, 51))
    assert np.abs(made(plan, "classes").astype(int) - shifted).max() > 20


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (
            "file: nets/net.pt, latent: 4, range: [-1, 1], quantise: round",
            "file: no.pt, latent: 4, range: [-1, 1], quantise: round",
            r"nets.yaml:11:\d+: generators.script.file: .*no.pt: no such file",
        ),
        ('network: "{module}:Blobs"', 'network: "{module}:Blob"', "did you mean 'Blobs'"),
        ("range: [-1, 1], quantise: adm", "range: [-1, 2], quantise: adm", r"\[-1, 1\], \[0, 1\] or \[0, 255\]"),
        ("range: [-1, 1], quantise: adm", "quantise: adm", "`range` is missing"),
        ("range: [-1, 1], quantise: adm", "range: [-1, 1]", "quantise"),
        ("quantise: adm", "quantise: floor", "adm"),
        ("    classes: 5\n    labels", "    labels", "need `classes`"),
        ("latent: [4]", "latent: [0]", "latent"),
    ],
)
def test_mistakes_are_named_before_the_first_image(tmp_path, old, new, match):
    assert old in YAML
    path = declared(tmp_path, "blobs_mistaken", YAML.replace(old, new, 1))
    with pytest.raises(UsageError, match=match):
        benchmark.load(path)
