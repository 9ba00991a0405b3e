//! Compiles rules, one after the other.
//!
//! Rules with the same list of transformations share one chain, so that a value passes through it once. `TX` variables
//! are found by number, so that no name is looked up while a request waits.

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
    CompiledCtl, CompiledLink, CompiledRule, CompiledRuleAction, Disruption, Gate,
};
use crate::rules::program::slots::Side;
use crate::rules::program::slots::{Slot, VARIABLES};
use crate::rules::program::target::{CompiledTarget, Members, ValueSource, source_of};
use crate::rules::program::tx::Names;
use crate::rules::program::tx::TxValue;
use crate::rules::program::xpath::XPath;
use crate::rules::transformations;
use crate::rules::weigh::Classes;
use crate::rules::wire::{
    Collection, Ctl, Disruptive, Link, Macro, OperatorKind, Rule, RuleAction, Selector, SetOp,
    Target, Transformation, Variable,
};

/// Compiles the rules of a set one after the other, and keeps what they share: names, chains, numbers of links.
pub(super) struct Builder {
    pub(super) names: Names,
    pub(super) chains: Vec<Chain>,
    /// How many rules the set has.
    rules: usize,
    // A set of hundreds of rules has a few dozen lists of transformations.
    known: HashMap<Vec<Transformation>, ChainId>,
    pub(super) links: usize,
    pub(super) uses: Vec<bool>,
    pub(super) variable_names: Vec<String>,
}

impl Builder {
    pub(super) fn new(rules: usize) -> Self {
        let mut names = Names::default();
        // Captures are set by number, so their names must come first.
        for digit in 0..MAX_CAPTURES {
            names.place(digit.to_string().as_bytes());
        }
        Self {
            names,
            // Chain 0 is the empty one: `ChainId` 0 means "no transformations" everywhere.
            chains: vec![Chain::default()],
            rules,
            known: HashMap::from([(Vec::new(), 0)]),
            // The first links have the numbers of their rules, so the numbers of further links begin after the last
            // rule.
            links: rules,
            uses: vec![false; VARIABLES],
            variable_names: vec![String::new(); VARIABLES],
        }
    }

    /// Compiles a rule.
    ///
    /// # Arguments
    /// * `index` - the index of the rule in the set.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the rule.
    pub(super) fn rule(&mut self, index: usize, rule: &Rule) -> Result<CompiledRule, String> {
        if !(1..=5).contains(&rule.phase) {
            return Err(format!("phase {} is not 1 to 5", rule.phase));
        }
        if rule.links.is_empty() {
            return Err("it has no condition".into());
        }
        let mut links = Vec::with_capacity(rule.links.len());
        for (position, link) in rule.links.iter().enumerate() {
            // The first link has the number of its rule, so that the answer of the prefilter is a set of rules without
            // conversion.
            let number = if position == 0 { index } else { self.links };
            self.links += usize::from(position > 0);
            links.push(self.link(number, link)?);
        }
        Ok(CompiledRule {
            id: rule.id,
            phase: rule.phase,
            file: rule.file,
            line: rule.line,
            links,
            rev: rule.rev.clone(),
            ver: rule.ver.clone(),
            severity: rule.severity,
            tags: rule.tags.clone(),
            classes: Classes::of(&rule.attacks),
            disruptive: self.disruption(&rule.disruptive),
            status: rule.status,
            log: rule.log,
            audit_log: rule.audit_log,
            notes: rule.notes,
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
        if let Some(name) = self.variable_names.get_mut(variable as usize)
            && name.is_empty()
        {
            *name = variable_name(variable);
        }
        if let Some(used) = self.uses.get_mut(variable as usize) {
            *used = true;
        }
    }

    fn link(&mut self, number: usize, link: &Link) -> Result<CompiledLink, String> {
        let operator = CompiledOperator::new(&link.operator)?;
        // Exclusions are kept apart, because they hold for every target of the link, also for targets that stand before
        // them.
        let (mut targets, mut exclusions) = (Vec::new(), Vec::new());
        for target in &link.targets {
            if target.exclude {
                exclusions.push(self.exclusion(target)?);
            } else {
                targets.push(self.target(target)?);
            }
        }
        let chain = self.chain(&link.transformations);
        let stages = link.multi_match.then(|| self.stages(chain));
        let required = required_of(link, &operator);
        let gate = Gate {
            literals: required.literals.is_some(),
            sets: required.sets.into(),
        };
        let actions = link.actions.iter().map(|action| self.action(action));
        let actions = actions.collect::<Result<_, _>>()?;
        Ok(CompiledLink {
            number,
            reads_matched: link.reads_matched,
            targets,
            exclusions,
            operator,
            argument: self.text(&link.operator.argument),
            negated: link.negated,
            chain,
            stages: stages.unwrap_or_default(),
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
        // The chain without its last step is a chain too, because `multiMatch` asks after each step, and because chains
        // share the results of their first steps.
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
        // No real set has 65,536 chains. A set that has them falls back to the empty chain instead of failing.
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
        // The way leads from the last step to the first, but `multiMatch` asks in the order of the steps.
        stages.reverse();
        stages
    }

    fn target(&mut self, target: &Target) -> Result<CompiledTarget, String> {
        self.note(target.variable);
        let (mut source, mut members) = (source_of(target.variable), Members::All);
        match &target.selector {
            None => {}
            // A transaction keeps `TX` variables in an array, so they are selected by number.
            Some(Selector::Name(name)) if source == ValueSource::Tx => {
                members = Members::Place(self.names.place(name.as_bytes()));
            }
            Some(Selector::Name(name)) => {
                members = Members::Name(name.to_ascii_lowercase().into_bytes().into());
            }
            Some(Selector::Regex(pattern)) => {
                members = Members::Regex(pattern::compile_selector(pattern)?);
            }
            Some(Selector::Xpath(text)) => match text.trim() {
                // `/*` selects all text of the document, which is kept as one value.
                "/*" => {}
                "//@*" => {
                    source = ValueSource::Facts(smallvec![(Slot::XML_ATTRIBUTES, Side::Value)]);
                }
                other => {
                    let path = XPath::new(other)?;
                    let slot = if path.attribute {
                        Slot::XML_ATTRIBUTES
                    } else {
                        Slot::XML_TEXTS
                    };
                    source = ValueSource::Facts(smallvec![(slot, Side::Value)]);
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

    /// A target that is excluded from a rule. Here `XML` without a path means all text and attributes.
    fn exclusion(&mut self, target: &Target) -> Result<CompiledTarget, String> {
        let mut excluded = self.target(target)?;
        if target.variable == Variable::Xml && target.selector.is_none() {
            let slots = [Variable::Xml.into(), Slot::XML_ATTRIBUTES, Slot::XML_TEXTS];
            excluded.source =
                ValueSource::Facts(slots.into_iter().map(|slot| (slot, Side::Value)).collect());
        }
        Ok(excluded)
    }

    fn action(&mut self, action: &RuleAction) -> Result<CompiledRuleAction, String> {
        Ok(match action {
            RuleAction::SetVar(setvar) => {
                let key = self.text(&setvar.key);
                let value = self.text(&setvar.value);
                match (setvar.collection, key.literal()) {
                    // A literal name is the usual case. A name that contains variables is made while rules run.
                    (Collection::Tx, Some(name)) => {
                        let place = self.names.place(&name);
                        match (setvar.op, value.literal()) {
                            (SetOp::Set, Some(text)) => {
                                CompiledRuleAction::SetTxTo(place, TxValue::Text(text.into()))
                            }
                            _ => CompiledRuleAction::SetTx(place, setvar.op, value),
                        }
                    }
                    (collection, _) => {
                        CompiledRuleAction::SetVar(collection, key, setvar.op, value)
                    }
                }
            }
            RuleAction::ExpireVar {
                collection,
                key,
                seconds,
            } => CompiledRuleAction::ExpireVar(*collection, self.text(key), self.text(seconds)),
            RuleAction::InitCol { collection, key } => {
                CompiledRuleAction::InitCol(*collection, self.text(key))
            }
            RuleAction::SetEnv { name, value } => {
                CompiledRuleAction::SetEnv(self.text(name), self.text(value))
            }
            RuleAction::Ctl(ctl) => CompiledRuleAction::Ctl(self.ctl(ctl)?),
        })
    }

    fn ctl(&mut self, ctl: &Ctl) -> Result<CompiledCtl, String> {
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
            Ctl::RemoveRules(rules) => CompiledCtl::RemoveRules(self.selected(rules)),
            Ctl::RemoveTarget(rules, target) => {
                CompiledCtl::RemoveTarget(self.selected(rules), self.exclusion(target)?)
            }
        })
    }

    fn selected(&self, indexes: &[u32]) -> Bits {
        Bits::of(self.rules, indexes)
    }
}

fn required_of(link: &Link, operator: &CompiledOperator) -> required::Required {
    use OperatorKind as K;
    let none = required::Required::default;
    // A negated link matches values that lack what the operator needs, so nothing is required. The phrases of `pm` are
    // kept, because they say cheaply whether the operator holds.
    if link.negated && !matches!(operator.kind, K::Pm) {
        return none();
    }
    let sets = |set: ByteSet| required::Required {
        literals: None,
        sets: vec![set],
    };
    let literals = |list: Vec<Vec<u8>>| required::Required {
        // An empty text is in every value, so it rules nothing out.
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
        // `validateByteRange` holds when a byte is outside of the allowed ones.
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

/// The text in lower case, cut to the length of a literal of the prefilter.
fn short(text: &[u8]) -> Vec<u8> {
    let mut literal = bytes::lower(text);
    // Cutting is safe: where the whole text is, its beginning is too. 24 is `MAX_LENGTH` of `required`.
    literal.truncate(24);
    literal
}

/// The name of a variable as SecLang writes it.
fn variable_name(variable: Variable) -> String {
    let mut name = String::new();
    // The names of the variants are SecLang's names in camel case, so no second list of names is needed.
    for letter in format!("{variable:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
