//! The listener that turns a body into parameters of the request.
//!
//! Names: members of objects and elements are joined with `.`; a list's items share the name of the list and `[]`, so
//! that `{"items": [{"sku": 1}, {"sku": 2}]}` gives `items[].sku` twice and a name stays the same however many items
//! there are; an attribute adds `@name`. Elements and attributes go by their local names, since a client may choose
//! prefixes. A root scalar is named "". A key that holds a dot is not told apart from nesting.
//!
//! Members that are nested deeper than the limit are kept under the name of the deepest permitted ancestor, and their
//! keys are kept as values.

use std::borrow::Cow;

use super::format::BodyKind;
use super::hashes::{has_duplicates, hash};
use super::listener::{Container, Listener};
use super::multipart::part::{Flags, Part};
use super::parameter::{Parameters, Syntax};
use super::{Anomalies, Anomaly, Limits, Location, ParameterKind};
use crate::headers::lossy;

/// An open container.
struct Frame {
    /// Length of the name before what this container adds.
    name_length: usize,
    /// Length of the name that is its own, should it turn out to be empty.
    own_length: usize,
    /// Where the names of its members begin.
    members_start: usize,
    /// It had a member or a text, so its end does not tell an empty value.
    has_content: bool,
}

/// Parameters in the making.
pub struct Collect<'p> {
    parameters: &'p mut Parameters,
    /// Levels that are named.
    depth: usize,
    /// Parts of a multipart body that are kept.
    parts: u32,
    formats: Vec<BodyKind>,
    name: String,
    frames: Vec<Frame>,
    /// Open containers beyond `depth`.
    over: usize,
    /// Hashes of the names of fields.
    fields: Vec<u64>,
    part_count: u32,
    anomalies: Anomalies,
}

impl<'p> Collect<'p> {
    /// A listener that adds to `parameters`.
    ///
    /// # Arguments
    /// * `limits` - `depth`, `multipart_parts`.
    pub fn new(parameters: &'p mut Parameters, limits: &Limits) -> Self {
        Self {
            parameters,
            depth: limits.depth as usize,
            parts: limits.multipart_parts,
            formats: Vec::new(),
            name: String::new(),
            frames: Vec::new(),
            over: 0,
            fields: Vec::new(),
            part_count: 0,
            anomalies: Anomalies::NONE,
        }
    }

    /// What was odd, by the readers and by the limits.
    #[must_use]
    pub const fn anomalies(&self) -> Anomalies {
        self.anomalies
    }

    fn push(&mut self, syntax: Syntax, value: &str) {
        let found = self
            .parameters
            .push_with(Location::Body, syntax, &self.name, |text| {
                text.push_str(value);
            });
        self.anomalies.extend(found);
    }

    /// Adds a parameter under the given name instead of the current one.
    fn push_bytes(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (lossy(name), lossy(value));
        let replaced = matches!(name, Cow::Owned(_)) || matches!(value, Cow::Owned(_));
        self.anomalies.insert_if(replaced, Anomaly::InvalidUtf8);
        self.anomalies
            .extend(self.parameters.push(Location::Body, &name, &value));
    }

    fn has_content(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.has_content = true;
        }
    }
}

/// The part of a name without its prefix.
fn local(name: &str) -> &str {
    // Clients choose prefixes, so a prefix says nothing about the element.
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl Listener for Collect<'_> {
    fn begin(&mut self, format: BodyKind) {
        self.formats.push(format);
        // A part begins anew, because its names do not depend on the body around it.
        self.name.clear();
        self.frames.clear();
        self.over = 0;
    }

    fn end(&mut self) {
        let format = self.formats.pop();
        self.name.clear();
        self.frames.clear();
        self.over = 0;
        // JSON has an anomaly of its own for this, and lists in XML repeat names by design.
        let twice = match format {
            Some(BodyKind::Form) => self.parameters.has_duplicate_names(Location::Body),
            Some(BodyKind::Multipart) => has_duplicates(&mut self.fields, |hash| *hash),
            _ => false,
        };
        self.anomalies.insert_if(twice, Anomaly::DuplicateParameter);
    }

    fn open(&mut self, container: Container<'_>) {
        self.has_content();
        // Deeper containers are counted, not named: a name per level would make a deep body quadratic.
        if self.frames.len() >= self.depth {
            self.over += 1;
            self.anomalies.insert(Anomaly::DepthOverLimit);
            return;
        }
        let name_length = self.name.len();
        let mut own_length = name_length;
        match container {
            Container::Object => {}
            Container::List => self.name.push_str("[]"),
            Container::Element(name) => {
                if name_length > 0 {
                    self.name.push('.');
                }
                self.name.push_str(local(name));
                own_length = self.name.len();
            }
        }
        self.frames.push(Frame {
            name_length,
            own_length,
            members_start: self.name.len(),
            has_content: false,
        });
    }

    fn name(&mut self, name: &str) {
        if self.over > 0 {
            self.push(Syntax::String, name);
            return;
        }
        // One buffer for all names: a member cuts it back to its container's name and appends its own.
        let start = self.frames.last().map_or(0, |frame| frame.members_start);
        self.name.truncate(start);
        if start > 0 {
            self.name.push('.');
        }
        self.name.push_str(name);
    }

    fn close(&mut self) {
        if self.over > 0 {
            self.over -= 1;
            return;
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        // An empty container is a parameter too, or `{"admin": {}}` would go unseen.
        if !frame.has_content {
            self.name.truncate(frame.own_length);
            self.push(Syntax::Typed(ParameterKind::Empty), "");
        }
        self.name.truncate(frame.name_length);
    }

    fn leaf(&mut self, value: &str, syntax: Syntax) {
        self.has_content();
        self.push(syntax, value);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        // Cut back to this length afterwards, because the element's text comes under the shorter name.
        let length = self.name.len();
        self.name.push('@');
        self.name.push_str(local(name));
        let syntax = if value.is_empty() {
            Syntax::Typed(ParameterKind::Empty)
        } else {
            Syntax::Text
        };
        self.push(syntax, value);
        self.name.truncate(length);
    }

    fn text(&mut self, text: &str) {
        let value = text.trim();
        if !value.is_empty() {
            self.has_content();
            self.push(Syntax::Text, value);
        }
    }

    fn pair(&mut self, name: &[u8], value: &[u8]) {
        self.push_bytes(name, value);
    }

    fn part(&mut self, part: &Part<'_>) {
        self.part_count = self.part_count.saturating_add(1);
        if self.part_count > self.parts {
            self.anomalies.insert(Anomaly::MultipartPartsOverLimit);
            return;
        }
        // The client chooses file names freely, so conditions and rules see them as parameters.
        for name in part.names() {
            for file_name in &part.file_names {
                self.push_bytes(name, file_name);
            }
        }
        for (name, value) in part.fields() {
            self.push_bytes(name, value);
        }
        let name = part.names().next().unwrap_or_default();
        // `[]` at the end announces a list (PHP, Rails), so such a name may come again.
        if part.is_field() && !name.ends_with(b"[]") {
            self.fields.push(hash(name));
        }
    }

    fn multipart(&mut self, flags: &Flags) {
        self.anomalies
            .insert_if(flags.is_strict(), Anomaly::MalformedMultipart);
    }

    fn anomaly(&mut self, anomaly: Anomaly) {
        self.anomalies.insert(anomaly);
    }

    fn failed(&mut self, _reason: &str, rest: &str) {
        // Reading stopped here, so the rest becomes one value: nothing behind an error goes unseen.
        if !rest.is_empty() {
            self.push(Syntax::Text, rest);
        }
    }
}

/// What a reader tells, as parameters; for tests.
#[cfg(test)]
pub(super) fn collected(
    format: BodyKind,
    limits: &Limits,
    read: impl FnOnce(&mut Collect<'_>),
) -> (Parameters, Anomalies) {
    let mut parameters = Parameters::within(limits);
    let mut collect = Collect::new(&mut parameters, limits);
    collect.begin(format);
    read(&mut collect);
    collect.end();
    let anomalies = collect.anomalies();
    (parameters, anomalies)
}
