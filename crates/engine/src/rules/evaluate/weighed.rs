//! Whether a match in a field where people write counts, see [`super::super::weigh`].

use super::super::compiled::Variable;
use super::super::facts::Slot;
use super::super::places;
use super::super::program::{CompiledLink, CompiledTarget};
use super::super::report::{Hit, MatchedVar};
use super::super::values::{OutputId, Side};
use super::super::weigh::{self, Classes, Field, Fields};
use super::{MAX_TEXT_BYTES, Run};

/// Matches that are told of.
const MAX_WEIGHED: usize = 32;

/// Bytes that are weighed in a phase. A match past them counts.
const MAX_WEIGHED_BYTES: usize = 512 << 10;

/// What is weighed once in a phase: a value, as what, for rules of which kind.
pub(super) type Weighing = (OutputId, Field, Classes);

impl<'a> Run<'a, '_> {
    /// Whether a value that matched is content that breaks out of nothing: the match does not count then, and is told
    /// of as such.
    ///
    /// # Arguments
    /// * `value` - before and after transformations.
    pub(super) fn is_content(
        &mut self,
        link: &'a CompiledLink,
        target: &'a CompiledTarget,
        name: &[u8],
        (base, matched): (OutputId, OutputId),
        argument: &[u8],
    ) -> bool {
        let Some(fields) = self.context.fields else {
            return false;
        };
        if self.classes == Classes::NONE || link.negated {
            return false;
        }
        let spared = match target.variable {
            Variable::Args | Variable::ArgsGet | Variable::ArgsPost => {
                // Names are no content; their entries have the name on both sides.
                self.is_field_content(fields, name, base)
            }
            Variable::StarfortArgs => match places::field_of(name) {
                Some(field) => self.is_field_content(fields, field, base),
                None => false,
            },
            Variable::Xml if name.is_empty() => {
                self.are_parts_content(fields, link, argument, Slot::XML_TEXTS)
            }
            Variable::Xml => self.is_field_content(fields, name, base),
            Variable::RequestBody => {
                self.are_parts_content(fields, link, argument, Variable::ArgsPost.into())
            }
            _ => false,
        };
        if spared {
            self.note_weighed(link, target.variable, name, matched);
        }
        spared
    }

    fn is_field_content(&mut self, fields: Fields<'_>, name: &[u8], base: OutputId) -> bool {
        let field = fields.field(name, self.values.bytes(base));
        if !field.is_content() {
            return false;
        }
        let key = (base, field, self.classes.narrow());
        if let Some(counts) = self.verdicts.get(&key) {
            return !counts;
        }
        self.weighed_bytes = self
            .weighed_bytes
            .saturating_add(self.values.bytes(base).len());
        if self.weighed_bytes > MAX_WEIGHED_BYTES {
            return false;
        }
        let counts = weigh::counts(self.classes, field, self.values.bytes(base));
        self.verdicts.insert(key, counts);
        !counts
    }

    /// A body as a whole matched: whether it would not without the parts that are content.
    fn are_parts_content(
        &mut self,
        fields: Fields<'_>,
        link: &'a CompiledLink,
        argument: &[u8],
        parts: Slot,
    ) -> bool {
        let key = (parts, self.classes.narrow());
        let rest = match self.rests.get(&key) {
            Some(rest) => *rest,
            None => {
                let rest = self.without_content(fields, parts);
                self.rests.insert(key, rest);
                rest
            }
        };
        let Some(rest) = rest else {
            return false;
        };
        let value = self.values.after(rest, link.chain);
        !self.holds(link, value, argument, None)
    }

    /// The parts of a body that are no content, or break out, in one; `None` when these are all parts.
    fn without_content(&mut self, fields: Fields<'_>, parts: Slot) -> Option<OutputId> {
        let mut rest = Vec::new();
        let mut any = false;
        for entry in self.values.entries(parts) {
            let base = self.values.base(entry, Side::Value);
            let facts = self.context.facts;
            let name = facts.bytes(facts.entry(entry).name);
            if self.is_field_content(fields, name, base) {
                any = true;
            } else {
                rest.extend_from_slice(name);
                rest.push(b'=');
                rest.extend_from_slice(self.values.bytes(base));
                rest.push(b'&');
            }
        }
        any.then(|| self.values.foreign(&rest))
    }

    fn note_weighed(
        &mut self,
        link: &'a CompiledLink,
        variable: Variable,
        name: &[u8],
        value: OutputId,
    ) {
        let rule = u32::try_from(self.state.rule).unwrap_or(u32::MAX);
        let weighed = &self.state.weighed;
        if weighed.len() >= MAX_WEIGHED || weighed.iter().any(|hit| hit.rule == rule) {
            return;
        }
        let known = self.context.program.variable_names.get(variable as usize);
        let mut text = known.map_or("", String::as_str).as_bytes().to_vec();
        if !name.is_empty() {
            text.push(b':');
            text.extend_from_slice(name.get(..256).unwrap_or(name));
        }
        let bytes = self.values.bytes(value);
        let hit = Hit {
            rule,
            msg: link
                .msg
                .as_ref()
                .map(|text| self.expand(text))
                .unwrap_or_default(),
            logdata: Vec::new(),
            vars: vec![MatchedVar {
                name: text,
                value: bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes).to_vec(),
            }],
        };
        self.state.weighed.push(hit);
    }
}
