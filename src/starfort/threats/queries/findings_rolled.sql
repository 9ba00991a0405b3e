-- Like `findings`, from the hourly rollup, for windows with more events than a page can read.
SELECT
    source, code,
    sum(f.events) AS events,
    uniqCombinedMerge(12)(f.endpoints) AS endpoints,
    uniqCombinedMerge(12)(f.addresses) AS addresses,
    sum(f.stopped) AS stopped,
    max(f.last_seen) AS last_seen,
    argMaxMerge(f.match) AS match,
    count() OVER () AS total
FROM finding_1h AS f
WHERE time >= toStartOfHour({since:DateTime64(6, 'UTC')})
GROUP BY source, code
ORDER BY events DESC, source, code
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
