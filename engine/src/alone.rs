//! A worker that is the only one runs the graph itself: nothing moves to others, so nobody has to be asked whether
//! an epoch is complete.
//!
//! ```text
//!   transaction ──► graph ──► results
//!                   ▲   │
//!                   └───┴── regions (recursion), in a timely dataflow that steps only when rows enter one
//! ```
//!
//! An epoch that enters no region costs timely nothing; its frontier is brought up to date by the next that does.

use std::cell::RefCell;
use std::rc::Rc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::{Concatenate, Input, Inspect, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

use crate::dataflow::{Entry, Time, start_of};
use crate::delta::Delta;
use crate::engine::{Epoch, EpochResult};
use crate::graph::Region;
use crate::graph::executor::{Executor, Packet};
use crate::iterate::plan;

/// The regions of a program, each fed and read by the graph.
pub(crate) struct Regions {
    /// The entries of each region, by port.
    entries: Vec<Vec<InputHandle<Time, CapacityContainerBuilder<Vec<Entry>>>>>,
    left: Rc<RefCell<Vec<Packet>>>,
    probe: ProbeHandle<Time>,
}

impl Regions {
    /// Builds the dataflow of `regions`, if there are any.
    pub fn build(worker: &mut Worker, regions: Vec<Region>) -> Regions {
        let left = Rc::new(RefCell::new(Vec::new()));
        let probe = ProbeHandle::new();
        if regions.is_empty() {
            return Regions { entries: Vec::new(), left, probe };
        }
        let entries = worker.dataflow::<Time, _, _>(|scope| {
            let (mut entries, mut leaving) = (Vec::new(), Vec::new());
            for region in regions {
                let (handles, entering) = (0..region.ports).map(|_| scope.new_input()).unzip();
                entries.push(handles);
                leaving.push(plan::build(scope, region, entering));
            }
            let left = Rc::clone(&left);
            let leaving = scope.concatenate(leaving);
            leaving.inspect(move |packet| left.borrow_mut().push(packet.clone())).probe_with(&probe);
            entries
        });
        Regions { entries, left, probe }
    }

    /// Lets rows enter at `time`, by region and port, and gives what leaves.
    fn run(&mut self, worker: &mut Worker, time: Time, entering: Vec<(usize, Vec<Delta>)>) -> Vec<Packet> {
        // Their operators have to hear of the time whether rows enter them or not.
        self.advance(time);
        for (region, ports) in entering {
            for (handle, rows) in self.entries[region].iter_mut().zip(ports) {
                rows.into_iter().for_each(|(rec, weight)| handle.send((rec, time, weight)));
            }
        }
        self.advance(time + 1);
        worker.step_while(|| self.probe.less_than(&(time + 1)));
        self.left.take()
    }

    fn advance(&mut self, time: Time) {
        for handle in self.entries.iter_mut().flatten() {
            handle.advance_to(time);
            handle.flush();
        }
    }
}

/// Computes an epoch whose rows are `packets`.
pub(crate) fn compute(
    worker: &mut Worker,
    executor: &mut Executor,
    regions: &mut Regions,
    epoch: Epoch,
    packets: Vec<Packet>,
) -> EpochResult {
    let accept = |executor: &mut Executor, packets: Vec<Packet>| {
        packets.into_iter().for_each(|packet| executor.accept(packet.node, packet.port, packet.rows));
    };
    accept(executor, packets);
    while let Some(round) = executor.next_round() {
        executor.run_round(round, &mut |_| unreachable!("nothing moves from the only worker"));
        let entering = executor.take_entering();
        if !entering.is_empty() {
            accept(executor, regions.run(worker, start_of(epoch) + Time::from(round), entering));
        }
    }
    let results = executor.take_results();
    executor.commit();
    EpochResult::new(epoch, results)
}
