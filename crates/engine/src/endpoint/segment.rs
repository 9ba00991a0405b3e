//! Segments of templates with text around their parameters: `{id}.json`, `{z}-{x}-{y}.png`, `Products({id})`.
//!
//! A parameter stands for at least one character, and takes as few as it can: of `a.b.c`, `{name}.{rest}` takes `a` and
//! `b.c`. Parameters without text between them count as one, since nothing says where the first one ends.
//! `src/starfort/compile/templates.py` reads templates in the same way.

use std::borrow::Cow;
use std::collections::HashMap;

use smallvec::SmallVec;

use super::Node;

/// The parameters of a segment of a template, each with the text that follows it.
#[derive(Debug, Clone)]
struct Parameters<'t> {
    rest: &'t str,
}

/// Text before the first parameter, and the parameters. `None`: the segment has none.
fn divide(template: &str) -> Option<(&str, Parameters<'_>)> {
    let (before, rest) = template.split_at_checked(next_parameter(template)?)?;
    Some((before, Parameters { rest }))
}

/// Where the next `{name}` begins.
fn next_parameter(text: &str) -> Option<usize> {
    let open = memchr::memchr(b'{', text.as_bytes())?;
    memchr::memchr(b'}', text.get(open..)?.as_bytes())?;
    Some(open)
}

impl<'t> Iterator for Parameters<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, mut behind) = self.rest.strip_prefix('{')?.split_once('}')?;
        loop {
            let end = next_parameter(behind).unwrap_or(behind.len());
            let (text, rest) = behind.split_at_checked(end)?;
            self.rest = rest;
            if !text.is_empty() || rest.is_empty() {
                return Some((name, text));
            }
            // Another parameter follows at once, and is one with this one.
            (_, behind) = rest.split_once('}')?;
        }
    }
}

/// The values of the parameters of a template's segment in a segment of a path, with their names.
///
/// `None`: the segment does not fit the template, or the template's segment has no parameter.
pub fn captures<'t, 's>(
    template: &'t str,
    segment: &'s str,
) -> Option<SmallVec<[(&'t str, &'s str); 2]>> {
    let mut found = SmallVec::new();
    read(template, segment, false, |name, value| {
        found.push((name, value));
    })?;
    Some(found)
}

/// Go through a segment from parameter to parameter. `Some(())` when all of it fits.
fn read<'t, 's>(
    template: &'t str,
    segment: &'s str,
    any_case: bool,
    mut take: impl FnMut(&'t str, &'s str),
) -> Option<()> {
    let (before, parameters) = divide(template)?;
    let (start, mut rest) = segment.split_at_checked(before.len())?;
    same(start, before, any_case).then_some(())?;
    let mut parameters = parameters.peekable();
    while let Some((name, text)) = parameters.next() {
        let end = if parameters.peek().is_none() {
            // The last text has to end the segment, wherever else it stands in it.
            let end = rest.len().checked_sub(text.len())?;
            same(rest.get(end..)?, text, any_case).then_some(end)?
        } else {
            find(rest, text, any_case)?
        };
        let (value, behind) = rest.split_at_checked(end)?;
        (!value.is_empty()).then_some(())?;
        take(name, value);
        rest = behind.get(text.len()..)?;
    }
    Some(())
}

fn same(text: &str, wanted: &str, any_case: bool) -> bool {
    text == wanted || any_case && text.eq_ignore_ascii_case(wanted)
}

/// Where `wanted`, which is not empty, first stands behind the first character of `text`.
fn find(text: &str, wanted: &str, any_case: bool) -> Option<usize> {
    let first = text.chars().next()?.len_utf8();
    let searched = text.get(first..)?;
    if !any_case {
        return Some(first + searched.find(wanted)?);
    }
    let windows = searched.as_bytes().windows(wanted.len());
    let at = windows
        .enumerate()
        .find(|(_, window)| window.eq_ignore_ascii_case(wanted.as_bytes()))?
        .0;
    Some(first + at)
}

/// The parameters of a place whose segments have text around them.
#[derive(Debug, Default)]
pub(super) struct Mixed {
    /// By the text before the first parameter in lower case; those with the longest text come first.
    by_beginning: HashMap<Box<str>, Vec<(Box<str>, Node)>>,
    /// Lengths of these texts, longest first.
    lengths: Vec<usize>,
}

impl Mixed {
    /// The node of a segment of a template that has a parameter.
    pub(super) fn child(&mut self, template: &str) -> &mut Node {
        let before = divide(template).map_or("", |(before, _)| before);
        if !self.lengths.contains(&before.len()) {
            self.lengths.push(before.len());
            self.lengths.sort_unstable_by(|a, b| b.cmp(a));
        }
        let shape = shape(template);
        let beginning = before.to_ascii_lowercase().into_boxed_str();
        let nodes = self.by_beginning.entry(beginning).or_default();
        let position = nodes.iter().position(|(known, _)| **known == *shape);
        let position = position.unwrap_or_else(|| {
            let at = nodes.partition_point(|(known, _)| known.len() >= shape.len());
            nodes.insert(at, (shape.into(), Node::default()));
            at
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found or inserted just above"
        )]
        let (_, node) = &mut nodes[position];
        node
    }

    /// What fits a segment, from the most text around parameters to the least, with the text from its first parameter
    /// to its last.
    pub(super) fn fitting<'n, 's>(
        &'n self,
        segment: &'s str,
        any_case: bool,
    ) -> impl Iterator<Item = (&'s str, &'n Node)> {
        // Copied only where it has capitals, which few segments have.
        let lower = if super::has_capitals(segment) {
            Cow::Owned(segment.to_ascii_lowercase())
        } else {
            Cow::Borrowed(segment)
        };
        let lengths = self.lengths.iter();
        let groups = lengths.filter_map(move |length| {
            let nodes = self.by_beginning.get(lower.get(..*length)?)?;
            Some((*length, nodes))
        });
        groups
            .flat_map(|(length, nodes)| nodes.iter().map(move |node| (length, node)))
            .filter_map(move |(length, (template, node))| {
                let mut last = 0;
                read(template, segment, any_case, |_, value| {
                    last = value.as_ptr() as usize + value.len();
                })?;
                let end = last.checked_sub(segment.as_ptr() as usize)?;
                Some((segment.get(length..end)?, node))
            })
    }
}

/// A segment of a template without the names of its parameters.
fn shape(template: &str) -> String {
    let Some((before, parameters)) = divide(template) else {
        return template.to_owned();
    };
    let mut shape = before.to_owned();
    for (_, text) in parameters {
        shape.push_str("{}");
        shape.push_str(text);
    }
    shape
}

/// Whether a segment of a template has a parameter.
pub(super) fn has_parameter(template: &str) -> bool {
    next_parameter(template).is_some()
}

/// Whether a segment of a template is one parameter and nothing else.
pub(super) fn is_plain(template: &str) -> bool {
    shape(template) == "{}"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values<'s>(template: &str, segment: &'s str) -> Option<Vec<&'s str>> {
        captures(template, segment).map(|found| found.iter().map(|(_, value)| *value).collect())
    }

    #[test]
    fn text_between_parameters_is_compared() {
        for (template, segment, expected) in [
            ("{from}...{to}", "15", None),
            ("{from}...{to}", "1...15", Some(vec!["1", "15"])),
            ("{from}...{to}", "...15", None),
            ("{from}...{to}", "1...", None),
            ("artist={name},{id}", "artist=a,1", Some(vec!["a", "1"])),
            ("artist={name},{id}", "artist=a", None),
            ("{z}-{x}-{y}.png", "3-4-5.png", Some(vec!["3", "4", "5"])),
            ("{z}-{x}-{y}.png", "3-4.png", None),
            ("{name}.{ext}", "a.b.c", Some(vec!["a", "b.c"])),
            ("{name}.{ext}", ".profile", None),
            ("Products({id})", "Products(1)", Some(vec!["1"])),
            ("Products({id})", "Products()", None),
            ("{a}{b}", "ab", Some(vec!["ab"])),
            ("{a}{b}.c", "ab.c", Some(vec!["ab"])),
            ("{id}", "17", Some(vec!["17"])),
            ("{id}", "", None),
            ("{ä}é{b}", "ééé", Some(vec!["é", "é"])),
            ("plain", "plain", None),
            ("{broken", "{broken", None),
        ] {
            assert_eq!(
                values(template, segment),
                expected,
                "{template} and {segment}"
            );
        }
    }

    #[test]
    fn names_belong_to_their_values() {
        let found = captures("{z}-{x}.png", "3-4.png").unwrap();
        assert_eq!(found.to_vec(), [("z", "3"), ("x", "4")]);
    }

    /// The slow way: try every end of every parameter.
    fn fits_slowly(template: &[&str], segment: &str) -> bool {
        let Some((first, rest)) = template.split_first() else {
            return segment.is_empty();
        };
        let Some(behind) = segment.strip_prefix(first) else {
            return false;
        };
        if rest.is_empty() {
            return behind.is_empty();
        }
        let ends = behind.char_indices().map(|(at, c)| at + c.len_utf8());
        ends.into_iter()
            .any(|end| fits_slowly(rest, &behind[end..]))
    }

    proptest! {
        /// What fits is what fits when every way to divide the segment is tried, in whatever case the text is.
        #[test]
        fn agrees_with_the_slow_way(texts in prop::collection::vec("[ab.é]{1,2}", 0..3), outer in prop::array::uniform2("[ab.]{0,2}"),
                                    segment in "[abB.é]{0,10}") {
            let mut all = vec![&*outer[0]];
            all.extend(texts.iter().map(String::as_str));
            all.push(&outer[1]);
            let template = all.join("{p}");
            prop_assert_eq!(captures(&template, &segment).is_some(), fits_slowly(&all, &segment), "{} {}", template, segment);
            let lower = segment.to_ascii_lowercase();
            let any_case = read(&template, &segment, true, |_, _| {}).is_some();
            prop_assert_eq!(any_case, fits_slowly(&all, &lower), "{} {}", template, segment);
        }

        /// Any template and segment: no panic, and values with the text between them are the segment.
        #[test]
        fn values_and_text_are_the_segment(template in "[a{}é.]{0,12}", segment in "[a{}é.]{0,12}") {
            if let Some(found) = captures(&template, &segment) {
                let (before, parameters) = divide(&template).unwrap();
                let mut whole = before.to_owned();
                for ((_, value), (_, text)) in found.iter().zip(parameters) {
                    whole.push_str(value);
                    whole.push_str(text);
                }
                prop_assert_eq!(&whole, &segment);
            }
        }
    }
}
