//! Entities that a document declares for itself (XML 1.0, section 4), replaced within bounds.
//!
//! An upstream that replaces them sees their text, so it is inspected; it may also run out of memory (billion laughs)
//! or fetch what an external one names, so that is flagged. Nothing is ever fetched here.

use std::collections::HashMap;

use crate::http::{Anomalies, Anomaly};

/// Entities that are kept of a document. Real ones declare a handful.
const MAX_ENTITIES: usize = 256;

/// Bytes of the texts that all references of a document stand for.
const MAX_COST: usize = 256 * 1024;

/// References within references.
const MAX_DEPTH: usize = 16;

/// The entities that a document declared.
#[derive(Debug, Default)]
pub(super) struct Entities {
    general: HashMap<String, String>,
    parameter: HashMap<String, String>,
    /// Bytes of the texts that references stood for so far.
    cost: usize,
    anomalies: Anomalies,
}

impl Entities {
    /// What was odd since the last call.
    pub(super) fn take_anomalies(&mut self) -> Anomalies {
        std::mem::take(&mut self.anomalies)
    }

    /// Reads a document type declaration, from the name of the root on.
    pub(super) fn declare(&mut self, declaration: &str) {
        let subset = memchr::memchr(b'[', declaration.as_bytes());
        let (head, subset) = declaration.split_at(subset.unwrap_or(declaration.len()));
        if let Some((public, system)) = external(head) {
            let is_known = is_standard(public, system);
            self.anomalies
                .insert_if(!is_known, Anomaly::XmlExternalEntity);
        }
        // Replaced parameter entities are read as declarations in turn, each at most once for each reference.
        let mut pending = vec![(subset.get(1..).unwrap_or_default().to_owned(), 0)];
        while let Some((text, depth)) = pending.pop() {
            let mut rest = text.as_str();
            while let Some(start) = rest.find(['<', '%']) {
                rest = rest.get(start..).unwrap_or_default();
                if let Some(reference) = rest.strip_prefix('%') {
                    let (name, tail) = reference.split_once(';').unwrap_or((reference, ""));
                    rest = tail;
                    if let Some(text) = self.parameter.get(name.trim()) {
                        self.cost = self.cost.saturating_add(text.len() + 1);
                        if depth < MAX_DEPTH && self.cost <= MAX_COST {
                            pending.push((text.clone(), depth + 1));
                        } else {
                            self.anomalies.insert(Anomaly::XmlEntityOverLimit);
                        }
                    }
                    continue;
                }
                rest = if let Some(entity) = rest.strip_prefix("<!ENTITY") {
                    self.entity(entity)
                } else if let Some(comment) = rest.strip_prefix("<!--") {
                    comment.split_once("-->").map_or("", |(_, tail)| tail)
                } else {
                    rest.get(1..).unwrap_or_default()
                };
            }
        }
    }

    /// Reads a declaration that begins behind `<!ENTITY`. Returns the text that follows the declaration.
    fn entity<'d>(&mut self, declaration: &'d str) -> &'d str {
        self.anomalies.insert(Anomaly::XmlEntity);
        let mut rest = declaration.trim_ascii_start();
        let is_parameter = rest.starts_with('%');
        if is_parameter {
            rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '>'))
            .unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let tail = tail.trim_ascii_start();
        if let Some((value, after)) = literal(tail) {
            let text = characters(value);
            let known = if is_parameter {
                &mut self.parameter
            } else {
                &mut self.general
            };
            // The first declaration of a name holds (section 4.2).
            if known.len() < MAX_ENTITIES {
                known.entry(name.to_owned()).or_insert(text);
            } else {
                self.anomalies.insert(Anomaly::XmlEntityOverLimit);
            }
            return after;
        }
        let is_external = tail.starts_with("SYSTEM") || tail.starts_with("PUBLIC");
        self.anomalies
            .insert_if(is_external, Anomaly::XmlExternalEntity);
        tail.split_once('>').map_or("", |(_, after)| after)
    }

    /// Appends the text that a reference stands for.
    ///
    /// # Arguments
    /// * `name` - what is between `&` and `;`.
    pub(super) fn replace(&mut self, name: &str, is_sgml: bool, out: &mut String) {
        if let Some(character) = predefined(name, is_sgml) {
            out.push(character);
            return;
        }
        self.anomalies.insert(Anomaly::XmlEntity);
        // Texts that are still to be written, the next one last, each with how deep it is within references. An empty
        // entity costs one unit too, or references to it could be repeated without end ("billion laughs").
        let mut pending: Vec<(&str, usize)> = Vec::new();
        let mut wanted = Some((name, 0));
        loop {
            if let Some((name, depth)) = wanted.take() {
                let known = self.general.get(name);
                let fits = |text: &&String| depth < MAX_DEPTH && self.cost + text.len() < MAX_COST;
                if let Some(text) = known.filter(fits) {
                    self.cost += text.len() + 1;
                    pending.push((text, depth + 1));
                } else {
                    let over = known.is_some();
                    self.anomalies.insert_if(over, Anomaly::XmlEntityOverLimit);
                    push_reference(name, out);
                }
            }
            let Some((text, depth)) = pending.pop() else {
                return;
            };
            let Some((before, name, after)) = next_reference(text) else {
                out.push_str(text);
                continue;
            };
            out.push_str(before);
            if !after.is_empty() {
                pending.push((after, depth));
            }
            match predefined(name, is_sgml) {
                Some(character) => out.push(character),
                None => wanted = Some((name, depth)),
            }
        }
    }

    /// Appends a text with all of its references replaced.
    pub(super) fn replace_all(&mut self, text: &str, is_sgml: bool, out: &mut String) {
        let mut rest = text;
        while let Some((before, name, after)) = next_reference(rest) {
            out.push_str(before);
            self.replace(name, is_sgml, out);
            rest = after;
        }
        out.push_str(rest);
    }
}

fn push_reference(name: &str, out: &mut String) {
    out.push('&');
    out.push_str(name);
    out.push(';');
}

/// The first reference of a text: the text before it, its name, and the text after it.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + memchr::memchr(b'&', text.as_bytes().get(from..)?)?;
        let rest = text.get(start + 1..)?;
        // A bare `&` ends at the next one, or it would swallow the reference behind it.
        let end = memchr::memchr2(b';', b'&', rest.as_bytes())?;
        if rest.as_bytes().get(end) == Some(&b';') {
            return Some((text.get(..start)?, rest.get(..end)?, rest.get(end + 1..)?));
        }
        from = start + 1;
    }
}

/// The character that a reference stands for in every document.
fn predefined(name: &str, is_sgml: bool) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        // OFX 1.6 section 2.3.2.1 allows it beside lt, gt and amp.
        "nbsp" if is_sgml => Some(' '),
        _ => character(name),
    }
}

/// `#65` or `#x41`.
fn character(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code)
}

/// A declared value with its character references replaced, which is done when it is declared (section 4.5).
fn characters(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, name, after)) = next_reference(rest) {
        out.push_str(before);
        match character(name) {
            Some(character) => out.push(character),
            None => push_reference(name, &mut out),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A literal at the start of a text: the text in its quotes, and the text after it.
fn literal(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.get(1..)?.split_once(quote)
}

/// The public and system identifiers of a document type.
fn external(head: &str) -> Option<(Option<&str>, &str)> {
    let word = |word: &str| {
        let at = head.find(word)?;
        let before = head.get(..at)?;
        let after = head.get(at + word.len()..)?;
        let is_word = before.ends_with(|c: char| c.is_ascii_whitespace())
            && after.starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\''));
        is_word.then(|| after.trim_ascii_start())
    };
    if let Some(after) = word("PUBLIC") {
        let (public, after) = literal(after)?;
        let system = literal(after.trim_ascii_start()).map_or("", |(system, _)| system);
        return Some((Some(public), system));
    }
    let (system, _) = literal(word("SYSTEM")?)?;
    Some((None, system))
}
/// Whether an external document type is one that a standard asks for. Programs write it into every document (SVG, property
/// lists of Apple, cXML orders, publishing, push messages), from the standard's own site.
fn is_standard(public: Option<&str>, system: &str) -> bool {
    /// Sites of those who publish document types for exchange, with what public identifiers of theirs begin with.
    const STANDARDS: [(&str, &str); 12] = [
        ("www.w3.org", "-//W3C//"),
        ("www.apple.com", "-//Apple"),
        ("xml.cxml.org", ""),
        ("www.oasis-open.org", "-//OASIS//"),
        ("docbook.org", "-//OASIS//"),
        ("dtd.nlm.nih.gov", "-//NLM//"),
        ("jats.nlm.nih.gov", "-//NLM//"),
        ("www.daisy.org", "-//NISO//"),
        ("www.openmobilealliance.org", "-//"),
        ("www.wapforum.org", "-//WAPFORUM//"),
        ("java.sun.com", "-//Sun Microsystems"),
        ("www.editeur.org", ""),
    ];
    let Some(address) = system
        .strip_prefix("https://")
        .or_else(|| system.strip_prefix("http://"))
    else {
        return false;
    };
    let (site, path) = address.split_once('/').unwrap_or((address, ""));
    let is_file = !path.contains(['?', '#', '%', '\\']) && !path.contains("..");
    is_file
        && STANDARDS.iter().any(|(known, prefix)| {
            // cXML and ONIX are named by address alone.
            *known == site && public.map_or(prefix.is_empty(), |id| id.starts_with(prefix))
        })
}
