"""Structures drawn by hypothesis: what is written is read back the same, and any other is an object or one sentence."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as drawn_from
from hypothesis import strategies as st

from harness.base import (
    Cell,
    Estimate,
    Record,
    UsageError,
    as_csv,
    canonical_json,
    derive_seed,
    digest,
    from_cell,
    read_records,
    read_yaml,
    to_lines,
)
from harness.images import Preprocessing
from tests.fuzz.targets import CORPUS

ROOT = Path(__file__).resolve().parents[2]
finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,20}", fullmatch=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | finite | text,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(text, inside, max_size=4),
    max_leaves=12,
)
_counts: dict[str, int] = {}
STRUCTURES: dict[str, Callable[[], None]] = {}


def structure(words: str) -> Callable[[Any], Any]:
    """Count the examples of a test under these words."""

    def of(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        def counted(*arguments: Any, **named: Any) -> None:
            _counts[words] = _counts.get(words, 0) + 1
            inner(*arguments, **named)

        test.hypothesis.inner_test = counted
        STRUCTURES[words] = test
        return test

    return of


def run(*, examples: int, seed: int) -> dict[str, int]:
    """Every structure with so many examples each; how many there were. Raises what a failing one raises."""
    _counts.clear()
    phases = [Phase.generate]  # finding the smallest example can take minutes
    how = settings(
        phases=phases,
        max_examples=max(1, examples),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    for test in STRUCTURES.values():
        how(drawn_from(seed)(test))()
    return dict(_counts)


def one_sentence(work: Callable[[], object]) -> object:
    """What the work gives; a mistake of the user's must be said in lines of its own."""
    try:
        return work()
    except UsageError as told:
        problems = told.problems
    assert problems
    assert not any("\n" in line or "Traceback" in line for line in problems), problems
    return None


def file_of(content: str, suffix: str = ".yaml") -> Path:
    folder = Path(tempfile.gettempdir()) / "structures"
    folder.mkdir(exist_ok=True)
    catalogue = folder / "datasets.yaml"
    if not catalogue.exists():
        catalogue.write_bytes((CORPUS / "datasets.yaml").read_bytes())
    path = folder / f"drawn{suffix}"
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    return path


estimates = st.builds(
    Estimate,
    value=finite,
    se=st.none() | finite,
    low=st.none() | finite,
    high=st.none() | finite,
    level=finite,
    target=st.sampled_from(("T_N", "T_inf")),
    reference=st.sampled_from(("fixed", "random")),
    method=text,
    n_real=st.integers(0, 2**40),
    n_fake=st.integers(0, 2**40),
    conservative=st.booleans(),
    notes=st.lists(text, max_size=2).map(tuple),
)
seeds = st.none() | st.integers(0, 2**63)
records = st.builds(
    Record,
    benchmark=text,
    level=st.sampled_from(("cell", "generator")),
    cell=st.builds(Cell, text, text, text, seeds, seeds, text, text),
    metric=text,
    parameters=st.dictionaries(text, plain, max_size=2),
    status=st.sampled_from(("ok", "failed")),
    estimate=st.none() | estimates,
    reason=st.none() | text,
    inputs=st.dictionaries(text, text, max_size=2),
    observations=st.dictionaries(text, plain, max_size=2),
)


@structure("records: object ↔ line")
@given(st.lists(records, max_size=3))
def written_records_are_read_back(made: list[Record]) -> None:
    path = file_of(to_lines(made).decode("ascii"), ".jsonl")
    assert read_records(path) == made
    assert to_lines(read_records(path)) == to_lines(made)


@structure("records: any JSON value as a line")
@given(plain)
def any_value_is_a_record_or_a_sentence(value: Any) -> None:
    one_sentence(lambda: read_records(file_of(json.dumps(value) + "\n", ".jsonl")))


@structure("keys: canonical JSON and derived seeds")
@given(plain, st.randoms())
def keys_hang_on_the_value_alone(value: Any, order: Any) -> None:
    spelled = canonical_json(value)
    assert json.loads(spelled) == value
    assert canonical_json(json.loads(spelled)) == spelled
    if isinstance(value, dict):
        items = list(value.items())
        order.shuffle(items)
        assert digest(dict(items)) == digest(value)
    assert 0 <= derive_seed(value, "image", 3) < 2**63


sizes = st.integers(1, 400)
recipes = st.fixed_dictionaries(
    {"channels": st.sampled_from(("grey", "rgb"))},
    optional={
        "jpeg": st.none() | st.integers(1, 100),
        "resize": st.none()
        | st.fixed_dictionaries(
            {
                "library": st.sampled_from(("pillow", "torch", "tf1", "opencv", "x")),
                "filter": st.sampled_from(("bilinear", "bicubic", "lanczos", "box", "nearest")),
                "antialias": st.booleans(),
                "size": st.tuples(sizes, sizes).map(list),
            }
        ),
        "crop": st.none() | st.sampled_from(("square",)) | sizes | st.tuples(sizes, sizes).map(list),
        "quantise": st.sampled_from(("uint8", "none")),
        "range": st.tuples(finite, finite).map(list),
        "normalise": st.none() | st.sampled_from(("imagenet", "openai-clip", "half")),
    },
)


@structure("recipes: any keys of one; written and read back")
@given(recipes)
def recipes_are_read_back(given_keys: dict[str, Any]) -> None:
    try:
        made = Preprocessing.model_validate(given_keys)
    except ValueError:
        return
    again = Preprocessing.model_validate_json(made.model_dump_json())
    assert again == made
    assert again.label == made.label
    assert made.words


@structure("claims: a number as it was printed")
@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def printed_numbers_keep_their_decimals(value: Decimal) -> None:
    from harness.studies.reproduce.claims import printed_number

    found = printed_number(f"{value:f}")
    assert found is not None
    sign, number, decimals = found
    assert (sign, decimals) == ("", 3)
    assert number == float(value)


@structure("claims: any text as a number")
@given(st.from_regex(r"[<>]? ?[-+]?\d{1,3}(\.\d{0,4})?([eE][-+]?\d{1,30})?", fullmatch=True) | text)
def any_text_as_a_value_is_a_number_or_a_sentence(value: str) -> None:
    from harness.studies.reproduce import load

    claim = {"id": "a", "model": "m", "metric": "fid", "value": value, "source": "s"}
    found = one_sentence(lambda: load(file_of(json.dumps({"title": "t", "claims": [claim]}))))
    for one in getattr(found, "claims", ()):
        assert math.isfinite(one.rounding)
        assert len(one.spelled) < 150


@structure("YAML: any text")
@given(st.text(max_size=60) | st.text("abc:-{}[]&*!|>'\"%@`#?, \n\t0123.~<", max_size=60))
def any_text_is_yaml_or_a_sentence(content: str) -> None:
    found = one_sentence(lambda: read_yaml(file_of(content)).lines())
    assert not any("\n" in line for line in found or ())


def _digits() -> dict[str, Any]:
    from ruamel.yaml import YAML

    return dict(YAML(typ="safe").load((ROOT / "benchmarks/digits.yaml").read_text(encoding="utf-8")))


@structure("benchmark: sound keys are taken as they are")
@given(
    st.fixed_dictionaries(
        {
            "name": name,
            "seed": st.integers(0, 2**63 - 1),
            "n_real": st.integers(60, 400),
            "n_fake": st.integers(60, 400),
            "training_seeds": st.lists(st.integers(0, 2**40), min_size=1, max_size=3, unique=True),
            "sampling_seeds": st.lists(st.integers(0, 2**40), min_size=1, max_size=3, unique=True),
            "description": text.filter(lambda words: "\0" not in words),  # no file holds it, and it is refused
        }
    )
)
def sound_declarations_are_read_back(drawn: dict[str, Any]) -> None:
    from harness.benchmark import load

    found = load(file_of(json.dumps({**_digits(), **drawn, "datasets": "datasets.yaml"})))
    for key, value in drawn.items():
        read = getattr(found, key)
        assert (list(read) if isinstance(read, tuple) else read) == value, key


@structure("benchmark: any value under any key")
@given(st.sampled_from(sorted(_digits())), plain)
def any_declaration_is_a_benchmark_or_sentences(key: str, value: Any) -> None:
    from harness.benchmark import load

    one_sentence(lambda: load(file_of(json.dumps({**_digits(), "datasets": "datasets.yaml", key: value}))))


@structure("lock: any value under any key")
@given(st.sampled_from(("benchmark", "dataset", "components", "software", "x")), plain)
def any_lock_is_a_benchmark_or_a_sentence(key: str, value: Any) -> None:
    from harness.benchmark import Place, from_lock
    from harness.pipeline import lockfile

    folder = file_of("").parent
    (folder / lockfile.LOCK).write_text(json.dumps({"run_key": "x", key: value}), encoding="utf-8")
    found = lockfile.read_lock(folder)
    if found is not None:
        lockfile.declared_key(found)
        one_sentence(lambda: from_lock(found, "lock", Place.of(folder)))


@structure("tables: cells as a spreadsheet takes them")
@given(st.lists(st.lists(text, min_size=2, max_size=3), max_size=3))
def cells_are_read_back(rows: list[list[str]]) -> None:
    kept = [[cell.replace("\r", " ") for cell in row] for row in rows]
    found = list(csv.reader(io.StringIO(as_csv(rows), newline="")))
    assert [[from_cell(cell) for cell in row] for row in found] == [
        [from_cell(cell) if cell.startswith("'") else cell for cell in row] for row in kept
    ]
