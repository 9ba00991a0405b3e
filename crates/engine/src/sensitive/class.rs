//! The classes of sensitive data and sets of them.

/// One class of sensitive data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// PEM private key.
    PrivateKey,
    /// JSON Web Token.
    Jwt,
    /// Key or token of a cloud or developer service.
    CloudKey,
    /// E-mail address.
    Email,
    /// International bank account number.
    Iban,
    /// Payment card number.
    CardNumber,
    /// US social security number.
    UsSsn,
    /// Telephone number.
    Phone,
}

impl Class {
    /// Every class. Where two matches overlap, the class that comes first here wins.
    pub const ALL: [Self; 8] = [
        Self::PrivateKey,
        Self::Jwt,
        Self::CloudKey,
        Self::Email,
        Self::Iban,
        Self::CardNumber,
        Self::UsSsn,
        Self::Phone,
    ];

    /// The stable name, as in configuration, policies and events.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::Jwt => "jwt",
            Self::CloudKey => "cloud_key",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::CardNumber => "card_number",
            Self::UsSsn => "us_ssn",
            Self::Phone => "phone",
        }
    }

    /// The class of that name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }
}

/// A class name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownClass {
    /// The name given.
    pub name: String,
}

impl std::fmt::Display for UnknownClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "unknown sensitive-data class {:?}; known are ",
            self.name
        )?;
        for (index, class) in Class::ALL.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, class.code())?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownClass {}

/// A set of classes, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ClassSet(u8);

impl ClassSet {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// All classes.
    // One bit for each of the eight classes; a ninth class needs a wider type.
    pub const ALL: Self = Self(u8::MAX);

    /// The set of the named classes.
    ///
    /// # Errors
    /// The first name that does not belong to a class.
    pub fn from_codes<S: AsRef<str>>(codes: &[S]) -> Result<Self, UnknownClass> {
        codes.iter().try_fold(Self::NONE, |set, code| {
            let code = code.as_ref();
            Class::from_code(code)
                .map(|class| set.with(class))
                .ok_or_else(|| UnknownClass {
                    name: code.to_owned(),
                })
        })
    }

    /// The set with one more class.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u8)
    }

    /// The classes that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The classes that are in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the class is in the set.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 & (1 << class as u8) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Class::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL
            .into_iter()
            .filter(move |class| self.contains(*class))
    }

    /// The members' names.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Class::code)
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}
