//! Gathers rows into an Arrow IPC stream of one schema message and one record batch.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, FixedSizeBinaryBuilder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::EventRow;

/// Builds batches; memory is kept from one batch to the next.
pub struct EventBatch {
    schema: SchemaRef,
    columns: Columns,
}

// Written by hand, because Arrow's builders would print every value.
impl std::fmt::Debug for EventBatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "EventBatch({} rows)", self.len())
    }
}

impl Default for EventBatch {
    fn default() -> Self {
        Self {
            schema: Arc::new(schema()),
            columns: Columns::default(),
        }
    }
}

// The list of columns is written once: builders, schema and the order of both come from it and cannot differ.
macro_rules! columns {
    (|$row:ident| $($name:ident: $kind:ident = $value:expr;)+) => {
        struct Columns { $($name: columns!(@builder $kind),)+ }

        impl Default for Columns {
            fn default() -> Self {
                Self { $($name: columns!(@new $kind),)+ }
            }
        }

        impl Columns {
            fn push(&mut self, $row: &EventRow) -> Result<(), ArrowError> {
                $(columns!(@push $kind, self.$name, $value);)+
                Ok(())
            }

            fn finish(&mut self) -> Vec<ArrayRef> {
                vec![$(ArrayBuilder::finish(&mut self.$name)),+]
            }
        }

        /// The schema of events, see `docs/events.md`.
        pub(super) fn schema() -> Schema {
            Schema::new(vec![$(Field::new(stringify!($name), columns!(@type $kind), false)),+])
        }
    };
    (@builder time) => { TimestampMicrosecondBuilder };
    (@builder text) => { StringBuilder };
    (@builder list) => { ListBuilder<StringBuilder> };
    (@builder u16) => { UInt16Builder };
    (@builder u32) => { UInt32Builder };
    (@builder u64) => { UInt64Builder };
    (@builder bool) => { BooleanBuilder };
    (@builder address) => { FixedSizeBinaryBuilder };
    (@new time) => { TimestampMicrosecondBuilder::new().with_timezone("UTC") };
    (@new address) => { FixedSizeBinaryBuilder::new(16) };
    // The field is named because the builder's own has items that may be null, which does not fit the schema.
    (@new list) => { ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, false)) };
    (@new $kind:ident) => { <columns!(@builder $kind)>::new() };
    (@type time) => { DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())) };
    (@type text) => { DataType::Utf8 };
    (@type list) => { DataType::List(Arc::new(Field::new("item", DataType::Utf8, false))) };
    (@type u16) => { DataType::UInt16 };
    (@type u32) => { DataType::UInt32 };
    (@type u64) => { DataType::UInt64 };
    (@type bool) => { DataType::Boolean };
    (@type address) => { DataType::FixedSizeBinary(16) };
    (@push list, $builder:expr, $value:expr) => {{
        for item in $value {
            $builder.values().append_value(item);
        }
        $builder.append(true);
    }};
    (@push address, $builder:expr, $value:expr) => { $builder.append_value($value)? };
    (@push $kind:ident, $builder:expr, $value:expr) => { $builder.append_value($value) };
}

columns! {
    |row|
    time: time = i64::try_from(row.time_us).unwrap_or(i64::MAX);
    id: text = &row.id;
    node: text = &row.node;
    bundle: text = &row.bundle;
    api: text = &row.api;
    endpoint_id: text = &row.endpoint_id;
    method: text = &row.method;
    scheme: text = &row.scheme;
    host: text = &row.host;
    path: text = &row.path;
    template: text = &row.template;
    protocol: text = row.protocol;
    status: u16 = row.status;
    upstream: text = &row.upstream;
    request_bytes: u64 = row.request_bytes;
    response_bytes: u64 = row.response_bytes;
    duration_us: u32 = row.duration_us;
    engine_us: u32 = row.engine_us;
    address: address = row.address.0.octets();
    country: text = &row.country;
    asn: u32 = row.asn;
    as_organization: text = &row.as_organization;
    ja4: text = &row.ja4;
    fingerprint: text = &row.fingerprint;
    user_agent: text = &row.user_agent;
    bot: text = row.bot;
    bot_name: text = &row.bot_name;
    identity_kind: text = row.identity_kind;
    identity_verified: bool = row.identity_verified;
    subject: text = &row.subject;
    subject_hash: text = &row.subject_hash;
    credential_hash: text = &row.credential_hash;
    identity_error: text = row.identity_error;
    account_hash: text = &row.account_hash;
    password_hash: text = &row.password_hash;
    session_hash: text = &row.session_hash;
    auth_seen: list = &row.auth_seen;
    credential_places: list = &row.credential_places;
    content_type: text = &row.content_type;
    response_content_type: text = &row.response_content_type;
    api_version: text = &row.api_version;
    parameters: list = &row.parameters;
    object_hash: text = &row.object_hash;
    anomalies: list = &row.anomalies;
    findings: list = &row.findings;
    evidence: list = &row.evidence;
    contract: list = &row.contract;
    shape_request: text = &row.shape_request;
    shape_response: text = &row.shape_response;
    response_traits: list = &row.response_traits;
    sensitive_request: list = &row.sensitive_request;
    sensitive_response: list = &row.sensitive_response;
    sensitive_response_count: u32 = row.sensitive_response_count;
    signals: list = &row.signals;
    action: text = row.action;
    policy: text = &row.policy;
    tags: list = &row.tags;
    observed: list = &row.observed;
    weight: u32 = row.weight;
    source: text = &row.source;
    unseen: list = &row.unseen;
}

impl EventBatch {
    /// Rows so far.
    pub fn len(&self) -> usize {
        self.columns.time.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Add a row.
    ///
    /// # Errors
    /// Arrow's own error for an address that does not have 16 bytes, as every address has.
    pub fn push(&mut self, row: &EventRow) -> Result<(), ArrowError> {
        self.columns.push(row)
    }

    /// The rows as an Arrow IPC stream; the batch is empty afterwards.
    ///
    /// # Errors
    /// Arrow's own, should a batch grow past 2 GiB of text.
    pub fn finish(&mut self) -> Result<Vec<u8>, ArrowError> {
        let batch = RecordBatch::try_new(self.schema.clone(), self.columns.finish())?;
        let mut writer = StreamWriter::try_new(
            // One allocation of about the final size: growing would copy a batch of some megabytes several times.
            Vec::with_capacity(batch.get_array_memory_size()),
            &self.schema,
        )?;
        writer.write(&batch)?;
        writer.into_inner()
    }
}
