//! The timely dataflow around the graph, where several workers share it.
//!
//! ```text
//!   input ──► graph ──► results ──► (worker 0)
//!               ▲  │
//!               ├──┘  rows for other workers, one round later
//!               └──►  regions (recursion), and from there into the same loop
//! ```
//!
//! A timestamp is an epoch and a round: rows that have to move to another worker arrive a round
//! later, as do rows that come out of a recursion, and the frontier says when no more can come. That is all the synchronisation
//! there is; timely carries it between threads and between processes alike.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crossbeam_channel::Sender;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Capability, Concat, Concatenate, ConnectLoop, Feedback, Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, Scope, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;

use crate::delta::{Delta, Weight};
use crate::engine::{Epoch, EpochResult};
use crate::graph::Region;
use crate::graph::executor::{Executor, Packet};
use crate::iterate::plan;
use crate::progress::Progress;
use crate::record::Rec;

/// Epoch and round in one totally ordered number.
pub type Time = u64;

const ROUND_BITS: u32 = 16;

/// The first moment of an epoch.
pub(crate) fn start_of(epoch: Epoch) -> Time {
    epoch << ROUND_BITS
}

fn epoch_of(time: Time) -> Epoch {
    time >> ROUND_BITS
}

fn round_of(time: Time) -> u32 {
    (time & ((1 << ROUND_BITS) - 1)) as u32
}

/// Rows of an output.
type ResultRows = (usize, Delta);

/// A row on its way into a region.
pub(crate) type Entry = (Rec, Time, Weight);

// The outputs of the graph operator, in order.
const OUTGOING: usize = 0;
const RESULTS: usize = 1;
const FIRST_ENTRY: usize = 2;

/// What a worker holds of its dataflow.
pub(crate) struct Running {
    pub input: InputHandle<Time, CapacityContainerBuilder<Vec<Packet>>>,
    pub probe: ProbeHandle<Time>,
    pub executor: Rc<RefCell<Executor>>,
}

/// Builds the dataflow of one worker; results leave through `results` on worker 0.
pub(crate) fn build(
    worker: &mut Worker,
    executor: Executor,
    results: Option<(Sender<EpochResult>, Progress)>,
) -> Running {
    let executor = Rc::new(RefCell::new(executor));
    let probe = ProbeHandle::new();
    let input = worker.dataflow::<Time, _, _>(|scope| {
        let (input, packets) = scope.new_input();
        let regions = executor.borrow_mut().take_regions();
        let rows = graph(scope, packets, Rc::clone(&executor), regions);
        deliver(rows, results).probe_with(&probe);
        input
    });
    Running { input, probe, executor }
}

/// The operator that runs the graph.
fn graph<'s>(
    scope: Scope<'s, Time>,
    packets: Stream<'s, Time, Vec<Packet>>,
    executor: Rc<RefCell<Executor>>,
    regions: Vec<Region>,
) -> Stream<'s, Time, Vec<ResultRows>> {
    let (feedback, returning) = scope.feedback(1);
    let mut builder = OperatorBuilder::new("graph".to_owned(), scope);
    let exchange = Exchange::new(|packet: &Packet| packet.worker as u64);
    let mut input = builder.new_input(packets.concat(returning), exchange);
    let (outgoing, leaving) = builder.new_output::<Vec<Packet>>();
    let (results, result_rows) = builder.new_output::<Vec<ResultRows>>();
    let mut outgoing = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(outgoing);
    let mut results = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(results);

    let mut leaving = leaving;
    let (mut entries, mut first) = (Vec::new(), Vec::new());
    let mut exits = Vec::new();
    for region in regions {
        first.push(entries.len());
        let mut entering = Vec::new();
        for _ in 0..region.ports {
            let (entry, rows) = builder.new_output::<Vec<Entry>>();
            entries.push(OutputBuilder::<_, CapacityContainerBuilder<_>>::from(entry));
            entering.push(rows);
        }
        exits.push(plan::build(scope, region, entering));
    }
    let ports = FIRST_ENTRY + entries.len();

    builder.build(move |_initial| {
        let mut schedule = Schedule { waiting: BTreeMap::new(), epoch: 0 };
        move |frontiers: &[MutableAntichain<Time>]| {
            input.for_each(|capability, packets| {
                let Some(time) = capability.least().copied() else { return };
                let waiting = schedule.waiting.entry(time).or_insert_with(|| Waiting {
                    packets: Vec::new(),
                    capabilities: (0..ports).map(|port| capability.delayed(&time, port)).collect(),
                });
                waiting.packets.append(packets);
            });
            let mut executor = executor.borrow_mut();
            let (mut outgoing, mut results) = (outgoing.activate(), results.activate());
            schedule.run(
                &mut executor,
                &frontiers[0],
                |capability, packet| outgoing.session(capability).give(packet),
                |capability, rows| results.session(capability).give_iterator(rows.into_iter()),
                |capabilities, region, ports| {
                    for (port, rows) in ports.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
                        let entry = first[region] + port;
                        let capability = &capabilities[FIRST_ENTRY + entry];
                        let time = *capability.time();
                        let rows = rows.into_iter().map(|(rec, weight)| (rec, time, weight));
                        entries[entry].activate().session(capability).give_iterator(rows);
                    }
                },
            );
        }
    });
    if !exits.is_empty() {
        leaving = scope.concatenate(exits.into_iter().chain([leaving]));
    }
    leaving.connect_loop(feedback);
    result_rows
}

/// Work that waits for the frontier.
struct Waiting {
    packets: Vec<Packet>,
    /// One for each output of the graph operator.
    capabilities: Vec<Capability<Time>>,
}

struct Schedule {
    waiting: BTreeMap<Time, Waiting>,
    /// The epoch that the indexes' changes belong to.
    epoch: Epoch,
}

impl Schedule {
    /// Does everything that the frontier says is complete, in order of time.
    fn run(
        &mut self,
        executor: &mut Executor,
        frontier: &MutableAntichain<Time>,
        mut send: impl FnMut(&Capability<Time>, Packet),
        mut give: impl FnMut(&Capability<Time>, Vec<ResultRows>),
        mut enter: impl FnMut(&[Capability<Time>], usize, Vec<Delta>),
    ) {
        while let Some(entry) = self.waiting.first_entry() {
            let time = *entry.key();
            if frontier.less_equal(&time) {
                break;
            }
            let Waiting { packets, capabilities } = entry.remove();
            let (outgoing, results) = (&capabilities[OUTGOING], &capabilities[RESULTS]);
            if epoch_of(time) != self.epoch {
                executor.commit();
                self.epoch = epoch_of(time);
            }
            for packet in packets {
                executor.accept(packet.node, packet.port, packet.rows);
            }
            let mut packets = Vec::new();
            executor.run_round(round_of(time), &mut |packet| packets.push(packet));
            for packet in packets {
                // It travels through the loop, which adds a round.
                let arrival = start_of(self.epoch) + Time::from(executor.round_of(packet.node));
                send(&outgoing.delayed(&(arrival - 1)), packet);
            }
            let rows = executor.take_results();
            if !rows.is_empty() {
                give(results, rows);
            }
            for (region, ports) in executor.take_entering() {
                enter(&capabilities, region, ports);
            }
            if let Some(round) = executor.next_round() {
                let next = start_of(self.epoch) + Time::from(round);
                self.waiting.entry(next).or_insert_with(|| Waiting {
                    packets: Vec::new(),
                    capabilities: capabilities.iter().map(|capability| capability.delayed(&next)).collect(),
                });
            }
        }
        let over = !frontier.less_than(&start_of(self.epoch + 1));
        if over && self.waiting.first_key_value().is_none_or(|(time, _)| epoch_of(*time) > self.epoch) {
            executor.commit();
        }
    }
}

/// Gathers result rows on worker 0 and sends each epoch's when the frontier has passed it.
fn deliver<'s>(
    rows: Stream<'s, Time, Vec<ResultRows>>,
    listener: Option<(Sender<EpochResult>, Progress)>,
) -> Stream<'s, Time, Vec<()>> {
    rows.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Exchange::new(|_: &ResultRows| 0),
        "results",
        move |_capability, _info| {
            let mut gathered: BTreeMap<Epoch, Vec<ResultRows>> = BTreeMap::new();
            let mut next: Epoch = 0;
            move |(input, frontier), _output| {
                input.for_each(|capability, rows| {
                    if let Some(time) = capability.least() {
                        gathered.entry(epoch_of(*time)).or_default().append(rows);
                    }
                });
                let Some((sender, progress)) = &listener else { return };
                // An empty frontier is the end of the input: what is complete then was reported before.
                let Some(passed) = frontier.frontier().first().map(|time| epoch_of(*time)) else { return };
                while next < passed {
                    let outputs = gathered.remove(&next).unwrap_or_default();
                    // Nobody listening any more means that the engine is being dropped.
                    let _ = sender.send(EpochResult::new(next, outputs));
                    progress.complete(next);
                    next += 1;
                }
            }
        },
    )
}
