"""`python -m tests.metrics [--exam docs/exam] [--agreement FILE …]`: docs/metrics.md, what is known of every metric.

Facts are the table's, the oracle's distance is measured now, coverage is that of docs/coverage.csv (full size) or else
of the small simulations that the tests run, seconds and cards are those of `harness exam --cost --out docs/exam`.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from harness.base import named, percent
from harness.metrics.table import METRICS, MetricFacts
from tests.metrics.oracles import ORACLES, apart
from tests.simulations.__main__ import one
from tests.simulations.regimes import CURVE, INFLUENCES, PARTS, small
from tests.simulations.studies import Row

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = 10
ALIKE = "## Do metrics rank alike?"
UNSEEN = "## What a metric cannot see"
SMALL = {"field, by influence": INFLUENCES, "field, by parts": PARTS, "field, curve": CURVE}
ARROWS = {"lower": "↓", "higher": "↑", None: ""}
HEAD = (
    *("metric", "source", "better", "measures", "oracle: difference", "coverage, random reference"),
    *("fixed reference", "CPU s", "exam"),
)
Found = dict[tuple[str, str], list[tuple[float, float]]]  # by metric and reference: coverage, its standard error


def coverage_full() -> Found:
    """Coverage of intervals for T_N, by metric and reference, over the regimes of the committed table."""
    found: Found = defaultdict(list)
    with (DOCS / "coverage.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["target"] == "T_N" and not row["study"].startswith("control"):
                found[row["metric"], row["reference"]].append((float(row["coverage"]), float(row["error"])))
    return found


def coverage_small(names: Iterable[str]) -> Found:
    """The same of metrics that the committed table has not, from the small simulations (kept between calls)."""
    wanted, found = set(names), defaultdict(list)
    for number, task in enumerate(small()):
        own = next((calls for name, calls in SMALL.items() if task.name.startswith(name)), {})
        if wanted & set(own):
            rows: list[Row] = one(number, "small") or []
            for row in rows:
                if row.metric in wanted and row.target == "T_N":
                    found[row.metric, row.reference].append((row.coverage, row.error))
    return found


def lines(full: Found, few: Found, exam: dict[str, Any]) -> Iterator[str]:
    """The table's rows."""
    cards = {card["metric"]: card for card in exam["cards"]}
    oracles = {oracle.metric: oracle for oracle in ORACLES}
    yield f"| {' | '.join(HEAD)} |"
    yield "|---" * len(HEAD) + "|"
    for row in METRICS:
        oracle, card = oracles.get(row.name), cards.get(row.name)
        covers = [_covers(row, reference, full, few) for reference in ("random", "fixed")]
        cells = (
            f"`{row.name}`",
            row.citation,
            ARROWS[row.better],
            row.axis,
            "–" if oracle is None else f"{oracle.words}: {_small(apart(oracle))}",
            *covers,
            "–" if card is None or card["seconds"] is None else f"{card['seconds']:.1f}",
            "–" if card is None else _marks(card),
        )
        yield f"| {' | '.join(cells)} |"


def _small(share: float) -> str:
    return f"{share:.0e}" if share else "0"


def _covers(row: MetricFacts, reference: str, full: Found, few: Found) -> str:
    for found, note in ((full, ""), (few, " *")):
        if values := found.get((row.name, reference)):
            ends = sorted({f"{end(values)[0]:.3f}".lstrip("0") for end in (min, max)})
            return f"{' to '.join(ends)} ±{max(error for _, error in values):.3f}{note}".replace("±0", "±")
    return "–"


def _marks(card: dict[str, Any]) -> str:
    if card["refused"]:
        return str(card["refused"])
    passed = sum(check["passed"] for check in card["checks"])
    marks = f"{passed} of {len(card['checks'])}"
    return f"[{marks}](exam/{card['metric']}.png)" if card["checks"] else marks


def blindness() -> Iterator[str]:
    """What each metric cannot see, as its row says; `tests/metrics/test_table.py` holds the words against the exam."""
    yield f"\n{UNSEEN}\n"
    yield "| metric | cannot see |"
    yield "|---|---|"
    yield from (f"| `{row.name}` | {row.unseen} |" for row in METRICS)


def agreements(files: Sequence[Path], note: str) -> Iterator[str]:
    """Which metrics order generators alike, run by run, as `harness rerank --metrics` found it; `note` says of what."""
    if files:
        yield f"\n{ALIKE}\n\n{note}".rstrip()
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"))
        generators = {name for pair in found["pairs"] for name in pair["generators"]}
        yield (
            f"\n**{Path(found['out']).name}**, {len(found['metrics'])} metrics, {len(generators)} generators "
            f"({', '.join(sorted(generators))}); simultaneous {percent(found['level'])} level.\n"
        )
        yield from (f"- {sentence}" for sentence in [*found["answer"], *(f"{note}." for note in found["notes"])])
        yield "\nPairs of metrics of one axis that order some generators differently beyond noise, most first:\n"
        same = [
            p for p in found["pairs"] if p["reversed"] and len({found["axes"][p[s]] for s in ("first", "second")}) == 1
        ]
        yield "| metric | other metric | tau-b | low | high | pairs of generators in opposite order |"
        yield "|---|---|---|---|---|---|"
        for p in sorted(same, key=lambda p: (-len(p["reversed"]), p["tau"]))[:SHOWN]:
            turned = named([" and ".join(both) for both in p["reversed"]], 3)
            yield f"| {p['first']} | {p['second']} | {p['tau']:.2f} | {p['low']:.2f} | {p['high']:.2f} | {turned} |"


def main() -> None:
    """Measure, and write docs/metrics.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.metrics", description=__doc__)
    parser.add_argument("--exam", type=Path, default=DOCS / "exam", help="folder of `harness exam --out`")
    parser.add_argument(
        "--agreement", type=Path, nargs="+", default=[], help="files of `harness rerank OUT --metrics --json FILE`"
    )
    parser.add_argument("--note", default="", help="what those runs were")
    given = parser.parse_args()
    exam = json.loads((given.exam / "exam.json").read_text(encoding="utf-8"))
    full = coverage_full()
    with threadpool_limits(1):
        few = coverage_small({row.name for row in METRICS} - {name for name, _ in full})
        table = list(lines(full, few, exam))
    cost = next((card for card in exam["cards"] if card["seconds"] is not None), None)
    where = "" if cost is None else f"{cost['cost_rows']:,} × {cost['cost_columns']:,} features a side, one thread, "
    text = f"""# Every metric

Written by `python -m tests.metrics`; generative-image-harness {version("generative-image-harness")}.

- *oracle*: an independent computation (another package, or the paper's formula over all pairs) and its relative
  difference from ours on small seeded sets. Tested in `tests/metrics/test_oracles.py`.
- *coverage*: how often nominal 95% intervals contain the expected value: minimum and maximum over the regimes of
  [coverage.md](coverage.md), ± the largest Monte-Carlo standard error of one regime (.007 with 1,000 repetitions, .05
  with 20). *: from the small simulations of the tests. –: not measured ([statistics.md](statistics.md)).
- *CPU s*: CPU time of the value without an interval, {where}measured in the exam while
  the machine did other work: up to three times the times in [bench.md](bench.md).
- *exam*: tests passed, with n = {exam["n"]} and {exam["repeats"]} repeats ([all cards](exam/README.md)).

What a metric cannot see is [below](#what-a-metric-cannot-see), and in `harness list metrics NAME`.

"""
    text += "\n".join([*table, *blindness(), *agreements(given.agreement, given.note)]) + "\n"
    page = DOCS / "metrics.md"
    if not given.agreement:  # runs of half an hour: what they gave stays until they are made again
        text += "".join(page.read_text(encoding="utf-8").partition(f"\n{ALIKE}")[1:])
    page.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
