//! Keywords for numbers and strings, and values that are listed.

use super::Evaluation;
use crate::contract::number::Number;
use crate::contract::schema::{Keyword, Literals, Range, Types};
use crate::contract::tree::{Kind, Tree};
use crate::contract::violation::Code;
use crate::shape::CharacterSet;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn scalar(
        &mut self,
        keyword: &'a Keyword,
        at: u32,
        kind: Kind,
        types: Types,
    ) -> bool {
        let tree = self.tree;
        let text = tree.text(at);
        match keyword {
            Keyword::Range(_) | Keyword::MultipleOf(_) => {
                let number = matches!(kind, Kind::Number | Kind::Text).then(|| Number::parse(text));
                number
                    .flatten()
                    .is_none_or(|number| self.number(keyword, &number))
            }
            Keyword::Format(format) if format.is_numeric() => {
                let number = matches!(kind, Kind::Number | Kind::Text).then(|| Number::parse(text));
                let is_right = number
                    .flatten()
                    .is_none_or(|number| format.has_number(&number));
                is_right || self.fail(Code::Format)
            }
            Keyword::Length(_)
            | Keyword::Pattern(_)
            | Keyword::Format(_)
            | Keyword::Characters(_)
                if matches!(kind, Kind::String)
                    || kind == Kind::Text && types.has(Types::STRING) =>
            {
                self.string(keyword, text)
            }
            Keyword::Hashes(hashes) => {
                let is_hashed = matches!(kind, Kind::String | Kind::Text | Kind::Number);
                let is_one = match self.options.hash.filter(|_| is_hashed) {
                    Some(hash) => hashes.binary_search(&hash.short(text.as_bytes())).is_ok(),
                    None => true,
                };
                is_one || self.fail(Code::Enum)
            }
            _ => self.any(keyword, at),
        }
    }

    pub(super) fn number(&mut self, keyword: &Keyword, number: &Number<'_>) -> bool {
        match keyword {
            Keyword::Range(range) => is_within(range, number) || self.fail(Code::Range),
            Keyword::MultipleOf(divisor) => {
                number.is_multiple_of(divisor) || self.fail(Code::Multiple)
            }
            _ => true,
        }
    }

    pub(super) fn string(&mut self, keyword: &Keyword, text: &str) -> bool {
        let length = text.len() as u64;
        match keyword {
            // A character has one to four bytes, so most texts need not be counted.
            Keyword::Length(bounds)
                if length >= 4 * bounds.min.min(u64::MAX / 4) && length <= bounds.max =>
            {
                true
            }
            Keyword::Length(bounds) => {
                bounds.contain(text.chars().count() as u64) || self.fail(Code::Length)
            }
            Keyword::Pattern(pattern) => {
                self.charge(length);
                !self.is_spent() && (pattern.is_match(text) || self.fail(Code::Pattern))
            }
            Keyword::Format(format) => format.has_text(text) || self.fail(Code::Format),
            Keyword::Characters(allowed) => {
                CharacterSet::of(text).is_within(*allowed) || self.fail(Code::Characters)
            }
            _ => true,
        }
    }

    pub(super) fn is_one_of(&mut self, values: &Literals, at: u32) -> bool {
        let tree = self.tree;
        let kind = tree.kind(at);
        if matches!(kind, Some(Kind::String | Kind::Text)) && values.has_string(tree.text(at)) {
            return true;
        }
        if kind == Some(Kind::String) {
            return false;
        }
        self.charge(values.others.len() as u64);
        let mut others = values.others.iter();
        if kind == Some(Kind::Text) {
            let text = tree.text(at);
            return others.any(|root| is_text_of(&values.tree, *root, text));
        }
        others.any(|root| equals(&values.tree, *root, tree, at))
    }
}

/// What text is read as: the first of number, boolean, null and string that the schema allows and that it can be.
pub(super) fn text_as(types: Types, text: &str) -> Option<Kind> {
    if types.has_any(Types::NUMBER)
        && let Some(number) = Number::parse(text)
        && (types.has(Types::NUMBER) || number.is_integer())
    {
        return Some(Kind::Number);
    }
    match text {
        // Python's clients write their booleans with a capital.
        "true" | "True" if types.has(Types::BOOLEAN) => Some(Kind::True),
        "false" | "False" if types.has(Types::BOOLEAN) => Some(Kind::False),
        "" | "null" if types.has(Types::NULL) => Some(Kind::Null),
        _ => types.has(Types::STRING).then_some(Kind::String),
    }
}

fn is_within(range: &Range, number: &Number<'_>) -> bool {
    let order = |limit: &Option<Box<str>>| {
        let limit = limit.as_deref().and_then(Number::parse);
        limit.map(|limit| number.compare(&limit))
    };
    order(&range.minimum).is_none_or(std::cmp::Ordering::is_ge)
        && order(&range.above).is_none_or(std::cmp::Ordering::is_gt)
        && order(&range.maximum).is_none_or(std::cmp::Ordering::is_le)
        && order(&range.below).is_none_or(std::cmp::Ordering::is_lt)
}

/// Whether text is the value of a schema, by whatever type that has.
fn is_text_of(values: &Tree, root: u32, text: &str) -> bool {
    match values.kind(root) {
        Some(Kind::Null) => text.is_empty() || text == "null",
        Some(Kind::Number) => {
            let (one, other) = (Number::parse(values.text(root)), Number::parse(text));
            matches!((one, other), (Some(one), Some(other)) if one.compare(&other).is_eq())
        }
        Some(Kind::Array | Kind::Object) | None => false,
        _ => values.text(root) == text,
    }
}

/// Whether a value of a schema is equal to one of a body (2020-12 core, 4.2.2). The recursion is as deep as the schema's
/// value, which [`super::compile`] bounds.
fn equals(values: &Tree, one: u32, tree: &Tree, other: u32) -> bool {
    match (values.kind(one), tree.kind(other)) {
        (Some(Kind::Number), Some(Kind::Number)) => is_text_of(values, one, tree.text(other)),
        (Some(Kind::Array), Some(Kind::Array)) => {
            values.count(one) == tree.count(other)
                && values
                    .members(one)
                    .zip(tree.members(other))
                    .all(|(one, other)| equals(values, one, tree, other))
        }
        (Some(Kind::Object), Some(Kind::Object)) => {
            values.count(one) == tree.count(other)
                && values.members(one).all(|one| {
                    let name = values.member_name(one);
                    let mut same = tree
                        .members(other)
                        .filter(|other| tree.member_name(*other) == name);
                    same.next()
                        .is_some_and(|other| equals(values, one, tree, other))
                        && same.next().is_none()
                })
        }
        (Some(Kind::String), Some(_)) if tree.kind(other) == Some(Kind::Text) => {
            values.text(one) == tree.text(other)
        }
        (Some(a), Some(b)) => a == b && values.text(one) == tree.text(other),
        _ => false,
    }
}
