"""What the README promises, and the pages that it sends its readers to, work as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
GLANCE = (ROOT / "docs/reference/glance.md").read_text()
PAGES = [
    *(ROOT / f"docs/how-to/own-{kind}.md" for kind in ("generator", "encoder", "metric")),
    ROOT / "docs/in-memory.md",
]
SNIPPET = re.compile(r"<!-- snippet: (\w+) -->\n```python[^\n]*\n(.*?)```", re.DOTALL)
SNIPPETS = dict(found for page in PAGES for found in SNIPPET.findall(page.read_text()))
OWN = (ROOT / "docs/how-to/own-benchmark.md").read_text()


@pytest.mark.parametrize("kind", ["generator", "encoder", "metric"])
def test_extending_takes_under_15_lines(kind):
    assert len(SNIPPETS[kind].strip().splitlines()) < 15


@pytest.mark.slow
def test_the_three_snippets_run_in_the_benchmark_of_the_how_to_page(small):
    (small.folder / "my_module.py").write_text(
        "\n\n".join(SNIPPETS[kind] for kind in ("generator", "encoder", "metric"))
    )
    yaml = re.search(r"```yaml[^\n]*\n(name: mine.*?)```", OWN, re.DOTALL)[1]
    others = """\
  downloaded: {use: folder, path: samples/}
  network: {use: torchscript, file: g.pt, latent: [128], range: [-1, 1], quantise: round}
  mine: {use: "my_module:MyGenerator", strength: 2}
"""
    yaml = yaml.replace("training_seeds:", f"{others}training_seeds:")
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


def test_every_command_has_a_line_in_the_table_and_every_line_a_command(small):
    told = small.harness("--help").stdout
    there = set(re.findall(r"^  (\w+)\b  ", told, re.MULTILINE))
    lines = re.findall(r"^\| (`harness .*?) \|", GLANCE, re.MULTILINE)
    named = {word for line in lines for word in re.findall(r"`(?:harness )?([a-z]\w+)", line)}
    subcommands = {"make", "fetch", "show", "fd", "check", "list", "slurm", "size", "clean"}
    assert there - named == set()
    assert named - there - subcommands == set()


def test_every_command_the_readme_names_exists(small):
    told = small.harness("--help").stdout
    named = set(re.findall(r"(?:^|`)harness ([a-z]\w+)", README, re.MULTILINE))
    assert len(named) >= 3
    for command in named:
        assert re.search(rf"^  {command}\b", told, re.MULTILINE), command


def test_the_readme_is_short_has_a_picture_and_names_the_two_commands():
    assert len(README.splitlines()) <= 120
    assert "make demo" in README
    assert "make test" in README
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README):
        assert 0 < (ROOT / picture).stat().st_size < 150_000, picture
