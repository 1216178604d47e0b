//! Numbers of ACLs whose connections outlive a change of the ACLs (E15; ovn-nb(5), ACL
//! options:persist-established; ovn-sb(5), ACL_ID).
//!
//! Each has a row of ACL_ID under its own identifier. It keeps its number as long as it is asked for;
//! who comes anew gets the lowest that is free.

use northflow_engine::Relation;

use super::rule::Action;
use crate::ovsdb::Uuid;
use crate::schema::{nb, sb};
use crate::topology::tunnel_key::{Assigned, Candidate, KeySpace, Next, Range};

/// The highest number: the southbound schema takes no higher one, although ovn-northd would give it.
const HIGHEST: u32 = 32767;

/// The numbers of ACLs. `known` holds the rows that there are.
///
/// Cost: an ACL costs itself.
pub fn numbers(acls: &Relation<nb::Acl>, known: &Relation<sb::AclId>) -> Relation<Assigned> {
    let wanted = acls
        .filter(|acl| {
            Action::read(&acl.action) == Some(Action::AllowRelated)
                && acl.options.get_bool("persist-established", false)
        })
        .map(|acl| acl.uuid);
    let kept = known.map(|row| (row.uuid, row.id));
    let range = Range { given: HIGHEST, requested: 0, stored: HIGHEST };
    let candidates =
        wanted.index_by(|acl| *acl).join_optional(&kept.index_by(|(acl, _)| *acl), move |acl, kept| {
            let kept = kept.and_then(|(_, id)| u32::try_from(*id).ok()).filter(|id| *id != 0);
            Some(Candidate { owner: *acl, space: Uuid::ZERO, requested: None, kept, range })
        });
    candidates.allocate_by(|candidate| candidate.space, || KeySpace::new(Next::Lowest))
}

/// The rows of ACL_ID.
pub fn rows(numbers: &Relation<Assigned>) -> Relation<sb::AclId> {
    numbers.map(|assigned| sb::AclId { uuid: assigned.owner, id: i64::from(assigned.key) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    #[test]
    fn numbers_are_kept_and_gaps_filled() {
        let mut scenario = Scenario::start(|program| {
            let numbers = numbers(&program.input("acls"), &program.input("known"));
            program.output("rows", &rows(&numbers));
        });
        let acl = |uuid, action: &str, persist: &str| {
            let mut acl = nb::Acl { uuid: Uuid(uuid), action: action.into(), ..Default::default() };
            acl.options.insert("persist-established", persist.into());
            acl
        };
        let rows = |scenario: &Scenario| {
            let rows = scenario.rows::<sb::AclId>("rows");
            rows.into_iter().map(|row| (row.uuid.0, row.id)).collect::<Vec<_>>()
        };
        scenario.insert("acls", acl(1, "allow", "true")).insert("acls", acl(2, "allow-related", "true"));
        scenario.insert("known", sb::AclId { uuid: Uuid(2), id: 2 });
        scenario.insert("acls", acl(3, "allow-related", "true")).step();
        assert_eq!(rows(&scenario), [(2, 2), (3, 1)]);
        scenario.insert("acls", acl(4, "allow-related", "yes")).step();
        scenario.replace("acls", acl(4, "allow-related", "yes"), acl(4, "allow-related", "true")).step();
        assert_eq!(rows(&scenario), [(2, 2), (3, 1), (4, 3)]);
        scenario.replace("acls", acl(2, "allow-related", "true"), acl(2, "drop", "true"));
        scenario.remove("known", sb::AclId { uuid: Uuid(2), id: 2 });
        scenario.remove("acls", acl(3, "allow-related", "true"));
        scenario.insert("known", sb::AclId { uuid: Uuid(4), id: 3 }).step();
        assert_eq!(rows(&scenario), [(4, 3)]);
    }
}
