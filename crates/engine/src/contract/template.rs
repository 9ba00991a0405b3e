//! Values of path parameters, by the contract's own template.

/// The segments of a path, without the empty one before the first `/`.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// The text of one parameter in a segment: of `7.json` by `{id}.json` it is `7`. Each parameter but the last ends where
/// the text behind it comes first.
///
/// # Returns
/// `None` when the segment is not of the template, or has no such parameter.
pub(crate) fn captures<'s>(template: &str, segment: &'s str, wanted: &str) -> Option<&'s str> {
    let (start, mut rest_of_template) = template.split_once('{')?;
    let mut rest = segment.strip_prefix(start)?;
    let mut found = None;
    loop {
        let (name, behind) = rest_of_template.split_once('}')?;
        let (text, next) = match behind.split_once('{') {
            Some((text, next)) => (text, Some(next)),
            None => (behind, None),
        };
        let end = match next {
            None => rest.len().checked_sub(text.len())?,
            Some(_) if text.is_empty() => rest.len(),
            Some(_) => rest.find(text)?,
        };
        let (value, tail) = rest.split_at_checked(end)?;
        rest = tail.strip_prefix(text)?;
        if name == wanted {
            found = Some(value);
        }
        match next {
            Some(next) => rest_of_template = next,
            None => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text around and between parameters is compared.
    #[test]
    fn values() {
        for (template, segment, wanted, expected) in [
            ("{id}", "7", "id", Some("7")),
            ("{id}.json", "7.json", "id", Some("7")),
            ("{id}.json", "7.xml", "id", None),
            ("{z}-{x}-{y}.png", "1-22-3.png", "x", Some("22")),
            ("{z}-{x}-{y}.png", "1-22-3.png", "y", Some("3")),
            ("v{n}", "v2", "n", Some("2")),
            ("{from}...{to}", "15", "to", None),
            ("users", "users", "id", None),
            ("{id}", "a,b", "other", None),
        ] {
            assert_eq!(
                captures(template, segment, wanted),
                expected,
                "{template} {segment}"
            );
        }
    }
}
