//! `allow`: pass, whatever later policies say.

use super::{Due, PolicyAction, Then};
use crate::policy::decision::{ALLOW, Decision, Terminal};

/// Lets the request pass. The bundle has no settings for this action, so it has no `…Spec`.
#[derive(Debug)]
pub(crate) struct Allow;

impl PolicyAction for Allow {
    const WORD: &'static str = ALLOW;
    const LETS_PASS: bool = true;

    fn act(&self, _policy: &str, _due: Due, _decision: &mut Decision) -> Then {
        Then::End(Terminal::Allow)
    }
}
