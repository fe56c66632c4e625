"""`harness list`: a screen of names, and all that is known of one, what a metric cannot see included."""

from click.testing import CliRunner

from harness.cli.main import main
from harness.metrics.table import METRICS


def listed(*words):
    return CliRunner().invoke(main, ["list", *words], catch_exceptions=False)


def test_the_list_of_metrics_fits_80_columns_and_says_where_to_read_more():
    lines = listed("metrics").output.split("\n")
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[: len(METRICS)]] == [row.name for row in METRICS]
    assert "harness list metrics NAME" in lines[-2]


def test_one_metric_says_what_it_cannot_see_and_what_it_takes():
    for row in METRICS:
        words = " ".join(listed("metrics", row.name).output.split())
        assert f"cannot see {row.unseen}" in words
        assert all(f"{name}=" in words for name in row.parameters.model_fields)


def test_a_misspelt_name_gets_the_near_one_and_a_protocol_its_own_command():
    assert "did you mean 'recall'?" in listed("metrics", "recal").stderr
    assert "did you mean 'clean'?" in listed("preprocessing", "cleen").stderr
    assert "harness show adm" in listed("protocols", "adm").stderr
    assert "train 597" in listed("datasets", "digits").output
    assert "timesteps=100" in listed("generators", "ddpm").output
