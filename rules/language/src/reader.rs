//! Reading tokens, fields and constants: what the parsers of both languages have in common.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::lexer::{Lexer, Number, NumberFormat, Token};
use crate::symbol::{Constant, FieldRef, Level, SymbolTable};

/// Why a text is no expression or no actions; worded as ovn-controller logs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(pub String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

pub(crate) type Result<T> = std::result::Result<T, ParseError>;

/// Reads tokens off a text. The first error ends it.
pub(crate) struct Reader<'a> {
    pub lexer: Lexer<'a>,
    symbols: &'a SymbolTable,
}

impl<'a> Reader<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a str, symbols: &'a SymbolTable) -> Reader<'a> {
        Reader { lexer: Lexer::new(text), symbols }
    }

    /// A symbol, or some of its bits.
    pub fn field_ref(&mut self) -> Result<FieldRef> {
        let symbol = self.at_id().and_then(|name| self.symbols.find(name)).map(Arc::clone);
        let symbol = symbol.ok_or_else(|| self.syntax_error("expecting field name"))?;
        self.skip();
        let (mut offset, mut bits) = (0, symbol.width);
        if self.take("[") {
            (offset, bits) = self.bits_of(symbol.name, symbol.width, symbol.level)?;
        }
        Ok(FieldRef { symbol, offset, bits })
    }

    /// `BIT]` or `FIRST..LAST]`.
    fn bits_of(&mut self, name: &str, width: u16, level: Level) -> Result<(u16, u16)> {
        if width == 0 {
            return Err(self.error(format!("Cannot select subfield of string field {name}.")));
        }
        let first = self.expect_int()?;
        let last = if self.take("..") { self.expect_int()? } else { first };
        self.expect("]")?;
        if first > last {
            return Err(self.error(format!("Invalid bit range {first} to {last}.")));
        }
        if last >= i32::from(width) {
            let text = format!("Cannot select bits {first} to {last} of {width}-bit field {name}.");
            return Err(self.error(text));
        }
        let (offset, bits) = (first as u16, (last - first + 1) as u16);
        if level == Level::Nominal && bits != width {
            return Err(self.error(format!("Cannot select subfield of nominal field {name}.")));
        }
        Ok((offset, bits))
    }

    pub fn constant(&mut self) -> Result<Constant> {
        let constant = match self.lexer.token() {
            Token::Template(_) => return Err(self.error("Unexpanded template.")),
            Token::String(text) => Constant::String(text.clone()),
            Token::Number(number) => Constant::Integer(*number),
            Token::AddressSet(_) => return Err(self.syntax_error("expecting address set name")),
            Token::PortGroup(_) => return Err(self.syntax_error("expecting port group name")),
            _ => return Err(self.syntax_error("expecting constant")),
        };
        self.skip();
        Ok(constant)
    }

    /// Whether a field can have a constant.
    pub fn check_constant(&self, field: &FieldRef, constant: &Constant) -> Result<()> {
        let (name, width) = (field.name(), field.symbol.width);
        match (constant, field.is_string()) {
            (Constant::Integer(_), true) => {
                Err(self.error(format!("String field {name} is not compatible with integer constant.")))
            }
            (Constant::String(_), false) => {
                Err(self.error(format!("Integer field {name} is not compatible with string constant.")))
            }
            (Constant::Integer(number), false) if number.width() > u32::from(width) => {
                let bits = number.width();
                let text = format!("{bits}-bit constant is not compatible with {width}-bit field {name}.");
                Err(self.error(text))
            }
            _ => Ok(()),
        }
    }

    pub fn skip(&mut self) {
        self.lexer.advance();
    }

    pub fn at(&self, sign: &str) -> bool {
        matches!(self.lexer.token(), Token::Punctuation(token) if *token == sign)
    }

    pub fn take(&mut self, sign: &str) -> bool {
        let at = self.at(sign);
        if at {
            self.skip();
        }
        at
    }

    pub fn expect(&mut self, sign: &str) -> Result<()> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(self.syntax_error(format!("expecting `{sign}'"))),
        }
    }

    /// Whether a sign follows the current token.
    pub fn next_is(&self, sign: &str) -> bool {
        matches!(self.lexer.peek(), Token::Punctuation(token) if token == sign)
    }

    pub fn at_id(&self) -> Option<&str> {
        match self.lexer.token() {
            Token::Id(name) => Some(name),
            _ => None,
        }
    }

    pub fn at_any_id(&self) -> bool {
        self.at_id().is_some()
    }

    /// Whether a name and an opening parenthesis are next.
    pub fn at_call(&self, name: &str) -> bool {
        self.at_id() == Some(name) && self.next_is("(")
    }

    pub fn take_id(&mut self, name: &str) -> bool {
        let at = self.at_id() == Some(name);
        if at {
            self.skip();
        }
        at
    }

    /// `$NAME`.
    pub fn take_address_set(&mut self, name: &str) -> bool {
        let at = matches!(self.lexer.token(), Token::AddressSet(token) if token == name);
        if at {
            self.skip();
        }
        at
    }

    pub fn at_string(&self) -> Option<&str> {
        match self.lexer.token() {
            Token::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn take_string(&mut self) -> Option<String> {
        let text = self.at_string()?.to_owned();
        self.skip();
        Some(text)
    }

    pub fn at_number(&self) -> Option<&Number> {
        match self.lexer.token() {
            Token::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A number without a mask, cut to 64 bits.
    pub fn at_integer(&self) -> Option<u64> {
        self.at_number().filter(|number| number.mask.is_none()).map(|number| number.value as u64)
    }

    /// A decimal number without a mask.
    pub fn at_decimal(&self) -> Option<u64> {
        let number = self.at_number().filter(|number| number.format == NumberFormat::Decimal);
        number.and_then(|_| self.at_integer())
    }

    /// A decimal number of 31 bits.
    pub fn take_int(&mut self) -> Option<i32> {
        let number = i32::try_from(self.at_decimal()?).ok()?;
        self.skip();
        Some(number)
    }

    pub fn expect_int(&mut self) -> Result<i32> {
        self.take_int().ok_or_else(|| self.syntax_error("expecting small integer"))
    }

    pub fn expect_u16(&mut self, what: &str) -> Result<u16> {
        let number = self.at_decimal().and_then(|number| u16::try_from(number).ok());
        let number = number.ok_or_else(|| self.syntax_error(format!("expecting {what}")))?;
        self.skip();
        Ok(number)
    }

    /// An address without a mask.
    pub fn at_ip(&self) -> Option<IpAddr> {
        let number = self.at_number().filter(|number| number.mask.is_none())?;
        match number.format {
            NumberFormat::Ipv4 => Some(Ipv4Addr::from(number.value as u32).into()),
            NumberFormat::Ipv6 => Some(Ipv6Addr::from(number.value).into()),
            _ => None,
        }
    }

    pub fn take_ip(&mut self) -> Option<IpAddr> {
        let address = self.at_ip()?;
        self.skip();
        Some(address)
    }

    /// An IPv4 address; a mask counts for nothing.
    pub fn take_ipv4(&mut self) -> Option<Ipv4Addr> {
        let number = self.at_number().filter(|number| number.format == NumberFormat::Ipv4)?;
        let address = Ipv4Addr::from(number.value as u32);
        self.skip();
        Some(address)
    }

    /// An error that does not depend on the token; but what is no token at all goes first.
    pub fn error(&self, text: impl Into<String>) -> ParseError {
        match self.lexer.token() {
            Token::Error(error) => ParseError(error.clone()),
            _ => ParseError(text.into()),
        }
    }

    /// An error about the current token.
    pub fn syntax_error(&self, expecting: impl AsRef<str>) -> ParseError {
        let at = match self.lexer.token() {
            Token::End => " at end of input".to_owned(),
            _ => format!(" at `{}'", self.lexer.text()),
        };
        let space = if expecting.as_ref().is_empty() { "" } else { " " };
        self.error(format!("Syntax error{at}{space}{}.", expecting.as_ref()))
    }
}
