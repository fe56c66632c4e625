"""The files of OUT, written and read: records, analyses for later comparisons, leaderboard, names, costs.

OUT alone is enough for comparisons on any machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.base import (
    NAME,
    Record,
    UsageError,
    canonical_json,
    read_records,
    to_lines,
    unknown,
    write_atomically,
    write_json,
)
from harness.pipeline import lockfile, ownership
from harness.pipeline.executors.work import Failure
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.ownership import ANALYSES, COSTS
from harness.pipeline.planned import FakeSet
from harness.pipeline.rank import Ranked
from harness.pipeline.units import name_of
from harness.uncertainty import Analysis, SeedMember

NAMES = "names.json"
Groups = dict[str, list[SeedMember]]  # generator → its image sets, under one encoder and metric
Names = Mapping[str, Mapping[int, Sequence[str]]]  # generator → sampling seed → the file name of each image
Members = Mapping[str, Mapping[str, Mapping[str, list[SeedMember]]]]  # encoder → metric → generator


def write(out: Path, ranked: Ranked, lock: Mapping[str, Any], failures: Mapping[tuple[FakeSet, str], Failure]) -> None:
    """Write records, analyses, leaderboard, lock, and what failed."""
    board = ranked.leaderboard
    write_atomically(out / "records.jsonl", to_lines(ranked.records))
    write_analyses(out, ranked.members)
    write_atomically(out / "leaderboard.json", board.to_json().encode("ascii"))
    write_atomically(out / "leaderboard.csv", board.to_csv().encode())
    write_atomically(out / "leaderboard.md", board.to_markdown().encode())
    write_atomically(out / "metrics.json", board.to_metrics().encode("ascii"))
    write_atomically(out / lockfile.LOCK, lockfile.as_yaml(lock))
    details = [f"{name_of(f)} under {e}\n{x.detail or x.reason}\n" for (f, e), x in failures.items()]
    if details:
        write_atomically(out / "failures.log", "\n".join(details).encode())
    else:
        (out / "failures.log").unlink(missing_ok=True)


def records(out: Path) -> list[Record]:
    """The records in OUT, as the run wrote them. Raises UsageError where they are not, or not all there."""
    ownership.check_vouched(out, "records.jsonl")
    return read_records(out / "records.jsonl")


def read_leaderboard(out: Path) -> Leaderboard:
    """The leaderboard in OUT; raises UsageError where OUT is not a run's folder."""
    leaderboard(out)
    return Leaderboard.from_json((out / "leaderboard.json").read_text(encoding="ascii"))


def write_analyses(out: Path, members: Members) -> None:
    """Write `analyses/<encoder>.safetensors`; the same analyses give the same bytes."""
    from safetensors.numpy import save

    for encoder, metrics in members.items():
        arrays: dict[str, Any] = {}
        facts: list[Any] = []
        for metric, groups in metrics.items():
            for generator, group in groups.items():
                for member in group:
                    plain, own = member.analysis.to_parts()
                    number = len(facts)
                    arrays |= {f"{number:06d}/{name}": array for name, array in own.items()}
                    facts.append([metric, generator, member.training_seed, member.sampling_seed, plain])
        # One metadata entry: safetensors does not promise an order for several.
        write_atomically(out / ANALYSES / f"{encoder}.safetensors", save(arrays, {"analyses": canonical_json(facts)}))


def write_names(out: Path, names: Names) -> None:
    """Write `analyses/names.json`: the file names of image sets, so that OUT alone knows which images belong together.

    Nothing is written where no set has any.
    """
    if names:
        said = {generator: {str(seed): list(own) for seed, own in sets.items()} for generator, sets in names.items()}
        write_json(out / ANALYSES / NAMES, said)


def write_costs(out: Path, costs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write `costs.json`: seconds, images a second, evaluations and parameters of each generator, of this machine."""
    write_json(out / COSTS, costs)


def read_costs(out: Path) -> dict[str, dict[str, Any]]:
    """The content of OUT's costs.json; empty where there is none."""
    try:
        found = json.loads((out / COSTS).read_text(encoding="ascii"))
        return dict(found)
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def read_names(out: Path) -> dict[str, dict[int, list[str]]]:
    """Generator → sampling seed → the file name of each image, in the order of the set; of sets with names only.

    Raises UsageError for a file that is damaged.
    """
    path = out / ANALYSES / NAMES
    try:
        held = json.loads(path.read_text(encoding="ascii"))
        return {name: {int(seed): list(own) for seed, own in sets.items()} for name, sets in held.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as problem:
        raise UsageError(f"{path} is damaged ({problem}); rewrite it with `harness rank`") from None


def read(out: Path, encoder: str | None = None) -> tuple[str, dict[str, Groups]]:
    """An encoder of a finished run and its analyses by metric and generator; without a name the one that ranks.

    Raises UsageError for a folder that is not a run, was made before analyses were kept, or has a damaged file.
    """
    board = leaderboard(out)
    known = list(dict.fromkeys(str(row["encoder"]) for row in board["rows"]))
    chosen = board["rank_by"]["encoder"] if encoder is None else encoder
    if chosen not in known:
        raise UsageError(unknown("encoder", chosen, known, place=str(out)))
    path = out / ANALYSES / f"{chosen}.safetensors"
    if not path.is_file():
        raise UsageError(f"{path}: no such file; rewrite it with `harness run` or `harness rank`")
    ownership.check_vouched(out, f"{ANALYSES}/{path.name}")
    found: dict[str, Groups] = {}
    for metric, generator, training_seed, sampling_seed, analysis in _analyses(path):
        member = SeedMember(training_seed, sampling_seed, analysis)
        found.setdefault(metric, {}).setdefault(generator, []).append(member)
    return chosen, found


def leaderboard(out: Path) -> dict[str, Any]:
    """The content of OUT's leaderboard.json; UsageError where OUT is not a run's folder, or it was damaged."""
    ownership.check_vouched(out, "leaderboard.json")
    try:
        text = (out / "leaderboard.json").read_text(encoding="ascii")
        board: dict[str, Any] = json.loads(text)
    except FileNotFoundError:
        raise UsageError(f"{out} holds no run: no leaderboard.json in it") from None
    except (OSError, ValueError, RecursionError) as problem:
        raise UsageError(f"{out / 'leaderboard.json'} cannot be read ({problem}); run the benchmark again") from None
    if not _is_board(text):
        raise UsageError(f"{out / 'leaderboard.json'} is not a leaderboard of this version; run the benchmark again")
    # Names are parts of the paths that are read next: one such as ../../x would lead out of OUT.
    try:
        names = [row[part] for row in board["rows"] for part in ("generator", "encoder")]
        names += [column["metric"] for column in board["columns"]]
        sound = all(isinstance(name, str) and NAME.fullmatch(name) for name in names)
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise UsageError(f"{out / 'leaderboard.json'} has rows that no run writes; run the benchmark again")
    return board


@lru_cache(maxsize=4)
def _is_board(text: str) -> bool:
    """Whether a text is the leaderboard of a run, every part of it of the kind that readers take it for."""
    try:
        board = Leaderboard.from_json(text)
        said = board.interval["level"], board.interval["target"], board.interval["reference"]
        known = [row.encoder in board.encoder_notes for row in board.rows]
        return isinstance(said[0], float) and all(known) and {"metric", "encoder"} <= set(board.rank_by)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def check_scored(out: Path, encoder: str, generators: Iterable[str]) -> None:
    """Raises UsageError, with the reason that the run gave, for a generator without scores under an encoder of OUT."""
    rows = {row["generator"]: row for row in leaderboard(out)["rows"] if row["encoder"] == encoder}
    problems = []
    for generator in dict.fromkeys(generators):
        if generator not in rows:
            problems.append(unknown("generator", generator, rows, place=str(out)))
        elif rows[generator]["status"] != "ok":
            problems.append(f"{out}: {generator} has no scores under {encoder}: {rows[generator]['reason']}")
    if problems:
        raise UsageError(problems)


def labelled(board: Mapping[str, Any], encoder: str) -> str:
    """An encoder's name as a person should read it: with what the leaderboard notes of it, as of random weights."""
    note = board["encoders"].get(encoder, "")
    return f"{encoder} ({note})" if note else encoder


def _analyses(path: Path) -> Iterator[tuple[str, str, int | None, int, Analysis]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stream:
            facts = json.loads(stream.metadata()["analyses"])
            own: dict[int, dict[str, Any]] = {}
            for name in stream.keys():  # noqa: SIM118 - not a mapping
                number, _, array = name.partition("/")
                own.setdefault(int(number), {})[array] = stream.get_tensor(name)
        for number, (metric, generator, training_seed, sampling_seed, plain) in enumerate(facts):
            yield metric, generator, training_seed, sampling_seed, Analysis.from_parts(plain, own.get(number, {}))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as problem:
        raise UsageError(f"{path} is damaged ({problem}); rewrite it with `harness rank`") from None
