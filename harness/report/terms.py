"""The words of the page, each explained once: only those that this page uses."""

from __future__ import annotations

from harness.record import percent
from harness.report.run_files import RunFiles

METRICS = {
    "fd": ("FD", "Fréchet distance: how far mean and covariance of the features of generated images lie from those of"
           " real ones. 0 is the best. Its unit is the encoder's, and it falls when n grows: compare it only under"
           " one encoder and at one n. Papers call it FID where the encoder is Inception."),
    "kd": ("KD", "Kernel distance: another distance between the same two sets of features. Its estimate is unbiased, so"
           " that it does not fall when n grows and may lie below 0 for a perfect generator."),
    "precision": ("precision", "Share of generated images that lie near a real one: fidelity."),
    "recall": ("recall", "Share of real images that lie near a generated one: diversity."),
    "density": ("density", "How many real images' neighbourhoods a generated image lies in, on average, as a share of"
                " what is expected: fidelity; about 1 for real images, above where images crowd where real ones do."),
    "coverage": ("coverage", "Share of real images with a generated one in their neighbourhood: diversity."),
    "authenticity": ("authenticity", "Share of generated images further from the nearest real one than that one is from"
                     " its own nearest: 0 for copies, about a half for fresh draws, more for images far from all."),
}  # fmt: skip
TARGETS = {
    "T_N": "What the intervals are about is the expected value at these numbers of images (T_N), which papers print.",
    "T_inf": "What the intervals are about is the population value (T_inf), that of endlessly many images.",
}
REFERENCES = {
    "random": "The real images count as one random draw of many.",
    "fixed": "The real images are held fixed.",
}


def terms(run: RunFiles) -> list[tuple[str, str]]:
    """(word, what it means) of what this page shows, the metrics first."""
    interval = run.board.interval
    uses = dict.fromkeys(str(run.parameters(c.metric).get("use", c.metric)) for c in run.board.columns)
    level = percent(interval["level"])
    found = [METRICS[use] for use in uses if use in METRICS]
    about = f" {TARGETS.get(interval['target'], '')} {REFERENCES.get(interval['reference'], '')}".rstrip()
    found += [
        ("interval", f"± or [low, high]: an interval made by this method holds the true value in {level} of cases."
         + about),
        ("rank (range)", "Place by the estimated value, and in brackets all places that the data allow."),
        ("tied, not told apart", "The data cannot say which of the two is better. They may still differ."),
        ("beyond noise", f"More than chance explains, at {level}."),
        ("training and sampling seed", "A training seed makes another model, a sampling seed other images of it."),
    ]  # fmt: skip
    if any(row.flags for row in run.board.rows):
        found.append(
            ("flagged", "Something that no distance to the reference sees, such as copies of training images.")
        )
    if any(run.is_control(row) for row in run.board.rows):
        found.append(("control", "Real images, or real images made worse on purpose: known answers to hold others to."))
    if run.findings:
        found.append(
            ("p, p (Holm)", "How often chance alone would bring as much or more; Holm's are corrected for all tests"
             " that are read together, so that many tests do not find something by their number.")
        )  # fmt: skip
    if any(name.startswith(("rerank", "diagnosis")) for name in run.findings):
        found.append(("tau-b, rho", "Kendall's and Spearman's rank correlations: 1 is the same order, -1 the reverse."))
    return found
