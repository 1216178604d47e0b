//! Address sets. A flow that names one has to know how large it is: what it says of two elements it says of
//! ten thousand, so that of large sets each element has rows of its own.

use northflow_engine::Relation;
use northflow_language::expression::set_element;
use northflow_language::lexer::{Number, NumberFormat};
use northflow_rules::ovsdb::{Atom, Text};
use serde::{Deserialize, Serialize};

use crate::inputs::Southbound;

/// Address sets in three forms.
pub(super) struct AddressSets {
    /// How large each is.
    pub sizes: Relation<(Text, Size)>,
    /// Their elements.
    pub elements: Relation<Element>,
    /// Their elements as they are written.
    pub texts: Relation<(Text, Text)>,
}

/// How large an address set is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Size {
    /// It has at most one element, written so.
    Small(Option<Text>),
    /// It has several, the widest of which needs so many bits; one of which no bits count needs more than there are.
    Large(u32),
}

/// An element of an address set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Element {
    pub set: Text,
    pub value: u128,
    /// The bits of a field that count, as far as the field has them.
    pub mask: u128,
}

/// What is known of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Fact {
    Exists,
    IsLarge,
    Width(u32),
    Only(Text),
}

/// The address sets.
///
/// Cost: an element is a row; what is known of a set changes when it becomes large or small, or gets an element that is
/// wider than the others.
pub(super) fn address_sets(sb: &Southbound) -> AddressSets {
    let texts = sb.address_set.index_by(|set| set.uuid).join_flat(
        &sb.addresses.index_by(|element| element.row),
        |set, element| match &element.element {
            Atom::String(text) => Some((set.name.clone(), text.clone())),
            _ => None,
        },
    );
    let elements = texts.flat_map(|(set, text)| element(set, text)).distinct();
    let widths =
        texts.flat_map(|(set, text)| Some((set.clone(), Fact::Width(width(&set_element(text)?))))).distinct();
    let large = elements.tally_by(|element| element.set.clone(), |_| 0).filter(|tally| tally.count > 1);
    let large = large.map(|tally| tally.key.clone()).distinct();
    let only = texts
        .filter(|(_, text)| set_element(text).is_some())
        .index_by(|(set, _)| set.clone())
        .antijoin(&large.index_by(Clone::clone))
        .map(|(set, text)| (set.clone(), Fact::Only(text.clone())));
    let exists = sb.address_set.map(|set| (set.name.clone(), Fact::Exists));
    let large = large.map(|set| (set.clone(), Fact::IsLarge));
    let sizes = sb
        .address_set
        .builder()
        .union(&[exists, large, widths, only])
        .index_by(|(set, _)| set.clone())
        .reduce(|group| size(group.rows().map(|(_, fact)| fact)).map(|size| (group.any().0.clone(), size)));
    AddressSets { sizes, elements, texts }
}

fn size<'a>(facts: impl Iterator<Item = &'a Fact>) -> Option<Size> {
    let (mut exists, mut is_large, mut widest, mut only) = (false, false, 0, None);
    for fact in facts {
        match fact {
            Fact::Exists => exists = true,
            Fact::IsLarge => is_large = true,
            Fact::Width(width) => widest = widest.max(*width),
            // Several are one number in different words.
            Fact::Only(text) => only = only.max(Some(text)),
        }
    }
    exists.then(|| if is_large { Size::Large(widest) } else { Size::Small(only.cloned()) })
}

fn element(set: &Text, text: &str) -> Option<Element> {
    let number = set_element(text)?;
    let whole = match number.format {
        NumberFormat::Ipv4 => u32::MAX.into(),
        NumberFormat::Ethernet => (1 << 48) - 1,
        _ => u128::MAX,
    };
    let mask = number.mask.filter(|mask| *mask != whole).unwrap_or(u128::MAX);
    Some(Element { set: set.clone(), value: number.value, mask })
}

fn width(number: &Number) -> u32 {
    if number.mask == Some(0) { u32::MAX } else { number.width() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_different_words_is_one_element() {
        let of = |text: &str| element(&"s".into(), text);
        assert_eq!(of("10.0.0.1"), of("10.0.0.1/32"));
        assert_eq!(of("00:00:00:00:00:01"), of("00:00:00:00:00:01/ff:ff:ff:ff:ff:ff"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.1/31"));
        assert_eq!(of("no address"), None);
    }

    #[test]
    fn sizes() {
        let of = |facts: &[Fact]| size(facts.iter());
        let only = |text: &str| Fact::Only(text.into());
        assert_eq!(of(&[Fact::Width(32)]), None);
        assert_eq!(of(&[Fact::Exists]), Some(Size::Small(None)));
        assert_eq!(
            of(&[Fact::Exists, Fact::Width(32), only("10.0.0.1")]),
            Some(Size::Small(Some("10.0.0.1".into())))
        );
        assert_eq!(
            of(&[Fact::Exists, Fact::IsLarge, Fact::Width(32), Fact::Width(48)]),
            Some(Size::Large(48))
        );
    }
}
