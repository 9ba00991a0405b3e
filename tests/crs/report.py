"""Run CRS' regression tests and print what passes: `python -m tests.crs.report [--failing] [ID…]`."""

from __future__ import annotations

import argparse
import collections
import functools
import sys
import time

from starfort._engine import RuleSet
from tests.crs.suite import CORPUS, compiled, failures, stages

say = functools.partial(print, file=sys.stdout, flush=True)


def main() -> int:
    """Print counts by kind of expectation and by rule file, and each failure.

    Returns:
        0 when everything passes.
    """
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("ids", nargs="*", help="rule or stage ids: 942100, 942100-3")
    arguments.add_argument("--brief", action="store_true", help="only the ids of what fails")
    options = arguments.parse_args()
    if not CORPUS.is_dir():
        say(f"no corpus at {CORPUS}; set STARFORT_CORPORA")
        return 2
    rules = RuleSet(compiled().data)
    started = time.monotonic()
    counts: collections.Counter[tuple[bool, bool]] = collections.Counter()
    for stage in stages():
        if options.ids and stage.id not in options.ids and stage.id.partition("-")[0] not in options.ids:
            continue
        wrong = failures(stage, rules.inspect)
        counts[stage.positive, not wrong] += 1
        if wrong:
            say(stage.id if options.brief else f"{stage.id}: {'; '.join(wrong)}")
            if options.ids and not options.brief:
                say(f"    {stage.description.strip()}\n    {stage.input}")
    for positive, kind in ((True, "must match"), (False, "must not match")):
        passed, failed = counts[positive, True], counts[positive, False]
        say(f"{kind:15} {passed:5} of {passed + failed:5} pass")
    say(f"{sum(counts.values())} stages in {time.monotonic() - started:.1f} s, {compiled().version}")
    return int(any(not passed for _, passed in counts))


if __name__ == "__main__":
    sys.exit(main())
