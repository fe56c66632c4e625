"""`harness rerank`: do encoders rank the generators alike, and which of them agrees better with people?"""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DETAILS, RUN_PLACE


@click.command()
@click.argument("out", type=RUN_PLACE, required=False)
@click.option(
    "--scores", type=click.Path(path_type=Path), help="CSV with columns generator,encoder,value[,se], in place of OUT."
)
@click.option("--human", "dataset", help="Human judgements to compare with: cifar10, ffhq256, imagenet256 or lsun256.")
@click.option("--metrics", "by_metrics", is_flag=True, help="Compare the metrics of one encoder, not the encoders.")
@click.option("--encoder", help="With --metrics: the encoder. [default: the one that ranks]")
@click.option("--metric", help="Metric of the run. [default: the one that ranks]")
@click.option("--higher-is-better", is_flag=True, help="With --scores: higher values are better.")
@click.option("--level", type=float, help="Confidence level. [default: as in the run, else 0.95]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed for the replicates.")
@DETAILS
@click.option("--json", "file", type=click.Path(path_type=Path), help="Also write the results to this JSON file.")
def rerank(
    out: Path | None,
    scores: Path | None,
    dataset: str | None,
    by_metrics: bool,
    encoder: str | None,
    metric: str | None,
    higher_is_better: bool,
    level: float | None,
    seed: int,
    details: bool,
    file: Path | None,
) -> None:
    """Compare the rankings that encoders (or metrics) give.

    Rank correlations with intervals, the swapped pairs, and with --human the agreement with human judgements. With
    --metrics, compares the metrics of one encoder instead.
    """
    import json

    from harness.base import UsageError, write_atomically
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.studies.rerank import Run, Scores, finding, lines, of_run, of_scores, reranked

    if by_metrics:
        if out is None or scores is not None or dataset or metric or higher_is_better:
            raise UsageError(
                "--metrics compares all metrics of a run; it takes only OUT, --encoder, --level and --json"
            )
        _rank_by_metrics(out, encoder, level, file, details=details)
        return
    if encoder is not None:
        raise UsageError("--encoder needs --metrics; without --metrics all encoders of OUT are compared")
    given: Run | Scores
    if out is not None and scores is None:
        if higher_is_better:
            raise UsageError("--higher-is-better needs --scores; a run knows the direction of its metrics")
        given = of_run(out, metric, seed)
    elif scores is not None and out is None:
        if metric is not None:
            raise UsageError("--metric needs OUT; a --scores file holds one metric")
        given = of_scores(scores, higher_is_better, seed)
    else:
        raise UsageError("give a run's folder OUT or --scores CSV, and not both")
    if level is None:
        level = given.level if isinstance(given, Run) else 0.95
    # All is computed before a line is printed: a mistake is answered by one line, without half a report before it.
    found = reranked(given, level=level, dataset=dataset, seed=seed)
    say("\n".join(lines(found, details=details)))
    if file is not None:
        write_atomically(file, (json.dumps(found.to_json(), indent=1) + "\n").encode("ascii"))
    if isinstance(given, Run) and found.whole is not None:
        add_section(given.out, given.section(dataset), finding(found))


def _rank_by_metrics(out: Path, encoder: str | None, level: float | None, file: Path | None, *, details: bool) -> None:
    import json

    from harness.base import write_atomically
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.report import finding_name
    from harness.studies.rerank import agreement_finding, agreement_lines, of_metrics

    found = of_metrics(out, encoder, level=level)
    say("\n".join(agreement_lines(found, details=details)))
    if file is not None:
        write_atomically(file, (json.dumps(found.to_json(), indent=1) + "\n").encode("ascii"))
    add_section(out, finding_name("rerank", "metrics", found.encoder), agreement_finding(found))
