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
probe: 0.05
thresholds:
  min_accounts: {default: 25, minimum: 5, per_window: true, description: distinct accounts of strangers on which the password failed within the window}
  max_success: {default: 0.15, minimum: 0.0, maximum: 1.0, description: share of the accounts that the password opens above which it is one that people chose}
gate: |
  SELECT 1 FROM login_1s
  WHERE key_type = 'endpoint' AND time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
  HAVING sum(strange) >= {min_accounts:UInt32} OR (sum(stopped) > 0 AND sum(probes_succeeded) > 0)
severity: high
ttl: 15s
score: |
  The share of accounts that the password does not open, times how many there are over `min_accounts`: 0.8 at the threshold,
  1 at three times it. People who chose the same common password log in with it, which keeps the share of failures low.
  Only what failed at the API counts, and only of those who did not succeed before from there; what Starfort stopped is no
  failure. The signal needs a failure within the last 12 s, of probes when it is being stopped, and is lifted when probes succeed.
*/
SELECT
    key,
    if(gets_in, 0, (1 - people / greatest(tried, people, 1)) * least(1, 0.7 + 0.1 * accounts / {min_accounts:UInt32})) AS score,
    -- three probes in 12 s show what goes on, however slow it is
    least(greatest(0.25, {probe:Float64}), greatest({probe:Float64}, 3 / greatest(attempts, 1))) AS probe,
    failures, stopped, people, accounts, addresses, fingerprints
FROM
(
    WITH login_1s.time > {until:DateTime64(6, 'UTC')} - INTERVAL 12 SECOND AS recent
    SELECT
        key,
        sum(strange) AS failures,
        sumIf(strange, recent) AS failed_lately,
        sumIf(login_1s.attempts, recent) AS attempts,
        sum(login_1s.stopped) AS stopped,
        sumIf(login_1s.stopped, recent) AS stopped_lately,
        sumIf(login_1s.probes_succeeded, recent) AS opened,
        sumIf(login_1s.probes_failed, recent) AS missed,
        uniqCombinedMerge(12)(login_1s.people) AS people,
        uniqCombinedMerge(12)(login_1s.tried) AS tried,
        greatest(tried, people) - people AS accounts,
        uniqCombinedMerge(12)(login_1s.strange_addresses) AS addresses,
        uniqCombinedMerge(12)(login_1s.fingerprints) AS fingerprints,
        opened >= 2 AND opened > {max_success:Float64} * (opened + missed) AS gets_in
    FROM login_1s
    WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND key_type = 'password'
      -- counting first is cheap, and hardly any password is left
      AND key IN
      (
          SELECT key FROM login_1s
          WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND key_type = 'password'
          GROUP BY key HAVING sum(strange) + sum(stopped) >= {min_accounts:UInt32}
      )
    GROUP BY key
)
WHERE gets_in AND stopped_lately > 0
   OR NOT gets_in AND failed_lately > 0 AND accounts >= {min_accounts:UInt32}
      AND people <= {max_success:Float64} * greatest(tried, people)
