//! What matched: noted as values, made texts (`MATCHED_VAR`, `MATCHED_VARS`, reports) when somebody asks.

use std::borrow::Cow;

use super::state::{MAX_TEXT_BYTES, Noted, Run};
use crate::rules::run::report::MatchedVar;
use crate::rules::run::values::OutputId;
use crate::rules::wire::Variable;

/// Members of `MATCHED_VARS`.
const MAX_MATCHED_VARS: usize = 256;

impl<'a> Run<'a, '_> {
    /// Note what matched, for `MATCHED_VAR` and reports.
    pub(super) fn note(&mut self, variable: Variable, name: Cow<'a, [u8]>, value: OutputId) {
        if !self.notes {
            return;
        }
        if self.links.len() >= MAX_MATCHED_VARS {
            self.links.pop();
        }
        self.settled = self.settled.min(self.links.len());
        self.links.push(Noted {
            variable,
            name,
            value,
        });
        self.unsettled = true;
    }

    /// Bring the state's `MATCHED_…` in line with what was noted. A chain's matches stay until the next rule matches
    /// something, each made text once: a link that asks for them after each of its own matches costs no more for it.
    pub(super) fn settle(&mut self) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        let fresh = self.links.get(self.settled..).unwrap_or_default().iter();
        let texts: Vec<MatchedVar> = fresh.map(|noted| self.text_of(noted)).collect();
        if let Some(last) = texts.last() {
            self.state.matched_name.clone_from(&last.name);
            self.state.matched_var.clone_from(&last.value);
        }
        self.state.matched_vars.truncate(self.settled);
        self.state.matched_vars.extend(texts);
        self.settled = self.links.len();
    }

    pub(super) fn text_of(&self, noted: &Noted<'_>) -> MatchedVar {
        let known = self
            .context
            .program
            .variable_names
            .get(noted.variable as usize)
            .map_or("", String::as_str);
        let mut name = known.as_bytes().to_vec();
        if !noted.name.is_empty() {
            name.push(b':');
            name.extend_from_slice(noted.name.get(..256).unwrap_or(&noted.name));
        }
        let value = self.values.bytes(noted.value);
        MatchedVar {
            name,
            value: value.get(..MAX_TEXT_BYTES).unwrap_or(value).to_vec(),
        }
    }
}
