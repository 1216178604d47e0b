//! Mirrors of every kind, and what goes to those that are ports.

use super::{Model, Random};

/// A mirror that is there. Two ports of one switch with one sink share a port that stands for them, and which of
/// them it takes after is the reference's order: so every mirror has a sink of its own, and one source.
#[derive(Clone, Debug)]
pub(super) struct Copier {
    row: String,
    name: String,
    sink: String,
    attached: bool,
}

const COLUMNS: &[&str] = &[
    "type=gre",
    "type=erspan",
    "type=local",
    "type=lport",
    "filter=to-lport",
    "filter=from-lport",
    "filter=both",
    "index=0",
    "index=77",
    "sink=nobody",
    "'sink=\"\"'",
    "external_ids:a=b",
];

impl Model {
    /// One command about mirrors; `None` if what it needs is not there.
    pub(super) fn mirroring(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(14) {
            0..=2 => {
                let sink = self.sink(random)?;
                let (row, name) = (self.identifier(random), self.fresh("m"));
                let filter = random.pick(&["to-lport", "from-lport", "both"])?;
                let line = format!(
                    "nbctl --id={row} create Mirror name={name} type=lport filter={filter} sink={sink} index=0"
                );
                self.copiers.push(Copier { row, name, sink, attached: false });
                line
            }
            3..=6 => {
                let port = self.port(random)?;
                let copier = self.copiers.iter_mut().find(|copier| !copier.attached)?;
                copier.attached = true;
                format!("nbctl lsp-attach-mirror {port} {}", copier.name)
            }
            7 => format!("nbctl clear Logical_Switch_Port {} mirror_rules", self.port(random)?),
            8 => format!("nbctl set Mirror {} {}", self.copier(random)?.row, random.pick(COLUMNS)?),
            9 => {
                let (at, sink) = (random.below(self.copiers.len()), self.sink(random)?);
                let copier = self.copiers.get_mut(at)?;
                copier.sink.clone_from(&sink);
                format!("nbctl set Mirror {} sink={sink}", copier.row)
            }
            10..=12 => {
                self.made += 1;
                let (Copier { row, .. }, number) = (self.copier(random)?, self.made);
                let (matches, action) =
                    (random.pick(&["ip4", "tcp", "1"])?, random.pick(&["mirror", "skip"])?);
                format!(
                    "nbctl -- --id=@r create Mirror_Rule priority={number} 'match=\"{matches}\"' action={action} \
                     -- add Mirror {row} mirror_rules @r"
                )
            }
            _ => {
                let Copier { row, name, .. } = self.copier(random)?;
                match random.below(2) {
                    0 => format!("nbctl clear Mirror {row} mirror_rules"),
                    _ => {
                        self.copiers.retain(|copier| copier.row != row);
                        format!("nbctl mirror-del {name}")
                    }
                }
            }
        })
    }

    fn copier(&self, random: &mut Random) -> Option<Copier> {
        random.pick(&self.copiers).cloned()
    }

    /// A port that no mirror copies to.
    fn sink(&self, random: &mut Random) -> Option<String> {
        self.port(random).filter(|port| self.copiers.iter().all(|copier| copier.sink != *port))
    }
}
