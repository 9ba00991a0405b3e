//! The listener that makes SecLang's variables of a body.
//!
//! Names are those of `ModSecurity` 3: `json.a.b`, items of a list `json.a.array_0`, and the list itself with its
//! length (as in Coraza); XML values by path, and all text of the XML as one value. Where readers find values for which
//! `ModSecurity` has no variable, these become arguments too: values and attributes of XML (`xml.a.b`, `xml.a.b@c`),
//! values of GraphQL (`graphql.name`), and text of other types (without a name).
//!
//! Nothing is left out. Values that are nested too deeply get the deepest name, and arguments over the limit are joined
//! to text. Names of elements and attributes are not in `ARGS_NAMES`: a schema chooses them, and the tests of the Core
//! Rule Set expect that they match nothing.

use crate::http::body::BodyKind;
use crate::http::graphql::Document;
use crate::http::listener::{Container, Listener};
use crate::http::multipart::{Flags, Part};
use crate::http::{Anomaly, Syntax};
use crate::rules::program::Program;
use crate::rules::program::slots::Slot;
use crate::rules::run::base64_lines;
use crate::rules::run::facts::{Entry, Facts, Span};
use crate::rules::run::places;
use crate::rules::run::processor::Processor;
use crate::rules::wire::Variable as V;

/// The most bytes of an argument's name; longer names are cut.
const MAX_NAME_BYTES: usize = 4096;

/// The deepest nesting of XML elements that have names.
const MAX_XML_DEPTH: usize = 256;

/// How many XML nodes get a name; further nodes have only values.
const MAX_NODES: usize = 20_000;

/// The suffix of the name of a part that is a file to some servers and a field to others.
const FILE_CONTENT: &[u8] = b".file_content";

/// How many parts of a multipart body have their header lines kept.
const MAX_PARTS: usize = 2_000;

/// The most bytes of a text into which arguments over the limit are joined. The text is split at this size, so that a
/// pattern has no more to look at than in a long argument.
const OVERFLOW_BYTES: usize = 64 * 1024;

/// An open container.
struct Frame {
    is_list: bool,
    /// Length of the name before this container and (`members_start`) with it, and of the path before it.
    name_length: usize,
    members_start: usize,
    path_length: usize,
    /// How many members of the list have been read.
    count: u32,
    /// Whether no member, attribute or text has been read in it.
    is_empty: bool,
}

/// Collects the facts of a body while it is read.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is told by a reader of its own"
)]
pub(crate) struct BodyFacts<'a> {
    program: &'a Program,
    facts: &'a mut Facts,
    /// The format that rules chose for the body. Only errors of this format become `REQBODY_ERROR`.
    chosen: Option<BodyKind>,
    formats: Vec<BodyKind>,
    /// Where the arguments begin among the entries.
    mark: u32,
    /// How many more arguments fit within the limit.
    room: usize,
    overflow: Vec<u8>,
    overflows: bool,
    name: Vec<u8>,
    path: Vec<u8>,
    frames: Vec<Frame>,
    /// How many open containers are nested too deeply to have a name.
    over: usize,
    xml: Xml,
    files: Files,
    /// Figures of GraphQL documents.
    documents: Vec<Entry>,
    error: Option<String>,
    has_bad_escape: bool,
    /// Whether the end of the body is missing.
    is_cut: bool,
    /// Whether a reader found a fault other than the missing end.
    is_malformed: bool,
    /// The length of the name of the document itself, such as `json`.
    root_length: usize,
    /// A buffer for the digits of a number, so that none is allocated for each list.
    count: Vec<u8>,
}

#[derive(Default)]
struct Xml {
    is_read: bool,
    text: Vec<u8>,
    texts: Vec<Entry>,
    attributes: Vec<Entry>,
    /// Texts and attributes, as arguments.
    values: Vec<Entry>,
}

#[derive(Default)]
struct Files {
    flags: Option<Flags>,
    parts: usize,
    count: usize,
    names: Vec<Entry>,
    sizes: Vec<Entry>,
    contents: Vec<Entry>,
    headers: Vec<Entry>,
    /// Whether a part has the same header twice.
    duplicate_header: bool,
    combined_bytes: usize,
}

impl<'a> BodyFacts<'a> {
    /// Keeps what rules may read of a file part: its names, its size and, if a rule reads it, its content.
    fn file(&mut self, part: &Part<'_>, first: &[u8]) {
        self.files.count += 1;
        self.files.combined_bytes += part.content.len();
        // A part may have several names and file names (RFC 7578 has one of each), and servers differ in which they
        // take, so all combinations are kept.
        for name in part.names() {
            let name = self.facts.store(name);
            for file_name in &part.file_names {
                let value = self.facts.store(file_name);
                self.files.names.push(Entry { name, value });
            }
        }
        let name = self.facts.store(first);
        let size = i64::try_from(part.content.len()).unwrap_or(i64::MAX);
        let value = self
            .facts
            .store_with(|pool| crate::rules::bytes::push_integer(size, pool));
        self.files.sizes.push(Entry { name, value });
        // This copies a whole file, so it is done only when a rule reads it.
        if self.program.uses(V::FilesTmpContent) {
            let value = self.facts.store(part.content);
            self.files.contents.push(Entry { name, value });
        }
    }

    /// A listener that adds to `facts`. The arguments of the query, which are in `facts` already, count for the limit.
    pub(crate) fn new(
        program: &'a Program,
        chosen: Option<Processor>,
        facts: &'a mut Facts,
    ) -> Self {
        let limit = program.settings.arguments_limit as usize;
        let mark = facts.mark();
        Self {
            program,
            chosen: chosen.map(Processor::format),
            formats: Vec::new(),
            mark,
            // `SecArgumentsLimit` holds for query and body together.
            room: limit.saturating_sub(facts.range(V::ArgsGet).len()),
            overflow: Vec::new(),
            overflows: false,
            name: Vec::new(),
            path: Vec::new(),
            frames: Vec::new(),
            over: 0,
            xml: Xml::default(),
            files: Files::default(),
            documents: Vec::new(),
            error: None,
            has_bad_escape: false,
            is_cut: false,
            is_malformed: false,
            root_length: 0,
            count: Vec::new(),
            facts,
        }
    }

    /// Tells the listener that the end of the body may be missing (`SecRequestBodyLimitAction ProcessPartial`), so that
    /// a missing end is no error.
    pub(crate) fn of_beginning(mut self, is_cut: bool) -> Self {
        self.is_cut = is_cut;
        self
    }

    /// Enters all facts. Returns what is wrong with the body for the processor that rules chose.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.flush_overflow();
        // XML arguments are added after this slot is closed and before the next one is, because a schema chooses their
        // names, not the client.
        self.facts.close(Slot::NAMED_ARGUMENTS, self.mark);
        for entry in &self.xml.values {
            self.facts.add(*entry);
        }
        self.facts.close(V::ArgsPost, self.mark);
        if self.has_bad_escape {
            self.facts.set(V::UrlencodedError, b"1");
        }
        if !self.documents.is_empty() {
            self.facts.set_members(V::StarfortGraphql, &self.documents);
        }
        if self.xml.is_read {
            self.facts.set(V::Xml, &self.xml.text);
            self.facts
                .set_members(Slot::XML_ATTRIBUTES, &self.xml.attributes);
            self.facts.set_members(Slot::XML_TEXTS, &self.xml.texts);
        }
        if self.files.flags.is_some() || self.files.parts > 0 {
            self.publish_files();
        }
        self.error
    }

    /// Whether the format that is read is the one that rules chose. Only then is a fault an error.
    fn is_chosen(&self) -> bool {
        match self.formats.as_slice() {
            [format] => self.chosen == Some(format.family()),
            _ => false,
        }
    }

    fn complain(&mut self, reason: &str) {
        // The first complaint is kept, because the others usually follow from it.
        if self.is_chosen() && self.error.is_none() {
            let processor = match self.chosen {
                Some(BodyKind::Json) => "JSON parsing error",
                Some(BodyKind::Xml) => "XML parsing error",
                Some(BodyKind::Multipart) => "Multipart parsing error",
                _ => "URLENCODED",
            };
            self.error = Some(format!("{processor}: {reason}"));
        }
    }

    /// Adds an argument under the current name.
    fn argument(&mut self, value: &[u8]) {
        if self.room == 0 {
            return self.overflow(b"", value);
        }
        self.room -= 1;
        // PEM and MIME wrap Base64 into lines. Wrapped, it would look like a text of many words.
        let one_line = base64_lines::unwrapped(value);
        let entry = Entry {
            name: self.facts.store(&self.name),
            value: self.facts.store(one_line.as_deref().unwrap_or(value)),
        };
        if self.is_xml() {
            self.xml.values.push(entry);
        } else {
            self.facts.add(entry);
        }
    }

    fn is_xml(&self) -> bool {
        let format = self.formats.last();
        format.is_some_and(|format| format.family() == BodyKind::Xml)
    }

    /// Adds an argument with a name of its own.
    fn named(&mut self, name: &[u8], value: &[u8]) {
        if self.room == 0 {
            return self.overflow(name, value);
        }
        self.room -= 1;
        let name = name.get(..MAX_NAME_BYTES).unwrap_or(name);
        let one_line = base64_lines::unwrapped(value);
        let entry = Entry {
            name: self.facts.store(name),
            value: self.facts.store(one_line.as_deref().unwrap_or(value)),
        };
        self.facts.add(entry);
    }

    /// Adds an argument that is over the limit.
    fn overflow(&mut self, name: &[u8], value: &[u8]) {
        if !std::mem::replace(&mut self.overflows, true) {
            self.facts.leave_out_arguments();
            // The text of XML is inspected without arguments too, so this is no error for XML.
            if !self.is_xml() {
                self.complain("more arguments than SecArgumentsLimit");
            }
        }
        self.gather(name);
        self.gather(value);
    }

    /// Collects text of arguments over the limit.
    fn gather(&mut self, text: &[u8]) {
        // The buffer is flushed before it is full, so that no value, and no attack in it, is split.
        if self.overflow.len() + text.len() >= OVERFLOW_BYTES {
            self.flush_overflow();
        }
        if !text.is_empty() {
            self.overflow.extend_from_slice(text);
            // Each text is a line of its own, so that the end of one and the beginning of the next do not form an
            // attack.
            self.overflow.push(b'\n');
        }
    }

    fn flush_overflow(&mut self) {
        if !self.overflow.is_empty() {
            let entry = Entry {
                name: Span::default(),
                value: self.facts.store(&self.overflow),
            };
            self.facts.add(entry);
            self.overflow.clear();
        }
    }

    /// Appends to the current name as far as there is room.
    fn extend_name(&mut self, text: &[u8]) {
        // Clients choose names, and each level makes them longer.
        let room = MAX_NAME_BYTES.saturating_sub(self.name.len());
        self.name
            .extend_from_slice(text.get(..room).unwrap_or(text));
    }

    /// Gives the next member of a list the name of its index.
    fn next_item(&mut self) {
        let (has_room, is_named) = (self.room > 0, self.over == 0);
        let Some(frame) = self
            .frames
            .last_mut()
            .filter(|frame| frame.is_list && is_named)
        else {
            return;
        };
        let index = frame.count;
        frame.count = frame.count.saturating_add(1);
        self.name.truncate(frame.members_start);
        if has_room && self.name.len() < MAX_NAME_BYTES {
            self.name.extend_from_slice(b".array_");
            crate::rules::bytes::push_integer(index.into(), &mut self.name);
        }
    }

    fn has_content(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.is_empty = false;
        }
    }

    fn depth_limit(&self) -> usize {
        if self.is_xml() {
            MAX_XML_DEPTH
        } else {
            self.program.settings.json_depth_limit as usize
        }
    }

    /// A node of the current element, named by its path.
    fn node(&mut self, attribute: Option<&str>, value: &[u8]) -> Entry {
        let nodes = self.xml.texts.len() + self.xml.attributes.len();
        let path = &self.path;
        let name = if nodes < MAX_NODES {
            self.facts.store_with(|pool| {
                pool.extend_from_slice(path);
                if let Some(attribute) = attribute {
                    pool.extend_from_slice(b"/@");
                    pool.extend_from_slice(attribute.as_bytes());
                }
            })
        } else {
            Span::default()
        };
        Entry {
            name,
            value: self.facts.store(value),
        }
    }

    fn publish_files(&mut self) {
        let files = std::mem::take(&mut self.files);
        let facts = &mut *self.facts;
        facts.set_members(V::Files, &files.names);
        facts.set_members(V::FilesSizes, &files.sizes);
        if self.program.uses(V::FilesTmpContent) {
            facts.set_members(V::FilesTmpContent, &files.contents);
        }
        facts.set_members(V::MultipartPartHeaders, &files.headers);
        facts.set_integer(
            V::FilesCombinedSize,
            i64::try_from(files.combined_bytes).unwrap_or(i64::MAX),
        );
        let Some(flags) = files.flags else {
            return;
        };
        let too_many = files.count > self.program.settings.upload_file_limit as usize;
        for (variable, value) in [
            (V::MultipartBoundaryQuoted, flags.boundary_quoted),
            (V::MultipartBoundaryWhitespace, flags.boundary_whitespace),
            (V::MultipartDataBefore, flags.data_before),
            (V::MultipartDataAfter, flags.data_after),
            (V::MultipartHeaderFolding, flags.header_folding),
            (
                V::MultipartInvalidHeaderFolding,
                flags.invalid_header_folding,
            ),
            (V::MultipartLfLine, flags.lf_line),
            (V::MultipartCrlfLfLines, flags.lf_line && flags.crlf_line),
            (V::MultipartMissingSemicolon, flags.missing_semicolon),
            (V::MultipartInvalidQuoting, flags.invalid_quoting),
            (V::MultipartInvalidPart, flags.invalid_part),
            (V::MultipartUnmatchedBoundary, flags.unmatched_boundary),
            (V::MultipartDuplicatePartHeader, files.duplicate_header),
            (V::MultipartFileLimitExceeded, too_many),
            (V::MultipartStrictError, flags.is_strict() || too_many),
        ] {
            // All variables are set, because rules also ask whether one is 0.
            facts.set(variable, if value { b"1" } else { b"0" });
        }
    }
}

/// Whether two header lines of a part have the same name.
fn has_header_twice<L: AsRef<[u8]>>(lines: &[L]) -> bool {
    let mut names: Vec<Vec<u8>> = lines
        .iter()
        .filter_map(|line| line.as_ref().split(|byte| *byte == b':').next())
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    names
        .iter()
        .zip(names.iter().skip(1))
        .any(|(one, next)| one == next)
}

/// The name without its namespace prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl Listener for BodyFacts<'_> {
    fn begin(&mut self, format: BodyKind) {
        self.formats.push(format);
        self.name.clear();
        self.path.clear();
        self.frames.clear();
        self.over = 0;
        let root: &[u8] = match format.family() {
            BodyKind::Json => b"json",
            BodyKind::Xml => b"xml",
            BodyKind::Graphql => b"graphql",
            _ => b"",
        };
        self.name.extend_from_slice(root);
        self.xml.is_read |= format.family() == BodyKind::Xml;
        self.root_length = root.len();
    }

    fn end(&mut self) {
        self.formats.pop();
    }

    fn open(&mut self, container: Container<'_>) {
        self.has_content();
        self.next_item();
        let depth_limit = self.depth_limit();
        if self.frames.len() >= depth_limit {
            // These containers are counted and not kept: a client can nest for megabytes.
            self.over += 1;
            return self.complain(match container {
                Container::Element(_) => "elements are nested too deeply",
                _ => "nested more deeply than SecRequestBodyJsonDepthLimit",
            });
        }
        let (name_length, path_length) = (self.name.len(), self.path.len());
        if let Container::Element(name) = container {
            if self.path.len() < MAX_NAME_BYTES {
                self.path.push(b'/');
                self.path.extend_from_slice(
                    name.as_bytes()
                        .get(..MAX_NAME_BYTES)
                        .unwrap_or(name.as_bytes()),
                );
            }
            self.extend_name(b".");
            // The client chooses namespace prefixes, so rules and exclusions name elements without them.
            self.extend_name(local(name).as_bytes());
        }
        self.frames.push(Frame {
            is_list: container == Container::List,
            name_length,
            members_start: self.name.len(),
            path_length,
            count: 0,
            is_empty: true,
        });
    }

    fn name(&mut self, name: &str) {
        if self.room == 0 {
            return self.gather(name.as_bytes());
        }
        // The member is too deep to be named, so its name becomes a value: the name itself may be the attack.
        if self.over > 0 {
            return self.argument(name.as_bytes());
        }
        let start = self
            .frames
            .last()
            .map_or(self.root_length, |frame| frame.members_start);
        self.name.truncate(start);
        self.extend_name(b".");
        self.extend_name(name.as_bytes());
    }

    fn close(&mut self) {
        if self.over > 0 {
            self.over -= 1;
            return;
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        // An empty container still has a name, which may be an attack.
        if frame.is_empty && self.room > 0 {
            self.argument(b"");
        }
        self.name.truncate(frame.name_length);
        self.path.truncate(frame.path_length);
        // A list is an argument too, with its length as the value. Otherwise no argument's name would end in the name
        // of the list.
        if frame.count > 0 && self.room > 0 {
            self.count.clear();
            crate::rules::bytes::push_integer(frame.count.into(), &mut self.count);
            let count = std::mem::take(&mut self.count);
            self.argument(&count);
            self.count = count;
        }
    }

    fn leaf(&mut self, value: &str, _syntax: Syntax) {
        self.has_content();
        self.next_item();
        self.argument(value.as_bytes());
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.has_content();
        let entry = self.node(Some(name), value.as_bytes());
        self.xml.attributes.push(entry);
        let length = self.name.len();
        self.extend_name(b"@");
        self.extend_name(local(name).as_bytes());
        self.argument(value.as_bytes());
        self.name.truncate(length);
    }

    fn text(&mut self, text: &str) {
        self.xml.text.extend_from_slice(text.as_bytes());
        // White space between elements is layout and no argument; `XML:/*` has it anyway.
        let value = text.trim();
        if !value.is_empty() {
            self.has_content();
            let entry = self.node(None, text.as_bytes());
            self.xml.texts.push(entry);
            self.argument(value.as_bytes());
        }
    }

    fn pair(&mut self, name: &[u8], value: &[u8]) {
        self.named(name, value);
    }

    fn part(&mut self, part: &Part<'_>) {
        self.files.parts += 1;
        let first = part.names().next().unwrap_or_default();
        if !part.file_names.is_empty() {
            self.file(part, first);
        }
        for (name, value) in part.fields() {
            if part.file_names.iter().all(Vec::is_empty) {
                self.named(name, value);
            } else {
                // Some servers take the part for a field. The suffix marks it as the content of a file, which is
                // weighed as content.
                self.named(&[name, FILE_CONTENT].concat(), value);
            }
        }
        // A client could send a body of nothing but tiny parts, each with header lines to keep.
        if self.files.parts <= MAX_PARTS {
            // Sorting the names costs time, and few rule sets ask for it.
            if self.program.uses(V::MultipartDuplicatePartHeader) {
                self.files.duplicate_header |= has_header_twice(&part.headers);
            }
            let name = self.facts.store(first);
            for line in &part.headers {
                let value = self.facts.store(line);
                self.files.headers.push(Entry { name, value });
            }
        }
    }

    fn multipart(&mut self, flags: &Flags) {
        // `MULTIPART_…` describes the body that rules chose to read as multipart, not a guess.
        if self.is_chosen() {
            self.files.flags = Some(flags.clone());
        }
    }

    fn document(&mut self, document: &Document<'_>, text: &str) {
        places::enter_figures(text.as_bytes(), document, self.facts, &mut self.documents);
    }

    fn anomaly(&mut self, anomaly: Anomaly) {
        if anomaly == Anomaly::MalformedForm
            && self.is_chosen()
            && self.program.uses(V::UrlencodedError)
        {
            self.has_bad_escape = true;
        }
        self.is_malformed |= matches!(
            anomaly,
            Anomaly::MalformedJson | Anomaly::MalformedXml | Anomaly::MalformedMultipart
        );
    }

    fn failed(&mut self, reason: &str, rest: &str) {
        // A body that was cut has no end, which is not the client's fault.
        if !self.is_cut || self.is_malformed {
            self.complain(reason);
        }
        if rest.is_empty() {
            return;
        }
        if self.is_xml() {
            self.xml.text.extend_from_slice(rest.as_bytes());
        }
        // Text that no reader could take apart is inspected as a whole.
        self.argument(rest.as_bytes());
    }
}

#[cfg(test)]
mod tests;
