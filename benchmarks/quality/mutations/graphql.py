"""GraphQL documents and variables, in every way in which they travel."""

from __future__ import annotations

import json

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import (
    FORM,
    JSON,
    dumped,
    get,
    gql,
    literal,
    multipart,
    mutation,
    part,
    post,
    q,
    raw,
    u,
)


@mutation("graphql", "\\u in a string", "graphql argument", "all GraphQL servers", escaped=True)
def _(text: str) -> Call:
    return gql(f'{{ find(city: "{u(text)}") {{ id }} }}')


@mutation("graphql", "\\u{…} in a string", "graphql argument", "graphql-js 16, graphql-java")
def _(text: str) -> Call:
    return gql('{ find(city: "' + "".join(f"\\u{{{ord(c):x}}}" for c in text) + '") { id } }')


@mutation("graphql", "block string", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql('{ find(city: """\n  ' + text.replace('"""', '\\"""') + '\n""") { id } }')


@mutation("graphql", "default of a variable", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"query F($city: String = {literal(text)}) {{ find(city: $city) {{ id }} }}")


@mutation("graphql", "argument in a fragment", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"{{ viewer {{ ...F }} }} fragment F on User {{ posts(search: {literal(text)}) {{ id }} }}")


@mutation("graphql", "argument of a directive", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"{{ viewer @tag(name: {literal(text)}) {{ id }} }}")


@mutation("graphql", "object and list", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f'mutation {{ save(input: {{tags: ["a", {literal(text)}], n: 1}}) {{ id }} }}')


@mutation("graphql", "variable deep in an input", "graphql variable", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(
        "mutation S($input: I!) { save(input: $input) { id } }",
        {"input": {"where": {"_and": [{"name": {"_like": text}}]}}},
    )


@mutation("graphql", "second of a batch", "graphql argument", "Apollo, Yoga, graphql-ruby as configured")
def _(text: str) -> Call:
    return post(
        dumped([{"query": "{ viewer { id } }"}, {"query": f"{{ find(city: {literal(text)}) {{ id }} }}"}]),
        JSON,
        target="/graphql",
    )


@mutation("graphql", "GET, string in \\u", "graphql argument", "all GraphQL servers", escaped=True)
def _(text: str) -> Call:
    return get("/graphql?query=" + q(f'{{ find(city: "{u(text)}") {{ id }} }}'))


@mutation("graphql", "GET, variables", "graphql variable", "all GraphQL servers")
def _(text: str) -> Call:
    return get(
        "/graphql?query="
        + q("query F($t: String) { find(city: $t) { id } }")
        + "&variables="
        + q(json.dumps({"t": text}))
    )


@mutation("graphql", "application/graphql", "graphql argument", "express-graphql, Yoga")
def _(text: str) -> Call:
    return post(raw(f"{{ find(city: {literal(text)}) {{ id }} }}"), "application/graphql", target="/graphql")


@mutation("graphql", "application/graphql, \\u", "graphql argument", "express-graphql, Yoga", escaped=True)
def _(text: str) -> Call:
    return post(f'{{ find(city: "{u(text)}") {{ id }} }}'.encode(), "application/graphql", target="/graphql")


@mutation("graphql", "form", "graphql argument", "Yoga, express-graphql")
def _(text: str) -> Call:
    return post(
        ("query=" + q(f"{{ find(city: {literal(text)}) {{ id }} }}")).encode(), FORM, target="/graphql"
    )


@mutation("graphql", "multipart request", "graphql variable", "graphql-upload")
def _(text: str) -> Call:
    operations = {
        "query": "mutation U($f: Upload!, $t: String) { up(file: $f, city: $t) { id } }",
        "variables": {"f": None, "t": text},
    }
    return multipart(
        part("operations", dumped(operations)),
        part("map", b'{"0":["variables.f"]}'),
        part("0", b"hello", "a.txt"),
        target="/graphql",
    )


@mutation("graphql", "variables as a string", "graphql variable", "express-graphql")
def _(text: str) -> Call:
    return (
        gql("query F($t: String) { find(city: $t) { id } }", None)
        if not text
        else post(
            dumped(
                {
                    "query": "query F($t: String) { find(city: $t) { id } }",
                    "variables": json.dumps({"t": text}),
                }
            ),
            JSON,
            target="/graphql",
        )
    )


@mutation("graphql", "extensions", "json value", "all GraphQL servers")
def _(text: str) -> Call:
    return gql("{ viewer { id } }", {}, extensions={"tag": text})
