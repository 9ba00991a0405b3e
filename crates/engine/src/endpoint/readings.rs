//! The endpoints that one request has, one for each way in which servers could read its path.
//!
//! The strict reading's endpoint is the request's. If the strict reading finds none, the first other reading that finds
//! one counts.
//! Policies that restrict hold if they hold in any of them, policies that let pass only in all (see [`crate::policy`]).
//!
//! A reading that finds no endpoint is still not a call of an unknown endpoint if it stays within a value of the
//! endpoint that was found: `/projects/group%2Fapp` is a call of `/projects/{id}`, not of an unknown
//! `/projects/group/app`. A reading that leaves it, by a `..` or by another beginning, is a call of an unknown
//! endpoint.

use super::{EndpointMatch, Matcher, has_capitals};
use crate::bundle::Endpoint;
use crate::http::path::Target;
use crate::http::readings::Reading;

/// One more reading of a request's path, and what it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path in this reading.
    pub path: String,
    /// What it was matched to.
    pub matched: EndpointMatch,
    /// Only policies that let pass are asked about this reading. Another reading with the same path is there for the
    /// others.
    pub grants_only: bool,
}

/// What a request's path was matched to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The path in the reading that counts.
    pub path: String,
    /// What it was matched to.
    pub matched: EndpointMatch,
    /// Other readings. Nearly every request has none.
    pub also: Vec<Seen>,
    /// Whether a reading leaves the endpoint that was found, for a path that belongs to no endpoint.
    pub leaves: bool,
    /// Whether a `;` parameter stands in a segment that a template fixes.
    pub misplaced_parameter: bool,
}

impl Found {
    /// The match of each reading of the path. The first reading is the one that counts.
    pub(crate) fn every_match(&self) -> impl Iterator<Item = &EndpointMatch> {
        let also = self.also.iter().map(|seen| &seen.matched);
        std::iter::once(&self.matched).chain(also)
    }

    /// The endpoint that the request calls in every reading of its path. Code that exempts an endpoint asks this, so
    /// that no ambiguous path gains an exemption.
    pub(crate) fn only_endpoint(&self) -> Option<u32> {
        let endpoint = self.matched.endpoint;
        let mut others = self.also.iter();
        endpoint.filter(|_| others.all(|seen| seen.matched.endpoint == endpoint))
    }
}

/// Where another reading ends, seen from the endpoint that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// At another endpoint, or the request has no endpoint to leave.
    Elsewhere,
    /// Within a value of the endpoint.
    Inside,
    /// At no endpoint, and outside of the endpoint that was found.
    Outside,
}

impl Found {
    /// Choose the reading that counts: the strict one, or if that finds no endpoint, the first other reading that does.
    fn choose(
        &mut self,
        strict_path: String,
        strict: EndpointMatch,
        others: &[(Reading, EndpointMatch)],
    ) -> (String, EndpointMatch) {
        // Envoy routes by the strict reading, so the request does not go to an endpoint of another API.
        let is_known = |(_, matched): &&(Reading, EndpointMatch)| {
            matched.endpoint.is_some() && (strict.api.is_none() || strict.api == matched.api)
        };
        match others.iter().find(is_known) {
            Some((reading, matched)) if strict.endpoint.is_none() => {
                // For policies that let pass, the strict reading remains a reading of an unknown endpoint.
                for grants_only in [false, true] {
                    self.also.push(Seen {
                        path: strict_path.clone(),
                        matched: if grants_only { strict } else { *matched },
                        grants_only,
                    });
                }
                (reading.path.clone(), *matched)
            }
            _ => (strict_path, strict),
        }
    }

    /// Where a reading ends.
    ///
    /// # Arguments
    /// * `own` - what the reading itself was matched to.
    /// * `prefix` - the fixed beginning of the template that was found, if an endpoint was.
    fn ending(&self, reading: &Reading, own: EndpointMatch, prefix: Option<&str>) -> Ending {
        let Some(prefix) = prefix.filter(|_| own.endpoint.is_none()) else {
            return Ending::Elsewhere;
        };
        let stays = !reading.climbs && is_at_or_below(&reading.path, prefix);
        if stays && own.api == self.matched.api {
            Ending::Inside
        } else {
            Ending::Outside
        }
    }
}

/// Whether a `;` parameter stands in a segment that a template fixes: the path has an endpoint only without the
/// parameter.
fn has_misplaced_parameter(others: &[(Reading, EndpointMatch)], strict: EndpointMatch) -> bool {
    others.iter().any(|(reading, matched)| {
        reading.parameters_cut && matched.endpoint.is_some() && matched.endpoint != strict.endpoint
    })
}

impl Matcher {
    /// The endpoints of a request, in each reading of its path.
    ///
    /// `host`, `method`: as for [`Self::find`]. `endpoints`: those that the matcher was made of.
    pub fn read(
        &self,
        host: &str,
        method: &str,
        target: Target<'_>,
        endpoints: &[Endpoint],
    ) -> Found {
        let strict = self.find(host, method, &target.path);
        // Nearly every request has one reading, and an endpoint in it.
        if target.others.is_empty() && strict.endpoint.is_some() {
            return Found {
                path: target.path,
                matched: strict,
                ..Found::default()
            };
        }
        let matched = |reading: Reading| {
            let matched = self.find(host, method, &reading.path);
            (reading, matched)
        };
        let others: Vec<_> = target.others.into_iter().map(matched).collect();
        let mut found = Found {
            misplaced_parameter: has_misplaced_parameter(&others, strict),
            ..Found::default()
        };
        (found.path, found.matched) = found.choose(target.path, strict, &others);
        let prefix = found
            .matched
            .endpoint
            .and_then(|index| endpoints.get(index as usize))
            .map(|endpoint| fixed_prefix(&endpoint.path));
        // Only when no reading has an endpoint: otherwise every request would pay for these searches.
        if prefix.is_none() {
            self.add_loose(&mut found, host, method, &others);
        }
        self.add_others(&mut found, host, method, others, prefix);
        found
    }

    /// Add the other readings, each with what it calls.
    fn add_others(
        &self,
        found: &mut Found,
        host: &str,
        method: &str,
        others: Vec<(Reading, EndpointMatch)>,
        prefix: Option<&str>,
    ) {
        for (reading, own) in others {
            // This is the reading that counts, which `found` has already.
            if reading.path == found.path {
                continue;
            }
            let ending = found.ending(&reading, own, prefix);
            if ending == Ending::Outside {
                found.leaves = true;
                let loosely = self.find_loosely(host, method, &reading.path);
                found.also.extend(loosely);
            }
            let is_inside = ending == Ending::Inside;
            found.also.push(Seen {
                matched: if is_inside { found.matched } else { own },
                path: reading.path,
                grants_only: false,
            });
        }
    }

    /// Add the endpoints that some server could find for the readings of an unknown path.
    fn add_loose(
        &self,
        found: &mut Found,
        host: &str,
        method: &str,
        others: &[(Reading, EndpointMatch)],
    ) {
        let readings = others.iter().map(|(reading, _)| &*reading.path);
        let paths = std::iter::once(&*found.path).chain(readings);
        let loosely: Vec<Seen> = paths
            .filter_map(|path| self.find_loosely(host, method, path))
            .collect();
        found.also.extend(loosely);
    }

    /// The endpoint of a path that no template has as it is written, but some server could take for one: letter case
    /// (IIS, Express, Windows), dots and blanks at the end of a segment (Windows; `$` in a regular expression before a
    /// line feed), an extension (Rails, earlier Spring).
    fn find_loosely(&self, host: &str, method: &str, path: &str) -> Option<Seen> {
        let trimmed = trimmed(path);
        let bare = without_extension(trimmed.as_deref().unwrap_or(path));
        let any_case = self.capitals || has_capitals(path);
        // No server could take this path for another one, so nothing has to be searched again.
        if trimmed.is_none() && bare.is_none() && !any_case {
            return None;
        }
        let candidates = [Some(path), trimmed.as_deref(), bare];
        let found = candidates.into_iter().flatten().find_map(|path| {
            let found = self.find_as(host, method, path, any_case);
            found.endpoint.is_some().then_some(found)
        });
        found.map(|found| Seen {
            path: path.to_owned(),
            matched: EndpointMatch {
                // The range belongs to the path that matched, and this reading keeps the path as it was written.
                object: None,
                ..found
            },
            grants_only: false,
        })
    }
}

/// A template up to its first segment that has a parameter.
fn fixed_prefix(template: &str) -> &str {
    let end = template.find('{').unwrap_or(template.len());
    let fixed = template.get(..end).unwrap_or(template);
    if end == template.len() {
        return fixed.trim_end_matches('/');
    }
    let slash = fixed.rfind('/').unwrap_or(0);
    fixed.get(..slash).unwrap_or_default()
}

fn is_at_or_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path with dots, blanks and control characters removed from the ends of its segments. `None` when there are none
/// to remove.
fn trimmed(path: &str) -> Option<String> {
    let odd =
        |character: char| character == '.' || character.is_whitespace() || character.is_control();
    let mut segments = path.split('/');
    if !segments.any(|segment| segment.ends_with(odd)) {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        let kept = segment.trim_end_matches(odd);
        out.push('/');
        // A segment of nothing but dots would leave two slashes side by side, which is another path.
        out.push_str(if kept.is_empty() { segment } else { kept });
    }
    Some(out)
}

/// The path without an extension such as `.json`; `None` when it has none.
fn without_extension(path: &str) -> Option<&str> {
    let (bare, extension) = path.trim_end_matches('/').rsplit_once('.')?;
    let is_extension = (1..=8).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !bare.ends_with('/');
    is_extension.then_some(bare)
}
