//! A sketch as the text that goes into an event; `docs/events.md`, "Shapes", defines it.

use super::names;
use super::sketch::{NONE, Node, Sketch, kinds};
use crate::secret::names_secret;

/// The longest text of one message. It is JSON, and a field takes some 60 bytes of it.
const MAX_BYTES: usize = 32 * 1024;

/// Lengths below are exact. Above, the four highest binary digits are kept, so a length is off by an eighth at most.
const EXACT_BELOW: u32 = 16;

/// What is left to write, last first. A stack of our own, because clients choose how deep a body is nested.
enum Step {
    /// The alternatives of a node, and whether its name, or one above it, is a secret's.
    Node(u32, bool),
    /// The object that a node also was; whether another alternative stands before it.
    Object(u32, bool, bool),
    /// A member and those behind it; whether it is the first.
    Member(u32, bool, bool),
    /// The end of an object: the members that were not always there.
    End(u32),
    Text(&'static str),
}

/// Writes the places of a message: `{"v":1,"q":…,"b":…}`.
///
/// # Arguments
/// * `places` - names and nodes.
/// * `hides` - whether the values of the field at this node have shown to be too many for an enumeration.
///
/// # Returns
/// `None` when it would be too long.
pub(super) fn write(
    sketch: &Sketch,
    places: &[(&'static str, u32)],
    hides: impl Fn(&Node) -> bool,
) -> Option<String> {
    let mut writer = Writer {
        sketch,
        hides,
        out: String::with_capacity(512),
        steps: Vec::with_capacity(32),
    };
    writer.out.push_str("{\"v\":1");
    for (name, node) in places {
        writer.out.push_str(",\"");
        writer.out.push_str(name);
        writer.out.push_str("\":");
        writer.steps.push(Step::Node(*node, false));
        writer.run()?;
    }
    if let Some(format) = sketch.format {
        writer.out.push_str(",\"f\":\"");
        writer.out.push_str(format.code());
        writer.out.push('"');
    }
    if sketch.is_cut {
        writer.out.push_str(",\"cut\":true");
    }
    writer.out.push('}');
    Some(writer.out)
}

struct Writer<'a, H> {
    sketch: &'a Sketch,
    hides: H,
    out: String,
    steps: Vec<Step>,
}

impl<H: Fn(&Node) -> bool> Writer<'_, H> {
    fn run(&mut self) -> Option<()> {
        while let Some(step) = self.steps.pop() {
            match step {
                Step::Text(text) => self.out.push_str(text),
                Step::Node(index, is_secret) => self.node(index, is_secret),
                Step::Object(index, is_secret, follows) => self.object(index, is_secret, follows),
                Step::Member(index, is_secret, is_first) => self.member(index, is_secret, is_first),
                Step::End(index) => self.end(index),
            }
            if self.out.len() > MAX_BYTES {
                return None;
            }
        }
        Some(())
    }

    fn node(&mut self, index: u32, is_secret: bool) {
        self.out.push('[');
        self.steps.push(Step::Text("]"));
        let sketch = self.sketch;
        let Some(node) = sketch.node(index) else {
            return;
        };
        let start = self.out.len();
        self.scalars(node, is_secret);
        let is_list = node.kinds & kinds::LIST != 0;
        if node.kinds & kinds::OBJECT != 0 {
            let follows = is_list || self.out.len() > start;
            self.steps.push(Step::Object(index, is_secret, follows));
        }
        if is_list {
            self.separate(start);
            self.push_all(&[
                "[\"a\",",
                &length(node.counts.low),
                ",",
                &length(node.counts.high),
                ",",
            ]);
            self.steps.push(Step::Text("]"));
            let items =
                children(sketch, node).find(|(_, child)| sketch.name_of(child) == names::ITEMS);
            // Lists that were all empty have no items.
            let items = items.map_or(NONE, |(index, _)| index);
            self.steps.push(Step::Node(items, is_secret));
        }
    }

    fn scalars(&mut self, node: &Node, is_secret: bool) {
        let start = self.out.len();
        for (kind, text) in [
            (kinds::NULL, "\"n\""),
            (kinds::BOOLEAN, "\"b\""),
            (kinds::FILE, "\"f\""),
        ] {
            if node.kinds & kind != 0 {
                self.separate(start);
                self.out.push_str(text);
            }
        }
        if node.kinds & kinds::REPEATED != 0 {
            self.separate(start);
            self.push_all(&["[\"r\",", &length(node.counts.high), "]"]);
        }
        if node.kinds & (kinds::INTEGER | kinds::NUMBER) != 0 {
            self.separate(start);
            self.number(node, is_secret);
        }
        if node.kinds & kinds::TEXT != 0 {
            self.separate(start);
            self.text(node, is_secret);
        }
    }

    fn number(&mut self, node: &Node, is_secret: bool) {
        let is_integer = node.kinds & kinds::NUMBER == 0;
        let (low, high) = (node.sizes.low.to_string(), node.sizes.high.to_string());
        self.push_all(&[
            "[\"",
            if is_integer { "i" } else { "d" },
            "\",",
            &low,
            ",",
            &high,
        ]);
        if is_integer {
            self.hashes(node, is_secret);
        }
        self.out.push(']');
    }

    fn text(&mut self, node: &Node, is_secret: bool) {
        // How long a secret is helps to guess it, so only the power of two is told.
        let told = if is_secret { power } else { length };
        let (low, high) = (told(node.lengths.low), told(node.lengths.high));
        let kind = if is_secret { "p" } else { "s" };
        self.push_all(&[
            "[\"",
            kind,
            "\",\"",
            node.format.code(),
            "\",",
            &low,
            ",",
            &high,
            ",\"",
        ]);
        for code in node.characters.codes() {
            push_escaped(&mut self.out, code);
        }
        self.out.push('"');
        self.hashes(node, is_secret);
        self.out.push(']');
    }

    fn hashes(&mut self, node: &Node, is_secret: bool) {
        if is_secret || node.is_unhashed || node.hashes.is_empty() || (self.hides)(node) {
            return;
        }
        self.out.push_str(",[");
        let start = self.out.len();
        for hash in &node.hashes {
            self.separate(start);
            self.push_all(&["\"", &format!("{hash:016x}"), "\""]);
        }
        self.out.push(']');
    }

    fn object(&mut self, index: u32, is_secret: bool, follows: bool) {
        let first = self
            .sketch
            .node(index)
            .map_or(NONE, |node| node.first_child);
        if follows {
            self.out.push(',');
        }
        self.out.push_str("[\"o\",{");
        self.steps.push(Step::End(index));
        self.steps.push(Step::Member(first, is_secret, true));
    }

    fn member(&mut self, index: u32, above: bool, is_first: bool) {
        let sketch = self.sketch;
        let Some(node) = sketch.node(index) else {
            return;
        };
        let name = sketch.name_of(node);
        if name == names::ITEMS {
            self.steps.push(Step::Member(node.next, above, is_first));
            return;
        }
        if !is_first {
            self.out.push(',');
        }
        self.name(name);
        self.out.push(':');
        self.steps.push(Step::Member(node.next, above, false));
        self.steps
            .push(Step::Node(index, above || names_secret(name)));
    }

    fn end(&mut self, index: u32) {
        self.out.push_str("},[");
        let sketch = self.sketch;
        let start = self.out.len();
        let node = sketch.node(index);
        for (_, child) in node.into_iter().flat_map(|node| children(sketch, node)) {
            let is_optional = node.is_some_and(|node| child.seen < node.objects);
            if is_optional && sketch.name_of(child) != names::ITEMS {
                self.separate(start);
                self.name(sketch.name_of(child));
            }
        }
        self.out.push_str("]]");
    }

    fn name(&mut self, name: &str) {
        self.out.push('"');
        for character in name.chars() {
            push_escaped(&mut self.out, character);
        }
        self.out.push('"');
    }

    fn separate(&mut self, start: usize) {
        if self.out.len() > start {
            self.out.push(',');
        }
    }

    fn push_all(&mut self, texts: &[&str]) {
        for text in texts {
            self.out.push_str(text);
        }
    }
}

/// The nodes right below one, and their numbers.
fn children<'a>(sketch: &'a Sketch, node: &Node) -> impl Iterator<Item = (u32, &'a Node)> {
    let mut at = node.first_child;
    std::iter::from_fn(move || {
        let index = at;
        let child = sketch.node(index)?;
        at = child.next;
        Some((index, child))
    })
}

/// A character of a JSON string. Names hold no control characters (`names::shown`), and classes neither.
fn push_escaped(out: &mut String, character: char) {
    if matches!(character, '"' | '\\') {
        out.push('\\');
    }
    out.push(character);
}

/// A length as it is told: the least of those that are told alike.
fn length(length: u32) -> String {
    if length == u32::MAX || length < EXACT_BELOW {
        // No list of this name ended: nothing was told of it.
        return if length == u32::MAX {
            "0".into()
        } else {
            length.to_string()
        };
    }
    let dropped = 28_u32.saturating_sub(length.leading_zeros());
    (length >> dropped << dropped).to_string()
}

/// The least k with length < 2^k.
fn power(length: u32) -> String {
    (32 - length.leading_zeros()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small lengths are exact, and of larger ones four binary digits remain.
    #[test]
    fn lengths() {
        for (exact, told) in [
            (0, "0"),
            (15, "15"),
            (16, "16"),
            (17, "16"),
            (18, "18"),
            (36, "36"),
            (37, "36"),
            (1000, "960"),
        ] {
            assert_eq!(length(exact), told, "{exact}");
        }
        for (exact, told) in [(0, "0"), (1, "1"), (8, "4"), (15, "4"), (16, "5")] {
            assert_eq!(power(exact), told, "{exact}");
        }
    }
}
