"""The policy bundle: types that mirror `crates/engine/src/bundle.rs`, and its writer."""
