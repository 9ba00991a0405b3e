"""Checks: questions whose rows are findings about an API as it stands.

    /*
    name: open_endpoint
    title: "{subject} answers without credentials"
    why: An endpoint that was forgotten when its neighbours were protected.
    fix: Require credentials, or mute this where everybody may call.
    severity: [medium, high]
    owasp: API2:2023
    window: 1h
    every: 30s
    thresholds:
      min_calls: {default: 3, minimum: 1, description: open answers within the window}
    */
    SELECT api, endpoint_id, …, AS subject, …, AS severity, … AS first_seen, … AS last_seen, … FROM events …

The query gets the window (`since`, `until`), every threshold under its name, and what is configured
(`Configured`), all as bound parameters. It returns a row for each thing that it found, with the columns
`api`, `endpoint_id` ("" for a whole API), `subject` (what the finding is about), `first_seen`, `last_seen`,
and `severity` when the front matter names several. All other columns are evidence, and the title may name any
of them.

`CheckSpec` is the front matter as written, `Check` the checked whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from starfort.base.owasp import OWASP_API
from starfort.base.severity import Severity
from starfort.config.fields import Duration
from starfort.posture.configured import GIVEN
from starfort.posture.finding import PostureFinding
from starfort.questions.ask import RowError
from starfort.questions.evidence import as_evidence
from starfort.questions.question import WINDOW, Question, titled
from starfort.questions.spec import QuestionSpec, as_list

MAX_FINDINGS: Final = 500
"""Rows of one run. A check that finds more is about something that is usual here, not about a mistake."""

MAX_TEXT: Final = 512
"""Characters of a subject, a title or a text of the evidence; the state database keeps no longer titles."""

MAX_API: Final = 64
MAX_ENDPOINT_ID: Final = 16

Bastion = Literal["visibility", "access", "traffic", "threats", "data"]

_OWN: Final = frozenset({"api", "endpoint_id", "subject", "severity", "first_seen", "last_seen"})


def _risk(value: str) -> str:
    if value not in OWASP_API:
        raise ValueError(
            f"{value!r} is no risk of the OWASP API Security Top 10; write one of API1:2023 to API10:2023"
        )
    return value


class CheckSpec(QuestionSpec):
    """The front matter of a check, as written.

    `why` says what is wrong, and `fix` what to do about it. `owasp` is the risk of the OWASP API Security Top
    10 that its findings belong to. `bastion` is where a user's own check is shown; a check that comes with
    Starfort belongs to the folder that it lies in. `closed_by` is a SELECT of the calls that show that a
    finding no longer holds (`closing.py`), and `closed_after` is how many of them end it.
    """

    why: str = Field(min_length=1, max_length=1000)
    fix: str = Field(min_length=1, max_length=1000)
    severity: Annotated[list[Severity], BeforeValidator(as_list), Field(min_length=1)]
    window: Duration = timedelta(hours=1)
    every: Duration = timedelta(seconds=30)
    bastion: Bastion | None = None
    owasp: Annotated[str, AfterValidator(_risk)] | None = None
    closed_by: str | None = Field(default=None, min_length=1, max_length=4000)
    closed_after: int = Field(default=20, ge=1, le=1_000_000)


@dataclass(frozen=True, slots=True)
class Check(Question):
    """A checked check."""

    noun: ClassVar[str] = "check"
    model: ClassVar[type[QuestionSpec]] = CheckSpec
    given: ClassVar[frozenset[str]] = WINDOW | GIVEN

    spec: CheckSpec

    @property
    def advice(self) -> str:
        """A text that says what is wrong about its findings, and what to do."""
        return f"{self.spec.why.strip()} {self.spec.fix.strip()}"

    @property
    def owasp(self) -> str:
        """The risk of the OWASP API Security Top 10, such as `API2:2023`; "" for none."""
        return self.spec.owasp or ""

    @classmethod
    def queries_in(cls, spec: QuestionSpec) -> Mapping[str, str]:
        """The query that closes findings, which is held to the same rules as the query that finds them."""
        return {"closed_by": spec.closed_by} if isinstance(spec, CheckSpec) and spec.closed_by else {}

    @property
    def bastion(self) -> str:
        """The bastion that it belongs to."""
        if self.builtin:
            # The file is BASTION/checks/NAME.sql, so the front matter need not name the bastion.
            return self.path.parent.parent.name
        return self.spec.bastion or "visibility"

    def findings_of(self, rows: Sequence[Mapping[str, object]]) -> list[PostureFinding]:
        """Read the rows of a run as findings.

        Raises:
            RowError: a column is missing or has another type than it should.
        """
        return [self._finding(row) for row in rows[:MAX_FINDINGS]]

    def _finding(self, row: Mapping[str, object]) -> PostureFinding:
        missing = sorted(_OWN - {"severity"} - set(row))
        if missing:
            raise RowError(f"the query returns no column {' and no column '.join(missing)}")
        subject = _text(row, "subject", MAX_TEXT)
        evidence = {name: _short(as_evidence(value)) for name, value in row.items() if name not in _OWN}
        return PostureFinding(
            code=self.name,
            severity=self._severity(row),
            api=_text(row, "api", MAX_API),
            endpoint_id=_text(row, "endpoint_id", MAX_ENDPOINT_ID),
            title=titled(self.spec.title, row)[:MAX_TEXT],
            evidence={"subject": subject, **evidence},
            first_seen=_time(row, "first_seen"),
            last_seen=_time(row, "last_seen"),
        )

    def _severity(self, row: Mapping[str, object]) -> Severity:
        declared = self.spec.severity
        # With one declared severity the query need not return any; with several it must say which.
        said = row.get("severity", declared[0] if len(declared) == 1 else None)
        for severity in declared:
            if severity == said:
                return severity
        raise RowError(f"severity {said!r} is none of {', '.join(declared)}")


def _text(row: Mapping[str, object], name: str, most: int) -> str:
    value = row[name]
    # The columns of the state database have these lengths. A longer name is refused instead of cut, because a
    # cut one would be the name of something else.
    if not isinstance(value, str) or len(value) > most:
        raise RowError(f"{name} of type {type(value).__name__} is no text of up to {most} characters")
    return value


def _short(value: object) -> object:
    return value[:MAX_TEXT] if isinstance(value, str) else value


def _time(row: Mapping[str, object], name: str) -> datetime:
    value = row[name]
    if not isinstance(value, datetime):
        raise RowError(f"{name} of type {type(value).__name__} is no time")
    return value.astimezone(UTC)
