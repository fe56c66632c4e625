"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SNIPPETS = dict(re.findall(r"<!-- snippet: (\w+) -->\n```python\n(.*?)```", README, re.DOTALL))


@pytest.mark.parametrize("kind", ["generator", "encoder", "metric"])
def test_extending_takes_under_15_lines(kind):
    assert len(SNIPPETS[kind].strip().splitlines()) < 15


@pytest.mark.slow
def test_the_three_snippets_run_in_the_readmes_own_benchmark(small):
    (small.folder / "my_module.py").write_text(
        "\n\n".join(SNIPPETS[kind] for kind in ("generator", "encoder", "metric"))
    )
    yaml = re.search(r"```yaml\n(name: mine.*?)```", README, re.DOTALL)[1]
    yaml = yaml.replace("dataset: digits", f"datasets: {ROOT / 'datasets.yaml'}\ndataset: digits")
    yaml = yaml.replace("{digits_convnet: {}}", '{digits_convnet: {}, means: {use: "my_module:RowMeans"}}')
    yaml = yaml.replace("recall: {k: 3}", 'gap: {use: "my_module:median_gap", better: lower}')
    yaml = yaml.replace("n_real: 400", "n_real: 100").replace("n_fake: 400", "n_fake: 60")
    (small.folder / "samples").mkdir()
    from PIL import Image

    from harness.images.datasets.digits import Digits

    for number, image in enumerate(Digits().load("holdout").images[:60]):
        Image.fromarray(image[..., 0]).save(small.folder / "samples" / f"{number}.png")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(128, 64), torch.nn.Tanh(), torch.nn.Unflatten(1, (1, 8, 8)))
    torch.jit.trace(network, torch.zeros(1, 128)).save(str(small.folder / "g.pt"))
    (small.folder / "mine.yaml").write_text(yaml)
    outcome = small.harness("run", "mine.yaml", "--no-tracking")
    assert outcome.returncode == 0, outcome.stderr
    assert "encoder means" in outcome.stdout
    assert "gap ↓" in outcome.stdout


def test_the_script_prints_a_distance_and_an_estimate():
    said = subprocess.run([sys.executable, "-c", SNIPPETS["script"]], capture_output=True, text=True, check=True).stdout
    assert float(said.splitlines()[0]) == pytest.approx(8 * 0.25, abs=0.5)
    assert "Estimate(value=" in said


def test_every_file_the_readme_links_to_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_every_command_the_readme_names_exists(small):
    told = small.harness("--help").stdout
    for command in set(re.findall(r"`harness (\w+)", README)):
        assert re.search(rf"^  {command}\b", told, re.MULTILINE), command
