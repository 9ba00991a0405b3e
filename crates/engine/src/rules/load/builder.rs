//! From rules as they arrive to rules ready to run, one after the other.

use std::collections::HashMap;

use smallvec::smallvec;

use crate::rules::bytes::{self, ByteSet};
use crate::rules::load::required;
use crate::rules::operators::{self, Check, CompiledOperator, MAX_CAPTURES, SQLI_NEEDS, XSS_NEEDS};
use crate::rules::pattern;
use crate::rules::program::chain::{Chain, ChainId, Step};
use crate::rules::program::macros::CompiledMacro;
use crate::rules::program::prefilter::Bits;
use crate::rules::program::rule::{
    CompiledAction, CompiledCtl, CompiledLink, CompiledRule, Disruption, Gate,
};
use crate::rules::program::slots::Side;
use crate::rules::program::slots::{Slot, VARIABLES};
use crate::rules::program::target::{CompiledTarget, Members, Source, source_of};
use crate::rules::program::tx::Names;
use crate::rules::program::tx::TxValue;
use crate::rules::program::xpath::XPath;
use crate::rules::transformations;
use crate::rules::wire::{
    Action, Collection, Ctl, Disruptive, IdRanges, Link, Macro, OperatorKind, Part, Rule, RuleSet,
    Selector, SetOp, Target, Transformation, Variable,
};

/// Compiles the rules of a set, and keeps what they share.
pub(super) struct Builder {
    pub(super) names: Names,
    pub(super) chains: Vec<Chain>,
    known: HashMap<Vec<Transformation>, ChainId>,
    pub(super) links: usize,
    pub(super) uses: Vec<bool>,
    pub(super) variable_names: Vec<String>,
    /// The rule being compiled reads `MATCHED_…`.
    reads_matched: bool,
    /// A rule reads `MATCHED_…` before it has matched anything itself.
    pub(super) reads_earlier: bool,
}

impl Builder {
    pub(super) fn new(rules: usize) -> Self {
        let mut names = Names::default();
        for digit in 0..MAX_CAPTURES {
            names.place(digit.to_string().as_bytes());
        }
        Self {
            names,
            chains: vec![Chain::default()],
            known: HashMap::from([(Vec::new(), 0)]),
            links: rules,
            uses: vec![false; VARIABLES],
            variable_names: vec![String::new(); VARIABLES],
            reads_matched: false,
            reads_earlier: false,
        }
    }

    pub(super) fn rule(
        &mut self,
        index: usize,
        rule: &Rule,
        set: &RuleSet,
    ) -> Result<CompiledRule, String> {
        if !(1..=5).contains(&rule.phase) {
            return Err(format!("phase {} is not 1 to 5", rule.phase));
        }
        if rule.links.is_empty() {
            return Err("it has no condition".into());
        }
        self.reads_matched = false;
        let mut links = Vec::with_capacity(rule.links.len());
        for (position, link) in rule.links.iter().enumerate() {
            // First links are numbered as their rules are.
            let number = if position == 0 { index } else { self.links };
            self.links += usize::from(position > 0);
            links.push(self.link(number, link, set)?);
            // A `SecAction` matches nothing, and targets are looked at before anything has matched.
            self.reads_earlier |= position == 0
                && (link.targets.is_empty() && self.reads_matched
                    || link
                        .targets
                        .iter()
                        .any(|target| is_matched(target.variable)));
        }
        let disruptive = self.disruption(&rule.disruptive);
        Ok(CompiledRule {
            notes: rule.log || rule.audit_log || self.reads_matched,
            id: rule.id,
            phase: rule.phase,
            file: rule.file,
            line: rule.line,
            links,
            rev: rule.rev.clone(),
            ver: rule.ver.clone(),
            severity: rule.severity,
            tags: rule.tags.clone(),
            classes: crate::rules::weigh::Classes::of(rule.id, &rule.tags),
            disruptive,
            status: rule.status,
            log: rule.log,
            audit_log: rule.audit_log,
            skip: rule.skip,
            skip_to: rule.skip_to,
        })
    }

    fn disruption(&mut self, disruptive: &Disruptive) -> Disruption {
        match disruptive {
            Disruptive::Pass => Disruption::Pass,
            Disruptive::Deny => Disruption::Deny,
            Disruptive::Drop => Disruption::Drop,
            Disruptive::Allow => Disruption::Allow,
            Disruptive::AllowPhase => Disruption::AllowPhase,
            Disruptive::AllowRequest => Disruption::AllowRequest,
            Disruptive::Redirect(to) => Disruption::Redirect(self.text(to)),
            Disruptive::Proxy(to) => Disruption::Proxy(self.text(to)),
        }
    }

    fn text(&mut self, source: &Macro) -> CompiledMacro {
        let compiled = CompiledMacro::new(source, &mut self.names);
        for variable in compiled.variables() {
            self.note(variable);
        }
        compiled
    }

    fn note(&mut self, variable: Variable) {
        self.reads_matched |= is_matched(variable);
        if let Some(name) = self.variable_names.get_mut(variable as usize)
            && name.is_empty()
        {
            *name = variable_name(variable);
        }
        if let Some(used) = self.uses.get_mut(variable as usize) {
            *used = true;
        }
    }

    fn link(&mut self, number: usize, link: &Link, set: &RuleSet) -> Result<CompiledLink, String> {
        let operator = CompiledOperator::new(&link.operator)?;
        let (mut targets, mut exclusions) = (Vec::new(), Vec::new());
        for target in &link.targets {
            if target.exclude {
                exclusions.push(self.exclusion(target)?);
            } else {
                targets.push(self.target(target)?);
            }
        }
        let chain = self.chain(&link.transformations);
        let stages = if link.multi_match {
            self.stages(chain)
        } else {
            Vec::new()
        };
        let required = required_of(link, &operator);
        let gate = Gate {
            literals: required.literals.is_some(),
            sets: required.sets.into(),
        };
        let before = std::mem::take(&mut self.reads_matched);
        let mut actions = Vec::with_capacity(link.actions.len());
        for action in &link.actions {
            actions.push(self.action(action, set)?);
        }
        let argument = self.text(&link.operator.argument);
        let reads_matched =
            self.reads_matched || targets.iter().any(|target| is_matched(target.variable));
        self.reads_matched |= before;
        Ok(CompiledLink {
            number,
            reads_matched,
            targets,
            exclusions,
            operator,
            argument,
            negated: link.negated,
            chain,
            stages,
            capture: link.capture,
            msg: link.msg.as_ref().map(|text| self.text(text)),
            logdata: link.logdata.as_ref().map(|text| self.text(text)),
            actions,
            gate,
            literals: required.literals.unwrap_or_default(),
        })
    }

    fn chain(&mut self, steps: &[Transformation]) -> ChainId {
        if let Some(known) = self.known.get(steps) {
            return *known;
        }
        let Some((last, before)) = steps.split_last() else {
            return 0;
        };
        let parent = self.chain(before);
        let last = Step {
            transformation: *last,
            triggers: transformations::triggers(*last),
            fills_empty: transformations::fills_empty(*last),
        };
        let before = self.chains.get(usize::from(parent));
        let mut chain = Chain {
            parent,
            steps: before.map(|chain| chain.steps.clone()).unwrap_or_default(),
            triggers: last
                .triggers
                .union(before.map_or(ByteSet::EMPTY, |chain| chain.triggers)),
            fills_empty: last.fills_empty || before.is_some_and(|chain| chain.fills_empty),
        };
        chain.steps.push(last);
        let id = ChainId::try_from(self.chains.len()).unwrap_or(0);
        self.chains.push(chain);
        self.known.insert(steps.to_vec(), id);
        id
    }

    fn stages(&self, chain: ChainId) -> Vec<ChainId> {
        let mut stages = vec![chain];
        let mut at = chain;
        while let Some(chain) = self.chains.get(usize::from(at)).filter(|_| at != 0) {
            at = chain.parent;
            stages.push(at);
        }
        stages.reverse();
        stages
    }

    fn target(&mut self, target: &Target) -> Result<CompiledTarget, String> {
        self.note(target.variable);
        let (mut source, mut members) = (source_of(target.variable), Members::All);
        match &target.selector {
            None => {}
            Some(Selector::Name(name)) if source == Source::Tx => {
                members = Members::Place(self.names.place(name.as_bytes()));
            }
            Some(Selector::Name(name)) => {
                members = Members::Name(name.to_ascii_lowercase().into_bytes().into());
            }
            Some(Selector::Regex(pattern)) => {
                members = Members::Regex(pattern::compile_selector(pattern)?);
            }
            Some(Selector::Xpath(text)) => match text.trim() {
                "/*" => {}
                "//@*" => source = Source::Facts(smallvec![(Slot::XML_ATTRIBUTES, Side::Value)]),
                other => {
                    let path = XPath::new(other)?;
                    let slot = if path.attribute {
                        Slot::XML_ATTRIBUTES
                    } else {
                        Slot::XML_TEXTS
                    };
                    source = Source::Facts(smallvec![(slot, Side::Value)]);
                    members = Members::Path(path);
                }
            },
        }
        Ok(CompiledTarget {
            variable: target.variable,
            source,
            members,
            count: target.count,
        })
    }

    /// What is taken out of a rule: `XML` without a path is all that is of XML.
    fn exclusion(&mut self, target: &Target) -> Result<CompiledTarget, String> {
        let mut excluded = self.target(target)?;
        if target.variable == Variable::Xml && target.selector.is_none() {
            let slots = [Variable::Xml.into(), Slot::XML_ATTRIBUTES, Slot::XML_TEXTS];
            excluded.source =
                Source::Facts(slots.into_iter().map(|slot| (slot, Side::Value)).collect());
        }
        Ok(excluded)
    }

    fn action(&mut self, action: &Action, set: &RuleSet) -> Result<CompiledAction, String> {
        Ok(match action {
            Action::SetVar(setvar) => {
                let key = self.text(&setvar.key);
                let value = self.text(&setvar.value);
                match (setvar.collection, key.literal()) {
                    (Collection::Tx, Some(name)) => {
                        let place = self.names.place(&name);
                        match (setvar.op, value.literal()) {
                            (SetOp::Set, Some(text)) => {
                                CompiledAction::SetTxTo(place, TxValue::Text(text.into()))
                            }
                            _ => CompiledAction::SetTx(place, setvar.op, value),
                        }
                    }
                    (collection, _) => CompiledAction::SetVar(collection, key, setvar.op, value),
                }
            }
            Action::ExpireVar {
                collection,
                key,
                seconds,
            } => CompiledAction::ExpireVar(*collection, self.text(key), self.text(seconds)),
            Action::InitCol { collection, key } => {
                CompiledAction::InitCol(*collection, self.text(key))
            }
            Action::SetEnv { name, value } => {
                CompiledAction::SetEnv(self.text(name), self.text(value))
            }
            Action::Ctl(ctl) => CompiledAction::Ctl(self.ctl(ctl, set)?),
        })
    }

    fn ctl(&mut self, ctl: &Ctl, set: &RuleSet) -> Result<CompiledCtl, String> {
        let by_id = |ranges: &IdRanges| {
            select(set, |rule| {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&rule.id))
            })
        };
        let by_tag = |tag: &String| select(set, |rule| rule.tags.contains(tag));
        let by_msg = |text: &String| {
            select(set, |rule| {
                message(rule).is_some_and(|message| message == text.to_ascii_lowercase())
            })
        };
        Ok(match ctl {
            Ctl::RuleEngine(mode) => CompiledCtl::Engine(*mode),
            Ctl::RequestBodyAccess(on) => CompiledCtl::RequestBodyAccess(*on),
            Ctl::ResponseBodyAccess(on) => CompiledCtl::ResponseBodyAccess(*on),
            Ctl::ForceRequestBodyVariable(on) => CompiledCtl::ForceRequestBodyVariable(*on),
            Ctl::RequestBodyProcessor(name) => match name.as_str() {
                "URLENCODED" | "MULTIPART" | "XML" | "JSON" => {
                    CompiledCtl::RequestBodyProcessor(name.clone())
                }
                other => return Err(format!("there is no request body processor {other:?}")),
            },
            Ctl::AuditEngine(_) | Ctl::AuditLogParts(_) => CompiledCtl::Nothing,
            Ctl::RuleRemoveById(ranges) => CompiledCtl::RemoveRules(by_id(ranges)),
            Ctl::RuleRemoveByTag(tag) => CompiledCtl::RemoveRules(by_tag(tag)),
            Ctl::RuleRemoveByMsg(text) => CompiledCtl::RemoveRules(by_msg(text)),
            Ctl::RuleRemoveTargetById(ranges, target) => {
                CompiledCtl::RemoveTarget(by_id(ranges), self.exclusion(target)?)
            }
            Ctl::RuleRemoveTargetByTag(tag, target) => {
                CompiledCtl::RemoveTarget(by_tag(tag), self.exclusion(target)?)
            }
            Ctl::RuleRemoveTargetByMsg(text, target) => {
                CompiledCtl::RemoveTarget(by_msg(text), self.exclusion(target)?)
            }
        })
    }
}

/// Whether a variable is about what matched last.
fn is_matched(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::MatchedVar
            | Variable::MatchedVarName
            | Variable::MatchedVars
            | Variable::MatchedVarsNames
            // Its message may name what matched.
            | Variable::Rule
    )
}

fn select(set: &RuleSet, wanted: impl Fn(&Rule) -> bool) -> Bits {
    let mut bits = Bits::new(set.rules.len());
    for (index, rule) in set.rules.iter().enumerate() {
        if wanted(rule) {
            bits.insert(index);
        }
    }
    bits
}

/// The message as written, in lower case: names of variables have no case.
fn message(rule: &Rule) -> Option<String> {
    let message = rule.links.iter().find_map(|link| link.msg.as_ref())?;
    let written = |part: &Part| match part {
        Part::Text(text) => text.to_ascii_lowercase(),
        Part::Var(variable, key) => {
            let name = variable_name(*variable).to_ascii_lowercase();
            let key = key.as_ref().map(|key| format!(".{key}"));
            format!("%{{{name}{}}}", key.unwrap_or_default())
        }
    };
    Some(message.iter().map(written).collect())
}

fn required_of(link: &Link, operator: &CompiledOperator) -> required::Required {
    use OperatorKind as K;
    let none = required::Required::default;
    // A value without what the operator needs matches a negated link, so there only what is cheap to ask helps.
    if link.negated && !matches!(operator.kind, K::Pm) {
        return none();
    }
    let sets = |set: ByteSet| required::Required {
        literals: None,
        sets: vec![set],
    };
    let literals = |list: Vec<Vec<u8>>| required::Required {
        // An empty text is in all others.
        literals: Some(list).filter(|list| list.iter().all(|literal| !literal.is_empty())),
        sets: Vec::new(),
    };
    match (&operator.check, operator.kind) {
        (Check::Regex(_), _) => operators::literal(&link.operator).map_or_else(none, |text| {
            required::of_pattern(&pattern::translate(&text))
        }),
        (Check::Phrases(phrases), _) => {
            literals(phrases.phrases.iter().map(|phrase| short(phrase)).collect())
        }
        (Check::Bytes(allowed), _) => sets(allowed.complement()),
        (
            Check::Literal(text),
            K::Contains | K::ContainsWord | K::Streq | K::BeginsWith | K::EndsWith | K::Strmatch,
        ) if !text.is_empty() => literals(vec![short(text)]),
        (Check::None, K::DetectSqli) => sets(SQLI_NEEDS),
        (Check::None, K::DetectXss) => sets(XSS_NEEDS),
        (Check::None, K::ValidateUrlEncoding) => sets(ByteSet::of(b"%")),
        (Check::None, K::ValidateUtf8Encoding) => sets(ByteSet::range(0x80, 0xff)),
        (Check::None, K::NoMatch) => sets(ByteSet::EMPTY),
        _ => none(),
    }
}

/// Lower case, and no longer than a literal of the prefilter is.
fn short(text: &[u8]) -> Vec<u8> {
    let mut literal = bytes::lower(text);
    literal.truncate(24);
    literal
}

/// A variable as SecLang writes it.
fn variable_name(variable: Variable) -> String {
    let mut name = String::new();
    for letter in format!("{variable:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
