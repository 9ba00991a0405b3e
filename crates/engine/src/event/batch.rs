//! Rows gathered into an Arrow IPC stream: one schema message, one record batch.

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

macro_rules! columns {
    ($($name:ident: $kind:ident = $value:expr;)+) => {
        struct Columns { $($name: columns!(@builder $kind),)+ }

        impl Default for Columns {
            fn default() -> Self {
                Self { $($name: columns!(@new $kind),)+ }
            }
        }

        impl Columns {
            fn push(&mut self, row: &EventRow) -> Result<(), ArrowError> {
                $(columns!(@push $kind, self.$name, ($value)(row));)+
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
    time: time = |row: &EventRow| i64::try_from(row.time_us).unwrap_or(i64::MAX);
    id: text = |row: &EventRow| row.id.clone();
    node: text = |row: &EventRow| row.node.clone();
    bundle: text = |row: &EventRow| row.bundle.clone();
    api: text = |row: &EventRow| row.api.clone();
    endpoint_id: text = |row: &EventRow| row.endpoint_id.clone();
    method: text = |row: &EventRow| row.method.clone();
    scheme: text = |row: &EventRow| row.scheme.clone();
    host: text = |row: &EventRow| row.host.clone();
    path: text = |row: &EventRow| row.path.clone();
    template: text = |row: &EventRow| row.template.clone();
    protocol: text = |row: &EventRow| row.protocol;
    status: u16 = |row: &EventRow| row.status;
    upstream: text = |row: &EventRow| row.upstream.clone();
    request_bytes: u64 = |row: &EventRow| row.request_bytes;
    response_bytes: u64 = |row: &EventRow| row.response_bytes;
    duration_us: u32 = |row: &EventRow| row.duration_us;
    engine_us: u32 = |row: &EventRow| row.engine_us;
    address: address = |row: &EventRow| row.address.octets();
    country: text = |row: &EventRow| row.country.clone();
    asn: u32 = |row: &EventRow| row.asn;
    as_organization: text = |row: &EventRow| row.as_organization.clone();
    ja4: text = |row: &EventRow| row.ja4.clone();
    fingerprint: text = |row: &EventRow| row.fingerprint.clone();
    user_agent: text = |row: &EventRow| row.user_agent.clone();
    bot: text = |row: &EventRow| row.bot;
    bot_name: text = |row: &EventRow| row.bot_name.clone();
    identity_kind: text = |row: &EventRow| row.identity_kind;
    identity_verified: bool = |row: &EventRow| row.identity_verified;
    subject: text = |row: &EventRow| row.subject.clone();
    subject_hash: text = |row: &EventRow| row.subject_hash.clone();
    credential_hash: text = |row: &EventRow| row.credential_hash.clone();
    identity_error: text = |row: &EventRow| row.identity_error;
    account_hash: text = |row: &EventRow| row.account_hash.clone();
    password_hash: text = |row: &EventRow| row.password_hash.clone();
    session_hash: text = |row: &EventRow| row.session_hash.clone();
    auth_seen: list = |row: &EventRow| row.auth_seen.clone();
    content_type: text = |row: &EventRow| row.content_type.clone();
    response_content_type: text = |row: &EventRow| row.response_content_type.clone();
    parameters: list = |row: &EventRow| row.parameters.clone();
    object_hash: text = |row: &EventRow| row.object_hash.clone();
    anomalies: list = |row: &EventRow| row.anomalies.clone();
    findings: list = |row: &EventRow| row.findings.clone();
    sensitive_request: list = |row: &EventRow| row.sensitive_request.clone();
    sensitive_response: list = |row: &EventRow| row.sensitive_response.clone();
    sensitive_response_count: u32 = |row: &EventRow| row.sensitive_response_count;
    signals: list = |row: &EventRow| row.signals.clone();
    action: text = |row: &EventRow| row.action;
    policy: text = |row: &EventRow| row.policy.clone();
    tags: list = |row: &EventRow| row.tags.clone();
    observed: list = |row: &EventRow| row.observed.clone();
}

impl EventBatch {
    /// Rows so far.
    pub fn len(&self) -> usize {
        self.columns.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Add a row.
    ///
    /// # Errors
    /// Arrow's own, for an address that is not 16 bytes (it always is).
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
            Vec::with_capacity(batch.get_array_memory_size()),
            &self.schema,
        )?;
        writer.write(&batch)?;
        writer.into_inner()
    }
}
