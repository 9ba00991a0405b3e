//! What the readers of bodies tell, and who listens to them.
//!
//! A reader takes a format apart and tells its [`Listener`] what is there, in the order of the bytes. It names nothing,
//! limits nothing and keeps nothing, because listeners differ in all of these. The request's parameters
//! ([`super::collect::Collect`]) and the variables of rules (`rules::run::listener`) are two listeners of one reading
//! ([`Both`]), so neither can see what the other does not.

use super::Anomaly;
use super::format::BodyKind;
use super::graphql::document::Document;
use super::multipart::part::{Flags, Part};
use super::parameter::Syntax;

/// Something that has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container<'a> {
    /// Members with names: [`Listener::name`] comes before each.
    Object,
    /// Members without names.
    List,
    /// An XML element, by its whole name, prefix included.
    Element(&'a str),
}

/// A listener: it is told what a body holds. An implementation has only the calls that it needs.
///
/// Calls nest: `begin … end` around a format, `open … close` around a container. After [`Listener::failed`] with a
/// rest, containers are not closed: `end` follows.
#[expect(unused_variables, reason = "by default a call does nothing")]
pub trait Listener {
    /// A format begins. One inside another (a part of a multipart body) begins and ends before that one ends.
    fn begin(&mut self, format: BodyKind) {}
    /// The format that began last is over.
    fn end(&mut self) {}
    /// A container begins: the document itself, or a member.
    fn open(&mut self, container: Container<'_>) {}
    /// The name of the object's member that comes next.
    fn name(&mut self, name: &str) {}
    /// The innermost open container is over.
    fn close(&mut self) {}
    /// A scalar: the document itself, or a member. Its escapes are undone.
    fn leaf(&mut self, value: &str, syntax: Syntax) {}
    /// An attribute of the element that was just opened, by its whole name; its references are replaced.
    fn attribute(&mut self, name: &str, value: &str) {}
    /// Text between two tags, white space and all; its references are replaced.
    fn text(&mut self, text: &str) {}
    /// A pair of a form, decoded once; not always UTF-8.
    fn pair(&mut self, name: &[u8], value: &[u8]) {}
    /// A part of a multipart body.
    fn part(&mut self, part: &Part<'_>) {}
    /// What was odd about a multipart body, told once at its end.
    fn multipart(&mut self, flags: &Flags) {}
    /// A GraphQL document whose values were told already, and its text.
    fn document(&mut self, document: &Document<'_>, text: &str) {}
    /// Something is odd; reading goes on.
    fn anomaly(&mut self, anomaly: Anomaly) {}
    /// The body is not of the format.
    ///
    /// # Arguments
    /// * `reason` - for people.
    /// * `rest` - the text from the error on, which is not read any further: it is there to be inspected as it is.
    ///   Empty: reading goes on.
    fn failed(&mut self, reason: &str, rest: &str) {}
}

/// Two listeners of one reading.
#[derive(Debug)]
pub struct Both<A, B>(pub A, pub B);

/// Hands each call on: to both listeners of [`Both`], to the listener in an `Option` if there is one, to the listener behind a
/// reference.
macro_rules! hand_on {
    ($($name:ident($($argument:ident: $kind:ty),*);)+) => {
        impl<A: Listener, B: Listener> Listener for Both<A, B> {
            $(#[inline] fn $name(&mut self, $($argument: $kind),*) {
                self.0.$name($($argument),*);
                self.1.$name($($argument),*);
            })+
        }

        impl<L: Listener> Listener for Option<L> {
            $(#[inline] fn $name(&mut self, $($argument: $kind),*) {
                if let Some(listener) = self {
                    listener.$name($($argument),*);
                }
            })+
        }

        impl<L: Listener> Listener for &mut L {
            $(#[inline] fn $name(&mut self, $($argument: $kind),*) {
                (**self).$name($($argument),*);
            })+
        }
    };
}

hand_on! {
    begin(format: BodyKind);
    end();
    open(container: Container<'_>);
    name(name: &str);
    close();
    leaf(value: &str, syntax: Syntax);
    attribute(name: &str, value: &str);
    text(text: &str);
    pair(name: &[u8], value: &[u8]);
    part(part: &Part<'_>);
    multipart(flags: &Flags);
    document(document: &Document<'_>, text: &str);
    anomaly(anomaly: Anomaly);
    failed(reason: &str, rest: &str);
}

/// A set of anomalies is a listener too, for a reading of which only the anomalies are wanted.
impl Listener for super::Anomalies {
    fn anomaly(&mut self, anomaly: Anomaly) {
        self.insert(anomaly);
    }
}
