//! Whether dropped packets are sampled, and for whom (ovn-nb(5), NB_Global
//! options:debug_drop_collector_set and options:debug_drop_domain_id; Sampling_App).

use northflow_engine::Relation;

use crate::flow::drop::DropConfig;

use super::single;
use crate::problem::Problem;
use crate::schema::nb::{NbGlobalOptions, SamplingApp};

/// The drop sampling in use, one row; and what is wrong with it. The identifier of the sampling
/// application `drop` goes before the domain option; a domain above 254 turns sampling off.
///
/// Cost: one row in, one row out.
pub fn drop_sampling(
    options: &Relation<NbGlobalOptions>,
    apps: &Relation<SamplingApp>,
) -> (Relation<DropConfig>, Relation<Problem>) {
    let asked = options.map(|row| {
        let number = |option| row.options.get_number::<u32>(option).unwrap_or(0);
        (number("debug_drop_collector_set"), number("debug_drop_domain_id"))
    });
    let app = apps.filter(|row| row.type_.as_ref() == "drop").map(|row| row.id);
    let asked = single(&asked).join_optional(&single(&app), |(collector_set, domain), app| {
        // An identifier of 0 is none; the schema has them from 1 to 255.
        let domain = app.and_then(|id| u32::try_from(*id).ok()).filter(|id| *id != 0).unwrap_or(*domain);
        Some((*collector_set, domain))
    });
    let read = |(collector_set, domain): &(u32, u32)| match u8::try_from(*domain) {
        Ok(domain) if domain < u8::MAX => Some(DropConfig { collector_set: *collector_set, domain }),
        _ => None,
    };
    let problems = asked.filter(move |asked| read(asked).is_none()).map(|(_, domain)| {
        Problem::new(format!(
            "Observation domain id must be an 8-bit number: {domain}, of NB_Global options:debug_drop_domain_id or the \
             Sampling_App of type drop, is above 254; drops are not sampled"
        ))
    });
    (asked.map(move |asked| read(asked).unwrap_or_default()), problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;
    use crate::ovsdb::{Text, Uuid};

    #[test]
    fn the_sampling_application_goes_before_the_option() {
        let mut scenario = Scenario::start(|program| {
            let (sampling, problems) = drop_sampling(&program.input("options"), &program.input("apps"));
            program.output("sampling", &sampling);
            program.output("problems", &problems);
        });
        let options = |collector_set: &str, domain: &str| NbGlobalOptions {
            uuid: Uuid(1),
            options: [("debug_drop_collector_set", collector_set), ("debug_drop_domain_id", domain)]
                .map(|(key, value)| (key, Text::from(value)))
                .into_iter()
                .collect(),
        };
        let app = |type_: &str, id| SamplingApp { uuid: Uuid(id as u128 + 10), type_: type_.into(), id };
        scenario.insert("apps", app("acl-new", 5)).insert("options", options("x", "")).step();
        assert_eq!(scenario.row::<DropConfig>("sampling"), DropConfig::default());
        scenario.replace("options", options("x", ""), options("123", "254")).step();
        let sampling = |domain| DropConfig { collector_set: 123, domain };
        assert_eq!(scenario.row::<DropConfig>("sampling"), sampling(254));
        scenario.insert("apps", app("drop", 7)).step();
        assert_eq!(scenario.row::<DropConfig>("sampling"), sampling(7));
        scenario.replace("apps", app("drop", 7), app("drop", 255)).step();
        assert_eq!(scenario.row::<DropConfig>("sampling"), DropConfig::default());
        assert_eq!(scenario.rows::<Problem>("problems").len(), 1);
        scenario.remove("apps", app("drop", 255)).step();
        assert_eq!(scenario.row::<DropConfig>("sampling"), sampling(254));
        assert_eq!(scenario.rows::<Problem>("problems"), []);
    }
}
