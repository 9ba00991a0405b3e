//! Rules made without files.

use starfort_engine::rules::Rules;
use starfort_engine::rules::wire::{
    Collection, Constants, Disruptive, FORMAT, Link, Operator, OperatorKind, Part, Rule,
    RuleAction, RuleSet, Selector, SetOp, SetVar, Settings, Target, Transformation, Variable,
};

pub(crate) type Made = Vec<Rule>;

pub(crate) fn text(text: &str) -> Vec<Part> {
    if text.is_empty() {
        Vec::new()
    } else {
        vec![Part::Text(text.into())]
    }
}

fn operator(kind: OperatorKind, argument: &str) -> Operator {
    let phrases = if kind == OperatorKind::Pm || kind == OperatorKind::IpMatch {
        argument.split(' ').map(ToOwned::to_owned).collect()
    } else {
        Vec::new()
    };
    Operator {
        kind,
        argument: text(argument),
        phrases,
    }
}

pub(crate) fn target(variable: Variable) -> Target {
    Target {
        variable,
        selector: None,
        count: false,
        exclude: false,
    }
}

pub(crate) fn named(variable: Variable, name: &str) -> Target {
    Target {
        selector: Some(Selector::Name(name.into())),
        ..target(variable)
    }
}

pub(crate) fn not(inner: Target) -> Target {
    Target {
        exclude: true,
        ..inner
    }
}

pub(crate) fn count(inner: Target) -> Target {
    Target {
        count: true,
        ..inner
    }
}

pub(crate) fn link(targets: &[Target], kind: OperatorKind, argument: &str) -> Link {
    Link {
        targets: targets.to_vec(),
        operator: operator(kind, argument),
        negated: false,
        transformations: Vec::new(),
        multi_match: false,
        capture: false,
        msg: None,
        logdata: None,
        actions: Vec::new(),
        reads_matched: true,
    }
}

pub(crate) fn always() -> Link {
    link(&[], OperatorKind::UnconditionalMatch, "")
}

pub(crate) fn rule(id: u64, phase: u8, links: Vec<Link>) -> Rule {
    Rule {
        id,
        phase,
        file: 0,
        line: 1,
        links,
        rev: String::new(),
        ver: String::new(),
        severity: Some(2),
        tags: vec!["test".into()],
        attacks: Vec::new(),
        disruptive: Disruptive::Pass,
        status: None,
        log: true,
        audit_log: false,
        notes: true,
        skip: 0,
        skip_to: None,
    }
}

pub(crate) fn set(key: &str, op: SetOp, value: Vec<Part>) -> RuleAction {
    RuleAction::SetVar(SetVar {
        collection: Collection::Tx,
        key: text(key),
        op,
        value,
    })
}

pub(crate) fn with(mut link: Link, actions: Vec<RuleAction>) -> Link {
    link.actions = actions;
    link
}

pub(crate) fn after(mut link: Link, transformations: &[Transformation]) -> Link {
    link.transformations = transformations.to_vec();
    link
}

/// Rules as the control plane hands them out, without the answers that only save time.
pub(crate) fn rule_set(rules: Made, settings: Settings) -> RuleSet {
    RuleSet {
        format: FORMAT,
        signatures: Vec::new(),
        settings,
        files: vec!["test.conf".into()],
        rules,
        reads_earlier: true,
        constants: Constants::default(),
    }
}

/// Rules as a bundle has them.
pub(crate) fn packed(set: &RuleSet) -> Vec<u8> {
    rmp_serde::to_vec_named(set).unwrap()
}

pub(crate) fn load(rules: Made, settings: Settings) -> Rules {
    Rules::new(&packed(&rule_set(rules, settings))).unwrap()
}
