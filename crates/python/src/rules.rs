//! `RuleSet`: SecLang rules over requests that Python describes, for the tests and benchmarks of CRS. Making one also
//! says whether the engine accepts rules, which `starfort check` and `starfort rules check` ask.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use starfort_engine::rules::{
    Collections, Environment, Inspection, MatchedRule, Refusal, Request, Response, Rules,
};

/// Compiled rules.
#[pyclass(module = "starfort._engine", frozen)]
pub(crate) struct RuleSet {
    rules: Rules,
    collections: Collections,
}

#[pymethods]
impl RuleSet {
    /// Load compiled rules (`starfort.threats.seclang` makes them).
    ///
    /// Raises `ValueError` naming file, line and rule when they cannot run.
    #[new]
    fn new(compiled: &[u8]) -> PyResult<Self> {
        let rules =
            Rules::new(compiled).map_err(|error| PyValueError::new_err(error.to_string()))?;
        // A set without rules would match nothing, and every test of it would pass without a word.
        if rules.describe().is_none() {
            return Err(PyValueError::new_err("rules: there are none"));
        }
        Ok(Self {
            rules,
            collections: Collections::default(),
        })
    }

    /// The numbers of signatures, rules, transformation chains and literals, and the bytes of the prefilter.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        if let Some(description) = self.rules.describe() {
            out.set_item("signatures", description.signatures)?;
            out.set_item("rules", description.rules)?;
            out.set_item("chains", description.chains)?;
            out.set_item("literals", description.literals)?;
            out.set_item("prefilter_bytes", description.prefilter_bytes)?;
        }
        Ok(out)
    }

    /// Run all phases over a request and a response.
    ///
    /// Args: request: `method`, `uri`, `protocol`, `headers` (pairs), `body`, `remote_addr`, and optionally
    /// `remote_port`, `server_addr`, `server_port`, `unique_id`, `now_us`. response: `status`, `headers`, `body`,
    /// `protocol`, `reason`. variables: `{"tx": {name: text}}` set before phase 1. exhaustive: ask every rule, to
    /// compare with the rules that the prefilter chooses. verbose: report rules with `nolog` too; without it, rules are
    /// chosen as for traffic.
    ///
    /// Returns: `matched`, `tx`, `score`, `outbound_score`, `severity`, `interruption`, `request_body_processor`,
    /// `reqbody_error`.
    #[pyo3(signature = (request, response=None, *, variables=None, exhaustive=false, verbose=true))]
    fn inspect<'py>(
        &self,
        py: Python<'py>,
        request: &Bound<'py, PyDict>,
        response: Option<&Bound<'py, PyDict>>,
        variables: Option<&Bound<'py, PyDict>>,
        exhaustive: bool,
        verbose: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let parts = RequestParts::read(request)?;
        let answer = response.map(ResponseParts::read).transpose()?;
        let Some(environment) = self.rules.environment(&self.collections, parts.now_us) else {
            return Err(PyValueError::new_err("rules: there are none"));
        };
        let mut inspection = parts.begin(environment);
        // Before the first phase, because both decide which rules are chosen.
        if verbose {
            inspection.verbosely();
        }
        if exhaustive {
            inspection.exhaustively();
        }
        set_variables(&mut inspection, environment, variables)?;
        inspection.request_headers(environment);
        inspection.request_body(environment, &parts.body, false);
        if let Some(answer) = &answer {
            answer.enter(&mut inspection, environment);
        }
        inspection.finish(environment);
        report(py, &inspection, environment)
    }
}

/// Sets the variables of `{"tx": {name: text}}`.
fn set_variables(
    inspection: &mut Inspection,
    environment: Environment<'_>,
    variables: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    if let Some(tx) = variables
        .map(|all| all.get_item("tx"))
        .transpose()?
        .flatten()
    {
        for (name, value) in tx.cast::<PyDict>()?.iter() {
            let (name, value) = (text(&name)?, text(&value)?);
            inspection.set_tx(
                environment,
                &String::from_utf8_lossy(&name),
                &String::from_utf8_lossy(&value),
            );
        }
    }
    Ok(())
}

/// The wall clock, in Unix microseconds.
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

struct RequestParts {
    method: Vec<u8>,
    uri: Vec<u8>,
    protocol: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    unique_id: Vec<u8>,
    remote_addr: IpAddr,
    remote_port: u16,
    server_addr: Option<IpAddr>,
    server_port: u16,
    now_us: u64,
}

impl RequestParts {
    fn read(request: &Bound<'_, PyDict>) -> PyResult<Self> {
        // Read by hand: nearly every member is optional, and each has a default of its own.
        let optional = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
            Ok(request.get_item(name)?.filter(|value| !value.is_none()))
        };
        let bytes = |name: &str, default: &str| -> PyResult<Vec<u8>> {
            optional(name)?.map_or_else(|| Ok(default.as_bytes().to_vec()), |value| text(&value))
        };
        let port = |name: &str| -> PyResult<u16> {
            optional(name)?.map_or(Ok(0), |value| value.extract())
        };
        let address = |name: &str| -> PyResult<Option<IpAddr>> {
            let Some(value) = optional(name)? else {
                return Ok(None);
            };
            let value: String = value.extract()?;
            let parsed = value
                .parse()
                .map_err(|_| PyValueError::new_err(format!("{name} {value:?} is no IP address")));
            parsed.map(Some)
        };
        let now_us = optional("now_us")?.map_or_else(|| Ok(now_us()), |value| value.extract())?;
        Ok(Self {
            method: bytes("method", "GET")?,
            uri: bytes("uri", "/")?,
            protocol: bytes("protocol", "HTTP/1.1")?,
            headers: headers(optional("headers")?)?,
            body: bytes("body", "")?,
            unique_id: bytes("unique_id", "")?,
            remote_addr: address("remote_addr")?
                .unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
            remote_port: port("remote_port")?,
            server_addr: address("server_addr")?,
            server_port: port("server_port")?,
            now_us,
        })
    }

    fn begin(&self, environment: Environment<'_>) -> Inspection {
        let headers = borrowed(&self.headers);
        let request = Request {
            method: &self.method,
            uri: &self.uri,
            protocol: &self.protocol,
            headers: &headers,
            remote_addr: self.remote_addr,
            remote_port: self.remote_port,
            server_addr: self.server_addr,
            server_port: self.server_port,
            unique_id: &self.unique_id,
        };
        // No database is loaded here, so country and network stay empty.
        Inspection::begin(
            environment,
            &request,
            starfort_engine::client::geo::GeoRecord::default(),
        )
    }
}

struct ResponseParts {
    status: u16,
    protocol: Vec<u8>,
    reason: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl ResponseParts {
    fn read(response: &Bound<'_, PyDict>) -> PyResult<Self> {
        let bytes = |name: &str, default: &str| -> PyResult<Vec<u8>> {
            response
                .get_item(name)?
                .map_or_else(|| Ok(default.as_bytes().to_vec()), |value| text(&value))
        };
        Ok(Self {
            status: response
                .get_item("status")?
                .map_or(Ok(200), |status| status.extract())?,
            protocol: bytes("protocol", "HTTP/1.1")?,
            reason: bytes("reason", "")?,
            headers: headers(response.get_item("headers")?)?,
            body: bytes("body", "")?,
        })
    }

    fn enter(&self, inspection: &mut Inspection, environment: Environment<'_>) {
        let headers = borrowed(&self.headers);
        let response = Response {
            status: self.status,
            protocol: &self.protocol,
            reason: &self.reason,
            headers: &headers,
        };
        inspection.response_headers(environment, &response);
        inspection.response_body(environment, Some(&self.body));
    }
}

fn borrowed(headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
        .collect()
}

/// The bytes of a value: `str` as UTF-8, `bytes` as they are.
fn text(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.as_bytes().to_vec());
    }
    Ok(value.cast::<PyBytes>()?.as_bytes().to_vec())
}

fn headers(list: Option<Bound<'_, PyAny>>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    list.try_iter()?
        .map(|pair| {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            Ok((text(&name)?, text(&value)?))
        })
        .collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn matched_rule<'py>(py: Python<'py>, rule: &MatchedRule<'_>) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("id", rule.id)?;
    entry.set_item("phase", rule.phase)?;
    entry.set_item("msg", lossy(rule.msg))?;
    entry.set_item("logdata", lossy(rule.logdata))?;
    entry.set_item("severity", rule.severity)?;
    entry.set_item("tags", rule.tags)?;
    entry.set_item("log", rule.log)?;
    entry.set_item("audit_log", rule.audit_log)?;
    entry.set_item("file", rule.file)?;
    entry.set_item("line", rule.line)?;
    let vars = PyList::empty(py);
    for var in rule.vars {
        let item = PyDict::new(py);
        // Values stay bytes: what matched an attack is often not valid UTF-8.
        item.set_item("name", lossy(&var.name))?;
        item.set_item("value", PyBytes::new(py, &var.value))?;
        vars.append(item)?;
    }
    entry.set_item("vars", vars)?;
    Ok(entry)
}

fn report<'py>(
    py: Python<'py>,
    inspection: &Inspection,
    environment: Environment<'_>,
) -> PyResult<Bound<'py, PyDict>> {
    let matched = PyList::empty(py);
    for rule in inspection.matched(environment) {
        matched.append(matched_rule(py, &rule)?)?;
    }
    let tx = PyDict::new(py);
    for (name, value) in inspection.tx(environment) {
        tx.set_item(lossy(&name), lossy(&value))?;
    }
    let out = PyDict::new(py);
    out.set_item("matched", matched)?;
    out.set_item("tx", tx)?;
    out.set_item("score", inspection.score(environment))?;
    out.set_item("outbound_score", inspection.outbound_score(environment))?;
    out.set_item("severity", inspection.severity())?;
    out.set_item("interruption", interruption(py, inspection)?)?;
    out.set_item("request_body_processor", inspection.processor())?;
    out.set_item("reqbody_error", inspection.body_error().map(lossy))?;
    Ok(out)
}

fn interruption<'py>(
    py: Python<'py>,
    inspection: &Inspection,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(found) = inspection.interruption() else {
        return Ok(None);
    };
    let (action, data) = match &found.refusal {
        Refusal::Deny => ("deny", String::new()),
        Refusal::Drop => ("drop", String::new()),
        Refusal::Redirect(to) => ("redirect", lossy(to)),
        Refusal::Proxy(to) => ("proxy", lossy(to)),
    };
    let out = PyDict::new(py);
    out.set_item("id", found.rule)?;
    out.set_item("phase", found.phase)?;
    out.set_item("status", found.status)?;
    out.set_item("action", action)?;
    out.set_item("data", data)?;
    Ok(Some(out))
}
