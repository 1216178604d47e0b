//! Copies of a packet for the members of a multicast group, which have no order.

use super::{table_of, top_level};

/// Tables in which a packet is copied to several ports.
pub(super) const FAN_OUT: &[u8] = &[44, 45, 46, 84];
/// How packets go on from the first of them.
const ONWARD: &str = ",resubmit(,45)";
/// The first key of a multicast group.
pub(super) const FIRST_GROUP: u128 = 0x8000;

fn is_copy(action: &str) -> bool {
    action.starts_with("output:") || action.starts_with("resubmit(")
}

/// Copies of a packet in the order of their text: each is what is set for it, and where it goes; what goes to
/// several ports as it is counts as one.
pub(super) fn in_order(actions: &str) -> String {
    // What leads on to the next table is no copy.
    if let Some(before) = actions.strip_suffix(ONWARD) {
        return in_order(before) + ONWARD;
    }
    let mut copies: Vec<Vec<&str>> = vec![Vec::new()];
    for action in top_level(actions) {
        let last = copies.last().and_then(|copy| copy.last());
        if !is_copy(action) && last.is_some_and(|last| is_copy(last)) {
            copies.push(Vec::new());
        }
        if let Some(copy) = copies.last_mut() {
            copy.push(action);
        }
    }
    // What is behind the last copy belongs to none.
    let rest = copies.pop_if(|copy| !copy.last().is_some_and(|last| is_copy(last)));
    for copy in &mut copies {
        let first = copy.iter().position(|action| is_copy(action)).unwrap_or(copy.len());
        copy[first..].sort_unstable();
    }
    copies.sort();
    copies.extend(rest);
    copies.concat().join(",")
}

/// A line in which the copies of a packet for a group, which have no order, each say the port that they are for: which
/// copies set it, and which bring the group back, depends on the order. Other lines stay as they are.
pub fn by_copy(line: &str) -> String {
    let fans_out = table_of(line).is_some_and(|table| FAN_OUT.contains(&table));
    let parts = line.split_once(" cookie=").and_then(|(fields, rest)| {
        let (cookie, actions) = rest.split_once(' ')?;
        let (_, key) = fields.split_once("reg15=")?;
        Some((fields, cookie, key.split([',', '/']).next()?, actions))
    });
    let Some((fields, cookie, key, actions)) = parts.filter(|_| fans_out) else { return line.to_owned() };
    let number = key.strip_prefix("0x").and_then(|digits| u128::from_str_radix(digits, 16).ok());
    if number.is_none_or(|number| number < FIRST_GROUP) {
        return line.to_owned();
    }
    let (copies, onward) = match actions.strip_suffix(ONWARD) {
        Some(before) => (before, ONWARD),
        None => (actions, ""),
    };
    let (mut port, mut shown): (&str, Vec<(&str, Vec<&str>)>) = (key, Vec::new());
    let mut is_done = true;
    for action in top_level(copies) {
        if let Some(to) = action.strip_suffix("->reg15").and_then(|set| set.strip_prefix("set_field:")) {
            (port, is_done) = (to, true);
            continue;
        }
        let goes = is_copy(action);
        if is_done && (!goes || shown.last().is_none_or(|(of, _)| *of != port)) {
            shown.push((port, Vec::new()));
        }
        is_done = goes;
        if let Some((_, copy)) = shown.last_mut() {
            copy.push(action);
        }
    }
    let mut shown: Vec<String> =
        shown.iter().map(|(port, copy)| format!("[{port}] {}", copy.join(","))).collect();
    shown.sort();
    format!("{fields} cookie={cookie} {} [{port}]{onward}", shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_no_order() {
        let first =
            "set_field:0x2->reg15,resubmit(,47),set_field:0x1->reg15,resubmit(,47),set_field:0x8000->reg15";
        let second =
            "set_field:0x1->reg15,resubmit(,47),set_field:0x2->reg15,resubmit(,47),set_field:0x8000->reg15";
        assert_eq!(in_order(first), second);
        assert_eq!(in_order("a,output:2,output:1"), "a,output:1,output:2");
    }

    #[test]
    fn each_copy_says_its_port() {
        let line =
            |actions: &str| by_copy(&format!("table=44 100 reg15=0x8000 cookie=0x1 {actions},resubmit(,45)"));
        let first = line(
            "set_field:1->tun_id,output:1,set_field:0x4->reg15,resubmit(,47),\
             set_field:0x8000->reg15,set_field:2->tun_id,output:2",
        );
        let second = line(
            "set_field:0x4->reg15,resubmit(,47),set_field:0x8000->reg15,set_field:1->tun_id,output:1,\
             set_field:2->tun_id,output:2",
        );
        assert_eq!(first, second);
        assert!(
            first.contains("[0x4] resubmit(,47) [0x8000] set_field:1->tun_id,output:1 [0x8000] set"),
            "{first}"
        );
        // A copy for another port, and one that does not bring the group back, are others.
        assert_ne!(
            first,
            line(
                "set_field:0x5->reg15,resubmit(,47),set_field:0x8000->reg15,set_field:1->tun_id,\
             output:1,set_field:2->tun_id,output:2"
            )
        );
        assert_ne!(
            first,
            line(
                "set_field:1->tun_id,output:1,set_field:2->tun_id,output:2,set_field:0x4->reg15,\
             resubmit(,47)"
            )
        );
        assert_eq!(by_copy("table=9 1 cookie=0x1 drop"), "table=9 1 cookie=0x1 drop");
    }
}
