//! The part of `XPath` that rules use: paths of element names, `*`, `@name` and `text()`, from the root or from
//! anywhere.

/// A path expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XPath {
    steps: Vec<Step>,
    /// Whether the path ends in an attribute.
    pub(crate) attribute: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Whether `//` stands before the step, so that it may match at any depth.
    anywhere: bool,
    /// The local name; `None` for `*`.
    name: Option<Box<[u8]>>,
}

/// The part of a name after the namespace prefix. Clients choose prefixes, so only this part is compared.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

impl XPath {
    /// Reads an expression.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "XPath {text:?} is not supported; write a path of names such as /a/b, //name, //@attribute, with * for any"
            )
        };
        let path = text.trim().strip_suffix("/text()").unwrap_or(text.trim());
        let path = if path == "/" { "//*" } else { path };
        let mut steps = Vec::new();
        let mut anywhere = false;
        let mut rest = path.strip_prefix('/').ok_or_else(refuse)?;
        loop {
            if let Some(after) = rest.strip_prefix('/') {
                anywhere = true;
                rest = after;
            }
            let (step, tail) = rest
                .split_once('/')
                .map_or((rest, None), |(step, tail)| (step, Some(tail)));
            let name = step.strip_prefix('@').unwrap_or(step);
            let attribute = name.len() != step.len();
            let plain =
                |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':');
            if name.is_empty()
                || (name != "*" && !name.chars().all(plain))
                || (attribute && tail.is_some())
            {
                return Err(refuse());
            }
            let name = (name != "*").then(|| local(name.as_bytes()).into());
            steps.push(Step { anywhere, name });
            anywhere = false;
            match tail {
                Some(tail) => rest = tail,
                None => return Ok(Self { steps, attribute }),
            }
        }
    }

    /// Whether a node at `path` (`/a/b`, `/a/b/@c`) is selected, or lies within a node that is selected.
    pub(crate) fn selects(&self, path: &[u8]) -> bool {
        // Clients choose how deeply names nest, so the cost must grow only with depth times the number of steps.
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
        // `open` says which numbers of steps may be done before a name; tracking all of them at once avoids
        // backtracking.
        let mut open = vec![false; self.steps.len() + 1];
        if let Some(first) = open.first_mut() {
            *first = true;
        }
        for (index, name) in names.iter().enumerate() {
            let is_attribute = name.first() == Some(&b'@');
            let bare = local(name.strip_prefix(b"@").unwrap_or(name));
            let mut next = vec![false; open.len()];
            for (done, step) in self.steps.iter().enumerate() {
                if !open.get(done).copied().unwrap_or(false) {
                    continue;
                }
                let last = done + 1 == self.steps.len();
                let fits = step.name.as_ref().is_none_or(|wanted| **wanted == *bare)
                    && is_attribute == (last && self.attribute);
                if fits {
                    // A selected element includes everything within it.
                    if last && (!self.attribute || index + 1 == names.len()) {
                        return true;
                    }
                    if let Some(slot) = next.get_mut(done + 1) {
                        *slot = true;
                    }
                }
                if step.anywhere
                    && let Some(slot) = next.get_mut(done)
                {
                    *slot = true;
                }
            }
            open = next;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (expression, path, expected) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/b/c", true),
            ("/a/b", "/b", false),
            ("//b", "/a/b", true),
            ("//b/text()", "/a/x:b", true),
            ("//@*", "/a/b/@c", true),
            ("//@c", "/a/b/@d", false),
            ("/a/@c", "/a/b/@c", false),
            ("/*/b", "/a/b", true),
            ("//a//c", "/x/a/b/c", true),
            ("//a/c", "/x/a/b/c", false),
            ("/a/b", "/a/b/@c", true),
        ] {
            assert_eq!(
                XPath::new(expression).unwrap().selects(path.as_bytes()),
                expected,
                "{expression} {path}"
            );
        }
        for bad in ["a", "/a[1]", "//count(a)", "", "/a//"] {
            assert!(XPath::new(bad).is_err(), "{bad}");
        }
    }
}
