-- Hits of policies, with the callers and endpoints that they concern. A policy is named in `policy` when it decided, in
-- `tags` when it acted without deciding, and in `observed` when it would have acted.
SELECT
    $bucket AS time, hit.1 AS policy, hit.2 AS mode, method, template,
    sum(weight) AS hits,
    sumIf(weight, hit.2 = 'observed' AND status > 0 AND status < 400 AND action = 'allow') AS succeeded,
    max(e.time) AS last_seen,
    uniqCombinedState(12)(address) AS addresses,
    uniqCombinedStateIf(12)(subject_hash, subject_hash != '') AS subjects
FROM
(
    SELECT
        events.time AS time, weight, method, template, status, action, address, subject_hash,
        arrayJoin(arrayDistinct(arrayConcat(
            if(policy = '', [], [(toString(policy), 'enforced')]),
            arrayMap(v -> (substring(toString(v), position(toString(v), ':') + 1), 'enforced'), tags),
            arrayMap(v -> (substring(toString(v), position(toString(v), ':') + 1), 'observed'), observed)))) AS hit
    FROM events
    WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')}
      AND (policy != '' OR notEmpty(tags) OR notEmpty(observed))
) AS e
GROUP BY time, policy, mode, method, template
