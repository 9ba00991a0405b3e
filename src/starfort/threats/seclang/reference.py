"""Lists which parts of SecLang are supported, which are not, and why.

Names and meanings are those of the ModSecurity 3 reference manual. `docs/seclang.md` is made from these lists
(`python -m starfort.threats.seclang.document`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Support(Enum):
    """How far a name of the language is supported."""

    YES = "yes"
    NOTED = "accepted, has no effect"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the language.

    Attributes:
        what: the meaning of the name, in a few words.
        support: how far the name is supported.
        note: for NOTED what Starfort does instead; for NO why the name is refused, and what to use instead.
    """

    what: str
    support: Support = Support.YES
    note: str = ""

    @property
    def supported(self) -> bool:
        """Whether a rule file may contain the name."""
        return self.support is not Support.NO


def _no(what: str, note: str) -> Entry:
    return Entry(what, Support.NO, note)


def _noted(what: str, note: str) -> Entry:
    return Entry(what, Support.NOTED, note)


def suggestion(name: str, known: Mapping[str, Entry]) -> str:
    """A hint for an unknown name: the supported name that is most similar."""
    # Only supported names: the hint must not lead to the next error.
    lower = {key.lower(): key for key, entry in known.items() if entry.supported}
    close = difflib.get_close_matches(name.lower(), lower, 1)
    return f"did you mean {lower[close[0]]}?" if close else "docs/seclang.md lists what there is"


_EVENT: Final = "the event that is recorded for every request takes its place"
_SERVER: Final = "a matter of a web server; Starfort is a proxy and has no such thing"

# Unsupported names are listed too, so that an error says why and what to do instead of "unknown".
DIRECTIVES: Final[dict[str, Entry]] = {
    "Include": Entry("reads other files, relative to the file it stands in; `*`, `?` and `[…]` match names"),
    "IncludeOptional": Entry("as `Include`; no match is no error"),
    "SecRule": Entry("a rule: targets, operator, actions"),
    "SecAction": Entry("a rule that always matches"),
    "SecMarker": Entry("where `skipAfter` goes to"),
    "SecDefaultAction": Entry("actions that the rules after it, of its phase, begin with; see below"),
    "SecRuleRemoveById": Entry("takes out rules by id or range"),
    "SecRuleRemoveByTag": Entry("takes out rules by tag (regular expression)"),
    "SecRuleRemoveByMsg": Entry("takes out rules by message (regular expression)"),
    "SecRuleUpdateTargetById": Entry("adds, excludes or replaces targets of rules by id or range"),
    "SecRuleUpdateTargetByTag": Entry("the same by tag"),
    "SecRuleUpdateTargetByMsg": Entry("the same by message"),
    "SecRuleUpdateActionById": Entry(
        "changes the actions of a rule; `ID:1` means the second link of its chain"
    ),
    "SecRuleEngine": Entry("`On`, `DetectionOnly` or `Off`"),
    "SecRequestBodyAccess": Entry("whether rules see request bodies"),
    "SecRequestBodyLimit": Entry("bytes of a request body that rules see; 134,217,728 if not given"),
    "SecRequestBodyNoFilesLimit": Entry(
        "bytes of a request body without its files, beyond which REQBODY_ERROR is 1; no limit if not given"
    ),
    "SecRequestBodyLimitAction": Entry(
        "for a body over a limit: `Reject` interrupts with 413, `ProcessPartial` looks at what is within"
    ),
    "SecRequestBodyJsonDepthLimit": Entry("deepest nesting of a JSON body"),
    "SecArgumentsLimit": Entry("how many arguments are read, query and body together"),
    "SecArgumentSeparator": Entry("character between arguments"),
    "SecResponseBodyAccess": Entry("whether rules see response bodies"),
    "SecResponseBodyMimeType": Entry("media types of response bodies that rules see"),
    "SecResponseBodyMimeTypesClear": Entry("forgets the media types named before"),
    "SecResponseBodyLimit": Entry("bytes of a response body that rules see"),
    "SecResponseBodyLimitAction": Entry(
        "for a body over the limit: `Reject` interrupts with 500, `ProcessPartial` looks at what is within"
    ),
    "SecCookieFormat": Entry("0: cookies as browsers send them; 1: as RFC 2109 has them"),
    "SecCookieV0Separator": _no(
        "character between cookies", "cookies are separated by semicolons (RFC 6265)"
    ),
    "SecUnicodeMapFile": Entry("file and code page that `urlDecodeUni` maps `%uHHHH` by"),
    "SecCollectionTimeout": Entry("seconds after which a collection's record is forgotten"),
    "SecComponentSignature": Entry("name and version of a rule set, shown by `status`"),
    "SecWebAppId": Entry("sets WEBAPPID; keeps SESSION and USER records of applications apart"),
    "SecUploadFileLimit": Entry("how many files of a multipart body are read"),
    # The `regex` crate has no backtracking, so these limits of PCRE have nothing to limit.
    "SecPcreMatchLimit": _noted(
        "limit of PCRE", "regular expressions take linear time here and need no limit"
    ),
    "SecPcreMatchLimitRecursion": _noted(
        "limit of PCRE", "regular expressions take linear time here and need no limit"
    ),
    "SecTmpDir": _noted("folder for temporary files", "bodies are never written to files"),
    "SecDataDir": _noted("folder for collections", "collections live in memory"),
    "SecUploadDir": _noted("folder for uploads", "uploads are never kept"),
    "SecUploadKeepFiles": _noted("keeps uploads", "uploads are never kept"),
    "SecUploadFileMode": _noted("mode of kept uploads", "uploads are never kept"),
    "SecRequestBodyInMemoryLimit": _noted("bytes in memory", "bodies stay in memory, up to the body limit"),
    "SecTmpSaveUploadedFiles": _noted("writes uploads", "bodies are never written to files"),
    "SecDebugLog": _noted("file of the debug log", "`starfort rules explain` and the log of the filter"),
    "SecDebugLogLevel": _noted(
        "level of the debug log", "`starfort rules explain` and the log of the filter"
    ),
    "SecAuditEngine": _noted("audit log", _EVENT),
    "SecAuditLog": _noted("audit log", _EVENT),
    "SecAuditLog2": _noted("audit log", _EVENT),
    "SecAuditLogDirMode": _noted("audit log", _EVENT),
    "SecAuditLogFileMode": _noted("audit log", _EVENT),
    "SecAuditLogFormat": _noted("audit log", _EVENT),
    "SecAuditLogParts": _noted("audit log", _EVENT),
    "SecAuditLogPrefix": _noted("audit log", _EVENT),
    "SecAuditLogRelevantStatus": _noted("audit log", _EVENT),
    "SecAuditLogStorageDir": _noted("audit log", _EVENT),
    "SecAuditLogType": _noted("audit log", _EVENT),
    "SecServerSignature": _noted("`Server` header", "remove or set the header at the upstream"),
    "SecStatusEngine": _noted(
        "sends the version to the ModSecurity project", "Starfort sends nothing anywhere"
    ),
    "SecConnEngine": _noted("connection limits", "a policy with `limit`"),
    "SecInterceptOnError": _noted("blocks on internal errors", "`failure_mode` in `starfort.yaml`"),
    "SecXmlExternalEntity": _noted("external entities of XML", "they are never loaded"),
    "SecParseXmlIntoArgs": _no("text of XML elements as arguments", "use XML:/*"),
    # Lua, `exec` and `inspectFile` would run programs of others inside the proxy.
    "SecRuleScript": _no(
        "a rule as Lua program", "no program runs inside the proxy: write a SecRule or a policy"
    ),
    "SecRuleInheritance": _no(
        "rules of outer contexts", "there are no contexts: give each API its own `rules:`"
    ),
    "SecRemoteRules": _no("rules from a server", "fetch the file, pin it, and `Include` it"),
    "SecRemoteRulesFailAction": _no("rules from a server", "fetch the file, pin it, and `Include` it"),
    "SecRulePerfTime": _no("logs slow rules", "`make bench-engine` shows in which phase the time goes"),
    "SecGeoLookupDb": _noted("database of `@geoLookup`", "`geo:` in `starfort.yaml`"),
    "SecGsbLookupDb": _no("Google Safe Browsing", "the service no longer offers such a database"),
    "SecGuardianLog": _no("log to a program", _EVENT),
    "SecHashEngine": _no("signs links in pages", "Starfort does not rewrite pages"),
    "SecHashKey": _no("signs links in pages", "Starfort does not rewrite pages"),
    "SecHashParam": _no("signs links in pages", "Starfort does not rewrite pages"),
    "SecHashMethodRx": _no("signs links in pages", "Starfort does not rewrite pages"),
    "SecHashMethodPm": _no("signs links in pages", "Starfort does not rewrite pages"),
    "SecContentInjection": _no("puts text into pages", "Starfort does not rewrite pages"),
    "SecStreamInBodyInspection": _no("STREAM_INPUT_BODY", "use REQUEST_BODY"),
    "SecStreamOutBodyInspection": _no("STREAM_OUTPUT_BODY", "use RESPONSE_BODY"),
    "SecDisableBackendCompression": _no(
        "changes Accept-Encoding", "compressed responses are decompressed here"
    ),
    "SecChrootDir": _no("chroot", _SERVER),
    "SecCacheTransformations": _noted(
        "cache of transformations", "each chain is computed once per value anyway"
    ),
    "SecReadStateLimit": _no("slow connections", "Envoy's timeouts"),
    "SecWriteStateLimit": _no("slow connections", "Envoy's timeouts"),
    "SecConnReadStateLimit": _no("slow connections", "Envoy's timeouts"),
    "SecConnWriteStateLimit": _no("slow connections", "Envoy's timeouts"),
    "SecSensorId": _noted("name of this sensor", "events carry the name of their node"),
    "SecDataset": Entry(
        "a list in backticks, a record a line, for `@pmFromDataset` and `@ipMatchFromDataset`"
    ),
    "SecRxPreFilter": _noted(
        "asks patterns only of values with their literals", "patterns are always asked so here"
    ),
    "SecIgnoreRuleCompilationErrors": _noted(
        "loads the rules around a faulty one", "rules with an error never replace rules that work"
    ),
    "SecResponseBodyJsonDepthLimit": _noted(
        "deepest nesting of a JSON response", "responses are not parsed: rules see RESPONSE_BODY"
    ),
    "SecUnicodeMap": _noted("code page; Coraza ignores it too", "use SecUnicodeMapFile"),
    "SecUnicodeCodePage": _no("code page, in old versions", "name it behind the file: SecUnicodeMapFile"),
    "SecAuditLogDir": _noted("audit log", _EVENT),
    "SecWriteUploadedFiles": _noted("writes uploads", "uploads are never kept"),
    "SecHttpBlKey": _no("key of a DNS block list", "the request path asks no DNS: use `lists:` with a file"),
}

VARIABLES: Final[dict[str, Entry]] = {
    "ARGS": Entry("arguments of query and body"),
    "ARGS_COMBINED_SIZE": Entry("bytes of all argument names and values"),
    "ARGS_GET": Entry("arguments of the query"),
    "ARGS_GET_NAMES": Entry("their names"),
    "ARGS_NAMES": Entry("names of all arguments"),
    "ARGS_POST": Entry("arguments of the body"),
    "ARGS_POST_NAMES": Entry("their names"),
    "ARGUMENTS_LIMIT_REACHED": Entry("1: there are more arguments than SecArgumentsLimit (Coraza)"),
    "AUTH_TYPE": Entry("scheme of the Authorization header"),
    "DURATION": Entry("microseconds since the request began"),
    "FILES": Entry("original names of uploaded files"),
    "FILES_COMBINED_SIZE": Entry("bytes of all uploaded files"),
    "FILES_NAMES": Entry("form fields of uploaded files"),
    "FILES_SIZES": Entry("bytes of each uploaded file"),
    "FILES_TMP_CONTENT": Entry("contents of uploaded files"),
    "FULL_REQUEST": Entry("request line, headers and body"),
    "FULL_REQUEST_LENGTH": Entry("its bytes"),
    "GEO": Entry("what `@geoLookup` found"),
    "GLOBAL": Entry("collection for all requests"),
    "HIGHEST_SEVERITY": Entry("most severe match so far (0 is the worst, 255 none)"),
    "INBOUND_DATA_ERROR": Entry("1: the request body is over its limit, else 0"),
    "IP": Entry("collection by address"),
    "MATCHED_VAR": Entry("value of the last match"),
    "MATCHED_VARS": Entry("values that the rule matched, of its whole chain so far"),
    "MATCHED_VARS_NAMES": Entry("their names"),
    "MATCHED_VAR_NAME": Entry("name of the last match"),
    "MODSEC_BUILD": Entry("version as a number, that of ModSecurity 3.0.14 (030014000)"),
    "MULTIPART_BOUNDARY_QUOTED": Entry("1: the boundary is quoted"),
    "MULTIPART_BOUNDARY_WHITESPACE": Entry("1: the boundary has blanks"),
    "MULTIPART_CRLF_LF_LINES": Entry("1: line ends are mixed"),
    "MULTIPART_DATA_AFTER": Entry("1: data after the last boundary"),
    "MULTIPART_DATA_BEFORE": Entry("1: data before the first boundary"),
    "MULTIPART_DUPLICATE_PART_HEADER": Entry("1: a part has a header twice (Coraza)"),
    "MULTIPART_FILENAME": Entry("file name of the last part"),
    "MULTIPART_FILE_LIMIT_EXCEEDED": Entry("1: too many files"),
    "MULTIPART_HEADER_FOLDING": Entry("1: folded header"),
    "MULTIPART_INVALID_HEADER_FOLDING": Entry("1: folded with other than blank or tab"),
    "MULTIPART_INVALID_PART": Entry("1: a part has no usable header"),
    "MULTIPART_INVALID_QUOTING": Entry("1: a parameter is quoted wrongly"),
    "MULTIPART_LF_LINE": Entry("1: a line ends with LF alone"),
    "MULTIPART_MISSING_SEMICOLON": Entry("1: no semicolon before the boundary"),
    "MULTIPART_NAME": Entry("field name of the last part"),
    "MULTIPART_PART_HEADERS": Entry("headers of the parts, by field name"),
    "MULTIPART_STRICT_ERROR": Entry("1: any of the errors above"),
    "MULTIPART_UNMATCHED_BOUNDARY": Entry("1: a line that looks like a boundary and is none"),
    "OUTBOUND_DATA_ERROR": Entry("1: the response body is over its limit, else 0"),
    "PATH_INFO": Entry("the path, as REQUEST_FILENAME"),
    "QUERY_STRING": Entry("the query, not decoded"),
    "REMOTE_ADDR": Entry("address of the client, through trusted proxies"),
    "REMOTE_HOST": Entry("the same; names are not looked up"),
    "REMOTE_PORT": Entry("its port; 0 behind Envoy, where the filter does not ask for it"),
    "REMOTE_USER": Entry("user of Basic authentication"),
    "REQBODY_ERROR": Entry("1: the body could not be parsed as its type says"),
    "REQBODY_ERROR_MSG": Entry("why"),
    "REQBODY_PROCESSOR": Entry("URLENCODED, MULTIPART, XML, JSON or nothing"),
    "REQBODY_PROCESSOR_ERROR": Entry("as REQBODY_ERROR"),
    "REQBODY_PROCESSOR_ERROR_MSG": Entry("as REQBODY_ERROR_MSG"),
    "REQUEST_BASENAME": Entry("last segment of the path"),
    "REQUEST_BODY": Entry("body of form posts, and where `ctl:forceRequestBodyVariable=On`"),
    "REQUEST_BODY_LENGTH": Entry("bytes of the body, 0 where there is none"),
    "REQUEST_COOKIES": Entry("cookies"),
    "REQUEST_COOKIES_NAMES": Entry("their names"),
    "REQUEST_FILENAME": Entry("the path, decoded once"),
    "REQUEST_HEADERS": Entry("headers"),
    "REQUEST_HEADERS_NAMES": Entry("their names"),
    "REQUEST_LINE": Entry("method, target and version"),
    "REQUEST_METHOD": Entry("method"),
    "REQUEST_PROTOCOL": Entry("version, such as HTTP/1.1"),
    "REQUEST_URI": Entry("path and query, decoded once"),
    "REQUEST_URI_RAW": Entry("the target as sent"),
    "RESOURCE": Entry("collection of `initcol:resource`"),
    "RESPONSE_BODY": Entry("body of the response"),
    "RESPONSE_CONTENT_LENGTH": Entry("its bytes"),
    "RESPONSE_CONTENT_TYPE": Entry("its type"),
    "RESPONSE_HEADERS": Entry("headers of the response"),
    "RESPONSE_HEADERS_NAMES": Entry("their names"),
    "RESPONSE_PROTOCOL": Entry("version of the response"),
    "RESPONSE_STATUS": Entry("status"),
    "RESPONSE_XML": _no(
        "an XML body of the response, by XPath", "use RESPONSE_BODY: responses are not parsed"
    ),
    "RULE": Entry("id, rev, ver, severity, logdata and msg of the rule itself, those that it has"),
    "SERVER_ADDR": Entry("address the client connected to; absent behind Envoy"),
    "SERVER_NAME": Entry("host of the request"),
    "SERVER_PORT": Entry("port the client connected to; 0 behind Envoy"),
    "SESSION": Entry("collection of `setsid`"),
    "SESSIONID": Entry("its key"),
    "STARFORT_ARGS": Entry(
        "Starfort's own: path segments, credentials, custom headers, and what decoders make of values"
    ),
    "STARFORT_ARGS_NAMES": Entry("their names"),
    "STARFORT_GRAPHQL": Entry(
        "Starfort's own, of GraphQL: document, field, depth, fields, aliases, directives, introspection"
    ),
    "STATUS": _no("the status; in no manual", "use RESPONSE_STATUS"),
    "STATUS_LINE": Entry("version and status of the response"),
    "TIME": Entry("hh:mm:ss (UTC)"),
    "TIME_DAY": Entry("day of the month"),
    "TIME_EPOCH": Entry("seconds since 1970"),
    "TIME_HOUR": Entry("hour"),
    "TIME_MIN": Entry("minute"),
    "TIME_MON": Entry("month, from 0"),
    "TIME_SEC": Entry("second"),
    "TIME_WDAY": Entry("day of the week, Sunday is 0"),
    "TIME_YEAR": Entry("year"),
    "TX": Entry("collection for this request; TX:0 to TX:9 hold captures"),
    "UNIQUE_ID": Entry("id of the request"),
    "URI_PARSE_ERROR": Entry("1: the path has a wrong %HH (Coraza)"),
    "URLENCODED_ERROR": Entry("1: a form body is not encoded as it should be"),
    "USER": Entry("collection of `setuid`"),
    "USERID": Entry("its key"),
    "WEBAPPID": Entry("name from SecWebAppId"),
    "XML": Entry("an XML body, by XPath: `XML:/*` is all its text, `XML://@*` its attribute values"),
    "ENV": Entry("what `setenv` set; never the proxy's own environment"),
    "FILES_TMPNAMES": _no("temporary files", "bodies are never written to files: use FILES_TMP_CONTENT"),
    "MSC_PCRE_LIMITS_EXCEEDED": Entry("always 0: regular expressions take linear time here"),
    "MSC_PCRE_ERROR": Entry("always 0: regular expressions take linear time here"),
    "PERF_ALL": _no("timings", "the filter's metrics"),
    "REQUEST_USER": _no("not of version 3", "use REMOTE_USER"),
    "SCRIPT_BASENAME": _no("file on the server", _SERVER),
    "SCRIPT_FILENAME": _no("file on the server", _SERVER),
    "SCRIPT_GID": _no("file on the server", _SERVER),
    "SCRIPT_GROUPNAME": _no("file on the server", _SERVER),
    "SCRIPT_MODE": _no("file on the server", _SERVER),
    "SCRIPT_UID": _no("file on the server", _SERVER),
    "SCRIPT_USERNAME": _no("file on the server", _SERVER),
    "SDBM_DELETE_ERROR": _no("errors of the collection file", "collections live in memory"),
    "STREAM_INPUT_BODY": _no("body for `@rsub`", "use REQUEST_BODY"),
    "STREAM_OUTPUT_BODY": _no("body for `@rsub`", "use RESPONSE_BODY"),
    "USERAGENT_IP": _no("Apache 2.4's client address", "use REMOTE_ADDR"),
    "WEBSERVER_ERROR_LOG": _no("Apache's log", _SERVER),
    "ARGS_PATH": _no("what Coraza's `@restpath` found", "name endpoints with {parameters} in a document"),
    "ARGS_RAW": _no("arguments not decoded, of Coraza", "use QUERY_STRING or REQUEST_BODY"),
    "ARGS_GET_RAW": _no("arguments not decoded, of Coraza", "use QUERY_STRING"),
    "ARGS_POST_RAW": _no("arguments not decoded, of Coraza", "use REQUEST_BODY"),
    "JSON": _no("never filled by Coraza", "members of a JSON body are ARGS:json.…"),
    "MULTIPART_FILENAME_CHARSET": _no("charset of `filename*`, of Coraza", "use MULTIPART_PART_HEADERS"),
    "MULTIPART_FILENAME_LANGUAGE": _no("language of `filename*`, of Coraza", "use MULTIPART_PART_HEADERS"),
    "RESPONSE_ARGS": _no(
        "members of a JSON response, of Coraza", "use RESPONSE_BODY: responses are not parsed"
    ),
    "RES_BODY_ERROR": _no("of Coraza's reading of responses", "responses are not parsed"),
    "RES_BODY_ERROR_MSG": _no("of Coraza's reading of responses", "responses are not parsed"),
    "RES_BODY_PROCESSOR": _no("of Coraza's reading of responses", "responses are not parsed"),
    "RES_BODY_PROCESSOR_ERROR": _no("of Coraza's reading of responses", "responses are not parsed"),
    "RES_BODY_PROCESSOR_ERROR_MSG": _no("of Coraza's reading of responses", "responses are not parsed"),
}

COLLECTIONS: Final = frozenset(
    {
        "ARGS", "ARGS_GET", "ARGS_GET_NAMES", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES", "FILES",
        "FILES_NAMES", "FILES_SIZES", "FILES_TMP_CONTENT", "GEO", "GLOBAL", "IP", "MATCHED_VARS",
        "MATCHED_VARS_NAMES", "MULTIPART_FILENAME", "MULTIPART_NAME", "MULTIPART_PART_HEADERS",
        "ENV", "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES", "REQUEST_HEADERS", "REQUEST_HEADERS_NAMES",
        "RESOURCE", "RESPONSE_HEADERS", "RESPONSE_HEADERS_NAMES", "RULE", "SESSION", "STARFORT_ARGS",
        "STARFORT_ARGS_NAMES",
        "STARFORT_GRAPHQL", "TX",
        "USER", "XML",
    }
)  # fmt: skip
"""The variables with members. A selector (`NAME:member`) on any other variable is an error."""

OPERATORS: Final[dict[str, Entry]] = {
    "beginsWith": Entry("the value begins with the text"),
    "contains": Entry("the value has the text in it"),
    "containsWord": Entry("the same, between characters that belong to no word"),
    "detectSQLi": Entry("SQL injection, by the token fingerprints of libinjection"),
    "detectXSS": Entry("cross-site scripting, by the tokens of libinjection"),
    "endsWith": Entry("the value ends with the text"),
    "eq": Entry("the number is equal"),
    "ge": Entry("the number is greater or equal"),
    "geoLookup": Entry("looks an address up and fills GEO"),
    "gt": Entry("the number is greater"),
    "ipMatch": Entry("the address is one of these, or in one of these networks"),
    "ipMatchFromDataset": Entry("the same, from a SecDataset"),
    "ipMatchFromFile": Entry("the same, from files; also `@ipMatchF`"),
    "le": Entry("the number is less or equal"),
    "lt": Entry("the number is less"),
    "noMatch": Entry("never matches"),
    "pm": Entry("one of these phrases is in it, in any case"),
    "pmFromDataset": Entry("the same, from a SecDataset"),
    "pmFromFile": Entry("the same, from files; also `@pmf`"),
    "rx": Entry("regular expression, linear time; no look-around, no back-references"),
    "rxGlobal": Entry("the same, captures of all matches"),
    "streq": Entry("the texts are equal"),
    "strmatch": Entry("the value has the text in it"),
    "unconditionalMatch": Entry("always matches"),
    "validateByteRange": Entry("a byte outside of the ranges matches"),
    "validateUrlEncoding": Entry("a wrong %HH matches"),
    "validateUtf8Encoding": Entry("wrong UTF-8 matches"),
    "verifyCC": Entry("a card number (Luhn) that the pattern finds"),
    "verifyCPF": Entry("a Brazilian tax number that the pattern finds"),
    "verifySSN": Entry("a US social security number that the pattern finds"),
    "verifySVNR": Entry("an Austrian social security number that the pattern finds"),
    "within": Entry("the value is one of the words of the text"),
    "fuzzyHash": _no("ssdeep", "no library of it is safe on attackers' files: use @pmFromFile"),
    "gsbLookup": _no("Google Safe Browsing", "the service no longer offers such a database"),
    "inspectFile": _no(
        "runs a program", "no program runs inside the proxy: send the file to a scanner upstream"
    ),
    # Accepted, because rule sets in use have such rules among many others.
    "rbl": _noted(
        "asks a DNS block list",
        "the request path asks no DNS, so it never matches: use `lists:` with a file, or @ipMatchFromFile",
    ),
    "rsub": _no("rewrites a body", "rules do not change traffic: use the `mask` action of a policy"),
    "restpath": _no("a path with {parameters}, of Coraza", "name endpoints with {parameters} in a document"),
    "validateDTD": _no("checks XML by a DTD", "describe the API by OpenAPI: the `schema` stage checks it"),
    "validateHash": _no("signed links", "Starfort does not rewrite pages"),
    "validateNid": _no("numbers of persons, of Coraza", "use @verifySSN or @rx"),
    "validateSchema": _no(
        "checks XML by a schema", "describe the API by OpenAPI: the `schema` stage checks it"
    ),
}

VARIABLE_ALIASES: Final = {
    "MULTIPART_SEMICOLON_MISSING": "MULTIPART_MISSING_SEMICOLON",
    "REQUEST_XML": "XML",
}
"""Other names of variables; the second one is Coraza's."""

# Keys are in lower case, because SecLang ignores the case of these names.
OPERATOR_ALIASES: Final = {"ipmatchf": "ipMatchFromFile", "pmf": "pmFromFile"}

TRANSFORMATIONS: Final[dict[str, Entry]] = {
    "base64Decode": Entry("Base64, up to the first wrong character"),
    "base64DecodeExt": Entry("Base64, wrong characters left out"),
    "base64Encode": Entry("encodes as Base64"),
    "cmdLine": Entry("undoes how commands are disguised in shells"),
    "compressWhitespace": Entry("each run of blanks becomes one blank"),
    "cssDecode": Entry("escapes of CSS 2"),
    "escapeSeqDecode": Entry("escapes of ANSI C"),
    "hexDecode": Entry("hexadecimal to bytes"),
    "hexEncode": Entry("bytes to hexadecimal"),
    "htmlEntityDecode": Entry("character references of HTML"),
    "jsDecode": Entry("escapes of JavaScript"),
    "length": Entry("number of bytes"),
    "lowercase": Entry("upper case ASCII letters to lower case"),
    "md5": Entry("MD5 digest, raw"),
    "none": Entry("forgets the transformations so far"),
    "normalizePath": Entry("removes `//`, `/./` and `/x/../`; also `normalisePath`"),
    "normalizePathWin": Entry("the same, backslashes made slashes first; also `normalisePathWin`"),
    "parityEven7bit": Entry("even parity of seven bits"),
    "parityOdd7bit": Entry("odd parity of seven bits"),
    "parityZero7bit": Entry("highest bit 0"),
    "removeComments": Entry("removes comments of C, SQL and HTML"),
    "removeCommentsChar": Entry("removes the characters that begin and end comments"),
    "removeNulls": Entry("removes NUL"),
    "removeWhitespace": Entry("removes blanks"),
    "replaceComments": Entry("comments of C become a blank"),
    "replaceNulls": Entry("NUL becomes a blank"),
    "sha1": Entry("SHA-1 digest, raw"),
    "sqlHexDecode": Entry("hexadecimal of SQL (0x…)"),
    "trim": Entry("no blanks at either end"),
    "trimLeft": Entry("no blanks at the beginning"),
    "trimRight": Entry("no blanks at the end"),
    "uppercase": Entry("lower case ASCII letters to upper case"),
    "urlDecode": Entry("%HH and +"),
    "urlDecodeUni": Entry("the same and %uHHHH"),
    "urlEncode": Entry("encodes as URL"),
    "utf8toUnicode": Entry("UTF-8 to %uHHHH"),
    "phpArgsNames": Entry("argument names as PHP reads them"),
    "utf8toAscii": Entry(
        "what passes for ASCII (fullwidth, overlong, best fit) becomes ASCII, the rest stays; Starfort's own"
    ),
    "omitDataUris": Entry(
        "leaves out Base64 of images, sound, film, fonts and files in `data:` addresses; Starfort's own"
    ),
}

TRANSFORMATION_ALIASES: Final = {
    "normalisepath": "normalizePath",
    "normalisepathwin": "normalizePathWin",
    "utf8tounicode": "utf8toUnicode",
    "utf8toascii": "utf8toAscii",
    "omitdatauris": "omitDataUris",
}

ACTIONS: Final[dict[str, Entry]] = {
    "allow": Entry("ends rule processing: all of it, of the `phase`, or of the `request`"),
    "auditlog": Entry(
        "the event is the audit log: the match is a finding, and shows what matched; the default"
    ),
    "block": Entry("does what SecDefaultAction of the phase says"),
    "capture": Entry("keeps the captures of @rx and the phrase of @pm in TX:0 to TX:9"),
    "chain": Entry("the next rule must match too"),
    "ctl": Entry("changes the engine for this request; see below"),
    "deny": Entry("refuses, with `status`"),
    "drop": Entry("as `deny`; the connection is Envoy's"),
    "expirevar": Entry("lets a member of a collection expire"),
    "id": Entry("the rule's number, unique"),
    "initcol": Entry("opens a record of IP, GLOBAL, RESOURCE, SESSION or USER"),
    "log": Entry("the match is a finding"),
    "logdata": Entry("text for the finding; values in it are masked where they are shown"),
    "maturity": Entry("for people"),
    "accuracy": Entry("for people"),
    "msg": Entry("what the rule found"),
    "multiMatch": Entry("tests after each transformation"),
    "noauditlog": Entry("what matched is not shown"),
    "nolog": Entry("the match is no finding, unless `auditlog` follows"),
    "pass": Entry("goes on"),
    "phase": Entry("1 to 5, or `request`, `response`, `logging`"),
    "redirect": Entry("sends the client to this location, with `status`, else 302"),
    "rev": Entry("revision of the rule"),
    "setrsc": Entry("opens a record of RESOURCE"),
    "setsid": Entry("opens a record of SESSION"),
    "setuid": Entry("opens a record of USER"),
    "setvar": Entry("sets, changes or removes a member of a collection"),
    "severity": Entry("0 (EMERGENCY) to 7 (DEBUG)"),
    "skip": Entry("leaves out that many rules"),
    "skipAfter": Entry("goes on behind a marker"),
    "status": Entry("HTTP status for `deny` and `redirect`"),
    "t": Entry("a transformation"),
    "tag": Entry("a tag; `%{…}` in it is not expanded"),
    "ver": Entry("version of the rule set"),
    "sanitiseArg": _noted("hides values in the audit log", "values are always masked where they are shown"),
    "sanitiseMatched": _noted(
        "hides values in the audit log", "values are always masked where they are shown"
    ),
    "sanitiseMatchedBytes": _noted(
        "hides values in the audit log", "values are always masked where they are shown"
    ),
    "sanitiseRequestHeader": _noted(
        "hides values in the audit log", "values are always masked where they are shown"
    ),
    "sanitiseResponseHeader": _noted(
        "hides values in the audit log", "values are always masked where they are shown"
    ),
    "append": _no("adds to the body", "rules do not change traffic"),
    "prepend": _no("adds to the body", "rules do not change traffic"),
    "deprecatevar": _no("decreases a value over time", "use `expirevar`, or a policy with `limit`"),
    "exec": _no("runs a program", "no program runs inside the proxy: use an alert with a webhook"),
    "pause": _no("holds the request", "use the `delay` action of a policy"),
    "proxy": _no("sends the request elsewhere", "use the `divert` action of a policy"),
    "setenv": Entry("sets a member of ENV for this request"),
    "xmlns": _noted(
        "prefix and namespace for XPath selectors: `prefix=URI`",
        "elements and attributes are compared by their names without prefix",
    ),
}

CTLS: Final[dict[str, Entry]] = {
    "auditEngine": _noted("audit log", _EVENT),
    "auditLogParts": _noted("audit log", _EVENT),
    "debugLogLevel": _noted("debug log", "the log of the filter"),
    "forceRequestBodyVariable": Entry("fills REQUEST_BODY whatever the body processor"),
    "parseXmlIntoArgs": _no("text of XML elements as arguments", "use XML:/*"),
    "requestBodyAccess": Entry("as SecRequestBodyAccess, for this request"),
    "requestBodyProcessor": Entry("URLENCODED, MULTIPART, XML or JSON, whatever the header says"),
    "responseBodyAccess": Entry("as SecResponseBodyAccess, for this request"),
    "ruleEngine": Entry("as SecRuleEngine, for this request"),
    "ruleRemoveById": Entry("leaves out a rule, or a range of them"),
    "ruleRemoveByMsg": Entry("leaves out rules by message"),
    "ruleRemoveByTag": Entry("leaves out rules by tag"),
    "ruleRemoveTargetById": Entry("takes a target out of a rule: `ID;TARGET`"),
    "ruleRemoveTargetByMsg": Entry("takes a target out of rules by message"),
    "ruleRemoveTargetByTag": Entry("takes a target out of rules by tag"),
    "forceResponseBodyVariable": _noted("fills RESPONSE_BODY, of Coraza", "RESPONSE_BODY is always filled"),
    "responseBodyProcessor": _noted(
        "how a response is parsed, of Coraza", "responses are not parsed: rules see RESPONSE_BODY"
    ),
    "hashEngine": _no("signed links", "Starfort does not rewrite pages"),
    "hashEnforcement": _no("signed links", "Starfort does not rewrite pages"),
    "requestBodyLimit": _no("not of version 3", "SecRequestBodyLimit holds for all requests"),
    "responseBodyLimit": _no("not of version 3", "SecResponseBodyLimit holds for all requests"),
}

SEVERITIES: Final = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
"""The severities in the order of their numbers, 0 to 7 (syslog, RFC 5424, section 6.2.1)."""
