/*
name: password_spraying
kind: password_spraying
title: "Password spraying: one password failed on {accounts|account|accounts} from {addresses|address|addresses}"
description: |
  One common password is tried on many accounts. Only a keyed hash of the password is known, and that is enough.
watches: log-ins, by the password that was tried
key_type: password
window: 5m
every: 2s
thresholds:
  min_accounts: {default: 25, minimum: 5, description: distinct accounts on which the password failed within the window}
  max_success: {default: 0.15, minimum: 0.0, maximum: 1.0, description: share of those log-ins that may succeed}
severity: high
ttl: 10m
score: |
  The share that fails, times how far the accounts are over `min_accounts`: 0.8 at the threshold, 1 at three times it.
  People who chose the same common password log in with it, which keeps the share of failures low.
*/
SELECT
    key,
    (1 - successes / (failures + successes)) * least(1, 0.7 + 0.1 * accounts / {min_accounts:UInt32}) AS score,
    failures, stopped, successes, accounts, addresses, fingerprints
FROM
(
    SELECT
        key,
        sum(login_1s.failures) + sum(login_1s.stopped) AS failures,
        sum(login_1s.stopped) AS stopped,
        sum(login_1s.successes) AS successes,
        uniqCombinedMerge(12)(login_1s.accounts) AS accounts,
        uniqCombinedMerge(12)(login_1s.addresses) AS addresses,
        uniqCombinedMerge(12)(login_1s.fingerprints) AS fingerprints
    FROM login_1s
    WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND key_type = 'password'
    GROUP BY key
)
WHERE failures >= {min_accounts:UInt32} AND accounts >= {min_accounts:UInt32}
  AND successes / (failures + successes) <= {max_success:Float64}
