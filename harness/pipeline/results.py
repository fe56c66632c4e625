"""What a run leaves in OUT: whose folder it is, its files and their receipt, and the analyses for later comparisons.

OUT alone is enough for comparisons on any machine.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.base import (
    LOCK_BYTES,
    NAME,
    Record,
    UsageError,
    canonical_json,
    check_size,
    digest,
    digest_file,
    expands,
    locked,
    read_records,
    synced,
    to_lines,
    unknown,
    write_atomically,
    write_json,
)
from harness.pipeline import provenance
from harness.pipeline.executors.work import Failure
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.plan import declared
from harness.pipeline.planned import FakeSet
from harness.pipeline.rank import Ranked
from harness.pipeline.stages import Pipeline
from harness.pipeline.units import name_of
from harness.uncertainty import Analysis, SeedMember

FOLDER = "analyses"
NAMES = "names.json"
LOCK = "benchmark.lock.yaml"
RECEIPT = ".complete.json"
MARKER = ".benchmark"  # names the benchmark whose results a folder holds
COSTS = "costs.json"
BESIDE = ("run.json", "report.html", COSTS)  # of the time, the machine and later studies: not part of the result
DRAWN = ("grids/", "plots/", "nearest/", f"{FOLDER}/")  # files whose names hang on the declaration
TURN = ".turn"  # held by the run that writes into OUT
UNFINISHED = ".writing"  # there while OUT may hold files of two runs
DECLARED = ("benchmark", "dataset", "components", "statistics")  # of a lock: known before the first image is made
Groups = dict[str, list[SeedMember]]  # generator → its image sets, under one encoder and metric
Names = Mapping[str, Mapping[int, Sequence[str]]]  # generator → sampling seed → the file name of each image
Members = Mapping[str, Mapping[str, Mapping[str, list[SeedMember]]]]  # encoder → metric → generator


_here: set[Path] = set()  # OUTs that this process is writing into: it may read what is not finished


class WaitingWarning(UserWarning):
    """Another run is writing into the same OUT; this one goes on when that one has finished."""


class ReplacedWarning(UserWarning):
    """OUT holds what another declaration, or an edited one, left there; this run takes its place."""


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """OUT for one run at a time, as long as the block lasts; a second one waits, a killed one gives its turn back.

    Without it a run could vouch for files that another, of an edited declaration, has put in their place meanwhile.
    """

    def say() -> None:
        warnings.warn(f"another run is writing into {out}; waiting until it has finished", WaitingWarning, 6)

    with locked(out / TURN, waiting=say):
        _here.add(out.absolute())
        try:
            yield
        finally:
            _here.discard(out.absolute())


def claim(out: Path, benchmark: str) -> None:
    """Mark a new or empty folder as this benchmark's; raises UsageError for one that holds anything else."""
    marker = out / MARKER
    try:
        if marker.is_file():
            owner = marker.read_text(encoding="utf-8", errors="backslashreplace").strip()
            if owner != benchmark:
                raise UsageError(f"{out} holds the results of benchmark '{owner}'; give another folder with --out")
            return
        if out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()):
            raise UsageError(f"{out} holds files that are not a run's; give a new or empty folder with --out")
        write_atomically(marker, f"{benchmark}\n".encode())
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{out} is a file, or lies below one; give a folder with --out") from None


def check_run(out: Path) -> None:
    """Raise UsageError where OUT is not a run's folder."""
    if not (out / "records.jsonl").is_file():
        raise UsageError(f"{out} holds no run: there is no records.jsonl in it")


def resolved(pipeline: Pipeline) -> dict[str, Any]:
    """Everything the numbers rest on, with every default filled in; `run_key` is the digest of all the rest."""
    plan = pipeline.plan
    images = {name_of(fake): entry.facts for fake in plan.fakes if (entry := plan.images(fake))}
    grouped = {name: dict(facts["groups"]) for name, facts in images.items() if "groups" in facts}
    lock = {
        **declared(plan),
        "image_sets": {name: facts["content"] for name, facts in images.items()},
        **({"groups": grouped} if grouped else {}),
        "failed": {f"{name_of(fake)} under {encoder}": f.reason for (fake, encoder), f in pipeline.failures.items()},
        "software": provenance.software(),
    }
    # The commit says where the code lies; what it does is in the digests of its sources.
    software = {name: value for name, value in provenance.software().items() if name != "commit"}
    return {"run_key": digest(lock | {"software": software}), **lock}


def clear(out: Path) -> None:
    """Take away what an earlier declaration, or a fault, left in OUT under names that are not written again."""
    earlier = _receipt(out).get("files", {})
    (out / RECEIPT).unlink(missing_ok=True)
    write_atomically(out / UNFINISHED, b"")
    synced([out / UNFINISHED, out])  # before a file of the new run, whatever is lost later
    for name in earlier:
        # A receipt may have come with a folder from elsewhere: it names nothing outside of OUT.
        if name.startswith(DRAWN) and ".." not in Path(name).parts:
            (out / name).unlink(missing_ok=True)


def write(out: Path, ranked: Ranked, lock: Mapping[str, Any], failures: Mapping[tuple[FakeSet, str], Failure]) -> None:
    """Write records, analyses, leaderboard, lock, and what failed."""
    board = ranked.leaderboard
    write_atomically(out / "records.jsonl", to_lines(ranked.records))
    write_analyses(out, ranked.members)
    write_atomically(out / "leaderboard.json", board.to_json().encode("ascii"))
    write_atomically(out / "leaderboard.csv", board.to_csv().encode())
    write_atomically(out / "leaderboard.md", board.to_markdown().encode())
    write_atomically(out / "metrics.json", board.to_metrics().encode("ascii"))
    write_atomically(out / LOCK, _yaml(lock))
    details = [f"{name_of(f)} under {e}\n{x.detail or x.reason}\n" for (f, e), x in failures.items()]
    if details:
        write_atomically(out / "failures.log", "\n".join(details).encode())
    else:
        (out / "failures.log").unlink(missing_ok=True)


def _yaml(lock: Mapping[str, Any]) -> bytes:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = BytesIO()
    yaml.dump(dict(lock), text)
    return text.getvalue()


def settle(out: Path) -> None:
    """Say that OUT holds one run's files, all of them; a loss of power keeps them."""
    if not (out / UNFINISHED).exists():
        return
    paths = [path for path in out.rglob("*") if not path.is_symlink()]
    synced([*paths, out, out.parent])
    (out / UNFINISHED).unlink(missing_ok=True)


def write_receipt(out: Path, lock: Mapping[str, Any]) -> None:
    """Vouch for OUT's files as they are now, those of the run that `lock` resolves."""
    receipt = {"run_key": lock["run_key"], "declared": declared_key(lock), "files": _files(out)}
    write_atomically(out / RECEIPT, json.dumps(receipt).encode("ascii"))


def is_complete(out: Path, run_key: str) -> bool:
    """Whether OUT holds this very result, every file as it was written."""
    try:
        receipt = _receipt(out)
        files = _files(out)
        return bool(receipt["run_key"] == run_key) and all(files.get(n) == d for n, d in receipt["files"].items())
    except (OSError, KeyError):
        return False


def unlike_receipt(out: Path) -> list[str] | None:
    """The files of OUT that are missing or not as the run wrote them; None where no receipt vouches for any."""
    vouched = _receipt(out).get("files")
    if not isinstance(vouched, dict):
        return None
    there = _files(out)
    return [name for name, of in vouched.items() if there.get(name) != of]


def check_vouched(out: Path, name: str) -> None:
    """Raise UsageError for a file of OUT that is not as its run wrote it, or that a run was writing when it ended.

    An OUT without a receipt, as of a run with cells that failed, is taken as it is.
    """
    files = _receipt(out).get("files")
    if isinstance(files, dict):
        try:
            same = name not in files or files[name] == digest_file(out / name)
        except OSError:
            return  # who reads it says so
        if not same:
            raise UsageError(
                f"{out / name} is not as the run wrote it: damaged, or edited; `harness rank` writes it anew"
            )
    elif (out / UNFINISHED).exists() and out.absolute() not in _here:
        raise UsageError(
            f"{out} holds a part of a run's results: it is being written, or what wrote it was ended; the same command "
            "finishes it"
        )


def records(out: Path) -> list[Record]:
    """The records in OUT, as the run wrote them. Raises UsageError where they are not, or not all there."""
    check_vouched(out, "records.jsonl")
    return read_records(out / "records.jsonl")


def _files(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): digest_file(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in BESIDE
    }


def _receipt(out: Path) -> dict[str, Any]:
    try:
        found = json.loads((out / RECEIPT).read_text(encoding="ascii"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


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
        write_atomically(out / FOLDER / f"{encoder}.safetensors", save(arrays, {"analyses": canonical_json(facts)}))


def write_names(out: Path, names: Names) -> None:
    """Write `analyses/names.json`: the file names of image sets, so that OUT alone knows which images belong together.

    Nothing is written where no set has any.
    """
    if names:
        said = {generator: {str(seed): list(own) for seed, own in sets.items()} for generator, sets in names.items()}
        write_json(out / FOLDER / NAMES, said)


def write_costs(out: Path, costs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write `costs.json`: seconds, images a second, evaluations and parameters of each generator, of this machine."""
    write_json(out / COSTS, costs)


def read_costs(out: Path) -> dict[str, dict[str, Any]]:
    """The content of OUT's costs.json; empty where there is none."""
    try:
        found = json.loads((out / COSTS).read_text(encoding="ascii"))
        return dict(found)
    except (OSError, ValueError, TypeError):
        return {}


def read_names(out: Path) -> dict[str, dict[int, list[str]]]:
    """Generator → sampling seed → the file name of each image, in the order of the set; of sets with names only.

    Raises UsageError for a file that is damaged.
    """
    path = out / FOLDER / NAMES
    try:
        held = json.loads(path.read_text(encoding="ascii"))
        return {name: {int(seed): list(own) for seed, own in sets.items()} for name, sets in held.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as problem:
        raise UsageError(f"{path} is damaged ({problem}); `harness rank` writes it anew") from None


def read(out: Path, encoder: str | None = None) -> tuple[str, dict[str, Groups]]:
    """An encoder of a finished run and its analyses by metric and generator; without a name the one that ranks.

    Raises UsageError for a folder that is no run, was made before analyses were kept, or has a damaged file.
    """
    board = leaderboard(out)
    known = list(dict.fromkeys(str(row["encoder"]) for row in board["rows"]))
    chosen = board["rank_by"]["encoder"] if encoder is None else encoder
    if chosen not in known:
        raise UsageError(unknown("encoder", chosen, known, place=str(out)))
    path = out / FOLDER / f"{chosen}.safetensors"
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; `harness run` or `harness rank` writes it anew")
    check_vouched(out, f"{FOLDER}/{path.name}")
    found: dict[str, Groups] = {}
    for metric, generator, training_seed, sampling_seed, analysis in _analyses(path):
        member = SeedMember(training_seed, sampling_seed, analysis)
        found.setdefault(metric, {}).setdefault(generator, []).append(member)
    return chosen, found


def leaderboard(out: Path) -> dict[str, Any]:
    """The content of OUT's leaderboard.json; UsageError where OUT is not a run's folder, or it was damaged."""
    check_vouched(out, "leaderboard.json")
    try:
        board = json.loads((out / "leaderboard.json").read_text(encoding="ascii"))
    except FileNotFoundError:
        raise UsageError(f"{out} holds no run: there is no leaderboard.json in it") from None
    except (OSError, ValueError) as problem:
        raise UsageError(f"{out / 'leaderboard.json'} cannot be read ({problem}); run the benchmark again") from None
    if not isinstance(board, dict) or not {"rows", "columns", "rank_by", "interval"} <= set(board):
        raise UsageError(f"{out / 'leaderboard.json'} is no leaderboard of this version; run the benchmark again")
    # Names are parts of the paths that are read next: one such as ../../x would lead out of OUT.
    try:
        names = [row[part] for row in board["rows"] for part in ("generator", "encoder")]
        names += [column["metric"] for column in board["columns"]]
        sound = all(isinstance(name, str) and NAME.fullmatch(name) for name in names)
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise UsageError(f"{out / 'leaderboard.json'} has rows of names that no run writes; run the benchmark again")
    return board


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


def lock(out: Path) -> dict[str, Any] | None:
    """The content of OUT's benchmark.lock.yaml; None where there is none that can be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        check_size(out / LOCK, LOCK_BYTES, "a lock")
        found = YAML(typ="safe").load((out / LOCK).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError, RecursionError, ValueError):
        return None
    return dict(found) if isinstance(found, Mapping) and not expands(found) else None


def run_key(out: Path) -> str | None:
    """The key of the run that OUT holds; None where it holds none."""
    found = lock(out)
    return None if found is None or "run_key" not in found else str(found["run_key"])


def declared_key(locked: Mapping[str, Any]) -> str:
    """The key of what a lock file declares: the benchmark but for its audit, which decides no value, data and code."""
    parts = {name: locked.get(name) for name in DECLARED}
    if isinstance(parts["benchmark"], Mapping):
        parts["benchmark"] = {name: value for name, value in parts["benchmark"].items() if name != "audit"}
    return digest(parts)


def warn_of_replacing(out: Path, declared: Mapping[str, Any]) -> None:
    """Say that a run of `declared` takes the place of what OUT holds, unless OUT is of the same declaration."""
    there = _declared_in(out)
    if there is not None and there != declared_key(declared):
        warnings.warn(
            f"what another declaration, or this one before an edit, left in {out} is replaced, its values and the "
            "sections of its report; --out keeps both",
            ReplacedWarning,
            3,
        )


def _declared_in(out: Path) -> str | None:
    """The key of what OUT's lock declares; None where it holds none. The receipt says it of the lock it vouches for."""
    receipt = _receipt(out)
    try:
        if receipt["files"][LOCK] == digest_file(out / LOCK):
            return str(receipt["declared"])
    except (OSError, KeyError, TypeError):
        pass
    there = lock(out)
    return None if there is None else declared_key(there)


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
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as problem:
        raise UsageError(f"{path} is damaged ({problem}); `harness rank` writes it anew") from None
