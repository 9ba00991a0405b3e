//! Which endpoint of the catalogue a request belongs to: host and base path find the API, method and path
//! template the endpoint.
//!
//! Concrete segments match before templated ones (`OpenAPI` 3.1.0, Paths Object). The cost of a match
//! grows with the number of segments of the path, not with the number of templates.

mod readings;
pub mod segment;

use std::collections::HashMap;

pub use readings::{Found, Seen};

use crate::bundle::{Api, Endpoint};
use crate::error::EngineError;

/// The most segments of a path that are looked at; a longer path belongs to no endpoint. The longest template among
/// 2,356 paths of 60 public `OpenAPI` documents has 17.
pub const MAX_SEGMENTS: usize = 64;

/// The most nodes that are visited for one match, which bounds backtracking between concrete and templated segments.
const MAX_VISITS: u32 = 512;

/// The API and endpoint that a request was matched to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndpointMatch {
    /// Index in the bundle's APIs.
    pub api: Option<u32>,
    /// Index in the bundle's endpoints.
    pub endpoint: Option<u32>,
    /// The path is known, but not with this method.
    pub other_method: bool,
    /// Byte range, in the path, of the last segment that stands for a parameter.
    pub object: Option<(u32, u32)>,
}

/// Finds APIs and endpoints.
#[derive(Debug)]
pub struct Matcher {
    exact_hosts: HashMap<Box<str>, Vec<Mount>>,
    // A list, because few APIs have hosts with a wildcard.
    suffix_hosts: Vec<(Box<str>, Mount)>,
    any_host: Vec<Mount>,
    trees: Vec<Node>,
    /// Whether any template or base path has capitals.
    capitals: bool,
}

#[derive(Debug, Clone)]
struct Mount {
    base_path: Box<str>,
    api: u32,
}

/// Segments with capitals, by their lower-case form.
type Capitals = HashMap<Box<str>, Vec<Box<str>>>;

#[derive(Debug, Default)]
struct Node {
    concrete: HashMap<Box<str>, Node>,
    /// The concrete segments that have capitals.
    capitals: Option<Box<Capitals>>,
    /// `report-{year}.csv`, `{z}-{x}-{y}.png`: parameters with text around them.
    mixed: Option<Box<segment::Mixed>>,
    parameter: Option<Box<Node>>,
    methods: Vec<(Box<str>, u32)>,
}

impl Matcher {
    /// Build from a bundle's APIs and endpoints.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] when an endpoint names an API that is not there or a path that does not
    /// begin with `/`.
    pub fn new(apis: &[Api], endpoints: &[Endpoint]) -> Result<Self, EngineError> {
        let mut matcher = Self {
            exact_hosts: HashMap::new(),
            suffix_hosts: Vec::new(),
            any_host: Vec::new(),
            trees: Vec::new(),
            capitals: false,
        };
        for (index, api) in (0_u32..).zip(apis) {
            matcher.trees.push(Node::default());
            for (host, base_path) in mounts(api) {
                let mount = Mount {
                    // Without the last slash, so that `/v1/` and `/v1` are one base path.
                    base_path: base_path.trim_end_matches('/').into(),
                    api: index,
                };
                matcher.mount(host, mount);
            }
        }
        for (index, endpoint) in (0_u32..).zip(endpoints) {
            matcher.add(index, endpoint)?;
        }
        Ok(matcher)
    }

    fn add(&mut self, index: u32, endpoint: &Endpoint) -> Result<(), EngineError> {
        let wrong = |what| EngineError::invalid(format!("endpoint {}", endpoint.id), what);
        let api = usize::try_from(endpoint.api).ok();
        let tree = api.and_then(|api| self.trees.get_mut(api));
        let tree = tree.ok_or_else(|| wrong("its API is not in the bundle"))?;
        if !endpoint.path.starts_with('/') {
            return Err(wrong("its path must begin with /"));
        }
        tree.insert(&endpoint.path, &endpoint.method, index);
        self.capitals |= has_capitals(&endpoint.path);
        Ok(())
    }

    fn mount(&mut self, host: &str, mount: Mount) {
        if host == "*" {
            self.any_host.push(mount);
        } else if let Some(suffix) = host.strip_prefix('*') {
            // The dot stays (`.example.com`), so that `badexample.com` does not fit.
            self.suffix_hosts.push((suffix.into(), mount));
        } else {
            self.exact_hosts.entry(host.into()).or_default().push(mount);
        }
    }

    /// The endpoint that a request belongs to.
    ///
    /// `host`: lower case, no port. `method`: upper case. `path`: normalised, begins with `/`.
    /// Fields that found nothing are `None` (a finding, not an error).
    pub fn find(&self, host: &str, method: &str, path: &str) -> EndpointMatch {
        self.find_as(host, method, path, false)
    }

    /// [`Self::find`], with letter case ignored where `any_case`.
    fn find_as(&self, host: &str, method: &str, path: &str, any_case: bool) -> EndpointMatch {
        let Some(api) = self.api(host, path, any_case) else {
            return EndpointMatch::default();
        };
        let none = EndpointMatch {
            api: Some(api),
            ..EndpointMatch::default()
        };
        let Some(tree) = usize::try_from(api)
            .ok()
            .and_then(|index| self.trees.get(index))
        else {
            return none;
        };
        let mut room = [""; MAX_SEGMENTS];
        let Some(segments) = divide(path, &mut room) else {
            return none;
        };
        let mut search = Search {
            method,
            any_case,
            visits: 0,
            other_method: false,
            object: None,
        };
        let endpoint = search.walk(tree, segments);
        let object = search
            .object
            .filter(|_| endpoint.is_some())
            .and_then(|value| range_in(path, value));
        EndpointMatch {
            api: Some(api),
            endpoint,
            other_method: endpoint.is_none() && search.other_method,
            object,
        }
    }

    fn api(&self, host: &str, path: &str, any_case: bool) -> Option<u32> {
        let is_under = |base: &str| {
            let (start, rest) = path.split_at_checked(base.len())?;
            let same = start == base || any_case && start.eq_ignore_ascii_case(base);
            // Only where a segment ends: `/v1` is not a beginning of `/v10`.
            (same && (rest.is_empty() || rest.starts_with('/'))).then_some(())
        };
        let exact = self.exact_hosts.get(host).into_iter().flatten();
        let suffix = self
            .suffix_hosts
            .iter()
            .filter(|(suffix, _)| host.ends_with(&**suffix))
            .map(|(_, mount)| mount);
        exact
            .chain(suffix)
            .chain(&self.any_host)
            .filter(|mount| is_under(&mount.base_path).is_some())
            .map(|mount| mount.api)
            // The first API of the configuration that fits, as Envoy's route table has it.
            .min()
    }
}

/// Each host of an API with each of its base paths.
fn mounts(api: &Api) -> impl Iterator<Item = (&str, &str)> {
    let hosts = api.hosts.iter();
    hosts.flat_map(|host| api.base_paths.iter().map(move |base| (&**host, &**base)))
}

/// The segments of a path; `None` when there are too many. They go to an array on the stack: a match allocates nothing.
fn divide<'r, 'p>(path: &'p str, room: &'r mut [&'p str]) -> Option<&'r [&'p str]> {
    let mut count = 0;
    for segment in path.trim_end_matches('/').split('/').skip(1) {
        *room.get_mut(count)? = segment;
        count += 1;
    }
    room.get(..count)
}

/// Byte range of `part`, a slice of `whole`.
fn range_in(whole: &str, part: &str) -> Option<(u32, u32)> {
    // From the addresses, because `part` is a slice of `whole`: a search could find an equal segment further left.
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start
        .checked_add(part.len())
        .filter(|end| *end <= whole.len())?;
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

impl Node {
    fn insert(&mut self, path: &str, method: &str, endpoint: u32) {
        let mut node = self;
        for segment in path.trim_end_matches('/').split('/').skip(1) {
            node = node.child(segment);
        }
        // When two endpoints have the same template, the bundle's first one counts.
        if !node.methods.iter().any(|(known, _)| &**known == method) {
            node.methods.push((method.into(), endpoint));
        }
    }

    fn concrete(&mut self, segment: &str) -> &mut Self {
        if has_capitals(segment) && !self.concrete.contains_key(segment) {
            let by_lower = self.capitals.get_or_insert_default();
            by_lower
                .entry(segment.to_ascii_lowercase().into())
                .or_default()
                .push(segment.into());
        }
        self.concrete.entry(segment.into()).or_default()
    }

    /// Concrete segments that differ from one in letter case only.
    fn in_any_case(&self, segment: &str) -> impl Iterator<Item = &Self> {
        let lower = segment.to_ascii_lowercase();
        let capitals = self.capitals.as_ref();
        let written = capitals.and_then(|capitals| capitals.get(&*lower));
        let written = written.into_iter().flatten().map(|written| &**written);
        // Collected, because the items borrow from `lower`, which ends with this function.
        let all: smallvec::SmallVec<[&Self; 2]> = written
            .chain(std::iter::once(&*lower))
            .filter_map(|written| self.concrete.get(written))
            .collect();
        all.into_iter()
    }

    /// The node of a segment of a template.
    fn child(&mut self, segment: &str) -> &mut Self {
        if segment::is_plain(segment) {
            return self.parameter.get_or_insert_default();
        }
        if !segment::has_parameter(segment) {
            return self.concrete(segment);
        }
        self.mixed.get_or_insert_default().child(segment)
    }
}

fn has_capitals(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

struct Search<'a> {
    method: &'a str,
    any_case: bool,
    visits: u32,
    other_method: bool,
    object: Option<&'a str>,
}

impl<'a> Search<'a> {
    fn walk(&mut self, node: &Node, segments: &[&'a str]) -> Option<u32> {
        self.visits += 1;
        // Backtracking over n templated levels could visit 2^n nodes; a path that needs so many belongs to no endpoint.
        if self.visits > MAX_VISITS {
            return None;
        }
        let Some((segment, rest)) = segments.split_first() else {
            return self.method_of(node);
        };
        if let Some(found) = node
            .concrete
            .get(*segment)
            .and_then(|child| self.walk(child, rest))
        {
            return Some(found);
        }
        // Only after the exact spelling: where both exist, a server that tells cases apart means the exact one.
        if self.any_case
            && let Some(found) = node
                .in_any_case(segment)
                .find_map(|child| self.walk(child, rest))
        {
            return Some(found);
        }
        // A parameter needs a value: `/users/` is not `/users/{id}`.
        if segment.is_empty() {
            return None;
        }
        if let Some(mixed) = &node.mixed {
            for (value, child) in mixed.fitting(segment, self.any_case) {
                if let Some(found) = self.walk(child, rest) {
                    self.object.get_or_insert(value);
                    return Some(found);
                }
            }
        }
        let found = self.walk(node.parameter.as_deref()?, rest)?;
        self.object.get_or_insert(segment);
        Some(found)
    }

    fn method_of(&mut self, node: &Node) -> Option<u32> {
        let of = |wanted: &str| {
            node.methods
                .iter()
                .find(|(method, _)| &**method == wanted)
                .map(|(_, index)| *index)
        };
        let found = of(self.method)
            .or_else(|| of("*"))
            // HEAD asks for what GET would answer (RFC 9110, 9.3.2), and documents seldom list it.
            .or_else(|| (self.method == "HEAD").then(|| of("GET"))?);
        self.other_method |= found.is_none() && !node.methods.is_empty();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{api, endpoint};

    fn matcher(templates: &[(&str, &str)]) -> Matcher {
        let endpoints: Vec<_> = templates
            .iter()
            .map(|(method, path)| endpoint(method, path))
            .collect();
        Matcher::new(&[api("shop", &["*"], &["/"])], &endpoints).unwrap()
    }

    #[test]
    fn concrete_segments_match_before_parameters() {
        let matcher = matcher(&[
            ("GET", "/users/{id}"),
            ("GET", "/users/me"),
            ("GET", "/users/{id}/posts"),
        ]);
        assert_eq!(matcher.find("h", "GET", "/users/me").endpoint, Some(1));
        assert_eq!(matcher.find("h", "GET", "/users/7").endpoint, Some(0));
        assert_eq!(
            matcher.find("h", "GET", "/users/me/posts").endpoint,
            Some(2),
            "backtracks"
        );
        assert_eq!(matcher.find("h", "GET", "/users").endpoint, None);
        assert_eq!(matcher.find("h", "GET", "/users/7/8").endpoint, None);
    }

    #[test]
    fn the_last_parameter_is_the_object() {
        let matcher = matcher(&[
            ("GET", "/users/{id}/posts/{post}"),
            ("GET", "/users/{id}/all"),
        ]);
        let path = "/users/12/posts/345";
        let (start, end) = matcher.find("h", "GET", path).object.unwrap();
        assert_eq!(&path[start as usize..end as usize], "345");
        let path = "/users/12/all";
        let (start, end) = matcher.find("h", "GET", path).object.unwrap();
        assert_eq!(&path[start as usize..end as usize], "12");
    }

    #[test]
    fn mixed_segments_match_by_their_text() {
        let matcher = matcher(&[
            ("GET", "/r/{name}"),
            ("GET", "/r/report-{year}.csv"),
            ("GET", "/r/{name}.csv"),
        ]);
        assert_eq!(
            matcher.find("h", "GET", "/r/report-2026.csv").endpoint,
            Some(1)
        );
        assert_eq!(matcher.find("h", "GET", "/r/other.csv").endpoint, Some(2));
        assert_eq!(matcher.find("h", "GET", "/r/other").endpoint, Some(0));
    }

    #[test]
    fn another_method_on_a_known_path_is_told_apart() {
        let matcher = matcher(&[("GET", "/a"), ("*", "/b")]);
        let found = matcher.find("h", "POST", "/a");
        assert!(found.endpoint.is_none() && found.other_method);
        assert_eq!(matcher.find("h", "HEAD", "/a").endpoint, Some(0));
        assert_eq!(matcher.find("h", "PATCH", "/b").endpoint, Some(1));
        assert!(!matcher.find("h", "POST", "/c").other_method);
    }

    #[test]
    fn the_first_api_that_fits_host_and_base_path_wins() {
        let apis = [
            api("a", &["a.example"], &["/v1/"]),
            api("b", &["*.example"], &["/"]),
            api("c", &["*"], &["/public"]),
        ];
        let matcher = Matcher::new(&apis, &[]).unwrap();
        assert_eq!(matcher.find("a.example", "GET", "/v1/x").api, Some(0));
        assert_eq!(matcher.find("a.example", "GET", "/v10").api, Some(1));
        assert_eq!(matcher.find("z.org", "GET", "/public").api, Some(2));
        assert_eq!(matcher.find("z.org", "GET", "/publicity").api, None);
    }

    #[test]
    fn hostile_paths_end_quickly() {
        let matcher = matcher(&[("GET", "/{a}/{b}/{c}/{d}/x"), ("GET", "/a/a/a/a/y")]);
        assert_eq!(
            matcher.find("h", "GET", &"/a".repeat(100_000)).endpoint,
            None
        );
        assert_eq!(matcher.find("h", "GET", "/a/a/a/a/z").endpoint, None);
    }

    #[test]
    fn an_endpoint_of_a_missing_api_is_refused() {
        let mut lost = endpoint("GET", "/");
        lost.api = 9;
        assert_eq!(
            Matcher::new(&[], &[lost]).unwrap_err().code(),
            "bundle_invalid"
        );
    }
}
