"""`harness diagnose OUT`: what a finished run says about each generator, in sentences that end in their numbers."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.base import percent

if TYPE_CHECKING:
    from harness.base import Record, Target
    from harness.pipeline import results
    from harness.report import Finding as Section
    from harness.studies.diagnose import Case, Diagnosis
    from harness.studies.rerank import Order

THEORY = (
    "what theory says of a perfect generator (the run has no usable `holdout`), which is an average over references: "
    "intervals count this one as random"
)

READ = {-1: "below", 0: "within noise", 1: "above"}

TWINS = 0.01  # datasets hold some images in two splits; more than this share says that a split was seen

SURE = (
    "How sure: what is called wrong is so beyond noise after all tests of that generator are counted; what is not "
    "named is not shown, which is less than shown to be right."
)
CHANGES = "What would change it: more images show smaller faults; another encoder sees others (`--encoder`)."

CHECKPOINTS = "about these checkpoints, not about the methods that trained them"  # `difference` says so; once is enough


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--encoder", help="An encoder of the run. [the one that ranks]")
@click.option(
    "--json", "file", type=click.Path(path_type=Path), help="Write the findings and figures to this file too."
)
def diagnose(out: Path, encoder: str | None, file: Path | None) -> None:
    """What is wrong with each generator of the run OUT, as far as its numbers go beyond noise?

    Each generator is compared with unseen real images where the run has the control `holdout`, else with what theory
    says of a perfect one (KD, density and coverage only). Verdicts and numbers also become a section of OUT's report.
    """
    from harness.cli.lines import say
    from harness.pipeline import results
    from harness.studies.diagnose import diagnose as read_into_sentences

    board = results.leaderboard(out)
    chosen, metrics = results.read(out, encoder)
    records = _records(out)
    rows = [row for row in board["rows"] if row["encoder"] == chosen]
    holdout = _holdout(out, rows)
    level = float(board["interval"]["level"])
    about = (
        f"{board['benchmark']} under {chosen}{_in_brackets(board['encoders'][chosen])}, against {holdout or THEORY}; "
        f"{percent(level)} intervals; p: Holm over all tests of one generator"
    )
    lines: list[str] = []
    told: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    for row in rows:
        name = str(row["generator"])
        if row["status"] != "ok":
            lines.append(f"\n{name}\n  failed, nothing to read ({row['reason']})")
            told.append({"generator": name, "verdict": "failed", "reason": row["reason"], "findings": []})
            continue
        case = _case(board, metrics, records, row, holdout)
        found = read_into_sentences(case)
        lines += _shown(found)
        notes |= dict.fromkeys(found.notes)
        told.append(
            {
                **asdict(found),
                "against": case.against,
                "evidence": [asdict(e) for e in case.metrics.values()],
                "copies": None if case.copies is None else asdict(case.copies),
            }
        )
    orders = _orders(out, board, chosen, metrics)
    if orders:
        lines.append(f"\norders of the generators (all pairs of two orders at once, {percent(level)})")
        lines += [f"  - {order.sentence}" for order in orders]
    lines.append(f"\n{SURE}")
    if CHECKPOINTS in notes:
        lines.append(f"Comparisons with {holdout} are {CHECKPOINTS}.")
    lines.append(CHANGES)
    verdicts = [f"  {one['generator']}: {one['verdict']}" for one in told]
    say("\n".join([headline(told), *verdicts, f"\nWhat each rests on: {about}", *lines]))
    if file is not None:
        from harness.base import write_atomically

        whole = {
            "benchmark": board["benchmark"],
            "encoder": chosen,
            "interval": board["interval"],
            "against": holdout,
            "diagnoses": told,
            "orders": [asdict(order) for order in orders],
        }
        write_atomically(file, (json.dumps(_finite(whole), indent=1, allow_nan=False) + "\n").encode("ascii"))
    _report(out, chosen, section(chosen, about, _finite(told), [order.sentence for order in orders]))


def section(encoder: str, about: str, told: list[dict[str, Any]], orders: list[str]) -> Section:
    """The diagnoses as a section of the report: a verdict a generator, the sentences, and the numbers they rest on."""
    from harness.report import Finding, Table
    from harness.studies.diagnose import p_text

    sentences: list[tuple[str, str]] = []
    numbers: list[tuple[str | float | None, ...]] = []
    for one in told:
        for part in one["findings"]:
            sentences.append((one["generator"], part["sentence"]))
            sentences += [(one["generator"], f"weak: {weak}") for weak in part["weak"]]
        for e in one.get("evidence", []):
            ends = (_rounded(e[key]) for key in ("value", "real", "gap", "low", "high"))
            numbers.append(
                (one["generator"], e["metric"], *ends, p_text(e["p_holm"]).removeprefix("= "), READ[e["side"]])
            )
    sentences += [("orders", sentence) for sentence in orders]
    tables = [Table("What each verdict rests on", ("generator", "sentence"), tuple(sentences))] if sentences else []
    if numbers:
        columns = ("generator", "metric", "value", "real", "difference", "low", "high", "p (Holm)", "reads")
        tables.append(Table("Each metric minus that of real images", columns, tuple(numbers)))
    verdict = (headline(told), *(f"{one['generator']}: {one['verdict']}" for one in told), f"{about}.", SURE, CHANGES)
    return Finding(f"Diagnosis under {encoder}", verdict, tuple(tables))


def headline(told: list[dict[str, Any]]) -> str:
    """The diagnoses in one sentence: with how many generators something is wrong, and with which nothing is."""
    read = [one for one in told if one["verdict"] != "failed" and one["generator"] != one["against"]]
    clear = [one["generator"] for one in read if not one["findings"]]
    wrong = len(read) - len(clear)
    said = f"Something is wrong beyond noise with {wrong} of {len(read)} generators"
    return said + (f"; nothing is shown to be with {', '.join(clear)}." if clear else ".")


def _report(out: Path, encoder: str, found: Section) -> None:
    """Write the section into OUT and the report anew; UsageError where OUT cannot be written."""
    from harness.base import UsageError
    from harness.report import finding_name, write_finding, write_report

    try:
        write_finding(out, finding_name("diagnosis", encoder), found)
        path = write_report(out)
    except OSError as problem:
        raise UsageError(
            f"{out}: the diagnosis above cannot be put into its report ({problem}); make the folder writable"
        ) from None
    click.echo(f"\nreport    {path}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _case(
    board: dict[str, Any],
    metrics: dict[str, results.Groups],
    records: list[Record],
    row: dict[str, Any],
    holdout: str | None,
) -> Case:
    from harness.studies.diagnose import evidence

    name, encoder, level = str(row["generator"]), str(row["encoder"]), float(board["interval"]["level"])
    reference = board["interval"]["reference"]
    targets: dict[str, Target] = {metric: estimate["target"] for metric, estimate in row["metrics"].items()}
    copies = evidence.counted(records, name, encoder, holdout)
    notes: tuple[str, ...] = ()
    if name == holdout:
        # Its metrics are the reference point; its images can still be wrong.
        found: list[evidence.Evidence] = []
    elif holdout is not None:
        found, notes = evidence.against_holdout(
            metrics,
            name,
            holdout,
            level=level,
            reference=reference,
            targets=targets,
            others=len(copies.p) if copies else 0,
        )
    else:
        parameters = {r.metric: r.parameters for r in records}
        found, notes = evidence.against_theory(metrics, name, level=level, parameters=parameters)
    tested, copies = evidence.together(found, copies, level=level)
    return evidence.Case(name, encoder, level, holdout, tested, copies, notes)


def _orders(out: Path, board: dict[str, Any], chosen: str, metrics: dict[str, results.Groups]) -> list[Order]:
    """FD against KD under the encoder, and the metric that ranks under each pair of encoders without random weights."""
    from harness.pipeline import results
    from harness.studies.rerank import Table, compared

    better = {column["metric"]: bool(column["lower_is_better"]) for column in board["columns"]}
    level, reference = float(board["interval"]["level"]), board["interval"]["reference"]
    targets = {
        (str(row["encoder"]), metric): estimate["target"]
        for row in board["rows"]
        for metric, estimate in row["metrics"].items()
    }
    of_use: dict[str, str] = {}
    for metric, groups in metrics.items():
        for members in groups.values():
            of_use.setdefault(members[0].analysis.use, metric)  # the first k, as everywhere here
    pairs = []
    if "fd" in of_use and "kd" in of_use:
        pairs.append(tuple(Table(m, metrics[m], better[m], targets[chosen, m]) for m in (of_use["fd"], of_use["kd"])))
    ranks = board["rank_by"]["metric"]
    scored = {row["encoder"] for row in board["rows"] if row["status"] == "ok"}
    meant = [name for name, note in board["encoders"].items() if not note and name in scored]
    found_under = {name: results.read(out, name)[1] for name in meant}
    tables = [
        Table(f"{ranks} under {name}", own[ranks], better[ranks], targets[name, ranks])
        for name, own in found_under.items()
        if ranks in own
    ]
    pairs += list(combinations(tables, 2))
    found = [compared(one, other, level=level, reference=reference) for one, other in pairs]
    return [order for order in found if order is not None]


def _shown(found: Diagnosis) -> list[str]:
    if not (found.findings or found.notes):
        return []  # its verdict says it all
    lines = [f"\n{found.generator}"]
    for finding in found.findings:
        lines += [f"  - {finding.sentence}", *(f"    weak: {weak}" for weak in finding.weak)]
    return [*lines, *(f"  note: {note}" for note in found.notes if note != CHECKPOINTS)]


def _holdout(out: Path, rows: list[dict[str, Any]]) -> str | None:
    """The generator whose component is `holdout`, if it ran and its images are unseen ones but for a few twins."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from harness.base import UsageError

    path = out / "benchmark.lock.yaml"
    try:
        declared = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["benchmark"]["generators"]
        names = [name for name, entry in declared.items() if entry["use"] == "holdout"]
    except (OSError, YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise UsageError(f"{path} cannot be read ({problem}); `harness rank` writes it anew") from None
    usable = {
        row["generator"]
        for row in rows
        if row["status"] == "ok"
        and all(row["observations"].get(c, 0) <= TWINS for c in ("reference_copies", "training_copies"))
    }
    return next((name for name in names if name in usable), None)


def _records(out: Path) -> list[Record]:
    from harness.base import UsageError, read_records

    path = out / "records.jsonl"
    try:
        return read_records(path)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"{path} cannot be read ({problem}); `harness rank` writes it anew") from None


def _in_brackets(note: str) -> str:
    return f" ({note})" if note else ""


def _finite(value: Any) -> Any:
    """The value with infinities as null: JSON has none."""
    from harness.cli.compare import _finite as finite

    return finite(value)
