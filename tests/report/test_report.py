from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.base.record import Record, read_records, to_lines
from harness.report.figures.forest import draw_encoder, write_plots
from harness.report.html.grids import contact_sheet, image_grid
from harness.report.run_files import CONTROLS
from tests.support.run_directory import GENERATORS, METRICS, REASON, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], dict]:
    out = write_run(tmp_path_factory.mktemp("run"))
    return read_records(out / "records.jsonl"), json.loads((out / "leaderboard.json").read_text())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], dict]:
    """Two encoders, two generators, two metrics: enough to be written, quick to draw."""
    out = write_run(
        tmp_path_factory.mktemp("small"),
        generators={name: GENERATORS[name] for name in ("kde", "noise")},
        encoders={"digits_convnet": "", "pixels": ""},
    )
    leaderboard = json.loads((out / "leaderboard.json").read_text())
    leaderboard["columns"] = leaderboard["columns"][:2]
    return read_records(out / "records.jsonl"), leaderboard


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def test_rows_are_the_ranked_generators_from_the_best_down_and_controls_below(run):
    axes = draw_encoder(*run, "digits_convnet").axes[0]
    names = [label.get_text().split()[-1] for label in axes.get_yticklabels()]
    assert names == sorted(GENERATORS, key=lambda name: (name in CONTROLS, GENERATORS[name][1]))
    bottom, top = axes.get_ylim()
    assert top < 0 < bottom, "row 0, the best, is on top"


def test_there_is_one_panel_per_metric_with_the_ranking_one_first(run):
    records, leaderboard = run
    figure = draw_encoder(records, {**leaderboard, "rank_by": {"metric": "recall", "encoder": "pixels"}}, "pixels")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "recall (k = 3) – higher is better"
    assert len(titles) == len(METRICS)


def test_bars_span_the_interval_and_markers_sit_at_the_value(run):
    records, leaderboard = run
    axes = draw_encoder(records, leaderboard, "digits_convnet").axes[0]
    bars = {segment[0, 1]: tuple(segment[:, 0]) for bars in axes.collections for segment in bars.get_segments()}
    markers = {}
    for line in axes.lines:
        if line.get_marker() in tuple("osD"):
            markers |= dict(zip(line.get_ydata(), line.get_xdata(), strict=True))
    rows = [row for row in leaderboard["rows"] if row["encoder"] == "digits_convnet" and row["status"] == "ok"]
    assert len(bars) == len(markers) == len(rows)
    for place, row in enumerate(rows):
        fd = row["metrics"]["fd"]
        assert markers[place] == fd["value"]
        assert bars[place] == (fd["low"], fd["high"])


def test_every_single_image_set_is_a_dot(run):
    records, leaderboard = run
    axes = draw_encoder(records, leaderboard, "pixels").axes[0]
    drawn = next(line.get_xdata() for line in axes.lines if line.get_marker() == ".")
    own = [r for r in records if (r.cell.encoder, r.metric, r.level, r.status) == ("pixels", "fd", "cell", "ok")]
    assert sorted(drawn) == sorted(r.estimate.value for r in own if r.estimate.reference == "random")
    assert len(drawn) == 5 * 6 + 5 * 2


def test_the_caption_says_sizes_target_reference_level_and_seeds(run):
    said = texts(draw_encoder(*run, "digits_convnet"))
    for phrase in ("95% intervals", "T_N", "one random sample", "n_real = 400", "n_fake = 400", "split reference"):
        assert phrase in said
    assert "Training seeds 0, 1, 2; sampling seeds 0, 1" in said


def test_a_fixed_reference_and_a_population_target_are_said_as_such(run):
    records, leaderboard = run
    interval = {"level": 0.9, "target": "T_inf", "reference": "fixed"}
    said = texts(draw_encoder(records, {**leaderboard, "interval": interval}, "pixels"))
    assert "90% intervals for the population value (T_inf), the real set treated as fixed" in said


def test_random_weights_are_said_in_title_and_caption_and_only_there(run):
    said = texts(draw_encoder(*run, "random_convnet"))
    assert "random_convnet sees them (random weights)" in said
    assert "Encoder random_convnet – random weights: not a measure of quality" in said
    assert "random weights" not in texts(draw_encoder(*run, "digits_convnet"))


def test_failed_generators_are_named_with_the_reason_and_have_no_row(run):
    figure = draw_encoder(*run, "pixels")
    assert f"Failed, so not drawn: broken – {REASON}" in texts(figure)
    assert all("broken" not in label.get_text() for label in figure.axes[0].get_yticklabels())


def test_an_encoder_under_which_every_generator_failed_still_has_a_picture(tmp_path):
    out = write_run(tmp_path)
    leaderboard = json.loads((out / "leaderboard.json").read_text())
    leaderboard["rows"] = [row for row in leaderboard["rows"] if row["status"] == "failed"]
    assert len(write_plots(tmp_path / "plots", [], leaderboard)) == 6


def test_a_metric_that_some_generators_lack_or_nobody_knows_is_drawn(run):
    records, leaderboard = run
    rows = json.loads(json.dumps(leaderboard["rows"]))
    rows[0]["metrics"].pop("kd")
    rows[1]["metrics"]["sharpness"] = {"value": 3.0, "se": None, "low": None, "high": None}
    columns = [*leaderboard["columns"], {"metric": "sharpness", "label": "sharpness", "lower_is_better": False}]
    figure = draw_encoder(records, {**leaderboard, "columns": columns, "rows": rows}, "digits_convnet")
    assert "sharpness – higher is better" in [axes.get_title(loc="left") for axes in figure.axes]


def test_the_same_run_drawn_twice_gives_the_same_bytes(small, tmp_path):
    first, second = write_plots(tmp_path / "a", *small), write_plots(tmp_path / "b", *small)
    assert [path.name for path in first] == [
        f"{encoder}.{kind}" for encoder in ("digits_convnet", "pixels") for kind in ("svg", "png")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_another_process_with_its_own_matplotlibrc_draws_the_same_bytes(small, tmp_path):
    records, leaderboard = small
    rows = [row for row in leaderboard["rows"] if row["encoder"] == "pixels"]
    here = write_plots(tmp_path / "here", records, {**leaderboard, "rows": rows})
    out = tmp_path / "out"
    out.mkdir()
    (out / "records.jsonl").write_bytes(to_lines(records))
    (out / "leaderboard.json").write_text(json.dumps({**leaderboard, "rows": rows}))
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nsvg.fonttype: path\naxes.grid: True\n")
    program = (
        "import json, sys; from pathlib import Path; from harness.base.record import read_records\n"
        "from harness.report import write_plots; out = Path(sys.argv[1])\n"
        "board = json.loads((out / 'leaderboard.json').read_text())\n"
        "write_plots(Path(sys.argv[2]), read_records(out / 'records.jsonl'), board)"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", program, str(out), str(tmp_path / "there")]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    for path in here:
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


def test_plots_are_drawn_anew_only_where_their_numbers_changed(small, tmp_path):
    records, leaderboard = small
    before = {path: path.stat().st_mtime_ns for path in write_plots(tmp_path, records, leaderboard)}
    moved = [
        dataclasses.replace(r, estimate=dataclasses.replace(r.estimate, value=2.5)) if place == 0 else r
        for place, r in enumerate(records)
    ]
    assert records[0].cell.encoder == "digits_convnet"
    after = {path: path.stat().st_mtime_ns for path in write_plots(tmp_path, moved, leaderboard)}
    assert {path.stem for path in after if after[path] != before[path]} == {"digits_convnet"}


def test_time_and_host_of_a_record_do_not_redraw_a_plot(small, tmp_path):
    records, leaderboard = small
    before = {path: path.stat().st_mtime_ns for path in write_plots(tmp_path, records, leaderboard)}
    elsewhere = [dataclasses.replace(record, provenance={"device": "cuda"}) for record in records]
    write_plots(tmp_path, elsewhere, leaderboard)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_grid_enlarges_by_whole_pixels_and_keeps_the_order():
    images = np.arange(70, dtype=np.uint8).reshape(70, 1, 1, 1) * np.ones((1, 8, 8, 1), np.uint8)
    grid = np.asarray(image_grid(images))
    side = 48 + 2
    assert grid.shape == (8 * side + 2, 8 * side + 2, 3)
    for place in (0, 9, 63):
        row, column = divmod(place, 8)
        shown = grid[2 + row * side : row * side + side, 2 + column * side : column * side + side]
        assert np.unique(shown).tolist() == [place]


def test_a_grid_shows_colour_as_it_is_and_reduces_no_image_of_a_thumbnails_size():
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 60, 3), dtype=np.uint8)
    grid = np.asarray(image_grid(images))
    assert grid.shape == (100, 2 * 62 + 2, 3)
    np.testing.assert_array_equal(grid[2:98, 64:124], images[1])


def test_a_grid_of_fewer_images_is_smaller_and_an_empty_one_is_refused():
    assert image_grid(np.zeros((3, 8, 8, 1), np.uint8)).size == (3 * 50 + 2, 52)
    with pytest.raises(ValueError, match="empty"):
        image_grid(np.zeros((0, 8, 8, 1), np.uint8))


def test_a_contact_sheet_has_one_row_per_set_and_the_same_bytes_each_time(tmp_path):
    rng = np.random.default_rng(1)
    sets = {name: rng.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8) for name in ("real", "kde")}
    for name in ("a.png", "b.png"):
        contact_sheet(sets).save(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.height == 2 * 52


def test_importing_the_report_imports_no_plotting_library():
    program = "import sys, harness.report; print(sorted({'matplotlib', 'PIL', 'pandas'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], check=True, cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_thumbnails_of_large_images_take_under_a_megabyte_a_generator_in_the_report():
    """Noise is the worst case: nothing in it can be compressed."""
    images = np.random.default_rng(0).integers(0, 256, (64, 512, 384, 3), np.uint8)
    grid = image_grid(images)
    assert grid.size == (8 * 74 + 2, 8 * 98 + 2)  # 72 × 96 pixels each, and a gap of 2
    worst = grid.crop((0, 0, grid.width, 3 * 98 + 2))  # three rows are shown
    payload = BytesIO()
    worst.save(payload, "PNG")
    assert len(payload.getvalue()) * 4 / 3 < 1e6
    square = image_grid(np.zeros((24, 1024, 1024, 3), np.uint8))
    assert square.size == (8 * 98 + 2, 3 * 98 + 2)
    assert 3 * square.width * square.height * 4 / 3 < 1e6
    flat = np.full((4, 300, 300, 1), 77, np.uint8)
    assert set(np.unique(np.asarray(image_grid(flat)))) == {77, 255}
