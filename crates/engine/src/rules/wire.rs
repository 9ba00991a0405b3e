//! The SecLang rules as the bundle carries them. The control plane (`starfort.threats.seclang`) compiles them from
//! files.
//!
//! A set is one `MessagePack` map whose keys are the field names below. An enum is a string when its variant carries
//! nothing, and a map with one entry, `{"variant": value}`, when its variant carries a value (a variant with two
//! fields: a list of both). The control plane has already applied `Include`, `SecDefaultAction`, `block`, `SecMarker`,
//! `t:none`, `@pmFromFile`, `@ipMatchFromFile` and every `SecRuleRemove*` and `SecRuleUpdate*`, so a set holds only
//! what a request needs.
//!
//! Some fields follow from the rules alone ([`RuleSet::constants`], [`RuleSet::reads_earlier`], [`Rule::notes`],
//! [`Link::reads_matched`]). A set without these fields runs as well: their default costs more time and loses no match.

use serde::{Deserialize, Serialize};

/// Format of [`RuleSet`]. Raised when a reader of the old format would misread the new one.
pub const FORMAT: u32 = 2;

/// All rules, in the order of the files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleSet {
    /// [`FORMAT`].
    pub format: u32,
    /// `SecComponentSignature`s, in order.
    #[serde(default)]
    pub signatures: Vec<String>,
    /// What the engine directives say.
    pub settings: Settings,
    /// File names that [`Rule::file`] refers to.
    #[serde(default)]
    pub files: Vec<String>,
    /// Rules of all phases in file order; a chain is one rule.
    pub rules: Vec<Rule>,
    /// Whether any rule reads the `MATCHED_…` variables of an earlier rule.
    #[serde(default = "yes")]
    pub reads_earlier: bool,
    /// What is the same in every transaction.
    #[serde(default)]
    pub constants: Constants,
}

/// The default of fields for which `true` is the value that loses no match.
const fn yes() -> bool {
    true
}

/// What is the same in every transaction.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Constants {
    /// Indexes of the rules that never need to run: no transaction runs them, or they match in none, or they only set
    /// what `initial` holds already.
    pub dead: Vec<u32>,
    /// `TX` variables, by name, as they are when phase 1 begins.
    pub initial: Vec<(String, Constant)>,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constant {
    /// What was counted.
    Integer(i64),
    /// What was set.
    Text(String),
}

/// Engine directives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a directive of SecLang"
)]
pub struct Settings {
    /// `SecRuleEngine`.
    pub engine: EngineMode,
    /// `SecRequestBodyAccess`.
    pub request_body_access: bool,
    /// `SecRequestBodyLimit`.
    pub request_body_limit_bytes: u64,
    /// `SecRequestBodyNoFilesLimit`; a body over this limit sets `REQBODY_ERROR`. `None`: no limit.
    pub request_body_no_files_limit_bytes: Option<u64>,
    /// `SecRequestBodyLimitAction`: whether a body over the limit asks for a refusal (`true`), or the part within the
    /// limit is inspected (`false`).
    pub request_body_limit_reject: bool,
    /// `SecRequestBodyJsonDepthLimit`.
    pub json_depth_limit: u32,
    /// `SecArgumentsLimit`, for query and body together. Arguments over the limit are left out; when they are arguments
    /// of the body, `REQBODY_ERROR` is set too.
    pub arguments_limit: u32,
    /// `SecResponseBodyAccess`.
    pub response_body_access: bool,
    /// `SecResponseBodyLimit`.
    pub response_body_limit_bytes: u64,
    /// `SecResponseBodyLimitAction`: whether a body over the limit asks for a refusal (`true`), or the part within the
    /// limit is inspected (`false`).
    pub response_body_limit_reject: bool,
    /// `SecResponseBodyMimeType`, lower case; empty string: responses without a type.
    pub response_body_mime_types: Vec<String>,
    /// `SecArgumentSeparator`, one character.
    pub argument_separator: char,
    /// `SecCookieFormat`: `true` for version 1 cookies.
    pub cookie_v1: bool,
    /// `SecCollectionTimeout`, seconds.
    pub collection_timeout_s: u64,
    /// `SecUploadFileLimit`: how many files of one multipart body are read.
    pub upload_file_limit: u32,
    /// The chosen code page of `SecUnicodeMapFile`: code point and the byte it stands for. Empty: none.
    pub unicode_map: Vec<(u32, u8)>,
    /// `SecWebAppId`.
    pub web_app_id: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // The figures are those of the ModSecurity manual and its recommended configuration, and
            // `starfort.threats.seclang.settings` has the same ones: a set without `settings` behaves like a file
            // without directives.
            engine: EngineMode::On,
            request_body_access: true,
            request_body_limit_bytes: 134_217_728,
            request_body_no_files_limit_bytes: None,
            request_body_limit_reject: true,
            json_depth_limit: 512,
            arguments_limit: 1000,
            response_body_access: true,
            response_body_limit_bytes: 524_288,
            response_body_limit_reject: false,
            response_body_mime_types: ["text/plain", "text/html", "text/xml", "application/json"]
                .map(ToOwned::to_owned)
                .to_vec(),
            argument_separator: '&',
            cookie_v1: false,
            collection_timeout_s: 3600,
            upload_file_limit: 100,
            unicode_map: Vec::new(),
            web_app_id: "default".into(),
        }
    }
}

/// `SecRuleEngine` and `ctl:ruleEngine`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineMode {
    /// Rules run, and an interruption is reported as one.
    #[default]
    On,
    /// Rules run to the end, and none of them interrupts.
    DetectionOnly,
    /// Rules do not run.
    Off,
}

/// A rule: a `SecRule` or `SecAction` and what is chained to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// `id`.
    pub id: u64,
    /// 1 to 5.
    pub phase: u8,
    /// Index in [`RuleSet::files`].
    #[serde(default)]
    pub file: u32,
    /// Line where the rule begins.
    #[serde(default)]
    pub line: u32,
    /// The links of the chain, at least one. The first is the rule that begins the chain.
    pub links: Vec<Link>,
    /// `rev`.
    #[serde(default)]
    pub rev: String,
    /// `ver`.
    #[serde(default)]
    pub ver: String,
    /// `severity`, 0 (emergency) to 7 (debug).
    #[serde(default)]
    pub severity: Option<u8>,
    /// `tag`s, macros unexpanded.
    #[serde(default)]
    // A tag is the same for all requests, so that events can be counted by it.
    pub tags: Vec<String>,
    /// The kinds of attacks that the rule looks for, if grammar can weigh them.
    #[serde(default)]
    pub attacks: Vec<Attack>,
    /// What the rule asks for when the whole chain matched. `block` never arrives here: the default action has replaced
    /// it.
    #[serde(default)]
    pub disruptive: Disruptive,
    /// `status` of `deny`, `redirect`.
    #[serde(default)]
    pub status: Option<u16>,
    /// Whether a match becomes a finding (`log` / `nolog` / the default action).
    #[serde(default)]
    pub log: bool,
    /// Whether a match becomes a finding that shows what matched (`auditlog` / `noauditlog`).
    #[serde(default)]
    pub audit_log: bool,
    /// Whether anything may ask what this rule matched: a report, or a rule that reads `MATCHED_…`.
    #[serde(default = "yes")]
    pub notes: bool,
    /// `skip:N`: how many of the following rules of the same phase are passed over after a match.
    #[serde(default)]
    pub skip: u32,
    /// `skipAfter`: index in [`RuleSet::rules`] of the first rule after the marker. It equals the number of rules when
    /// no rule follows the marker.
    #[serde(default)]
    // An index instead of a name, because a name would have to be looked up while a request waits.
    pub skip_to: Option<u32>,
}

/// A kind of attack. Each kind has a grammar that decides whether a value is an attack of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// SQL.
    Sql,
    /// HTML that runs script.
    Xss,
    /// Shell commands.
    Shell,
    /// Paths that lead out of their folder.
    Path,
    /// Addresses of other servers.
    Address,
    /// PHP.
    Php,
    /// Java.
    Java,
    /// `JavaScript`.
    Script,
    /// Templates.
    Template,
    /// LDAP filters.
    Ldap,
    /// Line ends that add HTTP headers or responses.
    Lines,
}

/// A `SecRule` within a chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "most are words of SecLang, the last an answer"
)]
pub struct Link {
    /// The values that the link looks at. Empty for a `SecAction`, whose operator is
    /// [`OperatorKind::UnconditionalMatch`].
    #[serde(default)]
    pub targets: Vec<Target>,
    /// The condition on each value.
    pub operator: Operator,
    /// `!@operator`.
    #[serde(default)]
    pub negated: bool,
    /// The transformations in the order in which they run; empty when there are none.
    #[serde(default)]
    pub transformations: Vec<Transformation>,
    /// `multiMatch`.
    #[serde(default)]
    pub multi_match: bool,
    /// `capture`.
    #[serde(default)]
    pub capture: bool,
    /// `msg`.
    #[serde(default)]
    pub msg: Option<Macro>,
    /// `logdata`.
    #[serde(default)]
    pub logdata: Option<Macro>,
    /// What happens at each match of this link, in order.
    #[serde(default)]
    pub actions: Vec<RuleAction>,
    /// Whether the link's argument, targets or actions read `MATCHED_…`. Its message and log data do not count, because
    /// they are made after the whole chain has matched.
    #[serde(default = "yes")]
    pub reads_matched: bool,
}

/// One entry of a variable list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The variable or collection.
    pub variable: Variable,
    /// The members that are selected; `None` selects all.
    #[serde(default)]
    pub selector: Option<Selector>,
    /// `&VARIABLE`: the target is the number of members, not their values.
    #[serde(default)]
    pub count: bool,
    /// `!VARIABLE`: the members are left out of what the other targets select.
    #[serde(default)]
    pub exclude: bool,
}

/// Members of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// By name, lower case (names compare without case).
    Name(String),
    /// By a regular expression on the name (without case).
    Regex(String),
    /// `XML:` followed by an `XPath` expression.
    Xpath(String),
}

/// A text with variables in it.
pub type Macro = Vec<Part>;

/// A piece of a [`Macro`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Literal text.
    Text(String),
    /// `%{VARIABLE}` or `%{VARIABLE.key}`, key in lower case.
    Var(Variable, Option<String>),
}

/// An operator and its argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Which operator it is.
    pub kind: OperatorKind,
    /// The argument; for [`OperatorKind::Rx`] the pattern as written (with `\"` already read as `"`). Empty when there
    /// is none.
    #[serde(default)]
    pub argument: Macro,
    /// The phrases of `pm` and `pmFromFile` (without comments and empty lines), or the addresses of `ipMatch*`.
    #[serde(default)]
    // The control plane reads the files, because the engine does no I/O.
    pub phrases: Vec<String>,
}

/// The operators, named as in SecLang. `pmf` and `pmFromFile` arrive as [`OperatorKind::Pm`], `ipMatchF` and
/// `ipMatchFromFile` as [`OperatorKind::IpMatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperatorKind {
    /// Regular expression.
    Rx,
    /// Regular expression, every match captured.
    RxGlobal,
    /// Any of the phrases, without case.
    Pm,
    /// Integers equal.
    Eq,
    /// Greater or equal.
    Ge,
    /// Greater.
    Gt,
    /// Less or equal.
    Le,
    /// Less.
    Lt,
    /// Bytes equal.
    Streq,
    /// Contains.
    Contains,
    /// Contains as a whole word.
    ContainsWord,
    /// Begins with.
    BeginsWith,
    /// Ends with.
    EndsWith,
    /// The value is found within the argument.
    Within,
    /// Substring (a synonym of `contains` with `\xHH` escapes).
    Strmatch,
    /// Address within any of the networks.
    IpMatch,
    /// libinjection, SQL.
    DetectSqli,
    /// libinjection, XSS.
    DetectXss,
    /// Any byte outside of the ranges.
    ValidateByteRange,
    /// Any malformed percent encoding.
    ValidateUrlEncoding,
    /// Any malformed UTF-8.
    ValidateUtf8Encoding,
    /// Payment card number: pattern and Luhn.
    VerifyCc,
    /// US social security number: pattern and rules.
    VerifySsn,
    /// Brazilian CPF: pattern and check digits.
    VerifyCpf,
    /// Chilean or Austrian number: pattern and check digit.
    VerifySvnr,
    /// Look the address up; fills `GEO`.
    GeoLookup,
    /// Never.
    NoMatch,
    /// Always.
    UnconditionalMatch,
}

/// The transformations, named as in SecLang (`normalisePath` arrives as `normalizePath`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transformation {
    /// Decodes Base64 (RFC 4648) up to the first character outside of the alphabet.
    Base64Decode,
    /// Decodes Base64 (RFC 4648) and skips characters outside of the alphabet.
    Base64DecodeExt,
    /// Encodes as Base64 (RFC 4648).
    Base64Encode,
    /// Removes the characters by which shell commands are disguised.
    CmdLine,
    /// Runs of white space become one space.
    CompressWhitespace,
    /// CSS escapes.
    CssDecode,
    /// ANSI C escapes.
    EscapeSeqDecode,
    /// Hexadecimal digits become bytes.
    HexDecode,
    /// Bytes become hexadecimal digits.
    HexEncode,
    /// HTML entities.
    HtmlEntityDecode,
    /// JavaScript escapes.
    JsDecode,
    /// The length of the value, as a decimal number.
    Length,
    /// ASCII lower case.
    Lowercase,
    /// ASCII upper case.
    Uppercase,
    /// The MD5 digest as raw bytes.
    Md5,
    /// `/./`, `/../` and `//` resolved.
    NormalizePath,
    /// Like `NormalizePath`, after each `\` became `/`.
    NormalizePathWin,
    /// Even parity of 7 bits.
    ParityEven7bit,
    /// Odd parity of 7 bits.
    ParityOdd7bit,
    /// High bit cleared.
    ParityZero7bit,
    /// Parameter names become what PHP makes of them.
    PhpArgsNames,
    /// Removes C and HTML comments, and what follows `--` or `#`.
    RemoveComments,
    /// Removes the characters that begin and end comments.
    RemoveCommentsChar,
    /// Removes NUL bytes.
    RemoveNulls,
    /// Removes white space.
    RemoveWhitespace,
    /// C comments become one space.
    ReplaceComments,
    /// NUL bytes become spaces.
    ReplaceNulls,
    /// The SHA-1 digest as raw bytes.
    Sha1,
    /// Decodes the `0x` literals of SQL.
    SqlHexDecode,
    /// Removes white space from both ends.
    Trim,
    /// Removes white space from the beginning.
    TrimLeft,
    /// Removes white space from the end.
    TrimRight,
    /// Percent decoding.
    UrlDecode,
    /// Percent decoding with `%uHHHH`.
    UrlDecodeUni,
    /// Percent encoding.
    UrlEncode,
    /// UTF-8 becomes `%uHHHH`.
    Utf8toUnicode,
    /// Characters that pass for ASCII become ASCII.
    Utf8toAscii,
    /// Removes the files in `data:` addresses.
    OmitDataUris,
}

/// What a rule asks for when it matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disruptive {
    /// Go on.
    #[default]
    Pass,
    /// Refuse with the status.
    Deny,
    /// Close the connection.
    Drop,
    /// No further rules run, except those of phase 5.
    Allow,
    /// No further rules of this phase run.
    AllowPhase,
    /// No further rules of the request phases (1 and 2) run.
    AllowRequest,
    /// Send the client elsewhere.
    Redirect(Macro),
    /// Hand the request to another server.
    Proxy(Macro),
}

/// What happens at a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// `setvar`.
    SetVar(SetVar),
    /// `expirevar`.
    ExpireVar {
        /// The collection.
        collection: Collection,
        /// Name of the variable.
        key: Macro,
        /// Seconds from now.
        seconds: Macro,
    },
    /// `initcol`, `setsid`, `setuid`, `setrsc`: from now on the collection is the record of this key.
    InitCol {
        /// The collection.
        collection: Collection,
        /// The key of the record, such as a client's address.
        key: Macro,
    },
    /// `setenv`.
    SetEnv {
        /// Name.
        name: Macro,
        /// Value.
        value: Macro,
    },
    /// `ctl`.
    Ctl(Ctl),
}

/// `setvar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetVar {
    /// The collection.
    pub collection: Collection,
    /// Name of the variable, literal parts lower case.
    pub key: Macro,
    /// How the variable changes.
    pub op: SetOp,
    /// The new value, or what is added or subtracted; empty for [`SetOp::Unset`]. A `setvar` without a value sets `1`.
    #[serde(default)]
    pub value: Macro,
}

/// How `setvar` changes a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetOp {
    /// `=`
    Set,
    /// `=+`
    Add,
    /// `=-`
    Subtract,
    /// `!`
    Unset,
}

/// A collection that rules write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// Variables of one transaction.
    Tx,
    /// Variables of an address.
    Ip,
    /// Variables for all clients together.
    Global,
    /// Variables of a session.
    Session,
    /// Variables of a user.
    User,
    /// Variables of a resource.
    Resource,
}

/// `ctl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ctl {
    /// `ruleEngine`.
    RuleEngine(EngineMode),
    /// `requestBodyAccess`.
    RequestBodyAccess(bool),
    /// `responseBodyAccess`.
    ResponseBodyAccess(bool),
    /// `forceRequestBodyVariable`.
    ForceRequestBodyVariable(bool),
    /// `requestBodyProcessor`: `URLENCODED`, `MULTIPART`, `XML` or `JSON`.
    RequestBodyProcessor(String),
    /// `ruleRemoveById` and its siblings: indexes of the rules that are removed.
    // Indexes, because the control plane has already looked for the ids, tags and messages.
    RemoveRules(Vec<u32>),
    /// `ruleRemoveTargetById` and its siblings: indexes of the rules, and the target that is taken out of them. The
    /// target's `exclude` is ignored.
    RemoveTarget(Vec<u32>, Target),
}

/// The variables, named as in SecLang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(
    missing_docs,
    reason = "the names are SecLang's; docs/seclang.md describes them"
)]
// The order is part of the program: `program::slots` numbers slots by it, and takes `Xml` for the last variable.
pub enum Variable {
    Args,
    ArgsCombinedSize,
    ArgsGet,
    ArgsGetNames,
    ArgsNames,
    ArgsPost,
    ArgsPostNames,
    ArgumentsLimitReached,
    AuthType,
    Duration,
    Env,
    Files,
    FilesCombinedSize,
    FilesNames,
    FilesSizes,
    FilesTmpContent,
    FilesTmpnames,
    FullRequest,
    FullRequestLength,
    Geo,
    Global,
    HighestSeverity,
    InboundDataError,
    Ip,
    MatchedVar,
    MatchedVarName,
    MatchedVars,
    MatchedVarsNames,
    ModsecBuild,
    MscPcreError,
    MscPcreLimitsExceeded,
    MultipartBoundaryQuoted,
    MultipartBoundaryWhitespace,
    MultipartCrlfLfLines,
    MultipartDataAfter,
    MultipartDataBefore,
    MultipartDuplicatePartHeader,
    MultipartFileLimitExceeded,
    MultipartFilename,
    MultipartHeaderFolding,
    MultipartInvalidHeaderFolding,
    MultipartInvalidPart,
    MultipartInvalidQuoting,
    MultipartLfLine,
    MultipartMissingSemicolon,
    MultipartName,
    MultipartPartHeaders,
    MultipartSemicolonMissing,
    MultipartStrictError,
    MultipartUnmatchedBoundary,
    OutboundDataError,
    PathInfo,
    QueryString,
    RemoteAddr,
    RemoteHost,
    RemotePort,
    RemoteUser,
    ReqbodyError,
    ReqbodyErrorMsg,
    ReqbodyProcessor,
    ReqbodyProcessorError,
    ReqbodyProcessorErrorMsg,
    RequestBasename,
    RequestBody,
    RequestBodyLength,
    RequestCookies,
    RequestCookiesNames,
    RequestFilename,
    RequestHeaders,
    RequestHeadersNames,
    RequestLine,
    RequestMethod,
    RequestProtocol,
    RequestUri,
    RequestUriRaw,
    Resource,
    ResponseBody,
    ResponseContentLength,
    ResponseContentType,
    ResponseHeaders,
    ResponseHeadersNames,
    ResponseProtocol,
    ResponseStatus,
    ResponseXml,
    Rule,
    ServerAddr,
    ServerName,
    ServerPort,
    Session,
    Sessionid,
    StarfortArgs,
    StarfortArgsNames,
    StarfortGraphql,
    StatusLine,
    Time,
    TimeDay,
    TimeEpoch,
    TimeHour,
    TimeMin,
    TimeMon,
    TimeSec,
    TimeWday,
    TimeYear,
    Tx,
    UniqueId,
    UriParseError,
    UrlencodedError,
    User,
    Userid,
    Webappid,
    Xml,
}
