/*
name: credential_stuffing
kind: credential_stuffing
title: "Credential stuffing: {failures} failed log-ins on {accounts|account|accounts} from {addresses|address|addresses}"
description: |
  Leaked names and passwords are tried from many addresses, each too slow for a limit per address. The members
  of a campaign share their tool (header-order fingerprint, JA4) or their network, and nearly all of them fail.
watches: log-ins (events with an account), by what those who try them share
key_type: [campaign, fingerprint, ja4, network]
window: 60s
every: 1s
thresholds:
  min_failures: {default: 50, minimum: 5, description: failed or stopped log-ins within the window}
  min_accounts: {default: 20, minimum: 2, description: distinct accounts tried within the window}
  min_addresses: {default: 10, minimum: 2, description: distinct addresses within the window}
  max_success: {default: 0.15, minimum: 0.0, maximum: 1.0, description: "share of log-ins that succeed, within the window and within the last hour, above which real people use this key"}
  usual_failures: {default: 0.3, minimum: 0.0, maximum: 10.0, description: failures that people cause for each success (a shared browser's traffic hides a campaign only below that)}
  hold: {default: 0.2, minimum: 0.01, maximum: 1.0, description: share of min_failures that holds a campaign whose log-ins are being stopped}
severity: high
ttl: 2m
score: |
  The share that fails (1 when nobody succeeds), times how the failures are spread: half for distinct accounts
  over failures (stuffing tries each account once or twice; a person mistypes the same one), half for distinct
  addresses over `min_addresses`. A campaign of the defaults scores above 0.8 from its first signal.
  What is signalled is the narrowest key that holds nine tenths of a wider one's failures: first the tool within
  one network, then the tool, then the network. A key that real people use (their log-ins succeed) is never
  signalled as a whole; of a tool that a campaign shares with real people those networks are signalled in which nobody
  succeeds. Log-ins that this signal has stopped count as failures, so it holds while the campaign goes on and
  lapses after.
*/
WITH
    window AS
    (
        SELECT
            key_type, key,
            sum(login_1s.failures) AS failed,
            sum(login_1s.stopped) AS stopped,
            sum(login_1s.successes) AS successes,
            uniqCombinedMerge(12)(login_1s.accounts) AS accounts,
            uniqCombinedMerge(12)(login_1s.addresses) AS addresses,
            failed + stopped AS failures,
            successes / (successes + failures) AS success_share
        FROM login_1s
        WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
          AND key_type IN ('campaign', 'fingerprint', 'ja4', 'network')
        GROUP BY key_type, key
        HAVING failures >= 3
    ),
    -- the last hour of those keys on which next to nobody succeeds now
    hour AS
    (
        SELECT
            key_type, key,
            uniqCombinedMergeIf(12)(login_1s.accounts, login_1s.successes > 0) AS people,
            sum(login_1s.successes) / (sum(login_1s.attempts) + 1) AS hour_success_share
        FROM login_1s
        WHERE time > {until:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND time <= {until:DateTime64(6, 'UTC')}
          AND (key_type, key) IN (SELECT key_type, key FROM window WHERE success_share <= {max_success:Float64})
        GROUP BY key_type, key
    ),
    judged AS
    (
        SELECT
            window.*, people, hour_success_share,
            if(stopped > 0, {hold:Float64}, 1) AS share,
            failures >= {min_failures:UInt32} * share AND accounts >= {min_accounts:UInt32} * share
                AND addresses >= {min_addresses:UInt32} * share AS large,
            success_share <= {max_success:Float64} AND hour_success_share <= {max_success:Float64} AS pure,
            key_type = 'campaign' AS narrow,
            splitByChar('|', key) AS parts
        FROM window LEFT JOIN hour USING (key_type, key)
    ),
    -- each campaign stands beside the tool and the network that it is part of
    grouped AS
    (
        SELECT
            *,
            arrayJoin(if(
                narrow,
                [concat('fingerprint ', parts[1]), concat('ja4 ', parts[2]), concat('network asn:', parts[3])],
                [concat(key_type, ' ', key)])) AS family,
            max(if(narrow AND large AND pure, failures, 0)) OVER (PARTITION BY family) AS within,
            -- a tool that a campaign shares with real people: more failures than those people cause
            max(large AND NOT pure AND key_type IN ('fingerprint', 'ja4')
                AND failures - {usual_failures:Float64} * successes >= {min_failures:UInt32})
                OVER (PARTITION BY family) AS shared
        FROM judged
    )
SELECT
    key_type, key,
    (1 - success_share)
        * (0.5 * least(1, 1.5 * accounts / failures) + 0.5 * least(1, addresses / {min_addresses:UInt32})) AS score,
    failures, stopped, successes, accounts, addresses, people AS people_last_hour,
    success_share, hour_success_share
FROM grouped
WHERE pure
  AND ((narrow AND (large OR (shared AND successes = 0 AND people = 0 AND accounts >= 3 AND addresses >= 2)))
       OR (NOT narrow AND large AND within < 0.9 * failures))
LIMIT 1 BY key_type, key
