"""GraphQL as ordinary clients send it: operations, and the ways in which they travel."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from benchmarks.quality import files
from benchmarks.quality.clients import Call, sent
from benchmarks.quality.multipart import STYLES, Part, written
from benchmarks.quality.sample import Sample, chance

TEXT: Final = "It's \"great\" -- please select the blue one & don't drop it; 50% off"

OPERATIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("query GetUser($id: ID!) {\n  user(id: $id) {\n    id\n    name\n    email\n    avatar(size: 64)\n  }\n}", {"id": "VXNlcjoxMjM="}),
    ("query Products($first: Int = 20, $after: String, $filter: ProductFilter, $orderBy: [ProductOrder!]) {\n  products(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {\n    edges { cursor node { ...Card } }\n    pageInfo { hasNextPage endCursor }\n  }\n}\nfragment Card on Product { id title price { amount currency } }", {"first": 20, "after": "eyJvZmZzZXQiOjIwfQ==", "filter": {"price": {"gte": 10, "lt": 50}, "title": {"contains": "shoe"}}, "orderBy": ["PRICE_ASC"]}),
    ("mutation Login($input: LoginInput!) { login(input: $input) { token refreshToken user { id } errors { field message } } }", {"input": {"email": "anna.o'neil@example.com", "password": "Tr0ub4dor&3; --"}}),
    ("mutation CreateComment($input: CommentInput!) { createComment(input: $input) { comment { id body createdAt author { name } } } }", {"input": {"postId": "42", "body": TEXT}}),
    ("mutation { updateProfile(name: \"Anna O'Neil\", bio: \"I select, update and delete things; or 1 of 2\", tags: [\"a\", \"b\"]) { id } }", {}),
    ('mutation UpdateOrder($orderId: ID!, $set: orders_set_input!) { update_orders(where: {id: {_eq: $orderId}, status: {_in: ["open", "paid"]}}, _set: $set) { affected_rows returning { id total } } }', {"orderId": "1029", "set": {"note": "leave at the back door", "status": "sent"}}),
    ("subscription OnMessage($room: ID!, $type: MessageType) { messageAdded(room: $room, type: $type) { id text from { id name } } }", {"room": "general", "type": "TEXT"}),
    ("{ viewer { login repositories(first: 10, orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { name url stargazerCount } } } }", {}),
    ("query IntrospectionQuery { __schema { queryType { name } mutationType { name } types { ...FullType } directives { name description locations args { ...InputValue } } } }\nfragment FullType on __Type { kind name description fields(includeDeprecated: true) { name args { ...InputValue } type { ...TypeRef } } inputFields { ...InputValue } }\nfragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }\nfragment TypeRef on __Type { kind name ofType { kind name ofType { kind name } } }", {}),
    ("query Search($q: String!, $type: SearchType!, $limit: Int, $offset: Int) { search(query: $q, type: $type, limit: $limit, offset: $offset) { ... on User { id } ... on Post { id title @include(if: true) } __typename } }", {"q": "select from menu or bar", "type": "ALL", "limit": 10, "offset": 0}),
    ("query Orders($where: orders_bool_exp!, $order_by: [orders_order_by!], $limit: Int) { orders(where: $where, order_by: $order_by, limit: $limit) { id user { name } items_aggregate { aggregate { count sum { price } } } } }", {"where": {"_and": [{"status": {"_eq": "open"}}, {"_or": [{"total": {"_gt": 100}}, {"name": {"_ilike": "%shoe%"}}]}]}, "order_by": [{"created_at": "desc"}], "limit": 50}),
    ("mutation AddToCart($lines: [CartLineInput!]!, $cartId: ID!) @inContext(country: DE, language: DE) { cartLinesAdd(cartId: $cartId, lines: $lines) { cart { id cost { totalAmount { amount } } } userErrors { field message } } }", {"cartId": "gid://shopify/Cart/c1-4f1c9a7be0d2", "lines": [{"merchandiseId": "gid://shopify/ProductVariant/1", "quantity": 2, "attributes": [{"key": "engraving", "value": "Love & peace; xoxo"}]}]}),
    ('query Feed($cursor: String) { feed(cursor: $cursor) { id ...on Story @defer(label: "story") { title, text(format: MARKDOWN) } } } # the feed of the start page', {"cursor": None}),
    ("mutation Publish { publish(input: {title: \"Notes\", content: \"\"\"\n  # Heading\n  It's a *block* string with \"quotes\", `code` and $math$: a < b && b > c\n  \"\"\"}) { id } }", {}),
    ('query Report($from: Date!, $to: Date!, $group: [String!] = ["country", "user"]) { report(from: $from, to: $to, groupBy: $group, having: {count: {gt: 10}}) { rows { key count } } }', {"from": "2024-11-01", "to": "2024-11-30"}),
    ("mutation Upload($file: Upload!, $description: String) { uploadFile(file: $file, description: $description) { url } }", {"file": None, "description": TEXT}),
    ("query Node($id: ID!) { node(id: $id) { __typename ... on Exec { id } ... on System { id user group shell } ... on File { path name eval } } }", {"id": "gid://app/File/9"}),
    ("query A($a: Int!, $b: Float, $c: Boolean = false) { first: item(id: $a) { id } second: item(id: 2) { id price(in: $b) } third: items(ids: [1, 2, 3]) @skip(if: $c) { id } }", {"a": 1, "b": 1.5}),
    ("query users { users(limit: 5) { id username password_changed_at last_login ip_address } }", {}),
    ("mutation SetRole($user: ID!, $role: Role!) { setRole(user: $user, role: $role) { user { id role } } }", {"user": "7", "role": "ADMIN"}),
    ("query Events($in: [String!], $or: Boolean, $like: String, $not: ID) { events(in: $in, or: $or, like: $like, not: $not) { id } }", {"in": ["a"], "or": True, "like": "%x%", "not": "4"}),
    ("query Log($path: String!) { log(path: $path, lines: 100) { text } }", {"path": "services/api/2024-11-27.log"}),
)  # fmt: skip

ENDPOINTS: Final = ("/graphql", "/api/graphql", "/v1/graphql", "/query")
JSON: Final = "application/json"


def samples() -> Iterator[Sample]:
    """Every operation in every way of travelling."""
    for number, (query, variables) in enumerate(OPERATIONS):
        for way in WAYS:
            rng = chance("graphql", number, way)
            call = WAYS[way](rng, query, variables)
            name = query.split("{", 1)[0].strip() or "anonymous"
            yield sent(f"graphql: {way}", f"{way}: {name}", call, rng)


def _name(query: str) -> str | None:
    words = query.replace("(", " ").split()
    return (
        words[1]
        if len(words) > 1 and words[0] in {"query", "mutation", "subscription"} and words[1][:1].isalpha()
        else None
    )


def _payload(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"query": query, "variables": variables}
    return {"operationName": _name(query), **made}


def _post(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    return Call("POST", rng.choice(ENDPOINTS), json.dumps(_payload(query, variables)).encode(), JSON)


def _apollo(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    payload = {
        **_payload(query, variables),
        "extensions": {
            "clientLibrary": {"name": "@apollo/client", "version": "3.11.10"},
            "persistedQuery": {"version": 1, "sha256Hash": f"{rng.getrandbits(256):064x}"},
        },
    }
    headers = (("apollographql-client-name", "web"), ("apollo-require-preflight", "true"))
    accept = "application/graphql-response+json, application/json;q=0.9, multipart/mixed;deferSpec=20220824"
    return Call(
        "POST",
        rng.choice(ENDPOINTS),
        json.dumps(payload, separators=(",", ":")).encode(),
        JSON,
        headers,
        accept=accept,
    )


def _get(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    asked = f"?query={quote(query, safe='')}&variables={quote(json.dumps(variables), safe='')}"
    if name := _name(query):
        asked += f"&operationName={name}"
    return Call("GET", rng.choice(ENDPOINTS) + asked)


def _batch(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    other, given = rng.choice(OPERATIONS)
    return Call(
        "POST",
        rng.choice(ENDPOINTS),
        json.dumps([_payload(query, variables), _payload(other, given)]).encode(),
        JSON,
    )


def _raw(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    asked = f"?variables={quote(json.dumps(variables))}" if variables else ""
    return Call("POST", rng.choice(ENDPOINTS) + asked, query.encode(), "application/graphql")


def _response_json(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    return Call(
        "POST",
        rng.choice(ENDPOINTS),
        json.dumps(_payload(query, variables)).encode(),
        "application/graphql+json",
    )


def _form(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    body = f"query={quote(query, safe='')}&variables={quote(json.dumps(variables), safe='')}"
    return Call("POST", rng.choice(ENDPOINTS), body.encode(), "application/x-www-form-urlencoded")


def _multipart(rng: random.Random, query: str, variables: dict[str, Any]) -> Call:
    parts = [
        Part("operations", json.dumps(_payload(query, variables)).encode()),
        Part("map", b'{"0": ["variables.file"]}'),
        files.part(rng, "0"),
    ]
    body, content_type = written(rng.choice(list(STYLES.values())), parts, rng)
    return Call("POST", rng.choice(ENDPOINTS), body, content_type)


def _persisted(rng: random.Random, _: str, variables: dict[str, Any]) -> Call:
    extensions = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": f"{rng.getrandbits(256):064x}"}})
    return Call(
        "GET",
        f"/graphql?operationName=Q&variables={quote(json.dumps(variables))}&extensions={quote(extensions)}",
    )


WAYS: Final = {
    "post": _post, "apollo": _apollo, "get": _get, "batch": _batch, "application/graphql": _raw,
    "graphql+json": _response_json, "form": _form, "multipart": _multipart, "persisted": _persisted,
}  # fmt: skip
