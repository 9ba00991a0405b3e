//! Decides whether a match in a field where people write counts, see [`crate::rules::weigh`].

use super::state::{MAX_TEXT_BYTES, Run};
use crate::rules::program::rule::CompiledLink;
use crate::rules::program::slots::Side;
use crate::rules::program::slots::Slot;
use crate::rules::program::target::CompiledTarget;
use crate::rules::run::places;
use crate::rules::run::report::{Hit, MatchedVar};
use crate::rules::run::request;
use crate::rules::run::values::OutputId;
use crate::rules::weigh::{self, Classes, Field, Fields};
use crate::rules::wire::Variable;
use crate::work::of_bytes;

/// How many weighed matches the event lists.
const MAX_WEIGHED: usize = 32;

/// The most bytes that are weighed in a phase; a match beyond them counts. Half a megabyte is far more than people
/// write.
const MAX_WEIGHED_BYTES: usize = 512 << 10;

/// Tenths of a unit of work for each byte that is weighed, by all grammars, in texts that keep them busiest.
const WORK_TENTHS: u64 = 500;

/// How many parameters of a query are looked at; a match in a query with more counts.
const MAX_PAIRS: usize = 1_000;

impl<'a> Run<'a, '_> {
    /// Whether a value that matched is content that does not break out of its field. Then the match does not count, and
    /// the event says that it was weighed.
    ///
    /// # Arguments
    /// * `(base, matched)` - the value before and after transformations.
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
        let spared = self.is_spared(fields, link, target.variable, name, base, argument);
        if spared {
            self.note_weighed(link, target.variable, name, matched);
        }
        spared
    }

    /// Whether all fields that a variable is made of are content that does not break out.
    fn is_spared(
        &mut self,
        fields: Fields<'_>,
        link: &'a CompiledLink,
        variable: Variable,
        name: &[u8],
        base: OutputId,
        argument: &[u8],
    ) -> bool {
        match variable {
            Variable::Args | Variable::ArgsGet | Variable::ArgsPost => {
                // Names are no content, and are targets of their own; the argument here is always a value.
                let field = self.field(fields, name, base);
                let field = self.apart(field, name, base);
                self.is_weighed_content(field, base)
            }
            Variable::StarfortArgs => match places::field_of(name) {
                Some(inner) => {
                    let field = self.field(fields, inner, base);
                    let field = self.apart(field, name, base);
                    self.is_weighed_content(field, base)
                }
                None => false,
            },
            Variable::Xml if name.is_empty() => {
                self.are_parts_content(fields, link, argument, Slot::XML_TEXTS)
            }
            Variable::Xml => self.is_field_content(fields, name, base),
            Variable::RequestBody => {
                self.are_parts_content(fields, link, argument, Variable::ArgsPost.into())
            }
            Variable::RequestUri
            | Variable::RequestUriRaw
            | Variable::RequestLine
            | Variable::QueryString => self.is_query_content(fields, link, argument, variable),
            _ => false,
        }
    }

    fn is_field_content(&mut self, fields: Fields<'_>, name: &[u8], base: OutputId) -> bool {
        self.is_weighed_content(self.field(fields, name, base), base)
    }

    fn is_weighed_content(&mut self, field: Field, base: OutputId) -> bool {
        if !field.is_content() {
            return false;
        }
        // Many rules match one value, and most grammars do not depend on the rule, so they are asked once for all
        // rules.
        let key = (base, field, self.classes.narrow());
        if let Some(counts) = self.verdicts.get(&key) {
            return !counts;
        }
        let length = self.values.bytes(base).len();
        self.weighed_bytes = self.weighed_bytes.saturating_add(length);
        let work = of_bytes(length, WORK_TENTHS);
        // A match that was not weighed counts: an attacker must not get rid of a match by using up the work.
        if self.weighed_bytes > MAX_WEIGHED_BYTES || !self.values.work.charge(work) {
            return false;
        }
        let counts = weigh::counts(self.classes, field, self.values.bytes(base));
        self.verdicts.insert(key, counts);
        !counts
    }

    /// The field that a value is the content of.
    fn field(&self, fields: Fields<'_>, name: &[u8], base: OutputId) -> Field {
        let facts = self.context.facts;
        // A body that is text is one argument without a name.
        let name = name.split(|byte| *byte == b'|').next().unwrap_or_default();
        if name.is_empty()
            && let Some(media) = facts.member(Variable::RequestHeaders, b"content-type")
        {
            return Field::of_media(media);
        }
        fields.field(name, self.values.bytes(base))
    }

    /// The field of a value, or a document's field when the value is a JSON document whose values rules look at one by
    /// one (`json.a|json.b`): as a whole, such a document has many quotes and backslashes that mean nothing.
    fn apart(&mut self, field: Field, name: &[u8], base: OutputId) -> Field {
        let value = self.values.bytes(base).trim_ascii();
        if !matches!(
            (value.first(), value.last()),
            (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
        ) {
            return field;
        }
        // Database operators (`$gt`) and `__proto__` stand in names, which rules see only in the whole document.
        if memchr::memmem::find(value, b"\"$").is_some()
            || memchr::memmem::find(value, b"proto").is_some()
        {
            return field;
        }
        let facts = self.context.facts;
        let parts = [Variable::StarfortArgs.into(), Slot::DECODED_BODY];
        let count: usize = parts.iter().map(|slot| facts.range(*slot).len()).sum();
        if !self.values.work.charge(of_bytes(count, WORK_TENTHS)) {
            return field;
        }
        // The whole counts as a document only if its parts are really there for rules to see; decoders stop at a limit.
        let is_part = |part: &[u8]| {
            let way = part.strip_prefix(name).unwrap_or_default();
            way.starts_with(b"|json") || way.starts_with(b"|fold|json")
        };
        let is_told = parts
            .iter()
            .any(|slot| facts.members(*slot).any(|(part, _)| is_part(part)));
        if is_told { Field::of_document() } else { field }
    }

    /// Whether a request's target that matched would not match without the parameters that are content.
    fn is_query_content(
        &mut self,
        fields: Fields<'_>,
        link: &'a CompiledLink,
        argument: &[u8],
        variable: Variable,
    ) -> bool {
        let key = (variable.into(), self.classes.narrow());
        let rest = match self.rests.get(&key) {
            Some(rest) => *rest,
            None => {
                let rest = self.target_without_content(fields, variable);
                self.rests.insert(key, rest);
                rest
            }
        };
        self.would_not_match(link, argument, rest)
    }

    /// A variable of the request's target without the parameters that are content; `None` when no parameter is.
    fn target_without_content(
        &mut self,
        fields: Fields<'_>,
        variable: Variable,
    ) -> Option<OutputId> {
        // A decoded query cannot be split: an encoded `&` looks like one that separates parameters.
        let written = match variable {
            Variable::RequestUri => Variable::RequestUriRaw,
            other => other,
        };
        let text = self.context.facts.scalar(written)?;
        let start = match variable {
            Variable::QueryString => 0,
            _ => memchr::memchr(b'?', text)? + 1,
        };
        let (head, query) = text.split_at_checked(start)?;
        let end = memchr::memchr2(b' ', b'#', query).unwrap_or(query.len());
        let (query, tail) = query.split_at_checked(end)?;
        let mut rest = head.to_vec();
        let mut any = false;
        // Only parameters that are no content are kept: if the rule still matches, the match counts.
        for (number, pair) in query.split(|byte| *byte == b'&').enumerate() {
            if number >= MAX_PAIRS {
                return None;
            }
            if self.is_pair_content(fields, pair) {
                any = true;
            } else {
                rest.extend_from_slice(pair);
                rest.push(b'&');
            }
        }
        rest.extend_from_slice(tail);
        if variable == Variable::RequestUri {
            let mut decoded = Vec::with_capacity(rest.len());
            request::percent_decode(&rest, &mut decoded);
            rest = decoded;
        }
        any.then(|| self.values.foreign(&rest))
    }

    fn is_pair_content(&mut self, fields: Fields<'_>, pair: &[u8]) -> bool {
        let Some(equals) = memchr::memchr(b'=', pair) else {
            return false;
        };
        let decoded = |part: &[u8]| {
            let spaced: Vec<u8> = part
                .iter()
                .map(|byte| if *byte == b'+' { b' ' } else { *byte })
                .collect();
            let mut out = Vec::with_capacity(spaced.len());
            request::percent_decode(&spaced, &mut out);
            out
        };
        let (name, value) = pair.split_at(equals);
        let name = decoded(name);
        // Most parameters are no content, so only the values of those that are get copied.
        if name.is_empty() || !fields.field(&name, b"").is_content() {
            return false;
        }
        let value = decoded(value.get(1..).unwrap_or_default());
        let base = self.values.foreign(&value);
        self.is_field_content(fields, &name, base)
    }

    /// Whether a body that matched as a whole would not match without the parts that are content.
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
        self.would_not_match(link, argument, rest)
    }

    fn would_not_match(
        &mut self,
        link: &'a CompiledLink,
        argument: &[u8],
        rest: Option<OutputId>,
    ) -> bool {
        let Some(rest) = rest else {
            return false;
        };
        // The rest is transformed and asked exactly as the rule does it, so that weighing never sees more or less than
        // the rule.
        let value = self.values.after(rest, link.chain);
        !self.holds(link, value, argument, None)
    }

    /// The parts of a body that are no content or break out of their field, joined; `None` when no part is content.
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
                // Names stay in, because clients choose them and they are no content.
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
        // One entry for each rule: the event says for which rules a match did not count, not how often.
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
