//! The timely dataflow around the graph.
//!
//! ```text
//!   input ──► graph ──► results ──► (worker 0)
//!               ▲  │
//!               └──┘  rows for other workers, one round later
//! ```
//!
//! A timestamp is an epoch and a round: rows that have to move to another worker arrive a round
//! later, and the frontier says when no more of them can come. That is all the synchronisation
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
use timely::dataflow::operators::{Capability, Concat, ConnectLoop, Feedback, Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, Scope, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;

use crate::delta::Delta;
use crate::engine::{Epoch, EpochResult};
use crate::graph::executor::{Executor, Packet};

/// Epoch and round in one totally ordered number.
pub(crate) type Time = u64;

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
    results: Option<Sender<EpochResult>>,
) -> Running {
    let executor = Rc::new(RefCell::new(executor));
    let probe = ProbeHandle::new();
    let input = worker.dataflow::<Time, _, _>(|scope| {
        let (input, packets) = scope.new_input();
        let rows = graph(scope, packets, Rc::clone(&executor));
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
) -> Stream<'s, Time, Vec<ResultRows>> {
    let (feedback, returning) = scope.feedback(1);
    let mut builder = OperatorBuilder::new("graph".to_owned(), scope);
    let exchange = Exchange::new(|packet: &Packet| packet.worker as u64);
    let mut input = builder.new_input(packets.concat(returning), exchange);
    let (outgoing, leaving) = builder.new_output::<Vec<Packet>>();
    let (results, result_rows) = builder.new_output::<Vec<ResultRows>>();
    let mut outgoing = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(outgoing);
    let mut results = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(results);

    builder.build(move |_initial| {
        let mut schedule = Schedule { waiting: BTreeMap::new(), epoch: 0 };
        move |frontiers: &[MutableAntichain<Time>]| {
            input.for_each(|capability, packets| {
                let Some(time) = capability.least().copied() else { return };
                let waiting = schedule.waiting.entry(time).or_insert_with(|| Waiting {
                    packets: Vec::new(),
                    outgoing: capability.delayed(&time, 0),
                    results: capability.delayed(&time, 1),
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
            );
        }
    });
    leaving.connect_loop(feedback);
    result_rows
}

/// Work that waits for the frontier.
struct Waiting {
    packets: Vec<Packet>,
    outgoing: Capability<Time>,
    results: Capability<Time>,
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
    ) {
        while let Some(entry) = self.waiting.first_entry() {
            let time = *entry.key();
            if frontier.less_equal(&time) {
                break;
            }
            let Waiting { packets, outgoing, results } = entry.remove();
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
                give(&results, rows);
            }
            if let Some(round) = executor.next_round() {
                let next = start_of(self.epoch) + Time::from(round);
                self.waiting.entry(next).or_insert_with(|| Waiting {
                    packets: Vec::new(),
                    outgoing: outgoing.delayed(&next),
                    results: results.delayed(&next),
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
    sender: Option<Sender<EpochResult>>,
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
                let Some(sender) = &sender else { return };
                // An empty frontier is the end of the input: what is complete then was reported before.
                let Some(passed) = frontier.frontier().first().map(|time| epoch_of(*time)) else { return };
                while next < passed {
                    let outputs = gathered.remove(&next).unwrap_or_default();
                    // Nobody listening any more means that the engine is being dropped.
                    let _ = sender.send(EpochResult::new(next, outputs));
                    next += 1;
                }
            }
        },
    )
}
