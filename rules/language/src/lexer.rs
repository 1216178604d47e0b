//! Tokens of the match and action languages.

mod number;
mod string;

use std::fmt;

pub use number::{Number, NumberFormat};
pub use string::Quoted;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The end of the input.
    End,
    /// A word.
    Id(String),
    /// A string in quotes, without them and its escapes.
    String(String),
    /// A number, or a number with a mask.
    Number(Number),
    /// `$` and a name.
    AddressSet(String),
    /// `@` and a name.
    PortGroup(String),
    /// `^` and a name.
    Template(String),
    /// Anything else, as it is written.
    Punctuation(&'static str),
    /// No token: what is wrong.
    Error(String),
}

/// What is not made of letters and digits, the longer before their beginnings.
const PUNCTUATION: [&str; 25] = [
    "<->", "(", ")", "{", "}", "[", "]", "==", "!=", "<=", ">=", "&&", "||", "..", "--", "=", "!", "<", ">",
    ",", ";", ":", "-", "&", "|",
];

/// Reads tokens off a text, one at a time.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    input: &'a str,
    /// Where the current token begins and ends.
    start: usize,
    end: usize,
    token: Token,
}

impl<'a> Lexer<'a> {
    /// At the first token of a text.
    pub fn new(input: &'a str) -> Lexer<'a> {
        let mut lexer = Lexer { input, start: 0, end: 0, token: Token::End };
        lexer.advance();
        lexer
    }

    /// The current token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The current token as it is written.
    pub fn text(&self) -> &'a str {
        &self.input[self.start..self.end]
    }

    /// Goes to the next token.
    pub fn advance(&mut self) {
        (self.token, self.start, self.end) = scan(self.input, self.end);
    }

    /// The token after the current one.
    pub fn peek(&self) -> Token {
        scan(self.input, self.end).0
    }
}

fn scan(input: &str, from: usize) -> (Token, usize, usize) {
    let mut start = from;
    loop {
        let rest = &input[start..];
        let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
        let Some(first) = rest.chars().next() else { return (Token::End, start, start) };
        if blank(first) {
            start += rest.find(|c| !blank(c)).unwrap_or(rest.len());
        } else if rest.starts_with("//") {
            start += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let line = comment.find('\n').unwrap_or(comment.len());
            match comment[..line].find("*/") {
                Some(end) => start += end + 4,
                None => return (error("`/*' without matching `*/'."), start, start + 2 + line),
            }
        } else {
            let (token, length) = token(rest, first);
            return (token, start, start + length);
        }
    }
}

fn error(text: impl Into<String>) -> Token {
    Token::Error(text.into())
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '.'
}

fn word(rest: &str) -> &str {
    let end = rest.find(|c: char| !is_word_start(c) && !c.is_ascii_digit());
    &rest[..end.unwrap_or(rest.len())]
}

/// The token at the beginning of a text, and its length.
fn token(rest: &str, first: char) -> (Token, usize) {
    let hex_end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    if first.is_ascii_digit() || rest.starts_with("::") || hex_end > 0 && rest[hex_end..].starts_with(':') {
        let (number, length) = number::scan(rest);
        return (number.map_or_else(error, Token::Number), length);
    }
    match first {
        '"' => string::scan(rest),
        '$' => name(rest, Token::AddressSet),
        '@' => name(rest, Token::PortGroup),
        '^' => name(rest, Token::Template),
        '/' => (error("`/' is only valid as part of `//' or `/*'."), 1),
        '.' if rest.starts_with("..") => (Token::Punctuation(".."), 2),
        '.' => (error("`.' is only valid as part of `..' or a number."), 1),
        _ if is_word_start(first) => {
            let word = word(rest);
            (Token::Id(word.to_owned()), word.len())
        }
        _ => match PUNCTUATION.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign @ (&"&" | &"|")) => {
                (error(format!("`{sign}' is only valid as part of `{sign}{sign}'.")), 1)
            }
            Some(sign) => (Token::Punctuation(sign), sign.len()),
            None if first.is_ascii_graphic() => (error(format!("Invalid character `{first}' in input.")), 1),
            None => {
                let byte = rest.as_bytes()[0] as i8;
                (error(format!("Invalid byte 0x{byte} in input.")), first.len_utf8())
            }
        },
    }
}

/// A name after a sign.
fn name(rest: &str, token: fn(String) -> Token) -> (Token, usize) {
    let (sign, name) = rest.split_at(1);
    match name.chars().next() {
        Some(first) if is_word_start(first) => {
            let name = word(name);
            (token(name.to_owned()), name.len() + 1)
        }
        _ => (error(format!("`{sign}' must be followed by a valid identifier.")), 1),
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("$"),
            Self::Id(word) => f.write_str(word),
            Self::String(text) => write!(f, "{}", Quoted(text)),
            Self::Number(number) => number.fmt(f),
            Self::AddressSet(name) => write!(f, "${name}"),
            Self::PortGroup(name) => write!(f, "@{name}"),
            Self::Template(name) => write!(f, "^{name}"),
            Self::Punctuation(sign) => f.write_str(sign),
            Self::Error(text) => write!(f, "error({})", Quoted(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        while *lexer.token() != Token::End {
            out.push(lexer.token().to_string());
            lexer.advance();
        }
        out.join(" ")
    }

    #[test]
    fn words_and_signs() {
        assert_eq!(tokens("ip4.src==$set&&!x9_"), "ip4.src == $set && ! x9_");
        assert_eq!(tokens("a<->b<=c<d>=e>f--g-h..i"), "a <-> b <= c < d >= e > f -- g - h..i");
        assert_eq!(tokens("1..2 // rest\n/* no */ @g ^t"), "1 .. 2 @g ^t");
        assert_eq!(tokens("10.0.0.1:80,[fd00::1]:80"), "10.0.0.1 : 80 , [ fd00::1 ] : 80");
        assert_eq!(tokens("face:1 face"), "error(\"Invalid numeric constant.\") face");
    }

    #[test]
    fn numbers() {
        for text in
            ["0", "18446744073709551615", "0xffff", "1/3", "0/0x10", "10.0.0.0/8", "10.0.0.1/255.0.0.255"]
        {
            assert_eq!(tokens(text), text);
        }
        assert_eq!(tokens("0X0Fa 6/3 10.1.1.1/255.255.0.0"), "0xfa 2/3 10.1.0.0/16");
        assert_eq!(tokens("02:00:00:00:00:01/ff:00:00:00:00:01"), "02:00:00:00:00:01/ff:00:00:00:00:01");
        assert_eq!(tokens("fd00:0:0::1/ffff::"), "fd00::/16");
        assert_eq!(tokens("1/"), "error(\"Integer constant expected.\")");
        let wide = Lexer::new("0x10000000000000000000000000000000000").token().clone();
        assert!(matches!(wide, Token::Number(number) if number.width() == 137), "{wide:?}");
    }

    #[test]
    fn strings() {
        assert_eq!(tokens(r#""a\"b\\\n\u00e9\ud83d\ude00""#), "\"a\\\"b\\\\\\n\u{e9}\u{1f600}\"");
        for (text, error) in [
            (r#""\u12""#, "quoted string ends within \\u escape"),
            (r#""\u12x4""#, "malformed \\u escape"),
            (r#""\u0000""#, "null bytes not supported in quoted strings"),
            (r#""\ud800x""#, "malformed escaped surrogate pair"),
            (r#""\ud800\u0041""#, "second half of escaped surrogate pair is not trailing surrogate"),
            (r#""\x""#, "bad escape \\x"),
            ("\"", "Input ends inside quoted string."),
        ] {
            assert_eq!(*Lexer::new(text).token(), Token::Error(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_token() {
        for (text, error) in [
            ("&", "`&' is only valid as part of `&&'."),
            ("|", "`|' is only valid as part of `||'."),
            (".", "`.' is only valid as part of `..' or a number."),
            ("/", "`/' is only valid as part of `//' or `/*'."),
            ("/*", "`/*' without matching `*/'."),
            ("#", "Invalid character `#' in input."),
            ("\x01", "Invalid byte 0x1 in input."),
            ("\u{e9}", "Invalid byte 0x-61 in input."),
            ("$1", "`$' must be followed by a valid identifier."),
        ] {
            assert_eq!(*Lexer::new(text).token(), Token::Error(error.to_owned()), "{text}");
        }
    }
}
