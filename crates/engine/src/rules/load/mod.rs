//! Loads rules: makes a program that can run from what the bundle carries.
//!
//! | what | where |
//! |---|---|
//! | rules, one after the other | [`builder`] |
//! | what a text must contain for a rule's operator to hold | [`required`] |
//! | which rules can match at all | [`plan`] |
//!
//! The control plane (`starfort.threats.seclang`) has already worked out what follows from the rules alone and needs no
//! matcher; the bundle carries these answers.

mod builder;
pub(crate) mod plan;
mod required;

use std::sync::OnceLock;

use builder::Builder;

use super::program::Program;
use super::program::guard::Guard;
use super::program::prefilter::Bits;
use super::program::rule::CompiledRule;
use super::program::tx::TxValue;
use super::wire::{FORMAT, RuleSet};
use crate::error::EngineError;

/// The most rules of one set. The Core Rule Set has about 700, so a larger set is a mistake or an attack.
const MAX_RULES: usize = 100_000;

/// Reads and compiles rules.
///
/// # Errors
/// [`EngineError::BundleInvalid`] naming the rule and what is wrong with it.
pub(crate) fn program(compiled: &[u8]) -> Result<Program, EngineError> {
    let set: RuleSet = rmp_serde::from_slice(compiled)
        .map_err(|error| EngineError::invalid("rules", format!("not compiled rules: {error}")))?;
    let refuse = |message: String| Err(EngineError::invalid("rules", message));
    if set.format != FORMAT {
        return refuse(format!(
            "format {} is not {FORMAT}; compile the rules again",
            set.format
        ));
    }
    if set.rules.len() > MAX_RULES {
        return refuse(format!("{} rules; at most {MAX_RULES}", set.rules.len()));
    }
    build(set)
}

fn build(set: RuleSet) -> Result<Program, EngineError> {
    let mut builder = Builder::new(set.rules.len());
    let mut rules = compile(&set, &mut builder)?;
    // Patterns on `TX` names are resolved only now, when the names of all rules are known.
    for target in rules
        .iter_mut()
        .flat_map(|rule| &mut rule.links)
        .flat_map(|link| &mut link.targets)
    {
        target.find_places(&builder.names);
    }
    // Indexes that the set does not have are ignored: a wrong list must not stop the filter.
    let dead = Bits::of(rules.len(), &set.constants.dead);
    let initial = set.constants.initial.into_iter();
    let initial = initial
        .map(|(name, value)| (builder.names.place(name.as_bytes()), TxValue::from(value)))
        .collect();
    Ok(Program {
        settings: set.settings,
        signatures: set.signatures,
        files: set.files,
        // `find` and not `place`: a set whose rules never name the score has no score to report.
        score: builder.names.find(b"blocking_inbound_anomaly_score"),
        outbound_score: builder.names.find(b"blocking_outbound_anomaly_score"),
        guards: rules.iter().map(Guard::new).collect(),
        plans: plan::plans(&rules, &builder.chains, builder.links, &dead),
        rules,
        chains: builder.chains,
        names: builder.names,
        reads_earlier: set.reads_earlier,
        initial,
        whole: OnceLock::new(),
        links: builder.links,
        uses: builder.uses,
        variable_names: builder.variable_names,
    })
}

fn compile(set: &RuleSet, builder: &mut Builder) -> Result<Vec<CompiledRule>, EngineError> {
    let compiled = (0..).zip(&set.rules).map(|(index, rule)| {
        builder.rule(index, rule).map_err(|error| {
            let file = set.files.get(rule.file as usize);
            let file = file.map_or("?", String::as_str);
            // People look for the rule in their files, so the message begins with the file and line.
            let text = format!("{file}:{}: rule {}: {error}", rule.line, rule.id);
            EngineError::invalid("rules", text)
        })
    });
    compiled.collect()
}
