-- What calls show about an API, see docs/events.md. Older rows have empty texts and lists.
ALTER TABLE events ${on_cluster}
    ADD COLUMN IF NOT EXISTS credential_places Array(LowCardinality(String)) AFTER auth_seen,
    ADD COLUMN IF NOT EXISTS api_version LowCardinality(String) AFTER response_content_type,
    ADD COLUMN IF NOT EXISTS contract Array(LowCardinality(String)) AFTER evidence,
    ADD COLUMN IF NOT EXISTS shape_request String CODEC(ZSTD(1)) AFTER contract,
    ADD COLUMN IF NOT EXISTS shape_response String CODEC(ZSTD(1)) AFTER shape_request,
    ADD COLUMN IF NOT EXISTS response_traits Array(LowCardinality(String)) AFTER shape_response;
