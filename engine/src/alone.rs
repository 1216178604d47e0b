//! A worker that is the only one runs the graph itself: nothing moves to others, so nobody has to be asked whether
//! an epoch is complete.
//!
//! ```text
//!   transaction ──► graph ──► results
//!                   ▲   │
//!                   └───┴── regions (recursion), in a timely dataflow that steps only when rows enter one
//! ```
//!
//! It has no thread of its own: who commits computes. A small epoch takes less time than to wake another thread
//! twice, and its rows stay in the caches of one processor.
//!
//! An epoch that enters no region costs timely nothing; its frontier is brought up to date by the next that does.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::thread::Thread;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::{Concatenate, Input, Inspect, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

use crate::builder::Builder;
use crate::dataflow::{Entry, Time, start_of};
use crate::delta::{Delta, Weight};
use crate::engine::{Epoch, EpochResult};
use crate::graph::executor::{Executor, NodeMetrics, Packet};
use crate::graph::{NodeId, Region};
use crate::iterate::plan;
use crate::record::Rec;
use crate::worker::{Catalog, packets};

/// The only worker, with its program.
pub(crate) struct Alone {
    worker: Worker,
    executor: Executor,
    regions: Regions,
}

impl Alone {
    /// Builds the graph of `program`.
    pub fn new(program: &dyn Fn(&Builder)) -> (Alone, Catalog) {
        let builder = Builder::new(1);
        program(&builder);
        let graph = builder.finish();
        let catalog = Catalog::of(&graph);
        let mut executor = Executor::new(graph, 0);
        let mut worker =
            Worker::new(WorkerConfig::default(), Allocator::Thread(Thread::default()), Some(Instant::now()));
        let regions = Regions::build(&mut worker, executor.take_regions());
        (Alone { worker, executor, regions }, catalog)
    }

    /// Computes an epoch.
    pub fn compute(&mut self, epoch: Epoch, rows: Vec<(NodeId, Rec, Weight)>) -> EpochResult {
        self.accept(packets(0, rows));
        while let Some(round) = self.executor.next_round() {
            self.executor.run_round(round, &mut |_| unreachable!("nothing moves from the only worker"));
            let entering = self.executor.take_entering();
            if !entering.is_empty() {
                let time = start_of(epoch) + Time::from(round);
                let left = self.regions.run(&mut self.worker, time, entering);
                self.accept(left);
            }
        }
        let results = self.executor.take_results();
        self.executor.commit();
        EpochResult::new(epoch, results)
    }

    fn accept(&mut self, packets: Vec<Packet>) {
        for Packet { node, port, rows, .. } in packets {
            self.executor.accept(node, port, rows);
        }
    }

    /// What each operator has done.
    pub fn metrics(&self) -> Vec<NodeMetrics> {
        self.executor.metrics()
    }

    /// The rows of a relation, as [`Executor::rows`] has them.
    pub fn rows(&self, relation: &str) -> Result<Delta, bool> {
        self.executor.rows(relation)
    }
}

/// The regions of a program, each fed and read by the graph.
struct Regions {
    /// The entries of each region, by port.
    entries: Vec<Vec<InputHandle<Time, CapacityContainerBuilder<Vec<Entry>>>>>,
    left: Rc<RefCell<Vec<Packet>>>,
    probe: ProbeHandle<Time>,
}

impl Regions {
    /// Builds the dataflow of `regions`, if there are any.
    fn build(worker: &mut Worker, regions: Vec<Region>) -> Regions {
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
