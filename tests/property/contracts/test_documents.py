"""Documents that are wrong in any way."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from starfort.contracts import documents
from tests.support.corpora import OWN_DOCUMENTS

SWAGGER = """
swagger: '2.0'
host: a.example
basePath: /v1
consumes: [application/json]
securityDefinitions: {key: {type: apiKey, in: query, name: k}, o: {type: oauth2, scopes: {read: x}}}
parameters: {Id: {name: id, in: path, required: true, type: integer}}
responses: {Ok: {description: ok, schema: {$ref: '#/definitions/Pet'}, headers: {X-N: {type: array, items: {type: string}}}}}
definitions: {Pet: {type: object, discriminator: kind, properties: {kind: {type: string}, of: {$ref: '#/definitions/Pet'}}}}
paths:
  /pets/{id}:
    parameters: [{$ref: '#/parameters/Id'}]
    put:
      parameters: [{name: body, in: body, schema: {$ref: '#/definitions/Pet'}}, {name: t, in: query, type: array, items: {type: string}, collectionFormat: ssv}]
      responses: {200: {$ref: '#/responses/Ok'}}
    post: {parameters: [{name: f, in: formData, type: file, required: true}], responses: {default: {description: x}}}
"""
RICH = """
openapi: 3.2.0
$self: https://a.example/api
servers: [{url: 'https://{h}/{v}', variables: {h: {default: a, enum: [a, b]}, v: {default: v1, enum: [v1, v2]}}}]
security: [{key: []}]
paths:
  /a/{id}:
    servers: [{url: /x}]
    parameters: [{$ref: '#/components/parameters/Id'}, {name: f, in: query, content: {application/json: {schema: {type: object}}}}]
    query: {requestBody: {$ref: '#/components/requestBodies/B'}, responses: {2XX: {$ref: '#/components/responses/R'}}}
    additionalOperations: {LINK: {parameters: [{name: w, in: querystring, content: {application/x-www-form-urlencoded: {schema: {type: object}}}}]}}
components:
  parameters: {Id: {name: id, in: path, required: true, style: matrix, explode: true, schema: {type: [string, integer], minLength: 1}}}
  requestBodies: {B: {required: true, content: {multipart/form-data: {schema: {$ref: '#/components/schemas/T'}, encoding: {a: {contentType: text/plain, headers: {X: {schema: {}}}}}}}}}
  responses: {R: {headers: {X-A: {required: true, schema: {type: integer}}}, content: {application/json: {schema: {$ref: '#/components/schemas/U'}}, application/jsonl: {itemSchema: {type: object}}}}}
  schemas:
    T: {type: object, required: [a], properties: {a: {type: string, enum: [x, y]}, t: {$ref: '#/components/schemas/T'}}, patternProperties: {'^x': {}}, dependentRequired: {a: [t]}}
    U: {oneOf: [{$ref: '#/components/schemas/T'}, {$ref: '#t'}], discriminator: {propertyName: k, mapping: {t: T}}, allOf: [{$ref: '#/components/schemas/U'}]}
    V: {$anchor: t, $id: 'https://a.example/v', prefixItems: [{$ref: '#/$defs/w'}], $defs: {w: {exclusiveMinimum: 1}}, items: [{}, {}], additionalItems: false}
  securitySchemes: {key: {type: apiKey, in: cookie, name: k}, o: {type: oauth2, flows: {implicit: {scopes: {r: x}}}}}
"""
WHOLE = [yaml.safe_load(text) for text in (SWAGGER, RICH)]
WHOLE += [json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str)) for file in OWN_DOCUMENTS]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["#/components/schemas/U", "#/paths", "#", "x.yaml#/a", "object", "{a}", "/b/{c}", "$ref"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["$ref", "type", "schema", "a", "200", "get", "properties", "in", "name"]) | st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in below for place in places(value, (*path, key)))]


ALL = [(number, place) for number, whole in enumerate(WHOLE) for place in places(whole) if place]


@settings(deadline=None, max_examples=300)
@given(place=st.sampled_from(ALL), value=VALUES)
def test_any_value_anywhere_is_read_or_told(place: tuple[int, tuple[Any, ...]], value: Any) -> None:
    """Whatever stands wherever, nothing is raised, and every problem has a line."""
    number, steps = place
    whole = copy.deepcopy(WHOLE[number])
    node = whole
    for step in steps[:-1]:
        node = node[step]
    node[steps[-1]] = value
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "api.json"
        file.write_text(json.dumps(whole, default=str), encoding="utf-8", errors="surrogatepass")
        found = documents.read(file)
    assert all(problem.line for problem in found.problems)
    assert found.problems or found.contract.operations or not whole.get("paths") or steps[0] == "paths"
