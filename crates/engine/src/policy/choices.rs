//! Which value a name stands for while a comparison is evaluated again for each value that the name came with.

use std::borrow::Cow;

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::value::{Facts, Value, Values};
use crate::bundle::expression::Field;

/// What is known while one expression is evaluated.
#[derive(Debug, Default)]
pub(super) struct Frame<'a> {
    /// Variables of enclosing macros, the innermost last.
    pub(super) locals: SmallVec<[Value<'a>; 2]>,
    repeated: bool,
    choices: Option<Choices<'a>>,
}

/// The names that a comparison asked for, each with its values and with the one that it stands for now.
pub(super) type Choices<'a> = Vec<Choice<'a>>;

#[derive(Debug)]
pub(super) struct Choice<'a> {
    field: Field,
    key: SmolStr,
    values: Values<'a>,
    chosen: usize,
}

impl<'a> Frame<'a> {
    /// Whether a name that was asked for came more than once.
    pub(super) fn met_repeated(&self) -> bool {
        self.repeated
    }

    /// A macro's variable; 0 is the innermost.
    pub(super) fn local(&self, depth: u32) -> Option<Value<'a>> {
        let index = self.locals.len().checked_sub(1 + depth as usize)?;
        self.locals.get(index).cloned()
    }

    /// The value that a name stands for: the first one, or in a round of choices the chosen one. Within a comparison
    /// a name stands for one value, however often it is asked for.
    pub(super) fn value<F: Facts>(
        &mut self,
        facts: &'a F,
        field: Field,
        key: &str,
    ) -> Option<Cow<'a, str>> {
        let Some(choices) = &mut self.choices else {
            // The first evaluation, which is the only one for nearly every request: nothing is remembered, only that a
            // name came more than once.
            let mut values = facts.values(field, key);
            self.repeated |= values.len() > 1;
            // The other values are dropped anyway, so the first one may change places with the last.
            return (!values.is_empty()).then(|| values.swap_remove(0));
        };
        // A comparison asks for few names, so a search is quicker than a map and needs no second allocation.
        let known = choices
            .iter()
            .find(|choice| choice.field == field && choice.key == key);
        if let Some(choice) = known {
            return choice.values.get(choice.chosen).cloned();
        }
        let values = facts.values(field, key);
        let first = values.first().cloned();
        choices.push(Choice {
            field,
            key: key.into(),
            values,
            chosen: 0,
        });
        first
    }

    /// Begin a round of choices. Returns the round that has begun already, for [`Self::end`]: a comparison within a
    /// macro has its own round inside the round of the list.
    pub(super) fn begin(&mut self) -> Option<Choices<'a>> {
        self.choices.replace(Vec::new())
    }

    /// End a round of choices.
    pub(super) fn end(&mut self, before: Option<Choices<'a>>) {
        self.choices = before;
    }

    /// Go on to the next combination of values; `false` when all were there.
    pub(super) fn next(&mut self) -> bool {
        // As an odometer: the last name turns fastest, and a name that has shown all its values turns the one before it.
        for choice in self.choices.iter_mut().flatten().rev() {
            choice.chosen += 1;
            if choice.chosen < choice.values.len() {
                return true;
            }
            choice.chosen = 0;
        }
        false
    }
}
