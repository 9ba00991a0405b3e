//! What a policy does: one file for each action, named as users write it.
//!
//! A file has the action as the bundle has it (`…Spec`), the action ready to be done, and [`PolicyAction`] for it. This
//! module lists the actions and hands on to them. There is room for four kinds, and none needs a word in another file:
//!
//! - one that changes the request sets something in [`Decision`] and goes on (`tag`, `delay`);
//! - one that answers by itself ends the list with [`Terminal::Answer`] (`block`, `limit`, `deceive`);
//! - one that works on the response says so by [`PolicyAction::READS_RESPONSE_BODY`] and sets in [`Decision`] what is to
//!   be done with it (`mask`); a new kind of change is a field there, and a place in the pipeline that makes it;
//! - one that ends the exchange in another way (`divert`) has a case of [`Terminal`], which the host acts on.
//!
//! [`Terminal::Answer`]: crate::policy::decision::Terminal::Answer

mod allow;
mod block;
mod deceive;
mod delay;
mod divert;
mod limit;
mod mask;
mod tag;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use allow::Allow;
pub(crate) use block::Block;
pub use block::BlockSpec;
pub use deceive::DeceiveSpec;
pub use delay::DelaySpec;
pub use divert::DivertSpec;
pub use limit::LimitSpec;
pub use mask::MaskSpec;
pub use tag::TagSpec;

use super::decision::{CannedAnswer, Decision, Terminal};
use super::value::{EvalError, Facts};
use super::world::World;
use crate::rate::{RateDecision, RateTable};

/// What a policy does, as the bundle has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Pass, whatever later policies say.
    Allow,
    /// Set a request header for the upstream.
    Tag(TagSpec),
    /// Refuse.
    Block(BlockSpec),
    /// GCRA: 429 with `Retry-After` and `RateLimit` fields when exceeded.
    Limit(LimitSpec),
    /// Send to another upstream.
    Divert(DivertSpec),
    /// Answer as the API might, without asking it.
    Deceive(DeceiveSpec),
    /// Hold the request.
    Delay(DelaySpec),
    /// Mask sensitive values in the response (JSON).
    Mask(MaskSpec),
}

/// An action that is ready to be done.
#[derive(Debug)]
pub(super) enum CompiledAction {
    Allow(Allow),
    Tag(tag::Tag),
    Block(Block),
    Limit(limit::LimitTo),
    Divert(divert::Divert),
    Deceive(deceive::Deceive),
    Delay(delay::Delay),
    Mask(mask::Mask),
}

/// Do the same with whichever action it is. An enum and not a trait object: [`PolicyAction::due`] is generic over what
/// it asks for facts, and a request in which no policy acts never leaves the enum's memory.
macro_rules! each {
    ($action:expr, $each:ident => $do:expr) => {
        match $action {
            CompiledAction::Allow($each) => $do,
            CompiledAction::Tag($each) => $do,
            CompiledAction::Block($each) => $do,
            CompiledAction::Limit($each) => $do,
            CompiledAction::Divert($each) => $do,
            CompiledAction::Deceive($each) => $do,
            CompiledAction::Delay($each) => $do,
            CompiledAction::Mask($each) => $do,
        }
    };
}

/// Words that the `action` of an event can have: those of actions that can end the list. The filter has a counter for each
/// (`action_WORD`).
pub const DECISIONS: [&str; 5] = [
    Allow::WORD,
    Block::WORD,
    limit::LimitTo::WORD,
    divert::Divert::WORD,
    deceive::Deceive::WORD,
];

/// What compiling an action may look up in the bundle.
pub(super) struct CompileContext<'a> {
    // Parts of the bundle and not the bundle: `bundle.rs` imports this module for `Action`.
    /// Canned responses, by index.
    pub(super) responses: &'a [Arc<CannedAnswer>],
    /// How many address lists there are, which expressions refer to by index.
    pub(super) lists: usize,
}

/// What an action may look at when the condition of its policy held.
pub(super) struct Matched<'a, F> {
    /// Name of the policy.
    pub(super) policy: &'a str,
    /// The readings of the request.
    pub(super) worlds: &'a [World<F>],
    /// Whether the policy is for a request in this reading, and its condition holds there.
    pub(super) holds_in: &'a dyn Fn(&World<F>) -> bool,
    /// Counters.
    pub(super) rates: &'a RateTable,
}

/// Whether an action is to be done now that the condition of its policy held.
#[derive(Debug, Clone, Copy)]
pub(super) enum Due {
    /// It is not: the rate of a limit is not exceeded.
    No,
    /// It is.
    Yes,
    /// It is, since this counter is over its rate.
    Exceeded(RateDecision),
}

/// What follows when an action is done.
#[derive(Debug)]
pub(super) enum Then {
    /// The next policy is asked.
    GoOn,
    /// The list ends.
    End(Terminal),
}

/// What the file of an action says about it.
pub(super) trait PolicyAction {
    /// Its name in configuration, bundle, events and metrics.
    const WORD: &'static str;

    /// Whether it gives a permission. Its policy then has to hold in every reading of a request, where that of every
    /// other action has to hold in some: nobody gains a permission, or loses a restriction, by a spelling.
    const LETS_PASS: bool = false;

    /// Whether the body of the response is needed before its head may go out.
    const READS_RESPONSE_BODY: bool = false;

    /// Whether it is to be done now.
    ///
    /// # Errors
    /// Something that the action asks of the request has no value.
    fn due<F: Facts>(&self, _matched: &Matched<'_, F>) -> Result<Due, EvalError> {
        Ok(Due::Yes)
    }

    /// Do it: note it in the decision, or end the list.
    fn act(&self, policy: &str, due: Due, decision: &mut Decision) -> Then;

    /// Name of the request header that it sets, which no client may then set.
    fn sets_header(&self) -> Option<&str> {
        None
    }
}

impl CompiledAction {
    /// Make an action of the bundle ready.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn compile(action: &Action, context: &CompileContext<'_>) -> Result<Self, String> {
        Ok(match action {
            Action::Allow => Self::Allow(Allow),
            Action::Tag(spec) => Self::Tag(tag::Tag::compile(spec)),
            Action::Block(spec) => Self::Block(Block::compile(spec)?),
            Action::Limit(spec) => Self::Limit(limit::LimitTo::compile(spec, context)?),
            Action::Divert(spec) => Self::Divert(divert::Divert::compile(spec)),
            Action::Deceive(spec) => Self::Deceive(deceive::Deceive::compile(spec, context)?),
            Action::Delay(spec) => Self::Delay(delay::Delay::compile(spec)),
            Action::Mask(spec) => Self::Mask(mask::Mask::compile(spec)),
        })
    }

    /// See [`PolicyAction::WORD`].
    pub(super) fn word(&self) -> &'static str {
        each!(self, action => word_of(action))
    }

    /// See [`PolicyAction::LETS_PASS`].
    pub(super) fn lets_pass(&self) -> bool {
        each!(self, action => lets_pass(action))
    }

    /// See [`PolicyAction::READS_RESPONSE_BODY`].
    pub(super) fn reads_response_body(&self) -> bool {
        each!(self, action => reads_response_body(action))
    }

    /// See [`PolicyAction::sets_header`].
    pub(super) fn sets_header(&self) -> Option<&str> {
        each!(self, action => action.sets_header())
    }

    /// See [`PolicyAction::due`].
    pub(super) fn due<F: Facts>(&self, matched: &Matched<'_, F>) -> Result<Due, EvalError> {
        each!(self, action => action.due(matched))
    }

    /// See [`PolicyAction::act`].
    pub(super) fn act(&self, policy: &str, due: Due, decision: &mut Decision) -> Then {
        each!(self, action => action.act(policy, due, decision))
    }
}

const fn word_of<A: PolicyAction>(_: &A) -> &'static str {
    A::WORD
}

const fn lets_pass<A: PolicyAction>(_: &A) -> bool {
    A::LETS_PASS
}

const fn reads_response_body<A: PolicyAction>(_: &A) -> bool {
    A::READS_RESPONSE_BODY
}
