"""A bundle with a value in every field."""

from starfort import bundle as b
from starfort.bundle import contract as c
from starfort.bundle import expression as e
from starfort.bundle import model
from starfort.bundle import policy as p

KEY = bytes(range(32))


def expressions() -> tuple[e.Expr, ...]:
    """One node of each kind."""
    login = e.CallExpr(e.Function.EQUAL, (e.LocalExpr(0), e.StringExpr("login")))
    labels = e.FieldExpr(e.PlainField.ENDPOINT_LABELS)
    headers = e.FieldExpr(e.PlainField.REQUEST_HEADERS)
    return (
        e.NullExpr(), e.BoolExpr(True), e.IntExpr(-(2**63)), e.UintExpr(2**64 - 1), e.DoubleExpr(1.0),
        e.ListExpr((e.StringExpr("é"),)), e.FieldExpr(e.SignalScore(1)), e.FieldExpr(e.SignalActive(0)),
        e.IndexExpr(headers, e.StringExpr("host")), e.HasKeyExpr(headers, e.StringExpr("host")),
        e.AndExpr(e.BoolExpr(True), e.BoolExpr(False)), e.OrExpr(e.BoolExpr(True), e.BoolExpr(False)),
        e.ConditionalExpr(e.BoolExpr(True), e.IntExpr(1), e.IntExpr(2)),
        e.ComprehensionExpr(e.Quantifier.EXISTS_ONE, labels, login),
    )  # fmt: skip


def actions() -> tuple[p.Action, ...]:
    """One action of each kind."""
    return (
        p.AllowAction(), p.TagAction("x-risk", "high"),
        p.LimitAction(10, 60_000, 5, (e.FieldExpr(e.PlainField.CLIENT_ADDRESS),)),
        p.BlockAction(403, "no", "text/plain"), p.BlockAction(404), p.DivertAction("desk"),
        p.DeceiveAction(0), p.DelayAction(500), p.MaskAction(("email",)),
    )  # fmt: skip


def contract() -> c.ApiContract:
    """A contract with a value in every field."""
    form, simple = c.ParameterStyle.FORM, c.ParameterStyle.SIMPLE
    query = c.ContractParameter("n", c.ParameterPlace.QUERY, True, 0, form, True, True, True, None)
    header = c.ContractParameter("x-n", c.ParameterPlace.HEADER, False, None, simple, False, media_type="a/b")
    media = c.ContractMedia("application/json", 1, (c.PropertyEncoding("p", ("a/*",), form, True),))
    operation = c.ContractOperation(
        places=(c.ContractPlace(0, "/login", 0),),
        parameters=(query, header),
        body=c.ContractBody(True, (media,)),
        responses=(c.ContractResponse("2XX", (header,), (media, c.ContractMedia("*/*", None))),),
        security=((0, 1), ()),
        deprecated=True,
    )
    return c.ApiContract(
        api=0,
        digest="00ff",
        definitions='{"$defs": {"A": true}}',
        schemas=('{"type": "integer"}', '{"$ref": "#/$defs/A"}'),
        schemes=(
            c.HeaderScheme("x-key"), c.QueryScheme("key"), c.CookieScheme("key"),
            c.AuthorizationScheme("bearer"), c.MutualTlsScheme(), c.OtherScheme(),
        ),
        operations=(operation,),
        settings=(c.ContractSettings(p.Mode.ENFORCE, None, True, False, ("ssn",), True),),
    )  # fmt: skip


def bundle() -> b.Bundle:
    """The bundle."""
    policies = [
        p.Policy(f"action-{i}", p.Phase.REQUEST, (0,), None, e.BoolExpr(True), action, p.Mode.OBSERVE)
        for i, action in enumerate(actions())
    ]
    policies += [
        p.Policy(f"when-{i}", p.Phase.RESPONSE, None, (0,), when, p.AllowAction(), p.Mode.ENFORCE, 1)
        for i, when in enumerate(expressions())
    ]
    return b.Bundle(
        node="edge-1",
        hash_key=KEY,
        fail_open=True,
        limits=b.Limits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, b.OverLimit.PASS, b.OverLimit.REFUSE),
        scoped_limits=(b.Limits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13),),
        apis=(b.Api("shop", ("*",), ("/",), "shop", ("public",), ("staff",), True, 0),),
        endpoints=(b.Endpoint("00", 0, "POST", "/login", ("login",), True, "email", "password", 0),),
        identity=b.Identity(
            "x-starfort-jwt",
            (b.JwtProvider("staff", "https://id.example", "sub", "scope"),),
            (model.HeaderSource("x-api-key"), model.QuerySource("key"), model.CookieSource("key")),
            (b.ApiKey(bytes(32), "partner", ("read",), 5),),
            True,
        ),
        lists=(model.AddressList("office", bytes(32)),),
        geo=b.Geo("country.mmdb", None),
        bots=(b.Bot("curl", "tool", "^curl/"),),
        responses=(b.CannedResponse("no", 401, (("content-type", "text/plain"),), b"no"),),
        sensitive_classes=("email",),
        signal_kinds=("scraping", "stuffing"),
        policies=tuple(policies),
        trusted_proxies=bytes(32),
        created_ms=1_700_000_000_000,
        contracts=(contract(),),
    )
