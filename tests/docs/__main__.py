"""`python -m tests.docs [PAGE …]`: run every block of the documentation, long ones too, and check what it prints.

`--write` puts the output of this run into the pages instead; `--store DIR` keeps work between runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import WARM
from tests.docs.blocks import ROOT, PageError, linked, outputs, pages_that_run, rewritten


def main() -> int:
    """How many pages are wrong, at most 1."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("pages", nargs="*", type=Path)
    asked.add_argument("--write", action="store_true", help="put what is printed now into the pages")
    asked.add_argument("--store", type=Path, help="a store that is kept")
    options = asked.parse_args()
    if options.store:
        os.environ["HARNESS_STORE"] = str(options.store.resolve())
    wrong = []
    for page in [path.resolve() for path in options.pages] or pages_that_run():
        name, start = page.relative_to(ROOT), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                shown = list(outputs(page, linked(Path(folder)), long=True))
                new = rewritten(page.read_text(encoding="utf-8"), shown)
            except PageError as problem:
                print(f"{name}: {problem}", file=sys.stderr)
                wrong.append(name)
                continue
        if options.write:
            page.write_text(new, encoding="utf-8")
        for one in shown:
            if not options.write and not one.right:
                print(f"{name}:{one.block.line} prints now:\n{one.expected}", file=sys.stderr)
                wrong.append(name)
        print(f"{name}: {len(shown)} outputs, {time.monotonic() - start:.0f} s", flush=True)
    WARM.close()
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
