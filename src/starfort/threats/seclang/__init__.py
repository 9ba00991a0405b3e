"""SecLang, the rule language of ModSecurity: reads rule files as they are and compiles them for the engine.

`load.load_rules` is the way in. The stages, in the order in which a file passes through them:

- `lexer`: bytes → statements (a directive and its arguments, each with its location).
- `parse`: statements → `model` objects; follows `Include`, collects every problem.
- `variables`, `operators`, `actions`, `macros`: the small languages within a rule.
- `resolve`: works out what the rules mean together: removals, updates, default actions, chains, skips.
- `settings`: reads the engine directives.
- `encode`: resolved rules → MessagePack, which `crates/engine/src/rules/wire.rs` reads.
- `explain`: describes a rule in words.
- `reference`, `document`: say what is supported, what is not and why; `docs/seclang.md` is made from them.
"""
