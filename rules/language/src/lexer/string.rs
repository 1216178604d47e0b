//! Strings in quotes, with the escapes of JSON.

use std::fmt::{self, Write as _};

use super::Token;

/// The string at the beginning of a text that begins with a quote, and its length.
pub(super) fn scan(text: &str) -> (Token, usize) {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let token = match unescape(&text[1..at]) {
                    Ok(string) => Token::String(string),
                    Err(error) => Token::Error(error),
                };
                return (token, at + 1);
            }
            _ => {}
        }
    }
    (Token::Error("Input ends inside quoted string.".to_owned()), text.len())
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escape) = rest.chars().next() else {
            return Err("quoted string may not end with backslash".to_owned());
        };
        rest = &rest[escape.len_utf8()..];
        out.push(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode(&mut rest)?,
            other => return Err(format!("bad escape \\{other}")),
        });
    }
    Ok(out)
}

fn unicode(rest: &mut &str) -> Result<char, String> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        // A lone second half is no character of a string here.
        return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    *rest = rest.strip_prefix("\\u").ok_or("malformed escaped surrogate pair")?;
    let second = unit(rest)?;
    if !(0xdc00..0xe000).contains(&second) {
        return Err("second half of escaped surrogate pair is not trailing surrogate".to_owned());
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn unit(rest: &mut &str) -> Result<u32, String> {
    if rest.len() < 4 {
        return Err("quoted string ends within \\u escape".to_owned());
    }
    let digits = rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let value = value.ok_or("malformed \\u escape")?;
    if value == 0 {
        return Err("null bytes not supported in quoted strings".to_owned());
    }
    *rest = &rest[4..];
    Ok(value)
}

/// Writes a string in quotes, with escapes where they are needed.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\x08' => f.write_str("\\b")?,
                '\x0c' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}
