"""Published claims as data: what a paper says, which facts it leaves out, and whether another number agrees with it.

`NAME.yaml` beside this file are claims with their sources; `harness reproduce NAME` judges them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.reproduce.claims import load, names, path_of
    from harness.studies.reproduce.compute import verdicts
    from harness.studies.reproduce.question import Answer, Printed, of_run, of_two
    from harness.studies.reproduce.schemas import claims_schema
    from harness.studies.reproduce.section import finding, name_in
    from harness.studies.reproduce.words import lines

__getattr__ = door(__name__)
