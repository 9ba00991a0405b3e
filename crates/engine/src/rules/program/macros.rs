//! Texts with variables in them, ready to be expanded.

use regex::bytes::Regex;

use crate::rules::pattern;
use crate::rules::program::tx::Names;
use crate::rules::wire::{Macro, Part, Variable};

/// A text with variables, whose `TX` names are already numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompiledMacro(pub(crate) Vec<CompiledPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompiledPart {
    Text(Box<[u8]>),
    /// `%{tx.name}`, by the number of the variable.
    Tx(u16),
    Var(Variable, Option<Box<[u8]>>),
    /// `%{ARGS./^id/}`: the first member whose name matches the pattern.
    Pattern(Variable, NamePattern),
}

/// A pattern on names. Two patterns are equal when their texts are, because a `Regex` cannot be compared.
#[derive(Debug, Clone)]
pub(crate) struct NamePattern(pub(crate) Regex);

impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for NamePattern {}

/// A member of a variable, by name or by pattern.
fn member(variable: Variable, key: &str, names: &mut Names) -> CompiledPart {
    match (name_pattern(key), variable) {
        (Some(pattern), _) => CompiledPart::Pattern(variable, NamePattern(pattern)),
        (None, Variable::Tx) => CompiledPart::Tx(names.place(key.as_bytes())),
        (None, _) => {
            CompiledPart::Var(variable, Some(key.to_ascii_lowercase().into_bytes().into()))
        }
    }
}

/// The pattern of a key that is written between slashes.
fn name_pattern(key: &str) -> Option<Regex> {
    let pattern = key.strip_prefix('/')?.strip_suffix('/')?;
    pattern::compile_selector(&pattern.replace("\\/", "/")).ok()
}

impl CompiledMacro {
    pub(crate) fn new(source: &Macro, names: &mut Names) -> Self {
        Self(
            source
                .iter()
                .map(|part| match part {
                    Part::Text(text) => CompiledPart::Text(text.as_bytes().into()),
                    Part::Var(variable, Some(key)) => member(*variable, key, names),
                    Part::Var(variable, None) => CompiledPart::Var(*variable, None),
                })
                .collect(),
        )
    }

    /// The text, if there are no variables in it.
    pub(crate) fn literal(&self) -> Option<Vec<u8>> {
        self.0
            .iter()
            // Parts are joined, because a text with several literal parts is as constant as one with a single part.
            .try_fold(Vec::new(), |mut all, part| match part {
                CompiledPart::Text(text) => {
                    all.extend_from_slice(text);
                    Some(all)
                }
                _ => None,
            })
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().map(|part| match part {
            CompiledPart::Var(variable, _) | CompiledPart::Pattern(variable, _) => *variable,
            _ => Variable::Tx,
        })
    }
}
