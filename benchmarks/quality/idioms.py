"""API idioms: what well-known protocols and products send that looks odd to rules made for web pages."""

from __future__ import annotations

import base64
import gzip
import json
import random
import struct
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from benchmarks.quality.clients import Call, cookies, jwt, sent, token
from benchmarks.quality.multipart import Part
from benchmarks.quality.sample import Headers, Sample, chance
from benchmarks.quality.values import SENTENCES

SOQL: Final = "SELECT Id, Name FROM Account WHERE Name LIKE 'O\\'B%' LIMIT 10"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
Made = tuple[str, Call]


def _j(value: Any) -> bytes:
    return json.dumps(value).encode()


def _get(target: str, *headers: tuple[str, str | bytes]) -> Call:
    return Call("GET", target, headers=headers)


def _post(
    target: str, value: Any, content_type: str = JSON, *headers: tuple[str, str | bytes], method: str = "POST"
) -> Call:
    return Call(method, target, value if isinstance(value, bytes) else _j(value), content_type, headers)


# fmt: off
# a call a line: who looks for a protocol reads down, and one line tells what is sent


def q(text: str) -> str:
    """Percent-encoded as OData clients do, which leave some characters as they are."""
    return quote(text, safe="$'(),/:=&?;@")


def _odata(rng: random.Random) -> Iterator[Call]:
    yield _get(q("/odata/Products?$filter=price gt 20 and contains(name,'shoe')&$select=id,name&$orderby=name desc&$top=20&$skip=40"))
    yield _get(q("/odata/Orders(1029)/Items?$expand=Product($select=name;$expand=Category)&$count=true"))
    yield _get(q("/odata/Users?$filter=startswith(lastName,'O''Brien') or not (status eq 'blocked') and id in ('a','b')"))
    yield _get(q("/odata/People('anna')/Trips?$filter=Budget lt 3000 and year(StartsAt) eq 2024&$search=\"rome\" OR paris"))
    yield _get(q("/odata/Products?$apply=filter(price gt 1)/groupby((category),aggregate($count as total))"))
    yield _get(q("/odata/Events?$filter=events/any(e:e/type eq 'user' and e/id ne null)&$format=json"))
    yield _post("/odata/Products", {"@odata.type": "#Shop.Product", "Name": "O'Brien", "Category@odata.bind": "Categories('1')"})
    batch = "--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET /odata/Products(1) HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n--batch_1--\r\n"
    yield _post("/odata/$batch", batch.encode(), "multipart/mixed; boundary=batch_1")
    yield _get("/v1.0/users?$filter=" + quote(f"userPrincipalName eq 'anna{rng.randrange(9)}@example.com'"), ("consistencylevel", "eventual"))
    yield _get("/v1.0/me/messages?$search=" + quote('"subject:select a date"') + "&$top=10")


def _queries(_: random.Random) -> Iterator[Call]:
    """Mongo-style, Strapi, Feathers, Elasticsearch, PostgREST, LoopBack, JQL, SOQL."""
    yield _get("/items?filter[price][$gte]=10&filter[price][$lt]=50&sort=-price&limit=10")
    yield _get("/api/articles?filters[$or][0][title][$contains]=hello&filters[$or][1][slug][$eq]=a&populate[author][fields][0]=name&pagination[page]=1")
    yield _get("/api/articles?filters%5Bid%5D%5B%24in%5D%5B0%5D=3&populate=*&publicationState=live")
    yield _get("/users?$limit=10&$sort[createdAt]=-1&age[$lt]=30&$select[]=email")
    yield _get("/people?age=gte.18&student=is.true&select=full_name:fullName,birthDate,orders(id,total)&order=age.desc.nullslast&or=(age.lt.18,age.gt.21)")
    yield _get("/api/Orders?filter=" + quote(json.dumps({"where": {"and": [{"total": {"gt": 10}}, {"or": [{"status": "open"}, {"status": {"like": "%paid%"}}]}]}, "include": ["user"], "order": "id DESC", "limit": 10})))
    yield _get("/rest/api/3/search?jql=" + quote('project = SHOP AND status in (Open, "In Progress") AND assignee = currentUser() ORDER BY created DESC'))
    yield _get("/services/data/v61.0/query?q=" + quote(SOQL))
    yield _get("/search/issues?q=" + quote('is:open label:"good first issue" repo:example/app sort:updated-desc -author:bot'))
    yield _get("/api/v1/query_range?query=" + quote('sum(rate(http_requests_total{job="api",code=~"5.."}[5m])) by (path) > 0.5') + "&start=1732700000&end=1732703600&step=15")
    yield _get("/loki/api/v1/query_range?query=" + quote('{app="shop"} |= "error" != "timeout" | json | line_format "{{.msg}}"'))
    yield _post("/items/_search", {"query": {"bool": {"must": [{"match": {"title": "red shoes"}}], "filter": [{"range": {"price": {"gte": 10}}}], "must_not": {"exists": {"field": "deleted"}}}}, "sort": [{"date": "desc"}], "script_fields": {"t": {"script": {"source": "doc['price'].value * 2"}}}})
    yield _post("/items/find", {"filter": {"age": {"$gte": 18}, "$or": [{"a": 1}, {"b": {"$in": [1, 2]}}], "name": {"$regex": "^An", "$options": "i"}, "$where": None}, "sort": {"_id": -1}})
    yield _post("/items/aggregate", {"pipeline": [{"$match": {"status": "A"}}, {"$group": {"_id": "$cust_id", "total": {"$sum": "$amount"}}}, {"$sort": {"total": -1}}, {"$project": {"_id": 0, "name": {"$concat": ["$first", " ", "$last"]}}}]})
    yield _get("/v2/items?q=name%3A%22O%27Brien%22%20AND%20(price%3A%5B10%20TO%2020%5D%20OR%20tag%3Asale)&sort=price%3Aasc&fields=*,-secret")
    yield _get('/items?where={"name":{"contains":"x"},"price":{"<":10}}&sort=name%20ASC')
    yield _get("/api/products?price%5Bgte%5D=10&color%5B%5D=red&color%5B%5D=blue&q=r%26b&page%5Bnumber%5D=2")
    yield _get("/search?q=rock+%26+roll&filters=brand:%22Levi%27s%22%7Csize:%3E=42")
    yield _get("/search?q=C%2B%2B%20%3C%3D%20C%23&lang=en")


def _standards(_: random.Random) -> Iterator[Call]:
    """SCIM, FHIR, JSON:API, JSON Patch, merge patch, HAL, CalDAV-like, problem reports."""
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"], "userName": "anna.o'neil@example.com", "name": {"givenName": "Anna", "familyName": "O'Neil"}, "emails": [{"value": "anna@example.com", "type": "work", "primary": True}], "active": True, "password": "s3cret & more", "groups": [], "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D"}}
    yield _post("/scim/v2/Users", user, "application/scim+json")
    yield _post("/scim/v2/Users/7", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": 'emails[type eq "work"].value', "value": "a@example.com"}, {"op": "remove", "path": 'groups[value eq "42"]'}]}, "application/scim+json", method="PATCH")
    yield _get("/scim/v2/Users?filter=" + quote('userName eq "anna" and (emails.type eq "work" or not (active pr))') + "&attributes=userName,emails")
    yield _post("/fhir/Patient", {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.1", "value": "12345"}], "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>Anna</b> O'Neil</p></div>"}, "name": [{"family": "O'Neil", "given": ["Anna"]}], "birthDate": "1974-12-25"}, "application/fhir+json")
    yield _get("/fhir/Observation?subject=Patient/123&code=http://loinc.org|8867-4&date=ge2024-01-01&_include=Observation:subject&_sort=-date&value-quantity=gt5.4|http://unitsofmeasure.org|mg")
    yield _post("/fhir/Patient/1", b'<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"><name><family value="O\'Neil"/></name></Patient>', "application/fhir+xml", method="PUT")
    yield _post("/articles", {"data": {"type": "articles", "attributes": {"title": "Ember & Rails", "body": "It's *good*"}, "relationships": {"author": {"data": {"type": "people", "id": "9"}}}}}, "application/vnd.api+json")
    yield _get("/articles?include=author,comments.author&fields[articles]=title,body&filter[author]=9&page[size]=10&sort=-created", ("accept", "application/vnd.api+json"))
    yield _post("/articles/1", [{"op": "test", "path": "/a/b", "value": "C"}, {"op": "replace", "path": "/title", "value": "O'Brien"}, {"op": "add", "path": "/tags/-", "value": "<3"}, {"op": "move", "from": "/a~1b/c", "path": "/d"}], "application/json-patch+json", method="PATCH")
    yield _post("/articles/1", {"title": "Hello!", "author": {"familyName": None}}, "application/merge-patch+json", method="PATCH")
    yield _post("/apis/apps/v1/namespaces/default/deployments/web", {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.27", "command": ["/bin/sh", "-c"], "args": ["exec nginx -g 'daemon off;'"], "env": [{"name": "PATH", "value": "/usr/local/bin:/usr/bin"}]}]}}}}, "application/strategic-merge-patch+json", method="PATCH")
    yield _post("/apis/apps/v1/namespaces/default/configmaps/app", b"apiVersion: v1\nkind: ConfigMap\ndata:\n  nginx.conf: |\n    location / { proxy_pass http://localhost:8080; }\n", "application/apply-patch+yaml", method="PATCH")
    yield Call("DELETE", "/articles/1", headers=(("if-match", '"686897696a7c876b7e"'),))
    yield Call("DELETE", "/cart/items", _j({"ids": [1, 2, 3]}), JSON)
    yield Call("OPTIONS", "/articles/1", headers=(("access-control-request-method", "PATCH"), ("access-control-request-headers", "authorization,content-type,x-request-id"), ("origin", "https://app.example.com")))
    yield Call("HEAD", "/files/report.pdf")
    yield Call("QUERY", "/contacts", b"select=surname,givenname,email&limit=10", FORM)
    yield Call("PUT", "/articles/1/lock", b"", "")
    yield Call("PATCH", "/articles/1", _j({"a": 1}), "application/json;charset=UTF-8")
    yield Call("POST", "/articles/1/publish", b"", "")
    yield Call("PROPFIND", "/dav/files/", b'<?xml version="1.0"?><d:propfind xmlns:d="DAV:"><d:prop><d:getlastmodified/></d:prop></d:propfind>', "application/xml", (("depth", "1"),))
    yield Call("REPORT", "/cal/anna/", b'<c:calendar-query xmlns:c="urn:ietf:params:xml:ns:caldav"><c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>', "text/xml; charset=utf-8")
    yield _post("/soap/orders", b'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body><GetOrder xmlns="http://example.com/"><note>Tom &amp; Jerry &lt;3</note><id xsi:type="xsd:int">42</id></GetOrder></soap:Body></soap:Envelope>', "text/xml; charset=utf-8", ("soapaction", '"http://example.com/GetOrder"'))
    yield _post("/soap12", b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body/></s:Envelope>', 'application/soap+xml; charset=utf-8; action="urn:GetOrder"')
    yield _post("/xmlrpc", b"<?xml version='1.0'?><methodCall><methodName>system.listMethods</methodName><params><param><value><string>it's</string></value></param></params></methodCall>", "text/xml")
    yield _post("/rpc", {"jsonrpc": "2.0", "method": "eth_call", "params": [{"to": "0x6b175474e89094c44da98b954eedeac495271d0f", "data": "0x70a08231000000000000000000000000"}, "latest"], "id": 1})
    yield _post("/mcp", {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "run_query", "arguments": {"question": "how many users signed up from the list last week?"}}}, JSON, ("accept", "application/json, text/event-stream"), ("mcp-session-id", "1868a90c"))
    yield _post("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "system", "content": "You're helpful. Use <b> tags; never run `rm -rf /`."}, {"role": "user", "content": "Write a function that sorts a list & explain: for i in range(10): print(i)"}], "stream": True, "tools": [{"type": "function", "function": {"name": "exec", "parameters": {"type": "object"}}}]})


def _auth(rng: random.Random) -> Iterator[Call]:
    """OAuth 2, OpenID Connect, SAML, loopback redirects (RFC 8252), DPoP, device flow."""
    pkce = token(rng, 43)
    yield _get(f"/authorize?response_type=code&client_id=cli&redirect_uri=http://127.0.0.1:51004/callback&scope=openid%20profile&state={pkce}&code_challenge={pkce}&code_challenge_method=S256")
    yield _get("/authorize?response_type=code&client_id=cli&redirect_uri=" + quote("http://localhost:8400/cb", safe="") + f"&scope=openid+email&nonce={pkce}")
    yield _get("/authorize?client_id=app&redirect_uri=" + quote("http://[::1]:61023/oauth2redirect", safe="") + "&response_type=code")
    yield _get("/authorize?client_id=app&redirect_uri=com.example.app%3A%2Foauth2redirect&response_type=code%20id_token&prompt=select_account&login_hint=anna%40example.com&claims=" + quote('{"id_token":{"email":{"essential":true}}}'))
    yield _get(f"/callback?code={token(rng, 60)}.{token(rng, 20)}&state={quote(base64.b64encode(_j({'returnTo': '/a?b=c&d=e', 'n': pkce})).decode())}&iss=https%3A%2F%2Fid.example.com")
    yield _get("/callback?code=4%2F0AeanS0Z" + token(rng, 50) + "&scope=email+profile+https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fuserinfo.email&authuser=0&prompt=consent")
    yield _get("/login?next=%2Faccount%2Forders%3Fpage%3D2&error=access_denied&error_description=The+user+denied+access")
    yield _get("/logout?post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2F&id_token_hint=" + jwt(rng))
    basic = base64.b64encode(f"client:{token(rng, 30)}".encode()).decode()
    yield _post("/token", f"grant_type=authorization_code&code={token(rng, 40)}&redirect_uri=http%3A%2F%2F127.0.0.1%3A51004%2Fcallback&code_verifier={pkce}".encode(), FORM, ("authorization", f"Basic {basic}"))
    yield _post("/token", ("grant_type=password&username=anna.o%27neil%40example.com&password=" + quote("Tr0ub4dor&3' or so", safe="") + "&scope=offline_access").encode(), FORM)
    yield _post("/token", f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={jwt(rng)}".encode(), FORM)
    yield _post("/token", f"grant_type=refresh_token&refresh_token={token(rng, 90)}&client_id=cli&client_secret={quote(token(rng, 20) + '~!*()', safe='')}".encode(), FORM, ("dpop", jwt(rng)))
    yield _post("/saml/acs", ("SAMLResponse=" + quote(base64.b64encode(b"<samlp:Response xmlns:samlp='urn:oasis:names:tc:SAML:2.0:protocol'><saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'><saml:Subject/></saml:Assertion></samlp:Response>").decode(), safe="") + "&RelayState=https%3A%2F%2Fapp.example.com%2F%23%2Finbox").encode(), FORM)
    yield _post("/webauthn/verify", {"id": token(rng, 43), "rawId": token(rng, 43), "type": "public-key", "response": {"clientDataJSON": base64.urlsafe_b64encode(_j({"type": "webauthn.get", "challenge": pkce, "origin": "https://app.example.com", "crossOrigin": False})).decode().rstrip("="), "authenticatorData": token(rng, 49), "signature": token(rng, 96)}})
    yield _post("/login", {"username": "anna.o'neil@example.com", "password": "'; it's \"my\" pass--word #1 <3 || $5"})
    yield _post("/login", {"email": "max+news@example.com", "password": "1=1 or bust!", "remember": True})
    yield _get("/v1/me", ("authorization", "Bearer " + jwt(rng)), ("x-forwarded-for", "198.51.100.7, 10.0.0.1"), ("forwarded", 'for="[2001:db8::1]";proto=https;by=203.0.113.43'))
    yield _get("/v1/me", ("authorization", f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20241127/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-date, Signature={rng.getrandbits(256):064x}"), ("x-amz-date", "20241127T101530Z"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))
    yield _get("/v1/me", ("authorization", 'Signature keyId="https://example.com/users/anna#main-key",algorithm="rsa-sha256",headers="(request-target) host date",signature="' + base64.b64encode(rng.randbytes(96)).decode() + '"'), ("date", "Wed, 27 Nov 2024 10:15:30 GMT"))
    yield _get("/v1/me", ("authorization", 'Digest username="anna", realm="api@example.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/v1/me", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"'))


def _paths(rng: random.Random) -> Iterator[Call]:
    """Ids with encoded slashes, e-mail addresses, dates, colons, versions, URLs and file names in paths."""
    for path in (
        "/api/v4/projects/group%2Fapp/issues/3?state=opened", "/api/v4/projects/group%2Fsub.group%2Fapp/repository/files/src%2Fmain.py/raw?ref=main",
        "/v1/users/anna.o'neil@example.com", "/v1/users/max%2Bnews%40example.com/orders", "/calendars/anna@example.com/events",
        "/v1/orders/2024-11-27T10:15:30Z", "/v1/projects/p1/topics/t1:publish", "/v1/items/SKU-1(2)", "/v1/tags/c%2B%2B", "/v1/tags/c%23/posts",
        "/wiki/Foo_(bar)", "/wiki/Gr%C3%B6%C3%9Fe", "/wiki/%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0", "/v1/files/a%20b%20(1).pdf", "/v1/geo/52.52,13.40;52.5,13.4",
        "/cars;color=red;year=2024/parts", "/v1/proxy/https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc", "/img/rs:fit:300:300/plain/s3://bucket/a.png@webp",
        "/v2/library/nginx/manifests/sha256:9f1f6f7e2d0e3c1a", "/@scope%2fpackage", "/@types/node/-/node-22.10.0.tgz", "/v1/select/user/from/list", "/.well-known/openid-configuration",
        "/admin/users?role=admin", "/etc/assets/logo.png", "/bin/123/download", "/api/system/config", "/backup/list", "/git/refs/heads/main", "/v1/env/production/variables", "/api/passwd/reset",
        "/v1/hosts/db-1.internal", "/exec/42", "/v1/console/sessions", "/api/v1/namespaces/default/pods/web-0/log?container=app", "/rest/api/2/issue/SHOP-1/comment/10001?expand=renderedBody",
        "/repos/o/r/contents/.github/workflows/ci.yml", "/repos/o/r/compare/main...feature%2Flogin", "/v1/charges/ch_3MmlLr?expand[]=customer&expand[]=invoice.subscription",
        f"/o/{rng.randrange(10**6)}/files/%E2%9C%93%20done.txt", "/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPBdG/readme", "/v1/companies/AT%26T", "/users/d'artagnan",
    ):  # fmt: skip
        yield _get(path)
        yield _post(path, {"name": "x"}, method="PUT")
    yield _get("/redirect?url=https%3A%2F%2Fwww.example.com%2F%3Fa%3Db&amp=1")
    yield _get("/oembed?url=https://www.example.com/watch?v=abc&format=json&maxwidth=600")
    yield _get("/fetch?src=http://192.0.2.10:8080/image.png")


def _webhooks(rng: random.Random) -> Iterator[Call]:
    """Deliveries of payment, code-hosting, chat and mail services."""
    stripe = {"id": "evt_1", "object": "event", "api_version": "2024-11-20.acacia", "created": 1732700000, "data": {"object": {"id": "cs_test_a1", "object": "checkout.session", "metadata": {"order_id": "6735", "note": SENTENCES[1]}, "url": None, "success_url": "https://example.com/ok?session_id={CHECKOUT_SESSION_ID}"}, "previous_attributes": {"status": "open"}}, "type": "checkout.session.completed", "livemode": False, "request": {"id": None, "idempotency_key": None}}
    yield _post("/hooks/stripe", stripe, "application/json; charset=utf-8", ("stripe-signature", f"t=1732700000,v1={rng.getrandbits(256):064x}"), ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"))
    push = {"ref": "refs/heads/main", "before": "0" * 40, "commits": [{"id": "a" * 40, "message": "Fix: don't drop table rows on select; refs #12\n\n* use `SELECT ... FOR UPDATE`\n* escape <script> in titles", "author": {"name": "Anna O'Neil", "email": "anna@example.com"}, "added": ["src/etc/passwd_test.go"], "removed": [], "modified": ["bin/run.sh", ".env.example"]}], "repository": {"full_name": "o/r", "clone_url": "https://github.com/o/r.git", "description": "A <b>tool</b>"}}
    yield _post("/hooks/github", push, JSON, ("x-github-event", "push"), ("x-hub-signature-256", f"sha256={rng.getrandbits(256):064x}"), ("user-agent", "GitHub-Hookshot/044aadd"))
    yield _post("/hooks/github", b"payload=" + quote(json.dumps(push), safe="").encode(), FORM, ("user-agent", "GitHub-Hookshot/044aadd"))
    yield _post("/hooks/slack", f"token={token(rng)}&team_id=T0001&command=%2Fdeploy&text=api+to+prod+--force+%26+notify+%40anna&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1234".encode(), FORM, ("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)"))
    yield _post("/hooks/slack/events", {"type": "event_callback", "event": {"type": "message", "text": "<@U123> see <https://example.com|the docs> &amp; run `ls -la | grep foo`; cc <!here>", "ts": "1355517523.000005", "blocks": [{"type": "rich_text", "elements": []}]}})
    yield _post("/hooks/twilio", b"ToCountry=US&Body=It%27s+ok%2C+1+or+2%3F&From=%2B15005550006&MessageSid=SM4f1c&NumMedia=0", FORM, ("x-twilio-signature", base64.b64encode(rng.randbytes(20)).decode()), ("user-agent", "TwilioProxy/1.1"))
    yield _post("/hooks/shopify", {"id": 1, "email": "anna@example.com", "note": "Please don't ring; leave at #4", "line_items": [{"title": 'R&B <Deluxe> "Box"', "price": "9.99"}], "landing_site": "/?utm_source=x&gclid=abc", "client_details": {"user_agent": "Mozilla/5.0 (X11)"}}, JSON, ("x-shopify-topic", "orders/create"))
    yield _post("/hooks/mail", {"from": "\"O'Neil, Anna\" <anna@example.com>", "subject": "Re: select a date or drop me a line", "html": '<html><head><style>p{color:red}</style></head><body><p>Hi,<br>see <a href="https://example.com/?a=b&c=d" onclick="">this</a></p><img src="cid:logo"></body></html>', "headers": "Received: from mail (localhost [127.0.0.1])\nDKIM-Signature: v=1; a=rsa-sha256; b=abc=="})
    yield _post("/hooks/jira", {"webhookEvent": "comment_created", "comment": {"body": "{code:sql}SELECT * FROM users WHERE id = 1;{code} fails with *ORA-00942*"}})
    yield _post("/sns", json.dumps({"Type": "Notification", "Message": json.dumps({"a": {"b": "it's \"nested\""}}), "TopicArn": "arn:aws:sns:eu-west-1:1:t", "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem"}).encode(), "text/plain; charset=UTF-8", ("x-amz-sns-message-type", "Notification"))
    event = {"specversion": "1.0", "type": "com.example.order.created", "source": "/shop/orders", "id": "A234-1234", "time": "2024-11-27T10:15:30Z", "datacontenttype": "application/json", "data": {"name": "O'Brien", "total": "<100"}}
    yield _post("/events", event, "application/cloudevents+json; charset=UTF-8")
    yield _post("/events", [event, event], "application/cloudevents-batch+json")
    yield _post("/events", {"a": 1}, JSON, ("ce-specversion", "1.0"), ("ce-type", "x.y"), ("ce-source", "/a/b"), ("ce-id", "1"))
    yield _post("/inbox", {"@context": ["https://www.w3.org/ns/activitystreams", {"toot": "http://joinmastodon.org/ns#"}], "type": "Create", "id": "https://social.example/1", "object": {"type": "Note", "content": '<p>He said "no !" and left <a href="https://example.com" rel="nofollow">here</a></p>'}}, "application/activity+json")
    yield _post("/inbox", {"@context": "https://www.w3.org/ns/activitystreams", "type": "Follow"}, 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"')


def _telemetry(rng: random.Random) -> Iterator[Call]:
    """Metrics, traces, logs, errors, analytics, reports that browsers send."""
    span = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}, {"key": "process.command_args", "value": {"arrayValue": {"values": [{"stringValue": "/usr/bin/python3"}, {"stringValue": "-c"}]}}}]}, "scopeSpans": [{"spans": [{"traceId": f"{rng.getrandbits(128):032x}", "name": "SELECT shop.orders", "attributes": [{"key": "db.statement", "value": {"stringValue": "SELECT o.id, o.total FROM orders o WHERE o.user_id = ? ORDER BY o.id LIMIT 10"}}]}]}]}]}
    yield _post("/v1/traces", span)
    yield _post("/v1/traces", gzip.compress(_j(span), mtime=0), JSON, ("content-encoding", "gzip"))
    yield _post("/v1/metrics", rng.randbytes(2000), "application/x-protobuf", ("user-agent", "OTel-OTLP-Exporter-Python/1.28.2"))
    yield _post("/api/v1/write", rng.randbytes(5000), "application/x-protobuf", ("content-encoding", "snappy"), ("x-prometheus-remote-write-version", "0.1.0"))
    yield _post("/write?db=metrics&precision=s", b"cpu,host=web-1,region=eu usage=0.64,idle=99i 1732700000\nmem,host=web-1 free=1024i 1732700000\n", "text/plain")
    lines = b"".join(_j({"index": {"_index": "logs"}}) + b"\n" + _j({"@timestamp": "2024-11-27T10:15:30Z", "message": f"GET /a?id={n} 200 -- \"Mozilla/5.0\" 'ok' took 3ms", "level": "info"}) + b"\n" for n in range(50))
    yield _post("/_bulk", lines, "application/x-ndjson")
    yield _post("/logs", lines, "application/x-ndjson; charset=utf-8")
    yield _post("/logs", b"".join(b"\x1e" + _j({"n": n, "text": "it's"}) + b"\n" for n in range(20)), "application/json-seq")
    yield _post("/logs", lines, "application/jsonl")
    envelope = _j({"event_id": "9ec79c33ec9942ab8353589fcb2e04dc", "dsn": "https://e12d836b@o1.ingest.sentry.io/2"}) + b"\n" + _j({"type": "event"}) + b"\n" + _j({"exception": {"values": [{"type": "TypeError", "value": "Cannot read properties of undefined (reading 'map')", "stacktrace": {"frames": [{"filename": "app:///main.js", "function": "eval", "context_line": "  const x = document.cookie.split(';')[0]; eval(x)"}]}}]}, "request": {"url": "https://app.example.com/?q=<b>"}}) + b"\n"
    yield _post("/api/2/envelope/?sentry_key=e12d836b&sentry_version=7&sentry_client=sentry.javascript.react%2F8.40.0", envelope, "text/plain;charset=UTF-8")
    yield _post("/api/2/envelope/", envelope, "application/x-sentry-envelope")
    csp = {"csp-report": {"document-uri": "https://example.com/a?b=c", "violated-directive": "script-src-elem", "original-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'nonce-abc' https://cdn.example.com; object-src 'none'", "blocked-uri": "inline", "script-sample": "alert(document.cookie)", "status-code": 200, "line-number": 12}}
    yield _post("/csp", csp, "application/csp-report")
    yield _post("/reports", [{"type": "csp-violation", "age": 10, "url": "https://example.com/", "user_agent": "Mozilla/5.0", "body": {"blockedURL": "eval", "sample": 'new Function("return this")()', "effectiveDirective": "script-src"}}, {"type": "network-error", "body": {"type": "tcp.refused"}}], "application/reports+json")
    yield _get("/collect?v=2&tid=G-ABC&cid=1.2&en=page_view&dl=https%3A%2F%2Fexample.com%2F%3Fq%3Dselect%26x%3D1&dt=R%26B%20%E2%80%93%20Shop&ep.method=Google&_p=1&sr=1920x1080&ul=en-us&_et=12&uafvl=Chromium%3B131.0.6778.86")
    yield _post("/collect", b"v=1&t=event&ec=ui&ea=click&el=Don%27t+ask+%22again%22&dl=https%3A%2F%2Fexample.com%2F%23%2Finbox", "text/plain;charset=UTF-8")
    yield _post("/track", b"data=" + quote(base64.b64encode(_j({"event": "$pageview", "properties": {"$current_url": "https://example.com/?a=<b>", "token": "x"}})).decode(), safe="").encode(), FORM)
    yield _post("/e/?ip=1&_=1732700000000&ver=1.194.0&compression=gzip-js", gzip.compress(_j([{"event": "$autocapture", "properties": {"$el_text": "Log in", "$elements": [{"tag_name": "button", "attr__onclick": "go()", "attr__href": "javascript:void(0)", "nth_child": 1}]}}]), mtime=0), "text/plain")
    yield _post("/e/", b"data=" + quote(base64.b64encode(_j([{"event": "click"}])).decode(), safe="").encode(), FORM)
    yield _post("/rum", {"entries": [{"name": "https://cdn.example.com/a.js?v=1", "initiatorType": "script", "duration": 12.1}], "xpath": "/html/body/div[2]/form/input[@name='q']", "selector": "div > a.btn:nth-child(2)"})
    yield _get("/pixel.gif?u=" + quote("https://example.com/?utm_source=a&utm_medium=b", safe="") + "&r=&ua=Mozilla%2F5.0%20(Windows%20NT%2010.0%3B%20Win64%3B%20x64)")
    yield _get("/v1/me", ("cookie", 'mp_1_mixpanel={"distinct_id":"u","$device_id":"d","$initial_referrer":"https://example.com"}'))
    for _ in range(60):
        yield _get(f"/v1/items?page={rng.randrange(9)}", ("cookie", cookies(rng)))


def _binary(rng: random.Random) -> Iterator[Call]:
    """Messages of gRPC and its web forms, Connect, protobuf, CBOR, MessagePack, Avro, octet-stream, tus, byte ranges."""
    for _ in range(12):
        message = rng.randbytes(rng.randint(5, 3000))
        framed = b"\0" + struct.pack(">I", len(message)) + message
        text = b"\n\x0bAnna O'Neil\x12\x1dselect * or <b>drop</b> -- it\x18\x01"
        spoken = b"\0" + struct.pack(">I", len(text)) + text
        yield _post("/shop.v1.Orders/Get", framed, "application/grpc", ("te", "trailers"), ("grpc-timeout", "1S"), ("grpc-accept-encoding", "identity,deflate,gzip"), ("user-agent", "grpc-go/1.68.0"))
        yield _post("/shop.v1.Orders/Get", spoken, "application/grpc+proto", ("te", "trailers"), ("user-agent", "grpc-java-netty/1.68.1"))
        yield _post("/shop.v1.Orders/Get", framed, "application/grpc-web+proto", ("x-grpc-web", "1"))
        yield _post("/shop.v1.Orders/Get", base64.b64encode(framed), "application/grpc-web-text", ("x-grpc-web", "1"))
        yield _post("/shop.v1.Orders/Get", message, "application/proto", ("connect-protocol-version", "1"))
        yield _post("/shop.v1.Orders/Get", {"id": 1}, "application/connect+json", ("connect-protocol-version", "1"))
        yield _post("/items", message, "application/x-protobuf")
        yield _post("/items", message, "application/vnd.google.protobuf")
        yield _post("/items", message, "application/cbor")
        yield _post("/items", message, "application/msgpack")
        yield _post("/items", message, "application/x-msgpack")
        yield _post("/items", message, "avro/binary")
        yield _post("/blobs/1", message, "application/octet-stream", method="PUT")
        yield _post("/files/24e533e", message, "application/offset+octet-stream", ("tus-resumable", "1.0.0"), ("upload-offset", "70"), method="PATCH")
        yield _post("/v3/files/1", message, "application/octet-stream", ("content-range", "bytes 0-99/2000"), method="PUT")
        yield _post("/git-upload-pack", message, "application/x-git-upload-pack-request")
    yield _get("/files/1", ("range", "bytes=0-1023"), ("if-range", '"abc"'))
    yield _get("/stream", ("accept", "text/event-stream"), ("last-event-id", "42"))


def _bulk(rng: random.Random) -> Iterator[Call]:
    """Imports of 1,000 to 20,000 leaves, up to 1.1 MB."""

    def row(number: int) -> dict[str, Any]:
        return {"sku": f"SKU-{number:06}", "name": rng.choice(("Runner", "Levi's 501", "Tom & Jerry mug", 'TV 42"')), "price": rng.randrange(10_000) / 100, "tags": ["a", "b"], "stock": {"de": rng.randrange(99), "fr": 0}, "note": rng.choice(SENTENCES)}

    for rows in (125, 250, 500, 1000, 1400, 2500):
        items = [row(n) for n in range(rows)]
        yield _post("/import", {"items": items})
        yield _post("/import", items, method="PUT")
        yield _post("/import", b"".join(_j(each) + b"\n" for each in items), "application/x-ndjson")
    yield _post("/import", {"items": [row(n) for n in range(5200)]})
    yield _post("/import", {"points": [[round(rng.random(), 4), rng.randrange(100)] for _ in range(10_000)]})
    yield _post("/import", {"ids": [rng.randrange(10**9) for _ in range(20_000)]})
    yield _post("/import", {"embedding": [rng.random() for _ in range(3072)]})
    yield _post("/import", {f"key-{n}": n for n in range(5000)})
    yield _post("/import", {"html": "<p>" + " ".join(rng.choice(SENTENCES[:1] + SENTENCES[3:]) for _ in range(15_000)) + "</p>"})
    yield _post("/import", {"image": "data:image/png;base64," + base64.b64encode(rng.randbytes(500_000)).decode()})
    yield _post("/import", "&".join(f"rows[{n}][name]=a{n}&rows[{n}][qty]={n}" for n in range(700)).encode(), FORM)
    yield _post("/import", ("<items>" + "".join(f"<item id='{n}'><name>a{n}</name><qty>{n}</qty></item>" for n in range(3000)) + "</items>").encode(), "application/xml")
    yield _get("/items?ids=" + ",".join(str(rng.randrange(10**6)) for _ in range(400)))
    yield _get("/items?" + "&".join(f"id={rng.randrange(10**6)}" for _ in range(300)))
    yield _post("/import", json.dumps({"rows": [row(n) for n in range(300)]}, indent=4).encode())
    feature = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[rng.random() * 90, rng.random() * 90] for _ in range(200)]]}, "properties": {"name": "Côte d'Ivoire"}} for _ in range(20)]}
    yield _post("/geo", feature, "application/geo+json")


def _names(_: random.Random) -> Iterator[Call]:
    """Keys and headers with names that rules know as words of attacks."""
    for key in ("credentials", "history", "$filter", "$type", "first", "last", "$ref", "$schema", "$id", "__typename", "_method", "exec", "cmd", "command", "eval", "system", "user", "users", "select", "from", "where", "order", "union", "table", "drop", "insert", "passwd", "shadow", "env", "cookie", "document", "script", "onload", "onclick", "style", "href", "src", "iframe", "constructor.name", "prototypes", "class", "class.name", "path", "file", "include", "require", "process", "import", "shell", "bash", "ping", "sleep", "delay", "time", "date", "id", "uname", "who", "cat", "ls", "url", "uri", "redirect", "data", "php", "config", "backup", "log", "logs", "debug", "test", "in", "or", "and", "not", "like", "as", "is", "null", "true", "@type", "@id", "@context", "x:y", "a.b.c", "a/b", "a b", "a-b", "größe", "имя", "名前", "%", "100%", "price_€", "#", "?", "if", "for", "while", "function", "return", "var", "let", "const", "lambda", "def", "print", "echo"):
        yield _post("/v1/things", {key: "value", "nested": {key: 1, "list": [{key: None}]}})
        yield _get(f"/v1/things?{quote(key)}=value")
        yield _post("/v1/things", f"{quote(key)}=value&item%5B{quote(key)}%5D=1".encode(), FORM)
    headers: Headers = (("x-correlation-id", "abc/def:1"), ("x-api-version", "2024-11-27"), ("x-http-method-override", "PATCH"), ("prefer", "return=representation; wait=10, respond-async"), ("if-none-match", 'W/"67ab43", "54ed21"'), ("idempotency-key", '"8e03978e-40d5-43e8-bc93-6894a57f9324"'), ("x-original-url", "/a/b?c=d"), ("x-goog-field-mask", "places.displayName,places.id"), ("x-tenant", "O'Brien & Sons"), ("x-user-name", "=?UTF-8?B?QW5uYQ==?="), ("x-amz-meta-note", "select a file; or drop it"), ("x-query", "status=open&sort=-id"), ("x-filter", '{"a":{"$gt":1}}'), ("priority", "u=1, i"), ("dnt", "1"), ("via", "1.1 google, 1.1 varnish (Varnish/6.6)"), ("x-envoy-expected-rq-timeout-ms", "15000"), ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"), ("link", '<https://example.com/?page=2>; rel="next"'), ("content-disposition", "attachment; filename=\"O'Brien.pdf\""), ("content-language", "de-DE"), ("digest", "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="), ("content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ=="), ("expect", "100-continue"), ("x-requested-with", "XMLHttpRequest"), ("x-csrf-token", "abc=="), ("authorization", "ApiKey a:b/c+d=="), ("authorization", "Token token=\"abc\", nonce=\"d'ef\""))
    for header in headers:
        yield _post("/v1/things", {"a": 1}, JSON, header)


# fmt: on
GROUPS: Final = {
    "odata": _odata,
    "query languages": _queries,
    "standards": _standards,
    "auth": _auth,
    "paths": _paths,
    "webhooks": _webhooks,
    "telemetry": _telemetry,
    "binary": _binary,
    "bulk": _bulk,
    "names": _names,
}  # fmt: skip
CLIENT_ROUNDS: Final = 3
"""Each call is sent by so many clients."""


def samples(rounds: int = CLIENT_ROUNDS) -> Iterator[Sample]:
    """Every idiom, each sent by some clients."""
    for group, make in GROUPS.items():
        for number, call in enumerate(make(chance("idioms", group))):
            for turn in range(1 if group == "bulk" else rounds):
                name = f"{call.method} {call.target[:80]} {call.content_type}".rstrip()
                yield sent(f"idioms: {group}", name, call, chance("idioms", group, number, turn))


__all__ = ["GROUPS", "Part", "samples"]
