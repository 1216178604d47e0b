//! Numbers: integers, addresses, and either with a mask.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::openflow::write_ipv6;

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// Its value; no bits outside the mask.
    pub value: u128,
    /// Its mask, if it has one.
    pub mask: Option<u128>,
    /// How it was written.
    pub format: NumberFormat,
    /// Bits that it has above the 128 of `value`; no field is that wide.
    pub excess: u16,
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "they are their names")]
pub enum NumberFormat {
    Decimal,
    Hexadecimal,
    Ipv4,
    Ipv6,
    Ethernet,
}

impl NumberFormat {
    /// Bits that it can write.
    fn bits(self) -> u32 {
        match self {
            Self::Decimal => 64,
            Self::Hexadecimal | Self::Ipv6 => 128,
            Self::Ipv4 => 32,
            Self::Ethernet => 48,
        }
    }
}

impl Number {
    /// Bits that it needs: those of its mask; without one, addresses need all of theirs.
    pub fn width(&self) -> u32 {
        let bits = |value: u128| 128 - value.leading_zeros();
        match (self.mask, self.format) {
            _ if self.excess > 0 => 128 + u32::from(self.excess),
            (Some(mask), _) => bits(mask),
            (None, NumberFormat::Decimal | NumberFormat::Hexadecimal) => bits(self.value),
            (None, format) => format.bits(),
        }
    }
}

/// A number at the beginning of a text, or what is wrong with it, and its length.
pub(super) fn scan(text: &str) -> (Result<Number, String>, usize) {
    let (number, length) = scan_plain(text);
    let (Ok(number), Some(mask)) = (&number, text[length..].strip_prefix('/')) else {
        return (number, length);
    };
    let (mask, mask_length) = scan_plain(mask);
    let number = mask.and_then(|mask| masked(*number, mask));
    (number, length + 1 + mask_length)
}

fn masked(number: Number, mask: Number) -> Result<Number, String> {
    use NumberFormat::{Decimal, Hexadecimal, Ipv4, Ipv6};
    let prefix = |width: u32| {
        let length = mask.value as u32;
        (length <= width).then(|| match length {
            0 => 0,
            length => u128::MAX >> (128 - length) << (width - length),
        })
    };
    let mut format = number.format;
    let mask = match (number.format, mask.format) {
        (left, right) if left == right => Some(mask.value),
        (Ipv4, Decimal) => prefix(32),
        (Ipv6, Decimal) => prefix(128),
        (Decimal, Hexadecimal) if number.value == 0 => {
            format = Hexadecimal;
            Some(mask.value)
        }
        _ => None,
    };
    let mask = mask.ok_or("Value and mask have incompatible formats.")?;
    Ok(Number { value: number.value & mask, mask: Some(mask), format, excess: number.excess })
}

fn scan_plain(text: &str) -> (Result<Number, String>, usize) {
    let bytes = text.as_bytes();
    let (mut length, mut dot) = (0, false);
    while let Some(byte) = bytes.get(length) {
        match byte {
            b'.' if bytes.get(length + 1) != Some(&b'.') => dot = true,
            b':' if !dot => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => break,
        }
        length += 1;
    }
    (parse(&text[..length]), length)
}

fn parse(text: &str) -> Result<Number, String> {
    let number = |value, format| Ok(Number { value, mask: None, format, excess: 0 });
    if text.is_empty() {
        return Err("Integer constant expected.".to_owned());
    }
    if let Some(address) = ethernet(text) {
        return number(address, NumberFormat::Ethernet);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.len() > 1 && text.starts_with('0') {
            return Err("Decimal constants must not have leading zeros.".to_owned());
        }
        let value: u64 = text.parse().map_err(|_| "Decimal constants must be less than 2**64.")?;
        return number(value.into(), NumberFormat::Decimal);
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return hexadecimal(text, digits);
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return number(u32::from(address).into(), NumberFormat::Ipv4);
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return number(address.into(), NumberFormat::Ipv6);
    }
    Err("Invalid numeric constant.".to_owned())
}

fn hexadecimal(text: &str, digits: &str) -> Result<Number, String> {
    if digits.is_empty() {
        return Err(format!("Hex digits expected following {}.", &text[..2]));
    }
    // From the end, as the first mistake that way is the one to tell.
    let (mut value, mut width) = (0, 0);
    for (place, digit) in digits.chars().rev().enumerate() {
        let digit = digit.to_digit(16).ok_or("Invalid syntax in hexadecimal constant.")?;
        if digit == 0 {
            continue;
        }
        if place >= 256 {
            return Err("Hexadecimal constant requires more than 1024 bits.".to_owned());
        }
        if place < 32 {
            value |= u128::from(digit) << (4 * place);
        }
        width = 4 * place as u16 + (32 - digit.leading_zeros()) as u16;
    }
    Ok(Number { value, mask: None, format: NumberFormat::Hexadecimal, excess: width.saturating_sub(128) })
}

/// An Ethernet address, with two digits to each byte.
fn ethernet(text: &str) -> Option<u128> {
    if text.len() != 17 {
        return None;
    }
    let mut value = 0;
    let mut parts = text.split(':');
    for _ in 0..6 {
        let part = parts.next().filter(|part| part.len() == 2)?;
        value = value << 8 | u128::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(value)
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = (self.value | self.mask.unwrap_or(0)).checked_shr(self.format.bits()).unwrap_or(0) == 0;
        let format = if fits { self.format } else { NumberFormat::Hexadecimal };
        write_value(f, self.value, format)?;
        let Some(mask) = self.mask else { return Ok(()) };
        f.write_char('/')?;
        let width = format.bits();
        let high = mask << (128 - width);
        match format {
            NumberFormat::Ipv4 | NumberFormat::Ipv6 if high.leading_ones() == high.count_ones() => {
                write!(f, "{}", high.count_ones())
            }
            _ => write_value(f, mask, format),
        }
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: u128, format: NumberFormat) -> fmt::Result {
    match format {
        NumberFormat::Decimal => write!(f, "{value}"),
        NumberFormat::Hexadecimal if value == 0 => f.write_char('0'),
        NumberFormat::Hexadecimal => write!(f, "{value:#x}"),
        NumberFormat::Ipv4 => write!(f, "{}", Ipv4Addr::from(value as u32)),
        NumberFormat::Ipv6 => write_ipv6(f, Ipv6Addr::from(value)),
        NumberFormat::Ethernet => {
            let [_, _, a, b, c, d, e, g] = (value as u64).to_be_bytes();
            write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
        }
    }
}
