/*
name: credential_stuffing
kind: credential_stuffing
title: "Credential stuffing: {failures} failed log-ins on {accounts|account|accounts} from {addresses|address|addresses}"
description: |
  Leaked names and passwords are tried from many addresses, each too slow for a limit per address. The members
  of a campaign share their tool (header-order fingerprint, JA4) or their network; nearly all of them fail, and none
  of them succeeded before from where they come.
watches: log-ins (events with an account), by what those who try them share
key_type: [campaign, fingerprint, ja4, network, address, stranger]
window: 60s
every: 1s
probe: 0.05
thresholds:
  min_failures: {default: 30, minimum: 5, per_window: true, description: log-ins of strangers that failed at the API within the window}
  min_accounts: {default: 20, minimum: 2, per_window: true, description: distinct accounts among them that nobody got into}
  min_addresses: {default: 10, minimum: 2, description: distinct addresses among them}
  max_success: {default: 0.15, minimum: 0.0, maximum: 1.0, description: share of the accounts of a key that are got into above which people use it}
  usual_failures: {default: 0.3, minimum: 0.0, maximum: 10.0, description: failures that people cause for each account that is got into (in a shared key's traffic a campaign is seen above that)}
  hold: {default: 0.2, minimum: 0.01, maximum: 1.0, description: share of the three minima that attempts within 12 s must reach to hold a signal whose probes fail}
severity: high
ttl: 15s
score: |
  The share of accounts that nobody gets into, times how the failures are spread: half for distinct accounts
  over failures (stuffing tries each account once or twice; a person mistypes the same one), half for distinct
  addresses over `min_addresses`. A campaign of the defaults scores above 0.8 from its first signal.
  Only what failed at the API counts, and only of those who did not succeed before from there. What Starfort stopped is
  no failure. While a key is being stopped the signal holds when probes (calls that the engine lets pass) fail and the
  attempts keep their number and spread; when probes succeed it is lifted at once (score 0).
  What is signalled is the narrowest key that holds nine tenths of a wider one's failures: first the tool within
  one network, then the tool, then the network. A key that people use (somebody got in through it in a minute, ten
  minutes or a day in which no more accounts failed) is never signalled as a whole: of a tool that a campaign shares with
  people those networks are signalled that people do not use it in, and single addresses that try one account after the other.
  Seconds in which nobody at all gets in, though people were about to, are a failing service and no evidence.
gate: |
  SELECT key
  FROM login_1s
  WHERE key_type IN ('campaign', 'fingerprint', 'ja4', 'network')
    AND time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
  GROUP BY key_type, key
  HAVING sum(stopped) > 0
      OR sum(strange) >= {min_failures:UInt32} AND uniqCombinedMerge(12)(strange_addresses) >= 0.9 * {min_addresses:UInt32}
  LIMIT 1
*/
WITH
    -- for each endpoint, whether anybody logged in, in slices of 2 s; slice 0 is the newest
    doors AS
    (
        SELECT
            api, endpoint_id,
            arrayDistinct(groupArrayIf(toInt16(slice), people > 0)) AS open_slices,
            arrayDistinct(groupArrayIf(toInt16(slice), regulars > 0)) AS regular_slices,
            groupArrayIf(toInt16(slice), regulars_failed > 0) AS failing_slices,
            groupArrayIf(regulars_failed, regulars_failed > 0) AS failing,
            -- three accounts of the campaign itself, which fail on purpose, must not look like a failing service to all
            -- others
            uniqCombinedMerge(12)(slice_regulars_failed) >= 0.05 * (uniqCombinedMerge(12)(slice_tried) - uniqCombinedMerge(12)(slice_people)) AS many_fail
        FROM
        (
            SELECT
                api, endpoint_id, intDiv(toUnixTimestamp({until:DateTime64(6, 'UTC')}) - toUnixTimestamp(time), 2) AS slice,
                uniqCombinedMerge(12)(login_1s.people) AS people,
                uniqCombinedMerge(12)(login_1s.regulars) AS regulars,
                uniqCombinedMerge(12)(login_1s.regulars_failed) AS regulars_failed,
                uniqCombinedMergeState(12)(login_1s.regulars_failed) AS slice_regulars_failed,
                uniqCombinedMergeState(12)(login_1s.tried) AS slice_tried,
                uniqCombinedMergeState(12)(login_1s.people) AS slice_people
            FROM login_1s
            WHERE key_type = 'endpoint' AND time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
            GROUP BY api, endpoint_id, slice
        )
        GROUP BY api, endpoint_id
    ),
    -- how many people a second logged in before, from minutes in which at least as many log-ins succeeded as failed
    usual AS
    (
        SELECT key, sum(good) / 600 AS rate
        FROM
        (
            SELECT key, time, uniqCombinedMerge(12)(login_1m.people) AS good, uniqCombinedMerge(12)(login_1m.tried) AS tried
            FROM login_1m
            WHERE key_type = 'endpoint' AND time >= toStartOfMinute({until:DateTime64(6, 'UTC')} - INTERVAL 11 MINUTE)
              AND time < toStartOfMinute({until:DateTime64(6, 'UTC')} - INTERVAL 1 MINUTE)
            GROUP BY key, time
            HAVING good >= tried - good
        )
        GROUP BY key
    ),
    -- slices in which the service fails: at the usual rate, four people should have logged in between the last success
    -- and the next one; or three accounts, and one in twenty of those that fail, fail where they succeeded before, and
    -- none like them succeeds
    failing_service AS
    (
        SELECT api, endpoint_id, arrayJoin(arrayFilter(
            i -> NOT has(open_slices, toInt16(i)) AND (
                2 * rate * (arrayMin(arrayConcat([toInt16(30)], arrayFilter(o -> o > i, open_slices)))
                    - arrayMax(arrayConcat([toInt16(-1)], arrayFilter(o -> o < i, open_slices))) - 1) >= 4
                OR many_fail AND arraySum(arrayMap((s, n) -> if(abs(s - i) <= 2, n, 0), failing_slices, failing)) >= 3
                    AND NOT arrayExists(s -> abs(s - i) <= 2, regular_slices)),
            range(31))) AS slice
        FROM doors LEFT JOIN usual ON usual.key = concat(doors.api, '|', doors.endpoint_id)
    ),
    window AS
    (
        SELECT
            key_type, key,
            sum(slice_failed) AS failures,
            sumIf(slice_failed, slice <= 5) AS recent,
            sumIf(slice_attempts, slice <= 5) AS attempts,
            sumIf(slice_stopped, slice <= 5) AS stopped,
            sumIf(slice_probes_failed, slice <= 5) AS probes_failed,
            sumIf(slice_probes_succeeded, slice <= 5) AS probes_succeeded,
            uniqCombinedMergeIf(12)(slice_accounts, slice <= 5) AS attempted,
            uniqCombinedMergeIf(12)(slice_addresses, slice <= 5) AS attempted_from,
            uniqCombinedMerge(12)(slice_people) AS people,
            uniqCombinedMerge(12)(slice_tried) AS tried,
            uniqCombinedMerge(12)(slice_strange_addresses) AS addresses,
            uniqCombinedMerge(12)(slice_newcomers) AS newcomers,
            sum(slice_newcomers_failed) AS newcomers_failed,
            sumIf(slice_good, 2 * slice_good >= slice_all) AS clean
        FROM
        (
            SELECT
                key_type, key, intDiv(toUnixTimestamp({until:DateTime64(6, 'UTC')}) - toUnixTimestamp(time), 2) AS slice,
                sum(strange) AS slice_failed,
                sum(login_1s.attempts) AS slice_attempts,
                sum(login_1s.stopped) AS slice_stopped,
                sum(login_1s.probes_failed) AS slice_probes_failed,
                sum(login_1s.probes_succeeded) AS slice_probes_succeeded,
                uniqCombinedMergeState(12)(login_1s.accounts) AS slice_accounts,
                uniqCombinedMergeState(12)(login_1s.addresses) AS slice_addresses,
                uniqCombinedMergeState(12)(login_1s.people) AS slice_people,
                uniqCombinedMergeState(12)(login_1s.tried) AS slice_tried,
                uniqCombinedMergeState(12)(login_1s.strange_addresses) AS slice_strange_addresses,
                uniqCombinedMergeState(12)(login_1s.newcomers) AS slice_newcomers,
                sum(login_1s.newcomers_failed) AS slice_newcomers_failed,
                uniqCombinedMerge(12)(login_1s.people) AS slice_good,
                uniqCombinedMerge(12)(login_1s.tried) AS slice_all
            FROM login_1s
            WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
              AND (key_type IN ('campaign', 'fingerprint', 'ja4', 'network')
                -- only addresses with failures are read: counting failures first is cheap, and hardly any address is
                -- left
                OR key_type = 'address' AND key IN
                (
                    SELECT key FROM login_1s
                    WHERE key_type = 'address' AND time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
                    GROUP BY key HAVING sum(strange) >= 3
                ))
              AND (api, endpoint_id, slice) NOT IN (SELECT api, endpoint_id, slice FROM failing_service)
            GROUP BY key_type, key, slice
        )
        GROUP BY key_type, key
        HAVING failures > 0 OR stopped > 0 OR people > 0
    ),
    -- people who logged in through these keys within the last hour or week, in times in which at least as many
    -- succeeded as failed
    before AS
    (
        SELECT
            key_type, key,
            maxIf(good, width > 0 AND 2 * good >= tried) AS people_before,
            maxIf(good, width = 0) AS people_last_hour
        FROM
        (
            SELECT
                key_type, key, arrayJoin([0, 60, 600]) AS width, if(width = 0, 0, intDiv(toUnixTimestamp(time), width)) AS at,
                uniqCombinedMerge(12)(login_1m.people) AS good, uniqCombinedMerge(12)(login_1m.tried) AS tried
            FROM login_1m
            WHERE time > {until:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND time <= {until:DateTime64(6, 'UTC')}
              AND (key_type, key) IN (SELECT key_type, key FROM login_1s
                    WHERE key_type IN ('campaign', 'fingerprint', 'ja4', 'network') AND (strange > 0 OR stopped > 0)
                      AND time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')})
            GROUP BY key_type, key, width, at
            UNION ALL
            SELECT
                key_type, key, 86400 AS width, toUnixTimestamp(time) AS at,
                uniqCombinedMerge(12)(login_1d.people) AS good, uniqCombinedMerge(12)(login_1d.tried) AS tried
            FROM login_1d
            WHERE time > {until:DateTime64(6, 'UTC')} - INTERVAL 7 DAY AND time <= {until:DateTime64(6, 'UTC')}
              AND (key_type, key) IN (SELECT key_type, key FROM login_1s
                    WHERE key_type IN ('campaign', 'fingerprint', 'ja4', 'network') AND (strange > 0 OR stopped > 0)
                      AND time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')})
            GROUP BY key_type, key, time
        )
        GROUP BY key_type, key
    ),
    judged AS
    (
        SELECT
            window.key_type AS key_type, window.key AS key, failures, attempts, stopped, attempted, attempted_from, people, addresses, clean,
            people_before, people_last_hour,
            newcomers <= 0.05 * (newcomers + newcomers_failed) AS newcomers_fail,
            greatest(tried, people) - people AS accounts,
            people / greatest(tried, people, 1) AS success_share,
            probes_failed / greatest(probes_failed + probes_succeeded, 1) AS probes_fail,
            probes_succeeded >= 2 AND probes_succeeded > {max_success:Float64} * (probes_succeeded + probes_failed) AS gets_in,
            failures >= {min_failures:UInt32} AND greatest(tried, people) - people >= {min_accounts:UInt32}
                AND addresses >= {min_addresses:UInt32} AND recent >= 3 AS large,
            stopped > 0 AND probes_failed > 0 AND attempts >= {hold:Float64} * {min_failures:UInt32}
                AND attempted >= {hold:Float64} * {min_accounts:UInt32}
                AND attempted_from >= {hold:Float64} * {min_addresses:UInt32} AS goes_on,
            window.key_type = 'campaign' AS narrow,
            window.key_type IN ('fingerprint', 'ja4') AS tool,
            -- each campaign is paired with the tool and the network that it is part of
            arrayJoin(if(
                window.key_type = 'campaign',
                [concat('fingerprint ', splitByChar('|', window.key)[1]), concat('ja4 ', splitByChar('|', window.key)[2]),
                    concat('network asn:', splitByChar('|', window.key)[3])],
                [concat(window.key_type, ' ', window.key)])) AS family
        FROM window LEFT JOIN before USING (key_type, key)
    ),
    -- whether people use the key
    grouped AS
    (
        SELECT
            *,
            success_share > {max_success:Float64} OR people_before >= if(narrow, 1, 3)
                OR NOT narrow AND (clean >= 3
                    OR max(if(narrow AND people >= accounts, people, 0)) OVER (PARTITION BY family) >= 3
                    OR countIf(narrow AND people > 0 AND people >= accounts) OVER (PARTITION BY family)
                        >= greatest(3, 0.05 * countIf(narrow) OVER (PARTITION BY family))) AS shared,
            sumIf(accounts, narrow AND people = 0 AND people_before = 0) OVER (PARTITION BY family) AS thin,
            countIf(narrow AND people = 0 AND people_before = 0 AND accounts > 0) OVER (PARTITION BY family) AS thin_networks,
            0.5 * least(1, 1.5 * accounts / greatest(failures, 1)) + 0.5 * least(1, addresses / {min_addresses:UInt32}) AS spread
        FROM judged
    ),
    -- a tool that a campaign shares with people has more failures than people cause
    hidden AS
    (
        SELECT
            *,
            tool AND shared AND large AND NOT gets_in
                AND failures - {usual_failures:Float64} * people >= {min_failures:UInt32}
                AND accounts - {usual_failures:Float64} * people >= {min_accounts:UInt32} AS hides,
            max(if(narrow AND large AND NOT shared, failures, 0)) OVER (PARTITION BY family) AS within,
            max(if(narrow AND goes_on AND NOT shared, attempts, 0)) OVER (PARTITION BY family) AS going_on_within
        FROM grouped
    ),
    compared AS
    (
        SELECT
            *,
            max(if(hides, spread, 0)) OVER (PARTITION BY family) AS hidden_spread,
            max(if(hides, attempts, 0)) OVER (PARTITION BY family) AS hidden_attempts,
            max(if(hides, spread, 0)) OVER () AS any_spread,
            max(if(hides, attempts, 0)) OVER () AS any_attempts,
            -- a campaign may use so many networks that each is hardly seen: one failure in a network without people is
            -- enough
            max(hides AND thin_networks >= {min_failures:UInt32} AND thin >= 2 * people) OVER (PARTITION BY family) AS broad
        FROM hidden
    ),
    decided AS
    (
        SELECT
            *,
            multiIf(
                gets_in AND stopped > 0, 'lifted',
                hides AND broad AND newcomers_fail, 'strangers',
                gets_in OR shared, '',
                -- when a campaign uses a tool that people use too: addresses that try one account after the other
                key_type = 'address', if(any_spread > 0 AND accounts >= 3, 'walks', ''),
                large AND (narrow OR within < 0.9 * failures), 'large',
                goes_on AND (narrow OR going_on_within < 0.9 * attempts), 'goes on',
                narrow AND hidden_spread > 0 AND accounts >= if(broad, 1, 2), 'hidden',
                '') AS why
        FROM compared
    )
SELECT
    signalled.1 AS key_type, signalled.2 AS key,
    multiIf(
        why = 'lifted', 0,
        why = 'large', (1 - success_share) * spread,
        why = 'strangers', spread, -- hardly any of the strangers logs in, however many others do
        why = 'goes on', probes_fail * (0.5 * least(1, 1.5 * attempted / attempts)
            + 0.5 * least(1, attempted_from / {min_addresses:UInt32} / {hold:Float64})),
        (1 - success_share) * if(why = 'walks', any_spread, hidden_spread)) AS score,
    -- three probes in 12 s show what goes on, however slow the campaign is
    least(greatest(0.25, {probe:Float64}), greatest({probe:Float64},
        3 / greatest(multiIf(why = 'hidden', hidden_attempts, why = 'walks', any_attempts, attempts), 1))) AS probe,
    failures, stopped, accounts, addresses, people, people_last_hour, success_share
FROM
(
    SELECT
        * EXCEPT (key_type, key),
        arrayJoin(multiIf(
            why = 'strangers', [('stranger', concat(key_type, '|', key))],
            why = 'lifted' AND tool, [(key_type, key), ('stranger', concat(key_type, '|', key))],
            [(key_type, key)])) AS signalled
    FROM decided
    WHERE why != ''
)
ORDER BY score DESC
LIMIT 1 BY key_type, key
