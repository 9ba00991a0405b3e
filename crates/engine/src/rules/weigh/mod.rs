//! Weighs, by grammar, a match in a field where people write (comments, descriptions, Markdown, HTML, code, regular
//! expressions): would this value, in the place where such values are put, break out of its string, tag or argument? A
//! mention of `select`, `/etc/hosts` or `<img` does not. `' UNION SELECT …`, `<img onerror=…>` and `; cat /etc/passwd`
//! do, even with prose around them.
//!
//! | what | where |
//! |---|---|
//! | which field holds what | `fields` |
//! | SQL: would the text after the quote go on with another condition or statement? | `sql` |
//! | HTML: would a tag, an attribute or a link run script? | `html` |
//! | `JavaScript`, in a page, on a server, in a database: would a string end and a call begin? | `script` |
//! | shells: would the argument end and a command begin? | `shell` |
//! | HTTP: would a line end begin a header or another message? | `lines` |
//! | files and addresses: is the value one, rather than a sentence that names one? | `path` |
//! | PHP, Java, templates: would an expression be evaluated? | `expression` |
//!
//! Only values that a rule matched are weighed, and each is weighed once for each class of rules. A value that a
//! grammar cannot decide within its budget counts. Weighing only ever takes back a match of a rule, and the event says
//! so ([`crate::rules::run::evidence::Evidence::weighed`]).

mod expression;
mod fields;
mod html;
mod lines;
mod path;
mod script;
mod shell;
mod sql;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use fields::{Field, FieldNames, Fields};

use super::wire::Attack;
use crate::bundle::ContentKind;

/// A set of classes of attacks, one bit for each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
// Bits, because a set is a part of the key of each answer that is kept.
pub(crate) struct Classes(u16);

impl Classes {
    pub(crate) const NONE: Self = Self(0);
    const SQL: Self = Self(1);
    const XSS: Self = Self(1 << 1);
    const SHELL: Self = Self(1 << 2);
    const PATH: Self = Self(1 << 3);
    const ADDRESS: Self = Self(1 << 4);
    const PHP: Self = Self(1 << 5);
    const JAVA: Self = Self(1 << 6);
    const SCRIPT: Self = Self(1 << 7);
    const TEMPLATE: Self = Self(1 << 8);
    const LDAP: Self = Self(1 << 9);
    const LINES: Self = Self(1 << 10);

    /// The classes of a rule, from the attacks that it looks for. A rule without a class is not weighed.
    pub(crate) fn of(attacks: &[Attack]) -> Self {
        let class = |attack: &Attack| match attack {
            Attack::Sql => Self::SQL,
            Attack::Xss => Self::XSS,
            Attack::Shell => Self::SHELL,
            Attack::Path => Self::PATH,
            Attack::Address => Self::ADDRESS,
            Attack::Php => Self::PHP,
            Attack::Java => Self::JAVA,
            Attack::Script => Self::SCRIPT,
            Attack::Template => Self::TEMPLATE,
            Attack::Ldap => Self::LDAP,
            Attack::Lines => Self::LINES,
        };
        Self(attacks.iter().fold(0, |all, attack| all | class(attack).0))
    }

    /// The classes on which the answer depends. For all others, a value that breaks out of anything counts.
    pub(crate) fn narrow(self) -> Self {
        let narrow = [
            Self::PATH,
            Self::ADDRESS,
            Self::SHELL,
            Self::LINES,
            Self::LDAP,
        ];
        Self(self.0 & narrow.iter().fold(0, |all, class| all | class.0))
    }

    fn has(self, class: Self) -> bool {
        self.0 & class.0 != 0
    }
}

/// The most bytes of a value that is weighed; a longer value counts.
const MAX_BYTES: usize = 128 << 10;

/// Whether a value of a field counts for a rule of these classes.
///
/// # Arguments
/// * `value` - the value as the application reads it.
pub(crate) fn counts(classes: Classes, field: Field, value: &[u8]) -> bool {
    if value.len() > MAX_BYTES || field.kind == ContentKind::Other {
        return true;
    }
    if field.is_document {
        // The quotes of the document itself would end strings everywhere. Its values are weighed one by one, with their
        // own quotes.
        let plain: Vec<u8> = value
            .iter()
            .map(|byte| if *byte == b'"' { b' ' } else { *byte })
            .collect();
        return breaks_out(classes, field, &plain);
    }
    // A value that breaks out of anything is no content, whatever the rule looks for.
    if breaks_out(classes, field, value) {
        return true;
    }
    // An application may decode a value once more, and then it breaks out just as well.
    text::percent_decoded(value).is_some_and(|decoded| breaks_out(classes, field, &decoded))
}

fn breaks_out(classes: Classes, field: Field, value: &[u8]) -> bool {
    let kind = field.kind;
    // Cheap questions come first. Most values that people write contain prose, and most that do not are no content at
    // all.
    is_bare(field, value)
        || (classes.has(Classes::PATH) && path::leads_out(value))
        || (classes.has(Classes::ADDRESS) && path::is_address(value))
        || (classes.has(Classes::SHELL) && shell::is_line(value))
        || (classes.has(Classes::LINES) && lines::adds_header(kind, value))
        || (classes.has(Classes::LDAP) && expression::is_filter(value))
        || sql::breaks_out(kind, value)
        || html::runs(kind, value)
        || shell::runs(kind, value)
        || path::climbs_out(value)
        || expression::is_php(kind, value)
        || expression::is_java(value)
        || expression::is_template(kind, value)
}

/// Whether a value has nothing that its field is meant for: no sentence, no lines, no element. Then what a rule finds
/// is all that the value has, as in any other field.
fn is_bare(field: Field, value: &[u8]) -> bool {
    match field.kind {
        ContentKind::Code | ContentKind::Pattern | ContentKind::Query => false,
        _ => {
            !field.may_be_code
                && !text::has_prose(value)
                && !text::has_markup(value)
                && !text::is_regex(value)
                && !text::is_formula(value)
        }
    }
}
