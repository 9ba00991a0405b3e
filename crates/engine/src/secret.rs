//! Names that say that a value is a secret. Such values are never shown, not even by their hash.

/// Texts that mark a name as that of a secret wherever they occur in it. Punctuation is removed before.
const PARTS: &[&str] = &[
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "credential",
    "session",
    "authoriz",
    "cardnumber",
    "creditcard",
    "securitycode",
];

/// Words that mark a name as that of a secret only when they are a whole word of it: `pin` is in `shipping`.
const WORDS: &[&str] = &[
    "auth", "card", "csrf", "cvc", "cvv", "iban", "jwt", "key", "mfa", "otp", "pan", "pass", "pin",
    "sid", "ssn", "totp", "xsrf",
];

/// Whether a name of a parameter or member says that its value is a secret.
pub(crate) fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // `card_number`, `cardNumber` and `card-number` must count as one name.
    let whole = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "");
    PARTS.iter().any(|part| whole.contains(part))
        || name
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::names_secret;

    /// Names of secrets are found however they are written, and names that only contain such a word are not.
    #[test]
    fn names() {
        for name in [
            "password",
            "user.Password",
            "card-number",
            "cardNumber",
            "otp",
            "x[csrf]",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in ["shipping", "company", "monkey", "author", "name", ""] {
            assert!(!names_secret(name), "{name}");
        }
    }
}
