//! What a replay prints.

use std::io::{self, BufWriter, Stdout, Write};
use std::time::Duration;

use northflow_rules::ovsdb::Uuid;
use serde_json::json;

use super::Format;
use super::chassis::{Fleet, FleetOutcome, Share};
use crate::change::Edit;
use crate::memory::Row;
use crate::memory::row::{map_text, number, text, uuids};
use crate::offline::{Offline, Outcome};

/// Prints transactions as they come, and adds them up. What it returns fails when nobody takes the output.
#[derive(Debug)]
pub(super) struct Report {
    out: BufWriter<Stdout>,
    format: Format,
    quiet: bool,
    transactions: usize,
    rows: usize,
    writes: usize,
    time: Duration,
    slowest: Duration,
}

impl Report {
    pub fn new(format: Format, quiet: bool) -> Report {
        let zero = Duration::ZERO;
        let out = BufWriter::new(io::stdout());
        Report { out, format, quiet, transactions: 0, rows: 0, writes: 0, time: zero, slowest: zero }
    }

    /// A transaction of `rows` row changes, what its author said of it, and what followed from it.
    pub fn transaction(
        &mut self,
        rows: usize,
        comment: Option<&str>,
        outcome: &Outcome,
        network: &Offline,
        chassis: Option<&FleetOutcome>,
    ) -> io::Result<()> {
        self.transactions += 1;
        self.rows += rows;
        self.writes += outcome.writes.len();
        self.time += outcome.time;
        self.slowest = self.slowest.max(outcome.time);
        let mut warnings = io::stderr().lock();
        for problem in &outcome.problems {
            writeln!(warnings, "warning: {}", problem.message)?;
        }
        for error in &outcome.rejected {
            writeln!(warnings, "warning: {error}")?;
        }
        if self.quiet {
            return Ok(());
        }
        let flows = |wanted: fn(&Edit) -> bool| {
            let of_flows = outcome.writes.iter().filter(|write| &*write.table == "Logical_Flow");
            of_flows.filter(|write| wanted(&write.edit)).count()
        };
        let added = flows(|edit| matches!(edit, Edit::Insert(_)));
        let removed = flows(|edit| matches!(edit, Edit::Delete));
        let (micros, nb_cfg) = (outcome.time.as_micros(), nb_cfg(network));
        match self.format {
            Format::Text => {
                if self.transactions == 1 {
                    writeln!(
                        self.out,
                        "transaction  rows in  rows out   flows +   flows -        us  nb_cfg  comment"
                    )?;
                }
                writeln!(
                    self.out,
                    "{:>11}  {rows:>7}  {:>8}  {added:>8}  {removed:>8}  {micros:>8}  {nb_cfg:>6}  {}",
                    self.transactions,
                    outcome.writes.len(),
                    brief(comment.unwrap_or(""))
                )?;
                for (name, Share { added, removed, flows }) in chassis.iter().flat_map(|all| &all.shares) {
                    writeln!(self.out, "    chassis {name}: {flows} flows, +{added} -{removed}")?;
                }
            }
            Format::Json => {
                let mut line = json!({
                    "transaction": self.transactions,
                    "epochs": outcome.epochs,
                    "rows_in": rows,
                    "rows_out": outcome.writes.len(),
                    "flows_added": added,
                    "flows_removed": removed,
                    "microseconds": micros as u64,
                    "nb_cfg": nb_cfg,
                    "comment": comment,
                });
                if let Some(chassis) = chassis {
                    let share = |share: &Share| json!({"added": share.added, "removed": share.removed, "flows": share.flows});
                    let shares = chassis.shares.iter().map(|(name, of)| (name.to_string(), share(of)));
                    line["chassis"] = serde_json::Value::Object(shares.collect());
                    line["chassis_microseconds"] = json!(chassis.time.as_micros() as u64);
                }
                writeln!(self.out, "{line}")?;
            }
        }
        self.out.flush()
    }

    /// All of it together.
    pub fn summary(&mut self, network: &Offline, elapsed: Duration) -> io::Result<()> {
        let flows = network.southbound().rows("Logical_Flow").count();
        match self.format {
            Format::Text => writeln!(
                self.out,
                "{} transactions with {} row changes: {} row changes out, {flows} logical flows, \
                 {:.1} ms in the rules (slowest {:.1} ms), {:.1} ms in all",
                self.transactions,
                self.rows,
                self.writes,
                self.time.as_secs_f64() * 1e3,
                self.slowest.as_secs_f64() * 1e3,
                elapsed.as_secs_f64() * 1e3,
            )?,
            Format::Json => {
                let line = json!({
                    "summary": true,
                    "transactions": self.transactions,
                    "rows_in": self.rows,
                    "rows_out": self.writes,
                    "logical_flows": flows,
                    "microseconds": self.time.as_micros() as u64,
                    "slowest_microseconds": self.slowest.as_micros() as u64,
                    "elapsed_microseconds": elapsed.as_micros() as u64,
                });
                writeln!(self.out, "{line}")?;
            }
        }
        self.out.flush()
    }

    /// How many flows each chassis has.
    pub fn chassis(&mut self, fleet: &Fleet) -> io::Result<()> {
        let flows: Vec<(String, usize)> =
            fleet.flows().map(|(name, flows)| (name.to_string(), flows)).collect();
        match self.format {
            Format::Text => {
                let total: usize = flows.iter().map(|(_, flows)| flows).sum();
                writeln!(self.out, "{} chassis with {total} flows", flows.len())?;
                for (name, flows) in flows {
                    writeln!(self.out, "    chassis {name}: {flows} flows")?;
                }
            }
            Format::Json => {
                let flows: serde_json::Map<String, serde_json::Value> =
                    flows.into_iter().map(|(name, flows)| (name, flows.into())).collect();
                writeln!(self.out, "{}", json!({ "chassis": flows }))?;
            }
        }
        self.out.flush()
    }

    /// Text as it is.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// The rows of a relation.
    pub fn dump(&mut self, relation: &str, rows: Vec<String>) -> io::Result<()> {
        match self.format {
            Format::Text => {
                writeln!(self.out, "{relation}: {} rows", rows.len())?;
                rows.iter().try_for_each(|row| writeln!(self.out, "  {row}"))?;
            }
            Format::Json => {
                let line = |row: &String| json!({ "relation": relation, "row": row });
                rows.iter().try_for_each(|row| writeln!(self.out, "{}", line(row)))?;
            }
        }
        self.out.flush()
    }

    /// The logical flows, datapath by datapath, as `ovn-sbctl lflow-list` lists them.
    pub fn flows(&mut self, network: &Offline) -> io::Result<()> {
        let mut datapaths: Vec<(&str, Uuid)> = network
            .southbound()
            .rows("Datapath_Binding")
            .map(|(uuid, row)| (map_text(row, "external_ids", "name").unwrap_or(""), *uuid))
            .collect();
        datapaths.sort();
        for (name, datapath) in datapaths {
            let mut flows: Vec<&Row> = network
                .southbound()
                .rows("Logical_Flow")
                .map(|(_, row)| row)
                .filter(|row| covers(network, row, datapath))
                .collect();
            flows.sort_by_key(|row| {
                let pipeline = text(row, "pipeline").to_owned();
                let order = (number(row, "table_id"), -number(row, "priority"));
                // Ingress before egress.
                (pipeline != "ingress", order, text(row, "match").to_owned(), text(row, "actions").to_owned())
            });
            let mut pipeline = String::new();
            for row in flows {
                if text(row, "pipeline") != pipeline {
                    pipeline = text(row, "pipeline").to_owned();
                    if self.format == Format::Text {
                        writeln!(self.out, "Datapath: \"{name}\" ({datapath})  Pipeline: {pipeline}")?;
                    }
                }
                self.flow(name, row)?;
            }
        }
        self.out.flush()
    }

    fn flow(&mut self, datapath: &str, row: &Row) -> io::Result<()> {
        let (table, priority) = (number(row, "table_id"), number(row, "priority"));
        let stage = map_text(row, "external_ids", "stage-name").unwrap_or("");
        let (matches, actions) = (text(row, "match"), text(row, "actions"));
        match self.format {
            Format::Text => writeln!(
                self.out,
                "  table={table:<2}({stage:<19}), priority={priority:<5}, match=({matches}), action=({actions})"
            ),
            Format::Json => writeln!(
                self.out,
                "{}",
                json!({
                    "datapath": datapath,
                    "pipeline": text(row, "pipeline"),
                    "table": table,
                    "stage": stage,
                    "priority": priority,
                    "match": matches,
                    "actions": actions,
                })
            ),
        }
    }
}

/// A comment that fits on the line. ovn-nbctl writes its own name and command line.
fn brief(comment: &str) -> String {
    let comment = comment.strip_prefix("ovn-nbctl: ovn-nbctl ").unwrap_or(comment).replace('\n', " ");
    match comment.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &comment[..end]),
        None => comment,
    }
}

fn covers(network: &Offline, flow: &Row, datapath: Uuid) -> bool {
    if uuids(flow, "logical_datapath").any(|uuid| uuid == datapath) {
        return true;
    }
    let groups = &network.southbound().tables().get("Logical_DP_Group");
    uuids(flow, "logical_dp_group")
        .filter_map(|group| groups.and_then(|rows| rows.get(&group)))
        .any(|group| uuids(group, "datapaths").any(|uuid| uuid == datapath))
}

fn nb_cfg(network: &Offline) -> i64 {
    network.northbound().rows("NB_Global").next().map_or(0, |(_, row)| number(row, "nb_cfg"))
}
