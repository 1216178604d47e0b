//! The examples say what they are said to say.

#[path = "../examples/subscribe.rs"]
#[allow(dead_code)]
mod subscribe;

#[test]
fn changes_are_heard_of_in_order() {
    let heard = |changes: &[(&str, isize)]| {
        changes.iter().map(|(town, weight)| ((*town).to_owned(), *weight)).collect::<subscribe::Heard>()
    };
    let mut story = subscribe::story().unwrap();
    story.iter_mut().for_each(|changes| changes.sort());
    assert_eq!(
        story,
        [
            heard(&[("leeds", 1), ("york", 1)]),
            heard(&[("derby", 1), ("london", 1)]),
            heard(&[("london", -1)]),
            heard(&[("derby", 1), ("leeds", 1), ("york", 1)]),
        ]
    );
}
