//! Starfort as an Envoy dynamic module.
