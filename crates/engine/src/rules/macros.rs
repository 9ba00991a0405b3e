//! Texts with variables in them, ready to be expanded.

use super::compiled::{Macro, Part, Variable};
use super::program::Names;

/// A text with variables, names looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompiledMacro(pub(crate) Vec<CompiledPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompiledPart {
    Text(Box<[u8]>),
    /// `%{tx.name}` by place.
    Tx(u16),
    Var(Variable, Option<Box<[u8]>>),
}

impl CompiledMacro {
    pub(crate) fn new(source: &Macro, names: &mut Names) -> Self {
        Self(
            source
                .iter()
                .map(|part| match part {
                    Part::Text(text) => CompiledPart::Text(text.as_bytes().into()),
                    Part::Var(Variable::Tx, Some(key)) => {
                        CompiledPart::Tx(names.place(key.as_bytes()))
                    }
                    Part::Var(variable, key) => CompiledPart::Var(
                        *variable,
                        key.as_ref()
                            .map(|key| key.to_ascii_lowercase().into_bytes().into()),
                    ),
                })
                .collect(),
        )
    }

    /// The text when there are no variables in it.
    pub(crate) fn literal(&self) -> Option<Vec<u8>> {
        self.0
            .iter()
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
            CompiledPart::Var(variable, _) => *variable,
            _ => Variable::Tx,
        })
    }
}
