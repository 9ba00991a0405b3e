"""What the parts find, as rows, and as lists for developers."""

from __future__ import annotations

import itertools
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.quality import attacks as hostile
from benchmarks.quality import (
    bypasses,
    content,
    files,
    graphql,
    idioms,
    openapi,
    through_envoy,
    worst,
)
from benchmarks.quality import (
    evasions as disguised,
)
from benchmarks.quality.judge import Judge, Verdict, judge
from benchmarks.quality.mutations import ALL, Mutation
from benchmarks.quality.sample import Sample, chance
from benchmarks.report import Row, figure

TARGETS: Final = {"documents": 0.5, "idioms": 0.5, "graphql": 0.5, "uploads": 0.0}
"""Percent of benign requests that may be refused (DESIGN.md, Budgets); content has none: as low as can be had."""

EVASION_PERCENT: Final = 99.0
"""Percent of what is found in plain that has to be found in each form."""

TIME_MS: Final = 50.0
"""CPU time that a request may take, on one core of the machine that measures."""


@dataclass(frozen=True)
class Options:
    """What a developer asked for.

    Attributes:
        quick: a fifth of the samples.
        show: print requests of kinds that begin with this that went wrong; "" for none.
        top: how many rules the lists of what refused hold.
    """

    quick: bool = False
    show: str = ""
    top: int = 15


def wanted(samples: Iterable[Sample], show: str) -> Iterator[Sample]:
    """The samples of the kinds that a developer wants to see; all of them if none are named."""
    return (each for each in samples if not show or each.kind.startswith(show))


def benign(asked: Judge, options: Options) -> list[Row]:
    """Refused share of ordinary requests, by kind."""
    quick = options.quick
    for missing in (
        each for each in (openapi.PACKAGE, openapi.CORPUS, content.PYGMENTS) if not each.is_dir()
    ):
        print(f"  {missing} is missing: see scripts/fetch-quality and STARFORT_CORPORA", file=sys.stderr)
    every = itertools.chain(
        files.samples(200 if quick else 1200), graphql.samples(), idioms.samples(1 if quick else 3),
        content.samples(60 if quick else 400), openapi.samples(quick),
    )  # fmt: skip
    by_kind: dict[str, list[bool]] = defaultdict(list)
    blamed: dict[str, Blame] = defaultdict(Blame)
    for verdict in asked.all(wanted(every, options.show)):
        kind = verdict.sample.kind
        by_kind[kind].append(verdict.refused)
        if verdict.refused:
            blamed[kind.partition(":")[0]].add(verdict)
            if options.show:
                show(verdict)
    for group, blame in blamed.items():
        blame.print(group, options.top)
    rows = []
    for group in dict.fromkeys(kind.partition(":")[0] for kind in by_kind):
        kinds = {kind: found for kind, found in by_kind.items() if kind.partition(":")[0] == group}
        rows.append(
            share(f"benign {group}", list(itertools.chain.from_iterable(kinds.values())), TARGETS.get(group))
        )
        rows += [share(f"  {kind}", found) for kind, found in kinds.items()]
    return rows


def share(name: str, refused: list[bool], target: float | None = None) -> Row:
    """A row of a refused share."""
    return figure(name, 100 * sum(refused) / max(1, len(refused)), f"% of {len(refused):,} refused", target)


def found_share(name: str, found: list[bool], target: float | None = None) -> Row:
    """A row of a found share."""
    return figure(
        name, 100 * sum(found) / max(1, len(found)), f"% of {len(found):,} found", target, at_least=True
    )


class Blame:
    """Which rules refused, and where. Each rule of a refused request is counted once for it."""

    def __init__(self) -> None:
        self.rules: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, verdict: Verdict) -> None:
        """Count a refused request."""
        named = {f"{rule}" for rule in verdict.rules} or {
            f"policy {verdict.policy}" if verdict.policy else "engine"
        }
        for rule in named:
            self.rules[rule] += 1
            if len(named) == 1:
                self.alone[rule] += 1
            if rule not in self.examples:
                where = next(
                    (f"{place}: {value}" for number, place, value in verdict.evidence if str(number) == rule),
                    "",
                )
                self.examples[rule] = f"{verdict.sample.name[:60]} @ {where[:90]}"

    def print(self, group: str, top: int) -> None:
        """The rules that refused most, how often alone, with an example whose value is masked."""
        print(f"\nrefused {group}, by rule (alone):")
        for rule, count in self.rules.most_common(top):
            print(f"  {rule:>10} {count:>6} ({self.alone[rule]:>5})  {self.examples[rule]!r}")


def show(verdict: Verdict) -> None:
    """Show a whole request that was judged wrongly."""
    print(f"\n=== {verdict.sample.kind} | {verdict.sample.name}")
    for rule, place, value in verdict.evidence:
        print(f"  {rule} @ {place}: {value[:120]!r}")
    print(f"  rules {verdict.rules} anomalies {verdict.anomalies} policy {verdict.policy}")
    print(verdict.sample.text(1500))


def attacks(asked: Judge, options: Options) -> list[Row]:
    """Found share of attacks, by class and by place."""
    by_class: dict[str, list[bool]] = defaultdict(list)
    by_place: dict[str, list[bool]] = defaultdict(list)
    trial = disguised.Trial(asked, quick=options.quick)
    usual = {place: trial.usual(place) for place in hostile.PLACES}
    for verdict in asked.all(wanted(hostile.samples(options.quick), options.show)):
        kind, _, place = verdict.sample.kind.partition(" | ")
        found = disguised.found(verdict, usual.get(place, frozenset()))
        by_class[kind].append(found)
        by_place[place].append(found)
        if options.show and not found:
            show(verdict)
    rows = [found_share("attacks", list(itertools.chain.from_iterable(by_class.values())))]
    rows += [found_share(f"  class: {kind}", found) for kind, found in by_class.items()]
    rows += [found_share(f"  place: {place}", found) for place, found in by_place.items()]
    return rows


def evasions(asked: Judge, options: Options) -> list[Row]:
    """Found share, by form, of attacks that are found in plain; and harmless texts that the same forms have refused."""
    trial = disguised.Trial(asked, quick=options.quick)
    rows: list[Row] = []
    every: list[bool] = []
    twins: list[bool] = []
    for group, mutations in disguised.groups().items():
        inner: list[Row] = []
        of_group: list[bool] = []
        for mutation in mutations:
            name = f"{group}: {mutation.name}"
            if options.show and not name.startswith(options.show):
                continue
            found = []
            for verdict, told in trial.tried(mutation):
                found.append(told)
                if options.show and not told:
                    show(verdict)
            refused = _twins(trial, mutation, options)
            of_group += found
            twins += refused
            inner.append(found_share(f"    {mutation.name}", found, EVASION_PERCENT))
            if any(refused):
                inner.append(share(f"      harmless in it ({mutation.name})", refused, 0.0))
        if of_group:
            target = None if group in disguised.ASIDE else EVASION_PERCENT
            rows += [found_share(f"  {group}", of_group, target), *inner]
            every += [] if group in disguised.ASIDE else of_group
    return [
        found_share("evasions", every, EVASION_PERCENT),
        share("  harmless in ordinary forms", twins, 0.5),
        *rows,
    ]


def _twins(trial: disguised.Trial, mutation: Mutation, options: Options) -> list[bool]:
    if not mutation.ordinary:
        return []
    verdicts = trial.twins(mutation)
    for verdict in verdicts:
        if options.show and verdict.refused:
            show(verdict)
    return [each.refused for each in verdicts]


def dearest(asked: Judge, options: Options) -> list[Row]:
    """CPU time of the most expensive requests: of shapes that are made for this, and of the other parts' samples."""
    met = [sample for _, sample in asked.slowest]
    told = [(worst.cost_ms(asked, each), each) for each in [*worst.shapes(options.quick), *met]]
    told.sort(key=lambda pair: -pair[0])
    rows = [figure("time: worst request", told[0][0], "ms of CPU", TIME_MS)]
    over = sum(spent > TIME_MS for spent, _ in told)
    rows.append(figure(f"time: over {TIME_MS} ms", over, f"of {len(told)} requests", 0))
    rows += [
        figure(f"  {each.kind} | {each.name}"[:90], spent, "ms of CPU", TIME_MS)
        for spent, each in told[: options.top]
    ]
    if options.show:
        print("\n".join(f"{spent:8.1f} ms  {each.kind} | {each.name}" for spent, each in told))
    return rows


def policies(_: Judge, options: Options) -> list[Row]:
    """Share of the spellings that the policy of their plain form applies to; and of ordinary requests that one applies to."""
    asked = judge(bypasses.CONFIG, bypasses.DOCUMENT)
    met: dict[str, list[bool]] = defaultdict(list)
    ordinary: list[bool] = []
    for sample, expected in bypasses.samples():
        verdict = asked.one(sample)
        if not expected:
            ordinary.append(verdict.refused)
        else:
            group = sample.name.partition(":")[0] + (" (rare)" if "(rare)" in sample.name else "")
            met[group].append(verdict.refused)
        if options.show and sample.name.startswith(options.show) and verdict.refused != expected:
            show(verdict)
        if verdict.refused != expected and not options.show:
            print(
                f"  {'passes' if expected else 'is refused'}: {sample.name}: {sample.method} {sample.target[:90]}"
            )
    common = [each for group, found in met.items() if "(rare)" not in group for each in found]
    rows = [
        found_share("policies in every spelling", common, EVASION_PERCENT),
        share("  ordinary requests", ordinary, 0.0),
    ]
    return rows + [
        found_share(f"  {group}", found, None if "rare" in group else EVASION_PERCENT)
        for group, found in met.items()
    ]


def envoy(asked: Judge, options: Options) -> list[Row]:
    """A sample of every part through Envoy: what is refused, and whether it is what the engine refuses in process."""
    chosen, trailing = sampled(options.quick), _trailers(options.quick)
    told = through_envoy.run([*(each for _, each in chosen), *trailing.values()])
    delivered = [text in answer.trailers for text, answer in zip(trailing, told[len(chosen) :], strict=True)]
    by_part: dict[str, list[bool]] = defaultdict(list)
    same: list[bool] = []
    for (part, sample), answer in zip(chosen, told[: len(chosen)], strict=True):
        verdict = asked.one(sample)
        by_part[part].append(not answer.reached)
        same.append(verdict.refused != answer.reached)
        if not same[-1]:
            print(
                f"  {answer.status} through Envoy, {'refused' if verdict.refused else 'passed'} in process: {sample.kind} | {sample.name[:80]}"
            )
            if options.show and sample.kind.startswith(options.show):
                show(verdict)
    bypassing = list(bypasses.samples())
    met = through_envoy.run([each for each, _ in bypassing], bypasses.CONFIG, bypasses.DOCUMENT)
    spelled = [
        not answer.reached
        for (each, expected), answer in zip(bypassing, met, strict=True)
        if expected and "(rare)" not in each.name
    ]
    rows = [share("envoy: differs from in process", [not each for each in same], 1.0)]
    rows += [
        share(f"  {part}", refused, TARGETS.get(part.removeprefix("benign ")))
        for part, refused in by_part.items()
    ]
    rows.append(share("  attacks in trailers delivered", delivered, 0.0))
    return [*rows, found_share("  policies in every spelling", spelled, EVASION_PERCENT)]


def _trailers(quick: bool) -> dict[bytes, Sample]:
    """Harmless requests with an attack in a trailer, by attack."""
    texts = [
        each.text.encode()
        for each in disguised.payloads(heavy=True, quick=quick)
        if each.text.isascii() and "\n" not in each.text
    ]
    carrier = hostile.placed(hostile.Payload("harmless", "hello"), "json value")
    return {text: replace(carrier, trailers=(("x-note", text),)) for text in texts}


def sampled(quick: bool) -> list[tuple[str, Sample]]:
    """Some requests of each kind, with the part that they belong to."""
    each = 2 if quick else 6
    chosen: list[tuple[str, Sample]] = []
    ordinary: dict[str, list[Sample]] = defaultdict(list)
    for sample in itertools.chain(
        files.samples(200),
        graphql.samples(),
        idioms.samples(1),
        content.samples(20),
        openapi.samples(quick=True),
    ):
        ordinary[sample.kind].append(sample)
    for kind, samples in ordinary.items():
        count = min(len(samples), each * (10 if kind.startswith(("idioms", "documents")) else 1))
        chosen += [
            (f"benign {kind.partition(':')[0]}", one) for one in chance("envoy", kind).sample(samples, count)
        ]
    for place in hostile.PLACES:
        for payload in chance("envoy", place).sample(hostile.own(), each * 2):
            chosen.append(("attacks refused", hostile.placed(payload, place)))
    for mutation in ALL:
        for payload in disguised.payloads(heavy=True, quick=quick)[: 1 if mutation.heavy else each // 2]:
            chosen.append(("evasions refused", disguised.mutated(mutation, payload)))
    return chosen
