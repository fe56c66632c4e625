"""Published claims as data: what a paper says, which facts it leaves out, and whether another number agrees with it.

`NAME.yaml` beside this file are claims with their sources; `harness reproduce NAME` judges them.
"""

from harness.studies.claims.comparable import Differing, Match, match
from harness.studies.claims.judge import Judged, Test, against_published, against_run, judge
from harness.studies.claims.model import Claim, ClaimsFile, Facts, load, names, path_of

__all__ = [
    "Claim",
    "ClaimsFile",
    "Differing",
    "Facts",
    "Judged",
    "Match",
    "Test",
    "against_published",
    "against_run",
    "judge",
    "load",
    "match",
    "names",
    "path_of",
]
