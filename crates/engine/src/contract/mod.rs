//! The contract stage: calls and answers held to what a document or earlier traffic says of them.
//!
//! A bundle's contracts are compiled once ([`Contracts::compile`]): all schemas of an API into one list of nodes, which a
//! bundle with the same schemas takes over. For each call there is a [`Call`]: [`Call::request_head`] checks credentials and
//! parameters, [`Call::request_body`] gives a [`Listener`](crate::http::listener::Listener) that hears the body while it is
//! read for parameters and rules, and its `finish` holds what it heard against the schema. Answers go the same way.
//!
//! What is found are [`Violations`]: where, what, and a pointer, never a value. Deciding what follows from them is left to
//! policies. `docs/contract.md` has the codes and formats for users.

mod body;
mod compile;
mod evaluate;
mod format;
mod marks;
mod number;
mod operation;
mod parameter;
mod pattern;
mod remove;
mod schema;
#[cfg(test)]
mod tests;
mod tree;
mod uri;
mod violation;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use self::compile::Compiler;
use self::schema::{NodeId, Program};
use crate::bundle::contract::{ApiContract, ContractSettings};
use crate::error::EngineError;
use crate::hash::KeyedHash;
use crate::headers::Headers;
use crate::http::body::BodyKind;
use crate::http::content_type;

pub use body::{Asked, BodyCheck};
pub use format::FORMATS;
pub use operation::{Checked, Operation, RequestHead};
pub use remove::{NotJson, Removal, Removed, remove};
pub use violation::{Code, Direction, MAX_VIOLATIONS, Part, Violation, Violations, plain_name};

/// The schemas of an API and what its operations say, which do not depend on where the API is mounted.
#[derive(Debug)]
struct Compiled {
    program: Program,
    operations: Vec<Operation>,
}

/// The contract of one API.
#[derive(Debug)]
struct Contract {
    compiled: Arc<Compiled>,
    settings: Vec<ContractSettings>,
    removals: Vec<Removal>,
}

/// Where an endpoint's operation is.
#[derive(Debug, Clone)]
struct Place {
    contract: usize,
    operation: usize,
    settings: usize,
    template: Box<str>,
}

/// The contracts of all APIs.
#[derive(Debug, Default)]
pub struct Contracts {
    all: Vec<Contract>,
    by_endpoint: HashMap<u32, Place>,
    by_api: HashMap<u32, usize>,
    unchecked: Vec<String>,
}

/// Compiled schemas of the last bundle, by their digests.
#[derive(Debug, Default)]
pub struct ContractsCache(Mutex<HashMap<String, Arc<Compiled>>>);

impl Contracts {
    /// Compiles a bundle's contracts. Schemas that the last bundle had are taken over.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] when a schema is no JSON Schema, or a reference leads nowhere.
    pub fn compile(contracts: &[ApiContract], cache: &ContractsCache) -> Result<Self, EngineError> {
        let mut compiled = Self::default();
        let mut kept = HashMap::new();
        for (index, contract) in contracts.iter().enumerate() {
            let known = cache.0.lock().get(&contract.digest).cloned();
            let program = match known.filter(|_| !contract.digest.is_empty()) {
                Some(known) => known,
                None => Arc::new(Compiled::new(contract)?),
            };
            kept.insert(contract.digest.clone(), Arc::clone(&program));
            compiled.add(index, contract, program);
        }
        *cache.0.lock() = kept;
        Ok(compiled)
    }

    fn add(&mut self, index: usize, contract: &ApiContract, compiled: Arc<Compiled>) {
        self.by_api.insert(contract.api, index);
        for (operation, written) in contract.operations.iter().enumerate() {
            for place in &written.places {
                let found = Place {
                    contract: index,
                    operation,
                    settings: place.settings as usize,
                    template: place.path.as_str().into(),
                };
                self.by_endpoint.insert(place.endpoint, found);
            }
        }
        let unchecked = compiled.program.unchecked.iter();
        self.unchecked
            .extend(unchecked.map(|what| format!("contract of API {}: {what}", contract.api)));
        let removal =
            |settings: &ContractSettings| Removal::new(settings.remove.iter().map(String::as_str));
        self.all.push(Contract {
            compiled,
            removals: contract.settings.iter().map(removal).collect(),
            settings: contract.settings.clone(),
        });
    }

    /// Whether no API has a contract, so that nothing is checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What cannot be checked in linear time, each with its reason, for people.
    #[must_use]
    pub fn unchecked(&self) -> &[String] {
        &self.unchecked
    }

    /// What a call of this endpoint is held to; `None`: its API has no contract, or the contract has no such operation.
    #[must_use]
    pub fn of(&self, endpoint: u32) -> Option<Call<'_>> {
        let place = self.by_endpoint.get(&endpoint)?;
        let contract = self.all.get(place.contract)?;
        Some(Call {
            program: &contract.compiled.program,
            operation: contract.compiled.operations.get(place.operation)?,
            settings: contract.settings.get(place.settings)?,
            removal: contract.removals.get(place.settings)?,
            template: &place.template,
        })
    }

    /// How calls of an API are held to its contract if they belong to no operation of it.
    #[must_use]
    pub fn settings(&self, api: u32) -> Option<&ContractSettings> {
        let contract = self.all.get(*self.by_api.get(&api)?)?;
        contract.settings.first()
    }
}

impl Compiled {
    fn new(contract: &ApiContract) -> Result<Self, EngineError> {
        let wrong = |part: &str, detail: String| {
            EngineError::invalid(format!("contract of API {} {part}", contract.api), detail)
        };
        let parse = |part: &str, text: &str| {
            serde_json::from_str::<Value>(text).map_err(|error| wrong(part, error.to_string()))
        };
        let definitions = parse("definitions", &contract.definitions)?;
        let mut compiler = Compiler::new(true);
        compiler.document("", &definitions);
        let texts = contract.schemas.iter().enumerate();
        let schemas: Vec<Value> = texts
            .map(|(index, text)| parse(&format!("schema {index}"), text))
            .collect::<Result<_, _>>()?;
        let nodes: Vec<NodeId> = schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| {
                let node = compiler.schema("", schema);
                node.map_err(|detail| wrong(&format!("schema {index}"), detail))
            })
            .collect::<Result<_, _>>()?;
        let operations = contract.operations.iter();
        let operations = operations
            .map(|written| Operation::new(written, &nodes, &contract.schemes))
            .collect();
        Ok(Self {
            program: compiler.finish(),
            operations,
        })
    }
}

/// What one call is held to.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    program: &'c Program,
    /// The operation.
    pub operation: &'c Operation,
    /// How it is held to the contract.
    pub settings: &'c ContractSettings,
    /// Fields that are taken out of answers whatever the schemas say.
    pub removal: &'c Removal,
    template: &'c str,
}

impl<'c> Call<'c> {
    /// Checks credentials and parameters.
    pub fn request_head(&self, head: RequestHead<'_>, violations: &mut Violations) -> Checked {
        let denies = self.settings.deny_unknown;
        (self.operation).request_head(self.program, self.template, head, denies, violations)
    }

    /// The request has no body.
    pub fn request_without_body(&self, violations: &mut Violations) {
        if matches!(self.operation.body, Some((true, _))) {
            add(Direction::Request, Part::Body, Code::Required, violations);
        }
    }

    /// A listener for the request's body, which has come or is about to. Its media type is checked at once.
    ///
    /// # Arguments
    /// * `declared` - the value of `Content-Type`.
    /// * `bytes` - about how many bytes the body has.
    pub fn request_body(
        &self,
        declared: Option<&str>,
        bytes: usize,
        violations: &mut Violations,
    ) -> BodyCheck<'c> {
        let asked = Asked {
            denies_unknown: self.settings.deny_unknown_fields,
            lists_unknown: false,
        };
        let content = self
            .operation
            .body
            .as_ref()
            .map(|(_, content)| content.as_slice());
        let check = self.body(
            content.unwrap_or_default(),
            declared,
            (Direction::Request, asked),
            bytes,
            violations,
        );
        if content.is_none() && self.settings.deny_unknown && bytes > 0 {
            return check.must_be_empty();
        }
        check
    }

    /// Checks the status and headers of an answer.
    pub fn response_head(
        &self,
        status: u16,
        headers: &Headers,
        hash: Option<&KeyedHash>,
        violations: &mut Violations,
    ) -> Checked {
        (self.operation).response_head(self.program, status, headers, hash, violations)
    }

    /// A listener for an answer's body.
    ///
    /// # Arguments
    /// See [`Call::request_body`].
    pub fn response_body(
        &self,
        status: u16,
        declared: Option<&str>,
        bytes: usize,
        violations: &mut Violations,
    ) -> BodyCheck<'c> {
        let asked = Asked {
            denies_unknown: self.settings.deny_unknown_fields,
            lists_unknown: self.settings.remove_undocumented,
        };
        let response = self.operation.response(status);
        let content = response.map_or(&[][..], |response| response.content.as_slice());
        self.body(
            content,
            declared,
            (Direction::Response, asked),
            bytes,
            violations,
        )
    }

    fn body(
        &self,
        content: &'c [operation::Media],
        declared: Option<&str>,
        (direction, asked): (Direction, Asked),
        bytes: usize,
        violations: &mut Violations,
    ) -> BodyCheck<'c> {
        // A body of no declared type is one of bytes (RFC 9110, 8.3); clients send files so.
        let declared = declared.filter(|declared| !declared.trim().is_empty());
        let parsed = content_type::parse(declared.unwrap_or("application/octet-stream"));
        let media = operation::best(content, &parsed.essence);
        // Of two types, servers differ in which one they believe.
        let has_several = declared.is_some_and(|declared| {
            let written = declared.split(';').next();
            written.is_some_and(|written| written.contains(','))
        });
        if (media.is_none() || has_several) && !content.is_empty() && bytes > 0 {
            add(direction, Part::Message, Code::ContentType, violations);
        }
        let kind = if bytes == 0 {
            BodyKind::Empty
        } else {
            BodyKind::of(&parsed.essence)
        };
        BodyCheck::new(self.program, media, (direction, asked), kind, bytes)
    }
}

fn add(direction: Direction, part: Part, code: Code, violations: &mut Violations) {
    violations.add(Violation {
        direction,
        part,
        code,
        pointer: "".into(),
    });
}
