//! Template variables: `^NAME` in a text stands for a value that each chassis has of its own
//! (ovn-nb(5), Chassis_Template_Var).

use std::collections::BTreeSet;

use crate::lexer::{Lexer, Token};

/// The sign before the name of a variable.
const SIGN: char = '^';

/// The variables of a text, each once.
pub fn variables(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if text.contains(SIGN) {
        each(text, |token, _| {
            if let Token::Template(name) = token {
                names.insert(name.clone());
            }
        });
    }
    names
}

/// The text with values in the place of its variables, and without blanks; `None` if a variable has none.
pub fn expand<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    if !text.contains(SIGN) {
        return Some(text.to_owned());
    }
    let mut out = Some(String::new());
    each(text, |token, written| {
        let part = match token {
            Token::Template(name) => value(name),
            _ => Some(written),
        };
        out = match (out.take(), part) {
            (Some(so_far), Some(part)) => Some(so_far + part),
            _ => None,
        };
    });
    out
}

/// Calls `visit` with each token and how it is written.
fn each(text: &str, mut visit: impl FnMut(&Token, &str)) {
    let mut lexer = Lexer::new(text);
    while *lexer.token() != Token::End {
        visit(lexer.token(), lexer.text());
        lexer.advance();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<&'static str> {
        match name {
            "vip" => Some("10.0.0.1"),
            "port" => Some("80"),
            _ => None,
        }
    }

    #[test]
    fn variables_are_found_outside_of_strings() {
        assert_eq!(
            variables("ip4.dst == ^vip && tcp.dst == ^port || ^vip"),
            ["port".into(), "vip".into()].into()
        );
        assert_eq!(variables("inport == \"^p\""), BTreeSet::new());
    }

    #[test]
    fn values_take_their_place() {
        assert_eq!(expand("^vip:^port", value).as_deref(), Some("10.0.0.1:80"));
        assert_eq!(
            expand("ip4.dst == ^vip && inport == \"a ^b\"", value).as_deref(),
            Some("ip4.dst==10.0.0.1&&inport==\"a ^b\"")
        );
        assert_eq!(expand("^vip, ^other", value), None);
        assert_eq!(expand("no variables", value).as_deref(), Some("no variables"));
    }
}
