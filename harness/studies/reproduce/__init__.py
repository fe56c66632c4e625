"""Published claims as data: what a paper says, which facts it leaves out, and whether another number agrees with it.

`NAME.yaml` beside this file are claims with their sources; `harness reproduce NAME` judges them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.reproduce import verdicts
    from harness.studies.reproduce.comparable import Differing, Match, match
    from harness.studies.reproduce.families import groups
    from harness.studies.reproduce.judging import Judged, Test, against_published, against_run, judge
    from harness.studies.reproduce.model import Claim, ClaimsFile, Facts, load, names, path_of
    from harness.studies.reproduce.ourruns import runs_for, unused
    from harness.studies.reproduce.report_section import finding, section, source
    from harness.studies.reproduce.verdicts import Verdicts

__getattr__ = door(__name__)
