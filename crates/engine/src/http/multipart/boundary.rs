//! The boundary that a content type declares.

use super::part::Flags;

/// RFC 2046 section 5.1.1: a boundary has 1 to 70 characters.
const MAX_BOUNDARY_BYTES: usize = 70;

const NAME: &str = "boundary";

/// Finds the boundary. Everything odd about it is noted, because servers differ in how they read it.
///
/// # Arguments
/// * `content_type` - the header's value.
pub(super) fn find<'a>(content_type: &'a str, flags: &mut Flags) -> Result<&'a str, &'static str> {
    let mut found = declarations(content_type);
    let (before, value) = found
        .next()
        .ok_or("Multipart: Boundary not found in C-T.")?;
    if found.next().is_some() {
        flags.complain("Multipart: Multiple boundary parameters in C-T.");
    }
    match before.trim_ascii_end().as_bytes().last() {
        Some(b';') => {}
        // PHP reads a comma as a semicolon.
        Some(b',') => flags.complain("Multipart: Invalid boundary in C-T (malformed)."),
        _ => flags.missing_semicolon = true,
    }
    let (boundary, after) = value_of(value, flags)?;
    match after.trim_ascii_start().as_bytes().first() {
        None | Some(b';') => {}
        Some(b',') => flags.complain("Multipart: Invalid boundary in C-T (malformed)."),
        Some(_) => flags.boundary_whitespace = true,
    }
    if boundary.is_empty() {
        return Err("Multipart: Invalid boundary in C-T (empty).");
    }
    // Only noted, because servers read longer boundaries too.
    if boundary.len() > MAX_BOUNDARY_BYTES {
        flags.complain("Multipart: Invalid boundary in C-T (length).");
    }
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
    if !boundary.bytes().all(is_plain) {
        flags.complain("Multipart: Invalid boundary in C-T (characters).");
    }
    // RFC 2046 has no blank at the end of a boundary; inside one it must be quoted.
    flags.boundary_whitespace |= boundary.ends_with(' ');
    Ok(boundary)
}

/// The value behind `boundary`, and the text that follows the value.
fn value_of<'a>(value: &'a str, flags: &mut Flags) -> Result<(&'a str, &'a str), &'static str> {
    let (between, value) = value.split_once('=').unwrap_or(("", value));
    let trimmed = value.trim_ascii_start();
    flags.boundary_whitespace |= !between.is_empty() || trimmed.len() < value.len();
    if let Some(inside) = trimmed.strip_prefix('"') {
        flags.boundary_quoted = true;
        let end = inside.split_once('"');
        return end.ok_or("Multipart: Invalid boundary in C-T (quote).");
    }
    let end = trimmed.find([';', ',', ' ', '\t']);
    Ok(trimmed.split_at(end.unwrap_or(trimmed.len())))
}

/// Each place that some server takes for the declaration of a boundary: what is before it, and what is behind the
/// name. PHP looks for the word, also within a quoted value.
fn declarations(content_type: &str) -> impl Iterator<Item = (&str, &str)> {
    let lower = content_type.to_ascii_lowercase();
    // A content type has at most some 60 KiB (Envoy's limit of headers), and this is linear in it.
    let starts: Vec<usize> = lower.match_indices(NAME).map(|(at, _)| at).collect();
    starts.into_iter().filter_map(|at| {
        let (before, after) = (
            content_type.get(..at)?,
            content_type.get(at + NAME.len()..)?,
        );
        let is_name = matches!(before.as_bytes().last(), Some(b';' | b',' | b' ' | b'\t'))
            && after.trim_ascii_start().starts_with('=');
        is_name.then_some((before, after))
    })
}
