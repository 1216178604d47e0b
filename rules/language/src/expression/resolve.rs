//! Members of sets in place of their names.

use std::sync::Arc;

use super::{Among, Expression, Item};
use crate::lexer::{Lexer, Number, Token};
use crate::reader::{ParseError, Result};
use crate::symbol::Constant;

/// The sets that expressions name.
pub trait Sets {
    /// Elements of an address set, as [`set_element`] gives them; `None`: there is no such set.
    fn address_set(&self, name: &str) -> Option<&[Number]>;
    /// Ports of a port group that count on this chassis; `None`: there is no such group.
    fn port_group(&self, name: &str) -> Option<&[Arc<str>]>;
}

/// An element of an address set; `None` if the text begins with no number, and so does not count.
pub fn set_element(text: &str) -> Option<Number> {
    match Lexer::new(text).token() {
        Token::Number(number) => Some(*number),
        _ => None,
    }
}

impl Expression {
    /// With the members of sets and groups in place of their names. It fails for unknown names, and
    /// for members with which a field cannot be compared.
    pub fn resolve(&self, sets: &dyn Sets) -> Result<Expression> {
        self.replace(&|item, members| {
            let unknown = |sign: &str, name: &str, what: &str| {
                Err(ParseError(format!("Syntax error at `{sign}{name}' expecting {what} name.")))
            };
            match item {
                Item::AddressSet(name) => {
                    match sets.address_set(name) {
                        None => return unknown("$", name, "address set"),
                        Some(numbers) => members.extend(numbers.iter().map(|number| {
                            Item::Constant(Constant::Integer(*number), Some(Arc::clone(name)))
                        })),
                    }
                }
                Item::PortGroup(name) => match sets.port_group(name) {
                    None => return unknown("@", name, "port group"),
                    Some(ports) => members.extend(
                        ports.iter().map(|port| Item::Constant(Constant::String(port.to_string()), None)),
                    ),
                },
                other => members.push(other.clone()),
            }
            Ok(())
        })
    }

    /// With what a function appends in place of each item that may be a set.
    pub(super) fn replace(
        &self,
        members_of: &dyn Fn(&Item, &mut Vec<Item>) -> Result<()>,
    ) -> Result<Expression> {
        match self {
            Self::Among(among) => {
                let mut items = Vec::new();
                among.items.iter().try_for_each(|item| members_of(item, &mut items))?;
                Among { items, ..among.clone() }.compare().map_err(ParseError)
            }
            Self::Group(connective, members) => {
                let mut replaced = Vec::with_capacity(members.len());
                for member in members {
                    member.replace(members_of)?.push_into(*connective, &mut replaced);
                }
                Ok(Self::Group(*connective, replaced))
            }
            other => Ok(other.clone()),
        }
    }

    /// The sets and groups that it names, in order; one that it names twice comes twice.
    pub fn names(&self) -> Vec<Item> {
        match self {
            Self::Among(among) => {
                let is_name = |item: &&Item| matches!(item, Item::AddressSet(_) | Item::PortGroup(_));
                among.items.iter().filter(is_name).cloned().collect()
            }
            Self::Group(_, members) => members.iter().flat_map(Self::names).collect(),
            _ => Vec::new(),
        }
    }

    /// The ports whose place decides it.
    pub fn residents(&self) -> Vec<Arc<str>> {
        match self {
            Self::Resident { port, .. } => vec![Arc::clone(port)],
            Self::Group(_, members) => members.iter().flat_map(Self::residents).collect(),
            _ => Vec::new(),
        }
    }
}
