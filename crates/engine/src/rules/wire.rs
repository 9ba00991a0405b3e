//! What the bundle carries of SecLang rules: what `starfort.threats.seclang` worked out from the files.
//!
//! One `MessagePack` map, keys as the field names below; enums are strings when they carry nothing and
//! one-entry maps `{"variant": value}` when they do (a variant with two fields: a list of both). `Include`,
//! `SecDefaultAction`, `block`, `SecMarker`, `t:none`, `@pmFromFile`, `@ipMatchFromFile` and every `SecRuleRemove*`
//! and `SecRuleUpdate*` are already applied; what is left is what a request needs.
//!
//! Some fields are answers that follow from the rules alone ([`RuleSet::constants`], [`RuleSet::reads_earlier`],
//! [`Rule::notes`], [`Link::reads_matched`]). A set without them runs as well: the default is the answer that costs more
//! and loses nothing.

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
    /// A rule reads `MATCHED_…` of an earlier one.
    #[serde(default = "yes")]
    pub reads_earlier: bool,
    /// What is the same in every transaction.
    #[serde(default)]
    pub constants: Constants,
}

/// The answer of a set that says nothing, where `true` is the one that loses nothing.
const fn yes() -> bool {
    true
}

/// What is the same in every transaction.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Constants {
    /// Indexes of the rules that no transaction runs, or that match in none, or that do what `initial` has done.
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
    /// `SecRequestBodyNoFilesLimit`; beyond it `REQBODY_ERROR` is set. `None`: no limit.
    pub request_body_no_files_limit_bytes: Option<u64>,
    /// `SecRequestBodyLimitAction`: ask for a refusal (`true`) or inspect what is within the limit.
    pub request_body_limit_reject: bool,
    /// `SecRequestBodyJsonDepthLimit`.
    pub json_depth_limit: u32,
    /// `SecArgumentsLimit`, of query and body together; what is beyond it is left out, and `REQBODY_ERROR` is set where
    /// that is of the body.
    pub arguments_limit: u32,
    /// `SecResponseBodyAccess`.
    pub response_body_access: bool,
    /// `SecResponseBodyLimit`.
    pub response_body_limit_bytes: u64,
    /// `SecResponseBodyLimitAction`: ask for a refusal (`true`) or inspect what is within the limit.
    pub response_body_limit_reject: bool,
    /// `SecResponseBodyMimeType`, lower case; empty string: responses without a type.
    pub response_body_mime_types: Vec<String>,
    /// `SecArgumentSeparator`, one character.
    pub argument_separator: char,
    /// `SecCookieFormat`: `true` for version 1 cookies.
    pub cookie_v1: bool,
    /// `SecCollectionTimeout`, seconds.
    pub collection_timeout_s: u64,
    /// `SecUploadFileLimit`: files of one multipart body.
    pub upload_file_limit: u32,
    /// The chosen code page of `SecUnicodeMapFile`: code point and the byte it stands for. Empty: none.
    pub unicode_map: Vec<(u32, u8)>,
    /// `SecWebAppId`.
    pub web_app_id: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
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
    /// Rules run; an interruption is reported as such.
    #[default]
    On,
    /// Rules run to the end; nothing interrupts.
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
    /// The chain: at least one link, the rule itself first.
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
    pub tags: Vec<String>,
    /// The kinds of attacks that it looks for, as far as grammar can weigh them.
    #[serde(default)]
    pub attacks: Vec<Attack>,
    /// What the rule asks for when the whole chain matched; `block` is already the default action's.
    #[serde(default)]
    pub disruptive: Disruptive,
    /// `status` of `deny`, `redirect`.
    #[serde(default)]
    pub status: Option<u16>,
    /// A match is worth a line in the log (`log` / `nolog` / the default action).
    #[serde(default)]
    pub log: bool,
    /// A match is worth an audit record.
    #[serde(default)]
    pub audit_log: bool,
    /// Somebody may ask what matched: it is reported, or `MATCHED_…` is read.
    #[serde(default = "yes")]
    pub notes: bool,
    /// `skip:N`: so many rules of the same phase are passed over.
    #[serde(default)]
    pub skip: u32,
    /// `skipAfter`: index in [`RuleSet::rules`] of the first rule after the marker (may be the length).
    #[serde(default)]
    pub skip_to: Option<u32>,
}

/// A kind of attack, and so a grammar that can tell whether a value is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// SQL.
    Sql,
    /// HTML that runs script.
    Xss,
    /// Commands of a shell.
    Shell,
    /// Paths out of their folder.
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
    /// Filters of LDAP.
    Ldap,
    /// Lines of HTTP.
    Lines,
}

/// A `SecRule` within a chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "most are words of SecLang, the last an answer"
)]
pub struct Link {
    /// What is looked at. Empty (with [`OperatorKind::UnconditionalMatch`]) for `SecAction`.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// What has to hold.
    pub operator: Operator,
    /// `!@operator`.
    #[serde(default)]
    pub negated: bool,
    /// In order; empty when none.
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
    /// Its argument, targets or actions ask for `MATCHED_…`. Message and log data do not count: they are made later.
    #[serde(default = "yes")]
    pub reads_matched: bool,
}

/// One entry of a variable list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The variable or collection.
    pub variable: Variable,
    /// Which members.
    #[serde(default)]
    pub selector: Option<Selector>,
    /// `&VARIABLE`: how many there are.
    #[serde(default)]
    pub count: bool,
    /// `!VARIABLE`: left out of what the other targets give.
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
    /// As it is.
    Text(String),
    /// `%{VARIABLE}` or `%{VARIABLE.key}`, key in lower case.
    Var(Variable, Option<String>),
}

/// An operator and its argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Which one.
    pub kind: OperatorKind,
    /// The argument; for [`OperatorKind::Rx`] the pattern as written (after `\"`). Empty when there is none.
    #[serde(default)]
    pub argument: Macro,
    /// Phrases of `pm` and `pmFromFile` (comments and empty lines gone), addresses of `ipMatch*`.
    #[serde(default)]
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
    /// RFC 4648, strict.
    Base64Decode,
    /// RFC 4648; characters outside of the alphabet are skipped.
    Base64DecodeExt,
    /// RFC 4648.
    Base64Encode,
    /// Command lines made alike.
    CmdLine,
    /// Runs of white space become one space.
    CompressWhitespace,
    /// CSS escapes.
    CssDecode,
    /// ANSI C escapes.
    EscapeSeqDecode,
    /// Hexadecimal to bytes.
    HexDecode,
    /// Bytes to hexadecimal.
    HexEncode,
    /// HTML entities.
    HtmlEntityDecode,
    /// JavaScript escapes.
    JsDecode,
    /// The length in decimal.
    Length,
    /// ASCII lower case.
    Lowercase,
    /// ASCII upper case.
    Uppercase,
    /// The digest, raw.
    Md5,
    /// `/./`, `/../` and `//` resolved.
    NormalizePath,
    /// The same after `\` became `/`.
    NormalizePathWin,
    /// Even parity of 7 bits.
    ParityEven7bit,
    /// Odd parity of 7 bits.
    ParityOdd7bit,
    /// High bit cleared.
    ParityZero7bit,
    /// Names of parameters as PHP makes them.
    PhpArgsNames,
    /// C and HTML comments, `--` and `#`.
    RemoveComments,
    /// The characters of comments.
    RemoveCommentsChar,
    /// NUL bytes out.
    RemoveNulls,
    /// White space out.
    RemoveWhitespace,
    /// C comments become one space.
    ReplaceComments,
    /// NUL bytes become spaces.
    ReplaceNulls,
    /// The digest, raw.
    Sha1,
    /// `0x` literals of SQL.
    SqlHexDecode,
    /// White space off both ends.
    Trim,
    /// White space off the left.
    TrimLeft,
    /// White space off the right.
    TrimRight,
    /// Percent decoding.
    UrlDecode,
    /// Percent decoding with `%uHHHH`.
    UrlDecodeUni,
    /// Percent encoding.
    UrlEncode,
    /// UTF-8 to `%uHHHH`.
    Utf8toUnicode,
    /// Characters that pass for ASCII become ASCII.
    Utf8toAscii,
    /// Files in `data:` addresses out.
    OmitDataUris,
}

/// What a rule asks for.
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
    /// No further rules but phase 5.
    Allow,
    /// No further rules of this phase.
    AllowPhase,
    /// No further rules of request phases.
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
    /// `initcol`, `setsid`, `setuid`, `setrsc`: the collection is the one of this key from now on.
    InitCol {
        /// The collection.
        collection: Collection,
        /// Whose.
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
    /// How.
    pub op: SetOp,
    /// With what; empty for [`SetOp::Unset`]. A `setvar` without a value sets `1`.
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
    /// `ruleRemoveById` and its siblings: indexes of the rules.
    RemoveRules(Vec<u32>),
    /// `ruleRemoveTargetById` and its siblings: indexes of the rules; the target's `exclude` is not looked at.
    RemoveTarget(Vec<u32>, Target),
}

/// The variables, named as in SecLang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(
    missing_docs,
    reason = "the names are SecLang's; docs/seclang.md describes them"
)]
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
