"""SecLang: the rule language of ModSecurity, read as it is and compiled for the engine.

`load.load_rules` is the way in. The stages, in the order in which a file passes through them:

- `lexer`: bytes → statements (a directive and its arguments, each with its location).
- `parse`: statements → `model` objects; follows `Include`, collects every problem.
- `variables`, `operators`, `actions`, `macros`: the small languages inside a rule.
- `resolve`: removals, updates, default actions, chains, skips: what the rules mean together.
- `settings`: what engine directives set.
- `encode`: the resolved rules → MessagePack as `crates/engine/src/rules/wire.rs` reads it.
- `explain`: a rule in words.
- `reference`, `document`: what is supported, what is not and why; `docs/seclang.md` is made from it.
"""
