"""Notes under a leaderboard on values that are mostly the bias of so few images. Pure: analyses in, sentences out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.uncertainty import SeedMember

MOST = 0.5  # of a value, from which the bias is most of it
SCARCE = 2.0  # rows per feature column; below, a covariance is of deficient rank or nearly so, and FD mostly bias

# Encoder → metric → generator → its image sets' analyses.
Members = Mapping[str, Mapping[str, Mapping[str, Sequence[SeedMember]]]]


def bias_notes(members: Members) -> list[str]:
    """A sentence for each encoder and metric some of whose values are mostly bias of both sets' finite sizes.

    By the estimated bias where the analyses have one (of FD from 20 rows per column on; docs/statistics.md), naming the
    generators; else of FD by the rows per column. Only metrics whose values are shown with their bias (T_N) belong
    here: T_inf takes it off.
    """
    notes = []
    for encoder, metrics in members.items():
        for metric, groups in metrics.items():
            shares = {generator: _share(group) for generator, group in groups.items()}
            if biased := {g: share for g, share in shares.items() if share is not None and share > MOST}:
                told = ", ".join(f"{generator} {min(share, 1.0):.0%}" for generator, share in biased.items())
                notes.append(
                    f"{metric} under {encoder} is mostly the bias of finite sets for: {told}; `interval: {{target: "
                    "T_inf}` takes it off"
                )
            rows = [r for generator, group in groups.items() if shares[generator] is None and (r := _scarce(group))]
            if rows:
                n, d = min(rows)
                notes.append(
                    f"{metric} under {encoder} rests on {n:.0f} images for {d} feature columns ({n / d:.2g} each): "
                    f"with fewer than {SCARCE:g} it may be mostly the bias of finite sets; compare it at these sizes "
                    "only, take more images, or kd, which has no bias"
                )
    return notes


def _share(group: Sequence[SeedMember]) -> float | None:
    """The bias of both sides as a share of the value, each the mean over image sets; None where it is not known."""
    analyses = [member.analysis for member in group]
    bias = 0.0
    for a in analyses:
        if a.bias_method == "unbiased" or a.bias_real is None or a.bias_fake is None:
            return None
        bias += a.bias_real + a.bias_fake
    value = sum(a.value for a in analyses)
    return bias / value if value > 0 else None


def _scarce(group: Sequence[SeedMember]) -> tuple[float, int] | None:
    """Independent rows of the smaller side, and columns, of an FD from fewer than SCARCE rows per column."""
    analyses = [member.analysis for member in group if member.analysis.use == "fd"]
    found = [(min(a.effective_real, a.effective_fake), a.d) for a in analyses]
    return min((one for one in found if one[0] < SCARCE * one[1]), default=None)
