//! What the reader of GraphQL makes of a text: a document's literals, comments, fields and figures.

use std::ops::Range;

/// Literals and comments of a document: a bulk insert has ten thousand.
const MAX_LEAVES: usize = 65_536;

/// Why a text is not a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDocument {
    /// The grammar does not allow it.
    Syntax,
    /// It is larger or deeper than the reader allows.
    Limit,
}

pub(super) type Parsed<T> = Result<T, NoDocument>;

/// What a value of a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKind {
    /// A string, its escapes undone; block strings without their indentation.
    String,
    /// An integer or number.
    Number,
    /// `true` and `false`.
    Boolean,
    /// A value of an enumeration.
    Enum,
    /// What follows a `#`.
    Comment,
}

/// How much a document asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Selection sets within one another.
    pub(crate) depth: u32,
    /// Fields.
    pub(crate) fields: u32,
    /// The most times that one field stands under aliases in one selection set.
    pub(crate) aliases: u32,
    /// Directives of one thing, at most.
    pub(crate) directives: u32,
    /// Fields that ask for the schema itself (`__schema`, `__type`).
    pub(crate) introspection: u32,
}

/// A document that was read whole.
#[derive(Debug, Default)]
pub struct Document<'t> {
    // One buffer for all names and values, because a document may have 65,536 of them.
    pool: String,
    leaves: Vec<(Range<u32>, Range<u32>, LeafKind)>,
    pub(crate) figures: Figures,
    /// Names of the fields that are asked for, each once, in order.
    pub(crate) fields: Vec<&'t str>,
}

impl Document<'_> {
    /// Name, value and kind of each literal and comment, in order.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (&str, &str, LeafKind)> {
        let part = |range: &Range<u32>| {
            self.pool
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default()
        };
        self.leaves
            .iter()
            .map(move |(name, value, kind)| (part(name), part(value), *kind))
    }

    pub(super) fn push(&mut self, name: &str, kind: LeafKind, value: &str) -> Parsed<()> {
        if self.leaves.len() >= MAX_LEAVES {
            return Err(NoDocument::Limit);
        }
        let mut append = |text: &str| {
            let start = u32::try_from(self.pool.len()).map_err(|_| NoDocument::Limit)?;
            self.pool.push_str(text);
            let end = u32::try_from(self.pool.len()).map_err(|_| NoDocument::Limit)?;
            Ok(start..end)
        };
        let (name, value) = (append(name)?, append(value)?);
        self.leaves.push((name, value, kind));
        Ok(())
    }
}
