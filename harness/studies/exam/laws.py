"""Known laws with known right answers: pairs of sets of which everybody can say how a metric must move.

Each law draws a real and a fake set in which one thing is wrong, by a growing amount. What must follow depends on what
a metric is about (its axis): a distance must grow with any damage; a measure of fidelity with images that look like
nothing real, and not with missing modes; a measure of diversity the other way round. Where people may argue, nothing
is asked. After the checks of Räisä et al. 2025 (arXiv:2505.22450), with laws and thresholds of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.metrics import DIVERSITY, FIDELITY, NOVELTY, WHOLE, Axis

Rows = npt.NDArray[np.float64]
Rng = np.random.Generator
Answer = Literal["worse", "same"]
Draw = Callable[[Rng, Rng, int, float], tuple[Rows, Rows]]

MODES = 10
COLUMNS = 16
APART = 6.0  # from the origin to a mode's centre, in standard deviations of a mode


@dataclass(frozen=True)
class Law:
    """Pairs of sets with a known fault.

    what     the fault, in words, `level` being its amount
    levels   amounts of the fault, the first is none; of a law without a fault, the sizes or dimensions it is tried at
    draw     (rng of the real set, rng of the fake set, n, level) → real (n, d) and fake (n, d)
    answers  by axis, whether a metric must become worse with the level or stay the same; axes left out are not asked
    modes    rows come from the mixture, so that a perfect classifier's logits are known
    """

    name: str
    what: str
    levels: tuple[float, ...]
    draw: Draw
    answers: Mapping[Axis, Answer]
    modes: bool = True


def centres(modes: int = MODES, columns: int = COLUMNS) -> Rows:
    """Centres of the modes: one on each axis of the space, so that all are equally far apart."""
    return APART * np.eye(modes, columns)


def mixture(rng: Rng, n: int, *, weights: npt.ArrayLike | None = None, width: float = 1.0, modes: int = MODES) -> Rows:
    """Rows of a mixture of `modes` round Gaussians, (n, COLUMNS); `width` is their standard deviation."""
    # The same uniform numbers choose the modes whatever the weights: levels of a law differ by the fault alone.
    share = np.full(modes, 1.0 / modes) if weights is None else np.asarray(weights, np.float64) / np.sum(weights)
    ends = np.cumsum(share)
    mode = np.searchsorted(ends / ends[-1], rng.random(n), side="right").clip(max=modes - 1)
    return np.asarray(centres(modes)[mode] + width * rng.standard_normal((n, COLUMNS)))


def posterior_logits(rows: Rows) -> Rows:
    """Exact logits of the mixture's modes (n, MODES): what a perfect classifier gives metrics that read logits."""
    width = min(rows.shape[1], COLUMNS)
    apart = ((rows[:, None, :width] - centres(columns=width)[None]) ** 2).sum(axis=2)
    return np.asarray(-0.5 * apart)


# ---------------------------------------------------------------- faults of a mixture of modes


def _shift(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    return mixture(real, n), mixture(fake, n) + 6.0 * level / np.sqrt(COLUMNS)


def _narrow(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    return mixture(real, n), mixture(fake, n, width=1.0 - 0.9 * level)


def _wide(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    return mixture(real, n), mixture(fake, n, width=1.0 + 2.0 * level)


def _noise(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    rows, far = mixture(fake, n), 2 * APART * (2 * fake.random((n, COLUMNS)) - 1)
    broken = fake.permutation(n) < round(level * n)
    return mixture(real, n), np.where(broken[:, None], far, rows)


def _dropped(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    kept = MODES - round(level * (MODES - 1))
    return mixture(real, n), mixture(fake, n, weights=[1.0] * kept + [0.0] * (MODES - kept))


def _invented(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    rows, other = mixture(fake, n), fake.standard_normal((n, COLUMNS)) - APART  # where no mode is
    broken = fake.permutation(n) < round(level * n)
    return mixture(real, n), np.where(broken[:, None], other, rows)


def _weights(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    return mixture(real, n), mixture(fake, n, weights=np.exp(-3.0 * level * np.arange(MODES) / (MODES - 1)))


def _repeats(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    distinct = max(4, round((1.0 - level) * n))
    return mixture(real, n), mixture(fake, n)[np.arange(n) % distinct]


def _copies(real: Rng, fake: Rng, n: int, level: float, *, blur: float = 0.0) -> tuple[Rows, Rows]:
    seen, rows, near = mixture(real, n), mixture(fake, n), fake.standard_normal((n, COLUMNS))
    copied = fake.permutation(n) < round(level * n)
    return seen, np.where(copied[:, None], seen + blur * near, rows)


def _outliers(real: Rng, fake: Rng, n: int, level: float, *, among: str) -> tuple[Rows, Rows]:
    """A share of `level` of one set lies ten times as far out as its modes do."""
    sets = {"real": mixture(real, n), "fake": mixture(fake, n)}
    rng = real if among == "real" else fake
    directions = rng.standard_normal((n, COLUMNS))
    far = 10 * APART * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    out = rng.permutation(n) < round(level * n)
    sets[among] = np.where(out[:, None], far, sets[among])
    return sets["real"], sets["fake"]


# ---------------------------------------------------------------- shapes in rising dimension: columns of variance 1


def _in_cube(rng: Rng, n: int, d: int) -> Rows:
    return np.asarray(np.sqrt(12.0) * (rng.random((n, d)) - 0.5))


def _cube(real: Rng, fake: Rng, n: int, level: float, *, d: int) -> tuple[Rows, Rows]:
    """Uniform in a cube; the fakes' is wider."""
    return _in_cube(real, n, d), (1.0 + level) * _in_cube(fake, n, d)


def _sphere(real: Rng, fake: Rng, n: int, level: float, *, d: int) -> tuple[Rows, Rows]:
    """Uniform on a sphere; the fakes lie inside it."""

    def on(rng: Rng) -> Rows:
        rows = rng.standard_normal((n, d))
        return np.asarray(np.sqrt(d) * rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return on(real), (1.0 - 0.6 * level) * on(fake)


def _torus(real: Rng, fake: Rng, n: int, level: float, *, d: int) -> tuple[Rows, Rows]:
    """Uniform on a product of d/2 circles; the fakes miss an arc of the first."""

    def on(rng: Rng, arc: float) -> Rows:
        angles = 2 * np.pi * rng.random((n, d // 2))
        angles[:, 0] *= arc
        return np.asarray(np.sqrt(2.0) * np.hstack([np.cos(angles), np.sin(angles)]))

    return on(real, 1.0), on(fake, 1.0 - 0.8 * level)


def _atoms(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    """Ten values only, so that nearly all distances are ties; the fakes miss some."""
    kept = MODES - round(level * (MODES - 1))
    return centres()[real.integers(MODES, size=n)], centres()[(kept * fake.random(n)).astype(int)]


# ---------------------------------------------------------------- nothing wrong


def _fresh(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    """Two draws of one law at a share `level` of n."""
    rows = max(20, round(level * n))
    return mixture(real, rows), mixture(fake, rows)


def _fresh_cube(real: Rng, fake: Rng, n: int, level: float) -> tuple[Rows, Rows]:
    """Two draws of one cube in `level` dimensions."""
    return _in_cube(real, n, int(level)), _in_cube(fake, n, int(level))


EASY: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)
DIMENSIONS = (2, 16, 64)

LAWS: tuple[Law, ...] = (
    Law("shift", "all fakes lie to one side", EASY, _shift, {WHOLE: "worse", FIDELITY: "worse", DIVERSITY: "worse"}),
    Law(
        "narrow",
        "fakes crowd at the middle of each mode, as blurred images do",
        EASY,
        _narrow,
        {WHOLE: "worse", DIVERSITY: "worse"},  # measures of fidelity may rise: truncation is known to buy it
    ),
    Law("wide", "fakes scatter around each mode", EASY, _wide, {WHOLE: "worse", FIDELITY: "worse"}),
    Law(
        "noise",
        "a share of the fakes is noise",
        (0.0, 0.2, 0.4, 0.6),
        _noise,
        {WHOLE: "worse", FIDELITY: "worse"},
    ),
    Law(
        "modes dropped",
        "modes of the real images are missing",
        EASY,
        _dropped,
        {WHOLE: "worse", FIDELITY: "same", DIVERSITY: "worse"},
    ),
    Law(
        "mode invented",
        "a share of the fakes is in a mode that is not real",
        (0.0, 0.2, 0.4, 0.6),
        _invented,
        {WHOLE: "worse", FIDELITY: "worse"},
    ),
    Law(
        "wrong weights",
        "all modes are there, some too often",
        EASY,
        _weights,
        {WHOLE: "worse", FIDELITY: "same"},
    ),
    Law(
        "repeats",
        "few distinct fakes, each again and again",
        (0.0, 0.5, 0.8, 0.95),
        _repeats,
        {WHOLE: "worse", FIDELITY: "same", DIVERSITY: "worse"},
    ),
    Law("copies", "a share of the fakes is copied from the real set", EASY, _copies, {NOVELTY: "worse"}),
    Law(
        "near copies",
        "the same with a little noise",
        EASY,
        partial(_copies, blur=0.05),
        {NOVELTY: "worse"},
    ),
    Law(
        "outliers among real",
        "a few real images lie far out",
        (0.0, 0.02),
        partial(_outliers, among="real"),
        {FIDELITY: "same", DIVERSITY: "same", NOVELTY: "same"},
    ),
    Law(
        "outliers among fakes",
        "a few fakes lie far out",
        (0.0, 0.02),
        partial(_outliers, among="fake"),
        {FIDELITY: "same", DIVERSITY: "same", NOVELTY: "same"},
    ),
    *(
        Law(
            f"cube in {d}",
            f"a cube in {d} dimensions, the fakes' too wide",
            EASY,
            partial(_cube, d=d),
            {WHOLE: "worse", FIDELITY: "worse"},
            modes=False,
        )
        for d in DIMENSIONS
    ),
    *(
        Law(
            f"sphere in {d}",
            f"a sphere in {d} dimensions, the fakes inside",
            EASY,
            partial(_sphere, d=d),
            {WHOLE: "worse", FIDELITY: "worse", DIVERSITY: "worse"},
            modes=False,
        )
        for d in DIMENSIONS
    ),
    *(
        Law(
            f"torus in {d}",
            f"a torus in {d} dimensions, the fakes miss an arc",
            EASY,
            partial(_torus, d=d),
            {WHOLE: "worse", FIDELITY: "same", DIVERSITY: "worse"},
            modes=False,
        )
        for d in (2, 16)
    ),
    Law(
        "ten values",
        "only ten different images, of which the fakes miss some",
        EASY,
        _atoms,
        {WHOLE: "worse", FIDELITY: "same", DIVERSITY: "worse"},
    ),
    Law(
        "sample size",
        "nothing is wrong; the sets grow",
        (0.25, 0.5, 1.0),
        _fresh,
        {WHOLE: "same", FIDELITY: "same", DIVERSITY: "same", NOVELTY: "same"},
    ),
    Law(
        "dimension",
        "nothing is wrong; the space grows",
        tuple(map(float, DIMENSIONS)),
        _fresh_cube,
        {WHOLE: "same", FIDELITY: "same", DIVERSITY: "same", NOVELTY: "same"},
        modes=False,
    ),
)


def draws(law: Law, *, seed: int, repeat: int, n: int, level: float) -> tuple[Rows, Rows]:
    """One pair of sets: the same numbers under every level, others under every repeat."""
    spawned: Any = np.random.SeedSequence([seed, repeat, *law.name.encode()]).spawn(2)
    return law.draw(np.random.default_rng(spawned[0]), np.random.default_rng(spawned[1]), n, level)
