//! Reading from the front of a text, as the OVN programs scan.
//!
//! Every function takes what is left to read and gives what it read with what is then left, or
//! `None` if the text does not start so. A number may have blanks and a sign before it, and a
//! hexadecimal one `0x`; it may have any number of digits, and what does not fit is cut off. So
//! `2:0:0:0:0:1` is a MAC address, and so is `102:0:0:0:0:-1`, with first byte 02 and last ff.

/// The longest text that is looked at as an IPv6 address, in bytes.
const IP6_TEXT: usize = 46;

/// What follows the blanks that `text` starts with. Blanks are those of C: unlike Rust's, with the
/// vertical tab among them.
pub fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}

/// A number in `radix` (10 or 16), modulo 2⁶⁴.
pub fn number(text: &str, radix: u32) -> Option<(u64, &str)> {
    let text = blanks(text);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let marked = if radix == 16 { unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X")) } else { None };
    let digits = marked.unwrap_or(unsigned);
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let value = digits
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .fold(0u64, |value, digit| value.wrapping_mul(u64::from(radix)).wrapping_add(u64::from(digit)));
    Some((if text.starts_with('-') { value.wrapping_neg() } else { value }, rest))
}

/// `N` numbers modulo 256 with `separator` between each two.
pub fn bytes<const N: usize>(text: &str, radix: u32, separator: char) -> Option<([u8; N], &str)> {
    let mut bytes = [0; N];
    let mut rest = text;
    for (at, byte) in bytes.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(separator)?;
        }
        let (value, after) = number(rest, radix)?;
        // Cutting off is what is meant.
        *byte = value as u8;
        rest = after;
    }
    Some((bytes, rest))
}

/// Characters that an IPv6 address is made of, at least one. They need not be one.
pub fn ip6_text(text: &str) -> Option<(&str, &str)> {
    let part = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
    let end = text.find(|c: char| !part(c)).unwrap_or(text.len()).min(IP6_TEXT);
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_signs_marks_and_any_length() {
        assert_eq!(number(" \u{b}+12x", 10), Some((12, "x")));
        assert_eq!(number("-1", 16), Some((u64::MAX, "")));
        assert_eq!(number("0x1f:", 16), Some((0x1f, ":")));
        assert_eq!(number("0x10", 10), Some((0, "x10")));
        assert_eq!(number("18446744073709551618", 10), Some((2, "")));
        for text in ["", "0x", "0x:", "+ 1", "--1", "x"] {
            assert_eq!(number(text, 16), None, "{text}");
        }
    }

    #[test]
    fn bytes_are_cut_off() {
        assert_eq!(bytes::<3>("0a:100:-1:2", 16, ':'), Some(([10, 0, 255], ":2")));
        assert_eq!(bytes::<2>("1: 2", 16, ':'), Some(([1, 2], "")));
        assert_eq!(bytes::<2>("1 :2", 16, ':'), None);
    }

    #[test]
    fn a_long_text_is_no_ipv6_address() {
        let long = "1".repeat(50);
        assert_eq!(ip6_text(&long), Some(long.split_at(46)));
        assert_eq!(ip6_text("fd00::1/64"), Some(("fd00::1", "/64")));
        assert_eq!(ip6_text("/64"), None);
    }
}
