//! Notes what matched. Matches are noted as values and become text (`MATCHED_VAR`, `MATCHED_VARS`, reports) only when
//! something asks for the text, because most matches only add to a score.

use std::borrow::Cow;

use super::state::{MAX_TEXT_BYTES, Noted, Run};
use crate::rules::run::report::MatchedVar;
use crate::rules::run::values::OutputId;
use crate::rules::wire::Variable;

/// The most members of `MATCHED_VARS`. A client chooses how many values match.
const MAX_MATCHED_VARS: usize = 256;

impl<'a> Run<'a, '_> {
    /// Notes what matched, for `MATCHED_VAR` and reports.
    pub(super) fn note(&mut self, variable: Variable, name: Cow<'a, [u8]>, value: OutputId) {
        if !self.notes {
            return;
        }
        // When the list is full, the last entry is replaced, so that `MATCHED_VAR` is always the latest match.
        if self.links.len() >= MAX_MATCHED_VARS {
            self.links.pop();
        }
        // The entry that was removed may have become text already.
        self.settled = self.settled.min(self.links.len());
        self.links.push(Noted {
            variable,
            name,
            value,
        });
        self.unsettled = true;
    }

    /// Makes text of the matches that were noted since the last call, and puts it into the state's `MATCHED_…`. The
    /// matches of a chain stay until the next rule matches something. Each match becomes text once, so a link that asks
    /// after each of its own matches costs no more.
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
        // For the first match of a rule `settled` is 0, so this also drops the matches of the rule before.
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
            // Clients choose names, and the event contains them, so they are cut.
            name.extend_from_slice(noted.name.get(..256).unwrap_or(&noted.name));
        }
        let value = self.values.bytes(noted.value);
        MatchedVar {
            name,
            value: value.get(..MAX_TEXT_BYTES).unwrap_or(value).to_vec(),
        }
    }
}
