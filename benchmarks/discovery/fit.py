"""Fits what the learner knows from documents: the words of APIs, and how evidence is weighed.

    python -m benchmarks.discovery.fit FOLDER [--tuned-only]

It writes `src/starfort/catalogue/learned/`. scikit-learn is needed, and is no dependency of anything else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.discovery.documents import Document, read
from benchmarks.discovery.observe import Observed
from benchmarks.discovery.traffic import Traffic
from starfort.catalogue.judgement import BESIDE, among
from starfort.catalogue.places import FEATURES, Place, describe
from starfort.catalogue.segments import frame_of, is_value, word_frame
from starfort.catalogue.templates import is_fixed
from starfort.catalogue.tree import Facts, Node, build, steps
from starfort.catalogue.words import tokens

LEARNED: Final = Path(__file__).parents[2] / "src/starfort/catalogue/learned"
SIZES: Final = {0: 0.6, 60: 0.25, 250: 0.25, 1_000: 0.8, 4_000: 0.5, 10_000: 0.4, 30_000: 0.15, 100_000: 0.06}
"""Calls of the traffic that is learned from, and the share of documents; 0 is each operation once."""

MAX_ROWS: Final = 35
"""Words of one place that are learned from at most."""

OF_PROVIDER: Final = 5
"""Documents of one provider, so that a few do not decide for all."""

LEAST_PROVIDERS: Final = 2
"""Words of fewer providers' APIs are names of their own."""

FOLDED: Final = 0.25
"""How often a part of the values is already known to be values."""

TREES: Final = 110
TREES_TOGETHER: Final = 40
LEAVES: Final = 8
RATE: Final = 0.18
RATE_TOGETHER: Final = 0.15


@dataclass
class Group:
    """The words at one place of one document's traffic.

    Attributes:
        document: its name.
        calls: of the traffic; 0 for each operation once.
        rows: numbers of each word.
        values: whether each word is a value.
        settled: words that are known to be values already.
    """

    document: str
    calls: int
    rows: list[tuple[float, ...]]
    values: list[bool]
    settled: int


def is_tuned(provider: str) -> bool:
    """Whether a provider's documents are tuned on; those of the others only measure."""
    return hashlib.sha256(provider.encode()).digest()[0] % 2 == 0


def vocabulary(documents: Iterable[Document]) -> dict[str, set[str]]:
    """Providers by word of fixed segments."""
    found: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        for operation in document.operations:
            for segment in steps(operation.template):
                if not is_value(segment):
                    for token in tokens(segment):
                        if token.isalpha() and len(token) > 1:
                            found[token].add(document.provider)
    return found


def sample(documents: Iterable[Document], seed: int = 5) -> list[Document]:
    """At most `OF_PROVIDER` documents of each provider."""
    by_provider: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        if 3 <= len(document.operations) <= 2_500:  # noqa: PLR2004 (too small to learn from, too large to repeat)
            by_provider[document.provider].append(document)
    chance = random.Random(seed)  # noqa: S311 (the same documents each time)
    return [
        document
        for _, found in sorted(by_provider.items())
        for document in chance.sample(found, min(OF_PROVIDER, len(found)))
    ]


class _Truth:
    """Walks a tree as the document says, and describes the words of each place."""

    def __init__(self, observed: Observed, facts: Facts, known: Mapping[str, float], seed: str) -> None:
        self._operations = {
            shape: {template for (_, template) in seen.operations}
            for (shape, _), seen in observed.seen.items()
        }
        self._facts, self._known = facts, known
        self._chance = random.Random(seed)  # noqa: S311 (the same groups each time)
        self._of_node: dict[int, Counter[str]] = {}

    def groups(self, root: Node) -> Iterator[tuple[list[tuple[float, ...]], list[bool], int]]:
        """Rows and answers of each place and frame with words, and how many words were settled."""
        self._note(root)
        waiting: list[tuple[list[Node], tuple[str, ...]]] = [([root], ())]
        while waiting:
            nodes, template = waiting.pop()
            children: dict[str, list[Node]] = defaultdict(list)
            for node in nodes:
                for part, child in node.children.items():
                    children[part].append(child)
            by_frame: dict[str, dict[str, list[Node]]] = defaultdict(dict)
            values: dict[str, list[Node]] = defaultdict(list)
            for part, found in children.items():
                if is_value(part):
                    values[frame_of(part)] += found
                elif is_fixed(part):
                    waiting.append((found, (*template, part)))
                else:
                    by_frame[word_frame(part)][part] = found
            for frame, words in by_frame.items():
                truth = {word: self._is_value(found, len(template)) for word, found in words.items()}
                settled = self._settle(words, truth)
                left = {word: found for word, found in words.items() if word not in settled}
                beside = values[frame] + [node for word in sorted(settled) for node in words[word]]
                if left:
                    place = Place(left, beside, len(nodes), template, self._facts)
                    rows = list(
                        zip(describe(place, self._known), [truth[word] for word in sorted(left)], strict=True)
                    )
                    some = self._chance.sample(rows, min(len(rows), MAX_ROWS))
                    yield [row for row, _ in some], [value for _, value in some], len(settled)
                for word, found in words.items():
                    if truth[word]:
                        values[frame] += found
                    else:
                        waiting.append((found, (*template, word)))
            waiting += [(found, (*template, frame)) for frame, found in values.items() if found]

    def _settle(self, words: Mapping[str, list[Node]], truth: Mapping[str, bool]) -> set[str]:
        of_values = [word for word in sorted(words) if truth[word]]
        if len(of_values) < 3 or self._chance.random() > FOLDED:  # noqa: PLR2004 (what is folded were several)
            return set()
        settled = set(self._chance.sample(of_values, self._chance.randint(2, len(of_values) - 1)))
        for word in settled:
            for node in words[word]:
                node.words = 1
        return settled

    def _note(self, node: Node) -> Counter[str]:
        found = Counter(self._operations.get(node.shape, ())) if node.shape else Counter()
        for child in node.children.values():
            found += self._note(child)
        self._of_node[id(node)] = found
        return found

    def _is_value(self, nodes: list[Node], depth: int) -> bool:
        found = sum((self._of_node[id(node)] for node in nodes), Counter())
        of_values = sum(
            count
            for template, count in found.items()
            if depth < len(parts := steps(template)) and is_value(parts[depth])
        )
        return 2 * of_values > found.total()


_KNOWN: dict[str, set[str]] = {}


def _groups(job: tuple[Document, int, bool, int]) -> list[Group]:
    document, calls, looks, seed = job
    # Its own provider does not count: other documents must not be measured with words of their own either.
    known = {
        word: math.log1p(count)
        for word, providers in _KNOWN.items()
        if (count := len(providers) - (document.provider in providers)) >= LEAST_PROVIDERS - 1
    }
    traffic, observed = Traffic(document, seed), Observed(looks=looks)
    observed.add(traffic.calls(calls) if calls else traffic.once())
    evidence = observed.evidence()
    if not evidence:
        return []
    root, facts = build(evidence, {})
    truth = _Truth(observed, facts, known, f"{seed} {document.name} {calls}")
    return [Group(document.name, calls, *found) for found in truth.groups(root)]


def gather(documents: list[Document], known: dict[str, set[str]]) -> list[Group]:
    """The groups of documents at each size of traffic."""
    _KNOWN.clear()
    _KNOWN.update(known)
    chance = random.Random(9)  # noqa: S311 (the same traffic each time)
    jobs = [
        (document, calls, chance.random() < 0.5, chance.randrange(1_000))  # noqa: PLR2004 (looks are known in half)
        for document in documents
        for calls, share in SIZES.items()
        if chance.random() < share
    ]
    with ProcessPoolExecutor(2) as pool:
        jobs.sort(key=lambda job: -job[1])
        return [group for found in pool.map(_groups, jobs, chunksize=4) for group in found]


def fit(groups: list[Group]) -> dict[str, Any]:
    """The forest, and how the words of one place are weighed together."""
    import numpy as np  # noqa: PLC0415 (only here)

    # scikit-learn is only there when somebody fits.
    from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-not-found]  # noqa: PLC0415
    from sklearn.model_selection import GroupKFold  # type: ignore[import-not-found]  # noqa: PLC0415

    rows = np.array([row for group in groups for row in group.rows])
    truth = np.array([value for group in groups for value in group.values])
    weights = np.array([len(group.rows) ** -0.3 for group in groups for _ in group.rows])
    providers = [group.document.split("/")[0] for group in groups for _ in group.rows]

    def forest(trees: int, rate: float) -> Any:
        return HistGradientBoostingClassifier(
            max_iter=trees,
            learning_rate=rate,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=40,
            l2_regularization=8,
            random_state=1,
        )

    # What a word looks like alone is judged by a forest that has not seen its provider, as it will be.
    outside = np.zeros(len(truth))
    for inner, outer in GroupKFold(2).split(rows, truth, providers):
        known = forest(TREES, RATE).fit(rows[inner], truth[inner], sample_weight=weights[inner])
        outside[outer] = known.decision_function(rows[outer])
    beside: list[tuple[float, ...]] = []
    start = 0
    for group in groups:
        end = start + len(group.rows)
        beside += among(list(outside[start:end]), group.rows, group.settled)
        start = end
    alone = forest(TREES, RATE).fit(rows, truth, sample_weight=weights)
    together = forest(TREES_TOGETHER, RATE_TOGETHER).fit(np.array(beside), truth, sample_weight=weights)
    return {
        "features": list(FEATURES),
        "beside": list(BESIDE),
        "forests": [_forest(alone), _forest(together)],
    }


def _forest(fitted: Any) -> dict[str, Any]:
    return {
        "base": round(float(fitted._baseline_prediction.ravel()[0]), 4),  # noqa: SLF001 (no other way to them)
        "trees": [_tree(predictor.nodes) for (predictor,) in fitted._predictors],  # noqa: SLF001
    }


def _tree(nodes: Any) -> list[list[float]]:
    """Nodes as [feature, threshold, left, right], and [value] for leaves."""
    return [
        [round(float(node["value"]), 4)]
        if node["is_leaf"]
        else [
            int(node["feature_idx"]),
            float(f"{node['num_threshold']:.5g}"),
            int(node["left"]),
            int(node["right"]),
        ]
        for node in nodes
    ]


def write(known: Mapping[str, set[str]], forest: Mapping[str, Any]) -> None:
    """Write the words and the forest where the learner reads them."""
    LEARNED.mkdir(exist_ok=True)
    by_count: dict[int, list[str]] = defaultdict(list)
    for word, providers in known.items():
        if len(providers) >= LEAST_PROVIDERS and word.isascii():
            by_count[len(providers)].append(word)
    lines = ["# Words of the fixed segments of public APIs, by the number of providers; see fit.py."]
    lines += [f"{count} {' '.join(sorted(found))}" for count, found in sorted(by_count.items(), reverse=True)]
    (LEARNED / "words.txt").write_text("\n".join(lines) + "\n", "ascii")
    text = json.dumps(forest, separators=(",", ":")).replace("]],[[", "]],\n[[")
    (LEARNED / "forest.json").write_text(f"{text}\n", "ascii")


def main() -> int:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tuned-only", action="store_true", help="leave out the documents that measure")
    chosen = parser.parse_args()
    documents = [
        document for document in read(chosen.folder) if not chosen.tuned_only or is_tuned(document.provider)
    ]
    known = vocabulary(documents)
    groups = gather(sample(documents), known)
    print(
        f"{len(documents)} documents, {len(groups)} places, {sum(len(g.rows) for g in groups)} words",
        file=sys.stderr,
    )
    write(known, fit(groups))
    return 0


if __name__ == "__main__":
    sys.exit(main())
