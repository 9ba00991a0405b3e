"""What lists may be filtered by; the API's query parameters and the dashboard's addresses are these."""

import ipaddress
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from starfort.admin.window import RangeName
from starfort.base.actions import ACTIONS, decision_filters
from starfort.store.parameters import Value

Text = Annotated[str, Field(max_length=256)]
Name = Annotated[str, Field(max_length=128)]
_ADDRESSES: list[JsonValue] = [{"const": ""}, {"format": "ipv4"}, {"format": "ipv6"}]
if TYPE_CHECKING:
    Decided = str
else:
    # The API's description lists the words, so this is a `Literal` of what the table of actions says.
    Decided = Literal[decision_filters()]
BotClass = Literal["", "none", "good", "bad", "tool"]


class Filter(BaseModel):
    """Base of filters: unknown names are refused, so that a typing error does not show everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EventFilter(Filter):
    """Which events. Empty fields do not filter."""

    range: Annotated[RangeName, Field(description="How far back.")] = "24h"
    id: Annotated[Name, Field(description="Exactly this `x-request-id`.")] = ""
    api: Annotated[Name, Field(description="Of this API.")] = ""
    endpoint_id: Annotated[Name, Field(description="Of this endpoint.")] = ""
    method: Annotated[str, Field(max_length=32, description="With this method, upper case.")] = ""
    path: Annotated[Text, Field(description="Whose path contains this text.")] = ""
    status: Annotated[
        str, Field(pattern="^([1-5]xx|[1-5][0-9][0-9])?$", description="Status or class, such as 404 or 4xx.")
    ] = ""
    address: Annotated[
        str, Field(max_length=45, description="From this address.", json_schema_extra={"anyOf": _ADDRESSES})
    ] = ""
    fingerprint: Annotated[Name, Field(description="With this header-order fingerprint.")] = ""
    ja4: Annotated[Name, Field(description="With this TLS fingerprint.")] = ""
    asn: Annotated[int, Field(ge=0, le=2**32 - 1, description="From this autonomous system; 0 for all.")] = 0
    subject: Annotated[Text, Field(description="Of this verified subject.")] = ""
    bot: Annotated[Literal["", "none", "good", "bad", "tool"], Field(description="Of this class of bot.")] = (
        ""
    )
    action: Annotated[
        Decided, Field(description="With which this was done; `stopped` is all but `allow`.")
    ] = ""
    policy: Annotated[Name, Field(description="That this policy acted on or would have.")] = ""
    observed: Annotated[Name, Field(description="That this policy would have acted on in observe mode.")] = ""
    finding: Annotated[Name, Field(description="With this finding or anomaly.")] = ""
    signal: Annotated[Name, Field(description="With this kind of signal active.")] = ""
    sensitive: Annotated[Name, Field(description="With this sensitive class in request or response.")] = ""

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        if value:
            # Python takes `fe80::1%eth0`, and ClickHouse does not.
            if "%" in value:
                raise ValueError("an address without a zone")
            ipaddress.ip_address(value)
        return value

    def parameters(self) -> dict[str, Value]:
        """Parameters of the query `events_page`."""
        values = self.model_dump(exclude={"range", "status"})
        # `4xx` is 400 to 499; a single status is a range of one.
        low = int(self.status.replace("x", "0")) if self.status else 0
        return values | {
            "status_min": low,
            "status_max": low + 99 if "x" in self.status else low,
            # what stands before the policy's name in the columns `tags` and `observed` of events
            "actions": [action.word for action in ACTIONS],
        }


class ClientFilter(Filter):
    """Which callers, and by what they are put together."""

    range: Annotated[RangeName, Field(description="How far back.")] = "24h"
    by: Annotated[
        Literal["address", "fingerprint", "subject", "ja4", "network", "bot"],
        Field(description="What they share."),
    ] = "address"
    search: Annotated[Text, Field(description="Whose key or label contains this text.")] = ""
    bot: Annotated[Literal["", "none", "good", "bad", "tool"], Field(description="Of this class of bot.")] = (
        ""
    )
    sort: Annotated[
        Literal["requests", "stopped", "errors", "endpoints", "last_seen"],
        Field(description="What comes first: the most of this."),
    ] = "requests"


class EndpointFilter(Filter):
    """Which endpoints of the catalogue."""

    search: Annotated[
        Text, Field(description="Whose method, host or path contains every one of these words.")
    ] = ""
    api: Annotated[Name, Field(description="Of this API.")] = ""
    host: Annotated[Text, Field(description="Of this host.")] = ""
    prefix: Annotated[str, Field(max_length=1024, description="At or below this path.")] = ""
    show: Annotated[
        Literal[
            "",
            "new",
            "undocumented",
            "sensitive",
            "unauthenticated",
            "risky",
            "shadow",
            "orphan",
            "zombie",
            "drifting",
        ],
        Field(description="Only what is new, undocumented, sensitive, open, at high risk, or in a state."),
    ] = ""
    sort: Annotated[
        Literal["path", "risk", "requests", "first_seen", "last_seen", "errors"],
        Field(description="In which order."),
    ] = "path"
