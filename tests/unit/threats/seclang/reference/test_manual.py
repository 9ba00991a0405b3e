"""Whatever ModSecurity 3 knows is either supported or listed with what to do instead.

The names: ModSecurity 3's grammar (`src/parser/seclang-scanner.ll`) and the names that its reference manual lists beyond
it. Meanings are tested elsewhere; here only that nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from starfort._engine import RuleSet
from starfort.config import ConfigError
from starfort.threats.seclang.load import load_rules
from starfort.threats.seclang.parse import Snippet
from starfort.threats.seclang.reference import (
    ACTIONS,
    CTLS,
    DIRECTIVES,
    OPERATOR_ALIASES,
    OPERATORS,
    TRANSFORMATION_ALIASES,
    TRANSFORMATIONS,
    VARIABLE_ALIASES,
    VARIABLES,
    Entry,
)

MANUAL_DIRECTIVES = """
Include SecAction SecArgumentSeparator SecArgumentsLimit SecAuditEngine SecAuditLog SecAuditLog2 SecAuditLogDirMode
SecAuditLogFileMode SecAuditLogFormat SecAuditLogParts SecAuditLogPrefix SecAuditLogRelevantStatus SecAuditLogStorageDir
SecAuditLogType SecCacheTransformations SecChrootDir SecCollectionTimeout SecComponentSignature SecConnEngine
SecConnReadStateLimit SecConnWriteStateLimit SecContentInjection SecCookieFormat SecCookieV0Separator SecDataDir SecDebugLog
SecDebugLogLevel SecDefaultAction SecDisableBackendCompression SecGeoLookupDb SecGsbLookupDb SecGuardianLog SecHashEngine
SecHashKey SecHashMethodPm SecHashMethodRx SecHashParam SecHttpBlKey SecInterceptOnError SecMarker SecParseXmlIntoArgs
SecPcreMatchLimit SecPcreMatchLimitRecursion SecReadStateLimit SecRemoteRules SecRemoteRulesFailAction SecRequestBodyAccess
SecRequestBodyInMemoryLimit SecRequestBodyJsonDepthLimit SecRequestBodyLimit SecRequestBodyLimitAction
SecRequestBodyNoFilesLimit SecResponseBodyAccess SecResponseBodyLimit SecResponseBodyLimitAction SecResponseBodyMimeType
SecResponseBodyMimeTypesClear SecRule SecRuleEngine SecRuleInheritance SecRulePerfTime SecRuleRemoveById SecRuleRemoveByMsg
SecRuleRemoveByTag SecRuleScript SecRuleUpdateActionById SecRuleUpdateTargetById SecRuleUpdateTargetByMsg
SecRuleUpdateTargetByTag SecSensorId SecServerSignature SecStatusEngine SecStreamInBodyInspection SecStreamOutBodyInspection
SecTmpDir SecTmpSaveUploadedFiles SecUnicodeMapFile SecUploadDir SecUploadFileLimit SecUploadFileMode SecUploadKeepFiles
SecWebAppId SecWriteStateLimit SecXmlExternalEntity
"""

CORAZA_DIRECTIVES = """
SecDataset SecIgnoreRuleCompilationErrors SecResponseBodyJsonDepthLimit SecRxPreFilter SecUnicodeMap
"""
"""Those that Coraza 3.8 has beside ModSecurity's (its documentation of directives)."""

CORAZA_VARIABLES = """
ARGS_PATH ARGUMENTS_LIMIT_REACHED JSON MULTIPART_DUPLICATE_PART_HEADER MULTIPART_FILENAME_CHARSET
MULTIPART_FILENAME_LANGUAGE REQUEST_XML RESPONSE_ARGS RESPONSE_XML RES_BODY_ERROR RES_BODY_ERROR_MSG RES_BODY_PROCESSOR
RES_BODY_PROCESSOR_ERROR RES_BODY_PROCESSOR_ERROR_MSG URI_PARSE_ERROR
"""

CORAZA_OPERATORS = "ipMatchFromDataset pmFromDataset restpath validateNid"

CORAZA_CTLS = "forceResponseBodyVariable responseBodyProcessor"

MANUAL_VARIABLES = """
ARGS ARGS_COMBINED_SIZE ARGS_GET ARGS_GET_NAMES ARGS_NAMES ARGS_POST ARGS_POST_NAMES AUTH_TYPE DURATION ENV FILES
FILES_COMBINED_SIZE FILES_NAMES FILES_SIZES FILES_TMPNAMES FILES_TMP_CONTENT FULL_REQUEST FULL_REQUEST_LENGTH GEO GLOBAL
HIGHEST_SEVERITY INBOUND_DATA_ERROR IP MATCHED_VAR MATCHED_VARS MATCHED_VARS_NAMES MATCHED_VAR_NAME MODSEC_BUILD
MSC_PCRE_ERROR MSC_PCRE_LIMITS_EXCEEDED MULTIPART_BOUNDARY_QUOTED MULTIPART_BOUNDARY_WHITESPACE MULTIPART_CRLF_LF_LINES
MULTIPART_DATA_AFTER MULTIPART_DATA_BEFORE MULTIPART_FILENAME MULTIPART_FILE_LIMIT_EXCEEDED MULTIPART_HEADER_FOLDING
MULTIPART_INVALID_HEADER_FOLDING MULTIPART_INVALID_PART MULTIPART_INVALID_QUOTING MULTIPART_LF_LINE
MULTIPART_MISSING_SEMICOLON MULTIPART_NAME MULTIPART_PART_HEADERS MULTIPART_SEMICOLON_MISSING MULTIPART_STRICT_ERROR
MULTIPART_UNMATCHED_BOUNDARY OUTBOUND_DATA_ERROR PATH_INFO PERF_ALL QUERY_STRING REMOTE_ADDR REMOTE_HOST REMOTE_PORT
REMOTE_USER REQBODY_ERROR REQBODY_ERROR_MSG REQBODY_PROCESSOR REQBODY_PROCESSOR_ERROR REQBODY_PROCESSOR_ERROR_MSG
REQUEST_BASENAME REQUEST_BODY REQUEST_BODY_LENGTH REQUEST_COOKIES REQUEST_COOKIES_NAMES REQUEST_FILENAME REQUEST_HEADERS
REQUEST_HEADERS_NAMES REQUEST_LINE REQUEST_METHOD REQUEST_PROTOCOL REQUEST_URI REQUEST_URI_RAW RESOURCE RESPONSE_BODY
RESPONSE_CONTENT_LENGTH RESPONSE_CONTENT_TYPE RESPONSE_HEADERS RESPONSE_HEADERS_NAMES RESPONSE_PROTOCOL RESPONSE_STATUS RULE
SCRIPT_BASENAME SCRIPT_FILENAME SCRIPT_GID SCRIPT_GROUPNAME SCRIPT_MODE SCRIPT_UID SCRIPT_USERNAME SDBM_DELETE_ERROR
SERVER_ADDR SERVER_NAME SERVER_PORT SESSION SESSIONID STATUS STATUS_LINE STREAM_INPUT_BODY STREAM_OUTPUT_BODY TIME TIME_DAY
TIME_EPOCH TIME_HOUR TIME_MIN TIME_MON TIME_SEC TIME_WDAY TIME_YEAR TX UNIQUE_ID URLENCODED_ERROR USER USERAGENT_IP USERID
WEBAPPID WEBSERVER_ERROR_LOG XML
"""

MANUAL_OPERATORS = """
beginsWith contains containsWord detectSQLi detectXSS endsWith eq fuzzyHash ge geoLookup gsbLookup gt inspectFile ipMatch
ipMatchF ipMatchFromFile le lt noMatch pm pmFromFile pmf rbl rsub rx rxGlobal streq strmatch unconditionalMatch
validateByteRange validateDTD validateHash validateSchema validateUrlEncoding validateUtf8Encoding verifyCC verifyCPF
verifySSN verifySVNR within
"""

MANUAL_TRANSFORMATIONS = """
base64Decode base64DecodeExt base64Encode cmdLine compressWhitespace cssDecode escapeSeqDecode hexDecode hexEncode
htmlEntityDecode jsDecode length lowercase md5 none normalisePath normalisePathWin normalizePath normalizePathWin
parityEven7bit parityOdd7bit parityZero7bit removeComments removeCommentsChar removeNulls removeWhitespace replaceComments
replaceNulls sha1 sqlHexDecode trim trimLeft trimRight uppercase urlDecode urlDecodeUni urlEncode utf8toUnicode
"""

MANUAL_ACTIONS = """
accuracy allow append auditlog block capture chain ctl deny deprecatevar drop exec expirevar id initcol log logdata maturity
msg multiMatch noauditlog nolog pass pause phase prepend proxy redirect rev sanitiseArg sanitiseMatched sanitiseMatchedBytes
sanitiseRequestHeader sanitiseResponseHeader setenv setrsc setsid setuid setvar severity skip skipAfter status t tag ver xmlns
"""

MANUAL_CTLS = """
auditEngine auditLogParts debugLogLevel forceRequestBodyVariable hashEnforcement hashEngine parseXmlIntoArgs
requestBodyAccess requestBodyLimit requestBodyProcessor responseBodyAccess responseBodyLimit ruleEngine ruleRemoveById
ruleRemoveByMsg ruleRemoveByTag ruleRemoveTargetById ruleRemoveTargetByMsg ruleRemoveTargetByTag
"""


@pytest.mark.parametrize(
    ("manual", "listed", "aliases"),
    [
        (MANUAL_DIRECTIVES, DIRECTIVES, {}),
        (MANUAL_VARIABLES, VARIABLES, VARIABLE_ALIASES),
        (MANUAL_OPERATORS, OPERATORS, OPERATOR_ALIASES),
        (MANUAL_TRANSFORMATIONS, TRANSFORMATIONS, TRANSFORMATION_ALIASES),
        (MANUAL_ACTIONS, ACTIONS, {}),
        (MANUAL_CTLS, CTLS, {}),
        (CORAZA_DIRECTIVES, DIRECTIVES, {}),
        (CORAZA_VARIABLES, VARIABLES, VARIABLE_ALIASES),
        (CORAZA_OPERATORS, OPERATORS, {}),
        (CORAZA_CTLS, CTLS, {}),
    ],
    ids=[
        *("directives", "variables", "operators", "transformations", "actions", "ctl"),
        *("Coraza's directives", "Coraza's variables", "Coraza's operators", "Coraza's ctl"),
    ],
)
def test_nothing_of_the_manual_is_forgotten(
    manual: str, listed: Mapping[str, Entry], aliases: Mapping[str, str]
) -> None:
    """Each name has its entry, from which docs/seclang.md is made, or is another spelling of one that has."""
    known = {name.lower() for name in [*listed, *aliases]}
    assert [name for name in manual.split() if name.lower() not in known] == []
    assert set(aliases.values()) <= set(listed)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, f'SecRule {name} "@unconditionalMatch" "id:1,phase:2,pass"') for name in VARIABLES),
        *((name, f'SecRule ARGS "@{name} 1" "id:1,phase:2,pass"') for name in OPERATORS),
        *((name, f'SecRule ARGS "@rx 1" "id:1,phase:2,pass,t:{name}"') for name in TRANSFORMATIONS),
    ],
)
def test_support_is_as_listed(name: str, rule: str) -> None:
    """What is listed as supported loads, and what is listed as refused is refused with what it says there."""
    entry = VARIABLES.get(name) or OPERATORS.get(name) or TRANSFORMATIONS[name]
    if not entry.supported:
        with pytest.raises(ConfigError) as refused:
            load_rules([Snippet("rule", rule)])
        assert entry.note in str(refused.value)
    elif name not in NEEDS_MORE:
        assert RuleSet(load_rules([Snippet("rule", rule)]).data).describe()["rules"] == 1


NEEDS_MORE = {"XML", "ipMatch", "ipMatchFromFile", "pmFromFile", "rbl", "geoLookup"}
NEEDS_MORE |= {"pmFromDataset", "ipMatchFromDataset"}
"""A path of XML, an address, a file, a data set: tested where they are tested."""
